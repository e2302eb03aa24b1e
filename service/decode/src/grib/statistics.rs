//! What was done over time and over the members of an ensemble, in the words of names (edition 2).

use super::product::signed;
use super::time::{Unit, instant};

/// What was done over time.
pub(super) struct Ranges {
    pub(super) process: Option<String>,
    pub(super) end: Option<i64>,
    pub(super) unit: Option<Unit>,
    pub(super) length: i64,
}

impl Ranges {
    /// Those whose block begins at `at`; `None`: it is cut off.
    pub(super) fn of(bytes: &[u8], at: usize) -> Option<Self> {
        let n = usize::from(*bytes.get(at + 7)?);
        let ranges = bytes.get(at + 12..)?;
        let processes = ranges.chunks_exact(12).take(n);
        let names: Vec<String> = processes
            .filter_map(|range| process_name(range[0]))
            .collect();
        let first = ranges.get(..12);
        Some(Self {
            process: (!names.is_empty()).then(|| names.join("Of")),
            end: instant(bytes.get(at..)?),
            unit: first.and_then(|range| Unit::of_grib2(range[2])),
            length: first.map_or(0, |range| {
                i64::from(u32::from_be_bytes([range[3], range[4], range[5], range[6]]))
            }),
        })
    }
}

/// Code table 4.10.
pub(super) fn process_name(code: u8) -> Option<String> {
    Some(match code {
        0 => "avg".to_owned(),
        1 => "acc".to_owned(),
        2 => "max".to_owned(),
        3 => "min".to_owned(),
        4 => "diff".to_owned(),
        5 => "rms".to_owned(),
        6 => "sd".to_owned(),
        7 => "cov".to_owned(),
        9 => "ratio".to_owned(),
        11 => "sum".to_owned(),
        u8::MAX => return None,
        other => format!("stat{other}"),
    })
}

/// Code table 4.7.
pub(super) fn derived(code: u8) -> String {
    match code {
        0 => "mean".to_owned(),
        1 => "weightedMean".to_owned(),
        2 => "sd".to_owned(),
        3 => "normalizedSd".to_owned(),
        4 => "spread".to_owned(),
        8 => "interquartile".to_owned(),
        9 => "ensembleMin".to_owned(),
        other => format!("derived{other}"),
    }
}

/// Code table 4.9, with the limits.
pub(super) fn probability(bytes: &[u8], at: usize) -> Option<String> {
    let limit = |at: usize| -> Option<f64> {
        let scale = i32::from(*bytes.get(at)?);
        let scale = if scale > 127 { 128 - scale } else { scale };
        #[expect(clippy::cast_precision_loss, reason = "of 32 bits")]
        let value = signed(bytes.get(at + 1..at + 5)?) as f64;
        let power = 10_f64.powi(scale.abs());
        Some(if scale < 0 {
            value * power
        } else {
            value / power
        })
    };
    let (lower, upper) = (limit(at + 3)?, limit(at + 8)?);
    Some(match *bytes.get(at + 2)? {
        0 => format!("probBelow{lower}"),
        1 => format!("probAbove{upper}"),
        2 => format!("prob{lower}To{upper}"),
        3 => format!("probAbove{lower}"),
        4 => format!("probBelow{upper}"),
        5 => format!("probEqual{lower}"),
        other => format!("prob{other}"),
    })
}
