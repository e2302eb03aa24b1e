//! Reads bodies within their bound: small ones into memory, large ones into a temporary file while they arrive.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{BytesMut, Payload as Incoming};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;
use zarr_fuse_journal::{Payload, Spooling};

use super::connections::Connection;
use super::error::ApiError;
use crate::app::App;
use crate::app::Bodies;
use crate::config::LimitsConfig;

/// Bodies above this go into a file; smaller ones, too, when many are in memory.
pub(super) const MAX_MEMORY_BYTES: usize = 1 << 20;
/// Most pieces without a byte that come in a row: on HTTP/2 they cost their sender nothing, and their receiver memory.
const MAX_EMPTY: usize = 1000;
/// Bytes written into a file at once.
const WRITE_BYTES: usize = 128 << 10;

/// How long the body is, as its sender says.
pub(super) fn announced(req: &HttpRequest) -> Option<u64> {
    let length = req.headers().get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// The whole body, at most `limits.max_body_bytes` of it; what is announced to be larger is not read at all.
///
/// # Errors
/// [`ApiError::BodyTooLarge`], [`ApiError::BodyTooSlow`], [`ApiError::BodyCut`]; [`ApiError::SpoolFull`] and
/// [`ApiError::Spool`] if there is no room for it.
pub(super) async fn read(
    app: &App,
    req: &HttpRequest,
    mut incoming: Incoming,
) -> Result<Payload, ApiError> {
    let max_bytes = app.limits.max_body_bytes;
    let too_large = || ApiError::BodyTooLarge { max_bytes };
    let announced = announced(req);
    if announced.is_some_and(|n_bytes| n_bytes > max_bytes) {
        return Err(too_large());
    }
    let mut begun = Begun::new(&app.bodies, announced);
    let mut n_bytes = 0;
    let mut pace = Pace::new(&app.limits);
    let mut n_empty = 0;
    while let Some(piece) = pace.next(&mut incoming, n_bytes).await? {
        n_bytes += piece.len() as u64;
        n_empty = if piece.is_empty() { n_empty + 1 } else { 0 };
        if n_empty > MAX_EMPTY {
            if let Some(connection) = req.conn_data::<Arc<Connection>>() {
                connection.cut();
            }
            return Err(ApiError::BodyCut(
                "it came in pieces without a byte".to_owned(),
            ));
        }
        if n_bytes > max_bytes {
            return Err(too_large());
        }
        if announced == Some(piece.len() as u64)
            && let Some(body) = begun.at_once(&piece)
        {
            return Ok(body);
        }
        begun.add(&piece).await?;
    }
    begun.finish().await
}

/// A body while it arrives.
struct Begun<'a> {
    bodies: &'a Bodies,
    /// All of it, or what is not written yet.
    bytes: BytesMut,
    memory: Vec<OwnedSemaphorePermit>,
    file: Option<Spooling>,
}

impl<'a> Begun<'a> {
    fn new(bodies: &'a Bodies, announced: Option<u64>) -> Self {
        // Most memory taken on the word of a header is that of a piece to write.
        let expected = announced.map_or(0, |n| usize::try_from(n).unwrap_or(WRITE_BYTES));
        Self {
            bodies,
            bytes: BytesMut::with_capacity(expected.min(WRITE_BYTES)),
            memory: Vec::new(),
            file: None,
        }
    }

    /// A body that came in one piece.
    fn at_once(&self, piece: &Bytes) -> Option<Payload> {
        if piece.len() > MAX_MEMORY_BYTES {
            return None;
        }
        let memory = vec![self.bodies.memory(piece.len())?];
        Some(Payload::Memory(piece.clone(), memory.into()))
    }

    async fn add(&mut self, piece: &Bytes) -> Result<(), ApiError> {
        if self.file.is_none() {
            let fits = self.bytes.len() + piece.len() <= MAX_MEMORY_BYTES;
            match self.bodies.memory(piece.len()).filter(|_| fits) {
                Some(memory) => self.memory.push(memory),
                None => self.file = Some(self.bodies.spool().map_err(ApiError::Spool)?),
            }
        }
        self.bytes.extend_from_slice(piece);
        if self.file.is_some() && self.bytes.len() >= WRITE_BYTES {
            self.write().await?;
        }
        Ok(())
    }

    /// Moves what is in memory into the file.
    async fn write(&mut self) -> Result<(), ApiError> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        let room = self
            .bodies
            .files(self.bytes.len())
            .ok_or(ApiError::SpoolFull {
                max_bytes: self.bodies.max_file_bytes(),
            })?;
        let bytes = self.bytes.split().freeze();
        let written = tokio::task::spawn_blocking(move || file.write(&bytes, room).map(|()| file));
        let written = written.await.map_err(io::Error::other).flatten();
        self.file = Some(written.map_err(ApiError::Spool)?);
        self.memory.clear();
        Ok(())
    }

    async fn finish(mut self) -> Result<Payload, ApiError> {
        if self.file.is_some() && !self.bytes.is_empty() {
            self.write().await?;
        }
        Ok(match self.file {
            Some(file) => Payload::File(file.finish().into()),
            None => Payload::Memory(self.bytes.freeze(), self.memory.into()),
        })
    }
}

/// How slowly a body may come. Only waiting for its sender counts.
struct Pace {
    max_pause: Duration,
    min_rate: u64,
    waited: Duration,
}

impl Pace {
    fn new(limits: &LimitsConfig) -> Self {
        Self {
            max_pause: limits.max_body_pause,
            min_rate: limits.min_body_rate.max(1),
            waited: Duration::ZERO,
        }
    }

    /// The next piece, after `n_bytes`.
    async fn next(
        &mut self,
        payload: &mut Incoming,
        n_bytes: u64,
    ) -> Result<Option<Bytes>, ApiError> {
        let allowed = self.max_pause + Duration::from_millis(n_bytes * 1000 / self.min_rate);
        let left = allowed.saturating_sub(self.waited);
        let begin = Instant::now();
        let next = tokio::time::timeout(left.min(self.max_pause), payload.next()).await;
        self.waited += begin.elapsed();
        match next {
            Ok(None) => Ok(None),
            Ok(Some(Ok(piece))) => Ok(Some(piece)),
            Ok(Some(Err(error))) => Err(ApiError::BodyCut(error.to_string())),
            Err(_elapsed) if left < self.max_pause => {
                let rate = self.min_rate;
                Err(ApiError::BodyTooSlow(format!(
                    "the body came more slowly than {rate} bytes per second"
                )))
            }
            Err(_elapsed) => {
                let pause = self.max_pause;
                Err(ApiError::BodyTooSlow(format!(
                    "nothing of the body arrived for {pause:?}"
                )))
            }
        }
    }
}
