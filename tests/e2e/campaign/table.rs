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
        std::fs::write(&path, with_row(&text, self.campaign, &self.to_string())).unwrap();
    }
}

/// `text` with this row in the table of results: in place of the campaign's former one, else as the last one.
fn with_row(text: &str, campaign: &str, row: &str) -> String {
    let (before, table) = text.split_once(HEAD).expect("the document has the table");
    let (rows, after) = table.split_once("\n\n").expect("a blank line follows it");
    let begins = format!("| {campaign} |");
    let mut rows: Vec<&str> = rows.trim_start().lines().collect();
    match rows.iter_mut().find(|old| old.starts_with(&begins)) {
        Some(old) => *old = row,
        None => rows.push(row),
    }
    format!("{before}{HEAD}\n{}\n\n{after}", rows.join("\n"))
}

#[test]
fn a_row_is_put_into_the_table_of_results_whatever_other_tables_say() {
    let document = format!(
        "text\n\n{HEAD}\n| a | 1 |\n| b | 2 |\n\n| campaign | what |\n|---|---|\n| c | other |\n"
    );
    let with = with_row(&with_row(&document, "c", "| c | 3 |"), "a", "| a | 4 |");
    let expected = document.replace("| a | 1 |\n| b | 2 |", "| a | 4 |\n| b | 2 |\n| c | 3 |");
    assert_eq!(with, expected);
}
