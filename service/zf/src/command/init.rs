//! `zf init`: from a file to a schema.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use zarr_fuse_decode::{
    content_of_file,
    draft::{Draft, Order, Question, Wishes, draft, like},
};
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::outcome::Status;
use zarr_fuse_schemas::Schema;

use anyhow::Context as _;

use super::{note, print, trial};

/// Draft a schema, and how files are decoded, from sample files.
#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// Sample files; the first one is drafted from, all are tried.
    #[arg(required_unless_present = "like")]
    files: Vec<PathBuf>,
    /// Draft for files of a make: hobo, tomst, ems, zentra, campbell.
    #[arg(long, value_name = "NAME")]
    like: Option<String>,
    /// The schema to write.
    #[arg(short, long, value_name = "FILE", default_value = "schema.yaml")]
    output: PathBuf,
    /// Name of the node; else it follows from the file's.
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Where the arrays will go: a folder, `s3://bucket/prefix`. Default: after the schema.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// Which comes first in dates that do not tell.
    #[arg(long, value_name = "day|month", value_parser = order)]
    first: Option<Order>,
    /// Zone of times without an offset, such as `Europe/Prague`, `+01:00`.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Ask on the terminal what the files do not tell.
    #[arg(long)]
    ask: bool,
    /// Replace files that are there.
    #[arg(long)]
    force: bool,
}

fn order(text: &str) -> Result<Order, String> {
    match text {
        "day" => Ok(Order::DayFirst),
        "month" => Ok(Order::MonthFirst),
        _ => Err("write `day` or `month`".to_owned()),
    }
}

impl Init {
    /// Writes the draft and tries the files with it.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.store.clone().unwrap_or_else(|| {
            let stem = self.output.file_stem().unwrap_or_default();
            format!("{}.zarr", stem.to_string_lossy())
        });
        let drafted = match &self.like {
            Some(name) => like(name)?,
            None => self.draft(store)?,
        };
        self.write(&drafted)?;
        for question in &drafted.questions {
            note(&asked(question));
        }
        if !drafted.questions.is_empty() {
            note("say `--first day` or `--first month`, or `--ask` to be asked");
            return Ok(ExitCode::FAILURE);
        }
        for doubt in &drafted.doubts {
            note(doubt);
        }
        let code = self.try_out(&drafted).await?;
        Ok(if drafted.doubts.is_empty() {
            code
        } else {
            ExitCode::FAILURE
        })
    }

    fn draft(&self, store: String) -> anyhow::Result<Draft> {
        let file = &self.files[0];
        let payload =
            std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let mut wishes = Wishes {
            node: self.node.clone(),
            store: Some(store),
            order: self.first,
            zone: self.tz.clone(),
        };
        let content = content_of_file(file);
        let drafted = |wishes: &Wishes| {
            draft(&payload, &content, file, wishes)
                .with_context(|| format!("`{}` gives no draft", file.display()))
        };
        let mut first = drafted(&wishes)?;
        if !self.ask {
            return Ok(first);
        }
        anyhow::ensure!(
            std::io::stdin().is_terminal() || !first.questions.is_empty() || wishes.zone.is_some(),
            "`--ask` needs a terminal"
        );
        for question in &first.questions {
            note(&asked(question));
            wishes.order = Some(
                order(&answer("which comes first, day or month?")?).map_err(anyhow::Error::msg)?,
            );
        }
        if wishes.order.is_some() {
            first = drafted(&wishes)?;
        }
        if !first.unzoned.is_empty() {
            let zone = answer("zone of the times (UTC, Europe/Prague, +01:00)?")?;
            wishes.zone = Some(if zone.is_empty() {
                "UTC".to_owned()
            } else {
                zone
            });
        }
        drafted(&wishes)
    }

    fn write(&self, drafted: &Draft) -> anyhow::Result<()> {
        create(&self.output, &drafted.schema, self.force)?;
        print(&format!("{}: written", self.output.display()))?;
        if !drafted.decode.is_empty() {
            let config = self.config();
            create(&config, &self.configuration(drafted), self.force)?;
            print(&format!(
                "{}: written; its endpoint says how the file is decoded",
                config.display()
            ))?;
        }
        Ok(())
    }

    /// Beside the schema.
    fn config(&self) -> PathBuf {
        self.output.with_file_name("zarr-fuse.yaml")
    }

    fn configuration(&self, drafted: &Draft) -> String {
        let file = self
            .output
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        let stem = self
            .output
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy();
        let configuration = drafted.configuration(&stem, &file);
        format!("# Drafted by `zf init`.\n{configuration}")
    }

    async fn try_out(&self, drafted: &Draft) -> anyhow::Result<ExitCode> {
        let schema = Schema::load(&self.output)?;
        for warning in &schema.warnings {
            note(&format!("warning: {warning}"));
        }
        let schema = Arc::new(schema);
        let mut code = ExitCode::SUCCESS;
        let dataset = Dataset::in_memory(schema, drafted.decoder()?).await?;
        for file in &self.files {
            let (outcome, shown) = trial::of_file(&dataset, &drafted.node, file).await?;
            trial::show(file, &outcome, shown.as_ref())?;
            if outcome.status != Status::Merged {
                code = ExitCode::FAILURE;
            }
        }
        let with = if drafted.decode.is_empty() {
            String::new()
        } else {
            format!(
                " --config {} --endpoint {}",
                self.config().display(),
                endpoint(drafted)
            )
        };
        let files: Vec<String> = self
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        print(&format!(
            "look at the lines with `?`, then: zf ingest {} {} {}{with}",
            self.output.display(),
            drafted.node,
            if files.is_empty() {
                "FILE…".to_owned()
            } else {
                files.join(" ")
            },
        ))?;
        Ok(code)
    }
}

/// The endpoint of a draft has the name of its node.
fn endpoint(drafted: &Draft) -> String {
    drafted.node.clone()
}

fn asked(question: &Question) -> String {
    let readings: Vec<String> = question
        .readings
        .iter()
        .filter_map(|reading| {
            let first = match reading.order {
                Order::DayFirst => "day",
                Order::MonthFirst => "month",
            };
            let (read, format) = (reading.cells.first()?, &reading.format);
            Some(format!(
                "{read} with the {first} first (`format: \"{format}\"`)"
            ))
        })
        .collect();
    format!(
        "`{}` of the column `{}` may be {}",
        question
            .cells
            .first()
            .map(String::as_str)
            .unwrap_or_default(),
        question.column,
        readings.join(" or ")
    )
}

fn answer(question: &str) -> anyhow::Result<String> {
    let mut to = std::io::stderr();
    write!(to, "{question} ")?;
    to.flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

fn create(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options
        .write(true)
        .create(true)
        .truncate(true)
        .create_new(!force);
    let file = options.open(path);
    let mut file = file.with_context(|| {
        format!(
            "cannot write `{}`; say --force to replace a file that is there",
            path.display()
        )
    })?;
    file.write_all(text.as_bytes())?;
    Ok(())
}
