//! Names and units as columns have them, and how YAML writes them.

use zarr_fuse_schemas::Unit;

/// A text as YAML writes it: plain if it can be, else in double quotes.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && ![
            "true", "false", "null", "none", "yes", "no", "on", "off", "nan", "y", "n",
        ]
        .contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// Lower case, digits and underscores.
pub(super) fn simple(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            name.extend(c.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    name.chars().take(60).collect()
}

/// A name and unit after the name of a column, such as `Temp, °C (LGR S/N: 1)` or `AirTC_Avg [Deg C]`.
pub(super) fn split(column: &str) -> (String, Option<String>) {
    for (open, close) in [('[', ']'), ('(', ')')] {
        if let (Some(begin), Some(end)) = (column.find(open), column.rfind(close))
            && begin < end
            && let Some(unit) = unit(&column[begin + open.len_utf8()..end])
        {
            return (simple(&column[..begin]), Some(unit));
        }
    }
    let mut parts = column.splitn(3, ',');
    if let (Some(first), Some(second)) = (parts.next(), parts.next()) {
        let second = second.split(['(', '[']).next().unwrap_or_default();
        if let Some(unit) = unit(second) {
            return (simple(first), Some(unit));
        }
    }
    // Serial numbers change from logger to logger.
    let bare = match column.split_once('(') {
        Some((bare, rest)) if rest.contains("S/N") => bare,
        _ => column,
    };
    (simple(bare), None)
}

/// The offset that a name tells, as in `Date Time, GMT+02:00`.
pub(super) fn offset(column: &str) -> Option<String> {
    let (_, rest) = column
        .split_once("GMT")
        .or_else(|| column.split_once("UTC"))?;
    let sign = rest.chars().next().filter(|c| ['+', '-'].contains(c))?;
    let digits: String = rest[1..]
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == ':')
        .collect();
    let (hours, minutes) = digits.split_once(':').unwrap_or((&digits, "00"));
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 15 && minutes < 60).then(|| format!("{sign}{hours:02}:{minutes:02}"))
}

/// A unit as the schema language writes it, if a text is certainly one.
pub(super) fn unit(text: &str) -> Option<String> {
    let text = text.trim();
    let usual = match text.to_lowercase().as_str() {
        "°c" | "c" | "deg c" | "degc" | "℃" | "celsius" | "deg_c" | "° c" => "degC",
        "°f" | "f" | "deg f" | "degf" | "fahrenheit" | "° f" => "degF",
        "°" | "deg" | "degrees" | "degree" => "deg",
        "%" | "% rh" | "%rh" | "percent" => "%",
        "volts" | "v" => "V",
        "w/m²" | "w/m^2" | "w/m2" => "W/m^2",
        "m³/m³" | "m^3/m^3" | "m3/m3" => "m^3/m^3",
        "" => return None,
        _ => text,
    };
    let parsed = Unit::parse(usual).ok()?;
    parsed.warning().is_none().then(|| usual.to_owned())
}

/// The name, made another one where it is taken or means something else.
pub(super) fn free(name: String, taken: &[String]) -> String {
    let name = match name.as_str() {
        "" => "column".to_owned(),
        "c" => "c_value".to_owned(),
        _ => name,
    };
    if !taken.contains(&name) {
        return name;
    }
    // One of as many and one names is free.
    (2..taken.len() + 3)
        .map(|i| format!("{name}_{i}"))
        .find(|name| !taken.contains(name))
        .unwrap_or(name)
}
