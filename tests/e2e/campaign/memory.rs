//! More is uploaded than S3 takes: the memory of the service stays bounded.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use zarr_fuse_harness::ceph::Ceph;
use zarr_fuse_harness::chance::Chance;
use zarr_fuse_harness::proxy::{Behaviour, Proxy};
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use super::clients;
use super::disks::becomes_ready;
use super::site::Site;
use super::{faults, is_long};

/// The most that the service may have in memory at once.
const MAX_RESIDENT_BYTES: u64 = 600 << 20;
const N_CLIENTS: u64 = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_stays_bounded_while_s3_is_slow() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let n_bytes = (faults(256, 2048) as u64) << 20;
    let proxy = Proxy::start(ceph.endpoint(), 1).await.unwrap();
    let url = proxy.url();
    let environment = ceph.environment().map(|(name, value)| match name {
        "S3_ENDPOINT_URL" => (name, url.as_str()),
        _ => (name, value),
    });
    let site = Site::at(&ceph.bucket().unwrap(), &environment);
    // Little may wait, so that this is felt, too.
    site.configure(
        "limits: {max_body_bytes: 64MiB, max_waiting_bytes: 96MiB, max_spool_bytes: 128MiB}\n",
    );
    let service = site.serve().await;
    proxy.behave(Behaviour {
        delay: Duration::from_millis(100),
        bytes_per_second: 48 << 20,
        ..Behaviour::default()
    });

    let address = service.address();
    let largest = if is_long() { 40 << 20 } else { 12 << 20 };
    let sizes: Arc<[usize]> = [64 << 10, 700 << 10, 3 << 20, 9 << 20, largest].into();
    let uploads = (0..N_CLIENTS).map(|client| {
        let sizes = Arc::clone(&sizes);
        tokio::spawn(async move {
            let (mut n_sent, mut n_acknowledged, mut n_refused) = (0, 0, 0);
            let mut chance = Chance(client);
            let mut connection = None;
            while n_sent < n_bytes / N_CLIENTS {
                let at = usize::try_from(chance.below(sizes.len() as u64)).unwrap();
                let body = body(sizes[at], &mut chance);
                let key = format!("client-{client}-{n_acknowledged}");
                n_sent += body.len() as u64;
                loop {
                    if connection.is_none() {
                        connection = Connection::open(address).await.ok();
                    }
                    let open = connection.as_mut().unwrap();
                    match clients::post(open, &key, &body, "").await {
                        Ok(answer) if matches!(answer.status, 200 | 202) => break,
                        Ok(answer) => {
                            let status = answer.status;
                            assert!(matches!(status, 429 | 503), "{status}: {}", answer.text());
                            assert!(answer.header("retry-after").is_some());
                            n_refused += 1;
                            connection = None;
                        }
                        // Refused while it was sent.
                        Err(_) => {
                            n_refused += 1;
                            connection = None;
                        }
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
                n_acknowledged += 1;
            }
            (n_sent, n_acknowledged, n_refused)
        })
    });
    let uploads: Vec<_> = uploads.collect();
    let (mut n_sent, mut n_acknowledged, mut n_refused) = (0, 0, 0);
    for upload in uploads {
        let (sent, acknowledged, refused) = upload.await.unwrap();
        n_sent += sent;
        n_acknowledged += acknowledged;
        n_refused += refused;
    }
    proxy.behave(Behaviour::default());
    merged(&service).await;
    becomes_ready(address).await;
    let peak = service.peak_memory_bytes().unwrap();
    println!(
        "slow S3: {} MiB in {n_acknowledged} contributions, {n_refused} times refused, at most {} MiB resident",
        n_sent >> 20,
        peak >> 20
    );
    let metrics = Connection::open(address)
        .await
        .unwrap()
        .get("/metrics")
        .await
        .unwrap()
        .text();
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
    assert!(peak < MAX_RESIDENT_BYTES, "{peak} bytes were resident");
    if is_long() {
        assert!(
            metrics.contains("zarr_fuse_contributions_stalled_total"),
            "{metrics}"
        );
    }
}

/// Rows of a few series with a long remark that no variable asks for: many bytes, few cells.
fn body(n_bytes: usize, chance: &mut Chance) -> String {
    use std::fmt::Write as _;
    let mut text = "date_time,station,value,remark\n".to_owned();
    text.reserve(n_bytes + 4096);
    let mut remark = String::new();
    for _ in 0..4096 {
        write!(remark, "{:016x}", chance.below(u64::MAX)).unwrap();
    }
    let mut row = 0;
    while text.len() < n_bytes {
        let (from, station) = (
            usize::try_from(chance.below(60_000)).unwrap(),
            chance.below(8),
        );
        let (head, tail) = remark.split_at(from);
        writeln!(
            text,
            "{},station-{station},{row},{tail}{head}",
            1_700_000_000 + row
        )
        .unwrap();
        row += 1;
    }
    text
}

/// Waits until everything is merged.
async fn merged(service: &Service) {
    let mut connection = Connection::open(service.address()).await.unwrap();
    let path = "/api/v1/contributions?status=journaled&limit=1";
    for _ in 0..6000 {
        let answer = connection.get(path).await.unwrap();
        let page: Value = serde_json::from_slice(&answer.body).unwrap();
        if page["contributions"].as_array().is_some_and(Vec::is_empty) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("not everything is merged");
}
