//! Any text is a time or an error, in any unit; and what is a time is read again from how it is printed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zarr_fuse_schemas::time::{Fold, Tick, TimeUnit, Zone};
use zarr_fuse_service::normalize::{format_ticks, parse_time};

const TICKS: [Tick; 7] = [
    Tick::Nanosecond,
    Tick::Microsecond,
    Tick::Millisecond,
    Tick::Second,
    Tick::Minute,
    Tick::Hour,
    Tick::Day,
];

fuzz_target!(|input: (u8, u8, u8, Option<String>, String)| {
    let (tick, stored, flags, format, text) = input;
    let zone = match flags & 3 {
        0 => Zone::Fixed(0),
        1 => Zone::Fixed(-12_600),
        2 => Zone::Named(chrono_tz::Tz::Europe__Prague),
        _ => Zone::Named(chrono_tz::Tz::America__St_Johns),
    };
    let fold = match flags >> 2 & 3 {
        0 => None,
        1 => Some(Fold::Earlier),
        _ => Some(Fold::Later),
    };
    let source = TimeUnit {
        tick: TICKS[usize::from(tick) % TICKS.len()],
        zone,
        dayfirst: flags & 16 != 0,
        yearfirst: flags & 32 != 0,
        format,
        fold,
    };
    let stored = TICKS[usize::from(stored) % TICKS.len()];
    let Ok(ticks) = parse_time(&text, &source, stored) else {
        return;
    };

    let utc = TimeUnit {
        tick: stored,
        zone: Zone::Fixed(0),
        dayfirst: false,
        yearfirst: false,
        format: None,
        fold: None,
    };
    let printed = format_ticks(ticks, &utc);
    // Years of more than four digits are printed, but not read.
    if printed.as_bytes().get(4) == Some(&b'-') {
        assert_eq!(parse_time(&printed, &utc, stored), Ok(ticks), "{printed}");
    }
});
