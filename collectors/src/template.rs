//! Texts with `{placeholders}`.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// Values by name, in the order in which they came to be.
pub type Variables = Map<String, Json>;

/// A text with placeholders; `{{` and `}}` stand for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Name(String),
}

impl Template {
    /// Reads a text.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' | '}' if chars.peek() == Some(&c) => {
                    chars.next();
                    literal.push(c);
                }
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) if c.is_alphanumeric() || c == '_' => name.push(c),
                            _ => {
                                return Err(format!(
                                    "`{{{name}` does not name a variable; write `{{name}}`, or `{{{{` for a brace"
                                ));
                            }
                        }
                    }
                    if name.is_empty() {
                        return Err(
                            "`{}` names no variable; write `{name}`, or `{{}}` for braces"
                                .to_owned(),
                        );
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Name(name));
                }
                '}' => return Err("`}` closes nothing; write `}}` for a brace".to_owned()),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self(parts))
    }

    /// The variables it needs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Name(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The text with the values in their places.
    pub fn fill(&self, variables: &Variables) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => filled.push_str(&text_of(variables.get(name))),
            }
        }
        filled
    }

    /// The same for a URL: behind its host, values are percent-encoded, so that none of them can change the rest.
    pub fn fill_url(&self, variables: &Variables) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Name(name) => {
                    let value = text_of(variables.get(name));
                    let behind_host = filled
                        .split_once("://")
                        .is_some_and(|(_, rest)| rest.contains(['/', '?']));
                    if behind_host {
                        push_encoded(&mut filled, &value);
                    } else {
                        filled.push_str(&value);
                    }
                }
            }
        }
        filled
    }
}

/// A value as it stands in a text.
fn text_of(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// `+` too, which stands for a blank in queries.
fn push_encoded(url: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~,:".contains(&byte) {
            url.push(char::from(byte));
        } else {
            write!(url, "%{byte:02X}").expect("a string takes every text");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn filled(text: &str) -> String {
        let Json::Object(variables) = json!({"run": "06", "place": "Hora sv. Šebestiána", "up": "../x?y#z", "n": 5, "host": "a.cz:1"})
        else {
            unreachable!("it is an object")
        };
        Template::parse(text).unwrap().fill_url(&variables)
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(
            filled("https://x.cz/{run}/A_{n}{run}.bz2"),
            "https://x.cz/06/A_506.bz2"
        );
        assert_eq!(filled("https://{host}/"), "https://a.cz:1/");
        assert_eq!(filled("{{{run}}}"), "{06}");
    }

    #[test]
    fn a_value_cannot_change_the_rest_of_a_url() {
        assert_eq!(
            filled("https://x.cz/{up}/{place}"),
            "https://x.cz/..%2Fx%3Fy%23z/Hora%20sv.%20%C5%A0ebesti%C3%A1na"
        );
    }

    #[test]
    fn what_is_no_placeholder_is_refused() {
        let refused = |text| Template::parse(text).unwrap_err();
        assert_eq!(
            refused("{lat"),
            "`{lat` does not name a variable; write `{name}`, or `{{` for a brace"
        );
        assert_eq!(
            refused("{}"),
            "`{}` names no variable; write `{name}`, or `{{}}` for braces"
        );
        assert_eq!(refused("a}"), "`}` closes nothing; write `}}` for a brace");
    }

    #[test]
    fn the_names_are_known() {
        let template = Template::parse("{a}/{b}?{a}").unwrap();
        assert_eq!(template.names().collect::<Vec<_>>(), ["a", "b", "a"]);
    }
}
