//! From the configuration to the requests of a run.

use std::path::Path;

use chrono::{DateTime, Utc};
use ipnet::IpNet;
use serde_json::Value as Json;
use url::Url;
use zarr_fuse_schemas::near::nearest;
use zarr_fuse_schemas::yaml::Yaml;

use crate::config::{At, Fault, Faults, Iterate, Method, Render, Request, Run};
use crate::iterate::{Iteration, Surroundings};
use crate::render::Rendered;
use crate::schedule::Schedule;
use crate::shown::ShownUrl;
use crate::template::{Template, Variables};

/// Parameters of contributions that are no variables.
const RESERVED: [&str; 2] = ["wait", "dry_run"];

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// When.
    pub runs: &'a [Run],
    /// What.
    pub request: &'a Request,
    /// Values of a run.
    pub render: &'a [Render],
    /// Values of a request.
    pub iterate: &'a [Iterate],
    /// The folder of the configuration.
    pub folder: &'a Path,
    /// The schema of the dataset.
    pub schema: Option<&'a Yaml>,
    /// The node that contributions go to.
    pub target_node: &'a str,
}

/// A kind of run made ready.
#[derive(Debug, Clone)]
pub struct PlannedRun {
    /// When it is due.
    pub schedule: Schedule,
    /// As configured.
    pub cron: String,
    /// What it sets.
    pub set: Variables,
}

/// Requests as configured, made ready: everything that can be checked without asking anybody is.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The kinds of runs.
    pub runs: Vec<PlannedRun>,
    /// Private addresses that may be asked.
    pub allow_private: Vec<IpNet>,
    /// Rows of tables that lack a value.
    pub n_skipped_rows: usize,
    render: Vec<Rendered>,
    iterate: Vec<Iteration>,
    method: Method,
    url: Template,
    headers: Vec<Part>,
    query: Vec<Part>,
    body: Option<Template>,
    max_requests: usize,
}

/// A named value of a request.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    value: Template,
    secret: bool,
}

/// One request of a run.
#[derive(Debug, Clone)]
pub struct Planned {
    /// 1 for the first request of the run.
    pub number: usize,
    /// How.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// The same with the values of its query, for who plans the requests; what is named or sounds secret is hidden.
    pub planned_url: String,
    /// Names, values, and whether they are secret.
    pub headers: Vec<(String, String, bool)>,
    /// Body.
    pub body: Option<String>,
    /// Every variable.
    pub variables: Variables,
}

/// Why a run has no requests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The values make no address.
    #[error("`{url}` is no address ({reason}); look at the values of the placeholders")]
    Url {
        /// What was made.
        url: ShownUrl,
        /// Why not.
        reason: String,
    },
    /// Too many.
    #[error(
        "the run would make {n} requests, more than `max_requests` ({max}); allow more, or iterate over less"
    )]
    TooMany {
        /// How many.
        n: usize,
        /// How many are allowed.
        max: usize,
    },
}

impl Plan {
    /// Checks a configuration and reads the tables it names.
    ///
    /// # Errors
    /// Everything that is wrong, with its place.
    pub fn prepare(source: Source<'_>) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let runs = runs(source.runs, &mut faults);
        let mut render = Vec::new();
        for (idx, value) in source.render.iter().enumerate() {
            let path = [At::Key("render"), At::Index(idx)];
            render.extend(Rendered::prepare(value, &path, &mut faults));
        }
        let around = Surroundings {
            folder: source.folder,
            schema: source.schema,
            target_node: source.target_node,
        };
        let mut iterate = Vec::new();
        for (idx, value) in source.iterate.iter().enumerate() {
            let path = [At::Key("iterate"), At::Index(idx)];
            iterate.extend(Iteration::prepare(value, around, &path, &mut faults));
        }
        let known = names(source, &mut faults);
        let request = source.request;
        let mut parts = Parts {
            known: &known,
            faults: &mut faults,
        };
        let url = parts.template(&[At::Key("request"), At::Key("url")], &request.url);
        let headers = parts.headers(request);
        let query = parts.query(request);
        let body = match &request.body {
            Some(body) => parts.template(&[At::Key("request"), At::Key("body")], body),
            None => None,
        };
        let allow_private = limits(request, &mut faults);
        match (url, faults.0.is_empty()) {
            (Some(url), true) => Ok(Self {
                runs,
                allow_private,
                n_skipped_rows: iterate.iter().map(|step| step.n_skipped).sum(),
                render,
                iterate,
                method: request.method,
                url,
                headers,
                query,
                body,
                max_requests: request.max_requests,
            }),
            _ => Err(faults.0),
        }
    }

    /// The requests of the run of kind `run` that was due at `due`.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn expand(&self, run: usize, due: DateTime<Utc>) -> Result<Vec<Planned>, PlanError> {
        let n = self.iterate.iter().map(|step| step.rows.len());
        let n = n.fold(1_usize, usize::saturating_mul);
        if n > self.max_requests {
            return Err(PlanError::TooMany {
                n,
                max: self.max_requests,
            });
        }
        let kind = &self.runs[run];
        let mut first = kind.set.clone();
        for value in &self.render {
            first.insert(value.name.clone(), value.at(due, kind.schedule.zone()));
        }
        let mut contexts = vec![first];
        for step in &self.iterate {
            let nested = contexts.iter().flat_map(|context| {
                step.rows.iter().map(|row| {
                    let mut context = context.clone();
                    context.extend(row.clone());
                    context
                })
            });
            contexts = nested.collect();
        }
        contexts
            .into_iter()
            .zip(1..)
            .map(|(context, number)| self.request(context, number))
            .collect()
    }

    fn request(&self, variables: Variables, number: usize) -> Result<Planned, PlanError> {
        let text = self.url.fill_url(&variables);
        let mut url = Url::parse(&text).map_err(|error| PlanError::Url {
            url: ShownUrl::of_text(&text),
            reason: error.to_string(),
        })?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(PlanError::Url {
                url: ShownUrl::of_text(&text),
                reason: "it begins with neither http:// nor https://".to_owned(),
            });
        }
        let mut shown = url.clone();
        let in_address: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        if in_address.iter().any(|(name, _)| sounds_secret(name)) {
            let hidden = in_address.iter().map(|(name, value)| {
                let value = if sounds_secret(name) { "…" } else { value };
                (name, value)
            });
            shown.query_pairs_mut().clear().extend_pairs(hidden);
        }
        for part in &self.query {
            let value = part.value.fill(&variables);
            url.query_pairs_mut().append_pair(&part.name, &value);
            let value = if part.secret { "…" } else { &value };
            shown.query_pairs_mut().append_pair(&part.name, value);
        }
        let _has_no_password = shown.set_password(None);
        let headers = self.headers.iter().map(|part| {
            let value = part.value.fill(&variables);
            (part.name.clone(), value, part.secret)
        });
        Ok(Planned {
            number,
            method: self.method,
            planned_url: shown.to_string().replace("%E2%80%A6", "…"),
            url,
            headers: headers.collect(),
            body: self.body.as_ref().map(|body| body.fill(&variables)),
            variables,
        })
    }
}

fn runs(runs: &[Run], faults: &mut Faults) -> Vec<PlannedRun> {
    if runs.is_empty() {
        faults.add(
            &[At::Key("runs")],
            "there are no runs; say when, such as `runs: [{cron: \"15 * * * *\"}]`",
        );
    }
    let mut planned = Vec::new();
    for (idx, run) in runs.iter().enumerate() {
        let at = [At::Key("runs"), At::Index(idx)];
        if let Some(schedule) = faults.keep(&at, Schedule::parse(&run.cron, &run.timezone)) {
            let set = run.set.iter();
            planned.push(PlannedRun {
                schedule,
                cron: run.cron.clone(),
                set: set
                    .map(|(name, value)| (name.clone(), Json::String(value.clone())))
                    .collect(),
            });
        }
    }
    planned
}

/// The variables that every request has; whatever two places define is a fault.
fn names(source: Source<'_>, faults: &mut Faults) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    if let Some(first) = source.runs.first() {
        let everywhere = |name: &&String| source.runs.iter().all(|run| run.set.contains_key(*name));
        known.extend(first.set.keys().filter(everywhere).cloned());
    }
    let in_runs = source.runs.iter().flat_map(|run| run.set.keys());
    let mut taken: Vec<String> = in_runs.cloned().collect();
    let rendered = source.render.iter().enumerate().map(|(idx, value)| {
        let path = vec![At::Key("render"), At::Index(idx)];
        (path, value.name.clone())
    });
    let iterated = source.iterate.iter().enumerate().flat_map(|(idx, value)| {
        let names = if value.outputs.is_empty() {
            vec![value.name.clone()]
        } else {
            value.outputs.keys().cloned().collect()
        };
        let path = vec![At::Key("iterate"), At::Index(idx)];
        names.into_iter().map(move |name| (path.clone(), name))
    });
    for (path, name) in rendered.chain(iterated) {
        if RESERVED.contains(&name.as_str()) {
            let message = format!("`{name}` means something to the service; choose another name");
            faults.add(&path, message);
        }
        if taken.contains(&name) {
            let message = format!("another place gives the variable `{name}` already; rename one");
            faults.add(&path, message);
        }
        taken.push(name.clone());
        known.push(name);
    }
    known
}

/// Reads templates, and knows what they may use.
struct Parts<'a> {
    known: &'a [String],
    faults: &'a mut Faults,
}

impl Parts<'_> {
    fn template(&mut self, path: &[At], text: &str) -> Option<Template> {
        let template = self.faults.keep(path, Template::parse(text))?;
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        for name in template.names() {
            if !known.contains(&name) {
                let hint = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => {
                        "; every run must `set` it, or `render` or `iterate` give it".to_owned()
                    }
                };
                let message = format!("no variable is called `{name}`{hint}");
                self.faults.add(path, message);
                return None;
            }
        }
        Some(template)
    }

    fn headers(&mut self, request: &Request) -> Vec<Part> {
        let path = [At::Key("request"), At::Key("headers")];
        let mut parts = Vec::new();
        for (idx, header) in request.headers.iter().enumerate() {
            let path = [&path[..], &[At::Index(idx)]].concat();
            let name = header.header_name.trim();
            if reqwest::header::HeaderName::from_bytes(name.as_bytes()).is_err() {
                let message = format!("`{name}` is no name of a header");
                self.faults.add(&path, message);
            }
            let is_ours = [
                "host",
                "content-length",
                "if-none-match",
                "if-modified-since",
            ];
            if is_ours.contains(&name.to_ascii_lowercase().as_str()) {
                let message = format!("`{name}` is set by the collector itself: remove it");
                self.faults.add(&path, message);
            }
            let value = self.template(&path, &header.header_value);
            parts.extend(value.map(|value| Part {
                name: name.to_owned(),
                value,
                secret: header.secret || sounds_secret(name),
            }));
        }
        let says_who = |header: &crate::config::Header| {
            header.header_name.trim().eq_ignore_ascii_case("user-agent")
                && !header.header_value.trim().is_empty()
        };
        if !request.headers.iter().any(says_who) {
            self.faults.add(
                &path,
                "the header `User-Agent` is missing: say who asks and how to reach you, `{header_name: User-Agent, header_value: \"name contact@example.org\"}`",
            );
        }
        parts
    }

    fn query(&mut self, request: &Request) -> Vec<Part> {
        let mut parts = Vec::new();
        for (idx, param) in request.query_params.iter().enumerate() {
            let path = [At::Key("request"), At::Key("query_params"), At::Index(idx)];
            let value = self.template(&path, &param.value);
            parts.extend(value.map(|value| Part {
                name: param.name.clone(),
                value,
                secret: param.secret || sounds_secret(&param.name),
            }));
        }
        parts
    }
}

/// Whether values of this name are better not shown.
fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "auth", "cookie", "token", "secret", "password", "apikey", "api-key", "api_key", "appid",
    ];
    words.iter().any(|word| name.contains(word))
}

/// Checks the bounds; gives the private addresses that may be asked.
fn limits(request: &Request, faults: &mut Faults) -> Vec<IpNet> {
    let zeros = [
        ("max_attempts", request.max_attempts == 0),
        (
            "max_concurrent_per_host",
            request.max_concurrent_per_host == 0,
        ),
        ("max_requests", request.max_requests == 0),
        ("max_response_bytes", request.max_response_bytes == 0),
        ("timeout", request.timeout.is_zero()),
    ];
    for (key, is_zero) in zeros {
        if is_zero {
            let path = [At::Key("request"), At::Key(key)];
            faults.add(&path, "nothing would be possible with 0: give more");
        }
    }
    if request.body.is_some() && request.method == Method::Get {
        let path = [At::Key("request"), At::Key("body")];
        faults.add(
            &path,
            "a `GET` has no body: remove it, or say `method: POST`",
        );
    }
    let mut networks = Vec::new();
    for (idx, text) in request.allow_private.iter().enumerate() {
        let path = [At::Key("request"), At::Key("allow_private"), At::Index(idx)];
        let network = text
            .parse::<IpNet>()
            .or_else(|_not_a_network| text.parse::<std::net::IpAddr>().map(IpNet::from));
        let message =
            format!("`{text}` is no address and no network; write `10.1.2.3` or `10.1.0.0/16`");
        networks.extend(faults.keep(&path, network.map_err(|_neither| message)));
    }
    networks
}
