//! What arrays were begun with holds for them where the schema leaves it open, whatever programs take for it today.

use zarr_fuse_schemas::{DataType, Measure, MergeRule, NaOrigin, Node, Scalar, Variable};

use super::stated::stated;
use crate::pyramid::stored_circular;
use serde_json::Value as Json;

/// `schema`, of which what it leaves open is as in the stored `group`: what stands for no value, how long chunks are,
/// truth values without a third state, and means of directions in coarser levels.
pub(super) fn as_begun(schema: &Node, group: &Json) -> Node {
    let mut schema = schema.clone();
    for coordinate in schema.coordinates.values_mut() {
        let Some(array) = array(group, &coordinate.variable.name) else {
            continue;
        };
        let chunk = array.pointer("/chunk_grid/configuration/chunk_shape/0");
        if let (false, Some(chunk)) = (coordinate.has_chunk_size, chunk.and_then(Json::as_u64)) {
            coordinate.chunk_size = chunk.max(1);
        }
        keep(&mut coordinate.variable, array);
    }
    for variable in schema.variables.values_mut() {
        if let Some(array) = array(group, &variable.name) {
            keep(variable, array);
        }
    }
    let stated = stated(group);
    if let (Some(pyramid), Some(stored)) = (
        &mut schema.pyramid,
        stated.as_ref().and_then(|stated| stated.get("pyramid")),
    ) {
        let were = stored_circular(stored);
        let is_new = |name: &String| array(group, name).is_none();
        pyramid
            .circular
            .retain(|name| were.contains(&name.as_str()) || is_new(name));
    }
    schema
}

fn array<'a>(group: &'a Json, name: &str) -> Option<&'a Json> {
    let name = name.replace('~', "~0").replace('/', "~1");
    group.pointer(&format!("/consolidated_metadata/metadata/{name}"))
}

fn keep(variable: &mut Variable, array: &Json) {
    // Other rules need a value that means "none".
    let is_possible = matches!(variable.merge, MergeRule::Last | MergeRule::Max);
    let is_bool = array.get("data_type").and_then(Json::as_str) == Some("bool");
    if is_bool && is_possible && matches!(variable.measure, Measure::Truth) {
        variable.data_type = DataType::Bool;
        variable.measure = Measure::Plain;
        variable.na = None;
        return;
    }
    if variable.na_origin == NaOrigin::Said {
        return;
    }
    let fill = array.get("fill_value");
    variable.na = match (&variable.na, fill.and_then(Json::as_i64)) {
        (Some(Scalar::Int(_)), Some(fill)) => Some(Scalar::Int(fill)),
        _ => return,
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zarr_fuse_schemas::Schema;

    use super::super::stated::attribute;
    use super::*;

    const SCHEMA: &str = "n:
  COORDS: {t: {}, s: {type: str, sorted: false}}
  VARS:
    alarm: {coords: [t, s], type: bool}
    level: {coords: [t, s], type: int16}
    chosen: {coords: [t, s], type: int16, na_value: -9}
    wind_from_direction: {coords: [t, s], unit: deg}
  pyramid: {coord: t}
";

    fn begun(arrays: &Json, pyramid: &Json) -> Node {
        let schema = Schema::parse(SCHEMA, "s.yaml", std::path::Path::new(".")).unwrap();
        let group = json!({
            "attributes": {"zarr_fuse": attribute(&json!({"pyramid": pyramid}))},
            "consolidated_metadata": {"metadata": arrays},
        });
        as_begun(schema.node("n").unwrap(), &group)
    }

    fn array(data_type: &str, fill: &Json, chunk: u64) -> Json {
        let grid = json!({"configuration": {"chunk_shape": [chunk]}});
        json!({"data_type": data_type, "fill_value": fill, "chunk_grid": grid})
    }

    #[test]
    fn arrays_keep_what_they_were_begun_with_where_the_schema_says_nothing() {
        let arrays = json!({
            "t": array("float64", &json!("NaN"), 512),
            "s": array("string", &json!(""), 1024),
            "alarm": array("bool", &json!(false), 512),
            "level": array("int16", &json!(-1), 512),
            "chosen": array("int16", &json!(-1), 512),
            "wind_from_direction": array("float64", &json!("NaN"), 512),
        });
        let node = begun(&arrays, &json!({"coord": "t"}));
        assert_eq!(node.coordinates["t"].chunk_size, 512);
        assert_eq!(node.coordinates["s"].chunk_size, 1024);
        assert_eq!(node.variables["alarm"].data_type, DataType::Bool);
        assert_eq!(node.variables["level"].na, Some(Scalar::Int(-1)));
        // What the schema says is compared elsewhere.
        assert_eq!(node.variables["chosen"].na, Some(Scalar::Int(-9)));
        assert!(node.pyramid.unwrap().circular.is_empty());
    }

    #[test]
    fn arrays_that_are_begun_now_are_as_usual_now() {
        let node = begun(&json!({}), &json!(null));
        assert_eq!(node.coordinates["s"].chunk_size, 16);
        assert_eq!(node.variables["alarm"].data_type, DataType::Int8);
        assert_eq!(node.variables["level"].na, Some(Scalar::Int(-32768)));
        assert_eq!(node.pyramid.unwrap().circular, ["wind_from_direction"]);
    }
}
