//! What xarray and zarr read is what the source files say, by a computation that knows nothing of the service.

use crate::workspace::{Workspace, shared_data};

/// Endpoints for the forms in which the files come.
const CONFIG: &str = r#"
datasets: {SCHEMA: {schema: SCHEMA.yaml}}
endpoints:
  forecasts: {node: yr.no, decode: {extract: {builtin: yrno-locationforecast}}}
  boreholes: {node: NODE, decode: {extract: {builtin: borehole-records}}}
  locations:
    node: NODE
    decode:
      lookup:
        - file: LOCATIONS
          on: {profile_code: profile_code}
          split: {GPS: {at: ",", into: [latitude, longitude]}}
          take: [latitude, longitude]
      rename: {profile_code: borehole}
"#;

/// Ingests `files` (endpoint, kind, file) one command each, verifies, and compares what Python reads.
fn check(
    workspace: &Workspace,
    schema: &str,
    node: &str,
    locations: &str,
    files: &[(&str, &str, &str)],
) {
    let config = CONFIG
        .replace("SCHEMA", schema)
        .replace("NODE", node)
        .replace("LOCATIONS", locations);
    workspace.write("zarr-fuse.yaml", &config);
    assert_eq!(
        workspace.zf("check zarr-fuse.yaml").ok().unwrap(),
        "zarr-fuse.yaml: a sound configuration\n"
    );
    let common = "--store store.zarr --config zarr-fuse.yaml";
    for (endpoint, _, file) in files {
        let run = workspace.zf(&format!(
            "ingest {schema}.yaml {node} {file} {common} --endpoint {endpoint}"
        ));
        assert!(
            run.stdout.starts_with(&format!("{file}: merged, ")),
            "{}{}",
            run.stdout,
            run.stderr
        );
        assert_eq!(run.code, Some(0));
    }
    let contributions: Vec<String> = files
        .iter()
        .map(|(_, kind, file)| format!("{kind}={file}"))
        .collect();
    let contributions: Vec<&str> = contributions.iter().map(String::as_str).collect();
    let schema = format!("{schema}.yaml");
    assert_eq!(
        workspace.compare(&schema, "store.zarr", node, &contributions),
        Ok(())
    );
    let verified = workspace.zf(&format!("verify {schema} {common}"));
    assert!(
        verified
            .stdout
            .contains(&format!("cells are what {} contributions say", files.len())),
        "{}",
        verified.stdout
    );
    assert_eq!(verified.code, Some(0));
}

#[test]
fn a_forecast_on_an_hourly_grid_in_other_units() {
    let workspace = Workspace::with(&[
        "tests/fixtures/forecast_grid.yaml",
        "tests/fixtures/forecast.json",
        "tests/fixtures/locations.csv",
    ]);
    check(
        &workspace,
        "forecast_grid",
        "yr.no",
        "locations.csv",
        &[("forecasts", "locationforecast", "forecast.json")],
    );
}

#[test]
fn a_forecast_without_a_grid_in_the_schema_that_ships() {
    let workspace = Workspace::with(&[
        "schemas/weather.yaml",
        "tests/fixtures/forecast.json",
        "tests/fixtures/locations.csv",
    ]);
    check(
        &workspace,
        "weather",
        "forecast",
        "locations.csv",
        &[("forecasts", "locationforecast", "forecast.json")],
    );
}

#[test]
fn borehole_records_in_the_schema_that_ships() {
    // It has no air at depth 0: the air is a quantity of the borehole.
    let workspace = Workspace::with(&[
        "schemas/boreholes.yaml",
        "tests/fixtures/boreholes.json",
        "tests/fixtures/locations.csv",
    ]);
    check(
        &workspace,
        "boreholes",
        "temperature",
        "locations.csv",
        &[
            ("boreholes", "borehole-records", "boreholes.json"),
            ("locations", "borehole-locations", "locations.csv"),
        ],
    );
}

#[test]
fn borehole_records_in_pieces_and_late_on_a_grid() {
    let workspace = Workspace::with(&[
        "tests/fixtures/boreholes_grid.yaml",
        "tests/fixtures/boreholes.json",
        "tests/fixtures/locations.csv",
    ]);
    let text = std::fs::read_to_string(workspace.path().join("boreholes.json")).unwrap();
    let records: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut files = vec![(
        "locations",
        "borehole-locations",
        "locations.csv".to_owned(),
    )];
    // The middle first, then what came before and reaches into it, then the rest; one borehole after the other.
    for (borehole, records) in records.as_object().unwrap() {
        let records = records.as_array().unwrap();
        for range in [27..53, 0..40, 40..80] {
            let name = format!("{borehole}-{}.json", range.start);
            workspace.write(
                &name,
                &serde_json::json!({borehole: records[range]}).to_string(),
            );
            files.push(("boreholes", "borehole-records", name));
        }
    }
    let files: Vec<(&str, &str, &str)> =
        files.iter().map(|(e, k, f)| (*e, *k, f.as_str())).collect();
    check(
        &workspace,
        "boreholes_grid",
        "site/rock",
        "locations.csv",
        &files,
    );
}

#[test]
fn the_real_forecast_through_its_own_schema() {
    let Some(data) = shared_data() else {
        return;
    };
    let workspace = Workspace::new();
    for file in [
        "surface_schema_v3.yaml",
        "yrno_locationforecast.json",
        "bukov_locations.csv",
    ] {
        workspace.copy(&data.join(file));
    }
    check(
        &workspace,
        "surface_schema_v3",
        "yr.no",
        "bukov_locations.csv",
        &[(
            "forecasts",
            "locationforecast",
            "yrno_locationforecast.json",
        )],
    );
}

#[test]
fn the_real_boreholes_through_their_own_schema() {
    let Some(data) = shared_data() else {
        return;
    };
    let workspace = Workspace::new();
    for file in [
        "bukov_schema.yaml",
        "bukov_boreholes_2022.json",
        "bukov_locations.csv",
    ] {
        workspace.copy(&data.join(file));
    }
    check(
        &workspace,
        "bukov_schema",
        "bukov",
        "bukov_locations.csv",
        &[
            ("locations", "borehole-locations", "bukov_locations.csv"),
            ("boreholes", "borehole-records", "bukov_boreholes_2022.json"),
        ],
    );
}
