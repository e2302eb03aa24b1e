//! Messages made by hand: what identifies a field, and what must not be taken for something else.

use std::collections::BTreeMap;
use std::path::Path;

use polars::prelude::DataType;
use serde_json::{Value, json};
use zarr_fuse_schemas::rules::Rules;

use super::super::{Content, DecodeError, Decoded, Decoder, Grids, Recipe, decode_arrays};
use super::{decoder_for, decoding, variables};

/// A surface of code table 4.5 with its value, scaled by powers of ten.
type Surface = (u8, i8, i32);

const NONE: Surface = (255, -127, -1);
const GROUND: Surface = (1, 0, 0);
const TWO_METRES: Surface = (103, 0, 2);

/// A field of 2 × 2 points; hours are those of 1 July 2019.
#[derive(Clone)]
struct Field {
    /// Discipline, category, number.
    parameter: [u8; 3],
    surfaces: [Surface; 2],
    made_at: u8,
    /// Hours after.
    step: u32,
    /// Process of code table 4.10, and the hour at which it ends.
    over: Option<(u8, u8)>,
    member: Option<u8>,
    values: [f32; 4],
    /// Increments in millionths of a degree.
    steps: u32,
    /// Sections 5 and 7 without their heads, in place of floats.
    packed: Option<(Vec<u8>, Vec<u8>)>,
}

const TEMPERATURE: Field = Field {
    parameter: [0, 0, 0],
    surfaces: [TWO_METRES, NONE],
    made_at: 0,
    step: 6,
    over: None,
    member: None,
    values: [1.0, 2.0, 3.0, 4.0],
    steps: 1_000_000,
    packed: None,
};

/// Precipitation from the hour `step` on to the hour `end`.
fn rain(step: u32, end: u8) -> Field {
    Field {
        parameter: [0, 1, 8],
        surfaces: [GROUND, NONE],
        step,
        over: Some((1, end)),
        ..TEMPERATURE
    }
}

fn section(number: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 5).unwrap();
    [&length.to_be_bytes()[..], &[number], content].concat()
}

/// Numbers of GRIB have their sign in the highest bit.
fn signed(value: i32) -> [u8; 4] {
    (value.unsigned_abs() | u32::from(value < 0) << 31).to_be_bytes()
}

fn surface((code, scale, value): Surface) -> Vec<u8> {
    if value == -1 {
        return [&[code, 255][..], &[255; 4]].concat();
    }
    let scale = scale.unsigned_abs() | u8::from(scale < 0) << 7;
    [&[code, scale][..], &signed(value)].concat()
}

impl Field {
    fn message(&self) -> Vec<u8> {
        let day = |hour: u8| [&2019_u16.to_be_bytes()[..], &[7, 1, hour, 0, 0]].concat();
        let [discipline, category, number] = self.parameter;
        let identification = [&[0, 98, 0, 0, 2, 0, 1][..], &day(self.made_at), &[0, 1]].concat();
        let degrees = |n: i32| signed(n * 1_000_000);
        let grid = [
            &[
                0, 0, 0, 0, 4, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            ][..],
            &[0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 255, 255, 255, 255],
            &degrees(52),
            &degrees(12),
            &[0x30],
            &degrees(51),
            &degrees(13),
            &self.steps.to_be_bytes(),
            &self.steps.to_be_bytes(),
            &[0],
        ]
        .concat();
        let template = match (self.over, self.member) {
            (None, None) => 0,
            (None, Some(_)) => 1,
            (Some(_), None) => 8,
            (Some(_), Some(_)) => 11,
        };
        let mut product = [
            &[0, 0, 0, template, category, number, 2, 0, 0, 0, 0, 0, 1][..],
            &self.step.to_be_bytes(),
        ]
        .concat();
        product.extend(self.surfaces.into_iter().flat_map(surface));
        if let Some(member) = self.member {
            product.extend([3, member, 3]);
        }
        if let Some((process, end)) = self.over {
            product.extend(day(end));
            product.extend([1, 0, 0, 0, 0, process, 2, 1]);
            product.extend((u32::from(end) - self.step).to_be_bytes());
            product.extend([255, 0, 0, 0, 0]);
        }
        let (representation, data) = match &self.packed {
            Some(packed) => packed.clone(),
            None => (
                vec![0, 0, 0, 4, 0, 4, 1],
                self.values
                    .iter()
                    .flat_map(|value| value.to_be_bytes())
                    .collect(),
            ),
        };
        let sections = [
            section(1, &identification),
            section(3, &grid),
            section(4, &product),
            section(5, &representation),
            section(6, &[255]),
            section(7, &data),
            b"7777".to_vec(),
        ]
        .concat();
        let length = sections.len() as u64 + 16;
        let head = [&b"GRIB"[..], &[0, 0, discipline, 2], &length.to_be_bytes()].concat();
        [head, sections].concat()
    }
}

fn decoded(fields: &[Field], decoder: &Decoder) -> Result<Grids, DecodeError> {
    let body: Vec<u8> = fields.iter().flat_map(Field::message).collect();
    let content = Content {
        content_type: "application/x-grib".to_owned(),
        content_encoding: None,
    };
    match decode_arrays(&body, &content, decoder, &variables(json!({})))? {
        Decoded::Grids(grids) => Ok(grids),
        Decoded::Table(_) => panic!("rows"),
    }
}

/// As `grid` in the configuration says.
fn read(fields: &[Field], grid: &Value) -> Result<Grids, DecodeError> {
    let decoder = decoding(json!({"grid": grid}))
        .prepare(Path::new("."))
        .unwrap();
    decoded(fields, &decoder)
}

/// For a node that has places for these.
fn read_for(
    fields: &[Field],
    variables: &[&str],
    coordinates: &[&str],
) -> Result<Grids, DecodeError> {
    let decoder = decoder_for(variables, coordinates);
    decoded(fields, &decoder)
}

fn cells(grids: &Grids, name: &str) -> Vec<Option<f64>> {
    let values = grids.variables.get(name).map(|grid| &grid.values);
    let values = values.or_else(|| grids.coordinates.get(name)).unwrap();
    let values = values.cast(&DataType::Float64).unwrap();
    let cells = values.f64().unwrap().iter();
    cells
        .map(|cell| cell.filter(|value| !value.is_nan()))
        .collect()
}

fn names(grids: &Grids) -> Vec<&str> {
    grids.variables.keys().map(String::as_str).collect()
}

#[test]
fn fields_are_told_apart_by_level_process_and_period() {
    let maximum = Field {
        over: Some((2, 12)),
        ..TEMPERATURE
    };
    let fields = [TEMPERATURE, maximum, rain(0, 6), rain(5, 6)];
    let found = read(&fields, &json!({})).unwrap();
    assert_eq!(
        names(&found),
        [
            "TMP_heightAboveGround",
            "TMP_heightAboveGround_max_6h",
            "APCP_surface_acc_6h",
            "APCP_surface_acc_1h"
        ]
    );
}

#[test]
fn a_name_means_the_same_whatever_else_is_in_the_file_or_chosen() {
    let fields = [rain(0, 6), rain(5, 6), TEMPERATURE];
    let alone = read(&fields[1..2], &json!({"variables": ["APCP_1h"]})).unwrap();
    let chosen = read(&fields, &json!({"variables": ["APCP_1h"]})).unwrap();
    let asked = read_for(&fields, &["APCP_1h", "TMP"], &[]).unwrap();
    for found in [&alone, &chosen, &asked] {
        assert_eq!(cells(found, "APCP_1h"), [1.0, 2.0, 3.0, 4.0].map(Some));
    }
    assert_eq!(names(&asked), ["APCP_1h", "TMP"]);
}

#[test]
fn a_name_that_means_several_variables_is_refused_with_their_names() {
    let cold = Field {
        surfaces: [(100, 0, 85_000), NONE],
        ..TEMPERATURE
    };
    let message = read_for(&[TEMPERATURE, cold.clone()], &["TMP"], &[]).unwrap_err();
    assert_eq!(
        message.to_string(),
        "GRIB: variable `TMP` is several in this file: `TMP_heightAboveGround`, `TMP_isobaricInhPa`; give the full name of one \
         of them, in `df_col` of the schema or in `grid.variables`; what has no period is called `…_instant` beside one that has"
    );
    let found = read_for(&[TEMPERATURE, cold], &["TMP_isobaricInhPa_850"], &[]).unwrap();
    assert_eq!(names(&found), ["TMP_isobaricInhPa_850"]);
}

#[test]
fn a_file_with_nothing_that_is_asked_for_is_refused_with_what_there_is() {
    let message = read_for(&[TEMPERATURE], &["t2m"], &[]).unwrap_err();
    assert_eq!(
        message.to_string(),
        "GRIB: the file has none of the variables that the schema names; there are `TMP_heightAboveGround`; name one of them, \
         in `df_col` of the schema or in `grid.variables`"
    );
}

#[test]
fn periods_that_begin_with_the_forecast_are_one_variable_over_its_hours() {
    let found = read_for(&[rain(0, 3), rain(0, 6)], &["APCP"], &["time"]).unwrap();
    assert_eq!(found.length("time"), 2);
    let mixed = read_for(
        &[rain(0, 3), rain(3, 6), rain(0, 6)],
        &["APCP_fromStart"],
        &[],
    )
    .unwrap();
    assert_eq!(mixed.length("time"), 2);
}

#[test]
fn members_of_an_ensemble_lie_along_their_numbers() {
    let member = |n: u8| Field {
        member: Some(n),
        values: [f32::from(n); 4],
        ..TEMPERATURE
    };
    let found = read_for(&[member(2), member(1)], &["TMP"], &["number"]).unwrap();
    assert_eq!(cells(&found, "number"), [Some(1.0), Some(2.0)]);
    assert_eq!(cells(&found, "TMP")[3..5], [Some(1.0), Some(2.0)]);
    let message = read_for(&[member(2)], &["TMP"], &["time"]).unwrap_err();
    assert_eq!(
        message.to_string(),
        "GRIB: the file has members of an ensemble (number 2), which the node does not tell apart; give it the coordinate \
         `number: {type: int16}`"
    );
}

#[test]
fn analyses_of_several_hours_lie_along_time_alone() {
    let analysis = |hour: u8| Field {
        made_at: hour,
        step: 0,
        ..TEMPERATURE
    };
    let found = read(&[analysis(0), analysis(1), analysis(2)], &json!({})).unwrap();
    let field = &found.variables["TMP_heightAboveGround"];
    assert_eq!(field.dims, ["time", "latitude", "longitude"]);
    assert_eq!(found.variables["reference_time"].dims, ["time"]);
}

#[test]
fn layers_lie_at_their_middle_and_are_not_taken_for_one_another() {
    let soil = |top: i32, bottom: i32| Field {
        parameter: [2, 0, 2],
        surfaces: [(106, 2, top), (106, 2, bottom)],
        ..TEMPERATURE
    };
    let found = read(&[soil(0, 10), soil(0, 200), soil(7, 28)], &json!({})).unwrap();
    assert_eq!(names(&found), ["parameter_2_0_2_depthBelowLandLayer"]);
    assert_eq!(
        cells(&found, "depthBelowLandLayer"),
        [0.05, 0.175, 1.0].map(Some)
    );
    let one = read(
        &[soil(0, 10), soil(0, 200)],
        &json!({"variables": ["parameter_2_0_2_depthBelowLandLayer_0-2"]}),
    );
    assert_eq!(one.unwrap().variables.len(), 1);
}

#[test]
fn a_field_that_is_written_twice_counts_once_unless_its_values_differ() {
    let fields = [TEMPERATURE, TEMPERATURE];
    assert_eq!(read(&fields, &json!({})).unwrap().variables.len(), 1);
    let other = Field {
        values: [9.0; 4],
        ..TEMPERATURE
    };
    let message = read(&[TEMPERATURE, other], &json!({})).unwrap_err();
    assert_eq!(
        message.to_string(),
        "GRIB: message 2 is of the same parameter, level, period, member and times as message 1, with other values; send one of \
         them, or the results of different models one at a time"
    );
}

#[test]
fn steps_that_contradict_the_corners_are_refused_with_both() {
    let wide = Field {
        steps: 2_000_000,
        ..TEMPERATURE
    };
    let message = read(&[wide], &json!({})).unwrap_err();
    assert_eq!(
        message.to_string(),
        "GRIB: message 1 has 2 latitudes from 52 to 51 degrees, and says that they are 2 degrees apart; correct the steps or the \
         corners, for instance with `grib_set -s iDirectionIncrementInDegrees=…`"
    );
}

/// Section 5 of complex packing of four points in `n_groups` groups, the last of which has `n_last` points and is of as many
/// bits as `width` says; missing groups are marked.
fn complex(n_groups: u32, n_last: u32, width: u8, reference: f32) -> Vec<u8> {
    [
        &[0, 0, 0, 4, 0, 2][..],
        &reference.to_be_bytes(),
        &[0, 0, 0, 0, 0, 0, 1, 1],
        &[255; 8],
        &n_groups.to_be_bytes(),
        &[width, 0],
        &2_u32.to_be_bytes(),
        &[1],
        &n_last.to_be_bytes(),
        &[0],
    ]
    .concat()
}

#[test]
fn complex_packing_without_groups_is_a_constant_field() {
    let constant = Field {
        packed: Some((complex(0, 0, 0, 7.5), Vec::new())),
        ..TEMPERATURE
    };
    let found = read(&[constant], &json!({})).unwrap();
    assert_eq!(cells(&found, "TMP_heightAboveGround"), [Some(7.5); 4]);
}

#[test]
fn a_group_of_no_bits_has_no_values_where_missing_values_are_marked() {
    let missing = Field {
        packed: Some((complex(2, 2, 0, 7.5), Vec::new())),
        ..TEMPERATURE
    };
    let found = read(std::slice::from_ref(&missing), &json!({})).unwrap();
    assert_eq!(cells(&found, "TMP_heightAboveGround"), [None; 4]);
    // Definitions of version 1 took it for the reference.
    let recipe = Recipe {
        decoding: decoding(json!({})),
        files: BTreeMap::new(),
        rules: Rules::First,
    };
    let found = decoded(&[missing], &recipe.prepare().unwrap()).unwrap();
    assert_eq!(cells(&found, "TMP"), [Some(7.5); 4]);
}

#[test]
fn groups_that_are_not_as_many_as_points_are_damage() {
    for (n_groups, n_last) in [(4_000_000_000, 2), (2, 3), (2, 1)] {
        let broken = Field {
            packed: Some((complex(n_groups, n_last, 0, 7.5), Vec::new())),
            ..TEMPERATURE
        };
        let message = read(&[broken], &json!({})).unwrap_err().to_string();
        assert!(
            message.starts_with("the GRIB body is damaged: message 1"),
            "{message}"
        );
    }
}

#[test]
fn the_height_of_wind_waves_is_not_called_their_period() {
    let waves = |number: u8| Field {
        parameter: [10, 0, number],
        surfaces: [GROUND, NONE],
        ..TEMPERATURE
    };
    let found = read(&[waves(5), waves(6)], &json!({})).unwrap();
    assert_eq!(names(&found), ["WVHGT_surface", "WVPER_surface"]);
    assert_eq!(found.units["WVHGT_surface"], "m");
    assert_eq!(found.units["WVPER_surface"], "s");
}
