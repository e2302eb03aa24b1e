//! Any query parameters give an answer or an error, in every format, and an answer's cursor is taken back.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use futures::TryStreamExt as _;
use tokio::runtime::Runtime;
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{
    dataset::{Dataset, Decoders},
    node::NodeView,
};
use zarr_fuse_journal::{JournalSettings, NewContribution};
use zarr_fuse_query::{Bounds, Format, QueryError, Selection, answer};
use zarr_fuse_schemas::Schema;
use zarr_fuse_store::{S3Access, Store};

#[derive(Debug, Arbitrary)]
struct Input {
    format: u8,
    params: Vec<(u8, String)>,
    other: Option<(String, String)>,
}

const NAMES: [&str; 26] = [
    "var",
    "sel.time",
    "sel.place",
    "sel.depth",
    "sel.kind",
    "sel.latitude",
    "sel.longitude",
    "sel.lat_lon",
    "isel.time",
    "isel.place",
    "isel.depth",
    "isel.lat_lon",
    "bbox",
    "unit.temp",
    "unit.depth",
    "tz",
    "layout",
    "na",
    "limit",
    "cursor",
    "sel.hour",
    "sel.flag",
    "resample",
    "agg",
    "max_points",
    "latest",
];

const SCHEMA: &str = "
n:
  VARS:
    temp: {coords: [time, place, depth], unit: degC, type: float32}
    rain: {coords: [time, lat_lon], unit: mm}
    latitude: {coords: lat_lon, unit: deg}
    longitude: {coords: lat_lon, unit: deg}
    kind: {coords: place, range: {discrete: [a, b]}}
    hour: {coords: place, unit: {tick: h, tz: Europe/Prague}}
    flag: {coords: place, type: bool}
    size: {coords: [depth, place], type: complex64}
  COORDS:
    time: {unit: {tick: ns, tz: Europe/Prague}, chunk_size: 2}
    place: {type: str, sorted: false, chunk_size: 2}
    depth: {unit: m, chunk_size: 2}
    lat_lon: {composed: [latitude, longitude]}
";

const ROWS: &str = "\
time,place,depth,latitude,longitude,temp,rain,kind,hour,flag,size
2024-10-27T00:30:00Z,\"a,1\",0.5,50,179.9,1,2,a,2024-05-01T00:00Z,true,1+2j
2024-10-27T01:30:00Z,b/2,0.5,50,-179.9,,3,b,,false,
2024-03-31T01:00:00.000000001Z,b/2,-1e300,-90,0,4,,,,,2j
";

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

static VIEW: LazyLock<NodeView> = LazyLock::new(|| {
    RUNTIME.block_on(async {
        let schema =
            Arc::new(Schema::parse(SCHEMA, "fuzz.yaml", Path::new(".")).expect("a schema"));
        let store = Store::open("memory://", Path::new("."), &S3Access::default()).expect("memory");
        let decoders = Decoders::new("fuzz", HashMap::new());
        let dataset = Dataset::open(schema, store, decoders, JournalSettings::default())
            .await
            .expect("opens");
        let contribution = NewContribution {
            endpoint: "fuzz".to_owned(),
            node: "n".to_owned(),
            content_type: "text/csv".to_owned(),
            content_encoding: None,
            received_at: chrono::DateTime::UNIX_EPOCH,
            sender: None,
            address: None,
            idempotency_key: None,
            variables: serde_json::Map::new(),
            payload: Bytes::from(ROWS).into(),
        };
        dataset.contribute(contribution).await.expect("is kept");
        dataset.fold_all().await.expect("folds");
        let view = dataset.node("n").expect("the node").view();
        assert_eq!(
            view.coordinate("time").map(Values::len),
            Some(3),
            "every row takes part"
        );
        view
    })
});

/// The size of the answer and the cursor of the next page.
async fn ask(
    params: &[(String, String)],
    format: Format,
) -> Result<(usize, Option<String>), QueryError> {
    let selection = Selection::parse(params, VIEW.schema())?;
    let bounds = Bounds {
        max_block_cells: 7,
        max_page_rows: 50,
        max_columns: 50,
        max_buckets: 500,
        ..Bounds::default()
    };
    let answer = answer(
        VIEW.clone(),
        &selection,
        selection.format().unwrap_or(format),
        bounds,
    )
    .await?;
    let body: Vec<_> = answer
        .body
        .try_collect()
        .await
        .expect("an answer that began is completed");
    Ok((body.iter().map(Bytes::len).sum(), answer.cursor))
}

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else {
        return;
    };
    let formats = [
        Format::Csv,
        Format::Json,
        Format::Ndjson,
        Format::Arrow,
        Format::Parquet,
        Format::Covjson,
    ];
    let format = formats[usize::from(input.format) % formats.len()];
    let named = input
        .params
        .into_iter()
        .map(|(name, value)| (NAMES[usize::from(name) % NAMES.len()].to_owned(), value));
    let mut params: Vec<(String, String)> = named.chain(input.other).collect();
    // It blocks on the runtime itself, which the runtime forbids from within.
    LazyLock::force(&VIEW);
    RUNTIME.block_on(async {
        if let Ok((_, Some(cursor))) = ask(&params, format).await {
            params.retain(|(name, _)| name != "cursor");
            params.push(("cursor".to_owned(), cursor));
            ask(&params, format).await.expect("the next page");
        }
    });
}
