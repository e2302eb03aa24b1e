//! Any bytes, read as any format, merged into any of some nodes between good rows, leave a node that can be opened again.
//!
//! What is caught in the service as its fault with a contribution ends the process here.

#![no_main]

#[path = "../../tests/service/whole_path/path.rs"]
mod path;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use path::{FORMATS, Paths};
use tokio::runtime::Runtime;

/// Rows that all nodes take, as CSV, which is the first format.
const GOOD: &[u8] = b"time,depth,station,temp,count\n2024-02-29T06:00:00Z,1.5,A,1,2\n";

static PATHS: LazyLock<(Paths, Runtime)> = LazyLock::new(|| {
    // libFuzzer's hook ends the process before `decode` can catch what readers of others do.
    std::panic::set_hook(Box::new(|_| {}));
    (Paths::new(), Runtime::new().expect("a runtime"))
});

fuzz_target!(|input: &[u8]| {
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
    let folded = catch_unwind(AssertUnwindSafe(|| {
        let n_rows = runtime.block_on(paths.fold(schema, &bodies));
        assert!(n_rows >= 2, "good rows were lost");
    }));
    // Without a hook nothing ends the process but this.
    if let Err(panic) = folded {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        eprintln!("panicked: {}", text.unwrap_or("for an unknown reason"));
        std::process::abort();
    }
});
