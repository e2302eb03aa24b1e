//! `zf query`: values of a node.

use std::io::{IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use futures::TryStreamExt as _;
use zarr_fuse_query::{Bounds, Format, Room, Selection, answer};

use super::{Access, Target, note};

/// Print values of a node.
#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    #[command(flatten)]
    target: Target,
    /// The node's path in the dataset.
    node: String,
    /// A variable; may be repeated. All when none is given.
    #[arg(long = "var", value_name = "V")]
    variables: Vec<String>,
    /// A selection by value: `depth=0/10`, `borehole=A,B`, `date_time=2024-05-01/`, `depth=nearest:3`.
    #[arg(long = "sel", value_name = "COORD=SELECTOR")]
    by_value: Vec<String>,
    /// A selection by index: `date_time=-10:`.
    #[arg(long = "isel", value_name = "COORD=INDEX")]
    by_index: Vec<String>,
    /// Further parameters of the REST query, as NAME=VALUE: `layout=wide`, `tz=Europe/Prague`, `limit=10`, `na=keep`,
    /// `max_points=2000`, `latest=1`, `resample=1h`, `agg=max`, `unit.temp=K`.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// csv, json, ndjson, arrow, parquet or covjson.
    #[arg(long, default_value = "csv")]
    format: String,
    /// Write to this file instead of standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Query {
    /// Streams the answer.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let dataset = self.target.open(Access::Read).await?;
        let node = dataset.node(&self.node).with_context(|| {
            let known: Vec<&str> = dataset.nodes.keys().map(String::as_str).collect();
            format!(
                "there is no node `{}` with variables; there are {}",
                self.node,
                known.join(", ")
            )
        })?;
        let view = node.view();
        let format = Format::parse(&self.format).map_err(anyhow::Error::msg)?;
        let selection = Selection::parse(&self.parameters()?, view.schema())?;
        let mut out: Box<dyn Write> = match &self.output {
            Some(file) => {
                let created = std::fs::File::create(file);
                Box::new(created.with_context(|| format!("cannot write `{}`", file.display()))?)
            }
            None if matches!(format, Format::Arrow | Format::Parquet)
                && std::io::stdout().is_terminal() =>
            {
                anyhow::bail!("{} is binary; write it to a file with -o FILE", self.format);
            }
            None => Box::new(std::io::stdout().lock()),
        };
        // Nobody else asks.
        let bounds = Bounds {
            room: Room::new(u64::MAX),
            ..Bounds::default()
        };
        let answer = answer(view, &selection, format, bounds).await?;
        let cursor = answer.cursor;
        let mut body = answer.body;
        while let Some(bytes) = body.try_next().await? {
            match out.write_all(&bytes) {
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return Ok(ExitCode::SUCCESS);
                }
                written => written.context("cannot write the answer")?,
            }
        }
        out.flush().context("cannot write the answer")?;
        if let Some(cursor) = cursor {
            note(&format!("there is more: --param cursor={cursor}"));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// As the REST query takes them.
    fn parameters(&self) -> anyhow::Result<Vec<(String, String)>> {
        let pair = |text: &String| {
            let (name, value) = text
                .split_once('=')
                .with_context(|| format!("`{text}` is not NAME=VALUE"))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        let prefixed = |prefix: &'static str| {
            move |text: &String| pair(text).map(|(name, value)| (format!("{prefix}.{name}"), value))
        };
        let variables = self
            .variables
            .iter()
            .map(|name| Ok(("var".to_owned(), name.clone())));
        variables
            .chain(self.by_value.iter().map(prefixed("sel")))
            .chain(self.by_index.iter().map(prefixed("isel")))
            .chain(self.parameters.iter().map(pair))
            .collect()
    }
}
