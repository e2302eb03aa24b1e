//! A fault proxy: stands between the service and S3 and, by seed, does to requests what networks and servers do to them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chance::Chance;

/// How the other side behaves.
#[derive(Debug, Clone, Copy, Default)]
pub struct Behaviour {
    /// Whether there is another side.
    pub presence: Presence,
    /// Of a thousand requests, how many meet a fault.
    pub faults_per_mille: u64,
    /// Every request is held up by so much.
    pub delay: Duration,
    /// Bytes of request bodies let through in a second, of all connections together; 0: all.
    pub bytes_per_second: u64,
}

/// Whether there is another side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// It answers.
    #[default]
    Here,
    /// Connections are closed at once.
    Away,
    /// Connections are taken, and nothing is ever answered.
    Silent,
}

/// What can happen to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The connection breaks before anything arrived.
    Dropped,
    /// The connection breaks in the middle of the request.
    RequestCut,
    /// It takes a while.
    Delayed,
    /// `500 InternalError`, without effect.
    InternalError,
    /// `503 SlowDown`, without effect.
    SlowDown,
    /// It takes effect, and the answer never comes.
    AnswerLost,
    /// It takes effect, and the answer breaks off.
    AnswerCut,
}

const FAULTS: [Fault; 7] = [
    Fault::Dropped,
    Fault::RequestCut,
    Fault::Delayed,
    Fault::InternalError,
    Fault::SlowDown,
    Fault::AnswerLost,
    Fault::AnswerCut,
];

/// A running proxy; gone when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    behaviour: watch::Sender<Behaviour>,
    chance: Mutex<Chance>,
    counts: Mutex<BTreeMap<Fault, usize>>,
    n_requests: std::sync::atomic::AtomicUsize,
    /// How many microseconds of waiting are owed.
    turnstile: tokio::sync::Mutex<u64>,
}

impl Proxy {
    /// Listens on loopback and passes on to `upstream`, such as `http://127.0.0.1:7480`, faultless at first.
    ///
    /// # Errors
    /// If the address cannot be read, or nothing can be listened on.
    pub async fn start(upstream: &str, seed: u64) -> anyhow::Result<Self> {
        let upstream = upstream
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .with_context(|| format!("`{upstream}` is no address on this machine"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            behaviour: watch::Sender::new(Behaviour::default()),
            chance: Mutex::new(Chance(seed)),
            counts: Mutex::default(),
            n_requests: 0.into(),
            turnstile: tokio::sync::Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens, as `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on it behaves so. Connections that are open break when the other side goes away.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.behaviour.send_replace(behaviour);
    }

    /// Faults so far, by kind.
    pub fn faults(&self) -> BTreeMap<Fault, usize> {
        locked(&self.shared.counts).clone()
    }

    /// How many faults so far.
    pub fn n_faults(&self) -> usize {
        self.faults().values().sum()
    }

    /// How many requests so far.
    pub fn n_requests(&self) -> usize {
        self.shared
            .n_requests
            .load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn presence(&self) -> Presence {
        self.behaviour.borrow().presence
    }

    async fn while_silent(&self) {
        let mut behaviour = self.behaviour.subscribe();
        let _gone = behaviour
            .wait_for(|now| now.presence != Presence::Silent)
            .await;
    }

    /// What happens to the next request.
    fn draw(&self) -> Option<Fault> {
        let per_mille = self.behaviour.borrow().faults_per_mille;
        let mut chance = locked(&self.chance);
        if chance.below(1000) >= per_mille {
            return None;
        }
        let kind = usize::try_from(chance.below(FAULTS.len() as u64)).unwrap_or(0);
        *locked(&self.counts).entry(FAULTS[kind]).or_default() += 1;
        Some(FAULTS[kind])
    }

    async fn wait_for_turn(&self, n_bytes: u64) {
        let rate = self.behaviour.borrow().bytes_per_second;
        if let Some(micros) = (n_bytes * 1_000_000).checked_div(rate) {
            let mut owed = self.turnstile.lock().await;
            *owed += micros;
            // Timers are coarse; a pause is worth it only when it is long enough.
            if *owed > 10_000 {
                let begin = std::time::Instant::now();
                tokio::time::sleep(Duration::from_micros(*owed)).await;
                let slept = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
                *owed = owed.saturating_sub(slept);
            }
        }
    }

    fn below(&self, n: u64) -> u64 {
        locked(&self.chance).below(n)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            let mut behaviour = shared.behaviour.subscribe();
            tokio::select! {
                _broken = converse(client, &shared) => {}
                _away = behaviour.wait_for(|now| now.presence == Presence::Away) => {}
            }
        });
    }
}

/// Passes requests on, one after the other, until either side closes or a fault breaks the connection.
async fn converse(client: TcpStream, shared: &Shared) -> anyhow::Result<()> {
    client.set_nodelay(true)?;
    shared.while_silent().await;
    let upstream = TcpStream::connect(shared.upstream).await?;
    upstream.set_nodelay(true)?;
    let (mut client, mut upstream) = (Half::new(client), Half::new(upstream));
    loop {
        let head = client.head().await?;
        if shared.presence() == Presence::Silent {
            shared.while_silent().await;
            return Ok(());
        }
        shared
            .n_requests
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let delay = shared.behaviour.borrow().delay;
        tokio::time::sleep(delay).await;
        let fault = shared.draw();
        match fault {
            Some(Fault::Dropped) => return Ok(()),
            Some(Fault::Delayed) => {
                tokio::time::sleep(Duration::from_millis(shared.below(1500))).await;
            }
            Some(Fault::InternalError | Fault::SlowDown) => {
                client.skip(head.n_body).await?;
                client.stream.write_all(refusal(fault).as_bytes()).await?;
                continue;
            }
            _ => {}
        }
        upstream.stream.write_all(&head.bytes).await?;
        if fault == Some(Fault::RequestCut) {
            let half = head.n_body / 2;
            client.pass(half, &mut upstream, Some(shared)).await?;
            return Ok(());
        }
        if head.expects_continue {
            let go_on = upstream.head().await?;
            client.stream.write_all(&go_on.bytes).await?;
            if !go_on.is_interim {
                upstream.answer_body(&go_on, &mut client, true).await?;
                return Ok(());
            }
        }
        client
            .pass(head.n_body, &mut upstream, Some(shared))
            .await?;
        let answer = loop {
            let answer = upstream.head().await?;
            if !answer.is_interim {
                break answer;
            }
        };
        match fault {
            Some(Fault::AnswerLost) => return Ok(()),
            Some(Fault::AnswerCut) => {
                let half = answer.bytes.len() / 2;
                client.stream.write_all(&answer.bytes[..half]).await?;
                return Ok(());
            }
            _ => {}
        }
        client.stream.write_all(&answer.bytes).await?;
        upstream
            .answer_body(&answer, &mut client, !head.is_head_request)
            .await?;
    }
}

fn refusal(fault: Option<Fault>) -> String {
    let (status, code) = if fault == Some(Fault::SlowDown) {
        ("503 Slow Down", "SlowDown")
    } else {
        ("500 Internal Server Error", "InternalError")
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>by the fault proxy</Message></Error>"
    );
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The head of a request or an answer.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a header that is there or not"
)]
struct Head {
    bytes: Vec<u8>,
    n_body: u64,
    chunked: bool,
    has_no_body: bool,
    is_interim: bool,
    is_head_request: bool,
    expects_continue: bool,
}

/// One connection, with what was read beyond the head.
struct Half {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Half {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        self.buffer.reserve(16 << 10);
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("closed");
        }
        Ok(())
    }

    async fn head(&mut self) -> anyhow::Result<Head> {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                break at + 4;
            }
            self.fill().await?;
        };
        let bytes: Vec<u8> = self.buffer.drain(..end).collect();
        let text = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
        let field = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(str::trim)
        };
        let n_body = field("content-length").and_then(|n| n.parse().ok());
        let status = text
            .strip_prefix("http/1.1 ")
            .and_then(|rest| rest.get(..3));
        Ok(Head {
            n_body: n_body.unwrap_or(0),
            chunked: field("transfer-encoding").is_some_and(|coding| coding.contains("chunked")),
            has_no_body: matches!(status, Some("204" | "304")),
            is_interim: status == Some("100"),
            is_head_request: text.starts_with("head "),
            expects_continue: field("expect").is_some_and(|what| what.contains("100-continue")),
            bytes,
        })
    }

    /// Passes `n` bytes of a body on, not faster than `pace` allows.
    async fn pass(
        &mut self,
        mut n: u64,
        to: &mut Self,
        pace: Option<&Shared>,
    ) -> anyhow::Result<()> {
        while n > 0 {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let k = usize::try_from(n).map_or(self.buffer.len(), |n| n.min(self.buffer.len()));
            if let Some(shared) = pace {
                shared.wait_for_turn(k as u64).await;
            }
            to.stream.write_all(&self.buffer[..k]).await?;
            self.buffer.drain(..k);
            n -= k as u64;
        }
        Ok(())
    }

    async fn skip(&mut self, mut n: u64) -> anyhow::Result<()> {
        while n > 0 {
            if self.buffer.is_empty() {
                self.fill().await?;
            }
            let k = usize::try_from(n).map_or(self.buffer.len(), |n| n.min(self.buffer.len()));
            self.buffer.drain(..k);
            n -= k as u64;
        }
        Ok(())
    }

    /// Passes the body of an answer on.
    async fn answer_body(
        &mut self,
        answer: &Head,
        to: &mut Self,
        has_body: bool,
    ) -> anyhow::Result<()> {
        if !has_body || answer.has_no_body {
            return Ok(());
        }
        if !answer.chunked {
            return self.pass(answer.n_body, to, None).await;
        }
        loop {
            let line = self.line().await?;
            let size = String::from_utf8_lossy(&line);
            let size = u64::from_str_radix(size.trim().split(';').next().unwrap_or(""), 16)?;
            to.stream.write_all(&line).await?;
            if size == 0 {
                // Trailers, up to the empty line.
                loop {
                    let line = self.line().await?;
                    to.stream.write_all(&line).await?;
                    if line == b"\r\n" {
                        return Ok(());
                    }
                }
            }
            self.pass(size + 2, to, None).await?;
        }
    }

    async fn line(&mut self) -> anyhow::Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|end| end == b"\r\n") {
                return Ok(self.buffer.drain(..at + 2).collect());
            }
            self.fill().await?;
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
