//! A body without what it came in: compression, archive, form.

use std::borrow::Cow;
use std::path::Path;

use encoding_rs::Encoding;
use serde_json::{Map, Value};

use super::content::MediaType;
use super::detect::Shown;
use super::form::Form;
use super::{
    Content, DecodeError, Decoder, Format, FormatError, compression, container, content_of_file,
    detect, form, text,
};

/// A body without its wrapping, and what it is.
pub(super) struct Opened<'b> {
    pub(super) body: Cow<'b, [u8]>,
    /// Of a form with files: the other fields.
    pub(super) fields: Option<Vec<(String, String)>>,
    pub(super) format: Format,
    pub(super) delimiter: Option<u8>,
    pub(super) charset: Option<&'static Encoding>,
}

impl Opened<'_> {
    /// The variables of the request, with the fields beside a file.
    /// The variables of the request, with the fields beside a file.
    pub(super) fn variables<'v>(
        &self,
        of_request: &'v Map<String, Value>,
    ) -> Cow<'v, Map<String, Value>> {
        match &self.fields {
            Some(fields) if self.format != Format::Form => {
                Cow::Owned(form::variables(fields, of_request))
            }
            _ => Cow::Borrowed(of_request),
        }
    }
}

/// Undoes compression, takes the member of an archive, and finds the format: by configuration, else by the content type
/// or the member's name, else by the first bytes.
pub(super) fn open<'b>(
    payload: &'b [u8],
    content: &Content,
    decoder: &Decoder,
) -> Result<Opened<'b>, DecodeError> {
    let max_bytes = decoder.limits.max_decompressed_bytes;
    let mut media = MediaType::of(&content.content_type, decoder.format)?;
    let mut body =
        compression::decompress(payload, content.content_encoding.as_deref(), max_bytes)?;
    let mut fields = None;
    let of_file;
    if media.is_multipart {
        let form = Form::of(&body, &content.content_type)?;
        if let Some(file) = form.file(decoder.member.as_ref())? {
            of_file = file.content();
            let encoding = of_file.content_encoding.as_deref();
            let bytes = compression::decompress(file.bytes, encoding, max_bytes)?.into_owned();
            media = MediaType::of(&of_file.content_type, decoder.format)?;
            fields = Some(form.into_fields());
            body = Cow::Owned(bytes);
        } else {
            media.format = Some(Format::Form);
            fields = Some(form.into_fields());
        }
    }
    let named;
    if media.format.is_none_or(|format| !format.is_archive())
        && detect::shown(&body) == Shown::Archive
    {
        let member = container::member(&body, decoder.member.as_ref(), max_bytes)?;
        named = content_of_file(Path::new(&member.name));
        let encoding = named.content_encoding.as_deref();
        body =
            Cow::Owned(compression::decompress(&member.bytes, encoding, max_bytes)?.into_owned());
        if media.format.is_none() {
            media = MediaType::of(&named.content_type, None)?;
        }
    }
    let charset = match media.charset {
        None => None,
        Some(charset) => {
            Some(
                text::encoding_named(charset).ok_or_else(|| DecodeError::UnknownCharset {
                    charset: charset.to_owned(),
                })?,
            )
        }
    };
    let format = match media.format {
        // What programs say that were not told what they send.
        Some(Format::Form) if !media.is_configured && fields.is_none() => {
            match detect::shown(&body) {
                Shown::Format(format) => format,
                Shown::Archive | Shown::Nothing => Format::Form,
            }
        }
        Some(Format::Csv)
            if !media.is_configured && decoder.is_plain_csv && detect::is_toa5(&body) =>
        {
            Format::Toa5
        }
        Some(format) => format,
        None => match detect::shown(&body) {
            Shown::Format(format) => format,
            Shown::Archive | Shown::Nothing => return Err(FormatError::Unknown.into()),
        },
    };
    Ok(Opened {
        body,
        fields,
        format,
        delimiter: media.delimiter,
        charset,
    })
}
