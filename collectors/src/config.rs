//! What can be configured of a scheduled collector, and what is wrong with it.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Duration;
use zarr_fuse_schemas::quantity::{DurationText, SizeText, bytes, duration};

/// A kind of run: when it is due, and what it sets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// When: minute, hour, day, month, weekday, such as `15 */6 * * *`; with six fields, the first is seconds.
    pub cron: String,
    /// Time zone of `cron` and of `datetime_local`, such as `Europe/Prague`. Default `UTC`.
    #[serde(default = "utc")]
    pub timezone: String,
    /// Variables of this kind of run.
    #[serde(default)]
    pub set: IndexMap<String, String>,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// What to do about runs that were due while the service was down, or while a former run was under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CatchUp {
    /// The last of them is made up for.
    #[default]
    Last,
    /// All are made up for, in order, at most the last 100.
    All,
    /// They are left out.
    None,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Asks for something.
    #[default]
    Get,
    /// Sends a body; for services whose queries are bodies.
    Post,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Its name.
    pub header_name: String,
    /// Its value, with `{placeholders}`.
    pub header_value: String,
    /// Whether the value is never shown. `Authorization`, `Cookie` and names that speak of keys or tokens are never shown
    /// anyway.
    #[serde(default)]
    pub secret: bool,
}

/// A parameter of the query part of the URL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryParam {
    /// Its name.
    pub name: String,
    /// Its value, with `{placeholders}`.
    pub value: String,
    /// Whether the value is never shown.
    #[serde(default)]
    pub secret: bool,
}

/// What is asked for, and how politely.
///
/// `{name}` stands for a variable of `set`, `render` or `iterate`; `{{` and `}}` for braces.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// `GET` or `POST`. Default `GET`.
    #[serde(default)]
    pub method: Method,
    /// Address, with placeholders; their values are percent-encoded behind the host.
    pub url: String,
    /// Headers. `User-Agent` is required: say who asks and how to reach you.
    #[serde(default)]
    pub headers: Vec<Header>,
    /// Parameters that are added to the URL.
    #[serde(default)]
    pub query_params: Vec<QueryParam>,
    /// Body of a `POST`, with placeholders.
    pub body: Option<String>,
    /// Longest time for an answer, redirects included. Default `30s`.
    #[serde(default = "timeout", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
    /// Largest answer, after decompression. Default `64MiB`.
    #[serde(default = "max_response_bytes", deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_response_bytes: u64,
    /// How often a request is made that fails for a reason that may pass: no answer in time, broken connections, 408, 425,
    /// 429, 5xx. `Retry-After` is honoured; otherwise the pause doubles from one second to five minutes, with jitter.
    /// Default 5.
    #[serde(default = "max_attempts")]
    #[schemars(range(min = 1))]
    pub max_attempts: u32,
    /// Most requests to one host at a time. Default 2.
    #[serde(default = "max_per_host")]
    #[schemars(range(min = 1))]
    pub max_concurrent_per_host: usize,
    /// Shortest time between the begins of two requests to one host. Default `100ms`.
    #[serde(default = "min_interval", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub min_interval: Duration,
    /// Most requests of a run. Default 10000.
    #[serde(default = "max_requests")]
    #[schemars(range(min = 1))]
    pub max_requests: usize,
    /// Other hosts to which redirects are followed.
    #[serde(default)]
    pub redirect_hosts: Vec<String>,
    /// Private addresses that may be asked, such as `127.0.0.1` or `10.1.0.0/16`; others are refused, also behind a name or
    /// a redirect.
    #[serde(default)]
    pub allow_private: Vec<String>,
}

fn timeout() -> Duration {
    Duration::from_secs(30)
}

fn max_response_bytes() -> u64 {
    64 << 20
}

fn max_attempts() -> u32 {
    5
}

fn max_per_host() -> usize {
    2
}

fn min_interval() -> Duration {
    Duration::from_millis(100)
}

fn max_requests() -> usize {
    10_000
}

/// A value that is the same for all requests of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Render {
    /// Name of the variable.
    pub name: String,
    /// Where its value comes from.
    pub source: RenderSource,
    /// How the time is written, as `strftime` does: `%Y%m%d`. For times.
    pub format: Option<String>,
    /// The value. For `const`.
    pub value: Option<String>,
    /// What is added to the time the run was due: `-6h`, `1d`. For times.
    pub offset: Option<String>,
    /// The time is rounded down to a multiple of this since midnight, after `offset`: `6h`. For times.
    pub floor: Option<String>,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RenderSource {
    /// The time the run was due, in UTC.
    DatetimeUtc,
    /// The same in the time zone of the run.
    DatetimeLocal,
    /// `value`.
    Const,
}

/// Values for each of which requests are made. Several are nested, the last one innermost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Iterate {
    /// Name of the variable (`schema`), or of the step (`dataframe`).
    pub name: String,
    /// Where the values come from.
    pub source: IterateSource,
    /// Node of the schema. For `schema`; default: the `target_node` of the collector.
    pub target_node: Option<String>,
    /// Path to the values in the node, such as `VARS.*.df_col`: `*` stands for every key, and each part between dots is a
    /// regular expression that a whole key must match. For `schema`.
    pub schema_regex: Option<String>,
    /// Whether a value that occurs again is passed over. For `schema`; default true.
    #[serde(default = "yes")]
    pub unique: bool,
    /// A CSV file, relative to the folder of the configuration. For `dataframe`.
    pub dataframe_path: Option<String>,
    /// Whether its first line names the columns; else they are `column_1`, `column_2`, … For `dataframe`; default true.
    #[serde(default = "yes")]
    pub dataframe_has_header: bool,
    /// Variables, with the columns that give their values; rows without one of them are passed over. For `dataframe`.
    #[serde(default)]
    pub outputs: IndexMap<String, String>,
}

fn yes() -> bool {
    true
}

/// Where values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IterateSource {
    /// The schema of the dataset.
    Schema,
    /// The rows of a table.
    Dataframe,
}

/// A step on the way to a value of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// The value of a key.
    Key(&'static str),
    /// An item of a list.
    Index(usize),
}

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The way to the value.
    pub path: Vec<At>,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, path: &[At], message: impl Into<String>) {
        self.0.push(Fault {
            path: path.to_vec(),
            message: message.into(),
        });
    }

    /// The value, unless there is none; then its fault is kept.
    pub(crate) fn keep<T>(&mut self, path: &[At], value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.add(path, message)).ok()
    }
}
