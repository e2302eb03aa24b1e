//! Objects damaged by hand: found, named, and repaired where the journal still knows better.
