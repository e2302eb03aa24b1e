//! `bbox=lon0,lat0,lon1,lat1`: a selection on longitude and latitude.

use zarr_fuse_schemas::{DataType, Node, Variable};

use super::elements::Key;
use super::error::{QueryError, bad};
use super::selector::{Criterion, Span};

/// Degrees all around the globe.
const TURN: f64 = 360.0;

/// The criteria that a box means. Longitudes count from -180 or from 0, here as there; west greater than east means the box
/// that begins in the west and ends in the east, across the meridian at which they begin anew.
///
/// # Errors
/// 400 if it is not four numbers, south to north; 422 if the node has no longitude and latitude over one coordinate each.
pub(super) fn criteria(text: &str, schema: &Node) -> Result<[(String, Criterion); 2], QueryError> {
    let corners: Option<Vec<f64>> = text
        .split(',')
        .map(|corner| corner.trim().parse().ok().filter(|c: &f64| c.is_finite()))
        .collect();
    let Some(&[west, south, east, north]) = corners.as_deref() else {
        return Err(bad(
            "bbox",
            text,
            "write four numbers `west,south,east,north` in degrees",
        ));
    };
    if south > north {
        return Err(bad(
            "bbox",
            text,
            "south is greater than north; the order is `west,south,east,north`",
        ));
    }
    let find = |is: fn(&Variable) -> bool| {
        let coordinates = schema
            .coordinates
            .values()
            .map(|coordinate| &coordinate.variable);
        let found = coordinates
            .chain(schema.variables.values())
            .find(|variable| variable.coords.len() == 1 && is(variable));
        found.ok_or_else(|| QueryError::DoesNotFit {
            reason: format!(
                "`bbox` needs a longitude and a latitude; node `{}` does not have both",
                schema.path
            ),
        })
    };
    let (longitude, latitude) = (find(is_longitude)?, find(is_latitude)?);
    let span = |variable: &Variable, from: Option<f64>, to: Option<f64>| Span {
        from: from.map(|from| key(variable, from)),
        to: to.map(|to| key(variable, to)),
        wanted: None,
    };
    // Meridians have a name in each turn around the globe: -10 is 350.
    let east = if east < west { east + TURN } else { east };
    let turns = [0.0, -TURN, TURN].map(|turn| (west + turn, east + turn));
    let longitudes = if east - west >= TURN {
        vec![span(longitude, None, None)]
    } else {
        let of_turn = |(west, east)| span(longitude, Some(west), Some(east));
        turns.into_iter().map(of_turn).collect()
    };
    let latitudes = vec![span(latitude, Some(south), Some(north))];
    Ok([
        (longitude.name.clone(), Criterion::AnyOf(longitudes)),
        (latitude.name.clone(), Criterion::AnyOf(latitudes)),
    ])
}

/// Whether a variable holds longitudes, by its standard name or its own.
pub(super) fn is_longitude(variable: &Variable) -> bool {
    is_named(variable, ["longitude", "lon", "lng"])
}

/// Whether a variable holds latitudes.
pub(super) fn is_latitude(variable: &Variable) -> bool {
    is_named(variable, ["latitude", "lat", "lat"])
}

fn is_named(variable: &Variable, names: [&str; 3]) -> bool {
    let is_float = matches!(variable.data_type, DataType::Float32 | DataType::Float64);
    let standard_name = variable
        .attrs
        .get("standard_name")
        .and_then(serde_json::Value::as_str);
    is_float
        && (standard_name == Some(names[0])
            || names.contains(&variable.name.to_lowercase().as_str()))
}

fn key(variable: &Variable, value: f64) -> Key {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "compared in the precision stored"
    )]
    Key::Float(if variable.data_type == DataType::Float32 {
        f64::from(value as f32)
    } else {
        value
    })
}
