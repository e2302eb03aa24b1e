//! Corrections of a dataset, open or not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;
use zarr_fuse_journal::{
    AppendError, Correction, CorrectionError, Definition, DefinitionId, Journal, JournalSettings,
    Kind, Receipt, Reinterpretation, Request, Requester, outcome::Status,
};
use zarr_fuse_schemas::{Node as NodeSchema, Schema};
use zarr_fuse_store::Store;

use super::{CACHE_BYTES, Dataset, Decoders, OpenError, define_old, has_arrays, take_journal};
use crate::commit::{self, Old};
use crate::fold::{FoldError, Meanings};
use crate::rebuild::{self, Losses, Origin, Progress};
use crate::reinterpret::{self, Difference};

/// What [`Dataset::rebuild`] is to do.
#[derive(Debug, Clone)]
pub struct Rebuild<'a> {
    /// Only this node.
    pub node: Option<&'a str>,
    /// Contributions from this sequence number on are to mean what their endpoints take contributions to mean today; and
    /// who wants that.
    pub reinterpret: Option<(u64, Requester)>,
    /// Whether contributions that were merged may be rejected.
    pub losses: Losses,
}

/// The first contribution that a reinterpretation is about, and what it would change by node.
pub type Differences = (u64, Vec<(String, Difference)>);

impl Dataset {
    /// Writes the arrays of all nodes, or of those that `how` names, again from the journal, stored as `schema` says now, and
    /// opens the dataset. `tell` hears how far each node is.
    ///
    /// # Errors
    /// [`OpenError`]; what is done stays done, and calling again goes on. With [`FoldError::WouldReject`] the arrays of that
    /// node are as before.
    pub async fn rebuild(
        schema: Arc<Schema>,
        store: Store,
        journal: Store,
        decoders: Decoders,
        settings: JournalSettings,
        how: Rebuild<'_>,
        tell: &(dyn Fn(&str, Progress) + Send + Sync),
    ) -> Result<Arc<Self>, OpenError> {
        let apart = journal.clone();
        let opened = take_journal(&schema.name, &store, journal, settings.clone()).await?;
        let (journal, writer) = opened;
        define_old(&journal, &schema, &decoders, false).await?;
        let unknown = journal.undefined(how.node);
        if let (Some((endpoint, seq)), Losses::Refused) = (unknown.first_key_value(), how.losses) {
            journal.close().await;
            return Err(OpenError::Undefined {
                endpoint: endpoint.clone(),
                seq: *seq,
            });
        }
        let recovered = commit::recover_for_rebuild(&store).await?;
        let definitions = decoders.definitions(&schema);
        for schema in schema.nodes().filter(|schema| has_arrays(schema)) {
            let path = &schema.path;
            if how.node.is_some_and(|node| node != path) {
                continue;
            }
            if let Some((from, by)) = &how.reinterpret {
                let of = reinterpretation(&journal, &definitions, decoders.own(), path, *from);
                for definition in named(&of, &definitions) {
                    journal.keep_definition(definition).await?;
                }
                if !of.definitions.is_empty() {
                    let request = Request::Reinterpret(path.clone(), of);
                    journal.request(request, by.clone()).await?;
                }
            }
            let schema = Arc::new(schema.clone());
            let origin = Origin {
                journal: &journal,
                schema: &schema,
            };
            warn_of_left_out(&journal, &schema).await?;
            let tell = |progress| tell(path, progress);
            let (seq, losses) = (journal.last_seq(), how.losses);
            let old = Old::Closed(&recovered);
            let done = rebuild::rebuild(&store, origin, seq, old, losses, &tell).await;
            if let Err(error @ FoldError::WouldReject { .. }) = &done {
                let open = journal.open_corrections(path, seq);
                let open = open.into_iter().filter(|one| one.kind == Kind::Reinterpret);
                let open: Vec<_> = open.collect();
                journal
                    .refuse(path, &open, &error.to_string())
                    .await
                    .map_err(FoldError::from)?;
            }
            done?;
        }
        if how.node.is_none() {
            journal.keep_schema(&schema).await?;
            commit::rebuilt(&store).await?;
        }
        journal.close().await;
        drop((journal, writer));
        Self::open_apart(schema, store, apart, decoders, settings, CACHE_BYTES).await
    }

    /// Asks for a correction. It is in the arrays when [`Journal::settled`] gives the outcome of the receipt.
    ///
    /// # Errors
    /// [`CorrectionError`].
    pub async fn correct(
        &self,
        correction: &Correction,
        by: Requester,
    ) -> Result<Receipt, CorrectionError> {
        let request = match correction {
            Correction::Retract(id) => Request::Retract(*id),
            Correction::Rebuild(node) => Request::Rebuild(node.clone()),
            Correction::Retry(id) => {
                let today = self.meant_if_retried(*id)?;
                if let Some(definition) = today {
                    self.keep(definition).await?;
                }
                Request::Retry(*id, today.map(|definition| definition.id()))
            }
            Correction::Reinterpret(node, from) => {
                let (own, definitions) = (self.decoders.own(), &self.definitions);
                let of = reinterpretation(&self.journal, definitions, own, node, *from);
                for definition in named(&of, definitions) {
                    self.keep(definition).await?;
                }
                Request::Reinterpret(node.clone(), of)
            }
        };
        self.journal.request(request, by).await
    }

    /// What would change in a node if its contributions from `from` on meant what they would mean if they came today.
    ///
    /// # Errors
    /// [`FoldError`] if the journal cannot be read.
    pub async fn difference(&self, node: &str, from: u64) -> Result<Difference, FoldError> {
        let Some(node) = self.nodes.get(node) else {
            return Ok(Difference::default());
        };
        let (journal, definitions) = (&self.journal, &self.definitions);
        let own = self.decoders.own();
        let of = reinterpretation(journal, definitions, own, &node.schema.path, from);
        reinterpret::difference(journal, &node.schema, definitions, &of).await
    }

    /// As [`Self::difference`], of each node, of a dataset that need not be open, whose arrays are perhaps not as `schema`
    /// says. `from` is as [`Journal::beginning`] takes it.
    ///
    /// # Errors
    /// [`OpenError`] if the journal cannot be read, [`OpenError::Beginning`].
    pub async fn differences(
        schema: &Schema,
        journal: &Store,
        decoders: &Decoders,
        node: Option<&str>,
        from: Option<&str>,
    ) -> Result<Differences, OpenError> {
        let settings = JournalSettings::default();
        let journal = Journal::open(journal.clone().read_only(), &schema.name, settings).await?;
        define_old(&journal, schema, decoders, true).await?;
        let from = match from {
            None => 0,
            Some(text) => {
                let from = journal.beginning(text);
                from.ok_or_else(|| OpenError::Beginning(text.to_owned()))?
            }
        };
        let definitions = decoders.definitions(schema);
        let mut found = Vec::new();
        let nodes = schema.nodes().filter(|schema| has_arrays(schema));
        for schema in nodes.filter(|schema| node.is_none_or(|node| node == schema.path)) {
            let of = reinterpretation(&journal, &definitions, decoders.own(), &schema.path, from);
            let stored = Arc::new(schema.clone());
            let difference = reinterpret::difference(&journal, &stored, &definitions, &of).await?;
            found.push((schema.path.clone(), difference));
        }
        Ok((from, found))
    }

    /// What a contribution that is retried means from now on, if something else than so far.
    pub(super) fn meant_if_retried(
        &self,
        id: Uuid,
    ) -> Result<Option<&Arc<Definition>>, CorrectionError> {
        let entry = self.journal.entry(id);
        let Some(entry) = entry.filter(|entry| {
            // What was taken back by mistake is to become what it was.
            matches!(entry.status(), Status::Rejected | Status::Partial)
        }) else {
            return Ok(None);
        };
        let endpoint = &entry.header.endpoint;
        let is_own = *endpoint == entry.header.dataset;
        let today = today(&self.definitions, self.decoders.own(), endpoint, is_own);
        let unknown = || CorrectionError::UnknownEndpoint {
            id,
            endpoint: endpoint.clone(),
        };
        Ok(Some(today.ok_or_else(unknown)?))
    }

    async fn keep(&self, definition: &Definition) -> Result<(), AppendError> {
        let kept = self.journal.keep_definition(definition).await;
        kept.map_err(|error| AppendError::Store(Arc::new(error)))
    }
}

/// What contributions through `endpoint` would mean if they came today. The one that the dataset had by its name of the day
/// is the one that it has now.
fn today<'d>(
    definitions: &'d BTreeMap<String, Arc<Definition>>,
    own: &str,
    endpoint: &str,
    is_own: bool,
) -> Option<&'d Arc<Definition>> {
    let configured = definitions.get(endpoint);
    configured.or_else(|| definitions.get(own).filter(|_| is_own))
}

/// What contributions to `node` from `from` on would mean if they came today.
fn reinterpretation(
    journal: &Journal,
    definitions: &BTreeMap<String, Arc<Definition>>,
    own: &str,
    node: &str,
    from: u64,
) -> Reinterpretation {
    let endpoints = journal.endpoints(node, from).into_iter();
    let known = endpoints.filter_map(|(endpoint, is_own)| {
        let id = today(definitions, own, &endpoint, is_own)?.id();
        Some((endpoint, id))
    });
    Reinterpretation {
        definitions: known.collect(),
        from,
    }
}

/// The definitions that a reinterpretation names.
fn named<'d>(
    of: &Reinterpretation,
    definitions: &'d BTreeMap<String, Arc<Definition>>,
) -> Vec<&'d Arc<Definition>> {
    let ids: BTreeSet<DefinitionId> = of.definitions.values().copied().collect();
    let named = definitions.values().filter(|one| ids.contains(&one.id()));
    named.collect()
}

/// Warns of variables that contributions have values for and that are no longer stored.
async fn warn_of_left_out(journal: &Journal, stored: &NodeSchema) -> Result<(), FoldError> {
    let (path, as_of) = (&stored.path, journal.last_seq());
    let counting = journal.counting(path, 0, as_of).into_iter();
    let definitions: BTreeSet<DefinitionId> = counting
        .filter_map(|(seq, _)| journal.definition_of(seq, as_of))
        .collect();
    let mut meanings = Meanings::new(journal, stored, as_of);
    let mut left_out = BTreeSet::new();
    for definition in definitions {
        if let Ok(meaning) = meanings.named(definition).await? {
            left_out.extend(meaning.left_out().iter().cloned());
        }
    }
    for name in left_out {
        tracing::warn!(
            node.path = path,
            "Values of `{name}` are left out of `{path}`: the schema no longer has it. If it has another name now, `--reinterpret` reads them as the schema says today"
        );
    }
    Ok(())
}
