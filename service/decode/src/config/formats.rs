//! Options of single formats.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How spreadsheets are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SheetOptions {
    /// The sheet: its name, or its position counted from 1. Default: the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<Sheet>,
    /// The row with the names of the columns, as the spreadsheet numbers it. A list of rows: names are made of all of them,
    /// joined by a blank; a name in the first of them also counts for the columns after it without one. Default: the first
    /// row that is not empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header_row: Option<HeaderRows>,
    /// Names of the columns, from the first one on, in place of those in the header. Columns beyond them keep theirs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The row with units, as the spreadsheet numbers it; it must come after the header. Default: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units_row: Option<u32>,
    /// What is done with the row of units. Default `drop`.
    pub units: Units,
    /// The first row of data, as the spreadsheet numbers it. Default: the one after the header and the units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_row: Option<u32>,
    /// Cells with these texts mean "no value".
    pub null_values: Vec<String>,
    /// Numbers that are kept as text are written with a decimal comma: `12,5` is read as `12.5`. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub decimal_comma: bool,
}

/// Rows with names of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HeaderRows {
    /// This row.
    One(u32),
    /// These rows.
    Several(Vec<u32>),
}

impl HeaderRows {
    /// The rows, as the spreadsheet numbers them.
    pub(crate) fn rows(&self) -> &[u32] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Several(rows) => rows,
        }
    }
}

/// A choice of sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Sheet {
    /// The sheet at this position, counted from 1.
    Position(u32),
    /// The sheet of this name.
    Named(String),
}

/// What is done with units that a file gives for its columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Units {
    /// They are left out: the schema says what the units are.
    #[default]
    Drop,
    /// They become part of the columns' names, as in `AirTemp [degC]`, so that a column whose unit changes is no longer
    /// found under its name.
    Suffix,
}

/// How files of Campbell loggers are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Toa5Options {
    /// What is done with the line of units. Default `drop`.
    pub units: Units,
    /// Cells that mean "no value". Default `NAN`, `NaN`, `INF` and `-INF`.
    pub null_values: Vec<String>,
}

impl Default for Toa5Options {
    fn default() -> Self {
        Self {
            units: Units::Drop,
            null_values: ["NAN", "NaN", "INF", "-INF"].map(str::to_owned).to_vec(),
        }
    }
}

/// How the line protocol of InfluxDB is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LineProtocolOptions {
    /// What timestamps count since 1970. Default: the variable `precision` of the request, else `ns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// The measurements that are taken; points of others are passed over. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurements: Option<Vec<String>>,
    /// Name of the column of measurements. Default `measurement`.
    pub measurement: String,
    /// Name of the column of times. Default `time`.
    pub time: String,
}

impl Default for LineProtocolOptions {
    fn default() -> Self {
        Self {
            precision: None,
            measurements: None,
            measurement: "measurement".to_owned(),
            time: "time".to_owned(),
        }
    }
}

impl LineProtocolOptions {
    /// Whether points of a measurement are taken.
    pub(crate) fn takes(&self, measurement: &str) -> bool {
        let named = self.measurements.as_ref();
        named.is_none_or(|named| named.iter().any(|name| name == measurement))
    }
}

/// What a timestamp counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Nanoseconds.
    Ns,
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

/// How gridded files are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GridOptions {
    /// The variables that are taken. Default: all, but not bounds of cells and descriptions of projections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variables: Option<Vec<String>>,
    /// The group that is read, such as `/forecast`. Default: the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The name of the only variable, whatever the file calls it, for files that name it by numbers; `${name}` stands for a
    /// variable of the request, as in `set`. Latitudes and longitudes of points are not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How GRIB fields whose rows have different lengths become regular: along each row, onto as many meridians as the longest
    /// row has. Default: such fields are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reduced: Option<ReducedRows>,
}

/// How a row gets more points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReducedRows {
    /// Between neighbours, by their distance; no value next to a point without one.
    Linear,
    /// The value of the nearer point, for categories and directions.
    Nearest,
}

/// What is done with units that a file gives for its arrays and columns (NetCDF, Zarr, GRIB, Arrow, Parquet).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileUnits {
    /// Numbers are converted from them, unless the schema has a `source_unit`, which must then be the same.
    #[default]
    Check,
    /// They are left out: the schema alone says what the units are.
    Drop,
}

impl FileUnits {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks with a reference"
    )]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether options are those of a configuration that does not mention them.
macro_rules! is_default {
    ($($options:ty),*) => {$(
        impl $options {
            pub(super) fn is_default(&self) -> bool {
                *self == Self::default()
            }
        }
    )*};
}

is_default!(SheetOptions, Toa5Options, LineProtocolOptions, GridOptions);
