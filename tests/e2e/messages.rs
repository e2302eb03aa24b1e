//! What people are told when something does not fit: exact messages, exit codes, statuses.

use std::io::Write as _;
use std::process::{Command, Stdio};

use zarr_fuse_harness::service::Service;
use zarr_fuse_harness::wire::Connection;

use crate::workspace::Workspace;

const LOGGERS: &str = "
ATTRS: {STORE_URL: loggers.zarr}
readings:
  COORDS:
    date_time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: Europe/Prague}}
  VARS:
    temperature: {coords: date_time, unit: degC, source_unit: K, df_col: T}
    count: {coords: date_time, type: int16}
    quality: {coords: date_time, range: {discrete: [good, suspect, bad]}}
";

fn loggers() -> Workspace {
    let workspace = Workspace::new();
    workspace.write("loggers.yaml", LOGGERS);
    workspace
}

/// Runs a command and compares its exit code and all it prints, standard output first.
fn check(workspace: &Workspace, args: &str, code: i32, expected: &str) {
    let run = workspace.zf(args);
    let printed = format!("{}{}", run.stdout, run.stderr);
    assert_eq!(
        (run.code, printed.trim_end()),
        (Some(code), expected.trim()),
        "zf {args}"
    );
}

#[test]
fn every_problem_of_a_broken_schema_has_its_place_and_remedy() {
    let workspace = Workspace::new();
    let schema = "\
ATTRS: {STORE_URL: x.zarr}
site:
  COORDS:
    date_time: {unit: {tick: s, tz: Europe/Pragu}, chunk_size: big}
    depth: {unit: meter, srted: true}
  VARS:
    rock_temp: {coords: [date_time, depth], unit: degC, source_unit: Pa}
    humidity: {coords: date_time, unit: furlongs/fortnight, type: float31}
    n: {coords: date_time, range: {interval: [10, 1]}}
    x:
";
    workspace.write("broken.yaml", schema);
    check(
        &workspace,
        "check broken.yaml",
        1,
        "\
broken.yaml:4:37: site.COORDS.date_time.unit.tz: unknown time zone `Europe/Pragu`; did you mean `Europe/Prague`?; write `UTC`, `+01:00`, `CET` or a name such as `Europe/Prague`
broken.yaml:4:64: site.COORDS.date_time.chunk_size: a whole number from 1 to 1073741824 is expected, not the text `big`
broken.yaml:5:26: site.COORDS.depth.srted: unknown key; did you mean `sorted`?
broken.yaml:7:70: site.VARS.rock_temp.source_unit: cannot convert `Pa` to `degC`: pressure is not temperature
broken.yaml:8:41: site.VARS.humidity.unit: unknown unit `furlongs` in `furlongs/fortnight`; write a unit such as `m/s`, `degC`, `%`, `mg/l`, or '' for a plain number
broken.yaml:8:67: site.VARS.humidity.type: unknown type `float31`; did you mean `float32`?
broken.yaml:9:46: site.VARS.n.range.interval: the lower end exceeds the upper one: swap them
broken.yaml:10:5: site.VARS.x: `coords` is missing: write the coordinates the variable lies on, such as `coords: [date_time]`; a coordinate itself belongs under `COORDS`
",
    );
    let ingest = workspace.zf("ingest broken.yaml site x.csv");
    assert_eq!(ingest.code, Some(1));
    assert!(
        ingest.stderr.starts_with("broken.yaml:4:37: "),
        "{}",
        ingest.stderr
    );
}

#[test]
fn rows_that_do_not_fit_are_named_with_column_value_and_reason() {
    let workspace = loggers();
    let rows = "\
date_time,T,count,quality
2025-10-26T02:30:00,280.15,1,good
2025-03-30 02:30,280.15,1,good
2025-01-01T00:00:00,warm,1,good
2025-01-01T00:00:00,280.15,1.5,good
2025-01-01T00:00:00,280.15,40000,good
yesterday,280.15,1,good
,280.15,1,good
2025-01-01T00:00:00,280.15,1,goood
2025-01-01T00:00:00+02:00,280.15,2,bad
";
    workspace.write("rows.csv", rows);
    check(
        &workspace,
        "ingest loggers.yaml readings rows.csv",
        1,
        "\
rows.csv: partial, 5 of 9 rows, 2 new coordinate values
  row 1, line 2: `date_time`: this local time exists twice in Europe/Prague: the clocks go back; set `fold: earlier`, `fold: later` or `fold: infer` in `source_unit`, or deliver an offset (`2025-10-26T02:30:00`)
  row 2, line 3: `date_time`: this local time does not exist in Europe/Prague: the clocks skip it; deliver UTC or an offset (`2025-03-30 02:30`)
  row 3, line 4: `T`: not a number; `temperature` is float64 (`warm`)
  row 4, line 5: `count`: not a whole number; `count` is int16, use a float type to keep fractions (`1.5`)
  row 5, line 6: `count`: too large or too small; `count` is int16 (`40000`)
  row 6, line 7: `date_time`: not a time; write ISO 8601 such as `2024-03-31T02:30:00Z`, or give the `format` in `source_unit` (`yesterday`)
  row 7, line 8: `date_time`: no value; every row needs one for the coordinate `date_time`
  row 8, line 9: `quality`: not among the labels of `quality`; the nearest is `good` (`goood`)
",
    );
}

#[test]
fn a_contribution_that_does_not_fit_at_all_is_kept_and_listed() {
    let workspace = loggers();
    workspace.write("columns.csv", "time,T\n2025-01-01T00:00:00,280\n");
    let reason = "column `date_time` is missing; the schema maps it to `date_time`; the table has `time`, `T`";
    check(
        &workspace,
        "ingest loggers.yaml readings columns.csv",
        1,
        &format!("columns.csv: rejected, 0 of 0 rows, 0 new coordinate values\n  {reason}"),
    );
    let log = workspace
        .zf("log loggers.yaml --status rejected")
        .ok()
        .unwrap();
    assert!(log.lines().nth(1).unwrap().ends_with(reason), "{log}");
}

#[test]
fn mistakes_in_a_command_say_what_there_is() {
    let workspace = loggers();
    workspace.write("one.csv", "date_time,T\n2025-01-01T00:00:00,280\n");
    check(
        &workspace,
        "query loggers.yaml readings",
        1,
        "zf: there is no dataset in `./loggers.zarr` yet; contribute something with `zf ingest` or give another --store",
    );
    check(
        &workspace,
        "ingest loggers.yaml reading one.csv",
        1,
        "zf: there is no node `reading` with variables; there are readings",
    );
    workspace
        .zf("ingest loggers.yaml readings one.csv")
        .ok()
        .unwrap();
    check(
        &workspace,
        "query loggers.yaml readings --var T",
        1,
        "zf: node `readings` has no variable `T`; there are `temperature`, `count`, `quality`",
    );
    check(
        &workspace,
        "query loggers.yaml readings --sel date_time=soon",
        1,
        "zf: query parameter `sel.date_time=soon`: `soon` is not a time; write it as `2024-05-01T12:30:00Z`, or shorter: `2024-05-01`, `2024-05`, `2024`; or `now-6h`",
    );
    check(
        &workspace,
        "list loggers.yaml --store ftp://there",
        1,
        "zf: cannot open the store `ftp://there`: its scheme is unknown; give a folder, `file://…`, `s3://bucket/prefix` or `memory://`",
    );
}

#[test]
fn the_exit_code_tells_what_kind_of_failure_it_was() {
    let workspace = loggers();
    workspace.write("one.csv", "date_time,T\n2025-01-01T00:00:00,280\n");
    let codes = [
        ("ingest loggers.yaml readings one.csv", 0),
        ("verify loggers.yaml", 0),
        ("check loggers.yaml", 0),
        ("check none.yaml", 1),
        ("query loggers.yaml nowhere", 1),
        ("query loggers.yaml", 2),
        ("frobnicate", 2),
        ("ingest loggers.yaml readings none.csv", 3),
        ("ingest loggers.yaml readings one.csv --store /proc/none", 3),
    ];
    for (args, code) in codes {
        let run = workspace.zf(args);
        assert_eq!(
            run.code,
            Some(code),
            "zf {args}\n{}{}",
            run.stdout,
            run.stderr
        );
    }
}

#[test]
fn arrays_that_are_not_what_the_journal_says_are_found() {
    let workspace = loggers();
    workspace.write("one.csv", "date_time,T,count\n2025-01-01T00:00:00,280,1\n");
    workspace.write(
        "other.csv",
        "date_time,T,count\n2025-01-01T00:00:00,280,2\n",
    );
    workspace
        .zf("ingest loggers.yaml readings one.csv")
        .ok()
        .unwrap();
    workspace
        .zf("ingest loggers.yaml readings other.csv --store other.zarr")
        .ok()
        .unwrap();
    let chunk = |store: &str| workspace.path().join(store).join("readings/count/c/0");
    std::fs::copy(chunk("other.zarr"), chunk("loggers.zarr")).unwrap();
    let verify = workspace.zf("verify loggers.yaml");
    assert_eq!(verify.code, Some(1));
    let lines: Vec<&str> = verify.stdout.lines().collect();
    assert_eq!(lines[0], "readings: 1 of 4 cells differ");
    assert!(
        lines[1].contains("count") && lines[1].contains('2') && lines[1].contains('1'),
        "{}",
        verify.stdout
    );

    let mut damaged = std::fs::read(chunk("loggers.zarr")).unwrap();
    *damaged.last_mut().unwrap() ^= 1;
    std::fs::write(chunk("loggers.zarr"), damaged).unwrap();
    let verify = workspace.zf("verify loggers.yaml");
    assert_eq!(verify.code, Some(1));
    assert!(
        verify
            .stdout
            .contains("a chunk of the array `readings/count` cannot be decoded"),
        "{}",
        verify.stdout
    );
    assert!(
        verify.stdout.contains("the checksum is invalid"),
        "{}",
        verify.stdout
    );
}

/// Compresses with the program that people use.
fn gzip(text: &str) -> Vec<u8> {
    let mut child = Command::new("gzip")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = text.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap();
    output.stdout
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bounds_of_the_configuration_hold_and_answers_say_what_to_do() {
    let workspace = loggers();
    let config = "{server: {listen: '127.0.0.1:0'}, datasets: [loggers.yaml], limits: {max_body_bytes: 64KiB, max_decompressed_bytes: 256KiB}}";
    workspace.write("zarr-fuse.yaml", config);
    let service = Service::start(workspace.path(), ["serve", "--config", "zarr-fuse.yaml"])
        .await
        .unwrap();
    let row = "2025-01-01T00:00:00,280\n";
    let bomb = gzip(&format!("date_time,T\n{}", row.repeat(20_000)));
    let mut cut = gzip(&format!("date_time,T\n{row}"));
    cut.truncate(cut.len() - 12);
    let large = format!("date_time,T\n{}", row.repeat(3000)).into_bytes();
    let small = b"date_time,T\n".to_vec();
    let (plain, packed) = (
        vec![("content-type", "text/csv")],
        vec![("content-type", "text/csv"), ("content-encoding", "gzip")],
    );
    let cases = [
        (
            "/loggers/readings",
            &plain,
            &large,
            413,
            "the body is larger than 65536 bytes; send it in parts, compress it, or raise `limits.max_body_bytes`",
        ),
        (
            "/loggers/readings?wait=merged",
            &packed,
            &bomb,
            413,
            "nothing could be taken: the body is larger than 262144 bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`",
        ),
        (
            "/loggers/readings?wait=merged",
            &packed,
            &cut,
            422,
            "nothing could be taken: the gzip body ends before its compressed data does; it was cut on the way: send it again",
        ),
        (
            "/loggers/reading",
            &plain,
            &small,
            404,
            "the dataset `loggers` has no node `reading`; it has `readings`",
        ),
        (
            "/logger",
            &plain,
            &small,
            404,
            "there is no endpoint `logger`; there are `loggers`",
        ),
    ];
    for (path, headers, body, status, detail) in cases {
        let mut connection = Connection::open(service.address()).await.unwrap();
        let answer = connection
            .post(&format!("/api/v1/ingest{path}"), headers, body)
            .await
            .unwrap();
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{}",
            answer.text()
        );
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, problem["detail"].as_str()),
            (status, Some(detail))
        );
    }
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
}
