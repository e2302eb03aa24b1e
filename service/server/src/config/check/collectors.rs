//! What is wrong with collectors: where contributions go, and everything their plans say.

use std::path::Path;

use zarr_fuse_collectors::{
    config::{At, Fault},
    plan::{Plan, Source},
};
use zarr_fuse_schemas::{
    near::did_you_mean,
    yaml::{self, Yaml},
};

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
                let known = self.endpoints.keys().chain(self.datasets.by_name.keys());
                let known: Vec<&str> = known.map(String::as_str).collect();
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
            for Fault { path, message } in collector.faults(self.folder(), schema.as_ref()) {
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
    /// What is wrong with the source.
    fn faults(&self, folder: &Path, schema: Option<&Yaml>) -> Vec<Fault> {
        let sources = [
            ("request", self.request.is_some()),
            ("mqtt", self.mqtt.is_some()),
            ("folder", self.folder.is_some()),
            ("objects", self.objects.is_some()),
        ];
        let given: Vec<&str> = sources
            .iter()
            .filter(|(_, given)| *given)
            .map(|(key, _)| *key)
            .collect();
        let fault = |message: String| {
            let path = Vec::new();
            vec![Fault { path, message }]
        };
        match given.as_slice() {
            [_] => {}
            [] => {
                return fault("nothing says what is collected: give `request` and `runs`, `mqtt`, `folder` or `objects`".to_owned());
            }
            several => {
                return fault(format!(
                    "`{}` are given: make a collector of each",
                    several.join("`, `")
                ));
            }
        }
        let for_requests = [
            ("runs", !self.runs.is_empty()),
            ("render", !self.render.is_empty()),
            ("iterate", !self.iterate.is_empty()),
        ];
        if self.request.is_none()
            && let Some((key, _)) = for_requests.iter().find(|(_, given)| *given)
        {
            return fault(format!("`{key}` is for `request`: remove it"));
        }
        let checked = if let Some(mqtt) = &self.mqtt {
            mqtt.check(folder)
        } else if let Some(watch) = &self.folder {
            watch.check("folder")
        } else if let Some(watch) = &self.objects {
            watch.check("objects")
        } else if let Some(source) = self.source(folder, schema) {
            Plan::prepare(source).map(|_| ())
        } else {
            Ok(())
        };
        checked.err().unwrap_or_default()
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
