use zarr_fuse_schemas::Schema;

use super::*;

fn draft(name: &str, payload: &[u8], wishes: &Wishes) -> Result<Draft, DraftError> {
    let file = Path::new(name);
    super::draft(payload, &decode::content_of_file(file), file, wishes)
}

fn of(name: &str, text: &str) -> Draft {
    let draft = draft(name, text.as_bytes(), &Wishes::default()).unwrap();
    if let Err(error) = Schema::parse(&draft.schema, "draft.yaml", Path::new(".")) {
        panic!("{error:?}\n{}", draft.schema);
    }
    draft
}

fn lines(draft: &Draft) -> Vec<&str> {
    let declared = draft.schema.lines().filter(|line| line.starts_with("    "));
    declared.map(str::trim).collect()
}

#[test]
fn a_plain_table_is_a_schema() {
    let draft = of(
        "Soil 1.csv",
        "time,station,Temp [°C],ok\n2024-05-01T00:00:00Z,A,1.5,true\n2024-05-01T00:00:00Z,B,2.5,false\n",
    );
    assert_eq!(draft.node, "soil_1");
    assert!(draft.decode.is_empty() && draft.questions.is_empty());
    assert_eq!(
        lines(&draft),
        [
            "time: {unit: {tick: s}}",
            "station: {type: str, sorted: false}",
            "temp: {coords: [time, station], unit: degC, df_col: \"Temp [°C]\"}",
            "ok: {coords: [time, station], type: bool}",
        ]
    );
}

#[test]
fn headings_units_and_decimal_commas_are_found() {
    let draft = of(
        "log.csv",
        "Station report\nserial;123\nDate;Temp;Hum\n;°C;%\n31.12.2023 23:00;1,5;80\n01.01.2024 00:00;2,5;81\n01.01.2024 01:00;2,5;82\n",
    );
    assert_eq!(
        serde_json::Value::Object(draft.decode.clone()),
        serde_json::json!({"csv": {"header": 3, "skip_after_header": 1, "decimal_comma": true}})
    );
    assert!(
        lines(&draft)[0].starts_with(
            "time: {unit: {tick: s}, source_unit: {tick: s, tz: UTC, format: \"%d.%m.%Y %H:%M\"}, df_col: Date}  # ?"
        ),
        "{}",
        draft.schema
    );
}

#[test]
fn dates_that_may_be_read_in_two_ways_are_a_question() {
    let text = "time,x\n03.04.2021 10:00:00,1\n04.04.2021 10:00:00,2\n";
    let draft = of("a.csv", text);
    let [question] = draft.questions.as_slice() else {
        panic!("{:?}", draft.questions)
    };
    assert_eq!(
        question.cells,
        ["03.04.2021 10:00:00", "04.04.2021 10:00:00"]
    );
    let read: Vec<&str> = question
        .readings
        .iter()
        .map(|reading| reading.cells[0].as_str())
        .collect();
    assert_eq!(read, ["2021-04-03T10:00:00", "2021-03-04T10:00:00"]);
    assert!(
        !lines(&draft)[0]
            .split('#')
            .next()
            .unwrap()
            .contains("format")
    );
    let wishes = Wishes {
        order: Some(Order::DayFirst),
        ..Wishes::default()
    };
    let told = self::draft("a.csv", text.as_bytes(), &wishes).unwrap();
    assert!(told.questions.is_empty());
    assert!(told.schema.contains("format: \"%d.%m.%Y %H:%M:%S\""));
}

#[test]
fn a_file_without_names_says_so() {
    let draft = of(
        "a.csv",
        "2024-05-01T00:00:00Z,1.5\n2024-05-01T01:00:00Z,2.5\n",
    );
    assert_eq!(
        serde_json::Value::Object(draft.decode.clone()),
        serde_json::json!({"csv": {"header": false}})
    );
    assert!(lines(&draft)[1].starts_with("column_2: {coords: [time]}"));
}

#[test]
fn a_file_without_times_is_refused_with_its_columns() {
    let error = draft("a.csv", b"a,b\n1,2\n", &Wishes::default()).unwrap_err();
    assert!(error.to_string().contains("`a`, `b`"), "{error}");
}

#[test]
fn templates_are_sound() {
    for template in TEMPLATES {
        let loaded = Schema::parse(template.schema, "t.yaml", Path::new("."));
        assert!(loaded.is_ok(), "{}: {loaded:?}", template.name);
        let draft = like(template.name).unwrap();
        let decoding: Decoding = serde_json::from_value(Json::Object(draft.decode)).unwrap();
        assert!(
            decoding.prepare(Path::new(".")).is_ok(),
            "{}",
            template.name
        );
    }
}

#[test]
fn rows_that_would_be_lost_are_told() {
    let draft = of(
        "a.csv",
        "Date,Time,x\n2024-05-01,10:00,1\n2024-05-01,10:10,2\n",
    );
    let is_joined = draft.decode.contains_key("join");
    assert!(
        is_joined || draft.doubts[0].contains("a column of its own, `Time`"),
        "{draft:?}"
    );
    let draft = of(
        "a.csv",
        "time,x\n2024-10-27 02:00:00,1\n2024-10-27 02:00:00,2\n",
    );
    assert!(
        draft.doubts[0].contains("several rows have the same `time`"),
        "{draft:?}"
    );
}

#[test]
fn words_among_numbers_are_no_values() {
    let draft = of(
        "a.csv",
        "time,x\n2024-05-01T00:00:00Z,1\n2024-05-01T01:00:00Z,---\n2024-05-01T02:00:00Z,3\n",
    );
    assert_eq!(
        draft.decode["csv"]["null_values"],
        serde_json::json!(["---"])
    );
    assert!(lines(&draft)[1].starts_with("x: {coords: [time]}"));
}

#[test]
fn names_of_loggers_tell_offsets_and_units() {
    let draft = of(
        "hobo.csv",
        "Plot Title: a\n#,\"Date Time, GMT+02:00\",\"Temp, °C (LGR S/N: 100)\",Host (LGR S/N: 100)\n1,2024-05-01 00:00:00,1.5,\n2,2024-05-01 00:10:00,2.5,1\n",
    );
    let all = lines(&draft);
    assert!(all[0].contains("tz: \"+02:00\""), "{all:?}");
    assert!(
        all[2].starts_with("temp: {coords: [time], unit: degC,"),
        "{all:?}"
    );
    assert!(all[3].starts_with("host: "), "{all:?}");
}

#[test]
fn what_services_post_is_read_by_their_programs() {
    let wishes = Wishes::default();
    let document = br#"{"end_device_ids": {"device_id": "a"}, "received_at": "2024-05-01T10:00:00Z", "uplink_message": {"decoded_payload": {"t": 1.5}}}"#;
    let draft = self::draft("up.json", document, &wishes).unwrap();
    assert_eq!(draft.decode["extract"]["builtin"], "things-stack-uplink");
    assert!(
        draft.schema.contains("t: {coords: [time"),
        "{}",
        draft.schema
    );
}

#[test]
fn dates_without_marks_and_columns_aligned_with_blanks_are_found() {
    let compact = of(
        "dwd.csv",
        "STATION;MESS_DATUM;TT\n44;2024050112;11.4\n44;2024050113;12.5\n",
    );
    assert!(
        compact.schema.contains("format: \"%Y%m%d%H\""),
        "{}",
        compact.schema
    );
    let aligned = of(
        "buoy.txt",
        "time               wind  wave\n2024-05-01T00:00Z   4.5   1.2\n2024-05-01T01:00Z  12.0   0.8\n",
    );
    assert_eq!(
        serde_json::Value::Object(aligned.decode.clone()),
        serde_json::json!({"csv": {"delimiter": "blanks"}})
    );
    assert_eq!(lines(&aligned).len(), 3, "{}", aligned.schema);
    // A number of eight digits may be anything.
    let numbered = of(
        "n.csv",
        "time,id\n2024-05-01T00:00Z,20240501\n2024-05-01T01:00Z,20240502\n",
    );
    assert!(!numbered.schema.contains("%Y%m%d"), "{}", numbered.schema);
}

#[test]
fn a_compressed_table_is_laid_out_as_the_table_is() {
    let text = "date;x\n2024-05-01;1,5\n2024-05-02;2,5\n";
    let plain = of("a.csv", text);
    let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let draft = draft("a.csv.zst", &packed, &Wishes::default()).unwrap();
    assert!(!plain.decode.is_empty());
    assert_eq!(draft.decode, plain.decode);
}

#[test]
fn what_a_file_says_stays_in_its_line() {
    let draft = of("a\nb: {}.csv", "time,x\n2024-05-01T00:00:00Z,1\n");
    assert!(
        draft
            .schema
            .starts_with("# Drafted by zarr-fuse from a b: {}.csv, 1 rows."),
        "{}",
        draft.schema
    );
    // White space of dates may be a line break.
    let document =
        br#"[{"time": "03.04.21\n10:00", "x\ny": 1}, {"time": "04.04.21\n10:00", "x\ny": 2}]"#;
    let draft = self::draft("a.json", document, &Wishes::default()).unwrap();
    let loaded = Schema::parse(&draft.schema, "draft.yaml", Path::new("."));
    let said = loaded.err().map(|error| error.to_string());
    // The question alone is open.
    assert!(
        said.is_none_or(|said| said.contains("format")),
        "{}",
        draft.schema
    );
    assert_eq!(draft.questions.len(), 1);
}

#[test]
fn times_without_an_offset_are_told() {
    let draft = of("a.csv", "time,x\n2024-05-01 10:00,1\n2024-05-01 11:00,2\n");
    let [unzoned] = draft.unzoned.as_slice() else {
        panic!("{:?}", draft.unzoned)
    };
    assert_eq!(unzoned.column, "time");
    assert_eq!(unzoned.cells, ["2024-05-01 10:00", "2024-05-01 11:00"]);
    let wishes = Wishes {
        zone: Some("Europe/Prague".to_owned()),
        ..Wishes::default()
    };
    let told = self::draft("a.csv", b"time,x\n2024-05-01 10:00,1\n", &wishes).unwrap();
    assert!(told.unzoned.is_empty());
}
