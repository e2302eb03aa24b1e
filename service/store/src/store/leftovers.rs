//! Temporary files that a killed process left in a folder.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::Store;

impl Store {
    /// Removes the files `<name>#<n>` that a local store writes before it gives them their names, if they are older than
    /// `before`; gives their number. Only for the process that has the mark of the store, with the time when it got it.
    ///
    /// # Errors
    /// If a folder cannot be read or a file not be removed.
    pub fn remove_leftovers(&self, before: SystemTime) -> io::Result<usize> {
        match &self.folder {
            Some(folder) if !self.read_only => remove_below(folder, before),
            _ => Ok(0),
        }
    }
}

fn remove_below(folder: &Path, before: SystemTime) -> io::Result<usize> {
    let mut n_removed = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            n_removed += remove_below(&entry.path(), before)?;
        } else if kind.is_file()
            && entry.file_name().to_str().is_some_and(is_temporary)
            && entry.metadata()?.modified()? < before
        {
            std::fs::remove_file(entry.path())?;
            n_removed += 1;
        }
    }
    Ok(n_removed)
}

fn is_temporary(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(of, n)| {
        !of.is_empty() && !n.is_empty() && n.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Access;

    #[test]
    fn only_temporary_files_that_are_older_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(
            folder.path().to_str().unwrap(),
            Path::new(""),
            &S3Access::default(),
        );
        let store = store.unwrap();
        let names = ["a/c/0#1", "a/c/0", "zarr.json#12", "b#x", "#1", "1#"];
        std::fs::create_dir_all(folder.path().join("a/c")).unwrap();
        for name in names {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let long_ago = SystemTime::UNIX_EPOCH;
        assert_eq!(store.remove_leftovers(long_ago).unwrap(), 0);
        let later = SystemTime::now() + std::time::Duration::from_mins(1);
        assert_eq!(store.remove_leftovers(later).unwrap(), 2);
        let left = names
            .iter()
            .filter(|name| folder.path().join(name).exists());
        assert_eq!(left.collect::<Vec<_>>(), [&"a/c/0", &"b#x", &"#1", &"1#"]);
    }
}
