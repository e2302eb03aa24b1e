//! Sources of contributions: what is fetched or subscribed to, and the simulated instruments of `zf demo`.
//!
//! A source makes contributions and hands them to a sink; nothing here knows the journal or the arrays.

pub mod simulate;
