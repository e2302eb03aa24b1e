//! The `zf` command.
fn main() {}
