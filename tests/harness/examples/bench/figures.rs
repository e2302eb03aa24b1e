//! Numbers for people.

use std::io::Write as _;
use std::time::Duration;

/// Writes a line to standard output.
pub(crate) fn print(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Writes a figure with its name and what is aimed at.
pub(crate) fn figure(name: &str, value: &str, aim: &str) -> anyhow::Result<()> {
    let aim = if aim.is_empty() {
        String::new()
    } else {
        format!("(aim: {aim})")
    };
    print(format!("  {name:<44} {value:>14}  {aim}").trim_end())
}

/// Milliseconds with as many digits as mean something.
pub(crate) fn ms(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

/// The value below which the given share of the durations lie.
pub(crate) fn quantile(durations: &mut [Duration], per_mille: usize) -> Duration {
    durations.sort_unstable();
    let last = durations.len().saturating_sub(1);
    durations
        .get(last * per_mille / 1000)
        .copied()
        .unwrap_or_default()
}

/// A whole number as a float, for shares and rates.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub(crate) fn float(n: usize) -> f64 {
    n as f64
}

/// Repeatable random numbers (`SplitMix64`).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % n
    }

    /// A measurement with three decimals, such as `-12.345`.
    pub(crate) fn measurement(&mut self) -> String {
        let milli = self.below(60_000);
        let sign = if self.below(4) == 0 { "-" } else { "" };
        format!("{sign}{}.{:03}", milli / 1000, milli % 1000)
    }
}
