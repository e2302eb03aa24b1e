//! `zf user`: prints an entry for `auth.users`.

use std::io::{BufRead as _, IsTerminal as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use zarr_fuse_server::{config::Scope, who::hash_password};

use super::print;

/// Shortest password that is taken.
const MIN_CHARS: usize = 8;

/// Print an entry for `auth.users`, with the hash of a password that is asked for.
#[derive(Debug, clap::Args)]
pub(crate) struct User {
    /// The name to sign in with.
    name: String,
    /// What the user may do, once for each: `ingest:<endpoint>`, `read:<dataset>` (`*` for all) or `admin`.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = Scope::parse)]
    scopes: Vec<Scope>,
}

impl User {
    /// Asks for the password, on a terminal twice and unseen, else in the first line of stdin.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let password = if std::io::stdin().is_terminal() {
            let password = rpassword::prompt_password(format!("Password of {}: ", self.name))?;
            if rpassword::prompt_password("Once more: ")? != password {
                bail!("both passwords differ; nothing was printed");
            }
            password
        } else {
            let mut line = String::new();
            let read = std::io::stdin().lock().read_line(&mut line);
            read.context("the password cannot be read from stdin")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        if password.chars().count() < MIN_CHARS {
            bail!("the password has less than {MIN_CHARS} characters; take a longer one");
        }
        let text = |text: &str| serde_json::Value::from(text);
        let scopes: Vec<_> = self
            .scopes
            .iter()
            .map(|scope| text(&scope.to_string()))
            .collect();
        // JSON texts and lists are YAML too.
        print(&format!(
            "- {{name: {}, password_hash: {}, scopes: {}}}",
            text(&self.name),
            text(&hash_password(&password)?),
            serde_json::Value::from(scopes),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
