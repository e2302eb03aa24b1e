//! By which rules is read what a schema and a way of decoding leave open.

/// The rules of a time; contributions keep those under which they came, so that what was merged stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Rules {
    /// Of definitions of version 1: what could be guessed was, one damaged line or point took the whole body, a bad cell its
    /// row.
    First,
    /// What is not described is asked for, and what is damaged costs itself.
    #[default]
    Second,
}

impl Rules {
    /// Those of definitions of this version.
    pub fn of_version(version: u32) -> Self {
        if version < 2 {
            Self::First
        } else {
            Self::Second
        }
    }
}
