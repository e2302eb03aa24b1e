//! What the subcommands share: opening a dataset, printing, exit codes.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use zarr_fuse_schemas::Schema;
use zarr_fuse_schemas::problem::SchemaError;
use zarr_fuse_schemas::store::StoreSettings;
use zarr_fuse_service::dataset::{CACHE_BYTES, Dataset, Decoders};
use zarr_fuse_service::fold::whole;
use zarr_fuse_service::journal::JournalSettings;
use zarr_fuse_service::store::{S3Access, Store, Writer, keys};

pub(crate) mod check;
pub(crate) mod collect;
pub(crate) mod correct;
pub(crate) mod cp;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod ingest;
pub(crate) mod journal;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod query;
pub(crate) mod rebuild;
pub(crate) mod serve;
pub(crate) mod through;
pub(crate) mod token;
pub(crate) mod user;
pub(crate) mod verify;

/// Which dataset, where it lies, and how contributions are decoded.
#[derive(Debug, clap::Args)]
pub(crate) struct Target {
    /// The schema file; the store is its `STORE_URL`.
    pub(crate) schema: PathBuf,
    /// Store instead of the schema's: a folder, `file://…`, `s3://bucket/prefix`.
    #[arg(long, value_name = "URL", env = "ZF_STORE_URL")]
    pub(crate) store: Option<String>,
    /// Configuration with the endpoints whose contributions need an extraction, and the journal if it lies apart.
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
        let Parts {
            schema,
            store,
            journal,
            decoders,
            settings,
        } = self.parts(access)?;
        Ok(Dataset::open_apart(schema, store, journal, decoders, settings, CACHE_BYTES).await?)
    }

    /// Loads the schema and finds its store, which no other process on this machine may write.
    pub(crate) fn parts(&self, access: Access) -> anyhow::Result<Parts> {
        let schema = Schema::load(&self.schema)?;
        if access == Access::Write {
            for warning in &schema.warnings {
                note(&format!("warning: {warning}"));
            }
        }
        let decoders = self.decoders(&schema.name)?;
        if access == Access::Read {
            self.must_exist(&schema)?;
        }
        let store = Dataset::store_of(
            &schema,
            self.store.as_deref(),
            &S3Access::from_environment(&schema.store),
        )?;
        if access == Access::Write && !self.take_over && matches!(store.mark()?, Writer::Another) {
            anyhow::bail!(
                "another zf process writes `{}`; ask it over HTTP (POST /api/v1/ingest/…, POST or DELETE /api/v1/contributions/…), or stop it first",
                store.url()
            );
        }
        let store = if access == Access::Read {
            store.read_only()
        } else {
            store
        };
        let apart = match &self.config {
            Some(file) => zarr_fuse_service::app::journal_apart(file, &self.schema, &schema)?,
            None => None,
        };
        let journal = match apart {
            Some(apart) if access == Access::Read => apart.read_only(),
            Some(apart) => apart,
            None => store.clone(),
        };
        Ok(Parts {
            schema: Arc::new(schema),
            store,
            journal,
            decoders,
            settings: JournalSettings {
                takes_over: self.take_over,
                ..JournalSettings::default()
            },
        })
    }

    /// Opening a folder makes it, which is not what somebody wants who mistyped its name.
    fn must_exist(&self, schema: &Schema) -> anyhow::Result<()> {
        let url = self
            .store
            .clone()
            .or_else(|| schema.store.url.clone())
            .unwrap_or_default();
        let base = if self.store.is_some() {
            Path::new("")
        } else {
            schema.folder.as_path()
        };
        let path = base.join(url.strip_prefix("file://").unwrap_or(&url));
        if !url.is_empty() && (!url.contains("://") || url.starts_with("file://")) && !path.is_dir()
        {
            anyhow::bail!(
                "there is no dataset in `{}` yet; contribute something with `zf ingest` or give another --store",
                path.display()
            );
        }
        Ok(())
    }

    fn decoders(&self, dataset: &str) -> anyhow::Result<Decoders> {
        let by_endpoint = match &self.config {
            Some(file) => zarr_fuse_service::app::endpoint_decoders(file, dataset)?,
            None => HashMap::new(),
        };
        Ok(Decoders::new(dataset, by_endpoint))
    }
}

/// Opens the dataset in a store that is named by address: its schema lies beside its journal.
pub(crate) async fn open_url(url: &str) -> anyhow::Result<Arc<Dataset>> {
    let access = S3Access::from_environment(&StoreSettings::default());
    let store = Store::open(url, Path::new(""), &access)?.read_only();
    let text = store
        .get(keys::SCHEMA)
        .await?
        .with_context(|| format!("there is no zarr-fuse dataset at `{url}`"))?;
    let text = String::from_utf8(text.to_vec()).context("the kept schema is not UTF-8")?;
    let name = url
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or("dataset");
    let schema = Schema::parse(&text, &format!("{name}.yaml"), Path::new("."))?;
    let decoders = Decoders::new(&schema.name, HashMap::new());
    Ok(Dataset::open(
        Arc::new(schema),
        store,
        decoders,
        JournalSettings::default(),
    )
    .await?)
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
        zarr_fuse_service::LOG_FILTER
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
        cause.is::<zarr_fuse_service::store::StoreError>()
            || cause.is::<Box<zarr_fuse_service::store::Failure>>()
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
