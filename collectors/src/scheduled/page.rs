//! One page of a run: fetched unless it is fresh, contributed if it is new.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::{Due, SINK_PAUSE, Scheduled, Settings, hex};
use crate::clock::later;
use crate::fetch::{Answer, Fetched};
use crate::memory::Page;
use crate::plan::Planned;
use crate::shown::ShownUrl;
use crate::sink::{Contribution, Sink, SinkError, Taken};
use crate::status::Counts;

/// What all pages of a run share.
#[derive(Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) collector: &'a Scheduled,
    pub(super) due: Due,
    pub(super) deadline: DateTime<Utc>,
    pub(super) counts: &'a Mutex<Counts>,
    pub(super) known: &'a BTreeMap<String, Page>,
    pub(super) sink: &'a dyn Sink,
}

/// What came of a page.
pub(super) struct Done {
    pub(super) key: String,
    pub(super) page: Option<Page>,
    pub(super) taken: Option<Taken>,
    pub(super) error: Option<String>,
}

impl Work<'_> {
    pub(super) async fn page(self, planned: Planned) -> Done {
        let key = key_of(&planned);
        let (page, taken, error) = match self.get(&planned, &key).await {
            Ok((page, taken)) => (page, taken, None),
            Err(error) => {
                let (number, url) = (planned.number, ShownUrl::from(&planned.url));
                (
                    None,
                    None,
                    Some(format!("request {number}, {url}: {error}")),
                )
            }
        };
        Done {
            key,
            page,
            taken,
            error,
        }
    }

    async fn get(
        self,
        planned: &Planned,
        key: &str,
    ) -> Result<(Option<Page>, Option<Taken>), String> {
        let clock = &self.collector.clock;
        let known = self.known.get(key);
        let now = clock.now();
        if let Some(page) = known
            && page.expires.is_some_and(|expires| expires > now)
        {
            self.counts.lock().fresh += 1;
            return Ok((None, None));
        }
        let fetcher = &self.collector.fetcher;
        let page = fetcher
            .fetch(planned, known, self.deadline, self.counts)
            .await;
        let answer = match (page.map_err(|error| error.to_string())?, known) {
            (Fetched::Page(answer), _) => *answer,
            (Fetched::NotModified { expires }, known) => {
                self.counts.lock().unchanged += 1;
                let page = known.cloned().map(|page| Page {
                    expires,
                    seen: now,
                    ..page
                });
                return Ok((page, None));
            }
        };
        let sha256 = fingerprint(planned, &answer.body);
        let is_new = !answer.body.is_empty() && known.is_none_or(|page| page.sha256 != sha256);
        let page = Page {
            etag: answer.etag.clone(),
            last_modified: answer.last_modified.clone(),
            expires: answer.expires,
            sha256: sha256.clone(),
            seen: now,
        };
        if !is_new {
            self.counts.lock().unchanged += 1;
            return Ok((Some(page), None));
        }
        let n_bytes = answer.body.len() as u64;
        let taken = self.contribute(planned, answer, &sha256).await?;
        let mut counts = self.counts.lock();
        counts.contributed += 1;
        counts.bytes += n_bytes;
        Ok((Some(page), Some(taken)))
    }

    /// Contributes an answer; waits while the sink is not ready.
    async fn contribute(
        self,
        planned: &Planned,
        answer: Answer,
        sha256: &str,
    ) -> Result<Taken, String> {
        let Settings {
            name, destination, ..
        } = &self.collector.settings;
        let content_type = destination.content_type.clone();
        let contribution = Contribution {
            endpoint: destination.endpoint.clone(),
            node: destination.node.clone(),
            content_type: content_type.unwrap_or(answer.content_type),
            content_encoding: destination.content_encoding.clone(),
            file_name: answer.file_name,
            variables: planned.variables.clone(),
            // The same run that is done again after a crash contributes the same; a later one may bring back older bytes.
            idempotency_key: format!("{name}@{}:{sha256}", self.due.at.timestamp()),
            payload: answer.body,
        };
        loop {
            match self.sink.contribute(contribution.clone()).await {
                Ok(taken) => return Ok(taken),
                Err(SinkError::Refused(reason)) => return Err(reason),
                Err(SinkError::Later { reason, after }) => {
                    let clock = &self.collector.clock;
                    let until = later(clock.now(), after.unwrap_or(SINK_PAUSE));
                    if until >= self.deadline {
                        return Err(reason);
                    }
                    clock.sleep_until(until).await;
                }
            }
        }
    }
}

/// What identifies a request across restarts; a hash, since there may be secrets in it.
fn key_of(planned: &Planned) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{:?} {}\n", planned.method, planned.url));
    for (name, value, secret) in &planned.headers {
        if !secret {
            hash.update(format!("{name}: {value}\n"));
        }
    }
    hash.update(planned.body.as_deref().unwrap_or_default());
    hex(&hash.finalize())
}

/// Of what would be contributed.
fn fingerprint(planned: &Planned, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    let variables = serde_json::Value::Object(planned.variables.clone());
    hash.update(format!("{variables}\n"));
    hash.update(body);
    hex(&hash.finalize())
}
