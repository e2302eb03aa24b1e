//! An insertion whose chunks cannot all be put in their places: whoever reads gets one state or is told to ask again.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Method;
use zarr_fuse_fusion::verify::verify;
use zarr_fuse_server::config::LimitsConfig;

use crate::world::{WEATHER, World, json, problem};

const FORECAST: &str = "/api/v1/query/weather/forecast?format=csv";

/// Rows whose value in degrees Celsius is their second.
fn rows(seconds: std::ops::Range<u32>) -> String {
    let mut text = "time,site,air_temp\n".to_owned();
    for second in seconds {
        let kelvin = 273.15 + f64::from(second);
        writeln!(text, "2024-05-01T00:00:{second:02}Z,A,{kelvin}").unwrap();
    }
    text
}

/// Asks until the answer has this status and these words; gives its text.
async fn until(world: &World, path: &str, status: u16, words: &str) -> String {
    let mut said = String::new();
    for _ in 0..1000 {
        let answer = world.get(path).await;
        let found = answer.status().as_u16();
        said = answer.text().await.unwrap();
        if found == status && said.contains(words) {
            return said;
        }
        assert!(matches!(found, 200 | 503), "{found}: {said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("`{path}` never answers {status} with `{words}`: {said}")
}

#[tokio::test(flavor = "multi_thread")]
async fn half_moved_values_are_shown_to_nobody_until_all_are_in_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("weather.zarr").display().to_string();
    let schemas = [("weather", WEATHER, url.as_str())];
    let world = World::on(&schemas, LimitsConfig::default()).await;
    world
        .merge("/api/v1/ingest/weather/stations", "site,elevation\nA,5\n")
        .await;
    world
        .merge("/api/v1/ingest/weather/forecast", &rows(1..33))
        .await;
    // The late row makes 33 rows: a third chunk is to come, at whose place there is something that is no file.
    let place = folder.path().join("weather.zarr/forecast/air_temp/c/2/0");
    std::fs::create_dir_all(place.join("stone")).unwrap();
    let late = world.post("/api/v1/ingest/weather/forecast", "text/csv", rows(0..1));
    assert_eq!(late.send().await.unwrap().status(), 202);

    until(&world, FORECAST, 503, "being completed").await;
    let (_, told) = problem(world.ask(Method::GET, FORECAST)).await;
    assert_eq!(told["type"], "urn:zarr-fuse:problem:being-completed");
    let chunk = "/zarr/weather/forecast/air_temp/c/0/0";
    let (status, told) = problem(world.ask(Method::GET, chunk)).await;
    assert_eq!(status, 503, "{told}");
    // It says so, and the others go on.
    let told = until(&world, "/health/ready", 503, "cannot be completed yet").await;
    assert!(told.contains("weather/forecast"), "{told}");
    world
        .merge("/api/v1/ingest/weather/stations", "site,elevation\nB,7\n")
        .await;
    let stations = world.get("/api/v1/query/weather/stations?format=csv").await;
    assert_eq!(
        stations.text().await.unwrap(),
        "site,elevation\nA,5.0\nB,7.0\n"
    );

    std::fs::remove_dir_all(&place).unwrap();
    let ready = until(&world, "/health/ready", 200, "").await;
    let answer = until(&world, FORECAST, 200, "").await;
    let lines: Vec<&str> = answer.lines().skip(1).collect();
    assert_eq!(lines.len(), 33, "{ready} {answer}");
    for (second, line) in (0_u32..).zip(&lines) {
        let [time, _, value] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert!(time.contains(&format!(":00:{second:02}")), "{line}");
        let value: f64 = value.parse().unwrap();
        assert!((value - f64::from(second)).abs() < 1e-6, "{line}");
    }
    let listed = json(world.get("/api/v1/contributions").await).await;
    for contribution in listed["contributions"].as_array().unwrap() {
        assert_eq!(contribution["status"], "merged", "{contribution}");
    }
    let dataset = &world.app.datasets["weather"].dataset().unwrap();
    let verdict = verify(dataset, dataset.node("forecast").unwrap()).await;
    assert_eq!(verdict.unwrap().differences, Vec::<String>::new());
    let staged = dataset.store.list("staging", None).await.unwrap();
    assert_eq!(staged, Vec::<String>::new());
    world.end().await.unwrap();
}
