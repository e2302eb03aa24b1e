//! Stands for what a schema says about which arrays come of contributions: the same for schemas that lead to the same ones,
//! by whichever version of the program, and another one for any that may not.
//!
//! Every field is named here, so that one that is added to the schema has to be thought of.

use serde_json::{Value as Json, json};
use zarr_fuse_schemas::{
    Codec, Conversion, Coordinate, Fold, Interval, Measure, MergeRule, Node, Scalar, StepLimits,
    TimeFormat, TimeUnit, Variable, Zone,
};

use crate::pyramid;

/// That of a node. Titles, descriptions and other attributes change no array: they are written again when it is opened.
pub(super) fn of(schema: &Node) -> Json {
    let Node {
        path,
        attrs: _,
        coordinates,
        variables,
        pyramid,
        readers: _,
        children: _,
    } = schema;
    let coordinates: Vec<Json> = coordinates.values().map(of_coordinate).collect();
    let variables: Vec<Json> = variables.values().map(of_variable).collect();
    let pyramid = pyramid.as_ref().map(pyramid::attribute);
    json!([path, coordinates, variables, pyramid])
}

fn of_coordinate(coordinate: &Coordinate) -> Json {
    let Coordinate {
        variable,
        sorted,
        chunk_size,
        has_chunk_size: _,
        step_limits,
        max_new,
        composed,
    } = coordinate;
    let steps = match step_limits {
        StepLimits::AnyNew => json!("any new"),
        StepLimits::NoNew => json!("no new"),
        StepLimits::Within { min, max } => json!([number(*min), number(*max)]),
    };
    json!([
        of_variable(variable),
        sorted,
        chunk_size,
        steps,
        max_new,
        composed
    ])
}

fn of_variable(variable: &Variable) -> Json {
    let Variable {
        name,
        coords,
        data_type,
        measure,
        column,
        na,
        na_origin: _,
        interval,
        merge,
        turn,
        codec,
        description: _,
        attrs: _,
    } = variable;
    let interval = interval.map(|Interval { min, max }| [number(min), number(max)]);
    let merge = match merge {
        MergeRule::Last => "last",
        MergeRule::First => "first",
        MergeRule::Min => "min",
        MergeRule::Max => "max",
        MergeRule::Reject => "reject",
    };
    let codec = match codec {
        Codec::Blosc => json!("blosc"),
        Codec::Zstd(level) => json!(["zstd", level]),
        Codec::Gzip(level) => json!(["gzip", level]),
        Codec::None => json!("none"),
    };
    json!([
        name,
        coords,
        data_type.to_string(),
        of_measure(measure),
        column,
        na.as_ref().map(of_scalar),
        interval,
        merge,
        turn.map(number),
        codec,
    ])
}

fn of_measure(measure: &Measure) -> Json {
    match measure {
        Measure::Plain => json!("plain"),
        Measure::Physical {
            unit,
            source_unit,
            has_source_unit,
            conversion: Conversion { factor, offset },
        } => json!([
            unit.cf,
            source_unit.cf,
            has_source_unit,
            number(*factor),
            number(*offset)
        ]),
        Measure::Time { unit, source_unit } => json!([of_time(unit), of_time(source_unit)]),
        Measure::Discrete { labels } => json!({"labels": labels.as_ref()}),
        Measure::Truth => json!("truth"),
    }
}

fn of_time(unit: &TimeUnit) -> Json {
    let TimeUnit {
        tick,
        zone,
        dayfirst,
        yearfirst,
        has_order,
        formats,
        since,
        fold,
    } = unit;
    let formats: Vec<&str> = formats.iter().map(TimeFormat::written).collect();
    let since = since.map(|since| (since.seconds, since.is_utc));
    let zone = match zone {
        Zone::Fixed(seconds) => json!(seconds),
        Zone::Named(name) => json!(name.name()),
    };
    let fold = fold.map(|fold| match fold {
        Fold::Earlier => "earlier",
        Fold::Later => "later",
        Fold::Infer => "infer",
    });
    json!([
        tick.symbol(),
        zone,
        dayfirst,
        yearfirst,
        has_order,
        formats,
        since,
        fold
    ])
}

fn of_scalar(scalar: &Scalar) -> Json {
    match scalar {
        Scalar::Bool(value) => json!(value),
        Scalar::Int(value) => json!(["int", value]),
        Scalar::UInt(value) => json!(["uint", value]),
        Scalar::Float(value) => json!(["float", number(*value)]),
        Scalar::Complex(real, imaginary) => json!([number(*real), number(*imaginary)]),
        Scalar::Str(value) => json!(value),
    }
}

/// A number by its bits: JSON knows neither infinity nor more than one kind of NaN.
fn number(value: f64) -> String {
    format!("{:016x}", value.to_bits())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use zarr_fuse_schemas::Schema;

    use super::*;

    const YAML: &str = "n:\n  COORDS:\n    x: {type: int64, chunk_size: 3}\n  VARS:\n    v: {coords: x, unit: m, source_unit: km, range: {interval: [0, 5]}, description: height}\n";

    fn fingerprint(yaml: &str) -> Json {
        let schema = Schema::parse(yaml, "n.yaml", Path::new(".")).unwrap();
        of(schema.node("n").unwrap())
    }

    #[test]
    fn what_changes_the_arrays_changes_the_fingerprint_and_words_do_not() {
        let same = fingerprint(YAML);
        assert_eq!(fingerprint(&YAML.replace("height", "depth")), same);
        assert_eq!(fingerprint(&format!("# later\n{YAML}")), same);
        for (from, to) in [
            ("chunk_size: 3", "chunk_size: 4"),
            ("source_unit: km", "source_unit: cm"),
            ("interval: [0, 5]", "interval: [0, 6]"),
            ("description", "merge: max, description"),
            ("int64", "int32"),
            ("v: {", "w: {"),
        ] {
            assert_ne!(fingerprint(&YAML.replace(from, to)), same, "{to}");
        }
    }

    #[test]
    fn the_fingerprint_stays_what_it_was() {
        // Written down, because a try that was interrupted may be gone on with by a later version.
        let text = fingerprint(YAML).to_string();
        assert!(text.starts_with(r#"["n",[[["x",["x"],"int64","#), "{text}");
    }
}
