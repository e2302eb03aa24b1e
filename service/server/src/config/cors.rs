//! The section `server.cors`.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error};

use super::quantity::{DurationText, duration};

/// Pages of other sites whose scripts may ask this service. Default: none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorsConfig {
    /// Where those pages are: `https://maps.example.org`, or `*` for all pages. Default: none.
    pub origins: Vec<Origin>,
    /// Whether browsers send along names and passwords that a person has entered for this service. Not with `*`. Tokens that
    /// a page sends itself do not need it. Default false.
    pub credentials: bool,
    /// How long browsers remember what they were told. Default `1h`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub max_age: Duration,
}

impl Default for CorsConfig {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            credentials: false,
            max_age: Duration::from_hours(1),
        }
    }
}

impl CorsConfig {
    /// Whether pages at `origin`, as browsers write it, may ask.
    pub fn allows(&self, origin: &str) -> bool {
        self.is_for_all() || self.origins.iter().any(|allowed| allowed.0 == origin)
    }

    /// Whether all pages may ask.
    pub fn is_for_all(&self) -> bool {
        self.origins.iter().any(|allowed| allowed.0 == "*")
    }
}

/// Where a page is: scheme, host and port, or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads `https://maps.example.org`, `http://localhost:5173`, `*`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let url = url::Url::parse(text).ok().filter(|url| {
            let is_web = matches!(url.scheme(), "http" | "https");
            let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
            is_web && is_bare && url.username().is_empty() && url.password().is_none()
        });
        url.map(|url| Self(url.origin().ascii_serialization()))
            .ok_or_else(|| {
                format!(
                    "`{text}` is not where a page can be; write scheme and host, as in `https://maps.example.org`, or `*`"
                )
            })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^(\*|https?://[^/]+/?|.*\$\{.*)$"})
    }
}
