//! Prints the configuration for people, without its secrets.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::postgres::PgConnectOptions;
use secrecy::ExposeSecret;

use super::model::Config;
use super::types::{Database, JwtSecrets};

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "LISTEN={}", self.listen)?;
        writeln!(f, "DATABASE_URL={}", self.database)?;
        match self.database_pool_size {
            Some(size) => writeln!(f, "DATABASE_POOL_SIZE={size}")?,
            None => writeln!(f, "DATABASE_POOL_SIZE=   # default: four per core")?,
        }
        match &self.jwt_secrets {
            JwtSecrets::Configured(secrets) => {
                writeln!(f, "JWT_SECRETS=…   # {} configured", secrets.len())?;
            }
            JwtSecrets::GeneratedFile(path) => {
                writeln!(f, "JWT_SECRETS=   # in {}", path.display())?;
            }
        }
        writeln!(f, "ACCESS_TOKEN_TTL={}", DisplayDuration(self.access_token_ttl))?;
        writeln!(f, "REFRESH_TOKEN_TTL={}", DisplayDuration(self.refresh_token_ttl))?;
        writeln!(f, "BCRYPT_COST={}", self.bcrypt_cost)?;
        writeln!(f, "CORS_ORIGINS={}", self.cors_origins.join(","))?;
        let proxies: Vec<_> = self.trusted_proxies.iter().map(ToString::to_string).collect();
        writeln!(f, "TRUSTED_PROXIES={}", proxies.join(","))?;
        writeln!(f, "RATE_LIMITS={}", on_off(self.rate_limits))?;
        writeln!(f, "GRAPHIQL={}", on_off(self.graphiql))?;
        writeln!(f, "INTROSPECTION={}", on_off(self.introspection))?;
        let trusted = self.trusted_documents.as_deref().unwrap_or(Path::new(""));
        writeln!(f, "TRUSTED_DOCUMENTS={}", trusted.display())?;
        writeln!(f, "STRICT_STATUS={}", on_off(self.strict_status))?;
        writeln!(f, "LOG_FORMAT={}", self.log_format)?;
        writeln!(f, "RUST_LOG={}", self.log_filter)?;
        for limit in self.limits.clone().fields_mut() {
            writeln!(f, "{}={}", limit.variable(), limit.value.shown())?;
        }
        Ok(())
    }
}

/// The URL. For PostgreSQL only host, port and database, because the rest may contain the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(url) => match url.expose_secret().parse::<PgConnectOptions>() {
                Ok(options) => {
                    let name = options.get_database().unwrap_or_default();
                    write!(f, "postgres://…@{}:{}/{name}", options.get_host(), options.get_port())
                }
                Err(_) => f.write_str("postgres://…"),
            },
        }
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// A duration in its largest whole unit.
pub(super) struct DisplayDuration(pub(super) Duration);

impl fmt::Display for DisplayDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
        let (size, unit) =
            units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, 's'));
        write!(f, "{}{unit}", seconds / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_displayed() {
        for url in [
            "postgres://books:s3cr3t@db.example.org:5432/bookshelf",
            "postgres://books:s3cr3t@db.example.org:5432/bookshelf?password=s3cr3t",
            "postgres://books:s3%40cr3t%23s3cr3t@db.example.org/bookshelf",
        ] {
            let shown = Database::Postgres(url.into()).to_string();
            assert_eq!(shown, "postgres://…@db.example.org:5432/bookshelf");
        }
        let shown = Database::Postgres("postgres://books:s3c#ret@host/shelf".into()).to_string();
        assert!(!shown.contains("s3c"), "{shown}");
    }

    #[test]
    fn durations_are_displayed_in_their_largest_unit() {
        assert_eq!(DisplayDuration(Duration::from_secs(900)).to_string(), "15m");
        assert_eq!(DisplayDuration(Duration::from_secs(2_592_000)).to_string(), "30d");
        assert_eq!(DisplayDuration(Duration::from_secs(61)).to_string(), "61s");
    }
}
