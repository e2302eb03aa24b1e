//! `zf retry` and `zf retract`: what the arrays hold, corrected.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use uuid::Uuid;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{Correction, Filter, Kind, Requester, outcome::Status};

use super::log::status;
use super::through::{Service, Through};
use super::{Access, Target, print};

/// Fold contributions again.
#[derive(Debug, clap::Args)]
pub(crate) struct Retry {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    through: Through,
    /// Contributions, by id or by sequence number.
    #[arg(value_name = "ID", required_unless_present = "status", value_parser = which)]
    ids: Vec<Which>,
    /// All of this state: partial, rejected or retracted.
    #[arg(long, value_name = "S", value_parser = status, conflicts_with = "ids")]
    status: Option<Status>,
    /// With --status: only for this node.
    #[arg(long, value_name = "N", requires = "status")]
    node: Option<String>,
    /// Also if contributions that were merged are rejected then.
    #[arg(long)]
    even_if: bool,
    /// Only tell what would become of them.
    #[arg(long, conflicts_with = "even_if")]
    dry_run: bool,
}

/// Take contributions back.
#[derive(Debug, clap::Args)]
pub(crate) struct Retract {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    through: Through,
    /// Contributions, by id or by sequence number.
    #[arg(value_name = "ID", required = true, value_parser = which)]
    ids: Vec<Which>,
    /// Also if contributions that were merged are rejected then.
    #[arg(long)]
    even_if: bool,
}

/// How a contribution is named on the command line.
#[derive(Debug, Clone, Copy)]
enum Which {
    Seq(u64),
    Id(Uuid),
}

fn which(text: &str) -> Result<Which, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Which::Seq(seq));
    }
    let id = Uuid::try_parse(text);
    id.map(Which::Id).map_err(|_not_an_id| {
        "give the id or the sequence number of a contribution, as `zf log` prints them".to_owned()
    })
}

impl Which {
    fn id(self, dataset: &Dataset) -> anyhow::Result<Uuid> {
        match self {
            Self::Id(id) => Ok(id),
            Self::Seq(seq) => {
                let found = dataset.journal.frame_at(seq);
                let found = found.filter(|entry| entry.header.kind == Kind::Contribution);
                let found = found.with_context(|| {
                    format!("there is no contribution {seq}; `zf log` lists them")
                })?;
                Ok(found.header.id)
            }
        }
    }
}

fn ids(which: &[Which], dataset: &Dataset) -> anyhow::Result<Vec<Uuid>> {
    which.iter().map(|which| which.id(dataset)).collect()
}

impl Retry {
    /// Exit code 1 if nothing of a contribution could be taken this time, either.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let (dataset, service) = if self.dry_run {
            (self.target.open(Access::Read).await?, None)
        } else {
            writable(&self.target, &self.through).await?
        };
        let ids = match self.status {
            None => ids(&self.ids, &dataset)?,
            Some(status) => {
                let filter = Filter {
                    status: Some(status),
                    node: self.node,
                    limit: usize::MAX,
                    ..Filter::default()
                };
                let mut found = dataset.journal.list(&filter);
                found.reverse();
                found.iter().map(|entry| entry.header.id).collect()
            }
        };
        if self.dry_run {
            return try_out(&dataset, &ids).await;
        }
        match service {
            Some(service) => service.correct(&ids, true, self.even_if).await,
            None => correct(&dataset, &ids, Correction::Retry, self.even_if).await,
        }
    }
}

/// Tells what would become of contributions if they were retried.
async fn try_out(dataset: &Dataset, ids: &[Uuid]) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        let (outcome, _preview) = dataset.dry_run_of_retry(*id).await?;
        let problem = outcome.problems.first();
        let reason = problem.map(|problem| format!(": {}", problem.reason));
        print(&format!(
            "{id} would be {}, {} of {} rows{}",
            outcome.status.name(),
            outcome.n_rows_accepted,
            outcome.n_rows_read,
            reason.unwrap_or_default()
        ))?;
        if outcome.status == Status::Rejected {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// The dataset, for reading only if a service that writes it is to be asked.
async fn writable(
    target: &Target,
    through: &Through,
) -> anyhow::Result<(Arc<Dataset>, Option<Service>)> {
    if let Some(service) = through.service(target).await? {
        return Ok((target.open(Access::Read).await?, Some(service)));
    }
    match target.open_to_correct().await {
        Ok(dataset) => Ok((dataset, None)),
        Err(error) => {
            let service = through.instead_of(target, error).await?;
            Ok((target.open(Access::Read).await?, Some(service)))
        }
    }
}

impl Retract {
    /// Retracts the contributions.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let (dataset, service) = writable(&self.target, &self.through).await?;
        let ids = ids(&self.ids, &dataset)?;
        match service {
            Some(service) => service.correct(&ids, false, self.even_if).await,
            None => correct(&dataset, &ids, Correction::Retract, self.even_if).await,
        }
    }
}

async fn correct(
    dataset: &Dataset,
    ids: &[Uuid],
    correction: impl Fn(Uuid) -> Correction,
    even_if: bool,
) -> anyhow::Result<ExitCode> {
    if ids.is_empty() {
        print("there is no such contribution")?;
        return Ok(ExitCode::SUCCESS);
    }
    let by = Requester {
        sender: super::user(),
        address: None,
        even_if,
    };
    let mut asked = Vec::with_capacity(ids.len());
    for id in ids {
        asked.push(dataset.correct(&correction(*id), by.clone()).await?.seq);
    }
    dataset.fold_all().await?;
    dataset.publish_groups().await?;
    dataset.close().await;
    let mut code = ExitCode::SUCCESS;
    for (id, seq) in ids.iter().zip(asked) {
        if let Some(refused) = dataset
            .journal
            .outcome(seq)
            .filter(|outcome| outcome.refused)
        {
            let reason = refused
                .problems
                .first()
                .map(|problem| problem.reason.as_str());
            print(&format!("{id} not done: {}", reason.unwrap_or_default()))?;
            code = ExitCode::FAILURE;
            continue;
        }
        let entry = dataset.journal.entry(*id).context("it was there before")?;
        let status = entry.status();
        let outcome = entry.outcome.as_deref();
        let problem = outcome.and_then(|outcome| outcome.problems.first());
        let reason = problem.map(|problem| format!(": {}", problem.reason));
        print(&format!(
            "{id} {}{}",
            status.name(),
            reason.unwrap_or_default()
        ))?;
        if status == Status::Rejected {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
