//! One item on its way: contributed, and what became of it.

use sha2::{Digest as _, Sha256};

use super::{Fate, Item, SINK_PAUSE, Settings, Watch};
use crate::clock::Clock;
use crate::scheduled::hex;
use crate::sink::{Contribution, Sink, SinkError, Taken, Verdict};
use crate::status::{MAX_LISTED, RunReport};
use crate::template::Variables;

impl Watch {
    /// Contributes an item; `None` if it is gone. Waits while the sink is not ready, but not for more than `n_tries`.
    pub(super) async fn contribute(
        &self,
        item: &Item,
        variables: Variables,
        n_tries: u32,
        sink: &dyn Sink,
        report: &mut RunReport,
    ) -> Result<Option<Taken>, Failure> {
        let Settings {
            name,
            destination,
            max_bytes,
            ..
        } = &self.settings;
        if item.n_bytes > *max_bytes {
            let reason = format!(
                "it has {} bytes, more than `max_bytes` ({max_bytes})",
                item.n_bytes
            );
            report.failed(format!("{}: {reason}", item.name));
            return Err(Failure::Item(refused(&reason)));
        }
        let Some(payload) = self.shelf.read(item).await.map_err(Failure::Place)? else {
            return Ok(None);
        };
        let n_bytes = payload.len() as u64;
        let sha256 = hex(&Sha256::digest(&payload));
        let contribution = Contribution {
            endpoint: destination.endpoint.clone(),
            node: destination.node.clone(),
            content_type: destination.content_type.clone().unwrap_or_default(),
            content_encoding: destination.content_encoding.clone(),
            file_name: item.name.clone(),
            variables,
            idempotency_key: key(name, &item.name, n_bytes, &sha256),
            payload,
        };
        let mut n_left = n_tries;
        loop {
            match sink.contribute(contribution.clone()).await {
                Ok(taken) => {
                    report.counts.contributed += u64::from(!taken.replayed);
                    report.counts.unchanged += u64::from(taken.replayed);
                    report.counts.bytes += n_bytes;
                    if report.contributions.len() < MAX_LISTED * 5 {
                        report.contributions.push(taken.id);
                    }
                    return Ok(Some(taken));
                }
                Err(SinkError::Refused(reason)) => {
                    report.failed(format!("{}: {reason}", item.name));
                    return Err(Failure::Item(refused(&reason)));
                }
                Err(SinkError::Later { reason, .. }) if n_left <= 1 => {
                    return Err(Failure::Sink(reason));
                }
                Err(SinkError::Later { reason, after }) => {
                    n_left -= 1;
                    self.status.lock().trouble = Some(format!("waiting to contribute: {reason}"));
                    report.counts.retries += 1;
                    self.clock.sleep(after.unwrap_or(SINK_PAUSE)).await;
                    self.status.lock().trouble = None;
                }
            }
        }
    }

    /// The fate of an item, unless it cannot be told; then it is asked for again at the next look.
    pub(super) fn judge(
        item: Item,
        taken: Taken,
        fate: Result<Fate, SinkError>,
        report: &mut RunReport,
    ) -> Option<(Item, Fate)> {
        match fate {
            Ok(fate) => {
                if fate.is_failed {
                    report.failed(format!(
                        "{}: rejected, contribution {}",
                        item.name, taken.id
                    ));
                }
                Some((item, fate))
            }
            Err(error) => {
                report.failed(format!("{}: contribution {}: {error}", item.name, taken.id));
                None
            }
        }
    }
}

/// Why an item did not become a contribution.
pub(super) enum Failure {
    /// It never will.
    Item(Fate),
    /// The place cannot be read; it is looked at again.
    Place(String),
    /// The sink does not take it now.
    Sink(String),
}

/// What became of a contribution, when it is known.
pub(super) async fn fate(sink: &dyn Sink, clock: &Clock, taken: Taken) -> Result<Fate, SinkError> {
    let Verdict { is_rejected, text } = loop {
        match sink.outcome(taken.id).await {
            // A sink that does not wait says when to ask again.
            Err(SinkError::Later {
                after: Some(after), ..
            }) => clock.sleep(after).await,
            told => break told?,
        }
    };
    let outcome: serde_json::Value =
        serde_json::from_str(&text).unwrap_or_else(|_text| text.into());
    let told = serde_json::json!({"contribution": taken.id, "outcome": outcome});
    Ok(Fate {
        is_failed: is_rejected,
        text: format!("{told:#}"),
    })
}

/// The fate of what was not taken at all.
fn refused(reason: &str) -> Fate {
    let told = serde_json::json!({"contribution": null, "reason": reason});
    Fate {
        is_failed: true,
        text: format!("{told:#}"),
    }
}

/// The same for the same bytes under the same name. Names that are long or odd are replaced by what tells them apart, since
/// keys may travel in headers.
fn key(collector: &str, name: &str, n_bytes: u64, sha256: &str) -> String {
    let is_plain = name.len() <= 100 && name.bytes().all(|byte| byte.is_ascii_graphic());
    let name = if is_plain {
        name.to_owned()
    } else {
        hex(&Sha256::digest(name))
    };
    format!("{collector}:{name}:{n_bytes}:{sha256}")
}
