//! The long-lived tasks of the service: named, under one token, waited for.

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// What a task ends with.
type Ended = Result<(), Box<dyn Error + Send + Sync>>;

/// Tasks that stop together.
#[derive(Debug)]
pub struct Tasks {
    stop: CancellationToken,
    set: JoinSet<Ended>,
    names: HashMap<Id, String>,
}

/// Why the tasks did not end as they should.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// A task failed, and the others were stopped.
    #[error("the task `{name}` failed")]
    Failed {
        /// The task.
        name: String,
        /// Cause.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A task ended though nothing had asked it to, and the others were stopped.
    #[error("the task `{name}` ended by itself")]
    Ended {
        /// The task.
        name: String,
    },
    /// A task panicked, and the others were stopped.
    #[error("the task `{name}` panicked")]
    Panicked {
        /// The task.
        name: String,
        /// Cause.
        source: JoinError,
    },
    /// Tasks went on after they were asked to stop, and were cut off.
    #[error("{} did not stop within {grace:?} and was cut off", .names.join(", "))]
    Stuck {
        /// The tasks, quoted.
        names: Vec<String>,
        /// How long they had.
        grace: Duration,
    },
}

impl Tasks {
    /// No tasks yet; `stop` ends those to come.
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            set: JoinSet::new(),
            names: HashMap::new(),
        }
    }

    /// Starts a task; it ends when the token is cancelled.
    pub fn spawn<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        let handle = self
            .set
            .spawn(async move { task.await.map_err(Into::into) });
        self.names.insert(handle.id(), name.into());
    }

    /// Waits until the token is cancelled or a task ends, stops all, and waits at most `grace` for them.
    ///
    /// # Errors
    /// The first [`TaskError`]; later ones are logged.
    pub async fn run(mut self, grace: Duration) -> Result<(), TaskError> {
        let mut first = None;
        tokio::select! {
            () = self.stop.cancelled() => {}
            Some(ended) = self.set.join_next_with_id() => {
                // It may have ended because of the token, which was cancelled at the same time.
                let asked = self.stop.is_cancelled();
                first = self.judge(ended, asked);
            }
        }
        self.stop.cancel();
        let deadline = tokio::time::Instant::now() + grace;
        while !self.set.is_empty() {
            match tokio::time::timeout_at(deadline, self.set.join_next_with_id()).await {
                Ok(Some(ended)) => {
                    if let Some(error) = self.judge(ended, true) {
                        keep_first(&mut first, error);
                    }
                }
                Ok(None) => break,
                Err(_elapsed) => {
                    let mut names: Vec<_> = self
                        .names
                        .values()
                        .map(|name| format!("`{name}`"))
                        .collect();
                    names.sort();
                    keep_first(&mut first, TaskError::Stuck { names, grace });
                    self.set.shutdown().await;
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    /// What is wrong with a task that ended; `asked`: it was to end.
    fn judge(&mut self, ended: Result<(Id, Ended), JoinError>, asked: bool) -> Option<TaskError> {
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let name = self.names.remove(&id).unwrap_or_default();
        match ended {
            Ok((_, Ok(()))) if asked => {
                tracing::debug!(task.name = name, "The task `{name}` has stopped");
                None
            }
            Ok((_, Ok(()))) => Some(TaskError::Ended { name }),
            Ok((_, Err(source))) => Some(TaskError::Failed { name, source }),
            Err(source) => Some(TaskError::Panicked { name, source }),
        }
    }
}

/// What a task that panicked said.
pub(crate) fn panic_text(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else {
        return "it was cut off".to_owned();
    };
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it panicked").to_owned()
}

fn keep_first(first: &mut Option<TaskError>, error: TaskError) {
    if first.is_none() {
        *first = Some(error);
    } else {
        tracing::error!(error = &error as &dyn Error, "{error}");
    }
}

/// Cancels `stop` on SIGTERM, SIGINT and Ctrl-C; ends when it is cancelled.
///
/// # Errors
/// If the system does not let signals be received.
pub async fn stop_on_signals(stop: CancellationToken) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(signal = name, "Stopping on {name}");
    stop.cancel();
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    async fn until(stop: CancellationToken) -> io::Result<()> {
        stop.cancelled().await;
        Ok(())
    }

    #[tokio::test]
    async fn tasks_end_when_they_are_asked_to() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("one", until(stop.clone()));
        tasks.spawn("two", until(stop.clone()));
        stop.cancel();
        tasks.run(GRACE).await.unwrap();
    }

    #[tokio::test]
    async fn a_failure_stops_the_others_and_is_reported() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("steady", until(stop.clone()));
        tasks.spawn("broken", async { Err(io::Error::other("no")) });
        let error = tasks.run(GRACE).await.unwrap_err();
        assert_eq!(error.to_string(), "the task `broken` failed");
        assert!(stop.is_cancelled());
    }

    #[tokio::test]
    async fn an_early_end_stops_the_others_and_is_reported() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("steady", until(stop.clone()));
        tasks.spawn("short", async { Ok::<_, io::Error>(()) });
        let error = tasks.run(GRACE).await.unwrap_err();
        assert_eq!(error.to_string(), "the task `short` ended by itself");
    }

    #[tokio::test]
    async fn a_task_that_does_not_stop_is_named_and_cut_off() {
        let stop = CancellationToken::new();
        let mut tasks = Tasks::new(stop.clone());
        tasks.spawn("deaf", std::future::pending::<io::Result<()>>());
        stop.cancel();
        let error = tasks.run(Duration::from_millis(10)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`deaf` did not stop within 10ms and was cut off"
        );
    }
}
