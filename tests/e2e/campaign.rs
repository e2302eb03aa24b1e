//! Fault campaigns: while clients upload, something goes wrong at random instants; what was acknowledged must all be there,
//! once, and the arrays must be what a naive fold of it gives.
//!
//! Each campaign prints a row of the table in `docs/reliability.md`. CI runs short forms; `just campaign` sets
//! `ZF_CAMPAIGN=long`, which runs the long ones and writes their rows into that file. `ZF_SEED` repeats a campaign.

mod clients;
mod clock;
mod damage;
mod disks;
mod edits;
mod kills;
mod ledger;
mod memory;
mod place;
mod poison;
mod readers;
mod s3;
mod site;
mod table;
mod writers;

use zarr_fuse_harness::chance::Chance;

/// Whether the long forms are asked for.
fn is_long() -> bool {
    std::env::var("ZF_CAMPAIGN").is_ok_and(|form| form == "long")
}

/// `short` in CI, `long` in `just campaign`.
fn faults(short: usize, long: usize) -> usize {
    if is_long() { long } else { short }
}

/// Where the random numbers of a campaign begin, which is printed.
fn seed(campaign: &str) -> Chance {
    let named = std::env::var("ZF_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = named.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{campaign}: ZF_SEED={seed}");
    Chance(seed)
}
