//! The segment format: how contributions lie in one object of the journal.
//!
//! ```text
//! "zfjournl" version:u32 first_seq:u64 writer:[u8;16]
//! frames:  length:u32 crc32c:u32 ( header_length:u32 header:JSON payload )
//! footer:  0:u32 count:u32 crc32c:u32 of everything before
//! ```
//!
//! Integers are little-endian; `length` counts what stands in parentheses. Payloads are zstd-compressed unless they
//! came encoded or lie in an object of their own. Not every frame is a contribution: see [`Kind`].

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::definition::DefinitionId;

mod salvage;

pub use salvage::{Damage, Salvaged, salvage};

const MAGIC: &[u8; 8] = b"zfjournl";
/// The newest format this program writes and reads. 2 has frames of other kinds than contributions, 3 has definitions.
pub const VERSION: u32 = 3;
/// Length of what stands before the first frame.
pub(super) const HEAD: usize = 8 + 4 + 8 + 16;
const FOOTER: usize = 12;

/// What a frame of the journal is. All kinds take their sequence number from the same order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Data for a node.
    #[default]
    Contribution,
    /// The contribution `target` is to be folded again, at its own place in the order.
    Retry,
    /// The contribution `target` no longer counts.
    Retract,
    /// The arrays of the node are to be written again.
    Rebuild,
    /// Earlier contributions to the node mean something else from here on; which ones and what is in the variables, see
    /// [`Reinterpretation`](super::Reinterpretation).
    Reinterpret,
    /// What contributions that name no definition are taken to mean is in the variables, see
    /// [`Assumption`](super::Assumption).
    Assumed,
    /// From here on another process writes; which one is in the variables.
    Opened,
    /// The process that wrote so far has ended in order.
    Closed,
    /// A sequence number whose contribution was lost to damage; what is known of it is in the variables.
    Lost,
}

impl Kind {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
    fn is_contribution(&self) -> bool {
        *self == Self::Contribution
    }

    /// Whether the fold of a node has to do something about it.
    pub fn concerns_fold(self) -> bool {
        matches!(
            self,
            Self::Contribution | Self::Retry | Self::Retract | Self::Rebuild | Self::Reinterpret
        )
    }
}

/// What the journal knows of a contribution beside its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// `UUIDv7`, made when it was received.
    pub id: Uuid,
    /// Place in the order of all contributions.
    pub seq: u64,
    /// What it is.
    #[serde(default, skip_serializing_if = "Kind::is_contribution")]
    pub kind: Kind,
    /// The contribution that a retry or retraction is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
    /// Where it was pushed to.
    pub endpoint: String,
    /// The dataset.
    pub dataset: String,
    /// Path of the target node.
    pub node: String,
    /// As the sender says.
    pub content_type: String,
    /// As the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
    /// Who sent it: a user or token, else the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Network address it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The sender's idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What it means; of a retry, what the target means from here on. Older frames have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<DefinitionId>,
    /// Of the payload as delivered, hexadecimal.
    pub sha256: String,
    /// Of the payload as delivered.
    pub n_bytes: u64,
    /// Where and how the payload is kept.
    pub payload: PayloadPlace,
    /// What decoding may refer to as `$vars`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub variables: Map<String, Json>,
}

impl Header {
    /// Of a frame of the journal that is no contribution, made now; its number is not known yet.
    pub(super) fn without_payload(kind: Kind, dataset: &str, node: &str) -> Self {
        Self {
            id: Uuid::now_v7(),
            seq: 0,
            kind,
            target: None,
            endpoint: String::new(),
            dataset: dataset.to_owned(),
            node: node.to_owned(),
            content_type: String::new(),
            content_encoding: None,
            received_at: Utc::now(),
            sender: None,
            address: None,
            idempotency_key: None,
            definition: None,
            sha256: String::new(),
            n_bytes: 0,
            payload: PayloadPlace::Plain,
            variables: Map::new(),
        }
    }
}

/// Where a payload is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayloadPlace {
    /// In the frame, as delivered.
    Plain,
    /// In the frame, zstd-compressed.
    Zstd,
    /// In `journal/blobs/<sha256>`, as delivered.
    Blob,
}

/// One contribution of a segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// What is known of it.
    pub header: Header,
    /// As kept; empty for [`PayloadPlace::Blob`].
    pub payload: Bytes,
}

/// A segment as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Sequence number of the first frame, also in the key.
    pub first_seq: u64,
    /// Process that wrote it.
    pub writer: Uuid,
    /// In sequence order.
    pub frames: Vec<Frame>,
}

/// Why bytes are not a sound segment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Not a segment at all.
    #[error("it does not begin like a journal segment")]
    NotASegment,
    /// Written by a newer program.
    #[error("it has format version {found}, this program reads up to {VERSION}; use a newer zf")]
    TooNew {
        /// Its version.
        found: u32,
    },
    /// Bytes are missing or changed.
    #[error("it is damaged at byte {offset}: {reason}")]
    Damaged {
        /// Where.
        offset: usize,
        /// How it shows.
        reason: &'static str,
    },
}

/// The bytes of a segment.
pub fn encode(first_seq: u64, writer: Uuid, frames: &[Frame]) -> Vec<u8> {
    let n_payload: usize = frames.iter().map(|frame| frame.payload.len() + 512).sum();
    let mut bytes = Vec::with_capacity(HEAD + FOOTER + n_payload);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&first_seq.to_le_bytes());
    bytes.extend_from_slice(writer.as_bytes());
    for frame in frames {
        let header = serde_json::to_vec(&frame.header).expect("a header has only string keys");
        let length = 4 + header.len() + frame.payload.len();
        bytes.extend_from_slice(&u32_of(length).to_le_bytes());
        let crc_at = bytes.len();
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&u32_of(header.len()).to_le_bytes());
        bytes.extend_from_slice(&header);
        bytes.extend_from_slice(&frame.payload);
        let crc = crc32c::crc32c(&bytes[crc_at + 4..]);
        bytes[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
    }
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&u32_of(frames.len()).to_le_bytes());
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// Reads a whole segment and checks every checksum.
///
/// # Errors
/// [`SegmentError`] if anything at all is not as it was written.
pub fn decode(bytes: &Bytes) -> Result<Segment, SegmentError> {
    if bytes.len() < HEAD || &bytes[..8] != MAGIC {
        return Err(SegmentError::NotASegment);
    }
    let version = u32_at(bytes, 8)?;
    if version > VERSION {
        return Err(SegmentError::TooNew { found: version });
    }
    let first_seq = u64::from_le_bytes(array_at(bytes, 12)?);
    let writer = Uuid::from_bytes(array_at(bytes, 20)?);
    let mut frames = Vec::new();
    let mut offset = HEAD;
    loop {
        let length = u32_at(bytes, offset)? as usize;
        if length == 0 {
            break;
        }
        frames.push(decode_frame(bytes, offset, length)?);
        offset += 8 + length;
    }
    let damaged = |reason| SegmentError::Damaged { offset, reason };
    if u32_at(bytes, offset + 4)? as usize != frames.len() {
        return Err(damaged(
            "the footer counts other contributions than there are",
        ));
    }
    if u32_at(bytes, offset + 8)? != crc32c::crc32c(&bytes[..offset]) {
        return Err(damaged("the checksum of the segment differs"));
    }
    if bytes.len() != offset + FOOTER {
        return Err(damaged("bytes follow the footer"));
    }
    let in_order = frames
        .iter()
        .zip(first_seq..)
        .all(|(frame, seq)| frame.header.seq == seq);
    if !in_order {
        return Err(damaged("sequence numbers do not follow each other"));
    }
    Ok(Segment {
        first_seq,
        writer,
        frames,
    })
}

/// The process that wrote a segment, by its first bytes.
pub(super) fn writer_of(head: &[u8]) -> Option<Uuid> {
    let known = head.len() >= HEAD && &head[..8] == MAGIC;
    known
        .then(|| array_at(head, 20).ok().map(Uuid::from_bytes))
        .flatten()
}

fn decode_frame(bytes: &Bytes, offset: usize, length: usize) -> Result<Frame, SegmentError> {
    let damaged = |reason| SegmentError::Damaged { offset, reason };
    let end = offset + 8 + length;
    if end > bytes.len() {
        return Err(damaged("the frame is cut off"));
    }
    let body = &bytes[offset + 8..end];
    if u32_at(bytes, offset + 4)? != crc32c::crc32c(body) {
        return Err(damaged("the checksum of the frame differs"));
    }
    let header_length = u32_at(bytes, offset + 8)? as usize;
    let header = body
        .get(4..4 + header_length)
        .ok_or_else(|| damaged("the header is cut off"))?;
    let header =
        serde_json::from_slice(header).map_err(|_error| damaged("the header is not readable"))?;
    Ok(Frame {
        header,
        payload: bytes.slice(offset + 8 + 4 + header_length..end),
    })
}

fn u32_at(bytes: &[u8], offset: usize) -> Result<u32, SegmentError> {
    array_at(bytes, offset).map(u32::from_le_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Result<[u8; N], SegmentError> {
    let found = bytes.get(offset..).and_then(|rest| rest.first_chunk::<N>());
    found.copied().ok_or(SegmentError::Damaged {
        offset,
        reason: "the segment is cut off",
    })
}

fn u32_of(n: usize) -> u32 {
    u32::try_from(n).expect("segments are bounded far below 4 GiB")
}

#[cfg(test)]
mod tests;
