//! Where a dataset is stored, as far as its schema says.

use serde_json::Value as Json;

use crate::model::{Node, Schema};
pub use crate::secret::Secret;
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

/// From this length on a secret is taken out wherever it stands, in comments too; shorter ones may be ordinary words.
const UNMISTAKABLE: usize = 16;
/// What stands in the place of a secret.
const HIDDEN: &str = "***";

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

    /// The text with secrets replaced where they stand, for showing it to others. It is the same schema otherwise.
    pub fn public_text(&self) -> String {
        let text = yaml::replace_scalars(&self.text, &format!("'{HIDDEN}'"), |root| {
            let attrs = &root.get("ATTRS")?.value;
            let keys = ["S3_ACCESS_KEY", "S3_SECRET_KEY"];
            let secrets = keys.into_iter().filter_map(|key| attrs.get(key));
            Some(secrets.map(|secret| secret.value.at).collect())
        });
        let secrets = [&self.store.access_key, &self.store.secret_key];
        let secrets = secrets.into_iter().flatten().map(Secret::expose);
        secrets
            .filter(|secret| secret.len() >= UNMISTAKABLE)
            .fold(text, |text, secret| text.replace(secret, HIDDEN))
    }

    /// The file as JSON, anchors resolved and secrets replaced.
    pub fn to_json(&self) -> Json {
        yaml::load(&self.public_text()).map_or(Json::Null, |loaded| loaded.root.to_json())
    }
}
