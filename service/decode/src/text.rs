//! Bytes to text: byte order marks and encodings.

use std::borrow::Cow;

use encoding_rs::{DecoderResult, Encoding};

use super::DecodeError;

/// Bytes converted at a time.
const PIECE_BYTES: usize = 1 << 16;

/// The text of a body, without its byte order mark.
///
/// A byte order mark decides; then `configured`; then UTF-8, strictly. Valid UTF-8 is not copied; other encodings may take
/// three times as many bytes in UTF-8, of which there may be `max_bytes`.
pub(super) fn text_of<'b>(
    body: &'b [u8],
    configured: Option<&'static Encoding>,
    max_bytes: usize,
) -> Result<Cow<'b, str>, DecodeError> {
    let (encoding, body) = match Encoding::for_bom(body) {
        Some((encoding, n_bytes)) => (Some(encoding), &body[n_bytes..]),
        None => (configured, body),
    };
    match encoding {
        Some(encoding) if encoding != encoding_rs::UTF_8 => {
            recoded(body, encoding, max_bytes).map(Cow::Owned)
        }
        _ => std::str::from_utf8(body)
            .map(Cow::Borrowed)
            .map_err(|error| DecodeError::NotUtf8 {
                offset: error.valid_up_to(),
            }),
    }
}

fn recoded(
    mut body: &[u8],
    encoding: &'static Encoding,
    max_bytes: usize,
) -> Result<String, DecodeError> {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::new();
    loop {
        let piece = &body[..body.len().min(PIECE_BYTES)];
        let is_last = piece.len() == body.len();
        // A few bytes may be left over from the piece before.
        let room = decoder
            .max_utf8_buffer_length_without_replacement(piece.len())
            .unwrap_or(4 * PIECE_BYTES);
        text.reserve(room);
        let (result, n_read) =
            decoder.decode_to_string_without_replacement(piece, &mut text, is_last);
        if text.len() > max_bytes {
            return Err(DecodeError::TooLargeDecompressed { max_bytes });
        }
        body = &body[n_read..];
        match result {
            DecoderResult::InputEmpty if is_last => return Ok(text),
            DecoderResult::InputEmpty | DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                return Err(DecodeError::NotInEncoding {
                    encoding: encoding.name(),
                });
            }
        }
    }
}

/// The encoding of this name.
pub(super) fn encoding_named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}
