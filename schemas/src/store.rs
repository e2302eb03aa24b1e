//! Where a dataset is stored, as far as its schema says.

use std::fmt;

use serde_json::Value as Json;

use crate::model::{Node, Schema};
use crate::yaml;

/// Settings of the store from the `ATTRS` of the root. The environment (`ZF_<NAME>`) overrides them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreSettings {
    /// `STORE_URL`: a path relative to the schema's folder, `file://`, `s3://bucket/prefix` or `memory://`.
    pub url: Option<String>,
    /// `S3_ENDPOINT_URL`.
    pub endpoint_url: Option<String>,
    /// `S3_ACCESS_KEY`; better given by the environment.
    pub access_key: Option<Secret>,
    /// `S3_SECRET_KEY`; better given by the environment.
    pub secret_key: Option<Secret>,
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Schema {
    /// The node at `path`, such as `bukov` or `a/b`; leading and trailing slashes do not matter.
    pub fn node(&self, path: &str) -> Option<&Node> {
        let mut names = path.split('/').filter(|name| !name.is_empty());
        names.try_fold(&self.root, |node, name| node.children.get(name))
    }

    /// Every node, the root first, children after their parent in schema order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        let mut waiting = vec![&self.root];
        std::iter::from_fn(move || {
            let node = waiting.pop()?;
            waiting.extend(node.children.values().rev());
            Some(node)
        })
    }

    /// The text with secrets replaced, for showing it to others.
    pub fn public_text(&self) -> String {
        let secrets = [&self.store.access_key, &self.store.secret_key];
        let secrets = secrets.into_iter().flatten().map(Secret::expose);
        secrets.fold(self.text.to_string(), |text, secret| {
            text.replace(secret, "***")
        })
    }

    /// The file as JSON, anchors resolved and secrets replaced.
    pub fn to_json(&self) -> Json {
        yaml::load(&self.public_text()).map_or(Json::Null, |loaded| loaded.root.to_json())
    }
}
