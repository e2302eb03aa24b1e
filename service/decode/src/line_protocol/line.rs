//! The parts of a line, one after the other.

use std::borrow::Cow;

use super::super::format_error::FormatError;
use super::FORMAT;

/// A value of a tag or a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell<'t> {
    Text(Cow<'t, str>),
    Int(i64),
    UInt(u64),
    Float(f64),
    Bool(bool),
}

/// A tag or a field.
pub(super) type Pair<'t> = (Cow<'t, str>, Cell<'t>);

/// A place in the text.
pub(super) struct Begin {
    at: usize,
    line: usize,
}

/// Walks a text: [`Lines::next_point`], then all tags, all fields, and the timestamp.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    at: usize,
    /// Line at `at`.
    line: usize,
    /// A field of the point has been read.
    has_field: bool,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            line: 1,
            has_field: false,
        }
    }

    /// Where the next point is looked for, to come back to.
    pub(super) fn begin(&self) -> Begin {
        Begin {
            at: self.at,
            line: self.line,
        }
    }

    /// Goes on at the line after the first one at `begin` that is neither blank nor a comment; gives that line.
    pub(super) fn skip_line_at(&mut self, begin: &Begin) -> &'t str {
        (self.at, self.line) = (begin.at, begin.line);
        self.skip_void();
        let rest = &self.text[self.at..];
        let (line, n_bytes) = match rest.split_once('\n') {
            Some((line, _)) => (line, line.len() + 1),
            None => (rest, rest.len()),
        };
        self.at += n_bytes;
        self.line += usize::from(n_bytes > line.len());
        line.trim_end()
    }

    /// 1-based line of the point.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The measurement of the next point; `None` at the end.
    pub(super) fn next_point(&mut self) -> Result<Option<Cow<'t, str>>, FormatError> {
        self.has_field = false;
        self.skip_void();
        if self.byte().is_none() {
            return Ok(None);
        }
        let measurement = self.word(b", ");
        if measurement.is_empty() {
            return Err(self.wrong("there is no measurement before the tags"));
        }
        Ok(Some(measurement))
    }

    /// Passes over blank lines, comments and blanks.
    fn skip_void(&mut self) {
        loop {
            match self.byte() {
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'#') => {
                    let rest = &self.text.as_bytes()[self.at..];
                    self.at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                }
                _ => return,
            }
        }
    }

    /// The next tag of the point; `None` before the fields.
    pub(super) fn next_tag(&mut self) -> Result<Option<Pair<'t>>, FormatError> {
        if self.byte() != Some(b',') {
            return Ok(None);
        }
        self.at += 1;
        let name = self.name("tag")?;
        let value = self.word(b", ");
        if value.is_empty() {
            return Err(self.wrong(&format!("tag `{name}` has no value")));
        }
        Ok(Some((name, Cell::Text(value))))
    }

    /// The next field of the point; `None` before the timestamp.
    pub(super) fn next_field(&mut self) -> Result<Option<Pair<'t>>, FormatError> {
        if self.has_field {
            if self.byte() != Some(b',') {
                return Ok(None);
            }
            self.at += 1;
        } else {
            self.skip_blanks();
            if self.is_at_end() {
                return Err(self.wrong("there are no fields after the measurement and its tags"));
            }
        }
        let name = self.name("field")?;
        let value = if self.byte() == Some(b'"') {
            Cell::Text(self.quoted(&name)?)
        } else {
            let word = self.word(b", ");
            number(&word).ok_or_else(|| {
                self.wrong(&format!(
                    "field `{name}` is `{word}`, which is no number, truth value or text in quotes"
                ))
            })?
        };
        self.has_field = true;
        Ok(Some((name, value)))
    }

    /// The timestamp of the point, if it has one. The point ends after it.
    pub(super) fn timestamp(&mut self) -> Result<Option<i64>, FormatError> {
        self.skip_blanks();
        let start = self.at;
        while !self.is_at_end() && self.byte() != Some(b' ') {
            self.at += 1;
        }
        let word = &self.text[start..self.at];
        self.skip_blanks();
        if !self.is_at_end() {
            return Err(self.wrong("there is something after the timestamp"));
        }
        if word.is_empty() {
            return Ok(None);
        }
        let ticks = word
            .parse()
            .map_err(|_not_whole| self.wrong(&format!("`{word}` is no timestamp")))?;
        Ok(Some(ticks))
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while self.byte() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Whether the line, and with it the point, ends here.
    fn is_at_end(&self) -> bool {
        let rest = &self.text.as_bytes()[self.at..];
        matches!(rest, [] | [b'\n', ..] | [b'\r'] | [b'\r', b'\n', ..])
    }

    /// The name of a tag or a field, and the `=` after it.
    fn name(&mut self, what: &str) -> Result<Cow<'t, str>, FormatError> {
        let name = self.word(b",= ");
        if self.byte() != Some(b'=') {
            return Err(self.wrong(&format!("{what} `{name}` has no `=` and value")));
        }
        if name.is_empty() {
            return Err(self.wrong(&format!("a {what} has no name before `=`")));
        }
        self.at += 1;
        Ok(name)
    }

    /// Text up to one of `ends` or the end of the line. A backslash before one of `,`, `=` and blank takes it as it is.
    fn word(&mut self, ends: &[u8]) -> Cow<'t, str> {
        let bytes = self.text.as_bytes();
        let mut word = Cow::Borrowed("");
        let mut from = self.at;
        while let Some(byte) = self.byte() {
            if byte == b'\\' && matches!(bytes.get(self.at + 1), Some(b',' | b'=' | b' ')) {
                word.to_mut().push_str(&self.text[from..self.at]);
                from = self.at + 1;
                self.at += 2;
            } else if ends.contains(&byte) || self.is_at_end() {
                break;
            } else {
                self.at += 1;
            }
        }
        let rest = &self.text[from..self.at];
        if word.is_empty() {
            return Cow::Borrowed(rest);
        }
        word.to_mut().push_str(rest);
        word
    }

    /// Text in quotes, in which `\"` and `\\` stand for a quote and a backslash; it may hold line breaks.
    fn quoted(&mut self, field: &str) -> Result<Cow<'t, str>, FormatError> {
        let bytes = self.text.as_bytes();
        let opened = self.line;
        self.at += 1;
        let mut from = self.at;
        let mut value = Cow::Borrowed("");
        loop {
            match self.byte() {
                None => {
                    self.line = opened;
                    return Err(self.wrong(&format!("the quotes of field `{field}` do not end")));
                }
                Some(b'"') => break,
                Some(b'\\') if matches!(bytes.get(self.at + 1), Some(b'"' | b'\\')) => {
                    value.to_mut().push_str(&self.text[from..self.at]);
                    from = self.at + 1;
                    self.at += 2;
                }
                Some(byte) => {
                    self.line += usize::from(byte == b'\n');
                    self.at += 1;
                }
            }
        }
        let rest = &self.text[from..self.at];
        self.at += 1;
        if value.is_empty() {
            return Ok(Cow::Borrowed(rest));
        }
        value.to_mut().push_str(rest);
        Ok(value)
    }

    fn wrong(&self, reason: &str) -> FormatError {
        FormatError::Line {
            format: FORMAT,
            line: self.line,
            reason: reason.chars().take(300).collect(),
            remedy: "write `measurement,tag=value field=value timestamp`",
        }
    }
}

/// A number or a truth value: `1.5`, `3i`, `3u`, `true`.
fn number(word: &str) -> Option<Cell<'static>> {
    match word {
        "t" | "T" | "true" | "True" | "TRUE" => return Some(Cell::Bool(true)),
        "f" | "F" | "false" | "False" | "FALSE" => return Some(Cell::Bool(false)),
        _ => {}
    }
    if let Some(digits) = word.strip_suffix('i') {
        return digits.parse().ok().map(Cell::Int);
    }
    if let Some(digits) = word.strip_suffix('u') {
        return digits.parse().ok().map(Cell::UInt);
    }
    // `inf` and `nan` are no numbers of the protocol.
    let is_number = word
        .bytes()
        .all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    word.parse()
        .ok()
        .filter(|number: &f64| is_number && number.is_finite())
        .map(Cell::Float)
}
