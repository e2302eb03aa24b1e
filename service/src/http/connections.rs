//! Connections, so that those are cut whose clients neither ask nor read.
//!
//! The HTTP server itself waits for the head of the first request only so long, but for that of a later one, and for a client
//! to read its answer, as long as the connection lasts.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream as Stream;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// How often connections are looked at, unless that is too seldom.
const LOOK: Duration = Duration::from_secs(1);

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    open: Mutex<Vec<Weak<Connection>>>,
    /// Longest time without a request.
    max_idle: Duration,
    /// Longest time in which nothing of an answer is read.
    max_pause: Duration,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Another handle to the socket.
    socket: TcpStream,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    n_working: usize,
    /// A piece of an answer was handed over, and nobody has asked for the next one.
    is_handed: bool,
    /// Since when it is as it is.
    since: Instant,
}

impl Connections {
    pub(super) fn new(max_idle: Duration, max_pause: Duration) -> Self {
        Self {
            open: Mutex::default(),
            max_idle,
            max_pause,
        }
    }

    /// Notes a connection that was accepted, and tells its requests of it. One whose socket cannot be had is not watched.
    pub(super) fn accepted(&self, stream: &dyn Any, of_requests: &mut Extensions) {
        let plain = stream.downcast_ref::<Stream>();
        let encrypted = || Some(stream.downcast_ref::<TlsStream<Stream>>()?.get_ref().0);
        let Some(Ok(socket)) = plain
            .or_else(encrypted)
            .map(|stream| stream.as_fd().try_clone_to_owned())
        else {
            return;
        };
        let connection = Arc::new(Connection::new(socket));
        self.open.lock().push(Arc::downgrade(&connection));
        of_requests.insert(connection);
    }

    /// Cuts connections that wait for nothing, until `stop`.
    pub(super) async fn watch(&self, stop: CancellationToken) {
        let often = LOOK.min(self.max_idle / 4).min(self.max_pause / 4);
        let pause = || tokio::time::sleep(often);
        while stop.run_until_cancelled(pause()).await.is_some() {
            self.cut();
        }
    }

    fn cut(&self) {
        let now = Instant::now();
        self.open.lock().retain(|connection| {
            let Some(connection) = connection.upgrade() else {
                return false;
            };
            let is_dead = connection.state.lock().is_dead(now, self);
            if is_dead {
                tracing::debug!("Cut a connection whose client neither asks nor reads");
                let _already_closed = connection.socket.shutdown(Shutdown::Both);
            }
            !is_dead
        });
    }
}

impl Connection {
    fn new(socket: OwnedFd) -> Self {
        Self {
            socket: TcpStream::from(socket),
            state: Mutex::new(State {
                n_working: 0,
                is_handed: false,
                since: Instant::now(),
            }),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        change(&mut state);
        state.since = Instant::now();
    }

    /// A request has come.
    pub(super) fn begin(&self) {
        self.change(|state| {
            state.n_working += 1;
            state.is_handed = false;
        });
    }

    /// More of an answer can be sent.
    pub(super) fn asked(&self) {
        self.change(|state| state.is_handed = false);
    }

    /// A piece of an answer is to be sent.
    pub(super) fn handed(&self) {
        self.change(|state| state.is_handed = true);
    }

    /// A request is done with.
    pub(super) fn end(&self) {
        self.change(|state| {
            state.n_working -= 1;
            state.is_handed = false;
        });
    }
}

impl State {
    fn is_dead(&self, now: Instant, bounds: &Connections) -> bool {
        let lasts = now.saturating_duration_since(self.since);
        match (self.n_working, self.is_handed) {
            (0, _) => lasts > bounds.max_idle,
            (_, is_handed) => is_handed && lasts > bounds.max_pause,
        }
    }
}
