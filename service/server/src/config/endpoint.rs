//! The section `endpoints`.

use schemars::JsonSchema;
use serde::Deserialize;
use zarr_fuse_decode::Decoding;

/// Where contributions are pushed to: `POST /api/v1/ingest/<name>`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EndpointConfig {
    /// The dataset that contributions go to. Default: the only one there is.
    pub dataset: Option<String>,
    /// Path of the node that contributions go to, such as `yr.no`. A path in the request is appended to it. Default: the root.
    pub node: String,
    /// A further path under which the endpoint answers, such as `/api/v1/bukov`.
    pub path: Option<String>,
    /// How contributions become tables. Default: as their content type says.
    pub decode: Decoding,
    /// Names of the users and tokens that may contribute here, among those whose scopes allow it. Default: all of them.
    pub senders: Vec<String>,
}
