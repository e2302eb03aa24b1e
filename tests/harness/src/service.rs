//! A running `zf serve` or `zf demo`.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};

use crate::run;
use crate::wire::Connection;

/// Longest time from start to readiness, and from SIGTERM to the end.
const PATIENCE: Duration = Duration::from_mins(3);

/// An address on loopback on which nothing listens now.
///
/// # Errors
/// If there is none.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A service under test; killed when dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    said: Arc<Said>,
    address: SocketAddr,
}

/// What the process wrote so far.
#[derive(Debug, Default)]
struct Said {
    text: Mutex<Text>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    stdout: String,
    stderr: String,
    n_open: usize,
}

impl Service {
    /// Starts `zf` with `args` in `folder` and waits until it answers that it is ready. Its configuration should ask for
    /// port 0; the address is read from what it prints.
    ///
    /// # Errors
    /// If it ends or is not ready in time; with what it wrote.
    pub async fn start<A: AsRef<OsStr>>(
        folder: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Self> {
        let mut service = Self::spawn(folder, args)?;
        service.ready().await?;
        Ok(service)
    }

    /// Starts the process and waits until it has printed its address, but not until it is ready.
    ///
    /// # Errors
    /// If it ends before.
    pub fn spawn<A: AsRef<OsStr>>(
        folder: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> anyhow::Result<Self> {
        Self::spawn_in(folder, args, &[])
    }

    /// As [`Self::spawn`], with more in its environment.
    ///
    /// # Errors
    /// As [`Self::spawn`].
    pub fn spawn_in<A: AsRef<OsStr>>(
        folder: &Path,
        args: impl IntoIterator<Item = A>,
        environment: &[(String, String)],
    ) -> anyhow::Result<Self> {
        let mut command = run::command(crate::binary::zf()?);
        command.args(args).current_dir(folder);
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("NO_COLOR", "1");
        let mut child = command.spawn().context("cannot start zf")?;
        let said = Arc::new(Said::default());
        said.lock().n_open = 2;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        follow(stdout.context("no stdout")?, &said, |text| &mut text.stdout);
        follow(stderr.context("no stderr")?, &said, |text| &mut text.stderr);
        let Some(address) = said.address() else {
            let _already_dead = child.kill();
            let status = child.wait()?;
            bail!(
                "zf printed no address and ended with {status}\n{}",
                said.all()
            );
        };
        Ok(Self {
            child,
            said,
            address,
        })
    }

    /// Waits for `GET /health/ready` to answer 200.
    ///
    /// # Errors
    /// If the process ends, or is not ready in time.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(answer) = connection.get("/health/ready").await
                && answer.status == 200
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("zf ended with {status}\n{}", self.said.all());
            }
            if begin.elapsed() > PATIENCE {
                bail!("zf was not ready in {PATIENCE:?}\n{}", self.said.all());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` and `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The most memory it had at once, in bytes (`VmHWM`).
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn peak_memory_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmHWM")?.trim().parse::<u64>()? << 10)
    }

    /// From now on it can map no more than `n_bytes` of memory.
    ///
    /// # Errors
    /// If the system does not take it.
    pub fn limit_memory(&self, n_bytes: u64) -> anyhow::Result<()> {
        let limit = Rlimit {
            current: Some(n_bytes),
            maximum: Some(n_bytes),
        };
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process")?;
        prlimit(Some(pid), Resource::As, limit)?;
        Ok(())
    }

    /// Whether the process has ended, and how.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Its process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Standard error so far.
    pub fn log(&self) -> String {
        self.said.lock().stderr.clone()
    }

    /// Standard output so far.
    pub fn printed(&self) -> String {
        self.said.lock().stdout.clone()
    }

    /// Waits until standard output or standard error holds `text`.
    ///
    /// # Errors
    /// If the process closes both before, or takes too long.
    pub fn wait_for(&self, text: &str) -> anyhow::Result<()> {
        let found = self
            .said
            .wait(|said| (said.stdout.contains(text) || said.stderr.contains(text)).then_some(()));
        found.with_context(|| format!("zf never wrote `{text}`\n{}", self.said.all()))
    }

    /// Waits until standard error holds `text` so many times.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub fn wait_for_times(&self, text: &str, n: usize) -> anyhow::Result<()> {
        let found = self
            .said
            .wait(|said| (said.stderr.matches(text).count() >= n).then_some(()));
        found.with_context(|| format!("zf wrote `{text}` less than {n} times\n{}", self.said.all()))
    }

    /// Ends it at once, as `kill -9` does.
    ///
    /// # Errors
    /// If it cannot be waited for.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to stop, as `kill` does, and waits for its end.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn terminate(mut self) -> anyhow::Result<(ExitStatus, String)> {
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                self.said.wait(|said| (said.n_open == 0).then_some(()));
                return Ok((status, self.log()));
            }
            if begin.elapsed() > PATIENCE {
                bail!("zf did not stop in {PATIENCE:?}\n{}", self.said.all());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _already_waited = self.child.wait();
    }
}

impl Said {
    fn lock(&self) -> std::sync::MutexGuard<'_, Text> {
        self.text
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until `found` finds something; `None` if the process closed its output before, or after [`PATIENCE`].
    fn wait<T>(&self, found: impl Fn(&Text) -> Option<T>) -> Option<T> {
        let begin = Instant::now();
        let mut text = self.lock();
        loop {
            if let Some(found) = found(&text) {
                return Some(found);
            }
            let left = PATIENCE.checked_sub(begin.elapsed())?;
            if text.n_open == 0 {
                return None;
            }
            text = match self.more.wait_timeout(text, left) {
                Ok((text, _)) => text,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The first `http://host:port` written.
    fn address(&self) -> Option<SocketAddr> {
        let complete = |text: &str| {
            let lines = text.rfind('\n').map_or("", |end| &text[..end]);
            lines.split("http://").skip(1).find_map(|rest| {
                let end = rest
                    .find(|c: char| !c.is_ascii_digit() && !".:[]".contains(c))
                    .unwrap_or(rest.len());
                rest[..end]
                    .trim_end_matches(['.', ':'])
                    .parse::<SocketAddr>()
                    .ok()
            })
        };
        self.wait(|text| complete(&text.stdout).or_else(|| complete(&text.stderr)))
    }

    fn all(&self) -> String {
        let text = self.lock();
        format!("{}{}", text.stdout, text.stderr)
    }
}

/// Collects the lines of a stream until it is closed.
fn follow(
    stream: impl Read + Send + 'static,
    said: &Arc<Said>,
    part: fn(&mut Text) -> &mut String,
) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stream);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            part(&mut said.lock()).push_str(&String::from_utf8_lossy(&line));
            said.more.notify_all();
            line.clear();
        }
        said.lock().n_open -= 1;
        said.more.notify_all();
    });
}
