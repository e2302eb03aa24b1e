//! Messages as the JSON body of a POST.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use zarr_fuse_schemas::row_problem::whole;

use super::message::Message;
use super::outbox::{DeliveryError, asked_pause};
use crate::config::WebhookConfig;

/// A program that takes messages.
pub(super) struct Hook {
    client: Client,
    url: Url,
}

/// Whether a configuration can be used; else the key at fault, and what to do.
pub(crate) fn check(config: &WebhookConfig) -> Result<(), (&'static str, String)> {
    url(config).map_err(|reason| ("url", reason))?;
    headers(config).map_err(|reason| ("headers", reason))?;
    Ok(())
}

fn url(config: &WebhookConfig) -> Result<Url, String> {
    let url = Url::parse(config.url.expose()).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "not an address: write `https://example.org/…`".to_owned())
}

fn headers(config: &WebhookConfig) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let key = HeaderName::try_from(name.as_str())
            .map_err(|_invalid| format!("`{name}` is not the name of a header"))?;
        let mut value = HeaderValue::try_from(value.expose()).map_err(|_invalid| {
            format!("the value of `{name}` has characters that headers cannot have")
        })?;
        value.set_sensitive(true);
        headers.insert(key, value);
    }
    Ok(headers)
}

impl Hook {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, String> {
        let client = Client::builder()
            .user_agent("zarr-fuse")
            .default_headers(headers(config)?)
            .timeout(config.timeout)
            // A redirect would take the headers to who knows where.
            .redirect(Policy::none())
            .build();
        let client = client.map_err(|error| whole(&error.without_url()).reason)?;
        Ok(Self {
            client,
            url: url(config)?,
        })
    }

    /// Delivers a message.
    pub(super) async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        let body = serde_json::to_vec(message).expect("a message has only string keys");
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Idempotency-Key", message.id.to_string())
            .body(body);
        let answer = request.send().await.map_err(|error| DeliveryError::Later {
            reason: whole(&error.without_url()).reason,
            after: None,
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = format!("it answers {status}");
        let passes = matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        );
        if passes || status.is_server_error() {
            let after = answer.headers().get(RETRY_AFTER);
            let after = asked_pause(after.and_then(|value| value.to_str().ok()));
            return Err(DeliveryError::Later { reason, after });
        }
        Err(DeliveryError::Refused(reason))
    }
}
