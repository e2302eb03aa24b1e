//! The interface asked at random, as its own document describes it: nothing is answered that the document does not describe,
//! and nothing fails.

use zarr_fuse_harness::python;
use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use crate::workspace::Workspace;

const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
datasets: [boreholes.yaml, weather.yaml]
endpoints: {loggers: {dataset: boreholes, node: temperature, path: /api/v1/loggers}}
auth: {token_file: tokens.json, public: [weather]}
limits: {wait: 500ms}
";
const CSV: &str = "date_time,borehole,depth,rock_temp\n2025-03-01T12:00:00Z,A,0.5,7.25\n";
/// Requests of each kind; `ZF_EXAMPLES` asks for more.
const N_EXAMPLES: &str = "15";

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_does_what_its_document_says() {
    let workspace = Workspace::with(&["schemas/boreholes.yaml", "schemas/weather.yaml"]);
    workspace.write("zarr-fuse.yaml", CONFIG);
    let token = |name: &str, scope: &str| {
        let made = workspace.zf(&format!("token create {name} --scope {scope}"));
        made.ok().unwrap().trim().to_owned()
    };
    let admin = token("admin", "admin");
    let reader = token("reader", "read:weather");
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let mut connection = Connection::open(service.address()).await.unwrap();
    let authorization = format!("Bearer {admin}");
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "text/csv"),
    ];
    let sent = connection
        .post(
            "/api/v1/ingest/boreholes?wait=merged",
            &headers,
            CSV.as_bytes(),
        )
        .await
        .unwrap();
    assert_eq!(sent.status, 200, "{}", sent.text());
    let sent: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
    workspace.write("ids.txt", &sent["id"].to_string());
    workspace.copy(&python::folder().join("schemathesis.toml"));
    let document = service.url("/openapi.json");
    let n_examples = std::env::var("ZF_EXAMPLES").unwrap_or_else(|_unset| N_EXAMPLES.to_owned());
    for (who, authorization) in [
        (
            "somebody who may do everything",
            Some(format!("Authorization: Bearer {admin}")),
        ),
        (
            "somebody who may read one dataset",
            Some(format!("Authorization: Bearer {reader}")),
        ),
        ("nobody", None),
    ] {
        let mut args = vec!["run", &document, "--max-examples", &n_examples];
        args.extend([
            "--phases",
            "examples,coverage,fuzzing",
            "--continue-on-failure",
        ]);
        args.extend([
            "--no-shrink",
            // Its answer lasts as long as one wants.
            "--exclude-path",
            "/api/v1/events",
            "--request-timeout",
            "30",
            "--warnings",
            "off",
        ]);
        if let Some(authorization) = &authorization {
            args.extend(["-H", authorization]);
        }
        let run = python::module("schemathesis.cli", workspace.path(), args).unwrap();
        assert_eq!(
            run.code,
            Some(0),
            "asked by {who}:\n{}{}",
            run.stdout,
            run.stderr
        );
        assert!(run.stdout.contains("Test cases:"), "{}", run.stdout);
    }
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{status}");
    let faults: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" ERROR "))
        .collect();
    assert!(faults.is_empty(), "{faults:?}");
}
