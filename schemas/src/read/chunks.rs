//! Chunk lengths where the schema leaves them open.

use crate::model::{Coordinate, DataType, Measure};

/// Most elements of a chunk.
const MAX_ELEMENTS: u64 = 1 << 20;
/// Along both sides of a field: a map of a continent is a handful of chunks.
const SIDE: u64 = 256;
/// Along the coordinate before the sides of a field, such as the hours of a forecast or its levels.
const BEFORE_FIELD: u64 = 16;
/// Along names and places, of which there are few more often than many.
const NAMES: u64 = 16;
/// Along numbers that are no sides of a field, such as depths.
const NUMBERS: u64 = 64;

/// Lengths for an array that lies `along` several coordinates.
///
/// The last two of three or more sorted numbers are the sides of a field: then the coordinates before them get few values,
/// since fields come one after the other. Else the array is a bundle of series along its first coordinate.
pub(super) fn fitting(along: &[&Coordinate]) -> Vec<u64> {
    let n = along.len();
    let is_field = n > 2 && along[n - 2..].iter().all(|one| is_side(one));
    let mut room = MAX_ELEMENTS;
    let said = along.iter().filter(|one| one.has_chunk_size);
    for one in said {
        room = (room / one.chunk_size.max(1)).max(1);
    }
    let mut lengths: Vec<u64> = along.iter().map(|one| one.chunk_size).collect();
    // What matters most gets its length first.
    let order: Vec<usize> = if is_field {
        (0..n).rev().collect()
    } else {
        (0..n).collect()
    };
    for i in order {
        if along[i].has_chunk_size {
            continue;
        }
        let wanted = match (is_field, i) {
            (true, i) if i + 2 >= n => SIDE,
            (true, i) if i + 3 == n => BEFORE_FIELD,
            (true, _) => 1,
            (false, 0) => along[i].chunk_size,
            (false, _) if is_name(along[i]) => NAMES,
            (false, _) => NUMBERS,
        };
        let length = wanted.min(along[i].chunk_size).min(room);
        lengths[i] = 1 << length.max(1).ilog2();
        room = (room / lengths[i]).max(1);
    }
    lengths
}

fn is_side(coordinate: &Coordinate) -> bool {
    let variable = &coordinate.variable;
    let is_number = matches!(variable.measure, Measure::Plain | Measure::Physical { .. })
        && variable.data_type.is_numeric();
    is_number && coordinate.sorted && coordinate.composed.is_empty()
}

fn is_name(coordinate: &Coordinate) -> bool {
    let variable = &coordinate.variable;
    let is_text = variable.data_type.is_string() || variable.data_type == DataType::Bool;
    is_text || !coordinate.sorted || matches!(variable.measure, Measure::Discrete { .. })
}
