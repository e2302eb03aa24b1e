//! Brings bytes from the runtime that does the work to the thread that answers, and compares entity tags.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderName};
use futures::{Stream, stream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

/// Pieces that may wait for a slow reader.
pub(super) const MAX_PIECES: usize = 2;

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
