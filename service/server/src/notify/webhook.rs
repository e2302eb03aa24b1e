//! Messages as the JSON body of a POST.

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use zarr_fuse_schemas::row_problem::whole;

use super::message::Message;
use super::outbox::{DeliveryError, asked_pause};
use crate::config::{WebhookConfig, headers, url};

/// A program that takes messages.
pub(super) struct Hook {
    client: Client,
    url: Url,
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
