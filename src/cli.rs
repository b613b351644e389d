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
/// Without a command it serves. Every option is an environment variable as well, and may stand in a
/// file .env in the working directory; the option wins.
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
    /// Serve until SIGTERM or SIGINT; makes and updates the tables first
    Serve,
    /// Change or show the tables of the database
    Migrate {
        #[command(subcommand)]
        direction: Migrate,
    },
    /// Print the schema
    Schema,
    /// Print the configuration that is in force, without its secrets
    Config,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Migrate {
    /// Apply all steps that are not applied yet
    Up,
    /// Take back the latest steps, and the data in what they made
    Down {
        /// How many
        #[arg(default_value_t = 1)]
        steps: u32,
    },
    /// Show which steps are applied
    Status,
}

/// Parses the command line and does what it says. The exit code is 0, or 1 if it failed, or 2 if
/// it was asked for something that is not allowed.
pub fn main() -> ExitCode {
    if let Err(wrong) = read_dotenv() {
        eprintln!("bookshelf: {wrong}");
        return ExitCode::from(2);
    }
    let cli = Cli::parse();
    if let Some(Command::Schema) = cli.command {
        print!("{}", graphql::sdl());
        return ExitCode::SUCCESS;
    }
    let config = match cli.options.resolve() {
        Ok(config) => config,
        Err(wrong) => {
            for error in wrong {
                eprintln!("bookshelf: {error}");
            }
            return ExitCode::from(2);
        }
    };
    let done = match cli.command {
        None | Some(Command::Serve) => run(serve(config)),
        Some(Command::Migrate { direction }) => run(migrate(config, direction)),
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
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    // Each connection is an open file, and many systems allow a thousand until they are asked.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::warn!(%error, "the limit of open files stays as it is");
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
    tracing::info!(%address, "Bookshelf is open: http://{address}");
    app.serve(stop).await;
    Ok(())
}

async fn migrate(config: Config, direction: Migrate) -> anyhow::Result<()> {
    let store = Store::connect(&config.database, config.database_pool_size, None)
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
    Ok(())
}
