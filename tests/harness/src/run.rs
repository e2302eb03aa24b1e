//! Commands that end by themselves.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct Run {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code; `None`: ended by a signal.
    pub code: Option<i32>,
}

impl Run {
    /// Standard output of a command that must succeed.
    ///
    /// # Errors
    /// If its exit code is not 0.
    pub fn ok(self) -> anyhow::Result<String> {
        if self.code != Some(0) {
            anyhow::bail!("exit code {:?}\n{}{}", self.code, self.stdout, self.stderr);
        }
        Ok(self.stdout)
    }
}

/// Runs `zf` with `args` in `folder`, without the environment variables that configure it.
///
/// # Errors
/// If it cannot be built or started.
pub fn zf<A: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<Run> {
    let mut command = command(crate::binary::zf()?);
    command.args(args).current_dir(folder);
    run(&mut command)
}

/// Runs `zf` with `args` in `folder`, with this environment.
///
/// # Errors
/// If it cannot be built or started.
pub fn zf_in<A: AsRef<OsStr>>(
    folder: &Path,
    args: impl IntoIterator<Item = A>,
    environment: &[(String, String)],
) -> anyhow::Result<Run> {
    let mut command = command(crate::binary::zf()?);
    command.args(args).current_dir(folder);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    run(&mut command)
}

/// A command whose surroundings do not depend on who runs the tests.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["ZF_", "AWS_", "S3_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
            || text == "RUST_LOG"
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end.
///
/// # Errors
/// If it cannot be started.
pub fn run(command: &mut Command) -> anyhow::Result<Run> {
    let output = command
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    Ok(Run {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    })
}
