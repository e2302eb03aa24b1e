//! What answers look like.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type, TimestampMillisecondType, TimestampSecondType};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::StreamReader;
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use super::{Fixture, boreholes, collect};
use crate::Format;

async fn check(query: &str, expected: &str) {
    assert_eq!(boreholes().await.text(query).await, expected, "{query}");
}

#[tokio::test]
async fn rows_come_in_coordinate_order_without_absent_cells() {
    check(
        "var=temp,count",
        "time,borehole,depth,temp,count\n\
         2024-05-01T00:00:00Z,b,0.1,1.5,10\n\
         2024-05-01T00:00:00Z,\"a,1\",0.1,2.25,11\n\
         2024-05-01T12:00:00Z,b,0.1,3.0,12\n\
         2024-05-01T12:00:00Z,b,2.5,-4.0,12\n\
         2024-06-01T00:00:00Z,\"a,1\",0.1,5.0,13\n",
    )
    .await;
}

#[tokio::test]
async fn absent_cells_can_be_kept() {
    check(
        "var=count&na=keep",
        "time,borehole,count\n\
         2024-05-01T00:00:00Z,b,10\n\
         2024-05-01T00:00:00Z,\"a,1\",11\n\
         2024-05-01T12:00:00Z,b,12\n\
         2024-05-01T12:00:00Z,\"a,1\",\n\
         2024-06-01T00:00:00Z,b,\n\
         2024-06-01T00:00:00Z,\"a,1\",13\n",
    )
    .await;
}

#[tokio::test]
async fn variables_over_some_coordinates_are_repeated() {
    check(
        "var=count,rock,note&sel.time=2024-05-01T00:00:00Z",
        "time,borehole,count,rock,note\n\
         2024-05-01T00:00:00Z,b,10,gneiss,\"say \"\"hi\"\"\"\n\
         2024-05-01T00:00:00Z,\"a,1\",11,granite,\"\"\n",
    )
    .await;
    check("var=latitude", "borehole,latitude\nb,50.5\n\"a,1\",50.7\n").await;
}

#[tokio::test]
async fn coordinates_can_be_asked_for_alone() {
    check("var=depth", "depth\n0.1\n2.5\n").await;
}

#[tokio::test]
async fn dates_select_whole_days_and_months() {
    let one = "time,borehole,count\n2024-05-01T12:00:00Z,b,12\n";
    check("var=count&sel.time=2024-05-01T12:00/2024-05", one).await;
    check("var=count&sel.time=2024-05-01T12&sel.borehole=b", one).await;
    check(
        "var=count&sel.time=2024-06",
        "time,borehole,count\n2024-06-01T00:00:00Z,\"a,1\",13\n",
    )
    .await;
    check("var=count&sel.time=2025", "time,borehole,count\n").await;
    check("var=count&sel.time=/2024-04", "time,borehole,count\n").await;
}

#[tokio::test]
async fn the_zone_applies_to_what_is_asked_and_what_is_printed() {
    check(
        "var=count&tz=Europe/Prague&sel.time=2024-06-01T02:00:00",
        "time,borehole,count\n2024-06-01T02:00:00+02:00,\"a,1\",13\n",
    )
    .await;
}

#[tokio::test]
async fn values_are_listed_quoted_ranged_or_nearest() {
    let a = "borehole,latitude\n\"a,1\",50.7\n";
    let both = "borehole,latitude\nb,50.5\n\"a,1\",50.7\n";
    check("var=latitude&sel.borehole=\"a,1\"", a).await;
    check("var=latitude&sel.borehole=\"a,1\",b", both).await;
    check("var=latitude&sel.borehole=a/a~", a).await;
    check("var=latitude&isel.borehole=-1", a).await;
    check("var=latitude&isel.borehole=0:9", both).await;
    check("var=depth&sel.depth=0.1", "depth\n0.1\n").await;
    check("var=depth&sel.depth=0.2/", "depth\n2.5\n").await;
    check("var=depth&sel.depth=nearest:1.2", "depth\n0.1\n").await;
    check(
        "var=time&sel.time=nearest:2024-05-20",
        "time\n2024-06-01T00:00:00Z\n",
    )
    .await;
}

#[tokio::test]
async fn the_nearest_of_coarse_times_is_counted_from_the_instant_asked_for() {
    let mut fixture =
        Fixture::new("n: {COORDS: {t: {unit: {tick: h, tz: UTC}}}, VARS: {v: {coords: t}}}").await;
    fixture
        .fold("t,v\n2024-05-01T06:00Z,6\n2024-05-01T07:00Z,7\n")
        .await;
    assert_eq!(
        fixture.text("sel.t=nearest:2024-05-01T06:05").await,
        "t,v\n2024-05-01T06:00:00Z,6.0\n"
    );
    assert_eq!(
        fixture.text("sel.t=nearest:2024-05-01T06:35").await,
        "t,v\n2024-05-01T07:00:00Z,7.0\n"
    );
}

#[tokio::test]
async fn variables_over_one_coordinate_select_on_it() {
    let a = "borehole,latitude\n\"a,1\",50.7\n";
    check("var=latitude&sel.latitude=50.6/", a).await;
    check("var=latitude&sel.rock=granite", a).await;
    check(
        "var=latitude&sel.latitude=nearest:50.6&sel.longitude=nearest:14.9",
        a,
    )
    .await;
    check("var=latitude&bbox=14.9,50,15.1,51", a).await;
    check(
        "var=latitude&bbox=14.9,50,14.6,51",
        "borehole,latitude\nb,50.5\n\"a,1\",50.7\n",
    )
    .await;
}

#[tokio::test]
async fn units_are_converted_on_the_way_out() {
    check(
        "var=temp&unit.temp=K&unit.depth=cm&sel.time=2024-06",
        "time,borehole,depth,temp\n2024-06-01T00:00:00Z,\"a,1\",10.0,278.15\n",
    )
    .await;
}

#[tokio::test]
async fn wide_rows_have_one_column_per_other_coordinate() {
    check(
        "var=temp,count&layout=wide",
        "time,\"temp[b,0.1]\",\"temp[b,2.5]\",\"temp[\"\"a,1\"\",0.1]\",\"temp[\"\"a,1\"\",2.5]\",count[b],\"count[\"\"a,1\"\"]\"\n\
         2024-05-01T00:00:00Z,1.5,,2.25,,10,11\n\
         2024-05-01T12:00:00Z,3.0,-4.0,,,12,\n\
         2024-06-01T00:00:00Z,,,5.0,,,13\n",
    )
    .await;
}

#[tokio::test]
async fn json_has_the_rows_and_the_cursor() {
    let fixture = boreholes().await;
    let answer: Value =
        serde_json::from_str(&fixture.text("var=count,note&format=json&limit=1").await).unwrap();
    let row =
        json!({"time": "2024-05-01T00:00:00Z", "borehole": "b", "count": 10, "note": "say \"hi\""});
    assert_eq!(answer["rows"], json!([row]));
    assert!(answer["cursor"].is_string());
    let empty: Value =
        serde_json::from_str(&fixture.text("var=count&format=json&sel.time=2025").await).unwrap();
    assert_eq!(empty, json!({"rows": [], "cursor": null}));
    let kept: Value =
        serde_json::from_str(&fixture.text("var=count&format=json&na=keep").await).unwrap();
    assert_eq!(kept["rows"][3]["count"], Value::Null);
    let lines = fixture.text("var=latitude&format=ndjson").await;
    assert_eq!(
        lines,
        "{\"borehole\":\"b\",\"latitude\":50.5}\n{\"borehole\":\"a,1\",\"latitude\":50.7}\n"
    );
}

fn concat(batches: impl Iterator<Item = RecordBatch>) -> RecordBatch {
    let batches: Vec<_> = batches.collect();
    arrow_select::concat::concat_batches(&batches[0].schema(), &batches).unwrap()
}

fn check_batch(batch: &RecordBatch) {
    let schema = batch.schema();
    let temp = schema.field_with_name("temp").unwrap();
    assert_eq!(temp.data_type(), &DataType::Float32);
    assert_eq!(temp.metadata()["units"], "degree_Celsius");
    assert_eq!(temp.metadata()["long_name"], "Rock temperature");
    let column = |name: &str| Arc::clone(batch.column_by_name(name).unwrap());
    assert_eq!(batch.num_rows(), 12);
    assert_eq!(
        column("temp")
            .as_primitive::<Float32Type>()
            .iter()
            .flatten()
            .collect::<Vec<_>>(),
        [1.5, 2.25, 3.0, -4.0, 5.0]
    );
    assert_eq!(column("count").as_primitive::<Int32Type>().value(0), 10);
    assert_eq!(column("count").null_count(), 4);
    assert_eq!(column("borehole").as_string::<i32>().value(2), "a,1");
    assert_eq!(column("rock").as_string::<i32>().value(2), "granite");
    assert_eq!(column("note").as_string::<i32>().value(2), "");
}

#[tokio::test]
async fn arrow_has_types_units_and_nulls() {
    let fixture = boreholes().await;
    let bytes = fixture
        .bytes("var=temp,count,rock,note&format=arrow&na=keep")
        .await;
    let batch = concat(
        StreamReader::try_new(bytes.as_slice(), None)
            .unwrap()
            .map(Result::unwrap),
    );
    check_batch(&batch);
    assert_eq!(
        batch.column(0).data_type(),
        &DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))
    );
    assert_eq!(
        batch
            .column(0)
            .as_primitive::<TimestampSecondType>()
            .value(0),
        1_714_521_600
    );
}

#[tokio::test]
async fn parquet_has_types_units_and_nulls() {
    let fixture = boreholes().await;
    let bytes = Bytes::from(
        fixture
            .bytes("var=temp,count,rock,note&format=parquet&na=keep")
            .await,
    );
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    assert!(reader.metadata().num_row_groups() > 1, "one per block");
    let batch = concat(reader.build().unwrap().map(Result::unwrap));
    check_batch(&batch);
    assert_eq!(
        batch
            .column(0)
            .as_primitive::<TimestampMillisecondType>()
            .value(0),
        1_714_521_600_000
    );
}

#[tokio::test]
async fn an_empty_answer_still_has_its_columns() {
    let fixture = boreholes().await;
    let bytes = fixture.bytes("var=temp&format=arrow&sel.time=2025").await;
    let reader = StreamReader::try_new(bytes.as_slice(), None).unwrap();
    assert_eq!(reader.schema().fields().len(), 4);
    assert_eq!(reader.count(), 0);
    let bytes = Bytes::from(fixture.bytes("var=temp&format=parquet&sel.time=2025").await);
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    assert_eq!(reader.schema().fields().len(), 4);
    let nothing_yet = Fixture::new(super::BOREHOLES).await;
    assert_eq!(
        nothing_yet.text("var=temp").await,
        "time,borehole,depth,temp\n"
    );
}

#[tokio::test]
async fn composed_coordinates_appear_as_their_components() {
    let mut fixture = Fixture::new(
        r"
n:
  VARS:
    rain: {coords: [time, lat_lon], unit: mm}
    latitude: {coords: lat_lon, unit: deg}
    longitude: {coords: lat_lon, unit: deg}
  COORDS:
    time: {unit: {tick: h, tz: UTC}}
    lat_lon: {composed: [latitude, longitude]}
",
    )
    .await;
    fixture
        .fold("time,latitude,longitude,rain\n2024-05-01T00:00Z,50.8,14.8,1\n2024-05-01T00:00Z,50.9,14.8,2\n2024-05-01T01:00Z,50.9,14.8,3\n")
        .await;
    assert_eq!(
        fixture.text("").await,
        "time,latitude,longitude,rain\n\
         2024-05-01T00:00:00Z,50.8,14.8,1.0\n\
         2024-05-01T00:00:00Z,50.9,14.8,2.0\n\
         2024-05-01T01:00:00Z,50.9,14.8,3.0\n"
    );
    assert_eq!(
        fixture.text("sel.latitude=50.85/51&layout=wide").await,
        "time,\"rain[50.9,14.8]\"\n2024-05-01T00:00:00Z,2.0\n2024-05-01T01:00:00Z,3.0\n"
    );
    assert_eq!(
        fixture.text("var=latitude").await,
        "latitude,longitude\n50.8,14.8\n50.9,14.8\n"
    );
    let refusal = fixture
        .ask("sel.lat_lon=50.8")
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("`lat_lon` is composed: use `sel.latitude=`, `sel.longitude=`"),
        "{refusal}"
    );
}

#[tokio::test]
async fn every_type_is_printed_so_that_it_reads_back() {
    let mut fixture = Fixture::new(
        r"
n:
  VARS:
    f32: {coords: i, type: float32}
    f64: {coords: i, type: float64}
    i64: {coords: i, type: int64}
    u64: {coords: i, type: uint64}
    z: {coords: i, type: complex128}
    b: {coords: i, type: bool}
    t: {coords: i, unit: {tick: ms, tz: UTC}}
    d: {coords: i, unit: {tick: D, tz: UTC}}
  COORDS:
    i: {type: int32}
",
    )
    .await;
    fixture
        .fold(
            "i,f32,f64,i64,u64,z,b,t,d\n\
             1,0.1,0.1,-9223372036854775807,18446744073709551614,1+2j,true,2024-05-01T00:00:00.5Z,2024-05-01\n\
             2,16777216,1e300,,,,,,\n",
        )
        .await;
    assert_eq!(
        fixture.text("sel.i=1").await,
        "i,f32,f64,i64,u64,z,b,t,d\n\
         1,0.1,0.1,-9223372036854775807,18446744073709551614,1.0+2.0j,true,2024-05-01T00:00:00.500Z,2024-05-01T00:00:00Z\n"
    );
    let json: Value = serde_json::from_str(&fixture.text("sel.i=2&format=json").await).unwrap();
    let row = json!({"i": 2, "f32": 16_777_216.0, "f64": 1e300, "i64": null, "u64": null, "z": null, "b": null, "t": null, "d": null});
    assert_eq!(json["rows"][0], row);
    let arrow = fixture.bytes("format=arrow").await;
    let batch = concat(
        StreamReader::try_new(arrow.as_slice(), None)
            .unwrap()
            .map(Result::unwrap),
    );
    assert_eq!(
        batch
            .column_by_name("z")
            .unwrap()
            .as_struct()
            .column(1)
            .null_count(),
        0
    );
    assert_eq!(batch.column_by_name("z").unwrap().null_count(), 1);
    assert_eq!(
        batch
            .column_by_name("d")
            .unwrap()
            .as_primitive::<TimestampSecondType>()
            .value(0),
        1_714_521_600
    );
}

#[tokio::test]
async fn pages_continue_where_the_last_one_ended() {
    let mut fixture = boreholes().await;
    let page = fixture.ask("var=count&limit=2").await.unwrap();
    let cursor = page.cursor.clone().unwrap();
    assert_eq!(
        collect(page).await.split(|&byte| byte == b'\n').count(),
        4,
        "a header, two rows, an end"
    );
    let next = format!("var=count&cursor={cursor}");
    let rest = "time,borehole,count\n2024-05-01T12:00:00Z,b,12\n2024-06-01T00:00:00Z,\"a,1\",13\n";
    assert_eq!(fixture.text(&next).await, rest);
    // Appending does not disturb it, a value inserted before does.
    fixture.fold("time,borehole,count\n2024-07-01,b,14\n").await;
    assert_eq!(
        fixture.text(&next).await,
        format!("{rest}2024-07-01T00:00:00Z,b,14\n")
    );
    fixture.fold("time,borehole,count\n2024-04-01,b,15\n").await;
    let stale = fixture.ask(&next).await.unwrap_err().to_string();
    assert!(stale.contains("start again without `cursor`"), "{stale}");
}

#[test]
fn accept_headers_choose_the_format() {
    let check = |accept, expected| assert_eq!(Format::negotiate(accept), expected, "{accept:?}");
    check(None, Some(Format::Csv));
    check(Some("*/*"), Some(Format::Csv));
    check(Some("application/json"), Some(Format::Json));
    check(
        Some("text/html, application/vnd.apache.arrow.stream;q=0.9, */*;q=0.1"),
        Some(Format::Arrow),
    );
    check(Some("application/*"), Some(Format::Json));
    check(Some("image/png"), None);
    check(Some("text/csv;q=0"), None);
}
