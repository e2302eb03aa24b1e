//! Payloads that are objects of their own: written before the frame that names them, and removed if none does.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use tokio::sync::RwLock;
use zarr_fuse_store::keys;

use super::pressure::Place;
use super::segment::Header;
use super::{AppendError, Journal, Payload, Receipt, writer};

impl Journal {
    /// Makes a contribution durable whose payload is an object of its own.
    ///
    /// # Errors
    /// [`AppendError`].
    pub(super) async fn append_blob(
        &self,
        header: Header,
        payload: Payload,
        place: Place,
    ) -> Result<Receipt, AppendError> {
        // A key that is known is answered without writing anything.
        if let Some(answer) = writer::known(self, &header) {
            return answer;
        }
        let sha256 = header.sha256.clone();
        let lock = self.blob_lock(&sha256);
        let named = lock.read().await;
        let key = keys::blob(&sha256);
        payload.put(&self.store, &key).await.map_err(|error| {
            let error = Arc::new(error);
            self.note(Some(Arc::clone(&error)));
            AppendError::Store(error)
        })?;
        let answer = self.send(header, Bytes::new(), payload, Some(place)).await;
        drop(named);
        if matches!(answer, Err(AppendError::KeyReused { .. })) {
            self.drop_blob(&lock, &sha256).await;
        }
        answer
    }

    /// The lock of who writes the payload with this hash.
    fn blob_lock(&self, sha256: &str) -> Arc<RwLock<()>> {
        let mut blobs = self.blobs.lock();
        blobs.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = blobs.get(sha256).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::new(RwLock::new(()));
        blobs.insert(sha256.to_owned(), Arc::downgrade(&lock));
        lock
    }

    /// Removes a payload that was refused, unless a frame names it or somebody else brings the same bytes just now.
    async fn drop_blob(&self, lock: &RwLock<()>, sha256: &str) {
        let Ok(_alone) = lock.try_write() else { return };
        if self.is_fenced() || self.catalog.read().names_blob(sha256) {
            return;
        }
        let key = keys::blob(sha256);
        if let Err(error) = self.store.delete(&key).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "The payload `{key}` of a refused contribution stays; `zf journal repair` removes it"
            );
        }
    }
}
