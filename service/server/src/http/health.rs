//! `GET /health/live`, `GET /health/ready`: probes.

use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::error::{ApiError, Problem, Problems};
use crate::app::App;
use crate::config::Scope;

/// The state of the service.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Ask whether the process answers.
#[utoipa::path(tag = "operation", responses(
    (status = 200, description = "It does", body = Health),
    Problems))]
#[get("/health/live")]
pub(crate) async fn get_liveness() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "live" })
}

/// Ask whether contributions are taken and merged. Why not is told to those who may read everything.
#[utoipa::path(tag = "operation", responses(
    (status = 200, description = "It does", body = Health),
    (status = 503, description = "Not ready; the problems say why", body = Problem, content_type = "application/problem+json"),
    Problems))]
#[get("/health/ready")]
pub(crate) async fn get_readiness(app: Data<App>, who: Caller) -> Result<HttpResponse, ApiError> {
    let reasons = app.unready();
    if reasons.is_empty() {
        Ok(HttpResponse::Ok().json(Health { status: "ready" }))
    } else {
        let told = who.may(&Scope::read("*")).is_ok();
        Err(ApiError::NotReady(if told { reasons } else { Vec::new() }))
    }
}
