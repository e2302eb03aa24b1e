//! `zf list`: the tree of a dataset.

use std::process::ExitCode;

use zarr_fuse_arrays::values::Values;
use zarr_fuse_fusion::{copy::matches, node::NodeView, normalize::time::format_ticks};
use zarr_fuse_schemas::{Coordinate, Node, Variable, model::Measure};

use super::{Access, Target, print, table};

/// Print the tree of a dataset.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    target: Target,
    /// Only nodes whose path matches: `*` stands for any characters.
    #[arg(value_name = "GLOB")]
    glob: Option<String>,
    /// Print in full: attributes, merge rules, ranges, compression.
    #[arg(short = 'p')]
    full: bool,
}

impl List {
    /// Prints every node that has arrays.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let dataset = self.target.open(Access::Read).await?;
        for (path, node) in &dataset.nodes {
            if self.glob.as_ref().is_some_and(|glob| !matches(glob, path)) {
                continue;
            }
            let view = node.view();
            print(&format!(
                "{path}  (folded up to contribution {})",
                view.folded_seq()
            ))?;
            let mut rows = Vec::new();
            for coordinate in view.schema().coordinates.values() {
                rows.push(coordinate_row(&view, coordinate));
            }
            for variable in view.schema().variables.values() {
                rows.push(variable_row(&view, variable));
            }
            print(&table(&rows))?;
            if self.full {
                print(&full(view.schema()))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn coordinate_row(view: &NodeView, coordinate: &Coordinate) -> Vec<String> {
    let variable = &coordinate.variable;
    let values = view.coordinate(&variable.name);
    let n = values.map_or(0, Values::len);
    let order = if coordinate.sorted {
        "sorted"
    } else {
        "in order of arrival"
    };
    let extent = match values {
        Some(values) if n > 0 && coordinate.sorted => {
            format!(
                "{} … {}",
                shown(variable, values, 0),
                shown(variable, values, n - 1)
            )
        }
        Some(values) if n > 0 => {
            let first: Vec<String> = (0..n.min(3)).map(|i| shown(variable, values, i)).collect();
            format!("{}{}", first.join(", "), if n > 3 { ", …" } else { "" })
        }
        _ => "no values yet".to_owned(),
    };
    let kind = format!("{:?}", variable.data_type).to_lowercase();
    let what = if coordinate.composed.is_empty() {
        kind
    } else {
        format!("of {}", coordinate.composed.join(", "))
    };
    vec![
        format!("  * {}", variable.name),
        format!("{n} values, chunks of {}", coordinate.chunk_size),
        what,
        unit(variable),
        format!("{order}: {extent}"),
    ]
}

fn variable_row(view: &NodeView, variable: &Variable) -> Vec<String> {
    let n = |name: &String| view.coordinate(name).map_or(0, Values::len).to_string();
    let shape: Vec<String> = variable.coords.iter().map(n).collect();
    vec![
        format!("    {}", variable.name),
        format!("({})", variable.coords.join(", ")),
        match &variable.measure {
            Measure::Truth => variable.type_name(),
            _ => format!("{:?}", variable.data_type).to_lowercase(),
        },
        unit(variable),
        shape.join(" × "),
    ]
}

fn unit(variable: &Variable) -> String {
    match &variable.measure {
        Measure::Plain | Measure::Truth => String::new(),
        Measure::Physical { unit, .. } => unit.written.clone(),
        Measure::Time { unit, .. } => unit.tick.cf_name().to_owned(),
        Measure::Discrete { labels } => labels.join("|"),
    }
}

fn shown(variable: &Variable, values: &Values, i: usize) -> String {
    match (&variable.measure, values) {
        (Measure::Time { unit, .. }, Values::Int64(ticks)) => format_ticks(ticks[i], unit),
        _ => values.display(i),
    }
}

/// Descriptions, columns, rules and attributes.
fn full(node: &Node) -> String {
    let mut rows = Vec::new();
    let coordinates = node
        .coordinates
        .values()
        .map(|coordinate| &coordinate.variable);
    for variable in coordinates.chain(node.variables.values()) {
        rows.push(vec![
            format!("    {}", variable.name),
            format!("column `{}`", variable.column),
            format!("merge {}", format!("{:?}", variable.merge).to_lowercase()),
            format!("{:?}", variable.codec).to_lowercase(),
            variable.description.clone().unwrap_or_default(),
        ]);
    }
    let mut text = table(&rows);
    for (key, value) in &node.attrs {
        text.push_str("\n    ");
        text.push_str(key);
        text.push_str(": ");
        text.push_str(&value.to_string());
    }
    text
}
