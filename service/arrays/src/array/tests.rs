use indexmap::IndexMap;

use super::*;

/// A node with one coordinate `x` and one variable `v` on it.
pub(crate) fn spec(data_type: DataType, na: Option<Scalar>, codec: Codec) -> ArraySpec {
    let x = Variable {
        name: "x".into(),
        coords: vec!["x".into()],
        data_type: DataType::Int64,
        measure: Measure::Plain,
        column: "x".into(),
        na: None,
        na_origin: zarr_fuse_schemas::NaOrigin::Said,
        interval: None,
        merge: zarr_fuse_schemas::MergeRule::Last,
        turn: None,
        codec: Codec::Blosc,
        description: None,
        attrs: Map::new(),
    };
    let v = Variable {
        name: "v".into(),
        data_type,
        na,
        codec,
        ..x.clone()
    };
    let coordinate = zarr_fuse_schemas::Coordinate {
        variable: x,
        sorted: true,
        chunk_size: 3,
        has_chunk_size: true,
        step_limits: zarr_fuse_schemas::StepLimits::AnyNew,
        max_new: None,
        composed: vec![],
    };
    let node = Node {
        coordinates: IndexMap::from([("x".to_owned(), coordinate)]),
        ..Node::default()
    };
    ArraySpec::new(&node, &v, false).unwrap()
}

#[test]
fn every_type_reads_back_what_was_written_with_every_codec() {
    let cases = [
        (DataType::Bool, Values::Bool(vec![true, false, true])),
        (DataType::Int8, Values::Int8(vec![i8::MIN, 0, i8::MAX])),
        (DataType::Int16, Values::Int16(vec![i16::MIN, 0, i16::MAX])),
        (DataType::Int32, Values::Int32(vec![i32::MIN, 0, i32::MAX])),
        (DataType::Int64, Values::Int64(vec![i64::MIN, 0, i64::MAX])),
        (DataType::UInt8, Values::UInt8(vec![0, 1, u8::MAX])),
        (DataType::UInt16, Values::UInt16(vec![0, 1, u16::MAX])),
        (DataType::UInt32, Values::UInt32(vec![0, 1, u32::MAX])),
        (DataType::UInt64, Values::UInt64(vec![0, 1, u64::MAX])),
        (
            DataType::Float32,
            Values::Float32(vec![-0.0, f32::MIN_POSITIVE, f32::INFINITY]),
        ),
        (
            DataType::Float64,
            Values::Float64(vec![-0.0, f64::MIN_POSITIVE, f64::NEG_INFINITY]),
        ),
        (
            DataType::Complex64,
            Values::Complex64(vec![[1.0, -2.0], [0.0, 0.5], [3.0, 4.0]]),
        ),
        (
            DataType::Complex128,
            Values::Complex128(vec![[1.0, -2.0], [0.0, 0.5], [3.0, 4.0]]),
        ),
        (
            DataType::String,
            Values::Str(vec!["".into(), "šťáva 🌧".into(), "x".into()]),
        ),
        (
            DataType::FixedString(7),
            Values::Str(vec!["".into(), "šťáva 🌧".into(), "x".into()]),
        ),
    ];
    for codec in [Codec::Blosc, Codec::Zstd(5), Codec::Gzip(5), Codec::None] {
        for (data_type, values) in &cases {
            let spec = spec(*data_type, None, codec);
            let object = spec.encode(values);
            assert_eq!(
                &spec.decode(&object).unwrap(),
                values,
                "{data_type:?} {codec:?}"
            );
        }
    }
}

#[test]
fn a_damaged_chunk_is_an_error_that_names_the_array() {
    let spec = spec(
        DataType::Float64,
        Some(Scalar::Float(f64::NAN)),
        Codec::Blosc,
    );
    let mut object = spec.encode(&Values::Float64(vec![1.0, 2.0, 3.0])).to_vec();
    let middle = object.len() / 2;
    object[middle] ^= 1;
    let message = spec.decode(&object).unwrap_err().to_string();
    assert_eq!(
        message,
        "a chunk of the array `v` cannot be decoded; `zf rebuild` writes it again from the journal"
    );
}
