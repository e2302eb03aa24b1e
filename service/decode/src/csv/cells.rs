//! Cuts CSV text into cells.

use std::borrow::Cow;

use super::dialect::{Dialect, NullNumber, first_digit};

/// How cells are told apart in one file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cutter<'d> {
    pub(super) delimiter: u8,
    pub(super) blanks: bool,
    pub(super) quote: Option<u8>,
    pub(super) trim: bool,
    pub(super) decimal_comma: bool,
    pub(super) comment: Option<&'d str>,
    pub(super) thousands: Option<char>,
    pub(super) null_values: &'d [String],
    pub(super) null_numbers: &'d [NullNumber],
}

/// What follows a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// Another cell of the row.
    Cell,
    /// The next row, or the end of the text.
    Row,
}

/// Why a cell cannot be cut, with its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CutError {
    OpenQuote(usize),
    TextAfterQuote(usize),
}

/// One cell, and where the text goes on.
pub(super) struct Cell<'t> {
    /// `None`: no value.
    pub(super) value: Option<Cow<'t, str>>,
    pub(super) after: After,
    pub(super) next: usize,
}

impl<'d> Cutter<'d> {
    pub(super) fn new(dialect: &'d Dialect, delimiter: u8) -> Self {
        Self {
            delimiter,
            blanks: dialect.blanks,
            quote: dialect.quote,
            trim: dialect.trim,
            decimal_comma: dialect.decimal_comma,
            comment: dialect.comment.as_deref(),
            thousands: dialect.thousands,
            null_values: &dialect.null_values,
            null_numbers: &dialect.null_numbers,
        }
    }

    /// Where the first line at or after `at` begins that is neither blank nor a comment; the length of `text` if none.
    pub(super) fn skip_void(&self, text: &str, mut at: usize) -> usize {
        let bytes = text.as_bytes();
        loop {
            match bytes.get(at) {
                None => return bytes.len(),
                Some(b'\n') => at += 1,
                Some(b'\r') if matches!(bytes.get(at + 1), None | Some(b'\n')) => at += 1,
                Some(b' ' | b'\t')
                    if self.trim && ends_line(bytes, self.skip_blanks(bytes, at)) =>
                {
                    at = next_line(text, at);
                }
                Some(_) => match self.comment {
                    Some(comment) if bytes[at..].starts_with(comment.as_bytes()) => {
                        at = next_line(text, at);
                    }
                    _ => return at,
                },
            }
        }
    }

    /// Cuts the cell that begins at `at`.
    pub(super) fn cell<'t>(&self, text: &'t str, at: usize) -> Result<Cell<'t>, CutError> {
        let start = self.start(text.as_bytes(), at);
        if self.is_quote(text.as_bytes(), start) {
            return self.quoted_cell(text, start);
        }
        let (value, after, next) = self.bare_cell(text, start);
        Ok(Cell {
            value: value.map(|value| self.with_point(Cow::Borrowed(value))),
            after,
            next,
        })
    }

    /// The same as [`Self::cell`] for a cell without quotes in a file without decimal commas, which most are; else `None`.
    #[inline]
    pub(super) fn simple_cell<'t>(
        &self,
        text: &'t str,
        at: usize,
    ) -> Option<(Option<&'t str>, After, usize)> {
        let start = self.start(text.as_bytes(), at);
        let is_plain = !self.decimal_comma && self.thousands.is_none();
        let is_simple = is_plain && !self.is_quote(text.as_bytes(), start);
        is_simple.then(|| self.bare_cell(text, start))
    }

    /// Cuts a cell without quotes: value, what follows, and where the text goes on.
    #[inline]
    fn bare_cell<'t>(&self, text: &'t str, start: usize) -> (Option<&'t str>, After, usize) {
        let bytes = text.as_bytes();
        let rest = &bytes[start..];
        let len = if self.blanks {
            memchr::memchr3(b' ', b'\t', b'\n', rest)
        } else {
            let is_end = |byte: &u8| *byte == self.delimiter || *byte == b'\n';
            rest.iter().position(is_end)
        };
        let len = len.unwrap_or(rest.len());
        let mut end = start + len;
        let (after, next) = match bytes.get(end) {
            Some(b'\n') => (After::Row, end + 1),
            Some(_) if self.blanks => self.after_blanks(bytes, end),
            Some(_) => (After::Cell, end + 1),
            None => (After::Row, end),
        };
        if after == After::Row && end > start && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        if self.trim {
            while end > start && self.is_blank(bytes[end - 1]) {
                end -= 1;
            }
        }
        let value = &text[start..end];
        (
            (!value.is_empty() && !self.is_null(value)).then_some(value),
            after,
            next,
        )
    }

    /// Where the cell at `at` begins, blanks passed over.
    #[inline]
    fn start(&self, bytes: &[u8], at: usize) -> usize {
        if self.trim || self.blanks {
            self.skip_blanks(bytes, at)
        } else {
            at
        }
    }

    #[inline]
    fn is_quote(&self, bytes: &[u8], at: usize) -> bool {
        self.quote.is_some() && bytes.get(at).copied() == self.quote
    }

    /// Cuts the cell whose opening quote is at `open`.
    fn quoted_cell<'t>(&self, text: &'t str, open: usize) -> Result<Cell<'t>, CutError> {
        let bytes = text.as_bytes();
        let quote = bytes[open];
        let mut value = Cow::Borrowed("");
        let mut from = open + 1;
        let close = loop {
            let Some(len) = memchr::memchr(quote, &bytes[from..]) else {
                return Err(CutError::OpenQuote(open));
            };
            let end = from + len;
            // A doubled quote stands for one: it is taken with what precedes it.
            let doubled = bytes.get(end + 1) == Some(&quote);
            let part = &text[from..if doubled { end + 1 } else { end }];
            if value.is_empty() {
                value = Cow::Borrowed(part);
            } else {
                value.to_mut().push_str(part);
            }
            if !doubled {
                break end;
            }
            from = end + 2;
        };
        let mut at = close + 1;
        if self.trim || self.blanks {
            at = self.skip_blanks(bytes, at);
        }
        let (after, next) = match (bytes.get(at), bytes.get(at + 1)) {
            _ if self.blanks && at > close + 1 && !ends_line(bytes, at) => (After::Cell, at),
            (Some(&byte), _) if byte == self.delimiter => (After::Cell, at + 1),
            (Some(b'\n'), _) | (Some(b'\r'), None) => (After::Row, at + 1),
            (Some(b'\r'), Some(b'\n')) => (After::Row, at + 2),
            (None, _) => (After::Row, at),
            _ => return Err(CutError::TextAfterQuote(at)),
        };
        let value = (!self.is_null(&value)).then(|| self.with_point(value));
        Ok(Cell { value, after, next })
    }

    fn skip_blanks(&self, bytes: &[u8], mut at: usize) -> usize {
        while bytes.get(at).is_some_and(|&byte| self.is_blank(byte)) {
            at += 1;
        }
        at
    }

    /// What comes after the blanks at `at`, and where.
    fn after_blanks(&self, bytes: &[u8], at: usize) -> (After, usize) {
        let at = self.skip_blanks(bytes, at);
        match (bytes.get(at), bytes.get(at + 1)) {
            (Some(b'\n'), _) | (Some(b'\r'), None) => (After::Row, at + 1),
            (Some(b'\r'), Some(b'\n')) => (After::Row, at + 2),
            (None, _) => (After::Row, at),
            _ => (After::Cell, at),
        }
    }

    fn is_blank(&self, byte: u8) -> bool {
        (byte == b' ' || byte == b'\t') && (self.blanks || byte != self.delimiter)
    }

    #[inline]
    fn is_null(&self, value: &str) -> bool {
        !self.null_values.is_empty()
            && (self.null_values.iter().any(|null| null == value) || self.is_null_number(value))
    }

    /// Whether it is one of the numbers that mean "no value".
    fn is_null_number(&self, value: &str) -> bool {
        if self.null_numbers.is_empty()
            || !matches!(
                value.as_bytes(),
                [b'+' | b'-' | b'.' | b',' | b'0'..=b'9', ..]
            )
        {
            return false;
        }
        let first = first_digit(value);
        let mut alike = self.null_numbers.iter().filter(|null| null.first == first);
        let Some(null) = alike.next() else {
            return false;
        };
        let number = fast_float2::parse::<f64, _>(self.with_point(Cow::Borrowed(value)).as_ref());
        number.is_ok_and(|number| {
            // Equal, not near: -9998.9999 is a value.
            let is = |null: &NullNumber| null.number == number;
            is(null) || alike.any(is)
        })
    }

    /// `value` with a decimal point if it is a number with a decimal comma.
    fn with_point<'t>(&self, value: Cow<'t, str>) -> Cow<'t, str> {
        let point = if self.decimal_comma { ',' } else { '.' };
        let value = match self
            .thousands
            .and_then(|mark| without_thousands(&value, mark, point))
        {
            Some(plain) => Cow::Owned(plain),
            None => value,
        };
        if self.decimal_comma && is_comma_number(&value) {
            value.replacen(',', ".", 1).into()
        } else {
            value
        }
    }
}

/// Whether the line ends at `at`.
fn ends_line(bytes: &[u8], at: usize) -> bool {
    matches!(
        (bytes.get(at), bytes.get(at + 1)),
        (None | Some(b'\n'), _) | (Some(b'\r'), None | Some(b'\n'))
    )
}

/// Whether `text` is a decimal number whose point is a comma: sign, digits, one comma, digits, exponent.
fn is_comma_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let all_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    mantissa.split_once(',').is_some_and(|(whole, fraction)| {
        all_digits(whole) && all_digits(fraction) && whole.len() + fraction.len() > 0
    }) && !exponent.is_empty()
        && all_digits(exponent)
}

/// A number without the marks between its groups of three digits; `None` if it has none, or they stand elsewhere.
fn without_thousands(text: &str, mark: char, point: char) -> Option<String> {
    let is_blank = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}');
    let is_mark = |c: char| c == mark || (is_blank(mark) && is_blank(c));
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|c: char| c.is_ascii_digit()) || !unsigned.contains(is_mark) {
        return None;
    }
    let end = unsigned.find([point, 'e', 'E']);
    let (whole, rest) = unsigned.split_at(end.unwrap_or(unsigned.len()));
    let mut groups = whole.split(is_mark);
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let first = groups.next()?;
    let is_grouped = (1..=3).contains(&first.len())
        && is_digits(first)
        && groups.all(|group| group.len() == 3 && is_digits(group))
        && !rest.contains(is_mark);
    let sign = &text[..text.len() - unsigned.len()];
    is_grouped.then(|| format!("{sign}{}{rest}", whole.replace(is_mark, "")))
}

/// Where the line after the one at `at` begins, quotes or not.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    memchr::memchr(b'\n', &text.as_bytes()[at..]).map_or(text.len(), |len| at + len + 1)
}

/// 1-based line of the byte at `at`.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count()
}
