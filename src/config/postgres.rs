//! How to reach a PostgreSQL database: the `DATABASE_URL`, completed by the environment variables and files of
//! libpq. All connections follow from one [`PostgresTarget`], whichever driver uses them.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

mod parameters;
mod passfile;
mod url;

use parameters::{Environment, Parameters, environment};
use passfile::Login;
use url::UrlParts;

/// The port of a host without one.
const DEFAULT_PORT: u16 = 5432;

/// Folders where servers create their sockets by default: Debian's, and PostgreSQL's own.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A PostgreSQL database, and how to connect to it.
#[derive(Clone, Debug)]
pub struct PostgresTarget {
    /// At least one. They are tried in this order.
    pub(crate) hosts: Vec<PostgresHost>,
    /// Whether the hosts are tried in random order.
    pub(crate) shuffle_hosts: bool,
    /// Which of the hosts to use.
    pub(crate) session: TargetSession,
    /// The time limit for one attempt on one address.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) user: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) database: String,
    pub(crate) application_name: Option<String>,
    /// Session parameters that are sent when the connection is opened.
    pub(crate) options: Vec<(String, String)>,
    pub(crate) search_path: Option<String>,
    pub(crate) tls: TlsOptions,
}

/// A server of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PostgresHost {
    pub(crate) name: HostName,
    /// The address to connect to, if the name is only used to verify the certificate.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostName {
    /// A host name, or an address without brackets.
    Tcp(String),
    /// The folder of a Unix socket.
    Socket(PathBuf),
}

/// Which servers are accepted (`target_session_attrs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetSession {
    Any,
    /// A server whose sessions may write by default.
    ReadWrite,
    /// A server that is not a standby.
    Primary,
}

/// Whether and how connections are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct TlsOptions {
    pub(crate) mode: SslMode,
    pub(crate) root: RootCertificates,
    /// The files of the client's certificate and of its private key.
    pub(crate) client: Option<(PathBuf, PathBuf)>,
    /// Whether TLS starts at once, without a question to the server (`sslnegotiation=direct`).
    pub(crate) direct: bool,
    /// Whether a login by SCRAM is bound to the TLS connection, if the server supports it.
    pub(crate) channel_binding: bool,
}

/// `sslmode`, in increasing order of security.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    /// Without TLS; with it if the server rejects that.
    Allow,
    /// With TLS; without it if the server rejects that.
    Prefer,
    Require,
    /// The certificate must be issued by a trusted authority.
    VerifyCa,
    /// The certificate must be valid for the host name too.
    VerifyFull,
}

/// The trusted certificate authorities (`sslrootcert`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RootCertificates {
    System,
    /// Only those in this file, in PEM format.
    File(PathBuf),
}

impl PostgresTarget {
    /// Parses a URL and completes it by the environment.
    ///
    /// # Errors
    /// The reason for a person, without any part of the URL except names of parameters.
    pub fn from_url(url: &str) -> Result<Self, String> {
        Self::from_url_with(url, &environment)
    }

    fn from_url_with(url: &str, environment: Environment<'_>) -> Result<Self, String> {
        let parameters = Parameters::collect(UrlParts::parse(url)?, environment)?;
        let user = match parameters.get("user") {
            Some(user) => user.to_owned(),
            None => whoami::username().map_err(|_| "expected a user name".to_owned())?,
        };
        let database = parameters.get("dbname").unwrap_or(&user).to_owned();
        let hosts = hosts(&parameters)?;
        let password = match parameters.get("password") {
            Some(password) => Some(password.to_owned()),
            None => password_from_file(&parameters, &hosts, &user, &database, environment)?,
        };
        Ok(Self {
            hosts,
            shuffle_hosts: parameters.choose(
                "load_balance_hosts",
                false,
                &[("disable", false), ("random", true)],
            )?,
            session: target_session(&parameters)?,
            connect_timeout: parameters.seconds("connect_timeout")?,
            user,
            password: password.map(SecretString::from),
            database,
            application_name: parameters.get("application_name").map(str::to_owned),
            options: parameters.options(),
            search_path: parameters.get("search_path").map(str::to_owned),
            tls: TlsOptions::from_parameters(&parameters)?,
        })
    }
}

/// Hosts, ports and database, because the rest may contain the password.
impl fmt::Display for PostgresTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.hosts.iter().map(ToString::to_string).collect();
        write!(f, "postgres://…@{}/{}", hosts.join(","), self.database)
    }
}

/// The name and the port.
impl fmt::Display for PostgresHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            HostName::Tcp(name) if name.contains(':') => write!(f, "[{name}]:{}", self.port),
            HostName::Tcp(name) => write!(f, "{name}:{}", self.port),
            HostName::Socket(folder) => write!(f, "[{}]:{}", folder.display(), self.port),
        }
    }
}

impl PostgresHost {
    /// The host with this name; the default one if it is empty.
    fn new(name: &str, address: Option<IpAddr>, port: u16) -> Self {
        let name = match (name, address) {
            ("", Some(address)) => HostName::Tcp(address.to_string()),
            ("", None) => {
                let exists =
                    |folder: &&&str| Path::new(folder).join(format!(".s.PGSQL.{port}")).exists();
                match SOCKET_FOLDERS.iter().find(exists) {
                    Some(folder) => HostName::Socket(folder.into()),
                    None => HostName::Tcp("localhost".to_owned()),
                }
            }
            (path, _) if path.starts_with('/') => HostName::Socket(path.into()),
            (name, _) => HostName::Tcp(name.to_owned()),
        };
        Self { name, address, port }
    }

    /// Its names in the password file.
    fn names(&self) -> Vec<String> {
        match &self.name {
            HostName::Tcp(name) => vec![name.clone()],
            HostName::Socket(folder) => vec![folder.display().to_string(), "localhost".to_owned()],
        }
    }
}

impl TlsOptions {
    fn from_parameters(parameters: &Parameters) -> Result<Self, String> {
        let root = match parameters.get("sslrootcert") {
            None | Some("system") => RootCertificates::System,
            Some(file) => RootCertificates::File(file.into()),
        };
        let is_system = parameters.get("sslrootcert") == Some("system");
        let default = if is_system { SslMode::VerifyFull } else { SslMode::Prefer };
        let mode = parameters.choose("sslmode", default, &SSL_MODES)?;
        if is_system && mode != SslMode::VerifyFull {
            return Err(parameters.invalid("sslmode", "sslrootcert=system requires verify-full"));
        }
        let direct =
            parameters.choose("sslnegotiation", false, &[("postgres", false), ("direct", true)])?;
        if direct && mode < SslMode::Require {
            let why = "direct requires sslmode=require, verify-ca or verify-full";
            return Err(parameters.invalid("sslnegotiation", why));
        }
        let client = match (parameters.get("sslcert"), parameters.get("sslkey")) {
            (Some(certificate), Some(key)) => Some((certificate.into(), key.into())),
            (None, None) => None,
            _ => return Err("sslcert and sslkey must be given together".to_owned()),
        };
        if parameters.get("channel_binding") == Some("require") {
            let why = "require is not supported, since only one of the two drivers can bind";
            return Err(parameters.invalid("channel_binding", why));
        }
        let channel_binding =
            parameters.choose("channel_binding", true, &[("prefer", true), ("disable", false)])?;
        // This program never uses GSSAPI.
        parameters.choose("gssencmode", (), &[("disable", ()), ("prefer", ())])?;
        Ok(Self { mode, root, client, direct, channel_binding })
    }
}

const SSL_MODES: [(&str, SslMode); 6] = [
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

fn target_session(parameters: &Parameters) -> Result<TargetSession, String> {
    let choices = [
        ("any", TargetSession::Any),
        ("read-write", TargetSession::ReadWrite),
        ("primary", TargetSession::Primary),
    ];
    parameters.choose("target_session_attrs", TargetSession::Any, &choices)
}

/// The hosts with their ports: one port for all of them, or one for each.
fn hosts(parameters: &Parameters) -> Result<Vec<PostgresHost>, String> {
    let list = |name| parameters.get(name).map(|text| text.split(',').collect::<Vec<_>>());
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let number = names.as_ref().or(addresses.as_ref()).map_or(1, Vec::len);
    if addresses.as_ref().is_some_and(|addresses| addresses.len() != number) {
        return Err(parameters.invalid("hostaddr", "expected as many addresses as hosts"));
    }
    let port = |index: usize| {
        let text = match ports.as_deref() {
            None => "",
            Some([port]) => port,
            Some(ports) if ports.len() == number => ports[index],
            Some(_) => return Err("expected one port, or as many as hosts"),
        };
        if text.is_empty() {
            return Ok(DEFAULT_PORT);
        }
        text.parse().ok().filter(|port| *port != 0).ok_or("expected a port")
    };
    let address = |index: usize| match addresses.as_ref().map(|addresses| addresses[index]) {
        None | Some("") => Ok(None),
        Some(address) => address.parse().map(Some).map_err(|_| "expected an IP address"),
    };
    let host = |index: usize| {
        let name = names.as_ref().map_or("", |names| names[index]);
        let port = port(index).map_err(|why| parameters.invalid("port", why))?;
        let address = address(index).map_err(|why| parameters.invalid("hostaddr", why))?;
        Ok(PostgresHost::new(name, address, port))
    };
    (0..number).map(host).collect()
}

/// The password for all hosts in the password file, if any. The default file is `~/.pgpass`.
fn password_from_file(
    parameters: &Parameters,
    hosts: &[PostgresHost],
    user: &str,
    database: &str,
    environment: Environment<'_>,
) -> Result<Option<String>, String> {
    let file = match parameters.get("passfile") {
        Some(path) => {
            passfile::read(Path::new(path)).map_err(|why| parameters.invalid("passfile", why))?
        }
        None => environment("HOME")
            .and_then(|home| passfile::read(&Path::new(&home).join(".pgpass")).ok().flatten()),
    };
    let Some(file) = file else { return Ok(None) };
    let mut passwords = hosts.iter().filter_map(|host| {
        let find = |name: &String| {
            passfile::find(&file, Login { host: name, port: host.port, database, user })
        };
        host.names().iter().find_map(find)
    });
    let first = passwords.next();
    // sqlx has one password for all connections.
    if passwords.any(|other| Some(other) != first) {
        return Err("the password file must have the same password for all hosts".to_owned());
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
