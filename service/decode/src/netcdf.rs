//! NetCDF, classic and NetCDF-4, to arrays.

mod filters;
mod heap;

use netcdf_reader::{NcAttrValue, NcFile, NcOpenOptions, NcType, NcVariable};

use super::budget::Budget;
use super::cf::{self, Attribute, Attributes, Described, Raw};
use super::format_error::FormatError;
use super::{Asked, DecodeError, Grids};

pub(super) const FORMAT: &str = "NetCDF";
/// How the reader calls a compression that it does not have.
const UNKNOWN_FILTER: &str = "filter id ";
/// A text while it is read: the text's own place, its allocation, and its cell.
const TEXT_BYTES: usize = 56;

/// Reads the arrays of a group.
///
/// # Errors
/// Damaged files; a group, variable or type that is not taken; arrays beyond the bounds, before they are read.
pub(super) fn read(
    body: &[u8],
    asked: Asked<'_>,
    budget: &Budget<'_>,
) -> Result<Grids, DecodeError> {
    let options = asked.options;
    let damaged = |error| FormatError::damaged(FORMAT, error);
    let max_bytes = budget.limits().max_decompressed_bytes;
    let open = NcOpenOptions {
        max_chunk_bytes: max_bytes,
        max_read_bytes: max_bytes,
        filter_registry: Some(filters::registry(max_bytes)),
        ..NcOpenOptions::default()
    };
    let file = NcFile::from_owner(body.to_vec(), open).map_err(damaged)?;
    let path = options.group.as_deref().unwrap_or("").trim_matches('/');
    let group = if path.is_empty() {
        file.root_group()
    } else {
        file.group(path)
    };
    let group = group.map_err(|error| match options.group {
        Some(_) => FormatError::NotTaken {
            format: FORMAT,
            place: format!("group `{path}`"),
            found: "cannot be read".to_owned(),
            remedy: format!("correct `grid.group` ({error})"),
        },
        None => FormatError::damaged(FORMAT, error),
    })?;
    let named = |variable: &NcVariable| match path {
        "" => variable.name().to_owned(),
        path => format!("{path}/{}", variable.name()),
    };
    let described: Vec<Described> = group.variables.iter().map(described).collect();
    let types: Vec<(&str, &NcType)> = group
        .variables
        .iter()
        .map(|variable| (variable.name(), variable.dtype()))
        .collect();
    let chars = |name: &str| {
        let dtype = types.iter().find(|(other, _)| *other == name);
        matches!(dtype, Some((_, NcType::Char)))
    };
    // The last dimension of characters is the length of the text.
    let described: Vec<Described> = described
        .into_iter()
        .map(|mut array| {
            if chars(&array.name) {
                array.dims.pop();
            }
            array
        })
        .collect();
    let mut n_left = max_bytes as u64;
    cf::assemble(FORMAT, &described, asked, budget, |array| {
        let variable = group
            .variables
            .iter()
            .find(|variable| variable.name() == array.name)
            .expect("the description was made of it");
        let size = if *variable.dtype() == NcType::Float {
            4
        } else {
            8
        };
        let n_bytes = variable
            .num_elements()
            .unwrap_or(u64::MAX)
            .saturating_mul(size);
        n_left = n_left
            .checked_sub(n_bytes)
            .ok_or_else(|| FormatError::TooLarge {
                format: FORMAT,
                place: format!("variable `{}`", array.name),
                found: n_bytes,
                max: max_bytes,
            })?;
        if is_text(variable.dtype()) {
            check_texts(body, variable, &array.dims, budget)?;
        }
        let mut raw = elements(&file, &named(variable), variable)?;
        if let (Some(mask), Raw::Ints(values)) = (unsigned_mask(variable), &mut raw) {
            for value in values {
                *value &= mask;
            }
        }
        Ok(raw)
    })
}

fn described(variable: &NcVariable) -> Described {
    let dims = variable.dimensions().iter();
    let mask = unsigned_mask(variable);
    let attributes = variable.attributes().iter().filter_map(|attribute| {
        let mut value = value(&attribute.value)?;
        if let (Some(mask), Attribute::Ints(values), true) = (
            mask,
            &mut value,
            cf::MARKS.contains(&attribute.name.as_str()),
        ) {
            for value in values {
                *value &= mask;
            }
        }
        Some((attribute.name.clone(), value))
    });
    Described {
        name: variable.name().to_owned(),
        dims: dims.map(|dim| (dim.name.clone(), dim.size)).collect(),
        attributes: attributes.collect::<Attributes>(),
        cell_bytes: match variable.dtype() {
            NcType::Char | NcType::String => TEXT_BYTES,
            NcType::Float => 4,
            _ => 8,
        },
    }
}

fn is_text(dtype: &NcType) -> bool {
    matches!(dtype, NcType::Char | NcType::String)
}

/// Refuses texts of variable length that could take more memory than there is: each may be the longest in the file, and many
/// may be the same one.
fn check_texts(
    body: &[u8],
    variable: &NcVariable,
    dims: &[(String, u64)],
    budget: &Budget<'_>,
) -> Result<(), DecodeError> {
    let n_texts = dims.iter().map(|(_, n)| *n).fold(1, u64::saturating_mul);
    let n_texts = usize::try_from(n_texts).unwrap_or(usize::MAX);
    if *variable.dtype() != NcType::String || n_texts.saturating_mul(body.len()) <= budget.left() {
        return Ok(());
    }
    let longest = heap::longest_object(body).ok_or_else(|| FormatError::NotTaken {
        format: FORMAT,
        place: format!("variable `{}`", variable.name()),
        found: "is text in a file with lengths that are not of eight bytes".to_owned(),
        remedy: "write it with the NetCDF library".to_owned(),
    })?;
    let n_bytes = n_texts.saturating_mul(longest);
    budget.take(n_bytes)?;
    budget.give_back(n_bytes);
    Ok(())
}

/// The bits of integers that are stored with a sign and mean numbers without one: classic files have no other way.
fn unsigned_mask(variable: &NcVariable) -> Option<i64> {
    let attribute = variable.attribute("_Unsigned")?.value.as_string()?;
    let mask = match variable.dtype() {
        NcType::Byte => 0xff,
        NcType::Short => 0xffff,
        NcType::Int => 0xffff_ffff,
        _ => return None,
    };
    (attribute.trim_end_matches('\0') == "true").then_some(mask)
}

fn value(value: &NcAttrValue) -> Option<Attribute> {
    macro_rules! ints {
        ($values:expr) => {
            Attribute::Ints($values.iter().map(|value| i64::from(*value)).collect())
        };
    }
    Some(match value {
        NcAttrValue::Chars(text) => Attribute::Text(text.trim_end_matches('\0').to_owned()),
        NcAttrValue::Strings(texts) => Attribute::Text(texts.first()?.clone()),
        NcAttrValue::Bytes(values) => ints!(values),
        NcAttrValue::UBytes(values) => ints!(values),
        NcAttrValue::Shorts(values) => ints!(values),
        NcAttrValue::UShorts(values) => ints!(values),
        NcAttrValue::Ints(values) => ints!(values),
        NcAttrValue::UInts(values) => ints!(values),
        NcAttrValue::Int64s(values) => Attribute::Ints(values.clone()),
        // As the same bits, which is how they are compared.
        NcAttrValue::UInt64s(values) => {
            Attribute::Ints(values.iter().map(|value| value.cast_signed()).collect())
        }
        NcAttrValue::Floats(values) => {
            Attribute::Floats(values.iter().map(|value| f64::from(*value)).collect())
        }
        NcAttrValue::Doubles(values) => Attribute::Floats(values.clone()),
        NcAttrValue::UserDefined { .. } => return None,
    })
}

/// The elements of a variable, which is called `path` in the file.
fn elements(file: &NcFile, path: &str, variable: &NcVariable) -> Result<Raw, DecodeError> {
    let damaged = |error: netcdf_reader::Error| {
        let reason = error.to_string();
        if reason.contains(UNKNOWN_FILTER) {
            return FormatError::NotTaken {
                format: FORMAT,
                place: format!("variable `{}`", variable.name()),
                found: format!("is compressed in a way that is not read ({reason})"),
                remedy: "write it again with another compression, for instance with `nccopy -d4`"
                    .to_owned(),
            };
        }
        FormatError::damaged(FORMAT, format!("variable `{}`: {reason}", variable.name()))
    };
    macro_rules! ints {
        ($type:ty) => {{
            let array = file.read_variable::<$type>(path).map_err(damaged)?;
            Raw::Ints(array.iter().map(|value| i64::from(*value)).collect())
        }};
    }
    Ok(match variable.dtype() {
        NcType::Byte => ints!(i8),
        NcType::UByte => ints!(u8),
        NcType::Short => ints!(i16),
        NcType::UShort => ints!(u16),
        NcType::Int => ints!(i32),
        NcType::UInt => ints!(u32),
        NcType::Int64 => ints!(i64),
        NcType::UInt64 => {
            let array = file.read_variable::<u64>(path).map_err(damaged)?;
            // As it lies in memory, which is in C order.
            Raw::UInts(array.into_raw_vec_and_offset().0)
        }
        NcType::Float => {
            let array = file.read_variable::<f32>(path).map_err(damaged)?;
            // As it lies in memory, which is in C order.
            Raw::Singles(array.into_raw_vec_and_offset().0)
        }
        NcType::Double => {
            let array = file.read_variable::<f64>(path).map_err(damaged)?;
            // As it lies in memory, which is in C order.
            Raw::Doubles(array.into_raw_vec_and_offset().0)
        }
        NcType::Char | NcType::String => {
            let texts = file.read_variable_as_strings(path).map_err(damaged)?;
            let trimmed = |text: String| text.trim_end_matches(['\0', ' ']).to_owned();
            Raw::Text(texts.into_iter().map(trimmed).collect())
        }
        NcType::Enum { .. }
        | NcType::Compound { .. }
        | NcType::Opaque { .. }
        | NcType::Array { .. }
        | NcType::VLen { .. } => {
            return Err(FormatError::NotTaken {
                format: FORMAT,
                place: format!("variable `{}`", variable.name()),
                found: "is of a type made by its writer".to_owned(),
                remedy: "name the variables to take in `grid.variables`".to_owned(),
            }
            .into());
        }
    })
}
