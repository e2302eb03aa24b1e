//! Selection to values to CSV, JSON, Arrow, Parquet.
