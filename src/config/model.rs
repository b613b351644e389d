//! The configuration.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::covers_url::CoversUrl;
use super::limits::Limits;
use super::listen_address::ListenAddress;
use super::origin::Origin;
use super::public_url::PublicUrl;
use super::settings::{Setting, SettingInfo, settings};
use super::types::{Database, JwtSecrets, LogFormat};
use super::value::{SettingValue, bcrypt_cost, log_filter};

settings! {
    /// The effective configuration. `Options::resolve` creates it and checks every value.
    pub struct Config {
        /// Host name or address, and port, to accept connections on.
        listen: ListenAddress = ListenAddress::from(([127, 0, 0, 1], 8000)),
            SettingInfo::new("LISTEN", "HOST:PORT");

        /// Address of the server as its clients know it, which links begin with: `https://books.example.org`, perhaps
        /// with a path.
        public_url: Option<PublicUrl> = None,
            SettingInfo::new("PUBLIC_URL", "URL").default_text("from the request");

        /// Database that stores the data: `sqlite://FILE`, `sqlite::memory:` for a trial, or
        /// `postgres://USER:PASSWORD@HOST/NAME`.
        database: Database = Database::default(), SettingInfo::new("DATABASE_URL", "URL").secret();

        /// Where the files of covers are stored: a folder, or `s3://BUCKET/PREFIX` with the usual variables
        /// `AWS_…`. Several instances need a shared folder or S3.
        covers_url: CoversUrl = CoversUrl::default(),
            SettingInfo::new("COVERS_URL", "URL")
                .secret()
                .default_text("a folder next to the SQLite database; PostgreSQL: data/covers");

        /// PostgreSQL: number of pipelined connections for single statements, and maximum size of the pool for
        /// transactions. SQLite: maximum number of pooled read connections. Both: searches and other scans have
        /// half as many connections of their own.
        database_pool_size: Option<NonZeroU32> = None,
            SettingInfo::new("DATABASE_POOL_SIZE", "NUMBER")
                .default_text("four per core; PostgreSQL: fewer if it does not accept so many");

        /// Secrets of access tokens, separated by commas, each at least 32 bytes; the first signs, all
        /// verify [default with SQLite: generated at first start in a file next to the database].
        jwt_secrets: JwtSecrets = JwtSecrets::default(),
            SettingInfo::new("JWT_SECRETS", "SECRET,…").secret();

        /// Lifetime of an access token: 900s, 15m, 1h ….
        access_token_ttl: Duration = Duration::from_secs(15 * 60),
            SettingInfo::new("ACCESS_TOKEN_TTL", "DURATION");

        /// Lifetime of a refresh token: 12h, 30d ….
        refresh_token_ttl: Duration = Duration::from_secs(30 * 86_400),
            SettingInfo::new("REFRESH_TOKEN_TTL", "DURATION");

        /// Lifetime of a session, from its sign-in; refresh tokens expire with it: 30d, 90d ….
        session_ttl: Duration = Duration::from_secs(90 * 86_400),
            SettingInfo::new("SESSION_TTL", "DURATION");

        /// bcrypt cost, from 10 to 16; each increment doubles the time.
        bcrypt_cost: u32 = 12, SettingInfo::new("BCRYPT_COST", "NUMBER"), parse bcrypt_cost;

        /// Origins whose pages may send requests from a browser, separated by commas.
        cors_origins: Vec<Origin> = Vec::new(),
            SettingInfo::new("CORS_ORIGINS", "ORIGIN,…").default_text("none");

        /// Addresses and networks of proxies whose X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host are trusted,
        /// separated by commas.
        trusted_proxies: Vec<IpNet> = Vec::new(),
            SettingInfo::new("TRUSTED_PROXIES", "NETWORK,…").default_text("none");

        /// Whether the limits per minute apply to clients: on or off.
        rate_limits: bool = true, SettingInfo::new("RATE_LIMITS", "SWITCH");

        /// Whether anybody can register: on or off; if off, `bookshelf user add` makes accounts.
        registration: bool = true, SettingInfo::new("REGISTRATION", "SWITCH");

        /// Whether / serves GraphiQL: on or off.
        graphiql: bool = true, SettingInfo::new("GRAPHIQL", "SWITCH");

        /// Whether clients can read the schema: on or off.
        introspection: bool = true, SettingInfo::new("INTROSPECTION", "SWITCH");

        /// JSON file of trusted documents by id; other documents are rejected.
        trusted_documents: Option<PathBuf> = None,
            SettingInfo::new("TRUSTED_DOCUMENTS", "FILE").default_text("none");

        /// Whether a response without data has the status of its error also for clients that accept only plain
        /// application/json: on or off.
        strict_status: bool = false, SettingInfo::new("STRICT_STATUS", "SWITCH");

        /// Format of log lines: json or pretty.
        log_format: LogFormat = LogFormat::for_stdout(),
            SettingInfo::new("LOG_FORMAT", "FORMAT")
                .default_text("pretty on a terminal, otherwise json");

        /// Filter of log lines, such as warn or bookshelf=debug,info.
        log_filter: String = "info".to_owned(), SettingInfo::new("RUST_LOG", "FILTER"), parse log_filter;

        group
        /// The limits of one request, one client and the process.
        limits: Limits;
    }
}

/// One line `VARIABLE=value` for each setting, without secrets.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Setting { info, text, remark, .. } in self.settings() {
            match remark {
                Some(remark) => writeln!(f, "{}={text}   # {remark}", info.variable)?,
                None => writeln!(f, "{}={text}", info.variable)?,
            }
        }
        Ok(())
    }
}
