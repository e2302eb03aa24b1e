//! What is wrong with a file: place, path, reason, remedy.

use std::path::Path;

use zarr_fuse_schemas::Schema;

/// The report on `text` without the name of the file.
fn report(text: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let error = Schema::parse(text, "f.yaml", &folder).expect_err("a broken schema");
    error.to_string().replace("f.yaml:", "")
}

/// The report on a variable `x` with these keys, without place and path of the variable.
fn variable(keys: &str) -> String {
    let text = format!("COORDS: {{t: {{}}}}\nVARS:\n  x: {{coords: t, {keys}}}\n");
    shorten(&report(&text), "3:", "VARS.x.")
}

/// The same of a coordinate `t`.
fn coordinate(keys: &str) -> String {
    shorten(
        &report(&format!("COORDS:\n  t: {{{keys}}}\n")),
        "2:",
        "COORDS.t.",
    )
}

fn shorten(report: &str, line: &str, path: &str) -> String {
    let lines: Vec<String> = report
        .lines()
        .map(|text| text.strip_prefix(line).unwrap_or(text).replace(path, ""))
        .collect();
    lines.join("\n")
}

#[test]
fn every_problem_of_a_file_is_reported_at_once() {
    let text = "\
bukov:
  VARS:
    rock_temp:
      coords: [date_time, borehole]
      unit: degC
      source_unit: Pa
      typ: float32
    humidity:
      unit: '%'
      range: {interval: [100, 0]}
  COORDS:
    date_time:
      unit: {tick: sec, tz: Europe/Pragu}
      chunk_size: -1
    borehole: {type: 'str[0]', sorted: maybe}
";
    assert_eq!(
        report(text),
        "\
6:20: bukov.VARS.rock_temp.source_unit: cannot convert `Pa` to `degC`: pressure is not temperature
7:7: bukov.VARS.rock_temp.typ: unknown key; did you mean `type`?
8:5: bukov.VARS.humidity: `coords` is missing: write the coordinates the variable lies on, such as `coords: [date_time]`; a coordinate itself belongs under `COORDS`
10:25: bukov.VARS.humidity.range.interval: the lower end exceeds the upper one: swap them
13:20: bukov.COORDS.date_time.unit.tick: unknown tick `sec`: write `s`
13:29: bukov.COORDS.date_time.unit.tz: unknown time zone `Europe/Pragu`; did you mean `Europe/Prague`?; write `UTC`, `+01:00`, `CET` or a name such as `Europe/Prague`
14:19: bukov.COORDS.date_time.chunk_size: a whole number from 1 to 1073741824 is expected, not `-1`
15:22: bukov.COORDS.borehole.type: the length of `str[n]` is a number from 1 to 65536; or write `str`
15:40: bukov.COORDS.borehole.sorted: `true` or `false` is expected, not the text `maybe`"
    );
}

#[test]
fn a_name_must_fit_the_store() {
    for (name, reason) in [
        (
            "a/b",
            "a name cannot contain '/'; nodes within nodes are written as nested mappings",
        ),
        (
            ".a",
            "a name cannot start with `.` or `__`, which Zarr keeps for itself",
        ),
        (
            "__a",
            "a name cannot start with `.` or `__`, which Zarr keeps for itself",
        ),
        ("c", "`c` is a key of Zarr: choose another name"),
        (
            "zarr.json",
            "`zarr.json` is a key of Zarr: choose another name",
        ),
        (
            "journal",
            "`journal` is where the store keeps its journal at the root: choose another name",
        ),
        (
            "staging",
            "`staging` is where the store keeps its staging at the root: choose another name",
        ),
        ("' a'", "a name cannot start or end with a space"),
        ("''", "a name is missing before the `:`"),
        (
            "\"a\\u0000\"",
            "a name cannot contain '\\0'; nodes within nodes are written as nested mappings",
        ),
        ("vars", "did you mean `VARS`? A node cannot have this name"),
    ] {
        let report = report(&format!("{name}: {{}}\n"));
        assert!(
            report.starts_with("1:1: ") && report.ends_with(reason),
            "{report}"
        );
    }
    assert!(report("VARS: {c: {coords: t}}\nCOORDS: {t: {}}").contains("`c` is a key of Zarr"));
    assert!(
        Schema::parse("a: {journal: {}}", "f.yaml", Path::new(".")).is_ok(),
        "reserved at the root only"
    );
    assert_eq!(
        report("a: {}\nVARS: {a: {coords: t}}\nCOORDS: {t: {}}"),
        "1:1: a: a variable or coordinate of the node has this name too: rename one"
    );
}

#[test]
fn sections_and_nodes_are_mappings() {
    for (text, problem) in [
        (
            "a: text",
            "1:4: a: a node is expected, a mapping of `VARS`, `COORDS`, `ATTRS` and further nodes, not the text `text`; an attribute belongs under `ATTRS`",
        ),
        (
            "a: {VARS: [x]}",
            "1:11: a.VARS: a mapping is expected, not a list",
        ),
        ("ATTRS: 5", "1:8: ATTRS: a mapping is expected, not `5`"),
        (
            "VARS: {x: 5}",
            "1:11: VARS.x: a mapping of keys such as `unit` and `coords` is expected, not `5`",
        ),
        ("[]", "1:1: a node is expected"),
        (
            "a: {}\n---\nb: {}",
            "2:1: the file must hold one document: remove the `---` line and what follows it",
        ),
        (
            "a: {}\nb: {}\na: {}",
            "3:1: the key `a` stands here again, first in line 1",
        ),
        (
            "a: !Ref x",
            "1:9: the tag `!Ref` has no meaning here: remove it",
        ),
        (
            "a: {type: str[5]}",
            "1:14: not YAML: while parsing a flow mapping, did not find expected ',' or '}'; within braces, a type with brackets stands in quotes, such as `'str[16]'`",
        ),
        ("a: %", "1:4: not YAML: "),
        ("a: *b", "1:4: not YAML: "),
        ("a: {", "1:4: not YAML: unclosed bracket"),
        (
            "a:\n\tb: 1",
            "2:2: not YAML: tabs disallowed within this context (block indentation); indent with spaces",
        ),
        ("? [a]\n: b", "1:3: a key must be a text"),
    ] {
        let report = report(text);
        assert!(
            report.starts_with(problem.split('\n').next().unwrap_or_default()),
            "{text}: {report}"
        );
    }
}

#[test]
fn units_are_checked() {
    for (keys, problem) in [
        (
            "unit: metr",
            "24: unit: unknown unit `metr`; did you mean `meter`?",
        ),
        (
            "unit: [m]",
            "24: unit: a unit such as `m/s`, or a date-time unit such as `{tick: s, tz: UTC}`, is expected, not a list",
        ),
        (
            "unit: m, type: str",
            "24: unit: `str` has no unit: remove `unit` or write another type",
        ),
        (
            "source_unit: m",
            "31: source_unit: there is no unit to convert to: write `unit`, to which it is converted",
        ),
        (
            "unit: {tick: s}, source_unit: m",
            "48: source_unit: a time comes as a time: write a date-time unit such as `{tick: s, tz: UTC}`",
        ),
        (
            "unit: m, source_unit: {tick: s}",
            "40: source_unit: cannot be converted to `m`",
        ),
        (
            "unit: {tick: month}",
            "31: unit.tick: `month` is not a tick, having no fixed length: write `D`",
        ),
        (
            "unit: {tic: s}",
            "25: unit.tic: unknown key; did you mean `tick`?",
        ),
        (
            "unit: {format: day}",
            "33: unit.format: `day` is not a strftime format such as `%d.%m.%Y %H:%M`, nor `iso8601`",
        ),
        (
            "unit: {fold: maybe}",
            "31: unit.fold: `earlier`, `later` or `infer` is expected, not the text `maybe`",
        ),
        (
            "type: datetime64",
            "24: type: a time needs a tick: name its tick, such as `datetime64[s]`, or write `unit: {tick: s}`",
        ),
        (
            "type: 'datetime64[h]', unit: {tick: s}",
            "24: type: the tick of the type differs from `s` of the unit",
        ),
        (
            "type: flaot",
            "24: type: unknown type `flaot`; did you mean `float`?",
        ),
        (
            "type: string",
            "24: type: unknown type `string`; did you mean `str`?",
        ),
    ] {
        assert_eq!(variable(keys), problem, "{keys}");
    }
}

#[test]
fn values_are_checked() {
    for (keys, problem) in [
        (
            "type: int8, na_value: 300",
            "40: na_value: `max_int`, `min_int` or a number from -128 to 127 is expected, not `300`",
        ),
        (
            "na_value: none",
            "28: na_value: `nan` or a number is expected, not the text `none`",
        ),
        (
            "type: bool, na_value: 0",
            "40: na_value: a truth value that is missing is -1 in the array: remove `na_value`",
        ),
        (
            "type: str, na_value: x",
            "39: na_value: texts have no value for NA: remove `na_value`; null is NA, and cells never written are empty",
        ),
        (
            "range: {interval: [1, 2, s], discrete: [a]}",
            "25: range: `interval` and `discrete` exclude each other: remove one",
        ),
        (
            "range: {interval: [1, x]}",
            "40: range.interval: a number or null is expected, not the text `x`",
        ),
        (
            "range: {interval: [1, 2, m]}",
            "43: range.interval.2: `m` is not a unit: the variable has no physical unit, so its interval has none",
        ),
        (
            "unit: Pa, range: {interval: [1, 2, m]}",
            "53: range.interval.2: cannot convert `m` to `Pa`: length is not pressure",
        ),
        (
            "type: str, range: {interval: [1, 2]}",
            "47: range.interval: str values have no interval: remove it or write a numeric type",
        ),
        (
            "range: {discrete: []}",
            "36: range.discrete: a discrete range has from 1 to 1000000 labels",
        ),
        (
            "range: {discrete: [a, b, a]}",
            "43: range.discrete: the label `a` stands here twice: remove one",
        ),
        (
            "range: {discrete: [a], unit: m}",
            "41: range.unit: unknown key; known are `interval`, `discrete`",
        ),
        (
            "range: {discrete: [a]}, unit: m",
            "48: unit: labels of a discrete range have no unit: remove `unit`",
        ),
        (
            "range: {discrete: ../edit.rs}",
            "36: range.discrete: `../edit.rs` leaves the folder of the schema: put the file beside the schema",
        ),
        (
            "range: {discrete: /etc/passwd}",
            "36: range.discrete: `/etc/passwd` leaves the folder of the schema: put the file beside the schema",
        ),
        (
            "range: {discrete: prototype}",
            "36: range.discrete: `prototype` leaves the folder of the schema: put the file beside the schema",
        ),
        (
            "range: {discrete: gone.csv}",
            "36: range.discrete: cannot read `gone.csv`: No such file or directory (os error 2)",
        ),
    ] {
        assert_eq!(variable(keys), problem, "{keys}");
    }
}

#[test]
fn rules_and_attributes_are_checked() {
    for (keys, problem) in [
        (
            "merge: mean",
            "25: merge: `mean` is not a rule of merging; did you mean `min`?",
        ),
        (
            "type: bool, circular: true",
            "40: circular: bool values are no directions",
        ),
        (
            "unit: K, circular: true",
            "37: circular: its `unit` is no angle: write how long a full turn is, such as `circular: 24` for hours of the day",
        ),
        (
            "type: complex, merge: max",
            "40: merge: complex128 values have no order: write `last`, `first` or `reject`",
        ),
        (
            "codec: lz4",
            "25: codec: unknown codec `lz4`; known are `blosc`, `zstd`, `gzip`, `none`",
        ),
        (
            "codec: {blosc: 5}",
            "25: codec: `blosc` has no level: write `codec: blosc`",
        ),
        (
            "codec: {zstd: 30}",
            "25: codec: levels of zstd go from -7 to 22",
        ),
        (
            "attrs: {units: m}",
            "26: attrs.units: `units` cannot be given as an attribute: write `unit`",
        ),
        (
            "df_col: [a]",
            "26: df_col: the name of a column is expected, not a list",
        ),
    ] {
        assert_eq!(variable(keys), problem, "{keys}");
    }
}

#[test]
fn coordinates_are_checked() {
    for (keys, problem) in [
        (
            "type: complex",
            "3: COORDS.t: a coordinate cannot be complex: write another type",
        ),
        (
            "merge: last",
            "14: merge: `merge` is a rule for variables; for coordinates write `step_limits`",
        ),
        (
            "merge: {steps: 1}",
            "15: merge.steps: unknown key; known are `step_limits`, `sorted`, `allow_inserts`",
        ),
        (
            "chunk_size: 1.5",
            "19: chunk_size: a whole number from 1 to 1073741824 is expected, not `1.5`",
        ),
        (
            "max_new: 0",
            "16: max_new: a whole number from 1 to 4294967294 is expected, not `0`",
        ),
        (
            "step_limits: sometimes",
            "20: step_limits: `any_new`, `no_new`, a step, or `[shortest, longest, unit]` is expected, not the text `sometimes`",
        ),
        (
            "step_limits: [2, 1]",
            "20: step_limits: the shortest step 2 exceeds the longest 1: swap them",
        ),
        (
            "step_limits: [-1, 1]",
            "20: step_limits: steps are positive numbers; without limits write `any_new`",
        ),
        (
            "step_limits: [1, 1, h]",
            "20: step_limits: `t` has no unit, so its steps have none: remove `h`",
        ),
        (
            "unit: m, step_limits: [1, 1, h]",
            "29: step_limits: cannot convert `h` to `m`: time is not length",
        ),
        (
            "unit: {tick: h}, step_limits: [15, 15, min]",
            "37: step_limits: no step within these limits is possible in ticks of `h`: choose a finer `tick`, or other limits",
        ),
        (
            "type: str, step_limits: 5",
            "31: step_limits: str values have no steps; without steps, write `any_new` or `no_new`",
        ),
        (
            "sorted: false, step_limits: 5",
            "35: step_limits: steps need a sorted coordinate: write `sorted: true`; without steps, write `any_new` or `no_new`",
        ),
        (
            "composed: [a]",
            "17: composed: a composed coordinate has at least two components; for one, declare it itself",
        ),
        (
            "composed: [a, a]",
            "21: composed: `a` stands here twice: remove one\n17: composed: a composed coordinate has at least two components; for one, declare it itself",
        ),
    ] {
        let mut lines: Vec<String> = coordinate(keys).lines().map(str::to_owned).collect();
        let mut expected: Vec<&str> = problem.lines().collect();
        lines.sort();
        expected.sort_unstable();
        assert_eq!(lines, expected, "{keys}");
    }
}

#[test]
fn components_lie_on_their_coordinate() {
    let text = "COORDS: {p: {composed: [lat, t]}, t: {}}\nVARS: {lat: {coords: [p, t]}}\n";
    assert_eq!(
        report(text),
        "1:24: COORDS.p.composed: `lat` must lie on `p` alone: write `coords: p` for it\n\
         1:24: COORDS.p.composed: `t` is a coordinate: components are variables over `p`"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let error = Schema::load(&folder.join("gone.yaml")).expect_err("no file");
    assert!(
        error
            .to_string()
            .ends_with("gone.yaml: cannot read the file: No such file or directory (os error 2)"),
        "{error}"
    );
}

#[test]
fn pyramids_are_checked() {
    let of = |pyramid: &str, more: &str| {
        let coords = format!("COORDS: {{t: {{}}, s: {{type: str, sorted: false}}{more}}}");
        report(&format!(
            "n:\n  pyramid: {pyramid}\n  VARS: {{x: {{coords: [t, s]}}}}\n  {coords}\n"
        ))
    };
    assert_eq!(
        of("{coord: s}", ""),
        "2:20: n.pyramid.coord: levels need a sorted coordinate: write `sorted: true`"
    );
    assert_eq!(
        of("{coord: z, factr: 2}", ""),
        "2:20: n.pyramid.coord: not a coordinate of the node\n\
         2:23: n.pyramid.factr: unknown key; a pyramid has `coord`, `factor`, `agg`"
    );
    assert_eq!(
        of("{coord: t, factor: 1, agg: [median]}", ""),
        "2:31: n.pyramid.factor: a whole number from 2 to 1024 is expected, not `1`\n\
         2:40: n.pyramid.agg: `min`, `max`, `mean` or `count` is expected, not the text `median`"
    );
    assert_eq!(
        of("{coord: t}", ", x_min: {}"),
        "2:3: n.pyramid: the coordinate `x_min` has the name of an array of the levels: rename it"
    );
    assert_eq!(
        report("pyramid: {coord: t}\nVARS: {x: {coords: t}}\nCOORDS: {t: {}}\n"),
        "1:1: pyramid: levels lie beside their node, and beside the root there is nothing: write the variables into a node"
    );
    assert_eq!(
        report("n: {VARS: {x: {coords: t}}, COORDS: {t: {}}, pyramid: {coord: t}}\nn@8: {}\n"),
        "2:1: n@8: a level of the pyramid beside it may have this name: rename the node"
    );
}

#[test]
fn copies_for_readers_are_checked() {
    let text = |readers: &str| {
        format!("n: {{VARS: {{x: {{coords: t}}}}, COORDS: {{t: {{}}}}, readers: {readers}}}\n")
    };
    let of = |readers: &str| report(&text(readers));
    let sound = |readers: &str| {
        let schema = Schema::parse(&text(readers), "f.yaml", Path::new(".")).unwrap();
        schema.root.children["n"].clone()
    };
    assert_eq!(
        sound("10m").readers,
        Some(std::time::Duration::from_mins(10))
    );
    let node = sound("{VARS: {y: {coords: t}}, COORDS: {t: {}}}");
    assert_eq!((node.readers, node.children.len()), (None, 1));
    assert_eq!(
        of("1s"),
        "1:55: n.readers: a copy reads and writes all of the node: write `10s` or more, such as `10m`"
    );
    assert_eq!(
        of("soon"),
        "1:55: n.readers: `soon` is not a duration; write `500ms`, `30s`, `5m`, `12h` or `7d`"
    );
    assert_eq!(
        report("readers: 10m\nVARS: {x: {coords: t}}\nCOORDS: {t: {}}\n"),
        "1:1: readers: copies lie beside their node, and beside the root there is nothing: write the variables into a node"
    );
    assert_eq!(
        report("n: {VARS: {x: {coords: t}}, COORDS: {t: {}}, readers: 10m}\nn@kept: {}\n"),
        "2:1: n@kept: the copies of the node beside it have this name: rename the node"
    );
}
