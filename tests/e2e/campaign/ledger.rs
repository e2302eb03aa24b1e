//! Compares what was acknowledged with what is there.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use zarr_fuse_harness::service::Service;

use super::clients::{Acknowledged, Receipt};
use super::site::Site;
use super::table::Row;

/// Within this, the root group follows a commit.
const ROOT_FOLLOWS: Duration = Duration::from_secs(2);

/// What is wrong, if anything.
pub(super) struct Verdict {
    pub(super) lost: Vec<String>,
    pub(super) doubled: Vec<String>,
    pub(super) equal: Result<(), String>,
    pub(super) verified: Result<(), String>,
}

impl Verdict {
    /// Reads journal and arrays of a site on which `service` runs, stops it, and verifies.
    pub(super) async fn of(site: &Site, service: Service, acknowledged: &Acknowledged) -> Self {
        let (lost, doubled) = compare_journal(site, acknowledged);
        let mut equal = arrays_equal(site, &service.url("/zarr/campaign"), acknowledged);
        // The root's metadata, by which xarray reads, follows the last commit within two seconds.
        for _ in 0..3 {
            if equal.is_ok() {
                break;
            }
            tokio::time::sleep(ROOT_FOLLOWS).await;
            equal = arrays_equal(site, &service.url("/zarr/campaign"), acknowledged);
        }
        let log = service.log();
        let (status, _) = service.terminate().await.unwrap();
        assert!(status.success(), "{log}");
        let verified = site.zf("verify campaign.yaml --config zarr-fuse.yaml");
        let verified = match verified.code {
            Some(0) => Ok(()),
            _ => Err(format!("{}{}", verified.stdout, verified.stderr)),
        };
        Self {
            lost,
            doubled,
            equal,
            verified,
        }
    }

    /// Prints the row of a campaign, and fails unless everything is there, once.
    pub(super) fn report(self, campaign: &str, n_faults: usize, acknowledged: &Acknowledged) {
        let Self {
            lost,
            doubled,
            equal,
            verified,
        } = self;
        Row {
            campaign,
            n_faults,
            n_sent: acknowledged.n_sent,
            n_acknowledged: acknowledged.receipts.len(),
            n_lost: lost.len(),
            n_doubled: doubled.len(),
            equal: equal.is_ok(),
            verified: verified.is_ok(),
        }
        .record();
        let none = Vec::<String>::new();
        assert_eq!(lost, none, "acknowledged, but not in the journal");
        assert_eq!(
            doubled, none,
            "more than once in the journal, or never sent"
        );
        assert!(equal.is_ok(), "{}", equal.unwrap_err());
        assert!(verified.is_ok(), "{}", verified.unwrap_err());
    }
}

/// Keys that were acknowledged but are not in the journal as they were, and keys that are there twice or unasked.
fn compare_journal(site: &Site, acknowledged: &Acknowledged) -> (Vec<String>, Vec<String>) {
    let log = site
        .zf("log campaign.yaml --config zarr-fuse.yaml --json --limit 100000000")
        .ok()
        .unwrap();
    let mut found: HashMap<String, Vec<(u64, String)>> = HashMap::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap();
        let header = &entry["contribution"];
        let text = |name: &str| {
            let found = header[name].as_str();
            found
                .unwrap_or_else(|| panic!("no `{name}` in {line}"))
                .to_owned()
        };
        assert_eq!(entry["status"], "merged", "{line}");
        found
            .entry(text("idempotency_key"))
            .or_default()
            .push((header["seq"].as_u64().unwrap(), text("id")));
    }
    let is_there = |(key, receipt): &(&String, &Receipt)| {
        let wanted = (receipt.seq, receipt.id.clone());
        found.get(*key).is_some_and(|found| found.contains(&wanted))
    };
    let receipts = &acknowledged.receipts;
    let lost = receipts.iter().filter(|receipt| !is_there(receipt));
    let lost = lost.map(|(key, _)| key.clone()).collect();
    let once = |key: &String, n: usize| n == 1 && receipts.contains_key(key);
    let doubled = found.iter().filter(|(key, found)| !once(key, found.len()));
    let mut doubled: Vec<String> = doubled.map(|(key, _)| key.clone()).collect();
    doubled.sort();
    (lost, doubled)
}

/// Folds what was acknowledged, in order, with the naive map in Python, and compares the arrays.
fn arrays_equal(site: &Site, store: &str, acknowledged: &Acknowledged) -> Result<(), String> {
    let mut in_order: Vec<&Receipt> = acknowledged.receipts.values().collect();
    in_order.sort();
    let lines = in_order
        .iter()
        .map(|receipt| json!({"kind": "csv", "body": receipt.body}).to_string());
    let lines: Vec<String> = lines.collect();
    site.workspace
        .write("acknowledged.ndjson", &lines.join("\n"));
    let contributions = ["contributions=acknowledged.ndjson"];
    site.workspace
        .compare("campaign.yaml", store, "readings", &contributions)
}
