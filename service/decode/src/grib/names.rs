//! Under which names fields become variables.
//!
//! The full name of a field is made of what identifies it: parameter, kind of level, what was done over which period, and what
//! else tells it from others, as in `TMP_heightAboveGround` or `APCP_surface_acc_6h`. A name may leave parts out, and may
//! give the value of the level; it must then mean one variable of the file, or the file is refused.

use indexmap::IndexMap;
use zarr_fuse_schemas::rules::Rules;

use super::super::format_error::FormatError;
use super::super::{Asked, GridOptions};
use super::FORMAT;
use super::field::Field;
use super::product::Product;

/// What a field without a period may be called, beside fields with one.
const INSTANT: &str = "instant";
/// Of periods that all begin with the forecast, however long they are.
const FROM_START: &str = "fromStart";
/// Most names that a message lists.
const MAX_LISTED: usize = 30;

/// A variable: its name, and which fields it is made of.
pub(super) type Variables = IndexMap<String, Vec<usize>>;

/// The variables that are made of `fields`.
///
/// # Errors
/// Names that none or several of the variables have.
pub(super) fn variables(fields: &[Field<'_>], asked: Asked<'_>) -> Result<Variables, FormatError> {
    let Asked {
        options,
        wanted,
        rules,
    } = asked;
    if rules == Rules::First {
        return by_rules_of_version_1(fields, options);
    }
    let known: Vec<(usize, &Product)> = fields
        .iter()
        .enumerate()
        .filter_map(|(idx, field)| Some((idx, field.product.as_ref().ok()?)))
        .collect();
    let mut variables = Variables::new();
    let names = match (&options.variables, wanted) {
        (Some(names), _) => names,
        (None, Some(wanted)) => &wanted.variables,
        (None, None) => {
            // Everything is taken, so everything must be known.
            if let Some(Err(error)) = fields
                .iter()
                .map(|field| &field.product)
                .find(|p| p.is_err())
            {
                return Err(error.clone());
            }
            return Ok(all(&known));
        }
    };
    for name in names {
        let found: Vec<(usize, &Product)> = known
            .iter()
            .copied()
            .filter(|(_, product)| product.is_called(name))
            .collect();
        if found.is_empty() {
            if options.variables.is_some() {
                return Err(missing(
                    &format!("variable `{name}`"),
                    "does not exist",
                    &known,
                ));
            }
            continue;
        }
        let several = all(&found);
        if several.len() > 1 && !is_one(&found) {
            let several: Vec<&String> = several.keys().collect();
            return Err(FormatError::NotTaken {
                format: FORMAT,
                place: format!("variable `{name}`"),
                found: format!("is several in this file: {}", list(&several)),
                remedy: "give the full name of one of them, in `df_col` of the schema or in `grid.variables`; \
                         what has no period is called `…_instant` beside one that has"
                    .to_owned(),
            });
        }
        variables.insert(
            name.clone(),
            found.into_iter().map(|(idx, _)| idx).collect(),
        );
    }
    if variables.is_empty() && !names.is_empty() {
        let place = "the file";
        return Err(
            match fields.iter().find_map(|field| field.product.as_ref().err()) {
                Some(error) if known.is_empty() => error.clone(),
                _ => missing(
                    place,
                    "has none of the variables that the schema names",
                    &known,
                ),
            },
        );
    }
    Ok(variables)
}

/// All fields under their full names.
fn all(fields: &[(usize, &Product)]) -> Variables {
    let mut groups: IndexMap<String, Vec<(usize, &Product)>> = IndexMap::new();
    for (idx, product) in fields {
        groups
            .entry(product.stem())
            .or_default()
            .push((*idx, product));
    }
    let mut variables = Variables::new();
    for (stem, members) in groups {
        let from_start = members.iter().all(|(_, product)| product.is_from_start());
        let first = members[0].1.period.as_ref();
        let is_mixed = members
            .iter()
            .any(|(_, product)| product.period.as_ref() != first);
        for (idx, product) in &members {
            let period = match &product.period {
                None => None,
                Some(_) if is_mixed && from_start => Some(FROM_START),
                Some(period) => Some(period.label.as_str()),
            };
            let parts = [Some(stem.as_str()), period, product.kind.as_deref()];
            let name: Vec<&str> = parts.into_iter().flatten().collect();
            variables.entry(name.join("_")).or_default().push(*idx);
        }
    }
    variables
}

/// Whether fields that are called alike are one variable: accumulations that all begin with the forecast are, or all of one
/// period.
fn is_one(fields: &[(usize, &Product)]) -> bool {
    let first = fields[0].1;
    fields.iter().all(|(_, product)| {
        product.stem() == first.stem()
            && product.kind == first.kind
            && (product.period == first.period
                || product.label() == first.label()
                || product.is_from_start() && first.is_from_start())
    })
}

impl Product {
    /// Parameter, kind of level and process.
    fn stem(&self) -> String {
        let parts = [
            Some(self.parameters[0].as_str()),
            self.level.kind.as_deref(),
            self.process.as_deref(),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        parts.join("_")
    }

    fn label(&self) -> Option<&str> {
        self.period.as_ref().map(|period| period.label.as_str())
    }

    fn is_from_start(&self) -> bool {
        self.period
            .as_ref()
            .is_some_and(|period| period.is_from_start)
    }

    /// Whether `name` is one of its names.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let mut after = self
            .parameters
            .iter()
            .filter_map(|parameter| name.strip_prefix(parameter.as_str()));
        after.any(|rest| self.has_parts(rest))
    }

    /// Whether `rest`, what comes after the parameter in a name, is made of its parts in their order.
    fn has_parts(&self, mut rest: &str) -> bool {
        let mut take = |part: &str| {
            let after = rest
                .strip_prefix('_')
                .and_then(|rest| rest.strip_prefix(part));
            let after = after.filter(|after| after.is_empty() || after.starts_with('_'));
            rest = after.unwrap_or(rest);
            after.is_some()
        };
        if let Some(kind) = &self.level.kind
            && take(kind)
            && let Some(label) = &self.level.label
        {
            take(label);
        }
        take(self.process.as_deref().unwrap_or(INSTANT));
        if let Some(period) = &self.period
            && !take(&period.label)
            && period.is_from_start
        {
            take(FROM_START);
        }
        if let Some(kind) = &self.kind {
            take(kind);
        }
        rest.is_empty()
    }
}

fn missing(place: &str, found: &str, known: &[(usize, &Product)]) -> FormatError {
    let all = all(known);
    let names: Vec<&String> = all.keys().collect();
    FormatError::NotTaken {
        format: FORMAT,
        place: place.to_owned(),
        found: found.to_owned(),
        remedy: format!(
            "there are {}; name one of them, in `df_col` of the schema or in `grid.variables`",
            list(&names)
        ),
    }
}

fn list(names: &[&String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(MAX_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    let more = names.len().saturating_sub(MAX_LISTED);
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// As definitions of version 1 mean it: a parameter on one kind of level in the file has its name alone.
fn by_rules_of_version_1(
    fields: &[Field<'_>],
    options: &GridOptions,
) -> Result<Variables, FormatError> {
    let mut known = Vec::with_capacity(fields.len());
    for (idx, field) in fields.iter().enumerate() {
        known.push((idx, field.product.as_ref().map_err(Clone::clone)?));
    }
    let named = |known: &[(usize, &Product)]| {
        let mut kinds: IndexMap<&str, Vec<Option<&str>>> = IndexMap::new();
        for (_, product) in known {
            let kind = product.level.kind.as_deref();
            let kinds = kinds.entry(&product.parameters[0]).or_default();
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        let mut variables = Variables::new();
        for (idx, product) in known {
            let parameter = &product.parameters[0];
            let name = match &product.level.kind {
                Some(kind) if kinds[parameter.as_str()].len() > 1 => format!("{parameter}_{kind}"),
                _ => parameter.clone(),
            };
            variables.entry(name).or_default().push(*idx);
        }
        variables
    };
    let present = named(&known);
    let Some(wanted) = &options.variables else {
        return Ok(present);
    };
    if let Some(name) = wanted.iter().find(|name| !present.contains_key(*name)) {
        return Err(missing(
            &format!("variable `{name}`"),
            "does not exist",
            &known,
        ));
    }
    let mut kept: Vec<usize> = present
        .into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .flat_map(|(_, fields)| fields)
        .collect();
    kept.sort_unstable();
    known.retain(|(idx, _)| kept.binary_search(idx).is_ok());
    Ok(named(&known))
}
