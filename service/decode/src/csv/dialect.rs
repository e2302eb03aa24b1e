//! The options of a CSV file, checked, and its delimiter found.

use encoding_rs::Encoding;
use zarr_fuse_schemas::rules::Rules;

use super::super::{CsvOptions, DecodeSetupError, Header, ShortRows, text};

/// Lines that a header may span.
const MAX_HEADER_LINES: usize = 100;

/// [`CsvOptions`] in the form that reading needs.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent options")]
pub(crate) struct Dialect {
    /// `None`: to be detected.
    pub(super) delimiter: Option<u8>,
    /// Runs of blanks and tabs separate cells; the delimiter is a blank.
    pub(super) blanks: bool,
    pub(super) quote: Option<u8>,
    pub(super) comment: Option<String>,
    /// Line of the header, counted from 1; if it has several, the first.
    pub(super) header_line: Option<usize>,
    /// Lines from that one to the last of the header, and which of them have a part of the names.
    pub(super) header_parts: Vec<bool>,
    pub(super) skip_lines: usize,
    pub(super) skip_after_header: usize,
    pub(super) decimal_comma: bool,
    pub(super) thousands: Option<char>,
    pub(super) fills_short_rows: bool,
    /// Whether that was decided here.
    pub(super) fills_by_default: bool,
    pub(super) encoding: Option<&'static Encoding>,
    pub(super) null_values: Vec<String>,
    /// Numbers among them.
    pub(super) null_numbers: Vec<NullNumber>,
    pub(super) rules: Rules,
    /// Lines of the file before the text.
    pub(super) n_lines_before: usize,
    pub(super) columns: Option<Vec<String>>,
    pub(super) trim: bool,
}

/// A number that means "no value", however it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct NullNumber {
    pub(super) number: f64,
    /// Its first digit that is not 0; 0 if it is.
    pub(super) first: u8,
}

impl NullNumber {
    fn of(text: &str) -> Option<Self> {
        let number: f64 = text.trim().replace(',', ".").parse().ok()?;
        number.is_finite().then(|| Self {
            number,
            first: first_digit(text),
        })
    }
}

/// The first digit of a number that is not 0, as ASCII; `0` if there is none.
pub(super) fn first_digit(text: &str) -> u8 {
    let mut digits = text.bytes().take_while(|byte| !matches!(byte, b'e' | b'E'));
    digits
        .find(|byte| matches!(byte, b'1'..=b'9'))
        .unwrap_or(b'0')
}

impl Dialect {
    /// The encoding configured.
    pub(crate) fn encoding(&self) -> Option<&'static Encoding> {
        self.encoding
    }

    /// The rules of its time.
    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    /// The same for a text, in UTF-8, before which `n_lines` lines of the file stand.
    pub(crate) fn after_lines(&self, n_lines: usize) -> Self {
        Self {
            n_lines_before: n_lines,
            encoding: Some(encoding_rs::UTF_8),
            ..self.clone()
        }
    }

    /// Checks `options`; `key` is where they stand in the configuration.
    pub(crate) fn of(
        options: &CsvOptions,
        key: &str,
        rules: Rules,
    ) -> Result<Self, DecodeSetupError> {
        let invalid = |name: &str, reason: String| DecodeSetupError::Invalid {
            key: format!("{key}.{name}"),
            reason,
        };
        let delimiter = delimiter(options.delimiter.as_deref())
            .map_err(|reason| invalid("delimiter", reason))?;
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
        let (header_line, header_parts) =
            header(&options.header).map_err(|reason| invalid("header", reason))?;
        if let Some(mark) = options.thousands
            && !separates_digits(mark, options.decimal_comma)
        {
            let reason = format!(
                "`{mark}` cannot separate digits here; write a mark that is no part of numbers"
            );
            return Err(invalid("thousands", reason));
        }
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
        // By the first rules each blank separated cells.
        let is_named = options.delimiter.as_deref() == Some("blanks");
        let fills_by_default =
            options.short_rows.is_none() && rules != Rules::First && options.columns.is_some();
        Ok(Self {
            delimiter,
            blanks: is_named || (delimiter == Some(b' ') && rules != Rules::First),
            thousands: options.thousands,
            fills_short_rows: fills_by_default || options.short_rows == Some(ShortRows::Fill),
            fills_by_default,
            null_numbers: match rules {
                Rules::First => Vec::new(),
                Rules::Second => options
                    .null_values
                    .iter()
                    .filter_map(|text| NullNumber::of(text))
                    .collect(),
            },
            rules,
            n_lines_before: 0,
            quote,
            comment,
            header_line,
            header_parts,
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

/// The byte that separates cells; a blank where runs of blanks do.
fn delimiter(option: Option<&str>) -> Result<Option<u8>, String> {
    match option {
        None => Ok(None),
        Some("tab") => Ok(Some(b'\t')),
        Some("blanks") => Ok(Some(b' ')),
        Some(text) => separator(text).map(Some).ok_or_else(|| {
            format!("`{text}` is not one ASCII character; write `,`, `;`, `|`, `tab` or `blanks`")
        }),
    }
}

/// The first line of the header, and from there on which lines have a part of the names.
fn header(header: &Header) -> Result<(Option<usize>, Vec<bool>), String> {
    const REMEDY: &str = "write 1 or more, or a list such as `[1, 2]`";
    let lines = match header {
        Header::Present(true) => &[1][..],
        Header::Present(false) => return Ok((None, Vec::new())),
        Header::Line(line) => std::slice::from_ref(line),
        Header::Lines(lines) => lines,
    };
    let is_ascending = lines.is_sorted_by(|one, next| one < next);
    let (Some(&first), Some(&last), true) = (lines.first(), lines.last(), is_ascending) else {
        return Err(format!("is no list of ascending lines; {REMEDY}"));
    };
    if first == 0 {
        return Err(format!("lines are counted from 1; {REMEDY}"));
    }
    if last - first >= MAX_HEADER_LINES {
        return Err(format!(
            "has lines that are more than {MAX_HEADER_LINES} apart; {REMEDY}"
        ));
    }
    let parts = (first..=last).map(|line| lines.contains(&line));
    Ok((Some(first), parts.collect()))
}

/// Whether a mark can stand between groups of digits.
fn separates_digits(mark: char, decimal_comma: bool) -> bool {
    let point = if decimal_comma { ',' } else { '.' };
    mark != point && !mark.is_alphanumeric() && !matches!(mark, '-' | '+' | '\n' | '\r')
}

/// `text` as the one ASCII character that it must be.
fn separator(text: &str) -> Option<u8> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r' | 0) => Some(*byte),
        _ => None,
    }
}
