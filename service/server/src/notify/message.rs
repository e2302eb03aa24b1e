//! What is told: one message for all problems of a rule that begin, last or are over at the same time.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ledger::News;
use crate::config::{NotifyConfig, Trigger};

/// Most problems that a message lists; further ones are counted.
const MAX_ITEMS: usize = 50;
/// Longest text about one problem, in characters.
const MAX_TEXT: usize = 1000;

/// Where in its life a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It is told for the first time.
    Began,
    /// It lasts.
    Reminder,
    /// It is gone.
    Over,
}

/// A problem, as a message tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is about.
    pub subject: String,
    /// In one line.
    pub title: String,
    /// What is known, and what to do.
    pub text: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

impl Item {
    pub(super) fn new(subject: &str, title: &str, text: &str, since: DateTime<Utc>) -> Self {
        let cut = |text: &str| text.chars().take(MAX_TEXT).collect();
        Self {
            subject: cut(subject),
            title: cut(title),
            text: cut(text),
            since,
        }
    }
}

/// What is told; a webhook gets it as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The same however often it is delivered.
    pub id: Uuid,
    /// When it was made.
    pub at: DateTime<Utc>,
    /// `name` of the configuration.
    pub service: String,
    /// Whether the problems begin, last or are over.
    pub stage: Stage,
    /// The rule that found them.
    pub rule: String,
    /// What the rule looks for.
    pub when: Trigger,
    /// In one line.
    pub title: String,
    /// The problems.
    pub problems: Vec<Item>,
    /// How many there are; `problems` lists the first 50.
    pub n_problems: usize,
}

/// The messages of what is to be told.
pub(super) fn messages(config: &NotifyConfig, news: News, now: DateTime<Utc>) -> Vec<Message> {
    let message = |((rule, stage), mut problems): ((String, Stage), Vec<Item>)| {
        let when = config.rules.get(&rule)?.when;
        let n_problems = problems.len();
        problems.truncate(MAX_ITEMS);
        let what = match problems.as_slice() {
            [] => return None,
            [one] => one.title.clone(),
            [first, ..] => format!(
                "{n_problems} problems of the rule `{rule}`, first: {}",
                first.title
            ),
        };
        let title = match stage {
            Stage::Began => what,
            Stage::Reminder => format!("still: {what}"),
            Stage::Over => format!("over: {what}"),
        };
        Some(Message {
            id: Uuid::now_v7(),
            at: now,
            service: config.name.clone(),
            stage,
            rule,
            when,
            title,
            problems,
            n_problems,
        })
    };
    news.into_iter().filter_map(message).collect()
}

impl Message {
    /// The subject of an e-mail.
    pub(super) fn subject(&self) -> String {
        let title: String = self.title.chars().take(150).collect();
        format!("[{}] {title}", self.service)
    }

    /// As people read it.
    pub(super) fn body(&self) -> String {
        let mut body = String::new();
        for item in &self.problems {
            let since = item.since.to_rfc3339_opts(SecondsFormat::Secs, true);
            let over = match self.stage {
                Stage::Over => " (over)",
                _ => "",
            };
            write!(body, "{}{over}\nsince {since}\n", item.title)
                .expect("a string takes every text");
            if !item.text.is_empty() && self.stage != Stage::Over {
                body.push_str(&item.text);
                body.push('\n');
            }
            body.push('\n');
        }
        let more = self.n_problems - self.problems.len();
        if more > 0 {
            writeln!(body, "and {more} more\n").expect("a string takes every text");
        }
        let at = self.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let Self { service, rule, .. } = self;
        write!(body, "-- \n{service}, {at}, rule `{rule}`\n").expect("a string takes every text");
        body
    }

    /// Writes it to the log.
    pub(super) fn log(&self) {
        let Self { rule, title, .. } = self;
        let text = self.problems.first().map_or("", |item| item.text.as_str());
        match self.stage {
            Stage::Began => {
                tracing::error!(
                    notify.rule = rule,
                    n_problems = self.n_problems,
                    text,
                    "{title}"
                );
            }
            Stage::Reminder => {
                tracing::warn!(
                    notify.rule = rule,
                    n_problems = self.n_problems,
                    text,
                    "{title}"
                );
            }
            Stage::Over => {
                tracing::info!(notify.rule = rule, n_problems = self.n_problems, "{title}");
            }
        }
    }
}
