//! What can be wrong with a query.

use zarr_fuse_fusion::node::ReadError;
use zarr_fuse_schemas::near::nearest;

/// Why a query has no answer. Each variant names its HTTP status.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// 400: no parameter has this name.
    #[error("unknown query parameter `{name}`; {hint}")]
    UnknownParameter {
        /// As given.
        name: String,
        /// What to write instead.
        hint: String,
    },
    /// 400: a parameter that stands once was given again.
    #[error("query parameter `{name}` is given twice; {hint}")]
    Repeated {
        /// As given.
        name: String,
        /// How several values are written.
        hint: &'static str,
    },
    /// 400: the value of a parameter cannot be read.
    #[error("query parameter `{name}={value}`: {reason}")]
    BadParameter {
        /// As given.
        name: String,
        /// As given, cut to 100 characters.
        value: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// 404: the node has no such variable or coordinate.
    #[error("node `{node}` has no variable `{name}`; {hint}")]
    UnknownVariable {
        /// Path of the node.
        node: String,
        /// As given.
        name: String,
        /// The nearest one, or which there are.
        hint: String,
    },
    /// 404: a group without data of its own.
    #[error("node `{node}` has no variables; {hint}")]
    NoVariables {
        /// Path of the node.
        node: String,
        /// Its children.
        hint: String,
    },
    /// 404: a single value or one of a list does not occur.
    #[error("`{coordinate}` has no value `{value}`{hint}")]
    NoSuchValue {
        /// Coordinate or variable selected on.
        coordinate: String,
        /// As given.
        value: String,
        /// `; the nearest is …`, or nothing.
        hint: String,
    },
    /// 404: an index outside the coordinate.
    #[error("`{coordinate}` has {length} values; index {index} is outside")]
    NoSuchIndex {
        /// The coordinate.
        coordinate: String,
        /// Its length.
        length: u64,
        /// As given.
        index: i64,
    },
    /// 422: the question does not fit the node or the bounds.
    #[error("{reason}")]
    DoesNotFit {
        /// What does not fit, and what to ask instead.
        reason: String,
    },
    /// 400: not a cursor of this query.
    #[error("the cursor {reason}; start again without `cursor`")]
    BadCursor {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// 409: the data have moved since the cursor was given.
    #[error(
        "values were inserted before the position of this cursor, rows would repeat; start again without `cursor`"
    )]
    StaleCursor,
    /// 503: other questions have all the memory that questions may take, and have not given it back in time.
    #[error(
        "other questions take all the memory there is for them (`limits.max_answer_memory_bytes`); ask again in some seconds"
    )]
    NoRoom,
    /// 504: it took longer than a question may.
    #[error(
        "the answer takes longer than {} s of work (`limits.max_query_time`); select less, take `resample` or `max_points`, or ask page by page with `limit`", .max.as_secs_f64()
    )]
    TooLong {
        /// Longest time.
        max: std::time::Duration,
    },
    /// The client has left, or has closed its side of the connection.
    #[error(
        "the client closed its side of the connection, and the answer was not ready yet; keep it open until it has come"
    )]
    Left,
    /// 500 or 503: the arrays could not be read.
    #[error("cannot read `{variable}`")]
    Read {
        /// The variable.
        variable: String,
        /// Why.
        #[source]
        source: Box<ReadError>,
    },
    /// 500: Arrow or Parquet could not be written.
    #[error("cannot write the answer as {format}")]
    Write {
        /// The format.
        format: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// A [`QueryError::BadParameter`] with the value cut to a readable length.
pub(super) fn bad(name: &str, value: &str, reason: impl Into<String>) -> QueryError {
    let value = value.chars().take(100).collect();
    QueryError::BadParameter {
        name: name.to_owned(),
        value,
        reason: reason.into(),
    }
}

/// `did you mean …` or the list of what there is.
pub(super) fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let mut all: Vec<_> = known.map(|name| format!("`{name}`")).collect();
    let n_more = all.len().saturating_sub(20);
    all.truncate(20);
    let more = if n_more == 0 {
        String::new()
    } else {
        format!(" and {n_more} more")
    };
    if all.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there are {}{more}", all.join(", "))
    }
}

/// A [`QueryError::Read`].
pub(super) fn unreadable(variable: &str, source: ReadError) -> QueryError {
    QueryError::Read {
        variable: variable.to_owned(),
        source: Box::new(source),
    }
}
