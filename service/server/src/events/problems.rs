//! What is wrong now, told when it begins and when it is over.

use std::collections::BTreeMap;

use chrono::Utc;
use zarr_fuse_fusion::dataset::Dataset;
use zarr_fuse_journal::{AppendError, Entry, Filter, outcome::Status};
use zarr_fuse_schemas::row_problem::whole;

use super::Events;
use super::kinds::{Event, Problem, shortened};
use crate::collect::Collecting;
use crate::config::Trigger;
use crate::slot::Slot;

/// Contributions looked through for one that was taken after one that was rejected.
const MAX_LOOKED_THROUGH: usize = 200;

/// What was told and is not over.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By kind and subject.
    problems: BTreeMap<(&'static str, String), Problem>,
    /// By subject: the last contribution that was rejected.
    rejected: BTreeMap<String, Entry>,
}

impl Seen {
    /// Looks what is wrong with a dataset, apart from what was sent to it.
    pub(super) fn look(&mut self, events: &Events, dataset: &Dataset) {
        let name = &dataset.name;
        let fenced = dataset.journal.is_fenced().then(|| {
            let text = "This one answers queries from what it knows and takes nothing more. If the other one is meant to go on, stop this one; else stop the other one and start this one again.";
            (format!("another zf process has taken over the dataset `{name}`"), text.to_owned())
        });
        self.set(events, Trigger::TakenOver, name, name, fenced);
        let closed = match dataset.journal.check_writable() {
            Err(AppendError::Store(error)) => Some((
                format!("the journal of `{name}` cannot be written: nothing is taken"),
                format!(
                    "{}. Senders are told to come back; nothing that was acknowledged is lost.",
                    whole(&*error).reason
                ),
            )),
            _ => None,
        };
        self.set(events, Trigger::StoreUnreachable, name, name, closed);
        let troubles = dataset.troubles();
        for path in dataset.nodes.keys() {
            let subject = place(name, path);
            let reason = troubles.get(path).filter(|_| !dataset.journal.is_fenced());
            let stuck = reason.map(|reason| {
                let title = format!("what arrives for `{subject}` is not merged");
                let text = format!(
                    "{reason}. {} contributions wait; they are in the journal and are merged when this is over.",
                    dataset.journal.n_waiting()
                );
                (title, text)
            });
            self.set(events, Trigger::FoldStuck, &subject, name, stuck);
        }
        self.forget_rejected(events, dataset);
    }

    /// Notes a contribution of which nothing could be taken.
    pub(super) fn rejected(&mut self, events: &Events, dataset: &Dataset, entry: &Entry) {
        let header = &entry.header;
        let node = place(&dataset.name, &header.node);
        let subject = format!("{node} through {}", header.endpoint);
        let outcome = entry.outcome.as_deref();
        let reason = outcome.and_then(|outcome| outcome.problems.first());
        let reason = reason.map_or("nothing of it could be taken", |problem| &problem.reason);
        let id = header.id;
        let title = format!(
            "a contribution was rejected: to `{node}` through `{}`",
            header.endpoint
        );
        let text = format!(
            "{id}: {}. It is kept: mend the extraction or the schema, then `zf retry {id}`, or `zf retract` it.",
            shortened(reason)
        );
        self.rejected.insert(subject.clone(), entry.clone());
        let rule = Trigger::ContributionRejected;
        self.set(events, rule, &subject, &dataset.name, Some((title, text)));
    }

    /// Whether what was rejected was taken at last, or a later one of its kind.
    fn forget_rejected(&mut self, events: &Events, dataset: &Dataset) {
        let journal = &dataset.journal;
        let is_over = |entry: &Entry| {
            let header = &entry.header;
            let status = journal.outcome(header.seq).map(|outcome| outcome.status);
            let later = journal.list(&Filter {
                node: Some(header.node.clone()),
                endpoint: Some(header.endpoint.clone()),
                limit: MAX_LOOKED_THROUGH,
                ..Filter::default()
            });
            let is_taken = |later: &Entry| {
                later.header.seq > header.seq
                    && matches!(later.status(), Status::Merged | Status::Partial)
            };
            status != Some(Status::Rejected) || later.iter().any(is_taken)
        };
        let over: Vec<String> = self
            .rejected
            .extract_if(.., |_, entry| is_over(entry))
            .map(|(subject, _)| subject)
            .collect();
        for subject in over {
            let rule = Trigger::ContributionRejected;
            self.set(events, rule, &subject, &dataset.name, None);
        }
    }

    /// Looks whether a collector failed.
    pub(super) fn collector(&mut self, events: &Events, name: &str, collecting: &Collecting) {
        let status = collecting.collector.status();
        let last = status.last.as_ref().filter(|last| !last.is_good());
        let wrong = match (last, status.trouble) {
            (_, Some(trouble)) => Some((format!("the collector `{name}` cannot work"), trouble)),
            (Some(last), None) => Some((
                format!("the collector `{name}` failed"),
                last.errors.first().cloned().unwrap_or_default(),
            )),
            (None, None) => None,
        };
        let wrong = wrong.map(|(title, reason)| {
            let reason = shortened(&reason);
            (
                title,
                format!("{reason}. See GET /api/v1/collectors and the log."),
            )
        });
        let dataset = collecting.endpoint.dataset();
        self.set(events, Trigger::CollectorFailed, name, dataset, wrong);
    }

    /// Looks whether a dataset is open, and as it is configured.
    pub(super) fn slot(&mut self, events: &Events, slot: &Slot) {
        let name = &slot.name;
        let not_open = slot.dataset().err().filter(|error| error.has_failed);
        let wrong = match (not_open, slot.refused()) {
            (Some(error), _) => Some((
                format!("the dataset `{name}` is not open"),
                format!(
                    "{}. It is tried again and again, and when files of the configuration change; the other datasets serve on.",
                    shortened(&error.reason)
                ),
            )),
            (None, Some(reason)) => Some((
                format!("an edit of the dataset `{name}` does not take effect"),
                format!(
                    "{}. The dataset serves on as it was before.",
                    shortened(&reason)
                ),
            )),
            (None, None) => None,
        };
        self.set(events, Trigger::DatasetFailed, name, name, wrong);
    }

    /// Nothing is watched any more: what is wrong counts as over.
    pub(super) fn forget(&mut self, events: &Events) {
        let known: Vec<_> = self.problems.values().cloned().collect();
        for problem in known {
            let Problem {
                rule,
                subject,
                dataset,
                ..
            } = problem;
            self.set(events, rule, &subject, &dataset, None);
        }
    }

    /// Tells if what is wrong has begun, changed its title, or is over.
    fn set(
        &mut self,
        events: &Events,
        rule: Trigger,
        subject: &str,
        dataset: &str,
        wrong: Option<(String, String)>,
    ) {
        let key = (rule.name(), subject.to_owned());
        let known = self.problems.get(&key);
        let problem = match (known, wrong) {
            (None, None) => return,
            (Some(known), Some((title, _))) if known.title == title => return,
            (_, Some((title, text))) => Problem {
                rule,
                subject: subject.to_owned(),
                dataset: dataset.to_owned(),
                is_over: false,
                since: Utc::now(),
                title,
                text,
            },
            (Some(known), None) => Problem {
                is_over: true,
                ..known.clone()
            },
        };
        if problem.is_over {
            self.problems.remove(&key);
        } else {
            self.problems.insert(key, problem.clone());
        }
        events.publish(&Event::Problem(problem));
    }
}

/// `dataset/node`, as problems name it.
pub(crate) fn place(dataset: &str, path: &str) -> String {
    let path = path.trim_matches('/');
    if path.is_empty() {
        dataset.to_owned()
    } else {
        format!("{dataset}/{path}")
    }
}
