//! Messages of real files, compared with what eccodes reads from them: a campaign for those who have such files.
//!
//! `tests/python/grib_samples.py` takes files apart. Without `ZF_GRIB_SAMPLES`, the folder of the parts, there is nothing to
//! compare.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::super::{Decoded, Grids, content_of_file, decode_arrays};
use super::{decoding, variables};

/// Degrees between a point here and there.
const NEAR: f64 = 2e-3;

/// Latitude, longitude and value of all points, in the order of the file.
fn points(grids: &Grids) -> Vec<[f64; 3]> {
    let column = |name: &str| -> Vec<f64> {
        let values = grids.coordinates.get(name);
        let values = values.unwrap_or_else(|| &grids.variables[name].values);
        let values = values.cast(&polars::prelude::DataType::Float64).unwrap();
        values
            .f64()
            .unwrap()
            .iter()
            .map(|v| v.unwrap_or(f64::NAN))
            .collect()
    };
    let is_position = |name: &String| matches!(name.as_str(), "latitude" | "longitude");
    let mut names = grids.variables.keys().filter(|name| !is_position(name));
    let values = column(names.next().unwrap());
    assert!(names.next().is_none(), "one message is one variable");
    let (latitudes, longitudes) = (column("latitude"), column("longitude"));
    if latitudes.len() == values.len() && longitudes.len() == values.len() {
        let places = latitudes.into_iter().zip(longitudes);
        return places
            .zip(values)
            .map(|((lat, lon), value)| [lat, lon, value])
            .collect();
    }
    let n_columns = longitudes.len();
    let place =
        |(i, value): (usize, f64)| [latitudes[i / n_columns], longitudes[i % n_columns], value];
    values.into_iter().enumerate().map(place).collect()
}

fn is_near(point: &[f64; 3], lat: f64, lon: f64) -> bool {
    let turn = (point[1] - lon).rem_euclid(360.0);
    (point[0] - lat).abs() < NEAR && turn.min(360.0 - turn) < NEAR
}

/// What differs; `None`: nothing.
fn difference(grids: &Grids, expected: &Value) -> Option<String> {
    let found = points(grids);
    if found.len() as u64 != expected["n"].as_u64().unwrap() {
        return Some(format!("{} points, {} there", found.len(), expected["n"]));
    }
    let tolerance = expected["spread"].as_f64().unwrap() * 1e-6 + 1e-12;
    for point in expected["points"].as_array().unwrap() {
        let idx = usize::try_from(point[0].as_u64().unwrap()).unwrap();
        let (lat, lon) = (point[1].as_f64().unwrap(), point[2].as_f64().unwrap());
        let here = Some(&found[idx]).filter(|found| is_near(found, lat, lon));
        let Some(here) = here.or_else(|| found.iter().find(|found| is_near(found, lat, lon)))
        else {
            return Some(format!(
                "no point at {lat} {lon}; point {idx} is {:?}",
                found[idx]
            ));
        };
        let is_same = match point[3].as_f64() {
            None => here[2].is_nan(),
            Some(value) => (here[2] - value).abs() <= tolerance,
        };
        if !is_same {
            return Some(format!("{} at {lat} {lon}, {} there", here[2], point[3]));
        }
    }
    let present: Vec<f64> = found
        .iter()
        .map(|point| point[2])
        .filter(|v| !v.is_nan())
        .collect();
    let n_missing = (found.len() - present.len()) as u64;
    if n_missing != expected["n_missing"].as_u64().unwrap() {
        return Some(format!(
            "{n_missing} without a value, {} there",
            expected["n_missing"]
        ));
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "fields have some million points"
    )]
    let mean = present.iter().sum::<f64>() / present.len() as f64;
    let is_same = expected["mean"]
        .as_f64()
        .is_none_or(|there| (mean - there).abs() <= tolerance);
    (!is_same).then(|| format!("mean {mean}, {} there", expected["mean"]))
}

#[test]
fn every_sample_is_read_as_eccodes_reads_it() {
    let Some(folder) = std::env::var_os("ZF_GRIB_SAMPLES") else {
        return;
    };
    let decoder = decoding(json!({})).prepare(Path::new(".")).unwrap();
    let (mut n_same, mut refused, mut differing) = (0, String::new(), String::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "grib") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected = std::fs::read_to_string(path.with_extension("json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        match decode_arrays(
            &bytes,
            &content_of_file(&path),
            &decoder,
            &variables(json!({})),
        ) {
            Ok(Decoded::Grids(grids)) => match difference(&grids, &expected) {
                None => n_same += 1,
                Some(difference) => writeln!(differing, "{name}: {difference}").unwrap(),
            },
            Ok(Decoded::Table(_)) => panic!("{name}: rows"),
            Err(error) => writeln!(refused, "{name}: {error}").unwrap(),
        }
    }
    println!("{n_same} alike; refused:\n{refused}");
    assert!(differing.is_empty(), "{differing}");
}
