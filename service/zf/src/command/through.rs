//! Corrections through the service that writes the dataset: commands work while it runs, too.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method};
use serde_json::Value as Json;
use uuid::Uuid;
use zarr_fuse_fusion::dataset::OpenError;
use zarr_fuse_server::{
    config::{Config, Secret, is_loopback},
    door::Note,
};
use zarr_fuse_store::Writer;

use super::{Access, Parts, Target, note, print};

/// Where the service is, if it is to be asked.
#[derive(Debug, clap::Args)]
pub(crate) struct Through {
    /// Ask the service at this address, with the token in `ZF_TOKEN`. Default: the one on this machine that writes the store,
    /// or else the one that --config describes.
    #[arg(long, value_name = "URL", env = "ZF_SERVICE")]
    through: Option<String>,
    /// Token for the service.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "ZF_TOKEN",
        hide_env_values = true,
        hide = true
    )]
    token: Option<String>,
}

/// A service that can be asked.
pub(crate) struct Service {
    url: String,
    token: Option<Secret>,
    /// The name of the dataset there.
    pub(crate) dataset: String,
    client: Client,
}

impl Through {
    /// The service to ask: the one that is named, or the one on this machine that writes the store. `None`: nobody writes it.
    pub(crate) async fn service(&self, target: &Target) -> anyhow::Result<Option<Service>> {
        let Parts { schema, store, .. } = target.parts(Access::Read).await?;
        if let Some(url) = &self.through {
            return Service::new(url, self.token(), &schema.name).map(Some);
        }
        if target.take_over || store.folder().is_none() {
            return Ok(None);
        }
        if !matches!(store.mark()?, Writer::Another) {
            return Ok(None);
        }
        match Note::beside(&store) {
            Some(there) => Service::new(&there.url, Some(there.token()), &there.dataset).map(Some),
            None => self.configured(target, &schema.name).map(Some),
        }
    }

    /// The service to ask because another process, perhaps on another machine, writes the dataset.
    pub(crate) async fn instead_of(
        &self,
        target: &Target,
        error: anyhow::Error,
    ) -> anyhow::Result<Service> {
        let is_busy = matches!(
            error.downcast_ref::<OpenError>(),
            Some(OpenError::Busy { .. })
        );
        if !is_busy {
            return Err(error);
        }
        let Parts { schema, .. } = target.parts(Access::Read).await?;
        match self.configured(target, &schema.name) {
            Ok(service) => Ok(service),
            Err(hint) => Err(error.context(hint.to_string())),
        }
    }

    /// The service that the configuration describes.
    fn configured(&self, target: &Target, name: &str) -> anyhow::Result<Service> {
        let Some(file) = &target.config else {
            bail!(
                "another zf process writes this dataset: to ask it, say --through URL, or --config FILE of the service, and put a token into ZF_TOKEN if it needs one"
            );
        };
        let config = Config::load(file, &std::env::vars().collect())?;
        let scheme = if config.server.tls.is_some() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{}", config.server.listen);
        Service::new(&url, self.token(), name)
    }

    fn token(&self) -> Option<Secret> {
        self.token.as_deref().map(Secret::new)
    }
}

impl Service {
    fn new(url: &str, token: Option<Secret>, dataset: &str) -> anyhow::Result<Self> {
        let host = reqwest::Url::parse(url).context("the address of the service")?;
        let is_here = host.host_str();
        let is_here = is_here.is_some_and(|host| is_loopback(host.trim_matches(['[', ']'])));
        // A certificate is not made for the loopback address, and nobody is on the way there.
        let client = Client::builder()
            .danger_accept_invalid_certs(is_here)
            .no_proxy();
        note(&format!("asking the service at {url}"));
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token,
            dataset: dataset.to_owned(),
            client: client.build()?,
        })
    }

    /// Corrects contributions, one after the other; exit code 1 if nothing of one can be taken.
    pub(crate) async fn correct(
        &self,
        ids: &[Uuid],
        is_retry: bool,
        even_if: bool,
    ) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        if ids.is_empty() {
            print("there is no such contribution")?;
        }
        for id in ids {
            let (method, path) = if is_retry {
                (Method::POST, format!("/api/v1/contributions/{id}/retry"))
            } else {
                (Method::DELETE, format!("/api/v1/contributions/{id}"))
            };
            let mut query = vec![("wait", "merged")];
            query.extend(even_if.then_some(("even_if", "true")));
            let receipt = self.ask(method, &path, &query).await?;
            let status = receipt["status"].as_str().unwrap_or_default();
            let reason = receipt["outcome"]["problems"][0]["reason"].as_str();
            let reason = reason.map(|reason| format!(": {reason}"));
            let reason = reason.unwrap_or_default();
            match status {
                "journaled" => print(&format!("{id} to be corrected; it is noted, and done soon"))?,
                status => print(&format!("{id} {status}{reason}"))?,
            }
            if status == "rejected" {
                code = ExitCode::FAILURE;
            }
        }
        Ok(code)
    }

    /// Rebuilds a node, or tells what a reinterpretation would change; `how` are further parameters.
    pub(crate) async fn rebuild(&self, node: &str, how: &[(&str, &str)]) -> anyhow::Result<()> {
        let path = format!("/api/v1/datasets/{}/rebuild", self.dataset);
        let mut query = vec![("node", node), ("wait", "merged")];
        query.extend(how);
        let receipt = self.ask(Method::POST, &path, &query).await?;
        if let Some(n_changed) = receipt["n_changed"].as_u64() {
            return print(&format!(
                "{node}: {n_changed} of {} contributions would change, {} values; {} would be rejected",
                receipt["n_contributions"], receipt["n_cells"], receipt["n_rejected"]
            ));
        }
        if receipt["status"] == "journaled" {
            print(&format!(
                "{node}: to be rebuilt; it is noted, and goes on in the service"
            ))
        } else {
            print(&format!("{node}: rebuilt"))
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> anyhow::Result<Json> {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.url), query)?;
        let mut request = self.client.request(method, url);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        let answer = request.send().await;
        let answer =
            answer.with_context(|| format!("the service at {} does not answer", self.url))?;
        let status = answer.status();
        let body = answer.bytes().await?;
        let json: Json = serde_json::from_slice(&body).unwrap_or_default();
        match status.as_u16() {
            200 | 202 => Ok(json),
            // A rejected contribution is what came of it, not a failure to ask.
            422 if json["id"].is_string() => Ok(serde_json::json!({
                "status": "rejected",
                "outcome": {"problems": json["problems"]},
            })),
            401 | 403 if self.token.is_none() => bail!(
                "the service at {} asks who this is: put a token into ZF_TOKEN ({})",
                self.url,
                json["detail"].as_str().unwrap_or_default()
            ),
            _ => bail!(
                "the service at {} answers {status}: {}",
                self.url,
                json["detail"].as_str().unwrap_or_default()
            ),
        }
    }
}
