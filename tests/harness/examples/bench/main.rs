//! The figures of this project, measured on this machine: ingest, acknowledgement, query.
//!
//! `bench [ingest|uploads|series|startup]…` runs all or some; it needs a release build of `zf` beside it (`just bench`).

mod figures;
mod ingest;
mod series;
mod startup;
mod uploads;

use anyhow::bail;

use figures::print;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let known = ["ingest", "uploads", "series", "startup"];
    if let Some(unknown) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
        bail!(
            "there is no benchmark `{unknown}`; there are {}",
            known.join(", ")
        );
    }
    let wanted = |name: &str| args.is_empty() || args.iter().any(|arg| arg == name);
    if cfg!(debug_assertions) {
        print("This is a debug build: the figures mean nothing. Run `just bench`.")?;
    }
    if wanted("ingest") {
        ingest::measure()?;
    }
    if wanted("uploads") {
        uploads::measure().await?;
    }
    if wanted("series") {
        series::measure().await?;
    }
    if wanted("startup") {
        startup::measure().await?;
    }
    Ok(())
}
