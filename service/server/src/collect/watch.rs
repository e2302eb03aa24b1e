//! Collectors that watch a place: a folder, or the objects of a store.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::GetOptions;
use zarr_fuse_collectors::{
    Clock,
    scheduled::{Destination, SetupError},
    watch::{
        Fate, Item, Settings, Shelf, Watch,
        config::{After, ObjectsConfig},
        folder::Folder,
        pattern::Pattern,
    },
};
use zarr_fuse_schemas::{StoreSettings, row_problem::whole};
use zarr_fuse_store::{FailureKind, Object, S3Access, Store, StoreError};

use crate::config::{CollectorConfig, Config};

/// Longest time for the bytes of an object; large ones get more.
const BODY_TIMEOUT: Duration = Duration::from_mins(1);
/// Slower bodies are given up.
const MIN_BYTES_PER_SECOND: u64 = 256 << 10;
/// What precedes the tag in the version of an object that has one.
const TAGGED: &str = " tag ";

/// Makes the watch that `settings` describes; `None` if it is of another kind.
pub(super) fn make(
    config: &Config,
    name: &str,
    settings: &CollectorConfig,
    destination: &Destination,
    clock: &Clock,
) -> Option<Result<Arc<Watch>, SetupError>> {
    let (pattern, set, interval, settle, max_bytes, max_items) =
        match (&settings.folder, &settings.objects) {
            (Some(of), _) => (
                &of.pattern,
                &of.set,
                of.interval,
                of.settle,
                of.max_bytes,
                of.max_listed,
            ),
            (None, Some(of)) => (
                &of.pattern,
                &of.set,
                of.interval,
                of.settle,
                of.max_bytes,
                of.max_listed,
            ),
            (None, None) => return None,
        };
    let made = Pattern::parse(pattern).and_then(|pattern| {
        let is_deep = pattern.is_deep();
        let settings_of_watch = Settings {
            name: name.to_owned(),
            destination: destination.clone(),
            pattern,
            set: set.clone(),
            interval,
            settle,
            max_bytes,
            max_items,
        };
        let shelf: Box<dyn Shelf> = match (&settings.folder, &settings.objects) {
            (None, Some(objects)) => Box::new(Objects::open(config, objects)?),
            (Some(folder), _) => Box::new(Folder::new(folder, config.folder(), is_deep)),
            (None, None) => return Err("nothing is watched".to_owned()),
        };
        Ok(Watch::new(settings_of_watch, shelf, clock.clone()))
    });
    let path = match (&settings.folder, &settings.objects) {
        (None, Some(objects)) => objects.url.clone(),
        (folder, _) => folder
            .as_ref()
            .map_or_else(String::new, |of| of.path.display().to_string()),
    };
    Some(made.map_err(|reason| SetupError::Place { path, reason }))
}

/// The objects of a store as a shelf: they appear whole, and stay unless they are to be deleted.
struct Objects {
    store: Store,
    after: After,
    max_listed: usize,
}

impl Objects {
    fn open(config: &Config, objects: &ObjectsConfig) -> Result<Self, String> {
        let environment = std::env::vars().collect();
        let schema = StoreSettings::default();
        let access = S3Access::new(&environment, &config.store, config.folder(), &schema);
        let store = Store::open(&objects.url, config.folder(), &access);
        Ok(Self {
            store: store.map_err(|error| whole(&error).reason)?,
            after: objects.after,
            max_listed: objects.max_listed,
        })
    }
}

/// An object as an item: its version is its size with the store's tag, else with the time.
fn item(object: Object) -> Item {
    let version = match &object.e_tag {
        Some(tag) => format!("{}{TAGGED}{tag}", object.n_bytes),
        None => format!("{}@{}", object.n_bytes, object.modified.timestamp_micros()),
    };
    Item {
        version,
        name: object.key,
        n_bytes: object.n_bytes,
        modified: object.modified,
    }
}

#[async_trait]
impl Shelf for Objects {
    fn kind(&self) -> &'static str {
        "objects"
    }

    fn place(&self) -> String {
        self.store.url().trim_end_matches('/').to_owned()
    }

    async fn list(&self) -> Result<Vec<Item>, String> {
        let listed = self.store.list_objects("", None).await;
        let objects = listed.map_err(|error| whole(&error).reason)?;
        if objects.len() > self.max_listed {
            return Err(format!(
                "there are {} objects under `{}`, more than `max_listed` ({}): name a longer prefix, delete old ones, or raise it",
                objects.len(),
                self.place(),
                self.max_listed
            ));
        }
        Ok(objects.into_iter().map(item).collect())
    }

    async fn read(&self, item: &Item) -> Result<Option<Bytes>, String> {
        let tag = item.version.split_once(TAGGED).map(|(_, tag)| tag);
        let options = GetOptions {
            if_match: tag.map(str::to_owned),
            ..GetOptions::default()
        };
        match self.store.get_opts(&item.name, options).await {
            Ok(None) => Ok(None),
            Ok(Some(found)) if found.meta.size != item.n_bytes => Ok(None),
            Ok(Some(found)) => {
                let bound = BODY_TIMEOUT + Duration::from_secs(item.n_bytes / MIN_BYTES_PER_SECOND);
                // What the store says of it may hold signatures.
                match tokio::time::timeout(bound, found.bytes()).await {
                    Ok(Ok(bytes)) => Ok(Some(bytes)),
                    _ => Err("its bytes do not arrive whole".to_owned()),
                }
            }
            Err(StoreError::Failed { source, .. }) if source.kind() == FailureKind::Condition => {
                Ok(None)
            }
            Err(error) => Err(whole(&error).reason),
        }
    }

    async fn put_away(&self, item: &Item, fate: &Fate) -> Result<(), String> {
        if self.keeps(fate) {
            return Ok(());
        }
        let away = async {
            // What was written again since is contributed in its turn.
            let now = self.store.head(&item.name).await?;
            if now.is_some_and(|now| self::item(now).version == item.version) {
                self.store.delete(&item.name).await?;
            }
            Ok(())
        };
        away.await.map_err(|error: StoreError| whole(&error).reason)
    }

    fn keeps(&self, fate: &Fate) -> bool {
        self.after != After::Delete || fate.is_failed
    }
}
