//! The tree of nodes.

use indexmap::IndexMap;

use super::{Reader, array, pyramid, readers, under};
use crate::model::{Node, join};
use crate::near;
use crate::yaml::{self, Entry, Mark, Value, Yaml, shorten};

pub(super) const SECTIONS: [&str; 3] = ["ATTRS", "COORDS", "VARS"];
/// Names that the layout of the store uses beside the nodes of the root.
const RESERVED_AT_ROOT: [&str; 2] = ["journal", "staging"];
/// Longest name in bytes, for the sake of file systems.
const MAX_NAME_BYTES: usize = 200;

/// Reads the whole tree.
pub(super) fn read(reader: &mut Reader<'_>, root: &Yaml) -> Node {
    let node = read_node(reader, root, String::new(), "");
    if reader.problems.is_empty() && count_arrays(&node) == 0 {
        reader.warn(
            root.at,
            "",
            "the schema describes no variable: write a node with `VARS`",
        );
    }
    node
}

fn count_arrays(node: &Node) -> usize {
    node.variables.len()
        + node.coordinates.len()
        + node.children.values().map(count_arrays).sum::<usize>()
}

/// `path` is the path of the node in the store, `at` in the tree of the file.
fn read_node(reader: &mut Reader<'_>, yaml: &Yaml, path: String, at: &str) -> Node {
    let mut node = Node {
        path,
        ..Node::default()
    };
    let entries = match &yaml.value {
        Value::Map(entries) => entries.as_slice(),
        _ if yaml.is_null() => return node,
        _ => {
            let message = format!(
                "a node is expected, a mapping of `VARS`, `COORDS`, `ATTRS` and further nodes, not {}; \
                 an attribute belongs under `ATTRS`",
                yaml.describe()
            );
            reader.problem(yaml.at, at, message);
            return node;
        }
    };
    if let Some(attrs) = section(reader, yaml, "ATTRS", at) {
        node.attrs = yaml::entries_to_json(attrs);
    }
    array::read(reader, yaml, &mut node, at);
    node.pyramid = pyramid::read(reader, yaml, &node, at);
    node.readers = readers::read(reader, yaml, &node, at);
    let mut children = IndexMap::new();
    let is_key = |entry: &Entry| {
        let is_section = SECTIONS.contains(&entry.key.as_str());
        is_section || pyramid::is_pyramid(entry) || readers::is_readers(entry)
    };
    for entry in entries.iter().filter(|entry| !is_key(entry)) {
        let tree_path = under(at, &shorten(&entry.key));
        check_section_slip(reader, entry, &tree_path);
        check_name(
            reader,
            &entry.key,
            entry.at,
            &tree_path,
            node.path.is_empty(),
        );
        if node.variables.contains_key(&entry.key) || node.coordinates.contains_key(&entry.key) {
            reader.problem(
                entry.at,
                &tree_path,
                "a variable or coordinate of the node has this name too: rename one",
            );
        }
        let child = read_node(
            reader,
            &entry.value,
            join(&node.path, &entry.key),
            &tree_path,
        );
        children.insert(entry.key.clone(), child);
    }
    pyramid::check_names(reader, &children, yaml, at);
    readers::check_names(reader, &children, yaml, at);
    node.children = children;
    node
}

/// The entries of one of the sections of a node.
pub(super) fn section<'a>(
    reader: &mut Reader<'_>,
    node: &'a Yaml,
    name: &str,
    at: &str,
) -> Option<&'a [Entry]> {
    let entry = node.get(name)?;
    match &entry.value.value {
        Value::Map(entries) => Some(entries),
        _ if entry.value.is_null() => None,
        _ => {
            let message = format!("a mapping is expected, not {}", entry.value.describe());
            reader.problem(entry.value.at, &under(at, name), message);
            None
        }
    }
}

/// `vars`, `COORD`: a section that would be read as a node.
fn check_section_slip(reader: &mut Reader<'_>, entry: &Entry, path: &str) {
    let upper = entry.key.to_uppercase();
    let slip = match upper.as_str() {
        "VAR" | "VARS" | "VARIABLES" => "VARS",
        "COORD" | "COORDS" | "COORDINATES" => "COORDS",
        "ATTR" | "ATTRS" | "ATTRIBUTES" => "ATTRS",
        _ => return,
    };
    reader.problem(
        entry.at,
        path,
        format!("did you mean `{slip}`? A node cannot have this name"),
    );
}

/// Checks the name of a node, variable or coordinate, which becomes a part of keys in the store.
pub(super) fn check_name(reader: &mut Reader<'_>, name: &str, at: Mark, path: &str, at_root: bool) {
    let problem = if name.is_empty() {
        "a name is missing before the `:`".to_owned()
    } else if SECTIONS.contains(&name) {
        format!(
            "{} are reserved: choose another name",
            near::listed(&SECTIONS)
        )
    } else if let Some(c) = name
        .chars()
        .find(|c| matches!(c, '/' | '\\') || c.is_control())
    {
        format!("a name cannot contain {c:?}; nodes within nodes are written as nested mappings")
    } else if name.starts_with('.') || name.starts_with("__") {
        "a name cannot start with `.` or `__`, which Zarr keeps for itself".to_owned()
    } else if name.trim() != name {
        "a name cannot start or end with a space".to_owned()
    } else if matches!(name, "c" | "zarr.json") {
        format!("`{name}` is a key of Zarr: choose another name")
    } else if at_root && RESERVED_AT_ROOT.contains(&name) {
        format!("`{name}` is where the store keeps its {name} at the root: choose another name")
    } else if name.len() > MAX_NAME_BYTES {
        format!("a name cannot be longer than {MAX_NAME_BYTES} bytes")
    } else {
        return;
    };
    reader.problem(at, path, problem);
}
