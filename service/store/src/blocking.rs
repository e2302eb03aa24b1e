//! Work that takes its time, apart from the threads that answer.

/// Runs `work` where it may take its time; a panic in it goes on here.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it who waits here.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}
