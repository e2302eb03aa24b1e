//! A clock that jumps, back more than an idempotency key is remembered, and forth again.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use zarr_fuse_harness::wire::Connection;

use super::clients::{self, Clients, Load};
use super::ledger::Verdict;
use super::site::Site;
use super::{faults, seed};

/// Where Debian's package `faketime` has its library.
const LIBRARIES: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_back_changes_neither_order_nor_keys() {
    if std::env::var("ZF_WITHOUT_FAKETIME").is_ok_and(|is| is == "1") {
        let text = "SKIPPED: jumping clocks are not tested, since ZF_WITHOUT_FAKETIME=1 is set";
        let _closed = writeln!(std::io::stderr(), "{text}");
        return;
    }
    let library = LIBRARIES.into_iter().find(|path| Path::new(path).exists());
    let library = library.expect(
        "Debian's package `faketime` is not installed (ZF_WITHOUT_FAKETIME=1 leaves out what needs it)",
    );
    let name = "clock jumps back";
    let mut chance = seed(name);
    let n_jumps = faults(4, 60);
    let site = Site::local();
    let clock = site.workspace.write("clock", "+0s");
    let environment = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let mut service = site.spawn_with(&environment);
    service.ready().await.unwrap();
    let clients = Clients::start(Load::default());
    clients.send_to(Some(service.address()));
    for i in 0..n_jumps {
        clients.more(20).await;
        // Always back from where it is, at times by more than a key is remembered, and now and then right again.
        let seconds = if i % 3 == 2 {
            0
        } else {
            chance.below(30 * 86_400)
        };
        site.workspace.write("clock", &format!("-{seconds}s"));
        if chance.below(2) == 0 {
            clients.send_to(None);
            service.kill().unwrap();
            service = site.spawn_with(&environment);
            service.ready().await.unwrap();
            clients.send_to(Some(service.address()));
        }
    }
    site.workspace.write("clock", "+0s");
    clients.more(20).await;
    let acknowledged = clients.finish(service.address()).await;

    // All of it once more, by the right clock: nothing is taken twice.
    let mut connection = Connection::open(service.address()).await.unwrap();
    for (key, receipt) in &acknowledged.receipts {
        let answer = clients::post(&mut connection, key, &receipt.body, "")
            .await
            .unwrap();
        let again: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, again["seq"].as_u64()),
            (200, Some(receipt.seq)),
            "{key}: {}",
            answer.text()
        );
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_jumps, &acknowledged);
}
