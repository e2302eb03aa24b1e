//! Truth values, of which there are cells that nothing came for.

use super::Fixture;

const SCHEMA: &str = "n:
  COORDS: {time: {unit: {tick: m}}, station: {type: str, sorted: false}}
  VARS:
    alarm: {coords: [time, station], type: bool, merge: first}
    x: {coords: [time, station]}
";

async fn stations() -> Fixture {
    let mut fixture = Fixture::new(SCHEMA).await;
    fixture
        .fold("time,station,alarm,x\n2024-05-01T00:00Z,A,true,1\n2024-05-01T00:01Z,B,false,\n")
        .await;
    fixture
        .fold("time,station,x\n2024-05-01T00:02Z,A,3\n")
        .await;
    fixture
}

#[tokio::test]
async fn what_never_came_is_not_false() {
    let fixture = stations().await;
    assert_eq!(
        fixture.text("").await,
        "time,station,alarm,x\n2024-05-01T00:00:00Z,A,true,1.0\n2024-05-01T00:01:00Z,B,false,\n2024-05-01T00:02:00Z,A,,3.0\n"
    );
    assert_eq!(
        fixture.text("var=alarm&latest=1").await,
        "time,station,alarm\n2024-05-01T00:00:00Z,A,true\n2024-05-01T00:01:00Z,B,false\n"
    );
    assert_eq!(
        fixture.text("var=alarm&resample=1d&agg=count").await,
        "time,station,alarm\n2024-05-01T00:00:00Z,A,1\n2024-05-01T00:00:00Z,B,1\n"
    );
    assert_eq!(
        fixture
            .text("var=alarm&layout=wide&sel.time=2024-05-01T00:01:00Z")
            .await,
        "time,alarm[A],alarm[B]\n2024-05-01T00:01:00Z,,false\n"
    );
}

#[tokio::test]
async fn the_nearest_has_a_value_unless_every_row_is_kept() {
    let fixture = stations().await;
    assert_eq!(
        fixture
            .text("var=alarm&sel.station=B&sel.time=nearest:2024-05-01T00:00:10Z")
            .await,
        "time,station,alarm\n2024-05-01T00:01:00Z,B,false\n"
    );
    assert_eq!(
        fixture
            .text("var=alarm&sel.station=B&sel.time=nearest:2024-05-01T00:00:10Z&na=keep")
            .await,
        "time,station,alarm\n2024-05-01T00:00:00Z,B,\n"
    );
    assert_eq!(
        fixture
            .text("var=alarm&sel.station=B&sel.time=nearest:2024-05-01T00:00:10Z~20s")
            .await,
        "time,station,alarm\n"
    );
}
