//! The viewer in the binary, and what it asks first.

use reqwest::Response;
use serde_json::json;
use zarr_fuse_server::config::ServerConfig;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_is_told_what_it_must_know_before_anybody_signs_in() {
    let world = World::new().await;
    let settings = world.get_json("/api/v1/viewer").await;
    assert_eq!(
        settings,
        json!({"title": "zarr-fuse", "version": env!("CARGO_PKG_VERSION"), "needs_sign_in": false, "has_public": true})
    );
    world.end().await.unwrap();
    let server = json!({"viewer": {"title": "Bukov", "base_map": {
        "url": "https://{s}.tile.example.org/{z}/{x}/{y}.png", "attribution": "© Example", "max_zoom": 19,
        "origins": ["https://fonts.example.org"]}}});
    let server: ServerConfig = serde_json::from_value(server).unwrap();
    let world = World::guarded(json!({}), server).await;
    let settings = world.get_json("/api/v1/viewer").await;
    assert_eq!(
        settings,
        json!({"title": "Bukov", "version": env!("CARGO_PKG_VERSION"), "needs_sign_in": true, "has_public": false,
            "base_map": {"kind": "tiles", "url": "https://{s}.tile.example.org/{z}/{x}/{y}.png",
                "attribution": "© Example", "max_zoom": 19}})
    );
    let page = world.get("/").await;
    let policy = header(&page, "content-security-policy");
    if cfg!(feature = "viewer") {
        let maps = "https://*.tile.example.org https://fonts.example.org";
        for directive in [
            format!("img-src 'self' data: blob: {maps};"),
            format!("connect-src 'self' {maps};"),
        ] {
            assert!(policy.contains(&directive), "{policy}");
        }
    }
    world.end().await.unwrap();
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

#[cfg(feature = "viewer")]
#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_is_served_with_what_caches_and_browsers_need() {
    let world = World::new().await;
    let ask = async |path: &str, name: &str, value: &str| {
        let request = world.ask(reqwest::Method::GET, path).header(name, value);
        request.send().await.unwrap()
    };
    let page = world.get("/").await;
    assert_eq!(page.status(), 200);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    assert_eq!(header(&page, "cache-control"), "no-cache");
    assert_eq!(header(&page, "x-frame-options"), "DENY");
    let policy = header(&page, "content-security-policy").to_owned();
    for directive in [
        "script-src 'self';",
        "worker-src 'self' blob:;",
        "img-src 'self' data: blob:;",
        "connect-src 'self';",
    ] {
        assert!(policy.contains(directive), "{policy}");
    }
    let tag = header(&page, "etag").to_owned();
    assert_eq!(ask("/", "if-none-match", &tag).await.status(), 304);
    let html = page.text().await.unwrap();
    let links = html.split('"').filter_map(|part| part.strip_prefix("./"));
    let links: Vec<&str> = links.filter(|link| link.starts_with("assets/")).collect();
    assert!(!links.is_empty(), "{html}");
    for link in links {
        let path = format!("/{link}");
        let plain = world.get(&path).await;
        assert_eq!(plain.status(), 200, "{path}");
        let media_type = if link.ends_with("css") {
            "text/css"
        } else {
            "text/javascript"
        };
        assert_eq!(
            header(&plain, "content-type"),
            format!("{media_type}; charset=utf-8")
        );
        assert_eq!(
            header(&plain, "cache-control"),
            "public, max-age=31536000, immutable"
        );
        let plain = plain.bytes().await.unwrap();
        for encoding in ["br", "gzip"] {
            let packed = ask(&path, "accept-encoding", encoding).await;
            if header(&packed, "content-encoding").is_empty() {
                assert!(plain.len() < 1200, "{path}: {} bytes", plain.len());
                continue;
            }
            assert_eq!(header(&packed, "content-encoding"), encoding);
            assert_eq!(header(&packed, "vary"), "Accept-Encoding");
            let packed = packed.bytes().await.unwrap();
            assert!(
                crate::compression::decoded(encoding, &packed) == plain,
                "{path} {encoding}"
            );
        }
    }
    assert_eq!(world.get("/assets/none.js").await.status(), 404);
    assert_eq!(
        world
            .ask(reqwest::Method::POST, "/assets/none.js")
            .send()
            .await
            .unwrap()
            .status(),
        405
    );
    // What is shown is in the part of the address after the page.
    assert_eq!(world.get("/?view=map&dataset=weather").await.status(), 200);
    world.end().await.unwrap();
}
