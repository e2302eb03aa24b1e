//! No text may make the reader panic or blow up.

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use zarr_fuse_schemas::{Conversion, Schema, Unit, check_edit};

const FILES: [&str; 4] = [
    include_str!("../weather.yaml"),
    include_str!("../boreholes.yaml"),
    include_str!("fixtures/prototype/gauges.yaml"),
    include_str!("fixtures/prototype/wells.yaml"),
];

/// Words of the language, which change more when put in place of others than letters do.
const WORDS: [&str; 40] = [
    "VARS:",
    "COORDS:",
    "ATTRS:",
    "coords",
    "unit",
    "type",
    "range",
    "interval",
    "discrete",
    "composed",
    "null",
    "None",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    "&a ",
    "*a",
    "<<: ",
    ": ",
    "- ",
    "#",
    "'",
    "\"",
    "\n",
    "\t",
    "\n    ",
    "0",
    "-1",
    "1e999",
    ".nan",
    "18446744073709551616",
    "str[4]",
    "degC",
    "{tick: s}",
    "step_limits: ",
    "é",
    "\u{0}",
];

fn parse(text: &str) {
    let start = Instant::now();
    match Schema::parse(text, "any.yaml", Path::new("/nonexistent")) {
        Ok(schema) => {
            assert!(schema.nodes().count() >= 1);
            assert!(
                check_edit(&schema, &schema).is_empty(),
                "a schema differs from itself"
            );
            schema.to_json();
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(
                error
                    .problems
                    .iter()
                    .all(|problem| problem.line > 0 && problem.column > 0),
                "{error}"
            );
        }
    }
    assert!(start.elapsed() < Duration::from_secs(5), "took too long");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*|[\\[\\]{}:,&*a \n\t'\"-]*|(.|\n)*") {
        parse(&text);
    }

    #[test]
    fn a_valid_file_with_changes_is_read_or_refused(
        file in 0..FILES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..24_usize, 0..WORDS.len()), 1..6),
    ) {
        let mut text: Vec<char> = FILES[file].chars().collect();
        for (at, n_removed, word) in changes {
            let start = at.index(text.len());
            let end = (start + n_removed).min(text.len());
            text.splice(start..end, WORDS[word].chars());
        }
        parse(&text.into_iter().collect::<String>());
    }

    #[test]
    fn any_unit_is_read_or_refused(text in "\\PC{0,40}|[a-zA-Z0-9 /*^().µ°%-]{0,30}") {
        if let Ok(unit) = Unit::parse(&text) {
            let same = Conversion::between(&unit, &unit).expect("the same unit");
            prop_assert!(same.is_identity(), "{unit:?}");
            let cf = Unit::parse(&unit.cf).expect("a CF spelling is a unit");
            let conversion = Conversion::between(&cf, &unit).expect("the same quantity");
            prop_assert!((conversion.factor - 1.0).abs() < 1e-9, "{unit:?} {cf:?}");
        }
    }
}

#[test]
fn large_files_take_little_time() {
    let lines =
        |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<Vec<_>>().join("\n");
    let variables = lines(4_000, &|i| format!("  x{i}: {{coords: [t{i}], unit: m}}"));
    let coordinates = lines(4_000, &|i| format!("  x{i}: {{sorted: false}}"));
    parse(&format!("VARS:\n{variables}\nCOORDS:\n{coordinates}"));
    parse(&format!(
        "a: {{VARS: {{x: {{coords: [{}]}}}}}}",
        lines(20_000, &|i| format!("t{i},"))
    ));
    parse(&"a".repeat(5 << 20));
    parse(&"a: {".repeat(1_000));
    parse(&"x: &x [*x]\n".repeat(100));
    parse(&"?\n".repeat(30_000));
}
