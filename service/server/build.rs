//! Builds the viewer and has it put into the binary: bundled with npm into the folder of the build, every file compressed
//! once. Nothing is written into the sources but `viewer/node_modules`. Without the feature `viewer` nothing is done.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

/// What the bundle is made of.
const SOURCES: [&str; 7] = [
    "src",
    "public",
    "index.html",
    "package.json",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];
const NEEDS_NODE: &str = "the viewer needs Node 20 or newer with npm; install it, or build without it: cargo build --no-default-features";
/// Oldest version of Node.
const NODE: u32 = 20;
/// Says which packages are in `node_modules`.
const INSTALLED: &str = "node_modules/.zf-package-lock.json";
/// Compresses the files of a folder into another one, under the same names with `.br` and `.gz`, where that is worth it.
const COMPRESS: &str = r"
const { readFileSync, writeFileSync, mkdirSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { brotliCompressSync, gzipSync } = require('node:zlib');
const [from, to, ...names] = process.argv.slice(1);
for (const name of names) {
  const plain = readFileSync(join(from, name));
  for (const [ending, pack] of [['br', brotliCompressSync], ['gz', (bytes) => gzipSync(bytes, { level: 9 })]]) {
    const packed = pack(plain);
    if (plain.length < 1024 || packed.length > 0.9 * plain.length) continue;
    mkdirSync(dirname(join(to, name)), { recursive: true });
    writeFileSync(join(to, `${name}.${ending}`), packed);
  }
}
";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=ZF_VIEWER_DIST");
    if env::var_os("CARGO_FEATURE_VIEWER").is_none() {
        return;
    }
    if let Err(reason) = embed() {
        for line in reason.trim_end().lines() {
            println!("cargo::error={line}");
        }
    }
}

fn embed() -> Result<(), String> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    let out = folder("OUT_DIR").ok_or("OUT_DIR is not set; build with cargo")?;
    let sources =
        folder("CARGO_MANIFEST_DIR").ok_or("CARGO_MANIFEST_DIR is not set; build with cargo")?;
    let dist = if let Some(dist) = folder("ZF_VIEWER_DIST") {
        println!("cargo::rerun-if-changed={}", dist.display());
        fs::canonicalize(&dist)
            .ok()
            .filter(|dist| dist.join("index.html").is_file())
            .ok_or_else(|| format!("ZF_VIEWER_DIST={}: there is no `index.html` in it; build the viewer first (npm run build), or unset it", dist.display()))?
    } else {
        bundle(&sources.join("../../viewer"), &out)?
    };
    let mut names = Vec::new();
    list(&dist, &dist, &mut names)
        .map_err(|error| format!("cannot read `{}`: {error}", dist.display()))?;
    names.sort();
    let packed = out.join("viewer-packed");
    let _there_was_none = fs::remove_dir_all(&packed);
    // Without Node, files are compressed when they are asked for.
    if has_node() {
        let mut node = Command::new("node");
        node.arg("-e")
            .arg(COMPRESS)
            .arg(&dist)
            .arg(&packed)
            .args(&names);
        run(&mut node)?;
    }
    let mut code = "pub(super) static FILES: &[File] = &[\n".to_owned();
    for name in &names {
        let plain = dist.join(name);
        let bytes = fs::read(&plain)
            .map_err(|error| format!("cannot read `{}`: {error}", plain.display()))?;
        let mut hash = DefaultHasher::new();
        bytes.hash(&mut hash);
        let include = |ending: &str| {
            let file = packed.join(format!("{name}.{ending}"));
            let found = file.is_file();
            if found {
                format!("Some(include_bytes!({:?}))", file.display().to_string())
            } else {
                "None".to_owned()
            }
        };
        let (br, gzip, hash) = (include("br"), include("gz"), hash.finish());
        let plain = plain.display().to_string();
        writeln!(
            code,
            "    File {{ path: {name:?}, etag: \"W/\\\"{hash:016x}\\\"\", plain: include_bytes!({plain:?}), br: {br}, gzip: {gzip} }},"
        )
        .expect("a String takes everything");
    }
    code.push_str("];\n");
    let file = out.join("viewer.rs");
    fs::write(&file, code).map_err(|error| format!("cannot write `{}`: {error}", file.display()))
}

/// Makes the bundle in `out`.
fn bundle(viewer: &Path, out: &Path) -> Result<PathBuf, String> {
    for source in SOURCES {
        let source = viewer.join(source);
        if source.exists() {
            println!("cargo::rerun-if-changed={}", source.display());
        }
    }
    if !has_node() || !answers("npm") {
        return Err(NEEDS_NODE.to_owned());
    }
    let lock = fs::read(viewer.join("package-lock.json"))
        .map_err(|error| format!("cannot read `viewer/package-lock.json`: {error}"))?;
    let installed = viewer.join(INSTALLED);
    if fs::read(&installed).ok().as_ref() != Some(&lock) {
        run(npm(viewer).args(["ci", "--no-audit", "--no-fund"]))?;
        fs::write(&installed, lock)
            .map_err(|error| format!("cannot write `{}`: {error}", installed.display()))?;
    }
    let dist = out.join("viewer");
    // Not `npm run build`, which writes generated types into the sources, which bundling does not need.
    let vite = [
        "exec",
        "--",
        "vite",
        "build",
        "--emptyOutDir",
        "--logLevel",
        "warn",
        "--outDir",
    ];
    run(npm(viewer).args(vite).arg(&dist))?;
    Ok(dist)
}

fn npm(viewer: &Path) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(viewer);
    npm
}

/// Runs a program; what it says is told only if it fails.
fn run(program: &mut Command) -> Result<(), String> {
    let shown = format!(
        "{} {}",
        program.get_program().display(),
        first_args(program)
    );
    let output = program.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("cannot run `{shown}`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!(
        "`{shown}` failed while the viewer was built:\n{said}"
    ))
}

fn first_args(program: &Command) -> String {
    let args = program.get_args().take(4).map(OsStr::to_string_lossy);
    let args: Vec<_> = args.filter(|arg| !arg.contains('\n')).collect();
    args.join(" ")
}

fn answers(program: &str) -> bool {
    let asked = Command::new(program).arg("--version").output();
    asked.is_ok_and(|output| output.status.success())
}

/// Whether Node is there, and new enough.
fn has_node() -> bool {
    let asked = Command::new("node").arg("--version").output();
    let version = asked
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    let major = version.as_deref().and_then(|text| {
        text.trim()
            .strip_prefix('v')?
            .split('.')
            .next()?
            .parse()
            .ok()
    });
    major.is_some_and(|major: u32| major >= NODE)
}

/// The files in `folder`, relative to `root`.
fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, names)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
