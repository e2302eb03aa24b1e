//! Messages that wait to be delivered: in order for each channel, tried again until they are too old, bounded.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::email::Mailer;
use super::message::Message;
use super::webhook::Hook;
use super::{Told, delta};
use crate::config::{ChannelConfig, NotifyConfig};

/// Most messages that wait, for all channels together; then the oldest is given up.
pub const MAX_WAITING: usize = 500;
/// Messages that could not be delivered for so long are given up.
const MAX_AGE: TimeDelta = TimeDelta::days(1);
/// Tries for a message that the other side refuses rather than being away.
const MAX_REFUSALS: u32 = 5;
/// Pause after the first failed try; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// See the module.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox {
    waiting: VecDeque<Outgoing>,
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Outgoing {
    channel: String,
    message: Message,
    n_refused: u32,
}

impl Outbox {
    /// Adds a message for a channel.
    pub fn push(&mut self, channel: &str, message: Message) {
        if self.waiting.len() >= MAX_WAITING
            && let Some(lost) = self.waiting.pop_front()
        {
            tracing::error!(
                notify.channel = lost.channel,
                "Too many messages wait to be delivered; given up for `{}`: {}",
                lost.channel,
                lost.message.title
            );
        }
        self.waiting.push_back(Outgoing {
            channel: channel.to_owned(),
            message,
            n_refused: 0,
        });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none wait.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes everything out that waits for a channel.
    #[cfg(test)]
    pub(super) fn take(&mut self, channel: &str) -> Vec<Message> {
        let of_channel = |out: &mut Outgoing| out.channel == channel;
        let mut taken = Vec::new();
        while let Some(idx) = self.waiting.iter_mut().position(of_channel) {
            taken.extend(self.waiting.remove(idx).map(|out| out.message));
        }
        taken
    }

    fn first(&self, channel: &str) -> Option<Message> {
        let mut of_channel = self.waiting.iter().filter(|out| out.channel == channel);
        of_channel.next().map(|out| out.message.clone())
    }

    fn remove(&mut self, channel: &str, message: &Message) {
        self.waiting
            .retain(|out| out.channel != channel || out.message.id != message.id);
    }

    /// Counts that the other side refused a message; gives how often it did.
    fn refused(&mut self, channel: &str, message: &Message) -> u32 {
        let mut waiting = self.waiting.iter_mut();
        let out = waiting.find(|out| out.channel == channel && out.message.id == message.id);
        out.map_or(MAX_REFUSALS, |out| {
            out.n_refused += 1;
            out.n_refused
        })
    }
}

/// Why a message was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum DeliveryError {
    /// The other side may take it later.
    #[error("{reason}")]
    Later {
        /// Why not now.
        reason: String,
        /// When to try again, if it said so.
        after: Option<Duration>,
    },
    /// The other side does not want it.
    #[error("{0}")]
    Refused(String),
}

/// Something that takes messages.
pub(super) struct Channel {
    name: String,
    way: Way,
}

enum Way {
    Email(Mailer),
    Webhook(Hook),
}

/// The channels of the configuration. One that cannot be made is reported and left out.
pub(super) fn channels(config: &NotifyConfig) -> Vec<Channel> {
    let mut channels = Vec::new();
    for (name, channel) in &config.channels {
        let way = match (channel, &config.smtp) {
            (ChannelConfig::Webhook(hook), _) => Hook::new(hook).map(Way::Webhook),
            (ChannelConfig::Email(email), Some(smtp)) => Mailer::new(smtp, email).map(Way::Email),
            (ChannelConfig::Email(_), None) => Err("`notify.smtp` is missing".to_owned()),
        };
        match way {
            Ok(way) => channels.push(Channel {
                name: name.clone(),
                way,
            }),
            Err(reason) => {
                tracing::error!("Messages cannot go to the channel `{name}`: {reason}");
            }
        }
    }
    channels
}

impl Channel {
    async fn send(&self, message: &Message) -> Result<(), DeliveryError> {
        match &self.way {
            Way::Email(mailer) => mailer.send(message).await,
            Way::Webhook(hook) => hook.send(message).await,
        }
    }
}

/// Delivers what waits for a channel, one message after the other, until `stop`.
pub(super) async fn deliver(channel: Channel, told: Arc<Told>, stop: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    let mut is_failing = false;
    loop {
        let mut added = std::pin::pin!(told.added.notified());
        added.as_mut().enable();
        let Some(message) = told.with(|state| state.outbox.first(&channel.name)) else {
            tokio::select! {
                () = stop.cancelled() => return,
                () = added => continue,
            }
        };
        let sent = tokio::select! {
            () = stop.cancelled() => return,
            sent = channel.send(&message) => sent,
        };
        let wait = match sent {
            Ok(()) => {
                told.with(|state| state.outbox.remove(&channel.name, &message));
                (pause, is_failing) = (FIRST_PAUSE, false);
                continue;
            }
            Err(error) => judge(&channel.name, &message, &error, &told, &mut is_failing),
        };
        let wait = wait.unwrap_or(pause).min(LONGEST_PAUSE);
        pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// Says that a message was not delivered and gives it up if there is no hope; gives how long the other side wants to be
/// left alone.
fn judge(
    name: &str,
    message: &Message,
    error: &DeliveryError,
    told: &Told,
    is_failing: &mut bool,
) -> Option<Duration> {
    let is_too_old = is_too_old(message, Utc::now());
    let (after, give_up) = match error {
        DeliveryError::Later { after, .. } => (*after, is_too_old),
        DeliveryError::Refused(_) => {
            let n = told.with(|state| state.outbox.refused(name, message));
            (None, is_too_old || n >= MAX_REFUSALS)
        }
    };
    if give_up {
        told.with(|state| state.outbox.remove(name, message));
        tracing::error!(
            notify.channel = name,
            "Gave up telling `{name}`: {}; {error}",
            message.title
        );
    } else if !std::mem::replace(is_failing, true) {
        tracing::warn!(
            notify.channel = name,
            "Cannot tell `{name}`, trying again: {error}"
        );
    }
    after
}

fn is_too_old(message: &Message, now: DateTime<Utc>) -> bool {
    now - message.at > MAX_AGE
}

/// The pause that a `Retry-After` in seconds asks for, within reason.
pub(super) fn asked_pause(seconds: Option<&str>) -> Option<Duration> {
    let seconds = seconds?.trim().parse().ok()?;
    let pause = Duration::from_secs(seconds);
    (delta(pause) < MAX_AGE).then_some(pause)
}
