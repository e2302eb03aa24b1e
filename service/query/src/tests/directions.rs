//! Means of directions, with coarser levels and without.

use std::fmt::Write as _;

use super::Fixture;

const SCHEMA: &str = "n:
  COORDS: {time: {unit: {tick: m}, chunk_size: 16}}
  VARS:
    wind_from_direction: {coords: [time], unit: deg}
    speed: {coords: [time], unit: m/s}
";

async fn wind(schema: &str) -> Fixture {
    let mut fixture = Fixture::new(schema).await;
    let mut csv = "time,wind_from_direction,speed\n".to_owned();
    for i in 0..240 {
        let direction = [350, 10, 355, 5][i % 4];
        let _ = writeln!(
            csv,
            "2024-05-01T{:02}:{:02}Z,{direction},{}",
            i / 60,
            i % 60,
            i % 2
        );
    }
    fixture.fold(&csv).await;
    fixture
}

#[tokio::test]
async fn the_mean_of_directions_around_north_is_north() {
    let pyramid = format!("{SCHEMA}  pyramid: {{coord: time, factor: 4}}\n");
    for schema in [SCHEMA, &pyramid] {
        let fixture = wind(schema).await;
        assert_eq!(
            fixture
                .text("var=wind_from_direction,speed&resample=1h&sel.time=/<2024-05-01T02:00Z")
                .await,
            "time,wind_from_direction,speed\n2024-05-01T00:00:00Z,0.0,0.5\n2024-05-01T01:00:00Z,0.0,0.5\n",
            "{schema}"
        );
        let radians = fixture
            .text("var=wind_from_direction&resample=4h&unit.wind_from_direction=rad")
            .await;
        assert_eq!(
            radians,
            "time,wind_from_direction\n2024-05-01T00:00:00Z,0.0\n"
        );
    }
}

#[tokio::test]
async fn directions_have_no_sum() {
    let fixture = wind(SCHEMA).await;
    let asked = fixture
        .ask("var=wind_from_direction&resample=1h&agg=sum")
        .await;
    assert!(asked.is_err());
}

#[tokio::test]
async fn empty_intervals_have_rows_if_asked_for() {
    let mut fixture = Fixture::new(SCHEMA).await;
    fixture
        .fold("time,speed\n2024-05-01T00:00Z,1\n2024-05-01T03:00Z,2\n")
        .await;
    assert_eq!(
        fixture.text("var=speed&resample=1h&na=keep").await,
        "time,speed\n2024-05-01T00:00:00Z,1.0\n2024-05-01T01:00:00Z,\n2024-05-01T02:00:00Z,\n2024-05-01T03:00:00Z,2.0\n"
    );
}

#[tokio::test]
async fn windows_without_their_ends_bring_each_value_once() {
    let fixture = wind(SCHEMA).await;
    let mut n = 0;
    for hour in 0..4 {
        let end = hour + 1;
        let rows = fixture
            .text(&format!(
                "var=speed&sel.time=2024-05-01T0{hour}:00Z/<2024-05-01T0{end}:00Z"
            ))
            .await;
        n += rows.lines().count() - 1;
    }
    assert_eq!(n, 240);
}

#[tokio::test]
async fn what_is_nearest_may_be_too_far_away() {
    let fixture = wind(SCHEMA).await;
    let near = fixture
        .text("var=speed&sel.time=nearest:2024-05-01T04:05Z~10min")
        .await;
    assert_eq!(near, "time,speed\n2024-05-01T03:59:00Z,1.0\n");
    let far = fixture
        .ask("var=speed&sel.time=nearest:2030-01-01~10min")
        .await;
    let Err(error) = far else {
        panic!("years are no ten minutes")
    };
    assert!(
        error
            .to_string()
            .contains("the nearest is `2024-05-01T03:59:00Z`"),
        "{error}"
    );
}
