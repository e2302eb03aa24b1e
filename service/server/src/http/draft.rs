//! `POST /api/v1/draft`: a schema drafted from a sample file. Nothing is stored.

use std::path::Path;
use std::sync::Arc;

use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, post};
use chrono::Utc;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use utoipa::{IntoParams, ToSchema};
use zarr_fuse_decode::{
    Content, DecodeError, Decoding, content_of_file,
    draft::{self, Draft, DraftError, Order, Question, Unzoned, Wishes},
};
use zarr_fuse_fusion::{
    dataset::{Dataset, in_turn},
    preview::Preview,
};
use zarr_fuse_journal::{self as journal, NewContribution, outcome::Outcome};
use zarr_fuse_schemas::{Schema, row_problem::whole};

use super::body;
use super::caller::Caller;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems};
use super::ingest;
use crate::app::App;
use crate::config::Scope;
use crate::who::{Denied, Who};

/// What is said of the file, and answers to questions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftQuery {
    /// Name of the file. The node is called after it, and its ending tells what the file holds where `Content-Type` does not.
    name: Option<String>,
    /// Name of the node.
    node: Option<String>,
    /// Draft for files of a make instead: `hobo`, `tomst`, `ems`, `zentra`, `campbell`. The file is tried with it, if there is one.
    like: Option<String>,
    /// Which comes first in dates that do not tell.
    #[param(inline)]
    first: Option<DraftFirst>,
    /// Zone of times without an offset, such as `Europe/Prague`, `+01:00`.
    tz: Option<String>,
}

/// What dates begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DraftFirst {
    /// 31.12.2024
    Day,
    /// 12/31/2024
    Month,
}

impl From<Order> for DraftFirst {
    fn from(order: Order) -> Self {
        match order {
            Order::DayFirst => Self::Day,
            Order::MonthFirst => Self::Month,
        }
    }
}

impl From<DraftFirst> for Order {
    fn from(first: DraftFirst) -> Self {
        match first {
            DraftFirst::Day => Self::DayFirst,
            DraftFirst::Month => Self::MonthFirst,
        }
    }
}

/// A schema drafted from a file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Drafted {
    /// What the dataset can be called; its schema is then `<name>.yaml`.
    name: String,
    /// Path of the node.
    node: String,
    /// The schema as YAML. Comments that begin with `?` say what the file does not tell.
    schema: String,
    /// The `decode` part of an endpoint, if files like this need one.
    #[serde(skip_serializing_if = "Map::is_empty")]
    #[schema(value_type = Option<Object>)]
    decode: Map<String, Json>,
    /// What belongs into the configuration, as YAML: the dataset and, if `decode` is needed, an endpoint.
    configuration: String,
    /// What remains open. Ask again with an answer as the query parameter that each names.
    questions: Vec<DraftQuestion>,
    /// What to look at: values that would be lost, units that may not be what is meant.
    warnings: Vec<String>,
    /// What would become of the file; absent as long as a question without an assumption is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    trial: Option<DraftTrial>,
}

/// What only a person knows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftQuestion {
    /// The query parameter that answers it.
    parameter: DraftParameter,
    /// The column.
    column: String,
    /// The first different cells of it.
    cells: Vec<String>,
    /// What the cells may mean; of zones none, any can be given.
    choices: Vec<DraftChoice>,
    /// What is assumed unless there is an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    assumed: Option<&'static str>,
}

/// A query parameter that answers a question.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DraftParameter {
    /// Which comes first in dates.
    First,
    /// Zone of times without an offset.
    Tz,
}

/// One of the answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftChoice {
    /// Value of the query parameter.
    value: DraftFirst,
    /// The `format` that says so in the schema.
    format: String,
    /// The cells in this reading, in ISO 8601.
    cells: Vec<String>,
}

/// What would become of the file, contributed to a new dataset of the schema.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DraftTrial {
    /// What would become of it.
    #[serde(flatten)]
    outcome: Outcome,
    /// What it is after decoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    preview: Option<Preview>,
}

impl From<Question> for DraftQuestion {
    fn from(question: Question) -> Self {
        let choices = question.readings.into_iter().map(|reading| DraftChoice {
            value: reading.order.into(),
            format: reading.format,
            cells: reading.cells,
        });
        Self {
            parameter: DraftParameter::First,
            column: question.column,
            cells: question.cells,
            choices: choices.collect(),
            assumed: None,
        }
    }
}

impl From<Unzoned> for DraftQuestion {
    fn from(unzoned: Unzoned) -> Self {
        Self {
            parameter: DraftParameter::Tz,
            column: unzoned.column,
            cells: unzoned.cells,
            choices: Vec::new(),
            assumed: Some("UTC"),
        }
    }
}

/// Draft a schema from a sample file, and try the file with it. Nothing is stored.
///
/// It needs the right to contribute to some endpoint.
#[utoipa::path(tag = "contributions", security(("basic" = ["ingest:{endpoint}"]), ("bearer" = ["ingest:{endpoint}"])), params(DraftQuery),
    request_body(description = "The file, as `Content-Type` and `Content-Encoding` (`gzip`, `zstd`, `bzip2`) say, or as the ending of its name does.", content(
        (Binary = "text/csv"), (Binary = "text/tab-separated-values"), (Binary = "application/json"), (Binary = "application/x-ndjson"),
        (Binary = "application/vnd.apache.parquet"), (Binary = "application/vnd.apache.arrow.stream"), (Binary = "application/vnd.apache.arrow.file"),
        (Binary = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), (Binary = "application/vnd.oasis.opendocument.spreadsheet"),
        (Binary = "text/x-toa5"), (Binary = "text/x-line-protocol"), (Binary = "application/x-netcdf"), (Binary = "application/vnd.zarr+zip"),
        (Binary = "application/x-grib"), (Binary = "application/zip"), (Binary = "application/octet-stream"))),
    responses(
    (status = 200, description = "The draft, also if questions are open or nothing of the file would be taken", body = Drafted),
    Denials, Problems))]
#[post("/api/v1/draft")]
pub(crate) async fn create_draft(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    query: Query<DraftQuery>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    may_draft(&app, &who)?;
    let query = query.into_inner();
    let content = content(&req, &query)?;
    if query.like.is_none() {
        let plain = Decoding::default().prepare(Path::new("."));
        let plain = plain.map_err(|error| unsound(&error))?;
        plain.accepts(&content).map_err(ApiError::Unsupported)?;
    }
    let payload = body::read(&app, &req, payload).await?;
    let work = app.runtime.spawn(drafted(query, content, payload));
    Ok(HttpResponse::Ok().json(work.await??))
}

/// Who may contribute somewhere may draft.
fn may_draft(app: &App, who: &Who) -> Result<(), Denied> {
    let mut endpoints = app.endpoints.values();
    if endpoints.any(|endpoint| {
        let may = who.may_contribute(&endpoint.name, &endpoint.senders);
        may.is_ok()
    }) {
        return Ok(());
    }
    who.may(&Scope::ingest("*"))
}

/// What the file is, by the headers or its name.
fn content(req: &HttpRequest, query: &DraftQuery) -> Result<Content, ApiError> {
    let said = ingest::content(req.headers())?;
    let is_said = !["", "application/octet-stream"].contains(&said.content_type.trim());
    Ok(match &query.name {
        Some(name) if !is_said => {
            let named = content_of_file(Path::new(name));
            Content {
                content_type: named.content_type,
                content_encoding: said.content_encoding.or(named.content_encoding),
            }
        }
        _ => said,
    })
}

async fn drafted(
    query: DraftQuery,
    content: Content,
    payload: journal::Payload,
) -> Result<Drafted, ApiError> {
    let draft = match &query.like {
        Some(name) => draft::like(name).map_err(|error| ApiError::BadRequest(error.to_string()))?,
        None => of_file(query, content.clone(), payload.clone()).await?,
    };
    let file = format!("{}.yaml", draft.node);
    let schema = Schema::parse(&draft.schema, &file, Path::new("."));
    let schema = schema.map_err(|error| unsound(&error))?;
    let mut warnings = draft.doubts.clone();
    warnings.extend(schema.warnings.iter().map(ToString::to_string));
    let trial = if draft.questions.is_empty() && !payload.is_empty() {
        Some(tried(&draft, schema, content, payload).await?)
    } else {
        None
    };
    let questions = draft.questions.iter().cloned().map(Into::into);
    let unzoned = draft.unzoned.iter().cloned().map(Into::into);
    Ok(Drafted {
        name: draft.node.clone(),
        configuration: draft.configuration(&draft.node, &file),
        questions: questions.chain(unzoned).collect(),
        warnings,
        trial,
        node: draft.node,
        schema: draft.schema,
        decode: draft.decode,
    })
}

async fn of_file(
    query: DraftQuery,
    content: Content,
    payload: journal::Payload,
) -> Result<Draft, ApiError> {
    let said = content.clone();
    let draft = move |bytes: &[u8]| {
        let name = query.name.as_deref().unwrap_or("sample");
        let wishes = Wishes {
            node: query.node,
            store: None,
            order: query.first.map(Into::into),
            zone: query.tz,
        };
        draft::draft(bytes, &said, Path::new(name), &wishes)
    };
    let drafted = in_turn(payload, &content, draft).await;
    drafted
        .map_err(ApiError::DryRun)?
        .map_err(|error| no_draft(&error))
}

/// What would become of the file in a dataset that has nothing but the drafted schema.
async fn tried(
    draft: &Draft,
    schema: Schema,
    content: Content,
    payload: journal::Payload,
) -> Result<DraftTrial, ApiError> {
    let fault = |error| ApiError::Internal(Arc::new(error));
    let decoder = draft.decoder().map_err(|error| unsound(&error))?;
    let runtime = Handle::current();
    let opened =
        spawn_blocking(move || runtime.block_on(Dataset::in_memory(schema.into(), decoder)));
    let dataset = opened.await?.map_err(fault)?;
    let new = NewContribution {
        endpoint: dataset.name.clone(),
        node: draft.node.clone(),
        content_type: content.content_type,
        content_encoding: content.content_encoding,
        idempotency_key: None,
        sender: None,
        address: None,
        variables: Map::new(),
        payload,
        received_at: Utc::now(),
    };
    let (outcome, preview) = dataset.dry_run(new).await.map_err(ApiError::DryRun)?;
    Ok(DraftTrial { outcome, preview })
}

fn no_draft(error: &DraftError) -> ApiError {
    let is_too_large = matches!(
        error,
        DraftError::Decode(DecodeError::TooLargeDecompressed { .. })
    );
    ApiError::NoDraft {
        reason: format!("the file gives no draft: {}", whole(error).reason),
        is_too_large,
    }
}

/// What was found, or a name that was given, is nothing that a schema can hold.
fn unsound(error: &dyn std::error::Error) -> ApiError {
    ApiError::NoDraft {
        reason: format!("the draft is not sound: {error}"),
        is_too_large: false,
    }
}
