//! What happens, for those who follow it: contributions, commits, collectors, problems.
//!
//! A bounded list of recent events, each numbered and written once. Whoever follows reads the list on from the event it had
//! last; nothing is kept per follower, so that a slow one costs nothing: what it has missed when the list has moved on is
//! told to it as a reset. Events are found by looking at the journals (`look`), apart from those who append and fold.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

pub mod kinds;
pub(crate) mod look;
mod problems;

use kinds::{Event, Problem};
pub(crate) use problems::place;

/// Events kept for those who follow.
const MAX_EVENTS: usize = 4096;
/// Bytes of them.
const MAX_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug)]
pub struct Events {
    /// Part of every id, so that those of another process are told from ours.
    process: String,
    recent: Mutex<Recent>,
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<Published>,
    n_bytes: usize,
    newest: u64,
    /// What is wrong at present.
    problems: BTreeMap<String, Published>,
}

/// An event as it is sent.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its number.
    pub(crate) n: u64,
    /// What must be allowed to be read by who is to know of it.
    pub(crate) audience: Audience,
    /// As server-sent event.
    pub(crate) text: Bytes,
}

/// Who may know of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audience {
    /// The dataset it concerns.
    pub(crate) dataset: String,
    /// A public dataset is not enough.
    pub(crate) needs_scope: bool,
}

/// What follows an event.
#[derive(Debug)]
pub enum Next {
    /// These, oldest first; none if nothing has happened.
    Events(Vec<Published>),
    /// What followed is no longer known.
    Gone,
}

/// Where somebody begins to follow.
#[derive(Debug)]
pub(crate) struct Start {
    /// The newest event.
    pub(crate) newest: u64,
    /// What is wrong at present.
    pub(crate) problems: Vec<Published>,
}

impl Default for Events {
    fn default() -> Self {
        let (_, random) = Uuid::now_v7().as_u64_pair();
        Self {
            process: format!("{:012x}", random & 0xffff_ffff_ffff),
            recent: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Events {
    /// The id of event `n`.
    pub(crate) fn id(&self, n: u64) -> String {
        format!("{}-{n}", self.process)
    }

    /// The number of the event with this id, if it is one of this process.
    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        let n = id.strip_prefix(&self.process)?.strip_prefix('-')?;
        let n = n.parse().ok()?;
        (n <= self.recent.lock().newest).then_some(n)
    }

    /// Where to begin.
    pub(crate) fn start(&self) -> Start {
        let recent = self.recent.lock();
        Start {
            newest: recent.newest,
            problems: recent.problems.values().cloned().collect(),
        }
    }

    /// What came after event `n`, at most `max` of them.
    pub(crate) fn after(&self, n: u64, max: usize) -> Next {
        let recent = self.recent.lock();
        let oldest = recent.newest - recent.events.len() as u64;
        let Some(known) = n.checked_sub(oldest) else {
            return Next::Gone;
        };
        let known = usize::try_from(known).unwrap_or(usize::MAX);
        Next::Events(
            recent
                .events
                .iter()
                .skip(known)
                .take(max)
                .cloned()
                .collect(),
        )
    }

    /// Changes with every event.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Tells all who follow.
    pub fn publish(&self, event: &Event) {
        let mut recent = self.recent.lock();
        let n = recent.newest + 1;
        let audience = event.audience();
        let text = message(event.name(), Some(&self.id(n)), event);
        if let Event::Problem(problem) = event {
            recent.note(problem, &audience);
        }
        recent.newest = n;
        recent.n_bytes += text.len();
        let published = Published { n, audience, text };
        recent.events.push_back(published);
        while recent.events.len() > MAX_EVENTS || recent.n_bytes > MAX_BYTES {
            let Some(dropped) = recent.events.pop_front() else {
                break;
            };
            recent.n_bytes -= dropped.text.len();
        }
        drop(recent);
        self.newest.send_replace(n);
    }
}

impl Recent {
    /// Remembers what is wrong until it is over. Without an id, so that who is told of it at the start does not go on from
    /// there.
    fn note(&mut self, problem: &Problem, audience: &Audience) {
        let key = format!("{} {}", problem.rule.name(), problem.subject);
        if problem.is_over {
            self.problems.remove(&key);
            return;
        }
        let text = message(
            "problem",
            None,
            &serde_json::to_value(problem).unwrap_or_default(),
        );
        let audience = audience.clone();
        self.problems.insert(
            key,
            Published {
                n: 0,
                audience,
                text,
            },
        );
    }
}

/// An event as text.
pub(crate) fn message(name: &str, id: Option<&str>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("events have only string keys");
    let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}
