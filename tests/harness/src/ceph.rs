//! A real Ceph RADOS Gateway, started once per test binary by `deploy/dev/ceph` and gone with it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, bail};

/// A gateway and the keys to it.
#[derive(Debug)]
pub struct Ceph {
    endpoint: String,
    access_key: String,
    secret_key: String,
    folder: PathBuf,
    /// The gateway ends when this is closed, at the latest with this process, however it ends.
    _alive: ChildStdin,
}

impl Ceph {
    /// The gateway of this process, started now if need be. `None` if `ZF_WITHOUT_CEPH=1` asks to do without, which is
    /// said on standard error.
    ///
    /// # Errors
    /// If it cannot be started, such as when Debian's packages are missing; the error names them.
    pub fn start() -> anyhow::Result<Option<&'static Self>> {
        static STARTED: OnceLock<Result<Option<Ceph>, String>> = OnceLock::new();
        let start = || match std::env::var("ZF_WITHOUT_CEPH").as_deref() {
            Ok("1") => {
                eprintln(
                    "SKIPPED: what needs a real S3 is not tested, since ZF_WITHOUT_CEPH=1 is set",
                );
                Ok(None)
            }
            _ => Self::spawn()
                .map(Some)
                .map_err(|error| format!("{error:#}")),
        };
        match STARTED.get_or_init(start) {
            Ok(ceph) => Ok(ceph.as_ref()),
            Err(reason) => bail!("{reason}"),
        }
    }

    fn spawn() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("zarr-fuse-ceph-{}", std::process::id()));
        let mut command = Command::new(script());
        command.arg("run").arg(&folder);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot run deploy/dev/ceph")?;
        let alive = child.stdin.take().context("no stdin")?;
        let mut settings = String::new();
        BufReader::new(child.stdout.take().context("no stdout")?).read_line(&mut settings)?;
        let setting = |name: &str| {
            let mut words = settings.split_whitespace();
            words
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
        };
        let (Some(endpoint), Some(access_key), Some(secret_key)) = (
            setting("S3_ENDPOINT_URL"),
            setting("ZF_S3_ACCESS_KEY"),
            setting("ZF_S3_SECRET_KEY"),
        ) else {
            let mut said = String::new();
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut said)?;
            }
            bail!(
                "no Ceph for the tests; ZF_WITHOUT_CEPH=1 leaves out what needs it\n{said}{settings}"
            );
        };
        Ok(Self {
            endpoint,
            access_key,
            secret_key,
            folder,
            _alive: alive,
        })
    }

    /// Its address, such as `http://127.0.0.1:20970`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What `zf` reads from its environment.
    pub fn environment(&self) -> [(&'static str, &str); 3] {
        [
            ("S3_ENDPOINT_URL", &self.endpoint),
            ("ZF_S3_ACCESS_KEY", &self.access_key),
            ("ZF_S3_SECRET_KEY", &self.secret_key),
        ]
    }

    /// A new, empty bucket, as `s3://…`.
    ///
    /// # Errors
    /// If the gateway refuses.
    pub fn bucket(&self) -> anyhow::Result<String> {
        static N_BUCKETS: AtomicU32 = AtomicU32::new(0);
        let name = format!("test-{}", N_BUCKETS.fetch_add(1, Ordering::Relaxed));
        let mut command = Command::new(script());
        command.arg("bucket").arg(&self.folder).arg(&name);
        let run = crate::run::run(&mut command)?;
        run.ok().with_context(|| format!("cannot make `{name}`"))?;
        Ok(format!("s3://{name}"))
    }
}

fn script() -> PathBuf {
    crate::checkout().join("deploy/dev/ceph")
}

/// A test that leaves something out says so even when its output is captured.
fn eprintln(text: &str) {
    use std::io::Write as _;
    let _closed = writeln!(std::io::stderr(), "{text}");
}
