//! Examples, one per rule; `laws` holds normalize against a naive map.

mod builder;
mod laws;

use std::path::Path;

use chrono_tz::Tz;
use polars::prelude::{
    Column, DataType as Delivered, Int64Chunked, IntoSeries, NamedFrom, Series, TimeUnit as PolarsUnit, TimeZone,
};
use zarr_fuse_schemas::time::Zone;
use zarr_fuse_schemas::{DataType, MergeRule, Node, Scalar, Schema, Variable};

use super::composed::{SameHash, compose};
use super::{ComponentValue, hash_tuple, normalize};
use crate::outcome::MAX_PROBLEMS;
use crate::values::Values;
use builder::{composed, csv, float, from_kelvin, labels, merged, node, outcome, plain, time, typed, variable, within};

/// Temperatures over stations.
fn stations(temp: Variable) -> Node {
    node(vec![plain(variable("station", &[], DataType::String))], vec![temp])
}

#[track_caller]
fn check(node: &Node, text: &str, expect: &str) {
    let expect: Vec<&str> = expect.trim().lines().map(str::trim).collect();
    assert_eq!(outcome(&csv(text), node), expect.join("\n"));
}

#[test]
fn values_come_with_their_coordinates_in_stored_types() {
    let node = node(
        vec![
            plain(time("time", &[], Zone::Named(Tz::Europe__Prague))),
            plain(variable("station", &[], DataType::String)),
        ],
        vec![
            from_kelvin(float("temp", &["time", "station"])),
            variable("count", &["time", "station"], DataType::Int32),
            float("latitude", &["station"]),
        ],
    );
    check(
        &node,
        "station,temp,latitude,time,count,comment
         a,274.15,50.5,2024-01-01 01:00,5,x
         b,,51.5,2024-07-01T02:00,7.0,y",
        r#"temp[time=1704067200 station="a"] = 1.0
           count[time=1704067200 station="a"] = 5
           count[time=1719792000 station="b"] = 7
           latitude[station="a"] = 50.5
           latitude[station="b"] = 51.5"#,
    );
}

#[test]
fn a_missing_coordinate_is_named_with_what_the_table_has() {
    let mut temp = float("temperature", &["time", "station"]);
    temp.column = "T".to_owned();
    let mut station = variable("station", &[], DataType::String);
    station.column = "station_id".to_owned();
    let node = node(
        vec![plain(time("time", &[], Zone::Fixed(0))), plain(station)],
        vec![temp],
    );
    check(
        &node,
        "time,T,Station ID\n2024-01-01,1,a",
        "column `station_id` is missing; the schema maps it to `station`; the table has `time`, `T`, `Station ID`; \
         did you mean `Station ID`?",
    );
    check(
        &node,
        "date,T\n2024-01-01,1",
        "column `time` is missing; the schema maps it to `time`; the table has `date`, `T`",
    );
    check(
        &node,
        "a,b\n1,2",
        "no column of the table belongs to node `weather`; the schema maps `time`, `station_id`, `T`, the table has `a`, `b`",
    );
}

#[test]
fn a_missing_component_is_named() {
    let node = node(
        vec![composed("place", &["lat", "lon"])],
        vec![
            float("temp", &["place"]),
            float("lat", &["place"]),
            float("lon", &["place"]),
        ],
    );
    let missing = "column `lon` is missing; the schema maps it to `lon`; the table has `temp`, `lat`";
    check(&node, "temp,lat\n1,2", missing);
    check(
        &node,
        "temp\n1",
        "column `lat` is missing; the schema maps it to `lat`; the table has `temp`",
    );
}

#[test]
fn a_coordinate_may_be_missing_when_nothing_needs_it() {
    let node = node(
        vec![
            plain(time("time", &[], Zone::Fixed(0))),
            plain(variable("station", &[], DataType::String)),
        ],
        vec![float("temp", &["time", "station"]), float("latitude", &["station"])],
    );
    check(&node, "station,latitude\na,50", r#"latitude[station="a"] = 50.0"#);
    let only_times = normalize(&csv("time\n2024-01-01\n2024-01-02\n2024-01-01"), &node).expect("times are enough");
    assert_eq!(only_times.batch.n_rows, 3);
    assert_eq!(
        only_times.batch.coordinates[0].values,
        Values::Int64(vec![1_704_067_200, 1_704_153_600])
    );
    assert_eq!(only_times.batch.coordinates[0].index, [0, 1, 0]);
    assert!(only_times.batch.variables.is_empty());
}

#[test]
fn rows_without_a_coordinate_are_rejected() {
    let given = stations(float("temp", &["station"]));
    let table = csv("station,temp\nNULL,1\na,2\n,3");
    assert_eq!(
        outcome(&table, &given),
        "temp[station=\"a\"] = 2.0\n\
         temp[station=\"\"] = 3.0\n\
         row 1 station: no value; every row needs one for the coordinate `station`"
    );
    let given = normalize(&table, &given).expect("two rows are fine");
    assert_eq!(
        (given.n_rows_read, given.n_rows_rejected, given.batch.n_rows),
        (3, 1, 2)
    );
    assert_eq!(given.table_rows, Some(vec![1, 2]));
}

#[test]
fn float_coordinates_have_neither_nan_nor_minus_zero() {
    let node = node(vec![plain(float("depth", &[]))], vec![float("temp", &["depth"])]);
    check(
        &node,
        "depth,temp\n-0.0,1\n0,2\nnan,3\ninf,4\n1.5,5",
        "temp[depth=0.0] = 2.0
         temp[depth=inf] = 4.0
         temp[depth=1.5] = 5.0
         row 3 depth `nan`: no value; every row needs one for the coordinate `depth`",
    );
}

#[test]
fn a_chosen_na_value_of_a_coordinate_is_no_coordinate() {
    let mut level = variable("level", &[], DataType::Int16);
    let default = node(vec![plain(level.clone())], vec![float("temp", &["level"])]);
    check(
        &default,
        "level,temp\n-1,1\n2,2",
        "temp[level=-1] = 1.0
         temp[level=2] = 2.0",
    );
    level.na = Some(Scalar::Int(-9));
    check(
        &node(vec![plain(level)], vec![float("temp", &["level"])]),
        "level,temp\n-9,1\n2,2",
        "temp[level=2] = 2.0
         row 1 level `-9`: is the `na_value` of `level`, so the coordinate `level` has no value; choose another `na_value`",
    );
}

#[test]
fn unreadable_and_lossy_values_reject_the_row() {
    let number = |data_type| stations(variable("n", &["station"], data_type));
    check(
        &number(DataType::Float32),
        "station,n\na,1e39\nb,abc\nc,1e-60\nd,1 2",
        r#"n[station="c"] = 0.0
           row 1 n `1e39`: too large or too small; `n` is float32
           row 2 n `abc`: not a number; `n` is float32
           row 4 n `1 2`: not a number; `n` is float32"#,
    );
    check(
        &number(DataType::UInt8),
        "station,n\na,256\nb,-1\nc,1.5\nd,inf\ne,9999999999999999999999999999999999999999999\nf,abc\ng,0",
        r#"n[station="g"] = 0
           row 1 n `256`: too large or too small; `n` is uint8
           row 2 n `-1`: too large or too small; `n` is uint8
           row 3 n `1.5`: not a whole number; `n` is uint8, use a float type to keep fractions
           row 4 n `inf`: too large or too small; `n` is uint8
           row 5 n `9999999999999999999999999999999999999999999`: too large or too small; `n` is uint8
           row 6 n `abc`: not a number; `n` is uint8"#,
    );
    check(
        &number(DataType::FixedString(3)),
        "station,n\na,abcd\nb,žšč",
        r#"n[station="b"] = "žšč"
           row 1 n `abcd`: has 4 characters; `n` is str[3] and strings are not cut"#,
    );
    check(
        &number(DataType::Bool),
        "station,n\na,maybe\nb,TRUE\nc,0.0\nd,no\ne,",
        r#"n[station="b"] = true
           n[station="c"] = false
           n[station="d"] = false
           row 1 n `maybe`: neither true nor false; `n` is bool (true, false, 1, 0, yes, no)"#,
    );
}

#[test]
fn values_outside_the_range_are_left_out_and_the_row_stays() {
    let temp = within(-20.0, 40.0, from_kelvin(float("temp", &["station"])));
    check(
        &stations(temp),
        "station,temp\na,313.15\nb,350.15\nc,NULL",
        r#"temp[station="a"] = 40.0
           row 2 temp `350.15`: is 77 degC, outside the range -20 to 40 degC of `temp`"#,
    );
    check(
        &stations(within(0.0, 10.0, variable("n", &["station"], DataType::Int64))),
        "station,n\na,10\nb,11",
        r#"n[station="a"] = 10
           row 2 n `11`: outside the range 0 to 10 of `n`"#,
    );
    let given = normalize(
        &csv("station,temp\na,50"),
        &stations(within(0.0, 10.0, float("temp", &["station"]))),
    );
    assert_eq!(given.expect("the row stays").n_rows_rejected, 0);
}

#[test]
fn the_ends_of_a_range_are_inside_with_32_bits_too() {
    let n = within(0.0, 0.1, variable("n", &["station"], DataType::Float32));
    check(&stations(n), "station,n\na,0.1", r#"n[station="a"] = 0.1"#);
}

#[test]
fn labels_become_codes_and_unknown_ones_name_the_nearest() {
    let node = stations(labels("state", &["station"], &["dry", "wet", "10"]));
    check(
        &node,
        "station,state\na,wet\nb, dry \nc,10.0\nd,Wett\ne,\nf,NULL",
        r#"state[station="a"] = 2
           state[station="b"] = 1
           state[station="c"] = 3
           row 4 state `Wett`: not among the labels of `state`; the nearest is `wet`"#,
    );
    let numbers = typed(vec![
        Column::new("station".into(), ["a", "b"]),
        Column::new("state".into(), [10_i64, 11]),
    ]);
    assert_eq!(
        outcome(&numbers, &node),
        "state[station=\"a\"] = 3\nrow 2 state `11`: not among the labels of `state`; the nearest is `10`"
    );
}

#[test]
fn na_values_are_looked_for_before_and_after_conversion() {
    let kelvin = |na, data_type| {
        stations(Variable {
            na: Some(na),
            ..from_kelvin(variable("temp", &["station"], data_type))
        })
    };
    check(
        &kelvin(Scalar::Float(-999.0), DataType::Float64),
        "station,temp\na,-999\nb,274.15",
        r#"temp[station="b"] = 1.0"#,
    );
    // The default of integers is no measurement that was left out on purpose.
    let mut node = kelvin(Scalar::Int(-1), DataType::Int16);
    let measure = &mut node.variables["temp"].measure;
    if let zarr_fuse_schemas::Measure::Physical { conversion, .. } = measure {
        conversion.offset = 273.0;
    }
    check(&node, "station,temp\na,-1\nb,-274", r#"temp[station="a"] = 272"#);
}

#[test]
fn converted_integers_must_be_whole_but_for_rounding() {
    let mut node = stations(from_kelvin(variable("n", &["station"], DataType::Int32)));
    if let zarr_fuse_schemas::Measure::Physical { conversion, .. } = &mut node.variables["n"].measure {
        *conversion = zarr_fuse_schemas::unit::Conversion {
            factor: 100.0,
            offset: 0.0,
        };
    }
    check(
        &node,
        "station,n\na,0.57\nb,0.575\nc,30000000",
        r#"n[station="a"] = 57
           row 2 n `0.575`: not a whole number; `n` is int32, use a float type to keep fractions
           row 3 n `30000000`: too large or too small; `n` is int32"#,
    );
}

#[test]
fn complex_numbers_are_read_in_the_ways_people_write_them() {
    check(
        &stations(variable("z", &["station"], DataType::Complex128)),
        "station,z\na,1+2j\nb,(1.5e3-2E-1i)\nc,-j\nd,7\ne,-inf+1J\nf,nan+1j\ng,\nh,1+j2\ni,3 + 4j\nj,j\nk,é",
        r#"z[station="a"] = [1.0, 2.0]
           z[station="b"] = [1500.0, -0.2]
           z[station="c"] = [0.0, -1.0]
           z[station="d"] = [7.0, 0.0]
           z[station="e"] = [-inf, 1.0]
           z[station="i"] = [3.0, 4.0]
           z[station="j"] = [0.0, 1.0]
           row 8 z `1+j2`: not a number; `z` is complex128
           row 11 z `é`: not a number; `z` is complex128"#,
    );
    let json = typed(vec![
        Column::new("station".into(), ["a", "b", "c"]),
        Column::new("z".into(), ["[1, -2.5]", "[1]", "[null, 1]"]),
    ]);
    assert_eq!(
        outcome(&json, &stations(variable("z", &["station"], DataType::Complex64))),
        "z[station=\"a\"] = [1.0, -2.5]\nrow 2 z `[1]`: not a number; `z` is complex64"
    );
}

#[test]
fn strings_keep_empty_text_and_spaces() {
    let mut node = stations(variable("note", &["station"], DataType::String));
    check(
        &node,
        "station,note,end\na,,.\nb, x ,.\nc,NULL,.",
        r#"note[station="a"] = ""
           note[station="b"] = " x ""#,
    );
    node.variables["note"].na = Some(Scalar::Str("none".to_owned()));
    check(&node, "station,note\na,none\nb,x", r#"note[station="b"] = "x""#);
}

#[test]
fn ambiguous_local_times_reject_the_row() {
    let prague = time("time", &[], Zone::Named(Tz::Europe__Prague));
    let node = node(vec![plain(prague)], vec![float("temp", &["time"])]);
    check(
        &node,
        "time,temp\n2024-10-27 02:30,1\n2024-10-27 02:30+02:00,2\n2024-03-31 02:30,3\nsoon,4",
        "temp[time=1729989000] = 2.0
         row 1 time `2024-10-27 02:30`: this local time exists twice in Europe/Prague: the clocks go back; \
         set `fold: earlier` or `fold: later` in `source_unit`, or deliver an offset
         row 3 time `2024-03-31 02:30`: this local time does not exist in Europe/Prague: the clocks skip it; \
         deliver UTC or an offset
         row 4 time `soon`: not a time; write ISO 8601 such as `2024-03-31T02:30:00Z`, or give the `format` in `source_unit`",
    );
}

#[test]
fn native_types_are_taken_as_they_are() {
    let node = node(
        vec![plain(time("time", &[], Zone::Named(Tz::Europe__Prague)))],
        vec![
            variable("n", &["time"], DataType::Int8),
            variable("f", &["time"], DataType::Float32),
            variable("b", &["time"], DataType::Bool),
            variable("s", &["time"], DataType::String),
            variable("c", &["time"], DataType::String),
        ],
    );
    let local = Series::new("time".into(), [1_704_070_800_000_i64, 1_719_799_200_500]);
    let local = local
        .cast(&Delivered::Datetime(PolarsUnit::Milliseconds, None))
        .expect("numbers are times");
    let category = Series::new("c".into(), ["x", "y"]);
    let category = category
        .cast(&Delivered::from_categories(polars::prelude::Categories::global()))
        .expect("text has categories");
    let table = typed(vec![
        local.into(),
        Column::new("n".into(), [1_u32, 300]),
        Column::new("f".into(), [0.1_f32, f32::NAN]),
        Column::new("b".into(), [Some(true), None]),
        Column::new("s".into(), [1.5_f64, 2.0]),
        category.into(),
    ]);
    assert_eq!(
        outcome(&table, &node),
        "n[time=1704067200] = 1\n\
         f[time=1704067200] = 0.1\n\
         b[time=1704067200] = true\n\
         s[time=1704067200] = \"1.5\"\n\
         c[time=1704067200] = \"x\"\n\
         row 2 n `300`: too large or too small; `n` is int8"
    );
    let utc = Int64Chunked::from_vec("time".into(), vec![1_704_067_200_000_000_000]);
    let utc = utc
        .into_datetime(PolarsUnit::Nanoseconds, Some(TimeZone::UTC))
        .into_series();
    assert_eq!(
        outcome(&typed(vec![utc.into(), Column::new("n".into(), [1_i8])]), &node),
        "n[time=1704067200] = 1"
    );
    let date = Series::new("time".into(), [19_723_i32])
        .cast(&Delivered::Date)
        .expect("numbers are days");
    assert_eq!(
        outcome(&typed(vec![date.into(), Column::new("n".into(), [1_i8])]), &node),
        "n[time=1704063600] = 1"
    );
}

#[test]
fn types_that_cannot_be_converted_are_an_error_of_the_column() {
    let node = stations(float("temp", &["station"]));
    let date = Series::new("temp".into(), [19_723_i32])
        .cast(&Delivered::Date)
        .expect("numbers are days");
    let table = typed(vec![Column::new("station".into(), ["a"]), date.into()]);
    assert_eq!(
        outcome(&table, &node),
        "column `temp` holds dates or times; the schema maps it to `temp`, which takes float64"
    );
    let list = Series::new("temp".into(), [Series::new("".into(), [1.0])]);
    let table = typed(vec![Column::new("station".into(), ["a"]), list.into()]);
    assert_eq!(
        outcome(&table, &node),
        "column `temp` holds type list[f64]; the schema maps it to `temp`, which takes float64"
    );
    let table = typed(vec![
        Column::new("station".into(), ["a"]),
        Column::new("temp".into(), [true]),
    ]);
    let node = stations(time("temp", &["station"], Zone::Fixed(0)));
    assert_eq!(
        outcome(&table, &node),
        "column `temp` holds truth values; the schema maps it to `temp`, which takes times"
    );
}

#[test]
fn merge_rules_choose_one_value_per_cell() {
    let rule = |merge| stations(merged(merge, float("temp", &["station"])));
    let text = "station,temp\na,2\nb,5\na,3\na,1\nb,\na,NULL";
    for (merge, a) in [
        (MergeRule::Last, "1.0"),
        (MergeRule::First, "2.0"),
        (MergeRule::Min, "1.0"),
        (MergeRule::Max, "3.0"),
    ] {
        let given = outcome(&csv(text), &rule(merge));
        let mut lines: Vec<&str> = given.lines().collect();
        lines.sort_unstable();
        assert_eq!(
            lines,
            [
                format!("temp[station=\"a\"] = {a}"),
                "temp[station=\"b\"] = 5.0".to_owned()
            ],
            "{merge:?}"
        );
    }
    check(
        &rule(MergeRule::Reject),
        text,
        r#"temp[station="a"] = 2.0
           temp[station="b"] = 5.0
           row 3 temp `3`: rejected: row 1 gives `2` for the same station; the first one stays
           row 4 temp `1`: rejected: row 1 gives `2` for the same station; the first one stays"#,
    );
}

#[test]
fn a_variable_over_some_coordinates_must_agree_with_itself() {
    let node = node(
        vec![
            plain(time("time", &[], Zone::Fixed(0))),
            plain(variable("station", &[], DataType::String)),
        ],
        vec![
            float("temp", &["time", "station"]),
            float("latitude", &["station"]),
            float("version", &[]),
        ],
    );
    check(
        &node,
        "time,station,temp,latitude,version\n\
         2024-01-01,a,1,50,1\n\
         2024-01-02,a,2,50.0,1\n\
         2024-01-03,a,3,51,1\n\
         2024-01-03,b,4,,2",
        r#"temp[time=1704067200 station="a"] = 1.0
           temp[time=1704153600 station="a"] = 2.0
           temp[time=1704240000 station="a"] = 3.0
           temp[time=1704240000 station="b"] = 4.0
           latitude[station="a"] = 51.0
           version[] = 2.0
           row 3 latitude `51`: conflict: row 2 gives `50.0` for the same station; the last one is used
           row 4 version `2`: conflict: row 3 gives `1` for `version`; the last one is used"#,
    );
}

#[test]
fn composed_coordinates_are_hashes_of_their_tuples() {
    let node = node(
        vec![composed("place", &["lat", "name"])],
        vec![
            float("temp", &["place"]),
            variable("lat", &["place"], DataType::Float32),
            variable("name", &["place"], DataType::String),
        ],
    );
    let given = normalize(&csv("temp,lat,name\n1,50.5,a\n2,51,b\n3,50.50,a\n4,,c"), &node).expect("two places");
    let hash = |lat: f64, name: &str| hash_tuple(&[ComponentValue::Float(lat), ComponentValue::Str(name.into())]);
    assert_eq!(
        given.batch.coordinates[0].values,
        Values::Int64(vec![hash(50.5, "a"), hash(51.0, "b")])
    );
    assert_eq!(given.batch.coordinates[0].index, [0, 1, 0]);
    assert_eq!(given.batch.variables[0].rows, Some(vec![1, 2]));
    assert_eq!(given.batch.variables[1].values, Values::Float32(vec![51.0, 50.5]));
    assert_eq!(
        given.problems.first[0].reason,
        "no value; every row needs one for the coordinate `place`"
    );
}

#[test]
fn the_hash_of_a_tuple_is_the_one_that_others_compute() {
    // XXH64 in Python, as signed 64 bits, of b"" and of struct.pack("<d", 0.0) + b"abc\0" + struct.pack("<q", -1).
    assert_eq!(hash_tuple(&[]), -1_205_034_819_632_174_695);
    let tuple = [
        ComponentValue::Float(-0.0),
        ComponentValue::Str("abc".into()),
        ComponentValue::Int(-1),
    ];
    assert_eq!(hash_tuple(&tuple), -632_655_253_050_518_083);
}

#[test]
fn two_tuples_with_one_hash_are_found() {
    let names = Values::Str(vec!["a".into(), "b".into(), "c".into()]);
    let first_letter_only = |tuple: &[ComponentValue]| i64::from(tuple == [ComponentValue::Str("b".into())]);
    assert_eq!(
        compose(&[(&names, &[0, 1, 0, 2])], 4, first_letter_only),
        Err(SameHash {
            first_row: 0,
            second_row: 3
        })
    );
}

#[test]
fn only_the_first_problems_are_written_out() {
    let cells: Vec<String> = (0..1000).map(|row| format!("{}x", "long".repeat(row % 50))).collect();
    let table = typed(vec![
        Column::new("station".into(), &cells),
        Column::new("temp".into(), &cells),
    ]);
    let given = normalize(&table, &stations(float("temp", &["station"]))).expect("bad rows are no error");
    assert_eq!((given.problems.first.len(), given.problems.n), (MAX_PROBLEMS, 1000));
    assert_eq!((given.batch.n_rows, given.n_rows_rejected), (0, 1000));
    assert_eq!(given.problems.first[40].value.as_deref(), Some(&"long".repeat(25)[..]));
    assert_eq!(given.batch.coordinates[0].values.len(), 0);
}

#[test]
fn a_schema_as_people_write_it_takes_a_table() {
    let schema = "
        weather:
          VARS:
            temp: {unit: degC, source_unit: K, df_col: T, type: float32, coords: [time, place], range: {interval: [0, 300, K]}}
            sky: {range: {discrete: [clear, cloudy]}, coords: [time, place]}
            lat: {unit: deg, coords: place}
            lon: {unit: deg, coords: place}
          COORDS:
            time: {unit: {tick: h, tz: UTC}, source_unit: {tick: s, tz: Europe/Prague, dayfirst: true}}
            place: {composed: [lat, lon]}
    ";
    let schema = Schema::parse(schema, "weather.yaml", Path::new(".")).expect("the schema is fine");
    let node = &schema.root.children["weather"];
    let given = outcome(
        &csv("time,T,sky,lat,lon\n1.7.2024 12:59,273.15,clear,50,15\n2024-07-01T10:00Z,310,Cloudy,50.0,15"),
        node,
    );
    let lines: Vec<String> = given
        .lines()
        .map(|line| line.replace(&hash_of(50.0, 15.0), "#"))
        .collect();
    assert_eq!(
        lines,
        [
            "temp[time=477730 place=#] = 0.0",
            "sky[time=477730 place=#] = 1",
            "lat[place=#] = 50.0",
            "lon[place=#] = 15.0",
            "row 2 T `310`: is 36.85 degC, outside the range -273.15 to 26.85 degC of `temp`",
            "row 2 sky `Cloudy`: not among the labels of `sky`; the nearest is `cloudy`",
        ]
    );
}

fn hash_of(lat: f64, lon: f64) -> String {
    hash_tuple(&[ComponentValue::Float(lat), ComponentValue::Float(lon)]).to_string()
}

#[test]
fn an_empty_table_gives_an_empty_batch() {
    let given = normalize(&csv("station,temp"), &stations(float("temp", &["station"]))).expect("no rows are fine");
    assert_eq!((given.batch.n_rows, given.n_rows_read), (0, 0));
    assert_eq!(given.batch.variables[0].rows, None);
}
