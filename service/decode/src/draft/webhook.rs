//! JSON of services that programs are shipped for.

use crate::Content;
use serde_json::{Map, Value as Json, json};

/// Keys that only one kind of document has, and the program for it.
const KNOWN: [(&[&str], &str); 4] = [
    (&["end_device_ids", "uplink_message"], "things-stack-uplink"),
    (&["deviceInfo", "fCnt"], "chirpstack-uplink"),
    (
        &["Datastream", "dataArray"],
        "sensorthings-create-observations",
    ),
    (&["properties", "geometry"], "yrno-locationforecast"),
];

/// Documents of services are not larger.
const MAX_BYTES: usize = 4 << 20;

/// The `decode` part of an endpoint for documents like this; empty where the defaults do.
pub(super) fn of(payload: &[u8], content: &Content) -> Map<String, Json> {
    let is_json = payload.len() <= MAX_BYTES && content.content_type.contains("json");
    let document: Option<Json> = is_json
        .then(|| serde_json::from_slice(payload).ok())
        .flatten();
    let first = match &document {
        Some(Json::Array(items)) => items.first(),
        other => other.as_ref(),
    };
    let has = |key: &&str| first.is_some_and(|first| first.get(*key).is_some());
    let found = KNOWN.iter().find(|(keys, _)| keys.iter().all(has));
    let mut decode = Map::new();
    if let Some((_, program)) = found {
        decode.insert("extract".to_owned(), json!({"builtin": program}));
    }
    decode
}
