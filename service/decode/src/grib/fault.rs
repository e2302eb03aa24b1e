//! What the reader does not take, in words.

use grib_reader::Error;

use super::super::format_error::FormatError;
use super::FORMAT;

/// An error of the reader about a message, counted from 1, or about the whole file.
pub(super) fn fault(message: Option<usize>, error: &Error) -> FormatError {
    let place = message.map_or_else(|| "a message".to_owned(), |n| format!("message {n}"));
    let not_taken = |found: String, remedy: &str| FormatError::NotTaken {
        format: FORMAT,
        place: place.clone(),
        found,
        remedy: remedy.to_owned(),
    };
    match error {
        Error::UnsupportedDataTemplate(template) => {
            unread_packing(message.unwrap_or(1), &packing(*template))
        }
        Error::UnsupportedQuasiRegularGrid { .. } => partly_reduced(place),
        Error::UnsupportedScanningMode(_) => not_taken(
            "is written column by column".to_owned(),
            "write it row by row, for instance with `grib_set -s jPointsAreConsecutive=0`",
        ),
        Error::UnsupportedGridTemplate(template) => not_taken(
            format!("lies on a grid that is not read (template {template})"),
            "interpolate it to regular latitudes and longitudes",
        ),
        Error::UnsupportedGridAngularUnit { .. }
        | Error::UnsupportedProductTemplate(_)
        | Error::UnsupportedBitmapIndicator(_)
        | Error::UnsupportedPackingWidth(_)
        | Error::UnsupportedGroupSplittingMethod(_)
        | Error::UnsupportedMissingValueManagement(_)
        | Error::UnsupportedSpatialDifferencingOrder(_)
        | Error::UnsupportedPackingForEdition { .. }
        | Error::UnsupportedEdition(_) => not_taken(
            format!("cannot be read ({error})"),
            "write it again with simple packing, for instance with `grib_set -r -s packingType=grid_simple`",
        ),
        _ => match message {
            Some(number) => FormatError::damaged(FORMAT, format!("message {number}: {error}")),
            None => FormatError::damaged(FORMAT, error),
        },
    }
}

/// Rows of different lengths.
pub(super) fn reduced(place: String) -> FormatError {
    FormatError::NotTaken {
        format: FORMAT,
        place,
        found: "lies on a reduced grid, whose rows have different lengths".to_owned(),
        remedy: "set `grid: {reduced: linear}` in the endpoint's `decode` (`nearest` for categories) to have rows filled up"
            .to_owned(),
    }
}

/// Rows of different lengths that do not all go around the globe.
pub(super) fn partly_reduced(place: String) -> FormatError {
    FormatError::NotTaken {
        format: FORMAT,
        place,
        found: "lies on a reduced grid that does not go around the globe from west to east"
            .to_owned(),
        remedy: "interpolate it to a regular one, for instance with `cdo setgridtype,regular`"
            .to_owned(),
    }
}

/// A packing that is not read.
pub(super) fn unread_packing(message: usize, how: &str) -> FormatError {
    FormatError::NotTaken {
        format: FORMAT,
        place: format!("message {message}"),
        found: format!("is packed in a way that is not read ({how})"),
        remedy: "write it again with simple packing, for instance with `grib_set -r -s packingType=grid_simple`"
            .to_owned(),
    }
}

/// Name of a packing (code table 5.0).
fn packing(template: u16) -> String {
    let name = match template {
        1 => "matrices",
        50 | 51 | 53 | 1004 => "spectral coefficients",
        61 => "simple packing of logarithms",
        1007 => "additional flags of edition 1",
        other => return format!("template {other}"),
    };
    name.to_owned()
}
