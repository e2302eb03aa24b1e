//! The query parameters of a contribution.

use serde_json::{Map, Value as Json};
use url::form_urlencoded;

use super::ApiError;

/// Most variables of a contribution, and most bytes of their names and values: they are kept in the journal.
const MAX_VARIABLES: usize = 100;
/// Most bytes of their names and values together.
const MAX_VARIABLE_BYTES: usize = 4096;

/// What a contribution asks for beside being taken.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    pub(super) wait: bool,
    pub(super) dry_run: bool,
    /// Every parameter that means nothing to the service.
    pub(super) variables: Map<String, Json>,
}

impl Options {
    /// Reads the query part of a request.
    ///
    /// # Errors
    /// [`ApiError::BadRequest`] for values that mean nothing, and for parameters given twice.
    pub(super) fn read(query: &str) -> Result<Self, ApiError> {
        let mut options = Self::default();
        let mut seen: Vec<String> = Vec::new();
        let mut n_bytes = 0;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let bad = |expected: &str| {
                let value: String = value.chars().take(100).collect();
                ApiError::BadRequest(format!(
                    "query parameter `{name}={value}`: write {expected}"
                ))
            };
            if seen.iter().any(|other| *other == name) {
                return Err(ApiError::BadRequest(format!(
                    "query parameter `{name}` is given twice; give it once"
                )));
            }
            if seen.len() == MAX_VARIABLES {
                return Err(ApiError::BadRequest(format!(
                    "there are more than {MAX_VARIABLES} query parameters; put data into the body"
                )));
            }
            match name.as_ref() {
                "wait" => {
                    options.wait = match value.as_ref() {
                        "merged" => true,
                        _ => return Err(bad("`merged`, or leave it out")),
                    }
                }
                "dry_run" => {
                    options.dry_run = match value.as_ref() {
                        "true" => true,
                        "false" => false,
                        _ => return Err(bad("`true` or `false`")),
                    }
                }
                _ => {
                    n_bytes += name.len() + value.len();
                    if n_bytes > MAX_VARIABLE_BYTES {
                        return Err(ApiError::BadRequest(format!(
                            "the variables among the query parameters have more than {MAX_VARIABLE_BYTES} bytes; put data into the body"
                        )));
                    }
                    let value = Json::String(value.clone().into_owned());
                    options.variables.insert(name.clone().into_owned(), value);
                }
            }
            seen.push(name.into_owned());
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_does_not_know_is_a_variable() {
        let options = Options::read("wait=merged&logger=A%201&site=Bukov+II").unwrap();
        assert!(options.wait && !options.dry_run);
        let expected = serde_json::json!({"logger": "A 1", "site": "Bukov II"});
        assert_eq!(Json::Object(options.variables), expected);
    }

    #[test]
    fn values_that_mean_nothing_are_refused() {
        let refused = |query: &str| Options::read(query).unwrap_err().to_string();
        assert_eq!(
            refused("wait=yes"),
            "query parameter `wait=yes`: write `merged`, or leave it out"
        );
        assert_eq!(
            refused("dry_run=1"),
            "query parameter `dry_run=1`: write `true` or `false`"
        );
        assert_eq!(
            refused("a=1&a=2"),
            "query parameter `a` is given twice; give it once"
        );
        assert_eq!(
            refused(&format!("a={}", "x".repeat(4096))),
            "the variables among the query parameters have more than 4096 bytes; put data into the body"
        );
    }
}
