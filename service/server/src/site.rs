//! What the service is at the moment: the app, and how it is served. An edit of the files puts another one in its place.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;

use crate::app::App;
use crate::config::ServerConfig;
use crate::http::{Openings, Tls, TlsError};

/// See the module.
#[derive(Debug)]
pub(crate) struct Site {
    current: RwLock<Arc<Current>>,
    changes: watch::Sender<u64>,
    /// What readers of Zarr stores have opened.
    pub(crate) openings: Arc<Openings>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Current {
    /// What requests share.
    pub(crate) app: Arc<App>,
    /// How they are taken.
    pub(crate) server: Arc<ServerConfig>,
    /// The certificate, if TLS is spoken.
    pub(crate) tls: Option<Tls>,
}

impl Current {
    /// The certificate is that of `former`, if it is configured in the same way.
    ///
    /// # Errors
    /// [`TlsError`] if it cannot be used.
    pub(crate) fn new(
        app: Arc<App>,
        server: ServerConfig,
        former: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let same = former.filter(|former| former.server.tls == server.tls);
        let tls = match (same, &server.tls) {
            (Some(former), _) => former.tls.clone(),
            (None, tls) => tls.as_ref().map(Tls::load).transpose()?,
        };
        Ok(Self {
            app,
            server: Arc::new(server),
            tls,
        })
    }
}

impl Site {
    /// Begins as `current`.
    pub(crate) fn new(current: Current) -> Arc<Self> {
        Arc::new(Self {
            current: RwLock::new(Arc::new(current)),
            changes: watch::Sender::default(),
            openings: Arc::default(),
        })
    }

    /// What it is now.
    pub(crate) fn current(&self) -> Arc<Current> {
        Arc::clone(&self.current.read())
    }

    /// From now on requests find `next`; those that are worked on keep what they began with.
    pub(crate) fn replace(&self, next: Current) {
        let former = std::mem::replace(&mut *self.current.write(), Arc::new(next));
        self.changes.send_modify(|n| *n += 1);
        former.app.superseded.cancel();
    }

    /// Changes whenever it is replaced.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
