//! `GET /api/v1/datasets`: what there is.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;
use zarr_fuse_fusion::{
    dataset::{Dataset, has_arrays},
    tree::{Tree, public, tree},
};

use super::caller::Caller;
use super::error::{ApiError, Denials, Problems, shortened};
use super::{relay, zarr};
use crate::app::App;
use crate::config::Scope;
use crate::slot::Slot;
use crate::who::Who;

/// The datasets of this service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Datasets {
    /// In the order of the configuration.
    datasets: Vec<DatasetSummary>,
}

/// A dataset in short.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetSummary {
    /// Its name.
    name: String,
    /// Attributes of its root.
    #[schema(value_type = Object)]
    attributes: Map<String, Json>,
    /// Paths of its nodes that hold arrays.
    nodes: Vec<String>,
    /// The newest sequence number of its journal.
    last_seq: u64,
    /// Contributions that wait to be merged.
    n_waiting: u64,
    /// Only if the dataset is configured, but cannot be used at present.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_open: Option<NotOpenYet>,
}

/// A dataset with its nodes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DatasetTree {
    #[serde(flatten)]
    tree: Tree,
    /// Address of the Zarr store in its present state: what is opened there stays as it is for `limits.keep_layouts` after late
    /// values have moved others.
    zarr_url: String,
}

/// Why a dataset cannot be used at present; the others serve on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotOpenYet {
    /// Since when.
    since: DateTime<Utc>,
    /// Whether it was tried and failed; it is tried again by itself. Else it is being opened.
    has_failed: bool,
    /// Why; told to those who may read everything (`read:*`).
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl DatasetSummary {
    fn of(slot: &Slot, tells_why: bool) -> Self {
        match slot.dataset() {
            Ok(dataset) => Self {
                name: dataset.name.clone(),
                attributes: public(&dataset.schema.root.attrs),
                nodes: dataset.nodes.keys().cloned().collect(),
                last_seq: dataset.journal.last_seq(),
                n_waiting: dataset.journal.n_waiting() as u64,
                not_open: None,
            },
            Err(error) => {
                let schema = slot.schema();
                let nodes = schema.nodes().filter(|node| has_arrays(node));
                Self {
                    name: slot.name.clone(),
                    attributes: public(&schema.root.attrs),
                    nodes: nodes.map(|node| node.path.clone()).collect(),
                    last_seq: 0,
                    n_waiting: 0,
                    not_open: Some(NotOpenYet {
                        since: error.since,
                        has_failed: error.has_failed,
                        reason: Some(error.reason).filter(|_| tells_why),
                    }),
                }
            }
        }
    }
}

/// The dataset of this name, if the caller may read it and it is open. Whether there is one is told only to those who may.
pub(super) fn readable(app: &App, who: &Who, name: &str) -> Result<Arc<Dataset>, ApiError> {
    who.may_read(name)?;
    let slot = app.datasets.get(name);
    let slot = slot.ok_or_else(|| ApiError::UnknownDataset {
        name: shortened(name),
        known: all_readable(app, who)
            .map(|slot| slot.name.clone())
            .collect(),
    })?;
    Ok(slot.dataset()?)
}

/// The datasets that the caller may read, open or not.
pub(super) fn all_readable<'a>(app: &'a App, who: &'a Who) -> impl Iterator<Item = &'a Arc<Slot>> {
    let slots = app.datasets.values();
    slots.filter(|slot| who.may_read(&slot.name).is_ok())
}

/// List the datasets that the caller may read.
#[utoipa::path(tag = "datasets", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), responses(
    (status = 200, description = "In the order of the configuration", body = Datasets, headers(("ETag" = String, description = "Changes with the answer"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/datasets")]
pub(crate) async fn list_datasets(
    app: Data<App>,
    who: Caller,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    if all_readable(&app, &who).next().is_none() {
        // Who sees nothing should know why.
        who.is_somebody()?;
    }
    let tells_why = who.may(&Scope::read("*")).is_ok();
    let datasets = all_readable(&app, &who).map(|slot| DatasetSummary::of(slot, tells_why));
    let datasets = Datasets {
        datasets: datasets.collect(),
    };
    Ok(relay::tagged_json(&req, &datasets))
}

/// Get the tree of a dataset: nodes, coordinates with extents, variables, contributions.
#[utoipa::path(tag = "datasets", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(("dataset" = String, Path, description = "Name of the dataset")), responses(
    (status = 200, description = "What it holds at present", body = DatasetTree, headers(("ETag" = String, description = "Changes with the answer"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/datasets/{dataset}")]
pub(crate) async fn get_dataset(
    app: Data<App>,
    who: Caller,
    name: Path<String>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let dataset = readable(&app, &who, &name)?;
    let zarr_url = zarr::address(&dataset);
    let tree = app.runtime.spawn_blocking(move || tree(&dataset)).await?;
    let tree = DatasetTree { tree, zarr_url };
    Ok(relay::tagged_json(&req, &tree))
}
