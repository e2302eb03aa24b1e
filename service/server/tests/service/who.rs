//! Who may do what: every route asked by those who may and those who may not.

use std::collections::HashSet;
use std::path::Path;

use chrono::Utc;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use zarr_fuse_server::{
    config::{Host, Scope, ServerConfig},
    openapi,
    who::{TokenFile, hash_password},
};

use crate::world::{World, json, problem, refused};

const CSV: &str = "time,borehole,T\n2024-05-01T12:00:00,A,11.5\n";
const PASSWORD: &str = "correct horse";
const CROSS_SITE: &str = "a page of another site sent this, and nothing was done; send it from a page of this service, from one that `server.cors` names, or with a token (`Authorization: Bearer`)";

/// A token of the configuration: `secret` is what is sent.
pub(crate) fn token(name: &str, secret: &str, scopes: &[&str]) -> Json {
    let sha256 = format!("{:x}", Sha256::digest(secret));
    json!({"name": name, "sha256": sha256, "scopes": scopes})
}

/// The scopes of this world, each with a token of its own name.
const SCOPES: [&str; 10] = [
    "read:boreholes",
    "read:weather",
    "read:*",
    "ingest:boreholes",
    "ingest:weather",
    "ingest:*",
    "correct:boreholes",
    "correct:weather",
    "correct:*",
    "admin",
];

/// Tokens with one scope each, and for each scope one (`not-…`) with all that do not include it.
async fn world() -> World {
    let covers = |given: &str, asked: &str| {
        Scope::parse(given)
            .unwrap()
            .covers(&Scope::parse(asked).unwrap())
    };
    let mut tokens: Vec<Json> = SCOPES
        .iter()
        .map(|scope| token(scope, scope, &[scope]))
        .collect();
    for asked in SCOPES {
        let others: Vec<&str> = SCOPES
            .into_iter()
            .filter(|given| !covers(given, asked))
            .collect();
        let name = format!("not-{asked}");
        tokens.push(token(&name, &name, &others));
    }
    tokens.push(token("logger", "logger", &["ingest:private"]));
    let user = json!({"name": "ann", "password_hash": hash_password(PASSWORD).unwrap(), "scopes": ["read:*"]});
    World::guarded(
        json!({"tokens": tokens, "users": [user]}),
        ServerConfig::default(),
    )
    .await
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// What must be sent to have an operation of the document done, and the scope that it lists.
fn operations(id: &str) -> Vec<(Method, String, Option<String>)> {
    let document: Json = serde_json::from_str(&openapi()).unwrap();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let path = path
                .replace("{dataset}", "boreholes")
                .replace("{endpoint}", "boreholes")
                .replace("{node}", "temperature")
                .replace("{key}", "zarr.json")
                .replace("{name}", "feed")
                .replace("{id}", id);
            assert!(
                !path.contains('{'),
                "{path}: what stands for its parameters?"
            );
            let scope = operation["security"][0]["basic"][0].as_str();
            let scope = scope.map(|scope| {
                scope
                    .replace("{dataset}", "boreholes")
                    .replace("{endpoint}", "boreholes")
            });
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes()).unwrap();
            found.push((method, path, scope));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_needs_the_scope_that_the_document_lists() {
    let world = world().await;
    let sent = world
        .post("/api/v1/ingest/boreholes?wait=merged", "text/csv", CSV)
        .bearer_auth("admin");
    let id = json(sent.send().await.unwrap()).await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let operations = operations(&id);
    let open: HashSet<&str> = operations
        .iter()
        .filter(|(.., scope)| scope.is_none())
        .map(|(_, path, _)| path.as_str())
        .collect();
    let expected = [
        "/",
        "/api/v1/viewer",
        "/health/live",
        "/health/ready",
        "/openapi.json",
    ];
    assert_eq!(
        open,
        expected.into(),
        "these need no sign-in; are there others?"
    );
    for (method, path, scope) in &operations {
        let ask = || {
            let request = world.ask(method.clone(), path);
            request.header("content-type", "text/csv").body(CSV)
        };
        let Some(scope) = scope else {
            assert_eq!(status(ask()).await, 200, "{path}");
            continue;
        };
        let response = ask().send().await.unwrap();
        assert_eq!(response.status(), 401, "{method} {path}");
        let challenges: Vec<_> = response
            .headers()
            .get_all("www-authenticate")
            .iter()
            .collect();
        assert_eq!(
            challenges,
            [
                r#"Basic realm="zarr-fuse", charset="UTF-8""#,
                r#"Bearer realm="zarr-fuse""#
            ]
        );
        // Lists hold less for those who may see less.
        // Who may contribute anywhere may draft.
        let lists = ["datasets", "contributions", "collectors", "events", "draft"];
        let is_list = lists.iter().any(|list| *path == format!("/api/v1/{list}"));
        let denied = if is_list { 200 } else { 403 };
        let response = ask()
            .bearer_auth(format!("not-{scope}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), denied, "{method} {path}");
        if path == "/api/v1/events" {
            // It would last.
            continue;
        }
        let text = response.text().await.unwrap();
        if denied == 403 && *method != Method::HEAD {
            let expected = format!(
                "`not-{scope}` may not do this: the scope `{scope}` is missing; ask who runs the service for it"
            );
            let body: Json = serde_json::from_str(&text).unwrap();
            assert_eq!(body["detail"], expected, "{path}");
        }
        for good in [scope.as_str(), "admin"] {
            let status = status(ask().bearer_auth(good)).await;
            // Corrections may not be possible in this state, and no collector is configured here.
            let is_unknown = status == 404 && path.starts_with("/api/v1/collectors/");
            let is_impossible = status == 409 && *method != Method::GET;
            // It asks for no cell.
            let is_unclear = status == 422 && path.starts_with("/api/v1/origin/");
            assert!(
                (200..300).contains(&status) || is_impossible || is_unknown || is_unclear,
                "{method} {path} {good}: {status}"
            );
        }
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn further_paths_of_endpoints_need_the_same_scope() {
    let world = world().await;
    let post = || world.post("/api/v1/logger", "text/csv", "time,air_temp\n");
    assert_eq!(status(post()).await, 401);
    assert_eq!(status(post().bearer_auth("ingest:boreholes")).await, 403);
    assert_eq!(status(post().bearer_auth("ingest:*")).await, 202);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_passwords_do_as_well_as_tokens() {
    let world = world().await;
    let ask = |name: &str, password: &str| {
        world
            .ask(Method::GET, "/api/v1/datasets")
            .basic_auth(name, Some(password))
    };
    assert_eq!(status(ask("ann", PASSWORD)).await, 200);
    for (name, password) in [
        ("ann", "wrong"),
        ("ann", ""),
        ("Ann", PASSWORD),
        ("bob", PASSWORD),
    ] {
        refused(
            ask(name, password),
            401,
            "the name or the password is wrong",
        )
        .await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_is_not_known_is_refused_everywhere() {
    let world = world().await;
    for path in [
        "/",
        "/openapi.json",
        "/api/v1/datasets",
        "/docs/",
        "/nowhere",
    ] {
        let ask = |value: &str| world.ask(Method::GET, path).header("authorization", value);
        let unreadable = "the header `Authorization` cannot be read: send `Basic` with base64 of `name:password`, or `Bearer` with a token";
        for value in ["Basic", "Basic ?", "Digest x", "admin"] {
            refused(ask(value), 401, unreadable).await;
        }
        refused(
            ask("Bearer admin").header("authorization", "Bearer admin"),
            401,
            unreadable,
        )
        .await;
    }
    let unknown =
        "the token is not known; it may have been revoked, `zf token create` makes another";
    refused(
        world.ask(Method::GET, "/").bearer_auth("hush"),
        401,
        unknown,
    )
    .await;
    let response = world
        .ask(Method::GET, "/")
        .bearer_auth("hush")
        .send()
        .await
        .unwrap();
    let challenges: Vec<_> = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(
        challenges[1],
        r#"Bearer realm="zarr-fuse", error="invalid_token""#
    );
    // Probes are answered whatever is sent.
    let probe = world.ask(Method::GET, "/health/ready").bearer_auth("hush");
    assert_eq!(status(probe).await, 200);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_is_told_to_those_who_may_read_it() {
    let world = world().await;
    for endpoint in ["boreholes", "weather/stations"] {
        let csv = if endpoint == "boreholes" {
            CSV
        } else {
            "site,elevation\nA,1\n"
        };
        let path = format!("/api/v1/ingest/{endpoint}?wait=merged");
        let sent = world.post(&path, "text/csv", csv).bearer_auth("ingest:*");
        assert_eq!(status(sent).await, 200);
    }
    let ask = async |path: &str, token: &str| {
        let response = world
            .ask(Method::GET, path)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    };
    for (token, boreholes, weather) in [
        ("read:boreholes", true, false),
        ("read:weather", false, true),
        ("read:*", true, true),
        ("ingest:boreholes", false, false),
    ] {
        for path in ["/", "/api/v1/datasets", "/api/v1/contributions"] {
            if path == "/" && cfg!(feature = "viewer") {
                // The viewer is the same for all, and asks the others.
                continue;
            }
            let text = ask(path, token).await;
            assert_eq!(
                text.contains("boreholes"),
                boreholes,
                "{path} {token}: {text}"
            );
            assert_eq!(text.contains("weather"), weather, "{path} {token}: {text}");
        }
    }
    assert!(
        !world
            .get("/")
            .await
            .text()
            .await
            .unwrap()
            .contains("boreholes")
    );
    // Neither whether there is such a dataset.
    for path in ["boreholes", "nothing"] {
        let request = world.ask(Method::GET, &format!("/api/v1/datasets/{path}"));
        let detail = format!(
            "`read:weather` may not do this: the scope `read:{path}` is missing; ask who runs the service for it"
        );
        refused(request.bearer_auth("read:weather"), 403, &detail).await;
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sent_a_contribution_may_see_what_became_of_it() {
    let world = world().await;
    let sent = world
        .post("/api/v1/ingest/private", "text/csv", CSV)
        .bearer_auth("logger");
    let response = sent.send().await.unwrap();
    let location = response.headers()["location"].to_str().unwrap().to_owned();
    let ask = |token: &str| world.ask(Method::GET, &location).bearer_auth(token);
    let seen = json(ask("logger").send().await.unwrap()).await;
    assert_eq!(seen["sender"], "logger", "the journal notes who");
    assert_eq!(status(ask("read:boreholes")).await, 200);
    assert_eq!(status(ask("ingest:boreholes")).await, 403);
    assert_eq!(status(ask("read:weather")).await, 403);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_takes_contributions_from_its_senders() {
    let world = world().await;
    let post = || world.post("/api/v1/ingest/private", "text/csv", CSV);
    assert_eq!(status(post().bearer_auth("logger")).await, 202);
    refused(
        post().bearer_auth("ingest:*"),
        403,
        "`ingest:*` is none of the `senders` of the endpoint `private`; ask who runs the service to be added",
    )
    .await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_dataset_is_read_by_everyone_but_not_its_contributions() {
    let auth = json!({"public": ["weather"], "tokens": [token("a", "a", &["admin"])]});
    let world = World::guarded(auth, ServerConfig::default()).await;
    for path in [
        "/api/v1/datasets/weather",
        "/api/v1/datasets/weather/schema",
        "/api/v1/query/weather/forecast",
        "/zarr/weather/zarr.json",
    ] {
        assert_eq!(world.get(path).await.status(), 200, "{path}");
        let other = path
            .replace("weather", "boreholes")
            .replace("forecast", "temperature");
        assert_eq!(world.get(&other).await.status(), 401, "{other}");
    }
    let listed = world.get_json("/api/v1/datasets").await;
    assert_eq!(listed["datasets"].as_array().unwrap().len(), 1);
    assert_eq!(world.get("/api/v1/contributions").await.status(), 401);
    assert_eq!(
        world
            .get("/api/v1/contributions?dataset=weather")
            .await
            .status(),
        401
    );
    let post = world.post("/api/v1/ingest/weather/forecast", "text/csv", "");
    assert_eq!(status(post).await, 401);
    world.end().await.unwrap();
}

fn make(file: &Path, name: &str, scope: &str) -> String {
    let scopes = vec![Scope::parse(scope).unwrap()];
    TokenFile::create(file, name, scopes, Utc::now(), None).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_and_revoked_while_the_service_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let auth = json!({"token_file": file});
    let world = World::guarded(auth, ServerConfig::default()).await;
    let ask = |token: &str| world.ask(Method::GET, "/metrics").bearer_auth(token);
    let first = make(&file, "first", "read:*");
    assert_eq!(status(ask(&first)).await, 200, "known at once");
    let second = make(&file, "second", "ingest:*");
    assert_eq!(status(ask(&second)).await, 403);
    TokenFile::revoke(&file, "first").unwrap();
    let begin = std::time::Instant::now();
    while status(ask(&first)).await == 200 {
        assert!(
            begin.elapsed() < std::time::Duration::from_secs(1),
            "revoked long ago"
        );
    }
    assert_eq!(
        status(ask(&second)).await,
        403,
        "the other one is still good"
    );
    std::fs::write(&file, "broken").unwrap();
    assert_eq!(status(ask(&first)).await, 401);
    assert_eq!(
        status(ask(&second)).await,
        403,
        "what was read before is used on"
    );
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let expired = "2024-01-01T00:00:00Z".parse().unwrap();
    let old = TokenFile::create(&file, "old", vec![Scope::Admin], Utc::now(), Some(expired));
    let world = World::guarded(json!({"token_file": file}), ServerConfig::default()).await;
    refused(
        world.ask(Method::GET, "/metrics").bearer_auth(old.unwrap()),
        401,
        "the token `old` expired at 2024-01-01T00:00:00Z; `zf token create` makes another",
    )
    .await;
    world.end().await.unwrap();
}

async fn metrics(world: &World) -> String {
    let request = world.ask(Method::GET, "/metrics").bearer_auth("admin");
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_attempts_are_limited_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.json");
    let made = make(&file, "made", "read:*");
    let user = json!({"name": "ann", "password_hash": hash_password(PASSWORD).unwrap(), "scopes": ["admin"]});
    let weak = token("weak", "weak", &["admin"]);
    let auth = json!({"users": [user], "tokens": [weak], "token_file": file});
    let world = World::guarded(auth, ServerConfig::default()).await;
    let ask = |password: &str| {
        world
            .ask(Method::GET, "/metrics")
            .basic_auth("ann", Some(password))
    };
    assert_eq!(status(ask(PASSWORD)).await, 200);
    let mut n_wrong = 0;
    let limited: Response = loop {
        let response = ask("wrong").send().await.unwrap();
        match response.status().as_u16() {
            401 => n_wrong += 1,
            _ => break response,
        }
        assert!(n_wrong < 100, "nothing is limited");
    };
    assert_eq!(limited.status(), 429);
    let seconds: u64 = limited.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=6).contains(&seconds), "{seconds}");
    assert!((20..25).contains(&n_wrong), "{n_wrong}");
    let (status_code, body) = problem(ask("wrong")).await;
    assert_eq!(status_code, 429);
    assert!(
        body["detail"]
            .as_str()
            .unwrap()
            .starts_with("too many attempts to sign in have failed; try again in ")
    );
    assert_eq!(
        status(ask(PASSWORD)).await,
        200,
        "what was right before is let in"
    );
    let bearer = |token: &str| world.ask(Method::GET, "/metrics").bearer_auth(token);
    let weak = status(bearer("weak")).await;
    assert_eq!(weak, 200, "passwords that fail say nothing of tokens");
    assert_eq!(status(bearer(&made)).await, 200, "nobody guesses this");
    let text = ask(PASSWORD).send().await.unwrap().text().await.unwrap();
    for line in [
        format!(r#"zarr_fuse_http_requests_denied_total{{reason="password"}} {n_wrong}"#),
        r#"zarr_fuse_http_requests_denied_total{reason="limited"} 2"#.to_owned(),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_each_client_has_its_own_limit_and_is_noted() {
    let server = ServerConfig {
        trusted_proxies: vec![zarr_fuse_server::config::Proxy::parse("127.0.0.0/8").unwrap()],
        ..ServerConfig::default()
    };
    let auth = json!({"public": ["weather"], "tokens": [token("admin", "admin", &["admin"])]});
    let world = World::guarded(auth, server.clone()).await;
    let ask = |client: &str| {
        let request = world
            .ask(Method::GET, "/api/v1/datasets")
            .bearer_auth("wrong");
        request.header("x-forwarded-for", format!("127.0.0.1, {client}"))
    };
    while status(ask("192.0.2.1")).await == 401 {}
    assert_eq!(status(ask("192.0.2.1")).await, 429);
    assert_eq!(status(ask("192.0.2.2")).await, 401);
    assert!(metrics(&world).await.contains(r#"reason="limited"} 2"#));
    world.end().await.unwrap();
    // Where nobody signs in, the journal notes the address.
    let none = World::guarded(json!({"mode": "none"}), server).await;
    let sent = none.post("/api/v1/ingest/boreholes", "text/csv", CSV);
    assert_eq!(
        status(sent.header("x-forwarded-for", "192.0.2.7")).await,
        202
    );
    let listed = none.get_json("/api/v1/contributions").await;
    assert_eq!(listed["contributions"][0]["sender"], "192.0.2.7");
    none.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_use_what_a_browser_knows() {
    let world = world().await;
    let post = |site: &str| {
        let request = world.post("/api/v1/datasets/boreholes/rebuild", "text/plain", "");
        request.header("sec-fetch-site", site)
    };
    let denied = CROSS_SITE;
    refused(
        post("cross-site").basic_auth("ann", Some(PASSWORD)),
        403,
        denied,
    )
    .await;
    refused(post("cross-site"), 403, denied).await;
    assert_eq!(status(post("cross-site").bearer_auth("admin")).await, 202);
    assert_eq!(status(post("same-origin").bearer_auth("admin")).await, 202);
    let read = world
        .ask(Method::GET, "/api/v1/datasets")
        .header("sec-fetch-site", "cross-site");
    assert_eq!(status(read.basic_auth("ann", Some(PASSWORD))).await, 200);
    world.end().await.unwrap();
    let open = World::new().await;
    let request = open.post("/api/v1/datasets/boreholes/rebuild", "text/plain", "");
    refused(request.header("sec-fetch-site", "cross-site"), 403, denied).await;
    open.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_sign_in_headers_mean_nothing() {
    let world = World::new().await;
    for value in ["Bearer x", "Basic ?", "nonsense"] {
        let request = world
            .ask(Method::GET, "/metrics")
            .header("authorization", value);
        assert_eq!(status(request).await, 200);
    }
    world.end().await.unwrap();
}

/// Contributes as a page at `origin` would, to the service under the name `host`.
fn from_page(world: &World, host: &str, headers: &[(&str, &str)]) -> RequestBuilder {
    let request = world.post("/api/v1/ingest/boreholes", "text/csv", CSV);
    let request = request.header("host", host);
    headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_page_is_decides_where_browsers_say_no_more() {
    let server = ServerConfig {
        hosts: vec![Host::parse("data.uni.test").unwrap()],
        cors: serde_json::from_value(json!({"origins": ["http://maps.uni.test"]})).unwrap(),
        ..ServerConfig::default()
    };
    let world = World::guarded(json!({"mode": "none"}), server).await;
    let host = "data.uni.test";
    for headers in [
        &[][..],
        &[("origin", "http://data.uni.test")],
        &[("origin", "http://maps.uni.test")],
        &[
            ("origin", "http://maps.uni.test"),
            ("sec-fetch-site", "same-site"),
        ],
        // Behind a proxy that speaks TLS and is not named.
        &[
            ("origin", "https://data.uni.test"),
            ("sec-fetch-site", "same-origin"),
        ],
        &[("sec-fetch-site", "none")],
    ] {
        let status = status(from_page(&world, host, headers)).await;
        assert_eq!(status, 202, "{headers:?}");
    }
    for headers in [
        &[("origin", "http://evil.test")][..],
        &[("origin", "null")],
        &[("origin", "http://evil.uni.test")],
        &[
            ("origin", "http://evil.uni.test"),
            ("sec-fetch-site", "same-site"),
        ],
        &[("origin", "https://data.uni.test")],
        &[("origin", "http://data.uni.test:8080")],
        &[
            ("origin", "http://data.uni.test"),
            ("sec-fetch-site", "cross-site"),
        ],
        // Nobody signs in here, so that it proves nothing.
        &[
            ("origin", "http://evil.test"),
            ("authorization", "Bearer x"),
        ],
        // Nobody is a proxy here.
        &[
            ("origin", "http://evil.test"),
            ("x-forwarded-host", "evil.test"),
        ],
    ] {
        refused(from_page(&world, host, headers), 403, CROSS_SITE).await;
    }
    let local = format!("http://{}", world.address);
    let at = world.address.to_string();
    assert_eq!(
        status(from_page(&world, &at, &[("origin", &local)])).await,
        202
    );
    let other_port = [("origin", "http://127.0.0.1:1")];
    refused(from_page(&world, &at, &other_port), 403, CROSS_SITE).await;
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_its_word_tells_where_the_service_is() {
    let server = ServerConfig {
        trusted_proxies: vec![zarr_fuse_server::config::Proxy::parse("127.0.0.0/8").unwrap()],
        ..ServerConfig::default()
    };
    let world = World::guarded(json!({"mode": "none"}), server).await;
    let page = ("origin", "https://data.uni.test");
    let at = world.address.to_string();
    for headers in [
        &[
            page,
            ("x-forwarded-host", "data.uni.test"),
            ("x-forwarded-proto", "https"),
        ][..],
        &[page, ("x-forwarded-host", "data.uni.test")],
        &[
            page,
            ("forwarded", "for=192.0.2.1;host=data.uni.test;proto=https"),
        ],
    ] {
        assert_eq!(
            status(from_page(&world, &at, headers)).await,
            202,
            "{headers:?}"
        );
    }
    for headers in [
        &[page][..],
        &[
            page,
            ("x-forwarded-host", "data.uni.test"),
            ("x-forwarded-proto", "http"),
        ],
        &[
            page,
            ("x-forwarded-host", "other.uni.test"),
            ("x-forwarded-proto", "https"),
        ],
    ] {
        refused(from_page(&world, &at, headers), 403, CROSS_SITE).await;
    }
    world.end().await.unwrap();
}

/// Asks under a name; how it is answered.
async fn asked_as(world: &World, path: &str, host: &str) -> u16 {
    status(world.ask(Method::GET, path).header("host", host)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_on_loopback_is_not_asked_under_strange_names() {
    let world = World::new().await;
    for host in [
        "localhost",
        "LOCALHOST:1234",
        "127.0.0.1",
        "127.0.0.2:80",
        "[::1]:8000",
        "localhost.",
    ] {
        assert_eq!(
            asked_as(&world, "/api/v1/datasets", host).await,
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "169.254.169.254",
        "0.0.0.0:8000",
        "127.0.0.1.evil.example",
    ] {
        assert_eq!(
            asked_as(&world, "/api/v1/datasets", host).await,
            421,
            "{host}"
        );
        assert_eq!(asked_as(&world, "/", host).await, 421, "{host}");
    }
    let request = world.post("/api/v1/ingest/boreholes", "text/csv", CSV);
    refused(
        request.header("host", "evil.example:8000"),
        421,
        "this service is not known as `evil.example`: ask it as `localhost` or `127.0.0.1` on its own machine, or have whoever runs it add the name to `server.hosts`",
    )
    .await;
    assert_eq!(asked_as(&world, "/health/live", "evil.example").await, 200);
    world.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_checked_where_they_are_configured_or_nobody_signs_in() {
    let auth = || json!({"public": ["weather"]});
    let any = World::guarded(auth(), ServerConfig::default()).await;
    assert_eq!(
        asked_as(&any, "/api/v1/datasets", "data.example.org").await,
        200
    );
    any.end().await.unwrap();
    let server = ServerConfig {
        hosts: vec![Host::parse("Data.Example.org").unwrap()],
        ..ServerConfig::default()
    };
    let named = World::guarded(auth(), server).await;
    for (host, expected) in [
        ("data.example.org", 200),
        ("data.example.org:8000", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
    ] {
        assert_eq!(
            asked_as(&named, "/api/v1/datasets", host).await,
            expected,
            "{host}"
        );
    }
    named.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_corrects_their_own_contributions_only() {
    let auth = json!({"tokens": [
        token("logger", "logger", &["ingest:private", "ingest:boreholes"]),
        token("other", "other", &["ingest:*", "read:*"]),
        token("keeper", "keeper", &["correct:private"]),
        token("admin", "admin", &["admin"]),
    ]});
    let world = World::guarded(auth, ServerConfig::default()).await;
    let send = async |endpoint: &str, who: &str| {
        let path = format!("/api/v1/ingest/{endpoint}?wait=merged");
        let sent = world.post(&path, "text/csv", CSV).bearer_auth(who);
        json(sent.send().await.unwrap()).await["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let retract = |id: &str, who: &str| {
        let path = format!("/api/v1/contributions/{id}?wait=merged");
        world.ask(Method::DELETE, &path).bearer_auth(who)
    };
    let retry = |id: &str, who: &str| {
        let path = format!("/api/v1/contributions/{id}/retry?wait=merged");
        world.ask(Method::POST, &path).bearer_auth(who)
    };
    let of_logger = send("private", "logger").await;
    let missing = "`other` may not do this: the scope `correct:private` is missing; ask who runs the service for it";
    refused(retract(&of_logger, "other"), 403, missing).await;
    refused(retry(&of_logger, "other"), 403, missing).await;
    assert_eq!(status(retract(&of_logger, "logger")).await, 200);
    assert_eq!(status(retry(&of_logger, "keeper")).await, 200);
    assert_eq!(status(retract(&of_logger, "admin")).await, 200);
    // Where anybody may contribute, too.
    let of_other = send("boreholes", "other").await;
    assert_eq!(status(retract(&of_other, "logger")).await, 403);
    assert_eq!(status(retract(&of_other, "keeper")).await, 403);
    assert_eq!(status(retract(&of_other, "other")).await, 200);
    world.end().await.unwrap();
}
