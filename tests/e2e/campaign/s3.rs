//! A proxy between the service and Ceph drops connections, delays, answers with errors, loses answers, and is away.

use std::time::{Duration, Instant};

use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_harness::proxy::{Behaviour, Presence, Proxy};

use super::clients::{Clients, Load};
use super::disks::{becomes_ready, unready};
use super::ledger::Verdict;
use super::site::Site;
use super::{faults, seed};

/// A service is told of an outage of S3 by its clients, and tells them, within this.
const MAX_UNNOTICED: Duration = Duration::from_secs(30);

/// A dataset on Ceph behind a proxy.
async fn behind_proxy(campaign: &str) -> Option<(Site, Proxy)> {
    let ceph = Ceph::start().unwrap()?;
    let proxy = Proxy::start(ceph.endpoint(), seed(campaign).0)
        .await
        .unwrap();
    let url = proxy.url();
    let environment = ceph.environment().map(|(name, value)| match name {
        "S3_ENDPOINT_URL" => (name, url.as_str()),
        _ => (name, value),
    });
    let site = Site::at(&ceph.bucket().unwrap(), &environment);
    Some((site, proxy))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_between_service_and_s3_lose_nothing_and_double_nothing() {
    let name = "faults between service and S3";
    let Some((site, proxy)) = behind_proxy(name).await else {
        return;
    };
    let wanted = faults(60, 3000);
    let service = site.serve().await;
    // A fold may take many requests, so that with more faults hardly one succeeds.
    proxy.behave(Behaviour {
        faults_per_mille: 60,
        ..Behaviour::default()
    });
    let clients = Clients::start(Load {
        late_of_20: 4,
        pause: Duration::from_millis(20),
        ..Load::default()
    });
    clients.send_to(Some(service.address()));
    while proxy.n_faults() < wanted {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.behave(Behaviour::default());
    let acknowledged = clients.finish(service.address()).await;
    becomes_ready(service.address()).await;
    let (n_faults, n_requests) = (proxy.n_faults(), proxy.n_requests());
    println!(
        "{:?} in {n_requests} requests; refused: {:?}",
        proxy.faults(),
        acknowledged.refusals
    );
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_faults, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_behind_a_faulty_network_lose_nothing_and_double_nothing() {
    let name = "kill -9 and faults between service and S3";
    let Some((site, proxy)) = behind_proxy(name).await else {
        return;
    };
    let mut chance = seed(name);
    let n_kills = faults(2, 30);
    let clients = Clients::start(Load {
        late_of_20: 4,
        pause: Duration::from_millis(20),
        ..Load::default()
    });
    let faulty = Behaviour {
        faults_per_mille: 40,
        ..Behaviour::default()
    };
    for _ in 0..n_kills {
        proxy.behave(Behaviour::default());
        let mut service = site.spawn();
        clients.send_to(Some(service.address()));
        service.ready().await.unwrap();
        proxy.behave(faulty);
        tokio::time::sleep(Duration::from_millis(500 + chance.below(2500))).await;
        service.kill().unwrap();
        clients.send_to(None);
    }
    proxy.behave(Behaviour::default());
    let service = site.serve().await;
    let acknowledged = clients.finish(service.address()).await;
    let n_faults = n_kills + proxy.n_faults();
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_faults, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_s3_is_away_contributions_are_refused_and_everything_recovers() {
    let name = "S3 away";
    let Some((site, proxy)) = behind_proxy(name).await else {
        return;
    };
    let n_times = faults(2, 20);
    let service = site.serve().await;
    let clients = Clients::start(Load {
        n_clients: 4,
        pause: Duration::from_millis(20),
        ..Load::default()
    });
    clients.send_to(Some(service.address()));
    for i in 0..n_times {
        clients.more(10).await;
        let presence = [Presence::Away, Presence::Silent][i % 2];
        proxy.behave(Behaviour {
            presence,
            ..Behaviour::default()
        });
        let begin = Instant::now();
        clients.refused(503, 10).await;
        assert!(
            begin.elapsed() < MAX_UNNOTICED,
            "{presence:?}: {:?}",
            begin.elapsed()
        );
        let why = unready(&service).await;
        assert!(why.contains("the journal cannot be written"), "{why}");
        // Whoever asks now is told at once.
        let begin = Instant::now();
        clients.refused(503, 10).await;
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "{presence:?}: {:?}",
            begin.elapsed()
        );
        proxy.behave(Behaviour::default());
        becomes_ready(service.address()).await;
    }
    let acknowledged = clients.finish(service.address()).await;
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_journal_in_a_folder_contributions_are_taken_while_s3_is_away() {
    let name = "S3 away, journal in a folder";
    let Some((site, proxy)) = behind_proxy(name).await else {
        return;
    };
    site.configure("journal: {url: journals}\n");
    let n_times = faults(1, 20);
    let service = site.serve().await;
    let clients = Clients::start(Load {
        n_clients: 4,
        pause: Duration::from_millis(20),
        ..Load::default()
    });
    clients.send_to(Some(service.address()));
    for i in 0..n_times {
        clients.more(10).await;
        let presence = [Presence::Away, Presence::Silent][i % 2];
        proxy.behave(Behaviour {
            presence,
            ..Behaviour::default()
        });
        let why = unready(&service).await;
        assert!(why.contains("campaign/readings"), "{why}");
        clients.more(50).await;
        proxy.behave(Behaviour::default());
        becomes_ready(service.address()).await;
    }
    let acknowledged = clients.finish(service.address()).await;
    let n_refused: usize = acknowledged.refusals.values().sum();
    assert_eq!(n_refused, 0, "{:?}", acknowledged.refusals);
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}
