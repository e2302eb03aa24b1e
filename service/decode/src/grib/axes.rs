//! The coordinates over the grid: times, members of ensembles, levels.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use polars::prelude::{
    Column, Float64Chunked, Int64Chunked, IntoColumn, PlSmallStr, TimeUnit, TimeZone,
};
use zarr_fuse_schemas::rules::Rules;

use super::super::{Grid, Grids};
use super::product::Product;
use super::table;

pub(super) const REFERENCE_TIME: &str = "reference_time";
pub(super) const TIME: &str = "time";
pub(super) const NUMBER: &str = "number";

/// The coordinates over the grid.
#[derive(Debug)]
pub(super) struct Axes {
    /// Milliseconds since 1970, ascending.
    reference_times: Vec<i64>,
    times: Vec<i64>,
    /// Every time is that of one reference time, and not all of them are of the same: variables lie along times only.
    is_by_time: bool,
    numbers: Vec<i64>,
    /// By kind: values, ascending.
    levels: IndexMap<String, Vec<f64>>,
}

/// The dimensions of a variable above those of the grid.
#[derive(Debug)]
pub(super) struct Dims {
    pub(super) names: Vec<String>,
    pub(super) lengths: Vec<usize>,
    level: Option<String>,
    has_numbers: bool,
}

impl Axes {
    /// Those of all variables.
    pub(super) fn of(variables: &[Vec<&Product>], rules: Rules) -> Self {
        let products = || variables.iter().flatten();
        let pairs: BTreeSet<(i64, i64)> = products().map(|p| (p.time, p.reference_time)).collect();
        let times: BTreeSet<i64> = pairs.iter().map(|(time, _)| *time).collect();
        let reference_times: BTreeSet<i64> = pairs.iter().map(|(_, made)| *made).collect();
        let numbers: BTreeSet<i64> = products().filter_map(|product| product.member).collect();
        Self {
            is_by_time: rules == Rules::Second
                && reference_times.len() > 1
                && times.len() > 1
                && pairs.len() == times.len(),
            reference_times: reference_times.into_iter().collect(),
            times: times.into_iter().collect(),
            numbers: match rules {
                Rules::First => Vec::new(),
                Rules::Second => numbers.into_iter().collect(),
            },
            levels: levels(variables),
        }
    }

    /// Adds them before those of the grid.
    pub(super) fn add_coordinates(&self, grids: &mut Grids, variables: &[Vec<&Product>]) {
        let mut coordinates = IndexMap::new();
        let times = |name: &str, ticks: Vec<i64>| -> Column {
            Int64Chunked::from_vec(PlSmallStr::from_str(name), ticks)
                .into_datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC))
                .into_column()
        };
        if self.is_by_time {
            let products = variables.iter().flatten();
            let pairs = products.map(|product| (product.time, product.reference_time));
            let made: BTreeMap<i64, i64> = pairs.collect();
            let values = times(REFERENCE_TIME, made.into_values().collect());
            let dims = vec![TIME.to_owned()];
            grids
                .variables
                .insert(REFERENCE_TIME.to_owned(), Grid { dims, values });
        } else {
            let values = times(REFERENCE_TIME, self.reference_times.clone());
            coordinates.insert(REFERENCE_TIME.to_owned(), values);
        }
        coordinates.insert(TIME.to_owned(), times(TIME, self.times.clone()));
        if !self.numbers.is_empty() {
            let name = PlSmallStr::from_static(NUMBER);
            let values = Int64Chunked::from_vec(name, self.numbers.clone());
            coordinates.insert(NUMBER.to_owned(), values.into_column());
        }
        for (kind, values) in &self.levels {
            let values = Float64Chunked::from_vec(PlSmallStr::from_str(kind), values.clone());
            coordinates.insert(kind.clone(), values.into_column());
            if let Some(unit) = table::unit_of_level(kind) {
                grids.units.insert(kind.clone(), unit.to_owned());
            }
        }
        coordinates.extend(std::mem::take(&mut grids.coordinates));
        grids.coordinates = coordinates;
    }

    /// The dimensions of a variable that is made of `members`.
    pub(super) fn dims(&self, members: &[&Product]) -> Dims {
        let mut names = Vec::new();
        let mut lengths = Vec::new();
        let mut push = |name: &str, length: usize| {
            names.push(name.to_owned());
            lengths.push(length);
        };
        if !self.is_by_time {
            push(REFERENCE_TIME, self.reference_times.len());
        }
        push(TIME, self.times.len());
        let has_numbers =
            !self.numbers.is_empty() && members.iter().any(|product| product.member.is_some());
        if has_numbers {
            push(NUMBER, self.numbers.len());
        }
        let first = members[0];
        let is_layered = members
            .iter()
            .any(|product| product.level.value != first.level.value);
        let mut level = None;
        if let Some(kind) = &first.level.kind
            && is_layered
            && let Some(values) = self.levels.get(kind)
        {
            push(kind, values.len());
            level = Some(kind.clone());
        }
        Dims {
            names,
            lengths,
            level,
            has_numbers,
        }
    }

    /// Which of the grids of its variable a field is; `None`: it has no member or level, and others have.
    pub(super) fn position(&self, product: &Product, dims: &Dims) -> Option<usize> {
        let place = |ticks: &[i64], at: i64| ticks.partition_point(|tick| *tick < at);
        let mut position = place(&self.times, product.time);
        if !self.is_by_time {
            position += place(&self.reference_times, product.reference_time) * self.times.len();
        }
        if dims.has_numbers {
            position = position * self.numbers.len() + place(&self.numbers, product.member?);
        }
        if let Some(kind) = &dims.level {
            let values = &self.levels[kind];
            let value = product.level.value?;
            position = position * values.len() + values.partition_point(|level| *level < value);
        }
        Some(position)
    }

    /// Members of the ensemble.
    pub(super) fn numbers(&self) -> &[i64] {
        &self.numbers
    }
}

fn levels(variables: &[Vec<&Product>]) -> IndexMap<String, Vec<f64>> {
    // Levels of each variable, by kind.
    let mut by_kind: IndexMap<&str, Vec<Vec<f64>>> = IndexMap::new();
    for members in variables {
        let mut own: IndexMap<&str, Vec<f64>> = IndexMap::new();
        for product in members {
            if let (Some(kind), Some(value)) = (&product.level.kind, product.level.value) {
                own.entry(kind).or_default().push(value);
            }
        }
        for (kind, mut values) in own {
            values.sort_by(f64::total_cmp);
            values.dedup();
            by_kind.entry(kind).or_default().push(values);
        }
    }
    let mut levels = IndexMap::new();
    for (kind, variables) in by_kind {
        let is_axis = variables.iter().any(|values| values.len() > 1);
        let mut values: Vec<f64> = Vec::new();
        for own in variables.iter().filter(|own| !is_axis || own.len() > 1) {
            values.extend(own);
        }
        values.sort_by(f64::total_cmp);
        values.dedup();
        // Variables on one level each, and not the same one: no coordinate says which.
        if is_axis || values.len() == 1 {
            levels.insert(kind.to_owned(), values);
        }
    }
    levels
}
