//! Addresses of stores: folders and `s3://bucket/prefix`.

use std::path::{Path as FilePath, PathBuf};

/// The folder that an address names, relative to `base`; `None`: it is no folder.
pub fn local_folder(url: &str, base: &FilePath) -> Option<PathBuf> {
    match url.strip_prefix("file://") {
        Some(path) => Some(base.join(path)),
        None if url.contains("://") || url.starts_with("memory:") => None,
        None => Some(base.join(url)),
    }
}

/// An address to show, if there is a name or password in it: `s3://…@bucket/prefix`.
pub(crate) fn without_credentials(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let (credentials, _) = authority.rsplit_once('@')?;
    Some(format!("{scheme}://…{}", &rest[credentials.len()..]))
}

/// The parts of `s3://bucket/prefix`.
pub(crate) fn bucket_and_prefix(url: &str) -> Option<(&str, &str)> {
    let rest = url.strip_prefix("s3://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}
