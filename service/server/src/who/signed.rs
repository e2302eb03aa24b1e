//! Somebody who signed in.

use crate::config::Scope;

/// A user or a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) name: String,
    pub(super) scopes: Vec<Scope>,
    /// The digest of the token that it was, if any.
    pub(super) token: Option<[u8; 32]>,
}
