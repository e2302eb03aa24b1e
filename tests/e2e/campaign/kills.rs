//! `kill -9` at random instants.

use std::time::Duration;

use zarr_fuse_harness::ceph::Ceph;

use super::clients::{Clients, Load};
use super::ledger::Verdict;
use super::site::Site;
use super::{faults, seed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_a_folder_lose_nothing_and_double_nothing() {
    campaign(
        "kill -9, folder",
        &Site::local(),
        faults(5, 200),
        Load::default(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_during_insertions_lose_nothing_and_double_nothing() {
    // Every contribution has late rows, so that nearly every instant is one inside an insertion.
    let load = Load {
        late_of_20: 20,
        ..Load::default()
    };
    campaign(
        "kill -9 during insertions, folder",
        &Site::local(),
        faults(5, 100),
        load,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_on_ceph_lose_nothing_and_double_nothing() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let site = Site::at(&ceph.bucket().unwrap(), &ceph.environment());
    // Some late rows, so that kills come in insertions, too.
    let load = Load {
        late_of_20: 4,
        ..Load::default()
    };
    campaign("kill -9, Ceph", &site, faults(3, 50), load).await;
}

async fn campaign(name: &str, site: &Site, n_kills: usize, load: Load) {
    let mut chance = seed(name);
    let clients = Clients::start(load);
    for _ in 0..n_kills {
        let mut service = site.spawn();
        clients.send_to(Some(service.address()));
        if chance.below(5) > 0 {
            service.ready().await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
        service.kill().unwrap();
        clients.send_to(None);
    }
    let service = site.serve().await;
    let acknowledged = clients.finish(service.address()).await;
    let n = acknowledged.receipts.len();
    let verdict = Verdict::of(site, service, &acknowledged).await;
    verdict.report(name, n_kills, &acknowledged);
    assert!(n > n_kills, "hardly anything was uploaded");
}
