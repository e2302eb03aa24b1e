//! The payload of a contribution, sent piece by piece.

use std::sync::Arc;

use actix_web::body::SizedStream;
use bytes::Bytes;
use futures::stream;
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{Header, JournalError};
use zarr_fuse_query::{QueryError, Room};
use zarr_fuse_store::hexadecimal;

use super::super::connections::Connection;
use super::super::relay;
use crate::app::App;

/// Bytes that are read at once.
const PIECE_BYTES: u64 = 1 << 20;
/// Smaller payloads lie in segments, of which a part is read with all of it.
const SEGMENT_BYTES: u64 = 8 << 20;

/// Why a download is cut off.
#[derive(Debug, thiserror::Error)]
enum CutOff {
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There is no room for it, or the client has left.
    #[error(transparent)]
    Room(#[from] QueryError),
    /// It is not what arrived.
    #[error("the payload is not what arrived; `zf journal check` tells more")]
    Damaged,
}

/// The bytes as they arrived. If they are no longer, the last ones are not sent, so that the client sees that it broke off.
pub(super) fn payload(
    app: &App,
    dataset: &Arc<Dataset>,
    header: &Arc<Header>,
    connection: Option<Arc<Connection>>,
) -> SizedStream<impl Stream<Item = Result<Bytes, Box<dyn std::error::Error>>> + use<>> {
    let (sender, pieces) = mpsc::channel(1);
    let (dataset, header, room) = (Arc::clone(dataset), Arc::clone(header), app.answers.clone());
    let (n_bytes, id) = (header.n_bytes, header.id);
    let send = async move {
        let mut read = Box::pin(read(&dataset, &header, &room));
        while let Ok(place) = sender.reserve().await {
            let Some(piece) = read.next().await else {
                return;
            };
            let ends = piece.is_err();
            place.send(piece);
            if ends {
                return;
            }
        }
    };
    let task = AbortOnDropHandle::new(app.runtime.spawn(send));
    let left = || CutOff::Room(QueryError::Left);
    let pieces = relay::while_there(relay::stream(pieces, task), connection, left);
    let pieces = pieces.inspect_err(move |error| {
        if !matches!(error, CutOff::Room(QueryError::Left)) {
            let error: &dyn std::error::Error = error;
            tracing::error!(contribution.id = %id, error, "A download was cut off: {error}");
        }
    });
    SizedStream::new(n_bytes, pieces.map_err(Into::into))
}

/// Pieces of the payload; the last one once all have their checksum.
fn read<'a>(
    dataset: &'a Dataset,
    header: &'a Header,
    room: &'a Room,
) -> impl Stream<Item = Result<Bytes, CutOff>> + 'a {
    let n_bytes = header.n_bytes;
    stream::try_unfold((0, Sha256::new()), move |(begin, mut hash)| async move {
        let end = n_bytes.min(begin + PIECE_BYTES);
        if begin == end {
            return Ok::<_, CutOff>(None);
        }
        let beside = if n_bytes <= SEGMENT_BYTES { n_bytes } else { 0 };
        let mut share = room
            .take(end - begin + beside, "a piece of a payload")
            .await?;
        let piece = dataset.journal.payload_part(header.seq, begin..end).await?;
        share.keep(end - begin);
        hash.update(&piece);
        if end == n_bytes && hexadecimal(&hash.finalize_reset()) != header.sha256 {
            return Err(CutOff::Damaged);
        }
        Ok(Some((share.hold(piece.into()), (end, hash))))
    })
}
