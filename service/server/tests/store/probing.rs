//! What the probe finds.

use std::path::Path;

use zarr_fuse_store::{
    RequestKind, S3Access,
    probe::{Report, Verdict, essential, thorough},
};

use crate::careless::{self, Fault};
use crate::place;

fn unsafe_checks(report: &Report) -> Vec<&'static str> {
    let bad = report.checks.iter();
    bad.filter(|check| check.verdict == Verdict::Unsafe)
        .map(|check| check.name)
        .collect()
}

#[tokio::test]
async fn a_folder_is_safe_and_left_as_it_was() {
    let (folder, store) = place::folder();
    let report = essential(&store).await.unwrap();
    assert!(report.is_safe(), "{report}");
    let url = folder.path().join("store");
    let url = url.to_str().unwrap();
    let report = thorough(url, Path::new("."), &S3Access::default())
        .await
        .unwrap();
    assert!(report.is_safe(), "{report}");
    assert_eq!(std::fs::read_dir(url).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ceph_is_safe_although_it_refuses_quoted_etags() {
    let Some((access, store)) = place::ceph("probed") else {
        return;
    };
    let begin = std::time::Instant::now();
    let report = essential(&store).await.unwrap();
    assert!(report.is_safe(), "{report}");
    let took = begin.elapsed();
    assert!(
        took.as_secs_f64() < 1.0,
        "the start of the service waits {took:?}"
    );
    let n_requests = store.requests().total();
    assert!(n_requests <= 24, "{n_requests} requests");

    let report = thorough(store.url(), Path::new("."), &access)
        .await
        .unwrap();
    assert!(report.is_safe(), "{report}");
    let replace = report
        .checks
        .iter()
        .find(|check| check.name == "replace if unchanged")
        .unwrap();
    assert_eq!(
        (replace.verdict, replace.found.as_str()),
        (Verdict::Note, "the right ETag, quoted, is refused"),
        "if this Ceph takes quoted ETags, ARCHITECTURE.md needs to say so"
    );
    let left = store.list_objects("", None).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn stores_that_would_lose_data_are_found_out() {
    for (fault, expected) in [
        (Fault::CreatesReplace, "create only"),
        (Fault::LosersAreKept, "create only"),
        (Fault::ReadsAreStale, "read after write"),
        (Fault::ListsAreStale, "list after write"),
        (Fault::NoCopy, "copy"),
        (Fault::NoDelete, "delete"),
    ] {
        let report = essential(&careless::store(fault)).await.unwrap();
        assert!(!report.is_safe());
        assert_eq!(unsafe_checks(&report), [expected], "{fault:?}\n{report}");
        assert!(report.to_string().contains("UNSAFE"), "{report}");
    }
}

#[tokio::test]
async fn what_a_killed_probe_left_behind_is_removed_later() {
    let store = place::memory();
    store
        .put("staging/probe/old/first", bytes::Bytes::new())
        .await
        .unwrap();
    let report = essential(&store).await.unwrap();
    assert!(report.is_safe());
    // It may belong to a probe under way.
    assert_eq!(store.list("staging", None).await.unwrap().len(), 1);
    assert_eq!(store.requests().of(RequestKind::Copy), 1);
}
