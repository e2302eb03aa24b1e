//! What the types cannot say of the section `auth`, and the users that the environment names.

use std::collections::HashMap;
use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use zarr_fuse_schemas::yaml::Mark;

use super::super::auth::{AuthMode, Scope};
use super::super::read::{Problems, Step};
use super::super::{Auth, Config, Secret};
use super::{Checker, did_you_mean, keys};

/// Environment variable with a JSON object from names to passwords.
const BASIC_USERS: &str = "BASIC_AUTH_USERS_JSON";
/// Longest name of a user or token.
const MAX_NAME_CHARS: usize = 100;

impl Config {
    /// Adds the users of `BASIC_AUTH_USERS_JSON`. With it, requests need a user or token even if the file says nothing.
    pub(in super::super) fn add_basic_users(
        &mut self,
        env: &HashMap<String, String>,
        problems: &mut Problems,
    ) {
        let Some(text) = env.get(BASIC_USERS).filter(|text| !text.trim().is_empty()) else {
            return;
        };
        // The error of the reader may quote a password, and is left out.
        let mut json = serde_json::Deserializer::from_str(text);
        let passwords = json.deserialize_map(Passwords);
        match passwords.and_then(|passwords| json.end().map(|()| passwords)) {
            Ok(passwords) => self.auth.get_or_insert_default().passwords = passwords,
            Err(_quoting) => {
                let message = format!(
                    "the environment variable `{BASIC_USERS}` is not a JSON object of names and passwords; write `{{\"name\": \"password\"}}`"
                );
                let nowhere = Mark { line: 0, column: 0 };
                problems.add(nowhere, &[Step::Key("auth".to_owned())], message);
            }
        }
    }

    pub(super) fn check_auth(&self, auth: &Auth, checker: &mut Checker<'_>) {
        Self::check_mode(auth, checker);
        for (idx, user) in auth.users.iter().enumerate() {
            let at = |key| at("users", idx, key);
            if user.name.contains(':') {
                checker.add(
                    &at("name"),
                    "HTTP Basic ends the name at the first `:`; leave it out",
                );
            }
            let hash = user.password_hash.expose();
            if !hash.starts_with("$argon2") || PasswordHash::new(hash).is_err() {
                checker.add(
                    &at("password_hash"),
                    "not an argon2 hash in PHC form (`$argon2id$v=19$…`); passwords themselves do not belong here, `zf user NAME` makes a hash",
                );
            }
            self.check_scopes(&user.scopes, &at("scopes"), checker);
        }
        for (idx, token) in auth.tokens.iter().enumerate() {
            let at = |key| at("tokens", idx, key);
            if crate::config::digest(token.sha256.expose()).is_none() {
                checker.add(
                    &at("sha256"),
                    "not 64 hexadecimal digits: give the SHA-256 of the token, not the token itself",
                );
            }
            self.check_scopes(&token.scopes, &at("scopes"), checker);
        }
        Self::check_names(auth, checker);
        for (idx, dataset) in auth.public.iter().enumerate() {
            if !self.datasets.by_name.contains_key(dataset) {
                let path = [keys(["auth", "public"]), vec![Step::Index(idx)]].concat();
                checker.add(&path, self.no_dataset(dataset));
            }
        }
    }

    fn check_mode(auth: &Auth, checker: &mut Checker<'_>) {
        let names_somebody = !auth.names().is_empty() || auth.token_file.is_some();
        let mode = if checker.problems.is_in("auth.mode") {
            None
        } else {
            Some(auth.mode)
        };
        match mode {
            Some(AuthMode::None) if names_somebody => {
                let message = format!(
                    "`none` lets everyone do everything, so `users`, `tokens`, `token_file` and `{BASIC_USERS}` would mean nothing: remove them, or `mode`"
                );
                checker.add(&keys(["auth", "mode"]), message);
            }
            Some(AuthMode::Required)
                if !names_somebody
                    && auth.public.is_empty()
                    && !checker.problems.is_inside("auth") =>
            {
                let message = "nobody could do anything: name `users` (`zf user NAME` prints an entry) or a `token_file` (`zf token create` fills it), or say `mode: none`";
                checker.add(&keys(["auth"]), message);
            }
            _ => {}
        }
    }

    fn check_names(auth: &Auth, checker: &mut Checker<'_>) {
        let names = auth.names();
        let n_listed = auth.users.len() + auth.tokens.len();
        for (idx, name) in names.iter().enumerate() {
            let path = match idx.checked_sub(auth.users.len()) {
                None => at("users", idx, "name"),
                Some(idx) if idx < auth.tokens.len() => at("tokens", idx, "name"),
                Some(_) => keys(["auth"]),
            };
            if let Some(problem) = name_problem(name) {
                checker.add(&path, problem);
            }
            if names[..idx].contains(name) {
                let place = if idx < n_listed {
                    String::new()
                } else {
                    format!("`{BASIC_USERS}`: ")
                };
                let message = format!("{place}another user or token is called `{name}` too");
                checker.add(&path, message);
            }
        }
    }

    fn check_scopes(&self, scopes: &[Scope], path: &[Step], checker: &mut Checker<'_>) {
        for (idx, scope) in scopes.iter().enumerate() {
            if let Some(problem) = self.scope_problem(scope) {
                checker.add(&[path, &[Step::Index(idx)]].concat(), problem);
            }
        }
    }

    /// What is wrong with a scope: the dataset or endpoint that it names may not be there.
    pub fn scope_problem(&self, scope: &Scope) -> Option<String> {
        let datasets = &self.datasets.by_name;
        match scope {
            Scope::Read(dataset) if dataset != "*" && !datasets.contains_key(dataset) => {
                Some(self.no_dataset(dataset))
            }
            Scope::Ingest(endpoint) | Scope::Correct(endpoint)
                if endpoint != "*"
                    && !self.endpoints.contains_key(endpoint)
                    && !datasets.contains_key(endpoint) =>
            {
                let known = self.endpoints.keys().chain(datasets.keys());
                let known: Vec<&str> = known.map(String::as_str).collect();
                let hint = did_you_mean(endpoint, &known);
                Some(format!("there is no endpoint `{endpoint}`{hint}"))
            }
            _ => None,
        }
    }

    fn no_dataset(&self, name: &str) -> String {
        let known: Vec<&str> = self.datasets.by_name.keys().map(String::as_str).collect();
        let hint = if known.is_empty() {
            "; `datasets` is empty".to_owned()
        } else {
            did_you_mean(name, &known)
        };
        format!("there is no dataset `{name}`{hint}")
    }
}

impl Auth {
    /// Names of the users, then of the tokens, then those of `BASIC_AUTH_USERS_JSON`.
    pub fn names(&self) -> Vec<&str> {
        let users = self.users.iter().map(|user| user.name.as_str());
        users
            .chain(self.tokens.iter().map(|token| token.name.as_str()))
            .chain(self.passwords.iter().map(|(name, _)| name.as_str()))
            .collect()
    }
}

/// What is wrong with the name of a user or token: it stands in the journal and in logs.
pub(crate) fn name_problem(name: &str) -> Option<String> {
    let is_short = (1..=MAX_NAME_CHARS).contains(&name.chars().count());
    let is_plain = !name.chars().any(char::is_control) && name.trim() == name;
    (!is_short || !is_plain).then(|| {
        format!(
            "a name has 1 to {MAX_NAME_CHARS} characters, none of them invisible or a space at an end"
        )
    })
}

fn at(list: &str, idx: usize, key: &str) -> Vec<Step> {
    let mut path = keys(["auth", list]);
    path.extend([Step::Index(idx), Step::Key(key.to_owned())]);
    path
}

/// Reads names and passwords in their order; a name given twice is seen.
struct Passwords;

impl<'de> Visitor<'de> for Passwords {
    type Value = Vec<(String, Secret)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object of names and passwords")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut passwords = Vec::new();
        while let Some(entry) = map.next_entry()? {
            passwords.push(entry);
        }
        Ok(passwords)
    }
}
