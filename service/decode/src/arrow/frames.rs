//! The messages of an Arrow IPC stream, looked at before they are read: the reader believes what they promise.

use std::collections::HashMap;

use arrow_ipc::{CompressionType, FieldNode, MessageHeader, RecordBatch, root_as_message};

use super::super::format_error::FormatError;
use super::super::{DecodeError, Limits};
use super::FORMAT;

const MAGIC: &[u8] = b"ARROW1";
/// Padding after the first magic word of a file.
const FILE_START: usize = 8;
/// Length of the footer, and the last magic word.
const FILE_END: usize = 10;
const CONTINUATION: [u8; 4] = [0xff; 4];

/// One message with what precedes it and its body.
#[derive(Debug)]
pub(super) struct Frame<'b> {
    bytes: &'b [u8],
    metadata: &'b [u8],
    body: &'b [u8],
}

impl<'b> Frame<'b> {
    pub(super) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// The stream inside a file, or the whole of a stream.
pub(super) fn stream_of(body: &[u8]) -> Result<&[u8], FormatError> {
    if !body.starts_with(MAGIC) {
        return Ok(body);
    }
    let cut = || FormatError::damaged(FORMAT, "the file ends before its footer");
    let end = body.len().checked_sub(FILE_END).ok_or_else(cut)?;
    let (before, tail) = body.split_at(end);
    let length: [u8; 4] = tail[..4].try_into().map_err(|_short| cut())?;
    if !tail.ends_with(MAGIC) {
        return Err(cut());
    }
    let footer = usize::try_from(i32::from_le_bytes(length)).map_err(|_negative| cut())?;
    let end = before.len().checked_sub(footer).ok_or_else(cut)?;
    before.get(FILE_START..end).ok_or_else(cut)
}

/// The messages of a stream up to its end mark.
pub(super) fn split(mut rest: &[u8]) -> impl Iterator<Item = Result<Frame<'_>, FormatError>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (bytes, frame) = match next(rest) {
            Ok(Some(frame)) => (frame.bytes.len(), Ok(frame)),
            Ok(None) => (rest.len(), Err(None)),
            Err(error) => (rest.len(), Err(Some(error))),
        };
        rest = &rest[bytes..];
        match frame {
            Ok(frame) => Some(Ok(frame)),
            Err(error) => error.map(Err),
        }
    })
}

/// The message at the start of `rest`; `None` at the end mark.
fn next(rest: &[u8]) -> Result<Option<Frame<'_>>, FormatError> {
    let cut = || FormatError::damaged(FORMAT, "it ends within a message");
    let prefix = if rest.starts_with(&CONTINUATION) {
        4
    } else {
        0
    };
    let length: [u8; 4] = rest
        .get(prefix..prefix + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(cut)?;
    let length = u32::from_le_bytes(length) as usize;
    if length == 0 {
        return Ok(None);
    }
    let start = prefix + 4;
    let metadata = rest.get(start..start + length).ok_or_else(cut)?;
    let message = root_as_message(metadata).map_err(|error| FormatError::damaged(FORMAT, error))?;
    let body = usize::try_from(message.bodyLength()).map_err(|_negative| cut())?;
    let after = start + length;
    let end = after.checked_add(body).ok_or_else(cut)?;
    Ok(Some(Frame {
        bytes: rest.get(..end).ok_or_else(cut)?,
        metadata,
        body: &rest[after..end],
    }))
}

/// What messages may still promise.
#[derive(Debug)]
pub(super) struct Promises {
    bytes: u64,
    cells: u64,
    max_bytes: usize,
    max_cells: usize,
    /// Bytes of each dictionary so far: a part that is added to one copies all of it.
    dictionaries: HashMap<i64, u64>,
}

impl Promises {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            bytes: limits.max_decompressed_bytes as u64,
            cells: limits.max_cells as u64,
            max_bytes: limits.max_decompressed_bytes,
            max_cells: limits.max_cells,
            dictionaries: HashMap::new(),
        }
    }

    /// Takes what a message promises, or refuses it. `width` is the number of columns.
    pub(super) fn admit(&mut self, frame: &Frame<'_>, width: usize) -> Result<(), DecodeError> {
        let message =
            root_as_message(frame.metadata).map_err(|error| FormatError::damaged(FORMAT, error))?;
        let mut dictionary_id = None;
        let (batch, width) = match message.header_type() {
            MessageHeader::RecordBatch => (message.header_as_record_batch(), width),
            MessageHeader::DictionaryBatch => {
                let dictionary = message.header_as_dictionary_batch();
                dictionary_id =
                    dictionary.map(|dictionary| (dictionary.id(), dictionary.isDelta()));
                (dictionary.and_then(|dictionary| dictionary.data()), 1)
            }
            _ => return Ok(()),
        };
        let Some(batch) = batch else {
            return Err(FormatError::damaged(FORMAT, "a message without its header").into());
        };
        let rows = u64::try_from(batch.length())
            .map_err(|_negative| FormatError::damaged(FORMAT, "a batch of negative length"))?;
        let longest = batch.nodes().into_iter().flatten().map(FieldNode::length);
        let rows = longest.fold(rows, |rows, n| {
            rows.max(u64::try_from(n).unwrap_or(u64::MAX))
        });
        let cells = rows.saturating_mul(width.max(1) as u64);
        self.cells = self
            .cells
            .checked_sub(cells)
            .ok_or(DecodeError::TooManyCells {
                max: self.max_cells,
            })?;
        let mut bytes = buffer_bytes(&batch, frame.body)?;
        if let Some((id, is_delta)) = dictionary_id {
            let so_far = self.dictionaries.entry(id).or_default();
            let own = bytes.saturating_add(frame.body.len() as u64);
            if is_delta {
                bytes = so_far.saturating_add(own);
                *so_far = bytes;
            } else {
                *so_far = own;
            }
        }
        self.bytes = self
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| FormatError::TooLarge {
                format: FORMAT,
                place: "a batch".to_owned(),
                found: bytes,
                max: self.max_bytes,
            })?;
        Ok(())
    }
}

/// Bytes of the buffers of a batch after decompression: each compressed buffer begins with its length.
fn buffer_bytes(batch: &RecordBatch<'_>, body: &[u8]) -> Result<u64, FormatError> {
    let is_compressed = match batch.compression().map(|compression| compression.codec()) {
        None => false,
        Some(CompressionType::LZ4_FRAME | CompressionType::ZSTD) => true,
        Some(_) => return Err(FormatError::damaged(FORMAT, "an unknown compression")),
    };
    let beyond = || FormatError::damaged(FORMAT, "a buffer lies beyond the body of its message");
    let mut sum = 0_u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let offset = usize::try_from(buffer.offset()).map_err(|_negative| beyond())?;
        let length = usize::try_from(buffer.length()).map_err(|_negative| beyond())?;
        let end = offset.checked_add(length).ok_or_else(beyond)?;
        let bytes = body.get(offset..end).ok_or_else(beyond)?;
        let promised = match bytes.first_chunk::<8>() {
            Some(promised) if is_compressed => i64::from_le_bytes(*promised),
            _ => 0,
        };
        // −1: the buffer is not compressed after all.
        sum = sum.saturating_add(u64::try_from(promised).unwrap_or(0));
    }
    Ok(sum)
}
