//! The schema language as a JSON Schema, for editors that complete and check while one types.

use serde_json::{Map, Value as Json, json};

use crate::read::{COORDINATE_KEYS, RANGE_KEYS, TIME_KEYS, TYPE_NAMES, VARIABLE_KEYS};

/// JSON Schema (draft 2020-12) of schema files. It knows keys and forms; units, names and dimensions only `zf check` knows.
pub fn json_schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "zarr-fuse dataset",
        "description": "A dataset of zarr-fuse: a tree of nodes. See schemas/README.md.",
        "allOf": [{"$ref": "#/$defs/node"}],
        "properties": {"ATTRS": {"$ref": "#/$defs/root_attrs"}},
        "$defs": {
            "node": node(),
            "root_attrs": root_attrs(),
            "variable": object(VARIABLE_KEYS),
            "coordinate": object(&[VARIABLE_KEYS, COORDINATE_KEYS].concat()),
            "name": name(),
            "time_unit": time_unit(),
            "unit": {
                "description": "A unit such as m/s, degC, %, mg/l, '' for a plain number, or a date-time unit.",
                "anyOf": [{"type": ["string", "integer", "null"]}, {"$ref": "#/$defs/time_unit"}],
            },
            "names": {
                "anyOf": [
                    {"type": "string"},
                    {"type": "array", "items": {"type": "string"}, "uniqueItems": true},
                ],
            },
            "none": {"description": "null, or the word None", "enum": [null, "None"]},
        },
    })
}

fn node() -> Json {
    let arrays = |of: &str, description: &str| {
        json!({
            "description": description,
            "type": ["object", "null"],
            "propertyNames": {"$ref": "#/$defs/name"},
            "additionalProperties": {"anyOf": [{"$ref": of}, {"type": "null"}]},
        })
    };
    json!({
        "description": "One group of the store; every other key is a node within it.",
        "type": ["object", "null"],
        "properties": {
            "ATTRS": {"description": "Attributes of the group.", "type": ["object", "null"]},
            "COORDS": arrays("#/$defs/coordinate", "Coordinates by name."),
            "pyramid": {"anyOf": [pyramid(), {"$ref": "#/$defs/node"}]},
            "readers": {"anyOf": [readers(), {"$ref": "#/$defs/node"}]},
            "VARS": arrays("#/$defs/variable", "Variables by name."),
        },
        "propertyNames": {"anyOf": [{"enum": ["ATTRS", "COORDS", "VARS"]}, {"$ref": "#/$defs/name"}]},
        "additionalProperties": {"$ref": "#/$defs/node"},
    })
}

fn readers() -> Json {
    json!({
        "description": "Copies of the node for those who read the folder or bucket itself, made at most this often after late values, and kept as long after a newer one: a number and s, m, h or d, at least 10s.",
        "type": "string",
        "pattern": r"^[0-9]+(\.[0-9]+)?(ms|s|m|h|d)$",
    })
}

fn pyramid() -> Json {
    json!({
        "description": "Coarser levels along a coordinate, for quick plots of long series.",
        "type": "object",
        "required": ["coord"],
        "properties": {
            "coord": {"description": "A sorted coordinate, such as date_time.", "type": "string"},
            "factor": {"description": "Cells of a level that make one of the next. Default: 8.", "type": "integer", "minimum": 2, "maximum": 1024},
            "agg": {
                "description": "What is kept beside the count. Default: all.",
                "type": "array",
                "items": {"enum": ["min", "max", "mean", "count"]},
            },
        },
        "additionalProperties": false,
    })
}

fn root_attrs() -> Json {
    json!({
        "description": "Attributes of the root; those in upper case configure the store.",
        "type": ["object", "null"],
        "properties": {
            "STORE_URL": {"description": "A local path, file://…, s3://bucket/prefix or memory://.", "type": "string"},
            "S3_ENDPOINT_URL": {"description": "Address of the S3 service.", "type": "string", "pattern": "^https?://"},
            "VERSION": {"description": "Version of the schema language.", "type": ["string", "number"]},
        },
    })
}

fn name() -> Json {
    json!({
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "pattern": r"^(?!\.|__)[^/\\\x00-\x1f]+$",
        "not": {"enum": ["ATTRS", "COORDS", "VARS", "c", "zarr.json"]},
    })
}

fn time_unit() -> Json {
    let mut properties = Map::new();
    for key in TIME_KEYS {
        let property = match *key {
            "tick" => json!({
                "description": "Length of a tick. Default: that of the unit; of a unit, us.",
                "enum": ["D", "h", "m", "s", "ms", "us", "ns"],
            }),
            "tz" => json!({
                "description": "Zone of times without an offset: UTC, +01:00, CET (always +01:00), Europe/Prague.",
                "type": ["string", "null"],
            }),
            "dayfirst" => {
                flag("1/2/2024 is 1 February; false: 2 January. Default: such times are rejected.")
            }
            "yearfirst" => flag("24/2/1 is 1 February 2024. Default: the opposite of dayfirst."),
            "format" => json!({
                "description": "How times are written: a strftime format such as %d.%m.%Y %H:%M, iso8601, or a list of them. Default: ISO 8601, or numbers.",
                "type": ["string", "array"],
                "items": {"type": "string"},
                "minItems": 1,
            }),
            "since" => text(
                "What numbers are counted from, in source_unit: ISO 8601 (local, unless it ends in Z or an offset), or unix, excel, excel-1904, labview, matlab, julian, mjd. Default: 1970.",
            ),
            _ => json!({
                "description": "Which of two instants a local time means that daylight saving repeats. Default: neither.",
                "enum": ["earlier", "later", "infer", null, "None"],
            }),
        };
        properties.insert((*key).to_owned(), property);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A mapping of exactly `keys`, and of the parts of a range that the prototype took beside it.
fn object(keys: &[&str]) -> Json {
    let property = |key: &&str| ((*key).to_owned(), property(key));
    let old = |key: &&str| {
        (
            (*key).to_owned(),
            json!({"description": "Old style: write range.", "deprecated": true}),
        )
    };
    let properties: Map<String, Json> = keys
        .iter()
        .map(property)
        .chain(RANGE_KEYS.iter().map(old))
        .collect();
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn text(description: &str) -> Json {
    json!({"description": description, "type": ["string", "number", "boolean", "null"]})
}

fn flag(description: &str) -> Json {
    json!({"description": description, "type": ["boolean", "null"]})
}

/// What a key of variables and coordinates takes.
fn property(key: &str) -> Json {
    match key {
        "coords" => described(
            "The coordinates it lies on, in the order of its dimensions.",
            json!({"$ref": "#/$defs/names"}),
        ),
        "unit" => described("Unit stored.", json!({"$ref": "#/$defs/unit"})),
        "source_unit" => described(
            "Unit delivered. Default: unit.",
            json!({"$ref": "#/$defs/unit"}),
        ),
        "df_col" => text("Column of the incoming table. Default: the name."),
        "type" | "dtype" => json!({
            "description": "Type stored. Default: float64, for times int64.",
            "anyOf": [
                {"enum": types()},
                {"type": "string", "pattern": r"^(str\[[0-9]+\]|datetime64\[(D|h|m|s|ms|us|ns)\])$"},
            ],
        }),
        "na_value" => json!({
            "description": "What stands for no value: nan, max_int, min_int or a number. Default: NaN; the smallest number of signed, the largest of unsigned integers.",
            "type": ["number", "string", "null"],
        }),
        "range" => range(),
        "description" => text("Written as long_name."),
        "merge" => json!({
            "description": "Which value of a cell wins. Default: last.",
            "anyOf": [
                {"enum": ["last", "first", "min", "max", "reject", "None", null]},
                {
                    "description": "Old style, of coordinates: write step_limits.",
                    "type": "object",
                    "properties": {"step_limits": true, "sorted": true, "allow_inserts": true},
                    "additionalProperties": false,
                },
            ],
        }),
        "circular" => json!({
            "description": "A direction, whose mean is that of vectors; a number says how long a full turn is. Default: by CF names of directions.",
            "anyOf": [{"type": "boolean"}, {"type": "number", "exclusiveMinimum": 0}, {"$ref": "#/$defs/none"}],
        }),
        "codec" => codec(),
        "attrs" => {
            json!({"description": "Further attributes of the array.", "type": ["object", "null"]})
        }
        "composed" => described(
            "Variables whose tuple is the coordinate, such as [latitude, longitude].",
            json!({"anyOf": [{"$ref": "#/$defs/names"}, {"type": "null"}]}),
        ),
        "sorted" => json!({
            "description": "Whether values ascend. Default: true, for composed coordinates false.",
            "enum": [true, false, null, "None", []],
        }),
        "chunk_size" => json!({
            "description": "Chunk length along the coordinate. Default: 1024, less where variables lie on several coordinates.",
            "anyOf": [{"type": "integer", "minimum": 1}, {"$ref": "#/$defs/none"}],
        }),
        "max_new" => json!({
            "description": "Most new values that one contribution may bring. Default: 16777216, of which 1048576 may fill one gap; 10000 for texts.",
            "anyOf": [{"type": "integer", "minimum": 1, "maximum": 4_294_967_294_u64}, {"$ref": "#/$defs/none"}],
        }),
        _ => step_limits(),
    }
}

fn described(description: &str, mut of: Json) -> Json {
    if let Json::Object(object) = &mut of {
        object.insert("description".to_owned(), json!(description));
    }
    of
}

/// Names of types without the patterns among them.
fn types() -> Vec<Json> {
    let plain = TYPE_NAMES.iter().filter(|name| !name.contains('['));
    plain
        .map(|name| json!(name))
        .chain([json!("datetime64"), json!("None"), Json::Null])
        .collect()
}

fn range() -> Json {
    let mut properties = Map::new();
    for key in RANGE_KEYS {
        let property = match *key {
            "interval" => json!({
                "description": "[min, max] or [min, max, unit]; null leaves an end open. Values outside are rejected.",
                "anyOf": [{"type": "array", "maxItems": 3}, {"type": ["number", "string", "null"]}],
            }),
            _ => json!({
                "description": "The labels, or the name of a CSV file beside the schema.",
                "anyOf": [{"type": "array", "minItems": 1, "uniqueItems": true}, {"type": ["string", "null"]}],
            }),
        };
        properties.insert((*key).to_owned(), property);
    }
    json!({
        "description": "Which values are accepted.",
        "anyOf": [
            {"type": "object", "properties": properties, "additionalProperties": false},
            {"$ref": "#/$defs/none"},
        ],
    })
}

fn codec() -> Json {
    json!({
        "description": "How chunks are compressed. Default: blosc (zstd with bit shuffling).",
        "anyOf": [
            {"enum": ["blosc", "zstd", "gzip", "none", null]},
            {
                "type": "object",
                "properties": {
                    "zstd": {"type": "integer", "minimum": -7, "maximum": 22},
                    "gzip": {"type": "integer", "minimum": 0, "maximum": 9},
                },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ],
    })
}

fn step_limits() -> Json {
    json!({
        "description": "Which new values the coordinate takes. Default: any_new.",
        "anyOf": [
            {"enum": ["any_new", "no_new", "None", null]},
            {"description": "A fixed grid of this step.", "type": "number", "exclusiveMinimum": 0},
            {"description": "A step with its unit, such as 15 min.", "type": "string", "pattern": r"^[0-9.]+ *\D"},
            {"description": "[shortest, longest, unit]", "type": "array", "maxItems": 3},
            {
                "type": "object",
                "properties": {"start": {"type": "number"}, "end": {"type": "number"}, "unit": {"type": ["string", "null"]}},
                "required": ["start", "end"],
                "additionalProperties": false,
            },
        ],
    })
}
