//! Commands in documents: fenced `console` blocks, run as a person runs them.

/// One command of a document and what it shows under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// What follows `$ `, continued over lines that end with a backslash and over here-documents.
    pub command: String,
    /// The lines that follow, up to the next command or the end of the block.
    pub output: Vec<String>,
    /// Line number in the document.
    pub line: usize,
}

/// The commands of all `console` blocks, in order. In a block, a line that begins with `$ ` is a command.
pub fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    let mut until = Until::Complete;
    for (i, line) in document.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside && line.trim() == "```console";
            until = Until::Complete;
            continue;
        }
        if !inside {
            continue;
        }
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (_, Some(last)) if until != Until::Complete => {
                last.command.push('\n');
                last.command.push_str(line);
                until = until.after(line);
            }
            (Some(command), _) => {
                examples.push(Example {
                    command: command.to_owned(),
                    output: Vec::new(),
                    line: i + 1,
                });
                until = Until::begin(command);
            }
            (None, Some(last)) => last.output.push(line.to_owned()),
            (None, None) => {}
        }
    }
    examples
}

/// Whether a command goes on in the next line.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Until {
    Complete,
    NextLine,
    Word(String),
}

impl Until {
    fn begin(command: &str) -> Self {
        match command.split_once("<<") {
            Some((_, word)) => Self::Word(word.trim_matches(['\'', '"', ' ']).to_owned()),
            None if command.ends_with('\\') => Self::NextLine,
            None => Self::Complete,
        }
    }

    fn after(self, line: &str) -> Self {
        match self {
            Self::Word(word) if line != word => Self::Word(word),
            Self::Word(_) | Self::Complete => Self::Complete,
            Self::NextLine => Self::begin(line),
        }
    }
}

/// Whether `shown` tells what `printed` says: line by line, in order, `…` standing for any text or any lines.
///
/// # Errors
/// The first line that differs.
pub fn tells(shown: &[String], printed: &str) -> Result<(), String> {
    let mut printed = printed.lines();
    let mut any_lines = false;
    for wanted in shown.iter().filter(|line| !line.trim().is_empty()) {
        if wanted.trim() == "…" {
            any_lines = true;
            continue;
        }
        loop {
            match printed.next() {
                Some(line) if fits(wanted, line) => break,
                Some(line) if line.trim().is_empty() || any_lines => {}
                Some(line) => return Err(format!("`{line}` is printed where `{wanted}` is shown")),
                None => return Err(format!("`{wanted}` is shown but not printed")),
            }
        }
        any_lines = false;
    }
    match printed.find(|line| !line.trim().is_empty()) {
        Some(line) if !any_lines => Err(format!("`{line}` is printed but not shown")),
        _ => Ok(()),
    }
}

/// Whether a line is as shown; runs of spaces count as one, `…` for any text.
fn fits(shown: &str, line: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, shown) = (words(line), words(shown));
    let Some((head, rest)) = shown.split_once('…') else {
        return line == shown;
    };
    let Some(mut left) = line.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('…').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = left.find(part) else {
            return false;
        };
        left = &left[at + part.len()..];
    }
    left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_output_are_found_in_console_blocks_only() {
        let text = "```console\n$ a \\\n  b\nout\n$ c\n```\n```sh\n$ no\n```\n";
        let example = |command: &str, output: &[&str], line| Example {
            command: command.to_owned(),
            output: output.iter().map(ToString::to_string).collect(),
            line,
        };
        assert_eq!(
            examples(text),
            [example("a \\\n  b", &["out"], 2), example("c", &[], 5)]
        );
    }

    #[test]
    fn an_ellipsis_stands_for_any_text_or_any_lines() {
        let check = |shown: &[&str], printed: &str| {
            let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
            tells(&shown, printed).is_ok()
        };
        assert!(check(&["a … c"], "a b  c"));
        assert!(!check(&["a … c"], "a b d"));
        assert!(check(&["a", "…", "z"], "a\nb\nc\nz\n"));
        assert!(!check(&["a", "z"], "a\nb\nz\n"));
        assert!(!check(&["a"], "a\nb\n"));
        assert!(check(&["a", "…"], "a\nb\n"));
        assert!(!check(&["a", "b"], "a\n"));
        assert!(!check(&["ab"], "a"));
    }
}
