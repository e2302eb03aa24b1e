//! What contributions that come from now on mean, and what is assumed of those in old journals.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use zarr_fuse_decode::{Decoder, Decoding};
use zarr_fuse_journal::{Assumption, Definition, Journal};
use zarr_fuse_schemas::{Defaults, Schema};
use zarr_fuse_store::{Store, StoreError, keys};

use super::OpenError;
use crate::definition::define;

/// How contributions that come from now on are decoded, by endpoint; through the dataset's own by content type alone.
/// Those that have come are decoded as they were defined then.
#[derive(Debug)]
pub struct Decoders {
    pub(super) own: String,
    plain: Decoder,
    by_endpoint: HashMap<String, Decoder>,
}

impl Decoders {
    /// Those of dataset `own`, with what is configured for further endpoints.
    pub fn new(own: &str, by_endpoint: HashMap<String, Decoder>) -> Self {
        let plain = Decoding::default()
            .prepare(Path::new("."))
            .expect("the default names no files or programs");
        Self {
            own: own.to_owned(),
            plain,
            by_endpoint,
        }
    }

    /// The same, with another decoder of the dataset's own endpoint.
    #[must_use]
    pub fn with_own(mut self, decoder: Decoder) -> Self {
        self.by_endpoint.insert(self.own.clone(), decoder);
        self
    }

    /// The decoder of an endpoint.
    ///
    /// # Errors
    /// [`UnknownEndpoint`].
    pub fn get(&self, endpoint: &str) -> Result<&Decoder, UnknownEndpoint> {
        match self.by_endpoint.get(endpoint) {
            Some(decoder) => Ok(decoder),
            None if endpoint == self.own => Ok(&self.plain),
            None => Err(UnknownEndpoint(endpoint.to_owned())),
        }
    }

    /// The name of the dataset, and of its own endpoint.
    pub(super) fn own(&self) -> &str {
        &self.own
    }

    /// What contributions under `schema` mean, by endpoint.
    pub(super) fn definitions(&self, schema: &Schema) -> BTreeMap<String, Arc<Definition>> {
        let own = (!self.by_endpoint.contains_key(&self.own)).then_some((&self.own, &self.plain));
        let all = self.by_endpoint.iter().chain(own);
        all.map(|(endpoint, decoder)| {
            let definition = define(schema, decoder.recipe());
            (endpoint.clone(), Arc::new(definition))
        })
        .collect()
    }
}

/// Nobody has said how contributions through this endpoint are decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the endpoint `{0}` is not configured")]
pub struct UnknownEndpoint(pub String);

/// Journals of earlier programs do not say what contributions mean: that they mean what is known here of their endpoints is
/// said in the journal, or, if it is only read, taken for granted meanwhile.
pub(super) async fn define_old(
    journal: &Journal,
    schema: &Schema,
    decoders: &Decoders,
    is_read_only: bool,
) -> Result<(), OpenError> {
    let undefined = journal.undefined(None);
    if undefined.is_empty() {
        return Ok(());
    }
    // They came under the schema that the dataset was last opened with.
    let kept = kept_schema(journal.store(), schema).await?;
    let all = decoders.definitions(kept.as_ref().unwrap_or(schema));
    let known = all
        .iter()
        .filter(|(endpoint, _)| undefined.contains_key(*endpoint));
    let mut assumption = Assumption {
        definitions: BTreeMap::new(),
        through: journal.last_seq(),
    };
    for (endpoint, definition) in known {
        if is_read_only {
            journal.know(definition);
        } else {
            journal.keep_definition(definition).await?;
        }
        assumption
            .definitions
            .insert(endpoint.clone(), definition.id());
    }
    let unknown = undefined
        .keys()
        .filter(|endpoint| !assumption.definitions.contains_key(*endpoint));
    for endpoint in unknown {
        tracing::warn!(
            "Contributions to `{}` came through the endpoint `{endpoint}` before the journal kept what they mean; it is not configured, so they cannot be folded again",
            schema.name
        );
    }
    if assumption.definitions.is_empty() {
        return Ok(());
    }
    if is_read_only {
        journal.assume_meanwhile(assumption);
    } else {
        journal.assume(&assumption).await?;
    }
    Ok(())
}

/// The schema that the dataset was last opened with, if there is one that can be read.
pub(super) async fn kept_schema(
    journal: &Store,
    schema: &Schema,
) -> Result<Option<Schema>, StoreError> {
    let Some(kept) = journal.get(keys::SCHEMA).await? else {
        return Ok(None);
    };
    let files = match journal.get(keys::SCHEMA_FILES).await? {
        Some(files) => serde_json::from_slice(&files).ok(),
        None => None,
    };
    let kept = String::from_utf8_lossy(&kept);
    Ok(match files {
        Some(files) => Schema::parse_kept(&kept, keys::SCHEMA, &files, Defaults::Today).ok(),
        None => Schema::parse(&kept, keys::SCHEMA, &schema.folder).ok(),
    })
}
