//! End-to-end tests of the built `zf`; they are all in `main.rs`, one binary, for each links to hundreds of megabytes.
