//! Coverages as JSON text.

use serde_json::{Value as Json, json};
use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::node::NodeView;
use zarr_fuse_schemas::DataType;

use super::super::format::write_json;
use super::super::format::{Field, Kind};
use super::super::plan::Plan;
use super::super::rows::Block;
use super::domain::{Domain, Role, in_degrees};
use super::{Parameter, tuples, with_role};

/// The CRS of longitudes and latitudes in degrees.
const CRS84: &str = "http://www.opengis.net/def/crs/OGC/1.3/CRS84";
/// Where standard names have addresses.
const STANDARD_NAMES: &str = "http://vocab.nerc.ac.uk/standard_name/";

/// What the parts of a document need.
struct Writer<'a> {
    plan: &'a Plan,
    view: &'a NodeView,
    domain: &'a Domain,
    parameters: &'a [Parameter],
    blocks: &'a [Block],
    keep_na: bool,
    out: Vec<u8>,
}

/// One coverage where the domain takes everything, else a collection of them.
pub(super) fn coverages(
    plan: &Plan,
    view: &NodeView,
    domain: &Domain,
    parameters: &[Parameter],
    blocks: &[Block],
    keep_na: bool,
) -> Vec<u8> {
    let mut writer = Writer {
        plan,
        view,
        domain,
        parameters,
        blocks,
        keep_na,
        out: Vec::new(),
    };
    let descriptions: serde_json::Map<String, Json> = parameters
        .iter()
        .map(|parameter| (parameter.field.name.clone(), parameter.description()))
        .collect();
    if domain.outer.is_empty() {
        let position = vec![0; plan.axes.len()];
        let rows = writer.all_rows();
        writer.text("{\"type\":\"Coverage\",\"parameters\":");
        writer.json(&descriptions.into());
        writer.body(&position, &rows, true);
    } else {
        writer.text("{\"type\":\"CoverageCollection\",\"parameters\":");
        writer.json(&descriptions.into());
        writer.text(",\"referencing\":");
        let has_places = domain.place.is_some();
        writer.json(&writer.referencing(has_places));
        writer.text(",\"coverages\":[");
        let mut is_first = true;
        for position in tuples(plan, &domain.outer) {
            let rows = writer.rows(&position);
            if rows.iter().any(Vec::is_empty) || (rows.is_empty() && !writer.has_value(&position)) {
                continue;
            }
            writer.text(if is_first { "" } else { ",\n" });
            is_first = false;
            writer.text("{\"type\":\"Coverage\",\"id\":");
            writer.json(&writer.id(&position).into());
            writer.body(&position, &rows, false);
        }
        writer.text("]}\n");
        return writer.out;
    }
    writer.text("\n");
    writer.out
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn json(&mut self, json: &Json) {
        serde_json::to_writer(&mut self.out, json).expect("a vector takes every byte");
    }

    /// Domain and ranges, and the end of the coverage.
    fn body(&mut self, position: &[u64], rows: &[Vec<u64>], with_referencing: bool) {
        self.text(",\"domain\":{\"type\":\"Domain\"");
        let place = self.place(position);
        if let Some(name) = self.domain_type(place.is_some()) {
            self.text(&format!(",\"domainType\":\"{name}\""));
        }
        self.text(",\"axes\":{");
        self.axes(position, rows, place);
        self.text("}");
        if with_referencing {
            self.text(",\"referencing\":");
            self.json(&self.referencing(place.is_some()));
        }
        self.text("},\"ranges\":{");
        let names: Vec<&str> = self
            .domain
            .inner
            .iter()
            .map(|&axis| self.name(axis))
            .collect();
        let shape: Vec<usize> = rows.iter().map(Vec::len).collect();
        let layout = json!({"axisNames": names, "shape": shape}).to_string();
        let layout = layout.trim_start_matches('{').trim_end_matches('}');
        for (i, parameter) in self.parameters.iter().enumerate() {
            self.text(if i == 0 { "" } else { "," });
            self.json(&parameter.field.name.as_str().into());
            self.text(&format!(
                ":{{\"type\":\"NdArray\",\"dataType\":\"{}\",{layout},\"values\":[",
                parameter.data_type()
            ));
            self.values(parameter, position, rows);
            self.text("]}");
        }
        self.text("}}");
    }

    /// The values of a parameter at the product of `rows`, in that order.
    fn values(&mut self, parameter: &Parameter, position: &[u64], rows: &[Vec<u64>]) {
        let block = &self.blocks[parameter.input];
        let mut position = position.to_vec();
        let mut counters = vec![0; rows.len()];
        let n: usize = rows.iter().map(Vec::len).product();
        for i in 0..n {
            for ((&axis, rows), &counter) in self.domain.inner.iter().zip(rows).zip(&counters) {
                position[axis] = rows[counter];
            }
            if i > 0 {
                self.out.push(b',');
            }
            match parameter.element(block, &position) {
                Some(element) => {
                    write_value(&mut self.out, &parameter.field, &block.values, element);
                }
                None => self.out.extend_from_slice(b"null"),
            }
            for (counter, rows) in counters.iter_mut().zip(rows).rev() {
                *counter += 1;
                if *counter < rows.len() {
                    break;
                }
                *counter = 0;
            }
        }
    }

    fn axes(&mut self, position: &[u64], rows: &[Vec<u64>], place: Option<[f64; 2]>) {
        let mut is_first = true;
        if let Some([east, north]) = place {
            self.text(&json!({"x": {"values": [east]}, "y": {"values": [north]}}).to_string()[1..]);
            self.out.pop();
            is_first = false;
        }
        for axis in 0..self.domain.roles.len() {
            if self.domain.roles[axis] == Role::Other {
                continue;
            }
            let inner = self.domain.inner.iter().position(|&inner| inner == axis);
            let one = [position[axis]];
            let positions = inner.map_or(&one[..], |inner| &rows[inner]);
            self.text(if is_first { "" } else { "," });
            is_first = false;
            self.text(&format!("\"{}\":{{\"values\":[", self.name(axis)));
            for (i, &position) in positions.iter().enumerate() {
                self.text(if i == 0 { "" } else { "," });
                self.coordinate(axis, position);
            }
            self.text("]}");
        }
    }

    /// One value of a coordinate.
    fn coordinate(&mut self, axis: usize, position: u64) {
        let inputs = self.plan.inputs.iter().zip(&self.plan.columns);
        let found = inputs
            .take(self.plan.n_coordinate_inputs)
            .find(|(input, _)| input.axes == [axis]);
        let values = found.and_then(|(input, column)| {
            let values = input.in_memory(self.view, &self.plan.axes, position..position + 1)?;
            Some((values, &column.field))
        });
        let Some((values, field)) = values else {
            return self.text("null");
        };
        let is_degrees = matches!(self.domain.roles[axis], Role::X | Role::Y);
        let variable = &self.view.schema().coordinates[&self.plan.axes[axis].name].variable;
        match in_degrees(variable).filter(|_| is_degrees) {
            Some(conversion) => {
                let value = super::super::elements::number(&values, 0).unwrap_or(f64::NAN);
                self.json(&conversion.apply(value).into());
            }
            None => write_json(&mut self.out, field, &values, 0),
        }
    }

    /// The name of an axis in the domain.
    fn name(&self, axis: usize) -> &'static str {
        match self.domain.roles[axis] {
            Role::X => "x",
            Role::Y => "y",
            Role::Z => "z",
            Role::T | Role::Other => "t",
        }
    }

    fn domain_type(&self, has_place: bool) -> Option<&'static str> {
        let roles: Vec<Role> = self
            .domain
            .inner
            .iter()
            .map(|&axis| self.domain.roles[axis])
            .collect();
        match roles.as_slice() {
            roles if roles.contains(&Role::X) => Some("Grid"),
            _ if !has_place => None,
            [Role::T] => Some("PointSeries"),
            [Role::Z] => Some("VerticalProfile"),
            _ => Some("Point"),
        }
    }

    /// Where the coverage lies, if that is known.
    fn place(&self, position: &[u64]) -> Option<[f64; 2]> {
        let (axis, places) = self.domain.place.as_ref()?;
        let place = places[super::at(position[*axis])];
        place
            .iter()
            .all(|degrees| degrees.is_finite())
            .then_some(place)
    }

    /// What tells the coverage from others.
    fn id(&self, position: &[u64]) -> String {
        let fields: Vec<_> = self
            .plan
            .columns
            .iter()
            .map(|column| std::sync::Arc::clone(&column.field))
            .collect();
        let outer = self.domain.outer.iter().map(|&axis| {
            let label = self.plan.label(self.view, axis, position[axis], &fields);
            format!("{}={label}", self.plan.axes[axis].name)
        });
        outer.collect::<Vec<_>>().join(",")
    }

    fn all_rows(&self) -> Vec<Vec<u64>> {
        let inner = self.domain.inner.iter();
        inner
            .map(|&axis| (0..self.plan.axes[axis].picked.len()).collect())
            .collect()
    }

    /// Positions along the inner axes; of a single one, those with a value.
    fn rows(&self, position: &[u64]) -> Vec<Vec<u64>> {
        let mut rows = self.all_rows();
        if let ([axis], [rows], false) = (
            self.domain.inner.as_slice(),
            rows.as_mut_slice(),
            self.keep_na,
        ) {
            let mut position = position.to_vec();
            rows.retain(|&row| {
                position[*axis] = row;
                self.has_value(&position)
            });
        }
        rows
    }

    /// Whether something that lies along the inner axes has a value here, or anything if nothing does.
    fn has_value(&self, position: &[u64]) -> bool {
        let lies_along = |parameter: &&Parameter| {
            self.domain
                .inner
                .iter()
                .all(|&axis| self.plan.inputs[parameter.input].axes.contains(&axis))
        };
        let has_value = |parameter: &Parameter| {
            let block = &self.blocks[parameter.input];
            let element = parameter.element(block, position);
            element.is_some_and(|element| parameter.field.na.keeps_row(&block.values, element))
        };
        if self
            .parameters
            .iter()
            .any(|parameter| lies_along(&parameter))
        {
            self.parameters.iter().filter(lies_along).any(has_value)
        } else {
            self.parameters.iter().any(has_value)
        }
    }

    fn referencing(&self, has_place: bool) -> Json {
        let mut systems = Vec::new();
        if has_place || with_role(&self.domain.roles, Role::X).is_some() {
            systems.push(json!({"coordinates": ["x", "y"], "system": {"type": "GeographicCRS", "id": CRS84}}));
        }
        if let Some(vertical) = &self.domain.vertical {
            let inputs = self.plan.inputs.iter().zip(&self.plan.columns);
            let unit = inputs
                .take(self.plan.n_coordinate_inputs)
                .find(|(input, _)| input.variable == vertical.name)
                .and_then(|(_, column)| column.field.units.clone());
            let mut axis = json!({"name": {"und": vertical.name}, "direction": vertical.direction});
            if let Some(unit) = unit {
                axis["unit"] = json!({"symbol": unit});
            }
            systems.push(json!({"coordinates": ["z"], "system": {"type": "VerticalCRS", "cs": {"csAxes": [axis]}}}));
        }
        if with_role(&self.domain.roles, Role::T).is_some() {
            systems.push(json!({"coordinates": ["t"], "system": {"type": "TemporalRS", "calendar": "Gregorian"}}));
        }
        systems.into()
    }
}

impl Parameter {
    fn description(&self) -> Json {
        let field = &self.field;
        let mut property = json!({"label": {"und": field.name}});
        if let Some(name) = &self.standard_name {
            property["id"] = format!("{STANDARD_NAMES}{name}/").into();
        }
        let mut parameter = json!({"type": "Parameter", "observedProperty": property});
        if let Some(description) = field.description.as_ref().filter(|text| !text.is_empty()) {
            parameter["description"] = json!({"und": description});
        }
        if let Some(units) = &field.units {
            parameter["unit"] = json!({"symbol": units});
        }
        parameter
    }

    fn data_type(&self) -> &'static str {
        match (&self.field.kind, self.field.data_type) {
            (Kind::Time(_) | Kind::Labels(_), _)
            | (_, DataType::String | DataType::FixedString(_)) => "string",
            (_, DataType::Float32 | DataType::Float64) => "float",
            _ => "integer",
        }
    }
}

fn write_value(out: &mut Vec<u8>, field: &Field, values: &Values, element: usize) {
    match values {
        Values::Bool(v) => out.push(if v[element] { b'1' } else { b'0' }),
        Values::Int8(v) if matches!(field.kind, Kind::Truth) => match v[element] {
            0 => out.push(b'0'),
            1 => out.push(b'1'),
            _ => out.extend_from_slice(b"null"),
        },
        Values::Str(v) if v[element].is_empty() => out.extend_from_slice(b"null"),
        _ => write_json(out, field, values, element),
    }
}
