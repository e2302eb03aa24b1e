//! Places in which things appear, and what lies in them.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};

/// Something that lies in a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Path in the place, parts divided by `/`.
    pub name: String,
    /// Size.
    pub n_bytes: u64,
    /// When it was last written.
    pub modified: DateTime<Utc>,
    /// Another one whenever it was written again.
    pub version: String,
}

/// What became of something that was contributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// Nothing of it was taken.
    pub is_failed: bool,
    /// As JSON.
    pub text: String,
}

/// A place in which things appear.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// What kind of place it is, in one word.
    fn kind(&self) -> &'static str;

    /// Where it is, for messages.
    fn place(&self) -> String;

    /// What lies there: complete or not, whatever it is called.
    ///
    /// # Errors
    /// Why it cannot be told, in words.
    async fn list(&self) -> Result<Vec<Item>, String>;

    /// The bytes of an item; `None` if it is gone or was written again since it was listed.
    ///
    /// # Errors
    /// Why it cannot be read, in words.
    async fn read(&self, item: &Item) -> Result<Option<Bytes>, String>;

    /// Puts an item away, if that is wanted, and its fate beside it. Doing it again after a crash changes nothing.
    ///
    /// # Errors
    /// Why it cannot be put away, in words.
    async fn put_away(&self, item: &Item, fate: &Fate) -> Result<(), String>;

    /// Whether an item that met this fate stays, so that one has to remember it.
    fn keeps(&self, fate: &Fate) -> bool;
}
