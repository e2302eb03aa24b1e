//! Everything of a running service that an edit of its files can change, apart from answering requests: which datasets are
//! kept open, which collectors run, who is told of problems.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppError, Plan};
use crate::collect::Collecting;
use crate::config::Config;
use crate::events;
use crate::keep::Keeper;
use crate::notify::{self, Told};
use crate::reload::Edits;
use crate::site::{Current, Site};
use crate::slot::Slot;
use crate::tasks::panic_text;

/// Datasets opened at once.
const MAX_OPENING: usize = 8;
/// Pause before a collector that has a fault runs again.
const COLLECTOR_PAUSE: Duration = Duration::from_secs(10);
/// How long tasks may take to end after requests.
const GRACE: Duration = Duration::from_secs(8);

/// See the module.
#[derive(Debug)]
pub(crate) struct Conductor {
    site: Arc<Site>,
    config: Option<Config>,
    /// By name of the dataset.
    kept: HashMap<String, Kept>,
    /// By name of the collector.
    collecting: HashMap<String, Running>,
    told: Arc<Told>,
    telling: Option<CancellationToken>,
    tasks: JoinSet<()>,
    stop: CancellationToken,
    drained: CancellationToken,
    again: watch::Sender<u64>,
    turns: Arc<Semaphore>,
}

#[derive(Debug)]
struct Kept {
    plans: watch::Sender<Option<Arc<Plan>>>,
    stop: CancellationToken,
    ended: CancellationToken,
}

#[derive(Debug)]
struct Running {
    collecting: Arc<Collecting>,
    stop: CancellationToken,
    ended: CancellationToken,
}

impl Conductor {
    /// Conducts what is in `site`; with a configuration, its files are followed. `drained` is cancelled when no more requests
    /// are worked on.
    pub(crate) fn new(
        site: Arc<Site>,
        configured: Option<(Config, Vec<Arc<Plan>>)>,
        drained: CancellationToken,
    ) -> Self {
        let stop = site.current().app.stop.clone();
        let (config, plans) = match configured {
            Some((config, plans)) => (Some(config), plans),
            None => (None, Vec::new()),
        };
        let mut conductor = Self {
            site,
            config,
            kept: HashMap::new(),
            collecting: HashMap::new(),
            told: Arc::new(Told::new(Utc::now())),
            telling: None,
            tasks: JoinSet::new(),
            stop,
            drained,
            again: watch::Sender::default(),
            turns: Arc::new(Semaphore::new(MAX_OPENING)),
        };
        let app = Arc::clone(&conductor.site.current().app);
        for slot in app.datasets.values() {
            let plan = plans.iter().find(|plan| plan.name == slot.name);
            conductor.keep(&app, slot, plan.cloned(), Vec::new());
        }
        conductor.collect(&app);
        conductor.tell(&app);
        conductor
    }

    /// Follows the files until the service stops; then everything has ended in order.
    pub(crate) async fn run(mut self) {
        let mut edits = self.config.as_ref().map(Edits::of);
        let stop = self.stop.clone();
        loop {
            let edited = async {
                match &mut edits {
                    Some(edits) => edits.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = edited => {}
                Some(ended) = self.tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!("A part of the service has a fault: {}", panic_text(error));
                    }
                    continue;
                }
            }
            if let Some(edits) = &mut edits {
                self.take_up(edits).await;
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Puts what the files say now in place of what they said, unless it is not right.
    async fn take_up(&mut self, edits: &mut Edits) {
        let Some(config) = &self.config else { return };
        let app = Arc::clone(&self.site.current().app);
        tracing::info!("The configuration or a schema was edited; reading it again");
        let read = edits.read(config, &app).await;
        let taken = read.map(|(config, plans)| self.replace(&app, config, plans));
        match taken {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(
                "An edit of the configuration or of a schema does not take effect: {}",
                zarr_fuse_schemas::row_problem::whole(&error).reason
            ),
            Err(error) => tracing::error!(
                "An edit of the configuration or of a schema does not take effect: {error}"
            ),
        }
        // Whatever was edited may be what is missing.
        self.again.send_modify(|n| *n += 1);
    }

    fn replace(
        &mut self,
        former: &Arc<App>,
        config: Config,
        plans: Vec<Arc<Plan>>,
    ) -> Result<(), ReplaceError> {
        let slots: Vec<_> = plans
            .iter()
            .map(|plan| match former.datasets.get(&plan.name) {
                Some(slot) => Arc::clone(slot),
                None => Arc::new(Slot::opening(&plan.name, Arc::clone(&plan.schema))),
            })
            .collect();
        let schemas: Vec<_> = slots.iter().map(|slot| slot.schema()).collect();
        for (slot, plan) in slots.iter().zip(&plans) {
            slot.set_schema(Arc::clone(&plan.schema));
        }
        let server = config.server.clone();
        let next = former
            .succeeded_by(&config, slots.clone())
            .map_err(ReplaceError::App)
            .and_then(|app| {
                let current = self.site.current();
                let next = Current::new(Arc::clone(&app), server, Some(&current));
                Ok((app, next.map_err(ReplaceError::Tls)?))
            });
        let (app, next) = match next {
            Ok(next) => next,
            Err(error) => {
                for (slot, schema) in slots.iter().zip(schemas) {
                    slot.set_schema(schema);
                }
                return Err(error);
            }
        };
        app.metrics.ask(slots);
        let removed: Vec<_> = self
            .kept
            .extract_if(|name, _| !app.datasets.contains_key(name))
            .map(|(_, kept)| {
                kept.stop.cancel();
                kept.ended
            })
            .collect();
        self.site.replace(next);
        for plan in plans {
            let slot = &app.datasets[&plan.name];
            match self.kept.get(&plan.name) {
                Some(kept) => {
                    kept.plans.send_if_modified(|wanted| {
                        let is_same = wanted.as_ref().is_some_and(|wanted| **wanted == *plan);
                        if !is_same {
                            *wanted = Some(plan);
                        }
                        !is_same
                    });
                }
                None => self.keep(&app, slot, Some(plan), removed.clone()),
            }
        }
        self.config = Some(config);
        self.collect(&app);
        self.tell(&app);
        Ok(())
    }

    fn keep(
        &mut self,
        app: &App,
        slot: &Arc<Slot>,
        plan: Option<Arc<Plan>>,
        after: Vec<CancellationToken>,
    ) {
        let (plans, wanted) = watch::channel(plan);
        let (stop, ended) = (self.stop.child_token(), CancellationToken::new());
        let keeper = Keeper {
            slot: Arc::clone(slot),
            plans: wanted,
            events: Arc::clone(&app.events),
            stop: stop.clone(),
            service_stop: self.stop.clone(),
            drained: self.drained.clone(),
            again: self.again.subscribe(),
            turns: Arc::clone(&self.turns),
            after,
            ended: ended.clone(),
            grace: self.site.current().server.grace + GRACE,
            door: Arc::clone(&app.door),
            known: None,
        };
        self.tasks.spawn(keeper.run());
        let kept = Kept { plans, stop, ended };
        self.kept.insert(slot.name.clone(), kept);
    }

    /// Runs the collectors of `app`: those that ran before go on.
    fn collect(&mut self, app: &App) {
        let mut former = HashMap::new();
        for (name, running) in std::mem::take(&mut self.collecting) {
            let same = app.collectors.get(&name);
            if same.is_some_and(|same| Arc::ptr_eq(same, &running.collecting)) {
                self.collecting.insert(name, running);
            } else {
                running.stop.cancel();
                former.insert(name, running.ended);
            }
        }
        for (name, collecting) in &app.collectors {
            if self.collecting.contains_key(name) {
                continue;
            }
            let (stop, ended) = (self.stop.child_token(), CancellationToken::new());
            let running = Running {
                collecting: Arc::clone(collecting),
                stop: stop.clone(),
                ended: ended.clone(),
            };
            self.collecting.insert(name.clone(), running);
            let events = events::look::follow_collector(
                Arc::clone(&app.events),
                Arc::clone(collecting),
                stop.clone(),
            );
            let collecting = Arc::clone(collecting);
            let former = former.remove(name);
            self.tasks.spawn(async move {
                let _ended = ended.drop_guard();
                if let Some(former) = former {
                    former.cancelled().await;
                }
                tokio::join!(attend(collecting, stop), events);
            });
        }
    }

    /// Tells of problems as the configuration says.
    fn tell(&mut self, app: &Arc<App>) {
        let notify = self
            .config
            .as_ref()
            .and_then(|config| config.notify.clone());
        let former = self.telling.take();
        let Some(notify) = notify else { return };
        let (app, told) = (Arc::clone(app), Arc::clone(&self.told));
        let stop = app.superseded.clone();
        let ended = CancellationToken::new();
        self.telling = Some(ended.clone());
        self.tasks.spawn(async move {
            let _ended = ended.drop_guard();
            if let Some(former) = former {
                former.cancelled().await;
            }
            notify::run(notify, app, told, stop).await;
        });
    }
}

/// Runs a collector until `stop`; a fault of it is its own.
async fn attend(collecting: Arc<Collecting>, stop: CancellationToken) {
    loop {
        let running = tokio::spawn(Arc::clone(&collecting).run(stop.clone()));
        let ended = running.await;
        if stop.is_cancelled() {
            return;
        }
        let name = collecting.collector.name();
        let reason = ended.map_or_else(panic_text, |()| "it ended by itself".to_owned());
        tracing::error!(
            collector.name = name,
            "The collector `{name}` has a fault and begins again: {reason}"
        );
        let pause = tokio::time::sleep(COLLECTOR_PAUSE);
        if stop.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Why what the files say cannot take the place of what they said.
#[derive(Debug, thiserror::Error)]
enum ReplaceError {
    #[error(transparent)]
    App(AppError),
    #[error(transparent)]
    Tls(crate::http::TlsError),
}
