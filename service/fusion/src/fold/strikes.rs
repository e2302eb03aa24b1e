//! Faults of the code that tests ask for.

use parking_lot::Mutex;

/// Node, step and contribution.
static STRIKES: Mutex<Vec<(String, &str, u64)>> = Mutex::new(Vec::new());

/// From now on, contribution `seq` to `node` makes the code panic at `step`.
pub(super) fn ask(node: &str, step: &'static str, seq: u64) {
    STRIKES.lock().push((node.to_owned(), step, seq));
}

/// From now on, nothing of `node` does.
pub(super) fn mend(node: &str) {
    STRIKES.lock().retain(|(of, ..)| of != node);
}

/// Panics if a test has asked for it.
pub(super) fn strike(node: &str, step: &str, mut seqs: impl Iterator<Item = u64>) {
    let strikes = STRIKES.lock();
    let is_asked = |seq| {
        strikes
            .iter()
            .any(|ask| ask.0 == node && ask.1 == step && ask.2 == seq)
    };
    let found = seqs.find(|seq| is_asked(*seq));
    drop(strikes);
    assert!(found.is_none(), "struck by {found:?} while {step}");
}
