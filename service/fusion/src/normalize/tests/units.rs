//! Units of files against those of the schema.

use zarr_fuse_schemas::{
    DataType, Measure,
    unit::{Conversion, Unit},
};

use super::super::units::conversion;
use super::builder::variable;

/// What becomes of 10 in the file's unit, in a schema with these units; an error in words.
fn stored(file: &str, unit: &str, source_unit: Option<&str>) -> Result<f64, String> {
    let unit = Unit::parse(unit).unwrap();
    let source = source_unit.map_or(unit.clone(), |text| Unit::parse(text).unwrap());
    let of_schema = Conversion::between(&source, &unit).unwrap();
    let mut variable = variable("temp", &["time"], DataType::Float64);
    variable.measure = Measure::Physical {
        conversion: of_schema,
        unit,
        source_unit: source,
        has_source_unit: source_unit.is_some(),
    };
    let found = conversion(&variable, Some(&file.to_owned()));
    let found = found.map_err(|error| error.to_string())?;
    let value = found.unwrap_or(of_schema).apply(10.0);
    Ok((value * 1e6).round() / 1e6)
}

#[test]
fn a_file_that_says_its_unit_is_converted_from_it() {
    assert_eq!(stored("K", "degC", None), Ok(-263.15));
    assert_eq!(stored("hPa", "Pa", None), Ok(1000.0));
    assert_eq!(stored("degrees_north", "degrees_north", None), Ok(10.0));
    assert_eq!(stored("m s**-1", "m/s", None), Ok(10.0));
    assert_eq!(stored("unknown", "degC", None), Ok(10.0), "it says nothing");
}

#[test]
fn a_source_unit_must_be_that_of_the_file() {
    assert_eq!(stored("kelvin", "degC", Some("K")), Ok(-263.15));
    assert_eq!(
        stored("degC", "degC", Some("K")),
        Err("`temp` comes in `degC`, says the file, and the schema has `K` for `temp`: they are not the same; correct \
             `source_unit` in the schema, or set `units: drop` in the endpoint's `decode` if the file is wrong".to_owned())
    );
    let refused = stored("Pa", "degC", None).unwrap_err();
    assert!(refused.contains("pressure is not temperature"), "{refused}");
}

#[test]
fn a_unit_that_is_not_understood_leaves_it_to_the_schema() {
    assert_eq!(stored("psu of 1978", "g/kg", Some("g/kg")), Ok(10.0));
    assert_eq!(
        stored("C", "degC", Some("K")),
        Ok(-263.15),
        "coulomb is not meant"
    );
    let refused = stored("psu of 1978", "g/kg", None).unwrap_err();
    assert!(
        refused.contains("correct `source_unit` in the schema"),
        "{refused}"
    );
}
