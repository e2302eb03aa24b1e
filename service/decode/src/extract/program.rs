//! A compiled program, and its runs.

use std::fmt;
use std::sync::Arc;

use jaq_core::load::{self, Arena, File, Loader};
use jaq_core::native::v;
use jaq_core::{Compiler, Ctx, Error, Exn, Filter, Vars};
use jaq_json::{Val, read};
use serde_json::{Map, Value};

use super::super::{DecodeError, DecodeSetupError, Limits, json};
use super::budget::{Bounded, Budget, MIN_THREAD_BYTES, Run, Stop, counted_range, stack_bytes};
use super::value;

/// Functions of jq that reach beyond the input: the environment, the clock, the time zone of the machine, its log, its
/// exit. A program that names one does not compile.
const REMOVED: [&str; 12] = [
    "env",
    "now",
    "localtime",
    "strflocaltime",
    "halt",
    "halt_error",
    "debug",
    "debug_empty",
    "stderr",
    "stderr_empty",
    "range",
    "fromjson",
];

/// Longest program. Compiling one takes stack for every level of nesting, of which a byte makes one at most.
const MAX_PROGRAM_BYTES: usize = 32 << 10;

/// Stack of the thread that compiles. Pages are only used when they are reached.
const COMPILE_STACK_BYTES: usize = 512 << 20;

/// A jq program, compiled; cheap to clone.
#[derive(Clone)]
pub(crate) struct Program {
    filter: Arc<Filter<Bounded>>,
}

impl fmt::Debug for Program {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Program")
    }
}

impl Program {
    /// Compiles `code`; `file` is what messages call it.
    ///
    /// jq is read on a thread of its own, whose stack is large enough for any nesting within the bound on the length.
    ///
    /// # Errors
    /// [`DecodeSetupError::Program`] with line and column of the first fault.
    pub(crate) fn compile(code: &str, file: &str) -> Result<Self, DecodeSetupError> {
        let refused = |reason: String| DecodeSetupError::Program {
            file: file.to_owned(),
            line: 1,
            column: 1,
            reason,
        };
        if code.len() > MAX_PROGRAM_BYTES {
            return Err(refused(format!(
                "it has {} bytes, more than the {MAX_PROGRAM_BYTES} a program may have; put tables into `lookup` files",
                code.len()
            )));
        }
        let compiled = std::thread::scope(|scope| {
            std::thread::Builder::new()
                .name("compilation".to_owned())
                .stack_size(COMPILE_STACK_BYTES)
                .spawn_scoped(scope, || Self::compile_here(code, file))
                .map(std::thread::ScopedJoinHandle::join)
        });
        match compiled {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(_panic)) => Err(refused(
                "it cannot be compiled, which is a fault of jaq; write it otherwise".to_owned(),
            )),
            Err(error) => Err(refused(format!(
                "there is no memory to compile it in: {error}"
            ))),
        }
    }

    fn compile_here(code: &str, file: &str) -> Result<Self, DecodeSetupError> {
        let fault = |part: &str, reason: String| {
            let at = load::span(code, part).start.min(code.len());
            let before = &code[..at];
            let line = 1 + before.matches('\n').count();
            let column = 1 + before
                .rsplit('\n')
                .next()
                .unwrap_or_default()
                .chars()
                .count();
            DecodeSetupError::Program {
                file: file.to_owned(),
                line,
                column,
                reason,
            }
        };
        // `range` and `fromjson` are in `REMOVED` only to make room for ours; their definitions in jq stay.
        let is_kept = |name: &str, n_args: usize| match name {
            "range" => n_args != 3,
            name => !REMOVED.contains(&name),
        };
        let definitions = jaq_core::defs()
            .chain(jaq_std::defs())
            .chain(jaq_json::defs());
        let definitions =
            definitions.filter(|definition| is_kept(definition.name, definition.args.len()));
        let functions = jaq_core::funs()
            .chain(jaq_std::funs())
            .chain(jaq_json::funs());
        let functions = functions.filter(|(name, args, _)| is_kept(name, args.len()));

        let arena = Arena::default();
        let modules = Loader::new(definitions)
            .load(&arena, File { code, path: () })
            .map_err(|errors| {
                let (part, reason) = explain_load(errors);
                fault(part, reason)
            })?;
        let filter = Compiler::default()
            .with_funs(functions.chain([counted_range(), bounded_fromjson()]))
            .with_global_vars(["$vars"])
            .compile(modules)
            .map_err(|errors| {
                let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
                let (part, undefined) = first.unwrap_or((code, jaq_core::compile::Undefined::Mod));
                let reason = if REMOVED.contains(&part) {
                    format!("`{part}` is not available; programs see only their input and `$vars`")
                } else {
                    format!(
                        "undefined {} `{part}`; check the spelling, or define it with `def`",
                        undefined.as_str()
                    )
                };
                fault(part, reason)
            })?;
        Ok(Self {
            filter: Arc::new(filter),
        })
    }

    /// Runs on each of `documents` (line and text) and gives the records as lines of JSON.
    ///
    /// The program runs on a thread of its own, whose stack is large and which can be unwound.
    pub(super) fn run<'t>(
        &self,
        documents: &(impl Iterator<Item = (usize, &'t str)> + Clone + Sync),
        by_line: bool,
        variables: &Map<String, Value>,
        limits: &Limits,
    ) -> Result<String, DecodeError> {
        let ran = std::thread::scope(|scope| {
            let mut stack_bytes = stack_bytes(limits);
            loop {
                let started = std::thread::Builder::new()
                    .name("extraction".to_owned())
                    .stack_size(stack_bytes)
                    .spawn_scoped(scope, || {
                        self.run_here(documents.clone(), by_line, variables, limits)
                    });
                match started {
                    // A small machine grants less.
                    Err(_) if stack_bytes > MIN_THREAD_BYTES => {
                        stack_bytes = MIN_THREAD_BYTES.max(stack_bytes / 2);
                    }
                    started => return started.map(std::thread::ScopedJoinHandle::join),
                }
            }
        });
        match ran {
            Err(source) => Err(DecodeError::ProgramThread { source }),
            Ok(Ok(records)) => records,
            Ok(Err(payload)) => match payload.downcast_ref::<Stop>() {
                Some(stop) => Err(stop.explain(limits)),
                None => Err(DecodeError::ProgramCrashed),
            },
        }
    }

    fn run_here<'t>(
        &self,
        documents: impl Iterator<Item = (usize, &'t str)>,
        by_line: bool,
        variables: &Map<String, Value>,
        limits: &Limits,
    ) -> Result<String, DecodeError> {
        let budget = Budget::new(limits);
        let variables = parse(&Value::Object(variables.clone()).to_string(), 1)?;
        let mut records = Records {
            json: String::new(),
            n_outputs: 0,
            max_bytes: limits.max_program_output_bytes,
        };
        for (line, document) in documents {
            let input = parse(document, line)?;
            let run = Run {
                lut: &self.filter.lut,
                budget: &budget,
            };
            let ctx = Ctx::<Bounded>::new(run, Vars::new([variables.clone()]));
            for output in self.filter.id.run((ctx, input)) {
                let output = output.map_err(|exception| DecodeError::ProgramFailed {
                    place: if by_line {
                        format!("line {line}: ")
                    } else {
                        String::new()
                    },
                    n_outputs: records.n_outputs,
                    message: message_of(exception),
                })?;
                records.add(&output)?;
            }
        }
        Ok(records.json)
    }
}

/// The outputs of a run so far, one record per line.
struct Records {
    json: String,
    n_outputs: usize,
    max_bytes: usize,
}

impl Records {
    fn add(&mut self, output: &Val) -> Result<(), DecodeError> {
        self.n_outputs += 1;
        match output {
            Val::Arr(records) => {
                for (idx, record) in records.iter().enumerate() {
                    self.add_record(record, Some(idx))?;
                }
                Ok(())
            }
            record => self.add_record(record, None),
        }
    }

    fn add_record(&mut self, record: &Val, idx: Option<usize>) -> Result<(), DecodeError> {
        let output = self.n_outputs;
        let wrong = |what: String| {
            let what = idx.map_or(what.clone(), |idx| format!("element {}: {what}", idx + 1));
            DecodeError::ProgramOutput { output, what }
        };
        if !matches!(record, Val::Obj(_)) {
            return Err(wrong(format!("it is {}", name_of(record))));
        }
        value::write(record, &mut self.json).map_err(|error| wrong(error.to_string()))?;
        self.json.push('\n');
        if self.json.len() > self.max_bytes {
            return Err(DecodeError::ProgramOutputTooLarge {
                max_bytes: self.max_bytes,
            });
        }
        Ok(())
    }
}

fn name_of(value: &Val) -> &'static str {
    match value {
        Val::Null => "null",
        Val::Bool(_) => "a boolean",
        Val::Num(_) => "a number",
        Val::TStr(_) | Val::BStr(_) => "a string",
        Val::Arr(_) => "an array",
        Val::Obj(_) => "an object",
    }
}

fn parse(text: &str, line: usize) -> Result<Val, DecodeError> {
    read::parse_single(text.as_bytes()).map_err(|error| DecodeError::NotJson {
        line,
        column: 1,
        reason: error.to_string(),
    })
}

/// The first 300 characters of what the program said.
fn message_of(exception: Exn<'_, Val>) -> String {
    let message = match exception.get_err() {
        // What the program said by `error` is a value, mostly text, which stands for itself.
        Ok(error) => match error.into_val() {
            Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
            value => value.to_string(),
        },
        Err(_) => "it broke out of a label that is not there".to_owned(),
    };
    message.chars().take(300).collect()
}

/// The first fault of a program that cannot be parsed: where, and what.
fn explain_load(errors: load::Errors<&str, ()>) -> (&str, String) {
    let first = errors.into_iter().next();
    match first.map(|(file, error)| (file.code, error)) {
        Some((code, load::Error::Io(faults))) => match faults.into_iter().next() {
            Some((part, _)) => (
                part,
                "modules are not available; write everything into one program".to_owned(),
            ),
            None => (code, "cannot be loaded".to_owned()),
        },
        Some((code, load::Error::Lex(faults))) => match faults.into_iter().next() {
            Some((expected, part)) => (part, format!("expected {}", expected.as_str())),
            None => (code, "cannot be read".to_owned()),
        },
        Some((code, load::Error::Parse(faults))) => match faults.into_iter().next() {
            Some((expected, "")) => (
                &code[code.len()..],
                format!("expected {}, but the program ends", expected.as_str()),
            ),
            Some((expected, found)) => (
                found,
                format!("expected {}, not `{found}`", expected.as_str()),
            ),
            None => (code, "cannot be read".to_owned()),
        },
        None => ("", "cannot be read".to_owned()),
    }
}

/// `fromjson`, for one document that is JSON and not nested too deeply.
fn bounded_fromjson() -> jaq_core::native::Fun<Bounded> {
    jaq_core::native::run(("fromjson", v(0), |cv| {
        let parsed = cv.1.try_as_utf8_bytes_owned().and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(Error::str)?;
            json::check_depth(text, 1).map_err(Error::str)?;
            read::parse_single(text.as_bytes())
                .map_err(|error| Error::str(format_args!("cannot parse {text} as JSON: {error}")))
        });
        jaq_core::native::bome(parsed)
    }))
}
