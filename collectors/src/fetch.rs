//! Fetches one page: politely, conditionally, within bounds, from allowed addresses only.

use std::error::Error as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use url::Url;

use crate::address::{Addresses, Private};
use crate::clock::{Clock, later};
use crate::config::{Method, Request};
use crate::hosts::Hosts;
use crate::memory::Page;
use crate::plan::{Plan, Planned};
use crate::shown::ShownUrl;
use crate::status::Counts;

/// Most redirects of a request.
const MAX_REDIRECTS: usize = 5;
/// Longest pause before a request is made again, unless the server asks for more.
const MAX_PAUSE: Duration = Duration::from_mins(5);
/// First pause.
const MIN_PAUSE: Duration = Duration::from_secs(1);

/// Makes the requests of a collector.
#[derive(Debug)]
pub(crate) struct Fetcher {
    client: Client,
    addresses: Addresses,
    hosts: Hosts,
    clock: Clock,
    chance: Mutex<fastrand::Rng>,
    settings: Request,
}

/// What a server gave.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// What is known is still right.
    NotModified {
        /// Until when.
        expires: Option<DateTime<Utc>>,
    },
    /// Something.
    Page(Box<Answer>),
}

/// A page.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    pub(crate) expires: Option<DateTime<Utc>>,
    /// The last part of the path it came from.
    pub(crate) file_name: String,
}

/// Why a page was not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    #[error("the request failed: {0}")]
    Broken(String),
    #[error("the server answered {status}")]
    Status {
        status: StatusCode,
        /// When to try again, if the server says so.
        retry_at: Option<DateTime<Utc>>,
    },
    #[error("the answer is larger than `max_response_bytes` ({0})")]
    TooLarge(u64),
    #[error("it redirects to `{0}`, a host that is not in `redirect_hosts`")]
    ForbiddenHost(String),
    #[error("it redirects to `{0}`, which is not encrypted")]
    Downgrade(String),
    #[error("it redirects more than {MAX_REDIRECTS} times")]
    TooManyRedirects,
    #[error("it redirects to nowhere")]
    NoLocation,
    #[error(transparent)]
    Private(#[from] Private),
    #[error("the header `{0}` cannot be sent: its value holds line breaks or the like")]
    Header(String),
    #[error("{last}; the server asks to come back at {until}, after the run has to end")]
    TooLate {
        last: Box<FetchError>,
        until: DateTime<Utc>,
    },
}

impl FetchError {
    /// Whether another try may help.
    fn may_pass(&self) -> bool {
        match self {
            Self::TimedOut(_) | Self::Broken(_) => true,
            Self::Status { status, .. } => {
                status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
            }
            _ => false,
        }
    }
}

impl Fetcher {
    /// Requests as `settings` say, from the addresses that `plan` allows.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub(crate) fn new(
        settings: &Request,
        plan: &Plan,
        hosts: Hosts,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, reqwest::Error> {
        let addresses = Addresses::new(&plan.allow_private);
        // A proxy would look names up itself, where private addresses cannot be told.
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .dns_resolver(std::sync::Arc::new(addresses.clone()))
            .pool_max_idle_per_host(settings.max_concurrent_per_host)
            .build()?;
        Ok(Self {
            client,
            addresses,
            hosts,
            clock,
            chance: Mutex::new(fastrand::Rng::with_seed(seed)),
            settings: settings.clone(),
        })
    }

    /// Fetches a page, again and again if need be, but not after `deadline`; `known` is what was seen of it before.
    pub(crate) async fn fetch(
        &self,
        planned: &Planned,
        known: Option<&Page>,
        deadline: DateTime<Utc>,
        counts: &Mutex<Counts>,
    ) -> Result<Fetched, FetchError> {
        let mut attempt = 1;
        loop {
            let error = match self.once(planned, known, counts).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) => error,
            };
            tracing::debug!(
                attempt,
                "Fetching {} failed: {error}",
                ShownUrl::from(&planned.url)
            );
            if !error.may_pass() || attempt >= self.settings.max_attempts {
                return Err(error);
            }
            let until = match &error {
                FetchError::Status {
                    retry_at: Some(at), ..
                } => {
                    let host = planned.url.host_str().unwrap_or_default();
                    self.hosts.pause(host, *at);
                    *at
                }
                _ => later(self.clock.now(), self.pause(attempt)),
            };
            if until >= deadline {
                let last = Box::new(error);
                return Err(FetchError::TooLate { last, until });
            }
            self.clock.sleep_until(until).await;
            attempt += 1;
            counts.lock().retries += 1;
        }
    }

    /// Between half and the whole of a time that doubles.
    fn pause(&self, attempt: u32) -> Duration {
        let whole = MIN_PAUSE
            .saturating_mul(2_u32.saturating_pow(attempt - 1))
            .min(MAX_PAUSE);
        whole.mul_f64(0.5 + 0.5 * self.chance.lock().f64())
    }

    /// One try, with its redirects.
    async fn once(
        &self,
        planned: &Planned,
        known: Option<&Page>,
        counts: &Mutex<Counts>,
    ) -> Result<Fetched, FetchError> {
        let mut url = planned.url.clone();
        let mut method = planned.method;
        // Waiting for a turn does not count.
        let mut limit = None;
        for _ in 0..=MAX_REDIRECTS {
            self.addresses.check(&url)?;
            let host = url.host_str().unwrap_or_default().to_owned();
            let settings = &self.settings;
            let turn = self.hosts.turn(
                &host,
                settings.max_concurrent_per_host,
                settings.min_interval,
                &self.clock,
            );
            let _turn = turn.await;
            let limit = *limit.get_or_insert_with(|| later(self.clock.now(), settings.timeout));
            let request = self.request(planned, method, &url, known)?;
            counts.lock().requests += 1;
            let answered = self.clock.by(limit, async {
                let response = request.send().await.map_err(broken)?;
                self.read(response, known.is_some()).await
            });
            let read = answered
                .await
                .ok_or(FetchError::TimedOut(settings.timeout))??;
            match read {
                Read::Done(fetched) => return Ok(fetched),
                Read::Redirect { to, sees_other } => {
                    url = self.redirect(&url, &to, &planned.url)?;
                    if sees_other {
                        method = Method::Get;
                    }
                }
            }
        }
        Err(FetchError::TooManyRedirects)
    }

    fn request(
        &self,
        planned: &Planned,
        method: Method,
        url: &Url,
        known: Option<&Page>,
    ) -> Result<reqwest::RequestBuilder, FetchError> {
        let mut headers = HeaderMap::new();
        let elsewhere = url.host() != planned.url.host();
        for (name, value, secret) in &planned.headers {
            if elsewhere && *secret {
                continue;
            }
            let unusable = || FetchError::Header(name.clone());
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_error| unusable())?;
            let mut value = HeaderValue::from_str(value).map_err(|_error| unusable())?;
            value.set_sensitive(*secret);
            headers.append(key, value);
        }
        let condition = |name: HeaderName, value: Option<&String>| {
            Some((name, HeaderValue::from_str(value?).ok()?))
        };
        if let Some(page) = known {
            headers.extend(condition(header::IF_NONE_MATCH, page.etag.as_ref()));
            headers.extend(condition(
                header::IF_MODIFIED_SINCE,
                page.last_modified.as_ref(),
            ));
        }
        let (method, body) = match method {
            Method::Get => (reqwest::Method::GET, None),
            Method::Post => (reqwest::Method::POST, planned.body.clone()),
        };
        let request = self.client.request(method, url.clone()).headers(headers);
        Ok(match body {
            Some(body) => request.body(body),
            None => request,
        })
    }

    /// Where a redirect leads, if it may be followed.
    fn redirect(&self, from: &Url, to: &str, first: &Url) -> Result<Url, FetchError> {
        let url = from.join(to).map_err(|_error| FetchError::NoLocation)?;
        let host = url.host_str().unwrap_or_default();
        if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
            return Err(FetchError::NoLocation);
        }
        let allowed = Some(host) == first.host_str()
            || self
                .settings
                .redirect_hosts
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host));
        if !allowed {
            return Err(FetchError::ForbiddenHost(host.to_owned()));
        }
        if from.scheme() == "https" && url.scheme() == "http" {
            return Err(FetchError::Downgrade(format!("http://{host}")));
        }
        Ok(url)
    }

    async fn read(&self, mut response: Response, is_conditional: bool) -> Result<Read, FetchError> {
        let status = response.status();
        let headers = response.headers();
        let text = |name| text(headers, name);
        let expires = self.expires(headers);
        match status.as_u16() {
            304 if is_conditional => return Ok(Read::Done(Fetched::NotModified { expires })),
            301 | 302 | 303 | 307 | 308 => {
                let to = text(header::LOCATION).ok_or(FetchError::NoLocation)?;
                let sees_other = matches!(status.as_u16(), 301..=303);
                return Ok(Read::Redirect { to, sees_other });
            }
            200..=299 => {}
            _ => {
                let retry_at = text(header::RETRY_AFTER).and_then(|after| self.moment(&after));
                return Err(FetchError::Status { status, retry_at });
            }
        }
        let mut answer = Answer {
            body: Bytes::new(),
            content_type: text(header::CONTENT_TYPE).unwrap_or_default(),
            etag: text(header::ETAG),
            last_modified: text(header::LAST_MODIFIED),
            expires,
            file_name: file_name(response.url()),
        };
        let max = self.settings.max_response_bytes;
        let too_large = |n: u64| n > max;
        if response.content_length().is_some_and(too_large) {
            return Err(FetchError::TooLarge(max));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if too_large((body.len() + chunk.len()) as u64) {
                return Err(FetchError::TooLarge(max));
            }
            body.extend_from_slice(&chunk);
        }
        answer.body = body.freeze();
        Ok(Read::Done(Fetched::Page(Box::new(answer))))
    }

    /// Until when an answer need not be asked for again.
    fn expires(&self, headers: &HeaderMap) -> Option<DateTime<Utc>> {
        let control = text(headers, header::CACHE_CONTROL)
            .unwrap_or_default()
            .to_ascii_lowercase();
        let mut directives = control.split(',').map(str::trim);
        if directives
            .clone()
            .any(|directive| matches!(directive, "no-cache" | "no-store"))
        {
            return None;
        }
        let max_age = directives.find_map(|directive| directive.strip_prefix("max-age="));
        if let Some(seconds) = max_age.and_then(|seconds| seconds.parse().ok()) {
            return Some(later(self.clock.now(), Duration::from_secs(seconds)));
        }
        date(&text(headers, header::EXPIRES)?)
    }

    /// Reads seconds from now, or a date.
    fn moment(&self, text: &str) -> Option<DateTime<Utc>> {
        match text.trim().parse() {
            Ok(seconds) => Some(later(self.clock.now(), Duration::from_secs(seconds))),
            Err(_not_seconds) => date(text),
        }
    }
}

/// What one answer comes to.
enum Read {
    Done(Fetched),
    Redirect {
        to: String,
        /// What follows is asked for without a body.
        sees_other: bool,
    },
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some(date.with_timezone(&Utc))
}

fn file_name(url: &Url) -> String {
    let name = url.path().rsplit('/').next();
    name.unwrap_or_default().to_owned()
}

/// The innermost causes tell; the address is not repeated, since it may hold secrets.
fn broken(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(private) = inner.downcast_ref::<Private>() {
            return FetchError::Private(private.clone());
        }
        text = inner.to_string();
        cause = inner.source();
    }
    if text.is_empty() {
        text = error.to_string();
    }
    FetchError::Broken(text)
}
