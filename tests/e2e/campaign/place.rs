//! A small disk that can be filled, or made read-only.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use zarr_fuse_harness::run;

/// A file system in memory, mounted in a folder of its own until dropped.
pub(super) struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// A disk of `n_bytes`. Mounting needs root; `ZF_WITHOUT_MOUNT=1` says that a machine cannot, and gives `None`.
    pub(super) fn mount(n_bytes: u64) -> Option<Self> {
        if std::env::var("ZF_WITHOUT_MOUNT").is_ok_and(|is| is == "1") {
            let _closed = writeln!(
                std::io::stderr(),
                "SKIPPED: full and read-only disks are not tested, since ZF_WITHOUT_MOUNT=1 is set"
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={n_bytes}");
        let path = folder.path().to_str().unwrap();
        mount(&["-t", "tmpfs", "-o", &size, "zf-campaign", path]);
        Some(Self { folder })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all space but `left` bytes.
    pub(super) fn fill(&self, left: u64) {
        let mut file = File::create(self.filler()).unwrap();
        let piece = vec![0; 64 << 10];
        while file.write_all(&piece).is_ok() {}
        let n_bytes = file.metadata().unwrap().len();
        file.set_len(n_bytes.saturating_sub(left)).unwrap();
    }

    /// Gives the space back.
    pub(super) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Lets nothing be written any more, or again.
    pub(super) fn set_read_only(&self, is_read_only: bool) {
        let how = if is_read_only {
            "remount,ro"
        } else {
            "remount,rw"
        };
        mount(&["-o", how, self.path().to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _left_to_the_system = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

fn mount(args: &[&str]) {
    let run = run::run(Command::new("mount").args(args)).unwrap();
    assert_eq!(
        run.code,
        Some(0),
        "cannot mount a small disk, which needs root (ZF_WITHOUT_MOUNT=1 leaves out what needs it): {}",
        run.stderr
    );
}
