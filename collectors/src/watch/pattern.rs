//! Names of files and objects: which are meant, and what their parts say.

use regex::Regex;
use serde_json::Value as Json;

use crate::template::Variables;

/// Endings of names of what is still being written.
const TEMPORARY: [&str; 9] = [
    "~",
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".swp",
    ".lock",
];
/// Ending of the files in which outcomes are kept.
pub const OUTCOME: &str = ".outcome.json";

/// Which names are meant: `*` stands for any characters of one part, `?` for one, `**/` for any folders, `{name}` for
/// characters of one part that become the variable `name`.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    names: Vec<String>,
    regex: Regex,
}

impl Pattern {
    /// Reads a pattern such as `{station}/*.csv`.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err(format!(
                "`{text}` is no pattern of names below the folder; write `*.csv` or `{{station}}/*.csv`"
            ));
        }
        let mut names: Vec<String> = Vec::new();
        let mut regex = String::from("^");
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if let Some(after) = rest.strip_prefix("**/") {
                regex.push_str("(?:[^/]+/)*");
                rest = after;
                continue;
            }
            if let Some(after) = rest.strip_prefix('{') {
                let (name, after) = after
                    .split_once('}')
                    .ok_or_else(|| format!("`{rest}` lacks the closing `}}`"))?;
                let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                    && name.starts_with(|c: char| c.is_ascii_alphabetic());
                if !is_name || name == "file" || names.iter().any(|known| known == name) {
                    return Err(format!(
                        "`{{{name}}}` cannot be a variable: names begin with a letter, are unique and not `file`"
                    ));
                }
                names.push(name.to_owned());
                regex.push_str("([^/]+?)");
                rest = after;
                continue;
            }
            match c {
                '*' => regex.push_str("[^/]*"),
                '?' => regex.push_str("[^/]"),
                c => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
            rest = &rest[c.len_utf8()..];
        }
        regex.push('$');
        let regex = Regex::new(&regex).map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self {
            text: text.to_owned(),
            names,
            regex,
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether names in folders of the place can be meant.
    pub fn is_deep(&self) -> bool {
        self.text.contains('/')
    }

    /// What a name says, besides `file`, the name itself; `None` if it is not meant. Hidden and temporary names never are.
    pub fn variables(&self, name: &str) -> Option<Variables> {
        if is_passed_over(name) {
            return None;
        }
        let found = self.regex.captures(name)?;
        let mut variables = Variables::new();
        variables.insert("file".to_owned(), Json::from(name));
        for (variable, value) in self.names.iter().zip(found.iter().skip(1)) {
            variables.insert(variable.clone(), Json::from(value?.as_str()));
        }
        Some(variables)
    }
}

/// Whether a part of a name is hidden, or the name is one of what is still being written.
pub fn is_passed_over(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let last = name.rsplit('/').next().unwrap_or(name);
    name.is_empty()
        || name
            .split('/')
            .any(|part| part.starts_with('.') || part.is_empty())
        || last.starts_with(['#', '~'])
        || TEMPORARY.iter().any(|ending| lower.ends_with(ending))
        || lower.ends_with(OUTCOME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expect: Option<&str>) {
        let found = Pattern::parse(pattern).unwrap().variables(name);
        let found = found.map(|variables| Json::Object(variables).to_string());
        assert_eq!(found.as_deref(), expect, "{pattern} {name}");
    }

    #[test]
    fn parts_of_names_become_variables() {
        check("*", "a.csv", Some(r#"{"file":"a.csv"}"#));
        check("*.csv", "a.txt", None);
        check("*.csv", "b/a.csv", None);
        check("**/*.csv", "a.csv", Some(r#"{"file":"a.csv"}"#));
        check("**/*.csv", "c/b/a.csv", Some(r#"{"file":"c/b/a.csv"}"#));
        let expect = r#"{"file":"B1/2026_x.csv","station":"B1","year":"2026"}"#;
        check("{station}/{year}_*.csv", "B1/2026_x.csv", Some(expect));
        check("{station}/{year}_*.csv", "B1/sub/2026_x.csv", None);
        check("a?[1].c+v", "aX[1].c+v", Some(r#"{"file":"aX[1].c+v"}"#));
        check("a?[1].c+v", "aX1.ccv", None);
    }

    #[test]
    fn hidden_and_temporary_names_are_passed_over() {
        for name in [
            ".a.csv",
            "a.csv.tmp",
            "a.csv.PART",
            "b/.hidden/a.csv",
            "a.csv~",
            "#a.csv#",
            "~$a.xlsx",
            "a.csv.outcome.json",
            ".~lock.a.ods#",
        ] {
            check("**/*", name, None);
        }
        check("**/*", "a..csv", Some(r#"{"file":"a..csv"}"#));
    }

    #[test]
    fn wrong_patterns_are_refused_with_a_remedy() {
        let refused = |text: &str| Pattern::parse(text).unwrap_err();
        assert!(refused("").contains("write `*.csv`"));
        assert!(refused("/etc/*").contains("write `*.csv`"));
        assert!(refused("a/../b").contains("write `*.csv`"));
        assert_eq!(refused("{station"), "`{station` lacks the closing `}`");
        assert!(refused("{a}/{a}").contains("unique"));
        assert!(refused("{file}").contains("not `file`"));
        assert!(refused("{a b}").contains("begin with a letter"));
    }
}
