//! Contributes over HTTP: for collectors that run apart from the service.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::{Client, Response, StatusCode, header};
use serde_json::Value as Json;
use url::Url;
use uuid::Uuid;
use zarr_fuse_schemas::Secret;

use crate::sink::{Contribution, Sink, SinkError, Taken, Verdict};

/// Longest time for the service to answer.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A service somewhere else.
#[derive(Debug)]
pub struct Push {
    client: Client,
    url: Url,
    token: Option<Secret>,
    state: PathBuf,
}

impl Push {
    /// Contributes to the service at `url`, signed in with `token`; what collectors remember is kept in the folder `state`.
    ///
    /// # Errors
    /// What is wrong with `url`.
    pub fn new(url: &str, token: Option<Secret>, state: PathBuf) -> Result<Self, String> {
        let wrong = |reason: String| {
            format!(
                "`{url}` is no address of a service ({reason}); write such as `http://127.0.0.1:8000`"
            )
        };
        let mut base = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(wrong(
                "it does not begin with http:// or https://".to_owned(),
            ));
        }
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        let client = Client::builder().timeout(TIMEOUT).build();
        Ok(Self {
            client: client.map_err(|error| wrong(error.to_string()))?,
            url: base,
            token,
            state,
        })
    }

    fn address(&self, parts: &[&str]) -> Url {
        let mut url = self.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1"]);
            path.extend(
                parts
                    .iter()
                    .flat_map(|part| part.split('/'))
                    .filter(|part| !part.is_empty()),
            );
        }
        url
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token.expose()),
            None => request,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.state.join(format!("{name}.json"))
    }
}

#[async_trait]
impl Sink for Push {
    async fn contribute(&self, contribution: Contribution) -> Result<Taken, SinkError> {
        let mut url = self.address(&["ingest", &contribution.endpoint, &contribution.node]);
        for (name, value) in &contribution.variables {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            url.query_pairs_mut().append_pair(name, &text);
        }
        let mut request = self.signed(self.client.post(url));
        request = request.header("Idempotency-Key", contribution.idempotency_key);
        request = request.header(header::CONTENT_TYPE, contribution.content_type);
        if let Some(encoding) = contribution.content_encoding {
            request = request.header(header::CONTENT_ENCODING, encoding);
        }
        let response = answered(request.body(contribution.payload).send().await).await?;
        let replayed = response.headers().contains_key("idempotency-replayed");
        let answer: Json = response.json().await.map_err(unreachable)?;
        let id = answer["id"].as_str().and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| SinkError::Later {
            reason: "this is no zarr-fuse service: it gave no receipt".to_owned(),
            after: None,
        })?;
        Ok(Taken { id, replayed })
    }

    async fn outcome(&self, id: Uuid) -> Result<Verdict, SinkError> {
        let url = self.address(&["contributions", &id.to_string()]);
        let response = answered(self.signed(self.client.get(url)).send().await).await?;
        let answer: Json = response.json().await.map_err(unreachable)?;
        if answer["status"] == "journaled" {
            return Err(SinkError::Later {
                reason: "it is not merged yet".to_owned(),
                after: Some(Duration::from_secs(1)),
            });
        }
        Ok(Verdict {
            is_rejected: answer["status"] == "rejected",
            text: answer.to_string(),
        })
    }

    async fn remembered(&self, name: &str) -> Result<Option<Bytes>, SinkError> {
        match tokio::fs::read(self.file(name)).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(kept(&error, &self.file(name))),
        }
    }

    async fn remember(&self, name: &str, bytes: Vec<u8>) -> Result<(), SinkError> {
        let (file, new) = (self.file(name), self.state.join(format!("{name}.json.new")));
        let write = async {
            tokio::fs::create_dir_all(&self.state).await?;
            tokio::fs::write(&new, bytes).await?;
            tokio::fs::rename(&new, &file).await
        };
        write.await.map_err(|error| kept(&error, &file))
    }
}

fn kept(error: &std::io::Error, file: &std::path::Path) -> SinkError {
    SinkError::Later {
        reason: format!("`{}`: {error}", file.display()),
        after: None,
    }
}

fn unreachable(error: reqwest::Error) -> SinkError {
    SinkError::Later {
        reason: format!("the service cannot be reached: {}", error.without_url()),
        after: None,
    }
}

/// A good answer, or why there is none, in the words of the service.
async fn answered(response: Result<Response, reqwest::Error>) -> Result<Response, SinkError> {
    let response = response.map_err(unreachable)?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let after = response.headers().get(header::RETRY_AFTER);
    let after = after
        .and_then(|after| after.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let text = response.text().await.unwrap_or_default();
    let problem: Json = serde_json::from_str(&text).unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or("no reason given");
    let reason = format!("the service answered {status}: {detail}");
    Err(if is_final(status) {
        SinkError::Refused(reason)
    } else {
        SinkError::Later { reason, after }
    })
}

/// Whether a status says that these bytes will never be taken. A token that has ended, an endpoint that is missing in the
/// configuration, or a proxy that answers instead of the service say nothing about them.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::URI_TOO_LONG
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_the_bytes_is_final() {
        for status in [400, 413, 414, 415, 422] {
            assert!(is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
        for status in [
            302, 401, 403, 404, 405, 407, 408, 409, 410, 421, 425, 429, 500, 503, 507,
        ] {
            assert!(!is_final(StatusCode::from_u16(status).unwrap()), "{status}");
        }
    }
}
