//! What can be configured: the file `zarr-fuse.yaml`, with every default and unit.
//!
//! [`Config::load`] reads the file, puts environment variables into it and checks everything that can be checked without
//! opening a store. It reports every problem at once, each with file, line, column and remedy. `service/zarr-fuse.schema.json`
//! describes the file for editors; it is generated from the types here.

mod auth;
mod channel;
mod check;
mod collector;
mod cors;
mod dataset;
mod deserialize;
mod endpoint;
mod environment;
mod limits;
mod notify;
mod read;
mod reserved;
mod server;
#[cfg(test)]
mod tests;
mod viewer;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use zarr_fuse_schemas::{Problem, SchemaError, quantity};

pub(crate) use auth::digest;
pub use channel::LOG;
pub(crate) use channel::{address, headers, url};
pub(crate) use check::name_problem;
#[cfg(test)]
pub(crate) use reserved::RESERVED;

pub use auth::{Auth, AuthMode, Scope, Token, User};
pub use collector::CollectorConfig;
pub use cors::{CorsConfig, Origin};
pub use dataset::{DatasetConfig, Datasets};
pub use endpoint::EndpointConfig;
pub use limits::LimitsConfig;
pub use notify::{
    ChannelConfig, EmailConfig, NotifyConfig, RuleConfig, SmtpConfig, SmtpTls, Trigger,
    WebhookConfig,
};
pub use server::{
    AddressHeader, Host, JournalConfig, Listen, Proxy, ServerConfig, TlsConfig, is_loopback,
};
pub use viewer::{BaseMap, ViewerConfig};
pub use zarr_fuse_schemas::Secret;
pub use zarr_fuse_schemas::quantity::parse_duration;
pub use zarr_fuse_store::StoreConfig;

/// The configuration of the service, `zarr-fuse.yaml`.
///
/// In texts, numbers and switches, `${NAME}` stands for an environment variable, `${NAME:-default}` for one that may be
/// missing, and `$${` for `${` itself; inside `decode` of an endpoint or collector, `${name}` stands for variables of the request and
/// the environment is not read. Relative paths are relative to the folder of this file. Durations are written `500ms`,
/// `30s`, `5m`, `12h`, `7d`; sizes in bytes, or `64KiB`, `8MiB`, `2GiB`.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the service listens.
    pub server: ServerConfig,
    /// Where datasets are stored that do not say so themselves, and access to S3.
    pub store: StoreConfig,
    /// How contributions are made durable.
    pub journal: JournalConfig,
    /// Who may do what. Default: everyone everything, but then the service listens on loopback only.
    pub auth: Option<Auth>,
    /// Bounds on what clients may use.
    pub limits: LimitsConfig,
    /// The datasets: a list of schema files, or a mapping from names to schema files. A dataset in a list has the name of
    /// its file without the ending.
    pub datasets: Datasets,
    /// Where contributions are pushed to, by name, besides the endpoint that every dataset has under its own name.
    pub endpoints: IndexMap<String, EndpointConfig>,
    /// Sources that are fetched, subscribed to or watched, by name.
    pub collectors: IndexMap<String, CollectorConfig>,
    /// Who is told of problems. Default: nobody; the log has them.
    pub notify: Option<NotifyConfig>,
    /// The file this was read from; empty for the defaults.
    #[serde(skip)]
    pub file: PathBuf,
    /// When the file was about to be read; what is edited later is not in here.
    #[serde(skip)]
    pub read_at: Option<SystemTime>,
}

impl Config {
    /// Reads the file at `path`; `env` are the environment variables.
    ///
    /// # Errors
    /// Every problem of the file at once; one without a place if it cannot be read.
    pub fn load(path: &Path, env: &HashMap<String, String>) -> Result<Self, SchemaError> {
        let read_at = SystemTime::now();
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("cannot read the file: {error}");
            let file = path.display().to_string();
            SchemaError {
                problems: vec![Problem {
                    file,
                    line: 0,
                    column: 0,
                    path: String::new(),
                    message,
                }],
            }
        })?;
        let mut config = Self::parse(&text, path, env)?;
        config.read_at = Some(read_at);
        Ok(config)
    }

    /// Reads `text` as if it stood in the file `path`.
    ///
    /// # Errors
    /// Every problem of the text at once.
    pub fn parse(
        text: &str,
        path: &Path,
        env: &HashMap<String, String>,
    ) -> Result<Self, SchemaError> {
        let mut problems = read::Problems::new(path);
        let config = read::read(text, env, &mut problems).map(|(mut config, tree): (Self, _)| {
            path.clone_into(&mut config.file);
            config.add_basic_users(env, &mut problems);
            config.finish(&tree, &mut problems);
            config
        });
        problems.none_or(config)
    }

    /// The folder that relative paths are relative to.
    pub fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// The JSON Schema of the file.
    pub fn json_schema() -> serde_json::Value {
        read::json_schema::<Self>()
    }
}
