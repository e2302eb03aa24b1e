//! Any bytes, read as any format, merged into any of some nodes between good rows, leave a node that can be opened again.
//!
//! What is caught in the service as its fault with a contribution ends the process here.

#[path = "paths.rs"]
pub(crate) mod path;

use std::sync::LazyLock;

use path::{FORMATS, Paths};
use tokio::runtime::Runtime;

/// Rows that all nodes take, as CSV, which is the first format.
const GOOD: &[u8] = b"time,depth,station,temp,count\n2024-02-29T06:00:00Z,1.5,A,1,2\n";

static PATHS: LazyLock<(Paths, Runtime)> =
    LazyLock::new(|| (Paths::new(), Runtime::new().expect("a runtime")));

/// One input of the fuzzer.
pub fn run(input: &[u8]) {
    let [format, node, body @ ..] = input else {
        return;
    };
    let (paths, runtime) = &*PATHS;
    let schema = &paths.nodes[usize::from(*node) % paths.nodes.len()];
    let bodies = [
        (0, GOOD),
        (usize::from(*format) % FORMATS.len(), body),
        (0, GOOD),
    ];
    let n_rows = runtime.block_on(paths.fold(schema, &bodies));
    assert!(n_rows >= 2, "good rows were lost");
}
