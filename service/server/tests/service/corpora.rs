//! What the fuzz targets do, for the inputs in their corpora.

#[path = "../../../fuzz/src/archives.rs"]
mod archives;
#[path = "../../../fuzz/src/csv.rs"]
mod csv;
#[path = "../../../fuzz/src/formats.rs"]
mod formats;
#[path = "../../../fuzz/src/json_jq.rs"]
mod json_jq;
#[path = "../../../fuzz/src/schema.rs"]
mod schema;
#[path = "../../../fuzz/src/segment.rs"]
mod segment;
#[path = "../../../fuzz/src/selection.rs"]
mod selection;
#[path = "../../../fuzz/src/time.rs"]
mod time;
#[path = "../../../fuzz/src/whole_path.rs"]
pub(super) mod whole_path;

use std::path::Path;

type Target = (&'static str, fn(&[u8]));

const TARGETS: [Target; 9] = [
    ("archives", archives::run),
    ("csv", csv::run),
    ("formats", formats::run),
    ("json_jq", json_jq::run),
    ("schema", schema::run),
    ("segment", segment::run),
    ("selection", selection::run),
    ("time", time::run),
    ("whole_path", whole_path::run),
];

/// The names in a folder of `fuzz`, without endings, in order.
fn names(folder: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz")
        .join(folder);
    let entries = std::fs::read_dir(folder).unwrap();
    let stem = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = entries.map(|entry| stem(entry.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn inputs_of_every_corpus_are_taken_or_refused() {
    for (name, run) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(name);
        for entry in std::fs::read_dir(folder).unwrap() {
            run(&std::fs::read(entry.unwrap().path()).unwrap());
        }
    }
}

#[test]
fn every_fuzz_target_is_tried_here() {
    assert_eq!(names("fuzz_targets"), TARGETS.map(|(name, _)| name));
    assert_eq!(names("corpus"), TARGETS.map(|(name, _)| name));
}
