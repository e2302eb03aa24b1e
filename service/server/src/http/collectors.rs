//! `GET /api/v1/collectors`: what is fetched, when, and what came of it.

use std::collections::BTreeMap;

use actix_web::web::{Data, Path};
use actix_web::{HttpResponse, get, post};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use zarr_fuse_collectors::status::{Counts, RunReport, Status as Doing};
use zarr_fuse_journal::outcome::Status;

use super::caller::Caller;
use super::error::{ApiError, Denials, Problems, shortened};
use crate::app::App;
use crate::collect::Collecting;
use crate::config::Scope;

/// The collectors of this service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectorList {
    /// In the order of the configuration.
    collectors: Vec<CollectorState>,
}

/// A collector, and what it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CollectorState {
    /// Its name.
    name: String,
    /// `http`, `mqtt`, `folder` or `objects`.
    kind: String,
    /// The endpoint it contributes to.
    endpoint: String,
    /// The dataset it contributes to.
    dataset: String,
    /// Cron expressions and time zones.
    schedule: Vec<String>,
    /// Since when a run is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    running_since: Option<DateTime<Utc>>,
    /// When the next run is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run: Option<DateTime<Utc>>,
    /// The last run.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_run: Option<LastRun>,
    /// Runs that have failed since the last good one.
    n_failed_in_a_row: u64,
    /// All runs.
    totals: RunTotals,
    /// Why it does not do what it should, apart from runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// What came of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastRun {
    /// Whether everything was fetched and contributed.
    is_good: bool,
    /// When it was due.
    due: DateTime<Utc>,
    /// When it began.
    began: DateTime<Utc>,
    /// When it ended.
    ended: DateTime<Utc>,
    #[serde(flatten)]
    counts: RunCounts,
    /// The first errors.
    errors: Vec<String>,
    /// The first contributions.
    contributions: Vec<Uuid>,
    /// How many of them are in which state by now.
    outcomes: BTreeMap<String, u64>,
}

/// What runs did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunCounts {
    /// Pages that were to be fetched.
    n_planned: u64,
    /// Requests made, redirects and repetitions included.
    n_requests: u64,
    /// Pages that were not asked for, since what is known had not expired.
    n_fresh: u64,
    /// Pages that were asked for and had not changed.
    n_unchanged: u64,
    /// Requests that were repetitions.
    n_retries: u64,
    /// Pages that were not fetched, or not contributed.
    n_failed: u64,
    /// Contributions.
    n_contributed: u64,
    /// Bytes of them.
    bytes: u64,
}

/// What is counted of all runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunTotals {
    /// Runs.
    n_runs: u64,
    /// Runs in which something failed.
    n_failed_runs: u64,
    #[serde(flatten)]
    counts: RunCounts,
}

/// A run was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunAsked {
    /// The collector.
    name: String,
}

/// List the collectors of the datasets that the caller may read by a scope. A dataset that is public does not make them so: what
/// is asked of whom, from where in this network, and what went wrong is for those who run them.
#[utoipa::path(tag = "collectors", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), responses(
    (status = 200, description = "In the order of the configuration", body = CollectorList),
    Denials, Problems))]
#[get("/api/v1/collectors")]
pub(crate) async fn list_collectors(app: Data<App>, who: Caller) -> Result<HttpResponse, ApiError> {
    let mut collectors = Vec::new();
    for collecting in app.collectors.values() {
        if who.may(&Scope::read(collecting.endpoint.dataset())).is_ok() {
            collectors.push(state(collecting));
        }
    }
    if collectors.is_empty() {
        // Who sees nothing should know why.
        who.is_somebody()?;
    }
    Ok(HttpResponse::Ok().json(CollectorList { collectors }))
}

/// Run a collector now: the run that was last due is done, after the one that is under way.
#[utoipa::path(tag = "collectors", security(("basic" = ["admin"]), ("bearer" = ["admin"])), params(("name" = String, Path, description = "Name of the collector")), responses(
    (status = 202, description = "To be done; the list of collectors tells what came of it", body = RunAsked),
    Denials, Problems))]
#[post("/api/v1/collectors/{name}/run")]
pub(crate) async fn run_collector(
    app: Data<App>,
    who: Caller,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    who.may(&Scope::Admin)?;
    let collecting = app.collectors.get(name.as_str()).ok_or_else(|| {
        let known = app.collectors.keys().cloned().collect();
        let name = shortened(&name);
        ApiError::UnknownCollector { name, known }
    })?;
    if !collecting.collector.ask() {
        return Err(ApiError::NothingToRun(name.into_inner()));
    }
    let name = name.into_inner();
    Ok(HttpResponse::Accepted().json(RunAsked { name }))
}

fn state(collecting: &Collecting) -> CollectorState {
    let Collecting {
        collector,
        endpoint,
        ..
    } = collecting;
    let Doing {
        running_since,
        next_run,
        last,
        totals,
        n_failed_in_a_row,
        trouble,
    } = collector.status();
    CollectorState {
        name: collector.name().to_owned(),
        kind: collector.kind().to_owned(),
        endpoint: endpoint.name.clone(),
        dataset: endpoint.dataset().to_owned(),
        schedule: collector.schedules(),
        running_since,
        next_run,
        last_run: last.map(|last| last_run(last, collecting)),
        n_failed_in_a_row,
        totals: RunTotals {
            n_runs: totals.runs,
            n_failed_runs: totals.failed_runs,
            counts: counts(totals.counts),
        },
        trouble,
    }
}

fn last_run(report: RunReport, collecting: &Collecting) -> LastRun {
    let open = collecting.endpoint.open().ok();
    let mut outcomes = BTreeMap::new();
    for id in &report.contributions {
        let entry = open
            .as_ref()
            .and_then(|open| open.dataset.journal.entry(*id));
        let status = entry.map_or(Status::Journaled, |entry| entry.status());
        *outcomes.entry(status.name().to_owned()).or_default() += 1;
    }
    LastRun {
        is_good: report.is_good(),
        due: report.due,
        began: report.began,
        ended: report.ended,
        counts: counts(report.counts),
        errors: report.errors,
        contributions: report.contributions,
        outcomes,
    }
}

fn counts(counts: Counts) -> RunCounts {
    RunCounts {
        n_planned: counts.planned,
        n_requests: counts.requests,
        n_fresh: counts.fresh,
        n_unchanged: counts.unchanged,
        n_retries: counts.retries,
        n_failed: counts.failed,
        n_contributed: counts.contributed,
        bytes: counts.bytes,
    }
}
