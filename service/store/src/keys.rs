//! Where things lie in a dataset's store.

pub use zarr_fuse_schemas::model::join;

use crate::digest::sha256;

/// Folder of the journal's segments.
pub const SEGMENTS: &str = "journal/segments";
/// Folder of outcome batches.
pub const OUTCOMES: &str = "journal/outcomes";
/// Says which store this is, so that another one in its place is told from it.
pub const IDENTITY: &str = "journal/identity.json";
/// Says that a process wants to write the journal instead of the one that does.
pub const TAKEOVER: &str = "journal/takeover";
/// Folder of checkpoints.
pub const CHECKPOINTS: &str = "journal/checkpoints";
/// The schema that the dataset was last opened with, secrets removed.
pub const SCHEMA: &str = "journal/schema.yaml";
/// The files that the schema names, if it names any.
pub const SCHEMA_FILES: &str = "journal/schema-files.json";
/// Folder of what a probe of the store writes; nothing reads it.
pub const PROBES: &str = "staging/probe";
/// Written and overwritten to find out whether the journal can be written again.
pub const PROBE: &str = "journal/probe";
/// What was told of problems, and what is to be delivered; nothing else reads it.
pub const TOLD: &str = "journal/told.json";
/// Folder of what is being tried; nothing else reads it.
pub const TRIALS: &str = "journal/trying";
/// Folder of staged writes.
pub const STAGING: &str = "staging";

/// Folder of the journal.
pub const JOURNAL: &str = "journal";
/// Folder of payloads that are objects of their own.
pub const BLOBS: &str = "journal/blobs";
/// Folder of what contributions mean: schemas and ways of decoding.
pub const DEFINITIONS: &str = "journal/definitions";
/// What the dataset is called.
pub const NAME: &str = "journal/name";
/// The lock of who writes a local store.
pub const WRITER_LOCK: &str = "journal/writer.lock";
/// How commands on this machine reach the service that writes a local store.
pub const DOOR: &str = "journal/service.json";
/// Folder of what `zf cp` has copied so far; nothing else reads it.
pub const COPIED: &str = "staging/copied";

/// The segment whose first contribution has sequence number `seq`.
pub fn segment(seq: u64) -> String {
    format!("{SEGMENTS}/{seq:020}.seg")
}

/// The sequence number in a segment's key.
pub fn segment_seq(key: &str) -> Option<u64> {
    key.strip_prefix(SEGMENTS)?
        .strip_prefix('/')?
        .strip_suffix(".seg")?
        .parse()
        .ok()
}

/// The `n`-th batch of outcomes.
pub fn outcomes(n: u64) -> String {
    format!("{OUTCOMES}/{n:020}.json.zst")
}

/// The number in an outcome batch's key.
pub fn outcomes_number(key: &str) -> Option<u64> {
    key.strip_prefix(OUTCOMES)?
        .strip_prefix('/')?
        .strip_suffix(".json.zst")?
        .parse()
        .ok()
}

/// The checkpoint that ends with frame `seq`.
pub fn checkpoint(seq: u64) -> String {
    format!("{CHECKPOINTS}/{seq:020}.jsonl.zst")
}

/// What is being tried for the node at `path`, in case that it ends the process.
pub fn trial(path: &str) -> String {
    let name = sha256(path.as_bytes());
    format!("{TRIALS}/{}.json", &name[..16])
}

/// Where a damaged object is kept.
pub fn damaged(name: &str) -> String {
    format!("journal/damaged/{name}")
}

/// What a collector remembers.
pub fn collector(name: &str) -> String {
    format!("journal/collectors/{name}.json")
}

/// The payload with this SHA-256.
pub fn blob(sha256: &str) -> String {
    format!("{BLOBS}/{sha256}")
}

/// The definition with this SHA-256.
pub fn definition(sha256: &str) -> String {
    format!("{DEFINITIONS}/{sha256}.json.zst")
}

/// The file with this SHA-256 that a definition names.
pub fn definition_file(sha256: &str) -> String {
    format!("{DEFINITIONS}/files/{sha256}.zst")
}

/// The metadata object of the group or array at `path`, `""` for the root.
pub fn metadata(path: &str) -> String {
    join(path, "zarr.json")
}

/// The chunk at grid position `indices` of the array at `path`.
pub fn chunk(path: &str, indices: &[u64]) -> String {
    let mut key = join(path, "c");
    for idx in indices {
        key.push('/');
        key.push_str(&idx.to_string());
    }
    key
}
