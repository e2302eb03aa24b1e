//! `${NAME}` and `${NAME:-default}` in a configuration.

use std::collections::HashMap;

use zarr_fuse_schemas::yaml::{self, Value, Yaml};

use super::read::{Problems, Step};

/// Replaces references to environment variables in every scalar, but not inside `decode` of an endpoint or collector.
pub(super) fn expand(
    tree: &mut Yaml,
    env: &HashMap<String, String>,
    path: &mut Vec<Step>,
    problems: &mut Problems,
) {
    if let [Step::Key(section), Step::Key(_), Step::Key(key)] = path.as_slice()
        && matches!(section.as_str(), "endpoints" | "collectors")
        && matches!(key.as_str(), "decode" | "extract")
    {
        return;
    }
    let at = tree.at;
    match &mut tree.value {
        Value::Scalar { text, plain } if text.contains("${") => match expanded(text, env) {
            Ok(new) => {
                // Quotes around a reference keep YAML from reading the braces; they do not make a number a text.
                let is_whole = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
                *plain = *plain
                    || (is_whole
                        && (yaml::number(&new).is_some() || yaml::boolean(&new).is_some()));
                *text = new;
            }
            Err(message) => problems.add(at, path, message),
        },
        Value::Scalar { .. } => {}
        Value::List(items) => {
            for (idx, item) in items.iter_mut().enumerate() {
                path.push(Step::Index(idx));
                expand(item, env, path, problems);
                path.pop();
            }
        }
        Value::Map(entries) => {
            for entry in entries {
                path.push(Step::Key(entry.key.clone()));
                expand(&mut entry.value, env, path, problems);
                path.pop();
            }
        }
    }
}

fn expanded(text: &str, env: &HashMap<String, String>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &from[2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = from.find('}') else {
            return Err(
                "`${` is not closed; write `${NAME}`, or `$${` for the text itself".to_owned(),
            );
        };
        let reference = &from[2..end];
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let is_name =
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(format!(
                "`${{{reference}}}` does not name an environment variable; write `${{NAME}}` or `${{NAME:-default}}`"
            ));
        }
        let value = env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty() || default.is_none());
        match value.or(default) {
            Some(value) => out.push_str(value),
            None => {
                return Err(format!(
                    "the environment variable `{name}` is not set; set it, or write `${{{name}:-default}}`"
                ));
            }
        }
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let env = HashMap::from([
            ("A".to_owned(), "x".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        let found = expanded(text, &env);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text}");
    }

    #[test]
    fn variables_are_replaced() {
        check("${A}", Ok("x"));
        check("a${A}b${A}", Ok("axbx"));
        check("${B:-y z}", Ok("y z"));
        check("${A:-y}", Ok("x"));
        check("${EMPTY}${EMPTY:-e}", Ok("e"));
        check("$${A} $ {A} $A", Ok("${A} $ {A} $A"));
        check(
            "${B}",
            Err("the environment variable `B` is not set; set it, or write `${B:-default}`"),
        );
        check(
            "${A",
            Err("`${` is not closed; write `${NAME}`, or `$${` for the text itself"),
        );
        check(
            "${}",
            Err(
                "`${}` does not name an environment variable; write `${NAME}` or `${NAME:-default}`",
            ),
        );
    }
}
