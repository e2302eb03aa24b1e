//! Whether the journal can be written: told by appends, and by small requests while none come or none succeed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use zarr_fuse_schemas::row_problem::whole;
use zarr_fuse_store::{StoreError, keys};

use super::{AppendError, Journal, JournalError};

/// How often the store is asked while nothing is appended.
const IDLE_INTERVAL: Duration = Duration::from_secs(15);

impl Journal {
    /// Why nothing can be appended at present.
    ///
    /// # Errors
    /// [`AppendError::Fenced`] or [`AppendError::Store`].
    pub fn check_writable(&self) -> Result<(), AppendError> {
        if self.is_fenced() {
            let dataset = self.dataset.clone();
            return Err(AppendError::Fenced { dataset });
        }
        if self.retired.is_cancelled() {
            let dataset = self.dataset.clone();
            return Err(AppendError::Retired { dataset });
        }
        match &*self.trouble.read() {
            None => Ok(()),
            Some(error) => Err(AppendError::Store(Arc::clone(error))),
        }
    }

    /// Why nothing can be appended at present, in words; `None`: it can.
    pub fn trouble(&self) -> Option<String> {
        let error = self.check_writable().err()?;
        Some(whole(&error).reason)
    }

    /// How long until the store is to be asked again.
    pub(super) fn probe_interval(&self) -> Duration {
        if self.trouble.read().is_some() {
            self.settings.probe_interval
        } else {
            IDLE_INTERVAL
        }
    }

    /// Asks the store how it is: whether it can be written if it could not, else whether another process has taken over.
    pub(super) async fn probe(&self) {
        if self.is_fenced() || self.retired.is_cancelled() || self.store.is_read_only() {
            return;
        }
        let in_trouble = self.trouble.read().is_some();
        if in_trouble {
            if let Err(error) = self.verify().await {
                return self.note(Some(Arc::new(error)));
            }
            let tried = self
                .store
                .put(keys::PROBE, keys::PROBE.as_bytes().to_vec())
                .await;
            return self.note(tried.err().map(Arc::new));
        }
        // Before it has taken over, what others append is no reason to stop.
        if !self.announced.load(Ordering::Acquire) && self.other_writer().is_some() {
            return;
        }
        match self.still_ours().await {
            Ok(()) => {}
            Err(JournalError::Store(error)) => self.note(Some(Arc::new(error))),
            Err(error) => {
                tracing::error!(dataset.name = self.dataset, %error, "The journal of `{}` takes nothing", self.dataset);
            }
        }
    }

    /// Remembers how the last write went.
    pub(super) fn note(&self, error: Option<Arc<StoreError>>) {
        let name = &self.dataset;
        if error.is_none() && self.trouble.read().is_none() {
            return;
        }
        let before = std::mem::replace(&mut *self.trouble.write(), error.clone());
        match (before, error) {
            (None, Some(error)) => {
                let reason = whole(&error).reason;
                tracing::error!(
                    dataset.name = name,
                    reason,
                    "The journal of `{name}` takes nothing: {reason}"
                );
            }
            (Some(_), None) => {
                tracing::info!(
                    dataset.name = name,
                    "The journal of `{name}` takes contributions again"
                );
            }
            _ => {}
        }
    }

    /// Sets that another process has taken over.
    pub(super) fn fence(&self) {
        if !self.fenced.swap(true, Ordering::AcqRel) {
            tracing::error!(
                dataset.name = self.dataset,
                "Another zf process has taken over `{}`; this one takes no more contributions",
                self.dataset
            );
        }
    }
}
