//! `readers`: copies of a node that stay as they are, for those who read its folder or bucket.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Reader, under};
use crate::model::{KEPT, Node};
use crate::quantity::parse_duration;
use crate::yaml::{Entry, Value, Yaml};

/// The key of a node.
const KEY: &str = "readers";
/// Shortest time, since each copy reads and writes all of the node.
const SHORTEST: Duration = Duration::from_secs(10);

/// Whether an entry of a node is this key rather than a node of that name.
pub(super) fn is_readers(entry: &Entry) -> bool {
    entry.key == KEY && matches!(entry.value.value, Value::Scalar { .. }) && !entry.value.is_null()
}

/// Reads the key of `node`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    yaml: &Yaml,
    node: &Node,
    at: &str,
) -> Option<Duration> {
    let entry = yaml.get(KEY).filter(|entry| is_readers(entry))?;
    let path = under(at, KEY);
    if node.path.is_empty() {
        let message = "copies lie beside their node, and beside the root there is nothing: write the variables into a node";
        reader.problem(entry.at, &path, message);
    }
    let text = entry.value.text().unwrap_or_default();
    match parse_duration(text) {
        Ok(time) if time >= SHORTEST => Some(time),
        Ok(_) => {
            let message =
                "a copy reads and writes all of the node: write `10s` or more, such as `10m`";
            reader.problem(entry.value.at, &path, message);
            None
        }
        Err(reason) => {
            reader.problem(entry.value.at, &path, reason);
            None
        }
    }
}

/// Refuses nodes that have the name of another one's copies.
pub(super) fn check_names(
    reader: &mut Reader<'_>,
    children: &IndexMap<String, Node>,
    yaml: &Yaml,
    at: &str,
) {
    for name in children.keys() {
        let owner = name.strip_suffix(KEPT).and_then(|of| children.get(of));
        if owner.is_some_and(|owner| owner.readers.is_some()) {
            let place = yaml.get(name).map_or(yaml.at, |entry| entry.at);
            let message = "the copies of the node beside it have this name: rename the node";
            reader.problem(place, &under(at, name), message);
        }
    }
}
