//! From text to the tree, by the events of the YAML parser.

use std::collections::HashMap;

use serde_saphyr::granit_parser::{
    Event, Marker, Parser, ScalarStyle, ScanError, Span, Tag, options,
};

use super::{Entry, Mark, Value, Yaml, shorten};

/// Longest text read.
const MAX_BYTES: usize = 4 << 20;
/// Most nodes of a tree, aliases counted as often as they are used.
const MAX_NODES: usize = 50_000;
/// So many bytes of a text count as one more node.
const BYTES_PER_NODE: usize = 256;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;

/// The tree of a text, and what is wrong with the text although it could be read.
#[derive(Debug)]
pub struct Loaded {
    /// The document.
    pub root: Yaml,
    /// Keys that stand twice, tags without meaning and the like: places and reasons.
    pub problems: Vec<(Mark, String)>,
}

/// Reads one document.
///
/// # Errors
/// Place and reason if the text is not YAML or exceeds a bound.
pub fn load(text: &str) -> Result<Loaded, (Mark, String)> {
    let start = Mark { line: 1, column: 1 };
    if text.len() > MAX_BYTES {
        let message = format!(
            "the file has {} bytes, more than the {MAX_BYTES} it may have",
            text.len()
        );
        return Err((start, message));
    }
    let mut builder = Builder::default();
    let options = options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    for next in
        Parser::new_from_str_with_options(text.strip_prefix('\u{feff}').unwrap_or(text), options)
    {
        let (event, span) = next.map_err(|error| (mark(error.marker()), explain(&error, text)))?;
        builder
            .take(event, &span)
            .map_err(|message| (mark(&span.start), message))?;
    }
    let root = builder.root.unwrap_or_else(|| Yaml::null(start));
    Ok(Loaded {
        root,
        problems: builder.problems,
    })
}

/// The text with the scalars that begin at the places that `find` names in its tree replaced by `new`. A text that cannot be
/// read has none.
pub fn replace_scalars(
    text: &str,
    new: &str,
    find: impl FnOnce(&Yaml) -> Option<Vec<Mark>>,
) -> String {
    let found = load(text).ok().and_then(|loaded| find(&loaded.root));
    let found = found.unwrap_or_default();
    if found.is_empty() {
        return text.to_owned();
    }
    let (mark_of_order, bare) = match text.strip_prefix('\u{feff}') {
        Some(bare) => ("\u{feff}", bare),
        None => ("", text),
    };
    let mut replaced = mark_of_order.to_owned();
    let mut done = 0;
    for (event, span) in Parser::new_from_str(bare).map_while(Result::ok) {
        let is_found = matches!(event, Event::Scalar(..)) && found.contains(&mark(&span.start));
        let Some(range) = span.byte_range().filter(|_| is_found) else {
            continue;
        };
        replaced.push_str(&bare[done..range.start]);
        replaced.push_str(new);
        // A block of lines reaches to the beginning of what follows.
        let old = &bare[range.clone()];
        done = range.end - (old.len() - old.trim_end().len());
    }
    replaced.push_str(&bare[done..]);
    replaced
}

/// A collection whose end has not come yet.
struct Open {
    at: Mark,
    anchor: usize,
    content: Content,
    extent: Extent,
}

enum Content {
    List(Vec<Yaml>),
    Map(Vec<Entry>, Option<(Mark, String)>),
}

/// How large a node is, aliases expanded.
#[derive(Debug, Clone, Copy, Default)]
struct Extent {
    n_nodes: usize,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, (Yaml, Extent)>,
    root: Option<Yaml>,
    n_nodes: usize,
    problems: Vec<(Mark, String)>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Span) -> Result<(), String> {
        let at = mark(&span.start);
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                return Err(
                    "the file must hold one document: remove the `---` line and what follows it"
                        .to_owned(),
                );
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain
                    && tag
                        .as_deref()
                        .is_none_or(|tag| tag.core_suffix() != Some("str"));
                self.check_tag(at, tag.as_deref());
                let inner = Extent {
                    n_nodes: text.len() / BYTES_PER_NODE,
                    depth: 0,
                };
                // The parser writes `~` for a value that is not there.
                let text = if plain && span.is_empty() {
                    String::new()
                } else {
                    text.into_owned()
                };
                let value = Value::Scalar { text, plain };
                self.n_nodes += inner.n_nodes;
                self.finish(Yaml { at, value }, anchor, inner)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.check_tag(at, tag.as_deref());
                self.begin(at, anchor, Content::List(Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.check_tag(at, tag.as_deref());
                self.begin(at, anchor, Content::Map(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.end()?,
            Event::Alias(id) => {
                let Some((node, extent)) = self.anchors.get(&id).cloned() else {
                    return Err("this alias stands inside the node it refers to".to_owned());
                };
                self.n_nodes += extent.n_nodes;
                self.add(node, extent)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, at: Mark, anchor: usize, content: Content) {
        self.open.push(Open {
            at,
            anchor,
            content,
            extent: Extent::default(),
        });
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (value, at) = match open.content {
            Content::List(items) => (Value::List(items), open.at),
            Content::Map(entries, _) => {
                let first = entries.first().map(|entry| entry.at);
                let entries = self.merge(entries);
                // A block mapping starts at its first key.
                (
                    Value::Map(entries),
                    first.map_or(open.at, |first| first.min(open.at)),
                )
            }
        };
        self.finish(Yaml { at, value }, open.anchor, open.extent)
    }

    /// Remembers a complete node by its anchor and hands it to what surrounds it.
    fn finish(&mut self, node: Yaml, anchor: usize, inner: Extent) -> Result<(), String> {
        let extent = Extent {
            n_nodes: inner.n_nodes + 1,
            depth: inner.depth + 1,
        };
        if anchor != 0 {
            self.n_nodes += extent.n_nodes;
            self.anchors.insert(anchor, (node.clone(), extent));
        }
        self.n_nodes += 1;
        self.add(node, extent)
    }

    fn add(&mut self, node: Yaml, extent: Extent) -> Result<(), String> {
        if extent.depth > MAX_DEPTH || self.open.len() > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.extent.n_nodes += extent.n_nodes;
        open.extent.depth = open.extent.depth.max(extent.depth);
        if self.n_nodes > MAX_NODES {
            return Err(format!(
                "more than {MAX_NODES} values, aliases counted where they are used"
            ));
        }
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map(_, key @ None) => {
                if let Value::Scalar { text, .. } = node.value {
                    *key = Some((node.at, text));
                } else {
                    self.problems
                        .push((node.at, "a key must be a text".to_owned()));
                    *key = Some((node.at, String::new()));
                }
            }
            Content::Map(entries, key) => {
                let (at, key) = key.take().unwrap_or_default();
                let empty =
                    matches!(&node.value, Value::Scalar { text, plain: true } if text.is_empty());
                let value = if empty { Yaml::null(at) } else { node };
                entries.push(Entry { at, key, value });
            }
        }
        Ok(())
    }

    /// Applies `<<` and reports keys that stand twice.
    fn merge(&mut self, entries: Vec<Entry>) -> Vec<Entry> {
        let (inherited, own): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| entry.key == "<<");
        let mut lines = HashMap::new();
        let mut merged: Vec<Entry> = Vec::with_capacity(own.len());
        for entry in own {
            if let Some(line) = lines.get(&entry.key) {
                let message = format!(
                    "the key `{}` stands here again, first in line {line}",
                    shorten(&entry.key)
                );
                self.problems.push((entry.at, message));
            } else {
                lines.insert(entry.key.clone(), entry.at.line);
                merged.push(entry);
            }
        }
        for entry in inherited {
            let sources = match entry.value.value {
                Value::List(items) => items,
                value => vec![Yaml {
                    at: entry.at,
                    value,
                }],
            };
            for source in sources {
                let Value::Map(more) = source.value else {
                    let message = "`<<` takes a mapping or a list of mappings, usually an alias such as `*common`";
                    self.problems.push((entry.at, message.to_owned()));
                    continue;
                };
                for entry in more {
                    if lines.insert(entry.key.clone(), entry.at.line).is_none() {
                        merged.push(entry);
                    }
                }
            }
        }
        merged
    }

    fn check_tag(&mut self, at: Mark, tag: Option<&Tag>) {
        let Some(tag) = tag.filter(|tag| tag.core_suffix().is_none()) else {
            return;
        };
        let message = format!(
            "the tag `{}` has no meaning here: remove it",
            shorten(&tag.original())
        );
        self.problems.push((at, message));
    }
}

fn mark(marker: &Marker) -> Mark {
    Mark {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// The lines of a text as YAML counts them: a carriage return alone ends one, too.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('\r'))
}

fn explain(error: &ScanError, text: &str) -> String {
    let info = error.info();
    let line = lines(text)
        .nth(mark(error.marker()).line - 1)
        .unwrap_or_default();
    let remedy = if info.contains("tab") {
        "; indent with spaces"
    } else if line.contains("str[") || line.contains("datetime64[") {
        "; within braces, a type with brackets stands in quotes, such as `'str[16]'`"
    } else if line.contains(": %") || line.contains(": @") || line.contains(": `") {
        "; a text that starts with such a sign stands in quotes, such as `'%'`"
    } else {
        ""
    };
    format!(
        "not YAML: {}{remedy}",
        if info.is_empty() {
            "unexpected text here"
        } else {
            &info
        }
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Yaml {
        load(text).expect("reads").root
    }

    #[test]
    fn places_are_1_based_and_count_characters() {
        let tree = root("á: {b: [1, 'ž', x]}\nc:\n  d: 1\n");
        let b = &tree.get("á").expect("á").value.get("b").expect("b").value;
        let Value::List(items) = &b.value else {
            unreachable!("{b:?}")
        };
        assert_eq!(
            items[2].at,
            Mark {
                line: 1,
                column: 17
            }
        );
        assert_eq!(
            tree.get("c").expect("c").value.at,
            Mark { line: 3, column: 3 }
        );
    }

    #[test]
    fn an_empty_value_stands_at_its_key() {
        assert_eq!(
            root("a:\n\nb: 1\n").get("a").expect("a").value.at,
            Mark { line: 1, column: 1 }
        );
    }

    #[test]
    fn the_remedy_is_for_the_line_of_the_mistake_whatever_ends_lines() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["a: 1", "b: {type: str[4]}", "c: 2"].join(end);
            let (at, message) = load(&text).expect_err("a bracket within braces");
            assert_eq!(at.line, 2, "{message}");
            assert!(
                message.ends_with("stands in quotes, such as `'str[16]'`"),
                "{message}"
            );
        }
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let tree = root("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: *x\nd: {<<: [{m: 1}, *x]}\n");
        let json = tree.to_json();
        assert_eq!(json["b"], serde_json::json!({"k": 3, "l": 2}));
        assert_eq!(json["c"], serde_json::json!({"k": 1, "l": 2}));
        assert_eq!(json["d"], serde_json::json!({"m": 1, "k": 1, "l": 2}));
    }

    #[test]
    fn keys_that_stand_twice_are_reported() {
        let problems = load("a: 1\nb: 2\na: 3\n").expect("reads").problems;
        assert_eq!(problems[0].0, Mark { line: 3, column: 1 });
        assert_eq!(
            problems[0].1,
            "the key `a` stands here again, first in line 1"
        );
    }

    #[test]
    fn bombs_are_refused() {
        let tens = |level: usize| {
            let alias = format!("*a{}", level - 1);
            format!(
                "a{level}: &a{level} [{}]\n",
                [alias.as_str(); 10].join(", ")
            )
        };
        let text: String = std::iter::once("a0: &a0 [x]\n".to_owned())
            .chain((1..12).map(tens))
            .collect();
        assert!(
            load(&text)
                .expect_err("too many nodes")
                .1
                .starts_with("more than 50000 values")
        );
        assert!(load(&"[".repeat(10_000)).is_err());
        assert!(load(&"- ".repeat(10_000)).is_err());
        let nested = |level: usize| format!("a{level}: &a{level} [*a{}]\n", level - 1);
        let deep: String = std::iter::once("a0: &a0 [x]\n".to_owned())
            .chain((1..100).map(nested))
            .collect();
        assert!(
            load(&deep)
                .expect_err("too deep")
                .1
                .starts_with("nested deeper")
        );
        assert!(load("a: &a [*a]").is_err());
    }
}
