//! Any text, read as a schema, gives a schema or problems that have a place in the text.

use std::path::Path;

use zarr_fuse_schemas::Schema;

/// One input of the fuzzer.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Schema::parse(text, "fuzz.yaml", Path::new("/nonexistent")) {
        Ok(schema) => {
            let again = Schema::parse(
                &schema.public_text(),
                "fuzz.yaml",
                Path::new("/nonexistent"),
            );
            assert!(again.is_ok() || schema.public_text() != text);
            assert!(zarr_fuse_schemas::check_edit(&schema, &schema).is_empty());
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            // YAML breaks lines at a carriage return, too.
            let n_lines = text.replace("\r\n", "\n").matches(['\r', '\n']).count() + 1;
            assert!(
                error.problems.iter().all(|problem| problem.line <= n_lines),
                "{error}"
            );
        }
    }
}
