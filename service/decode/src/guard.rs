//! Runs readers of others, some of which panic at damaged bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::DecodeError;
use super::format_error::FormatError;

/// What `read` gives; a panic in it means that the body is damaged.
pub(super) fn guarded<T>(
    format: &'static str,
    read: impl FnOnce() -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    // Whatever `read` has begun is dropped with it.
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_panic| {
        Err(FormatError::damaged(format, "its parts contradict each other").into())
    })
}
