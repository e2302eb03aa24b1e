//! Any text is a time or an error, in any unit; and what is a time is read again from how it is printed.

use arbitrary::{Arbitrary, Unstructured};
use zarr_fuse_fusion::normalize::{format_ticks, parse_time};
use zarr_fuse_schemas::time::{Fold, Since, Tick, TimeFormat, TimeUnit, Zone};

/// Tick, stored tick, flags, format, epoch, text.
type Input = (u8, u8, u8, Option<String>, Option<String>, String);

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let (tick, stored, flags, format, since, text) = input;
    let zone = match flags & 3 {
        0 => Zone::Fixed(0),
        1 => Zone::Fixed(-12_600),
        2 => Zone::Named(chrono_tz::Tz::Europe__Prague),
        _ => Zone::Named(chrono_tz::Tz::America__St_Johns),
    };
    let fold = match flags >> 2 & 3 {
        0 => None,
        1 => Some(Fold::Earlier),
        2 => Some(Fold::Later),
        _ => Some(Fold::Infer),
    };
    let source = TimeUnit {
        tick: Tick::ALL[usize::from(tick) % Tick::ALL.len()],
        zone,
        dayfirst: flags & 16 != 0,
        yearfirst: flags & 32 != 0,
        has_order: flags & 64 != 0,
        formats: format.map(TimeFormat::Strftime).into_iter().collect(),
        since: since.and_then(|text| Since::parse(&text)),
        fold,
    };
    let stored = Tick::ALL[usize::from(stored) % Tick::ALL.len()];
    let Ok(ticks) = parse_time(&text, &source, stored) else {
        return;
    };

    let utc = TimeUnit {
        tick: stored,
        zone: Zone::Fixed(0),
        dayfirst: false,
        yearfirst: false,
        has_order: false,
        formats: Vec::new(),
        since: None,
        fold: None,
    };
    let printed = format_ticks(ticks, &utc);
    // Years of more than four digits are printed, but not read.
    if printed.as_bytes().get(4) == Some(&b'-') {
        assert_eq!(parse_time(&printed, &utc, stored), Ok(ticks), "{printed}");
    }
}
