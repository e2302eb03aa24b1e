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
    assert!(
        values(&service).await.contains(",6.85"),
        "{}",
        values(&service).await
    );
    service.terminate().await.unwrap();
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
