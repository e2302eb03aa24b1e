//! A folder of its own for each test, with schemas, a configuration and source files.

use std::path::{Path, PathBuf};

use zarr_fuse_harness::run::{self, Run};
use zarr_fuse_harness::{checkout, python};

/// A folder that is removed at the end of the test.
pub(crate) struct Workspace {
    folder: tempfile::TempDir,
}

impl Workspace {
    /// Empty.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With copies of `files`, given from the root of the checkout.
    pub(crate) fn with(files: &[&str]) -> Self {
        let workspace = Self::new();
        for file in files {
            workspace.copy(&checkout().join(file));
        }
        workspace
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Copies a file into it.
    pub(crate) fn copy(&self, file: &Path) {
        let name = file.file_name().unwrap();
        std::fs::copy(file, self.path().join(name))
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

    /// Writes a file into it.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Runs `zf`, arguments divided by spaces.
    pub(crate) fn zf(&self, args: &str) -> Run {
        run::zf(self.path(), args.split(' ')).unwrap()
    }

    /// Compares a node of a store, as Python reads it, with what `contributions` (`kind=file`, in order) must give.
    pub(crate) fn compare(
        &self,
        schema: &str,
        store: &str,
        node: &str,
        contributions: &[&str],
    ) -> Result<(), String> {
        let mut command = vec![schema, store, node];
        command.extend(contributions);
        self.python("check_store.py", &command).map(drop)
    }

    /// Runs a program of `tests/python`. What it prints, or, if it failed or warned, all that it said.
    pub(crate) fn python(&self, program: &str, args: &[&str]) -> Result<String, String> {
        let run = python::script(program, self.path(), args).unwrap();
        if run.code == Some(0) && run.stderr.is_empty() {
            return Ok(run.stdout);
        }
        Err(format!("{}{}", run.stdout, run.stderr))
    }
}

/// Files that are beside the checkout on some machines, but not part of it.
pub(crate) fn shared_data() -> Option<PathBuf> {
    let checkout = checkout();
    let beside = checkout
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("shared/data"));
    let named = std::env::var_os("ZF_SHARED_DATA").map(PathBuf::from);
    named
        .into_iter()
        .chain(beside)
        .find(|folder| folder.is_dir())
}
