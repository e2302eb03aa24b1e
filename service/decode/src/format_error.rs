//! What can be wrong with a file of a certain format.

/// Why a file cannot be read, with the place in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FormatError {
    /// The bytes break the rules of the format.
    #[error("the {format} body is damaged: {reason}; send it again as the writing program made it")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// Where and what, in words of the reader.
        reason: String,
    },
    /// Something that the format allows and this service does not take.
    #[error("{format}: {place} {found}; {remedy}")]
    NotTaken {
        /// Name of the format.
        format: &'static str,
        /// Which column, variable, sheet or message.
        place: String,
        /// What it is or does, as a verb phrase.
        found: String,
        /// What to do.
        remedy: String,
    },
    /// A line of text that breaks the rules of the format.
    #[error("{format}: line {line}: {reason}; {remedy}")]
    Line {
        /// Name of the format.
        format: &'static str,
        /// 1-based line of the file.
        line: usize,
        /// What is wrong.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// What a header promises is beyond a bound.
    #[error(
        "{format}: {place} takes {found} bytes in memory, more than {max}; send it in parts or raise `limits.max_decompressed_bytes`"
    )]
    TooLarge {
        /// Name of the format.
        format: &'static str,
        /// What.
        place: String,
        /// Bytes needed.
        found: u64,
        /// The bound.
        max: usize,
    },
    /// The first bytes are of no known format.
    #[error(
        "the content type does not say what the body is, and its first bytes are of no known format; \
         send a content type, or set `format` in the endpoint's `decode`"
    )]
    Unknown,
    /// No member of an archive, or more than one, is meant.
    #[error("zip: {reason}; {remedy}")]
    Member {
        /// What was found.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl FormatError {
    /// The reader of `format` failed with `error`.
    pub(super) fn damaged(format: &'static str, error: impl std::fmt::Display) -> Self {
        let mut reason = error.to_string();
        // Readers quote what they found, which may be long.
        if let Some((end, _)) = reason.char_indices().nth(300) {
            reason.truncate(end);
            reason.push('…');
        }
        Self::Damaged { format, reason }
    }
}
