//! Brings bytes from the runtime that does the work to the thread that answers, and makes and compares entity tags.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use xxhash_rust::xxh64::xxh64;

use super::connections::Connection;

/// Pieces that may wait for a slow reader.
pub(super) const MAX_PIECES: usize = 2;
/// How often it is looked whether a client is still there.
const LOOK: Duration = Duration::from_millis(250);
/// So often in a row it must not be: some close their side once they have asked, and wait for what is answered at once.
const LOOKS: u32 = 4;

/// What `pieces` brings, until the task that sends them ends; the task ends when the stream is dropped.
pub(super) fn stream<T>(
    pieces: mpsc::Receiver<T>,
    task: AbortOnDropHandle<()>,
) -> impl Stream<Item = T> {
    stream::unfold((pieces, task), |(mut pieces, task)| async move {
        let piece = pieces.recv().await?;
        Some((piece, (pieces, task)))
    })
}

/// The same as `stream`, with an error as soon as the client has left while it waits.
pub(super) fn while_there<E>(
    stream: impl Stream<Item = Result<Bytes, E>>,
    connection: Option<Arc<Connection>>,
    left: impl Fn() -> E,
) -> impl Stream<Item = Result<Bytes, E>> {
    let begin = (Box::pin(stream), connection, left);
    stream::unfold(begin, |(mut stream, connection, left)| async move {
        let piece = unless_left(connection.as_ref(), stream.next()).await;
        let piece = piece.unwrap_or_else(|| Some(Err(left())))?;
        Some((piece, (stream, connection, left)))
    })
}

/// What `work` gives; `None` if the client leaves before. Handlers are not dropped when clients leave, so that it is the
/// connection that is asked.
pub(super) async fn unless_left<T>(
    connection: Option<&Arc<Connection>>,
    work: impl Future<Output = T>,
) -> Option<T> {
    let Some(connection) = connection else {
        return Some(work.await);
    };
    let left = async {
        let cut = connection.is_cut();
        let mut n = 0;
        while n < LOOKS && cut.run_until_cancelled(sleep(LOOK)).await.is_some() {
            n = if connection.has_left() { n + 1 } else { 0 };
        }
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = left => None,
    }
}

/// A header that is text.
pub(super) fn text<'a>(req: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    req.headers().get(name)?.to_str().ok()
}

/// Whether the sender has what `etag` stands for already.
pub(super) fn is_known(req: &HttpRequest, etag: &str) -> bool {
    text(req, &header::IF_NONE_MATCH).is_some_and(|known| {
        let mut known = known
            .split(',')
            .map(|tag| tag.trim().trim_start_matches("W/"));
        known.any(|tag| tag == "*" || tag == etag.trim_start_matches("W/"))
    })
}

/// JSON with a tag of its own, or that nothing has changed.
pub(super) fn tagged_json(req: &HttpRequest, value: &impl Serialize) -> HttpResponse {
    let json = serde_json::to_vec(value).expect("answers have only string keys");
    tagged(req, "application/json", json.into())
}

/// Bytes with a tag of their own, or that nothing has changed.
pub(super) fn tagged(req: &HttpRequest, media_type: &'static str, bytes: Bytes) -> HttpResponse {
    let etag = format!("\"{:016x}\"", xxh64(&bytes, 0));
    let is_known = is_known(req, &etag);
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if is_known {
        return response.finish();
    }
    response.content_type(media_type).body(bytes)
}

/// Notes that the answer depends on a header of the request.
pub(super) fn vary(headers: &mut HeaderMap, name: &str) {
    let so_far = headers.get_all(header::VARY);
    let mut names: Vec<String> = so_far
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|known| known.trim().to_owned())
        .collect();
    if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return;
    }
    names.push(name.to_owned());
    if let Ok(value) = HeaderValue::try_from(names.join(", ")) {
        headers.insert(header::VARY, value);
    }
}
