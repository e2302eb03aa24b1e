//! `zf check`: every problem of schemas and configurations.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zarr_fuse_schemas::{Measure, Node, Problem, Schema};
use zarr_fuse_server::{app::shared_places, config::Config};

use super::{note, print};

/// Checks each file; problems go to stdout, warnings to stderr. Exit code 1 if there is any problem.
pub(crate) fn run(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        match check(file) {
            Ok(Sound {
                warnings,
                notes,
                summary,
            }) => {
                for warning in warnings {
                    note(&format!("warning: {warning}"));
                }
                for said in notes {
                    note(&format!("note: {said}"));
                }
                print(&format!("{}: {summary}", file.display()))?;
            }
            Err(problems) => {
                for problem in problems {
                    print(&problem.to_string())?;
                }
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// What is said of a file without a problem.
#[derive(Default)]
struct Sound {
    warnings: Vec<Problem>,
    /// What those should know who read the arrays.
    notes: Vec<String>,
    summary: String,
}

fn check(file: &Path) -> Result<Sound, Vec<Problem>> {
    if is_config(file) {
        let environment = std::env::vars().collect();
        let config = Config::load(file, &environment).map_err(|error| error.problems)?;
        let shared = shared_places(&config).into_iter();
        let shared: Vec<_> = shared
            .map(|message| Problem {
                file: file.display().to_string(),
                line: 0,
                column: 0,
                path: "datasets".to_owned(),
                message,
            })
            .collect();
        if !shared.is_empty() {
            return Err(shared);
        }
        return Ok(Sound {
            summary: "a sound configuration".to_owned(),
            ..Sound::default()
        });
    }
    let schema = Schema::load(file).map_err(|error| error.problems)?;
    let n_nodes = schema
        .nodes()
        .filter(|node| !node.variables.is_empty())
        .count();
    let n_variables: usize = schema.nodes().map(|node| node.variables.len()).sum();
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    let summary = format!(
        "a sound schema of {} with {}",
        plural(n_nodes, "node"),
        plural(n_variables, "variable")
    );
    Ok(Sound {
        notes: schema.nodes().filter_map(truths).collect(),
        warnings: schema.warnings,
        summary,
    })
}

/// Says how truth values of a node are stored, if it has any.
fn truths(node: &Node) -> Option<String> {
    let all = node.variables.values();
    let names: Vec<&str> = all
        .filter(|variable| matches!(variable.measure, Measure::Truth))
        .map(|variable| variable.name.as_str())
        .collect();
    let of_node = match node.path.as_str() {
        "" => String::new(),
        path => format!("{path}: "),
    };
    (!names.is_empty()).then(|| {
        format!(
            "{of_node}`{}` as bool: stored as int8, with -1 where nothing came",
            names.join("`, `")
        )
    })
}

/// A configuration has one of its sections at the top; a schema has nodes there.
fn is_config(file: &Path) -> bool {
    const SECTIONS: [&str; 8] = [
        "server:",
        "datasets:",
        "endpoints:",
        "limits:",
        "auth:",
        "journal:",
        "collectors:",
        "notify:",
    ];
    let named = file
        .file_stem()
        .is_some_and(|stem| stem.to_string_lossy().contains("zarr-fuse"));
    let text = std::fs::read_to_string(file).unwrap_or_default();
    named
        || text
            .lines()
            .any(|line| SECTIONS.iter().any(|section| line.starts_with(section)))
}
