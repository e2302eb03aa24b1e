//! `GET /api/v1/query/{dataset}/{node…}`: values.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;
use url::form_urlencoded;
use utoipa::IntoParams;
use xxhash_rust::xxh64::xxh64;
use zarr_fuse_fusion::node::{Node, NodeView, ReadError};
use zarr_fuse_query::{Bounds, Format, QueryError, Selection, answer};

use super::caller::Caller;
use super::connections::Connection;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems};
use super::{datasets, relay};
use crate::app::App;
use crate::endpoint::node_at;
use crate::who::Who;

/// Answers with `Next-Cursor` have a further page.
const NEXT_CURSOR: &str = "Next-Cursor";
/// Answers up to about this size are sent in one piece, with their length.
const WHOLE_BYTES: usize = 256 << 10;

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OnlyNodePath {
    /// Name of a dataset that has one node.
    pub(super) dataset: String,
}

/// Of what.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct NodePath {
    /// Name of the dataset.
    pub(super) dataset: String,
    /// Path of the node, which may hold slashes.
    pub(super) node: String,
}

/// What. Beside these: `sel.<coordinate>=` a value, `a,b,c`, a range `from/to` or `from/<to`, `nearest:v`, or `nearest:v~t`
/// with the tolerance `t`, such as `10min` or `0.5`;
/// `isel.<coordinate>=i` or `i:j`; `unit.<variable>=` a unit to convert to.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the parameters that `Selection` reads")]
pub(crate) struct ValuesQuery {
    /// Names of variables, separated by commas. Default: all. `sel.<coordinate>=` selects a value, `a,b,c`, a range `from/to` or
    /// `from/<to`, `nearest:v`, or `nearest:v~10min` with a tolerance.
    #[param(required = false)]
    var: Option<String>,
    /// `lon0,lat0,lon1,lat1`, where the node has longitude and latitude.
    #[param(required = false)]
    bbox: Option<String>,
    /// Time zone of times in the answer, such as `Europe/Prague`.
    #[param(required = false)]
    tz: Option<String>,
    /// `long` (default): a row per tuple of coordinates; `wide`: a row per value of the first coordinate.
    #[param(required = false)]
    layout: Option<String>,
    /// One row per interval of time: `500ms`, `10min`, `1h`, `1d`, `1w`, `1month`, `1y`; days and longer follow the calendar of `tz`.
    #[param(required = false)]
    resample: Option<String>,
    /// What is made of the values in an interval: `mean` (default), `min`, `max`, `sum`, `count`, `first` or `last`.
    #[param(required = false)]
    agg: Option<String>,
    /// At most so many points of each series, among them the extremes: of every bucket of positions along time the least and the
    /// greatest value, at their own times. Not with `limit`, `cursor`, `resample`.
    #[param(required = false, minimum = 2)]
    max_points: Option<u64>,
    /// So many newest values of each series, with their own times. Not with `limit`, `cursor`, `resample`, `max_points`.
    #[param(required = false, minimum = 1)]
    latest: Option<u64>,
    /// `keep`: rows without any value too. Default `drop`.
    #[param(required = false)]
    na: Option<String>,
    /// At most so many rows; the answer is a page.
    #[param(required = false)]
    limit: Option<u64>,
    /// Where the former page ended: its `Next-Cursor`.
    #[param(required = false)]
    cursor: Option<String>,
    /// `csv`, `json`, `ndjson`, `arrow`, `parquet` or `covjson`, instead of `Accept`.
    #[param(required = false)]
    format: Option<String>,
}

/// Query the only node of a dataset.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(OnlyNodePath, ValuesQuery), responses(
    (status = 200, description = "Rows in the order of the coordinates", content(
        (String = "text/csv"), (Object = "application/json"), (String = "application/x-ndjson"),
        (Binary = "application/vnd.apache.arrow.stream"), (Binary = "application/vnd.apache.parquet"),
        (Object = "application/prs.coverage+json")),
        headers(("ETag" = String, description = "The folded state"), ("Next-Cursor" = String, description = "`cursor` of the next page"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/query/{dataset}")]
pub(crate) async fn query_only_node(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<OnlyNodePath>,
) -> Result<HttpResponse, ApiError> {
    values(&app, &who, &req, &path.dataset, "").await
}

/// Query a node.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(NodePath, ValuesQuery), responses(
    (status = 200, description = "Rows in the order of the coordinates", content(
        (String = "text/csv"), (Object = "application/json"), (String = "application/x-ndjson"),
        (Binary = "application/vnd.apache.arrow.stream"), (Binary = "application/vnd.apache.parquet"),
        (Object = "application/prs.coverage+json")),
        headers(("ETag" = String, description = "The folded state"), ("Next-Cursor" = String, description = "`cursor` of the next page"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/query/{dataset}/{node:.*}")]
pub(crate) async fn query_node(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
    path: Path<NodePath>,
) -> Result<HttpResponse, ApiError> {
    values(&app, &who, &req, &path.dataset, &path.node).await
}

async fn values(
    app: &App,
    who: &Who,
    req: &HttpRequest,
    dataset: &str,
    path: &str,
) -> Result<HttpResponse, ApiError> {
    let dataset = datasets::readable(app, who, dataset)?;
    let node = node_at(&dataset, path).ok_or_else(|| ApiError::unknown_node(&dataset, path))?;
    let params: Vec<(String, String)> = form_urlencoded::parse(req.query_string().as_bytes())
        .into_owned()
        .collect();
    let selection = Selection::parse(&params, &node.schema)?;
    let accept = relay::text(req, &header::ACCEPT);
    let format = selection.format().or_else(|| Format::negotiate(accept));
    let format = format.ok_or(ApiError::NotAcceptable(
        "`text/csv`, `application/json`, `application/x-ndjson`, `application/vnd.apache.arrow.stream`, `application/vnd.apache.parquet` or `application/prs.coverage+json`",
    ))?;
    let tag = Tag {
        question: xxh64(req.query_string().as_bytes(), 0) ^ moment(&params),
        store: dataset.journal.identity_hash(),
        schema: xxh64(dataset.schema.text.as_bytes(), 0),
        format,
    };
    if relay::is_known(req, &tag.of(&node.view())) {
        return Ok(HttpResponse::NotModified()
            .insert_header((header::ETAG, tag.of(&node.view())))
            .insert_header((header::VARY, "Accept"))
            .finish());
    }
    let connection = req.conn_data::<Arc<Connection>>().cloned();
    let asked = ask(app, connection, Arc::clone(node), selection, format);
    let answered = asked.await?;
    let mut response = HttpResponse::Ok();
    response
        .content_type(format.media_type())
        .insert_header((header::ETAG, tag.of(&answered.view)))
        .insert_header((header::VARY, "Accept"))
        .insert_header((
            header::CONTENT_DISPOSITION,
            file_name(&dataset.name, path, format),
        ))
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if let Some(cursor) = answered.cursor {
        response.insert_header((NEXT_CURSOR, cursor));
    }
    match answered.body {
        Body::Whole(bytes) => Ok(response.body(bytes)),
        Body::Streamed(pieces) => Ok(response.streaming(pieces)),
    }
}

/// What a browser does with an answer: JSON it may show, the rest is a file of this name.
fn file_name(dataset: &str, node: &str, format: Format) -> String {
    let (shown, ending) = match format {
        Format::Csv => ("attachment", "csv"),
        Format::Json => ("inline", "json"),
        Format::Ndjson => ("inline", "ndjson"),
        Format::Arrow => ("attachment", "arrows"),
        Format::Parquet => ("attachment", "parquet"),
        Format::Covjson => ("inline", "covjson"),
    };
    let parts = std::iter::once(dataset).chain(node.split('/'));
    let parts: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name = parts.join("-").replace(|c| !is_plain(c), "_");
    format!("{shown}; filename=\"{name}.{ending}\"")
}

/// Makes entity tags: an answer depends on the question, the form, the schema and the folded state.
struct Tag {
    question: u64,
    /// Which store it is: one that was begun anew counts from the beginning.
    store: u64,
    schema: u64,
    format: Format,
}

impl Tag {
    fn of(&self, view: &NodeView) -> String {
        let (seq, layout) = (view.folded_seq(), view.layout());
        let question = self.question ^ self.schema ^ self.store;
        format!("\"{seq:x}-{layout:x}-{question:x}-{}\"", self.format.name())
    }
}

/// Another one every time for questions relative to the present, which are never answered as before.
fn moment(params: &[(String, String)]) -> u64 {
    let is_relative =
        |(name, value): &(String, String)| name.starts_with("sel.") && value.contains("now");
    if !params.iter().any(is_relative) {
        return 0;
    }
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    xxh64(&since.as_nanos().to_le_bytes(), 0)
}

/// An answer whose first bytes are there.
struct Answered {
    view: NodeView,
    cursor: Option<String>,
    body: Body,
}

enum Body {
    Whole(Bytes),
    Streamed(futures::stream::LocalBoxStream<'static, Result<Bytes, QueryError>>),
}

/// What precedes the pieces of a body.
struct Head {
    view: NodeView,
    cursor: Option<String>,
    /// All of the body, if it is short.
    whole: Option<Bytes>,
}

/// Has the question answered where work may take its time, while the client is there.
async fn ask(
    app: &App,
    connection: Option<Arc<Connection>>,
    node: Arc<Node>,
    selection: Selection,
    format: Format,
) -> Result<Answered, ApiError> {
    let (head_sender, head) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(1);
    let bounds = app.limits.query(&app.answers);
    let budget = Budget::new(app.limits.max_query_time);
    let question = (selection, format, bounds);
    let work = async move { produce(&node, &question, budget, head_sender, sender).await };
    let task = AbortOnDropHandle::new(app.runtime.spawn(work));
    let head = relay::unless_left(connection.as_ref(), head).await;
    let head = head
        .ok_or(QueryError::Left)?
        .map_err(|error| ApiError::Internal(Arc::new(error)))??;
    let body = match head.whole {
        Some(bytes) => Body::Whole(bytes),
        None => Body::Streamed(
            relay::while_there(relay::stream(pieces, task), connection, || QueryError::Left)
                .inspect_err(|error| match error {
                    QueryError::Left => tracing::debug!("A client left before its answer ended"),
                    error => tracing::error!(
                        error = error as &dyn std::error::Error,
                        "An answer was cut off: {error}"
                    ),
                })
                .boxed_local(),
        ),
    };
    Ok(Answered {
        view: head.view,
        cursor: head.cursor,
        body,
    })
}

/// Time that may be worked on a question before its first bytes, and then before more of them: who gets much gets it whole.
struct Budget {
    max: Duration,
    left: Duration,
}

impl Budget {
    fn new(max: Duration) -> Self {
        Self { max, left: max }
    }

    /// Does some of the work.
    async fn spend<T>(
        &mut self,
        work: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        let begin = Instant::now();
        let done = tokio::time::timeout(self.left, work).await;
        self.left = self.left.saturating_sub(begin.elapsed());
        done.unwrap_or(Err(QueryError::TooLong { max: self.max }))
    }

    /// Begins anew, after bytes that are sent.
    fn renew(&mut self) {
        self.left = self.max;
    }
}

/// Answers, and sends the head with the first bytes, then the other pieces, each of which is made when there is room for it.
async fn produce(
    node: &Arc<Node>,
    question: &(Selection, Format, Bounds),
    mut budget: Budget,
    head: oneshot::Sender<Result<Head, QueryError>>,
    pieces: mpsc::Sender<Result<Bytes, QueryError>>,
) {
    // If coarser levels change before the first bytes are read, once more from the new state without them.
    let mut begun = budget.spend(begin(node.view(), question)).await;
    if is_moved(&begun) {
        let view = node.view().without_levels();
        begun = budget.spend(begin(view, question)).await;
    }
    let Begun {
        view,
        mut answer,
        pieces: first,
        is_whole,
    } = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _gone = head.send(Err(error));
            return;
        }
    };
    // A short answer keeps no room, so that it can be sent in one piece.
    let whole = is_whole.then(|| Bytes::from(first.concat()));
    let cursor = answer.cursor.take();
    if head
        .send(Ok(Head {
            view,
            cursor,
            whole,
        }))
        .is_err()
        || is_whole
    {
        return;
    }
    for piece in first {
        if pieces.send(Ok(piece)).await.is_err() {
            return;
        }
    }
    while let Ok(place) = pieces.reserve().await {
        budget.renew();
        let Some(piece) = budget.spend(answer.body.try_next()).await.transpose() else {
            return;
        };
        let ends = piece.is_err();
        place.send(piece);
        if ends {
            return;
        }
    }
}

/// An answer whose first pieces are read.
struct Begun {
    view: NodeView,
    answer: zarr_fuse_query::Answer,
    pieces: Vec<Bytes>,
    /// There are no more.
    is_whole: bool,
}

/// Begins an answer. Most end soon, and are sent with their length.
async fn begin(
    view: NodeView,
    (selection, format, bounds): &(Selection, Format, Bounds),
) -> Result<Begun, QueryError> {
    let mut answer = answer(view.clone(), selection, *format, bounds.clone()).await?;
    let (mut pieces, mut n_bytes) = (Vec::new(), 0);
    while n_bytes < WHOLE_BYTES {
        let Some(piece) = answer.body.try_next().await? else {
            return Ok(Begun {
                view,
                answer,
                pieces,
                is_whole: true,
            });
        };
        n_bytes += piece.len();
        pieces.push(piece);
    }
    Ok(Begun {
        view,
        answer,
        pieces,
        is_whole: false,
    })
}

fn is_moved<T>(begun: &Result<T, QueryError>) -> bool {
    matches!(begun, Err(QueryError::Read { source, .. }) if matches!(**source, ReadError::Moved))
}
