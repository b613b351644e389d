//! Parses the value of each setting. The error is a text that describes the allowed values.

use std::io::IsTerminal;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use sea_orm::sqlx::postgres::PgConnectOptions;
use secrecy::SecretString;

use super::types::{Database, JwtSecrets, LogFormat};

/// The minimum length of a secret for HS256, in bytes (RFC 7518, section 3.2).
pub(super) const JWT_SECRET_BYTES: usize = 32;

pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port, such as 127.0.0.1:8000".to_owned())
}

pub(super) fn database(url: &str) -> Result<Database, String> {
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        return match url.parse::<PgConnectOptions>() {
            Ok(_) => Ok(Database::Postgres(url.into())),
            Err(_) => Err(
                "not a valid URL; escape characters such as # or / in the password as %23 or %2F"
                    .into(),
            ),
        };
    }
    match url.strip_prefix("sqlite:") {
        Some(path) if path.contains(":memory:") || path.contains('?') => {
            Err("expected a file without parameters, such as sqlite://data/bookshelf.db".into())
        }
        Some(path) if !path.trim_start_matches('/').is_empty() => {
            Ok(Database::Sqlite(PathBuf::from(path.strip_prefix("//").unwrap_or(path))))
        }
        _ => Err("expected sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME".into()),
    }
}

pub(super) fn pool_size(text: &str) -> Result<Option<NonZeroU32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse_positive_integer(text).map(NonZeroU32::new)
}

/// Parses an integer from 1 on.
pub(super) fn parse_positive_integer<T: TryFrom<u32>>(text: &str) -> Result<T, String> {
    let number = text.parse::<NonZeroU32>().ok().map(NonZeroU32::get);
    let number = number.and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("expected an integer from 1 to {}", u32::MAX))
}

/// Parses addresses and networks, separated by commas.
pub(super) fn parse_trusted_proxies(text: &str) -> Result<Vec<IpNet>, String> {
    const EXPECTED: &str = "expected addresses and networks such as 127.0.0.1 or 10.0.0.0/8, \
                           separated by commas";
    let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty());
    networks
        .map(|text| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| EXPECTED.to_owned())
        })
        .collect()
}

pub(super) fn parse_jwt_secrets(text: &str) -> Result<JwtSecrets, String> {
    let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
    if secrets.iter().any(|secret| secret.len() < JWT_SECRET_BYTES) {
        return Err(format!(
            "expected secrets of at least {JWT_SECRET_BYTES} bytes each, separated by commas"
        ));
    }
    Ok(JwtSecrets::Configured(secrets.into_iter().map(SecretString::from).collect()))
}

/// The file of the secret: `data/bookshelf.jwt-secret` for the database `data/bookshelf.db`.
pub(super) fn generated_secret_path(database: &Path) -> JwtSecrets {
    JwtSecrets::GeneratedFile(database.with_extension("jwt-secret"))
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str =
        "expected an integer and a unit, such as 900s, 15m, 12h or 30d, up to 3650d";
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(EXPECTED.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| EXPECTED)?;
    match number.checked_mul(seconds) {
        Some(seconds @ 1..=315_360_000) => Ok(Duration::from_secs(seconds)),
        _ => Err(EXPECTED.to_owned()),
    }
}

pub(super) fn bcrypt_cost(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(cost @ 10..=16) => Ok(cost),
        _ => Err("expected an integer from 10 to 16".to_owned()),
    }
}

pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    origins
        .map(|origin| {
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            match host {
                Some(host)
                    if !host.is_empty() && !host.contains(['/', '*', ' ', '@', '?', '#']) =>
                {
                    Ok(origin.to_ascii_lowercase())
                }
                _ => Err("expected origins such as https://books.example.org, separated by commas"
                    .to_owned()),
            }
        })
        .collect()
}

pub(super) fn parse_on_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "" if std::io::stdout().is_terminal() => Ok(LogFormat::Pretty),
        "" | "json" => Ok(LogFormat::Json),
        "pretty" => Ok(LogFormat::Pretty),
        _ => Err("expected json or pretty".to_owned()),
    }
}

pub(super) fn log_filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => {
            Err("expected levels and targets such as warn or bookshelf=debug,info".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_require_a_unit_and_have_a_maximum() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("30d"), Ok(Duration::from_secs(2_592_000)));
        for wrong in ["", "15", "m", "0s", "-1m", "1.5h", "3651d", "99999999999999999999d", "15m "]
        {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
