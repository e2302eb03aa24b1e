//! What configurations give, and how wrong ones are reported.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use zarr_fuse_schemas::yaml;

use super::{AuthMode, Config, Listen, Scope};

const FULL: &str = r#"
server: {listen: "127.0.0.1:${PORT:-8000}", workers: 2, max_connections: "${CONNECTIONS:-100}", grace: 10s}
store:
  root: s3://bucket/prefix
  endpoint_url: https://s3.example.org
  region: eu
  access_key: ${KEY}
  secret_key: ${SECRET}
journal: {url: /var/lib/zarr-fuse/journal, flush_interval: 5ms, max_segment_bytes: 8MiB, idempotency_window: 1d}
auth: {mode: none, public: [bukov]}
limits: {max_body_bytes: 64MiB, max_decompressed_bytes: 1000000, max_concurrent_requests: 10, wait: 5s,
  max_waiting_contributions: 100, max_waiting_bytes: 1GiB, max_chunk_cache_bytes: 16MiB,
  max_query_block_cells: 1000, max_query_page_rows: 10, max_query_columns: 20}
datasets:
  bukov: bukov.yaml
  weather: {schema: weather.yaml, store: data/weather.zarr}
endpoints:
  boreholes:
    dataset: bukov
    node: bukov
    path: /api/v1/bukov
    senders: []
    decode:
      csv: {header: 2, null_values: [NA, "-"]}
      rename: {T: rock_temp}
      set: {sender: "${sender}"}
"#;

fn env() -> HashMap<String, String> {
    [("KEY", "AKIA"), ("SECRET", "hush"), ("PORT", "9000")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// A folder with two schema files.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["bukov.yaml", "weather.yaml"] {
        fs::write(folder.path().join(name), "{}").unwrap();
    }
    folder
}

/// The configuration in a folder with two schema files, or its problems without the name of the file.
fn parse(text: &str) -> Result<Config, Vec<String>> {
    let folder = folder();
    let path = folder.path().join("zarr-fuse.yaml");
    fs::write(&path, text).unwrap();
    let file = format!("{}:", path.display());
    let place = folder.path().display().to_string();
    Config::load(&path, &env()).map_err(|error| {
        error
            .problems
            .iter()
            .map(|problem| problem.to_string().replace(&file, "").replace(&place, ""))
            .collect()
    })
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let problems = parse(text).err().unwrap_or_default();
    assert_eq!(problems, expected, "{text}");
}

#[test]
fn every_key_is_read() {
    let config = parse(FULL).unwrap();
    assert_eq!(
        config.server.listen,
        Listen {
            host: "127.0.0.1".to_owned(),
            port: 9000
        }
    );
    assert_eq!(
        (config.server.workers, config.server.max_connections),
        (Some(2), 100)
    );
    assert_eq!(config.server.grace, Duration::from_secs(10));
    assert_eq!(config.store.access_key.as_ref().unwrap().expose(), "AKIA");
    assert_eq!(config.journal.flush_interval, Duration::from_millis(5));
    assert_eq!(config.journal.max_segment_bytes, 8 << 20);
    assert_eq!(config.journal.idempotency_window, Duration::from_hours(24));
    assert_eq!(config.auth.as_ref().unwrap().mode, AuthMode::None);
    assert_eq!(config.limits.max_body_bytes, 64 << 20);
    let room = zarr_fuse_query::Room::new(1 << 20);
    assert_eq!(config.limits.query(&room).max_columns, 20);
    let weather = &config.datasets.by_name["weather"];
    assert_eq!(weather.schema, config.folder().join("weather.yaml"));
    assert_eq!(weather.store.as_deref(), Some("data/weather.zarr"));
    let endpoint = &config.endpoints["boreholes"];
    assert_eq!(
        (endpoint.node.as_str(), endpoint.path.as_deref()),
        ("bukov", Some("/api/v1/bukov"))
    );
    assert_eq!(
        endpoint.decode.set["sender"],
        Value::from("${sender}"),
        "request variables are not the environment"
    );
    assert_eq!(endpoint.decode.limits.max_decompressed_bytes, 1_000_000);
}

#[test]
fn secrets_are_not_printed() {
    let printed = format!("{:?}", parse(FULL).unwrap());
    assert!(
        !printed.contains("hush") && !printed.contains("AKIA"),
        "{printed}"
    );
}

#[test]
fn everything_has_a_default() {
    for text in ["", "server:\nendpoints:\ndatasets:\n", "{}"] {
        let config = parse(text).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8000");
        assert_eq!(config.limits.wait, Duration::from_secs(30));
    }
}

#[test]
fn a_list_of_datasets_takes_their_names_from_the_files() {
    let config = parse("datasets: [bukov.yaml]\nendpoints: {b: {}}").unwrap();
    assert_eq!(
        config.datasets.by_name.keys().collect::<Vec<_>>(),
        ["bukov"]
    );
    assert_eq!(
        config.endpoints["b"].dataset.as_deref(),
        Some("bukov"),
        "the only one there is"
    );
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    check(
        "server: {lisen: '127.0.0.1:1', workers: many}\n\
         journal:\n  flush_interval: 5\n  max_segment_bytes: 8M\n\
         datasets: [bukov.yaml, nowhere.yaml]\n\
         endpoints:\n  x: {dataset: bukow, path: /zarr/x, decode: {csv: {header: maybe}, formt: csv}}\n\
         store: {root: '${NOT_SET}'}\n",
        &[
            "1:10: server.lisen: unknown key `lisen`; did you mean `listen`?",
            "1:41: server.workers: expected a whole number, found the text `many`",
            "3:19: journal.flush_interval: `5` is not a duration; write `500ms`, `30s`, `5m`, `12h` or `7d`",
            "4:22: journal.max_segment_bytes: `8M` is not a size; write bytes, or `64KiB`, `8MiB`, `2GiB`",
            "5:24: datasets[1]: there is no file `/nowhere.yaml`",
            "7:16: endpoints.x.dataset: there is no dataset `bukow`; did you mean `bukov`?",
            "7:29: endpoints.x.path: the service uses `/zarr` itself: choose another path",
            "7:61: endpoints.x.decode.csv.header: this form is not understood; the description of the key says what may stand here",
            "7:69: endpoints.x.decode.formt: unknown key `formt`; did you mean `format`?",
            "8:15: store.root: the environment variable `NOT_SET` is not set; set it, or write `${NOT_SET:-default}`",
        ],
    );
}

#[test]
fn a_required_key_is_missed_once() {
    check(
        "datasets: {a: {store: x}}",
        &["1:15: datasets.a: the key `schema` is missing"],
    );
    check(
        "datasets: {a: {schema: [x]}}",
        &["1:24: datasets.a.schema: expected a text, found a list"],
    );
}

#[test]
fn the_network_is_not_served_without_saying_so() {
    check(
        "server: {listen: '0.0.0.0:8000'}",
        &[
            "1:18: server.listen: `0.0.0.0:8000` can be reached from other machines, and no `auth` is configured: listen on \
           `127.0.0.1`, or say `auth: {mode: none}` to let everyone do everything",
        ],
    );
    check("server: {listen: '0.0.0.0:8000'}\nauth: {mode: none}", &[]);
    check("server: {listen: '[::1]:8000'}", &[]);
    check("server: {listen: 'localhost:0'}", &[]);
    check(
        "server: {listen: 'example.org:80'}",
        &[
            "1:18: server.listen: `example.org:80` is not an address and a port; write `127.0.0.1:8000`, `[::1]:8000` or `0.0.0.0:8000`",
        ],
    );
}

#[test]
fn users_and_tokens_are_checked() {
    check(
        "auth: {users: [{name: a, password_hash: secret, scopes: [admin, all]}], tokens: [{name: a, sha256: abc, scopes: ['read:x']}]}",
        &[
            "1:41: auth.users[0].password_hash: not an argon2 hash in PHC form (`$argon2id$v=19$…`); passwords themselves do not belong here, `zf user NAME` makes a hash",
            "1:65: auth.users[0].scopes[1]: `all` is not a scope; write `ingest:<endpoint>`, `correct:<endpoint>`, `read:<dataset>` or `admin`",
            "1:89: auth.tokens[0].name: another user or token is called `a` too",
            "1:100: auth.tokens[0].sha256: not 64 hexadecimal digits: give the SHA-256 of the token, not the token itself",
            "1:114: auth.tokens[0].scopes[0]: there is no dataset `x`; `datasets` is empty",
        ],
    );
    assert_eq!(Scope::parse("ingest:*"), Ok(Scope::Ingest("*".to_owned())));
    check(
        "auth: {mode: nonne}",
        &["1:14: auth.mode: `nonne` is not possible here; did you mean `none`?"],
    );
    check(
        "auth: {mode: none, token_file: tokens.json}",
        &[
            "1:14: auth.mode: `none` lets everyone do everything, so `users`, `tokens`, `token_file` and `BASIC_AUTH_USERS_JSON` would mean nothing: remove them, or `mode`",
        ],
    );
    check(
        "auth: {}",
        &[
            "1:7: auth: nobody could do anything: name `users` (`zf user NAME` prints an entry) or a `token_file` (`zf token create` fills it), or say `mode: none`",
        ],
    );
    let hash = crate::who::hash_password("long enough").unwrap();
    check(
        &format!(
            "auth: {{users: [{{name: 'a:b', password_hash: '{hash}'}}, {{name: ' c', password_hash: '{hash}'}}]}}"
        ),
        &[
            "1:23: auth.users[0].name: HTTP Basic ends the name at the first `:`; leave it out",
            "1:154: auth.users[1].name: a name has 1 to 100 characters, none of them invisible or a space at an end",
        ],
    );
}

#[test]
fn users_of_the_environment_must_sign_in() {
    let parse = |users: &str, text: &str| {
        let env = HashMap::from([("BASIC_AUTH_USERS_JSON".to_owned(), users.to_owned())]);
        Config::parse(text, std::path::Path::new("zarr-fuse.yaml"), &env)
    };
    let auth = parse(r#"{"ann": "p4ssword", "bob": "hunter2"}"#, "")
        .unwrap()
        .auth
        .unwrap();
    assert_eq!(auth.mode, AuthMode::Required);
    assert_eq!(auth.names(), ["ann", "bob"]);
    assert!(!format!("{auth:?}").contains("hunter2"));
    assert!(parse(" ", "").unwrap().auth.is_none());
    let refused = |users, text| parse(users, text).unwrap_err().to_string();
    for users in [
        "hunter2",
        r#"{"ann": 1, "bob": "hunter2"}"#,
        r#"["hunter2"]"#,
        r#"{"ann": "hunter2"} x"#,
    ] {
        let error = refused(users, "");
        assert_eq!(
            error,
            "zarr-fuse.yaml: auth: the environment variable `BASIC_AUTH_USERS_JSON` is not a JSON object of names and passwords; write `{\"name\": \"password\"}`"
        );
    }
    assert!(
        refused(r#"{"ann": "a", "ann": "b"}"#, "")
            .contains("another user or token is called `ann` too")
    );
    assert!(refused(r#"{"ann": "a"}"#, "auth: {mode: none}").contains("would mean nothing"));
}

#[test]
fn pages_that_may_ask_are_checked() {
    let config = |cors: &str| format!("server: {{cors: {{{cors}}}}}");
    for good in [
        "origins: ['https://maps.example.org', 'http://localhost:5173/']",
        "origins: ['*']",
        "origins: ['https://maps.example.org'], credentials: true, max_age: 10m",
    ] {
        check(&config(good), &[]);
    }
    check(
        &config("origins: ['*'], credentials: true"),
        &[
            "1:46: server.cors.credentials: every page could ask in the name of whoever visits it: name the pages in `origins` instead of `*`",
        ],
    );
    check(
        &config("origins: [maps.example.org]"),
        &[
            "1:27: server.cors.origins[0]: `maps.example.org` is not where a page can be; write scheme and host, as in `https://maps.example.org`, or `*`",
        ],
    );
}

#[test]
fn files_and_proxies_of_the_server_are_checked() {
    check(
        "server: {tls: {cert: cert.pem, key: bukov.yaml}, trusted_proxies: [10.0.0.0/8, 127.0.0.1, proxy], address_header: via}\ndatasets: [bukov.yaml]",
        &[
            "1:22: server.tls.cert: there is no file `/cert.pem`",
            "1:91: server.trusted_proxies[2]: `proxy` is not an address or network; write `127.0.0.1` or `10.0.0.0/8`",
            "1:115: server.address_header: `via` is not possible here; known are `x-forwarded-for`, `forwarded`",
        ],
    );
}

#[test]
fn what_is_not_available_is_said() {
    check(
        "journal: {retain: 90d}",
        &[
            "1:19: journal.retain: `retain` is not available in this version: remove it, payloads are kept for ever",
        ],
    );
}

#[test]
fn rules_and_channels_of_notify_are_checked() {
    check(
        "notify:\n  \
         smtp: {host: 'smtp://x', from: me, username: u, tls: tsl}\n  \
         channels:\n    log: {webhook: {url: 'ftp://x'}}\n    a b: {email: {to: [x]}}\n  \
         rules:\n    one: {when: no_data, tell: [chat], times: 3}\n    two: {when: contribution_rejected, endpoints: [x], after: 5m}\n",
        &[
            "2:16: notify.smtp.host: `smtp://x` is not the name of a server; write `smtp.example.org`, and the port in `port`",
            "2:34: notify.smtp.from: `me` is not a mail address; write `ann@example.org` or `Ann <ann@example.org>`",
            "2:48: notify.smtp.username: `password` is missing: without it nobody can sign in",
            "2:56: notify.smtp.tls: `tsl` is not possible here; known are `starttls`, `implicit`, `none`",
            "4:10: notify.channels.log: `log` is the log already: choose another name",
            "4:26: notify.channels.log.webhook.url: not an address: write `https://example.org/…`",
            "5:10: notify.channels.a b: `a b` cannot be a name: use letters, digits, `.`, `_`, `-`",
            "5:24: notify.channels.a b.email.to[0]: `x` is not a mail address; write `ann@example.org` or `Ann <ann@example.org>`",
            "7:10: notify.rules.one: `after` is missing: say how long nothing may come, such as `2h`",
            "7:10: notify.rules.one: say what is watched: `endpoints`, or `node`, with `coordinate` for each of its values",
            "7:33: notify.rules.one.tell[0]: there is no channel `chat`; known are `a b`, `log`",
            "7:47: notify.rules.one.times: `times` means nothing for `no_data`: remove it",
            "8:52: notify.rules.two.endpoints[0]: there is no endpoint `x`; there are none",
            "8:63: notify.rules.two.after: `after` means nothing for `contribution_rejected`: remove it",
        ],
    );
    check(
        "datasets: [bukov.yaml]\nnotify: {channels: {a: {email: {to: []}}}, rules: {r: {when: no_data, after: 1h, node: x, endpoints: [bukov], dataset: bukow, values: [y]}}}",
        &[
            "2:32: notify.channels.a.email: `notify.smtp` is missing: name the server that takes e-mails",
            "2:32: notify.channels.a.email: nobody would get it: name recipients in `to`",
            "2:102: notify.rules.r.endpoints: either `endpoints` or `node`: write two rules",
            "2:120: notify.rules.r.dataset: there is no dataset `bukow`; did you mean `bukov`?",
            "2:135: notify.rules.r.values: `coordinate` is missing: say what they are values of",
        ],
    );
    let secret = "notify: {channels: {chat: {webhook: {url: 'https://x/hush', headers: {Authorization: hush}}}}}";
    let notify = parse(secret).unwrap().notify.unwrap();
    assert!(!format!("{notify:?}").contains("hush"), "{notify:?}");
}

#[test]
fn endpoints_do_not_hide_each_other() {
    check(
        "datasets: [bukov.yaml, weather.yaml]\n\
         endpoints:\n  a: {dataset: bukov, path: /x/}\n  b: {dataset: bukov, path: /x}\n  weather: {dataset: bukov}\n  c: {path: x}\n  d/e: {dataset: bukov}\n",
        &[
            "4:29: endpoints.b.path: the endpoint `a` has this path already",
            "5:22: endpoints.weather.dataset: `weather` is the endpoint of the dataset of that name, but contributions would go to `bukov`: choose another name",
            "6:6: endpoints.c: the key `dataset` is missing: say where contributions go",
            "6:13: endpoints.c.path: `x` is not a path: write `/api/v1/c`",
            "7:8: endpoints.d/e: `d/e` cannot be a name in URLs: use letters, digits, `.`, `_`, `-`",
        ],
    );
}

#[test]
fn decoding_is_prepared_so_that_its_faults_show() {
    let problems =
        parse("datasets: [bukov.yaml]\nendpoints: {a: {decode: {extract: {file: nowhere.jq}}}}")
            .unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with("2:25: endpoints.a.decode: `extract.file`: cannot read `"),
        "{problems:?}"
    );
}

#[test]
fn a_file_that_is_not_there_or_not_yaml_is_reported() {
    let error = Config::load(std::path::Path::new("/nowhere.yaml"), &env())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nowhere.yaml: cannot read the file: "),
        "{error}"
    );
    assert!(parse("a: [").unwrap_err()[0].contains("not YAML"));
}

/// `service/zarr-fuse.schema.json`, generated anew with `BLESS=1`.
#[test]
fn the_json_schema_is_checked_in() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../zarr-fuse.schema.json");
    let generated = serde_json::to_string_pretty(&Config::json_schema()).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &generated).unwrap();
    }
    let checked_in = fs::read_to_string(path).unwrap_or_default();
    assert!(
        checked_in == generated,
        "zarr-fuse.schema.json is not up to date: run the test with BLESS=1"
    );
}

#[test]
fn the_json_schema_agrees_with_the_reader() {
    let validator = jsonschema::validator_for(&Config::json_schema()).unwrap();
    let as_json = |text: &str| yaml::load(text).unwrap().root.to_json();
    for good in [
        FULL,
        "{}",
        "datasets: [a.yaml]",
        "limits: {max_body_bytes: 5, wait: '${WAIT}'}",
        "server: {workers: '${N}'}",
    ] {
        let errors: Vec<_> = validator
            .iter_errors(&as_json(good))
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{good}");
    }
    for bad in [
        "sever: {}",
        "server: {workers: many}",
        "journal: {flush_interval: 5}",
        "limits: {max_body_bytes: 8M}",
        "datasets: 1",
        "datasets: {a: {store: x}}",
        "endpoints: {a: {decode: {formt: csv}}}",
        "auth: {tokens: [{name: x, sha256: y, scopes: [all]}]}",
    ] {
        assert!(!validator.is_valid(&as_json(bad)), "{bad}");
        assert!(parse(bad).is_err(), "{bad}");
    }
}

const COLLECTOR: &str = "datasets: [bukov.yaml]\ncollectors:\n  yrno:\n    runs: [{cron: '0 * * * *'}]\n    request: {url: 'https://x.cz/{place}', headers: [{header_name: User-Agent, header_value: me}]}\n    render: [{name: place, source: const, value: here}]\n";

#[test]
fn a_collector_has_an_endpoint_of_its_own_or_uses_one() {
    let config = parse(&format!(
        "{COLLECTOR}    target_node: yr.no\n    extract: {{builtin: yrno-locationforecast}}\n    decode: {{set: {{location: '${{place}}'}}}}\n"
    ));
    let config = config.unwrap();
    let own = &config.endpoints["yrno"];
    assert_eq!(
        (own.dataset.as_deref(), own.node.as_str()),
        (Some("bukov"), "yr.no")
    );
    assert_eq!(own.decode.set["location"], Value::from("${place}"));
    assert!(own.decode.extract.is_some());
    let config = parse(&format!("{COLLECTOR}    endpoint: bukov\n")).unwrap();
    assert_eq!(config.collectors["yrno"].endpoint("yrno"), "bukov");
    assert!(config.endpoints.is_empty());
}

#[test]
fn what_is_wrong_with_a_collector_has_its_place() {
    check(
        &format!(
            "{COLLECTOR}    endpoint: bukow\n    extract: {{builtin: yrno-locationforecast}}\n"
        ),
        &[
            "7:15: collectors.yrno.endpoint: there is no endpoint `bukow`; did you mean `bukov`?",
            "8:14: collectors.yrno.extract: the endpoint `bukow` says so: remove `extract`, or `endpoint`",
        ],
    );
    check(
        &COLLECTOR
            .replace("0 * * * *", "0 * * *")
            .replace("{place}", "{plce}"),
        &[
            "4:12: collectors.yrno.runs[0]: `0 * * *` is no cron expression (invalid pattern: pattern must have 5 or 6 fields when years are disallowed); write minute, hour, day, month and weekday, such as `15 */6 * * *`",
            "5:20: collectors.yrno.request.url: no variable is called `plce`; did you mean `place`?",
        ],
    );
    check(
        &format!("{COLLECTOR}    dataset: bukow\n"),
        &["7:14: collectors.yrno.dataset: there is no dataset `bukow`; did you mean `bukov`?"],
    );
    check(
        "datasets: [bukov.yaml]\nendpoints: {a: {}}\ncollectors:\n  a: {}\n",
        &[
            "4:6: collectors.a: there is an endpoint `a`: say `endpoint: a` to contribute there, or choose another name",
            "4:6: collectors.a: nothing says what is collected: give `request` and `runs`, `mqtt`, `folder` or `objects`",
        ],
    );
}

#[test]
fn the_collectors_that_ship_are_sound() {
    let collectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collectors");
    for (folder, name, n_requests) in [
        ("yrno", "yrno", 5),
        ("aladin", "aladin", 5),
        ("aladin", "aladin_central_europe", 4),
    ] {
        let file = collectors.join(folder).join("zarr-fuse.yaml");
        let config = Config::load(&file, &HashMap::new()).unwrap();
        let clock = zarr_fuse_collectors::Clock::system();
        let hosts = zarr_fuse_collectors::hosts::Hosts::default();
        let made = crate::collect::make(&config, name, &config.collectors[name], &hosts, &clock);
        let zarr_fuse_collectors::Collector::Scheduled(collector) = made.unwrap() else {
            panic!("{name} is scheduled")
        };
        let due = collector.last_due(clock.now());
        assert_eq!(collector.expand(due).unwrap().len(), n_requests, "{name}");
    }
}

#[test]
fn the_example_of_the_collectors_readme_is_sound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let readme = std::fs::read_to_string(root.join("collectors/README.md")).unwrap();
    let blocks = readme.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().unwrap();
    let table = "name,lat,lon\nBrno,49.2,16.6\n";
    std::fs::write(folder.path().join("locations.csv"), table).unwrap();
    let mut text = "datasets: [weather.yaml, boreholes.yaml]\n".to_owned();
    for schema in ["weather.yaml", "boreholes.yaml"] {
        std::fs::copy(
            root.join("schemas").join(schema),
            folder.path().join(schema),
        )
        .unwrap();
    }
    text.extend(blocks);
    let config = Config::parse(
        &text,
        &folder.path().join("zarr-fuse.yaml"),
        &HashMap::new(),
    );
    assert_eq!(config.unwrap().collectors.len(), 2);
}

/// Whatever operations there are, no further path of an endpoint hides one.
#[test]
fn no_path_of_an_endpoint_hides_an_operation() {
    let document: serde_json::Value = serde_json::from_str(&crate::openapi()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for path in paths.keys().filter(|path| *path != "/") {
        let filled = path.replace(['{', '}'], "");
        let above = filled.rsplit_once('/').unwrap().0;
        for alias in [filled.clone(), format!("{filled}/more"), above.to_owned()] {
            let is_root = alias.is_empty();
            assert!(
                is_root || super::reserved::uses(&alias).is_some(),
                "{alias}"
            );
        }
    }
    for free in [
        "/api/v1/logger",
        "/loggers/lin",
        "/api/v1/datasetsx",
        "/healthy",
    ] {
        assert_eq!(super::reserved::uses(free), None, "{free}");
    }
}
