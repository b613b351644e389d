//! Parses command line options and environment variables into a checked [`Config`].

use std::path::PathBuf;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};

use super::limits::LimitArgs;
use super::model::{Config, ConfigError};
use super::parse::{
    JWT_SECRET_BYTES, address, bcrypt_cost, database, duration, generated_secret_path, log_filter,
    log_format, origins, parse_jwt_secrets, parse_on_off, parse_trusted_proxies, pool_size,
};
use super::types::Database;

/// Reads `.env` in the working directory into the environment. Variables that are already set are kept.
///
/// # Errors
/// If the file cannot be read or parsed. A missing file is not an error.
pub fn read_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Err(error) if !error.not_found() => Err(format!(".env: {error}")),
        _ => Ok(()),
    }
}

/// Every setting as text, before it is checked.
#[derive(Args, Clone, Debug, Default)]
pub struct Options {
    /// Address and port to accept connections on
    #[arg(
        long,
        env = "LISTEN",
        value_name = "ADDRESS:PORT",
        global = true,
        default_value = "127.0.0.1:8000"
    )]
    listen: String,

    /// Database that stores the data: `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(
        long,
        env = "DATABASE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        default_value = "sqlite://data/bookshelf.db"
    )]
    database_url: SecretString,

    /// PostgreSQL: number of pipelined connections for single statements, and maximum size of the pool for
    /// transactions. SQLite: number of read connections for searches [default: four per core]
    #[arg(long, env = "DATABASE_POOL_SIZE", value_name = "NUMBER", global = true)]
    database_pool_size: Option<String>,

    /// Secrets of access tokens, separated by commas, each at least 32 bytes; the first signs, all
    /// verify [default with SQLite: generated at first start in a file next to the database]
    #[arg(
        long,
        env = "JWT_SECRETS",
        value_name = "SECRET,…",
        global = true,
        hide_env_values = true
    )]
    jwt_secrets: Option<SecretString>,

    /// Lifetime of an access token: 900s, 15m, 1h …
    #[arg(
        long,
        env = "ACCESS_TOKEN_TTL",
        value_name = "DURATION",
        global = true,
        default_value = "15m"
    )]
    access_token_ttl: String,

    /// Lifetime of a refresh token: 12h, 30d …
    #[arg(
        long,
        env = "REFRESH_TOKEN_TTL",
        value_name = "DURATION",
        global = true,
        default_value = "30d"
    )]
    refresh_token_ttl: String,

    /// bcrypt cost, from 10 to 16; each increment doubles the time
    #[arg(long, env = "BCRYPT_COST", value_name = "NUMBER", global = true, default_value = "12")]
    bcrypt_cost: String,

    /// Origins whose pages may send requests from a browser, separated by commas [default: none]
    #[arg(long, env = "CORS_ORIGINS", value_name = "ORIGIN,…", global = true)]
    cors_origins: Option<String>,

    /// Addresses and networks of proxies whose X-Forwarded-For is trusted, separated by commas
    /// [default: none]
    #[arg(long, env = "TRUSTED_PROXIES", value_name = "NETWORK,…", global = true)]
    trusted_proxies: Option<String>,

    /// Whether the limits per minute apply to clients: on or off
    #[arg(long, env = "RATE_LIMITS", value_name = "SWITCH", global = true, default_value = "on")]
    rate_limits: String,

    /// Whether / serves GraphiQL: on or off
    #[arg(long, env = "GRAPHIQL", value_name = "SWITCH", global = true, default_value = "on")]
    graphiql: String,

    /// Whether clients can read the schema: on or off
    #[arg(long, env = "INTROSPECTION", value_name = "SWITCH", global = true, default_value = "on")]
    introspection: String,

    /// JSON file of trusted documents by id; other documents are rejected [default: none]
    #[arg(long, env = "TRUSTED_DOCUMENTS", value_name = "FILE", global = true)]
    trusted_documents: Option<String>,

    /// Whether a response without data has the status of its error also for clients that accept only plain
    /// application/json: on or off
    #[arg(
        long,
        env = "STRICT_STATUS",
        value_name = "SWITCH",
        global = true,
        default_value = "off"
    )]
    strict_status: String,

    /// Format of log lines: json or pretty [default: pretty on a terminal, otherwise json]
    #[arg(long, env = "LOG_FORMAT", value_name = "FORMAT", global = true)]
    log_format: Option<String>,

    /// Filter of log lines, such as warn or bookshelf=debug,info
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", global = true, default_value = "info")]
    rust_log: String,

    #[command(flatten)]
    limits: LimitArgs,
}

impl Options {
    /// Parses and checks every value.
    ///
    /// # Errors
    /// All invalid values, not only the first.
    pub fn resolve(self) -> Result<Config, Vec<ConfigError>> {
        let mut wrong = ConfigErrors(Vec::new());
        let listen = wrong.parse_or_record("LISTEN", &self.listen, address);
        let database = wrong.parse_or_record_secret(
            "DATABASE_URL",
            self.database_url.expose_secret(),
            database,
        );
        let database_pool_size = self.database_pool_size.as_deref().unwrap_or_default();
        let database_pool_size =
            wrong.parse_or_record("DATABASE_POOL_SIZE", database_pool_size, pool_size);
        let given = self.jwt_secrets.as_ref().map(|secrets| secrets.expose_secret().trim());
        let given = given.filter(|secrets| !secrets.is_empty());
        let jwt_secrets = match (given, &database) {
            (Some(secrets), _) => {
                wrong.parse_or_record_secret("JWT_SECRETS", secrets, parse_jwt_secrets)
            }
            (None, Some(Database::Sqlite(path))) => Some(generated_secret_path(path)),
            (None, Some(Database::Postgres(_))) => {
                wrong.parse_or_record_secret("JWT_SECRETS", "", |_| {
                    Err(format!("PostgreSQL requires at least {JWT_SECRET_BYTES} bytes"))
                })
            }
            (None, None) => None,
        };
        let access_token_ttl =
            wrong.parse_or_record("ACCESS_TOKEN_TTL", &self.access_token_ttl, duration);
        let refresh_token_ttl =
            wrong.parse_or_record("REFRESH_TOKEN_TTL", &self.refresh_token_ttl, |text| {
                duration(text).and_then(|ttl| match access_token_ttl {
                    Some(access) if ttl < access => {
                        Err("expected at least ACCESS_TOKEN_TTL".to_owned())
                    }
                    _ => Ok(ttl),
                })
            });
        let bcrypt_cost = wrong.parse_or_record("BCRYPT_COST", &self.bcrypt_cost, bcrypt_cost);
        let cors_origins = self.cors_origins.as_deref().unwrap_or_default();
        let cors_origins = wrong.parse_or_record("CORS_ORIGINS", cors_origins, origins);
        let proxies = self.trusted_proxies.as_deref().unwrap_or_default();
        let trusted_proxies =
            wrong.parse_or_record("TRUSTED_PROXIES", proxies, parse_trusted_proxies);
        let rate_limits = wrong.parse_or_record("RATE_LIMITS", &self.rate_limits, parse_on_off);
        let graphiql = wrong.parse_or_record("GRAPHIQL", &self.graphiql, parse_on_off);
        let introspection =
            wrong.parse_or_record("INTROSPECTION", &self.introspection, parse_on_off);
        let trusted_documents = self.trusted_documents.filter(|path| !path.is_empty());
        let strict_status =
            wrong.parse_or_record("STRICT_STATUS", &self.strict_status, parse_on_off);
        let log_format_text = self.log_format.as_deref().unwrap_or_default();
        let log_format = wrong.parse_or_record("LOG_FORMAT", log_format_text, log_format);
        let log_filter = wrong.parse_or_record("RUST_LOG", &self.rust_log, log_filter);

        let limits = self.limits.resolve(|variable, value, allowed| {
            wrong.0.push(ConfigError { variable: variable.into(), value: Some(value), allowed });
        });
        let config = (|| {
            Some(Config {
                listen: listen?,
                database: database?,
                database_pool_size: database_pool_size?,
                jwt_secrets: jwt_secrets?,
                access_token_ttl: access_token_ttl?,
                refresh_token_ttl: refresh_token_ttl?,
                bcrypt_cost: bcrypt_cost?,
                cors_origins: cors_origins?,
                trusted_proxies: trusted_proxies?,
                rate_limits: rate_limits?,
                graphiql: graphiql?,
                introspection: introspection?,
                trusted_documents: trusted_documents.map(PathBuf::from),
                strict_status: strict_status?,
                log_format: log_format?,
                log_filter: log_filter?,
                limits,
            })
        })();
        config.filter(|_| wrong.0.is_empty()).ok_or(wrong.0)
    }
}

/// Collects all invalid values, so that they are reported together.
struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    fn parse_or_record<T>(
        &mut self,
        variable: &'static str,
        value: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let error = |allowed| ConfigError {
            variable: variable.into(),
            value: Some(value.to_owned()),
            allowed,
        };
        parse(value).map_err(|allowed| self.0.push(error(allowed))).ok()
    }

    fn parse_or_record_secret<T>(
        &mut self,
        variable: &'static str,
        value: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let error = |allowed| ConfigError { variable: variable.into(), value: None, allowed };
        parse(value).map_err(|allowed| self.0.push(error(allowed))).ok()
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
        options.resolve().map_err(|wrong| wrong.iter().map(ToString::to_string).collect())
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
    fn postgres_requires_a_configured_secret() {
        let wrong =
            resolved(&["--database-url", "postgres://localhost/books"]).expect_err("no secret");
        assert_eq!(wrong, ["invalid JWT_SECRETS: PostgreSQL requires at least 32 bytes"]);
    }

    #[test]
    fn all_invalid_options_are_reported_together_without_secrets() {
        let wrong = resolved(&[
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
            assert!(wrong.contains(named), "{named} in {wrong}");
        }
        assert!(!wrong.contains("hunter2") && !wrong.contains("short-secret"), "{wrong}");
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
        let wrong = resolved(&["--access-token-ttl", "2h", "--refresh-token-ttl", "1h"])
            .expect_err("shorter");
        assert_eq!(wrong.len(), 1);
        assert!(resolved(&["--access-token-ttl", "1h", "--refresh-token-ttl", "1h"]).is_ok());
    }
}
