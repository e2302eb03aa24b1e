//! What polars alone needs to parse a CSV file, in a process of its own.

use std::process::ExitCode;
use std::time::Instant;

use polars_io::SerReader as _;
use polars_io::csv::read::CsvReadOptions;

use crate::figures::print;

/// Parses `file` with the defaults of polars and prints the seconds it took.
pub(crate) fn parse(file: &str) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let frame = CsvReadOptions::default()
        .try_into_reader_with_file_path(Some(file.into()))?
        .finish()?;
    let seconds = begin.elapsed().as_secs_f64();
    anyhow::ensure!(frame.height() > 0, "`{file}` is empty");
    print(&seconds.to_string())?;
    Ok(ExitCode::SUCCESS)
}
