//! Steps in their order, lookups, and files of the configuration.

use std::path::Path;

use serde_json::{Value, json};

use super::super::{Content, DecodeSetupError, Decoder, Decoding, decode};
use super::{decoding, show, variables};

const STATIONS: &str =
    "code, name,GPS\n T1,Hill,\"49.45, 16.23\"\nT2,Dale,\"49.44,16.24\"\n7,Seven,\"1,2\"\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stations.csv"), STATIONS).unwrap();
    std::fs::write(folder.path().join("rows.jq"), ".rows[]").unwrap();
    folder
}

fn prepared(configuration: Value) -> Result<Decoder, DecodeSetupError> {
    decoding(configuration).prepare(folder().path())
}

fn setup_refused(configuration: Value) -> String {
    prepared(configuration).unwrap_err().to_string()
}

fn check(configuration: Value, content_type: &str, payload: &str, expected: Result<&str, &str>) {
    let content = Content {
        content_type: content_type.to_owned(),
        content_encoding: None,
    };
    let table = decode(
        payload.as_bytes(),
        &content,
        &prepared(configuration).unwrap(),
        &variables(json!({"year": 2024})),
    );
    let shown = table
        .map(|table| show(&table.frame))
        .map_err(|error| error.to_string());
    assert_eq!(shown, expected.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn a_lookup_adds_columns_and_leaves_nulls_where_nothing_agrees() {
    check(
        json!({"lookup": [{"file": "stations.csv", "on": {"station": "code"}, "take": ["name"]}]}),
        "text/csv",
        "station,v\nT2,1\nT9,2\n,3\nT1,4\n",
        Ok(
            "station:str | v:str | name:str\n\"T2\" | \"1\" | \"Dale\"\n\"T9\" | \"2\" | -\n- | \"3\" | -\n\"T1\" | \"4\" | \"Hill\"",
        ),
    );
}

#[test]
fn a_lookups_column_of_pairs_is_split_and_numbers_agree_with_their_text() {
    let lookup = json!({"file": "stations.csv", "on": {"station": "code"}, "split": {"GPS": {"at": ",", "into": ["lat", "lon"]}}});
    check(
        json!({"lookup": [lookup]}),
        "application/json",
        r#"[{"station": 7.0}, {"station": 7.5}]"#,
        Ok(
            "station:f64 | name:str | lat:str | lon:str\n7.0 | \"Seven\" | \"1\" | \"2\"\n7.5 | - | - | -",
        ),
    );
}

#[test]
fn the_steps_run_in_their_order() {
    let configuration = json!({
        "extract": {"file": "rows.jq"},
        "lookup": [{"file": "stations.csv", "on": {"s": "code"}, "take": ["name"]}],
        "rename": {"name": "station"},
        "set": {"s": "${year}"},
        "unpivot": {"name": "depth", "value": "temp", "name_pattern": "d([0-9]+)"},
    });
    check(
        configuration,
        "application/json",
        r#"{"rows": [{"s": "T1", "d1": 5, "d2": 6.5}]}"#,
        Ok(
            "s:i64 | station:str | depth:str | temp:f64\n2024 | \"Hill\" | \"1\" | 5.0\n2024 | \"Hill\" | \"2\" | 6.5",
        ),
    );
}

#[test]
fn an_empty_body_stays_empty_through_all_steps() {
    let configuration = json!({
        "lookup": [{"file": "stations.csv", "on": {"s": "code"}}], "rename": {"a": "b"}, "set": {"s": 1},
        "unpivot": {"name": "depth", "value": "temp", "columns": ["x"]},
    });
    check(configuration, "text/csv", "", Ok(""));
}

#[test]
fn a_lookup_that_does_not_fit_the_table_is_refused() {
    let lookup = |lookup: Value| json!({"lookup": [lookup]});
    check(
        lookup(json!({"file": "stations.csv", "on": {"station": "code"}})),
        "text/csv",
        "x,y\n1,2\n",
        Err("`lookup.on` names column `station`, which is not there; there are `x`, `y`"),
    );
    check(
        lookup(json!({"file": "stations.csv", "on": {"x": "code"}, "take": "all"})),
        "text/csv",
        "x,name\n1,2\n",
        Err("`lookup.take` gives column `name`, which is there already; rename one of them"),
    );
}

#[test]
fn a_lookup_that_cannot_be_is_refused_with_its_key() {
    let refused = |lookup: Value| setup_refused(json!({"lookup": [lookup]}));
    assert_eq!(
        refused(json!({"file": "stations.csv", "on": {"s": "id"}})),
        "`lookup[0].on`: `id` is not a column of `stations.csv`; it has `code`, `name`, `GPS`"
    );
    assert_eq!(
        refused(json!({"file": "stations.csv", "on": {"s": "code"}, "take": ["x"]})),
        "`lookup[0].take`: `x` is not a column of `stations.csv`; it has `code`, `name`, `GPS`"
    );
    assert_eq!(
        refused(json!({"file": "stations.csv", "on": {}})),
        "`lookup[0].on`: names no column; write `on: {<column>: <column of the file>}`"
    );
    assert_eq!(
        refused(
            json!({"file": "stations.csv", "on": {"s": "code"}, "split": {"name": {"at": ",", "into": ["a", "b"]}}})
        ),
        "`lookup[0].split.name`: row 1 gives 1 values, not 2; correct `Hill`"
    );
}

#[test]
fn two_rows_of_a_lookup_with_one_key_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("twice.csv"),
        "a,b,v\n1,2,x\n1,3,y\n1,2,z\n",
    )
    .unwrap();
    let configuration = json!({"lookup": [{"file": "twice.csv", "on": {"x": "a", "y": "b"}}]});
    assert_eq!(
        decoding(configuration)
            .prepare(folder.path())
            .unwrap_err()
            .to_string(),
        "`lookup[0]`: rows 1 and 3 of `twice.csv` have the same key `1, 2`; remove one"
    );
}

#[test]
fn files_cannot_leave_the_folder_of_the_configuration() {
    let outer = tempfile::tempdir().unwrap();
    std::fs::write(outer.path().join("secret.csv"), "a,b\n1,2\n").unwrap();
    let inner = outer.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::os::unix::fs::symlink(outer.path().join("secret.csv"), inner.join("link.csv")).unwrap();
    std::os::unix::fs::symlink(outer.path(), inner.join("up")).unwrap();
    let absolute = outer
        .path()
        .join("secret.csv")
        .to_string_lossy()
        .into_owned();
    for file in [
        "../secret.csv",
        "up/secret.csv",
        "link.csv",
        "./../secret.csv",
        "",
        absolute.as_str(),
    ] {
        let refused = decoding(json!({"lookup": [{"file": file, "on": {"a": "a"}}]}))
            .prepare(&inner)
            .unwrap_err();
        assert!(
            matches!(refused, DecodeSetupError::OutsideFolder { .. }),
            "{file}: {refused}"
        );
        let refused = decoding(json!({"extract": {"file": file}}))
            .prepare(&inner)
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "`extract.file`: `{file}` must lie in the folder of the configuration: no absolute path, no `..`, no link out of it"
            )
        );
    }
    let missing = decoding(json!({"extract": {"file": "none.jq"}}))
        .prepare(&inner)
        .unwrap_err();
    assert!(matches!(missing, DecodeSetupError::Unreadable { .. }));
}

#[test]
fn unknown_programs_are_refused_with_those_there_are() {
    assert_eq!(
        setup_refused(json!({"extract": {"builtin": "yrno"}})),
        "`extract.builtin`: `yrno` does not exist; there are yrno-locationforecast, borehole-records, sensor-series, things-stack-uplink, chirpstack-uplink, sensorthings-create-observations"
    );
}

#[test]
fn a_configuration_in_yaml_is_read_and_unknown_keys_are_refused() {
    let yaml = "
csv: {delimiter: ';', header: 2, null_values: [NA]}
extract: {builtin: borehole-records}
lookup:
  - file: stations.csv
    on: {station: code}
    take: all
set: {site: '${site}', level: 1.5}
unpivot: {columns: [a, b], name: depth, value: temp}
limits: {max_program_steps: 1000}
";
    let decoding: Decoding = serde_saphyr::from_str(yaml).unwrap();
    assert_eq!(
        serde_json::from_value::<Decoding>(serde_json::to_value(&decoding).unwrap()).unwrap(),
        decoding
    );
    assert!(decoding.prepare(folder().path()).is_ok());
    let error = serde_saphyr::from_str::<Decoding>("csv: {delimeter: ';'}")
        .unwrap_err()
        .to_string();
    assert!(error.contains("delimeter"), "{error}");
}

#[test]
fn every_key_of_the_configuration_is_described() {
    fn undescribed(schema: &Value, path: &str, found: &mut Vec<String>) {
        for (key, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            if property.get("description").is_none() {
                found.push(format!("{path}.{key}"));
            }
        }
        for (name, definition) in schema
            .get("$defs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            undescribed(definition, name, found);
        }
    }
    let mut found = Vec::new();
    undescribed(
        &schemars::schema_for!(Decoding).to_value(),
        "decode",
        &mut found,
    );
    assert_eq!(found, Vec::<String>::new());
    assert!(
        Decoding::default().prepare(Path::new("/nowhere")).is_ok(),
        "nothing is read unless it is named"
    );
}
