//! What the group of a node says of the state of its arrays: the attribute `zarr_fuse`. It is JSON in a text, because those who
//! write what they have read to NetCDF cannot keep objects in attributes.

use std::borrow::Cow;

use serde_json::Value as Json;

/// The attribute's name.
pub(crate) const ATTRIBUTE: &str = "zarr_fuse";

/// The value of the attribute.
pub(crate) fn attribute(stated: &Json) -> Json {
    Json::String(stated.to_string())
}

/// What a group's `zarr.json` says. Versions before 0.1 wrote an object.
pub(crate) fn stated(group: &Json) -> Option<Cow<'_, Json>> {
    match group.get("attributes")?.get(ATTRIBUTE)? {
        Json::String(text) => serde_json::from_str(text).ok().map(Cow::Owned),
        object => Some(Cow::Borrowed(object)),
    }
}

/// A number of it.
pub(crate) fn number(group: &Json, name: &str) -> Option<u64> {
    stated(group)?.get(name)?.as_u64()
}
