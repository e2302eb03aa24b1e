//! The JSON Schema of the language against files that are right and wrong.

use std::path::Path;

use jsonschema::Validator;
use zarr_fuse_schemas::{Schema, json_schema};

fn validator() -> Validator {
    jsonschema::validator_for(&json_schema()).expect("a JSON Schema")
}

fn parse(text: &str) -> Schema {
    Schema::parse(text, "test.yaml", Path::new(".")).expect("a schema")
}

/// Run with `BLESS=1` to write the file again.
#[test]
fn the_checked_in_file_is_the_generated_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("dataset.schema.json");
    let generated = serde_json::to_string_pretty(&json_schema()).expect("JSON") + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).expect("written");
    }
    let checked_in = std::fs::read_to_string(&path).expect("schemas/dataset.schema.json");
    assert!(
        checked_in == generated,
        "run `BLESS=1 cargo test -p zarr-fuse-schemas --test json_schema`"
    );
}

#[test]
fn shipped_files_and_those_in_the_style_of_the_prototype_are_valid() {
    let validator = validator();
    for file in [
        "weather.yaml",
        "boreholes.yaml",
        "tests/fixtures/prototype/gauges.yaml",
        "tests/fixtures/prototype/wells.yaml",
    ] {
        let schema = Schema::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect(file);
        let errors: Vec<String> = validator
            .iter_errors(&schema.to_json())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{file}: {errors:#?}");
    }
}

#[test]
fn every_spelling_of_the_language_is_valid() {
    let validator = validator();
    for spelling in [
        "VARS: {x: {coords: t, codec: {zstd: 19}, merge: first, range: {interval: [null, 5]}}}",
        "VARS: {x: {coords: [t], type: 'str[12]', description: 5}}",
        "VARS: {x: {coords: t, type: 'datetime64[s]', range: {interval: ['2020-01-01', null]}}}",
        "VARS: {x: {coords: t, range: {discrete: [a, 1, true]}}}",
        "COORDS: {t: {unit: {tick: s, tz: CET, format: '%H', fold: later, dayfirst: yes, yearfirst: false}}}",
        "COORDS: {t: {step_limits: 5}}\n",
        "COORDS: {t: {unit: {tick: s}, step_limits: 15 min}}",
        "COORDS: {t: {unit: {tick: s}, step_limits: {start: 1, end: 2, unit: h}}}",
        "COORDS: {t: {step_limits: null, sorted: [], chunk_size: None}}",
        "a: {b.c d: {ATTRS: {any: [1, {x: y}]}}, e: null}",
    ] {
        let json = parse(spelling).to_json();
        // `yes` is true to people who know YAML 1.1, and a text to JSON Schema.
        let json =
            serde_json::from_str(&json.to_string().replace("\"yes\"", "true")).expect("JSON");
        assert!(validator.is_valid(&json), "{spelling}");
    }
}

#[test]
fn broken_files_are_invalid() {
    let validator = validator();
    for broken in [
        serde_json::json!({"VARS": {"x": {"coords": "t", "untis": "m"}}}),
        serde_json::json!({"VARS": {"x": {"coords": "t", "type": "flaot"}}}),
        serde_json::json!({"VARS": {"x": {"coords": ["t", "t"]}}}),
        serde_json::json!({"VARS": {"x": {"coords": "t", "unit": ["m"]}}}),
        serde_json::json!({"VARS": {"x": {"coords": "t", "merge": "mean"}}}),
        serde_json::json!({"VARS": {"x": {"coords": "t", "codec": {"zstd": 99}}}}),
        serde_json::json!({"VARS": {".x": {"coords": "t"}}}),
        serde_json::json!({"COORDS": {"t": {"unit": {"tick": "fortnight"}}}}),
        serde_json::json!({"COORDS": {"t": {"chunk_size": 0}}}),
        serde_json::json!({"ATTRS": {"STORE_URL": ["s3://b"]}}),
        serde_json::json!({"a/b": {}}),
        serde_json::json!({"a": {"c": {}}}),
        serde_json::json!({"a": "text"}),
        serde_json::json!([]),
    ] {
        assert!(!validator.is_valid(&broken), "{broken}");
        assert!(
            Schema::parse(&broken.to_string(), "test.yaml", Path::new(".")).is_err(),
            "{broken}"
        );
    }
}
