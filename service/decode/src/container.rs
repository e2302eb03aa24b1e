//! Zip archives: which member is meant, and its bytes within a bound.
//!
//! Names of members choose and name, they are never paths: nothing is written anywhere.

use std::io::{Cursor, Read};

use regex::Regex;
use zip::ZipArchive;
use zip::result::ZipError;

use super::detect::Shown;
use super::error::list;
use super::format_error::FormatError;
use super::{DecodeError, Format};

/// Most members of an archive: each takes some hundred bytes before any is read.
const MAX_MEMBERS: usize = 200_000;

/// Bytes looked at at a time.
const PIECE_BYTES: usize = 1 << 16;

/// An archive in memory.
#[derive(Debug)]
pub(super) struct Archive<'b> {
    zip: ZipArchive<Cursor<&'b [u8]>>,
}

/// One member, read.
#[derive(Debug)]
pub(super) struct Member {
    /// As in the archive.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// What kind of archive it is, by the names of its members.
pub(super) fn shown(body: &[u8]) -> Shown {
    let Ok(archive) = Archive::open(body) else {
        return Shown::Archive;
    };
    let is_zarr = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        matches!(last, "zarr.json" | ".zgroup" | ".zarray" | ".zmetadata")
    };
    let mut shown = Shown::Archive;
    for name in archive.names() {
        match name.as_str() {
            "xl/workbook.xml" => return Shown::Format(Format::Xlsx),
            "content.xml" => shown = Shown::Format(Format::Ods),
            name if is_zarr(name) => return Shown::Format(Format::Zarr),
            _ => {}
        }
    }
    shown
}

impl<'b> Archive<'b> {
    /// Reads the directory of an archive.
    pub(super) fn open(body: &'b [u8]) -> Result<Self, FormatError> {
        let n_members = memchr::memmem::find_iter(body, b"PK\x01\x02").count();
        if n_members > MAX_MEMBERS {
            return Err(FormatError::Member {
                reason: format!("the archive has more than {MAX_MEMBERS} members"),
                remedy: "send them in several archives",
            });
        }
        let zip = ZipArchive::new(Cursor::new(body))
            .map_err(|error| FormatError::damaged("zip", error))?;
        Ok(Self { zip })
    }

    /// Names of the members that are no folders.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.zip.file_names().flatten();
        let names = names.filter(|name| !name.ends_with('/'));
        names.map(std::borrow::Cow::into_owned).collect()
    }

    /// The member that `pattern` matches, or the only one there is.
    pub(super) fn choose(&self, pattern: Option<&Regex>) -> Result<String, FormatError> {
        // What macOS adds is nobody's contribution.
        let mut names = self.names();
        names.retain(|name| !name.starts_with("__MACOSX/") && !name.ends_with(".DS_Store"));
        let n_members = names.len();
        let shown = list(&names).replace("no columns", "none");
        if let Some(pattern) = pattern {
            names.retain(|name| pattern.is_match(name));
        }
        let (reason, remedy) = match (names.len(), pattern) {
            (1, _) => return Ok(names.swap_remove(0)),
            (0, None) => (
                "the archive has no members".to_owned(),
                "put one file into it",
            ),
            (0, Some(_)) => (
                format!("no member matches `member`; there are {shown}"),
                "correct the pattern in the endpoint's `decode`",
            ),
            (_, None) => (
                format!("the archive has {n_members} members: {shown}"),
                "send one, or set `member` in the endpoint's `decode` to a pattern of its name",
            ),
            (n, Some(_)) => (
                format!("{n} members match `member`: {}", list(&names)),
                "narrow the pattern so that it matches one",
            ),
        };
        Err(FormatError::Member { reason, remedy })
    }

    /// Refuses an archive whose members take more than `max_bytes` together, for readers that have no bound; counts the XML
    /// elements in those members that `is_counted`.
    pub(super) fn check_size(
        &mut self,
        max_bytes: usize,
        is_counted: impl Fn(&str) -> bool,
    ) -> Result<usize, DecodeError> {
        let failed = |error: &dyn std::fmt::Display| FormatError::damaged("zip", error);
        let mut left = max_bytes as u64;
        let mut n_elements = 0;
        let mut piece = vec![0; PIECE_BYTES];
        for idx in 0..self.zip.len() {
            let mut member = self.zip.by_index(idx).map_err(|error| failed(&error))?;
            let is_counted = member.name().is_ok_and(|name| is_counted(&name));
            let mut last = 0;
            loop {
                let n_bytes = member.read(&mut piece).map_err(|error| failed(&error))?;
                if n_bytes == 0 {
                    break;
                }
                left = left
                    .checked_sub(n_bytes as u64)
                    .ok_or(DecodeError::TooLargeDecompressed { max_bytes })?;
                if is_counted {
                    // An element begins where something other than a slash follows the bracket.
                    for &byte in &piece[..n_bytes] {
                        n_elements += usize::from(last == b'<' && byte != b'/');
                        last = byte;
                    }
                }
            }
        }
        Ok(n_elements)
    }

    /// The bytes of a member, at most `max_bytes`.
    pub(super) fn read(&mut self, name: &str, max_bytes: usize) -> Result<Vec<u8>, DecodeError> {
        let failed = |error: &dyn std::fmt::Display| {
            FormatError::damaged("zip", format!("member `{name}`: {error}"))
        };
        let member = self.zip.by_name(name).map_err(|error| match error {
            ZipError::UnsupportedArchive(what) => FormatError::Member {
                reason: format!("member `{name}` cannot be read: {what}"),
                remedy: "write the archive without a password, with the usual compression (deflate)",
            },
            error => failed(&error),
        })?;
        let mut bytes = Vec::new();
        let bound = (max_bytes as u64).saturating_add(1);
        member
            .take(bound)
            .read_to_end(&mut bytes)
            .map_err(|error| failed(&error))?;
        if bytes.len() > max_bytes {
            return Err(DecodeError::TooLargeDecompressed { max_bytes });
        }
        Ok(bytes)
    }
}

/// The member of the archive `body` that is meant.
pub(super) fn member(
    body: &[u8],
    pattern: Option<&Regex>,
    max_bytes: usize,
) -> Result<Member, DecodeError> {
    let mut archive = Archive::open(body)?;
    let name = archive.choose(pattern)?;
    let bytes = archive.read(&name, max_bytes)?;
    Ok(Member { name, bytes })
}
