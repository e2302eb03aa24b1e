//! Edits of a schema whose dataset holds data.

use std::path::Path;

use zarr_fuse_schemas::{Schema, check_edit};

const STORED: &str = "\
n:
  VARS:
    x: {coords: t, unit: degC, type: float32, range: {interval: [0, 1]}}
    q: {coords: t, range: {discrete: [good, bad]}}
  COORDS:
    t: {unit: {tick: s, tz: UTC}, chunk_size: 16}
";

fn parse(text: &str) -> Schema {
    Schema::parse(text, "test.yaml", Path::new(".")).expect("a schema")
}

/// The problems of replacing `old` by `new` in the stored schema.
fn edit(old: &str, new: &str) -> Vec<String> {
    assert!(STORED.contains(old), "{old}");
    check_edit(&parse(STORED), &parse(&STORED.replace(old, new)))
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn what_adds_is_applied() {
    assert!(edit("n:", "more: {VARS: {y: {coords: z}}}\nn:").is_empty());
    assert!(edit("  VARS:\n", "  VARS:\n    y: {coords: [t, z]}\n").is_empty());
    assert!(edit("  VARS:\n", "  ATTRS: {a: b}\n  VARS:\n").is_empty());
    assert!(
        edit(
            "coords: t, unit",
            "description: new, attrs: {a: 1}, coords: t, unit"
        )
        .is_empty()
    );
    assert!(edit("[good, bad]", "[good, bad, worse]").is_empty());
}

#[test]
fn how_later_values_are_read_may_change() {
    assert!(
        edit(
            "unit: degC",
            "unit: degC, source_unit: K, df_col: X, merge: max"
        )
        .is_empty()
    );
    assert!(edit("[0, 1]", "[0, 2]").is_empty());
    assert!(edit("tz: UTC}", "tz: CET}, step_limits: [1, 2, h]").is_empty());
    assert!(edit("unit: degC", "unit: celsius").is_empty());
}

#[test]
fn what_changes_stored_values_is_refused() {
    let rebuild = "put it back, or write the arrays again with `zf rebuild test.yaml --node 'n'`";
    for (old, new, problem) in [
        (
            "unit: degC",
            "unit: K",
            "3:20: n.VARS.x.unit: stored is `degree_Celsius`, not `K`",
        ),
        (
            "float32",
            "float64",
            "3:32: n.VARS.x.type: stored is `float32`, not `float64`",
        ),
        (
            "coords: t, unit",
            "coords: [t, z], unit",
            "3:9: n.VARS.x.coords: stored is `t`, not `t, z`",
        ),
        (
            "chunk_size: 16",
            "chunk_size: 17",
            "6:35: n.COORDS.t.chunk_size: stored is `16`, not `17`",
        ),
        (
            "chunk_size: 16",
            "chunk_size: 16, sorted: false",
            "6:51: n.COORDS.t.sorted: stored is `true`, not `false`",
        ),
        (
            "tick: s",
            "tick: ms",
            "6:9: n.COORDS.t.unit: stored is `seconds since 1970-01-01`, not `milliseconds since 1970-01-01`",
        ),
        (
            "good, bad",
            "bad, good",
            "4:20: n.VARS.q.range: stored is `good`, not `bad`",
        ),
        (
            "unit: degC, ",
            "unit: degC, codec: gzip, ",
            "3:32: n.VARS.x.codec: stored is `blosc`, not `gzip(6)`",
        ),
        (
            "float32",
            "float32, na_value: -1",
            "3:47: n.VARS.x.na_value: stored is `nan`, not `-1`",
        ),
        (
            "unit: degC, ",
            "",
            "3:5: n.VARS.x.unit: stored is `degree_Celsius`, not none",
        ),
    ] {
        assert_eq!(edit(old, new), [format!("test.yaml:{problem}: {rebuild}")]);
    }
}

#[test]
fn what_is_stored_cannot_vanish() {
    assert_eq!(
        edit("    q: {coords: t, range: {discrete: [good, bad]}}\n", ""),
        [
            "test.yaml:2:3: n.VARS.q: the variable is stored, but no longer in the schema: put it back, or write the arrays \
          again with `zf rebuild test.yaml --node 'n'`"
        ]
    );
    assert_eq!(edit("n:", "m:").len(), 1);
}

#[test]
fn levels_are_made_again() {
    assert_eq!(
        edit(
            "  COORDS:",
            "  pyramid: {coord: t, factor: 4, agg: [max, min]}\n  COORDS:"
        ),
        [
            "test.yaml:5:3: n.pyramid: stored is none, not `t by 4: min, max`: put it back, or write the arrays again with `zf rebuild test.yaml --node 'n'`"
        ]
    );
}
