//! What the schema language means.

use std::path::Path;

use zarr_fuse_schemas::store::Secret;
use zarr_fuse_schemas::time::{Since, TimeFormat};
use zarr_fuse_schemas::{
    Codec, Conversion, Coordinate, DataType, Defaults, Fold, Interval, Measure, MergeRule,
    NaOrigin, Node, Scalar, Schema, StepLimits, Tick, Variable, Zone,
};

fn parse(text: &str) -> Schema {
    Schema::parse(
        text,
        "folder/test.yaml",
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures"),
    )
    .unwrap_or_else(|error| unreachable!("{error}"))
}

/// The variable `x` with these keys.
fn variable(keys: &str) -> Variable {
    let schema = parse(&format!(
        "VARS: {{x: {{coords: t, {keys}}}}}\nCOORDS: {{t: {{}}}}"
    ));
    schema.root.variables["x"].clone()
}

/// The coordinate `t` with these keys.
fn coordinate(keys: &str) -> Coordinate {
    parse(&format!("COORDS: {{t: {{{keys}}}}}"))
        .root
        .coordinates["t"]
        .clone()
}

fn warnings(text: &str) -> Vec<String> {
    parse(text)
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_variable_has_defaults() {
    let x = variable("");
    assert_eq!(x.name, "x");
    assert_eq!(x.column, "x");
    assert_eq!(x.coords, ["t"]);
    assert_eq!(x.data_type, DataType::Float64);
    assert!(matches!(x.measure, Measure::Plain));
    assert!(matches!(x.na, Some(Scalar::Float(na)) if na.is_nan()));
    assert_eq!(
        (x.interval, x.merge, x.codec),
        (None, MergeRule::Last, Codec::Blosc)
    );
}

#[test]
fn a_coordinate_has_defaults() {
    let t = coordinate("");
    assert!(t.sorted);
    assert_eq!((t.chunk_size, t.step_limits), (1024, StepLimits::AnyNew));
    assert!(t.composed.is_empty());
    assert_eq!(t.variable.coords, ["t"]);
}

#[test]
fn every_type_has_a_name() {
    for (name, data_type) in [
        ("int", DataType::Int64),
        ("int8", DataType::Int8),
        ("int16", DataType::Int16),
        ("int32", DataType::Int32),
        ("int64", DataType::Int64),
        ("uint", DataType::UInt64),
        ("uint8", DataType::UInt8),
        ("uint16", DataType::UInt16),
        ("uint32", DataType::UInt32),
        ("uint64", DataType::UInt64),
        ("float", DataType::Float64),
        ("float32", DataType::Float32),
        ("float64", DataType::Float64),
        ("complex", DataType::Complex128),
        ("complex64", DataType::Complex64),
        ("complex128", DataType::Complex128),
        ("str", DataType::String),
        ("'str[5]'", DataType::FixedString(5)),
    ] {
        assert_eq!(
            variable(&format!("type: {name}")).data_type,
            data_type,
            "{name}"
        );
        assert_eq!(
            variable(&format!("dtype: {name}")).data_type,
            data_type,
            "{name}"
        );
    }
}

#[test]
fn na_follows_the_type() {
    for (keys, na) in [
        ("type: int8", Some(Scalar::Int(-128))),
        ("type: int", Some(Scalar::Int(i64::MIN))),
        ("type: uint8", Some(Scalar::UInt(255))),
        ("type: uint64", Some(Scalar::UInt(u64::MAX))),
        ("type: int16, na_value: min_int", Some(Scalar::Int(-32768))),
        ("type: int16, na_value: max_int", Some(Scalar::Int(32767))),
        ("type: int32, na_value: 0", Some(Scalar::Int(0))),
        ("type: float32, na_value: -999", Some(Scalar::Float(-999.0))),
        ("type: bool", Some(Scalar::Int(-1))),
        ("type: str", None),
        ("unit: {tick: s}", Some(Scalar::Int(i64::MIN))),
        ("range: {discrete: [a, b]}", Some(Scalar::UInt(0))),
    ] {
        assert_eq!(variable(keys).na, na, "{keys}");
    }
    assert!(matches!(variable("na_value: 'nan'").na, Some(Scalar::Float(na)) if na.is_nan()));
    assert!(
        matches!(variable("type: complex").na, Some(Scalar::Complex(re, im)) if re.is_nan() && im.is_nan())
    );
}

#[test]
fn units_convert_from_what_is_delivered() {
    let Measure::Physical {
        unit,
        source_unit,
        has_source_unit,
        conversion,
    } = variable("unit: degC, source_unit: K").measure
    else {
        unreachable!()
    };
    assert_eq!(
        (unit.cf.as_str(), source_unit.written.as_str()),
        ("degree_Celsius", "K")
    );
    assert!(has_source_unit);
    assert_eq!(
        conversion,
        Conversion {
            factor: 1.0,
            offset: -273.15
        }
    );
    let Measure::Physical {
        unit, conversion, ..
    } = variable("unit: ''").measure
    else {
        unreachable!()
    };
    assert_eq!(unit.cf, "1");
    assert!(conversion.is_identity());
}

#[test]
fn a_type_in_place_of_a_unit_is_old_style() {
    assert!(variable("unit: bool").is_truth());
    assert_eq!(variable("unit: int").data_type, DataType::Int64);
    assert_eq!(variable("unit: str").data_type, DataType::String);
    assert!(matches!(variable("unit: str").measure, Measure::Plain));
    assert!(matches!(
        variable("unit: '', type: bool").measure,
        Measure::Truth
    ));
}

#[test]
fn times_say_how_they_come() {
    let source = |keys: &str| {
        let Measure::Time { source_unit, .. } =
            variable(&format!("unit: {{tick: s}}, source_unit: {keys}")).measure
        else {
            unreachable!()
        };
        source_unit
    };
    let excel = source("{tick: D, since: 1899-12-30, tz: CET}");
    assert_eq!(excel.since, Since::parse("excel"));
    let cf = source("days since 1899-12-30");
    assert_eq!((cf.tick, cf.since), (Tick::Day, excel.since));
    let labview = source("'seconds since 1904-01-01T00:00:00Z'");
    assert_eq!(labview.since, Since::parse("labview"));
    assert!(!excel.has_order && source("{dayfirst: false}").has_order);
    let formats = source("{format: [ISO8601, '%d.%m.%Y'], fold: infer}");
    assert_eq!(
        formats.formats,
        [
            TimeFormat::Iso8601,
            TimeFormat::Strftime("%d.%m.%Y".to_owned())
        ]
    );
    assert_eq!(formats.fold, Some(Fold::Infer));
}

#[test]
fn times_are_int64_ticks() {
    let keys = "unit: {tick: s, tz: UTC}, source_unit: {tick: ms, tz: Europe/Prague, dayfirst: true, format: '%d.%m.%Y', fold: later}";
    let x = variable(keys);
    assert_eq!(x.data_type, DataType::Int64);
    let Measure::Time { unit, source_unit } = x.measure else {
        unreachable!()
    };
    assert_eq!((unit.tick, unit.zone), (Tick::Second, Zone::Fixed(0)));
    assert_eq!(source_unit.tick, Tick::Millisecond);
    assert!(matches!(source_unit.zone, Zone::Named(zone) if zone.name() == "Europe/Prague"));
    assert!(source_unit.dayfirst && !source_unit.yearfirst);
    assert_eq!(
        (
            source_unit.formats.first().map(TimeFormat::written),
            source_unit.fold
        ),
        (Some("%d.%m.%Y"), Some(Fold::Later))
    );

    let Measure::Time { unit, source_unit } =
        variable("unit: {tick: h}, source_unit: {tz: CET}").measure
    else {
        unreachable!()
    };
    assert_eq!(
        (unit.tick, source_unit.tick, source_unit.zone),
        (Tick::Hour, Tick::Hour, Zone::Fixed(3600))
    );
    let Measure::Time { unit, .. } = variable("type: 'datetime64[ms]'").measure else {
        unreachable!()
    };
    assert_eq!(unit.tick, Tick::Millisecond);
}

#[test]
fn labels_are_stored_as_the_smallest_codes() {
    let labels = |n: usize| {
        let list: Vec<String> = (0..n).map(|i| format!("l{i}")).collect();
        variable(&format!("range: {{discrete: [{}]}}", list.join(", "))).data_type
    };
    assert_eq!(labels(255), DataType::UInt8);
    assert_eq!(labels(256), DataType::UInt16);
    let Measure::Discrete { labels } = variable("range: {discrete: [b, 'a', 1]}").measure else {
        unreachable!()
    };
    assert_eq!(labels[..], ["b", "a", "1"]);
}

#[test]
fn labels_come_from_a_column_of_a_file() {
    let labels = |keys: &str| match variable(keys).measure {
        Measure::Discrete { labels } => labels.to_vec(),
        _ => unreachable!(),
    };
    assert_eq!(
        labels("range: {discrete: labels.csv}"),
        ["clay", "sand, coarse", "a \"rock\""],
        "the first column"
    );
    assert_eq!(
        labels("df_col: code, range: {discrete: ./labels.csv}"),
        ["C", "S", "R"],
        "the column of the variable"
    );
}

#[test]
fn intervals_are_converted_to_the_stored_unit() {
    let interval = |keys: &str| variable(keys).interval;
    let between = |min, max| Some(Interval { min, max });
    assert_eq!(
        interval("unit: mm, range: {interval: [1, 2]}"),
        between(1.0, 2.0)
    );
    assert_eq!(
        interval("unit: mm, range: {interval: [1, 2, m]}"),
        between(1000.0, 2000.0)
    );
    assert_eq!(
        interval("unit: K, range: {interval: [0, null, degC]}"),
        between(273.15, f64::INFINITY)
    );
    assert_eq!(interval("range: {interval: []}"), None);
    assert_eq!(interval("range: {interval: 5}"), between(5.0, 5.0));
    assert_eq!(
        interval("range: {interval: [-.inf, 5]}"),
        between(f64::NEG_INFINITY, 5.0)
    );
    let days =
        "unit: {tick: h, tz: '+01:00'}, range: {interval: [1970-01-02, '1970-01-03T00:00:00Z']}";
    assert_eq!(interval(days), between(23.0, 48.0));
}

#[test]
fn merge_rules_and_codecs_are_named() {
    assert_eq!(variable("merge: first").merge, MergeRule::First);
    assert_eq!(variable("merge: min").merge, MergeRule::Min);
    assert_eq!(variable("merge: max").merge, MergeRule::Max);
    assert_eq!(variable("merge: reject").merge, MergeRule::Reject);
    assert_eq!(variable("codec: zstd").codec, Codec::Zstd(3));
    assert_eq!(variable("codec: {zstd: -7}").codec, Codec::Zstd(-7));
    assert_eq!(variable("codec: {gzip: 9}").codec, Codec::Gzip(9));
    assert_eq!(variable("codec: none").codec, Codec::None);
    assert_eq!(variable("codec: null").codec, Codec::Blosc);
}

#[test]
fn step_limits_are_converted_to_stored_units() {
    let within = |min, max| StepLimits::Within { min, max };
    for (keys, limits) in [
        ("step_limits: any_new", StepLimits::AnyNew),
        ("step_limits: []", StepLimits::AnyNew),
        ("step_limits: no_new", StepLimits::NoNew),
        ("step_limits: null", StepLimits::NoNew),
        ("step_limits: None", StepLimits::AnyNew),
        ("step_limits: 5", within(5.0, 5.0)),
        ("step_limits: [1, 2]", within(1.0, 2.0)),
        ("unit: m, step_limits: [10, 20, cm]", within(0.1, 0.2)),
        ("unit: degC, step_limits: [1, 1, K]", within(1.0, 1.0)),
        (
            "unit: {tick: s}, step_limits: [15, 61, m]",
            within(900.0, 3660.0),
        ),
        (
            "unit: {tick: s}, step_limits: [15, 61, min]",
            within(900.0, 3660.0),
        ),
        (
            "unit: {tick: ms}, step_limits: 1.5 h",
            within(5_400_000.0, 5_400_000.0),
        ),
        (
            "unit: {tick: s}, step_limits: {start: 1, end: 2, unit: D}",
            within(86_400.0, 172_800.0),
        ),
        ("unit: {tick: h}, step_limits: [1, 1]", within(1.0, 1.0)),
        (
            "unit: {tick: h}, merge: {step_limits: [1, 12, h]}",
            within(1.0, 12.0),
        ),
        (
            "unit: {tick: h}, step_limits: [1, 1, M]",
            within(730.0, 731.0),
        ),
        ("merge: None", StepLimits::AnyNew),
        ("merge: {}", StepLimits::AnyNew),
        ("sorted: false, step_limits: no_new", StepLimits::NoNew),
    ] {
        assert_eq!(coordinate(keys).step_limits, limits, "{keys}");
    }
}

#[test]
fn order_has_old_spellings() {
    for (keys, sorted) in [
        ("sorted: None", true),
        ("sorted: null", true),
        ("sorted: []", false),
        ("sorted: False", false),
        ("sorted: no", false),
        ("merge: {sorted: false}", false),
    ] {
        assert_eq!(coordinate(keys).sorted, sorted, "{keys}");
    }
    assert_eq!(coordinate("df_col: None").variable.column, "t");
    assert_eq!(coordinate("df_col: null").variable.column, "t");
    assert_eq!(coordinate("composed: [t]").composed, [""; 0]);
}

#[test]
fn a_composed_coordinate_is_a_hash_of_its_components() {
    let schema = parse(
        "VARS: {lat: {coords: p, type: float32}}\n\
         COORDS: {p: {composed: [lat, lon], description: place}}\n",
    );
    let place = &schema.root.coordinates["p"];
    assert_eq!(place.composed, ["lat", "lon"]);
    assert_eq!(
        (place.variable.data_type, place.sorted),
        (DataType::Int64, false)
    );
    assert_eq!(place.variable.na, None);
    assert_eq!(place.variable.description.as_deref(), Some("place"));
    assert_eq!(schema.root.variables["lat"].data_type, DataType::Float32);
    let added = &schema.root.variables["lon"];
    assert_eq!(
        (added.data_type, &added.coords[..]),
        (DataType::Float64, &["p".to_owned()][..])
    );
    assert_eq!(
        schema.warnings[0].to_string(),
        "folder/test.yaml:2:24: COORDS.p.composed: `lon` is not declared under `VARS`; it is added as float64 over `p`"
    );
}

#[test]
fn a_coordinate_declared_twice_is_merged() {
    let text = "VARS:\n  t: {unit: {tick: h}, df_col: stamp}\n  x: {coords: t}\nCOORDS:\n  t: {chunk_size: 7, df_col: T}\n";
    let schema = parse(text);
    let t = &schema.root.coordinates["t"];
    assert_eq!(
        (
            t.chunk_size,
            t.variable.column.as_str(),
            t.variable.data_type
        ),
        (7, "stamp", DataType::Int64)
    );
    assert_eq!(schema.root.variables.len(), 1);
    assert_eq!(
        warnings(text),
        [
            "folder/test.yaml:5:3: COORDS.t: a coordinate declared in both `VARS` and `COORDS` is old style: \
          keep it in `COORDS` only"
        ]
    );
}

#[test]
fn nodes_are_found_by_path() {
    let schema =
        parse("a:\n  b.c d:\n    VARS: {x: {coords: t}}\n    COORDS: {t: null}\n  e:\nf: {}\n");
    let paths: Vec<&str> = schema
        .nodes()
        .map(|node: &Node| node.path.as_str())
        .collect();
    assert_eq!(paths, ["", "a", "a/b.c d", "a/e", "f"]);
    assert!(
        schema
            .node("/a/b.c d/")
            .is_some_and(|node| node.variables.contains_key("x"))
    );
    assert!(schema.node("a/x").is_none());
    assert_eq!(schema.node("").map(|node| node.path.as_str()), Some(""));
    assert_eq!(schema.name, "test");
}

#[test]
fn attributes_are_any_yaml() {
    let schema = parse(
        "ATTRS:\n  a: &a [1, 1e-2, text, true, null, 0.3.0, {b: 'c'}]\n  d: *a\n  e: .inf\n  f: 2024-01-01\n",
    );
    let expected = serde_json::json!([1, 0.01, "text", true, null, "0.3.0", {"b": "c"}]);
    assert_eq!(schema.root.attrs["a"], expected);
    assert_eq!(schema.root.attrs["d"], expected);
    assert_eq!(schema.root.attrs["e"], serde_json::json!(".inf"));
    assert_eq!(schema.root.attrs["f"], serde_json::json!("2024-01-01"));
    assert_eq!(
        variable("attrs: {standard_name: y, n: 1}").attrs["n"],
        serde_json::json!(1)
    );
}

#[test]
fn the_root_configures_the_store() {
    let text = "ATTRS: {STORE_URL: s3://b/p, S3_ENDPOINT_URL: 'https://s3.example.org', S3_SECRET_KEY: hush, S3_ACCESS_KEY: who}\n\
                VARS: {x: {coords: t}}\nCOORDS: {t: {}}";
    let schema = parse(text);
    assert_eq!(schema.store.url.as_deref(), Some("s3://b/p"));
    assert_eq!(
        schema.store.endpoint_url.as_deref(),
        Some("https://s3.example.org")
    );
    assert_eq!(
        schema.store.secret_key.as_ref().map(Secret::expose),
        Some("hush")
    );
    assert!(
        schema.warnings[0]
            .message
            .contains("remove it and set `ZF_S3_SECRET_KEY`"),
        "{:?}",
        schema.warnings
    );
    assert_eq!(
        schema.root.attrs.keys().collect::<Vec<_>>(),
        ["STORE_URL", "S3_ENDPOINT_URL"]
    );
    assert!(!format!("{:?}", schema.store).contains("hush"));
    assert!(
        !schema.public_text().contains("hush") && !schema.to_json().to_string().contains("hush")
    );
}

#[test]
fn a_schema_with_the_files_it_names_needs_no_folder() {
    let text = "COORDS: {t: {}}\nVARS: {kind: {coords: t, range: {discrete: labels.csv}}}\n";
    let schema = parse(text);
    let kept = Schema::parse_kept(text, "elsewhere.yaml", &schema.files, Defaults::Today).unwrap();
    let labels = |schema: &Schema| format!("{:?}", schema.root.variables["kind"].measure);
    assert_eq!(labels(&kept), labels(&schema));
    let without = Schema::parse_kept(
        text,
        "elsewhere.yaml",
        &std::collections::BTreeMap::new(),
        Defaults::Today,
    );
    let message = without.unwrap_err().to_string();
    assert!(
        message.contains("was not kept with the schema"),
        "{message}"
    );
}

#[test]
fn shipped_schemas_load_without_warnings() {
    for file in ["weather.yaml", "boreholes.yaml"] {
        let schema = Schema::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file);
        assert_eq!(schema.warnings, [], "{file}");
        assert!(schema.store.url.is_some(), "{file}");
    }
}

#[test]
fn files_in_the_style_of_the_prototype_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/prototype");
    let gauges = Schema::load(&folder.join("gauges.yaml")).expect("gauges.yaml");
    let station = gauges.node("met.station").expect("the node");
    assert_eq!(station.variables["air temp."].column, "T");
    assert_eq!(
        station.coordinates["date_time"].step_limits,
        StepLimits::Within {
            min: 1.0,
            max: 12.0
        }
    );
    assert_eq!(
        station.attrs["update"]["locations"]["attrs_dict"],
        "gauge_locations.csv"
    );
    assert!(gauges.node("radar").is_some());
    let samples = gauges.node("samples").expect("the node");
    assert_eq!(
        samples.coordinates["iid"].variable.data_type,
        DataType::Int64
    );
    assert_eq!(
        samples.coordinates["param_name"].variable.data_type,
        DataType::String
    );
    assert!(samples.variables["indicator"].is_truth());

    let wells = Schema::load(&folder.join("wells.yaml")).expect("wells.yaml");
    assert_eq!(
        wells.root.coordinates["well id"].variable.data_type,
        DataType::String
    );
    assert!(!wells.root.coordinates["well id"].sorted);
    assert!(
        wells.root.variables.contains_key("altitude")
            && wells.root.coordinates.contains_key("undeclared")
    );
    assert_eq!(
        wells.root.coordinates["tensor"].variable.data_type,
        DataType::UInt8
    );
    assert!(wells.node("child_1/child_3").is_some());
}

#[test]
fn examples_of_the_reference_load() {
    let readme = include_str!("../README.md");
    let examples: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 3);
    for example in examples {
        assert_eq!(parse(example).warnings, [], "{example}");
    }
}

#[test]
fn slips_that_do_no_harm_are_read_as_meant() {
    let text = "VARS: {x: {coords: t, decription: words, hash_type: 5}}\nCOORDS: {t: {}}";
    assert_eq!(
        parse(text).root.variables["x"].description.as_deref(),
        Some("words")
    );
    assert_eq!(
        warnings(text),
        [
            "folder/test.yaml:1:23: VARS.x.decription: unknown key, read as `description`",
            "folder/test.yaml:1:42: VARS.x.hash_type: this key of the prototype no longer means anything",
        ]
    );
}

#[test]
fn what_is_probably_not_meant_is_warned_about() {
    for (text, warning) in [
        (
            "a: {ATTRS: {STORE_URL: x}, VARS: {x: {coords: t}}, COORDS: {t: {}}}",
            "only the root configures the store",
        ),
        ("a: {}", "the schema describes no variable"),
        (
            "VARS: {x: {coords: [t, u, v]}}\nCOORDS: {t: {chunk_size: 1024}, u: {chunk_size: 1024}, v: {chunk_size: 1024}}",
            "a chunk takes up to 8192 MiB",
        ),
        (
            "COORDS: {p: {composed: [a, b], unit: m, sorted: true}}",
            "`unit` of a composed coordinate has no effect",
        ),
        (
            "COORDS: {t: {unit: TimeStamp}}",
            "old style: write a date-time unit",
        ),
        (
            "COORDS: {t: {unit: C}}",
            "`C` is coulomb; did you mean `degC`?",
        ),
    ] {
        let warnings = warnings(text);
        assert!(
            warnings.iter().any(|text| text.contains(warning)),
            "{text}: {warnings:#?}"
        );
    }
}

#[test]
fn chunks_over_several_coordinates_are_small_where_nothing_is_said() {
    let sizes = |coords: &str, more: &str| -> Vec<u64> {
        let schema = parse(&format!(
            "VARS: {{v: {{coords: [{coords}]}}}}\nCOORDS: {{{more}}}\n"
        ));
        let coordinates = schema.root.coordinates.values();
        coordinates
            .map(|coordinate| coordinate.chunk_size)
            .collect()
    };
    assert_eq!(sizes("t, y", "t: {}, y: {}"), [1024, 64]);
    assert_eq!(
        sizes("t, s", "t: {}, s: {type: str, sorted: false}"),
        [1024, 16]
    );
    assert_eq!(
        sizes("t, s, y", "t: {}, s: {type: str, sorted: false}, y: {}"),
        [1024, 16, 64]
    );
}

#[test]
fn a_field_is_few_chunks_where_nothing_is_said() {
    let sizes = |coords: &str, more: &str| -> Vec<u64> {
        let schema = parse(&format!(
            "VARS: {{v: {{coords: [{coords}]}}}}\nCOORDS: {{{more}}}\n"
        ));
        let coordinates = schema.root.coordinates.values();
        coordinates
            .map(|coordinate| coordinate.chunk_size)
            .collect()
    };
    assert_eq!(sizes("t, y, x", "t: {}, y: {}, x: {}"), [16, 256, 256]);
    assert_eq!(
        sizes("r, t, y, x", "r: {}, t: {}, y: {}, x: {}"),
        [1, 16, 256, 256]
    );
    assert_eq!(
        sizes("t, y, x", "t: {chunk_size: 1024}, y: {}, x: {}"),
        [1024, 4, 256]
    );
    assert_eq!(
        sizes(
            "t, y, x",
            "t: {}, y: {chunk_size: 1024}, x: {chunk_size: 1024}"
        ),
        [1, 1024, 1024]
    );
}

#[test]
fn truth_values_have_a_third_state_where_nothing_came() {
    let alarm = variable("type: bool, merge: first");
    assert!(alarm.is_truth());
    assert_eq!(alarm.type_name(), "bool");
    assert_eq!(alarm.data_type, DataType::Int8);
    let t = coordinate("type: bool");
    assert_eq!(t.variable.data_type, DataType::Bool);
}

#[test]
fn what_a_schema_left_open_before_means_what_it_meant_then() {
    let text = "COORDS: {t: {}}\nVARS: {a: {coords: t, type: int16}, b: {coords: t, type: int16, na_value: -9}, wind_from_direction: {coords: t, unit: deg}}\n";
    let none = std::collections::BTreeMap::new();
    let read = |defaults| Schema::parse_kept(text, "kept.yaml", &none, defaults).unwrap();
    let (former, today) = (read(Defaults::Former), read(Defaults::Today));
    let of = |schema: &Schema, name: &str| {
        let variable = &schema.root.variables[name];
        (variable.na.clone(), variable.na_origin)
    };
    assert_eq!(
        of(&former, "a"),
        (Some(Scalar::Int(-1)), NaOrigin::FormerDefault)
    );
    assert_eq!(
        of(&today, "a"),
        (Some(Scalar::Int(-32768)), NaOrigin::Default)
    );
    for schema in [&former, &today] {
        assert_eq!(of(schema, "b"), (Some(Scalar::Int(-9)), NaOrigin::Said));
    }
    let turn = |schema: &Schema| schema.root.variables["wind_from_direction"].turn;
    assert_eq!((turn(&former), turn(&today)), (None, Some(360.0)));
}

#[test]
fn directions_are_known_by_their_names_or_said() {
    let turn = |name: &str, keys: &str| {
        let schema = parse(&format!(
            "COORDS: {{t: {{}}}}\nVARS: {{{name}: {{coords: t, {keys}}}}}\n"
        ));
        schema.root.variables[name].turn
    };
    assert_eq!(turn("wind_from_direction", "unit: deg"), Some(360.0));
    assert_eq!(turn("wind_from_direction", "type: int16"), Some(360.0));
    assert_eq!(
        turn(
            "d",
            "unit: deg, attrs: {standard_name: sea_surface_wave_to_direction}"
        ),
        Some(360.0)
    );
    assert_eq!(
        turn("solar_azimuth_angle", "unit: deg, circular: false"),
        None
    );
    assert_eq!(turn("angle", "unit: deg"), None);
    assert_eq!(turn("angle", "unit: deg, circular: true"), Some(360.0));
    assert_eq!(turn("hour", "circular: 24"), Some(24.0));
    let radians = turn("wind_to_direction", "unit: rad").unwrap();
    assert!((radians - std::f64::consts::TAU).abs() < 1e-12);
}

#[test]
fn secrets_are_taken_out_of_the_text_where_they_stand() {
    let of = |attrs: &str| {
        let text = format!(
            "ATTRS:\n{attrs}  title: my test of time\nCOORDS: {{time: {{}}}}\nVARS: {{test: {{coords: time}}}}\n"
        );
        let schema = parse(&text);
        let public = schema.public_text();
        let again = parse(&public);
        let title = again.root.attrs.get("title");
        assert_eq!(title, Some(&"my test of time".into()), "{public}");
        assert_eq!(
            again.root.coordinates.keys().collect::<Vec<_>>(),
            ["time"],
            "{public}"
        );
        assert_eq!(again.root.variables.len(), 1, "{public}");
        public
    };
    // Words that stand elsewhere, too.
    let public = of("  S3_ACCESS_KEY: test\n  S3_SECRET_KEY: time # of day\n");
    assert!(
        public.contains("S3_ACCESS_KEY: '***'\n  S3_SECRET_KEY: '***' # of day\n"),
        "{public}"
    );
    let public = of("  S3_ACCESS_KEY: \"hush-hush\"\n  S3_SECRET_KEY: 'it''s'\n");
    assert!(
        !public.contains("hush") && !public.contains("it''s"),
        "{public}"
    );
    let public = of("  S3_SECRET_KEY: |\n    hush\n");
    assert!(!public.contains("hush"), "{public}");
    let public = of("  note: &k hush\n  S3_SECRET_KEY: *k\n");
    assert!(!public.contains("hush"), "{public}");
    // Unmistakable ones are taken out of comments, too.
    let public = of("  # before: 0123456789abcdef\n  S3_SECRET_KEY: 0123456789abcdef\n");
    assert!(!public.contains("0123456789abcdef"), "{public}");
    assert!(
        parse("\u{feff}ATTRS: {S3_SECRET_KEY: hush}\nCOORDS: {t: {}}")
            .public_text()
            .ends_with("{S3_SECRET_KEY: '***'}\nCOORDS: {t: {}}")
    );
}
