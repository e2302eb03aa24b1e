//! Labels of a discrete range and their codes.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// Codes by label; code 0 means no value.
#[derive(Debug)]
pub(super) struct Labels<'l> {
    by_text: HashMap<&'l str, u64, RandomState>,
    by_number: HashMap<u64, u64, RandomState>,
}

impl<'l> Labels<'l> {
    pub(super) fn new(labels: &'l [String]) -> Self {
        let mut by_text = HashMap::default();
        let mut by_number = HashMap::default();
        for (label, code) in labels.iter().zip(1..) {
            by_text.entry(label.as_str()).or_insert(code);
            if let Some(bits) = number_bits(label) {
                by_number.entry(bits).or_insert(code);
            }
        }
        Self { by_text, by_number }
    }

    /// The code of a label as delivered: as written, without spaces around, or as the same number.
    ///
    /// 0 for text without anything, `None` for an unknown label.
    pub(super) fn code(&self, text: &str) -> Option<u64> {
        let trimmed = text.trim();
        let known = self.by_text.get(text).or_else(|| self.by_text.get(trimmed));
        let known = known.or_else(|| self.by_number.get(&number_bits(trimmed)?));
        known.copied().or_else(|| trimmed.is_empty().then_some(0))
    }
}

fn number_bits(text: &str) -> Option<u64> {
    let number: f64 = fast_float2::parse(text).ok()?;
    // -0.0 becomes 0.0.
    (!number.is_nan()).then(|| (number + 0.0).to_bits())
}

/// The label that takes the fewest edits to get from `text`; case counts half.
pub(super) fn nearest_label<'l>(text: &str, labels: &'l [String]) -> Option<&'l str> {
    let text: Vec<char> = text.trim().chars().take(100).collect();
    labels
        .iter()
        .map(String::as_str)
        .min_by_key(|label| n_edits(&text, label))
}

/// Levenshtein distance in half edits, a change of case being one half.
fn n_edits(from: &[char], to: &str) -> usize {
    let mut costs: Vec<usize> = (0..=from.len()).map(|n| 2 * n).collect();
    for (row, wanted) in to.chars().take(100).enumerate() {
        let mut diagonal = costs[0];
        costs[0] = 2 * (row + 1);
        for (column, found) in from.iter().enumerate() {
            let replace = if *found == wanted {
                0
            } else if found.to_lowercase().eq(wanted.to_lowercase()) {
                1
            } else {
                2
            };
            let cost = (diagonal + replace)
                .min(costs[column] + 2)
                .min(costs[column + 1] + 2);
            diagonal = costs[column + 1];
            costs[column + 1] = cost;
        }
    }
    costs[from.len()]
}
