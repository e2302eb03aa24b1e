//! The unit that the service is run by.

use std::process::Command;

const UNIT: &str = include_str!("../../../../deploy/zarr-fuse.service");

#[test]
fn the_unit_bounds_what_the_service_may_do() {
    let settings: Vec<(&str, &str)> = UNIT
        .lines()
        .filter(|line| !line.starts_with(['#', '[']) && !line.is_empty())
        .map(|line| line.split_once('=').unwrap_or_else(|| panic!("{line}")))
        .collect();
    for key in [
        "MemoryHigh",
        "MemoryMax",
        "PrivateTmp",
        "CapabilityBoundingSet",
        "SystemCallFilter",
        "RestartSec",
        "ProtectSystem",
        "NoNewPrivileges",
    ] {
        assert!(settings.iter().any(|(found, _)| *found == key), "{key}");
    }
}

/// Where systemd is, it reads the unit and finds little that the service could do beyond its work.
#[test]
fn systemd_understands_the_unit() {
    let analyze = |args: &[&str]| Command::new("systemd-analyze").args(args).output();
    if analyze(&["--version"]).is_err() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("zarr-fuse.service");
    // The binary need not be installed.
    std::fs::write(&file, UNIT.replace("/usr/local/bin/zf", "/bin/true")).unwrap();
    let file = file.to_str().unwrap();
    for args in [
        &["verify", "--man=no", file][..],
        &[
            "security",
            "--no-pager",
            "--offline=true",
            "--threshold=20",
            file,
        ],
    ] {
        let ran = analyze(args).unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "{args:?}: {said}");
    }
}
