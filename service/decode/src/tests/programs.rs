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

/// As in the documentation of The Things Stack, "Data formats", shortened.
fn things_stack_uplink() -> Value {
    json!({
        "end_device_ids": {
            "device_id": "dev1", "application_ids": {"application_id": "app1"},
            "dev_eui": "0004A30B001C0530", "join_eui": "800000000000000C", "dev_addr": "00BCB929"},
        "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"],
        "received_at": "2020-02-12T15:15:45.787Z",
        "uplink_message": {
            "session_key_id": "AXBSH1Pk6Z0G166Cfyrjmg==", "f_port": 15, "f_cnt": 1, "frm_payload": "AQ==",
            "decoded_payload": {"temperature": 1.0, "air": {"humidity": 64}, "depths": [1.5, 2.5]},
            "rx_metadata": [
                {"gateway_ids": {"gateway_id": "gtw1", "eui": "9C5C8E00001A05C4"}, "rssi": -35, "channel_rssi": -35, "snr": 5.2},
                {"gateway_ids": {"gateway_id": "gtw2"}, "rssi": -100, "snr": -3.5}],
            "settings": {"data_rate": {"lora": {"bandwidth": 125_000, "spreading_factor": 7}}, "frequency": "868300000"},
            "received_at": "2020-02-12T15:15:45.581673Z",
            "locations": {"user": {"latitude": 49.5, "longitude": 16.25, "altitude": 350, "source": "SOURCE_REGISTRY"}},
        }
    })
}

#[test]
fn an_uplink_of_the_things_stack_gives_a_record_of_its_payload() {
    check(
        "things-stack-uplink",
        &things_stack_uplink(),
        json!({}),
        "received_at:str | device_id:str | application_id:str | dev_eui:str | f_port:i64 | f_cnt:i64 | rssi:i64 | snr:f64 | latitude:f64 | longitude:f64 | altitude:i64 | temperature:f64 | air.humidity:i64 | depths.0:f64 | depths.1:f64\n\
         \"2020-02-12T15:15:45.787Z\" | \"dev1\" | \"app1\" | \"0004A30B001C0530\" | 15 | 1 | -35 | 5.2 | 49.5 | 16.25 | 350 | 1.0 | 64 | 1.5 | 2.5",
    );
    let join =
        json!({"end_device_ids": {"device_id": "dev1"}, "join_accept": {"session_key_id": "x"}});
    check("things-stack-uplink", &join, json!({}), "");
}

#[test]
fn what_a_device_sends_does_not_take_the_names_of_the_network() {
    let mut uplink = things_stack_uplink();
    let message = &mut uplink["uplink_message"];
    message["decoded_payload"] = json!({"rssi": -51, "latitude": 1.5, "longitude": 2.5, "t": null});
    check(
        "things-stack-uplink",
        &uplink,
        json!({}),
        "received_at:str | device_id:str | application_id:str | dev_eui:str | f_port:i64 | f_cnt:i64 | rssi:i64 | snr:f64 | latitude:f64 | longitude:f64 | altitude:i64 | payload.rssi:i64 | payload.latitude:f64 | payload.longitude:f64 | t:str\n\
         \"2020-02-12T15:15:45.787Z\" | \"dev1\" | \"app1\" | \"0004A30B001C0530\" | 15 | 1 | -35 | 5.2 | 49.5 | 16.25 | 350 | -51 | 1.5 | 2.5 | -",
    );
    // A tracker is where it says, unless the network knows better.
    let message = &mut uplink["uplink_message"];
    message["locations"] = json!(null);
    message["decoded_payload"] = json!({"latitude": 1.5, "longitude": 2.5});
    check(
        "things-stack-uplink",
        &uplink,
        json!({}),
        "received_at:str | device_id:str | application_id:str | dev_eui:str | f_port:i64 | f_cnt:i64 | rssi:i64 | snr:f64 | latitude:f64 | longitude:f64 | altitude:str | payload.latitude:f64 | payload.longitude:f64\n\
         \"2020-02-12T15:15:45.787Z\" | \"dev1\" | \"app1\" | \"0004A30B001C0530\" | 15 | 1 | -35 | 5.2 | 1.5 | 2.5 | - | 1.5 | 2.5",
    );
}

#[test]
fn an_uplink_that_is_not_decoded_says_what_to_do() {
    let mut uplink = things_stack_uplink();
    let message = uplink["uplink_message"].as_object_mut().unwrap();
    message.remove("decoded_payload");
    let decoder = decoding(json!({"extract": {"builtin": "things-stack-uplink"}}))
        .prepare(Path::new("."))
        .unwrap();
    let content = Content {
        content_type: "application/json".to_owned(),
        content_encoding: None,
    };
    let bytes = uplink.to_string();
    let refused = decode(bytes.as_bytes(), &content, &decoder, &variables(json!({}))).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the extraction program failed after 0 outputs: the uplink of device dev1 is not decoded; add a payload formatter in The Things Stack"
    );
}

#[test]
fn an_uplink_of_chirpstack_gives_a_record_of_its_payload() {
    // As in the documentation of ChirpStack 4, "Event types", shortened, with a decoded payload.
    let up = json!({
        "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
        "time": "2022-07-18T09:34:15.775023242+00:00",
        "deviceInfo": {
            "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242", "tenantName": "ChirpStack",
            "applicationId": "17c82e96-be03-4f38-aef3-f83d48582d97", "applicationName": "Test application",
            "deviceProfileName": "Test device-profile", "deviceName": "Test device",
            "devEui": "0101010101010101", "tags": {"key": "value"}},
        "devAddr": "00189440", "dr": 1, "fPort": 1, "fCnt": 7, "data": "qg==",
        "object": {"temperatureSensor": {"1": 25, "2": 32}, "ok": true},
        "rxInfo": [{"gatewayId": "0016c001f153a14c", "uplinkId": 4_217_106_255_u32, "rssi": -36, "snr": 10.5}],
        "txInfo": {"frequency": 867_100_000}
    });
    check(
        "chirpstack-uplink",
        &up,
        json!({}),
        "time:str | deviceName:str | devEui:str | applicationName:str | fPort:i64 | fCnt:i64 | rssi:i64 | snr:f64 | temperatureSensor.1:i64 | temperatureSensor.2:i64 | ok:bool\n\
         \"2022-07-18T09:34:15.775023242+00:00\" | \"Test device\" | \"0101010101010101\" | \"Test application\" | 1 | 7 | -36 | 10.5 | 25 | 32 | true",
    );
    check("chirpstack-uplink", &up, json!({"event": "join"}), "");
}

#[test]
fn observations_of_sensorthings_give_a_record_each() {
    // As in the standard (OGC 15-078r6, data array extension), with an interval and a MultiDatastream.
    let posted = json!([
        {"Datastream": {"@iot.id": 1}, "components": ["phenomenonTime", "result", "FeatureOfInterest/id"],
         "dataArray@iot.count": 2,
         "dataArray": [["2010-12-23T10:20:00-0700", 20, 1], ["2010-12-23T10:21:00-0700/2010-12-23T10:22:00-0700", 30, 1]]},
        {"MultiDatastream": {"@iot.id": 2}, "components": ["phenomenonTime", "result"],
         "dataArray": [["2010-12-23T10:20:00Z", [65, 0.5]]]},
    ]);
    check(
        "sensorthings-create-observations",
        &posted,
        json!({}),
        "datastream:i64 | phenomenonTime:str | result:i64 | FeatureOfInterest/id:i64 | phenomenonEnd:str | result.0:i64 | result.1:f64\n\
         1 | \"2010-12-23T10:20:00-0700\" | 20 | 1 | - | - | -\n\
         1 | \"2010-12-23T10:21:00-0700\" | 30 | 1 | \"2010-12-23T10:22:00-0700\" | - | -\n\
         2 | \"2010-12-23T10:20:00Z\" | - | - | - | 65 | 0.5",
    );
}
