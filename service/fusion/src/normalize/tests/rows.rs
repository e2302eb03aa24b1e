//! Tables and rows: missing columns, rejected rows, cells written more than once, composed coordinates.

use std::path::Path;

use chrono_tz::Tz;
use polars::prelude::{Column, DataType as Delivered, NamedFrom, Series};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_journal::outcome::MAX_PROBLEMS;
use zarr_fuse_schemas::{DataType, MergeRule, Schema, time::Zone};

use super::builder::{
    composed, csv, float, from_kelvin, merged, node, outcome, plain, time, typed, variable,
};
use super::{check, stations};
use crate::normalize::composed::{SameHash, compose};
use crate::normalize::{ComponentValue, hash_tuple, normalize};

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
    let missing =
        "column `lon` is missing; the schema maps it to `lon`; the table has `temp`, `lat`";
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
        vec![
            float("temp", &["time", "station"]),
            float("latitude", &["station"]),
        ],
    );
    check(
        &node,
        "station,latitude\na,50",
        r#"latitude[station="a"] = 50.0"#,
    );
    let only_times = normalize(&csv("time\n2024-01-01\n2024-01-02\n2024-01-01"), &node)
        .expect("times are enough");
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
    let given = normalize(
        &csv("temp,lat,name\n1,50.5,a\n2,51,b\n3,50.50,a\n4,,c"),
        &node,
    )
    .expect("two places");
    let hash = |lat: f64, name: &str| {
        hash_tuple(&[ComponentValue::Float(lat), ComponentValue::Str(name.into())])
    };
    assert_eq!(
        given.batch.coordinates[0].values,
        Values::Int64(vec![hash(50.5, "a"), hash(51.0, "b")])
    );
    assert_eq!(given.batch.coordinates[0].index, [0, 1, 0]);
    assert_eq!(given.batch.variables[0].rows, Some(vec![1, 2]));
    assert_eq!(
        given.batch.variables[1].values,
        Values::Float32(vec![51.0, 50.5])
    );
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
    let first_letter_only =
        |tuple: &[ComponentValue]| i64::from(tuple == [ComponentValue::Str("b".into())]);
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
    let cells: Vec<String> = (0..1000)
        .map(|row| format!("{}x", "long".repeat(row % 50)))
        .collect();
    let table = typed(vec![
        Column::new("station".into(), &cells),
        Column::new("temp".into(), &cells),
    ]);
    let given =
        normalize(&table, &stations(float("temp", &["station"]))).expect("bad rows are no error");
    assert_eq!(
        (given.problems.first.len(), given.problems.n),
        (MAX_PROBLEMS, 1000)
    );
    assert_eq!((given.batch.n_rows, given.n_rows_rejected), (0, 1000));
    assert_eq!(
        given.problems.first[40].value.as_deref(),
        Some(&"long".repeat(25)[..])
    );
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
        &csv(
            "time,T,sky,lat,lon\n1.7.2024 12:59,273.15,clear,50,15\n2024-07-01T10:00Z,310,Cloudy,50.0,15",
        ),
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
    let given = normalize(&csv("station,temp"), &stations(float("temp", &["station"])))
        .expect("no rows are fine");
    assert_eq!((given.batch.n_rows, given.n_rows_read), (0, 0));
    assert_eq!(given.batch.variables[0].rows, None);
}
