//! Objects of a Zarr store as they are asked for: from the store itself, or made.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, LocalBoxStream};
use object_store::{GetOptions, GetRange, GetResult};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_fusion::{
    dataset::Dataset,
    node::{Node, ReadError},
};
use zarr_fuse_store::{Store, StoreError};

use super::super::error::ApiError;
use super::super::relay;
use super::range;
use crate::app::App;

/// An object that is asked for.
pub(super) struct Asked {
    pub(super) key: String,
    pub(super) what: What,
    pub(super) range: Option<GetRange>,
    pub(super) if_range: Option<String>,
    pub(super) is_head: bool,
    /// What is answered if the state is no longer kept.
    pub(super) gone: ApiError,
}

/// What it is.
pub(super) enum What {
    /// Metadata of the state.
    Document(Bytes),
    /// A chunk of array number `array`, in layout number `layout`.
    Chunk {
        node: Arc<Node>,
        array: usize,
        chunk: Vec<u64>,
        layout: u64,
    },
}

/// An object whose bytes are on their way.
pub(super) struct Object {
    pub(super) head: Head,
    pub(super) body: LocalBoxStream<'static, Result<Bytes, StoreError>>,
}

pub(super) struct Head {
    pub(super) etag: String,
    pub(super) n_bytes: u64,
    pub(super) range: Range<u64>,
    pub(super) media_type: &'static str,
}

/// What was found.
enum Found {
    Stored(GetResult),
    Made { head: Head, bytes: Bytes },
}

type Opened = Result<Option<Head>, ApiError>;

/// Opens an object where the connections of the store live.
pub(super) async fn open(
    app: &App,
    dataset: &Arc<Dataset>,
    asked: Asked,
) -> Result<Option<Object>, ApiError> {
    if let What::Document(bytes) = &asked.what {
        let (head, bytes) = made(bytes, &asked)?;
        let body = (!asked.is_head).then_some(Ok(bytes));
        let body = stream::iter(body).boxed_local();
        return Ok(Some(Object { head, body }));
    }
    let (opened, head_sent) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(relay::MAX_PIECES);
    let dataset = Arc::clone(dataset);
    let fetched = async move { fetch(&dataset, asked, opened, sender).await };
    let task = AbortOnDropHandle::new(app.runtime.spawn(fetched));
    let head = head_sent
        .await
        .map_err(|error| ApiError::Internal(Arc::new(error)))??;
    Ok(head.map(|head| Object {
        head,
        body: relay::stream(pieces, task).boxed_local(),
    }))
}

/// Head and bytes of what was made, or of the range that is asked for.
fn made(bytes: &Bytes, asked: &Asked) -> Result<(Head, Bytes), ApiError> {
    let etag = format!("\"{:016x}\"", xxh64(bytes, 0));
    let n_bytes = bytes.len() as u64;
    let is_other = asked.if_range.as_ref().is_some_and(|tag| *tag != etag);
    let range = match &asked.range {
        Some(range) if !is_other => {
            range::within(range, n_bytes).ok_or(ApiError::Range { n_bytes })?
        }
        _ => 0..n_bytes,
    };
    let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let part = bytes.slice(at(range.start)..at(range.end));
    let media_type = media_type(&asked.key);
    let head = Head {
        etag,
        n_bytes,
        range,
        media_type,
    };
    Ok((head, part))
}

fn media_type(key: &str) -> &'static str {
    if key.ends_with("zarr.json") {
        "application/json"
    } else {
        "application/octet-stream"
    }
}

async fn fetch(
    dataset: &Dataset,
    asked: Asked,
    opened: oneshot::Sender<Opened>,
    pieces: mpsc::Sender<Result<Bytes, StoreError>>,
) {
    let (key, is_head) = (asked.key.clone(), asked.is_head);
    let found = match find(dataset, asked).await {
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
    let (head, mut bytes) = match found {
        Found::Made { head, bytes } => (head, stream::iter([Ok(bytes)]).boxed()),
        Found::Stored(found) => {
            let head = Head {
                etag: etag(&found.meta),
                n_bytes: found.meta.size,
                range: found.range.clone(),
                media_type: media_type(&key),
            };
            (head, found.into_stream())
        }
    };
    if opened.send(Ok(Some(head))).is_err() || is_head {
        return;
    }
    while let Some(piece) = bytes.next().await {
        let piece = piece.map_err(|source| dataset.store.failed("read", &key, source));
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

/// The object. No values move between the question which layout is the present one and the opening of the object.
async fn find(dataset: &Dataset, asked: Asked) -> Result<Option<Found>, ApiError> {
    let What::Chunk {
        node,
        array,
        chunk,
        layout,
    } = &asked.what
    else {
        return Ok(None);
    };
    let in_place = node.hold().await;
    let (newest, _stays) = in_place.map_err(|_moving| ApiError::BeingCompleted)?;
    let Some(layout) = newest.layout_number(*layout) else {
        return Err(asked.gone);
    };
    if !layout.is_former() {
        let found = stored(dataset, &asked).await?;
        return Ok(found.map(Found::Stored));
    }
    let Some(array) = newest.array_at(&node.arrays[*array].path) else {
        return Ok(None);
    };
    match newest.chunk_in(&layout, array, chunk).await {
        Ok(Some(bytes)) => {
            let (head, bytes) = made(&bytes, &asked)?;
            Ok(Some(Found::Made { head, bytes }))
        }
        Ok(None) => Ok(None),
        Err(ReadError::Moved) => Err(asked.gone),
        Err(ReadError::Store(error)) => Err(error.into()),
        Err(error) => Err(ApiError::Internal(Arc::new(error))),
    }
}

/// The object in the store, with the range if it lies inside and the object is the one that `if_range` means.
async fn stored(dataset: &Dataset, asked: &Asked) -> Result<Option<GetResult>, ApiError> {
    let options = |range, head| GetOptions {
        range,
        head,
        ..GetOptions::default()
    };
    let (store, key, is_head) = (&dataset.store, asked.key.as_str(), asked.is_head);
    if leads_out(store, key) {
        return Ok(None);
    }
    let Some(range) = &asked.range else {
        return Ok(store.get_opts(key, options(None, is_head)).await?);
    };
    // A range is checked against the object before it is read, since stores report one outside in many ways.
    let Some(known) = store.get_opts(key, options(None, true)).await? else {
        return Ok(None);
    };
    let is_other = |tag: &String| *tag != etag(&known.meta);
    if asked.if_range.as_ref().is_some_and(is_other) {
        return Ok(store.get_opts(key, options(None, is_head)).await?);
    }
    let n_bytes = known.meta.size;
    let range = range::within(range, n_bytes).ok_or(ApiError::Range { n_bytes })?;
    if is_head {
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
