//! How an endpoint's contributions become tables: the `decode` part of an endpoint's configuration.

mod formats;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use formats::{
    FileUnits, GridOptions, HeaderRows, LineProtocolOptions, Precision, ReducedRows, Sheet,
    SheetOptions, Toa5Options, Units,
};

/// How the bytes of a contribution become a table.
///
/// The steps run in the order of the keys below: the bytes are read as `format`, `extract` turns JSON into records,
/// then `lookup`, `rename`, `set`, `join`, `rows`, `unpivot` and `pivot` reshape the table. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decoding {
    /// The form of the bytes. Default: what the content type says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<Format>,
    /// Which member of a zip archive is read: a regular expression that its whole name, folders included, must match.
    /// Default: the only one there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// How CSV is read.
    pub csv: CsvOptions,
    /// How spreadsheets (XLSX, ODS) are read.
    #[serde(skip_serializing_if = "SheetOptions::is_default")]
    pub sheet: SheetOptions,
    /// How files of Campbell loggers (TOA5) are read.
    #[serde(skip_serializing_if = "Toa5Options::is_default")]
    pub toa5: Toa5Options,
    /// How the line protocol of InfluxDB is read.
    #[serde(skip_serializing_if = "LineProtocolOptions::is_default")]
    pub line_protocol: LineProtocolOptions,
    /// How gridded files (NetCDF, Zarr, GRIB) are read.
    #[serde(skip_serializing_if = "GridOptions::is_default")]
    pub grid: GridOptions,
    /// What is done with units that a file gives for its arrays and columns (NetCDF, Zarr, GRIB, Arrow, Parquet).
    /// Default `check`.
    #[serde(skip_serializing_if = "FileUnits::is_default")]
    pub units: FileUnits,
    /// A jq program that turns a JSON document into records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extract: Option<Extract>,
    /// Tables whose columns are added where keys agree, one after the other.
    pub lookup: Vec<Lookup>,
    /// New names of columns, by their names so far; all are renamed at once. A name that no column has is a regular expression
    /// for whole names, which must match one column; or several, if `$1` in the new name stands for what its first group
    /// matches. Each column must be there.
    pub rename: IndexMap<String, String>,
    /// Columns with one value in every row, added or replaced: a number, a boolean, null, or text in which `${name}`
    /// stands for a variable of the request. `"${name}"` alone keeps the variable's type.
    pub set: IndexMap<String, serde_json::Value>,
    /// Columns made of others, added or replaced: text in which `{name}` stands for the cell of a column and `{name:04}` for a
    /// whole number with zeros in front, such as `time: "{Date} {Time}"` or `"{Year} {Day:03} {Hour:04}"`. Where one of the
    /// cells has no value, there is none. `{{` stands for a brace.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub join: IndexMap<String, String>,
    /// Which rows are taken: those whose cells in these columns have this value, or one of these. Others are passed over.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub rows: IndexMap<String, Wanted>,
    /// Turns columns that stand for values of one coordinate into rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpivot: Option<Unpivot>,
    /// Gives each of the quantities that one column names a column of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pivot: Option<Pivot>,
    /// What a cell costs that cannot be read as what its variable is, or would be stored with a loss: its `value`, its
    /// `row`, or `all` of the contribution. One of a coordinate always costs its row. Default `value`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_bad_cell: Option<OnBadCell>,
    /// Bounds on what one contribution may use.
    pub limits: Limits,
}

/// What a cell costs that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBadCell {
    /// The cell itself.
    Value,
    /// The row.
    Row,
    /// Nothing of the contribution is taken.
    All,
}

/// A form of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Lines of delimited cells.
    Csv,
    /// One JSON document: an array of records, an object of columns, or one record.
    Json,
    /// One JSON record per line.
    Ndjson,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream or file, also called Feather.
    Arrow,
    /// A workbook of Excel (XLSX).
    Xlsx,
    /// A workbook in the open document format (ODS).
    Ods,
    /// A table of a Campbell Scientific logger.
    Toa5,
    /// The line protocol of InfluxDB.
    LineProtocol,
    /// A NetCDF file, classic or NetCDF-4.
    Netcdf,
    /// A Zarr store in a zip archive.
    Zarr,
    /// GRIB messages of edition 1 or 2.
    Grib,
    /// One row of fields as forms of the web have them: `temp=21.5&time=2024-05-01`.
    Form,
}

impl Format {
    /// Whether files of it are zip archives themselves.
    pub(super) fn is_archive(self) -> bool {
        matches!(self, Self::Xlsx | Self::Ods | Self::Zarr)
    }
}

/// How CSV is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CsvOptions {
    /// What separates cells: one ASCII character, `tab`, or `blanks` for runs of blanks and tabs, as in columns that are aligned
    /// with them; `" "` means the same. Default: whichever of `,`, `;` and tab is most frequent outside quotes in the header line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// `true`: the first line names the columns. `false`: there are no names. A number: the header is that line, counted
    /// from 1 after `skip_rows`; the lines before it are passed over. A list of ascending numbers: names are made of those
    /// lines, joined by a blank; a name in the first of them also counts for the columns after it without one. Blank lines and
    /// comments are not counted.
    pub header: Header,
    /// Lines passed over at the start, whatever they hold. Default 0.
    pub skip_rows: usize,
    /// Lines passed over after the header, such as rows of units. Blank lines and comments are not counted. Default 0.
    pub skip_after_header: usize,
    /// Lines that begin with this text are passed over. Default: none are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The character around cells that hold delimiters or line breaks, doubled to stand for itself; empty: there is none.
    /// Default `"`.
    pub quote: String,
    /// Numbers are written with a decimal comma: `12,5` is read as `12.5`. Default false.
    pub decimal_comma: bool,
    /// What stands between groups of three digits: one character, as in `1.234,5`, `1'234.5`; a blank stands for no-break blanks,
    /// too. Default: nothing may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thousands: Option<char>,
    /// What becomes of rows with fewer cells than there are columns: `reject` tells them as damaged, with `fill` the last columns
    /// have no value in them. Default `fill` for columns that `columns` names, which is told; else `reject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_rows: Option<ShortRows>,
    /// Encoding of the text by its usual name, such as `utf-8`, `windows-1250`, `iso-8859-2`. A byte order mark decides
    /// before this does. Default: the `charset` of the content type, else UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Cells that mean "no value", quoted or not; those that are numbers mean the number however it is written: `-9999` is also
    /// `-9999.00`. An empty cell without quotes always does; list the empty text to have empty cells in quotes mean it too.
    pub null_values: Vec<String>,
    /// Names of the columns when there is no header. Default `column_1`, `column_2`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Spaces around a cell without quotes, and around quotes, are dropped. Default true.
    pub trim: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self {
            delimiter: None,
            header: Header::default(),
            skip_rows: 0,
            skip_after_header: 0,
            comment: None,
            quote: "\"".to_owned(),
            decimal_comma: false,
            thousands: None,
            short_rows: None,
            encoding: None,
            null_values: Vec::new(),
            columns: None,
            trim: true,
        }
    }
}

/// What becomes of rows with fewer cells than there are columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ShortRows {
    /// The last columns have no value in them.
    Fill,
    /// They are damaged.
    Reject,
}

/// Where the names of the columns are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Header {
    /// On the first line, or nowhere.
    Present(bool),
    /// On this line, counted from 1.
    Line(usize),
    /// On these lines, in parts.
    Lines(Vec<usize>),
}

impl Default for Header {
    fn default() -> Self {
        Self::Present(true)
    }
}

/// A jq program; exactly one of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Extract {
    /// The program itself. Its input is the document, `$vars` are the request's variables; it gives records (objects)
    /// or arrays of records.
    Program(String),
    /// A file with the program, relative to the folder of the configuration.
    File(String),
    /// The name of a program that ships with the service: `yrno-locationforecast`, `borehole-records`,
    /// `sensor-series`, `things-stack-uplink`, `chirpstack-uplink`, `sensorthings-create-observations`.
    Builtin(String),
}

/// Adds columns of a CSV file to the rows whose keys agree. Rows without a match get nulls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The CSV file, relative to the folder of the configuration; it is read once, when the configuration is prepared.
    pub file: String,
    /// Columns whose values must agree: column of the contribution → column of the file.
    pub on: IndexMap<String, String>,
    /// Columns of the file to add. Default: all that are not in `on`.
    #[serde(default)]
    pub take: Take,
    /// Columns of the file that hold several values, cut into columns of their own before anything else.
    #[serde(default)]
    pub split: IndexMap<String, Split>,
    /// How the file is read.
    #[serde(default)]
    pub csv: CsvOptions,
}

/// Which columns of a lookup are added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Take {
    /// Every column that is not a key.
    All(All),
    /// These columns.
    Columns(Vec<String>),
}

impl Default for Take {
    fn default() -> Self {
        Self::All(All::All)
    }
}

/// The word `all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum All {
    /// Every column.
    All,
}

/// Cuts a column such as `GPS: "49.45, 16.23"` into several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The text between the values, such as `,`.
    pub at: String,
    /// Names of the new columns, in order; every cell must give as many values. They replace the column.
    pub into: Vec<String>,
}

/// Turns columns into rows: one row for every row and every column taken, in that order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Unpivot {
    /// Columns that stay as they are, repeated. Default: all that are not unpivoted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<Vec<String>>,
    /// Columns to unpivot: a list of names, or a regular expression that the whole name must match. Default: those that
    /// `name_pattern` matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<Columns>,
    /// Name of the new column that holds the names of the unpivoted ones, such as `depth`.
    pub name: String,
    /// Name of the new column that holds their values, such as `rock_temp`.
    pub value: String,
    /// A regular expression with one capture group: what the group matches is written instead of the whole name, as in
    /// `([0-9.]+)m.*`. It must match the whole name of every unpivoted column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_pattern: Option<String>,
    /// What to write instead of a name (or of what `name_pattern` captured); others stay as they are.
    pub name_map: IndexMap<String, String>,
}

/// Values of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Wanted {
    /// One of these.
    Any(Vec<serde_json::Value>),
    /// This one.
    One(serde_json::Value),
}

/// Gives each of the quantities that one column names a column of its own; a row has a value in the column of its quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pivot {
    /// The column with the names of quantities, which become those of columns.
    pub name: String,
    /// The column with the values.
    pub value: String,
    /// The quantities taken; rows of others are passed over. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<Vec<String>>,
}

/// A choice of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Columns {
    /// Those whose whole name matches this regular expression.
    Matching(String),
    /// These, by name.
    Named(Vec<String>),
}

/// Bounds on what one contribution may use while it is decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Most bytes after decompression. Default 536870912 (512 MiB).
    pub max_decompressed_bytes: usize,
    /// Most bytes that the cells of a table or of arrays take in memory, whatever was sent. Default 1073741824 (1 GiB).
    pub max_decoded_bytes: usize,
    /// Most rows of a table. Default 100000000.
    pub max_rows: usize,
    /// Most columns of a table. Default 10000.
    pub max_columns: usize,
    /// Most cells (rows × columns) of a table. Default 100000000.
    pub max_cells: usize,
    /// Most cells of a table that the body does not write out: keys and fields that only other records have, cells of sheets
    /// that are said to repeat, and cells merged with others. Default 10000000.
    pub max_filled_cells: usize,
    /// Most bytes of JSON that an extraction program may give. Default 268435456 (256 MiB).
    pub max_program_output_bytes: usize,
    /// Most steps that an extraction program may take: the same contribution always takes the same number.
    /// A step is the evaluation of one term, some ten for a record that is only renamed, and can keep some 60 bytes.
    /// Default 30000000, a few seconds.
    pub max_program_steps: u64,
    /// Longest time that an extraction program may take, in milliseconds; a safety net behind `max_program_steps`.
    /// Default 30000.
    pub program_timeout_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_decompressed_bytes: 512 << 20,
            max_decoded_bytes: 1 << 30,
            max_rows: 100_000_000,
            max_columns: 10_000,
            max_cells: 100_000_000,
            max_filled_cells: 10_000_000,
            max_program_output_bytes: 256 << 20,
            max_program_steps: 30_000_000,
            program_timeout_ms: 30_000,
        }
    }
}
