//! The section `collectors`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use zarr_fuse_collectors::{
    config::{CatchUp, Iterate, Render, Request, Run},
    mqtt::MqttConfig,
    watch::config::{FolderConfig, ObjectsConfig},
};
use zarr_fuse_decode::{Decoding, Extract};
use zarr_fuse_schemas::quantity::{DurationText, duration};

/// A source that is fetched, subscribed to or watched. Exactly one of `request`, `mqtt`, `folder` and `objects` says which.
///
/// What it brings goes to `endpoint`, or, without one, to an endpoint of its own name, which `dataset`, `target_node` and
/// `extract` or `decode` describe.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CollectorConfig {
    /// Whether it runs. Default true.
    pub enabled: bool,
    /// A configured endpoint that contributions go to.
    pub endpoint: Option<String>,
    /// The dataset that contributions go to. Default: the only one there is.
    pub dataset: Option<String>,
    /// Node that contributions go to; relative to the node of `endpoint` if there is one.
    pub target_node: String,
    /// Short for `decode: {extract: …}`.
    pub extract: Option<Extract>,
    /// How contributions become tables. Variables of `set`, `render`, `iterate` and of topics can be used.
    pub decode: Option<Decoding>,
    /// Media type of contributions, instead of what the source says.
    pub content_type: Option<String>,
    /// Compression of contributions, instead of what the source says: `gzip`, `zstd`, `bzip2`.
    pub content_encoding: Option<String>,
    /// When `request` is made: any number of schedules, each with variables of its own.
    pub runs: Vec<Run>,
    /// What is fetched over HTTP.
    pub request: Option<Request>,
    /// Values of `{placeholders}` that are the same for all requests of a run.
    pub render: Vec<Render>,
    /// Values for each of which a request is made.
    pub iterate: Vec<Iterate>,
    /// What to do about runs that were missed. Default `last`.
    pub catch_up: CatchUp,
    /// Longest time of a run. Default `15m`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub run_timeout: Duration,
    /// What an MQTT broker delivers.
    pub mqtt: Option<MqttConfig>,
    /// Files that are dropped into a folder.
    pub folder: Option<FolderConfig>,
    /// Objects that are put into a bucket, under `path`, with the S3 settings of `store`.
    pub objects: Option<ObjectsConfig>,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            endpoint: None,
            dataset: None,
            target_node: String::new(),
            extract: None,
            decode: None,
            content_type: None,
            content_encoding: None,
            runs: Vec::new(),
            request: None,
            render: Vec::new(),
            iterate: Vec::new(),
            catch_up: CatchUp::Last,
            run_timeout: Duration::from_mins(15),
            mqtt: None,
            folder: None,
            objects: None,
        }
    }
}

impl CollectorConfig {
    /// How contributions become tables, where the collector has an endpoint of its own.
    pub fn decoding(&self) -> Decoding {
        let mut decode = self.decode.clone().unwrap_or_default();
        if let Some(extract) = &self.extract {
            decode.extract = Some(extract.clone());
        }
        decode
    }
}
