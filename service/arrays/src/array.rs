//! One Zarr array: metadata with CF attributes, and chunks as bytes.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value as Json, json};
use zarr_fuse_schemas::{Codec, DataType, Node, Scalar, Variable, model::Measure, to_usize};
use zarrs::array::{Array, ArrayBytes, ArrayBytesOffsets, ArrayMetadata, CodecChain, CodecOptions};

use crate::values::{Values, as_f64, neutral};

/// What an array of a node looks like and how its chunks are coded. Shapes are elsewhere: they change.
#[derive(Debug)]
pub struct ArraySpec {
    /// Key of the array's folder.
    pub path: String,
    /// Its name in the node.
    pub name: String,
    /// Type of the stored elements.
    pub data_type: DataType,
    /// What stands for no value.
    pub na: Option<Scalar>,
    /// Positions of its coordinates among the node's, one per dimension.
    pub dims: Vec<usize>,
    /// Per dimension, how many values of the coordinate a cell stands for: 1 but in coarser levels.
    pub cells: Vec<u64>,
    /// Chunk length per dimension.
    pub chunk_shape: Vec<u64>,
    metadata: Map<String, Json>,
    zarr_type: zarrs::array::DataType,
    fill_value: zarrs::array::FillValue,
    codecs: Arc<CodecChain>,
    options: CodecOptions,
}

/// Why an array or chunk cannot be coded.
#[derive(Debug, thiserror::Error)]
pub enum ArrayError {
    /// zarrs does not take the array's description.
    #[error("the array `{path}` cannot be described in Zarr")]
    Create {
        /// The array.
        path: String,
        /// Cause.
        source: Box<zarrs::array::ArrayCreateError>,
    },
    /// A chunk is damaged, or an array is described in a way that Zarr does not know.
    #[error(
        "a chunk of the array `{path}` cannot be {action}; `zf rebuild` writes it again from the journal"
    )]
    Chunk {
        /// The array.
        path: String,
        /// `decoded` or `described`.
        action: &'static str,
        /// Cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ArraySpec {
    /// The array of `variable`, which lies on coordinates of `node`; `is_coordinate` leaves `_FillValue` out, as CF asks.
    ///
    /// # Errors
    /// [`ArrayError::Create`].
    pub fn new(node: &Node, variable: &Variable, is_coordinate: bool) -> Result<Self, ArrayError> {
        Self::within(&node.path, node, variable, is_coordinate)
    }

    /// The same in another group than the node's.
    ///
    /// # Errors
    /// [`ArrayError::Create`].
    pub fn within(
        group: &str,
        node: &Node,
        variable: &Variable,
        is_coordinate: bool,
    ) -> Result<Self, ArrayError> {
        let path = zarr_fuse_schemas::model::join(group, &variable.name);
        let dims: Vec<usize> = variable
            .coords
            .iter()
            .map(|name| {
                node.coordinates
                    .get_index_of(name)
                    .expect("the schema has checked the coordinates")
            })
            .collect();
        let chunk_shape: Vec<u64> = dims
            .iter()
            .map(|&d| node.coordinates[d].chunk_size)
            .collect();
        let fill = variable
            .na
            .clone()
            .unwrap_or_else(|| neutral(variable.data_type));
        let metadata = json!({
            "zarr_format": 3,
            "node_type": "array",
            "shape": vec![0; dims.len()],
            "data_type": zarr_type(variable.data_type),
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk_shape}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": fill_json(variable.data_type, &fill),
            "codecs": codecs(variable.data_type, variable.codec),
            "attributes": attributes(variable, is_coordinate),
            "dimension_names": variable.coords,
        });
        let Json::Object(metadata) = metadata else {
            unreachable!("built as an object")
        };
        let create = |source| ArrayError::Create {
            path: path.clone(),
            source: Box::new(source),
        };
        let parsed: ArrayMetadata = serde_json::from_value(Json::Object(metadata.clone()))
            .map_err(|error| ArrayError::Chunk {
                path: path.clone(),
                action: "described",
                source: error.into(),
            })?;
        let array =
            Array::new_with_metadata(Arc::new(()), &format!("/{path}"), parsed).map_err(create)?;
        Ok(Self {
            name: variable.name.clone(),
            data_type: variable.data_type,
            na: variable.na.clone(),
            cells: vec![1; dims.len()],
            dims,
            chunk_shape,
            zarr_type: array.data_type().clone(),
            fill_value: array.fill_value().clone(),
            codecs: array.codecs(),
            options: CodecOptions::default().with_concurrent_target(1),
            path,
            metadata,
        })
    }

    /// Makes its cells stand for `n_positions` values each of the node's coordinate number `along`.
    #[must_use]
    pub fn with_cells(mut self, along: usize, n_positions: u64) -> Self {
        for (cells, d) in self.cells.iter_mut().zip(&self.dims) {
            if *d == along {
                *cells = n_positions;
            }
        }
        self
    }

    /// The array's `zarr.json` at `shape`.
    pub fn metadata(&self, shape: &[u64]) -> Json {
        let mut metadata = self.metadata.clone();
        metadata.insert("shape".to_owned(), json!(shape));
        Json::Object(metadata)
    }

    /// The first difference to stored metadata that would change stored values or shapes.
    pub fn difference(&self, stored: &Json) -> Option<String> {
        for key in [
            "data_type",
            "chunk_grid",
            "codecs",
            "fill_value",
            "dimension_names",
        ] {
            if stored.get(key) != self.metadata.get(key) {
                return Some(difference_text(
                    key,
                    stored.get(key),
                    self.metadata.get(key),
                ));
            }
        }
        for key in ["units", "flag_meanings"] {
            let (old, new) = (
                stored.pointer(&format!("/attributes/{key}")),
                self.metadata["attributes"].get(key),
            );
            let grew = old.and_then(Json::as_str).zip(new.and_then(Json::as_str));
            let labels_added =
                key == "flag_meanings" && grew.is_some_and(|(old, new)| new.starts_with(old));
            if old != new && !labels_added {
                return Some(difference_text(key, old, new));
            }
        }
        None
    }

    /// Elements of a whole chunk.
    pub fn chunk_len(&self) -> usize {
        self.chunk_shape.iter().map(|&n| to_usize(n)).product()
    }

    /// The object of a whole chunk, elements in C order.
    ///
    /// # Panics
    /// If the values cannot be encoded: another try would end the same, so whose values they are is found like any other
    /// fault of the service with a contribution.
    pub fn encode(&self, chunk: &Values) -> Bytes {
        let fail = |error: Box<dyn std::error::Error + Send + Sync>| -> ! {
            let path = &self.path;
            let text = format!("a chunk of the array `{path}` cannot be encoded: {error}");
            std::panic::resume_unwind(Box::new(text))
        };
        let raw = match chunk {
            Values::Str(v) => match self.data_type {
                DataType::FixedString(n) => ArrayBytes::new_flen(utf32(v, n as usize)),
                _ => vlen(v).unwrap_or_else(|error| fail(error)),
            },
            Values::Bool(v) => {
                ArrayBytes::new_flen(v.iter().map(|&b| u8::from(b)).collect::<Vec<_>>())
            }
            Values::Int8(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Int16(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Int32(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Int64(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::UInt8(v) => ArrayBytes::new_flen(v.as_slice()),
            Values::UInt16(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::UInt32(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::UInt64(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Float32(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Float64(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Complex64(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
            Values::Complex128(v) => ArrayBytes::new_flen(bytemuck::cast_slice::<_, u8>(v)),
        };
        let encoded = zarrs::array::ArrayToBytesCodecTraits::encode(
            self.codecs.as_ref(),
            raw,
            &self.nonzero_shape(),
            &self.zarr_type,
            &self.fill_value,
            &self.options,
        )
        .unwrap_or_else(|error| fail(error.into()));
        Bytes::from(encoded.into_owned())
    }

    /// The elements of a chunk's object.
    ///
    /// # Errors
    /// [`ArrayError::Chunk`] if the object is damaged.
    pub fn decode(&self, object: &[u8]) -> Result<Values, ArrayError> {
        let fail = |source| ArrayError::Chunk {
            path: self.path.clone(),
            action: "decoded",
            source,
        };
        let raw = zarrs::array::ArrayToBytesCodecTraits::decode(
            self.codecs.as_ref(),
            object.into(),
            &self.nonzero_shape(),
            &self.zarr_type,
            &self.fill_value,
            &self.options,
        )
        .map_err(|error| fail(error.into()))?;
        if self.data_type == DataType::String {
            let (bytes, offsets) = raw
                .into_variable()
                .map_err(|error| fail(error.into()))?
                .into_parts();
            let text =
                |range: &[usize]| std::str::from_utf8(&bytes[range[0]..range[1]]).map(Arc::from);
            return offsets
                .windows(2)
                .map(text)
                .collect::<Result<_, _>>()
                .map(Values::Str)
                .map_err(|error| fail(error.into()));
        }
        let bytes = raw.into_fixed().map_err(|error| fail(error.into()))?;
        Ok(match self.data_type {
            DataType::Bool => Values::Bool(bytes.iter().map(|&b| b != 0).collect()),
            DataType::Int8 => Values::Int8(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Int16 => Values::Int16(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Int32 => Values::Int32(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Int64 => Values::Int64(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::UInt8 => Values::UInt8(bytes.into_owned()),
            DataType::UInt16 => Values::UInt16(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::UInt32 => Values::UInt32(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::UInt64 => Values::UInt64(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Float32 => Values::Float32(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Float64 => Values::Float64(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Complex64 => Values::Complex64(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::Complex128 => Values::Complex128(bytemuck::pod_collect_to_vec(&bytes)),
            DataType::FixedString(n) => Values::Str(
                bytes
                    .chunks_exact(4 * n as usize)
                    .map(|utf32| Arc::from(from_utf32(utf32)))
                    .collect(),
            ),
            DataType::String => unreachable!("decoded above"),
        })
    }

    fn nonzero_shape(&self) -> Vec<std::num::NonZeroU64> {
        self.chunk_shape
            .iter()
            .map(|&n| {
                std::num::NonZeroU64::new(n)
                    .expect("the schema has checked that chunk sizes are positive")
            })
            .collect()
    }
}

fn difference_text(key: &str, stored: Option<&Json>, schema: Option<&Json>) -> String {
    let show = |json: Option<&Json>| json.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    format!(
        "`{key}` is {} in the store and {} in the schema",
        show(stored),
        show(schema)
    )
}

fn vlen(
    strings: &[Arc<str>],
) -> Result<ArrayBytes<'static>, Box<dyn std::error::Error + Send + Sync>> {
    let mut bytes = Vec::new();
    let mut offsets = Vec::with_capacity(strings.len() + 1);
    offsets.push(0);
    for string in strings {
        bytes.extend_from_slice(string.as_bytes());
        offsets.push(bytes.len());
    }
    Ok(ArrayBytes::new_vlen(
        bytes,
        ArrayBytesOffsets::new(offsets)?,
    )?)
}

fn utf32(strings: &[Arc<str>], n: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(strings.len() * n * 4);
    for string in strings {
        let end = bytes.len() + 4 * n;
        for character in string.chars().take(n) {
            bytes.extend_from_slice(&u32::from(character).to_le_bytes());
        }
        bytes.resize(end, 0);
    }
    bytes
}

fn from_utf32(bytes: &[u8]) -> String {
    let text: String = bytes
        .chunks_exact(4)
        .map(|b| {
            char::from_u32(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        })
        .collect();
    text.trim_end_matches('\0').to_owned()
}

fn zarr_type(data_type: DataType) -> Json {
    match data_type {
        DataType::Bool => json!("bool"),
        DataType::Int8 => json!("int8"),
        DataType::Int16 => json!("int16"),
        DataType::Int32 => json!("int32"),
        DataType::Int64 => json!("int64"),
        DataType::UInt8 => json!("uint8"),
        DataType::UInt16 => json!("uint16"),
        DataType::UInt32 => json!("uint32"),
        DataType::UInt64 => json!("uint64"),
        DataType::Float32 => json!("float32"),
        DataType::Float64 => json!("float64"),
        DataType::Complex64 => json!("complex64"),
        DataType::Complex128 => json!("complex128"),
        DataType::String => json!("string"),
        DataType::FixedString(n) => {
            json!({"name": "fixed_length_utf32", "configuration": {"length_bytes": 4 * n}})
        }
    }
}

fn fill_json(data_type: DataType, fill: &Scalar) -> Json {
    let float = |x: f64| {
        if x.is_nan() {
            json!("NaN")
        } else if x.is_infinite() {
            json!(if x > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            json!(x)
        }
    };
    match (data_type, fill) {
        (DataType::Float32 | DataType::Float64, other) => float(as_f64(other)),
        (_, Scalar::Bool(b)) => json!(b),
        (_, Scalar::Int(i)) => json!(i),
        (_, Scalar::UInt(u)) => json!(u),
        (_, Scalar::Float(x)) => float(*x),
        (_, Scalar::Complex(re, im)) => json!([float(*re), float(*im)]),
        (_, Scalar::Str(s)) => json!(s),
    }
}

fn codecs(data_type: DataType, codec: Codec) -> Json {
    let to_bytes = match data_type {
        DataType::String => json!({"name": "vlen-utf8"}),
        _ => json!({"name": "bytes", "configuration": {"endian": "little"}}),
    };
    let compress = match (codec, element_size(data_type)) {
        (Codec::None, _) => None,
        (Codec::Zstd(level), _) => {
            Some(json!({"name": "zstd", "configuration": {"level": level, "checksum": false}}))
        }
        (Codec::Gzip(level), _) => Some(json!({"name": "gzip", "configuration": {"level": level}})),
        (Codec::Blosc, None) => {
            Some(json!({"name": "zstd", "configuration": {"level": 3, "checksum": false}}))
        }
        (Codec::Blosc, Some(typesize)) => Some(json!({"name": "blosc", "configuration": {
            "cname": "zstd", "clevel": 3, "shuffle": "bitshuffle", "typesize": typesize, "blocksize": 0}})),
    };
    let checksum = json!({"name": "crc32c"});
    Json::Array(
        [Some(to_bytes), compress, Some(checksum)]
            .into_iter()
            .flatten()
            .collect(),
    )
}

/// Bytes per element; `None` for variable-length strings.
fn element_size(data_type: DataType) -> Option<u32> {
    Some(match data_type {
        DataType::Bool | DataType::Int8 | DataType::UInt8 => 1,
        DataType::Int16 | DataType::UInt16 => 2,
        DataType::Int32 | DataType::UInt32 | DataType::Float32 | DataType::FixedString(_) => 4,
        DataType::Int64 | DataType::UInt64 | DataType::Float64 | DataType::Complex64 => 8,
        DataType::Complex128 => 16,
        DataType::String => return None,
    })
}

fn attributes(variable: &Variable, is_coordinate: bool) -> Json {
    let mut attributes = Map::new();
    if let Some(description) = &variable.description {
        attributes.insert("long_name".to_owned(), json!(description));
    }
    match &variable.measure {
        Measure::Plain => {}
        Measure::Physical { unit, .. } => {
            attributes.insert("units".to_owned(), json!(unit.cf));
        }
        Measure::Time { unit, .. } => {
            attributes.insert(
                "units".to_owned(),
                json!(format!("{} since 1970-01-01", unit.tick.cf_name())),
            );
            attributes.insert("calendar".to_owned(), json!("proleptic_gregorian"));
        }
        Measure::Discrete { labels } => {
            let codes: Vec<usize> = (1..=labels.len()).collect();
            let meanings: Vec<String> = labels
                .iter()
                .map(|label| label.replace(char::is_whitespace, "_"))
                .collect();
            attributes.insert("flag_values".to_owned(), json!(codes));
            attributes.insert("flag_meanings".to_owned(), json!(meanings.join(" ")));
        }
        Measure::Truth => {
            attributes.insert("flag_values".to_owned(), json!([0, 1]));
            attributes.insert("flag_meanings".to_owned(), json!("false true"));
        }
    }
    if let (false, Some(na)) = (is_coordinate, &variable.na)
        && let Some(fill) = fill_attribute(variable.data_type, na)
    {
        attributes.insert("_FillValue".to_owned(), fill);
    }
    for (key, value) in &variable.attrs {
        attributes.insert(key.clone(), value.clone());
    }
    Json::Object(attributes)
}

/// `_FillValue` as xarray writes it in Zarr v3: floats as base64 of a little-endian double.
fn fill_attribute(data_type: DataType, na: &Scalar) -> Option<Json> {
    use base64::Engine as _;
    match data_type {
        DataType::Float32 | DataType::Float64 => Some(json!(
            base64::engine::general_purpose::STANDARD.encode(as_f64(na).to_le_bytes())
        )),
        DataType::Bool
        | DataType::Complex64
        | DataType::Complex128
        | DataType::String
        | DataType::FixedString(_) => None,
        _ => Some(fill_json(data_type, na)),
    }
}

#[cfg(test)]
mod tests;
