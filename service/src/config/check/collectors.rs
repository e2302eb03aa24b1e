//! What is wrong with collectors: where contributions go, and everything their plans say.

use std::path::Path;

use zarr_fuse_collectors::config::{At, Fault};
use zarr_fuse_collectors::plan::{Plan, Source};
use zarr_fuse_schemas::near::did_you_mean;
use zarr_fuse_schemas::yaml::{self, Yaml};

use super::{Checker, is_name, keys};
use crate::config::read::Step;
use crate::config::{CollectorConfig, Config, EndpointConfig};

impl Config {
    /// Gives collectors endpoints of their own; done before endpoints are checked.
    pub(super) fn add_collector_endpoints(&mut self, checker: &mut Checker<'_>) {
        for (name, collector) in &self.collectors {
            let at = |key: &str| keys(["collectors", name.as_str(), key]);
            if collector.endpoint.is_some() && !is_name(name) {
                let message = format!(
                    "`{name}` cannot be a name in URLs: use letters, digits, `.`, `_`, `-`"
                );
                checker.add(&keys(["collectors", name.as_str()]), message);
            }
            if collector.extract.is_some()
                && collector
                    .decode
                    .as_ref()
                    .is_some_and(|decode| decode.extract.is_some())
            {
                checker.add(
                    &at("extract"),
                    "`decode` has an `extract`, too: remove one of them",
                );
            }
            let Some(endpoint) = &collector.endpoint else {
                let config = EndpointConfig {
                    dataset: collector.dataset.clone(),
                    node: collector.target_node.clone(),
                    decode: collector.decoding(),
                    ..EndpointConfig::default()
                };
                if self.endpoints.contains_key(name) {
                    let message = format!(
                        "there is an endpoint `{name}`: say `endpoint: {name}` to contribute there, or choose another name"
                    );
                    checker.add(&keys(["collectors", name.as_str()]), message);
                } else {
                    self.endpoints.insert(name.clone(), config);
                }
                continue;
            };
            let other = [
                ("dataset", collector.dataset.is_some()),
                ("extract", collector.extract.is_some()),
                ("decode", collector.decode.is_some()),
            ];
            for (key, _) in other.iter().filter(|(_, given)| *given) {
                let message =
                    format!("the endpoint `{endpoint}` says so: remove `{key}`, or `endpoint`");
                checker.add(&at(key), message);
            }
        }
    }

    /// Checks everything else; done after endpoints are checked.
    pub(super) fn check_collectors(&self, checker: &mut Checker<'_>) {
        for (name, collector) in &self.collectors {
            let at = |key: &str| keys(["collectors", name.as_str(), key]);
            if let Some(endpoint) = &collector.endpoint
                && !self.has_endpoint(endpoint)
            {
                let known: Vec<&str> = self.endpoints.keys().map(String::as_str).collect();
                let message = format!(
                    "there is no endpoint `{endpoint}`{}",
                    did_you_mean(endpoint, &known)
                );
                checker.add(&at("endpoint"), message);
            }
            if collector.run_timeout.is_zero() {
                checker.add(
                    &at("run_timeout"),
                    "nothing would be possible with 0: give more",
                );
            }
            let schema = self.collector_schema(name, collector);
            let Err(faults) = collector.plan(self.folder(), schema.as_ref()) else {
                continue;
            };
            for Fault { path, message } in faults {
                let mut steps = keys(["collectors", name.as_str()]);
                steps.extend(path.into_iter().map(|at| match at {
                    At::Key(key) => Step::Key(key.to_owned()),
                    At::Index(idx) => Step::Index(idx),
                }));
                checker.add(&steps, message);
            }
        }
    }

    fn has_endpoint(&self, name: &str) -> bool {
        self.endpoints.contains_key(name) || self.datasets.by_name.contains_key(name)
    }

    /// The schema of the dataset that a collector contributes to, as it stands in the file.
    pub(crate) fn collector_schema(&self, name: &str, collector: &CollectorConfig) -> Option<Yaml> {
        let endpoint = collector.endpoint.as_deref().unwrap_or(name);
        let dataset = match self.endpoints.get(endpoint) {
            Some(endpoint) => endpoint.dataset.as_deref()?,
            None => endpoint,
        };
        let file = &self.datasets.by_name.get(dataset)?.schema;
        let text = std::fs::read_to_string(file).ok()?;
        yaml::load(&text).ok().map(|loaded| loaded.root)
    }
}

impl CollectorConfig {
    /// The plan of a collector that fetches; others have none.
    fn plan(&self, folder: &Path, schema: Option<&Yaml>) -> Result<Option<Plan>, Vec<Fault>> {
        let mut kinds = Vec::new();
        kinds.extend(self.request.as_ref().map(|_| "request"));
        kinds.extend(self.folder.as_ref().map(|_| "folder"));
        kinds.extend(self.objects.as_ref().map(|_| "objects"));
        if let [first, second, ..] = kinds.as_slice() {
            let message = format!("`{first}` and `{second}` are two collectors: give each a name");
            let path = vec![At::Key(second)];
            return Err(vec![Fault { path, message }]);
        }
        if let Some(faults) = self.watch_faults() {
            return if faults.is_empty() {
                Ok(None)
            } else {
                Err(faults)
            };
        }
        let Some(source) = self.source(folder, schema) else {
            let message =
                "nothing says what is collected: give `request` and `runs`, `folder` or `objects`"
                    .to_owned();
            let path = Vec::new();
            return Err(vec![Fault { path, message }]);
        };
        Plan::prepare(source).map(Some)
    }

    /// What is wrong with a collector that watches a place; `None`: it is of another kind.
    fn watch_faults(&self) -> Option<Vec<Fault>> {
        let (key, mut faults) = match (&self.folder, &self.objects) {
            (Some(folder), _) => ("folder", folder.check()),
            (None, Some(objects)) => ("objects", objects.check()),
            (None, None) => return None,
        };
        for fault in &mut faults {
            fault.path.insert(0, At::Key(key));
        }
        let meaningless = [
            ("runs", !self.runs.is_empty()),
            ("render", !self.render.is_empty()),
            ("iterate", !self.iterate.is_empty()),
        ];
        for (other, _) in meaningless.iter().filter(|(_, is_given)| *is_given) {
            faults.push(Fault {
                path: vec![At::Key(other)],
                message: format!("`{other}` means nothing for `{key}`: remove it"),
            });
        }
        Some(faults)
    }

    /// What a plan is made from, if the collector fetches.
    pub(crate) fn source<'a>(
        &'a self,
        folder: &'a Path,
        schema: Option<&'a Yaml>,
    ) -> Option<Source<'a>> {
        Some(Source {
            runs: &self.runs,
            request: self.request.as_ref()?,
            render: &self.render,
            iterate: &self.iterate,
            folder,
            schema,
            target_node: &self.target_node,
        })
    }
}
