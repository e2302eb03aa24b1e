//! Mistakes are mended: a schema is edited, a contribution taken back, arrays written again.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::{Answer, Connection};

use crate::workspace::Workspace;

const SCHEMA: &str = "
ATTRS: {STORE_URL: site.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 4}
  VARS:
    temperature: {coords: date_time, unit: degC, df_col: T}
";

const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
datasets: [site.yaml]
";

const CSV: &[u8] = b"date_time,T,RH\n2024-05-01T00:00:00,280,40\n2024-05-01T00:10:00,281,41\n";

fn site() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("site.yaml", SCHEMA);
    workspace.write("zarr-fuse.yaml", CONFIG);
    workspace
}

/// Contributes as a client does: told to come back later, it does.
async fn contribute(service: &Service) -> Answer {
    let headers = [("content-type", "text/csv")];
    let path = "/api/v1/ingest/site?wait=merged";
    for _ in 0..200 {
        if let Ok(mut connection) = Connection::open(service.address()).await
            && let Ok(answer) = connection.post(path, &headers, CSV).await
            && (answer.status != 503 || answer.header("retry-after").is_none())
        {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not take contributions again\n{}", service.log());
}

async fn values(service: &Service) -> String {
    let mut connection = Connection::open(service.address()).await.unwrap();
    let path = "/api/v1/query/site/readings?format=csv";
    connection.get(path).await.unwrap().text()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_variable_takes_effect_while_the_service_runs() {
    let workspace = site();
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    assert_eq!(contribute(&service).await.status, 200);
    let more = format!("{SCHEMA}    humidity: {{coords: date_time, unit: percent, df_col: RH}}\n");
    workspace.write("site.yaml", &more);
    service.wait_for("reading it again").unwrap();
    // Perhaps the service has not begun to read again, and ends while it is asked: then it only says that it has it.
    assert!(matches!(contribute(&service).await.status, 200 | 202));
    service.wait_for("has taken effect").unwrap();
    assert_eq!(contribute(&service).await.status, 200);
    assert_eq!(
        values(&service).await,
        "date_time,temperature,humidity\n2024-05-01T00:00:00Z,280.0,40.0\n2024-05-01T00:10:00Z,281.0,41.0\n"
    );
    let (status, _) = service.terminate().await.unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_changes_stored_values_waits_for_a_rebuild() {
    let workspace = site();
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    assert_eq!(contribute(&service).await.status, 200);
    let before = values(&service).await;
    let kelvin = SCHEMA
        .replace("unit: degC", "unit: degC, source_unit: K")
        .replace("chunk_size: 4", "chunk_size: 64");
    workspace.write("site.yaml", &kelvin);
    service.wait_for("does not take effect").unwrap();
    let log = service.log();
    assert!(log.contains("zf rebuild"), "{log}");
    assert_eq!(values(&service).await, before, "it goes on as before");
    service.terminate().await.unwrap();

    let refused = workspace.zf("ingest site.yaml readings nothing.csv");
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("zf rebuild"), "{}", refused.stderr);
    let rebuilt = workspace.zf("rebuild site.yaml");
    assert_eq!(
        rebuilt.stdout,
        "readings: 1 contributions folded again, 2 rows, 0 contributions rejected\n",
        "{}",
        rebuilt.stderr
    );
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    assert_eq!(values(&service).await, before, "it means what it meant");
    service.terminate().await.unwrap();
    assert_eq!(workspace.zf("verify site.yaml").code, Some(0));
    let asked = workspace.zf("rebuild site.yaml --reinterpret");
    assert_eq!(asked.code, Some(1), "it is told first");
    let told = "readings: 1 of 1 contributions would change, 2 values; 0 would be rejected\n  contribution 1: 2 values\n";
    assert!(asked.stdout.starts_with(told), "{}", asked.stdout);
    let query = "query site.yaml readings --format csv";
    assert_eq!(workspace.zf(query).stdout, before);
    let done = workspace.zf("rebuild site.yaml --reinterpret --yes");
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let after = workspace.zf(query).stdout;
    assert!(after.contains(",6.85"), "{after}");
    assert_eq!(workspace.zf("verify site.yaml").code, Some(0));
}

#[test]
fn a_contribution_is_taken_back_and_counted_again() {
    let workspace = site();
    for (name, csv) in [
        ("a.csv", "date_time,T\n2024-05-01T00:00:00,1\n"),
        (
            "b.csv",
            "date_time,T\n2024-05-01T00:00:00,2\n2024-04-30T00:00:00,2\n",
        ),
        ("c.csv", "nothing\n1\n"),
    ] {
        workspace.write(name, csv);
    }
    workspace.zf("ingest site.yaml readings a.csv b.csv c.csv");
    let query = "query site.yaml readings --format csv";
    let both = workspace.zf(query).stdout;
    let log = workspace.zf("log site.yaml --status merged --json --limit 1");
    let log: serde_json::Value = serde_json::from_str(&log.stdout).unwrap();
    let id = log["contribution"]["id"].as_str().unwrap();

    let retracted = workspace.zf(&format!("retract site.yaml {id}"));
    assert_eq!(retracted.code, Some(0), "{}", retracted.stderr);
    let only = "date_time,temperature\n2024-05-01T00:00:00Z,1.0\n";
    assert_eq!(workspace.zf(query).stdout, only);
    let again = workspace.zf(&format!("retract site.yaml {id}"));
    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("is retracted"), "{}", again.stderr);
    let retried = workspace.zf(&format!("retry site.yaml {id}"));
    assert_eq!(retried.code, Some(0), "{}", retried.stderr);
    assert_eq!(workspace.zf(query).stdout, both);
    let rejected = workspace.zf("retry site.yaml --status rejected");
    assert_eq!(rejected.code, Some(1), "still nothing to take");
    assert_eq!(workspace.zf("verify site.yaml").code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_correct_through_the_service_while_it_runs() {
    let workspace = site();
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let taken = contribute(&service).await;
    assert_eq!(taken.status, 200);
    let receipt: serde_json::Value = serde_json::from_str(&taken.text()).unwrap();
    let id = receipt["id"].as_str().unwrap();
    let note = workspace.path().join("site.zarr/journal/service.json");
    let mode = std::fs::metadata(&note).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let retracted = workspace.zf(&format!("retract site.yaml {id}"));
    assert_eq!(retracted.code, Some(0), "{}", retracted.stderr);
    assert!(
        retracted.stdout.contains("retracted"),
        "{}",
        retracted.stdout
    );
    assert_eq!(values(&service).await, "date_time,temperature\n");
    let retried = workspace.zf("retry site.yaml --status retracted");
    assert_eq!(retried.code, Some(0), "{}", retried.stderr);
    assert!(retried.stdout.contains("merged"), "{}", retried.stdout);
    let before = values(&service).await;
    assert_eq!(before.lines().count(), 3);
    let rebuilt = workspace.zf("rebuild site.yaml");
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
    assert_eq!(rebuilt.stdout, "readings: rebuilt\n");
    assert_eq!(values(&service).await, before);

    service.terminate().await.unwrap();
    assert!(!note.exists());
    let retracted = workspace.zf(&format!("retract site.yaml {id}"));
    assert_eq!(retracted.code, Some(0), "{}", retracted.stderr);
    assert_eq!(workspace.zf("verify site.yaml").code, Some(0));
}

const FIRMWARE: &str = "
server: {listen: '127.0.0.1:0'}
datasets: {mine: site.yaml}
endpoints:
  logger: {dataset: mine, node: readings, decode: {rename: {temp: T}}}
";

/// A store that a service wrote through an endpoint that renames a column, under a name that only its configuration knows.
async fn written_by_a_service() -> Workspace {
    let workspace = site();
    workspace.write("zarr-fuse.yaml", FIRMWARE);
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let headers = [("content-type", "text/csv")];
    for (endpoint, column, hour) in [
        ("logger", "temp", 1),
        ("logger", "temp", 2),
        ("mine", "T", 3),
    ] {
        let csv = format!("date_time,{column}\n2024-05-01T0{hour}:00:00,{hour}\n");
        let path = format!("/api/v1/ingest/{endpoint}?wait=merged");
        let mut connection = Connection::open(service.address()).await.unwrap();
        let answer = connection
            .post(&path, &headers, csv.as_bytes())
            .await
            .unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    service.terminate().await.unwrap();
    workspace
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_need_the_store_alone() {
    let workspace = written_by_a_service().await;
    for file in ["site.yaml", "zarr-fuse.yaml"] {
        std::fs::remove_file(workspace.path().join(file)).unwrap();
    }
    std::fs::rename(
        workspace.path().join("site.zarr"),
        workspace.path().join("moved"),
    )
    .unwrap();
    let is_done = |line: &str| {
        let ran = workspace.zf(line);
        assert_eq!(ran.code, Some(0), "zf {line}\n{}{}", ran.stdout, ran.stderr);
        ran.stdout
    };
    is_done("verify moved");
    is_done("list moved");
    is_done("cp moved copy.zarr");
    for store in ["moved", "copy.zarr"] {
        assert!(is_done(&format!("log {store}")).contains("logger"));
        is_done(&format!("retract {store} 2"));
        is_done(&format!("rebuild {store}"));
        is_done(&format!("verify {store}"));
        let values = is_done(&format!("query {store} readings --format csv"));
        assert_eq!(
            values,
            "date_time,temperature\n2024-05-01T01:00:00Z,1.0\n2024-05-01T03:00:00Z,3.0\n"
        );
        is_done(&format!("retry {store} 2"));
    }
    // New ones come through the endpoint that the dataset has by the name that the service gave it.
    workspace.write("more.csv", "date_time,T\n2024-05-01T04:00:00,4\n");
    is_done("ingest moved readings more.csv");
    let log = is_done("log moved --limit 1");
    assert!(log.contains("  mine  "), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_endpoint_changes_nothing_of_what_came() {
    let workspace = written_by_a_service().await;
    let query = "query site.yaml readings --format csv";
    let before = workspace.zf(query).stdout;
    for config in [
        FIRMWARE.replace("temp: T", "temperature: T"),
        FIRMWARE.replace("logger:", "other:"),
        FIRMWARE.replace("mine", "renamed"),
        CONFIG.to_owned(),
    ] {
        workspace.write("zarr-fuse.yaml", &config);
        let rebuilt = workspace.zf("rebuild site.yaml --config zarr-fuse.yaml");
        assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
        assert_eq!(workspace.zf(query).stdout, before, "{config}");
        let verified = workspace.zf("verify site.yaml --config zarr-fuse.yaml");
        assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_dataset_keeps_all_its_contributions() {
    let workspace = written_by_a_service().await;
    workspace.write("zarr-fuse.yaml", &FIRMWARE.replace("mine", "yours"));
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let mut before = String::new();
    let mut found = Vec::new();
    loop {
        let mut connection = Connection::open(service.address()).await.unwrap();
        let path = format!("/api/v1/contributions?dataset=yours&limit=1{before}");
        let answer = connection.get(&path).await.unwrap();
        let page: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
        for contribution in page["contributions"].as_array().unwrap() {
            assert_eq!(contribution["dataset"], "yours");
            found.push(contribution["seq"].as_u64().unwrap());
        }
        match page["before"].as_str() {
            Some(next) => before = format!("&before={next}"),
            None => break,
        }
        assert!(found.len() < 10, "pages have an end");
    }
    found.dedup();
    assert_eq!(found.len(), 3, "{found:?}");
    service.terminate().await.unwrap();
}
