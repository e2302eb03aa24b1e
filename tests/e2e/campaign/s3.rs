//! A proxy between the service and Ceph drops connections, delays, answers with errors, loses answers, and is away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_harness::proxy::{Behaviour, Presence, Proxy};

use zarr_fuse_harness::wire::Connection;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn insertions_are_settled_however_often_s3_goes_away() {
    let name = "S3 away during insertions";
    let Some((site, proxy)) = behind_proxy(name).await else {
        return;
    };
    // Contributions come while S3 is away, and no chunk is remembered: everything is read from where it is.
    site.configure("journal: {url: journals}\nlimits: {max_chunk_cache_bytes: 1}\n");
    let mut chance = seed(name);
    let n_times = faults(6, 200);
    let service = site.serve().await;
    // Every contribution has a row before all others, so that S3 goes away in the middle of moving chunks.
    let clients = Clients::start(Load {
        n_clients: 4,
        late_of_20: 20,
        pause: Duration::from_millis(50),
        ..Load::default()
    });
    clients.send_to(Some(service.address()));
    let is_over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn(ask(service.address(), Arc::clone(&is_over)));
    for i in 0..n_times {
        clients.more(10).await;
        tokio::time::sleep(Duration::from_millis(chance.below(700))).await;
        proxy.behave(Behaviour {
            presence: [Presence::Away, Presence::Silent][i % 2],
            ..Behaviour::default()
        });
        // Shorter and longer than what a commit is tried again for.
        let how_long =
            [300, 3000, 15_000][usize::from(chance.below(10) > 5) + usize::from(i % 20 == 5)];
        tokio::time::sleep(Duration::from_millis(chance.below(how_long))).await;
        proxy.behave(Behaviour::default());
    }
    becomes_ready(service.address()).await;
    let acknowledged = clients.finish(service.address()).await;
    is_over.store(true, Ordering::Relaxed);
    let (n_answers, n_refusals) = asking.await.unwrap();
    println!("{n_answers} answers of one state, {n_refusals} questions refused");
    assert!(n_answers > 0, "no question was answered");
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}

/// Asks for what the first client has sent until `is_over`: an answer has all of it up to some contribution, in order, or
/// there is none. Gives how many there were and how many were refused.
async fn ask(address: SocketAddr, is_over: Arc<AtomicBool>) -> (usize, usize) {
    let path = "/api/v1/query/campaign/readings?var=value&sel.date_time=2023-11-14T22:13:20Z/&sel.station=station-0&format=csv&limit=100000";
    let (mut n_answers, mut n_refusals) = (0, 0);
    while !is_over.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let Ok(mut connection) = Connection::open(address).await else {
            continue;
        };
        let Ok(answer) = connection.get(path).await else {
            // An answer is cut off when values move while it is under way.
            n_refusals += 1;
            continue;
        };
        match answer.status {
            200 => {
                let text = answer.text();
                let values = text
                    .lines()
                    .skip(1)
                    .filter_map(|line| line.rsplit(',').next());
                let values: Vec<&str> = values.filter(|value| !value.is_empty()).collect();
                let wanted: Vec<String> = (0..values.len()).map(|k| format!("{k}.0")).collect();
                assert_eq!(values, wanted, "values of several states");
                n_answers += 1;
            }
            503 => n_refusals += 1,
            // Nothing has been merged yet.
            404 => {}
            other => panic!("{other}: {}", answer.text()),
        }
    }
    (n_answers, n_refusals)
}
