//! What is told and when, on real datasets in memory, with the time in the test's hand.

use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;
use zarr_fuse_fusion::dataset::{Dataset, Decoders};
use zarr_fuse_journal::{JournalSettings, NewContribution, outcome::Status};
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::{S3Access, Store};

use super::{Lookout, Message, State, Told};
use crate::app::App;
use crate::config::{LimitsConfig, NotifyConfig};

const SCHEMA: &str = r"
temperature:
  COORDS:
    time: {unit: {tick: s}, chunk_size: 8}
    station: {type: str, sorted: false}
  VARS:
    air: {coords: [time, station], unit: degC}
    elevation: {coords: [station], unit: m}
";

/// A service of one dataset, watched by rules.
struct Watched {
    app: Arc<App>,
    told: Told,
    lookout: Lookout,
    now: DateTime<Utc>,
}

impl Watched {
    async fn new(rules: Json) -> Self {
        Self::of(json!({"rules": rules, "channels": {"desk": {"webhook": {"url": "http://127.0.0.1:1"}}}})).await
    }

    async fn of(config: Json) -> Self {
        let schema = Schema::parse(SCHEMA, "weather.yaml", Path::new(".")).unwrap();
        let store = Store::open("memory://", Path::new("."), &S3Access::default()).unwrap();
        let decoders = Decoders::new("weather", std::collections::HashMap::new());
        let dataset = Dataset::open(
            Arc::new(schema),
            store,
            decoders,
            JournalSettings::default(),
        );
        let dataset = dataset.await.unwrap();
        let stop = CancellationToken::new();
        let app = App::of(
            vec![dataset],
            &IndexMap::new(),
            LimitsConfig::default(),
            stop,
        )
        .unwrap();
        let config: NotifyConfig = serde_json::from_value(config).unwrap();
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let told = Told::new(now - TimeDelta::hours(1));
        let lookout = Lookout::new(config, Arc::clone(&app), told.started);
        let mut watched = Self {
            app,
            told,
            lookout,
            now,
        };
        assert_eq!(watched.look().await, [""; 0]);
        watched
    }

    fn dataset(&self) -> Arc<Dataset> {
        self.app.dataset("weather").unwrap()
    }

    /// Contributes and folds; gives the id and what became of it.
    async fn contribute(&self, csv: &str) -> (uuid::Uuid, Status) {
        let dataset = self.dataset();
        let receipt = dataset.contribute(self.contribution(csv)).await.unwrap();
        dataset.fold_all().await.unwrap();
        let outcome = dataset.journal.settled(receipt.seq).await;
        (receipt.id, outcome.status)
    }

    fn contribution(&self, csv: &str) -> NewContribution {
        NewContribution {
            received_at: self.now,
            ..NewContribution::csv("weather", "temperature", csv.to_owned())
        }
    }

    /// Air temperature at stations, now.
    async fn deliver(&self, stations: &[&str]) {
        let time = self.now.format("%Y-%m-%dT%H:%M:%SZ");
        let rows: Vec<String> = stations
            .iter()
            .map(|station| format!("{time},{station},1.5\n"))
            .collect();
        let rows = rows.concat();
        let (_, status) = self.contribute(&format!("time,station,air\n{rows}")).await;
        assert_eq!(status, Status::Merged);
    }

    async fn after(&mut self, minutes: i64) -> Vec<String> {
        self.now += TimeDelta::minutes(minutes);
        self.look().await
    }

    /// Looks once; gives the titles of what is told.
    async fn look(&mut self) -> Vec<String> {
        self.messages()
            .await
            .into_iter()
            .map(|message| message.title)
            .collect()
    }

    async fn messages(&mut self) -> Vec<Message> {
        self.lookout.tell(&self.told, self.now).await;
        self.told.with(|state| state.outbox.take("desk"))
    }

    /// As after an edit of the configuration.
    fn reload(&mut self) {
        let config = self.lookout.config.clone();
        self.lookout = Lookout::new(config, Arc::clone(&self.app), self.told.started);
    }
}

const BAD: &str = "time,station,air\nnever,A,warm\n";
const GOOD: &str = "time,station,air\n2026-03-01T12:00:00Z,A,1\n";

#[tokio::test]
async fn a_rejected_contribution_is_told_once_and_over_when_later_ones_are_taken() {
    let mut watched = Watched::new(json!({"bad": {"when": "contribution_rejected"}})).await;
    let (id, status) = watched.contribute(BAD).await;
    assert_eq!(status, Status::Rejected);
    let told = watched.messages().await;
    assert_eq!(told.len(), 1);
    let title = "a contribution was rejected: to `weather/temperature` through `weather`";
    assert_eq!(told[0].title, title);
    assert!(
        told[0].problems[0].text.contains(&format!("zf retry {id}")),
        "{told:?}"
    );
    assert!(
        !told[0].body().contains("warm"),
        "values stay here: {}",
        told[0].body()
    );
    assert_eq!(watched.after(5).await, [""; 0], "it was told");
    watched.contribute(BAD).await;
    assert_eq!(watched.after(5).await, [""; 0], "it is the same problem");
    watched.contribute(GOOD).await;
    assert_eq!(watched.after(1).await, [""; 0], "it may come back");
    let title = "over: 2 contributions were rejected: to `weather/temperature` through `weather`";
    assert_eq!(watched.after(10).await, [title]);
    assert_eq!(watched.after(1000).await, [""; 0]);
    watched.contribute(BAD).await;
    assert_eq!(watched.look().await.len(), 1, "a new problem");
}

#[tokio::test]
async fn a_rejection_between_two_looks_is_told_although_a_later_contribution_was_taken() {
    let mut watched = Watched::new(json!({"bad": {"when": "contribution_rejected"}})).await;
    watched.contribute(BAD).await;
    watched.contribute(GOOD).await;
    assert_eq!(watched.look().await.len(), 1);
    assert_eq!(watched.after(1).await, [""; 0]);
    let over = watched.after(10).await;
    assert!(over.len() == 1 && over[0].starts_with("over: "), "{over:?}");
}

#[tokio::test]
async fn partly_rejected_contributions_are_told_if_asked_for() {
    let mixed = "time,station,air\n2026-03-01T12:00:00Z,A,1\nnever,A,1\n";
    let rule = json!({"when": "contribution_rejected"});
    let mut watched = Watched::new(json!({"bad": rule})).await;
    assert_eq!(watched.contribute(mixed).await.1, Status::Partial);
    assert_eq!(watched.look().await, [""; 0]);
    let rule = json!({"when": "contribution_rejected", "partial": true});
    let mut watched = Watched::new(json!({"bad": rule})).await;
    watched.contribute(mixed).await;
    let told = watched.look().await;
    let title = "a part of a contribution was rejected: to `weather/temperature` through `weather`";
    assert_eq!(told, [title]);
}

#[tokio::test]
async fn what_was_told_survives_a_reload_and_a_restart() {
    let mut watched = Watched::new(json!({"bad": {"when": "contribution_rejected"}})).await;
    watched.contribute(BAD).await;
    watched.reload();
    assert_eq!(watched.look().await.len(), 1);
    watched.reload();
    assert_eq!(watched.after(1).await, [""; 0]);
    watched.told.keep(&watched.app).await;
    let state = watched.told.with(|state| state.clone());
    watched.told = Told::new(watched.now);
    watched.told.recall(&watched.app).await;
    assert_eq!(watched.told.with(|state| state.clone()), state);
    assert_ne!(state, State::default());
    watched.reload();
    assert_eq!(watched.after(1).await, [""; 0]);
    watched.contribute(GOOD).await;
    watched.look().await;
    assert!(watched.after(11).await[0].starts_with("over: "));
}

#[tokio::test]
async fn a_problem_that_lasts_is_told_again() {
    let rule = json!({"when": "contribution_rejected", "remind_after": "2h"});
    let mut watched = Watched::new(json!({"bad": rule})).await;
    watched.contribute(BAD).await;
    assert_eq!(watched.look().await.len(), 1);
    assert_eq!(watched.after(119).await, [""; 0]);
    let told = watched.after(1).await;
    assert!(
        told.len() == 1 && told[0].starts_with("still: "),
        "{told:?}"
    );
    assert_eq!(watched.after(60).await, [""; 0]);
}

#[tokio::test]
async fn a_silent_endpoint_is_told_after_a_while_and_when_it_speaks_again() {
    let rule = json!({"when": "no_data", "endpoints": ["weather"], "after": "2h"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    watched.deliver(&["A"]).await;
    assert_eq!(watched.after(119).await, [""; 0]);
    let title = "no data through `weather` since 2026-03-01T12:00:00Z";
    assert_eq!(watched.after(1).await, [title]);
    assert_eq!(watched.after(60).await, [""; 0]);
    watched.deliver(&["A"]).await;
    assert_eq!(watched.look().await, [format!("over: {title}")]);
}

#[tokio::test]
async fn an_endpoint_that_never_spoke_is_silent_from_the_first_look_on() {
    let rule = json!({"when": "no_data", "endpoints": ["weather"], "after": "30m"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    assert_eq!(watched.after(29).await, [""; 0]);
    assert_eq!(watched.after(1).await, ["no data through `weather` so far"]);
}

#[tokio::test]
async fn a_node_that_gets_nothing_is_silent_whatever_the_endpoint() {
    let rule = json!({"when": "no_data", "node": "temperature", "after": "30m"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    watched.deliver(&["A"]).await;
    let title = "no data for `weather/temperature` since 2026-03-01T12:00:00Z";
    assert_eq!(watched.after(30).await, [title]);
}

#[tokio::test]
async fn a_silent_station_is_told_while_others_deliver() {
    let rule =
        json!({"when": "no_data", "node": "temperature", "coordinate": "station", "after": "2h"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    watched.deliver(&["A", "B", "C"]).await;
    for _ in 0..12 {
        assert_eq!(watched.after(10).await, [""; 0]);
        watched.deliver(&["A"]).await;
    }
    let told = watched.messages_after(10).await;
    assert_eq!(told.len(), 1, "one message for both");
    let subjects: Vec<&str> = told[0]
        .problems
        .iter()
        .map(|item| item.subject.as_str())
        .collect();
    assert_eq!(
        subjects,
        [
            "weather/temperature?station=B",
            "weather/temperature?station=C"
        ]
    );
    assert_eq!(
        told[0].title,
        "2 problems of the rule `silent`, first: no data for station `B` in `weather/temperature` since 2026-03-01T12:00:00Z"
    );
    watched.deliver(&["A", "B"]).await;
    let told = watched.after(10).await;
    assert_eq!(
        told,
        ["over: no data for station `B` in `weather/temperature` since 2026-03-01T12:00:00Z"]
    );
    assert_eq!(watched.after(10).await, [""; 0]);
}

#[tokio::test]
async fn a_station_that_is_not_there_yet_is_missed_if_it_is_named() {
    let rule = json!({"when": "no_data", "node": "temperature", "coordinate": "station", "values": ["A", "D"], "after": "1h"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    watched.deliver(&["A", "B"]).await;
    assert_eq!(watched.after(30).await, [""; 0]);
    watched.deliver(&["A"]).await;
    let told = watched.after(31).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with("no data for station `D` in "),
        "{told:?}"
    );
}

#[tokio::test]
async fn nothing_is_called_silent_right_after_a_start() {
    let rule = json!({"when": "no_data", "endpoints": ["weather"], "after": "2h"});
    let mut watched = Watched::new(json!({"silent": rule})).await;
    watched.deliver(&["A"]).await;
    watched.now += TimeDelta::hours(5);
    watched.told = Told::new(watched.now);
    watched.reload();
    assert_eq!(watched.look().await, [""; 0]);
    assert_eq!(watched.after(9).await, [""; 0]);
    assert_eq!(watched.after(1).await.len(), 1);
}

#[tokio::test]
async fn what_waits_too_long_is_told() {
    let mut watched = Watched::new(json!({"stuck": {"when": "fold_stuck"}})).await;
    // Nobody folds here.
    watched
        .dataset()
        .contribute(watched.contribution(GOOD))
        .await
        .unwrap();
    assert_eq!(watched.look().await, [""; 0]);
    assert_eq!(watched.after(4).await, [""; 0]);
    let title = "what arrives for `weather/temperature` is not merged";
    assert_eq!(watched.after(1).await, [title]);
    watched.dataset().fold_all().await.unwrap();
    assert_eq!(watched.after(1).await, [format!("over: {title}")]);
    watched
        .dataset()
        .stumbled("temperature", "the store is full");
    assert_eq!(watched.after(1).await, [""; 0]);
    let told = watched.messages_after(5).await;
    assert_eq!(told[0].title, title);
    assert!(
        told[0].problems[0].text.starts_with("the store is full. "),
        "{told:?}"
    );
}

#[tokio::test]
async fn another_process_that_takes_over_is_told() {
    let mut watched = Watched::new(json!({"over": {"when": "taken_over"}})).await;
    let other = watched.dataset().journal.store().clone();
    let other = zarr_fuse_journal::Journal::open(other, "weather", JournalSettings::default())
        .await
        .unwrap();
    other
        .append_undefined(watched.contribution(GOOD))
        .await
        .unwrap();
    watched
        .dataset()
        .contribute(watched.contribution(GOOD))
        .await
        .unwrap_err();
    assert_eq!(
        watched.look().await,
        ["another zf process has taken over the dataset `weather`"]
    );
    assert_eq!(watched.look().await, [""; 0]);
}

#[tokio::test]
async fn rules_tell_whom_they_name() {
    let rule = json!({"when": "contribution_rejected", "tell": ["log"]});
    let mut watched = Watched::new(json!({"bad": rule})).await;
    watched.contribute(BAD).await;
    assert_eq!(watched.look().await, [""; 0]);
}

#[tokio::test]
async fn the_outbox_is_bounded_and_gives_up_the_oldest() {
    let mut watched = Watched::new(json!({"bad": {"when": "contribution_rejected"}})).await;
    watched.contribute(BAD).await;
    let message = watched.messages().await.remove(0);
    let mut outbox = super::outbox::Outbox::default();
    for n in 0..=super::outbox::MAX_WAITING {
        let id = uuid::Uuid::from_u128(n as u128);
        outbox.push(
            "desk",
            Message {
                id,
                ..message.clone()
            },
        );
    }
    assert_eq!(outbox.len(), super::outbox::MAX_WAITING);
    assert_eq!(outbox.take("desk")[0].id, uuid::Uuid::from_u128(1));
}

impl Watched {
    async fn messages_after(&mut self, minutes: i64) -> Vec<Message> {
        self.now += TimeDelta::minutes(minutes);
        self.messages().await
    }
}
