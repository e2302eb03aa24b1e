//! Full disks and disks that turn read-only.

use std::time::Duration;

use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use super::clients::{Clients, Load};
use super::faults;
use super::ledger::Verdict;
use super::place::Disk;
use super::site::Site;

const DISK_BYTES: u64 = 64 << 20;
/// Clients take a breath, so that a small disk lasts.
const LOAD: Load = Load {
    n_clients: 4,
    late_of_20: 1,
    n_rows: 0,
    pause: Duration::from_millis(10),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_and_recovers() {
    let Some(disk) = Disk::mount(DISK_BYTES) else {
        return;
    };
    let store = disk.path().join("campaign.zarr");
    let site = Site::at(store.to_str().unwrap(), &[]);
    filled_again_and_again("disk full", &site, &disk).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_for_the_journal_only_loses_nothing_and_recovers() {
    let Some(disk) = Disk::mount(DISK_BYTES) else {
        return;
    };
    let site = Site::local();
    let journal = disk.path().join("journals");
    site.configure(&format!("journal: {{url: '{}'}}\n", journal.display()));
    filled_again_and_again("disk of the journal full", &site, &disk).await;
}

async fn filled_again_and_again(name: &str, site: &Site, disk: &Disk) {
    let n_times = faults(2, 20);
    let service = site.serve().await;
    let clients = Clients::start(LOAD);
    clients.send_to(Some(service.address()));
    for i in 0..n_times {
        clients.more(20).await;
        disk.fill((i as u64 % 4) * (64 << 10));
        clients.refused(507, 20).await;
        let refusal = clients.last_refusal();
        assert!(refusal.contains("full"), "{refusal}");
        let why = unready(&service).await;
        assert!(why.contains("No space left on device"), "{why}");
        disk.free();
    }
    clients.more(20).await;
    let acknowledged = clients.finish(service.address()).await;
    becomes_ready(service.address()).await;
    let verdict = Verdict::of(site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_turns_read_only_is_said_so_and_recovers() {
    let Some(disk) = Disk::mount(DISK_BYTES) else {
        return;
    };
    let store = disk.path().join("campaign.zarr");
    let site = Site::at(store.to_str().unwrap(), &[]);
    let n_times = faults(2, 20);
    let service = site.serve().await;
    let clients = Clients::start(LOAD);
    clients.send_to(Some(service.address()));
    for _ in 0..n_times {
        clients.more(20).await;
        disk.set_read_only(true);
        clients.refused(503, 20).await;
        let why = unready(&service).await;
        assert!(why.contains("Read-only file system"), "{why}");
        disk.set_read_only(false);
    }
    clients.more(20).await;
    let acknowledged = clients.finish(service.address()).await;
    becomes_ready(service.address()).await;
    disk.set_read_only(true);
    let queried =
        site.zf("query campaign.yaml readings --var newest --sel station=last --format csv");
    assert_eq!(queried.clone().ok().unwrap(), "station,newest\nlast,1\n");
    disk.set_read_only(false);
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report("store read-only", n_times, &acknowledged);

    disk.set_read_only(true);
    let service = site.spawn();
    service.wait_for("Read-only file system").unwrap();
    service.terminate().await.unwrap();
    disk.set_read_only(false);
}

/// Why the service is not ready.
pub(super) async fn unready(service: &Service) -> String {
    let mut said = String::new();
    for _ in 0..500 {
        let answer = ready(service.address()).await;
        if let Some((503, text)) = answer {
            return text;
        }
        said = format!("{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the service says that it is ready: {said}")
}

/// Waits until it is ready again.
pub(super) async fn becomes_ready(address: std::net::SocketAddr) {
    let mut said = String::new();
    for _ in 0..1500 {
        match ready(address).await {
            Some((200, _)) => return,
            answer => said = format!("{answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the service does not become ready: {said}")
}

async fn ready(address: std::net::SocketAddr) -> Option<(u16, String)> {
    let mut connection = Connection::open(address).await.ok()?;
    let answer = connection.get("/health/ready").await.ok()?;
    Some((answer.status, answer.text()))
}
