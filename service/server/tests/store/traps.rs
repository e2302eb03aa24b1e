//! What S3 services and networks do to those who trust them, tried on a real Ceph RADOS Gateway.

use std::error::Error as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use zarr_fuse_harness::{
    ceph::Ceph,
    proxy::{Behaviour, Presence, Proxy},
};
use zarr_fuse_store::{FailureKind, Store, StoreError};

use crate::place;

const KEYS: [(&str, &str); 2] = [
    ("ZF_S3_ACCESS_KEY", "ZFTESTKEY"),
    ("ZF_S3_SECRET_KEY", "not-the-secret-of-ceph"),
];

/// The error, its causes, and how it is debugged.
fn everything_said(error: &StoreError) -> String {
    let mut said = format!("{error:?} {error}");
    let mut cause = error.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner:?} {inner}");
        cause = inner.source();
    }
    said
}

fn kind(error: &StoreError) -> FailureKind {
    let StoreError::Failed { source, .. } = error else {
        panic!("{error}");
    };
    source.kind()
}

/// A new bucket of Ceph, reached through a proxy.
async fn behind_a_proxy(seed: u64) -> Option<(Proxy, Store, Store)> {
    let ceph = Ceph::start().unwrap()?;
    let url = ceph.bucket().unwrap();
    let proxy = Proxy::start(ceph.endpoint(), seed).await.unwrap();
    let mut environment = ceph.environment();
    let direct = place::access(&environment);
    let direct = Store::open(&url, Path::new("."), &direct).unwrap();
    let endpoint = proxy.url();
    environment[0].1 = &endpoint;
    let access = place::access(&environment);
    let store = Store::open(&url, Path::new("."), &access).unwrap();
    Some((proxy, store, direct))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_s3_that_is_away_is_an_error_within_seconds() {
    let Some((proxy, store, _)) = behind_a_proxy(1).await else {
        return;
    };
    for (presence, seconds) in [(Presence::Away, 5), (Presence::Silent, 12)] {
        proxy.behave(Behaviour {
            presence,
            ..Behaviour::default()
        });
        let begin = Instant::now();
        let (put, create, get, list) = tokio::join!(
            store.put("a", Bytes::new()),
            store.create("b", Bytes::new()),
            store.get("c"),
            store.list("d", None)
        );
        let took = begin.elapsed();
        assert!(
            took < Duration::from_secs(seconds),
            "{presence:?}: {took:?}"
        );
        for error in [
            put.unwrap_err(),
            create.unwrap_err(),
            get.unwrap_err(),
            list.unwrap_err(),
        ] {
            assert_eq!(
                kind(&error),
                FailureKind::Unreachable,
                "{}",
                everything_said(&error)
            );
        }
    }
    proxy.behave(Behaviour::default());
    store.put("a", Bytes::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_whose_answer_was_lost_is_there_and_ours() {
    let Some((proxy, store, direct)) = behind_a_proxy(7).await else {
        return;
    };
    proxy.behave(Behaviour {
        faults_per_mille: 500,
        ..Behaviour::default()
    });
    let (mut n_conflicts, mut n_failed, mut n_failed_there) = (0, 0, 0);
    for i in 0..150 {
        let (key, bytes) = (format!("{i}"), Bytes::from(format!("object {i}")));
        let created = store.create(&key, bytes.clone()).await;
        let there = direct.get(&key).await.unwrap();
        match created {
            Ok(()) => assert_eq!(there, Some(bytes)),
            // Nobody else writes here: the client has asked twice.
            Err(StoreError::Exists { .. }) => {
                n_conflicts += 1;
                assert_eq!(there, Some(bytes));
            }
            Err(_) => {
                n_failed += 1;
                n_failed_there += usize::from(there.is_some());
                assert!(there.is_none_or(|there| there == bytes));
            }
        }
    }
    println!(
        "{n_conflicts} conflicts with ourselves, {n_failed} failures, {n_failed_there} of them with effect"
    );
    assert!(n_conflicts + n_failed_there > 0, "no answer was lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_uploads_get_through_a_broken_network_or_leave_nothing() {
    let Some((proxy, store, direct)) = behind_a_proxy(3).await else {
        return;
    };
    proxy.behave(Behaviour {
        faults_per_mille: 250,
        ..Behaviour::default()
    });
    let (mut n_done, mut n_failed) = (0, 0);
    for i in 0..8 {
        let (key, piece) = (format!("{i}"), Bytes::from(vec![i; 3 << 20]));
        let pieces = std::iter::repeat_n(piece, 6).map(Ok);
        let put = store.put_stream(&key, futures::stream::iter(pieces)).await;
        let there = direct.head(&key).await.unwrap();
        if put.is_ok() {
            n_done += 1;
            assert_eq!(there.unwrap().n_bytes, 18 << 20);
        } else {
            n_failed += 1;
            assert!(there.is_none_or(|there| there.n_bytes == 18 << 20));
        }
    }
    println!("{n_done} done, {n_failed} failed");
    assert!(n_done > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn small_objects_do_not_wait_for_the_network() {
    let Some((_access, store)) = place::ceph("quick") else {
        return;
    };
    let mut quickest = Duration::MAX;
    for i in 0..20 {
        let begin = Instant::now();
        store
            .put(&format!("{i}"), Bytes::from_static(b"x"))
            .await
            .unwrap();
        quickest = quickest.min(begin.elapsed());
    }
    // Without `tcp_nodelay=1` each of them takes 40 ms.
    assert!(quickest < Duration::from_millis(30), "{quickest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_tell_what_to_do_and_no_secret() {
    let Some(ceph) = Ceph::start().unwrap() else {
        return;
    };
    let url = ceph.bucket().unwrap();
    let [endpoint, ..] = ceph.environment();
    let wrong = place::access(&[&[endpoint], &KEYS[..]].concat());
    let store = Store::open(&url, Path::new("."), &wrong).unwrap();
    let multipart = store.put_stream(
        "large",
        futures::stream::iter([Ok(Bytes::from(vec![0; 9 << 20]))]),
    );
    for error in [
        store.get("a").await.unwrap_err(),
        store.put("a", Bytes::new()).await.unwrap_err(),
        store.create("a", Bytes::new()).await.unwrap_err(),
        store.list("a", None).await.unwrap_err(),
        store.copy("a", "b").await.unwrap_err(),
        store.delete("a").await.unwrap_err(),
        multipart.await.unwrap_err(),
    ] {
        let said = everything_said(&error);
        assert_eq!(kind(&error), FailureKind::Denied, "{said}");
        assert!(said.contains("check the keys"), "{said}");
        for secret in [
            "ZFTESTKEY",
            "not-the-secret",
            "Signature=",
            "Credential",
            "AWS4-",
        ] {
            assert!(!said.contains(secret), "`{secret}` in {said}");
        }
    }
    let nowhere = place::access(&ceph.environment());
    let nowhere = Store::open("s3://no-such-bucket", Path::new("."), &nowhere).unwrap();
    let error = nowhere.put("a", Bytes::new()).await.unwrap_err();
    let said = everything_said(&error);
    assert!(
        said.contains("there is no such bucket; make it first"),
        "{said}"
    );
}

/// Answers every request over TLS with an object, until dropped. Gives its port and its certificate.
fn over_tls() -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let pem = made.cert.pem();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            // Who does not trust the certificate hangs up.
            if tls.read(&mut request).is_ok_and(|n| n > 0) {
                let _gone = tls.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\netag: \"e\"\r\nconnection: close\r\n\
                      last-modified: Fri, 20 Nov 2020 12:00:00 GMT\r\n\r\nsecure",
                );
                let _gone = tls.flush();
            }
        }
    });
    (port, pem)
}

#[tokio::test(flavor = "multi_thread")]
async fn authorities_of_ones_own_are_trusted_when_they_are_named() {
    let (port, pem) = over_tls();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, pem).unwrap();
    let endpoint = format!("https://127.0.0.1:{port}");
    let mut environment = KEYS.to_vec();
    environment.push(("S3_ENDPOINT_URL", &endpoint));
    let store = |environment: &[(&str, &str)]| {
        let access = place::access(environment);
        Store::open("s3://bucket", Path::new("."), &access).unwrap()
    };
    let error = store(&environment).get("a").await.unwrap_err();
    let said = everything_said(&error);
    assert!(said.contains("certificate"), "{said}");
    environment.push(("ZF_S3_CA_FILE", file.to_str().unwrap()));
    let found = store(&environment).get("a").await.unwrap();
    assert_eq!(found.unwrap(), "secure");
}

#[tokio::test]
async fn folders_without_objects_go() {
    let (folder, store) = place::folder();
    let root = folder.path().join("store");
    for key in ["n/old/c/0", "n/old/zarr.json", "n/new/zarr.json"] {
        store.put(key, "{}").await.unwrap();
    }
    let old = ["n/old/c/0", "n/old/zarr.json"].map(str::to_owned);
    store.delete_many(old).await.unwrap();
    assert!(root.join("n").exists() && !root.join("n/old").exists());
    store.delete("n/new/zarr.json").await.unwrap();
    assert!(!root.join("n").exists());
    assert!(root.exists(), "the store itself stays");
}
