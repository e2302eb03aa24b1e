//! Where the datasets of a configuration lie: no two in one place, none inside another one.

use std::path::{Component, Path, PathBuf};

use zarr_fuse_store::{S3Access, local_folder};

use super::Plan;
use super::open::Place;

/// An address in a form in which equal places are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spot {
    /// The machine, or the S3 service and bucket.
    at: String,
    /// Folders from there on.
    folders: Vec<String>,
}

impl Spot {
    /// `None`: in memory, where nothing is shared.
    fn of(place: &Place, access: &S3Access) -> Option<Self> {
        if let Some(folder) = local_folder(&place.url, &place.folder) {
            let parts = real(&folder);
            let parts = parts.components().map(Component::as_os_str);
            return Some(Self {
                at: String::new(),
                folders: parts
                    .map(|part| part.to_string_lossy().into_owned())
                    .collect(),
            });
        }
        let rest = place.url.strip_prefix("s3://")?;
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        let bucket = parts.next().unwrap_or_default();
        Some(Self {
            at: format!("{}/{bucket}", access.service()),
            folders: parts.map(str::to_owned).collect(),
        })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let n = self.folders.len().min(other.folders.len());
        self.at == other.at && self.folders[..n] == other.folders[..n]
    }
}

/// The path without links, `.` and `..`, as far as it exists.
fn real(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut real = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                real.pop();
            }
            part => {
                real.push(part);
                real = real.canonicalize().unwrap_or(real);
            }
        }
    }
    real
}

/// What two datasets share, in words; one for each pair.
pub(super) fn shared<'a>(plans: impl Iterator<Item = &'a Plan>) -> Vec<String> {
    let mut known: Vec<(&str, &'static str, &str, Spot)> = Vec::new();
    let mut shared = Vec::new();
    for plan in plans {
        let places = [
            ("store", Some(&plan.store)),
            ("journal", plan.journal.as_ref()),
        ];
        let places = places.into_iter().filter_map(|(what, place)| {
            let place = place?;
            let spot = Spot::of(place, plan.access())?;
            Some((plan.name.as_str(), what, place.url.as_str(), spot))
        });
        let places: Vec<_> = places.collect();
        for (name, what, url, spot) in &places {
            let clash = known.iter().find(|(.., of)| of.overlaps(spot));
            if let Some((other, of_other, other_url, of)) = clash {
                let how = if of == spot {
                    "are in one place"
                } else {
                    "lie one inside the other"
                };
                shared.push(format!(
                    "the {of_other} of the dataset `{other}` (`{other_url}`) and the {what} of the dataset `{name}` (`{url}`) {how}: give each dataset a place of its own"
                ));
            }
        }
        known.extend(places);
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(url: &str, folder: &Path) -> Spot {
        let place = Place {
            url: url.to_owned(),
            folder: folder.to_owned(),
        };
        Spot::of(&place, &S3Access::default()).unwrap()
    }

    #[test]
    fn places_are_the_same_however_they_are_written() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path();
        std::fs::create_dir_all(folder.join("data/a.zarr")).unwrap();
        std::os::unix::fs::symlink(folder.join("data"), folder.join("link")).unwrap();
        let a = spot("data/a.zarr", folder);
        for same in [
            "./data/a.zarr/",
            "link/a.zarr",
            "data/x/../a.zarr",
            "data/a.zarr/inside",
        ] {
            assert!(a.overlaps(&spot(same, folder)), "{same}");
        }
        let absolute = format!("file://{}", folder.join("data/a.zarr").display());
        assert_eq!(a, spot(&absolute, Path::new("/elsewhere")));
        assert!(spot("data", folder).overlaps(&a));
        for other in ["data/a.zarr2", "data/b.zarr", "a.zarr", "s3://data/a.zarr"] {
            assert!(!a.overlaps(&spot(other, folder)), "{other}");
        }
        assert_eq!(spot("s3://b/p//q/", folder), spot("s3://b/p/q", folder));
        assert!(spot("s3://b", folder).overlaps(&spot("s3://b/p", folder)));
        assert!(!spot("s3://b/p", folder).overlaps(&spot("s3://b/pq", folder)));
    }
}
