//! Undoes the compression of a body, within a bound.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::DecodeError;

/// Capacity to begin with; the buffer grows as data comes, never by what a header promises.
const FIRST_CAPACITY_BYTES: usize = 64 << 10;

/// Most members of a gzip body: each costs time, however little is in it. Programs that write blocks make some thousand.
const MAX_GZIP_MEMBERS: usize = 100_000;
const GZIP_START: [u8; 2] = [0x1f, 0x8b];

/// What follows the header of a bzip2 stream: a block, or the end of an empty one.
const BLOCK_OF_BZIP2: u8 = 0x31;
const END_OF_BZIP2: u8 = 0x17;

/// The body without its compression: `content_encoding` if given, else what its first bytes show.
///
/// Several gzip members, bzip2 streams or zstd frames in a row are read as one. Zeros after gzip are padding, as tapes and
/// some loggers write it.
///
/// # Errors
/// [`DecodeError::TooLargeDecompressed`] as soon as more than `max_bytes` have come out; truncated and damaged data.
pub(super) fn decompress<'a>(
    payload: &'a [u8],
    content_encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Cow<'a, [u8]>, DecodeError> {
    let Some(encodings) = content_encoding else {
        return match payload {
            [0x1f, 0x8b, 0x08, ..] => gunzip(payload, max_bytes).map(Cow::Owned),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => unzstd(payload, max_bytes).map(Cow::Owned),
            [
                b'B',
                b'Z',
                b'h',
                b'1'..=b'9',
                BLOCK_OF_BZIP2 | END_OF_BZIP2,
                ..,
            ] => unbzip2(payload, max_bytes).map(Cow::Owned),
            _ => within(payload.into(), max_bytes),
        };
    };
    let mut body = Cow::Borrowed(payload);
    // The header lists what was applied, first to last. Two are more than anybody needs.
    let applied: Vec<_> = encodings
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    for name in applied.iter().rev() {
        let unsupported = || DecodeError::UnsupportedContentEncoding {
            content_encoding: encodings.to_owned(),
        };
        body = match name.to_ascii_lowercase().as_str() {
            "identity" => body,
            _ if applied.len() > 2 => return Err(unsupported()),
            "gzip" | "x-gzip" => gunzip(&body, max_bytes)?.into(),
            "zstd" => unzstd(&body, max_bytes)?.into(),
            "bzip2" | "x-bzip2" => unbzip2(&body, max_bytes)?.into(),
            _ => return Err(unsupported()),
        };
    }
    within(body, max_bytes)
}

/// Whether every encoding of the header can be undone.
///
/// # Errors
/// [`DecodeError::UnsupportedContentEncoding`].
pub(super) fn supported(content_encoding: Option<&str>) -> Result<(), DecodeError> {
    let known = |name: &str| {
        matches!(
            name,
            "" | "identity" | "gzip" | "x-gzip" | "zstd" | "bzip2" | "x-bzip2"
        )
    };
    match content_encoding {
        Some(encodings)
            if !encodings
                .split(',')
                .all(|name| known(&name.trim().to_ascii_lowercase())) =>
        {
            Err(DecodeError::UnsupportedContentEncoding {
                content_encoding: encodings.to_owned(),
            })
        }
        _ => Ok(()),
    }
}

fn within(body: Cow<'_, [u8]>, max_bytes: usize) -> Result<Cow<'_, [u8]>, DecodeError> {
    if body.len() > max_bytes {
        Err(DecodeError::TooLargeDecompressed { max_bytes })
    } else {
        Ok(body)
    }
}

fn gunzip(payload: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let encoding = "gzip";
    let mut body = Vec::with_capacity(FIRST_CAPACITY_BYTES.min(max_bytes));
    let mut rest = payload;
    for _ in 0..MAX_GZIP_MEMBERS {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        read_bounded(encoding, &mut member, &mut body, max_bytes)?;
        rest = member.into_inner();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(body);
        }
        if !rest.starts_with(&GZIP_START) {
            return Err(DecodeError::BytesAfterCompression {
                encoding,
                n_bytes: rest.len(),
            });
        }
    }
    Err(DecodeError::TooManyMembers {
        max: MAX_GZIP_MEMBERS,
    })
}

fn unzstd(payload: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let reader = zstd::stream::read::Decoder::with_buffer(payload).map_err(|source| {
        DecodeError::Decompression {
            encoding: "zstd",
            source,
        }
    })?;
    let mut body = Vec::with_capacity(FIRST_CAPACITY_BYTES.min(max_bytes));
    read_bounded("zstd", reader, &mut body, max_bytes)?;
    Ok(body)
}

fn unbzip2(payload: &[u8], max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
    let reader = bzip2::bufread::MultiBzDecoder::new(payload);
    let mut body = Vec::with_capacity(FIRST_CAPACITY_BYTES.min(max_bytes));
    read_bounded("bzip2", reader, &mut body, max_bytes)?;
    Ok(body)
}

/// Appends what `reader` gives to `body`, which may have `max_bytes` in all.
fn read_bounded(
    encoding: &'static str,
    reader: impl Read,
    body: &mut Vec<u8>,
    max_bytes: usize,
) -> Result<(), DecodeError> {
    let left = max_bytes.saturating_sub(body.len());
    let bound = u64::try_from(left).unwrap_or(u64::MAX).saturating_add(1);
    reader
        .take(bound)
        .read_to_end(body)
        .map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => DecodeError::TruncatedCompression { encoding },
            _ => DecodeError::Decompression { encoding, source },
        })?;
    if body.len() > max_bytes {
        Err(DecodeError::TooLargeDecompressed { max_bytes })
    } else {
        Ok(())
    }
}
