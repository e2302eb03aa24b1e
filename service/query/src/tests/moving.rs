//! Answers that run while late values move others.

use futures::TryStreamExt as _;

use super::{Fixture, collect};

const SERIES: &str = r"
n:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 8}
  VARS:
    x: {coords: [time], type: float64}
  pyramid: {coord: time, factor: 4}
";

fn row(second: u32) -> String {
    format!(
        "2024-05-01T00:{:02}:{:02}Z,{second}\n",
        second / 60,
        second % 60
    )
}

async fn series() -> Fixture {
    let mut fixture = Fixture::new(SERIES).await;
    let rows: String = (100..300).step_by(2).map(row).collect();
    fixture.fold(&format!("time,x\n{rows}")).await;
    fixture
}

#[tokio::test]
async fn a_running_answer_is_of_the_state_in_which_it_began() {
    for query in [
        "",
        "format=json",
        "sel.time=2024-05-01T00:02:00Z/",
        "isel.time=-30:",
    ] {
        let mut fixture = series().await;
        let expected = fixture.text(query).await;
        let mut answer = fixture.ask(query).await.unwrap();
        let mut found = Vec::new();
        let mut late = 0;
        while let Some(piece) = answer.body.try_next().await.unwrap() {
            found.extend_from_slice(&piece);
            // Before everything, between two values, and at the end.
            for second in [99 - late, 101 + 2 * late, 300 + late] {
                fixture.fold(&format!("time,x\n{}", row(second))).await;
            }
            late += 1;
        }
        assert!(late > 1, "the answer has several pieces");
        assert_eq!(String::from_utf8(found).unwrap(), expected, "{query}");
    }
}

#[tokio::test]
async fn thinned_answers_of_an_older_state_are_the_same_without_levels() {
    let mut fixture = series().await;
    let query = "max_points=8&var=x";
    let expected = fixture.text(query).await;
    let view = fixture.view();
    fixture.fold(&format!("time,x\n{}", row(1))).await;
    let selection = super::Selection::parse(&super::params(query), view.schema()).unwrap();
    let bounds = super::Bounds::default();
    let ask = async |view| {
        let bounds = bounds.clone();
        super::answer(view, &selection, super::Format::Csv, bounds).await
    };
    assert!(ask(view.clone()).await.is_err(), "levels have changed");
    let answer = ask(view.without_levels()).await.unwrap();
    assert_eq!(String::from_utf8(collect(answer).await).unwrap(), expected);
}
