//! Paths that the service uses itself, which endpoints cannot have.

/// What their beginnings are; a test compares them with the routes.
pub(crate) const RESERVED: [&str; 15] = [
    "/api/v1/collectors",
    "/api/v1/contributions",
    "/api/v1/datasets",
    "/api/v1/draft",
    "/api/v1/events",
    "/api/v1/ingest",
    "/api/v1/origin",
    "/api/v1/query",
    "/api/v1/viewer",
    "/assets",
    "/docs",
    "/health",
    "/metrics",
    "/openapi.json",
    "/zarr",
];

/// The beginning of paths that the service uses itself, if `path` is one of them, begins like one or is above one.
pub(crate) fn uses(path: &str) -> Option<&'static str> {
    let is_below = |path: &str, other: &str| {
        path.strip_prefix(other)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let path = path.trim_end_matches('/');
    let used = RESERVED
        .iter()
        .find(|used| is_below(path, used) || is_below(used, path));
    used.copied()
}
