//! The right side of `sel.<name>=`: a value, `a,b,c`, `from/to`, `from/<to`, `nearest:v`, `nearest:v~tolerance`.

use zarr_fuse_schemas::{
    DataType, Measure, Variable,
    near::nearest,
    time::{Tick, Zone},
};

use super::elements::Key;
use super::time::{length, parse_time};

/// What the selected elements of one variable have in common.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Criterion {
    /// They lie in one of these.
    AnyOf(Vec<Span>),
    /// They are the nearest to this, if they are not farther away than so much, in stored terms.
    Nearest(Key, Option<f64>),
}

impl Criterion {
    /// How many spans it has.
    pub(super) fn n_spans(&self) -> usize {
        match self {
            Self::AnyOf(spans) => spans.len(),
            Self::Nearest(..) => 1,
        }
    }
}

/// Most values and ranges in one parameter.
const MAX_SELECTORS: usize = 10_000;

/// Refuses a list of too many values and ranges before it is read.
fn check_number(text: &str) -> Result<(), String> {
    let n = text.bytes().filter(|byte| *byte == b',').count() + 1;
    if n > MAX_SELECTORS {
        return Err(format!(
            "{n} values and ranges are more than {MAX_SELECTORS}; select ranges, or ask several times"
        ));
    }
    Ok(())
}

/// Stored values between two ends, both included here; an end may be open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) from: Option<Key>,
    pub(super) to: Option<Key>,
    /// The text of a single value, which has to exist; ranges and periods may be empty.
    pub(super) wanted: Option<String>,
}

/// Reads a selector on `variable`; local times are in `zone`.
///
/// # Errors
/// Why it cannot be read, and what to write instead.
pub(super) fn parse_criterion(
    text: &str,
    variable: &Variable,
    zone: Zone,
) -> Result<Criterion, String> {
    if let Some(rest) = text.strip_prefix("nearest:") {
        let (wanted, tolerance) = match rest.rsplit_once('~') {
            Some((wanted, tolerance)) => (wanted, Some(tolerance.trim())),
            None => (rest, None),
        };
        let token = single(wanted)?;
        if matches!(variable.measure, Measure::Discrete { .. }) || is_text(variable) {
            return Err("`nearest:` needs numbers or times; give the value itself".to_owned());
        }
        if let Measure::Time { unit, .. } = &variable.measure {
            let time = parse_time(&token.text, unit.tick, zone)?;
            let ticks = |text: &str| {
                let length = length(text).ok_or_else(|| {
                    format!("`{text}` is not a length of time; write `nearest:{wanted}~10min`")
                })?;
                #[expect(clippy::cast_precision_loss, reason = "a distance needs no more")]
                Ok::<_, String>(length as f64 / unit.tick.nanoseconds() as f64)
            };
            let tolerance = tolerance.map(ticks).transpose()?;
            return Ok(Criterion::Nearest(
                in_ticks(time.begin, unit.tick),
                tolerance,
            ));
        }
        let number = |text: &str| {
            let number: Option<f64> = text.parse().ok();
            number.filter(|number| *number >= 0.0).ok_or_else(|| {
                format!("`{text}` is not a distance; write a number, as in `nearest:{wanted}~0.5`")
            })
        };
        let tolerance = tolerance.map(number).transpose()?;
        let (key, ..) = parse_value(&token, variable, zone)?;
        return Ok(Criterion::Nearest(key, tolerance));
    }
    let spans = split(text)?
        .into_iter()
        .map(|item| match item.as_slice() {
            [value] if value.is_blank() => {
                Err("a value is missing; the empty text is written `\"\"`".to_owned())
            }
            [value] => {
                let (from, to, is_moment) = parse_value(value, variable, zone)?;
                let wanted = is_moment.then(|| value.text.clone());
                Ok(Span {
                    from: Some(from),
                    to: Some(to),
                    wanted,
                })
            }
            [from, to] => {
                let (from, to) = (from_of(from, variable, zone)?, to_of(to, variable, zone)?);
                Ok(Span {
                    from,
                    to,
                    wanted: None,
                })
            }
            _ => Err(
                "a range has two ends, `from/to`; put values with slashes in double quotes"
                    .to_owned(),
            ),
        })
        .collect::<Result<_, _>>()?;
    Ok(Criterion::AnyOf(spans))
}

/// Where a range begins: with the value, or after it if it says `>`.
fn from_of(token: &Token, variable: &Variable, zone: Zone) -> Result<Option<Key>, String> {
    if token.is_blank() {
        return Ok(None);
    }
    match token.without('>') {
        Some(token) => {
            let (_, last, _) = parse_value(&token, variable, zone)?;
            next(&last, 1).map(Some)
        }
        None => Ok(Some(parse_value(token, variable, zone)?.0)),
    }
}

/// Where a range ends: with the value, or before it if it says `<`.
fn to_of(token: &Token, variable: &Variable, zone: Zone) -> Result<Option<Key>, String> {
    if token.is_blank() {
        return Ok(None);
    }
    match (token.without('<'), &variable.measure) {
        (Some(token), _) => {
            let (first, ..) = parse_value(&token, variable, zone)?;
            next(&first, -1).map(Some)
        }
        (None, Measure::Time { unit, .. }) => {
            let time = parse_time(&token.text, unit.tick, zone)?;
            Ok(Some(Key::Int(time.end(unit.tick))))
        }
        (None, _) => Ok(Some(parse_value(token, variable, zone)?.1)),
    }
}

/// The least key above another, or the greatest below.
fn next(key: &Key, to: i128) -> Result<Key, String> {
    match key {
        Key::Int(key) => Ok(Key::Int(key.saturating_add(to))),
        Key::Float(key) if to > 0 => Ok(Key::Float(key.next_up())),
        Key::Float(key) => Ok(Key::Float(key.next_down())),
        Key::Text(_) => Err("a range of texts includes its ends; leave out `<` and `>`".to_owned()),
    }
}

/// A piece of text between commas and slashes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) is_quoted: bool,
}

impl Token {
    fn is_blank(&self) -> bool {
        !self.is_quoted && self.text.is_empty()
    }

    /// The rest behind a mark, if it begins with it.
    fn without(&self, mark: char) -> Option<Self> {
        let rest = self.text.strip_prefix(mark).filter(|_| !self.is_quoted)?;
        Some(Self {
            text: rest.trim().to_owned(),
            is_quoted: false,
        })
    }
}

/// Splits at commas, and each item at slashes. Text in double quotes is taken as it is, `""` in it is one quote.
///
/// # Errors
/// If a quote stays open or something follows it.
pub(super) fn split(text: &str) -> Result<Vec<Vec<Token>>, String> {
    check_number(text)?;
    let mut items = vec![vec![Token::default()]];
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let item = items.last_mut().expect("begun above");
        let token = item.last_mut().expect("begun above");
        match c {
            ',' => items.push(vec![Token::default()]),
            '/' => item.push(Token::default()),
            '"' if token.text.trim().is_empty() && !token.is_quoted => {
                token.text.clear();
                token.is_quoted = true;
                loop {
                    match rest.next() {
                        Some('"') if rest.peek() == Some(&'"') => {
                            rest.next();
                            token.text.push('"');
                        }
                        Some('"') => break,
                        Some(c) => token.text.push(c),
                        None => return Err("a double quote is not closed".to_owned()),
                    }
                }
            }
            c if token.is_quoted && !c.is_whitespace() => {
                return Err(
                    "a comma or slash must follow a closing double quote; write a quote inside as `\"\"`".to_owned(),
                );
            }
            _ if token.is_quoted => {}
            c => token.text.push(c),
        }
    }
    for token in items.iter_mut().flatten().filter(|token| !token.is_quoted) {
        token.text = token.text.trim().to_owned();
    }
    Ok(items)
}

/// Exactly one value.
fn single(text: &str) -> Result<Token, String> {
    match split(text)?.as_slice() {
        [item] if item.len() == 1 => Ok(item[0].clone()),
        _ => Err("`nearest:` takes one value".to_owned()),
    }
}

/// An instant in ticks, and in parts of ticks where it lies between two.
fn in_ticks(nanoseconds: i128, tick: Tick) -> Key {
    let per_tick = i128::from(tick.nanoseconds());
    if nanoseconds % per_tick == 0 {
        return Key::Int(nanoseconds / per_tick);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a tick is longer than what is lost of it"
    )]
    Key::Float(nanoseconds as f64 / per_tick as f64)
}

fn is_text(variable: &Variable) -> bool {
    matches!(
        variable.data_type,
        DataType::String | DataType::FixedString(_)
    )
}

/// First and last stored value that `token` stands for, and whether it names a single one.
fn parse_value(token: &Token, variable: &Variable, zone: Zone) -> Result<(Key, Key, bool), String> {
    let text = token.text.as_str();
    match &variable.measure {
        Measure::Time { unit, .. } => {
            let time = parse_time(text, unit.tick, zone)?;
            return Ok((Key::Int(time.first), Key::Int(time.last), time.is_moment));
        }
        Measure::Discrete { labels } => {
            let Some(at) = labels.iter().position(|label| label == text) else {
                let near = nearest(text, labels.iter().map(String::as_str));
                let hint = near.map_or_else(
                    || {
                        format!(
                            "the labels are {}",
                            labels
                                .iter()
                                .take(20)
                                .map(|label| format!("`{label}`"))
                                .collect::<Vec<_>>()
                                .join(", ")
                        )
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                return Err(format!("`{text}` is not one of its labels; {hint}"));
            };
            let code = Key::Int(at as i128 + 1);
            return Ok((code.clone(), code, true));
        }
        Measure::Plain | Measure::Physical { .. } | Measure::Truth => {}
    }
    let key = match variable.data_type {
        DataType::String | DataType::FixedString(_) => Key::Text(text.to_owned()),
        _ if variable.is_truth() => match text {
            "true" | "1" => Key::Int(1),
            "false" | "0" => Key::Int(0),
            _ => return Err(format!("`{text}` is neither `true` nor `false`")),
        },
        DataType::Float32 | DataType::Float64 => {
            let value = text.parse::<f64>().ok().filter(|value| !value.is_nan());
            let value = value.ok_or_else(|| format!("`{text}` is not a number"))?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "compared in the precision stored"
            )]
            let stored = if variable.data_type == DataType::Float32 {
                f64::from(value as f32)
            } else {
                value
            };
            Key::Float(stored)
        }
        DataType::Complex64 | DataType::Complex128 => {
            return Err("complex numbers cannot be selected by value; use `isel`".to_owned());
        }
        _ => Key::Int(
            text.parse()
                .map_err(|_not_whole: std::num::ParseIntError| {
                    format!("`{text}` is not a whole number")
                })?,
        ),
    };
    Ok((key.clone(), key, true))
}

/// Positions of `isel`: `3`, `-1`, `2:5`, `:10`, `-24:`, or a list of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// One index, which has to exist.
    At(i64),
    /// From (included) to (excluded), cut to the coordinate.
    Slice(Option<i64>, Option<i64>),
}

/// Reads the right side of `isel.<coordinate>=`.
///
/// # Errors
/// What is expected.
pub(super) fn parse_positions(text: &str) -> Result<Vec<Position>, String> {
    check_number(text)?;
    let number = |text: &str| {
        let text = text.trim();
        text.parse::<i64>().map_err(|_not_whole| {
            format!("`{text}` is not a whole number; write `3`, `-1`, `2:5` or `-24:`")
        })
    };
    let end = |text: &str| {
        if text.trim().is_empty() {
            Ok(None)
        } else {
            number(text).map(Some)
        }
    };
    text.split(',')
        .map(|item| match item.split_once(':') {
            None => number(item).map(Position::At),
            Some((_, to)) if to.contains(':') => {
                Err("steps are not supported; write `from:to`".to_owned())
            }
            Some((from, to)) => Ok(Position::Slice(end(from)?, end(to)?)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<Vec<String>>, String> {
        Ok(split(text)?
            .into_iter()
            .map(|item| item.into_iter().map(|token| token.text).collect())
            .collect())
    }

    #[test]
    fn quotes_protect_commas_and_slashes() {
        assert_eq!(texts("a, b/c").unwrap(), [vec!["a"], vec!["b", "c"]]);
        assert_eq!(
            texts(r#""a,b/c","say ""hi""""#).unwrap(),
            [vec!["a,b/c"], vec![r#"say "hi""#]]
        );
        assert_eq!(texts(r#""" , " x ""#).unwrap(), [vec![""], vec![" x "]]);
        assert_eq!(texts(r#"5" pipe"#).unwrap(), [vec![r#"5" pipe"#]]);
        assert!(texts(r#""a"#).unwrap_err().contains("not closed"));
        assert!(texts(r#""a"b"#).unwrap_err().contains("must follow"));
    }

    #[test]
    fn selectors_are_bounded() {
        let many = vec![":"; 10_001].join(",");
        let expected =
            "10001 values and ranges are more than 10000; select ranges, or ask several times";
        assert_eq!(parse_positions(&many).unwrap_err(), expected);
        assert_eq!(split(&many).unwrap_err(), expected);
        assert_eq!(parse_positions(&many[2..]).unwrap().len(), 10_000);
    }

    #[test]
    fn positions_are_those_of_python() {
        assert_eq!(
            parse_positions("3,-1").unwrap(),
            [Position::At(3), Position::At(-1)]
        );
        assert_eq!(
            parse_positions("-24:").unwrap(),
            [Position::Slice(Some(-24), None)]
        );
        assert_eq!(parse_positions(":").unwrap(), [Position::Slice(None, None)]);
        assert!(parse_positions("1:5:2").unwrap_err().contains("steps"));
        assert!(
            parse_positions("first")
                .unwrap_err()
                .contains("not a whole number")
        );
    }
}
