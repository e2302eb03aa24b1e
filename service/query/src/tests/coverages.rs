//! `CoverageJSON`; `tests/python/check_query.py` holds it against another reader of it.

use serde_json::{Value, json};

use super::{Bounds, Fixture, Format, Selection, answer, boreholes, params};

async fn ask(fixture: &Fixture, query: &str) -> Value {
    let bytes = fixture.bytes(&format!("{query}&format=covjson")).await;
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn each_place_is_a_series() {
    let document = ask(
        &boreholes().await,
        "var=temp,rock&sel.depth=0.1&unit.temp=K",
    )
    .await;
    assert_eq!(document["type"], "CoverageCollection");
    assert_eq!(
        document["parameters"]["temp"],
        json!({
            "type": "Parameter",
            "observedProperty": {"label": {"und": "temp"}},
            "description": {"und": "Rock temperature"},
            "unit": {"symbol": "K"},
        })
    );
    let systems: Vec<&Value> = document["referencing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reference| &reference["system"]["type"])
        .collect();
    assert_eq!(systems, ["GeographicCRS", "VerticalCRS", "TemporalRS"]);
    let vertical = &document["referencing"][1]["system"]["cs"]["csAxes"][0];
    assert_eq!(
        *vertical,
        json!({"name": {"und": "depth"}, "direction": "down", "unit": {"symbol": "m"}})
    );
    assert_eq!(
        document["coverages"][1],
        json!({
            "type": "Coverage",
            "id": "borehole=\"a,1\",depth=0.1",
            "domain": {
                "type": "Domain",
                "domainType": "PointSeries",
                "axes": {
                    "x": {"values": [15.0]},
                    "y": {"values": [50.7]},
                    "z": {"values": [0.1]},
                    "t": {"values": ["2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"]},
                },
            },
            "ranges": {
                "temp": {"type": "NdArray", "dataType": "float", "axisNames": ["t"], "shape": [2], "values": [275.4, 278.15]},
                "rock": {"type": "NdArray", "dataType": "string", "axisNames": ["t"], "shape": [2], "values": ["granite", "granite"]},
            },
        })
    );
}

#[tokio::test]
async fn one_time_of_many_depths_is_a_profile() {
    let document = ask(
        &boreholes().await,
        "var=temp&sel.time=2024-05-01T12:00&na=keep",
    )
    .await;
    let first = &document["coverages"][0];
    assert_eq!(first["domain"]["domainType"], "VerticalProfile");
    assert_eq!(
        first["domain"]["axes"]["t"],
        json!({"values": ["2024-05-01T12:00:00Z"]})
    );
    assert_eq!(first["domain"]["axes"]["z"], json!({"values": [0.1, 2.5]}));
    assert_eq!(first["ranges"]["temp"]["values"], json!([3.0, -4.0]));
    assert_eq!(
        document["coverages"][1]["ranges"]["temp"]["values"],
        json!([null, null])
    );
}

#[tokio::test]
async fn newest_values_are_short_series() {
    let document = ask(&boreholes().await, "var=temp,count&latest=1").await;
    let coverages = document["coverages"].as_array().unwrap();
    let times: Vec<&Value> = coverages
        .iter()
        .map(|coverage| &coverage["domain"]["axes"]["t"]["values"])
        .collect();
    assert_eq!(times.len(), 4, "a depth without temperature has its count");
    assert_eq!(*times[0], json!(["2024-05-01T12:00:00Z"]));
    assert_eq!(*times[2], json!(["2024-06-01T00:00:00Z"]));
}

#[tokio::test]
async fn places_alone_are_points() {
    let document = ask(&boreholes().await, "var=rock,note").await;
    let first = &document["coverages"][0];
    assert_eq!(first["domain"]["domainType"], "Point");
    assert_eq!(
        first["ranges"]["rock"],
        json!({"type": "NdArray", "dataType": "string", "axisNames": [], "shape": [], "values": ["gneiss"]})
    );
    assert_eq!(
        document["coverages"][1]["ranges"]["note"]["values"],
        json!([null])
    );
}

#[tokio::test]
async fn longitudes_and_latitudes_make_a_grid() {
    let mut fixture = Fixture::new(
        "
n:
  COORDS:
    time: {unit: {tick: h, tz: UTC}, chunk_size: 2}
    lat: {unit: rad, chunk_size: 2}
    lon: {unit: deg, chunk_size: 2}
  VARS:
    rain: {coords: [time, lat, lon], unit: mm, type: float32, attrs: {standard_name: precipitation_amount}}
",
    )
    .await;
    fixture
        .fold("time,lat,lon,rain\n2024-05-01T00:00Z,0.5,14,1\n2024-05-01T00:00Z,0.6,15,2\n2024-05-01T01:00Z,0.5,15,3\n")
        .await;
    let document = ask(&fixture, "").await;
    assert_eq!(document["type"], "Coverage");
    assert_eq!(document["domain"]["domainType"], "Grid");
    let axes = &document["domain"]["axes"];
    assert_eq!(axes["x"], json!({"values": [14.0, 15.0]}));
    let north = axes["y"]["values"][0].as_f64().unwrap();
    assert!((north - 0.5_f64.to_degrees()).abs() < 1e-9, "{north}");
    assert_eq!(
        document["domain"]["referencing"][0]["coordinates"],
        json!(["x", "y"])
    );
    assert_eq!(
        document["ranges"]["rain"],
        json!({
            "type": "NdArray", "dataType": "float", "axisNames": ["t", "y", "x"], "shape": [2, 2, 2],
            "values": [1.0, null, null, 2.0, null, 3.0, null, null],
        })
    );
}

#[tokio::test]
async fn what_is_no_coverage_is_refused() {
    let fixture = boreholes().await;
    for (query, reason) in [
        ("var=temp&limit=3", "no rows and no pages"),
        ("var=temp&layout=wide", "leave out `layout`"),
        ("var=depth", "needs a variable besides coordinates"),
    ] {
        let error = fixture.ask(&format!("{query}&format=covjson")).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains(reason), "{query}: {error}");
    }
    let view = fixture.view();
    let selection = Selection::parse(&params("var=temp"), view.schema()).unwrap();
    let bounds = Bounds {
        max_block_cells: 11,
        ..Bounds::default()
    };
    let error = answer(view, &selection, Format::Covjson, bounds).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "`format=covjson` would hold 12 values, more than 11; select less, use `max_points` or `resample`, or a `format` that streams, such as `csv`"
    );
}
