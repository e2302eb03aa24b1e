//! The `zf` command. Logs go to stderr, data to stdout.
//!
//! Exit codes: 0 done, 1 the answer is no or data was rejected, 2 usage, 3 the store or network failed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod command;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Streaming data fusion: measurements in, one sorted, merged Zarr dataset out.
#[derive(Debug, Parser)]
#[command(name = "zf", version, about, long_about = None, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole product on this machine with simulated instruments and feeds.
    #[command(after_help = "Example:\n  zf demo --dir /tmp/zf-demo")]
    Demo(command::demo::Demo),
    /// Run the service: HTTP, journal, fold.
    #[command(after_help = "Example:\n  zf serve --config zarr-fuse.yaml")]
    Serve(command::serve::Serve),
    /// Draft a schema from a sample file, and try it.
    #[command(after_help = "Example:\n  zf init measurements.csv -o soil.yaml")]
    Init(command::init::Init),
    /// Check schemas and configurations; every problem with file, line and column.
    #[command(after_help = "Example:\n  zf check schemas/weather.yaml")]
    Check {
        /// Schema or configuration files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Contribute files to a node, without a server.
    #[command(
        after_help = "Example:\n  zf ingest schemas/boreholes.yaml temperature measurements.csv"
    )]
    Ingest(command::ingest::Ingest),
    /// Run collectors by hand, try them out, or run them apart from the service.
    #[command(after_help = "Example:\n  zf collect yrno --dry-run")]
    Collect(command::collect::Collect),
    /// Print values of a node.
    #[command(
        after_help = "Example:\n  zf query schemas/boreholes.yaml temperature --var rock_temp --sel depth=0/10 --format csv"
    )]
    Query(command::query::Query),
    /// Print the tree of a dataset: nodes, coordinates with extents, variables.
    #[command(after_help = "Example:\n  zf list schemas/boreholes.yaml -p")]
    List(command::list::List),
    /// Copy a dataset from store to store, also while a service writes it.
    #[command(after_help = "Example:\n  zf cp schemas/boreholes.zarr copies/boreholes.zarr")]
    Cp(command::cp::Cp),
    /// Print contributions and what became of them.
    #[command(after_help = "Example:\n  zf log schemas/boreholes.yaml --status rejected")]
    Log(command::log::Log),
    /// Fold contributions again after the schema or an extraction was mended.
    #[command(after_help = "Example:\n  zf retry schemas/boreholes.yaml --status rejected")]
    Retry(command::correct::Retry),
    /// Take contributions back: the dataset becomes what it would be without them. The journal keeps them.
    #[command(after_help = "Example:\n  zf retract schemas/boreholes.yaml 1")]
    Retract(command::correct::Retract),
    /// Write the arrays again from the journal, beside the old ones, and switch when they are complete.
    #[command(after_help = "Example:\n  zf rebuild schemas/boreholes.yaml")]
    Rebuild(command::rebuild::Rebuild),
    /// Check that the journal is as it was written, and repair it.
    #[command(
        subcommand,
        after_help = "Example:\n  zf journal check schemas/boreholes.yaml"
    )]
    Journal(command::journal::JournalCommand),
    /// Prove that the arrays are what the journal says.
    #[command(after_help = "Example:\n  zf verify schemas/boreholes.yaml")]
    Verify(command::verify::Verify),
    /// Probe a store: what works, what it means, what to set.
    #[command(after_help = "Example:\n  zf doctor schemas/boreholes.zarr")]
    Doctor(command::doctor::Doctor),
    /// Make, list and revoke tokens, which programs sign in with.
    #[command(
        after_help = "Example:\n  zf token create logger-7 --scope ingest:boreholes --expires 90d"
    )]
    Token(command::token::Token),
    /// Print an entry for `auth.users`; asks for the password.
    #[command(after_help = "Example:\n  zf user ann --scope read:boreholes")]
    User(command::user::User),
    /// Print the OpenAPI 3.1 document of the service.
    #[command(after_help = "Example:\n  zf openapi")]
    Openapi,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    command::telemetry(matches!(cli.command, Command::Serve(_) | Command::Demo(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            command::complain(&anyhow::Error::new(error).context("cannot start"));
            return ExitCode::from(3);
        }
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Demo(demo) => Box::pin(demo.run()).await,
            Command::Serve(serve) => serve.run().await,
            Command::Init(init) => init.run().await,
            Command::Check { files } => command::check::run(&files),
            Command::Ingest(ingest) => ingest.run().await,
            Command::Collect(collect) => Box::pin(collect.run()).await,
            Command::Query(query) => query.run().await,
            Command::List(list) => list.run().await,
            Command::Cp(cp) => cp.run().await,
            Command::Log(log) => log.run().await,
            Command::Retry(retry) => retry.run().await,
            Command::Retract(retract) => retract.run().await,
            Command::Rebuild(rebuild) => rebuild.run().await,
            Command::Journal(journal) => journal.run().await,
            Command::Verify(verify) => verify.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Token(token) => token.run(),
            Command::User(user) => user.run(),
            Command::Openapi => {
                command::print(&zarr_fuse_server::openapi()).map(|()| ExitCode::SUCCESS)
            }
        }
    });
    done.unwrap_or_else(|error| {
        command::complain(&error);
        command::exit_code(&error)
    })
}
