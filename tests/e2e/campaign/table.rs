//! The table of all campaigns.

use std::fmt;

use zarr_fuse_harness::checkout;

const HEAD: &str = "\
| campaign | faults | requests | acknowledged | lost | doubled | arrays equal | verified |
|---|--:|--:|--:|--:|--:|---|---|";

/// What a campaign found.
pub(super) struct Row<'a> {
    pub(super) campaign: &'a str,
    pub(super) n_faults: usize,
    pub(super) n_sent: usize,
    pub(super) n_acknowledged: usize,
    pub(super) n_lost: usize,
    pub(super) n_doubled: usize,
    pub(super) equal: bool,
    pub(super) verified: bool,
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let yes = |is: bool| if is { "yes" } else { "NO" };
        write!(
            f,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            self.campaign,
            self.n_faults,
            self.n_sent,
            self.n_acknowledged,
            self.n_lost,
            self.n_doubled,
            yes(self.equal),
            yes(self.verified)
        )
    }
}

impl Row<'_> {
    /// Prints the row; the long form takes the place of the one in `docs/reliability.md`.
    pub(super) fn record(&self) {
        println!("{HEAD}\n{self}");
        if !super::is_long() {
            return;
        }
        let path = checkout().join("docs/reliability.md");
        let text = std::fs::read_to_string(&path).unwrap();
        let begins = format!("| {} |", self.campaign);
        let is_old = |line: &&str| line.starts_with(&begins);
        let new = match text.lines().find(is_old) {
            Some(old) => text.replacen(old, &self.to_string(), 1),
            None => text.replacen(HEAD, &format!("{HEAD}\n{self}"), 1),
        };
        std::fs::write(&path, new).unwrap();
    }
}
