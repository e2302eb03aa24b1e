//! Why a whole contribution cannot be taken.

/// Why a whole contribution cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NormalizeError {
    /// No column of the table belongs to the node.
    #[error(
        "no column of the table belongs to node `{node}`; the schema maps {wanted}, the table has {found}"
    )]
    NothingKnown {
        /// Path of the node.
        node: String,
        /// Columns of the schema, in backquotes.
        wanted: String,
        /// Columns of the table, in backquotes.
        found: String,
    },
    /// Coordinates are there, but nothing that lies on them.
    #[error(
        "no variable of node `{node}` is in the table, only coordinates: the schema maps {wanted}, the table has {found}{nearest}"
    )]
    NoVariable {
        /// Path of the node.
        node: String,
        /// Columns of variables, in backquotes.
        wanted: String,
        /// Columns of the table that nothing is read from, in backquotes.
        found: String,
        /// A hint at a column that is called alike, or nothing.
        nearest: String,
    },
    /// Numbers that are to be times, in a unit of something else.
    #[error(
        "`{column}` comes in `{found}`, says the file, which is no unit of time that is understood, and the schema has `{variable}` as a \
         time; correct the file, or set `units: drop` in the endpoint's `decode` if its numbers are as `source_unit` says"
    )]
    TimeUnit {
        /// Column or array.
        column: String,
        /// As the file writes it.
        found: String,
        /// Variable of the schema.
        variable: String,
    },
    /// A coordinate or a component is missing that a variable of the table needs.
    #[error(
        "column `{column}` is missing; the schema maps it to `{variable}`; the table has {found}{nearest}"
    )]
    MissingColumn {
        /// Column of the schema.
        column: String,
        /// Coordinate or component.
        variable: String,
        /// Columns of the table, in backquotes.
        found: String,
        /// A hint at a column that differs only in case or separators, or nothing.
        nearest: String,
    },
    /// Cells of this type can never become values of the variable.
    #[error(
        "column `{column}` holds {found}; the schema maps it to `{variable}`, which takes {expected}"
    )]
    WrongType {
        /// Column of the table.
        column: String,
        /// What it holds.
        found: String,
        /// Variable of the schema.
        variable: String,
        /// What that takes.
        expected: String,
    },
    /// Two tuples of a composed coordinate have one hash.
    #[error(
        "rows {first_row} and {second_row} have different tuples with one hash for the coordinate `{coordinate}`; \
         they would be merged, so nothing is taken: deliver one of them in another dataset or with other digits"
    )]
    Collision {
        /// The composed coordinate.
        coordinate: String,
        /// 1-based row of the table.
        first_row: u64,
        /// 1-based row of the table.
        second_row: u64,
    },
    /// A file says another unit than the schema.
    #[error(
        "`{column}` comes in `{found}`, says the file, and the schema has `{expected}` for `{variable}`: {reason}; correct \
         `source_unit` in the schema, or set `units: drop` in the endpoint's `decode` if the file is wrong"
    )]
    Unit {
        /// Column or array.
        column: String,
        /// As the file writes it.
        found: String,
        /// Variable of the schema.
        variable: String,
        /// Its `source_unit`, else its unit.
        expected: String,
        /// Why they do not go together.
        reason: String,
    },
    /// An array does not lie along the coordinates of its variable.
    #[error("the array `{array}` does not fit: {reason}")]
    Shape {
        /// The array.
        array: String,
        /// What is wrong.
        reason: String,
    },
    /// Cells that cannot be read, where nothing is to be taken then.
    #[error(
        "{n} cells cannot be read, and `on_bad_cell: all` takes nothing then; the first is {first}"
    )]
    BadCells {
        /// How many.
        n: usize,
        /// The first, with its place and why.
        first: String,
    },
    /// More rows than one contribution may have.
    #[error("the table has {n_rows} rows; a contribution takes at most {max_rows}: split it")]
    TooManyRows {
        /// Rows of the table.
        n_rows: usize,
        /// Rows that can be numbered.
        max_rows: usize,
    },
}
