//! Connections, so that those are cut whose clients neither ask nor read, and nobody has too many.
//!
//! The HTTP server itself waits for the head of the first request only so long, but for that of a later one, and for a client
//! to read its answers, as long as the connection lasts. Each answer is judged by itself: on HTTP/2 one that does not move
//! keeps what it holds however lively the others are.

use std::any::Any;
use std::collections::HashMap;
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream as Stream;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio_util::sync::CancellationToken;

use super::places::Counts;
use crate::config::ServerConfig;
use crate::who::{is_proxy, network};

/// Bytes of an answer that wait in the system to be sent.
const UNSENT_BYTES: u32 = 64 << 10;
/// How often connections are looked at, unless that is too seldom.
const LOOK: Duration = Duration::from_secs(1);
/// Most requests of a connection that are answered at once; browsers ask for a hundred on HTTP/2.
pub(super) const MAX_ANSWERS: usize = 128;
/// Most requests of a connection that are open at all, those included that are refused but whose clients do not read why.
const MAX_OPEN: usize = 256;

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    open: Mutex<Vec<Weak<Connection>>>,
    by_address: Arc<Mutex<Counts<IpAddr>>>,
    /// Longest time without a request.
    max_idle: Duration,
    /// Longest time in which nothing of an answer is read.
    max_pause: Duration,
    server: ServerConfig,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// Another handle to the socket.
    socket: TcpStream,
    state: Mutex<State>,
    cut: CancellationToken,
    _of_address: Option<OfAddress>,
}

/// A connection of an address, until it is dropped.
#[derive(Debug)]
struct OfAddress {
    address: IpAddr,
    counts: Arc<Mutex<Counts<IpAddr>>>,
}

impl Drop for OfAddress {
    fn drop(&mut self) {
        self.counts.lock().remove(&self.address);
    }
}

/// An address has too many.
#[derive(Debug)]
struct TooMany;

#[derive(Debug)]
struct State {
    /// Requests that are open.
    open: HashMap<u64, Open>,
    n_begun: u64,
    /// Since when none is.
    idle_since: Instant,
}

/// A request whose answer has not left whole.
#[derive(Debug, Default)]
struct Open {
    /// A piece of the answer was handed over then, and nobody has asked for the next one.
    handed: Option<Instant>,
    /// The answer lasts as long as the client wants, so that only the end of what the client sends tells that it has left.
    is_endless: bool,
}

/// The socket of a connection, encrypted or not.
fn tcp(stream: &dyn Any) -> Option<&Stream> {
    let encrypted = || Some(stream.downcast_ref::<TlsStream<Stream>>()?.get_ref().0);
    stream.downcast_ref::<Stream>().or_else(encrypted)
}

impl Connections {
    pub(super) fn new(server: &ServerConfig, max_pause: Duration) -> Self {
        Self {
            open: Mutex::default(),
            by_address: Arc::default(),
            max_idle: server.keep_alive + server.head_timeout,
            max_pause,
            server: server.clone(),
        }
    }

    /// Notes a connection that was accepted, and tells its requests of it. One whose socket cannot be had is not watched; one
    /// too many of its address is closed.
    pub(super) fn accepted(&self, stream: &dyn Any, of_requests: &mut Extensions) {
        let Some(stream) = tcp(stream) else {
            return;
        };
        // An answer is written in several pieces, and the system would hold the later ones back until the client has acknowledged
        // the first, for which clients take 40 ms.
        let _only_slower = stream.set_nodelay(true);
        let Ok(socket) = stream.as_fd().try_clone_to_owned() else {
            return;
        };
        let Ok(of_address) = self.count(stream.peer_addr().ok().map(|peer| peer.ip())) else {
            let _already_closed = TcpStream::from(socket).shutdown(Shutdown::Both);
            return;
        };
        let connection = Arc::new(Connection::new(socket, of_address, self.max_pause));
        self.open.lock().push(Arc::downgrade(&connection));
        of_requests.insert(connection);
    }

    /// Counts a connection for its address. Those of proxies are not: they ask for many.
    fn count(&self, peer: Option<IpAddr>) -> Result<Option<OfAddress>, TooMany> {
        let Some(peer) = peer.filter(|peer| !is_proxy(&self.server, *peer)) else {
            return Ok(None);
        };
        let address = network(peer);
        let max = self.server.max_connections_per_address;
        if !self.by_address.lock().add(&address, max) {
            tracing::debug!(
                sender.address = %address,
                "Closed a connection: its address has {max} already (`server.max_connections_per_address`)"
            );
            return Err(TooMany);
        }
        let counts = Arc::clone(&self.by_address);
        Ok(Some(OfAddress { address, counts }))
    }

    /// Cuts connections that wait for nothing, until `stop`.
    pub(super) async fn watch(&self, stop: CancellationToken) {
        let often = LOOK.min(self.max_idle / 4).min(self.max_pause / 4);
        let pause = || tokio::time::sleep(often);
        while stop.run_until_cancelled(pause()).await.is_some() {
            self.cut();
        }
    }

    /// Connections with a request that is worked on, or an answer that is not sent.
    pub(super) fn n_working(&self) -> usize {
        let open = self.open.lock();
        let open = open.iter().filter_map(Weak::upgrade);
        open.filter(|connection| !connection.state.lock().open.is_empty())
            .count()
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
                connection.cut();
            }
            !is_dead
        });
    }
}

impl Connection {
    fn new(socket: OwnedFd, of_address: Option<OfAddress>, max_pause: Duration) -> Self {
        let socket = TcpStream::from(socket);
        // What was sent to a machine that is gone is never acknowledged; the system itself would try for long.
        let _kept_for_longer = SockRef::from(&socket).set_tcp_user_timeout(Some(max_pause));
        // The system takes no more than this beyond what it has sent: how much it asks for tells how much leaves.
        let _takes_more = SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT_BYTES);
        Self {
            socket,
            cut: CancellationToken::new(),
            _of_address: of_address,
            state: Mutex::new(State {
                open: HashMap::new(),
                n_begun: 0,
                idle_since: Instant::now(),
            }),
        }
    }

    /// A request has come. A client that opens ever more and reads nothing is cut off.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange {
        let mut state = self.state.lock();
        let id = state.n_begun;
        state.n_begun += 1;
        state.open.insert(id, Open::default());
        let n_open = state.open.len();
        drop(state);
        if n_open > MAX_OPEN {
            self.cut();
        }
        let connection = Arc::clone(self);
        Exchange {
            connection,
            id,
            n_open,
        }
    }

    /// Ends it, whatever it does.
    pub(super) fn cut(&self) {
        self.cut.cancel();
        let _already_closed = self.socket.shutdown(Shutdown::Both);
    }

    /// Cancelled when it is cut, for answers that wait for something else than the client.
    pub(super) fn is_cut(&self) -> CancellationToken {
        self.cut.clone()
    }

    fn is_dead(&self, now: Instant, bounds: &Connections) -> bool {
        let state = self.state.lock();
        let lasts = |since: Instant| now.saturating_duration_since(since);
        if state.open.is_empty() {
            return lasts(state.idle_since) > bounds.max_idle;
        }
        let is_stuck = |open: &Open| {
            open.handed
                .is_some_and(|since| lasts(since) > bounds.max_pause)
        };
        let mut open = state.open.values();
        open.any(|open| is_stuck(open) || open.is_endless && self.has_left())
    }

    /// Whether the client will send nothing more. The socket does not block.
    pub(super) fn has_left(&self) -> bool {
        matches!(self.socket.peek(&mut [0]), Ok(0))
    }
}

/// A request and its answer, until it is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    connection: Arc<Connection>,
    id: u64,
    /// Requests of the connection that were open with it.
    pub(super) n_open: usize,
}

impl Exchange {
    fn change(&self, change: impl FnOnce(&mut Open)) {
        let mut state = self.connection.state.lock();
        if let Some(open) = state.open.get_mut(&self.id) {
            change(open);
        }
    }

    /// More of the answer can be sent.
    pub(super) fn asked(&self) {
        self.change(|open| open.handed = None);
    }

    /// A piece of the answer is to be sent.
    pub(super) fn handed(&self) {
        self.change(|open| open.handed = Some(Instant::now()));
    }

    /// The answer lasts as long as the client wants.
    pub(super) fn lasts(&self) {
        self.change(|open| open.is_endless = true);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let mut state = self.connection.state.lock();
        state.open.remove(&self.id);
        if state.open.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn connection(max_pause: Duration) -> (Connections, Arc<Connection>, TcpStream) {
        let connections = Connections::new(&ServerConfig::default(), max_pause);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let connection = Arc::new(Connection::new(socket.into(), None, max_pause));
        (connections, connection, client)
    }

    #[test]
    fn an_answer_that_does_not_move_is_seen_among_others_that_do() {
        let pause = Duration::from_mins(1);
        let (bounds, connection, _client) = connection(pause);
        let (stuck, lively) = (connection.begin(), connection.begin());
        stuck.handed();
        let later = Instant::now() + pause + Duration::from_secs(1);
        lively.handed();
        lively.asked();
        let _another = connection.begin();
        assert!(connection.is_dead(later, &bounds));
        stuck.asked();
        assert!(!connection.is_dead(later, &bounds));
    }

    #[test]
    fn who_opens_ever_more_is_cut_off() {
        let (_, connection, _client) = connection(Duration::from_mins(1));
        let open: Vec<Exchange> = (0..MAX_OPEN).map(|_| connection.begin()).collect();
        assert!(!connection.is_cut().is_cancelled());
        let _one_more = connection.begin();
        assert!(connection.is_cut().is_cancelled());
        drop(open);
    }

    #[test]
    fn an_address_has_so_many_connections() {
        let server = ServerConfig {
            max_connections_per_address: 2,
            trusted_proxies: vec![crate::config::Proxy::parse("10.0.0.0/8").unwrap()],
            ..ServerConfig::default()
        };
        let connections = Connections::new(&server, Duration::from_mins(1));
        let one = Some(IpAddr::from([192, 0, 2, 1]));
        let held = [
            connections.count(one).unwrap(),
            connections.count(one).unwrap(),
        ];
        assert!(connections.count(one).is_err());
        connections
            .count(Some(IpAddr::from([192, 0, 2, 2])))
            .unwrap();
        for _ in 0..5 {
            let proxy = connections.count(Some(IpAddr::from([10, 0, 0, 1])));
            assert!(proxy.unwrap().is_none());
        }
        drop(held);
    }
}
