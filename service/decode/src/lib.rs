//! Bytes to a table: the first step of the data path after the journal.
//!
//! The order is fixed: decompress, read the format (or run the extraction program on the JSON), then `lookup`, `rename`,
//! `set`, `unpivot`. [`decode`] is a plain function of its arguments; programs and lookup tables are loaded once, by
//! [`Decoding::prepare`].

mod arrays;
mod arrow;
mod budget;
mod cf;
mod clock;
mod compression;
mod config;
mod container;
mod content;
mod csv;
mod decoded;
mod detect;
pub mod draft;
mod error;
mod extract;
mod form;
mod format_error;
mod grib;
mod grids;
mod guard;
mod json;
mod line_protocol;
mod lookup;
mod netcdf;
mod nulls;
mod opened;
mod parquet;
mod prepare;
mod print;
mod reshape;
mod sheet;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod toa5;
mod zarr;

use indexmap::IndexMap;
use polars::prelude::PlSmallStr;
use serde_json::{Map, Value};
use zarr_fuse_schemas::rules::Rules;

use budget::{Budget, TEXT_CELL_BYTES};
pub use config::{
    All, Columns, CsvOptions, Decoding, Extract, FileUnits, Format, GridOptions, Header,
    HeaderRows, Limits, LineProtocolOptions, Lookup, OnBadCell, Pivot, Precision, ReducedRows,
    Sheet, SheetOptions, ShortRows, Split, Take, Toa5Options, Units, Unpivot, Wanted,
};
pub use content::{Content, content_of_file};
pub use decoded::Decoded;
pub use error::{DecodeError, DecodeSetupError};
pub use format_error::FormatError;
pub use grids::{Grid, Grids};
use guard::guarded;
use opened::{Opened, open};
use prepare::{Asked, NodeColumns};
pub use prepare::{Decoder, Recipe};
pub use print::printed;
pub use table::Table;
pub use table::{Lines, Lost};

/// The table in the bytes of a contribution.
///
/// `variables` are those of the request; programs see them as `$vars`, `set` as `${name}`.
///
/// # Errors
/// What is wrong with the bytes and what to do, see [`DecodeError`]. Nothing panics, whatever the bytes.
pub fn decode(
    payload: &[u8],
    content: &Content,
    decoder: &Decoder,
    variables: &Map<String, Value>,
) -> Result<Table, DecodeError> {
    let opened = open(payload, content, decoder)?;
    let variables = &opened.variables(variables);
    let budget = Budget::new(&decoder.limits);
    match read(&opened, decoder, variables, &budget)? {
        Decoded::Table(table) => shape(table, decoder, variables, &budget),
        Decoded::Grids(grids) => {
            let table = grids.to_rows(&budget)?;
            shape(table, decoder, variables, &budget)
        }
    }
}

/// The same as [`decode`], but arrays stay arrays, unless a step is configured that needs rows.
///
/// # Errors
/// As [`decode`].
pub fn decode_arrays(
    payload: &[u8],
    content: &Content,
    decoder: &Decoder,
    variables: &Map<String, Value>,
) -> Result<Decoded, DecodeError> {
    let opened = open(payload, content, decoder)?;
    let variables = &opened.variables(variables);
    let budget = Budget::new(&decoder.limits);
    let grids = match read(&opened, decoder, variables, &budget)? {
        Decoded::Table(table) => {
            return Ok(Decoded::Table(shape(table, decoder, variables, &budget)?));
        }
        Decoded::Grids(grids) => grids,
    };
    drop(opened);
    let grids = match &decoder.wanted {
        Some(wanted) => match arrays::along(grids, wanted, &budget)? {
            Decoded::Grids(grids) => grids,
            Decoded::Table(table) => {
                return Ok(Decoded::Table(shape(table, decoder, variables, &budget)?));
            }
        },
        None => grids,
    };
    if !decoder.needs_rows() {
        let known = grids.coordinates.keys().chain(grids.variables.keys());
        let names = decoder.rename.names(known.map(String::as_str))?;
        let renamed = arrays::rename(grids.clone(), &names)?;
        if let Some(grids) = arrays::set(renamed, &decoder.set, variables)? {
            return Ok(Decoded::Grids(grids));
        }
    }
    let table = grids.to_rows(&budget)?;
    Ok(Decoded::Table(shape(table, decoder, variables, &budget)?))
}

/// The steps after reading.
fn shape(
    table: Table,
    decoder: &Decoder,
    variables: &Map<String, Value>,
    budget: &Budget<'_>,
) -> Result<Table, DecodeError> {
    let Table {
        mut frame,
        mut units,
        lost,
        lines,
    } = table;
    // Where rows are left out or multiplied, others stand on their lines.
    let lines = lines.filter(|_| decoder.rows.is_empty() && decoder.unpivot.is_none());
    let lines = lines.filter(|_| {
        decoder
            .pivot
            .as_ref()
            .is_none_or(|pivot| pivot.only.is_none())
    });
    for lookup in &decoder.lookups {
        frame = lookup::join(frame, lookup, budget)?;
    }
    let names = decoder
        .rename
        .names(frame.get_column_names().into_iter().map(PlSmallStr::as_str))?;
    let frame = reshape::rename(frame, &names)?;
    units = renamed(units, &names);
    let n_columns = frame.width() + decoder.set.len();
    budget.check_columns(n_columns)?;
    budget.check_shape(frame.height(), n_columns)?;
    budget.take_each(frame.height() * decoder.set.len(), TEXT_CELL_BYTES)?;
    let mut frame = reshape::set(frame, &decoder.set, variables)?;
    units.retain(|name, _| !decoder.set.iter().any(|(column, _)| column == name));
    frame = reshape::join(frame, &decoder.join, budget)?;
    units.retain(|name, _| !decoder.join.iter().any(|join| join.column() == name));
    frame = reshape::choose_rows(frame, &decoder.rows)?;
    if let Some(unpivot) = &decoder.unpivot {
        let before = frame.get_column_names_owned();
        frame = reshape::unpivot(frame, unpivot, budget)?;
        // What was unpivoted has become something else.
        let kept = frame.get_column_names_owned();
        units.retain(|name, _| {
            let has = |names: &[PlSmallStr]| names.iter().any(|other| other == name);
            has(&before) && has(&kept) && unpivot.keeps(name)
        });
    }
    if let Some(pivot) = &decoder.pivot {
        frame = reshape::pivot(frame, pivot, budget)?;
        units.shift_remove(&pivot.value);
    }
    Ok(Table {
        frame,
        units,
        lost,
        lines,
    })
}

/// Units under the new names of their columns.
fn renamed(
    units: IndexMap<String, String>,
    names: &[(String, String)],
) -> IndexMap<String, String> {
    let new = |name: String| match names.iter().find(|(from, _)| *from == name) {
        Some((_, to)) => to.clone(),
        None => name,
    };
    let units = units.into_iter();
    units.map(|(name, unit)| (new(name), unit)).collect()
}

/// The rows or arrays in an opened body, with the units that count.
fn read(
    opened: &Opened<'_>,
    decoder: &Decoder,
    variables: &Map<String, Value>,
    budget: &Budget<'_>,
) -> Result<Decoded, DecodeError> {
    let is_dropped = decoder.units == FileUnits::Drop;
    Ok(match read_format(opened, decoder, variables, budget)? {
        Decoded::Table(mut table) => {
            if is_dropped {
                table.units.clear();
            }
            Decoded::Table(table)
        }
        Decoded::Grids(mut grids) => {
            if is_dropped {
                grids.units.clear();
            }
            if let Some(name) = &decoder.grid_name {
                grids = arrays::name_only(grids, &name.text("grid.name", variables)?)?;
            }
            Decoded::Grids(grids)
        }
    })
}

fn read_format(
    opened: &Opened<'_>,
    decoder: &Decoder,
    variables: &Map<String, Value>,
    budget: &Budget<'_>,
) -> Result<Decoded, DecodeError> {
    let Opened {
        body,
        fields,
        format,
        delimiter,
        charset,
    } = opened;
    let text = || text::text_of(body, *charset, decoder.limits.max_decompressed_bytes);
    // What is to be the only variable is taken whatever it is called.
    let wanted = decoder
        .wanted
        .as_deref()
        .filter(|_| decoder.grid_name.is_none());
    let asked = Asked {
        options: &decoder.grid,
        wanted,
        rules: decoder.rules(),
    };
    let arrays = |format, read: fn(&[u8], Asked<'_>, &Budget<'_>) -> Result<Grids, DecodeError>| {
        guarded(format, || read(body, asked, budget)).map(Decoded::Grids)
    };
    let rules = decoder.rules();
    let with_lost = |(frame, lost)| {
        Ok(Decoded::Table(Table {
            lost,
            ..Table::from(frame)
        }))
    };
    let frame = match format {
        format if let Some(program) = &decoder.program => {
            extract::extract(&text()?, *format, program, variables, budget)?
        }
        Format::Csv => {
            let read = csv::read_tolerant(body, &decoder.dialect, *delimiter, *charset, budget)?;
            return Ok(Decoded::Table(read));
        }
        Format::Json => json::read(&text()?, rules, budget)?,
        Format::Ndjson => return with_lost(json::read_lines(&text()?, rules, budget)?),
        Format::Parquet => {
            let table = guarded(parquet::FORMAT, || parquet::read(body, wanted, budget))?;
            return Ok(Decoded::Table(table));
        }
        Format::Arrow => return guarded(arrow::FORMAT, || arrow::read(body, wanted, budget)),
        Format::Form => match fields {
            Some(fields) => form::row(fields, budget)?,
            None => form::read(body, budget)?,
        },
        Format::Xlsx => guarded(sheet::XLSX, || {
            sheet::read_xlsx(body, &decoder.sheet, budget)
        })?,
        Format::Ods => sheet::read_ods(body, &decoder.sheet, budget)?,
        Format::Toa5 => return Ok(Decoded::Table(decoder.toa5.read(body, *charset, budget)?)),
        Format::LineProtocol => {
            let options = &decoder.line_protocol;
            let read = line_protocol::read(&text()?, options, variables, rules, budget)?;
            return with_lost(read);
        }
        Format::Netcdf => return arrays(netcdf::FORMAT, netcdf::read),
        Format::Zarr => return arrays(zarr::FORMAT, zarr::read),
        Format::Grib => return arrays(grib::FORMAT, grib::read),
    };
    let frame = match format {
        Format::Xlsx | Format::Ods if rules != Rules::First => {
            nulls::without_numbers(clock::without_dates(frame)?, &decoder.sheet.null_values)?
        }
        _ => frame,
    };
    Ok(Decoded::Table(frame.into()))
}
