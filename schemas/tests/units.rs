//! Units against pint and UDUNITS, whose answers are in `fixtures/`.

use zarr_fuse_schemas::{Conversion, Unit, UnitError};

fn unit(written: &str) -> Unit {
    Unit::parse(written).expect("a unit")
}

fn number(cell: &str) -> f64 {
    cell.parse().expect("a number")
}

/// Rows of a fixture without its header; no cell has a comma or a quote within.
fn rows(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines()
        .skip(1)
        .map(|line| line.split(',').map(|cell| cell.trim_matches('"')).collect())
}

#[test]
fn conversions_agree_with_pint() {
    let mut n_conversions = 0;
    for row in rows(include_str!("fixtures/pint_conversions.csv")) {
        let (from, to) = (unit(row[0]), unit(row[1]));
        let (value, expected) = (number(row[2]), number(row[3]));
        let conversion = Conversion::between(&from, &to).expect("units of one kind");
        let found = conversion.apply(value);
        // Beside an offset, the difference of two large numbers has their accuracy.
        let scale = expected
            .abs()
            .max(conversion.offset.abs())
            .max(f64::MIN_POSITIVE);
        assert!(
            (found - expected).abs() <= 1e-12 * scale,
            "{value} {} = {found} {}, pint: {expected}",
            row[0],
            row[1]
        );
        n_conversions += 1;
    }
    assert!(n_conversions > 1000, "{n_conversions}");
}

#[test]
fn cf_spellings_mean_the_same_to_udunits() {
    for row in rows(include_str!("fixtures/cf_spellings.csv")) {
        let [written, cf, factor, base, origin] = row[..] else {
            unreachable!("{row:?}")
        };
        assert_eq!(unit(written).cf, cf, "{written}");
        let (factor, origin) = (number(factor), number(origin));
        let conversion =
            Conversion::between(&unit(written), &unit(base)).expect("units of one kind");
        assert!(
            (conversion.factor / factor - 1.0).abs() < 1e-12,
            "{written}: {}",
            conversion.factor
        );
        assert!(
            (conversion.offset - factor * origin).abs() < 1e-9,
            "{written}: {}",
            conversion.offset
        );
    }
}

#[test]
fn a_cf_spelling_is_read_back_as_the_same_unit() {
    for row in rows(include_str!("fixtures/cf_spellings.csv")) {
        let (written, cf) = (unit(row[0]), unit(row[1]));
        let conversion = Conversion::between(&cf, &written).expect("units of one kind");
        assert!(
            (conversion.factor - 1.0).abs() < 1e-12,
            "{} {}",
            row[0],
            row[1]
        );
    }
}

#[test]
fn different_quantities_do_not_convert() {
    for (from, to, message) in [
        (
            "Pa",
            "degC",
            "cannot convert `Pa` to `degC`: pressure is not temperature",
        ),
        (
            "Pa",
            "m",
            "cannot convert `Pa` to `m`: pressure is not length",
        ),
        (
            "m",
            "",
            "cannot convert `m` to ``: length is not a plain number",
        ),
        (
            "mm/hour",
            "l/s",
            "cannot convert `mm/hour` to `l/s`: speed is not flow",
        ),
        (
            "mS/cm",
            "mS",
            "cannot convert `mS/cm` to `mS`: electric conductivity is not electric conductance",
        ),
        (
            "m^5 kg",
            "s",
            "cannot convert `m^5 kg` to `s`: length^5·mass is not time",
        ),
    ] {
        let error = Conversion::between(&unit(from), &unit(to)).expect_err("no conversion");
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn what_is_not_a_unit_is_explained() {
    for (written, message) in [
        (
            "dBZ",
            "unknown unit `dBZ`: logarithmic units cannot be converted; write '' and name the scale in `description`",
        ),
        ("metr", "unknown unit `metr`; did you mean `meter`?"),
        (
            "W/metre^2/foo",
            "unknown unit `foo` in `W/metre^2/foo`; did you mean `foot`?",
        ),
        ("PASCAL", "unknown unit `PASCAL`; did you mean `pascal`?"),
        ("KM/H", "unknown unit `KM` in `KM/H`; did you mean `km`?"),
        ("pcs", "unknown unit `pcs`; did you mean `pct`?"),
        ("m/", "`m/` is not a unit: a unit is missing at its end"),
        ("(m", "`(m` is not a unit: a `(` is not closed"),
        ("m)", "`m)` is not a unit: a `)` has no `(` before it"),
        (
            "m^0.5",
            "`m^0.5` is not a unit: a power must be a whole number of at most 12",
        ),
        (
            "m^",
            "`m^` is not a unit: a whole number must follow `^` and `**`",
        ),
        (
            "m//s",
            "`m//s` is not a unit: a unit is missing between two signs",
        ),
        (
            "0 m",
            "`0 m` is not a unit: its factor is not a positive number",
        ),
        (
            "m & s",
            "`m & s` is not a unit: `&` has no meaning in a unit",
        ),
    ] {
        assert_eq!(
            Unit::parse(written).expect_err("no conversion").to_string(),
            message
        );
    }
    assert!(matches!(
        Unit::parse(&"m ".repeat(500)),
        Err(UnitError::Syntax { .. })
    ));
    assert!(Unit::parse(&"(".repeat(150)).is_err());
}

#[test]
fn traps_are_warned_about() {
    assert_eq!(
        unit("C").warning(),
        Some("`C` is coulomb; did you mean `degC`?")
    );
    assert_eq!(unit("kC/m").warning(), None);
    assert_eq!(
        unit("C/m").warning(),
        Some("`C` in `C/m` is coulomb; did you mean `degC`?")
    );
    assert_eq!(unit("deg*C").cf, "degree coulomb");
    let degrees = unit("deg C");
    assert_eq!(degrees.cf, "degree_Celsius");
    let warning = "`deg C` is read as degrees Celsius, though pint takes it for degrees times coulomb; write `degC`";
    assert_eq!(degrees.warning(), Some(warning));
    assert_eq!(
        unit("pH").warning(),
        Some("`pH` is picohenry; for acidity write ''")
    );
    assert_eq!(unit("degC").warning(), None);
}

#[test]
fn a_number_behind_a_space_is_a_factor() {
    for (written, cf) in [
        ("% 365.25 day", "365.25 % day"),
        ("g/(100 g)", "0.01"),
        ("10^-3 kg", "0.001 kg"),
        ("m 2", "2 m"),
    ] {
        assert_eq!(unit(written).cf, cf);
    }
    assert_eq!(unit("(m/s)2").cf, "m2 s-2");
}

#[test]
fn an_offset_belongs_to_a_bare_temperature() {
    let kelvin = unit("K");
    let from_celsius = Conversion::between(&unit("degC"), &kelvin).expect("units of one kind");
    assert_eq!(
        from_celsius,
        Conversion {
            factor: 1.0,
            offset: 273.15
        }
    );
    assert_eq!(
        Conversion::between(&unit("degC/m"), &unit("K/m")).expect("units of one kind"),
        Conversion::IDENTITY
    );
    assert_eq!(
        Conversion::between(&unit("degC").delta(), &kelvin).expect("units of one kind"),
        Conversion::IDENTITY
    );
    assert!(
        Conversion::between(&unit("celsius"), &unit("degC"))
            .expect("units of one kind")
            .is_identity()
    );
}
