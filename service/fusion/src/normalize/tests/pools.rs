//! Variables of every kind, and for each a pool of texts with what they must become.

use chrono_tz::Tz;
use zarr_fuse_schemas::{DataType, NaOrigin, Scalar, Variable, time::Zone};

use super::builder::{from_kelvin, labels, time, variable, within};

/// What a text must become.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// This element, with its place in the order of the type.
    Is(&'static str, usize),
    Na,
    RowRejected,
    ValueRejected,
}
pub(super) use Meaning::{Is, Na, RowRejected, ValueRejected};

pub(super) type Pool = &'static [(Option<&'static str>, Meaning)];

const FLOATS: Pool = &[
    (Some("-1e1"), Is("-10.0", 0)),
    (Some("0"), Is("0.0", 1)),
    (Some("1.5"), Is("1.5", 2)),
    (Some(" +1.50 "), Is("1.5", 2)),
    (Some("10"), Is("10.0", 3)),
    (None, Na),
    (Some(""), Na),
    (Some("NaN"), Na),
    (Some("-5.0"), Na),
    (Some("1,5"), RowRejected),
    (Some("10.5"), ValueRejected),
    (Some("-inf"), ValueRejected),
];
const SINGLES: Pool = &[
    (Some("-inf"), Is("-inf", 0)),
    (Some("0.1"), Is("0.1", 1)),
    (Some("0.10000000149"), Is("0.1", 1)),
    (Some("16777217"), Is("16777216.0", 2)),
    (Some("nan"), Na),
    (None, Na),
    (Some("1e39"), RowRejected),
    (Some("-"), RowRejected),
];
const BYTES: Pool = &[
    (Some("-128"), Is("-128", 0)),
    (Some("5"), Is("5", 1)),
    (Some("5.00"), Is("5", 1)),
    (Some("7e0"), Is("7", 2)),
    (Some("127"), Is("127", 3)),
    (Some("-2"), Na),
    (Some(" "), Na),
    (Some("128"), RowRejected),
    (Some("1.5"), RowRejected),
];
const LONGS: Pool = &[
    (Some("-9223372036854775808"), Is("-9223372036854775808", 0)),
    (Some("9007199254740993"), Is("9007199254740993", 1)),
    (Some("9007199254740993.0"), Is("9007199254740993", 1)),
    (Some("9223372036854775807"), Is("9223372036854775807", 2)),
    (Some("-2.0"), Na),
    (None, Na),
    (Some("9223372036854775808"), RowRejected),
    (Some("0x10"), RowRejected),
];
const UNSIGNED_LONGS: Pool = &[
    (Some("0"), Is("0", 0)),
    (Some("9223372036854775808"), Is("9223372036854775808", 1)),
    (Some("18446744073709551615"), Is("18446744073709551615", 2)),
    (Some("18446744073709551614"), Na),
    (Some("-1"), RowRejected),
    (Some("18446744073709551616"), RowRejected),
];
const SMALL_NUMBERS: Pool = &[
    (Some("0"), Is("0", 0)),
    (Some("1"), Is("1", 1)),
    (Some("100"), Is("100", 2)),
    (Some("1e2"), Is("100", 2)),
    (Some("nan"), Na),
    (Some("ten"), RowRejected),
    (Some("1e30"), RowRejected),
];
const TRUTHS: Pool = &[
    (Some("false"), Is("false", 0)),
    (Some("0"), Is("false", 0)),
    (Some("True"), Is("true", 1)),
    (None, Na),
    (Some("2"), RowRejected),
];
const COMPLEX: Pool = &[
    (Some("-2j"), Is("[0.0, -2.0]", 0)),
    (Some("1+2j"), Is("[1.0, 2.0]", 1)),
    (Some("(1+2i)"), Is("[1.0, 2.0]", 1)),
    (Some("3"), Is("[3.0, 0.0]", 2)),
    (Some("nanj"), Na),
    (Some("[1]"), RowRejected),
];
const STRINGS: Pool = &[
    (Some(""), Is("\"\"", 0)),
    (Some("a"), Is("\"a\"", 1)),
    (
        Some("a longer one than views hold inline"),
        Is("\"a longer one than views hold inline\"", 2),
    ),
    (Some("b"), Is("\"b\"", 3)),
    (None, Na),
];
const FIXED: Pool = &[
    (Some("ab"), Is("\"ab\"", 0)),
    (Some("žš"), Is("\"žš\"", 1)),
    (None, Na),
    (Some("abc"), RowRejected),
];
const TIMES: Pool = &[
    (Some("1969-12-31T23:59:59.5Z"), Is("-1", 0)),
    (Some("2024-01-01 01:00"), Is("1704067200", 1)),
    (Some("2024-01-01T00:00:00Z"), Is("1704067200", 1)),
    (Some("2024-07-01 02:00:00.9"), Is("1719792000", 2)),
    (Some("NaT"), Na),
    (None, Na),
    (Some("2024-10-27 02:30"), RowRejected),
    (Some("2024-02-30"), RowRejected),
];
const LABELS: Pool = &[
    (Some("wet"), Is("1", 0)),
    (Some("dry"), Is("2", 1)),
    (Some("3.0"), Is("3", 2)),
    (Some(""), Na),
    (None, Na),
    (Some("damp"), ValueRejected),
];
const KELVINS: Pool = &[
    (Some("0"), Is("-273.15", 0)),
    (Some("273.15"), Is("0.0", 1)),
    (Some("nan"), Na),
    (Some("cold"), RowRejected),
];

/// A variable of every kind, and its pool.
pub(super) fn kinds(name: &str, coords: &[&str]) -> Vec<(Variable, Pool)> {
    let of = |data_type| variable(name, coords, data_type);
    // Other than the defaults, which coordinates take for values.
    let with_na = |data_type, na| Variable {
        na: Some(na),
        na_origin: NaOrigin::Said,
        ..of(data_type)
    };
    let floats = Variable {
        na: Some(Scalar::Float(-5.0)),
        na_origin: NaOrigin::Said,
        ..within(-10.0, 10.0, of(DataType::Float64))
    };
    vec![
        (floats, FLOATS),
        (of(DataType::Float32), SINGLES),
        (with_na(DataType::Int8, Scalar::Int(-2)), BYTES),
        (of(DataType::Int16), SMALL_NUMBERS),
        (of(DataType::Int32), SMALL_NUMBERS),
        (with_na(DataType::Int64, Scalar::Int(-2)), LONGS),
        (of(DataType::UInt8), SMALL_NUMBERS),
        (of(DataType::UInt16), SMALL_NUMBERS),
        (of(DataType::UInt32), SMALL_NUMBERS),
        (
            with_na(DataType::UInt64, Scalar::UInt(u64::MAX - 1)),
            UNSIGNED_LONGS,
        ),
        (of(DataType::Bool), TRUTHS),
        (of(DataType::Complex64), COMPLEX),
        (of(DataType::Complex128), COMPLEX),
        (of(DataType::String), STRINGS),
        (of(DataType::FixedString(2)), FIXED),
        (time(name, coords, Zone::Named(Tz::Europe__Prague)), TIMES),
        (labels(name, coords, &["wet", "dry", "3"]), LABELS),
        (from_kelvin(of(DataType::Float64)), KELVINS),
    ]
}
