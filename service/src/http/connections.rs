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
use socket2::SockRef;
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
    cut: CancellationToken,
}

#[derive(Debug)]
struct State {
    n_working: usize,
    /// A piece of an answer was handed over, and nobody has asked for the next one.
    is_handed: bool,
    /// Its answer lasts as long as the client wants, so that only the end of what the client sends tells that it has left.
    is_endless: bool,
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
        let connection = Arc::new(Connection::new(socket, self.max_pause));
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
            let is_dead = connection.is_dead(now, self);
            if is_dead {
                tracing::debug!(
                    "Cut a connection whose client neither asks nor reads, or has left"
                );
                connection.cut.cancel();
                let _already_closed = connection.socket.shutdown(Shutdown::Both);
            }
            !is_dead
        });
    }
}

impl Connection {
    fn new(socket: OwnedFd, max_pause: Duration) -> Self {
        let socket = TcpStream::from(socket);
        // What was sent to a machine that is gone is never acknowledged; the system itself would try for long.
        let _kept_for_longer = SockRef::from(&socket).set_tcp_user_timeout(Some(max_pause));
        Self {
            socket,
            cut: CancellationToken::new(),
            state: Mutex::new(State {
                n_working: 0,
                is_handed: false,
                is_endless: false,
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

    /// The answer to a request lasts as long as the client wants.
    pub(super) fn lasts(&self) {
        self.change(|state| state.is_endless = true);
    }

    /// Cancelled when it is cut, for answers that wait for something else than the client.
    pub(super) fn cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    /// A request is done with.
    pub(super) fn end(&self) {
        self.change(|state| {
            state.n_working -= 1;
            state.is_handed = false;
            state.is_endless = false;
        });
    }

    fn is_dead(&self, now: Instant, bounds: &Connections) -> bool {
        let state = self.state.lock();
        state.is_dead(now, bounds) || state.is_endless && self.has_left()
    }

    /// Whether the client will send nothing more. The socket does not block.
    fn has_left(&self) -> bool {
        matches!(self.socket.peek(&mut [0]), Ok(0))
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
