//! Keeps one dataset open, apart from all others: opens it, runs its tasks, tries again what fails, and hands it over to
//! another opening of itself when it is configured in another way.
//!
//! Whatever happens to a dataset, its store being away, its journal damaged, one of its tasks panicking, ends here: the
//! others and the service go on.

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use zarr_fuse_fusion::dataset::{Dataset, folding};
use zarr_fuse_journal::Known;
use zarr_fuse_schemas::row_problem::whole;

use crate::app::Plan;
use crate::door::{self, Door};
use crate::events::{self, Events};
use crate::slot::Slot;
use crate::tasks::panic_text;

/// First pause before a dataset that has failed is opened again; it doubles with every failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such pause.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// A dataset that was open for so long has recovered.
const RECOVERED: Duration = Duration::from_mins(1);
/// How long an opening waits for those of others, which may hang.
const TURN: Duration = Duration::from_secs(5);
/// How often it is looked whether a store is the one that was opened.
const LOOK: Duration = Duration::from_secs(2);
/// How long the tasks of a dataset that broke down may take to end.
const BREAK_DOWN: Duration = Duration::from_mins(1);

/// What a keeper is given.
#[derive(Debug)]
pub(crate) struct Keeper {
    /// Where requests find the dataset.
    pub(crate) slot: Arc<Slot>,
    /// How it is to be opened; `None`: it is open already, and cannot be opened again.
    pub(crate) plans: watch::Receiver<Option<Arc<Plan>>>,
    /// Who is told.
    pub(crate) events: Arc<Events>,
    /// Ends the keeper.
    pub(crate) stop: CancellationToken,
    /// Ends the service, the keeper included.
    pub(crate) service_stop: CancellationToken,
    /// No more requests are worked on, when the service stops.
    pub(crate) drained: CancellationToken,
    /// Changes when what failed is to be tried at once.
    pub(crate) again: watch::Receiver<u64>,
    /// How many datasets are opened at once.
    pub(crate) turns: Arc<Semaphore>,
    /// Keepers that end first, since their datasets may lie in the same place.
    pub(crate) after: Vec<CancellationToken>,
    /// Cancelled when this one has ended.
    pub(crate) ended: CancellationToken,
    /// How long tasks may take to end when the service stops.
    pub(crate) grace: Duration,
    /// How commands on this machine come in.
    pub(crate) door: Arc<OnceLock<Door>>,
    /// What was open last, and how it was opened.
    pub(crate) known: Option<(Arc<Plan>, Known)>,
}

/// A dataset that is open, and how it was opened.
struct Kept {
    dataset: Arc<Dataset>,
    plan: Option<Arc<Plan>>,
    since: Instant,
}

/// Why a dataset is kept open no longer.
enum End {
    /// The keeper is to end.
    Stopped,
    /// It cannot go on as it is.
    Broke(String),
    /// It is to be opened in this way, which was tried out.
    Edited(Arc<Plan>),
}

impl Keeper {
    /// Keeps the dataset until it is told to stop.
    pub(crate) async fn run(mut self) {
        let ended = self.ended.clone().drop_guard();
        let watched = CancellationToken::new();
        let (told, slot) = (Arc::clone(&self.events), Arc::clone(&self.slot));
        let telling = tokio::spawn(events::look::follow_slot(told, slot, watched.clone()));
        self.keep().await;
        watched.cancel();
        let _told = telling.await;
        drop(ended);
    }

    async fn keep(&mut self) {
        for former in std::mem::take(&mut self.after) {
            tokio::select! {
                () = former.cancelled() => {}
                () = self.stop.cancelled() => return,
            }
        }
        let mut pause = FIRST_PAUSE;
        let mut kept = self.slot.dataset().ok().map(|dataset| Kept {
            dataset,
            plan: self.plans.borrow_and_update().clone(),
            since: Instant::now(),
        });
        loop {
            let open = match kept.take() {
                Some(open) => open,
                None => match self.open(&mut pause).await {
                    Some(open) => open,
                    None => return,
                },
            };
            match self.attend(&open).await {
                End::Stopped => return self.finish(&open.dataset).await,
                End::Broke(reason) => {
                    tracing::error!(
                        dataset.name = self.slot.name,
                        "The dataset `{}` is opened again: {reason}",
                        self.slot.name
                    );
                    if open.since.elapsed() >= RECOVERED {
                        pause = FIRST_PAUSE;
                    }
                    self.fail(reason, pause);
                    open.dataset.retire().await;
                    self.remember(&open);
                    drop(open);
                    if !self.rest(&mut pause).await {
                        return;
                    }
                }
                End::Edited(plan) => kept = self.hand_over(open, plan).await,
            }
        }
    }

    /// Opens the dataset, however often it fails; `None`: the keeper is to end.
    async fn open(&mut self, pause: &mut Duration) -> Option<Kept> {
        let mut told = None;
        loop {
            let plan = self.plans.borrow_and_update().clone();
            let Some(plan) = plan else {
                self.stop.cancelled().await;
                return None;
            };
            let opened = tokio::select! {
                opened = self.open_apart(&plan) => opened,
                () = self.stop.cancelled() => return None,
            };
            match opened {
                Ok(dataset) => {
                    self.slot.set_open(Arc::clone(&dataset));
                    return Some(Kept {
                        dataset,
                        plan: Some(plan),
                        since: Instant::now(),
                    });
                }
                Err(reason) => {
                    if told.as_ref() != Some(&reason) {
                        tracing::error!(
                            dataset.name = plan.name,
                            "The dataset `{}` cannot be opened and is tried again: {reason}",
                            plan.name
                        );
                    }
                    self.fail(reason.clone(), *pause);
                    told = Some(reason);
                    if !self.rest(pause).await {
                        return None;
                    }
                }
            }
        }
    }

    /// Opens the dataset; gives why it cannot be opened. A fault of the opening is that of this dataset alone.
    async fn open_apart(&self, plan: &Arc<Plan>) -> Result<Arc<Dataset>, String> {
        let _turn = timeout(TURN, self.turns.acquire()).await;
        let (plan, stop) = (Arc::clone(plan), self.stop.clone());
        let known = self
            .known
            .as_ref()
            .filter(|(of, _)| of.is_in_same_place(&plan));
        let known = known.map(|(_, known)| known.clone());
        apart(move |runtime| {
            let opening = stop.run_until_cancelled_owned(plan.open_known(known.as_ref()));
            runtime.block_on(opening)
        })
        .await
    }

    /// Remembers what was open, so that nothing else is taken for it.
    fn remember(&mut self, open: &Kept) {
        let known = open.plan.clone().zip(open.dataset.journal.known());
        self.known = known.or(self.known.take());
    }

    /// Tells commands how to reach the service.
    fn leave_note(&self, dataset: &Dataset) {
        let Some(door) = self.door.get() else { return };
        if let Err(error) = door.leave_note(&dataset.store, &dataset.name) {
            tracing::warn!(
                dataset.name = dataset.name,
                "Commands cannot reach the service by themselves: {error}"
            );
        }
    }

    fn fail(&self, reason: String, pause: Duration) {
        let pause = TimeDelta::from_std(pause).unwrap_or(TimeDelta::MAX);
        self.slot.set_failed(reason, Utc::now() + pause);
    }

    /// Waits before the next try, unless files change; gives whether there is to be one.
    async fn rest(&mut self, pause: &mut Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => return false,
            () = tokio::time::sleep(*pause) => *pause = (*pause * 2).min(MAX_PAUSE),
            Ok(()) = self.plans.changed() => *pause = FIRST_PAUSE,
            Ok(()) = self.again.changed() => *pause = FIRST_PAUSE,
        }
        true
    }

    /// Runs the tasks of a dataset until it is kept open no longer; then they have ended.
    async fn attend(&mut self, open: &Kept) -> End {
        self.leave_note(&open.dataset);
        let token = self.stop.child_token();
        let mut tasks = tasks(&open.dataset, &self.events, &token);
        let mut moved = std::pin::pin!(moved(&open.dataset));
        let end = loop {
            let edited = self.edited(open.plan.as_ref());
            tokio::select! {
                () = &mut moved => {
                    let reason = "its store was away, and is back in another place";
                    break End::Broke(reason.to_owned());
                }
                () = token.cancelled() => break End::Stopped,
                Some(ended) = tasks.join_next() => {
                    if token.is_cancelled() {
                        break End::Stopped;
                    }
                    break End::Broke(broken(ended));
                }
                plan = edited => {
                    // Meanwhile the dataset goes on as it is.
                    let tried = tokio::select! {
                        tried = try_out(&plan, open, &self.turns, &token) => tried,
                        () = token.cancelled() => break End::Stopped,
                    };
                    match tried {
                        Ok(()) => break End::Edited(plan),
                        Err(reason) => self.refuse(reason),
                    }
                }
            }
        };
        token.cancel();
        door::remove_note(&open.dataset.store);
        let patience = match end {
            End::Stopped if self.service_stop.is_cancelled() => Some(self.grace),
            End::Broke(_) => Some(BREAK_DOWN),
            // What is being folded is finished: until then requests go on.
            End::Stopped | End::Edited(_) => None,
        };
        settle(&open.dataset.name, tasks, patience).await;
        end
    }

    /// Waits for another way to open the dataset than `current`; also for one that was refused, when files change.
    async fn edited(&mut self, current: Option<&Arc<Plan>>) -> Arc<Plan> {
        loop {
            let is_refused = self.slot.refused().is_some();
            let changed = tokio::select! {
                changed = self.plans.changed() => changed,
                changed = self.again.changed() => changed,
                () = tokio::time::sleep(MAX_PAUSE), if is_refused => Ok(()),
            };
            if changed.is_err() {
                std::future::pending::<()>().await;
            }
            let plan = self.plans.borrow_and_update().clone();
            match (plan, current) {
                (Some(plan), Some(current)) if *plan == **current => self.slot.set_refused(None),
                (Some(plan), _) => return plan,
                (None, _) => {}
            }
        }
    }

    /// Remembers that an edit does not take effect.
    fn refuse(&self, reason: String) {
        let name = &self.slot.name;
        if self.slot.refused().as_ref() != Some(&reason) {
            tracing::error!(
                dataset.name = name,
                "An edit of the dataset `{name}` does not take effect, and it goes on as it was: {reason}"
            );
        }
        self.slot.set_refused(Some(reason));
    }

    /// Opens the dataset in another way, in place of `open`. If that fails, in the former way.
    async fn hand_over(&mut self, open: Kept, plan: Arc<Plan>) -> Option<Kept> {
        // Questions are answered by the former one until the new one is open; contributions are asked to come back.
        open.dataset.retire().await;
        self.remember(&open);
        let is_half_done = !open.dataset.troubles().is_empty();
        let mut nobody_reads = Vec::new();
        for node in open.dataset.nodes.values().filter(|_| is_half_done) {
            // What a fold has left undone is completed by the opening.
            nobody_reads.push(node.hold_off_readers().await);
        }
        let name = &self.slot.name;
        let opened = self.open_apart(&plan).await;
        let (opened, plan, refused) = match (opened, &open.plan) {
            (Ok(dataset), _) => (Ok(dataset), plan, None),
            (Err(reason), Some(former)) => {
                let former = Arc::clone(former);
                let again = self.open_apart(&former).await;
                (again, former, Some(reason))
            }
            (Err(reason), None) => (Err(reason), plan, None),
        };
        match opened {
            Ok(dataset) => {
                for (path, node) in &open.dataset.nodes {
                    if let Some(successor) = dataset.nodes.get(path) {
                        node.hand_over_to(successor);
                    }
                }
                dataset.keep_states_of(&open.dataset);
                self.slot.set_open(Arc::clone(&dataset));
                if let Some(reason) = refused {
                    self.refuse(reason);
                } else {
                    tracing::info!(
                        dataset.name = name,
                        "An edit of the dataset `{name}` has taken effect"
                    );
                }
                Some(Kept {
                    dataset,
                    plan: Some(plan),
                    since: Instant::now(),
                })
            }
            Err(reason) => {
                tracing::error!(
                    dataset.name = name,
                    "The dataset `{name}` cannot be opened again and is tried again: {reason}"
                );
                self.fail(reason, FIRST_PAUSE);
                self.plans.mark_changed();
                None
            }
        }
    }

    /// Closes the dataset in order.
    async fn finish(&self, dataset: &Dataset) {
        if self.service_stop.is_cancelled() {
            // Until then requests may be taken.
            self.drained.cancelled().await;
        }
        if let Err(error) = dataset.publish_groups().await {
            let name = &dataset.name;
            tracing::warn!(
                error = &error as &dyn Error,
                "Cannot write the root group of `{name}`"
            );
        }
        dataset.retire().await;
    }
}

/// The tasks of an open dataset.
fn tasks(
    dataset: &Arc<Dataset>,
    events: &Arc<Events>,
    stop: &CancellationToken,
) -> JoinSet<&'static str> {
    let mut tasks = JoinSet::new();
    for node in dataset.nodes.values() {
        let folding = folding::run(Arc::clone(dataset), Arc::clone(node), stop.clone());
        tasks.spawn(named("fold", folding));
    }
    let root = Arc::clone(dataset).run_root(stop.clone());
    tasks.spawn(named("root", root));
    let watch = Arc::clone(dataset).run_watch(stop.clone());
    tasks.spawn(named("watch", watch));
    let told = events::look::follow(Arc::clone(events), Arc::clone(dataset), stop.clone());
    tasks.spawn(named("events", told));
    tasks
}

/// Waits until the folder of a dataset is not the one that was opened, but holds all of its journal: it was mounted again, or
/// put back from a copy.
async fn moved(dataset: &Dataset) {
    loop {
        tokio::time::sleep(LOOK).await;
        if dataset.store.in_place().await.is_ok()
            && dataset.journal.store().in_place().await.is_ok()
        {
            continue;
        }
        if let Some(known) = dataset.journal.known()
            && known.check(&dataset.journal.store().unheld()).await.is_ok()
        {
            return;
        }
    }
}

async fn named(name: &'static str, task: impl Future<Output = ()>) -> &'static str {
    task.await;
    name
}

/// Why a task that should run has ended.
fn broken(ended: Result<&'static str, JoinError>) -> String {
    match ended {
        Ok(name) => format!("its task `{name}` has ended by itself"),
        Err(error) => format!(
            "one of its tasks has a fault, which the log tells ({})",
            panic_text(error)
        ),
    }
}

/// Waits until all tasks have ended, or cuts them off after `patience`.
async fn settle(dataset: &str, mut tasks: JoinSet<&'static str>, patience: Option<Duration>) {
    let begin = Instant::now();
    let mut is_told = false;
    while !tasks.is_empty() {
        match timeout(
            BREAK_DOWN.min(patience.unwrap_or(BREAK_DOWN)),
            tasks.join_next(),
        )
        .await
        {
            Ok(_ended) => {}
            Err(_elapsed) if patience.is_some_and(|patience| begin.elapsed() >= patience) => {
                tracing::error!(
                    dataset.name = dataset,
                    "Tasks of `{dataset}` did not stop and are cut off"
                );
                tasks.shutdown().await;
            }
            Err(_elapsed) if is_told => {}
            Err(_elapsed) => {
                is_told = true;
                tracing::warn!(
                    dataset.name = dataset,
                    "`{dataset}` is still being merged; an edit of it takes effect afterwards"
                );
            }
        }
    }
}

/// Whether a dataset that is open can be opened in another way, as far as that can be told beside it.
async fn try_out(
    plan: &Arc<Plan>,
    open: &Kept,
    turns: &Semaphore,
    stop: &CancellationToken,
) -> Result<(), String> {
    let _turn = timeout(TURN, turns.acquire()).await;
    let problems = match &open.plan {
        Some(former) if former.is_in_same_place(plan) => {
            zarr_fuse_schemas::check_edit(&former.schema, &plan.schema)
        }
        _ => Vec::new(),
    };
    if !problems.is_empty() {
        return Err(zarr_fuse_schemas::SchemaError { problems }.to_string());
    }
    let (plan, stop) = (Arc::clone(plan), stop.clone());
    apart(move |runtime| {
        let trying = stop.run_until_cancelled_owned(plan.try_out());
        runtime.block_on(trying)
    })
    .await
}

/// Does work on a thread of its own, which may end in an error, or panic; `None`: the service stops.
async fn apart<T: Send + 'static, E: Error + 'static>(
    work: impl FnOnce(&Handle) -> Option<Result<T, E>> + Send + 'static,
) -> Result<T, String> {
    let runtime = Handle::current();
    let worked = tokio::task::spawn_blocking(move || {
        work(&runtime).map(|done| done.map_err(|error| whole(&error).reason))
    });
    match worked.await {
        Ok(Some(done)) => done,
        Ok(None) => Err("the service is stopping".to_owned()),
        Err(error) => Err(format!(
            "the service has a fault with it, which the log tells ({})",
            panic_text(error)
        )),
    }
}
