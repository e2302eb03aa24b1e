//! Names of parameters in the tables of the WMO, and what their numbers and those of levels count.

use grib_reader::parameter::{grib1_parameter_name, parameter_name};
use zarr_fuse_schemas::rules::Rules;

use super::message::Second;

const NONE: &str = "unknown";

/// The names of a parameter of edition 2, the first one being that of its variable.
pub(super) fn grib2(second: &Second<'_>, category: u8, number: u8, rules: Rules) -> Vec<String> {
    let discipline = second.discipline;
    let numbers = format!("parameter_{discipline}_{category}_{number}");
    let name = match ((discipline, category, number), rules) {
        // The table of the reader calls the height of wind waves their period.
        ((10, 0, 5), Rules::Second) => "WVHGT",
        ((10, 0, 6), Rules::Second) => "WVPER",
        _ => match parameter_name(discipline, category, number) {
            NONE => local(second, category, number).unwrap_or(NONE),
            name => name,
        },
    };
    match name {
        NONE => vec![numbers],
        name => vec![name.to_owned(), numbers],
    }
}

/// The names that the reader knows of tables of centres.
fn local(second: &Second<'_>, category: u8, number: u8) -> Option<&'static str> {
    let bytes = second.identification;
    let center = u16::from_be_bytes([*bytes.get(5)?, *bytes.get(6)?]);
    let tables = *bytes.get(10)?;
    let known = grib_reader::BUILTIN_LOCAL_PARAMETERS.iter();
    let mut known =
        known.filter(|entry| tables != 0 && entry.local_table_version.is_none_or(|n| n == tables));
    let entry = known.find(|entry| {
        entry.center_id == center
            && (entry.discipline, entry.category, entry.number)
                == (second.discipline, category, number)
    });
    entry.map(|entry| entry.short_name)
}

/// The names of a parameter of edition 1. Tables from 128 on are those of centres, of which nothing is known.
pub(super) fn grib1(table: u8, number: u8) -> Vec<String> {
    let numbers = format!("parameter_{table}_{number}");
    match grib1_parameter_name(table, number) {
        name if name != NONE && table < 128 => vec![name.to_owned(), numbers],
        _ => vec![numbers],
    }
}

/// The unit of a parameter by its name; `None` for those that are known by their numbers only.
pub(super) fn unit(name: &str) -> Option<&'static str> {
    Some(match name {
        "TMP" | "VTMP" | "POT" | "TMAX" | "TMIN" | "DPT" | "WTMP" => "K",
        "SPFH" => "kg kg-1",
        "RH" | "TCDC" | "ALBDO" => "%",
        "PWAT" | "APCP" => "kg m-2",
        "WDIR" | "WVDIR" => "degree",
        "WIND" | "UGRD" | "VGRD" | "GUST" => "m s-1",
        "VVEL" => "Pa s-1",
        "PRES" | "PRMSL" => "Pa",
        "HGT" | "HTSGW" | "WVHGT" => "m",
        "WVPER" => "s",
        "DSWRF" | "DLWRF" => "W m-2",
        "CAPE" | "CIN" => "J kg-1",
        _ => return None,
    })
}

/// The unit of a level by its kind, as it is given here.
pub(super) fn unit_of_level(kind: &str) -> Option<&'static str> {
    Some(match kind.trim_end_matches("Layer") {
        "isobaricInhPa" | "pressureFromGround" => "hPa",
        "heightAboveGround" | "heightAboveSea" | "depthBelowLand" | "depthBelowSea" => "m",
        _ => return None,
    })
}
