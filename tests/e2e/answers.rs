//! Answers to random questions are what xarray computes from the same store.

use zarr_fuse_harness::python;
use zarr_fuse_harness::service::Service;

use crate::workspace::Workspace;

/// Asks `n_cases` questions of a store made of `seed`.
async fn check(seed: u64, n_nodes: usize, n_cases: usize) {
    let workspace = Workspace::new();
    let (seed, n_nodes, n_cases) = (seed.to_string(), n_nodes.to_string(), n_cases.to_string());
    let made = python::script(
        "check_query.py",
        workspace.path(),
        ["make", &seed, &n_nodes],
    );
    made.unwrap().ok().unwrap();
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let url = service.url("");
    let args = [
        "check",
        &seed,
        &n_nodes,
        url.trim_end_matches('/'),
        &n_cases,
    ];
    let run = python::script("check_query.py", workspace.path(), args).unwrap();
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    print!("{}", run.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn random_questions_are_answered_as_xarray_answers_them() {
    check(1, 24, 300).await;
}

/// `ZF_SEEDS=100 cargo test -p zarr-fuse-e2e answers -- --ignored` asks more.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn many_random_questions_are_answered_as_xarray_answers_them() {
    let n: u64 = std::env::var("ZF_SEEDS").map_or(10, |n| n.parse().unwrap());
    for seed in 2..2 + n {
        check(seed, 24, 300).await;
    }
}
