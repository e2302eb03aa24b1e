//! `zf token` and `zf user`, with a service that runs meanwhile.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::{Connection, request};
use zarr_fuse_harness::{binary, run};

use crate::workspace::Workspace;

const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
datasets: [boreholes.yaml]
auth:
  token_file: tokens.json
  tokens: [{name: fixed, sha256: 'DIGEST', scopes: [admin]}]
";

fn workspace() -> Workspace {
    let workspace = Workspace::with(&["schemas/boreholes.yaml"]);
    workspace.write(
        "zarr-fuse.yaml",
        &CONFIG.replace("DIGEST", &"7a".repeat(32)),
    );
    workspace
}

async fn ask(service: &Service, authorization: &str) -> u16 {
    let mut connection = Connection::open(service.address()).await.unwrap();
    let headers = [("authorization", authorization)];
    let request = request(
        service.address(),
        "GET",
        "/api/v1/datasets/boreholes",
        &headers,
        b"",
    );
    connection.send(&request).await.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_made_listed_and_revoked_beside_a_running_service() {
    let workspace = workspace();
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    let created = workspace
        .zf("token create ann --scope read:boreholes --scope ingest:boreholes --expires 90d");
    assert_eq!(
        created.stderr,
        "Keep it: only its digest is stored, it cannot be printed again. Send it as `Authorization: Bearer …`.\n"
    );
    let token = created.ok().unwrap();
    let bearer = format!("Bearer {}", token.trim());
    assert_eq!(ask(&service, &bearer).await, 200);
    let file = workspace.path().join("tokens.json");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let listed = workspace.zf("token list").ok().unwrap();
    assert!(
        listed.contains("ann") && listed.contains("read:boreholes ingest:boreholes"),
        "{listed}"
    );
    assert!(!listed.contains(token.trim()));
    workspace.zf("token revoke ann").ok().unwrap();
    let begin = Instant::now();
    while ask(&service, &bearer).await != 401 {
        assert!(
            begin.elapsed() < Duration::from_secs(5),
            "it is still taken"
        );
    }
    let (status, _) = service.terminate().await.unwrap();
    assert!(status.success());
}

#[test]
fn mistakes_with_tokens_are_told_with_their_remedy() {
    let workspace = workspace();
    let refused = |args: &str, code: i32, expected: &str| {
        let ran = workspace.zf(args);
        assert_eq!(ran.code, Some(code), "{args}: {}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{args}: {}", ran.stderr);
        assert_eq!(ran.stdout, "", "{args}");
    };
    workspace.zf("token create ann --scope admin").ok().unwrap();
    refused(
        "token create ann --scope admin",
        1,
        "there is a token `ann` already: choose another name, or revoke it first with `zf token revoke ann`",
    );
    refused(
        "token create fixed --scope admin",
        1,
        "a user or token of the configuration is called `fixed`: choose another name",
    );
    refused(
        "token create bob --scope read:borehole",
        1,
        "`--scope read:borehole`: there is no dataset `borehole`; did you mean `boreholes`?",
    );
    refused(
        "token create bob --scope write:x",
        2,
        "`write:x` is not a scope; write `ingest:<endpoint>`, `correct:<endpoint>`, `read:<dataset>` or `admin`",
    );
    refused("token create bob", 2, "--scope");
    refused(
        "token create bob --scope admin --expires 90",
        2,
        "`90` is not a duration; write `500ms`, `30s`, `5m`, `12h` or `7d`",
    );
    refused(
        "token revoke bob",
        1,
        "there is no token `bob`; `zf token list` shows what there is",
    );
    workspace.write("tokens.json", "{");
    refused(
        "token list",
        1,
        "is damaged: restore it, or remove it and make new tokens",
    );
    refused(
        "serve",
        1,
        "is damaged: restore it, or remove it and make new tokens",
    );
    workspace.write("zarr-fuse.yaml", "datasets: [boreholes.yaml]");
    refused(
        "token list",
        1,
        "`auth.token_file` is not set in `zarr-fuse.yaml`: add `auth: {token_file: tokens.json}`",
    );
    workspace
        .zf("token create bob --scope admin --token-file other.json")
        .ok()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printed_user_signs_in() {
    let workspace = workspace();
    let user = |password: &str| {
        let mut command = run::command(binary::zf().unwrap());
        command
            .args(["user", "eva", "--scope", "read:*"])
            .current_dir(workspace.path());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(password.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    };
    let short = String::from_utf8(user("short\n").stderr).unwrap();
    assert_eq!(
        short,
        "zf: the password has less than 8 characters; take a longer one\n"
    );
    let printed = String::from_utf8(user("correct horse\n").stdout).unwrap();
    assert!(
        printed.starts_with(r#"- {name: "eva", password_hash: "$argon2id$v=19$"#),
        "{printed}"
    );
    let config = CONFIG.replace("DIGEST", &"7a".repeat(32));
    workspace.write("zarr-fuse.yaml", &format!("{config}  users:\n  {printed}"));
    let service = Service::start(workspace.path(), ["serve"]).await.unwrap();
    // `eva:correct horse`, `eva:correct hors`
    assert_eq!(ask(&service, "Basic ZXZhOmNvcnJlY3QgaG9yc2U=").await, 200);
    assert_eq!(ask(&service, "Basic ZXZhOmNvcnJlY3QgaG9ycw==").await, 401);
}
