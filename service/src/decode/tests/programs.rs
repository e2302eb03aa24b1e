//! The programs that ship, on inputs of the forms they are for.

use std::path::Path;

use serde_json::{Value, json};

use super::super::{Content, decode};
use super::{decoding, show, variables};

fn check(builtin: &str, input: &Value, vars: Value, expected: &str) {
    let decoder = decoding(json!({"extract": {"builtin": builtin}}))
        .prepare(Path::new("."))
        .unwrap();
    let content = Content {
        content_type: "application/json".to_owned(),
        content_encoding: None,
    };
    let table = decode(
        input.to_string().as_bytes(),
        &content,
        &decoder,
        &variables(vars),
    )
    .unwrap();
    assert_eq!(show(&table.frame), expected);
}

fn forecast() -> Value {
    json!({
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [14.5, 50.25, 300]},
        "properties": {"meta": {"updated_at": "2025-01-01T00:00:00Z"}, "timeseries": [
            {"time": "2025-01-01T01:00:00Z", "data": {
                "instant": {"details": {"air_temperature": -1.5, "wind_speed": 2}},
                "next_1_hours": {"details": {"precipitation_amount": 0.3}},
                "next_6_hours": {"details": {"precipitation_amount": 9.9}}}},
            {"time": "2025-01-03T00:00:00Z", "data": {
                "instant": {"details": {"air_temperature": 0.5, "wind_speed": 3.5}},
                "next_6_hours": {"details": {"precipitation_amount": 9.9}}}},
        ]}
    })
}

#[test]
fn a_forecast_gives_a_record_per_time_with_the_rain_of_the_next_hour() {
    check(
        "yrno-locationforecast",
        &forecast(),
        json!({}),
        "date_time:str | latitude:f64 | longitude:f64 | air_temperature:f64 | wind_speed:f64 | precipitation_amount:f64\n\
         \"2025-01-01T01:00:00Z\" | 50.25 | 14.5 | -1.5 | 2.0 | 0.3\n\
         \"2025-01-03T00:00:00Z\" | 50.25 | 14.5 | 0.5 | 3.5 | -",
    );
}

#[test]
fn a_forecast_stands_where_the_request_says() {
    check(
        "yrno-locationforecast",
        &forecast(),
        json!({"latitude": "50.86", "longitude": 14.89}),
        "date_time:str | latitude:f64 | longitude:f64 | air_temperature:f64 | wind_speed:f64 | precipitation_amount:f64\n\
         \"2025-01-01T01:00:00Z\" | 50.86 | 14.89 | -1.5 | 2.0 | 0.3\n\
         \"2025-01-03T00:00:00Z\" | 50.86 | 14.89 | 0.5 | 3.5 | -",
    );
}

fn boreholes() -> Value {
    json!({
        "B1": [{"date": "2024-05-01T00:00:00+00:00", "0.5m": 9.25, "15mA": 11, "15mB": 12.5, "rezerva": 3,
                "air_humidity": 95, "air_temp": 8.5}],
        "B2": [{"date": "2024-05-01T00:15:00+00:00", "0.5m": -7.77, "15mA": -7.77, "15mB": 12.75, "rezerva": -7.77,
                "air_humidity": -7.77, "air_temp": -7.77}],
    })
}

const BOREHOLE_HEAD: &str =
    "date_time:str | borehole:str | depth:f64 | rock_temp:f64 | air_temp:f64 | air_humidity:i64";

#[test]
fn borehole_records_give_a_row_per_depth_and_air_at_the_mouth() {
    check(
        "borehole-records",
        &boreholes(),
        json!({}),
        &format!(
            "{BOREHOLE_HEAD}\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 0.0 | - | 8.5 | 95\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 0.5 | 9.25 | - | -\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 15.0 | 11.0 | - | -\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 0.0 | - | - | -\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 0.5 | - | - | -\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 15.0 | - | - | -"
        ),
    );
}

#[test]
fn the_other_sensor_of_a_depth_and_another_mark_for_absent_can_be_asked_for() {
    check(
        "borehole-records",
        &boreholes(),
        json!({"sensor": "B", "absent": 9.25}),
        &format!(
            "{BOREHOLE_HEAD}\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 0.0 | - | 8.5 | 95\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 0.5 | - | - | -\n\
             \"2024-05-01T00:00:00+00:00\" | \"B1\" | 15.0 | 12.5 | - | -\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 0.0 | - | -7.77 | -7.77\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 0.5 | -7.77 | - | -\n\
             \"2024-05-01T00:15:00+00:00\" | \"B2\" | 15.0 | 12.75 | - | -"
        )
        .replace("air_humidity:i64", "air_humidity:f64")
        .replace("| 95", "| 95.0"),
    );
}

#[test]
fn sensor_series_give_a_row_per_value() {
    check(
        "sensor-series",
        &json!([
            {"borehole": "B1", "depth": 2, "times": ["t1", "t2"], "values": [1.5, null]},
            {"borehole": "B1", "depth": 0, "quantity": "air_temp", "values": [["t1", 7]]},
        ]),
        json!({}),
        "date_time:str | borehole:str | depth:i64 | rock_temp:f64 | air_temp:i64\n\
         \"t1\" | \"B1\" | 2 | 1.5 | -\n\"t2\" | \"B1\" | 2 | - | -\n\"t1\" | \"B1\" | 0 | - | 7",
    );
    check(
        "sensor-series",
        &json!({"S1": {"depth": 1, "values": [["t1", 7]]}}),
        json!({"quantity": "temp"}),
        "date_time:str | sensor:str | depth:i64 | temp:i64\n\"t1\" | \"S1\" | 1 | 7",
    );
    check("sensor-series", &json!({"series": []}), json!({}), "");
}

#[test]
fn series_with_more_times_than_values_are_refused() {
    let decoder = decoding(json!({"extract": {"builtin": "sensor-series"}}))
        .prepare(Path::new("."))
        .unwrap();
    let content = Content {
        content_type: "application/json".to_owned(),
        content_encoding: None,
    };
    let input = br#"[{"borehole": "B1", "times": ["t1", "t2"], "values": [1]}]"#;
    let refused = decode(input, &content, &decoder, &variables(json!({}))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the extraction program failed after 0 outputs: series {\"borehole\":\"B1\"} has 2 times but 1 values"
    );
}
