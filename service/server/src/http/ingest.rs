//! `POST /api/v1/ingest/{endpoint}[/{node…}]`: contribute.

mod options;

use std::sync::Arc;

use actix_web::guard::Post;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web::{self, Data, Path, Payload, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, post};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use zarr_fuse_decode::Content;
use zarr_fuse_fusion::{
    dataset::{Dataset, DryRunError},
    preview::Preview,
};
use zarr_fuse_journal::{
    self as journal, AppendError, NewContribution,
    outcome::{Outcome, Status},
};

use self::options::Options;
use super::body;
use super::caller::Caller;
use super::contributions;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems, shortened};
use crate::app::App;
use crate::config::Scope;
use crate::endpoint::OpenEndpoint;
use crate::who::Who;

/// Bodies above this are hashed and compressed off the request's thread.
const MAX_INLINE_BYTES: u64 = 64 << 10;
/// Longest idempotency key.
const MAX_KEY_BYTES: usize = 255;
/// Longest `Content-Type` or `Content-Encoding`: they are kept in memory as long as the contribution.
const MAX_HEADER_BYTES: usize = 255;

/// Where to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct EndpointPath {
    /// A configured endpoint, or the name of a dataset.
    endpoint: String,
}

/// Where to.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct NodePath {
    /// A configured endpoint, or the name of a dataset.
    endpoint: String,
    /// Path of the node, which may hold slashes.
    node: String,
}

/// How. Every other parameter becomes a variable of the contribution, for extraction programs and `set`.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `Options` reads")]
pub(crate) struct IngestQuery {
    /// `merged`: answer with the outcome, within `limits.wait`.
    #[param(required = false, inline)]
    wait: Option<Wait>,
    /// Answer what would become of the contribution, and store nothing.
    #[param(required = false)]
    dry_run: Option<bool>,
}

/// What to wait for.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes the parameter that `Options` reads")]
enum Wait {
    /// Until the contribution is in the arrays.
    Merged,
}

/// Proof that a contribution is durable, with its outcome once there is one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// Its id.
    id: Uuid,
    /// Its place in the order of the dataset.
    seq: u64,
    /// Its state.
    status: Status,
    /// The dataset it went to.
    dataset: String,
    /// The node it went to.
    node: String,
    /// What became of it; only when it was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

/// What would become of a contribution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DryRun {
    /// The dataset it would go to.
    dataset: String,
    /// The node it would go to.
    node: String,
    /// What would become of it.
    #[serde(flatten)]
    outcome: Outcome,
    /// What it is after decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
}

/// Contribute to the only node of a dataset, or to the node of an endpoint.
#[utoipa::path(tag = "contributions", security(("basic" = ["ingest:{endpoint}"]), ("bearer" = ["ingest:{endpoint}"])), params(EndpointPath, IngestQuery, ("Idempotency-Key" = Option<String>, Header,
    description = "The same key with the same bytes is one contribution; with other bytes it is refused.")),
    request_body(description = "Text or bytes as `Content-Type` and `Content-Encoding` (`gzip`, `zstd`, `bzip2`) say.", content(
        (Binary = "text/csv"), (Binary = "text/tab-separated-values"), (Binary = "application/json"), (Binary = "application/x-ndjson"),
        (Binary = "application/vnd.apache.parquet"), (Binary = "application/vnd.apache.arrow.stream"), (Binary = "application/vnd.apache.arrow.file"),
        (Binary = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), (Binary = "application/vnd.oasis.opendocument.spreadsheet"),
        (Binary = "text/x-toa5"), (Binary = "text/x-line-protocol"), (Binary = "application/x-netcdf"), (Binary = "application/vnd.zarr+zip"),
        (Binary = "application/x-grib"), (Binary = "application/zip"), (Binary = "application/x-www-form-urlencoded"), (Binary = "multipart/form-data"),
        (Binary = "application/octet-stream"))),
    responses(
    (status = 200, description = "Merged (`wait=merged`), or sent before with the same `Idempotency-Key`, or tried (`dry_run=true`)", body = Receipt),
    (status = 202, description = "Durable; to be merged", body = Receipt, headers(("Location" = String, description = "The contribution"))),
    Denials, Problems))]
#[post("/api/v1/ingest/{endpoint}")]
pub(crate) async fn create_contribution(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<EndpointPath>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    contribute(&app, &who, &req, &path.endpoint, "", payload).await
}

/// Contribute to a node of a dataset.
#[utoipa::path(tag = "contributions", security(("basic" = ["ingest:{endpoint}"]), ("bearer" = ["ingest:{endpoint}"])), params(NodePath, IngestQuery, ("Idempotency-Key" = Option<String>, Header,
    description = "The same key with the same bytes is one contribution; with other bytes it is refused.")),
    request_body(description = "Text or bytes as `Content-Type` and `Content-Encoding` (`gzip`, `zstd`, `bzip2`) say.", content(
        (Binary = "text/csv"), (Binary = "text/tab-separated-values"), (Binary = "application/json"), (Binary = "application/x-ndjson"),
        (Binary = "application/vnd.apache.parquet"), (Binary = "application/vnd.apache.arrow.stream"), (Binary = "application/vnd.apache.arrow.file"),
        (Binary = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), (Binary = "application/vnd.oasis.opendocument.spreadsheet"),
        (Binary = "text/x-toa5"), (Binary = "text/x-line-protocol"), (Binary = "application/x-netcdf"), (Binary = "application/vnd.zarr+zip"),
        (Binary = "application/x-grib"), (Binary = "application/zip"), (Binary = "application/x-www-form-urlencoded"), (Binary = "multipart/form-data"),
        (Binary = "application/octet-stream"))),
    responses(
    (status = 200, description = "Merged (`wait=merged`), or sent before with the same `Idempotency-Key`, or tried (`dry_run=true`)", body = Receipt),
    (status = 202, description = "Durable; to be merged", body = Receipt, headers(("Location" = String, description = "The contribution"))),
    Denials, Problems))]
#[post("/api/v1/ingest/{endpoint}/{node:.*}")]
pub(crate) async fn create_contribution_for_node(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<NodePath>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    contribute(&app, &who, &req, &path.endpoint, &path.node, payload).await
}

/// The node in the path of an alias.
#[derive(Debug, Deserialize)]
struct AliasPath {
    node: String,
}

/// Registers the further paths of endpoints.
pub(super) fn aliases(config: &mut ServiceConfig, app: &App) {
    for endpoint in app.endpoints.values() {
        let Some(alias) = &endpoint.alias else {
            continue;
        };
        let name: Arc<str> = Arc::from(endpoint.name.as_str());
        let also = Arc::clone(&name);
        let to_endpoint = move |app: Data<App>, who: Caller, req: HttpRequest, payload: Payload| {
            let name = Arc::clone(&name);
            async move { contribute(&app, &who, &req, &name, "", payload).await }
        };
        let to_node = move |app: Data<App>,
                            who: Caller,
                            req: HttpRequest,
                            path: Path<AliasPath>,
                            payload: Payload| {
            let name = Arc::clone(&also);
            async move { contribute(&app, &who, &req, &name, &path.node, payload).await }
        };
        config
            .service(web::resource(alias.as_str()).guard(Post()).to(to_endpoint))
            .service(
                web::resource(format!("{alias}/{{node:.*}}"))
                    .guard(Post())
                    .to(to_node),
            );
    }
}

async fn contribute(
    app: &App,
    who: &Who,
    req: &HttpRequest,
    endpoint: &str,
    path: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    let taken = take(app, who, req, endpoint, path, payload).await;
    taken.inspect_err(|error| {
        if let Some(reason) = error.refusal() {
            app.metrics.refused(reason);
        }
    })
}

async fn take(
    app: &App,
    who: &Who,
    req: &HttpRequest,
    endpoint: &str,
    path: &str,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    // Whether there is such an endpoint is told only to those who may contribute there.
    who.may(&Scope::ingest(endpoint))?;
    let endpoint = app
        .endpoints
        .get(endpoint)
        .ok_or_else(|| ApiError::UnknownEndpoint {
            name: shortened(endpoint),
            known: app.endpoints.keys().cloned().collect(),
        })?;
    who.may_contribute(&endpoint.name, &endpoint.senders)?;
    let endpoint = &endpoint.open()?;
    let node = endpoint
        .target(path)
        .ok_or_else(|| ApiError::unknown_target(endpoint, path))?;
    let Options {
        wait,
        dry_run,
        variables,
    } = Options::read(req.query_string())?;
    let headers = req.headers();
    let content = content(headers)?;
    let decoder = endpoint
        .dataset
        .decoders
        .get(&endpoint.name)
        .map_err(ApiError::Endpoint)?;
    decoder.accepts(&content).map_err(ApiError::Unsupported)?;
    let journal = &endpoint.dataset.journal;
    if let Some(n_bytes) = body::announced(req).filter(|&n| n > body::MAX_MEMORY_BYTES as u64) {
        journal.would_take(n_bytes).map_err(ApiError::NotRead)?;
    }
    let payload = body::read(app, req, payload).await?;
    let new = NewContribution {
        endpoint: endpoint.name.clone(),
        node: node.schema.path.clone(),
        content_type: content.content_type,
        content_encoding: content.content_encoding,
        idempotency_key: idempotency_key(headers)?,
        sender: who.sender(),
        address: who.address().map(|address| address.to_string()),
        variables,
        payload,
        received_at: Utc::now(),
    };
    if dry_run {
        return try_out(app, endpoint, new).await;
    }
    let n_bytes = new.payload.len();
    let receipt = append(app, endpoint, new).await?;
    if !receipt.replayed {
        app.metrics.acknowledged(&endpoint.dataset.name, n_bytes);
    }
    let outcome = if wait {
        settled(app, &endpoint.dataset, &receipt.node, receipt.seq).await
    } else {
        None
    };
    answer(endpoint, receipt, outcome.as_deref())
}

/// Makes a contribution durable. Small ones on this thread, since there is little to do.
async fn append(
    app: &App,
    endpoint: &OpenEndpoint,
    new: NewContribution,
) -> Result<journal::Receipt, ApiError> {
    if new.payload.len() <= MAX_INLINE_BYTES {
        return Ok(endpoint.dataset.contribute(new).await?);
    }
    let dataset = Arc::clone(&endpoint.dataset);
    let appended = app
        .runtime
        .spawn(async move { dataset.contribute(new).await });
    appended
        .await
        .map_err(|_stopped| AppendError::Stopping)?
        .map_err(Into::into)
}

/// The outcome of frame `seq` for the node at `path`, if there is one within `limits.wait`. What is merged is then seen by the
/// root group, too.
pub(super) async fn settled(
    app: &App,
    dataset: &Arc<Dataset>,
    path: &str,
    seq: u64,
) -> Option<Arc<Outcome>> {
    let deadline = tokio::time::Instant::now() + app.limits.wait;
    let outcome = tokio::select! {
        outcome = app.settled(dataset, seq) => outcome,
        () = tokio::time::sleep_until(deadline) => return None,
        () = app.stop.cancelled() => return None,
    };
    if outcome.status != Status::Rejected {
        tokio::select! {
            () = dataset.root_follows(path, seq) => {}
            () = tokio::time::sleep_until(deadline) => {}
            () = app.stop.cancelled() => {}
        }
    }
    Some(outcome)
}

fn answer(
    endpoint: &OpenEndpoint,
    receipt: journal::Receipt,
    outcome: Option<&Outcome>,
) -> Result<HttpResponse, ApiError> {
    if let Some(outcome) = outcome.filter(|outcome| outcome.status == Status::Rejected) {
        return Err(ApiError::Rejected {
            outcome: Box::new(outcome.clone()),
            contribution: Some((receipt.id, receipt.seq)),
            preview: None,
        });
    }
    let mut response = if receipt.replayed || outcome.is_some() {
        HttpResponse::Ok()
    } else {
        HttpResponse::Accepted()
    };
    if receipt.replayed {
        response.insert_header(("Idempotency-Replayed", "true"));
    }
    response.insert_header((header::LOCATION, contributions::location(receipt.id)));
    Ok(response.json(Receipt {
        id: receipt.id,
        seq: receipt.seq,
        status: outcome.map_or(Status::Journaled, |outcome| outcome.status),
        dataset: endpoint.dataset.name.clone(),
        node: receipt.node,
        outcome: outcome.cloned(),
    }))
}

/// Decodes and merges a contribution in mind only.
async fn try_out(
    app: &App,
    endpoint: &OpenEndpoint,
    new: NewContribution,
) -> Result<HttpResponse, ApiError> {
    let dataset = Arc::clone(&endpoint.dataset);
    let node = new.node.clone();
    let work = app.runtime.spawn(async move { dataset.dry_run(new).await });
    tried(&endpoint.dataset.name, node, work.await?)
}

/// Tells what would become of a contribution.
pub(super) fn tried(
    dataset: &str,
    node: String,
    tried: Result<(Outcome, Option<Preview>), DryRunError>,
) -> Result<HttpResponse, ApiError> {
    let (outcome, preview) = tried.map_err(ApiError::DryRun)?;
    if outcome.status == Status::Rejected {
        return Err(ApiError::Rejected {
            outcome: Box::new(outcome),
            contribution: None,
            preview: preview.map(Box::new),
        });
    }
    Ok(HttpResponse::Ok().json(DryRun {
        dataset: dataset.to_owned(),
        node,
        outcome,
        preview,
    }))
}

/// What the headers of a request say of its body.
pub(super) fn content(headers: &HeaderMap) -> Result<Content, ApiError> {
    Ok(Content {
        content_type: text(headers, &header::CONTENT_TYPE)?.unwrap_or_default(),
        content_encoding: text(headers, &header::CONTENT_ENCODING)?,
    })
}

fn text(headers: &HeaderMap, name: &header::HeaderName) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    if value.len() > MAX_HEADER_BYTES {
        return Err(ApiError::BadRequest(format!(
            "the header `{name}` is longer than {MAX_HEADER_BYTES} bytes"
        )));
    }
    Ok(Some(String::from_utf8_lossy(value.as_bytes()).into_owned()))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().ok().map(str::trim);
    let key = key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY_BYTES);
    match key {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(ApiError::BadRequest(format!(
            "the header `Idempotency-Key` must be 1 to {MAX_KEY_BYTES} visible ASCII characters"
        ))),
    }
}
