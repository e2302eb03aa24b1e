//! Bytes to text: byte order marks and encodings.

use std::borrow::Cow;

use encoding_rs::Encoding;

use super::DecodeError;

/// The text of a body, without its byte order mark.
///
/// A byte order mark decides; then `configured`; then UTF-8, strictly. Valid UTF-8 is not copied.
pub(super) fn text_of<'b>(
    body: &'b [u8],
    configured: Option<&'static Encoding>,
) -> Result<Cow<'b, str>, DecodeError> {
    let (encoding, body) = match Encoding::for_bom(body) {
        Some((encoding, n_bytes)) => (Some(encoding), &body[n_bytes..]),
        None => (configured, body),
    };
    match encoding {
        Some(encoding) if encoding != encoding_rs::UTF_8 => encoding
            .decode_without_bom_handling_and_without_replacement(body)
            .ok_or(DecodeError::NotInEncoding {
                encoding: encoding.name(),
            }),
        _ => std::str::from_utf8(body)
            .map(Cow::Borrowed)
            .map_err(|error| DecodeError::NotUtf8 {
                offset: error.valid_up_to(),
            }),
    }
}

/// The encoding of this name.
pub(super) fn encoding_named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.as_bytes())
}
