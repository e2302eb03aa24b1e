//! `GET /api/v1/datasets`: what there is.

use std::sync::Arc;

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{ApiError, Denials, Problems, shortened};
use super::relay;
use crate::app::App;
use crate::dataset::Dataset;
use crate::tree::{Tree, public, tree};
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
}

/// The dataset of this name, if the caller may read it. Whether there is one is told only to those who may.
pub(super) fn readable<'a>(
    app: &'a App,
    who: &Who,
    name: &str,
) -> Result<&'a Arc<Dataset>, ApiError> {
    who.may_read(name)?;
    app.datasets
        .get(name)
        .ok_or_else(|| ApiError::UnknownDataset {
            name: shortened(name),
            known: all_readable(app, who)
                .map(|dataset| dataset.name.clone())
                .collect(),
        })
}

/// The datasets that the caller may read.
pub(super) fn all_readable<'a>(
    app: &'a App,
    who: &'a Who,
) -> impl Iterator<Item = &'a Arc<Dataset>> {
    let mut datasets = app.datasets.values().collect::<Vec<_>>();
    datasets.retain(|dataset| who.may_read(&dataset.name).is_ok());
    datasets.into_iter()
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
    let datasets = all_readable(&app, &who).map(|dataset| DatasetSummary {
        name: dataset.name.clone(),
        attributes: public(&dataset.schema.root.attrs),
        nodes: dataset.nodes.keys().cloned().collect(),
        last_seq: dataset.journal.last_seq(),
        n_waiting: dataset.journal.n_waiting() as u64,
    });
    let datasets = Datasets {
        datasets: datasets.collect(),
    };
    Ok(relay::tagged_json(&req, &datasets))
}

/// Get the tree of a dataset: nodes, coordinates with extents, variables, contributions.
#[utoipa::path(tag = "datasets", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(("dataset" = String, Path, description = "Name of the dataset")), responses(
    (status = 200, description = "What it holds at present", body = Tree, headers(("ETag" = String, description = "Changes with the answer"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/datasets/{dataset}")]
pub(crate) async fn get_dataset(
    app: Data<App>,
    who: Caller,
    name: Path<String>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let dataset = Arc::clone(readable(&app, &who, &name)?);
    let tree = app.runtime.spawn_blocking(move || tree(&dataset)).await?;
    Ok(relay::tagged_json(&req, &tree))
}
