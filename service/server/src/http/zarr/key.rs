//! Which keys a Zarr store has.

use zarr_fuse_fusion::pyramid::{is_level_of, is_part};
use zarr_fuse_schemas::{Node, Schema, Variable};

/// The key in a path, in which the router has left `%25`, `%2B` and `%2F` as they were. `None`: slashes that were encoded
/// are part of no key.
pub(super) fn decoded(raw: &str) -> Option<String> {
    if !raw.contains('%') {
        return Some(raw.to_owned());
    }
    let mut key = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('%') {
        key.push_str(&rest[..at]);
        key.push(
            match rest.get(at + 1..at + 3)?.to_ascii_uppercase().as_str() {
                "25" => '%',
                "2B" => '+',
                _ => return None,
            },
        );
        rest = &rest[at + 3..];
    }
    key.push_str(rest);
    Some(key)
}

/// Whether `key` is metadata or a chunk of a group or array of the schema.
pub(super) fn is_zarr_key(schema: &Schema, key: &str) -> bool {
    let parts: Vec<&str> = key.split('/').collect();
    is_key_of(&schema.root, &parts)
}

fn is_key_of(node: &Node, parts: &[&str]) -> bool {
    let [first, rest @ ..] = parts else {
        return false;
    };
    if *first == "zarr.json" && rest.is_empty() {
        return true;
    }
    let n_dimensions = match (node.coordinates.get(*first), node.variables.get(*first)) {
        (Some(_), _) => Some(1),
        (None, Some(variable)) => Some(variable.coords.len()),
        (None, None) => None,
    };
    n_dimensions.is_some_and(|n| is_key_of_array(n, rest))
        || is_key_of_level(node, "", parts)
        || node
            .children
            .get(*first)
            .is_some_and(|child| is_key_of(child, rest))
        || node
            .children
            .iter()
            .any(|(name, child)| is_key_of_level(child, name, parts))
}

/// Whether `parts`, beside the node called `name`, are a key of one of its coarser levels.
fn is_key_of_level(node: &Node, name: &str, parts: &[&str]) -> bool {
    let [first, rest @ ..] = parts else {
        return false;
    };
    if node.pyramid.is_none() || !is_level_of(first, name) {
        return false;
    }
    match rest {
        ["zarr.json"] => true,
        [array, rest @ ..] => {
            let of = |variable: &&Variable| {
                let part = array.strip_prefix(variable.name.as_str());
                part.and_then(|part| part.strip_prefix('_'))
                    .is_some_and(is_part)
            };
            let n = if node.coordinates.contains_key(*array) {
                Some(1)
            } else {
                let variable = node.variables.values().find(of);
                variable.map(|variable| variable.coords.len())
            };
            n.is_some_and(|n| is_key_of_array(n, rest))
        }
        [] => false,
    }
}

fn is_key_of_array(n_dimensions: usize, parts: &[&str]) -> bool {
    let is_index = |part: &&str| {
        let digits = part.bytes().all(|byte| byte.is_ascii_digit());
        digits && !part.is_empty() && part.len() < 20 && (part.len() == 1 || !part.starts_with('0'))
    };
    match parts {
        ["zarr.json"] => true,
        ["c", indices @ ..] => indices.len() == n_dimensions && indices.iter().all(is_index),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const SCHEMA: &str = "
yr.no:
  COORDS:
    time: {unit: {tick: s}}
    site: {type: str}
  VARS:
    t 2m: {coords: [time, site], unit: degC}
  deeper:
    COORDS: {depth: {unit: m}}
";

    fn is_key(key: &str) -> bool {
        let schema = Schema::parse(SCHEMA, "weather.yaml", Path::new(".")).unwrap();
        decoded(key).is_some_and(|key| is_zarr_key(&schema, &key))
    }

    #[test]
    fn groups_arrays_and_chunks_have_keys() {
        for key in [
            "zarr.json",
            "yr.no/zarr.json",
            "yr.no/time/zarr.json",
            "yr.no/time/c/12",
            "yr.no/t 2m/c/0/3",
            "yr.no/deeper/zarr.json",
            "yr.no/deeper/depth/c/0",
        ] {
            assert!(is_key(key), "{key}");
        }
    }

    #[test]
    fn nothing_else_has_a_key() {
        for key in [
            "",
            "/",
            "yr.no",
            "yr.no/",
            "journal/segments/00000000000000000001.seg",
            "staging/1/x",
            "yr.no/../journal/segments/00000000000000000001.seg",
            "yr.no/./zarr.json",
            "yr.no//zarr.json",
            "/zarr.json",
            "yr.no%2Fzarr.json",
            "yr.no%2fzarr.json",
            "yr.no/time/c/-1",
            "yr.no/time/c/007",
            "yr.no/time/c/0/0",
            "yr.no/time/c",
            "yr.no/time/c/0%00",
            "yr.no/time/c/\u{0}",
            "yr.no/time/c/99999999999999999999",
            ".zmetadata",
            "yr.no/.zgroup",
            "%",
            "%2",
            "%é",
        ] {
            assert!(!is_key(key), "{key}");
        }
    }
}
