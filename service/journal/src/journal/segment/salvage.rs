//! What can still be read of a damaged segment.

use bytes::Bytes;

use super::{FOOTER, Frame, HEAD, Header, MAGIC, SegmentError, array_at, decode_frame, u32_at};
use uuid::Uuid;

/// How every header begins.
const HEADER_BEGINS: &[u8] = b"{\"id\":\"";
/// From the beginning of a frame to its header.
const TO_HEADER: usize = 12;

/// A place in a segment at which something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where.
    pub offset: usize,
    /// How it shows.
    pub reason: String,
}

/// What could be read of a segment.
#[derive(Debug, Default)]
pub struct Salvaged {
    /// The process that wrote it, if that can be read.
    pub writer: Option<Uuid>,
    /// Sound frames, in order.
    pub frames: Vec<Frame>,
    /// Headers of frames that are not sound: to be told, not to be relied on.
    pub hints: Vec<Header>,
    /// How many frames there were, if the footer still says so.
    pub n_frames: Option<u64>,
    /// Every place that is damaged; none: the segment is sound.
    pub damages: Vec<Damage>,
}

/// Reads what is sound of a segment that should begin with `first_seq`.
///
/// # Errors
/// [`SegmentError::TooNew`]: nothing can be said of it.
pub fn salvage(bytes: &Bytes, first_seq: u64) -> Result<Salvaged, SegmentError> {
    let mut salvaged = Salvaged::default();
    match super::decode(bytes) {
        Ok(segment) if segment.first_seq == first_seq => {
            salvaged.writer = Some(segment.writer);
            salvaged.n_frames = Some(segment.frames.len() as u64);
            salvaged.frames = segment.frames;
            return Ok(salvaged);
        }
        Ok(segment) => salvaged.damage(
            12,
            format!("it says that it begins with {}", segment.first_seq),
        ),
        Err(error @ SegmentError::TooNew { .. }) if is_whole(bytes) => {
            return Err(error);
        }
        Err(SegmentError::NotASegment) => {
            salvaged.damage(0, SegmentError::NotASegment.to_string());
        }
        Err(_) => {}
    }
    if bytes.len() >= HEAD && &bytes[..8] == MAGIC {
        salvaged.writer = array_at(bytes, 20).ok().map(Uuid::from_bytes);
    }
    salvaged.walk(bytes, first_seq);
    if salvaged.damages.is_empty() {
        // Every frame is sound, and yet the whole is not: the head or the footer.
        let reason = match super::decode(bytes) {
            Err(error) => error.to_string(),
            Ok(_) => "its head does not fit its name".to_owned(),
        };
        salvaged.damage(bytes.len().saturating_sub(FOOTER), reason);
    }
    Ok(salvaged)
}

/// Whether a segment of a version that is too new was written so: its checksum fits, or nothing of it can be read.
fn is_whole(bytes: &Bytes) -> bool {
    let Some(footer) = bytes.len().checked_sub(FOOTER) else {
        return false;
    };
    let crc = crc32c::crc32c(&bytes[..footer]);
    u32_at(bytes, footer + 8) == Ok(crc) || next_frame(bytes, HEAD).is_none_or(|at| at == footer)
}

impl Salvaged {
    fn damage(&mut self, offset: usize, reason: String) {
        self.damages.push(Damage { offset, reason });
    }

    /// Goes from frame to frame, and over damaged ones to the next that is sound.
    fn walk(&mut self, bytes: &Bytes, first_seq: u64) {
        let mut offset = HEAD;
        let mut next_seq = first_seq;
        loop {
            match u32_at(bytes, offset) {
                Ok(0) => {
                    let count = u32_at(bytes, offset + 4).ok().map(u64::from);
                    let crc = u32_at(bytes, offset + 8).ok();
                    let whole = bytes.len() == offset + FOOTER;
                    let sound = crc == Some(crc32c::crc32c(&bytes[..offset]));
                    if whole && (sound || !self.damages.is_empty()) {
                        self.n_frames = count.filter(|n| *n >= next_seq - first_seq);
                        return;
                    }
                    if whole {
                        self.damage(offset, "the checksum of the segment differs".to_owned());
                        return;
                    }
                }
                Ok(length) => {
                    let frame = decode_frame(bytes, offset, length as usize);
                    match frame.map(|frame| (frame.header.seq, frame)) {
                        Ok((seq, frame)) if seq >= next_seq => {
                            next_seq = seq + 1;
                            self.frames.push(frame);
                            offset += 8 + length as usize;
                            continue;
                        }
                        Ok((seq, _)) => {
                            self.damage(offset, format!("sequence number {seq} comes too late"));
                        }
                        Err(error) => self.damage(offset, reason(&error)),
                    }
                }
                Err(error) => {
                    self.damage(offset, reason(&error));
                    return;
                }
            }
            if let Some(frame) = rescued(bytes, offset)
                && frame.header.seq >= next_seq
            {
                // Only its length or checksum was damaged.
                next_seq = frame.header.seq + 1;
                self.frames.push(frame);
            } else if let Some(header) = header_at(bytes, offset) {
                self.hints.push(header);
            }
            match next_frame(bytes, offset + 1) {
                Some(next) => offset = next,
                None => return,
            }
        }
    }
}

fn reason(error: &SegmentError) -> String {
    match error {
        SegmentError::Damaged { reason, .. } => (*reason).to_owned(),
        other => other.to_string(),
    }
}

/// The next place at which a sound frame or the footer begins.
fn next_frame(bytes: &Bytes, from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = find(bytes.get(at..)?) {
        let header = at + found;
        if let Some(begin) = header.checked_sub(TO_HEADER).filter(|begin| *begin >= from)
            && let Ok(length) = u32_at(bytes, begin)
            && (decode_frame(bytes, begin, length as usize).is_ok()
                || header_at(bytes, begin).is_some())
        {
            return Some(begin);
        }
        at = header + 1;
    }
    let footer = bytes
        .len()
        .checked_sub(FOOTER)
        .filter(|footer| *footer >= from)?;
    (u32_at(bytes, footer) == Ok(0)).then_some(footer)
}

fn find(bytes: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, HEADER_BEGINS)
}

/// The header of the frame at `offset`, if it can be read as one.
fn header_at(bytes: &[u8], offset: usize) -> Option<Header> {
    let begin = offset + TO_HEADER;
    let length = u32_at(bytes, offset + 8).ok()? as usize;
    serde_json::from_slice(bytes.get(begin..begin.checked_add(length)?)?).ok()
}

/// A frame of which only the length, or one byte of the checksum, is damaged: the rest is what the checksum says, and the
/// payload what the header says. A header that was changed must not pass for what was sent.
fn rescued(bytes: &Bytes, offset: usize) -> Option<Frame> {
    let header = header_at(bytes, offset)?;
    let begin = offset + TO_HEADER + u32_at(bytes, offset + 8).ok()? as usize;
    let by_length = offset + 8 + u32_at(bytes, offset).ok()? as usize;
    let by_next = next_frame(bytes, begin)?;
    let stored = u32_at(bytes, offset + 4).ok()?;
    [by_length, by_next].into_iter().find_map(|end| {
        let found = crc32c::crc32c(bytes.get(offset + 8..end)?);
        let differing = (stored ^ found).to_le_bytes();
        if differing.iter().filter(|byte| **byte != 0).count() > 1 {
            return None;
        }
        let payload = (begin <= end && end <= bytes.len()).then(|| bytes.slice(begin..end))?;
        let frame = Frame {
            header: header.clone(),
            payload,
        };
        frame.is_whole().then_some(frame)
    })
}

impl Frame {
    /// Whether the payload, unless it is an object of its own, is what the header says.
    pub fn is_whole(&self) -> bool {
        use super::PayloadPlace as Place;
        let limit = zarr_fuse_schemas::to_usize(self.header.n_bytes);
        match self.header.payload {
            Place::Blob => self.payload.is_empty(),
            Place::Plain if self.header.sha256.is_empty() => self.payload.is_empty(),
            Place::Plain => zarr_fuse_store::sha256(&self.payload) == self.header.sha256,
            Place::Zstd => zstd::bulk::decompress(&self.payload, limit)
                .is_ok_and(|payload| zarr_fuse_store::sha256(&payload) == self.header.sha256),
        }
    }
}

#[cfg(test)]
mod tests {
    use zarr_fuse_store::{Store, keys};

    use super::super::super::{Journal, JournalSettings, NewContribution};
    use super::*;
    use std::sync::Arc;

    /// A segment of three contributions.
    async fn three() -> Vec<u8> {
        let store = Store::new(Arc::new(object_store::memory::InMemory::new()), "memory://");
        let settings = JournalSettings {
            flush_interval: std::time::Duration::from_millis(50),
            ..JournalSettings::default()
        };
        let journal = Journal::open(store.clone(), "weather", settings)
            .await
            .unwrap();
        let append = |n: usize| {
            journal.append_undefined(NewContribution {
                idempotency_key: Some(format!("key {n}")),
                ..NewContribution::csv(
                    "weather",
                    "forecast",
                    format!("a,b\n{}", "1,2\n".repeat(100 + n)),
                )
            })
        };
        let appended = futures::future::join3(append(1), append(2), append(3)).await;
        assert!(appended.0.is_ok() && appended.1.is_ok() && appended.2.is_ok());
        store
            .get(&keys::segment(1))
            .await
            .unwrap()
            .unwrap()
            .to_vec()
    }

    fn seqs(salvaged: &Salvaged) -> Vec<u64> {
        salvaged
            .frames
            .iter()
            .map(|frame| frame.header.seq)
            .collect()
    }

    #[tokio::test]
    async fn any_changed_byte_is_noticed_and_costs_one_contribution_at_most() {
        let sound = three().await;
        let whole = salvage(&Bytes::from(sound.clone()), 1).unwrap();
        assert_eq!((seqs(&whole), whole.damages.len()), (vec![1, 2, 3], 0));
        for at in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[at] ^= 0x5A;
            let Ok(salvaged) = salvage(&Bytes::from(damaged), 1) else {
                panic!("a changed byte {at} makes a segment of a newer version")
            };
            assert!(!salvaged.damages.is_empty(), "byte {at}");
            assert!(
                salvaged.frames.len() >= 2,
                "byte {at}: {:?}",
                seqs(&salvaged)
            );
            for frame in &salvaged.frames {
                assert!(whole.frames.contains(frame), "byte {at}: {frame:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_cut_segment_keeps_what_comes_before_the_cut() {
        let sound = three().await;
        for at in 0..sound.len() {
            let cut = Bytes::from(sound[..at].to_vec());
            let salvaged = salvage(&cut, 1).unwrap();
            assert!(!salvaged.damages.is_empty(), "cut at {at}");
            assert!(salvaged.frames.iter().all(Frame::is_whole), "cut at {at}");
        }
        let last = salvage(&Bytes::from(sound[..sound.len() - 1].to_vec()), 1).unwrap();
        assert_eq!(seqs(&last), [1, 2, 3]);
    }
}
