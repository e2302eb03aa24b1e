//! Reads bodies within their bound.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{BytesMut, Payload};
use bytes::Bytes;
use futures::StreamExt as _;

use super::error::ApiError;

/// Longest pause between two pieces of a body.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Most memory taken on the word of a header.
const MAX_RESERVED_BYTES: u64 = 8 << 20;

/// The whole body, at most `max_bytes` of it; what is announced to be larger is not read at all.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::BodyTooSlow`], [`ApiError::BodyCut`].
pub(super) async fn read(
    req: &HttpRequest,
    mut payload: Payload,
    max_bytes: u64,
) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::BodyTooLarge { max_bytes };
    let announced = req.headers().get(header::CONTENT_LENGTH);
    let announced: Option<u64> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|n_bytes| n_bytes > max_bytes) {
        return Err(too_large());
    }
    let Some(first) = next(&mut payload).await? else {
        return Ok(Bytes::new());
    };
    if first.len() as u64 > max_bytes {
        return Err(too_large());
    }
    if announced == Some(first.len() as u64) {
        return Ok(first);
    }
    let expected = announced.unwrap_or(0).min(MAX_RESERVED_BYTES);
    let mut body = BytesMut::with_capacity(usize::try_from(expected).unwrap_or(0).max(first.len()));
    body.extend_from_slice(&first);
    while let Some(piece) = next(&mut payload).await? {
        if (body.len() + piece.len()) as u64 > max_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body.freeze())
}

async fn next(payload: &mut Payload) -> Result<Option<Bytes>, ApiError> {
    match tokio::time::timeout(MAX_PAUSE, payload.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(error))) => Err(ApiError::BodyCut(error.to_string())),
        Err(_elapsed) => Err(ApiError::BodyTooSlow {
            seconds: MAX_PAUSE.as_secs(),
        }),
    }
}
