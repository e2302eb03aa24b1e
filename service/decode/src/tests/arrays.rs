//! Arrays in Arrow IPC.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, Int64Array, ListArray, RecordBatch};
use arrow_buffer::OffsetBuffer;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use serde_json::Map;

use super::super::{Content, DecodeError, Decoded, Decoding, decode, decode_arrays};
use super::show;

/// One row whose cells are these lists; the second text names the dimensions.
fn stream(fields: Vec<(&str, Option<&str>, ArrayRef)>) -> Vec<u8> {
    let (mut schema, mut columns) = (Vec::new(), Vec::<ArrayRef>::new());
    for (name, dims, values) in fields {
        let item = Arc::new(Field::new("item", values.data_type().clone(), true));
        let mut field = Field::new(name, DataType::List(Arc::clone(&item)), false);
        if let Some(dims) = dims {
            field.set_metadata([("dims".to_owned(), dims.to_owned())]);
        }
        schema.push(field);
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        columns.push(Arc::new(ListArray::new(item, offsets, values, None)));
    }
    let schema = Arc::new(Schema::new(schema));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn content() -> Content {
    Content {
        content_type: "application/vnd.apache.arrow.stream".to_owned(),
        content_encoding: None,
    }
}

fn field(values: Vec<Option<f32>>, dims: &str) -> Vec<u8> {
    stream(vec![
        ("x", None, Arc::new(Int64Array::from(vec![10, 20]))),
        ("time", None, Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("t", Some(dims), Arc::new(Float32Array::from(values))),
    ])
}

#[test]
fn a_row_of_lists_is_arrays_along_their_coordinates() {
    let values = vec![Some(1.0), Some(2.0), None, Some(4.0), Some(5.0), Some(6.0)];
    let body = field(values, "time, x");
    let decoder = Decoding::default().prepare(".".as_ref()).unwrap();
    let found = decode_arrays(&body, &content(), &decoder, &Map::new()).unwrap();
    let Decoded::Grids(grids) = found else {
        panic!("{found:?}")
    };
    assert_eq!(grids.variables["t"].dims, ["time", "x"]);
    assert_eq!(grids.coordinates.keys().collect::<Vec<_>>(), ["x", "time"]);
    let table = decode(&body, &content(), &decoder, &Map::new()).unwrap();
    assert_eq!(
        show(table.frame()),
        "x:i64 | time:i64 | t:f32\n10 | 1 | 1.0\n10 | 2 | -\n10 | 3 | 5.0\n20 | 1 | 2.0\n20 | 2 | 4.0\n20 | 3 | 6.0"
    );
}

#[test]
fn arrays_that_do_not_fit_their_dimensions_are_refused() {
    let decoder = Decoding::default().prepare(".".as_ref()).unwrap();
    let refused = |body: &[u8]| -> DecodeError {
        decode_arrays(body, &content(), &decoder, &Map::new()).unwrap_err()
    };
    let error = refused(&field(vec![Some(1.0); 5], "time,x"));
    assert_eq!(
        error.to_string(),
        "Arrow IPC: the array `t` has 5 values, and its dimensions are 3 × 2; write all values, in C order"
    );
    let error = refused(&field(vec![Some(1.0); 6], "time,y"));
    assert!(error.to_string().contains("lies along `y`"), "{error}");
}
