//! `GET /api/v1/origin/{dataset}/{node…}`: which contributions wrote a value.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use tokio_util::task::AbortOnDropHandle;
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;
use zarr_fuse_fusion::{
    dataset::Dataset,
    fold::{Meanings, ingest},
    node::Node,
};
use zarr_fuse_journal::{
    Entry, Filter,
    outcome::{Outcome, Status},
};
use zarr_fuse_query::{Cell, QueryError, Room, Selection};

use super::caller::Caller;
use super::connections::Connection;
use super::error::{ApiError, Denials, Problems};
use super::query::{NodePath, OnlyNodePath};
use super::{datasets, relay};
use crate::app::App;
use crate::config::Scope;
use crate::endpoint::node_at;
use crate::who::Who;

/// Most contributions decoded for one answer.
const MAX_CONTRIBUTIONS: u64 = 2000;
/// Most bytes decoded for one answer, unless a single contribution is larger.
const MAX_BYTES: u64 = 256 << 20;
/// Longest time that one answer may take, but for the last contribution of it.
const MAX_TIME: Duration = Duration::from_secs(10);
/// What a byte of a contribution takes while it is decoded; what is compressed may take more.
const DECODED_BYTES: u64 = 8;
/// Contributions listed at once.
const PAGE: usize = 200;

/// Which cell. Beside these: `sel.<coordinate>=` or `isel.<coordinate>=` for each coordinate of the variable, so that one value
/// is left of it; `unit.<variable>=` and `tz=` as in a query.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `Selection` reads")]
pub(crate) struct OriginQuery {
    /// Name of the variable.
    var: String,
    /// `true`: every contribution that brought a value, not only the newest. Default `false`.
    #[param(required = false)]
    all: Option<bool>,
    /// Only contributions with a smaller sequence number: where the former search ended.
    #[param(required = false)]
    before: Option<u64>,
}

/// Where a value comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Origin {
    /// The variable.
    variable: String,
    /// The coordinates of the cell.
    #[schema(value_type = Object)]
    coordinates: Map<String, Json>,
    /// What the cell holds at present; null if nothing.
    value: Json,
    /// Contributions that brought a value for it, newest first. Of coordinates with `step_limits`, values that were
    /// interpolated onto others are not found.
    contributions: Vec<Writer>,
    /// Contributions that were looked into.
    n_searched: u64,
    /// Of them, those that can no longer be decoded, for instance because their endpoint is gone.
    n_unreadable: u64,
    /// Whether nothing is left to be looked into for this answer.
    complete: bool,
    /// `before` for the contributions that were not looked into; null if there are none.
    before: Option<u64>,
}

/// A contribution that brought a value for a cell.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Writer {
    /// Its id.
    id: Uuid,
    /// Its place in the order of the dataset.
    seq: u64,
    /// When it had arrived.
    received_at: DateTime<Utc>,
    /// Who sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<String>,
    /// Where it was pushed to.
    endpoint: String,
    /// The value it brought.
    value: Json,
}

/// Find where a value of the only node of a dataset comes from.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), params(OnlyNodePath, OriginQuery), responses(
    (status = 200, description = "The contributions that brought it", body = Origin),
    Denials, Problems))]
#[get("/api/v1/origin/{dataset}")]
pub(crate) async fn get_origin_in_only_node(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<OnlyNodePath>,
) -> Result<HttpResponse, ApiError> {
    origin(&app, &who, &req, &path.dataset, "").await
}

/// Find where a value comes from.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"])), params(NodePath, OriginQuery), responses(
    (status = 200, description = "The contributions that brought it", body = Origin),
    Denials, Problems))]
#[get("/api/v1/origin/{dataset}/{node:.*}")]
pub(crate) async fn get_origin(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<NodePath>,
) -> Result<HttpResponse, ApiError> {
    origin(&app, &who, &req, &path.dataset, &path.node).await
}

async fn origin(
    app: &App,
    who: &Who,
    req: &HttpRequest,
    name: &str,
    path: &str,
) -> Result<HttpResponse, ApiError> {
    // It tells who sent what, as the list of contributions does.
    who.may(&Scope::read(name))?;
    let dataset = datasets::readable(app, who, name)?;
    let node = node_at(&dataset, path).ok_or_else(|| ApiError::unknown_node(&dataset, path))?;
    let mut params: Vec<(String, String)> = form_urlencoded::parse(req.query_string().as_bytes())
        .into_owned()
        .collect();
    let all = take(&mut params, "all", "`true` or `false`")?.unwrap_or(false);
    let before = take(&mut params, "before", "a sequence number")?;
    let selection = Selection::parse(&params, &node.schema)?;
    let node = Arc::clone(node);
    let bounds = app.limits.query(&app.answers);
    let search = async move {
        let cell = Cell::find(&node.view(), &selection, &bounds).await?;
        search(&dataset, &node, cell, (all, before), &bounds.room).await
    };
    let searching = AbortOnDropHandle::new(app.runtime.spawn(search));
    let connection = req.conn_data::<Arc<Connection>>();
    let found = relay::unless_left(connection, searching).await;
    let found = found.ok_or(QueryError::Left)???;
    Ok(HttpResponse::Ok().json(found))
}

/// Takes a parameter out of the list that a selection reads.
fn take<T: std::str::FromStr>(
    params: &mut Vec<(String, String)>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, ApiError> {
    let Some(place) = params.iter().position(|(other, _)| other == name) else {
        return Ok(None);
    };
    let (_, value) = params.remove(place);
    value.parse().map(Some).map_err(|_unreadable| {
        let value = super::error::shortened(&value);
        ApiError::BadRequest(format!(
            "query parameter `{name}={value}`: write {expected}"
        ))
    })
}

/// Decodes contributions from the newest backwards.
async fn search(
    dataset: &Arc<Dataset>,
    node: &Arc<Node>,
    cell: Cell,
    (all, before): (bool, Option<u64>),
    room: &Room,
) -> Result<Origin, ApiError> {
    let cell = Arc::new(cell);
    let mut origin = Origin {
        variable: cell.variable.clone(),
        coordinates: cell.coordinates.clone(),
        value: cell.value.clone(),
        contributions: Vec::new(),
        n_searched: 0,
        n_unreadable: 0,
        complete: false,
        before,
    };
    let (begin, mut n_bytes) = (Instant::now(), 0);
    loop {
        let filter = Filter {
            node: Some(node.schema.path.clone()),
            before: origin.before,
            limit: PAGE,
            ..Filter::default()
        };
        let entries = dataset.journal.list(&filter);
        if entries.is_empty() {
            origin.before = None;
            origin.complete = true;
            return Ok(origin);
        }
        for entry in entries {
            let is_in = matches!(entry.status(), Status::Merged | Status::Partial);
            if is_in {
                let is_over = begin.elapsed() > MAX_TIME
                    || origin.n_searched >= MAX_CONTRIBUTIONS
                    || n_bytes + entry.header.n_bytes > MAX_BYTES;
                if is_over && origin.n_searched > 0 {
                    return Ok(origin);
                }
                n_bytes += entry.header.n_bytes;
                origin.n_searched += 1;
                match value_in(dataset, node, &entry, &cell, room).await? {
                    Looked::Found(value) => origin.contributions.push(Writer {
                        id: entry.header.id,
                        seq: entry.header.seq,
                        received_at: entry.header.received_at,
                        sender: entry.header.sender.clone(),
                        endpoint: entry.header.endpoint.clone(),
                        value,
                    }),
                    Looked::Nothing => {}
                    Looked::Unreadable => origin.n_unreadable += 1,
                }
            }
            origin.before = Some(entry.header.seq);
            if !all && !origin.contributions.is_empty() {
                origin.complete = true;
                return Ok(origin);
            }
        }
    }
}

/// What a look into a contribution gave.
enum Looked {
    Found(Json),
    Nothing,
    Unreadable,
}

async fn value_in(
    dataset: &Arc<Dataset>,
    node: &Arc<Node>,
    entry: &Entry,
    cell: &Arc<Cell>,
    room: &Room,
) -> Result<Looked, ApiError> {
    let n_bytes = entry.header.n_bytes.saturating_mul(DECODED_BYTES);
    let n_bytes = n_bytes.min(room.n_bytes() / 2);
    let _share = room.take(n_bytes, "a contribution to look into").await?;
    let journal = &dataset.journal;
    // As it counts in the arrays that are asked about.
    let as_of = node.folded_seq();
    let meant = Meanings::new(journal, &node.schema, as_of);
    let Ok(meaning) = { meant }.of(&entry.header).await? else {
        return Ok(Looked::Unreadable);
    };
    let payload = journal.payload(entry.header.seq).await?;
    let header = Arc::clone(&entry.header);
    let cell = Arc::clone(cell);
    let admission = Outcome::admission(entry.outcome.as_deref());
    let look = move || match ingest(&header, &payload, &meaning, admission) {
        Ok(normalized) => cell
            .value_in(&normalized.batch)
            .map_or(Looked::Nothing, Looked::Found),
        Err(_not_decodable) => Looked::Unreadable,
    };
    Ok(tokio::task::spawn_blocking(look).await?)
}
