//! `GET /zarr/{dataset}/{key…}`: the Zarr store, read-only, and `GET /zarr/{dataset}@{state}/{key…}`: the same in one state.
//!
//! Only keys that the schema makes exist: neither the journal nor staged writes can be reached, whatever the path. Late values
//! move others, so that a reader who has opened the store knows where they were. A state in the address says what the reader
//! knows; at the plain address it is what the same client has opened last. Metadata are those of the state, chunks of the
//! present one are those of the store, and chunks of a former one are made of them.

mod key;
mod object;
mod openings;
mod range;

use std::sync::Arc;

use actix_web::body::SizedStream;
use actix_web::http::{Method, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get, route};
use serde::Deserialize;
use url::form_urlencoded;
use utoipa::IntoParams;
use zarr_fuse_fusion::{
    dataset::Dataset,
    node::{Layout, json_bytes},
};

use self::key::{decoded, is_zarr_key};
use self::object::{Asked, What};
pub(crate) use self::openings::Openings;
use super::caller::Caller;
use super::docs::Binary;
use super::error::{ApiError, Denials, Problems, shortened};
use super::{datasets, relay};
use crate::app::App;
use crate::who::Who;

/// Where the stores are; these routes know `HEAD` themselves, so that nothing is read for it.
pub(super) const PREFIX: &str = "/zarr/";
/// Stands for the present state, whose name it leads to.
const NOW: &str = "now";

/// Which object.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "describes the path; the key is read undecoded")]
pub(crate) struct ObjectPath {
    /// Name of the dataset, or `{dataset}@{state}`.
    dataset: String,
    /// Key of the object in the Zarr store, such as `forecast/zarr.json`.
    key: String,
}

/// Get an object of a Zarr store, or a range of its bytes.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(ObjectPath,
    ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=0-99` or `bytes=-4`")),
    responses(
    (status = 200, description = "The whole object", content((Object = "application/json"), (Binary = "application/octet-stream")),
        headers(("ETag" = String, description = "Changes with the bytes"))),
    (status = 206, description = "The range asked for", content((Binary = "application/json"), (Binary = "application/octet-stream"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[route("/zarr/{dataset}/{key:.*}", method = "GET", method = "HEAD")]
pub(crate) async fn get_object(
    app: Data<App>,
    who: Caller,
    openings: Data<Openings>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let raw = req.match_info();
    let (dataset, state) = readable(&app, &who, raw.get("dataset").unwrap_or_default())?;
    let key = raw.get("key").unwrap_or_default();
    let unknown = || ApiError::UnknownKey {
        dataset: dataset.name.clone(),
        key: shortened(key),
    };
    let key = decoded(key).filter(|key| is_zarr_key(&dataset.schema, key));
    let key = key.ok_or_else(unknown)?;
    let reader = Reader {
        dataset: &dataset,
        state,
        client: openings::client(&who, &req),
        openings: &openings,
    };
    let what = if key.ends_with("zarr.json") {
        let layouts = reader.opens(&key)?;
        let document = dataset.document(&key, &layouts).ok_or_else(unknown)?;
        What::Document(json_bytes(&document).into())
    } else {
        let (node, array, chunk) = dataset.chunk_at(&key).ok_or_else(unknown)?;
        let layout = reader.reads(node)?.number;
        let node = Arc::clone(&dataset.nodes[node]);
        What::Chunk {
            node,
            array,
            chunk,
            layout,
        }
    };
    let asked = Asked {
        key,
        what,
        range: relay::text(&req, &header::RANGE).and_then(range::parse),
        if_range: relay::text(&req, &header::IF_RANGE).map(str::to_owned),
        is_head: req.method() == Method::HEAD,
        gone: reader.gone(),
    };
    let object = object::open(&app, &dataset, asked).await?;
    Ok(answer(&req, object.ok_or_else(unknown)?))
}

/// Get the address of the present state of a Zarr store (`/zarr/{dataset}@now`), or the metadata of the root in a state.
#[utoipa::path(tag = "values", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()),
    params(("dataset" = String, Path, description = "`{dataset}@now`, `{dataset}@{state}` or `{dataset}`")),
    responses(
    (status = 200, description = "The root's `zarr.json`", content((Object = "application/json")), headers(("ETag" = String, description = "Changes with the bytes"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    (status = 307, description = "The address of the present state, to be opened as a Zarr store", headers(("Location" = String, description = "Relative to this one"))),
    Denials, Problems))]
#[get("/zarr/{dataset}")]
pub(crate) async fn get_state(
    app: Data<App>,
    who: Caller,
    openings: Data<Openings>,
    name: actix_web::web::Path<String>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let (dataset, state) = readable(&app, &who, &name)?;
    if state == Some(NOW) {
        return Ok(HttpResponse::TemporaryRedirect()
            .insert_header((header::LOCATION, format!("./{}", present(&dataset))))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish());
    }
    let reader = Reader {
        dataset: &dataset,
        state,
        client: openings::client(&who, &req),
        openings: &openings,
    };
    let layouts = reader.opens("zarr.json")?;
    let root = dataset.document("zarr.json", &layouts);
    let root = root.ok_or_else(|| ApiError::UnknownKey {
        dataset: dataset.name.clone(),
        key: "zarr.json".to_owned(),
    })?;
    Ok(relay::tagged(
        &req,
        "application/json",
        json_bytes(&root).into(),
    ))
}

/// The last part of the address of a dataset's present state.
fn present(dataset: &Dataset) -> String {
    let name: String = form_urlencoded::byte_serialize(dataset.name.as_bytes()).collect();
    format!("{}@{}", name.replace('+', "%20"), dataset.state_name())
}

/// The address of a dataset's present state, from the service's root.
pub(super) fn address(dataset: &Dataset) -> String {
    format!("{PREFIX}{}", present(dataset))
}

/// The dataset, and the state that the address names.
fn readable<'a>(
    app: &App,
    who: &Who,
    name: &'a str,
) -> Result<(Arc<Dataset>, Option<&'a str>), ApiError> {
    match name.rsplit_once('@') {
        Some((dataset, state)) if !app.datasets.contains_key(name) => {
            Ok((datasets::readable(app, who, dataset)?, Some(state)))
        }
        _ => Ok((datasets::readable(app, who, name)?, None)),
    }
}

/// Who reads a dataset, and which state they know.
struct Reader<'a> {
    dataset: &'a Dataset,
    state: Option<&'a str>,
    client: u64,
    openings: &'a Openings,
}

impl Reader<'_> {
    /// The layouts of all nodes for metadata.
    fn opens(&self, key: &str) -> Result<Vec<Layout>, ApiError> {
        if let Some(state) = self.state {
            return self.named(state);
        }
        let layouts = self.dataset.layouts();
        let group = key.trim_end_matches("zarr.json").trim_end_matches('/');
        let nodes = &self.dataset.nodes;
        let tells_of_all = group.is_empty() && !nodes.contains_key("");
        let opened = nodes.iter().zip(&layouts);
        let opened = opened.filter(|((_, node), _)| tells_of_all || node.tells_of(group));
        let opened = opened.map(|((path, _), layout)| (path.as_str(), layout.number));
        self.openings
            .opened(self.client, &self.dataset.name, tells_of_all, opened);
        Ok(layouts)
    }

    /// The layout of a node for chunks.
    fn reads(&self, place: usize) -> Result<Layout, ApiError> {
        if let Some(state) = self.state {
            return Ok(self.named(state)?.swap_remove(place));
        }
        let (path, node) = self
            .dataset
            .nodes
            .get_index(place)
            .ok_or_else(|| self.gone())?;
        let opened = self.openings.of(self.client, &self.dataset.name, path);
        let Some(number) = opened else {
            return Ok(node.present_layout());
        };
        node.layout_number(number).ok_or_else(|| self.gone())
    }

    fn named(&self, state: &str) -> Result<Vec<Layout>, ApiError> {
        if state == NOW {
            let name = &self.dataset.name;
            return Err(ApiError::BadRequest(format!(
                "`@now` is no state to read from: `GET /zarr/{name}@now` leads to the address of the present one, which can be opened"
            )));
        }
        self.dataset.state(state).ok_or_else(|| self.gone())
    }

    fn gone(&self) -> ApiError {
        ApiError::StateGone {
            dataset: self.dataset.name.clone(),
            state: self.state.map(shortened),
            kept: self.dataset.kept_for(),
        }
    }
}

fn answer(req: &HttpRequest, object: object::Object) -> HttpResponse {
    let object::Object { head, body } = object;
    let (begin, end) = (head.range.start, head.range.end);
    let is_part = end - begin < head.n_bytes;
    let mut response = if relay::is_known(req, &head.etag) {
        HttpResponse::NotModified()
    } else if is_part {
        HttpResponse::PartialContent()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, head.etag.as_str()))
        .insert_header((header::ACCEPT_RANGES, "bytes"))
        // Chunks at the end and metadata change: ask again, with the tag.
        .insert_header((header::CACHE_CONTROL, "no-cache"));
    if relay::is_known(req, &head.etag) {
        return response.finish();
    }
    if is_part {
        let range = format!("bytes {begin}-{}/{}", end - 1, head.n_bytes);
        response.insert_header((header::CONTENT_RANGE, range));
    }
    response.content_type(head.media_type);
    response.body(SizedStream::new(end - begin, body))
}
