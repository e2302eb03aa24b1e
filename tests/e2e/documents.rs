//! Every command that the documents and `--help` show is run, and does what is shown.

use std::path::PathBuf;
use std::process::Command;

use zarr_fuse_harness::console::{Example, examples, tells};
use zarr_fuse_harness::run::{self, Run};
use zarr_fuse_harness::service::{Service, free_address};
use zarr_fuse_harness::web::{Reply, Server};
use zarr_fuse_harness::{binary, checkout, python};

use crate::workspace::Workspace;

/// Where the documents say that the demo listens.
const SHOWN_ADDRESS: &str = "127.0.0.1:8000";

/// Runs a command line as a person does, with `zf` and `python` on the path.
fn shell(workspace: &Workspace, line: &str) -> Run {
    let mut command = run::command(&PathBuf::from("bash"));
    let folder = |program: &std::path::Path| program.parent().unwrap().to_path_buf();
    let mut path = vec![
        folder(binary::zf().unwrap()),
        folder(python::interpreter().unwrap()),
    ];
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap()));
    command
        .args(["-c", line])
        .env("PATH", std::env::join_paths(path).unwrap());
    run::run(command.current_dir(workspace.path())).unwrap()
}

/// Runs the examples of a document, one after the other, and lists those that do not do what is shown.
fn failures(workspace: &Workspace, document: &str, text: &str, address: &str) -> Vec<String> {
    let mut failures = Vec::new();
    let mut code = None;
    let all = examples(text);
    for (
        i,
        Example {
            command,
            output,
            line,
        },
    ) in all.iter().enumerate()
    {
        let mut fail =
            |reason: String| failures.push(format!("{document}:{line}: {command}\n{reason}"));
        if command == "echo $?" {
            if code.map(|code: i32| code.to_string()).as_ref() != output.first() {
                fail(format!("the exit code was {code:?}"));
            }
            continue;
        }
        let ran = shell(
            workspace,
            &format!("{{ {}\n}} 2>&1", command.replace(SHOWN_ADDRESS, address)),
        );
        code = ran.code;
        let printed = ran.stdout.replace(address, SHOWN_ADDRESS);
        if let Err(difference) = tells(output, &printed) {
            fail(format!("{difference}\n--- printed:\n{printed}"));
        }
        let code_is_shown = all.get(i + 1).is_some_and(|next| next.command == "echo $?");
        if !code_is_shown && ran.code != Some(0) {
            fail(format!("exit code {:?}\n{printed}", ran.code));
        }
    }
    failures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_the_documents_do_what_they_show() {
    let workspace = Workspace::with(&["schemas/weather.yaml", "schemas/boreholes.yaml"]);
    let address = free_address().unwrap().to_string();
    let args = ["demo", "--dir", "demo", "--listen", &address];
    let demo = Service::start(workspace.path(), args).await.unwrap();
    demo.wait_for("Ctrl-C stops").unwrap();
    let mut failed = Vec::new();
    for document in ["README.md", "schemas/README.md"] {
        let text = std::fs::read_to_string(checkout().join(document)).unwrap();
        failed.extend(failures(&workspace, document, &text, &address));
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
    let (status, log) = demo.terminate().await.unwrap();
    assert!(status.success(), "{log}");
}

#[test]
fn the_readme_names_the_commands_that_are_run_elsewhere() {
    let readme = std::fs::read_to_string(checkout().join("README.md")).unwrap();
    for command in [
        "cargo run --release -- demo",
        "just test",
        "cargo test --workspace",
    ] {
        assert!(
            readme.contains(command),
            "README.md does not name `{command}`"
        );
    }
    let justfile = std::fs::read_to_string(checkout().join("justfile")).unwrap();
    assert!(
        justfile.contains("test *args:\n    cargo test --workspace"),
        "`just test` is another command"
    );
    let ci = std::fs::read_to_string(checkout().join(".ci/run")).unwrap();
    assert!(
        ci.contains("just --timestamp check"),
        "CI runs another command"
    );
}

#[test]
fn files_that_the_readme_links_to_exist() {
    for document in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "docs/access.md",
        "docs/format.md",
        "docs/reliability.md",
        "schemas/README.md",
        "collectors/README.md",
    ] {
        let path = checkout().join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let file = link.split('#').next().unwrap();
            let is_outside = file.contains("://") || file.is_empty();
            assert!(
                is_outside || path.with_file_name("").join(file).exists(),
                "{document}: `{link}` leads nowhere"
            );
        }
    }
}

/// The lines under `Example:` in a help text.
fn help_examples(help: &str) -> Vec<String> {
    let examples = help.split("Example").nth(1).unwrap_or_default();
    examples
        .lines()
        .skip(1)
        .filter_map(|line| line.strip_prefix("  zf ").map(str::to_owned))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_of_help_work() {
    let workspace = Workspace::new();
    std::fs::create_dir(workspace.path().join("schemas")).unwrap();
    for schema in ["weather.yaml", "boreholes.yaml"] {
        std::fs::copy(
            checkout().join("schemas").join(schema),
            workspace.path().join("schemas").join(schema),
        )
        .unwrap();
    }
    workspace.write(
        "measurements.csv",
        "date_time,borehole,depth,rock_temp\n2025-03-01T12:00:00Z,B1,2,9.5\n",
    );
    let csv = "date_time,borehole,depth,rock_temp\n2025-03-01T12:00:00Z,B1,2,9.5\n";
    let source = Server::start("127.0.0.1", move |_| {
        Reply::new(200, csv).with("Content-Type", "text/csv")
    });
    let source = source.await.unwrap();
    workspace.write(
        "zarr-fuse.yaml",
        &format!(
            "server: {{listen: '127.0.0.1:0'}}\ndatasets: [schemas/weather.yaml, schemas/boreholes.yaml]\n\
             auth: {{token_file: tokens.json}}\n\
             collectors:\n  yrno:\n    endpoint: boreholes\n    target_node: temperature\n    runs: [{{cron: '0 0 1 1 *'}}]\n    \
             request: {{url: '{}', allow_private: [127.0.0.1], headers: [{{header_name: User-Agent, header_value: t}}]}}\n",
            source.url("/")
        ),
    );
    let help = workspace.zf("--help").ok().unwrap();
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .map(|line| line.split_whitespace().next().unwrap())
        .filter(|command| *command != "help")
        .collect();
    assert_eq!(
        commands,
        [
            "demo", "serve", "init", "check", "ingest", "collect", "query", "list", "cp", "log",
            "retry", "retract", "rebuild", "journal", "verify", "doctor", "token", "user",
            "openapi"
        ]
    );
    for command in commands {
        let help = workspace.zf(&format!("{command} --help")).ok().unwrap();
        let examples = help_examples(&help);
        assert!(
            !examples.is_empty(),
            "`zf {command} --help` shows no example"
        );
        for example in examples {
            if matches!(command, "demo" | "serve") {
                let mut args: Vec<String> = example.split(' ').map(str::to_owned).collect();
                if command == "demo" {
                    let folder = workspace.path().join("demo").display().to_string();
                    args = example
                        .replace("/tmp/zf-demo", &folder)
                        .split(' ')
                        .map(str::to_owned)
                        .collect();
                    args.extend(["--listen".to_owned(), free_address().unwrap().to_string()]);
                }
                let service = Service::start(workspace.path(), args).await.unwrap();
                let (status, log) = service.terminate().await.unwrap();
                assert!(status.success(), "zf {example}\n{log}");
                continue;
            }
            let ran = match command {
                "user" => shell(&workspace, &format!("echo a long password | zf {example}")),
                _ => workspace.zf(&example),
            };
            assert_eq!(
                ran.code,
                Some(0),
                "zf {example}\n{}{}",
                ran.stdout,
                ran.stderr
            );
            // That a token is shown only once is said beside it.
            let is_silent = command != "token";
            assert!(
                !is_silent || ran.stderr.is_empty(),
                "zf {example}\n{}",
                ran.stderr
            );
        }
    }
}

#[test]
fn shell_scripts_are_sound() {
    for script in [".ci/run", "deploy/dev/ceph"] {
        let script = checkout().join(script);
        let checked = Command::new("bash").arg("-n").arg(script).status().unwrap();
        assert!(checked.success());
    }
}
