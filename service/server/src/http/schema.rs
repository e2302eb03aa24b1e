//! `GET /api/v1/datasets/{dataset}/schema`: the schema as it was written.

use actix_web::http::header;
use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::error::{ApiError, Denials, Problems};
use super::{datasets, relay};
use crate::app::App;

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaQuery {
    /// Instead of `Accept`.
    #[param(inline)]
    format: Option<SchemaFormat>,
}

/// Forms of a schema.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SchemaFormat {
    /// As it was written, comments included.
    Yaml,
    /// The same tree.
    Json,
}

/// Get the schema of a dataset, without secrets.
#[utoipa::path(tag = "datasets", security(("basic" = ["read:{dataset}"]), ("bearer" = ["read:{dataset}"]), ()), params(("dataset" = String, Path, description = "Name of the dataset"), SchemaQuery),
    responses(
    (status = 200, description = "As written, comments included, or the same tree as JSON", content((Object = "application/yaml"), (Object = "application/json")),
        headers(("ETag" = String, description = "Changes with the schema"))),
    (status = 304, description = "Nothing has changed since the answer with the `ETag` in `If-None-Match`"),
    Denials, Problems))]
#[get("/api/v1/datasets/{dataset}/schema")]
pub(crate) async fn get_schema(
    app: Data<App>,
    who: Caller,
    name: Path<String>,
    query: Query<SchemaQuery>,
    req: HttpRequest,
) -> Result<HttpResponse, ApiError> {
    let dataset = datasets::readable(&app, &who, &name)?;
    let schema = &dataset.schema;
    let accept = relay::text(&req, &header::ACCEPT)
        .unwrap_or("*/*")
        .to_ascii_lowercase();
    let format = match query.format {
        Some(format) => format,
        None if accept.contains("yaml") || accept.contains("*/*") || accept.contains("text/*") => {
            SchemaFormat::Yaml
        }
        None if accept.contains("json") || accept.contains("application/*") => SchemaFormat::Json,
        None => {
            return Err(ApiError::NotAcceptable(
                "`application/yaml` or `application/json`",
            ));
        }
    };
    let text = schema.public_text();
    let mut response = match format {
        SchemaFormat::Yaml => relay::tagged(&req, "application/yaml; charset=utf-8", text.into()),
        SchemaFormat::Json => {
            let json = serde_saphyr::from_str::<serde_json::Value>(&text);
            let json = json.map_err(|error| ApiError::Internal(std::sync::Arc::new(error)))?;
            relay::tagged_json(&req, &json)
        }
    };
    relay::vary(response.headers_mut(), "Accept");
    Ok(response)
}
