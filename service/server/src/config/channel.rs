//! What channels are told through: mail addresses and hooks.

use lettre::message::Mailbox;
use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::WebhookConfig;

/// The channel that is always there.
pub const LOG: &str = "log";

/// Reads `ann@example.org` or `Ann <ann@example.org>`.
///
/// # Errors
/// What to write instead.
pub(crate) fn address(text: &str) -> Result<Mailbox, String> {
    text.parse()
        .map_err(|_error: lettre::address::AddressError| {
            format!(
                "`{text}` is not a mail address; write `ann@example.org` or `Ann <ann@example.org>`"
            )
        })
}

/// Whether a configuration can be used; else the key at fault, and what to do.
pub(crate) fn check_hook(config: &WebhookConfig) -> Result<(), (&'static str, String)> {
    url(config).map_err(|reason| ("url", reason))?;
    headers(config).map_err(|reason| ("headers", reason))?;
    Ok(())
}

/// The address of a hook.
pub(crate) fn url(config: &WebhookConfig) -> Result<Url, String> {
    let url = Url::parse(config.url.expose()).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "not an address: write `https://example.org/…`".to_owned())
}

/// What goes with each message to a hook.
pub(crate) fn headers(config: &WebhookConfig) -> Result<HeaderMap, String> {
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
