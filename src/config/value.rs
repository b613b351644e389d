//! How the value of each type of setting is parsed and displayed.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;

use super::covers_url::CoversUrl;
use super::jwt_secrets;
use super::listen_address::{ListenAddress, ParseListenAddressError};
use super::origin::{Origin, ParseOriginError};
use super::postgres::PostgresTarget;
use super::public_url::{ParsePublicUrlError, PublicUrl};
use super::sqlite_url::{self, SqliteUrl};
use super::types::{Database, JwtSecrets, LogFormat};

/// The type of a setting.
pub(super) trait SettingValue: Sized {
    /// Parses a value. The error describes the expected values.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value as `bookshelf config` prints it, without secrets; empty if it is absent.
    fn to_text(&self) -> String;

    /// What `bookshelf config` adds as a comment.
    fn remark(&self) -> Option<String> {
        None
    }
}

impl SettingValue for ListenAddress {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: ParseListenAddressError| error.to_string())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

impl SettingValue for Database {
    fn parse(url: &str) -> Result<Self, String> {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return PostgresTarget::from_url(url).map(Box::new).map(Self::Postgres);
        }
        match url.strip_prefix("sqlite:") {
            Some(url) => match sqlite_url::parse(url)? {
                SqliteUrl::File(path) => Ok(Self::Sqlite(path)),
                SqliteUrl::Memory => Self::temporary(),
            },
            None => Err("expected sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME".into()),
        }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// An empty text is the default.
impl SettingValue for CoversUrl {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self::default()) } else { Self::parse_url(text) }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// The size of a pool, from 1 on; `None` for four per core.
impl SettingValue for Option<NonZeroU32> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(None) } else { u32::parse(text).map(NonZeroU32::new) }
    }

    fn to_text(&self) -> String {
        self.map(|size| size.to_string()).unwrap_or_default()
    }

    fn remark(&self) -> Option<String> {
        self.is_none().then(|| "default: four per core".to_owned())
    }
}

/// Secrets, separated by commas; an empty text is the default.
impl SettingValue for JwtSecrets {
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
        secrets.iter().try_for_each(|secret| jwt_secrets::check(secret))?;
        Ok(Self::Configured(secrets.into_iter().map(SecretString::from).collect()))
    }

    fn to_text(&self) -> String {
        match self {
            Self::Configured(_) => "…".to_owned(),
            Self::GeneratedFile(_) => String::new(),
        }
    }

    fn remark(&self) -> Option<String> {
        Some(match self {
            Self::Configured(secrets) => format!("{} configured", secrets.len()),
            Self::GeneratedFile(path) => format!("in {}", path.display()),
        })
    }
}

/// The shortest and the longest duration, in seconds: ten years.
const DURATION_SECS: RangeInclusive<u64> = 1..=315_360_000;

/// An integer and the unit `s`, `m`, `h` or `d`. humantime allows more: several units, months and spaces.
/// Its format is not used, because it prints `30days` for `30d`.
impl SettingValue for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix(['s', 'm', 'h', 'd']);
        number
            .filter(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|_| humantime::parse_duration(text).ok())
            .filter(|duration| DURATION_SECS.contains(&duration.as_secs()))
            .ok_or_else(|| {
                "expected an integer and a unit, such as 900s, 15m, 12h or 30d, up to 3650d"
                    .to_owned()
            })
    }

    /// The duration in its largest whole unit.
    fn to_text(&self) -> String {
        let seconds = self.as_secs();
        if seconds == 0 {
            return "0s".to_owned();
        }
        let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
        let (size, unit) =
            units.into_iter().find(|(size, _)| seconds.is_multiple_of(*size)).unwrap_or((1, 's'));
        format!("{}{unit}", seconds / size)
    }
}

/// `on` or `off`.
impl SettingValue for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err("expected on or off".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        if *self { "on" } else { "off" }.to_owned()
    }
}

macro_rules! integers {
    ($($type:ty)+) => {$(
        /// An integer from 1 on.
        impl SettingValue for $type {
            fn parse(text: &str) -> Result<Self, String> {
                let number = text.parse::<NonZeroU32>().ok().map(NonZeroU32::get);
                let number = number.and_then(|number| number.try_into().ok());
                number.ok_or_else(|| format!("expected an integer from 1 to {}", u32::MAX))
            }

            fn to_text(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

integers!(usize u64 u32);

/// Any text.
impl SettingValue for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }

    fn to_text(&self) -> String {
        self.clone()
    }
}

impl SettingValue for Option<PathBuf> {
    fn parse(text: &str) -> Result<Self, String> {
        Ok((!text.is_empty()).then(|| PathBuf::from(text)))
    }

    fn to_text(&self) -> String {
        self.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
    }
}

impl SettingValue for Option<PublicUrl> {
    fn parse(text: &str) -> Result<Self, String> {
        match text.is_empty() {
            true => Ok(None),
            false => text.parse().map(Some).map_err(|error: ParsePublicUrlError| error.to_string()),
        }
    }

    fn to_text(&self) -> String {
        self.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    fn remark(&self) -> Option<String> {
        self.is_none().then(|| "from the request".to_owned())
    }
}

impl SettingValue for Vec<Origin> {
    fn parse(text: &str) -> Result<Self, String> {
        elements(text)
            .map(|origin| origin.parse().map_err(|error: ParseOriginError| error.to_string()))
            .collect()
    }

    fn to_text(&self) -> String {
        self.iter().map(Origin::as_str).collect::<Vec<_>>().join(",")
    }
}

/// Addresses and networks.
impl SettingValue for Vec<IpNet> {
    fn parse(text: &str) -> Result<Self, String> {
        const EXPECTED: &str = "expected addresses and networks such as 127.0.0.1 or 10.0.0.0/8, \
                                separated by commas";
        elements(text)
            .map(|text| {
                let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
                network.map_err(|_| EXPECTED.to_owned())
            })
            .collect()
    }

    fn to_text(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

/// The elements of a list that is separated by commas, without empty ones.
fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

impl SettingValue for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self::for_stdout()),
            "json" => Ok(Self::Json),
            "pretty" => Ok(Self::Pretty),
            _ => Err("expected json or pretty".to_owned()),
        }
    }

    fn to_text(&self) -> String {
        self.to_string()
    }
}

/// Parses a duration that may be zero.
pub(super) fn duration_or_zero(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s") { Ok(Duration::ZERO) } else { Duration::parse(text) }
}

/// Parses the cost of bcrypt.
pub(super) fn bcrypt_cost(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(cost @ 10..=16) => Ok(cost),
        _ => Err("expected an integer from 10 to 16".to_owned()),
    }
}

/// Checks the syntax of a filter of log lines (`EnvFilter` of tracing-subscriber).
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
        assert_eq!(Duration::parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(Duration::parse("30d"), Ok(Duration::from_secs(2_592_000)));
        for invalid in
            ["", "15", "m", "0s", "-1m", "1.5h", "3651d", "99999999999999999999d", "15m "]
        {
            assert!(Duration::parse(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn only_the_documented_part_of_the_syntax_of_humantime_is_accepted() {
        for invalid in ["1h30m", "15 m", "15M", "15min", "2000ms", "1w", "1y"] {
            assert!(humantime::parse_duration(invalid).is_ok(), "{invalid}");
            assert!(Duration::parse(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn durations_are_displayed_in_their_largest_unit() {
        assert_eq!(Duration::from_secs(900).to_text(), "15m");
        assert_eq!(Duration::from_secs(2_592_000).to_text(), "30d");
        assert_eq!(Duration::from_secs(61).to_text(), "61s");
    }
}
