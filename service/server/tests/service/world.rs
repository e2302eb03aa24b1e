//! A running service to ask.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use indexmap::IndexMap;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value as Json;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use zarr_fuse_fusion::dataset::{Dataset, Decoders};
use zarr_fuse_journal::JournalSettings;
use zarr_fuse_schemas::Schema;
use zarr_fuse_server::{
    ServeError,
    app::App,
    config::{Auth, EndpointConfig, LimitsConfig, ServerConfig},
    run,
    who::SignIn,
};
use zarr_fuse_store::{S3Access, Store};

/// One node.
pub(crate) const BOREHOLES: &str = r#"
ATTRS: {title: "Boreholes", STORE_URL: "memory://boreholes", S3_SECRET_KEY: "hush-hush"}
temperature:   # the only node
  ATTRS: {description: "Below ground"}
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: Europe/Prague}, chunk_size: 4}
    borehole: {type: str, sorted: false, chunk_size: 8}
  VARS:
    rock_temp: {coords: [time, borehole], unit: degC, df_col: T, description: "Rock temperature"}
    n_samples: {coords: [time, borehole], type: int32}
"#;

/// Two nodes.
pub(crate) const WEATHER: &str = r#"
ATTRS: {title: "Weather"}
forecast:
  COORDS:
    time: {unit: {tick: s}, chunk_size: 16}
    site: {type: str, sorted: false}
  VARS:
    air_temp: {coords: [time, site], unit: degC, source_unit: K}
stations:
  COORDS:
    site: {type: str, sorted: false}
  VARS:
    elevation: {coords: [site], unit: m}
"#;

/// What is configured besides the datasets.
pub(crate) const ENDPOINTS: &str = r#"{
    "logger": {"dataset": "weather", "node": "forecast", "path": "/api/v1/logger",
               "decode": {"format": "csv", "csv": {"delimiter": ";"}, "set": {"site": "${site}"}}},
    "private": {"dataset": "boreholes", "node": "temperature", "senders": ["logger"]},
    "small": {"dataset": "boreholes", "node": "temperature", "decode": {"limits": {"max_decompressed_bytes": 1000}}}
}"#;

pub(crate) struct World {
    pub(crate) app: Arc<App>,
    pub(crate) stop: CancellationToken,
    pub(crate) client: Client,
    pub(crate) address: SocketAddr,
    url: String,
    running: JoinHandle<Result<(), ServeError>>,
}

impl World {
    /// Both datasets, empty, with the bounds that people get.
    pub(crate) async fn new() -> Self {
        Self::bounded(LimitsConfig::default()).await
    }

    pub(crate) async fn bounded(limits: LimitsConfig) -> Self {
        Self::on(
            &[
                ("boreholes", BOREHOLES, "memory://"),
                ("weather", WEATHER, "memory://"),
            ],
            limits,
        )
        .await
    }

    /// Datasets as name, schema and address of the store.
    pub(crate) async fn on(schemas: &[(&str, &str, &str)], limits: LimitsConfig) -> Self {
        Self::with(schemas, limits, SignIn::default(), ServerConfig::default()).await
    }

    /// Both datasets, where people sign in as `auth` says.
    pub(crate) async fn guarded(auth: Json, server: ServerConfig) -> Self {
        let auth: Auth = serde_json::from_value(auth).unwrap();
        let schemas = [
            ("boreholes", BOREHOLES, "memory://"),
            ("weather", WEATHER, "memory://"),
        ];
        let sign_in = SignIn::new(Some(&auth)).unwrap();
        Self::with(&schemas, LimitsConfig::default(), sign_in, server).await
    }

    /// Both datasets, where nobody needs to sign in.
    pub(crate) async fn open_with(limits: LimitsConfig, server: ServerConfig) -> Self {
        let schemas = [
            ("boreholes", BOREHOLES, "memory://"),
            ("weather", WEATHER, "memory://"),
        ];
        Self::with(&schemas, limits, SignIn::default(), server).await
    }

    async fn with(
        schemas: &[(&str, &str, &str)],
        limits: LimitsConfig,
        sign_in: SignIn,
        server: ServerConfig,
    ) -> Self {
        let endpoints: IndexMap<String, EndpointConfig> = serde_json::from_str(ENDPOINTS).unwrap();
        let mut datasets = Vec::new();
        for (name, schema, url) in schemas {
            let schema = Schema::parse(schema, &format!("{name}.yaml"), Path::new(".")).unwrap();
            let store = Store::open(url, Path::new("."), &S3Access::default()).unwrap();
            let own = endpoints
                .iter()
                .filter(|(_, e)| e.dataset.as_deref() == Some(*name));
            let prepared = own
                .map(|(endpoint, e)| (endpoint.clone(), e.decode.prepare(Path::new(".")).unwrap()));
            let decoders = Decoders::new(name, prepared.collect::<HashMap<_, _>>());
            let opened = Dataset::open(
                Arc::new(schema),
                store,
                decoders,
                JournalSettings::default(),
            )
            .await;
            datasets.push(opened.unwrap());
        }
        let known = endpoints.into_iter().filter(|(_, e)| {
            let dataset = e.dataset.as_deref().unwrap();
            schemas.iter().any(|(name, ..)| *name == dataset)
        });
        let stop = CancellationToken::new();
        let app = App::guarded(datasets, &known.collect(), sign_in, limits, stop.clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}");
        let server = ServerConfig {
            workers: Some(2),
            ..server
        };
        let running = tokio::spawn(run(Arc::clone(&app), listener, server));
        let client = Client::builder().no_gzip().no_proxy().build().unwrap();
        Self {
            app,
            stop,
            client,
            address,
            url,
            running,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.ask(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn get_json(&self, path: &str) -> Json {
        let response = self.get(path).await;
        assert_eq!(response.status(), 200, "{path}");
        json(response).await
    }

    pub(crate) fn post(
        &self,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> RequestBuilder {
        let request = self.ask(Method::POST, path).body(body);
        request.header("content-type", content_type)
    }

    /// Contributes CSV and waits until it is merged.
    pub(crate) async fn merge(&self, path: &str, csv: &str) -> Json {
        let path = format!("{path}?wait=merged");
        let response = self
            .post(&path, "text/csv", csv.to_owned())
            .send()
            .await
            .unwrap();
        let status = response.status();
        let body = json(response).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Stops the service as a signal would, and waits until it has.
    pub(crate) async fn end(self) -> Result<(), ServeError> {
        self.stop.cancel();
        self.running.await.unwrap()
    }
}

pub(crate) async fn json(response: Response) -> Json {
    let text = response.text().await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Status and body of an answer that is a problem; checks what all of them have.
pub(crate) async fn problem(request: RequestBuilder) -> (StatusCode, Json) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let content_type = response.headers()["content-type"].clone();
    let body = json(response).await;
    assert_eq!(content_type, "application/problem+json", "{body}");
    assert_eq!(body["status"], status.as_u16(), "{body}");
    assert!(
        body["type"]
            .as_str()
            .unwrap()
            .starts_with("urn:zarr-fuse:problem:"),
        "{body}"
    );
    assert!(!body["title"].as_str().unwrap().is_empty(), "{body}");
    (status, body)
}

/// Asserts status and text of a problem.
pub(crate) async fn refused(request: RequestBuilder, status: u16, detail: &str) {
    let (found, body) = problem(request).await;
    assert_eq!(
        (found.as_u16(), body["detail"].as_str().unwrap()),
        (status, detail)
    );
}
