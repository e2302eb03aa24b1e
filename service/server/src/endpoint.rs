//! Where contributions are pushed to.

use std::sync::Arc;

use indexmap::IndexMap;
use zarr_fuse_fusion::{
    dataset::{Dataset, has_arrays},
    node::Node,
};
use zarr_fuse_store::keys;

use crate::config::EndpointConfig;
use crate::slot::{NotOpen, Slot};

/// A place that takes contributions for a dataset.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Its name.
    pub name: String,
    /// The dataset that contributions go to.
    pub slot: Arc<Slot>,
    /// The node that paths in requests are relative to; `""` is the root.
    pub node: String,
    /// A further path under which it answers.
    pub alias: Option<String>,
    /// Names that may contribute here; empty: all whose scopes allow it.
    pub senders: Vec<String>,
}

/// An endpoint whose dataset is open.
#[derive(Debug, Clone)]
pub struct OpenEndpoint {
    /// Its name.
    pub name: String,
    /// The dataset that contributions go to.
    pub dataset: Arc<Dataset>,
    /// The node that paths in requests are relative to; `""` is the root.
    pub node: String,
}

impl Endpoint {
    /// The name of its dataset.
    pub fn dataset(&self) -> &str {
        &self.slot.name
    }

    /// The same, if the dataset is open.
    ///
    /// # Errors
    /// [`NotOpen`].
    pub fn open(&self) -> Result<OpenEndpoint, NotOpen> {
        Ok(OpenEndpoint {
            name: self.name.clone(),
            dataset: self.slot.dataset()?,
            node: self.node.clone(),
        })
    }
}

impl OpenEndpoint {
    /// The node that a request with the path `rest` after the endpoint contributes to.
    pub fn target(&self, rest: &str) -> Option<&Arc<Node>> {
        let rest = rest.trim_matches('/');
        if rest.is_empty() {
            return node_at(&self.dataset, &self.node);
        }
        node_at(&self.dataset, &keys::join(&self.node, rest))
    }

    /// What `rest` may be.
    pub fn targets(&self) -> Vec<&str> {
        let relative = |path| match self.node.as_str() {
            "" => Some(path),
            node => str::strip_prefix(path, node)?.strip_prefix('/'),
        };
        self.dataset
            .nodes
            .keys()
            .filter_map(|path| relative(path))
            .collect()
    }
}

/// The node at `path`; without a path, the only one there is.
pub(crate) fn node_at<'a>(dataset: &'a Dataset, path: &str) -> Option<&'a Arc<Node>> {
    let path = path.trim_matches('/');
    let found = dataset.nodes.get(path);
    if found.is_none() && path.is_empty() && dataset.nodes.len() == 1 {
        return dataset.nodes.values().next();
    }
    found
}

/// An endpoint names what is not there.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint `{endpoint}`: {reason}")]
pub struct EndpointError {
    /// The endpoint.
    pub endpoint: String,
    /// What is wrong.
    pub reason: String,
}

/// The configured endpoints, then one for each dataset of its own name.
pub(crate) fn all(
    datasets: &IndexMap<String, Arc<Slot>>,
    configured: &IndexMap<String, EndpointConfig>,
) -> Result<IndexMap<String, Endpoint>, EndpointError> {
    let mut endpoints = IndexMap::new();
    for (name, config) in configured {
        let refuse = |reason| EndpointError {
            endpoint: name.clone(),
            reason,
        };
        let slot = match &config.dataset {
            Some(dataset) => datasets
                .get(dataset)
                .ok_or_else(|| refuse(format!("there is no dataset `{dataset}`")))?,
            None if datasets.len() == 1 => &datasets[0],
            None => {
                return Err(refuse(
                    "`dataset` is missing: say where contributions go".to_owned(),
                ));
            }
        };
        let node = config.node.trim_matches('/').to_owned();
        let schema = slot.schema();
        if schema.node(&node).is_none() {
            let known: Vec<_> = schema
                .nodes()
                .filter(|node| has_arrays(node))
                .map(|node| format!("`{}`", node.path))
                .collect();
            let known = known.join(", ");
            return Err(refuse(format!(
                "the dataset `{}` has no node `{node}`; it has {known}",
                slot.name
            )));
        }
        let endpoint = Endpoint {
            name: name.clone(),
            slot: Arc::clone(slot),
            node,
            alias: config
                .path
                .as_ref()
                .map(|path| path.trim_end_matches('/').to_owned()),
            senders: config.senders.clone(),
        };
        endpoints.insert(name.clone(), endpoint);
    }
    for (name, slot) in datasets {
        endpoints.entry(name.clone()).or_insert_with(|| Endpoint {
            name: name.clone(),
            slot: Arc::clone(slot),
            node: String::new(),
            alias: None,
            senders: Vec::new(),
        });
    }
    Ok(endpoints)
}
