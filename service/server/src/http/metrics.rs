//! `GET /metrics`: for Prometheus.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};

use super::caller::Caller;
use super::error::{ApiError, Denials, Problems};
use crate::app::App;
use crate::config::Scope;
use crate::metrics::MEDIA_TYPE;

/// Get what is counted, in the text format of Prometheus.
#[utoipa::path(tag = "operation", security(("basic" = ["read:*"]), ("bearer" = ["read:*"])), responses(
    (status = 200, description = "Counters and gauges", body = String, content_type = "application/openmetrics-text"),
    Denials, Problems))]
#[get("/metrics")]
pub(crate) async fn get_metrics(app: Data<App>, who: Caller) -> Result<HttpResponse, ApiError> {
    who.may(&Scope::read("*"))?;
    let spooled = i64::try_from(app.bodies.n_file_bytes()).unwrap_or(i64::MAX);
    app.metrics.spool_bytes.set(spooled);
    Ok(HttpResponse::Ok()
        .content_type(MEDIA_TYPE)
        .body(app.metrics.text()))
}
