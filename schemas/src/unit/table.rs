//! The units known, and how a name is found among them.

mod known;

use super::Dimension;
use known::{PREFIXES, TRAPS, UNITS, UNKNOWN};

/// One unit of the table.
#[derive(Debug)]
pub(super) struct Known {
    /// Short spellings; they take short prefixes.
    symbols: &'static [&'static str],
    /// Long spellings; they take long prefixes and a plural `s`.
    names: &'static [&'static str],
    /// Worth in SI base units.
    factor: f64,
    /// SI value of zero.
    pub(super) offset: f64,
    pub(super) dimension: Dimension,
    /// CF/UDUNITS spelling.
    cf: &'static str,
    /// The spelling within products, if another one.
    cf_in_product: Option<&'static str>,
    /// Whether SI prefixes make sense.
    prefixed: bool,
}

/// An SI prefix.
#[derive(Debug)]
struct Prefix {
    short: &'static str,
    long: &'static str,
    factor: f64,
}

/// A unit of the table with its prefix, and the name it was found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named {
    pub(super) unit: &'static Known,
    prefix: Option<&'static Prefix>,
    /// The spelling, where it is a trap.
    trap: Option<(&'static str, &'static str)>,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        let long = |named: &Self| named.prefix.map(|prefix| prefix.long);
        std::ptr::eq(self.unit, other.unit) && long(self) == long(other)
    }
}

impl Named {
    pub(super) fn factor(&self) -> f64 {
        self.unit.factor * self.prefix.map_or(1.0, |prefix| prefix.factor)
    }

    /// The CF/UDUNITS spelling; `alone` if the unit stands without others.
    pub(super) fn cf(&self, alone: bool) -> String {
        let name = self
            .unit
            .cf_in_product
            .filter(|_| !alone)
            .unwrap_or(self.unit.cf);
        let prefix = self.prefix.map_or("", |prefix| {
            if prefix.long == "micro" {
                "u"
            } else {
                prefix.short
            }
        });
        format!("{prefix}{name}")
    }

    /// What is probably not meant.
    pub(super) fn trap(&self) -> Option<(&'static str, &'static str)> {
        self.trap
    }
}

/// The unit of a name, with or without prefix.
pub(super) fn find(name: &str) -> Option<Named> {
    let trap = TRAPS.iter().find(|(trap, _)| *trap == name).copied();
    let named = |unit, prefix| Some(Named { unit, prefix, trap });
    if let Some(unit) = UNITS.iter().find(|unit| unit.is_called(name)) {
        return named(unit, None);
    }
    for prefix in PREFIXES {
        let matches = |unit: &&Known| {
            let rest = |prefix: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty());
            unit.prefixed
                && (rest(prefix.short).is_some_and(|rest| unit.symbols.contains(&rest))
                    || rest(prefix.long).is_some_and(|rest| unit.has_name(rest)))
        };
        if let Some(unit) = UNITS.iter().find(matches) {
            return named(unit, Some(prefix));
        }
    }
    None
}

impl Known {
    fn is_called(&self, name: &str) -> bool {
        self.symbols.contains(&name) || self.has_name(name)
    }

    fn has_name(&self, name: &str) -> bool {
        let singular = name.strip_suffix('s');
        self.names
            .iter()
            .any(|own| *own == name || Some(*own) == singular)
    }
}

/// What to write instead of an unknown name, beginning with a separator; empty if nothing is near.
pub(super) fn remedy(name: &str) -> String {
    if let Some((_, remedy)) = UNKNOWN
        .iter()
        .find(|(unknown, _)| unknown.eq_ignore_ascii_case(name))
    {
        return format!(": {remedy}");
    }
    let lower = name.to_lowercase();
    let recased = [
        lower.clone(),
        capitalized(&lower),
        lower.trim_end_matches('.').to_owned(),
    ];
    if let Some(near) = recased
        .iter()
        .find(|recased| *recased != name && find(recased).is_some())
    {
        return format!("; did you mean `{near}`?");
    }
    let names = UNITS
        .iter()
        .flat_map(|unit| unit.symbols.iter().chain(unit.names));
    let long = names.filter(|known| known.len() > 2).copied();
    match crate::near::nearest(name, long) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => {
            "; write a unit such as `m/s`, `degC`, `%`, `mg/l`, or '' for a plain number".to_owned()
        }
    }
}

fn capitalized(lower: &str) -> String {
    let mut chars = lower.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
