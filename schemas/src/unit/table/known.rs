//! The table itself. Values are those of pint; years are Julian, calories thermochemical.

use std::f64::consts::PI;

use super::{Dimension, Known, Prefix};

const NONE: [i8; 7] = [0; 7];
const LENGTH: [i8; 7] = [1, 0, 0, 0, 0, 0, 0];
const AREA: [i8; 7] = [2, 0, 0, 0, 0, 0, 0];
const VOLUME: [i8; 7] = [3, 0, 0, 0, 0, 0, 0];
const MASS: [i8; 7] = [0, 1, 0, 0, 0, 0, 0];
const TIME: [i8; 7] = [0, 0, 1, 0, 0, 0, 0];
const CURRENT: [i8; 7] = [0, 0, 0, 1, 0, 0, 0];
const TEMPERATURE: [i8; 7] = [0, 0, 0, 0, 1, 0, 0];
const SPEED: [i8; 7] = [1, 0, -1, 0, 0, 0, 0];
const FREQUENCY: [i8; 7] = [0, 0, -1, 0, 0, 0, 0];
const FORCE: [i8; 7] = [1, 1, -2, 0, 0, 0, 0];
const PRESSURE: [i8; 7] = [-1, 1, -2, 0, 0, 0, 0];
const ENERGY: [i8; 7] = [2, 1, -2, 0, 0, 0, 0];
const POWER: [i8; 7] = [2, 1, -3, 0, 0, 0, 0];

const YARD: f64 = 0.9144;
const POUND: f64 = 0.453_592_37;
const GRAVITY: f64 = 9.806_65;
const DAY: f64 = 86_400.0;
const YEAR: f64 = 365.25 * DAY;
const ATMOSPHERE: f64 = 101_325.0;
const DARCY: f64 = 1e-7 / ATMOSPHERE;
const CALORIE: f64 = 4.184;
const EV: f64 = 1.602_176_634e-19;
/// Density of mercury at 0 °C and of water at 4 °C, as conventional for columns.
const MERCURY: f64 = 13_595.1;
const WATER: f64 = 1_000.0;

/// A unit with SI prefixes.
const fn si(
    symbols: &'static [&'static str],
    names: &'static [&'static str],
    factor: f64,
    dimension: [i8; 7],
    cf: &'static str,
) -> Known {
    Known {
        symbols,
        names,
        factor,
        offset: 0.0,
        dimension: Dimension(dimension),
        cf,
        cf_in_product: None,
        prefixed: true,
    }
}

/// A unit without prefixes.
const fn plain(
    symbols: &'static [&'static str],
    names: &'static [&'static str],
    factor: f64,
    dimension: [i8; 7],
    cf: &'static str,
) -> Known {
    Known {
        prefixed: false,
        ..si(symbols, names, factor, dimension, cf)
    }
}

/// A scale of temperature with its zero; in products it is a difference.
const fn scale(
    symbols: &'static [&'static str],
    names: &'static [&'static str],
    factor: f64,
    offset: f64,
    cf: &'static str,
    difference: &'static str,
) -> Known {
    Known {
        offset,
        cf_in_product: Some(difference),
        ..plain(symbols, names, factor, TEMPERATURE, cf)
    }
}

/// In the order in which names are looked up.
pub(super) const UNITS: &[Known] = &[
    // plain numbers
    plain(
        &[],
        &["dimensionless", "unitless", "count", "fraction"],
        1.0,
        NONE,
        "1",
    ),
    plain(&["%", "pct"], &["percent"], 0.01, NONE, "%"),
    plain(&["‰"], &["permille", "permil"], 0.001, NONE, "1e-3"),
    plain(&["ppm", "ppmv"], &[], 1e-6, NONE, "1e-6"),
    plain(&["ppb", "ppbv"], &[], 1e-9, NONE, "1e-9"),
    si(&["rad"], &["radian"], 1.0, NONE, "rad"),
    plain(
        &["deg", "°"],
        &["degree", "arcdeg"],
        PI / 180.0,
        NONE,
        "degree",
    ),
    plain(
        &["degN"],
        &["degree_north", "degrees_north", "degree_N", "degrees_N"],
        PI / 180.0,
        NONE,
        "degrees_north",
    ),
    plain(
        &["degE"],
        &["degree_east", "degrees_east", "degree_E", "degrees_E"],
        PI / 180.0,
        NONE,
        "degrees_east",
    ),
    plain(
        &["arcmin", "′", "'"],
        &["arcminute", "arc_minute"],
        PI / 10_800.0,
        NONE,
        "arc_minute",
    ),
    plain(
        &["arcsec", "″", "\""],
        &["arcsecond", "arc_second"],
        PI / 648_000.0,
        NONE,
        "arc_second",
    ),
    plain(
        &[],
        &["turn", "revolution", "cycle", "circle"],
        2.0 * PI,
        NONE,
        "circle",
    ),
    plain(
        &["rpm"],
        &["revolutions_per_minute"],
        PI / 30.0,
        FREQUENCY,
        "rpm",
    ),
    si(&["sr"], &["steradian"], 1.0, NONE, "sr"),
    // length, area, volume
    si(&["m"], &["meter", "metre"], 1.0, LENGTH, "m"),
    plain(&["µ", "μ"], &["micron"], 1e-6, LENGTH, "um"),
    plain(
        &["Å"],
        &["angstrom", "Angstrom", "ångström"],
        1e-10,
        LENGTH,
        "angstrom",
    ),
    plain(&["in"], &["inch", "inches"], YARD / 36.0, LENGTH, "inch"),
    plain(&["ft"], &["foot", "feet"], YARD / 3.0, LENGTH, "foot"),
    plain(&["yd"], &["yard"], YARD, LENGTH, "yard"),
    plain(&["mi"], &["mile"], 1760.0 * YARD, LENGTH, "mile"),
    plain(
        &["nmi"],
        &["nautical_mile"],
        1852.0,
        LENGTH,
        "nautical_mile",
    ),
    plain(&["ha"], &["hectare"], 1e4, AREA, "hectare"),
    si(&["l", "L", "ℓ"], &["liter", "litre"], 1e-3, VOLUME, "L"),
    plain(&["cc"], &["cubic_centimeter"], 1e-6, VOLUME, "cm3"),
    plain(
        &["gal"],
        &["gallon"],
        231.0 * (YARD / 36.0) * (YARD / 36.0) * (YARD / 36.0),
        VOLUME,
        "231 inch3",
    ),
    // mass, amount
    si(&["g"], &["gram", "gramme"], 1e-3, MASS, "g"),
    si(&["t"], &["tonne", "metric_ton"], 1e3, MASS, "t"),
    plain(&["lb", "lbs"], &["pound"], POUND, MASS, "lb"),
    plain(&["oz"], &["ounce"], POUND / 16.0, MASS, "28.349523125 g"),
    si(&["mol"], &["mole"], 1.0, [0, 0, 0, 0, 0, 1, 0], "mol"),
    si(&["M"], &["molar"], 1e3, [-3, 0, 0, 0, 0, 1, 0], "mol L-1"),
    // time
    si(&["s", "sec", "secs"], &["second"], 1.0, TIME, "s"),
    plain(&["min", "mins"], &["minute"], 60.0, TIME, "min"),
    plain(&["h", "hr", "hrs"], &["hour"], 3600.0, TIME, "h"),
    plain(&["d"], &["day"], DAY, TIME, "day"),
    plain(&[], &["week"], 7.0 * DAY, TIME, "week"),
    plain(&[], &["month"], YEAR / 12.0, TIME, "30.4375 day"),
    plain(
        &["a", "yr"],
        &["year", "julian_year"],
        YEAR,
        TIME,
        "365.25 day",
    ),
    si(&["Hz", "hz"], &["hertz"], 1.0, FREQUENCY, "Hz"),
    // temperature
    si(
        &["K", "degK"],
        &["kelvin", "Kelvin", "degree_Kelvin"],
        1.0,
        TEMPERATURE,
        "K",
    ),
    scale(
        &["degC", "deg C", "deg_C", "°C", "℃", "degsC"],
        &[
            "celsius",
            "Celsius",
            "degree_Celsius",
            "degrees_Celsius",
            "degree_celsius",
            "degrees_celsius",
            "degreeC",
            "degreesC",
            "degree_C",
            "degrees_C",
        ],
        1.0,
        273.15,
        "degree_Celsius",
        "K",
    ),
    scale(
        &["degF", "deg F", "deg_F", "°F", "℉"],
        &[
            "fahrenheit",
            "Fahrenheit",
            "degree_Fahrenheit",
            "degrees_Fahrenheit",
            "degreeF",
            "degree_F",
            "degrees_F",
        ],
        5.0 / 9.0,
        273.15 - 32.0 * 5.0 / 9.0,
        "degree_Fahrenheit",
        "degree_Rankine",
    ),
    plain(
        &["delta_degC", "Δ°C"],
        &["delta_celsius", "delta_degree_Celsius"],
        1.0,
        TEMPERATURE,
        "K",
    ),
    plain(
        &["delta_degF", "Δ°F"],
        &["delta_fahrenheit"],
        5.0 / 9.0,
        TEMPERATURE,
        "degree_Rankine",
    ),
    plain(
        &["degR", "°R"],
        &["rankine", "degree_Rankine"],
        5.0 / 9.0,
        TEMPERATURE,
        "degree_Rankine",
    ),
    // speed
    plain(&["kt", "kn"], &["knot"], 1852.0 / 3600.0, SPEED, "knot"),
    plain(
        &["mph"],
        &["mile_per_hour"],
        1760.0 * YARD / 3600.0,
        SPEED,
        "mile h-1",
    ),
    plain(
        &["kph", "kmh"],
        &["kilometer_per_hour"],
        1000.0 / 3600.0,
        SPEED,
        "km h-1",
    ),
    // force, pressure, energy, power
    si(&["N"], &["newton"], 1.0, FORCE, "N"),
    plain(&["dyn"], &["dyne"], 1e-5, FORCE, "dyne"),
    plain(&["kgf"], &["kilogram_force"], GRAVITY, FORCE, "kgf"),
    plain(&["lbf"], &["pound_force"], POUND * GRAVITY, FORCE, "lbf"),
    si(&["Pa"], &["pascal", "Pascal"], 1.0, PRESSURE, "Pa"),
    si(&["bar"], &["bar"], 1e5, PRESSURE, "bar"),
    plain(
        &["atm"],
        &["atmosphere", "standard_atmosphere"],
        ATMOSPHERE,
        PRESSURE,
        "atm",
    ),
    plain(
        &["at"],
        &["technical_atmosphere"],
        GRAVITY * 1e4,
        PRESSURE,
        "at",
    ),
    plain(
        &["torr", "Torr"],
        &[],
        ATMOSPHERE / 760.0,
        PRESSURE,
        "133.32236842105263 Pa",
    ),
    plain(
        &["mmHg", "mm_Hg"],
        &["millimeter_Hg"],
        1e-3 * MERCURY * GRAVITY,
        PRESSURE,
        "mmHg",
    ),
    plain(
        &["inHg", "in_Hg"],
        &["inch_Hg"],
        YARD / 36.0 * MERCURY * GRAVITY,
        PRESSURE,
        "inHg",
    ),
    plain(
        &["cmH2O", "cm_H2O"],
        &["centimeter_H2O"],
        0.01 * WATER * GRAVITY,
        PRESSURE,
        "cmH2O",
    ),
    plain(
        &["mmH2O", "mm_H2O"],
        &[],
        1e-3 * WATER * GRAVITY,
        PRESSURE,
        "0.1 cmH2O",
    ),
    plain(&["mH2O"], &[], WATER * GRAVITY, PRESSURE, "100 cmH2O"),
    plain(
        &["psi"],
        &["pound_force_per_square_inch"],
        POUND * GRAVITY / (YARD / 36.0) / (YARD / 36.0),
        PRESSURE,
        "psi",
    ),
    si(&["J"], &["joule"], 1.0, ENERGY, "J"),
    si(&["Wh"], &["watt_hour"], 3600.0, ENERGY, "W h"),
    plain(&["cal"], &["calorie"], CALORIE, ENERGY, "4.184 J"),
    plain(&["kcal"], &["kilocalorie"], 1e3 * CALORIE, ENERGY, "4184 J"),
    plain(&["eV"], &["electron_volt"], EV, ENERGY, "1.602176634e-19 J"),
    plain(&["keV"], &[], 1e3 * EV, ENERGY, "1.602176634e-16 J"),
    plain(&["MeV"], &[], 1e6 * EV, ENERGY, "1.602176634e-13 J"),
    plain(
        &["BTU", "Btu", "btu"],
        &["british_thermal_unit"],
        1055.056,
        ENERGY,
        "1055.056 J",
    ),
    plain(
        &[],
        &["langley"],
        CALORIE * 1e4,
        [0, 1, -2, 0, 0, 0, 0],
        "41840 J m-2",
    ),
    si(&["W"], &["watt"], 1.0, POWER, "W"),
    plain(
        &["hp"],
        &["horsepower"],
        550.0 * YARD / 3.0 * POUND * GRAVITY,
        POWER,
        "550 foot lbf s-1",
    ),
    // electricity and magnetism
    si(&["A"], &["ampere", "amp"], 1.0, CURRENT, "A"),
    si(&["V"], &["volt"], 1.0, [2, 1, -3, -1, 0, 0, 0], "V"),
    si(
        &["Ω", "Ω", "ohm", "Ohm"],
        &["ohm"],
        1.0,
        [2, 1, -3, -2, 0, 0, 0],
        "ohm",
    ),
    si(
        &["S", "mho"],
        &["siemens"],
        1.0,
        [-2, -1, 3, 2, 0, 0, 0],
        "S",
    ),
    si(&["C"], &["coulomb"], 1.0, [0, 0, 1, 1, 0, 0, 0], "C"),
    si(&["F"], &["farad"], 1.0, [-2, -1, 4, 2, 0, 0, 0], "F"),
    si(&["H"], &["henry"], 1.0, [2, 1, -2, -2, 0, 0, 0], "H"),
    si(&["Wb"], &["weber"], 1.0, [2, 1, -2, -1, 0, 0, 0], "Wb"),
    si(&["T"], &["tesla"], 1.0, [0, 1, -2, -1, 0, 0, 0], "T"),
    // light and radiation
    si(&["cd"], &["candela"], 1.0, [0, 0, 0, 0, 0, 0, 1], "cd"),
    si(&["lm"], &["lumen"], 1.0, [0, 0, 0, 0, 0, 0, 1], "lm"),
    si(&["lx"], &["lux"], 1.0, [-2, 0, 0, 0, 0, 0, 1], "lx"),
    si(&["Bq"], &["becquerel"], 1.0, FREQUENCY, "Bq"),
    plain(&["Ci"], &["curie"], 3.7e10, FREQUENCY, "Ci"),
    si(&["Gy"], &["gray"], 1.0, [2, 0, -2, 0, 0, 0, 0], "Gy"),
    si(&["Sv"], &["sievert"], 1.0, [2, 0, -2, 0, 0, 0, 0], "Sv"),
    // viscosity, permeability
    si(
        &["P", "poise"],
        &["poise"],
        0.1,
        [-1, 1, -1, 0, 0, 0, 0],
        "poise",
    ),
    si(&["St"], &["stokes"], 1e-4, [2, 0, -1, 0, 0, 0, 0], "St"),
    plain(
        &[],
        &["darcy", "darcies"],
        DARCY,
        AREA,
        "9.86923266716013e-13 m2",
    ),
    plain(
        &["mD"],
        &["millidarcy", "millidarcies"],
        1e-3 * DARCY,
        AREA,
        "9.86923266716013e-16 m2",
    ),
];

/// `da` before `d`, so that `dam` is ten metres.
pub(super) const PREFIXES: &[Prefix] = &[
    prefix("da", "deca", 1e1),
    prefix("da", "deka", 1e1),
    prefix("Y", "yotta", 1e24),
    prefix("Z", "zetta", 1e21),
    prefix("E", "exa", 1e18),
    prefix("P", "peta", 1e15),
    prefix("T", "tera", 1e12),
    prefix("G", "giga", 1e9),
    prefix("M", "mega", 1e6),
    prefix("k", "kilo", 1e3),
    prefix("h", "hecto", 1e2),
    prefix("d", "deci", 1e-1),
    prefix("c", "centi", 1e-2),
    prefix("m", "milli", 1e-3),
    prefix("u", "micro", 1e-6),
    prefix("µ", "micro", 1e-6),
    prefix("μ", "micro", 1e-6),
    prefix("n", "nano", 1e-9),
    prefix("p", "pico", 1e-12),
    prefix("f", "femto", 1e-15),
    prefix("a", "atto", 1e-18),
];

const fn prefix(short: &'static str, long: &'static str, factor: f64) -> Prefix {
    Prefix {
        short,
        long,
        factor,
    }
}

/// Units that are read, but are seldom what was meant.
pub(super) const TRAPS: &[(&str, &str)] = &[
    ("C", "is coulomb; did you mean `degC`?"),
    ("F", "is farad; did you mean `degF`?"),
    (
        "deg C",
        "is read as degrees Celsius, though pint takes it for degrees times coulomb; write `degC`",
    ),
    (
        "deg F",
        "is read as degrees Fahrenheit, though pint takes it for degrees times farad; write `degF`",
    ),
    ("PA", "is petaampere; did you mean `Pa`?"),
    ("pH", "is picohenry; for acidity write ''"),
];

/// Names that people write, and what to write instead.
pub(super) const UNKNOWN: &[(&str, &str)] = &[
    (
        "dBZ",
        "logarithmic units cannot be converted; write '' and name the scale in `description`",
    ),
    (
        "dB",
        "logarithmic units cannot be converted; write '' and name the scale in `description`",
    ),
    (
        "dBm",
        "logarithmic units cannot be converted; write '' and name the scale in `description`",
    ),
    (
        "NTU",
        "turbidity has no SI unit; write '' and name the scale in `description`",
    ),
    (
        "FNU",
        "turbidity has no SI unit; write '' and name the scale in `description`",
    ),
    ("PSU", "practical salinity is a plain number; write ''"),
    (
        "ppt",
        "it may be 1e-3 or 1e-12; write `permille` or `1e-12`",
    ),
    ("DU", "write `2.6867e20 / m^2` for Dobson units"),
    ("k", "write `K` for kelvin"),
    ("degrees C", "write `degC`"),
    (
        "datetime",
        "write a date-time unit such as `{tick: s, tz: UTC}`",
    ),
    (
        "timestamp",
        "write a date-time unit such as `{tick: s, tz: UTC}`",
    ),
    ("float", "write `type: float`"),
    ("string", "write `type: str`"),
];
