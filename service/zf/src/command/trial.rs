//! Files tried with a schema, without merging anything.

use std::path::Path;
use std::sync::Arc;

use serde_json::Map;
use zarr_fuse_decode::content_of_file;
use zarr_fuse_fusion::{dataset::Dataset, preview::Preview};
use zarr_fuse_journal::{NewContribution, outcome::Outcome};

use super::{ingest, note, print};

/// What would become of a file.
pub(crate) async fn of_file(
    dataset: &Arc<Dataset>,
    node: &str,
    file: &Path,
) -> anyhow::Result<(Outcome, Option<Preview>)> {
    let content = content_of_file(file);
    let contribution = NewContribution {
        endpoint: dataset.name.clone(),
        node: node.to_owned(),
        content_type: content.content_type,
        content_encoding: content.content_encoding,
        received_at: chrono::Utc::now(),
        sender: super::user(),
        address: None,
        idempotency_key: None,
        variables: Map::new(),
        payload: ingest::read(file)?.into(),
    };
    Ok(dataset.dry_run(contribution).await?)
}

/// Prints what columns became, what fits nothing, and what would become of the file.
pub(crate) fn show(file: &Path, outcome: &Outcome, shown: Option<&Preview>) -> anyhow::Result<()> {
    if let Some(shown) = shown {
        for column in &shown.columns {
            let became = match (&column.variable, column.role) {
                (Some(variable), Some(role)) => format!("{role} `{variable}`"),
                _ => "not in the schema: left out".to_owned(),
            };
            let unit = match (&column.source_unit, &column.unit) {
                (Some(from), Some(to)) if from != to => format!(", {from} → {to}"),
                (_, Some(unit)) => format!(", {unit}"),
                _ => String::new(),
            };
            let size = column
                .size
                .as_ref()
                .map(|size| format!(" {size}"))
                .unwrap_or_default();
            print(&format!("  `{}`{size}: {became}{unit}", column.name))?;
        }
        if !shown.dimensions.is_empty() {
            let dimensions: Vec<String> = shown
                .dimensions
                .iter()
                .map(|dimension| format!("{} {}", dimension.name, dimension.length))
                .collect();
            print(&format!("  dimensions: {}", dimensions.join(" × ")))?;
        }
        for missing in &shown.missing {
            note(&format!(
                "  no column `{missing}`, which a coordinate needs: write its name behind `df_col`, or `rename` it in `decode`"
            ));
        }
        for unfed in &shown.unfed {
            note(&format!(
                "  nothing for the variable `{}`, which is read from `{}`{}",
                unfed.variable,
                unfed.column,
                unfed
                    .nearest
                    .as_ref()
                    .map(|near| format!("; did you mean `df_col: {near}`?"))
                    .unwrap_or_default()
            ));
        }
    }
    print(&ingest::summary(&file.display().to_string(), outcome))?;
    ingest::problems(outcome);
    Ok(())
}
