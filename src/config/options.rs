//! Reads the settings from command line options and environment variables into a checked [`Config`].

use clap::builder::{OsStr, Str};
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use secrecy::{ExposeSecret, SecretString};

use super::covers_url::CoversUrl;
use super::error::{ConfigError, Problem};
use super::jwt_secrets::HOW_TO_MAKE_ONE;
use super::model::Config;
use super::settings::Setting;
use super::types::{Database, JwtSecrets};

/// The text of each setting that has one, before it is checked.
#[derive(Clone, Debug, Default)]
pub struct Options(Vec<(Setting, SecretString)>);

/// What a configuration is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To serve, which needs every setting.
    Server,
    /// For commands that only use the database: secrets of access tokens may be missing.
    Database,
}

impl Options {
    /// Parses and checks every value. A setting without a text has its default. White space around a text, such as
    /// the line break at the end of a file, is ignored.
    ///
    /// # Errors
    /// All invalid values, not only the first.
    pub fn resolve(self, purpose: Purpose) -> Result<Config, Vec<ConfigError>> {
        let mut config = Config::default();
        let mut errors = Vec::new();
        for (setting, text) in &self.0 {
            let text = text.expose_secret().trim();
            if let Some(Err(expected)) = config.set(&setting.info.variable, text) {
                let value = (!setting.info.secret).then(|| text.to_owned());
                errors.push(ConfigError {
                    variable: setting.info.variable.clone(),
                    problem: Problem::Invalid { value, expected },
                });
            }
        }
        self.check_combinations(purpose, &mut config, &mut errors);
        let order = config.settings();
        errors.sort_by_key(|error| {
            order.iter().position(|setting| setting.info.variable == error.variable)
        });
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// Checks the settings that depend on others. Skips those that are invalid by themselves.
    fn check_combinations(
        &self,
        purpose: Purpose,
        config: &mut Config,
        errors: &mut Vec<ConfigError>,
    ) {
        let is_valid = |errors: &[ConfigError], variable: &str| {
            errors.iter().all(|error| error.variable != variable)
        };
        if is_valid(errors, "JWT_SECRETS")
            && matches!(config.jwt_secrets, JwtSecrets::GeneratedFile(_))
        {
            match &config.database {
                Database::Sqlite(path) | Database::Temporary { path, .. } => {
                    config.jwt_secrets = JwtSecrets::next_to(path);
                }
                Database::Postgres(_) if purpose == Purpose::Server => errors.push(ConfigError {
                    variable: "JWT_SECRETS".into(),
                    problem: Problem::Missing { advice: HOW_TO_MAKE_ONE },
                }),
                Database::Postgres(_) => {}
            }
        }
        if let CoversUrl::Default(_) = config.covers_url {
            config.covers_url = match &config.database {
                Database::Sqlite(path) | Database::Temporary { path, .. } => {
                    CoversUrl::next_to(path)
                }
                Database::Postgres(_) => CoversUrl::of_postgres(),
            };
        }
        for (variable, ttl) in
            [("REFRESH_TOKEN_TTL", config.refresh_token_ttl), ("SESSION_TTL", config.session_ttl)]
        {
            if is_valid(errors, "ACCESS_TOKEN_TTL")
                && is_valid(errors, variable)
                && ttl < config.access_token_ttl
            {
                let given = self.0.iter().find(|(setting, _)| setting.info.variable == variable);
                let value = given.map(|(_, text)| text.expose_secret().trim().to_owned());
                let expected = "expected at least ACCESS_TOKEN_TTL".to_owned();
                errors.push(ConfigError {
                    variable: variable.into(),
                    problem: Problem::Invalid { value, expected },
                });
            }
        }
    }
}

/// The command line option of a setting.
fn to_argument(Setting { info, help, text, .. }: Setting) -> Arg {
    let option = Str::from(info.option());
    let argument = Arg::new(option.clone())
        .long(option)
        .env(OsStr::from(info.variable.into_owned()))
        .value_name(info.placeholder)
        .help(help)
        .hide_env_values(info.secret)
        // `-h` lists the general options only.
        .hide_short_help(info.heading.is_some())
        .help_heading(info.heading)
        .global(true);
    match info.default {
        None if !text.is_empty() => argument.default_value(OsStr::from(text)),
        _ => argument,
    }
}

impl Args for Options {
    fn augment_args(command: Command) -> Command {
        command.args(Config::default().settings().into_iter().map(to_argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Options {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = Config::default().settings().into_iter().filter_map(|setting| {
            let text = matches.get_one::<String>(&setting.info.option())?.clone();
            Some((setting, text.into()))
        });
        Ok(Self(given.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser;

    use super::*;
    use crate::config::JwtSecrets;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        options: Options,
    }

    fn resolved(arguments: &[&str]) -> Result<Config, Vec<String>> {
        let arguments = std::iter::once("bookshelf").chain(arguments.iter().copied());
        let options = Command::parse_from(arguments).options;
        options
            .resolve(Purpose::Server)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn sqlite_generates_a_secret_file_next_to_the_database() {
        let config =
            resolved(&["--database-url", "sqlite:///srv/books.db"]).expect("a configuration");
        assert!(
            matches!(config.database, Database::Sqlite(path) if path == Path::new("/srv/books.db"))
        );
        let JwtSecrets::GeneratedFile(secret) = config.jwt_secrets else { panic!("configured") };
        assert_eq!(secret, Path::new("/srv/books.jwt-secret"));
    }

    #[test]
    fn covers_are_stored_next_to_the_database_by_default() {
        let secret = "w2Qk8ZrT5uYp1LxNc7BvJd3HgMf9SaEo";
        let postgres = ["--database-url", "postgres://localhost/b", "--jwt-secrets", secret];
        for (arguments, folder) in [
            (&[][..], "data/bookshelf.covers"),
            (&["--database-url", "sqlite:///srv/books.db"], "/srv/books.covers"),
            (
                &["--database-url", "sqlite:///srv/books.db", "--covers-url", ""],
                "/srv/books.covers",
            ),
            (&["--database-url", "sqlite:///srv/books.db", "--covers-url", "/c"], "/c"),
            (&postgres, "data/covers"),
        ] {
            let config = resolved(arguments).expect("a configuration");
            assert_eq!(config.covers_url.to_string(), folder, "{arguments:?}");
        }
        let config = resolved(&["--database-url", "sqlite::memory:"]).expect("a configuration");
        let Database::Temporary { folder, .. } = &config.database else { panic!("not temporary") };
        let CoversUrl::Default(covers) = &config.covers_url else { panic!("not the default") };
        assert!(covers.starts_with(folder.path()), "{covers:?} is not removed with the database");
    }

    #[test]
    fn postgres_requires_a_configured_secret() {
        let errors =
            resolved(&["--database-url", "postgres://localhost/books"]).expect_err("no secret");
        assert_eq!(errors, ["JWT_SECRETS is missing; make one with: openssl rand -hex 32"]);
        let arguments = ["bookshelf", "--database-url", "postgres://localhost/books"];
        let options = Command::parse_from(arguments).options;
        assert!(options.resolve(Purpose::Database).is_ok(), "only the server signs tokens");
    }

    #[test]
    fn all_invalid_options_are_reported_together_without_secrets() {
        let errors = resolved(&[
            "--listen",
            "8000",
            "--database-url",
            "mysql://root:hunter2@localhost/books",
            "--jwt-secrets",
            "short-secret",
            "--access-token-ttl",
            "15 minutes",
            "--bcrypt-cost",
            "9",
            "--cors-origins",
            "*",
            "--graphiql",
            "yes",
            "--trusted-proxies",
            "127.0.0.1,proxy.example.org",
            "--limit-depth",
            "0",
            "--limit-body-timeout",
            "forever",
        ])
        .expect_err("all invalid")
        .join("\n");
        for named in [
            "LISTEN=8000: ",
            "DATABASE_URL: ",
            "JWT_SECRETS: ",
            "ACCESS_TOKEN_TTL=15 minutes: ",
            "BCRYPT_COST=9: ",
            "CORS_ORIGINS=*: ",
            "GRAPHIQL=yes: ",
            "TRUSTED_PROXIES=127.0.0.1,proxy.example.org: ",
            "LIMIT_DEPTH=0: ",
            "LIMIT_BODY_TIMEOUT=forever: ",
        ] {
            assert!(errors.contains(named), "{named} in {errors}");
        }
        assert!(!errors.contains("hunter2") && !errors.contains("short-secret"), "{errors}");
    }

    #[test]
    fn white_space_around_values_is_ignored() {
        let config = resolved(&[
            "--database-url",
            "sqlite://data/books.db\n",
            "--listen",
            " localhost:8000\r\n",
            "--bcrypt-cost",
            "11\n",
            "--access-token-ttl",
            "20m ",
        ])
        .expect("a configuration");
        assert!(
            matches!(config.database, Database::Sqlite(path) if path == Path::new("data/books.db"))
        );
        assert_eq!(config.listen.to_string(), "localhost:8000");
        assert_eq!((config.bcrypt_cost, config.access_token_ttl.as_secs()), (11, 1_200));
    }

    #[test]
    fn limit_options_override_the_defaults() {
        let config = resolved(&["--limit-body-bytes", "5", "--limit-keep-alive-timeout", "2m"]);
        let limits = config.expect("a configuration").limits;
        assert_eq!(limits.body_bytes, 5);
        assert_eq!(limits.keep_alive_timeout, std::time::Duration::from_secs(120));
        assert_eq!(limits.depth, 15);
    }

    #[test]
    fn a_refresh_token_ttl_below_the_access_token_ttl_is_rejected() {
        let errors = resolved(&["--access-token-ttl", "2h", "--refresh-token-ttl", "1h"])
            .expect_err("shorter");
        assert_eq!(errors.len(), 1);
        assert!(resolved(&["--access-token-ttl", "1h", "--refresh-token-ttl", "1h"]).is_ok());
        let errors = resolved(&["--session-ttl", "14m"]).expect_err("shorter");
        assert_eq!(errors, ["invalid SESSION_TTL=14m: expected at least ACCESS_TOKEN_TTL"]);
    }
}
