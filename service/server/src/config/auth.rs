//! The section `auth`: who may do what.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::Secret;

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// `required`: requests need a user or a token. `none`: everyone may do everything, from wherever they can connect.
    /// Default `required`.
    pub mode: AuthMode,
    /// People and programs that send a name and a password (HTTP Basic). `zf user NAME` prints an entry. Those in the
    /// environment variable `BASIC_AUTH_USERS_JSON`, a JSON object from names to passwords, may contribute and read everywhere.
    pub users: Vec<User>,
    /// Programs that send a token (HTTP Bearer), besides those of `token_file`.
    pub tokens: Vec<Token>,
    /// File of the tokens that `zf token` makes and revokes while the service runs. Default: there is none.
    pub token_file: Option<PathBuf>,
    /// Datasets whose values, schema and Zarr store everyone may read. Contributions, with their senders, need the scope
    /// `read:<dataset>` all the same. Default: none.
    pub public: Vec<String>,
    /// Those of `BASIC_AUTH_USERS_JSON`.
    #[serde(skip)]
    pub passwords: Vec<(String, Secret)>,
}

/// Whether requests need a user or a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// They do.
    #[default]
    Required,
    /// Everyone may do everything.
    None,
}

/// A name with a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The name sent, also the sender noted in the journal.
    pub name: String,
    /// argon2 hash of the password, in the PHC form `$argon2id$v=19$…`.
    #[schemars(with = "String")]
    pub password_hash: Secret,
    /// What the user may do. Default: nothing but reading public datasets.
    #[serde(default)]
    pub scopes: Vec<Scope>,
}

/// A token with what it allows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The sender noted in the journal.
    pub name: String,
    /// SHA-256 of the token, 64 hexadecimal digits.
    #[schemars(with = "String")]
    pub sha256: Secret,
    /// What the token allows. Default: nothing but reading public datasets.
    #[serde(default)]
    pub scopes: Vec<Scope>,
    /// From this time on it is refused, such as `2027-01-01T00:00:00Z`. Default: never.
    #[schemars(with = "Option<String>")]
    #[serde(default)]
    pub expires: Option<DateTime<Utc>>,
}

/// Something that a user or token may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `ingest:<endpoint>`, `ingest:*`: contribute.
    Ingest(String),
    /// `correct:<endpoint>`, `correct:*`: retry and retract what anybody contributed there.
    Correct(String),
    /// `read:<dataset>`: everything that does not change anything. `read:*`: also what belongs to no dataset, such as `/metrics`.
    Read(String),
    /// `admin`: everything.
    Admin,
}

impl Scope {
    /// `ingest:<endpoint>`.
    pub fn ingest(endpoint: &str) -> Self {
        Self::Ingest(endpoint.to_owned())
    }

    /// `correct:<endpoint>`.
    pub fn correct(endpoint: &str) -> Self {
        Self::Correct(endpoint.to_owned())
    }

    /// `read:<dataset>`.
    pub fn read(dataset: &str) -> Self {
        Self::Read(dataset.to_owned())
    }

    /// Whether who has this scope may do what `asked` allows.
    pub fn covers(&self, asked: &Self) -> bool {
        match (self, asked) {
            (Self::Admin, _) => true,
            (Self::Ingest(given), Self::Ingest(asked))
            | (Self::Correct(given), Self::Correct(asked))
            | (Self::Read(given), Self::Read(asked)) => given == "*" || given == asked,
            _ => false,
        }
    }

    /// Reads `ingest:<endpoint>`, `correct:<endpoint>`, `read:<dataset>` or `admin`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("ingest", endpoint)) if !endpoint.is_empty() => {
                Ok(Self::Ingest(endpoint.to_owned()))
            }
            Some(("correct", endpoint)) if !endpoint.is_empty() => {
                Ok(Self::Correct(endpoint.to_owned()))
            }
            Some(("read", dataset)) if !dataset.is_empty() => Ok(Self::Read(dataset.to_owned())),
            None if text == "admin" => Ok(Self::Admin),
            _ => Err(format!(
                "`{text}` is not a scope; write `ingest:<endpoint>`, `correct:<endpoint>`, `read:<dataset>` or `admin`"
            )),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ingest(endpoint) => write!(f, "ingest:{endpoint}"),
            Self::Correct(endpoint) => write!(f, "correct:{endpoint}"),
            Self::Read(dataset) => write!(f, "read:{dataset}"),
            Self::Admin => f.write_str("admin"),
        }
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Scope {
    fn schema_name() -> Cow<'static, str> {
        "Scope".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`ingest:<endpoint>`, `correct:<endpoint>`, `read:<dataset>` (`*` for all of them) or `admin`.",
            "type": "string",
            "pattern": r"^((ingest|correct|read):.+|admin|.*\$\{.*)$",
        })
    }
}

/// The bytes of a SHA-256 in hexadecimal digits.
pub(crate) fn digest(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}
