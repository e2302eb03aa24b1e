//! Ranges of bytes, as in RFC 9110.

use std::ops::Range;

use object_store::GetRange;

/// One range of bytes. Several ranges, other units and what cannot be read count as no range, as they may.
pub(super) fn parse(header: &str) -> Option<GetRange> {
    let (unit, range) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    match (first.trim(), last.trim()) {
        ("", last) => Some(GetRange::Suffix(number(last)?)),
        (first, "") => Some(GetRange::Offset(number(first)?)),
        (first, last) => {
            let (first, last): (u64, u64) = (number(first)?, number(last)?);
            (first <= last).then(|| GetRange::Bounded(first..last.saturating_add(1)))
        }
    }
}

/// The part of `range` that an object of `n_bytes` has; `None`: it has nothing of it.
pub(super) fn within(range: &GetRange, n_bytes: u64) -> Option<Range<u64>> {
    let range = match range {
        GetRange::Bounded(range) => range.start..range.end.min(n_bytes),
        GetRange::Offset(first) => *first..n_bytes,
        GetRange::Suffix(length) => n_bytes.saturating_sub(*length)..n_bytes,
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is taken of an object of ten bytes.
    fn taken(header: &str) -> Option<Range<u64>> {
        within(&parse(header)?, 10)
    }

    #[test]
    fn single_ranges_are_taken() {
        assert_eq!(taken("bytes=0-3"), Some(0..4));
        assert_eq!(taken("bytes=2-"), Some(2..10));
        assert_eq!(taken("bytes=-3"), Some(7..10));
        assert_eq!(taken("bytes=-30"), Some(0..10));
        assert_eq!(taken("bytes=8-100"), Some(8..10));
        assert_eq!(taken("bytes=0-18446744073709551615"), Some(0..10));
    }

    #[test]
    fn ranges_outside_are_told_from_ranges_that_cannot_be_read() {
        for outside in ["bytes=10-", "bytes=-0", "bytes=10-12"] {
            assert!(parse(outside).is_some(), "{outside}");
            assert_eq!(taken(outside), None, "{outside}");
        }
        for unreadable in [
            "bytes=0-1,3-4",
            "rows=0-1",
            "bytes=3-1",
            "bytes=a-b",
            "bytes=-",
            "bytes",
            "bytes=+1-2",
        ] {
            assert_eq!(parse(unreadable), None, "{unreadable}");
        }
    }
}
