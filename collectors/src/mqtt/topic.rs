//! Patterns of topics whose levels become variables.

use serde_json::Value as Json;

use crate::template::Variables;

/// A pattern such as `mine/{logger}/data`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic(Vec<Level>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Level {
    Text(String),
    Name(String),
    Any,
    Rest,
}

impl Topic {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        let parts: Vec<&str> = pattern.split('/').collect();
        let last = parts.len() - 1;
        if pattern.is_empty() || pattern.len() > 1000 {
            return Err("a topic has 1 to 1000 bytes".to_owned());
        }
        let level = |(idx, part): (usize, &str)| match part {
            "+" => Ok(Level::Any),
            "#" if idx == last => Ok(Level::Rest),
            _ => {
                let inner = part
                    .strip_prefix('{')
                    .and_then(|part| part.strip_suffix('}'));
                let is_name = |name: &&str| {
                    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
                };
                match inner {
                    Some(name) if is_name(&name) => Ok(Level::Name(name.to_owned())),
                    None if !part.contains(['+', '#', '{', '}']) => {
                        Ok(Level::Text(part.to_owned()))
                    }
                    _ => Err(format!(
                        "`{part}` is no level of a topic; `{{name}}`, `+` and (at the end) `#` stand for whole levels"
                    )),
                }
            }
        };
        parts
            .into_iter()
            .enumerate()
            .map(level)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// What the broker is asked for.
    pub fn filter(&self) -> String {
        let levels = self.0.iter().map(|level| match level {
            Level::Text(text) => text.as_str(),
            Level::Name(_) | Level::Any => "+",
            Level::Rest => "#",
        });
        levels.collect::<Vec<_>>().join("/")
    }

    /// The variables in `topic`, if the pattern matches it.
    pub fn matches(&self, topic: &str) -> Option<Variables> {
        let mut variables = Variables::new();
        let mut parts = topic.split('/');
        for level in &self.0 {
            if *level == Level::Rest {
                return Some(variables);
            }
            let part = parts.next()?;
            match level {
                Level::Text(text) if text != part => return None,
                Level::Name(name) => {
                    variables.insert(name.clone(), Json::String(part.to_owned()));
                }
                _ => {}
            }
        }
        parts.next().is_none().then_some(variables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, filter: &str, topic: &str, expected: Option<&str>) {
        let parsed = Topic::parse(pattern).unwrap();
        assert_eq!(parsed.filter(), filter);
        let found = parsed
            .matches(topic)
            .map(|found| Json::Object(found).to_string());
        assert_eq!(found.as_deref(), expected, "{pattern} {topic}");
    }

    #[test]
    fn levels_become_variables() {
        let logger = Some(r#"{"logger":"A 1"}"#);
        check("mine/{logger}/data", "mine/+/data", "mine/A 1/data", logger);
        check("mine/{logger}/data", "mine/+/data", "mine/A 1/state", None);
        check("mine/{logger}/data", "mine/+/data", "mine/A 1/data/x", None);
        check("mine/{logger}/#", "mine/+/#", "mine/A 1/x/y", logger);
        check("+/{logger}", "+/+", "x/A 1", logger);
        check("#", "#", "x/y", Some("{}"));
    }

    #[test]
    fn what_is_no_topic_is_refused() {
        for pattern in ["", "a/#/b", "a/{b", "a/x{b}", "a/b+", "a/{}"] {
            assert!(Topic::parse(pattern).is_err(), "{pattern}");
        }
    }
}
