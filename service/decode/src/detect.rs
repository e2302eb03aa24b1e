//! What a body is, by its bytes.

use super::Format;
use super::container;

/// What the first bytes show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// A format.
    Format(Format),
    /// An archive with something in it.
    Archive,
    /// Nothing that is known.
    Nothing,
}

/// What the first bytes of `body` show. Text shows nothing, except the table of a Campbell logger.
pub(super) fn shown(body: &[u8]) -> Shown {
    let format = match body {
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] | [0xff, 0xff, 0xff, 0xff, ..] => Format::Arrow,
        [b'C', b'D', b'F', 1 | 2 | 5, ..]
        | [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1a, b'\n', ..] => Format::Netcdf,
        [b'G', b'R', b'I', b'B', ..] => Format::Grib,
        [b'P', b'K', 3, 4, ..] => return container::shown(body),
        _ if is_toa5(body) => Format::Toa5,
        _ => return Shown::Nothing,
    };
    Shown::Format(format)
}

/// Whether the body begins as tables of Campbell loggers do.
pub(super) fn is_toa5(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    body.starts_with(b"\"TOA5\",") || body.starts_with(b"TOA5,")
}
