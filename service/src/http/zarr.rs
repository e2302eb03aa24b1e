//! `GET /zarr/{dataset}/{key…}`: the Zarr store, read-only.
//!
//! Only keys that the schema makes exist: neither the journal nor staged writes can be reached, whatever the path.

mod key;
mod range;

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::{Method, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, route};
use bytes::Bytes;
use futures::StreamExt as _;
use object_store::{GetOptions, GetRange};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use utoipa::IntoParams;

use self::key::{decoded, is_zarr_key};
use super::caller::Caller;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems, shortened};
use super::{datasets, relay};
use crate::app::App;
use crate::dataset::Dataset;
use crate::store::{Store, StoreError};

/// Where the stores are; these routes know `HEAD` themselves, so that nothing is read for it.
pub(super) const PREFIX: &str = "/zarr/";

/// Which object.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes the path; the key is read undecoded")]
pub(crate) struct ObjectPath {
    /// Name of the dataset.
    dataset: String,
    /// Key of the object in the Zarr store, such as `forecast/zarr.json`.
    key: String,
}

/// Get an object of a Zarr store, or a range of its bytes.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(ObjectPath,
    ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-99` or `bytes=-4`")),
    responses(
    (status = 200, description = "The whole object", content((Object = "application/json"), (Binary = "application/octet-stream")),
        headers(("ETag" = String, description = "Changes with the bytes"))),
    (status = 206, description = "The range asked for", content((Binary = "application/json"), (Binary = "application/octet-stream"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[route("/zarr/{dataset}/{key:.*}", method = "GET", method = "HEAD")]
pub(crate) async fn get_object(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let raw = req.match_info();
    let dataset = datasets::readable(&app, &who, raw.get("dataset").unwrap_or_default())?;
    let key = raw.get("key").unwrap_or_default();
    let unknown = || ApiError::UnknownKey {
        dataset: dataset.name.clone(),
        key: shortened(key),
    };
    let key = decoded(key).filter(|key| is_zarr_key(&dataset.schema, key));
    let key = key.ok_or_else(unknown)?;
    let range = relay::text(&req, &header::RANGE).and_then(range::parse);
    let if_range = relay::text(&req, &header::IF_RANGE).map(str::to_owned);
    let object = open(
        &app,
        &dataset,
        key,
        range,
        if_range,
        req.method() == Method::HEAD,
    )
    .await?;
    let Object { head, body } = object.ok_or_else(unknown)?;
    let (begin, end) = (head.range.start, head.range.end);
    let is_part = end - begin < head.n_bytes;
    let mut response = if relay::is_known(&req, &head.etag) {
        HttpResponse::NotModified()
    } else if is_part {
        HttpResponse::PartialContent()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, head.etag.as_str()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        // Chunks at the end and metadata change: ask again, with the tag.
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if relay::is_known(&req, &head.etag) {
        return Ok(response.finish());
    }
    if is_part {
        let range = format!("bytes {begin}-{}/{}", end - 1, head.n_bytes);
        response.insert_header((header::CONTENT_RANGE, range));
    }
    response.content_type(head.media_type);
    Ok(response.body(SizedStream::new(end - begin, body)))
}

/// An object whose bytes are on their way.
struct Object {
    head: Head,
    body: futures::stream::LocalBoxStream<'static, Result<Bytes, StoreError>>,
}

struct Head {
    etag: String,
    n_bytes: u64,
    range: std::ops::Range<u64>,
    media_type: &'static str,
}

type Opened = Result<Option<Head>, ApiError>;

/// Opens an object where the connections of the store live.
async fn open(
    app: &App,
    dataset: &Arc<Dataset>,
    key: String,
    range: Option<GetRange>,
    if_range: Option<String>,
    head: bool,
) -> Result<Option<Object>, ApiError> {
    let (opened, head_sent) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(relay::MAX_PIECES);
    let dataset = Arc::clone(dataset);
    let fetched = async move { fetch(&dataset, &key, range, if_range, head, opened, sender).await };
    let task = AbortOnDropHandle::new(app.runtime.spawn(fetched));
    let head = head_sent
        .await
        .map_err(|error| ApiError::Internal(Arc::new(error)))??;
    Ok(head.map(|head| Object {
        head,
        body: relay::stream(pieces, task).boxed_local(),
    }))
}

async fn fetch(
    dataset: &Dataset,
    key: &str,
    range: Option<GetRange>,
    if_range: Option<String>,
    head: bool,
    opened: oneshot::Sender<Opened>,
    pieces: mpsc::Sender<Result<Bytes, StoreError>>,
) {
    let found = match find(dataset, key, range, if_range, head).await {
        Ok(Some(found)) => found,
        Ok(None) => {
            let _gone = opened.send(Ok(None));
            return;
        }
        Err(error) => {
            let _gone = opened.send(Err(error));
            return;
        }
    };
    let is_metadata = key.ends_with("zarr.json");
    let answer = Head {
        etag: etag(&found.meta),
        n_bytes: found.meta.size,
        range: found.range.clone(),
        media_type: if is_metadata {
            "application/json"
        } else {
            "application/octet-stream"
        },
    };
    if opened.send(Ok(Some(answer))).is_err() || head {
        return;
    }
    let mut bytes = found.into_stream();
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|source| dataset.store.failed("read", key, source));
        if let Err(error) = &piece {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "An object was cut off: {error}"
            );
        }
        let ends = piece.is_err();
        if pieces.send(piece).await.is_err() || ends {
            return;
        }
    }
}

/// The object, with the range if it lies inside and the object is the one that `if_range` means.
async fn find(
    dataset: &Dataset,
    key: &str,
    range: Option<GetRange>,
    if_range: Option<String>,
    head: bool,
) -> Result<Option<object_store::GetResult>, ApiError> {
    let options = |range, head| GetOptions {
        range,
        head,
        ..GetOptions::default()
    };
    let store = &dataset.store;
    if leads_out(store, key) {
        return Ok(None);
    }
    // Chunks that are half moved belong to no state.
    let node = dataset.node_of_key(key);
    let _stays = match node {
        Some(node) => Some(
            node.in_place()
                .await
                .map_err(|_moving| ApiError::BeingCompleted)?,
        ),
        None => None,
    };
    let Some(range) = range else {
        return Ok(store.get_opts(key, options(None, head)).await?);
    };
    // A range is checked against the object before it is read, since stores report one outside in many ways.
    let Some(known) = store.get_opts(key, options(None, true)).await? else {
        return Ok(None);
    };
    if if_range.is_some_and(|tag| tag != etag(&known.meta)) {
        return Ok(store.get_opts(key, options(None, head)).await?);
    }
    let n_bytes = known.meta.size;
    let range = range::within(&range, n_bytes).ok_or(ApiError::Range { n_bytes })?;
    if head {
        let mut known = known;
        known.range = range;
        return Ok(Some(known));
    }
    Ok(store
        .get_opts(key, options(Some(GetRange::Bounded(range)), false))
        .await?)
}

/// Whether a link in a local store leads out of it.
fn leads_out(store: &Store, key: &str) -> bool {
    let Some(folder) = store.folder() else {
        return false;
    };
    let places = (folder.canonicalize(), folder.join(key).canonicalize());
    matches!(places, (Ok(folder), Ok(object)) if !object.starts_with(&folder))
}

/// The store's own tag, or one of time and length.
fn etag(meta: &object_store::ObjectMeta) -> String {
    match &meta.e_tag {
        Some(tag) => format!("\"{}\"", tag.trim_start_matches("W/").trim_matches('"')),
        None => format!(
            "\"{:x}-{:x}\"",
            meta.last_modified.timestamp_micros(),
            meta.size
        ),
    }
}
