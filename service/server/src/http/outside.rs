//! Which paths the service has, and requests that no route takes.

use actix_web::HttpRequest;
use actix_web::dev::{Path, ResourceDef};
use actix_web::web::Data;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

use super::error::{ApiError, shortened};
use crate::app::App;

/// Paths that the document does not describe.
pub(super) const BESIDE: [&str; 2] = ["/docs/{key}", "/assets/{key}"];

/// Paths that have a route, with their methods.
pub(super) struct KnownRoutes(Vec<(ResourceDef, Vec<String>)>);

impl KnownRoutes {
    /// Those of the document, and the further paths of endpoints.
    pub(super) fn new(document: &OpenApi, app: &App) -> Self {
        let documented = document
            .paths
            .paths
            .iter()
            .map(|(path, item)| (path.clone(), methods(item)));
        let aliases = app
            .endpoints
            .values()
            .filter_map(|endpoint| endpoint.alias.clone());
        let aliases = aliases.flat_map(|alias| [format!("{alias}/{{node}}"), alias]);
        let routes = documented
            .chain(aliases.map(|path| (path, vec!["POST".to_owned()])))
            .chain(BESIDE.map(|path| (path.to_owned(), vec!["GET".to_owned()])));
        // Parameters at the end take the rest of the path.
        let pattern = |path: String| {
            path.replace("{node}", "{node:.*}")
                .replace("{key}", "{key:.*}")
        };
        Self(
            routes
                .map(|(path, methods)| (ResourceDef::new(pattern(path)), methods))
                .collect(),
        )
    }
}

fn methods(item: &PathItem) -> Vec<String> {
    let operations = [
        ("GET", &item.get),
        ("HEAD", &item.head),
        ("POST", &item.post),
        ("PUT", &item.put),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    let there = operations
        .into_iter()
        .filter(|(_, operation)| operation.is_some());
    there.map(|(method, _)| method.to_owned()).collect()
}

/// Says whether the path or the method is at fault.
pub(super) async fn answer(
    req: HttpRequest,
    known: Data<KnownRoutes>,
) -> Result<&'static str, ApiError> {
    let path = req.path();
    let matches = |resource: &ResourceDef| resource.capture_match_info(&mut Path::new(path));
    let mut allowed: Vec<String> = Vec::new();
    for (_, methods) in known.0.iter().filter(|(resource, _)| matches(resource)) {
        for method in methods {
            if !allowed.contains(method) {
                allowed.push(method.clone());
            }
        }
    }
    if allowed.is_empty() || allowed.iter().any(|method| method == req.method().as_str()) {
        return Err(ApiError::UnknownRoute(shortened(path)));
    }
    Err(ApiError::Method {
        method: req.method().to_string(),
        allowed,
    })
}
