//! The section `limits`.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::quantity::{DurationText, SizeText, bytes, duration, optional_bytes};

/// Bounds on what clients may use. Over a bound, the answer is a clear error (413, 422, or 429 with `Retry-After`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest body of a request, as it arrives. Default `256MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_body_bytes: u64,
    /// Largest contribution after decompression. Default `512MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_decompressed_bytes: u64,
    /// Most bytes of bodies in memory, of all requests together. Further ones go into temporary files, and so do bodies above
    /// 1 MiB. Default `64MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_body_memory_bytes: u64,
    /// Most bytes of bodies in temporary files, those included that wait to be merged; further ones are answered 429.
    /// Default `4GiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_spool_bytes: u64,
    /// Folder of these temporary files. They have no names and are gone when the process ends, however it ends. Default:
    /// `TMPDIR`, else `/var/tmp`, else `/tmp`, whichever can be written.
    pub spool_folder: Option<PathBuf>,
    /// Longest pause between two pieces of a body; then the answer is 408. Default `30s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub max_body_pause: Duration,
    /// Slowest body, in bytes per second, once the first `max_body_pause` is over; slower ones are answered 408. Default 256.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub min_body_rate: u64,
    /// Longest time in which nothing of an answer leaves because its client reads nothing; then the connection is cut. However
    /// slowly it reads, while it does it is not. Default `60s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub max_answer_pause: Duration,
    /// Longest path and query of a request; further ones are answered 414. Default `16KiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_url_bytes: u64,
    /// Most requests worked on at once; further ones are answered 503. Default 512.
    #[schemars(range(min = 1))]
    pub max_concurrent_requests: usize,
    /// Most of them from one address (of IPv6: a /64), or of one name that signed in; further ones are answered 429. Where people
    /// sign in, a quarter of all is kept for those who have. Default 256.
    #[schemars(range(min = 1))]
    pub max_concurrent_requests_per_address: usize,
    /// Most clients that follow events at once, beside those requests; further ones are answered 503. Default 256.
    #[schemars(range(min = 1))]
    pub max_event_streams: usize,
    /// Most of them from one address, or of one name that signed in; further ones are answered 429. Default 64.
    #[schemars(range(min = 1))]
    pub max_event_streams_per_address: usize,
    /// Most retractions, retries and rebuilds that one sender may ask for in a minute, and at once after a quiet minute; further
    /// ones are answered 429. Default 120.
    #[schemars(range(min = 1))]
    pub max_corrections_per_minute: u32,
    /// Longest time that `?wait=merged` waits; then the answer is 202. Default `30s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub wait: Duration,
    /// How long a state of a Zarr store that was opened over HTTP can be read after late values have moved others; then the answer
    /// is 410. Default `10min`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub keep_layouts: Duration,
    /// Most contributions of a dataset that wait to be folded: from half of it on further ones are delayed, at the bound they
    /// are answered 429. Default 100000.
    #[schemars(range(min = 1))]
    pub max_waiting_contributions: usize,
    /// Most bytes of contributions of a dataset that wait to be folded, in the same way. Default `1GiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_waiting_bytes: u64,
    /// Most memory for contributions that are decoded and merged or tried out, of all datasets together; further ones wait,
    /// and dry runs are answered 503. A single contribution may take more. Default: a quarter of the memory that there is,
    /// be it bounded by the machine, a control group (container) or a limit of the process.
    #[serde(deserialize_with = "optional_bytes")]
    #[schemars(with = "Option<SizeText>")]
    pub max_merge_memory_bytes: Option<u64>,
    /// Most decoded chunks of a dataset kept in memory. Default `128MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_chunk_cache_bytes: u64,
    /// Most memory that answers take, all of them together: what is read and written for queries, answers on their way to
    /// clients that read slowly, payloads that are downloaded, searches for origins. A question for which there is no room for
    /// ten seconds is answered 503; one that alone would take more, 422. Default `512MiB`.
    #[serde(deserialize_with = "bytes")]
    #[schemars(with = "SizeText")]
    pub max_answer_memory_bytes: u64,
    /// Longest time that is worked on a query before its first bytes, and between bytes, the time not counted in which its client
    /// reads; then the answer is 504, or is cut off if it has begun. Default `60s`.
    #[serde(deserialize_with = "duration")]
    #[schemars(with = "DurationText")]
    pub max_query_time: Duration,
    /// Most cells, of all variables together, that a query reads and formats at once; answers that are streamed take fewer.
    /// Default 1048576.
    #[schemars(range(min = 1))]
    pub max_query_block_cells: u64,
    /// Largest `limit` of a query: most rows of one page. Default 100000.
    #[schemars(range(min = 1))]
    pub max_query_page_rows: u64,
    /// Most columns of a query with `layout=wide`. Default 10000.
    #[schemars(range(min = 1))]
    pub max_query_columns: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let query = zarr_fuse_query::Bounds::default();
        Self {
            max_body_bytes: 256 << 20,
            max_decompressed_bytes: 512 << 20,
            max_body_memory_bytes: 64 << 20,
            max_spool_bytes: 4 << 30,
            spool_folder: None,
            max_body_pause: Duration::from_secs(30),
            min_body_rate: 256,
            max_answer_pause: Duration::from_mins(1),
            max_url_bytes: 16 << 10,
            max_concurrent_requests: 512,
            max_concurrent_requests_per_address: 256,
            max_event_streams: 256,
            max_event_streams_per_address: 64,
            max_corrections_per_minute: 120,
            wait: Duration::from_secs(30),
            keep_layouts: zarr_fuse_fusion::node::KEEP,
            max_waiting_contributions: 100_000,
            max_waiting_bytes: 1 << 30,
            max_merge_memory_bytes: None,
            max_chunk_cache_bytes: 128 << 20,
            max_answer_memory_bytes: zarr_fuse_query::DEFAULT_ROOM,
            max_query_time: Duration::from_mins(1),
            max_query_block_cells: query.max_block_cells,
            max_query_page_rows: query.max_page_rows,
            max_query_columns: query.max_columns,
        }
    }
}

impl LimitsConfig {
    /// Those of queries, which share `room`.
    pub fn query(&self, room: &zarr_fuse_query::Room) -> zarr_fuse_query::Bounds {
        zarr_fuse_query::Bounds {
            room: room.clone(),
            max_block_cells: self.max_query_block_cells,
            max_page_rows: self.max_query_page_rows,
            max_columns: self.max_query_columns,
            ..zarr_fuse_query::Bounds::default()
        }
    }
}
