//! `GET /api/v1/contributions`: what arrived and what became of it.

mod download;
mod page;

use std::sync::Arc;

use actix_web::http::header;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{
    Entry, Filter,
    outcome::{Outcome, Status},
};

use self::page::Place;
use super::caller::Caller;
use super::connections::Connection;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems, shortened};
use crate::app::App;
use crate::config::Scope;
use crate::who::Who;

/// Contributions of a page unless `limit` says otherwise.
const DEFAULT_LIMIT: usize = 100;
/// Most contributions of a page.
const MAX_LIMIT: usize = 1000;

/// Which contributions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContributionsQuery {
    /// Only of this state.
    #[param(inline)]
    status: Option<Status>,
    /// Only of this dataset.
    dataset: Option<String>,
    /// Only for the node at this path.
    node: Option<String>,
    /// Only pushed to this endpoint.
    endpoint: Option<String>,
    /// At most so many, up to 1000. Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Where the former page ended: its `before`.
    before: Option<String>,
}

/// Contributions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Contributions {
    /// Those of this page; outcomes come without their single problems.
    contributions: Vec<Contribution>,
    /// `before` of the next page; null after the last one.
    before: Option<String>,
}

/// A contribution.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Contribution {
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
    /// Where it was pushed to.
    endpoint: String,
    /// As the sender said.
    content_type: String,
    /// As the sender said.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    /// When it had arrived.
    received_at: DateTime<Utc>,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    /// Network address it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    /// The sender's idempotency key.
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
    /// The definition that says what it means: hexadecimal SHA-256. Absent if nobody has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<String>,
    /// Whether that is assumed, from what was configured when the journal began to keep definitions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    definition_assumed: bool,
    /// Hexadecimal SHA-256 of the payload.
    sha256: String,
    /// Length of the payload.
    n_bytes: u64,
    /// What decoding may refer to.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Object)]
    variables: Map<String, Json>,
    /// What became of it; absent while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
}

impl Contribution {
    fn of(dataset: &Dataset, entry: &Entry) -> Self {
        let header = entry.header.as_ref().clone();
        let definition = dataset.journal.definition_of(header.seq, u64::MAX);
        let assumed = dataset
            .journal
            .assumed(header.seq)
            .map(|(_, assumed)| assumed);
        Self {
            definition: definition.map(|id| id.to_string()),
            definition_assumed: assumed.is_some() && assumed == definition,
            id: header.id,
            seq: header.seq,
            status: entry.status(),
            dataset: dataset.name.clone(),
            node: header.node,
            endpoint: header.endpoint,
            content_type: header.content_type,
            content_encoding: header.content_encoding,
            received_at: header.received_at,
            sender: header.sender,
            address: header.address,
            idempotency_key: header.idempotency_key,
            sha256: header.sha256,
            n_bytes: header.n_bytes,
            variables: header.variables,
            outcome: entry.outcome.as_deref().cloned(),
        }
    }
}

/// The path of a contribution.
pub(super) fn location(id: Uuid) -> String {
    format!("/api/v1/contributions/{id}")
}

/// List what arrived in datasets that the caller may read, newest first.
#[utoipa::path(tag = "contributions", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), params(ContributionsQuery), responses(
    (status = 200, description = "A page", body = Contributions),
    Denials, Problems))]
#[get("/api/v1/contributions")]
pub(crate) async fn list_contributions(
    app: Data<App>,
    who: Caller,
    query: Query<ContributionsQuery>,
) -> Result<HttpResponse, ApiError> {
    let query = query.into_inner();
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(ApiError::BadRequest(format!(
            "query parameter `limit={limit}`: write a number from 1 to {MAX_LIMIT}"
        )));
    }
    let place = query
        .before
        .as_deref()
        .map_or_else(|| Ok(Place::default()), Place::parse)?;
    let datasets = if let Some(name) = &query.dataset {
        who.may(&Scope::read(name))?;
        vec![super::datasets::readable(&app, &who, name)?]
    } else {
        who.is_somebody()?;
        let mut datasets: Vec<_> = app.open_datasets().collect();
        datasets.retain(|dataset| who.may(&Scope::read(&dataset.name)).is_ok());
        datasets
    };
    let list = move || {
        let filter = Filter {
            status: query.status,
            node: query.node,
            endpoint: query.endpoint,
            before: None,
            limit: limit + 1,
        };
        page::newest(&datasets, &filter, place, limit)
    };
    let (entries, next) = app.runtime.spawn_blocking(list).await?;
    let contributions = entries.iter().map(|(dataset, entry)| {
        let mut contribution = Contribution::of(dataset, entry);
        if let Some(outcome) = &mut contribution.outcome {
            outcome.problems.clear();
        }
        contribution
    });
    Ok(HttpResponse::Ok().json(Contributions {
        contributions: contributions.collect(),
        before: next.map(|place| place.to_string()),
    }))
}

/// Get what is known of a contribution.
#[utoipa::path(tag = "contributions", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), params(("id" = Uuid, Path, description = "From the receipt")), responses(
    (status = 200, description = "What is known of it", body = Contribution),
    Denials, Problems))]
#[get("/api/v1/contributions/{id}")]
pub(crate) async fn get_contribution(
    app: Data<App>,
    who: Caller,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (dataset, entry) = readable(&app, &who, &id)?;
    Ok(HttpResponse::Ok().json(Contribution::of(&dataset, &entry)))
}

/// Get the bytes of a contribution as they arrived.
#[utoipa::path(tag = "contributions", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), params(("id" = Uuid, Path, description = "From the receipt")), responses(
    (status = 200, description = "With the content type and encoding that the sender gave", body = Binary, content_type = "*/*"),
    Denials, Problems))]
#[get("/api/v1/contributions/{id}/payload")]
pub(crate) async fn get_payload(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let (dataset, entry) = readable(&app, &who, &id)?;
    let header = &entry.header;
    // What cannot be read at all is told before anything is sent.
    let (journal, seq) = (Arc::clone(&dataset), header.seq);
    let first = async move { journal.journal.payload_part(seq, 0..1).await };
    if header.n_bytes > 0 {
        app.runtime.spawn(first).await??;
    }
    let connection = req.conn_data::<Arc<Connection>>().cloned();
    let mut response = HttpResponse::Ok();
    if !header.content_type.is_empty() {
        response.insert_header((header::CONTENT_TYPE, header.content_type.as_str()));
    }
    if let Some(encoding) = &header.content_encoding {
        response.insert_header((header::CONTENT_ENCODING, encoding.as_str()));
    }
    let name = format!(
        "attachment; filename=\"{}.{}\"",
        header.id,
        extension(&header.content_type)
    );
    response
        .insert_header((header::CONTENT_DISPOSITION, name))
        // Others wrote it: a browser must not run it.
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; sandbox",
        ));
    Ok(response.body(download::payload(&app, &dataset, header, connection)))
}

/// A contribution and its dataset, for those who may read the dataset, and for who sent it.
fn readable(app: &App, who: &Who, id: &str) -> Result<(Arc<Dataset>, Entry), ApiError> {
    let (dataset, entry) = find(app, who, id)?;
    let is_sender = who.name().is_some() && who.name() == entry.header.sender.as_deref();
    if !is_sender {
        who.may(&Scope::read(&dataset.name))?;
    }
    Ok((dataset, entry))
}

/// A contribution and its dataset; what may be done with it is to be asked of `who`.
pub(super) fn find(app: &App, who: &Who, id: &str) -> Result<(Arc<Dataset>, Entry), ApiError> {
    let unknown = || ApiError::UnknownContribution(shortened(id));
    // Who has not signed in is not told what there is.
    who.is_somebody()?;
    let uuid = Uuid::try_parse(id).map_err(|_not_an_id| unknown())?;
    let entry_in = |dataset: Arc<Dataset>| {
        let entry = dataset.journal.entry(uuid)?;
        Some((dataset, entry))
    };
    if let Some(found) = app.open_datasets().find_map(entry_in) {
        return Ok(found);
    }
    // It may be one of a dataset that is not open.
    let mut not_open = app.not_open().into_iter();
    let not_open = not_open.find(|error| who.may(&Scope::read(&error.dataset)).is_ok());
    Err(not_open.map_or_else(unknown, ApiError::NotOpen))
}

/// The ending of a file of this type.
fn extension(content_type: &str) -> &'static str {
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    match essence.as_str() {
        "text/csv" | "application/csv" => "csv",
        "text/tab-separated-values" => "tsv",
        "application/json" | "text/json" => "json",
        "application/x-ndjson" | "application/ndjson" => "ndjson",
        "application/vnd.apache.parquet" => "parquet",
        "application/vnd.apache.arrow.stream" => "arrows",
        "application/vnd.apache.arrow.file" => "arrow",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.oasis.opendocument.spreadsheet" => "ods",
        "text/x-toa5" => "dat",
        "text/x-line-protocol" => "lp",
        "application/x-netcdf" => "nc",
        "application/vnd.zarr+zip" | "application/zip" => "zip",
        "application/x-grib" => "grib",
        _ => "bin",
    }
}
