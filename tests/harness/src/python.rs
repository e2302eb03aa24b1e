//! Python with xarray and zarr, as users have it; the pinned packages are installed at the first use.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, bail};

use crate::run::{self, Run};

/// Runs a script of `tests/python` in `at` with the pinned packages.
///
/// # Errors
/// If Python cannot be set up.
pub fn script<A: AsRef<OsStr>>(
    name: &str,
    at: &Path,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<Run> {
    let mut command = run::command(interpreter()?);
    command.arg(folder().join(name)).args(args).current_dir(at);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run::run(&mut command)
}

/// Runs a module of the pinned packages in `at`, as `python -m` does.
///
/// # Errors
/// If Python cannot be set up.
pub fn module<A: AsRef<OsStr>>(
    name: &str,
    at: &Path,
    args: impl IntoIterator<Item = A>,
) -> anyhow::Result<Run> {
    let mut command = run::command(interpreter()?);
    command.args(["-m", name]).args(args).current_dir(at);
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    run::run(&mut command)
}

/// The interpreter with the packages of `tests/python/requirements.txt`. `ZF_PYTHON` names another one.
///
/// # Errors
/// If there is no Python, or the packages cannot be installed.
pub fn interpreter() -> anyhow::Result<&'static Path> {
    static READY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match READY.get_or_init(|| set_up().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(reason) => bail!("{reason}"),
    }
}

/// Where the scripts and their settings are.
pub fn folder() -> PathBuf {
    crate::checkout().join("tests/python")
}

fn set_up() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ZF_PYTHON") {
        return Ok(path.into());
    }
    let requirements = folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).context("tests/python/requirements.txt")?;
    let cache = crate::cache_folder();
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create {}", cache.display()))?;
    let lock = File::create(cache.join("venv.lock"))?;
    lock.lock()?;
    let venv = cache.join("venv");
    let python = venv.join("bin/python");
    let installed = venv.join("requirements.installed");
    if python.exists() && std::fs::read_to_string(&installed).is_ok_and(|found| found == wanted) {
        return Ok(python);
    }
    if !python.exists() {
        must(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    must(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "-r"])
            .arg(&requirements),
    )?;
    std::fs::write(installed, wanted)?;
    Ok(python)
}

fn must(command: &mut Command) -> anyhow::Result<()> {
    let run = run::run(command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1"))?;
    if run.code != Some(0) {
        bail!(
            "Python cannot be set up ({command:?}); it needs python3 with venv and PyPI:\n{}",
            run.stderr
        );
    }
    Ok(())
}
