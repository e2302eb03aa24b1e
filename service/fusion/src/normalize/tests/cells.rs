//! Single values: types, units, ranges, labels, times, NA.

use chrono_tz::Tz;
use polars::prelude::{
    Column, DataType as Delivered, Int64Chunked, IntoSeries, NamedFrom, Series,
    TimeUnit as PolarsUnit, TimeZone,
};
use zarr_fuse_schemas::{
    Conversion, DataType, Measure, NaOrigin, Scalar, Unit, Variable,
    time::{Fold, Zone},
};

use super::builder::{
    csv, float, from_kelvin, labels, node, outcome, plain, time, typed, variable, within,
};
use super::{check, stations};
use crate::normalize::normalize;

#[test]
fn float_coordinates_have_neither_nan_nor_minus_zero() {
    let node = node(
        vec![plain(float("depth", &[]))],
        vec![float("temp", &["depth"])],
    );
    check(
        &node,
        "depth,temp\n-0.0,1\n0,2\nnan,3\ninf,4\n1.5,5",
        "temp[depth=0.0] = 2.0
         temp[depth=1.5] = 5.0
         row 3 depth `nan`: no value; every row needs one for the coordinate `depth`
         row 4 depth `inf`: infinite; the coordinate `depth` takes finite numbers",
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
    level.na_origin = NaOrigin::Said;
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
        &stations(within(
            0.0,
            10.0,
            variable("n", &["station"], DataType::Int64),
        )),
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
            na_origin: NaOrigin::Said,
            ..from_kelvin(variable("temp", &["station"], data_type))
        })
    };
    check(
        &kelvin(Scalar::Float(-999.0), DataType::Float64),
        "station,temp\na,-999\nb,274.15",
        r#"temp[station="b"] = 1.0"#,
    );
    // What nobody chose is a number like others, which cannot be stored.
    let mut node = kelvin(Scalar::Int(-1), DataType::Int16);
    node.variables["temp"].na_origin = NaOrigin::Default;
    let measure = &mut node.variables["temp"].measure;
    if let zarr_fuse_schemas::Measure::Physical { conversion, .. } = measure {
        conversion.offset = 273.0;
    }
    check(
        &node,
        "station,temp\na,-1\nb,-274",
        r#"temp[station="a"] = 272
           row 2 temp `-274`: cannot be stored: in the array of `temp`, -1 stands for no value; write a `na_value` that is never delivered, or a wider `type`, and write the array again with `zf rebuild`"#,
    );
    // Then it was taken for none without a word.
    node.variables["temp"].na_origin = NaOrigin::FormerDefault;
    check(
        &node,
        "station,temp\na,-1\nb,-274",
        r#"temp[station="a"] = 272"#,
    );
}

#[test]
fn a_chosen_na_value_is_no_value_and_nothing_is_said() {
    let with_na = |na_origin| {
        stations(Variable {
            na: Some(Scalar::UInt(255)),
            na_origin,
            ..variable("flag", &["station"], DataType::UInt8)
        })
    };
    check(
        &with_na(NaOrigin::Said),
        "station,flag\na,255\nb,254",
        r#"flag[station="b"] = 254"#,
    );
    check(
        &with_na(NaOrigin::Default),
        "station,flag\na,255\nb,254",
        r#"flag[station="b"] = 254
           row 1 flag `255`: cannot be stored: in the array of `flag`, 255 stands for no value; write a `na_value` that is never delivered, or a wider `type`, and write the array again with `zf rebuild`"#,
    );
}

#[test]
fn converted_integers_must_be_whole_but_for_rounding() {
    let mut node = stations(from_kelvin(variable("n", &["station"], DataType::Int32)));
    if let zarr_fuse_schemas::Measure::Physical { conversion, .. } =
        &mut node.variables["n"].measure
    {
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
        outcome(
            &json,
            &stations(variable("z", &["station"], DataType::Complex64))
        ),
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
    check(
        &node,
        "station,note\na,none\nb,x",
        r#"note[station="b"] = "x""#,
    );
}

#[test]
fn the_order_of_rows_says_which_of_two_hours_is_meant() {
    let mut prague = time("time", &[], Zone::Named(Tz::Europe__Prague));
    if let Measure::Time { source_unit, .. } = &mut prague.measure {
        source_unit.fold = Some(Fold::Infer);
    }
    let station = plain(variable("station", &[], DataType::String));
    let node = node(
        vec![plain(prague), station],
        vec![float("t", &["time", "station"])],
    );
    check(
        &node,
        "time,station,t\n2024-10-27 01:30,A,1\n2024-10-27 02:00,A,2\n2024-10-27 02:00,B,3\n2024-10-27 02:30,A,4\n\
         2024-10-27 02:00,A,5\n2024-10-27 02:00,B,6\n2024-10-27 02:00,C,7",
        "t[time=1729985400 station=\"A\"] = 1.0
         t[time=1729987200 station=\"A\"] = 2.0
         t[time=1729987200 station=\"B\"] = 3.0
         t[time=1729989000 station=\"A\"] = 4.0
         t[time=1729990800 station=\"A\"] = 5.0
         t[time=1729990800 station=\"B\"] = 6.0
         row 7 time `2024-10-27 02:00`: this local time exists twice in Europe/Prague: the clocks go back; \
         set `fold: earlier`, `fold: later` or `fold: infer` in `source_unit`, or deliver an offset",
    );
    check(
        &node,
        "time,station,t\n2024-10-27 03:00,A,5\n2024-10-27 02:30,A,4\n2024-10-27 02:00,A,3\n2024-10-27 02:30,A,2",
        "t[time=1729994400 station=\"A\"] = 5.0
         t[time=1729992600 station=\"A\"] = 4.0
         t[time=1729990800 station=\"A\"] = 3.0
         t[time=1729989000 station=\"A\"] = 2.0",
    );
}

#[test]
fn numbers_that_people_write_alike_are_one_value_of_a_coordinate() {
    let unit = |written: &str| Unit::parse(written).expect("a unit");
    let conversion = Conversion::between(&unit("cm"), &unit("m")).expect("both are lengths");
    let mut depth = float("depth", &[]);
    depth.measure = Measure::Physical {
        unit: unit("m"),
        source_unit: unit("cm"),
        has_source_unit: true,
        conversion,
    };
    let from_cm = node(vec![plain(depth)], vec![float("t", &["depth"])]);
    check(
        &from_cm,
        "depth,t\n57,1\n30,2\n113,3",
        "t[depth=0.57] = 1.0
         t[depth=0.3] = 2.0
         t[depth=1.13] = 3.0",
    );
    let plain = node(
        vec![plain(float("depth", &[]))],
        vec![float("t", &["depth"])],
    );
    let singles = typed(vec![
        Column::new("depth".into(), [0.1_f32, 49.95, 16_777_216.0, 1e-12]),
        Column::new("t".into(), [0.1_f32; 4]),
    ]);
    assert_eq!(
        outcome(&singles, &plain),
        "t[depth=0.1] = 0.10000000149011612\n\
         t[depth=49.95] = 0.10000000149011612\n\
         t[depth=16777216.0] = 0.10000000149011612\n\
         t[depth=1e-12] = 0.10000000149011612"
    );
}

#[test]
fn what_is_called_otherwise_is_not_merged_in_silence() {
    let two = node(
        vec![plain(float("depth", &[]))],
        vec![float("temp_c", &["depth"]), float("rh", &["depth"])],
    );
    check(
        &two,
        "depth,Temp_C,x\n1,2,3",
        "no variable of node `weather` is in the table, only coordinates: the schema maps `temp_c`, `rh`, the table has \
         `Temp_C`, `x`; did you mean `Temp_C`?",
    );
    let given = normalize(&csv("depth,Temp_C,rh\n1,2,3\n2,3,4"), &two).expect("rh is there");
    assert_eq!(
        given.warnings,
        ["nothing came for `temp_c`, which is read from `temp_c`; is `Temp_C` meant?"]
    );
    let given = normalize(&csv("depth,air,rh\n1,2,3\n2,3,4"), &two).expect("rh is there");
    assert_eq!(
        given.warnings,
        ["no column is called `temp_c`; nothing is read from `air`"]
    );
    let given = normalize(&csv("depth,rh\n1,2\n"), &two).expect("rh is there");
    assert!(given.warnings.is_empty());
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
         set `fold: earlier`, `fold: later` or `fold: infer` in `source_unit`, or deliver an offset
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
        ],
    );
    let local = Series::new("time".into(), [1_704_070_800_000_i64, 1_719_799_200_500]);
    let local = local
        .cast(&Delivered::Datetime(PolarsUnit::Milliseconds, None))
        .expect("numbers are times");
    let table = typed(vec![
        local.into(),
        Column::new("n".into(), [1_u32, 300]),
        Column::new("f".into(), [0.1_f32, f32::NAN]),
        Column::new("b".into(), [Some(true), None]),
        Column::new("s".into(), [1.5_f64, 2.0]),
    ]);
    assert_eq!(
        outcome(&table, &node),
        "n[time=1704067200] = 1\n\
         f[time=1704067200] = 0.1\n\
         b[time=1704067200] = true\n\
         s[time=1704067200] = \"1.5\"\n\
         s[time=1719792000] = \"2.0\"\n\
         row 2 n `300`: too large or too small; `n` is int8"
    );
    let utc = Int64Chunked::from_vec("time".into(), vec![1_704_067_200_000_000_000]);
    let utc = utc
        .into_datetime(PolarsUnit::Nanoseconds, Some(TimeZone::UTC))
        .into_series();
    assert_eq!(
        outcome(
            &typed(vec![utc.into(), Column::new("n".into(), [1_i8])]),
            &node
        ),
        "n[time=1704067200] = 1"
    );
    let date = Series::new("time".into(), [19_723_i32])
        .cast(&Delivered::Date)
        .expect("numbers are days");
    assert_eq!(
        outcome(
            &typed(vec![date.into(), Column::new("n".into(), [1_i8])]),
            &node
        ),
        "n[time=1704063600] = 1"
    );
}
