//! What can be wrong with a configuration of decoding, and with a contribution.

use std::path::PathBuf;

/// Why a contribution could not become a table.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No reader for this content type.
    #[error(
        "content type `{content_type}` is not supported; send one of {}, or set `format` in the endpoint's `decode`",
        super::content::SUPPORTED.join(", ")
    )]
    UnsupportedContentType {
        /// As delivered.
        content_type: String,
    },
    /// No reader for this compression.
    #[error(
        "content encoding `{content_encoding}` is not supported; send `gzip`, `zstd`, `bzip2` or no compression"
    )]
    UnsupportedContentEncoding {
        /// As delivered.
        content_encoding: String,
    },
    /// The bound on decompressed bytes was passed.
    #[error(
        "the body is larger than {max_bytes} bytes when decompressed; send it in parts or raise `limits.max_decompressed_bytes`"
    )]
    TooLargeDecompressed {
        /// The bound.
        max_bytes: usize,
    },
    /// Compressed bytes end too early.
    #[error(
        "the {encoding} body ends before its compressed data does; it was cut on the way: send it again"
    )]
    TruncatedCompression {
        /// `gzip`, `zstd` or `bzip2`.
        encoding: &'static str,
    },
    /// Compressed bytes are damaged.
    #[error(
        "the body is not valid {encoding}; check the `Content-Encoding` header, or send it uncompressed"
    )]
    Decompression {
        /// `gzip`, `zstd` or `bzip2`.
        encoding: &'static str,
        /// From the decompressor.
        #[source]
        source: std::io::Error,
    },
    /// Something else after the compressed bytes.
    #[error(
        "{n_bytes} bytes after the end of the {encoding} body are not {encoding}; send the compressed file alone"
    )]
    BytesAfterCompression {
        /// `gzip`.
        encoding: &'static str,
        /// How many.
        n_bytes: usize,
    },
    /// Too many compressed pieces in a row.
    #[error("the gzip body has more than {max} members; compress it again in one piece")]
    TooManyMembers {
        /// The bound.
        max: usize,
    },
    /// Text that is not UTF-8, and no other encoding is configured.
    #[error(
        "byte {offset} is not valid UTF-8; name the encoding in `csv.encoding` (such as `windows-1250`), or send UTF-8"
    )]
    NotUtf8 {
        /// 0-based offset of the first bad byte.
        offset: usize,
    },
    /// Text that is not in the encoding configured.
    #[error("the body is not valid {encoding}; correct `csv.encoding`")]
    NotInEncoding {
        /// Its canonical name.
        encoding: &'static str,
    },
    /// The `charset` of the content type is unknown.
    #[error("charset `{charset}` is unknown; use a name such as `utf-8` or `windows-1250`")]
    UnknownCharset {
        /// As delivered.
        charset: String,
    },
    /// The file ends before the header that is configured.
    #[error(
        "the file has {found} lines before its end, but `csv.header` expects the names of the columns on line {expected}"
    )]
    NoHeader {
        /// Lines there are.
        found: usize,
        /// Line of the header.
        expected: usize,
    },
    /// Two columns of one name.
    #[error(
        "column `{column}` occurs twice (columns {first} and {second}); give every column a name of its own"
    )]
    DuplicateColumn {
        /// The name.
        column: String,
        /// 1-based position.
        first: usize,
        /// 1-based position.
        second: usize,
    },
    /// A row with more or fewer cells than there are columns.
    #[error(
        "row {row} (line {line}) has {found} cells, but there are {expected} columns; \
         check the delimiter `{delimiter}` and quotes, and that the file is complete"
    )]
    CellCount {
        /// 1-based row of the table.
        row: usize,
        /// 1-based line of the file.
        line: usize,
        /// Cells of the row.
        found: usize,
        /// Columns of the table.
        expected: usize,
        /// The delimiter used, escaped.
        delimiter: String,
    },
    /// Bytes that a loss of power leaves.
    #[error(
        "line {line} holds NUL bytes, and so does every row; send the text itself, or name its encoding in `csv.encoding`"
    )]
    NulBytes {
        /// 1-based line of the file.
        line: usize,
    },
    /// A record with two values of one name.
    #[error("record {record} has `{key}` twice; give each value a key of its own")]
    DuplicateKey {
        /// 1-based.
        record: usize,
        /// The name.
        key: String,
    },
    /// A name in `rename` that is a pattern for several columns.
    #[error(
        "`rename` with `{pattern}` matches {}; write a pattern that matches one, or `$1` in the new name",
        list(.matching)
    )]
    SeveralToRename {
        /// As configured.
        pattern: String,
        /// What it matches.
        matching: Vec<String>,
    },
    /// A cell that is no whole number.
    #[error(
        "row {row}: `{value}` in column `{column}` is no whole number, which `join.{joined}` fills with zeros"
    )]
    NotWhole {
        /// 1-based row of the table.
        row: usize,
        /// The column with the cell.
        column: String,
        /// The cell.
        value: String,
        /// The column that is made of it.
        joined: String,
    },
    /// A quoted cell that never ends.
    #[error(
        "the quote opened on line {line} is never closed; double quotes inside cells, or set `csv.quote: \"\"`"
    )]
    OpenQuote {
        /// 1-based line of the file.
        line: usize,
    },
    /// A quoted cell that goes on after its closing quote.
    #[error(
        "line {line} has text after a closing quote; double quotes inside cells, or set `csv.quote: \"\"`"
    )]
    TextAfterQuote {
        /// 1-based line of the file.
        line: usize,
    },
    /// The bound on columns was passed.
    #[error(
        "there are more than {max} columns; check the delimiter, or raise `limits.max_columns`"
    )]
    TooManyColumns {
        /// The bound.
        max: usize,
    },
    /// The bound on rows was passed.
    #[error("the table has more than {max} rows; send it in parts or raise `limits.max_rows`")]
    TooManyRows {
        /// The bound.
        max: usize,
    },
    /// The bound on memory was passed.
    #[error(
        "decoded, the body takes {found} bytes of memory and perhaps more, but at most {max} are allowed; \
         send it in parts or raise `limits.max_decoded_bytes`"
    )]
    TooLargeDecoded {
        /// Bytes counted when the bound was passed.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The bound on cells that do not stand in the body was passed.
    #[error(
        "the table has {found} cells that the body does not write out, more than {max}: keys that most records lack, or cells \
         that are repeated or merged; send records with the same keys together, or raise `limits.max_filled_cells`"
    )]
    TooManyFilledCells {
        /// How many when the bound was passed.
        found: usize,
        /// The bound.
        max: usize,
    },
    /// The bound on cells was passed.
    #[error("the table has more than {max} cells; send it in parts or raise `limits.max_cells`")]
    TooManyCells {
        /// The bound.
        max: usize,
    },
    /// Not JSON.
    #[error("line {line}, column {column}: not valid JSON: {reason}")]
    NotJson {
        /// 1-based line.
        line: usize,
        /// 1-based column.
        column: usize,
        /// From the parser.
        reason: String,
    },
    /// Arrays and objects nested too deeply.
    #[error("line {line}: arrays and objects are nested more than {max} deep; send flatter JSON")]
    TooDeep {
        /// 1-based line.
        line: usize,
        /// The bound.
        max: usize,
    },
    /// JSON that is neither records nor columns.
    #[error(
        "the JSON document is {found}; send an array of records, an object of columns or a record, or configure `extract`"
    )]
    NotATable {
        /// What it is, with article.
        found: &'static str,
    },
    /// An element that is not a record.
    #[error("{place} is {found}, not a record; records are objects such as {{\"depth\": 1.5}}")]
    NotARecord {
        /// Which one.
        place: String,
        /// What it is, with article.
        found: &'static str,
    },
    /// Columns of different lengths.
    #[error(
        "column `{column}` has {found} values, but column `{first}` has {expected}; all columns need the same length"
    )]
    ColumnLengths {
        /// The differing column.
        column: String,
        /// Its length.
        found: usize,
        /// The first column.
        first: String,
        /// Its length.
        expected: usize,
    },
    /// A program was given something else than JSON.
    #[error(
        "`extract` needs JSON, but the body is {format:?}; send JSON or remove `extract` from the endpoint"
    )]
    ProgramNeedsJson {
        /// What it is.
        format: super::Format,
    },
    /// The program reported an error.
    #[error("{place}the extraction program failed after {n_outputs} outputs: {message}")]
    ProgramFailed {
        /// Line of the input and a colon, for NDJSON.
        place: String,
        /// Outputs before.
        n_outputs: usize,
        /// In its words.
        message: String,
    },
    /// The program gave something that is not a record.
    #[error(
        "output {output} of the extraction program: {what}; it must give records (objects) or arrays of records"
    )]
    ProgramOutput {
        /// 1-based.
        output: usize,
        /// What is wrong.
        what: String,
    },
    /// The program took too many steps.
    #[error(
        "the extraction program took more than {max} steps; look for a loop without an end, or raise `limits.max_program_steps`"
    )]
    ProgramSteps {
        /// The bound.
        max: u64,
    },
    /// The program took too long.
    #[error(
        "the extraction program took longer than {max_ms} ms; look for a loop without an end, or raise `limits.program_timeout_ms`"
    )]
    ProgramTimeout {
        /// The bound.
        max_ms: u64,
    },
    /// The program called itself too deeply.
    #[error(
        "the extraction program calls itself too deeply; write the recursion so that the call comes last"
    )]
    ProgramTooDeep,
    /// The program gave too much.
    #[error(
        "the extraction program gave more than {max_bytes} bytes; raise `limits.max_program_output_bytes`"
    )]
    ProgramOutputTooLarge {
        /// The bound.
        max_bytes: usize,
    },
    /// The interpreter failed.
    #[error(
        "the extraction program made the interpreter fail; simplify the expression it stopped at"
    )]
    ProgramCrashed,
    /// No thread for the program.
    #[error(
        "no thread could be started for the extraction program; the machine is short of memory"
    )]
    ProgramThread {
        /// From the system.
        #[source]
        source: std::io::Error,
    },
    /// A column named in the configuration is not there.
    #[error("`{step}` names column `{column}`, which is not there; there are {}", list(.present))]
    MissingColumn {
        /// The key of the configuration.
        step: &'static str,
        /// The name.
        column: String,
        /// What is there.
        present: Vec<String>,
    },
    /// A new column has the name of another.
    #[error("`{step}` gives column `{column}`, which is there already; rename one of them")]
    ColumnExists {
        /// The key of the configuration.
        step: &'static str,
        /// The name.
        column: String,
    },
    /// A variable of the request is missing.
    #[error(
        "`{key}` uses the variable `{variable}`, which the request does not give; add `?{variable}=…`"
    )]
    MissingVariable {
        /// What uses it.
        key: String,
        /// The variable.
        variable: String,
    },
    /// A variable that is a list or an object.
    #[error(
        "`{key}` uses the variable `{variable}`, which is not a single value; give a number or text"
    )]
    VariableNotScalar {
        /// What uses it.
        key: String,
        /// The variable.
        variable: String,
    },
    /// `grid.name` is for files with one variable.
    #[error("`grid.name` calls the only variable `{name}`, but there are {}; name those to take in `grid.variables`", list(.present))]
    NotOneVariable {
        /// The name for it.
        name: String,
        /// The variables there are.
        present: Vec<String>,
    },
    /// No column to unpivot.
    #[error("`unpivot` finds no column to turn into rows; there are {}", list(.present))]
    NothingToUnpivot {
        /// What is there.
        present: Vec<String>,
    },
    /// An unpivoted column whose name does not fit the pattern.
    #[error(
        "`unpivot.name_pattern` does not match the column `{column}`; widen the pattern or leave the column out"
    )]
    UnpivotName {
        /// The column.
        column: String,
    },
    /// A file of a binary format, or of lines, that cannot be read.
    #[error(transparent)]
    Format(#[from] super::format_error::FormatError),
    /// Unpivoted columns of types that do not go together.
    #[error("the table could not be put together; send columns with values of one type")]
    Frame {
        /// From polars.
        #[from]
        source: polars::error::PolarsError,
    },
}

impl DecodeError {
    /// Whether one line of a format of lines is at fault.
    pub(super) fn is_of_a_line(&self) -> bool {
        matches!(
            self,
            Self::Format(super::format_error::FormatError::Line { .. })
                | Self::NotJson { .. }
                | Self::NotARecord { .. }
                | Self::TooDeep { .. }
                | Self::DuplicateKey { .. }
        )
    }

    /// Whether one row of a CSV file is at fault.
    pub(super) fn is_of_a_row(&self) -> bool {
        matches!(
            self,
            Self::CellCount { .. } | Self::OpenQuote { .. } | Self::TextAfterQuote { .. }
        )
    }
}

/// Why a configuration of decoding cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DecodeSetupError {
    /// A value that is not allowed.
    #[error("`{key}`: {reason}")]
    Invalid {
        /// The key, dotted.
        key: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A file name that leaves the folder of the configuration.
    #[error(
        "`{key}`: `{file}` must lie in the folder of the configuration: no absolute path, no `..`, no link out of it"
    )]
    OutsideFolder {
        /// The key, dotted.
        key: String,
        /// As configured.
        file: String,
    },
    /// A file that cannot be read.
    #[error("`{key}`: cannot read `{}`", .path.display())]
    Unreadable {
        /// The key, dotted.
        key: String,
        /// The file.
        path: PathBuf,
        /// From the system.
        #[source]
        source: std::io::Error,
    },
    /// A program that does not compile.
    #[error("{file}:{line}:{column}: {reason}")]
    Program {
        /// The file, or `extract.program`.
        file: String,
        /// 1-based.
        line: usize,
        /// 1-based.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A lookup file that is not a table.
    #[error("`{key}`: cannot read `{file}` as CSV: {source}")]
    LookupTable {
        /// The key, dotted.
        key: String,
        /// As configured.
        file: String,
        /// What is wrong with it.
        #[source]
        source: Box<DecodeError>,
    },
    /// Two rows of a lookup with one key.
    #[error(
        "`{key}`: rows {first} and {second} of `{file}` have the same key `{value}`; remove one"
    )]
    DuplicateKey {
        /// The key of the configuration, dotted.
        key: String,
        /// As configured.
        file: String,
        /// 1-based row of the table.
        first: usize,
        /// 1-based row of the table.
        second: usize,
        /// The values that agree.
        value: String,
    },
}

/// Names for a message: the first 20, quoted.
pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no columns".to_owned();
    }
    let mut text = names
        .iter()
        .take(20)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > 20 {
        text.push_str(", …");
    }
    text
}
