//! The whole path of contributions in memory: decoded, normalized, merged into a node, and the node opened again.
//!
//! The tests of the service have this file, too.

use std::path::Path;
use std::sync::Arc;

use serde_json::Map;
use zarr_fuse_decode::{
    Content, Decoded, Decoder, Decoding, FileUnits, Format, Limits, decode_arrays,
};
use zarr_fuse_fusion::{
    commit,
    fold::{self, IngestError},
    node::{Node, chunk_cache},
    normalize::{Normalized, normalize, normalize_grids, takes_grids},
};
use zarr_fuse_schemas::{Node as NodeSchema, Schema};
use zarr_fuse_store::{S3Access, Store};

/// Formats by number.
pub(crate) const FORMATS: [Format; 13] = [
    Format::Csv,
    Format::Json,
    Format::Ndjson,
    Format::LineProtocol,
    Format::Toa5,
    Format::Parquet,
    Format::Arrow,
    Format::Xlsx,
    Format::Ods,
    Format::Netcdf,
    Format::Zarr,
    Format::Grib,
    Format::Form,
];

/// Nodes of several kinds, which all can be read from the same columns.
const SCHEMA: &str = "
plain:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 8}
    depth: {type: float64, chunk_size: 2}
    station: {type: str, sorted: false, chunk_size: 2}
  VARS:
    temp: {coords: [time, depth, station], type: float32}
    count: {coords: [time, station], type: int64, merge: max}
    note: {coords: station, type: 'str[4]'}
composed:
  COORDS:
    time: {unit: {tick: m, tz: UTC}, source_unit: {tick: m, tz: UTC}, chunk_size: 3}
    place: {composed: [depth, station], sorted: false, chunk_size: 2}
  VARS:
    depth: {coords: place, type: float64}
    station: {coords: place, type: str}
    temp: {coords: [time, place], type: float64}
many:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 1}
    depth: {type: float64, chunk_size: 1}
    station: {type: str, sorted: false, chunk_size: 1}
    count: {type: int64, chunk_size: 1}
  VARS:
    temp: {coords: [time, depth, station, count], type: float64}
levels:
  COORDS:
    time: {unit: {tick: s, tz: UTC}, source_unit: {tick: s, tz: UTC}, chunk_size: 4}
  pyramid: {coord: time, factor: 2}
  VARS:
    temp: {coords: time, type: float64}
";

/// What contributions are read and merged with.
pub(crate) struct Paths {
    pub(crate) decoders: Vec<Decoder>,
    pub(crate) nodes: Vec<Arc<NodeSchema>>,
}

impl Paths {
    /// A decoder for each of [`FORMATS`], with small bounds, and the nodes.
    pub(crate) fn new() -> Self {
        let decoder = |format| {
            let decoding = Decoding {
                format: Some(format),
                units: FileUnits::Drop,
                limits: Limits {
                    max_decompressed_bytes: 1 << 22,
                    max_decoded_bytes: 1 << 22,
                    max_cells: 1 << 16,
                    max_filled_cells: 1 << 14,
                    ..Limits::default()
                },
                ..Decoding::default()
            };
            decoding.prepare(Path::new(".")).expect("nothing is read")
        };
        let schema = Schema::parse(SCHEMA, "whole_path.yaml", Path::new(".")).expect("a schema");
        Self {
            decoders: FORMATS.map(decoder).into(),
            nodes: schema
                .nodes()
                .filter(|node| !node.coordinates.is_empty())
                .map(|node| Arc::new(node.clone()))
                .collect(),
        }
    }

    /// Merges `bodies`, each of a format, one after the other into a node; gives how many rows were taken.
    ///
    /// Panics where the service would lose a node: if something cannot be written, or opened again.
    pub(crate) async fn fold(&self, schema: &Arc<NodeSchema>, bodies: &[(usize, &[u8])]) -> u64 {
        let store = Store::open("memory:whole_path", Path::new("."), &S3Access::default());
        let store = store.expect("there is memory");
        let open = || Node::open(store.clone(), Arc::clone(schema), chunk_cache(1 << 20));
        let recovered = commit::recover(&store).await.expect("nothing is there");
        let opened = recovered.open(Arc::clone(schema), chunk_cache(1 << 20));
        let mut settled = opened.await.expect("an empty node opens");
        let node = Arc::clone(settled.node());
        let mut n_rows = 0;
        for (seq, (format, body)) in (1..).zip(bodies) {
            // What is refused is not merged.
            let Ok(normalized) = self.prepare(*format, body, schema) else {
                continue;
            };
            let (after, n_taken) = fold::merge_alone(settled, seq, normalized)
                .await
                .expect("memory takes every write");
            settled = after;
            n_rows += n_taken;
            let again = open().await.expect("what is published can be opened");
            assert_eq!(again.folded_seq(), node.folded_seq());
        }
        n_rows
    }

    /// The steps before merging, without anything that would catch a panic of ours.
    fn prepare(
        &self,
        format: usize,
        body: &[u8],
        schema: &NodeSchema,
    ) -> Result<Normalized, IngestError> {
        let content = Content {
            content_type: "application/octet-stream".to_owned(),
            content_encoding: None,
        };
        let decoder = &self.decoders[format];
        let arrived = decode_arrays(body, &content, decoder, &Map::new())?;
        _ = zarr_fuse_fusion::preview::preview(&arrived, schema);
        assert!(arrived.n_bytes() <= 2 * decoder.limits().max_decoded_bytes);
        assert!(arrived.n_cells() <= 2 * decoder.limits().max_cells);
        Ok(match &arrived {
            Decoded::Grids(grids) if takes_grids(schema) => normalize_grids(grids, schema)?,
            Decoded::Grids(grids) => normalize(&grids.to_table(decoder.limits())?, schema)?,
            Decoded::Table(table) => normalize(table, schema)?,
        })
    }
}
