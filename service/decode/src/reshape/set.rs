//! Columns with one value in every row.

use polars::prelude::{
    ChunkFullNull, Column, DataFrame, IntoColumn, NamedFrom, PlSmallStr, Series, StringChunked,
};
use serde_json::{Map, Value};

use super::super::{DecodeError, DecodeSetupError};

/// What a column is set to.
#[derive(Debug, Clone)]
pub(crate) enum SetValue {
    /// This, whatever the request.
    Constant(Value),
    /// A variable of the request, with its type.
    Variable(String),
    /// Text with variables in it.
    Template(Vec<Part>),
}

/// A piece of a template.
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(String),
    Variable(String),
}

impl SetValue {
    /// Reads the value configured for `column`.
    pub(crate) fn of(column: &str, value: &Value) -> Result<Self, DecodeSetupError> {
        let invalid = |reason: String| DecodeSetupError::Invalid {
            key: format!("set.{column}"),
            reason,
        };
        match value {
            Value::Array(_) | Value::Object(_) => Err(invalid(
                "is a list or an object; write a number, text, true, false or null".to_owned(),
            )),
            Value::String(text) => {
                let mut parts = parts(text).map_err(invalid)?;
                match parts.as_mut_slice() {
                    [] => Ok(Self::Constant(value.clone())),
                    [Part::Text(text)] => Ok(Self::Constant(Value::String(std::mem::take(text)))),
                    [Part::Variable(name)] => Ok(Self::Variable(std::mem::take(name))),
                    _ => Ok(Self::Template(parts)),
                }
            }
            value => Ok(Self::Constant(value.clone())),
        }
    }
}

impl SetValue {
    /// The value that `key` of the configuration means, in a request with these variables.
    fn value(&self, key: &str, variables: &Map<String, Value>) -> Result<Value, DecodeError> {
        Ok(match self {
            Self::Constant(value) => value.clone(),
            Self::Variable(name) => variable(key, name, variables)?.clone(),
            Self::Template(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Text(part) => text.push_str(part),
                        Part::Variable(name) => {
                            text.push_str(&as_text(variable(key, name, variables)?));
                        }
                    }
                }
                Value::String(text)
            }
        })
    }

    /// The same as text.
    pub(crate) fn text(
        &self,
        key: &str,
        variables: &Map<String, Value>,
    ) -> Result<String, DecodeError> {
        Ok(as_text(&self.value(key, variables)?))
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// Cuts `a ${b} c` into its parts. `$$` stands for `$`.
fn parts(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        plain.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            plain.push('$');
            rest = after;
        } else if let Some((name, after)) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
        {
            if name.is_empty() {
                return Err("`${}` names no variable; write `${name}`".to_owned());
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Variable(name.to_owned()));
            rest = after;
        } else {
            return Err("holds a `$` that begins no `${name}`; write `$$` for a `$`".to_owned());
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

/// `frame` with the columns of `settings` added or replaced.
pub(crate) fn set(
    mut frame: DataFrame,
    settings: &[(String, SetValue)],
    variables: &Map<String, Value>,
) -> Result<DataFrame, DecodeError> {
    // Without columns there are no rows to set anything in.
    if frame.width() == 0 {
        return Ok(frame);
    }
    for (column, setting) in settings {
        let value = setting.value(&format!("set.{column}"), variables)?;
        frame.with_column(repeated(column, &value, frame.height()))?;
    }
    Ok(frame)
}

fn variable<'v>(
    key: &str,
    name: &str,
    variables: &'v Map<String, Value>,
) -> Result<&'v Value, DecodeError> {
    match variables.get(name) {
        None => Err(DecodeError::MissingVariable {
            key: key.to_owned(),
            variable: name.to_owned(),
        }),
        Some(Value::Array(_) | Value::Object(_)) => Err(DecodeError::VariableNotScalar {
            key: key.to_owned(),
            variable: name.to_owned(),
        }),
        Some(value) => Ok(value),
    }
}

/// A column with `value` in each of `n_rows` rows.
fn repeated(name: &str, value: &Value, n_rows: usize) -> Column {
    let name = PlSmallStr::from_str(name);
    let one = match value {
        Value::Bool(value) => Series::new(name, [*value]),
        Value::Number(number) => {
            if let Some(value) = number.as_i64() {
                Series::new(name, [value])
            } else if let Some(value) = number.as_u64() {
                Series::new(name, [value])
            } else {
                Series::new(name, [number.as_f64()])
            }
        }
        Value::String(value) => Series::new(name, [value.as_str()]),
        _ => return StringChunked::full_null(name, n_rows).into_column(),
    };
    one.new_from_index(0, n_rows).into_column()
}
