//! What the subcommands share: opening a dataset, printing, exit codes.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use zarr_fuse_decode::Decoder;
use zarr_fuse_fusion::dataset::{CACHE_BYTES, Dataset, Decoders, OpenError};
use zarr_fuse_journal::JournalSettings;
use zarr_fuse_schemas::{Schema, problem::SchemaError, row_problem::whole, store::StoreSettings};
use zarr_fuse_server::app::{Configured, Which, configured};
use zarr_fuse_store::{S3Access, Store, StoreError, Writer, keys};

pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod correct;
pub(crate) mod cp;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod ingest;
pub(crate) mod init;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod query;
pub(crate) mod rebuild;
pub(crate) mod serve;
pub(crate) mod through;
pub(crate) mod token;
pub(crate) mod trial;
pub(crate) mod user;
pub(crate) mod verify;

/// Which dataset, where it lies, and how contributions are decoded.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Target {
    /// The schema file, whose `STORE_URL` is the store; or the store itself: a folder, `file://…`, `s3://bucket/prefix`.
    #[arg(value_name = "SCHEMA|STORE")]
    pub(crate) schema: PathBuf,
    /// Store instead of the schema's: a folder, `file://…`, `s3://bucket/prefix`.
    #[arg(long, value_name = "URL", env = "ZF_STORE_URL")]
    pub(crate) store: Option<String>,
    /// Configuration: what it calls the dataset, where the journal lies if apart, access to the store, and the endpoints
    /// that new contributions come through. What has come needs none.
    #[arg(long, value_name = "FILE", env = "ZF_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Write even if another process may still do so; that one is fenced.
    #[arg(long)]
    pub(crate) take_over: bool,
}

/// What a dataset is opened from.
pub(crate) struct Parts {
    pub(crate) schema: Arc<Schema>,
    pub(crate) store: Store,
    pub(crate) journal: Store,
    pub(crate) decoders: Decoders,
    pub(crate) settings: JournalSettings,
}

/// Whether a dataset is opened to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

impl Target {
    /// Loads the schema and opens its store; prints the schema's warnings to who changes the dataset.
    pub(crate) async fn open(&self, access: Access) -> anyhow::Result<Arc<Dataset>> {
        self.open_with(access, None).await
    }

    /// As [`Self::open`]; what comes through the dataset's own endpoint is decoded by `decoder`.
    pub(crate) async fn open_with(
        &self,
        access: Access,
        decoder: Option<Decoder>,
    ) -> anyhow::Result<Arc<Dataset>> {
        let Parts {
            schema,
            store,
            journal,
            decoders,
            settings,
        } = self.parts(access).await?;
        let decoders = match decoder {
            Some(decoder) => decoders.with_own(decoder),
            None => decoders,
        };
        Ok(Dataset::open_apart(schema, store, journal, decoders, settings, CACHE_BYTES).await?)
    }

    /// Whether there is a store already, as far as that can be told without asking for it.
    pub(crate) fn exists(&self) -> bool {
        let address = self.schema.to_string_lossy();
        let schema = self.schema.is_file().then(|| Schema::load(&self.schema));
        let (url, base) = match (&self.store, &schema) {
            (Some(url), _) => (Some(url.clone()), PathBuf::new()),
            (None, Some(Ok(schema))) if self.config.is_none() => {
                (schema.store.url.clone(), schema.folder.clone())
            }
            (None, None) => (Some(address.into_owned()), PathBuf::new()),
            (None, Some(_)) => (None, PathBuf::new()),
        };
        url.is_none_or(|url| must_exist(&url, &base).is_ok())
    }

    /// As [`Self::open`], to correct something: what every contribution means must be known.
    pub(crate) async fn open_to_correct(&self) -> anyhow::Result<Arc<Dataset>> {
        let dataset = self.open(Access::Write).await?;
        if let Err(error) = must_be_known(&dataset.journal.undefined(None)) {
            dataset.close().await;
            return Err(error);
        }
        Ok(dataset)
    }

    /// Loads the schema and finds its store, which no other process on this machine may write.
    pub(crate) async fn parts(&self, access: Access) -> anyhow::Result<Parts> {
        let address = self.schema.to_string_lossy().into_owned();
        let file = self.schema.is_file().then_some(self.schema.as_path());
        let configured = match (&self.config, file) {
            (Some(config), Some(file)) => Some(configured(config, Which::Schema(file))?),
            (Some(config), None) => Some(configured(config, Which::Store(&address))?),
            (None, _) => None,
        };
        let loaded = file.map(Schema::load).transpose()?;
        let of_config = configured
            .as_ref()
            .and_then(|found| found.schema.as_deref());
        let settings = match (&loaded, of_config) {
            (Some(schema), _) => schema.store.clone(),
            // Its secrets may stand there.
            (None, Some(file)) => Schema::load(file)
                .map(|schema| schema.store)
                .unwrap_or_default(),
            (None, None) => StoreSettings::default(),
        };
        let s3 = match &configured {
            Some(configured) => configured.access(&settings),
            None => S3Access::from_environment(&settings),
        };
        let (url, base) = self.place(&address, loaded.as_ref(), configured.as_ref())?;
        if access == Access::Read || loaded.is_none() {
            must_exist(&url, &base)?;
        }
        let store = Store::open(&url, &base, &s3)?;
        let store = if access == Access::Read {
            store.read_only()
        } else {
            store
        };
        let mut schema = match loaded {
            Some(schema) => schema,
            None => kept(&store, &settings, configured.as_ref(), &url).await?,
        };
        if access == Access::Write {
            for warning in &schema.warnings {
                note(&format!("warning: {warning}"));
            }
        }
        if let Some(name) = configured.as_ref().and_then(|found| found.name.clone()) {
            schema.name = name;
        }
        let journal = journal_of(
            &store,
            (&schema.name, &settings),
            configured.as_ref(),
            access,
        )?;
        let has_name = configured
            .as_ref()
            .is_some_and(|found| found.name.is_some());
        if !has_name && let Some(name) = journal.get(keys::NAME).await? {
            schema.name = String::from_utf8_lossy(&name).into_owned();
        }
        if access == Access::Write && !self.take_over && matches!(store.mark()?, Writer::Another) {
            anyhow::bail!(
                "another zf process writes `{}`; ask it over HTTP (POST /api/v1/ingest/…, POST or DELETE /api/v1/contributions/…), or stop it first",
                store.url()
            );
        }
        let by_endpoint = match &configured {
            Some(configured) => configured.decoders(&schema.name)?,
            None => HashMap::new(),
        };
        Ok(Parts {
            decoders: Decoders::new(&schema.name, by_endpoint),
            schema: Arc::new(schema),
            store,
            journal,
            settings: JournalSettings {
                takes_over: self.take_over,
                ..JournalSettings::default()
            },
        })
    }

    /// The address of the store, and the folder that it is relative to.
    fn place(
        &self,
        address: &str,
        schema: Option<&Schema>,
        configured: Option<&Configured>,
    ) -> anyhow::Result<(String, PathBuf)> {
        let Some(schema) = schema else {
            return Ok((address.to_owned(), PathBuf::new()));
        };
        if let Some(url) = &self.store {
            return Ok((url.clone(), PathBuf::new()));
        }
        if let Some(place) = configured.and_then(|found| found.store.clone()) {
            return Ok(place);
        }
        let url = schema.store.url.clone();
        let url = url.ok_or_else(|| OpenError::NoStore(schema.name.clone()))?;
        Ok((url, schema.folder.clone()))
    }
}

/// The schema that lies in a store that is named itself.
async fn kept(
    store: &Store,
    settings: &StoreSettings,
    configured: Option<&Configured>,
    url: &str,
) -> anyhow::Result<Schema> {
    let last = || {
        let last = url.trim_end_matches('/').rsplit('/').next();
        let last = last.unwrap_or("dataset");
        last.strip_suffix(".zarr").unwrap_or(last).to_owned()
    };
    let name = configured.and_then(|found| found.name.clone());
    let name = name.unwrap_or_else(last);
    let journal = journal_of(store, (&name, settings), configured, Access::Read)?;
    let text = journal.get(keys::SCHEMA).await?.with_context(|| {
        let hint = "if its journal lies apart, say where with --config";
        format!("there is no zarr-fuse dataset at `{url}`; {hint}")
    })?;
    let text = String::from_utf8(text.to_vec()).context("the kept schema is not UTF-8")?;
    let files = match journal.get(keys::SCHEMA_FILES).await? {
        Some(files) => serde_json::from_slice(&files).context("the kept labels are damaged")?,
        None => BTreeMap::new(),
    };
    let schema = Schema::parse_kept(
        &text,
        keys::SCHEMA,
        &files,
        zarr_fuse_schemas::Defaults::Today,
    )?;
    Ok(Schema { name, ..schema })
}

/// The journal of a dataset, apart from the arrays if the configuration says so.
fn journal_of(
    store: &Store,
    (name, settings): (&str, &StoreSettings),
    configured: Option<&Configured>,
    access: Access,
) -> anyhow::Result<Store> {
    let apart = match configured {
        Some(configured) => configured.journal_apart(name, settings)?,
        None => None,
    };
    Ok(match apart {
        Some(apart) if access == Access::Read => apart.read_only(),
        Some(apart) => apart,
        None => store.clone(),
    })
}

/// Fails if there are contributions of which nobody has said what they mean: endpoints, with the first of each.
pub(crate) fn must_be_known(undefined: &BTreeMap<String, u64>) -> anyhow::Result<()> {
    let Some((endpoint, seq)) = undefined.first_key_value() else {
        return Ok(());
    };
    anyhow::bail!(
        "contribution {seq} came through the endpoint `{endpoint}` before the journal kept what contributions mean, and nothing here says how it is decoded: say --config FILE, with a configuration that has the endpoint"
    )
}

/// Opening a folder makes it, which is not what somebody wants who mistyped its name.
fn must_exist(url: &str, base: &Path) -> anyhow::Result<()> {
    let path = base.join(url.strip_prefix("file://").unwrap_or(url));
    if (!url.contains("://") || url.starts_with("file://"))
        && !url.starts_with("memory:")
        && !path.is_dir()
    {
        anyhow::bail!(
            "there is no dataset in `{}` yet; contribute something with `zf ingest` or give another --store",
            path.display()
        );
    }
    Ok(())
}

/// Who runs the command, for the journal.
pub(crate) fn user() -> Option<String> {
    let names = ["USER", "LOGNAME"];
    let mut known = names.iter().filter_map(|name| std::env::var(name).ok());
    known.find(|name| !name.is_empty())
}

/// Logs to stderr; `RUST_LOG` chooses how much.
pub(crate) fn telemetry(service: bool) {
    let default = if service {
        zarr_fuse_server::LOG_FILTER
    } else {
        "warn"
    };
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
}

/// Writes a line to stdout; a closed pipe is fine.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out
        .write_all(text.as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Writes a line to stderr.
pub(crate) fn note(text: &str) {
    let _closed = writeln!(std::io::stderr(), "{text}");
}

/// Prints an error and its causes, once each.
pub(crate) fn complain(error: &anyhow::Error) {
    if let Some(problems) = error.downcast_ref::<SchemaError>() {
        note(&problems.to_string());
        return;
    }
    let text = format!("zf: {}", whole(error.as_ref()).reason);
    note(&text);
}

/// 1 when what was given is not right, 3 when the store or network failed.
pub(crate) fn exit_code(error: &anyhow::Error) -> ExitCode {
    let store_failed = error.chain().any(|cause| {
        let store = cause.downcast_ref::<StoreError>();
        // An address that is none is a mistake of who gave it.
        store.is_some_and(|error| !matches!(error, StoreError::Address { .. }))
            || cause.is::<Box<zarr_fuse_store::Failure>>()
            || cause.is::<std::io::Error>()
    });
    ExitCode::from(if store_failed { 3 } else { 1 })
}

/// Columns padded to their widest cell.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let n_columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
    };
    let widths: Vec<usize> = (0..n_columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let line = |row: &Vec<String>| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}
