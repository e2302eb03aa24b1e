//! What the types cannot say: references between sections, files, addresses.

use std::collections::HashMap;
use std::path::PathBuf;

use zarr_fuse_schemas::{near::did_you_mean, yaml::Yaml};

use super::read::{Problems, Step, place};
use super::{Auth, Config};

mod auth;
mod collectors;
mod notify;

pub(crate) use auth::name_problem;

/// Notes problems at their place in the file.
struct Checker<'a> {
    tree: &'a Yaml,
    problems: &'a mut Problems,
}

impl Checker<'_> {
    fn add(&mut self, path: &[Step], message: impl Into<String>) {
        self.problems
            .add(place(self.tree, path), path, message.into());
    }
}

fn keys<const N: usize>(keys: [&str; N]) -> Vec<Step> {
    keys.into_iter()
        .map(|key| Step::Key(key.to_owned()))
        .collect()
}

impl Config {
    /// Fills in what follows from other sections, and checks everything.
    pub(super) fn finish(&mut self, tree: &Yaml, problems: &mut Problems) {
        let mut checker = Checker { tree, problems };
        self.check_unavailable(&mut checker);
        self.check_numbers(&mut checker);
        self.check_datasets(&mut checker);
        self.add_collector_endpoints(&mut checker);
        self.check_endpoints(&mut checker);
        self.check_collectors(&mut checker);
        self.check_server(&mut checker);
        self.check_notify(&mut checker);
        match &self.auth {
            Some(auth) => self.check_auth(auth, &mut checker),
            None if !self.server.listen.is_loopback() => {
                let message = format!(
                    "`{}` can be reached from other machines, and no `auth` is configured: listen on `127.0.0.1`, or say `auth: {{mode: none}}` to let everyone do everything",
                    self.server.listen
                );
                checker.add(&keys(["server", "listen"]), message);
            }
            None => {}
        }
    }

    fn check_unavailable(&self, checker: &mut Checker<'_>) {
        if self.journal.retain.is_some() {
            checker.add(
                &keys(["journal", "retain"]),
                "`retain` is not available in this version: remove it, payloads are kept for ever",
            );
        }
    }

    fn check_numbers(&self, checker: &mut Checker<'_>) {
        let limits = &self.limits;
        let counts = [
            ("server", "workers", self.server.workers == Some(0)),
            (
                "server",
                "max_connections",
                self.server.max_connections == 0,
            ),
            (
                "server",
                "max_connections_per_address",
                self.server.max_connections_per_address == 0,
            ),
            (
                "journal",
                "max_segment_bytes",
                self.journal.max_segment_bytes == 0,
            ),
            ("limits", "max_body_bytes", limits.max_body_bytes == 0),
            (
                "limits",
                "max_decompressed_bytes",
                limits.max_decompressed_bytes == 0,
            ),
            ("limits", "max_url_bytes", limits.max_url_bytes == 0),
            (
                "limits",
                "max_concurrent_requests",
                limits.max_concurrent_requests == 0,
            ),
            (
                "limits",
                "max_concurrent_requests_per_address",
                limits.max_concurrent_requests_per_address == 0,
            ),
            ("limits", "max_event_streams", limits.max_event_streams == 0),
            (
                "limits",
                "max_event_streams_per_address",
                limits.max_event_streams_per_address == 0,
            ),
            (
                "limits",
                "max_corrections_per_minute",
                limits.max_corrections_per_minute == 0,
            ),
            (
                "limits",
                "max_waiting_contributions",
                limits.max_waiting_contributions == 0,
            ),
            ("limits", "max_waiting_bytes", limits.max_waiting_bytes == 0),
            (
                "limits",
                "max_query_block_cells",
                limits.max_query_block_cells == 0,
            ),
            (
                "limits",
                "max_query_page_rows",
                limits.max_query_page_rows == 0,
            ),
            ("limits", "max_query_columns", limits.max_query_columns == 0),
        ];
        for (section, key, is_zero) in counts {
            if is_zero {
                checker.add(
                    &keys([section, key]),
                    "nothing would be possible with 0: give at least 1",
                );
            }
        }
        if limits.max_waiting_bytes < limits.max_body_bytes {
            let message =
                "must be at least `max_body_bytes`, or the largest bodies are never taken";
            checker.add(&keys(["limits", "max_waiting_bytes"]), message);
        }
        if limits.max_spool_bytes < limits.max_body_bytes {
            let message =
                "must be at least `max_body_bytes`, or the largest bodies are never taken";
            checker.add(&keys(["limits", "max_spool_bytes"]), message);
        }
    }

    /// Files of certificates are read when the service starts, since they may come and go.
    fn check_server(&mut self, checker: &mut Checker<'_>) {
        let cors = &self.server.cors;
        if cors.credentials && cors.is_for_all() {
            let message = "every page could ask in the name of whoever visits it: name the pages in `origins` instead of `*`";
            checker.add(&keys(["server", "cors", "credentials"]), message);
        }
        let map = self.server.viewer.base_map.as_ref();
        if let Some(message) = map.and_then(super::BaseMap::fault) {
            checker.add(&keys(["server", "viewer", "base_map", "url"]), message);
        }
        let folder = self.folder().to_owned();
        if let Some(tls) = &mut self.server.tls {
            for (key, file) in [("cert", &mut tls.cert), ("key", &mut tls.key)] {
                *file = folder.join(&*file);
                if !file.is_file() {
                    let message = format!("there is no file `{}`", file.display());
                    checker.add(&keys(["server", "tls", key]), message);
                }
            }
        }
        if let Some(file) = self.auth.as_mut().and_then(|auth| auth.token_file.as_mut()) {
            *file = folder.join(&*file);
        }
    }

    fn check_datasets(&mut self, checker: &mut Checker<'_>) {
        let section = || Step::Key("datasets".to_owned());
        for (idx, name) in &self.datasets.repeated {
            let message = format!(
                "another file gives the name `{name}` already: use a mapping, `datasets: {{name: file.yaml}}`"
            );
            checker.add(&[section(), Step::Index(*idx)], message);
        }
        let folder = self.folder().to_owned();
        for (idx, (name, dataset)) in self.datasets.by_name.iter_mut().enumerate() {
            let last = if self.datasets.is_list {
                Step::Index(idx)
            } else {
                Step::Key(name.clone())
            };
            let path = [section(), last];
            if !is_name(name) {
                checker.add(
                    &path,
                    format!(
                        "`{name}` cannot be a name in URLs: use letters, digits, `.`, `_`, `-`"
                    ),
                );
            }
            dataset.schema = folder.join(&dataset.schema);
            if !dataset.schema.is_file() {
                checker.add(
                    &path,
                    format!("there is no file `{}`", dataset.schema.display()),
                );
            }
        }
    }

    fn check_endpoints(&mut self, checker: &mut Checker<'_>) {
        let folder = self.folder().to_owned();
        let datasets: Vec<&str> = self.datasets.by_name.keys().map(String::as_str).collect();
        let max_decompressed_bytes = self.limits.max_decompressed_bytes;
        let mut aliases: HashMap<String, String> = HashMap::new();
        for (name, endpoint) in &mut self.endpoints {
            let own = self.collectors.get(name);
            let section = match own {
                Some(collector) if collector.endpoint.is_none() => "collectors",
                _ => "endpoints",
            };
            let inside = |key: &str| keys([section, name.as_str(), key]);
            if !is_name(name) {
                let message = format!(
                    "`{name}` cannot be a name in URLs: use letters, digits, `.`, `_`, `-`"
                );
                checker.add(&keys([section, name.as_str()]), message);
            }
            match (&endpoint.dataset, datasets.as_slice()) {
                (Some(dataset), known) if !known.contains(&dataset.as_str()) => {
                    let hint = if known.is_empty() {
                        "; `datasets` is empty".to_owned()
                    } else {
                        did_you_mean(dataset, known)
                    };
                    checker.add(
                        &inside("dataset"),
                        format!("there is no dataset `{dataset}`{hint}"),
                    );
                }
                (Some(_), _) => {}
                (None, [only]) => endpoint.dataset = Some((*only).to_owned()),
                (None, _) => checker.add(
                    &keys([section, name.as_str()]),
                    "the key `dataset` is missing: say where contributions go",
                ),
            }
            if let Some(dataset) = &endpoint.dataset
                && dataset != name
                && datasets.contains(&name.as_str())
            {
                let message = format!(
                    "`{name}` is the endpoint of the dataset of that name, but contributions would go to `{dataset}`: choose another name"
                );
                checker.add(&inside("dataset"), message);
            }
            if let Some(alias) = &endpoint.path {
                if !alias.starts_with('/')
                    || alias.len() < 2
                    || alias.contains(['?', '#', '{', ' '])
                {
                    checker.add(
                        &inside("path"),
                        format!("`{alias}` is not a path: write `/api/v1/{name}`"),
                    );
                } else if let Some(reserved) = super::reserved::uses(alias) {
                    checker.add(
                        &inside("path"),
                        format!("the service uses `{reserved}` itself: choose another path"),
                    );
                } else if let Some(other) =
                    aliases.insert(alias.trim_end_matches('/').to_owned(), name.clone())
                {
                    checker.add(
                        &inside("path"),
                        format!("the endpoint `{other}` has this path already"),
                    );
                }
            }
            let decompressed = &mut endpoint.decode.limits.max_decompressed_bytes;
            *decompressed = usize::try_from(max_decompressed_bytes)
                .map_or(*decompressed, |max| max.min(*decompressed));
            if let Err(error) = endpoint.decode.prepare(&folder) {
                let source = std::error::Error::source(&error)
                    .map_or_else(String::new, |source| format!(": {source}"));
                checker.add(&inside("decode"), format!("{error}{source}"));
            }
            let senders = self.auth.as_ref().map(Auth::names).unwrap_or_default();
            // Tokens of the file come and go while the service runs.
            let others = self.auth.as_ref().and_then(|auth| auth.token_file.as_ref());
            for (idx, sender) in endpoint
                .senders
                .iter()
                .enumerate()
                .filter(|(_, sender)| others.is_none() && !senders.contains(&sender.as_str()))
            {
                let hint = if senders.is_empty() {
                    "; `auth` has none".to_owned()
                } else {
                    did_you_mean(sender, &senders)
                };
                let path: Vec<Step> = inside("senders")
                    .into_iter()
                    .chain([Step::Index(idx)])
                    .collect();
                checker.add(&path, format!("there is no user or token `{sender}`{hint}"));
            }
        }
    }

    /// The file of a relative path in the configuration.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder().join(path)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '~'))
}
