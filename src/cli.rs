//! The command line.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, Overrides};
use crate::config::{Config, Options, read_dotenv};
use crate::store::Store;
use crate::{graphql, telemetry};

/// A GraphQL server for personal book libraries.
///
/// The default command is `serve`. Every option is also an environment variable, which can be set in a
/// file .env in the working directory. The option takes precedence.
#[derive(Debug, Parser)]
#[command(name = "bookshelf", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    options: Options,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Apply pending migrations, then serve until SIGTERM or SIGINT
    Serve,
    /// Apply, revert or list database migrations
    Migrate {
        #[command(subcommand)]
        direction: Migrate,
    },
    /// Correct the stored sizes of all libraries, after books were changed by other programs
    Recount,
    /// Print the GraphQL schema
    Schema,
    /// Print the effective configuration, without its secrets
    Config,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Migrate {
    /// Apply all pending migrations
    Up,
    /// Revert the latest migrations, and delete the data in the tables that they created
    Down {
        /// Number of migrations to revert
        #[arg(default_value_t = 1)]
        steps: u32,
    },
    /// List all migrations and whether they are applied
    Status,
}

/// Parses the command line and runs the command. The exit code is 0 on success, 1 if the command failed,
/// and 2 if the command line or the configuration is invalid.
pub fn main() -> ExitCode {
    if let Err(error) = read_dotenv() {
        eprintln!("bookshelf: {error}");
        return ExitCode::from(2);
    }
    let cli = Cli::parse();
    if let Some(Command::Schema) = cli.command {
        print!("{}", graphql::sdl());
        return ExitCode::SUCCESS;
    }
    let config = match cli.options.resolve() {
        Ok(config) => config,
        Err(errors) => {
            for error in errors {
                eprintln!("bookshelf: {error}");
            }
            return ExitCode::from(2);
        }
    };
    let done = match cli.command {
        None | Some(Command::Serve) => run(serve(config)),
        Some(Command::Migrate { direction }) => run(migrate(config, direction)),
        Some(Command::Recount) => run(recount(config)),
        Some(Command::Config) => {
            print!("{config}");
            Ok(())
        }
        Some(Command::Schema) => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bookshelf: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // Does not wait for work on other threads: `App::serve` has waited for what must end.
    runtime.shutdown_background();
    done
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    // Each connection is an open file, and on many systems the default limit is about a thousand.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "could not raise the open file limit");
    }
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut stop = Box::pin(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    let app = tokio::select! {
        app = App::build(config, Overrides::default()) => app?,
        () = &mut stop => return Ok(()),
    };
    let address = app.address()?;
    tracing::info!(%address, "Bookshelf is listening on http://{address}");
    app.serve(stop).await;
    Ok(())
}

async fn recount(config: Config) -> anyhow::Result<()> {
    let store = Store::connect(&config, None)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    let corrected = store.recount().await;
    store.close().await;
    println!("corrected the sizes of {} libraries", corrected?);
    Ok(())
}

async fn migrate(config: Config, direction: Migrate) -> anyhow::Result<()> {
    let store = Store::connect(&config, None)
        .await
        .with_context(|| format!("cannot open the database {}", config.database))?;
    match direction {
        Migrate::Up => store.migrate().await?,
        Migrate::Down { steps } => store.migrate_down(steps).await?,
        Migrate::Status => {}
    }
    for (name, applied) in store.migration_status().await? {
        println!("{} {name}", if applied { "applied" } else { "pending" });
    }
    store.close().await;
    Ok(())
}
