//! Probes, metrics, the document and the pages.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::world::{World, problem, refused};

#[tokio::test(flavor = "multi_thread")]
async fn probes_tell_life_and_readiness() {
    let world = World::new().await;
    assert_eq!(
        world.get_json("/health/live").await,
        json!({"status": "live"})
    );
    assert_eq!(
        world.get_json("/health/ready").await,
        json!({"status": "ready"})
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_requests_and_contributions() {
    let world = World::new().await;
    let csv = "time,borehole,T\n2024-05-01T12:00:00,A,11.5\n";
    world.merge("/api/v1/ingest/boreholes", csv).await;
    world.get("/api/v2").await;
    let response = world.get("/metrics").await;
    assert_eq!(
        response.headers()["content-type"],
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    let text = response.text().await.unwrap();
    for line in [
        r#"zarr_fuse_http_requests_total{method="POST",route="/api/v1/ingest/{endpoint}",status="200"} 1"#,
        r#"zarr_fuse_http_requests_total{method="GET",route="unknown",status="404"} 1"#,
        r#"zarr_fuse_http_request_duration_seconds_count{method="POST",route="/api/v1/ingest/{endpoint}"} 1"#,
        &format!(
            r#"zarr_fuse_contribution_bytes_total{{dataset="boreholes"}} {}"#,
            csv.len()
        ),
        r#"zarr_fuse_contributions{dataset="boreholes",node="temperature",status="merged"} 1"#,
        r#"zarr_fuse_contributions{dataset="weather",node="stations",status="rejected"} 0"#,
        r#"zarr_fuse_contributions_waiting{dataset="boreholes"} 0"#,
        r#"zarr_fuse_journal_last_seq{dataset="boreholes"} 1"#,
        r#"zarr_fuse_folded_seq{dataset="boreholes",node="temperature"} 1"#,
        r#"zarr_fuse_commits_total{dataset="boreholes"} 1"#,
        r#"zarr_fuse_rows_total{dataset="boreholes"} 1"#,
        "# EOF",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_served_with_its_page() {
    let world = World::new().await;
    let document = world.get_json("/openapi.json").await;
    assert_eq!(document["openapi"], "3.1.0");
    let page = world.get("/docs/").await;
    assert_eq!(page.status(), 200);
    assert!(
        page.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'self'")
    );
    assert!(page.text().await.unwrap().contains("swagger-ui"));
    let short = world.get("/docs").await;
    assert_eq!(
        (short.status().as_u16(), short.url().path()),
        (200, "/docs/")
    );
    let start = world
        .get("/docs/swagger-initializer.js")
        .await
        .text()
        .await
        .unwrap();
    assert!(start.contains("/openapi.json"), "{start}");
    assert_eq!(world.get("/docs/swagger-ui-bundle.js").await.status(), 200);
    refused(
        world.ask(Method::GET, "/docs/none.html"),
        404,
        "the documentation has no page `none.html`; it begins at `/docs/`",
    )
    .await;
    world.end().await.unwrap();
}

#[cfg(not(feature = "viewer"))]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_page_links_to_what_there_is() {
    let world = World::new().await;
    let page = world.get("/").await;
    let headers = page.headers().clone();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["x-frame-options"], "DENY");
    assert!(headers.contains_key("content-security-policy"));
    let html = page.text().await.unwrap();
    assert!(html.contains("This binary has no viewer."), "{html}");
    let links: Vec<_> = html
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(links.len() >= 10, "{links:?}");
    for link in links {
        let response = world.get(&link.replace("&amp;", "&")).await;
        assert_eq!(response.status(), 200, "{link}");
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_service_is_not_ready() {
    let world = World::new().await;
    let (ready, live) = (world.url("/health/ready"), world.url("/health/live"));
    let client = world.client.clone();
    // Keeps a connection open across the stop.
    let body =
        reqwest::Body::wrap_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let slow = tokio::spawn(
        world
            .post("/api/v1/ingest/boreholes", "text/csv", body)
            .send(),
    );
    assert_eq!(client.get(&live).send().await.unwrap().status(), 200);
    while world.app.metrics.in_flight.get() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    world.stop.cancel();
    let (status, body) = problem(client.get(&ready)).await;
    assert_eq!(status, 503);
    assert_eq!(
        body["problems"],
        json!([{"reason": "the service is stopping"}])
    );
    slow.abort();
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_the_body() {
    let world = World::new().await;
    for path in [
        "/",
        "/health/live",
        "/api/v1/datasets",
        "/api/v1/query/weather/forecast",
    ] {
        let (head, get) = (
            world.ask(Method::HEAD, path).send().await.unwrap(),
            world.get(path).await,
        );
        assert_eq!(
            (head.status(), get.status()),
            (StatusCode::OK, StatusCode::OK),
            "{path}"
        );
        for name in ["content-length", "content-type", "etag"] {
            assert_eq!(
                head.headers().get(name),
                get.headers().get(name),
                "{path} {name}"
            );
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
    world.end().await.unwrap();
}
