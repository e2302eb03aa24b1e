//! Which runs are due, which were missed, and which of those are made up for.

use chrono::{DateTime, Utc};

use super::Scheduled;
use crate::config::CatchUp;
use crate::memory::Memory;

/// Most missed runs that are made up for.
const MAX_MISSED: usize = 100;

/// A run that is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Due {
    /// When it was due.
    pub at: DateTime<Utc>,
    /// Its kind.
    pub run: usize,
}

impl Scheduled {
    /// What identifies a kind of run, however the list is ordered.
    pub(super) fn key(&self, run: usize) -> String {
        let kind = &self.plan.runs[run];
        let set = serde_json::Value::Object(kind.set.clone());
        format!("{} {} {set}", kind.cron, kind.schedule.zone())
    }

    /// When the next run is due.
    pub(super) fn next(&self, memory: &Memory) -> Option<DateTime<Utc>> {
        let kinds = self.plan.runs.iter().enumerate();
        let next =
            kinds.filter_map(|(run, kind)| kind.schedule.after(*memory.runs.get(&self.key(run))?));
        next.min()
    }

    /// The runs to be done now, in order; those that are left out are marked as done.
    pub(super) fn missed(&self, memory: &mut Memory, now: DateTime<Utc>) -> Vec<Due> {
        let mut due = Vec::new();
        for (run, kind) in self.plan.runs.iter().enumerate() {
            let key = self.key(run);
            let mut at = memory.runs.get(&key).copied().unwrap_or(now);
            let mut of_kind: Vec<Due> = Vec::new();
            while let Some(next) = kind.schedule.after(at).filter(|next| *next <= now) {
                at = next;
                of_kind.push(Due { at, run });
                if of_kind.len() > MAX_MISSED {
                    of_kind.remove(0);
                }
            }
            let Some(last) = of_kind.last().copied() else {
                continue;
            };
            let is_on_time = Self::is_on_time(kind.schedule.after(last.at), last.at, now);
            match self.settings.catch_up {
                CatchUp::All => {}
                CatchUp::Last => of_kind = vec![last],
                CatchUp::None if is_on_time => of_kind = vec![last],
                CatchUp::None => of_kind.clear(),
            }
            if of_kind.is_empty() {
                memory.runs.insert(key, last.at);
            }
            due.extend(of_kind);
        }
        due.sort_unstable();
        due
    }

    /// A run is not missed while less than a tenth of the time to the next one has passed, or ten seconds.
    fn is_on_time(next: Option<DateTime<Utc>>, at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        let late = now - at;
        late.num_seconds() < 10 || next.is_some_and(|next| late * 10 < next - at)
    }
}
