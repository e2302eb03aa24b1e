//! Answers while the datasets are being opened: the process is alive, but not ready.

use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use actix_web::{App as Server, HttpRequest, HttpServer, web};

use super::error::ApiError;
use super::{Tls, health};

/// Opening mostly takes less, and nobody needs an answer meanwhile.
const PATIENCE: Duration = Duration::from_millis(300);

/// Waits for `opening`; if it takes long, answers on `listener` meanwhile. Afterwards the listener is free again.
///
/// # Errors
/// What the listener reports.
pub(crate) async fn answer_while<T>(
    listener: &TcpListener,
    tls: Option<&Tls>,
    opening: impl Future<Output = T>,
) -> io::Result<T> {
    let mut opening = pin!(opening);
    if let Ok(opened) = tokio::time::timeout(PATIENCE, &mut opening).await {
        return Ok(opened);
    }
    let factory = || {
        Server::new()
            .service(health::get_liveness)
            .default_service(web::to(refuse))
    };
    let server = HttpServer::new(factory)
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0);
    let listener = listener.try_clone()?;
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.server()?)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    let (ended, opened) = tokio::join!(server, async {
        let opened = opening.await;
        handle.stop(false).await;
        opened
    });
    ended?;
    Ok(opened)
}

async fn refuse(_req: HttpRequest) -> Result<&'static str, ApiError> {
    Err(ApiError::NotReady(vec![(
        String::new(),
        "the datasets are being opened".to_owned(),
    )]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_service_that_starts_is_alive_but_not_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let ask = async |path: &str| client.get(format!("{url}{path}")).send().await.unwrap();
            assert_eq!(ask("/health/live").await.status(), 200);
            let ready = ask("/health/ready").await;
            assert_eq!(ready.status(), 503);
            assert!(ready.headers().contains_key("retry-after"));
            let text = ready.text().await.unwrap();
            assert!(text.contains("the datasets are being opened"), "{text}");
            "opened"
        };
        assert_eq!(
            answer_while(&listener, None, asked).await.unwrap(),
            "opened"
        );
        listener.set_nonblocking(true).unwrap();
        let error = listener.accept().unwrap_err();
        assert_eq!(
            error.kind(),
            io::ErrorKind::WouldBlock,
            "the listener still listens"
        );
    }

    #[tokio::test]
    async fn a_quick_start_needs_no_answers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert_eq!(answer_while(&listener, None, async { 7 }).await.unwrap(), 7);
    }
}
