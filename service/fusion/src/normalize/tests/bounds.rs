//! Coordinate values that hardly are meant.

use zarr_fuse_schemas::time::Zone;

use super::builder::*;
use crate::normalize::{Admission, normalize, normalize_as};

#[test]
fn times_that_readers_cannot_take_are_rejected_row_by_row() {
    let node = node(
        vec![plain(time("time", &[], Zone::Fixed(0)))],
        vec![float("v", &["time"])],
    );
    let table = csv(
        "time,v\n1735689600,1\n9999-12-31T23:59:59Z,2\n1735689600000,3\n1735689600000000000,4\n1677-09-21T00:12:43Z,5\n1677-09-21T00:12:44Z,6",
    );
    let given = normalize(&table, &node).expect("the others are fine");
    assert_eq!(given.n_rows_rejected, 4);
    assert!(given.limited);
    let reasons: Vec<&str> = given
        .problems
        .first
        .iter()
        .map(|problem| problem.reason.as_str())
        .collect();
    let lies = "beyond 1677-09-21 to 2262-04-11, where times of the coordinate `time` lie unless its `range` says otherwise";
    assert_eq!(
        reasons,
        [
            format!("is 9999-12-31T23:59:59Z, {lies}"),
            format!(
                "is +56971-10-25T00:00:00Z, {lies}; as milliseconds it is 2025-01-01T00:00:00.000Z: if they are meant, write `source_unit: {{tick: ms}}`"
            ),
            format!(
                "is +55001815833-05-24T00:00:00Z, {lies}; as nanoseconds it is 2025-01-01T00:00:00.000000000Z: if they are meant, write `source_unit: {{tick: ns}}`"
            ),
            format!("is 1677-09-21T00:12:43Z, {lies}"),
        ]
    );
    let again = normalize_as(&table, &node, Admission::Again).expect("they were taken before");
    assert_eq!((again.n_rows_rejected, again.limited), (0, false));
}

#[test]
fn a_range_says_which_times_are_meant() {
    let times = within(-1e12, 1e12, time("time", &[], Zone::Fixed(0)));
    let node = node(vec![plain(times)], vec![float("v", &["time"])]);
    let given = normalize(&csv("time,v\n0001-01-01,1\n9999-12-31,2"), &node).expect("both");
    assert_eq!(given.n_rows_rejected, 0);
}

#[test]
fn variables_may_hold_any_time() {
    let node = node(
        vec![plain(float("depth", &[]))],
        vec![time("until", &["depth"], Zone::Fixed(0))],
    );
    let given = normalize(&csv("depth,until\n1,9999-12-31"), &node).expect("a value");
    assert_eq!(given.n_rows_rejected, 0);
}

#[test]
fn infinite_numbers_are_no_coordinate_values() {
    let node = node(
        vec![plain(float("depth", &[]))],
        vec![float("v", &["depth"])],
    );
    check_lines(
        &outcome(&csv("depth,v\ninf,1\n-inf,2\n3,inf"), &node),
        &[
            "v[depth=3.0] = inf",
            "row 1 depth `inf`: infinite; the coordinate `depth` takes finite numbers",
            "row 2 depth `-inf`: infinite; the coordinate `depth` takes finite numbers",
        ],
    );
}

fn check_lines(found: &str, expected: &[&str]) {
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}
