//! What was told of each problem, and what is to be told now: plain bookkeeping, with the time as an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::delta;
use super::message::{Item, Stage};
use crate::config::NotifyConfig;

/// Most problems known at a time; further ones are not told one by one.
pub const MAX_PROBLEMS: usize = 10_000;

/// What a rule found wrong about something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// What it is about; the same as long as it is the same problem.
    pub subject: String,
    /// In one line.
    pub title: String,
    /// What is known, and what to do.
    pub text: String,
    /// Since when, if known.
    pub since: Option<DateTime<Utc>>,
    /// How long it must last until it is told.
    pub after: Duration,
}

/// What is wrong now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// What was found.
    pub findings: Vec<Finding>,
    /// Rules that could not find out about a subject, or about anything (`None`); what was known stays as it is.
    pub unsure: BTreeSet<(String, Option<String>)>,
}

/// A problem that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    title: String,
    text: String,
    since: DateTime<Utc>,
    /// When it was last told; `None`: it has not lasted long enough.
    told_at: Option<DateTime<Utc>>,
    /// Since when it is gone, unless it is there.
    gone_since: Option<DateTime<Utc>>,
}

/// Something to tell: by rule and stage, the problems it is about.
pub type News = BTreeMap<(String, Stage), Vec<Item>>;

/// See the module.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ledger {
    /// By rule and subject.
    known: BTreeMap<String, BTreeMap<String, Known>>,
}

impl Ledger {
    /// Whether a problem was told and is not over.
    pub fn is_told(&self, rule: &str, subject: &str) -> bool {
        let known = self.known.get(rule).and_then(|known| known.get(subject));
        known.is_some_and(|known| known.told_at.is_some())
    }

    /// Takes note of what is wrong now, and gives what is to be told.
    pub fn update(&mut self, config: &NotifyConfig, sight: &Sight, now: DateTime<Utc>) -> News {
        self.known.retain(|rule, _| config.rules.contains_key(rule));
        let mut news = News::new();
        let mut there = BTreeSet::new();
        for finding in &sight.findings {
            there.insert((finding.rule.as_str(), finding.subject.as_str()));
            if let Some(stage) = self.find(config, finding, now) {
                let item = self.item(&finding.rule, &finding.subject);
                news.entry((finding.rule.clone(), stage))
                    .or_default()
                    .extend(item);
            }
        }
        for (rule, known) in &mut self.known {
            let over_after = config
                .rules
                .get(rule)
                .map(crate::config::RuleConfig::over_after);
            let over_after = delta(over_after.unwrap_or_default());
            if sight.unsure.contains(&(rule.clone(), None)) {
                continue;
            }
            let mut over = Vec::new();
            known.retain(|subject, known| {
                let unsure = (rule.clone(), Some(subject.clone()));
                if there.contains(&(rule.as_str(), subject.as_str()))
                    || sight.unsure.contains(&unsure)
                {
                    return true;
                }
                let gone_since = *known.gone_since.get_or_insert(now);
                if known.told_at.is_some() && now - gone_since < over_after {
                    return true;
                }
                if known.told_at.is_some() {
                    over.push(Item::new(subject, &known.title, &known.text, known.since));
                }
                false
            });
            if !over.is_empty() {
                news.insert((rule.clone(), Stage::Over), over);
            }
        }
        news
    }

    /// Takes note of something wrong; gives what to tell of it, if anything.
    fn find(
        &mut self,
        config: &NotifyConfig,
        finding: &Finding,
        now: DateTime<Utc>,
    ) -> Option<Stage> {
        let n: usize = self.known.values().map(BTreeMap::len).sum();
        let known = self.known.entry(finding.rule.clone()).or_default();
        if n >= MAX_PROBLEMS && !known.contains_key(&finding.subject) {
            return None;
        }
        let known = known
            .entry(finding.subject.clone())
            .or_insert_with(|| Known {
                title: String::new(),
                text: String::new(),
                since: finding.since.unwrap_or(now),
                told_at: None,
                gone_since: None,
            });
        known.title.clone_from(&finding.title);
        known.text.clone_from(&finding.text);
        known.gone_since = None;
        let rule = config.rules.get(&finding.rule);
        let remind_after = rule.and_then(|rule| rule.remind_after);
        let remind_after = remind_after.unwrap_or(config.remind_after);
        let stage = match known.told_at {
            None if now - known.since >= delta(finding.after) => Stage::Began,
            Some(told) if !remind_after.is_zero() && now - told >= delta(remind_after) => {
                Stage::Reminder
            }
            _ => return None,
        };
        known.told_at = Some(now);
        Some(stage)
    }

    fn item(&self, rule: &str, subject: &str) -> Option<Item> {
        let known = self.known.get(rule)?.get(subject)?;
        Some(Item::new(subject, &known.title, &known.text, known.since))
    }
}
