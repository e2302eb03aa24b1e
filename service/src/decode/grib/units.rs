//! What the numbers of parameters and levels count, by the tables of the WMO.

/// The unit of a parameter by its name; `None` for those that are known by their numbers only.
pub(super) fn of_parameter(name: &str) -> Option<&'static str> {
    Some(match name {
        "TMP" | "VTMP" | "POT" | "TMAX" | "TMIN" | "DPT" | "WTMP" => "K",
        "SPFH" => "kg kg-1",
        "RH" | "TCDC" | "ALBDO" => "%",
        "PWAT" | "APCP" => "kg m-2",
        "WDIR" | "WVDIR" => "degree",
        "WIND" | "UGRD" | "VGRD" | "GUST" => "m s-1",
        "VVEL" => "Pa s-1",
        "PRES" | "PRMSL" => "Pa",
        "HGT" | "HTSGW" => "m",
        "WVPER" => "s",
        "DSWRF" | "DLWRF" => "W m-2",
        "CAPE" | "CIN" => "J kg-1",
        _ => return None,
    })
}

/// The unit of a level by its kind, as it is given here.
pub(super) fn of_level(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "isobaricInhPa" => "hPa",
        "heightAboveGround" | "heightAboveSea" | "depthBelowLand" | "depthBelowSea" => "m",
        _ => return None,
    })
}
