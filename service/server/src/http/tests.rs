//! Rules on the structure, and the document that is checked in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::outside::BESIDE;
use crate::config::RESERVED;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_http_mentions_actix() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let outside = files
        .iter()
        .filter(|path| !path.starts_with(src.join("http")) && **path != src.join("http.rs"));
    let mentioning: Vec<_> = outside
        .filter(|path| fs::read_to_string(path).unwrap().contains("actix"))
        .collect();
    assert!(mentioning.is_empty(), "{mentioning:?}");
    assert!(files.len() > 50);
}

#[test]
fn the_document_is_the_one_checked_in() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.json");
    let document = super::openapi();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &document).unwrap();
    }
    let checked_in = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == document,
        "service/openapi.json is not what the routes say; write it again with BLESS=1"
    );
}

/// A table of the operations with what they need, between its markers in `docs/access.md`.
#[test]
fn the_table_of_scopes_is_the_one_checked_in() {
    let document: serde_json::Value = serde_json::from_str(&super::openapi()).unwrap();
    let mut table = "\n| operation | scope |\n|---|---|\n".to_owned();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method = method.to_uppercase();
            let scope = match operation["security"].as_array() {
                None => "none".to_owned(),
                Some(ways) => {
                    let scope = ways[0]["basic"][0].as_str().unwrap();
                    let scope = scope.replace(['{', '}'], "");
                    let scope = scope.replace(":dataset", ":<dataset>");
                    let scope = scope.replace(":endpoint", ":<endpoint>");
                    let public = ways.iter().any(|way| way.as_object().unwrap().is_empty());
                    let or = if public {
                        ", or the dataset is public"
                    } else {
                        ""
                    };
                    format!("`{scope}`{or}")
                }
            };
            table.extend(["| `", &method, " ", path, "` | ", &scope, " |\n"]);
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/access.md");
    let text = fs::read_to_string(&path).unwrap();
    let marker = "<!-- routes: written by `just bless` from service/openapi.json -->\n";
    let (before, rest) = text.split_once(marker).unwrap();
    let (found, after) = rest.split_once("\n<!-- end of routes -->").unwrap();
    if std::env::var_os("BLESS").is_some() {
        let new = format!("{before}{marker}{table}\n<!-- end of routes -->{after}");
        fs::write(&path, new).unwrap();
    } else {
        assert_eq!(found, table, "docs/access.md: write it again with BLESS=1");
    }
}

#[test]
fn the_document_describes_every_route_and_answer() {
    let document: serde_json::Value = serde_json::from_str(&super::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 15, "{}", paths.len());
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(
                    response["description"].is_string(),
                    "{method} {path} {status}"
                );
            }
        }
    }
}

/// What a route is recognised by: `/api/v1/query` of `/api/v1/query/{dataset}`, `/zarr` of `/zarr/{dataset}/{key}`.
fn beginning(route: &str) -> Option<String> {
    let n_parts = if route.starts_with("/api/v1/") { 3 } else { 1 };
    let parts = route.split('/').filter(|part| !part.is_empty());
    let parts: Vec<&str> = parts
        .take(n_parts)
        .take_while(|part| !part.starts_with('{'))
        .collect();
    (!parts.is_empty()).then(|| format!("/{}", parts.join("/")))
}

#[test]
fn the_paths_that_endpoints_cannot_have_are_those_of_the_routes() {
    let documented = super::document();
    let documented = documented.paths.paths.keys().map(String::as_str);
    let used: BTreeSet<String> = documented.chain(BESIDE).filter_map(beginning).collect();
    assert!(used.iter().map(String::as_str).eq(RESERVED), "{used:?}");
}
