//! `zf token`: makes, lists and revokes tokens in the file that a running service follows.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use zarr_fuse_server::{
    config::{Config, Scope, parse_duration},
    who::{StoredToken, TokenFile},
};

use super::{note, print, table};

/// Make, list and revoke tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    place: Place,
}

/// Where the tokens are.
#[derive(Debug, clap::Args)]
struct Place {
    /// The configuration of the service, whose `auth.token_file` is meant.
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "zarr-fuse.yaml",
        env = "ZF_CONFIG"
    )]
    config: PathBuf,
    /// The file of tokens itself; then scopes are not compared with a configuration.
    #[arg(long, global = true, value_name = "FILE", env = "ZF_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it. It cannot be printed again.
    #[command(
        after_help = "Example:\n  zf token create logger-7 --scope ingest:boreholes --expires 90d"
    )]
    Create {
        /// Who will use it: the sender that the journal notes.
        name: String,
        /// What it allows, once for each: `ingest:<endpoint>`, `read:<dataset>` (`*` for all) or `admin`.
        #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Scope::parse)]
        scopes: Vec<Scope>,
        /// After this time it is refused, such as `12h` or `90d`. Default: never.
        #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
        expires: Option<Duration>,
    },
    /// Print the tokens, not with what they are.
    List,
    /// Remove a token; a running service refuses it within a second.
    Revoke {
        /// The name it was made with.
        name: String,
    },
}

impl Token {
    /// Does what was asked for.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Create {
                name,
                scopes,
                expires,
            } => create(&self.place, &name, scopes, expires)?,
            Action::List => list(&self.place.file()?.0)?,
            Action::Revoke { name } => {
                TokenFile::revoke(&self.place.file()?.0, &name)?;
                note(&format!("revoked `{name}`"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Place {
    /// The file, and the configuration that names it.
    fn file(&self) -> anyhow::Result<(PathBuf, Option<Config>)> {
        if let Some(file) = &self.token_file {
            return Ok((file.clone(), None));
        }
        let config = Config::load(&self.config, &std::env::vars().collect())?;
        let file = config
            .auth
            .as_ref()
            .and_then(|auth| auth.token_file.clone());
        let file = file.with_context(|| {
            format!(
                "`auth.token_file` is not set in `{}`: add `auth: {{token_file: tokens.json}}`",
                self.config.display()
            )
        })?;
        Ok((file, Some(config)))
    }
}

fn create(
    place: &Place,
    name: &str,
    scopes: Vec<Scope>,
    expires: Option<Duration>,
) -> anyhow::Result<()> {
    let (file, config) = place.file()?;
    if let Some(config) = &config {
        for scope in &scopes {
            if let Some(problem) = config.scope_problem(scope) {
                bail!("`--scope {scope}`: {problem}");
            }
        }
        let names = config.auth.as_ref().map(|auth| auth.names());
        if names.is_some_and(|names| names.contains(&name)) {
            bail!("a user or token of the configuration is called `{name}`: choose another name");
        }
    }
    let now = Utc::now();
    let expires = expires.map(|after| {
        let until = chrono::Duration::from_std(after)
            .ok()
            .and_then(|after| now.checked_add_signed(after));
        until.with_context(|| format!("`--expires`: {after:?} is too long"))
    });
    let token = TokenFile::create(&file, name, scopes, now, expires.transpose()?)?;
    print(&token)?;
    note(
        "Keep it: only its digest is stored, it cannot be printed again. Send it as `Authorization: Bearer …`.",
    );
    Ok(())
}

fn list(file: &Path) -> anyhow::Result<()> {
    let tokens = TokenFile::read(file)?.tokens;
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
    let expires = |token: &StoredToken| match token.expires {
        None => "never".to_owned(),
        Some(at) if at <= Utc::now() => format!("{} (expired)", time(at)),
        Some(at) => time(at),
    };
    let scopes = |token: &StoredToken| {
        let scopes: Vec<_> = token.scopes.iter().map(ToString::to_string).collect();
        scopes.join(" ")
    };
    let mut rows = vec![
        ["name", "created", "expires", "scopes"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(tokens.iter().map(|token| {
        vec![
            token.name.clone(),
            time(token.created),
            expires(token),
            scopes(token),
        ]
    }));
    print(&table(&rows))
}
