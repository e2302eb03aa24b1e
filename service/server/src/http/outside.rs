//! Which paths the service has, and requests that no route takes.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::HttpRequest;
use actix_web::dev::{Path, ResourceDef};
use actix_web::web::Data;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::PathItem;

use super::error::{ApiError, shortened};
use crate::app::App;

/// Paths that the document does not describe.
const BESIDE: [&str; 2] = ["/docs/{key}", "/assets/{key}"];

/// The beginning of paths that the service uses itself, if `path` is one of them, begins like one or is above one.
pub(crate) fn uses(path: &str) -> Option<String> {
    static USED: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
        let documented = super::document();
        let documented = documented.paths.paths.keys().map(String::as_str);
        documented.chain(BESIDE).filter_map(beginning).collect()
    });
    let is_below = |path: &str, other: &str| {
        path.strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let path = path.trim_end_matches('/');
    let used = USED
        .iter()
        .find(|used| is_below(path, used) || is_below(used, path));
    used.cloned()
}

/// What a route is recognised by: `/api/v1/query` of `/api/v1/query/{dataset}`, `/zarr` of `/zarr/{dataset}/{key}`.
fn beginning(route: &str) -> Option<String> {
    let n_parts = if route.starts_with("/api/v1/") { 3 } else { 1 };
    let parts = route.split('/').filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts
        .take(n_parts)
        .take_while(|part| !part.starts_with('{'))
        .collect();
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

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
