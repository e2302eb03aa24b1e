//! Examples, one per rule: `rows` for tables and rows, `cells` for single values; `laws` holds normalize against a naive map.

mod bounds;
mod builder;
mod cells;
mod laws;
mod pools;
mod rows;
mod units;

use builder::{csv, node, outcome, plain, variable};
use zarr_fuse_schemas::{DataType, Node, Variable};

/// Temperatures over stations.
fn stations(temp: Variable) -> Node {
    node(
        vec![plain(variable("station", &[], DataType::String))],
        vec![temp],
    )
}

#[track_caller]
fn check(node: &Node, text: &str, expect: &str) {
    let expect: Vec<&str> = expect.trim().lines().map(str::trim).collect();
    assert_eq!(outcome(&csv(text), node), expect.join("\n"));
}
