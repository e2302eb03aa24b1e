//! Queries against a node in a memory store.

mod answers;
mod anything;
mod coverages;
mod directions;
mod laws;
mod moving;
mod refusals;
mod resampling;
mod sparse;
mod thinning;
mod truths;

use std::path::Path;
use std::sync::Arc;

use futures::TryStreamExt as _;
use serde_json::Map;
use zarr_fuse_decode::{Content, Decoding, decode};
use zarr_fuse_fusion::{
    commit,
    merge::{Incoming, merge},
    node::{Node, NodeView, chunk_cache},
    normalize::{Admission, normalize},
};
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::{S3Access, Store};

use super::{Answer, Bounds, Format, QueryError, Selection, answer};

/// A node in memory that contributions can be folded into.
struct Fixture {
    node: Arc<Node>,
    seq: u64,
}

impl Fixture {
    /// The child `n` of the schema.
    async fn new(yaml: &str) -> Self {
        let schema = Schema::parse(yaml, "test.yaml", Path::new(".")).unwrap();
        let node = Arc::new(schema.node("n").unwrap().clone());
        let store = Store::open("memory://", Path::new("."), &S3Access::default()).unwrap();
        let recovered = commit::recover(&store).await.unwrap();
        let opened = recovered.open(node, chunk_cache(1 << 20)).await.unwrap();
        let node = Arc::clone(opened.node());
        Self { node, seq: 0 }
    }

    /// Folds a CSV, every row of which must be taken.
    async fn fold(&mut self, csv: &str) {
        self.seq += 1;
        let content = Content {
            content_type: "text/csv".to_owned(),
            content_encoding: None,
        };
        let decoder = Decoding::default().prepare(Path::new(".")).unwrap();
        let table = decode(csv.as_bytes(), &content, &decoder, &Map::new()).unwrap();
        let normalized = normalize(&table, &self.node.schema).unwrap();
        assert_eq!(normalized.n_rows_rejected, 0, "{:?}", normalized.problems);
        let state = self.node.state();
        let incoming = vec![Incoming {
            seq: self.seq,
            normalized,
            admission: Admission::New,
        }];
        let update = merge(
            &self.node.schema,
            &state.coordinates,
            &state.components,
            incoming,
        );
        let settled = commit::take(&self.node).await.unwrap();
        let written = commit::write(settled, update, self.seq).await.unwrap();
        commit::publish(written).await.unwrap();
    }

    fn view(&self) -> NodeView {
        self.node.view()
    }

    /// The answer to `name=value&…` (not encoded) with small blocks.
    async fn ask(&self, query: &str) -> Result<Answer, QueryError> {
        let view = self.view();
        let selection = Selection::parse(&params(query), view.schema())?;
        let bounds = Bounds {
            max_block_cells: 40,
            max_page_rows: 1000,
            max_columns: 100,
            max_buckets: 1000,
            ..Bounds::default()
        };
        answer(
            view,
            &selection,
            selection.format().unwrap_or(Format::Csv),
            bounds,
        )
        .await
    }

    async fn bytes(&self, query: &str) -> Vec<u8> {
        collect(self.ask(query).await.unwrap()).await
    }

    async fn text(&self, query: &str) -> String {
        String::from_utf8(self.bytes(query).await).unwrap()
    }
}

async fn collect(answer: Answer) -> Vec<u8> {
    answer
        .body
        .map_ok(|bytes| bytes.to_vec())
        .try_concat()
        .await
        .unwrap()
}

fn params(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        pair.split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .unwrap()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(pair)
        .collect()
}

const BOREHOLES: &str = r"
n:
  VARS:
    temp: {coords: [time, borehole, depth], unit: degC, type: float32, description: Rock temperature}
    count: {coords: [time, borehole], type: int32}
    rock: {coords: [borehole], range: {discrete: [granite, gneiss]}}
    note: {coords: [borehole], type: str}
    latitude: {coords: [borehole], unit: deg}
    longitude: {coords: [borehole], unit: deg}
  COORDS:
    time: {unit: {tick: s, tz: UTC}, chunk_size: 2}
    borehole: {type: str, sorted: false, chunk_size: 2}
    depth: {unit: m, type: float32, chunk_size: 2}
";

/// Two boreholes, three times; `b` has its second depth only once.
async fn boreholes() -> Fixture {
    let mut fixture = Fixture::new(BOREHOLES).await;
    fixture
        .fold(
            "time,borehole,depth,temp,count\n\
             2024-05-01T00:00:00Z,b,0.1,1.5,10\n\
             2024-05-01T00:00:00Z,\"a,1\",0.1,2.25,11\n\
             2024-05-01T12:00:00Z,b,0.1,3,12\n\
             2024-05-01T12:00:00Z,b,2.5,-4,12\n\
             2024-06-01T00:00:00Z,\"a,1\",0.1,5,13\n",
        )
        .await;
    fixture
        .fold(
            "borehole,rock,note,latitude,longitude\nb,gneiss,\"say \"\"hi\"\"\",50.5,14.5\n\"a,1\",granite,,50.7,15\n",
        )
        .await;
    fixture
}
