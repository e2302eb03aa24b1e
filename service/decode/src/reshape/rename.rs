//! Which columns get new names: those named, and those that a pattern matches.

use indexmap::IndexMap;
use regex::Regex;
use zarr_fuse_schemas::rules::Rules;

use super::super::DecodeError;

/// The key `rename`, patterns compiled.
#[derive(Debug, Clone)]
pub(crate) struct Renames(Vec<Rename>);

#[derive(Debug, Clone)]
struct Rename {
    from: String,
    /// `from` as a pattern for whole names, if it is one.
    pattern: Option<Regex>,
    to: String,
}

impl Renames {
    /// Reads the key; by the first rules there are no patterns.
    pub(crate) fn prepare(names: &IndexMap<String, String>, rules: Rules) -> Self {
        let rename = |(from, to): (&String, &String)| {
            let pattern = Regex::new(from).and_then(|_| Regex::new(&format!("^(?:{from})$")));
            Rename {
                pattern: pattern.ok().filter(|_| rules != Rules::First),
                from: from.clone(),
                to: to.clone(),
            }
        };
        Self(names.iter().map(rename).collect())
    }

    /// Old and new names, if none of the old ones is a pattern for others.
    pub(crate) fn plain(&self) -> Option<Vec<(&str, &str)>> {
        let names = self.0.iter().map(|Rename { from, pattern, to }| {
            let is_plain = pattern.is_none() || regex::escape(from) == *from;
            is_plain.then_some((from.as_str(), to.as_str()))
        });
        names.collect()
    }

    /// Old and new names, of a table with the columns `present`. What matches none stays, for whoever misses it.
    ///
    /// # Errors
    /// [`DecodeError::SeveralToRename`].
    pub(crate) fn names<'n>(
        &self,
        present: impl Iterator<Item = &'n str>,
    ) -> Result<Vec<(String, String)>, DecodeError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let present: Vec<&str> = present.collect();
        let mut names = Vec::with_capacity(self.0.len());
        for Rename { from, pattern, to } in &self.0 {
            let pattern = pattern
                .as_ref()
                .filter(|_| !present.contains(&from.as_str()));
            let Some(pattern) = pattern else {
                names.push((from.clone(), to.clone()));
                continue;
            };
            let matching = present.iter().filter(|name| pattern.is_match(name));
            let matching: Vec<String> = matching.map(ToString::to_string).collect();
            let has_group = to.contains('$') && pattern.captures_len() > 1;
            match matching.as_slice() {
                [] => names.push((from.clone(), to.clone())),
                [_] => {}
                _ if has_group => {}
                _ => {
                    return Err(DecodeError::SeveralToRename {
                        pattern: from.clone(),
                        matching,
                    });
                }
            }
            names.extend(matching.into_iter().map(|name| {
                let new = if has_group {
                    pattern.replace(&name, to.as_str()).into_owned()
                } else {
                    to.clone()
                };
                (name, new)
            }));
        }
        Ok(names)
    }
}
