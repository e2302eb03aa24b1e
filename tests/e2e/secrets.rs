//! Nothing that is secret is told: not in logs, answers, metrics, or on the terminal.

use std::net::TcpListener;
use std::process::Command;

use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;
use zarr_fuse_harness::{binary, run};

use crate::workspace::Workspace;

/// Each stands in one place only, so that a leak tells where it comes from.
const SECRETS: [(&str, &str); 12] = [
    ("access key of the configuration", "HUSH-ACCESS-1"),
    ("secret key of the configuration", "HUSH-SECRET-2"),
    ("password in the endpoint's URL", "HUSH-USERINFO-3"),
    ("password in the store's URL", "HUSH-STORE-4"),
    ("access key of the schema", "HUSH-SCHEMA-5"),
    ("secret key of the schema", "HUSH-SCHEMA-6"),
    ("environment variable", "HUSH-VARIABLE-7"),
    ("password of the environment", "HUSH-BASIC-8"),
    ("password sent", "HUSH-SENT-9"),
    ("token sent", "HUSH-TOKEN-10"),
    ("name sent", "HUSH-NAME-11"),
    ("header that cannot be read", "HUSH-HEADER-12"),
];

const SCHEMA: &str = "
ATTRS: {S3_ACCESS_KEY: HUSH-SCHEMA-5, S3_SECRET_KEY: HUSH-SCHEMA-6}
n:
  COORDS: {time: {unit: {tick: s}}}
  VARS: {x: {coords: [time]}}
";

/// `{…}` are replaced.
const CONFIG: &str = "
server: {listen: '127.0.0.1:0'}
store:
  {root}
  access_key: HUSH-ACCESS-1
  secret_key: ${ZF_TEST_SECRET}
datasets: [quiet.yaml]
endpoints: {e: {dataset: quiet, node: n, path: /api/v1/e}}
auth: {token_file: tokens.json, tokens: [{name: t, sha256: '${ZF_TEST_DIGEST}', scopes: [admin]}]}
";

fn check(told: &str, place: &str) {
    for (what, secret) in SECRETS {
        for written in [secret.to_owned(), secret.to_lowercase(), base64(secret)] {
            assert!(
                !told.contains(&written),
                "{what} is told by {place}:\n{told}"
            );
        }
    }
}

/// Of the first bytes, which do not depend on what stands before if that is divisible by three.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks_exact(3) {
        let bits = three
            .iter()
            .fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte));
        for shift in [18, 12, 6, 0] {
            encoded.push(char::from(DIGITS[bits >> shift & 63]));
        }
    }
    encoded
}

/// `zf` with everything secret that an environment can hold.
fn zf(workspace: &Workspace, args: &str) -> Command {
    let mut command = run::command(binary::zf().unwrap());
    command.args(args.split(' ')).current_dir(workspace.path());
    command.envs(environment());
    command
}

fn environment() -> Vec<(String, String)> {
    let digest = "7a".repeat(32);
    [
        ("ZF_TEST_SECRET", "HUSH-SECRET-2"),
        ("ZF_TEST_DIGEST", digest.as_str()),
        ("ZF_UNUSED", "HUSH-VARIABLE-7"),
        ("BASIC_AUTH_USERS_JSON", r#"{"ann": "HUSH-BASIC-8"}"#),
        ("RUST_LOG", "debug"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

#[test]
fn a_store_that_cannot_be_reached_is_told_without_its_keys() {
    let workspace = Workspace::new();
    workspace.write("quiet.yaml", SCHEMA);
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for root in [
        format!("root: s3://bucket/x\n  endpoint_url: 'http://user:HUSH-USERINFO-3@{gone}'"),
        format!("root: s3://user:HUSH-STORE-4@bucket/x\n  endpoint_url: 'http://{gone}'"),
        "root: nothing://user:HUSH-STORE-4@bucket/x".to_owned(),
        "root: 'https://user:HUSH-STORE-4@bucket/x'".to_owned(),
    ] {
        workspace.write("zarr-fuse.yaml", &CONFIG.replace("{root}", &root));
        for args in ["check zarr-fuse.yaml", "token list"] {
            let ran = run::run(&mut zf(&workspace, args)).unwrap();
            check(
                &format!("{}{}", ran.stdout, ran.stderr),
                &format!("zf {args} with {root}"),
            );
        }
        // A store that is away does not end the service; an address that is none may.
        let said = match Service::spawn(workspace.path(), ["serve"]) {
            Ok(service) => {
                service.wait_for("quiet").unwrap();
                let said = format!("{}{}", service.printed(), service.log());
                service.kill().unwrap();
                said
            }
            Err(ended) => format!("{ended:?}"),
        };
        assert!(!said.is_empty());
        check(&said, &format!("zf serve with {root}"));
    }
    let store = "s3://user:HUSH-STORE-4@bucket/x";
    for args in [
        "list quiet.yaml",
        "log quiet.yaml",
        "verify quiet.yaml",
        "query quiet.yaml n",
    ] {
        let args = format!("{args} --store {store}");
        let mut command = zf(&workspace, &args);
        command.env(
            "ZF_S3_ENDPOINT_URL",
            format!("http://user:HUSH-USERINFO-3@{gone}"),
        );
        let ran = run::run(&mut command).unwrap();
        assert_ne!(ran.code, Some(0));
        check(&format!("{}{}", ran.stdout, ran.stderr), &args);
    }
}

#[test]
fn a_configuration_that_is_wrong_is_told_without_its_secrets() {
    let workspace = Workspace::new();
    workspace.write("quiet.yaml", SCHEMA);
    for (key, value) in [
        ("access_key", "[HUSH-ACCESS-1]"),
        ("secret_key", "{a: HUSH-SECRET-2}"),
        ("access_key", "HUSH-ACCESS-1\n  secret_kee: HUSH-SECRET-2"),
        ("root", "[HUSH-ACCESS-1]"),
    ] {
        workspace.write("zarr-fuse.yaml", &format!("store:\n  {key}: {value}\ndatasets: [quiet.yaml]\nauth: {{users: [{{name: a, password_hash: HUSH-SECRET-2}}], tokens: [{{name: b, sha256: HUSH-SECRET-2}}]}}\n"));
        let ran = run::run(&mut zf(&workspace, "check zarr-fuse.yaml")).unwrap();
        assert_eq!(ran.code, Some(1));
        check(
            &format!("{}{}", ran.stdout, ran.stderr),
            &format!("zf check with {key}: {value}"),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_asked_nothing_secret_is_answered_or_logged() {
    let workspace = Workspace::new();
    workspace.write("quiet.yaml", SCHEMA);
    let root = "root: data\n  endpoint_url: 'http://user:HUSH-USERINFO-3@127.0.0.1:1'";
    workspace.write("zarr-fuse.yaml", &CONFIG.replace("{root}", root));
    let made = run::run(&mut zf(&workspace, "token create adm --scope admin")).unwrap();
    let token = made.stdout.trim().to_owned();
    assert!(token.starts_with("zf_") && !made.stderr.contains(&token));
    let mut service = Service::spawn_in(workspace.path(), ["serve"], &environment()).unwrap();
    service.ready().await.unwrap();
    let basic = |name: &str, password: &str| {
        // Divisible by three, so that the encoded parts can be found again.
        let text = format!("{name}:{password}");
        let padded = format!("{text:0<width$}", width = text.len().div_ceil(3) * 3);
        format!("Basic {}", base64(&padded))
    };
    let credentials = [
        format!("Bearer {token}"),
        basic("ann", "HUSH-BASIC-8"),
        basic("ann", "HUSH-SENT-9"),
        basic("HUSH-NAME-11", "HUSH-SENT-9"),
        "Bearer HUSH-TOKEN-10".to_owned(),
        "HUSH-HEADER-12".to_owned(),
        "Basic HUSH-HEADER-12".to_owned(),
        "Digest HUSH-HEADER-12".to_owned(),
    ];
    let mut told = String::new();
    let mut statuses = Vec::new();
    for authorization in &credentials {
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/metrics"),
            ("GET", "/health/ready"),
            ("GET", "/api/v1/datasets"),
            ("GET", "/api/v1/datasets/quiet"),
            ("GET", "/api/v1/datasets/quiet/schema"),
            ("GET", "/api/v1/datasets/quiet/schema?format=json"),
            ("GET", "/zarr/quiet/zarr.json"),
            ("GET", "/zarr/quiet/journal/schema.yaml"),
            ("GET", "/api/v1/query/quiet/n?var=y"),
            ("GET", "/api/v1/contributions"),
            ("POST", "/api/v1/e?wait=merged"),
            ("DELETE", "/api/v1/e"),
            ("GET", "/nowhere"),
        ] {
            let mut connection = Connection::open(service.address()).await.unwrap();
            let headers = [
                ("authorization", authorization.as_str()),
                ("content-type", "text/csv"),
            ];
            let request = zarr_fuse_harness::wire::request(
                service.address(),
                method,
                path,
                &headers,
                b"a,b\n1,2\n",
            );
            let answer = connection.send(&request).await.unwrap();
            statuses.push(answer.status);
            for (name, value) in &answer.headers {
                told.extend([name.as_str(), ": ", value.as_str(), "\n"]);
            }
            told.push_str(&answer.text());
        }
    }
    for status in [200, 401, 404, 405, 422, 429] {
        assert!(
            statuses.contains(&status),
            "{status} is not among {statuses:?}"
        );
    }
    check(&told, "answers");
    assert!(!told.contains(&token), "the token is told by answers");
    let (_, log) = service.terminate().await.unwrap();
    assert!(
        log.contains("DEBUG") && log.contains("Denied a request"),
        "{log}"
    );
    check(&log, "the log");
    assert!(!log.contains(&token), "the token is in the log");
    let kept = std::fs::read_to_string(workspace.path().join("tokens.json")).unwrap();
    assert!(!kept.contains(&token), "the token is in the file");
}
