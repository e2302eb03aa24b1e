//! Retract, retry, rebuild: requests to correct what the arrays hold.

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpResponse, delete, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use zarr_fuse_fusion::{dataset::Dataset, reinterpret::Difference};
use zarr_fuse_journal::{
    Correction, Entry, Requester,
    outcome::{Outcome, Status},
};

use super::caller::Caller;
use super::contributions::{find, location};
use super::error::{ApiError, Denials, Problems, shortened};
use super::{datasets, ingest};
use crate::app::App;
use crate::config::Scope;

/// How.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CorrectionQuery {
    /// `merged`: answer when the arrays are corrected, within `limits.wait`.
    #[param(inline)]
    wait: Option<Wait>,
    /// `true`: also if contributions that were merged are rejected then. Else such a correction is not done, which its
    /// outcome says. Default `false`.
    even_if: Option<bool>,
}

/// How to retry.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryQuery {
    /// `merged`: answer when the arrays are corrected, within `limits.wait`.
    #[param(inline)]
    wait: Option<Wait>,
    /// `true`: also if contributions that were merged are rejected then. Default `false`.
    even_if: Option<bool>,
    /// `true`: answer what would become of it, and change nothing. Default `false`.
    dry_run: Option<bool>,
}

/// What to wait for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Wait {
    /// Until the arrays are corrected.
    Merged,
}

/// What to rebuild.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebuildQuery {
    /// Path of the node; needed where the dataset has several.
    node: Option<String>,
    /// `merged`: answer when the arrays are rebuilt, within `limits.wait`.
    #[param(inline)]
    wait: Option<Wait>,
    /// `true`: also if contributions that were merged are rejected then. Default `false`.
    even_if: Option<bool>,
    /// `true`: contributions mean from now on what the schema and the endpoints say today, not what they said when each
    /// came. Default `false`.
    reinterpret: Option<bool>,
    /// With `reinterpret`: only contributions from this sequence number or time on.
    from: Option<String>,
    /// With `reinterpret`: answer what would change, and change nothing. Default `false`.
    dry_run: Option<bool>,
}

/// Proof that a request to correct something is durable.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CorrectionReceipt {
    /// Its place in the order of the dataset.
    seq: u64,
    /// `journaled`, or once the arrays are corrected the state of the contribution.
    status: Status,
    /// The contribution it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    contribution: Option<Uuid>,
    /// The dataset.
    dataset: String,
    /// The node whose arrays are corrected.
    node: String,
    /// What became of the contribution; only when it was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

/// Fold a contribution again, after the schema or the extraction was mended.
///
/// It counts at its own place in the order: what came later stays. A rejected or partly merged one means from now on what its
/// endpoint takes contributions to mean today; a retracted one means what it meant. Contributions that were merged whole are
/// refused. Who sent a contribution needs `ingest:{endpoint}` only.
#[utoipa::path(tag = "contributions", security(("basic" = ["correct:{endpoint}"]), ("bearer" = ["correct:{endpoint}"])), params(("id" = Uuid, Path, description = "From the receipt"), RetryQuery), responses(
    (status = 200, description = "Done (`wait=merged`), or what would become of it (`dry_run=true`)", body = inline(Retried)),
    (status = 202, description = "Durable; to be folded again", body = CorrectionReceipt),
    Denials, Problems))]
#[post("/api/v1/contributions/{id}/retry")]
pub(crate) async fn retry_contribution(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    query: Query<RetryQuery>,
) -> Result<HttpResponse, ApiError> {
    let RetryQuery {
        wait,
        even_if,
        dry_run,
    } = query.into_inner();
    if dry_run.unwrap_or(false) {
        let (dataset, entry) = find_to_correct(&app, &caller, &id)?;
        let (node, id) = (entry.header.node.clone(), entry.header.id);
        let of = Arc::clone(&dataset);
        let tried = app
            .runtime
            .spawn(async move { of.dry_run_of_retry(id).await });
        return ingest::tried(&dataset.name, node, tried.await?);
    }
    let query = CorrectionQuery { wait, even_if };
    correct(&app, &caller, &id, Correction::Retry, query).await
}

/// Retract a contribution: the dataset becomes what it would be without it. The journal keeps it; a retry counts it again. Who
/// sent it needs `ingest:{endpoint}` only.
#[utoipa::path(tag = "contributions", security(("basic" = ["correct:{endpoint}"]), ("bearer" = ["correct:{endpoint}"])), params(("id" = Uuid, Path, description = "From the receipt"), CorrectionQuery), responses(
    (status = 200, description = "Done (`wait=merged`)", body = CorrectionReceipt),
    (status = 202, description = "Durable; to be taken out of the arrays", body = CorrectionReceipt),
    Denials, Problems))]
#[delete("/api/v1/contributions/{id}")]
pub(crate) async fn retract_contribution(
    app: Data<App>,
    caller: Caller,
    id: Path<String>,
    query: Query<CorrectionQuery>,
) -> Result<HttpResponse, ApiError> {
    correct(&app, &caller, &id, Correction::Retract, query.into_inner()).await
}

/// Write the arrays of a node again from the journal, beside the old ones, and switch when they are complete.
///
/// Every contribution means what it meant when it came, unless `reinterpret` says otherwise.
#[utoipa::path(tag = "datasets", security(("basic" = ["admin"]), ("bearer" = ["admin"])), params(("dataset" = String, Path, description = "Name of the dataset"), RebuildQuery), responses(
    (status = 200, description = "Done (`wait=merged`), or what would change (`dry_run=true`)", body = inline(Rebuilt)),
    (status = 202, description = "Durable; to be done", body = CorrectionReceipt),
    Denials, Problems))]
#[post("/api/v1/datasets/{dataset}/rebuild")]
pub(crate) async fn rebuild_node(
    app: Data<App>,
    caller: Caller,
    name: Path<String>,
    query: Query<RebuildQuery>,
) -> Result<HttpResponse, ApiError> {
    caller.may(&Scope::Admin)?;
    let dataset = datasets::readable(&app, &caller, &name)?;
    let RebuildQuery {
        node,
        wait,
        even_if,
        reinterpret,
        from,
        dry_run,
    } = query.into_inner();
    let path = match (&node, dataset.nodes.keys().next()) {
        (None, Some(only)) if dataset.nodes.len() == 1 => only.clone(),
        (node, _) => node.clone().unwrap_or_default(),
    };
    if dataset.node(&path).is_none() {
        return Err(ApiError::unknown_node(&dataset, &path));
    }
    let (reinterpret, dry_run) = (reinterpret.unwrap_or(false), dry_run.unwrap_or(false));
    if !reinterpret && (from.is_some() || dry_run) {
        return Err(ApiError::BadRequest(
            "query parameters `from` and `dry_run` belong to `reinterpret=true`".to_owned(),
        ));
    }
    let by = requester(&caller, even_if);
    if !reinterpret {
        let correction = (&Correction::Rebuild(path.clone()), path.as_str());
        return request(&app, &dataset, by, correction, None, wait).await;
    }
    let from = match from {
        None => 0,
        Some(text) => begin(&dataset, &text)?,
    };
    if dry_run {
        let dataset = Arc::clone(&dataset);
        let node = path.clone();
        let compare = async move { dataset.difference(&node, from).await };
        let difference = app.runtime.spawn(compare).await?;
        let difference = difference.map_err(ApiError::fold)?;
        return Ok(HttpResponse::Ok().json(WouldChange {
            dataset: name.into_inner(),
            node: path,
            difference,
        }));
    }
    let correction = (&Correction::Reinterpret(path.clone(), from), path.as_str());
    request(&app, &dataset, by, correction, None, wait).await
}

/// What would change.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WouldChange {
    /// The dataset.
    dataset: String,
    /// The node.
    node: String,
    /// What would change in it.
    #[serde(flatten)]
    difference: Difference,
}

/// A retry, or what would become of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer")]
pub(crate) enum Retried {
    /// Done.
    Done(CorrectionReceipt),
    /// Not done.
    WouldBecome(ingest::DryRun),
}

/// A rebuild, or what it would change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the answer")]
pub(crate) enum Rebuilt {
    /// Done.
    Done(CorrectionReceipt),
    /// Not done.
    WouldChange(WouldChange),
}

/// The first contribution that `from`, a sequence number or a time, means.
fn begin(dataset: &Dataset, from: &str) -> Result<u64, ApiError> {
    dataset.journal.beginning(from).ok_or_else(|| {
        ApiError::BadRequest(format!(
            "query parameter `from={}`: write a sequence number or a time such as `2024-05-01T00:00:00Z`",
            shortened(from)
        ))
    })
}

/// A contribution that the caller may correct.
fn find_to_correct(
    app: &App,
    caller: &Caller,
    id: &str,
) -> Result<(Arc<Dataset>, Entry), ApiError> {
    let (dataset, entry) = find(app, caller, id)?;
    let header = &entry.header;
    let endpoint = app.endpoints.get(&header.endpoint);
    let senders = endpoint.map_or(&[][..], |endpoint| &endpoint.senders);
    caller.may_correct(&header.endpoint, senders, header.sender.as_deref())?;
    Ok((dataset, entry))
}

async fn correct(
    app: &App,
    caller: &Caller,
    id: &str,
    correction: impl Fn(Uuid) -> Correction,
    query: CorrectionQuery,
) -> Result<HttpResponse, ApiError> {
    let (dataset, entry) = find_to_correct(app, caller, id)?;
    let header = &entry.header;
    let id = header.id;
    let by = requester(caller, query.even_if);
    let correction = (&correction(id), header.node.as_str());
    request(app, &dataset, by, correction, Some(id), query.wait).await
}

async fn request(
    app: &App,
    dataset: &Arc<Dataset>,
    by: Requester,
    (correction, node): (&Correction, &str),
    contribution: Option<Uuid>,
    wait: Option<Wait>,
) -> Result<HttpResponse, ApiError> {
    let sender = by.sender.as_deref().unwrap_or_default();
    app.corrections
        .once(sender)
        .map_err(|wait| ApiError::CorrectsTooOften {
            max: app.limits.max_corrections_per_minute,
            seconds: wait.as_secs() + 1,
        })?;
    let turn = dataset.turns.wait(node, app.limits.wait);
    turn.await
        .map_err(|wait| ApiError::CorrectsLater(wait.as_secs() + 1))?;
    let receipt = dataset.correct(correction, by).await?;
    let outcome = match wait {
        Some(Wait::Merged) => ingest::settled(app, dataset, &receipt.node, receipt.seq).await,
        None => None,
    };
    if let Some(refused) = outcome.as_deref().filter(|outcome| outcome.refused) {
        let reason = refused
            .problems
            .first()
            .map(|problem| problem.reason.clone());
        return Err(ApiError::NotDone(reason.unwrap_or_default()));
    }
    let mut response = match outcome {
        Some(_) => HttpResponse::Ok(),
        None => HttpResponse::Accepted(),
    };
    if let Some(id) = contribution {
        response.insert_header((header::LOCATION, location(id)));
    }
    Ok(response.json(CorrectionReceipt {
        seq: receipt.seq,
        status: outcome
            .as_ref()
            .map_or(Status::Journaled, |outcome| outcome.status),
        contribution,
        dataset: dataset.name.clone(),
        node: receipt.node,
        outcome: outcome.as_deref().cloned(),
    }))
}

fn requester(caller: &Caller, even_if: Option<bool>) -> Requester {
    Requester {
        sender: caller.sender(),
        address: caller.address().map(|address| address.to_string()),
        even_if: even_if.unwrap_or(false),
    }
}
