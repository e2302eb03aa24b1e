//! The built `zf`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, bail};

/// The path of `zf`, built now if it is not up to date. `ZF_BIN` names another one.
///
/// # Errors
/// If it cannot be built.
pub fn zf() -> anyhow::Result<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}"))) {
        Ok(path) => Ok(path),
        Err(reason) => bail!("{reason}"),
    }
}

fn build() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("ZF_BIN") {
        return Ok(path.into());
    }
    let this = std::env::current_exe().context("this program has no path")?;
    let folder = this.parent().context("this program lies in no folder")?;
    let is_inner = folder.ends_with("deps") || folder.ends_with("examples");
    let folder = folder.parent().filter(|_| is_inner).unwrap_or(folder);
    let target = folder
        .parent()
        .context("this program lies in no target folder")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The packages and kinds of targets of `cargo test --workspace`, so that features and thus builds are the same: an
    // example counts as a test does.
    cargo
        .args(["build", "--workspace", "--bin", "zf", "--example", "bench"])
        .current_dir(crate::checkout());
    cargo.env("CARGO_TARGET_DIR", target);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().context("cannot run cargo")?;
    if !built.status.success() {
        bail!(
            "`zf` does not build:\n{}",
            String::from_utf8_lossy(&built.stderr)
        );
    }
    Ok(folder.join("zf"))
}
