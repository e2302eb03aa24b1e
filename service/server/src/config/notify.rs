//! The section `notify`: who is told of which problems.

use std::path::PathBuf;
use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use super::quantity::{DurationText, duration, optional_duration};

/// Who is told of which problems. Each problem is told once when it begins, again after `remind_after` while it lasts, and
/// once when it is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// How the service calls itself in messages. Default `zarr-fuse`.
    pub name: String,
    /// The mail server; `email` needs it.
    pub smtp: Option<SmtpConfig>,
    /// Where messages can go, by name, besides the log, which is called `log`.
    pub channels: IndexMap<String, ChannelConfig>,
    /// What is told, by name.
    pub rules: IndexMap<String, RuleConfig>,
    /// How often it is looked for problems. Default `10s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub interval: Duration,
    /// A problem that lasts is told again after this time; `0s`: never. Default `1d`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub remind_after: Duration,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            name: "zarr-fuse".to_owned(),
            smtp: None,
            channels: IndexMap::new(),
            rules: IndexMap::new(),
            interval: Duration::from_secs(10),
            remind_after: Duration::from_hours(24),
        }
    }
}

/// The server that takes e-mails.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name or address.
    pub host: String,
    /// Its port. Default: 587 for `starttls`, 465 for `implicit`, 25 for `none`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is encrypted. Default `starttls`.
    #[serde(default)]
    pub tls: SmtpTls,
    /// PEM file with the certificates of authorities that are trusted besides those of the system.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Name to sign in with. Default: without signing in.
    #[serde(default)]
    pub username: Option<String>,
    /// Password to sign in with.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Sender of the messages: `zf@example.org`, or `Data service <zf@example.org>`.
    pub from: String,
    /// Longest time for each step of the conversation. Default `30s`.
    #[serde(default = "smtp_timeout", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
}

fn smtp_timeout() -> Duration {
    Duration::from_secs(30)
}

/// How the connection to a mail server is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// It begins plain and must become encrypted before anything else is said.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all; for a server on this machine.
    None,
}

/// Where messages go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChannelConfig {
    /// To mailboxes.
    Email(EmailConfig),
    /// To a program, as the JSON body of a POST.
    Webhook(WebhookConfig),
}

/// Mailboxes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// The recipients: `ann@example.org`, or `Ann <ann@example.org>`.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
}

/// A program that takes messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its address, `https://…` or `http://…`. It is never shown, since it may be all one needs to write there.
    #[schemars(with = "String")]
    pub url: Secret,
    /// Further headers, such as `Authorization`. Their values are never shown.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, String>")]
    pub headers: IndexMap<String, Secret>,
    /// Longest time for an answer. Default `10s`.
    #[serde(default = "webhook_timeout", deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub timeout: Duration,
}

fn webhook_timeout() -> Duration {
    Duration::from_secs(10)
}

/// What counts as a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A collector failed `times` times in a row, or has been without connection or folder for `after`.
    CollectorFailed,
    /// Nothing of a contribution could be taken; with `partial`, not all of it.
    ContributionRejected,
    /// Nothing came through `endpoints`, to `node`, or for a value of its `coordinate`, for `after`.
    NoData,
    /// The journal cannot be written for `after`.
    StoreUnreachable,
    /// A dataset cannot be opened, or an edit of it does not take effect, for `after`.
    DatasetFailed,
    /// Another process has taken over a dataset.
    TakenOver,
    /// What arrived is not merged for `after`.
    FoldStuck,
}

impl Trigger {
    /// As in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::CollectorFailed => "collector_failed",
            Self::ContributionRejected => "contribution_rejected",
            Self::NoData => "no_data",
            Self::StoreUnreachable => "store_unreachable",
            Self::DatasetFailed => "dataset_failed",
            Self::TakenOver => "taken_over",
            Self::FoldStuck => "fold_stuck",
        }
    }
}

/// A problem to tell, and whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleConfig {
    /// What counts as a problem.
    pub when: Trigger,
    /// Names of channels, and `log`. Default: all of them.
    #[serde(default)]
    pub tell: Option<Vec<String>>,
    /// How long it must last. Required for `no_data`; default `1m` for `store_unreachable` and `dataset_failed`, `5m` for `fold_stuck` and
    /// `collector_failed`; the others are told at once.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<DurationText>")]
    pub after: Option<Duration>,
    /// How long it must be gone to be over; until then it is the same problem if it returns. Default `10m` for
    /// `contribution_rejected`, `0s` for the others.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<DurationText>")]
    pub over_after: Option<Duration>,
    /// Instead of `remind_after` of `notify`.
    #[serde(default, deserialize_with = "optional_duration")]
    #[schemars(with = "Option<DurationText>")]
    pub remind_after: Option<Duration>,
    /// How often in a row a collector must fail. For `collector_failed`; default 3.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub times: Option<u32>,
    /// Only these collectors. For `collector_failed`; default: all.
    #[serde(default)]
    pub collectors: Vec<String>,
    /// Contributions of which only a part could be taken count, too. For `contribution_rejected`; default false.
    #[serde(default)]
    pub partial: Option<bool>,
    /// Only these endpoints. For `contribution_rejected`; default: all. For `no_data`: each of them is watched.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Only this dataset. Default: all; for `no_data` with `node`, the only one there is.
    #[serde(default)]
    pub dataset: Option<String>,
    /// Path of the node that is watched. For `no_data`.
    #[serde(default)]
    pub node: Option<String>,
    /// A coordinate of `node`, such as `station`: each of its values is watched, by the times of the data. For `no_data`.
    #[serde(default)]
    pub coordinate: Option<String>,
    /// Only these values of `coordinate`, also those that are not there yet. For `no_data`; default: all that are there.
    #[serde(default)]
    pub values: Vec<String>,
}

impl RuleConfig {
    /// How long the problem must last until it is told.
    pub fn after(&self) -> Duration {
        self.after.unwrap_or(match self.when {
            Trigger::StoreUnreachable | Trigger::DatasetFailed => Duration::from_mins(1),
            Trigger::FoldStuck | Trigger::CollectorFailed => Duration::from_mins(5),
            _ => Duration::ZERO,
        })
    }

    /// How long it must be gone to be over.
    pub fn over_after(&self) -> Duration {
        self.over_after.unwrap_or(match self.when {
            Trigger::ContributionRejected => Duration::from_mins(10),
            _ => Duration::ZERO,
        })
    }
}
