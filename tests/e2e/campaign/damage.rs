//! Objects damaged by hand: found, named, and mended.

use std::path::{Path, PathBuf};

use zarr_fuse_harness::chance::Chance;
use zarr_fuse_harness::run::Run;

use super::clients::{Acknowledged, Clients, Load};
use super::ledger::Verdict;
use super::site::Site;
use super::{faults, seed};

/// A dataset with contributions in many segments, on which no service runs.
async fn filled() -> (Site, Acknowledged) {
    let site = Site::local();
    let service = site.serve().await;
    let clients = Clients::start(Load {
        n_clients: 4,
        late_of_20: 4,
        ..Load::default()
    });
    clients.send_to(Some(service.address()));
    clients.more(60).await;
    let acknowledged = clients.finish(service.address()).await;
    let (status, log) = service.terminate().await.unwrap();
    assert!(status.success(), "{log}");
    (site, acknowledged)
}

/// Changes a byte of a file, or cuts it, or empties it.
fn damage(file: &Path, chance: &mut Chance) {
    let mut bytes = std::fs::read(file).unwrap();
    let at = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
    match chance.below(3) {
        0 => bytes[at] ^= 0x5A,
        1 => bytes.truncate(at),
        _ => bytes.fill(0),
    }
    std::fs::write(file, bytes).unwrap();
}

/// Any file below `folder` of the store.
fn any_file(site: &Site, folder: &str, chance: &mut Chance) -> PathBuf {
    let mut folders = vec![site.file(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    let any = usize::try_from(chance.below(files.len() as u64)).unwrap();
    files.swap_remove(any)
}

fn fails_naming(run: &Run, what: &[&str]) {
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(run.code.is_some_and(|code| code != 0), "{said}");
    for what in what {
        assert!(said.contains(what), "`{what}` is not named: {said}");
    }
}

/// The service runs, and tells what keeps the dataset from being opened.
async fn cannot_open(site: &Site, what: &[&str]) {
    let service = site.spawn();
    for what in what {
        service.wait_for(what).unwrap();
    }
    service.terminate().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_arrays_are_named_and_written_again() {
    let name = "chunk or metadata damaged, then `zf rebuild`";
    let mut chance = seed(name);
    let (site, acknowledged) = filled().await;
    let n_times = faults(4, 60);
    for i in 0..n_times {
        let (file, named) = match i % 4 {
            0 => (any_file(&site, "readings/value/c", &mut chance), "value"),
            1 => (
                any_file(&site, "readings/date_time/c", &mut chance),
                "date_time",
            ),
            2 => (site.file("readings/value/zarr.json"), "value"),
            _ => (site.file("readings/zarr.json"), "readings"),
        };
        let before = std::fs::read(&file).unwrap();
        damage(&file, &mut chance);
        if std::fs::read(&file).unwrap() == before {
            continue;
        }
        let verified = site.zf("verify campaign.yaml");
        // What is changed in metadata may mean the same, such as a digit of a number that is not read.
        if !(i % 4 >= 2 && verified.code == Some(0)) {
            fails_naming(&verified, &[named]);
        }
        let rebuilt = site.zf("rebuild campaign.yaml");
        assert_eq!(
            rebuilt.code,
            Some(0),
            "{}: {}",
            file.display(),
            rebuilt.stderr
        );
        let verified = site.zf("verify campaign.yaml");
        assert_eq!(
            verified.code,
            Some(0),
            "{}{}",
            verified.stdout,
            verified.stderr
        );
    }
    let service = site.serve().await;
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_segments_are_named_and_cost_only_what_is_named_as_lost() {
    let name = "segment damaged, then `zf journal repair`; without what it names as lost";
    let mut chance = seed(name);
    let (site, mut acknowledged) = filled().await;
    let n_times = faults(3, 40);
    for _ in 0..n_times {
        let file = any_file(&site, "journal/segments", &mut chance);
        let sound = std::fs::read(&file).unwrap();
        damage(&file, &mut chance);
        if std::fs::read(&file).unwrap() == sound {
            continue;
        }
        let key = format!("journal/segments/{}", file.file_name().unwrap().display());
        fails_naming(&site.zf("journal check campaign.yaml"), &[&key]);
        cannot_open(&site, &[&key, "zf journal check"]).await;
        let asked = site.zf("journal repair campaign.yaml");
        fails_naming(&asked, &[&key, "nothing was changed"]);
        let repaired = site.zf("journal repair campaign.yaml --yes").ok().unwrap();
        assert!(repaired.contains("journal/damaged/"), "{repaired}");
        let lost: Vec<u64> = repaired
            .lines()
            .filter_map(|line| line.strip_prefix("lost: "))
            .map(|rest| rest.split([' ', ':']).next().unwrap().parse().unwrap())
            .collect();
        acknowledged
            .receipts
            .retain(|_, receipt| !lost.contains(&receipt.seq));
        assert_eq!(site.zf("journal check campaign.yaml").code, Some(0));
    }
    let rebuilt = site.zf("rebuild campaign.yaml");
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);
    let service = site.serve().await;
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, n_times, &acknowledged);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_records_of_the_journal_are_named_and_mended() {
    let name = "outcomes, commit record or root damaged";
    let mut chance = seed(name);
    let (site, acknowledged) = filled().await;

    let file = any_file(&site, "journal/outcomes", &mut chance);
    std::fs::write(&file, "garbage").unwrap();
    let key = format!("journal/outcomes/{}", file.file_name().unwrap().display());
    fails_naming(&site.zf("journal check campaign.yaml"), &[&key]);
    cannot_open(&site, &[&key]).await;
    site.zf("journal repair campaign.yaml --yes").ok().unwrap();
    site.zf("rebuild campaign.yaml").ok().unwrap();

    let record = site.file("staging/00000000000000000007/commit.json");
    std::fs::create_dir_all(record.parent().unwrap()).unwrap();
    std::fs::write(&record, "garbage").unwrap();
    cannot_open(&site, &["staging/", "commit.json", "zf rebuild"]).await;
    let rebuilt = site.zf("rebuild campaign.yaml");
    assert_eq!(rebuilt.code, Some(0), "{}", rebuilt.stderr);

    std::fs::write(site.file("zarr.json"), "garbage").unwrap();
    let service = site.serve().await;
    let verdict = Verdict::of(&site, service, &acknowledged).await;
    verdict.report(name, 3, &acknowledged);
}
