//! Pages of other sites.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use zarr_fuse_server::config::{CorsConfig, Origin, ServerConfig};

use crate::who::token;
use crate::world::World;

const OURS: &str = "https://maps.example.org";
const OTHER: &str = "https://evil.example.org";

async fn world(origins: &[&str], credentials: bool) -> World {
    let origins = origins.iter().map(|origin| Origin::parse(origin).unwrap());
    let cors = CorsConfig {
        origins: origins.collect(),
        credentials,
        ..CorsConfig::default()
    };
    let server = ServerConfig {
        cors,
        ..ServerConfig::default()
    };
    let tokens = [token("all", "all", &["admin"])];
    World::guarded(json!({"tokens": tokens, "public": ["weather"]}), server).await
}

async fn heads(request: RequestBuilder) -> (u16, HeaderMap) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.headers().clone())
}

fn allowed(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get("access-control-allow-origin")?;
    Some(value.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_named_may_ask_and_read_even_refusals() {
    let world = world(&[OURS], false).await;
    for (path, status) in [
        ("/api/v1/datasets", 200),
        ("/api/v1/query/weather/stations", 200),
        ("/api/v1/events", 200),
        ("/api/v1/datasets/boreholes", 401),
        ("/api/v1/query/weather/stations?nonsense=1", 400),
        ("/nowhere", 404),
    ] {
        let (found, headers) = heads(world.ask(Method::GET, path).header("origin", OURS)).await;
        assert_eq!((found, allowed(&headers)), (status, Some(OURS)), "{path}");
        let read = headers["access-control-expose-headers"].to_str().unwrap();
        for name in ["ETag", "Next-Cursor", "Location", "Retry-After"] {
            assert!(read.contains(name), "{read}");
        }
        assert!(
            headers["vary"].to_str().unwrap().contains("Origin"),
            "{path}"
        );
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let (_, headers) = heads(world.ask(Method::GET, path).header("origin", OTHER)).await;
        assert_eq!(allowed(&headers), None, "{path}");
        assert!(
            headers["vary"].to_str().unwrap().contains("Origin"),
            "{path}"
        );
    }
    // What is denied before any route is asked.
    let wrong = world
        .ask(Method::GET, "/api/v1/datasets")
        .bearer_auth("wrong");
    let (status, headers) = heads(wrong.header("origin", OURS)).await;
    assert_eq!((status, allowed(&headers)), (401, Some(OURS)));
    world.end().await.unwrap();
}

fn preflight(world: &World, origin: &str) -> RequestBuilder {
    let request = world.ask(Method::OPTIONS, "/api/v1/ingest/boreholes");
    request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        )
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_are_told_beforehand_what_pages_may_send_without_signing_in() {
    let world = world(&[OURS, "http://localhost:5173"], true).await;
    let (status, headers) = heads(preflight(&world, OURS)).await;
    assert_eq!((status, allowed(&headers)), (204, Some(OURS)));
    let listed = |name: &str| headers[name].to_str().unwrap().to_ascii_lowercase();
    assert!(listed("access-control-allow-methods").contains("post"));
    for name in [
        "authorization",
        "content-type",
        "idempotency-key",
        "last-event-id",
        "if-none-match",
    ] {
        assert!(
            listed("access-control-allow-headers").contains(name),
            "{name}"
        );
    }
    assert_eq!(listed("access-control-max-age"), "3600");
    assert_eq!(listed("access-control-allow-credentials"), "true");
    let (status, headers) = heads(preflight(&world, OTHER)).await;
    assert_eq!((status, allowed(&headers)), (405, None));
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_that_are_named_may_change_something_by_the_word_of_a_browser() {
    let csv = "time,borehole,T\n2024-05-01T12:00:00,A,1\n";
    let cross = |world: &World, origin: &str| {
        let sent = world.post("/api/v1/ingest/boreholes", "text/csv", csv);
        sent.header("origin", origin)
            .header("sec-fetch-site", "cross-site")
    };
    let named = world(&[OURS], false).await;
    assert_eq!(heads(cross(&named, OURS)).await.0, 401, "sign in");
    assert_eq!(heads(cross(&named, OTHER)).await.0, 403);
    assert_eq!(heads(cross(&named, OTHER).bearer_auth("all")).await.0, 202);
    named.end().await.unwrap();
    let all = world(&["*"], false).await;
    assert_eq!(heads(cross(&all, OURS)).await.0, 403, "nobody is named");
    let (status, headers) = heads(cross(&all, OTHER).bearer_auth("all")).await;
    assert_eq!((status, allowed(&headers)), (202, Some("*")));
    assert_eq!(heads(preflight(&all, OTHER)).await.0, 204);
    all.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_configuration_no_page_is_told_anything() {
    let world = world(&[], false).await;
    let (_, headers) = heads(
        world
            .ask(Method::GET, "/api/v1/datasets")
            .header("origin", OURS),
    )
    .await;
    assert!(
        headers
            .keys()
            .all(|name| !name.as_str().starts_with("access-control"))
    );
    assert_eq!(heads(preflight(&world, OURS)).await.0, 405);
    world.end().await.unwrap();
}
