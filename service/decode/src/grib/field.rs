//! One field of a body before its values are read.

use zarr_fuse_schemas::rules::Rules;

use super::super::format_error::FormatError;
use super::message::Message;
use super::product::Product;

/// A field, and what it is about. What is not known is an error only if the field is asked for.
#[derive(Debug)]
pub(super) struct Field<'b> {
    pub(super) message: Message<'b>,
    pub(super) product: Result<Product, FormatError>,
}

impl<'b> Field<'b> {
    pub(super) fn of(message: Message<'b>, rules: Rules) -> Self {
        Self {
            product: Product::of(&message, rules),
            message,
        }
    }
}
