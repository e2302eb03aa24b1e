//! A second service on the same store takes over while clients send to the first.

use std::time::Duration;

use zarr_fuse_harness::ceph::Ceph;

use super::clients::{Acknowledged, Clients, Load};
use super::disks::unready;
use super::faults;
use super::ledger::Verdict;
use super::site::Site;

const LOAD: Load = Load {
    n_clients: 4,
    late_of_20: 4,
    n_rows: 0,
    pause: Duration::from_millis(5),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_in_a_folder_fences_the_first() {
    take_over_again_and_again("second writer, folder", &Site::local(), faults(1, 15)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_writer_on_ceph_fences_the_first() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let site = Site::at(&ceph.bucket().unwrap(), &ceph.environment());
    take_over_again_and_again("second writer, Ceph", &site, faults(1, 15)).await;
}

async fn take_over_again_and_again(name: &str, site: &Site, n_times: usize) {
    let beside = "date_time,station,value,newest\n1600000001,beside,1,1\n";
    site.workspace.write("beside.csv", beside);
    let mut service = site.serve().await;
    // Those stay with the first service until it refuses them; they switch over then.
    let clients = Clients::start(LOAD);
    clients.send_to(Some(service.address()));
    for _ in 0..n_times {
        clients.more(20).await;
        let beside = site.zf("ingest campaign.yaml readings beside.csv");
        assert_eq!(beside.code, Some(1), "{}", beside.stderr);
        assert!(beside.stderr.contains("over HTTP"), "{}", beside.stderr);
        let mut second = site.spawn();
        second.ready().await.unwrap();
        clients.refused(503, 4).await;
        let refusal = clients.last_refusal();
        assert!(refusal.contains("has taken over"), "{refusal}");
        let why = unready(&service).await;
        assert!(why.contains("has taken over"), "{why}");
        clients.send_to(Some(second.address()));
        clients.more(20).await;
        let former = std::mem::replace(&mut service, second);
        let (status, log) = former.terminate().await.unwrap();
        assert!(status.success(), "{log}");
    }
    let acknowledged: Acknowledged = clients.finish(service.address()).await;
    let verdict = Verdict::of(site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}
