//! The command line.

use std::process::ExitCode;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::allocator::return_freed_memory;
use crate::app::{App, Overrides};
use crate::config::{Config, Options, Purpose, read_dotenv, unknown_environment_variables};
use crate::store::Store;
use crate::store::error::error_chain;
use crate::{graphql, telemetry};

mod export;
mod import;
mod migrate;
mod output;
mod password;
mod user;

use export::ExportArguments;
use import::ImportArguments;
use migrate::Migrate;
use output::{OutputClosed, print, report};
use user::UserCommand;

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

#[derive(Clone, Debug, Subcommand)]
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
    /// Create, list, change or delete accounts
    User {
        #[command(subcommand)]
        command: UserCommand,
    },
    /// Write all books of an account to a file, oldest first
    Export(ExportArguments),
    /// Import a file of books into an account
    Import(ImportArguments),
    /// Print the GraphQL schema
    Schema,
    /// Print the effective configuration, without its secrets
    Config,
}

/// Parses the command line and runs the command. The exit code is 0 on success, 1 if the command failed,
/// and 2 if the command line or the configuration is invalid.
pub fn main() -> ExitCode {
    return_freed_memory();
    let mut warnings = match read_dotenv() {
        Ok(warnings) => warnings,
        Err(error) => {
            report(&error);
            return ExitCode::from(2);
        }
    };
    let cli = Cli::try_parse().unwrap_or_else(|error| without_values(error).exit());
    if let Some(Command::Schema) = cli.command {
        return exit_code(print(graphql::sdl().as_ref()));
    }
    let command = cli.command.unwrap_or(Command::Serve);
    let purpose = match command {
        Command::Migrate { .. }
        | Command::Recount
        | Command::User { .. }
        | Command::Import(_)
        | Command::Export(_) => Purpose::Database,
        Command::Serve | Command::Config | Command::Schema => Purpose::Server,
    };
    let config = match cli.options.resolve(purpose) {
        Ok(config) => config,
        Err(errors) => {
            errors.iter().for_each(|error| report(&error.to_string()));
            return ExitCode::from(2);
        }
    };
    warnings.extend(unknown_environment_variables());
    if !matches!(command, Command::Serve) {
        warnings.drain(..).for_each(|warning| report(&format!("warning: {warning}")));
    }
    let database = config.database.clone();
    let done = match command {
        Command::Serve => run(serve(config, warnings)),
        Command::Migrate { direction } => run(migrate::run(config, direction)),
        Command::Recount => run(recount(config)),
        Command::User { command } => run(user::run(config, command)),
        Command::Export(arguments) => run(export::run(config, arguments)),
        Command::Import(arguments) => run(import::run(config, arguments)),
        Command::Config => print(&config.to_string()),
        Command::Schema => Ok(()),
    };
    database.remove_temporary_files();
    exit_code(done)
}

/// The error of a command line, without arguments that are neither options nor words: such an argument may be a URL with
/// a password, or a password.
fn without_values(mut error: clap::Error) -> clap::Error {
    let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && !text.starts_with('-')
            && !is_word(text)
        {
            error.insert(kind, ContextValue::String("…".to_owned()));
        }
    }
    error
}

/// Reports the failure of a command, if any.
fn exit_code(done: anyhow::Result<()>) -> ExitCode {
    match done {
        Err(error) if !error.is::<OutputClosed>() => {
            report(&error_chain(error.as_ref()));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn run(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // Does not wait for work on other threads: `App::serve` has waited for what must end.
    runtime.shutdown_background();
    done
}

async fn serve(config: Config, warnings: Vec<String>) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
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
    let store = Store::open(&config).await?;
    let corrected = store.recount().await;
    store.close().await;
    print(&format!("corrected the sizes of {} libraries\n", corrected?))
}
