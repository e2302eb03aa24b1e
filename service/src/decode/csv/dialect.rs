//! The options of a CSV file, checked, and its delimiter found.

use encoding_rs::Encoding;

use super::super::{CsvOptions, DecodeSetupError, Header, text};

/// [`CsvOptions`] in the form that reading needs.
#[derive(Debug, Clone)]
pub(in crate::decode) struct Dialect {
    /// `None`: to be detected.
    pub(super) delimiter: Option<u8>,
    pub(super) quote: Option<u8>,
    pub(super) comment: Option<String>,
    /// Line of the header, counted from 1.
    pub(super) header_line: Option<usize>,
    pub(super) skip_lines: usize,
    pub(super) skip_after_header: usize,
    pub(super) decimal_comma: bool,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) null_values: Vec<String>,
    pub(super) columns: Option<Vec<String>>,
    pub(super) trim: bool,
}

impl Dialect {
    /// The encoding configured.
    pub(in crate::decode) fn encoding(&self) -> Option<&'static Encoding> {
        self.encoding
    }

    /// Checks `options`; `key` is where they stand in the configuration.
    pub(in crate::decode) fn of(options: &CsvOptions, key: &str) -> Result<Self, DecodeSetupError> {
        let invalid = |name: &str, reason: String| DecodeSetupError::Invalid {
            key: format!("{key}.{name}"),
            reason,
        };
        let delimiter = match options.delimiter.as_deref() {
            None => None,
            Some("tab") => Some(b'\t'),
            Some(text) => Some(separator(text).ok_or_else(|| {
                invalid(
                    "delimiter",
                    format!("`{text}` is not one ASCII character; write `,`, `;`, `|` or `tab`"),
                )
            })?),
        };
        let quote = match options.quote.as_str() {
            "" => None,
            text => Some(separator(text).ok_or_else(|| {
                invalid(
                    "quote",
                    format!("`{text}` is not one ASCII character; write `\"`, or `` for none"),
                )
            })?),
        };
        if quote.is_some() && quote == delimiter {
            return Err(invalid(
                "quote",
                "is the delimiter too; choose another".to_owned(),
            ));
        }
        if options.decimal_comma && delimiter == Some(b',') {
            return Err(invalid(
                "decimal_comma",
                "`,` is the delimiter too; set `delimiter: \";\"`".to_owned(),
            ));
        }
        let encoding = match &options.encoding {
            None => None,
            Some(name) => Some(text::encoding_named(name).ok_or_else(|| {
                invalid(
                    "encoding",
                    format!("`{name}` is unknown; write a name such as `utf-8` or `windows-1250`"),
                )
            })?),
        };
        let header_line = match options.header {
            Header::Present(true) => Some(1),
            Header::Present(false) => None,
            Header::Line(0) => {
                return Err(invalid(
                    "header",
                    "lines are counted from 1; write 1 or more".to_owned(),
                ));
            }
            Header::Line(line) => Some(line),
        };
        if header_line.is_some() && options.columns.is_some() {
            let reason =
                "names columns that have a header; set `header: false`, or use `rename`".to_owned();
            return Err(invalid("columns", reason));
        }
        let comment = options
            .comment
            .clone()
            .filter(|comment| !comment.is_empty());
        if comment
            .as_ref()
            .is_some_and(|comment| comment.contains(['\n', '\r']))
        {
            return Err(invalid(
                "comment",
                "holds a line break; write how comment lines begin".to_owned(),
            ));
        }
        Ok(Self {
            delimiter,
            quote,
            comment,
            header_line,
            skip_lines: options.skip_rows,
            skip_after_header: options.skip_after_header,
            decimal_comma: options.decimal_comma,
            encoding,
            null_values: options.null_values.clone(),
            columns: options.columns.clone(),
            trim: options.trim,
        })
    }

    /// The most frequent of `,`, `;` and tab outside quotes in `line`; `,` if there is none.
    pub(super) fn detect_delimiter(&self, line: &str) -> u8 {
        let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
        let mut quoted = false;
        for byte in line.bytes() {
            if Some(byte) == self.quote {
                quoted = !quoted;
            } else if !quoted
                && let Some((_, count)) =
                    counts.iter_mut().find(|(delimiter, _)| *delimiter == byte)
            {
                *count += 1;
            }
        }
        if self.decimal_comma {
            counts[0].1 = 0;
        }
        // The earliest of equals: `max_by_key` gives the last.
        let (delimiter, count) = counts
            .iter()
            .rev()
            .max_by_key(|(_, count)| *count)
            .copied()
            .unwrap_or((b',', 0));
        match (count, self.decimal_comma) {
            (0, true) => b';',
            (0, false) => b',',
            _ => delimiter,
        }
    }
}

/// `text` as the one ASCII character that it must be.
fn separator(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
        _ => None,
    }
}
