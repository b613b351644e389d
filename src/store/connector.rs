//! Opens all connections to PostgreSQL, as its [`PostgresTarget`] describes: the choice of the server, TLS and the
//! login. tokio-postgres connects by [`Connector::connect`], and sqlx through a [`Tunnel`](super::tunnel::Tunnel), so that both drivers
//! use the same server in the same way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::bail;
use rand::seq::SliceRandom;
use rustls::ClientConfig;
use secrecy::ExposeSecret;
use tokio::net::lookup_host;
use tokio::time::timeout;
use tokio_postgres::config::{ChannelBinding, Config, SslMode as DriverSslMode, SslNegotiation};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, SimpleQueryMessage, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::{HostName, PostgresHost, PostgresTarget, SslMode, TargetSession};

mod explain;
mod route;
mod stream;
mod tls;

use explain::explain;
use route::{Endpoint, KEEPALIVE, Route};
use stream::Stream;

/// The time limit for an attempt on the only address of a database.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The time limit for an attempt on one of several addresses.
const ATTEMPT_TIMEOUT_OF_SEVERAL: Duration = Duration::from_secs(1);

/// A connection of tokio-postgres, with or without TLS. To be polled while its client is used.
pub(super) type DriverConnection =
    Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Opens connections to a database. Clones share the last route.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    target: Arc<PostgresTarget>,
    tls: Arc<ClientConfig>,
    /// The route of the last connection. It is tried first, so that a server that does not respond
    /// delays only the first connection.
    last: Arc<Mutex<Option<Route>>>,
}

/// No connection could be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to PostgreSQL: {}", attempts.join("; "))]
pub(super) struct ConnectError {
    /// Each attempt with the reason for its failure.
    attempts: Vec<String>,
}

impl Connector {
    /// Reads the certificates.
    pub(super) fn new(target: PostgresTarget) -> anyhow::Result<Self> {
        let tls = Arc::new(tls::client_config(&target.tls)?);
        Ok(Self { target: Arc::new(target), tls, last: Arc::default() })
    }

    pub(super) fn target(&self) -> &PostgresTarget {
        &self.target
    }

    /// The name of the connections in `pg_stat_activity`.
    pub(super) fn application_name(&self) -> &str {
        self.target.application_name.as_deref().unwrap_or("bookshelf")
    }

    /// Opens a connection and executes `settings`, statements without results.
    pub(super) async fn connect(
        &self,
        application_name: &str,
        settings: &str,
    ) -> Result<(Client, DriverConnection), ConnectError> {
        let (_, client, connection) = self.log_in(application_name, settings).await?;
        Ok((client, connection))
    }

    /// Opens a stream to the server, on which another driver logs in.
    pub(super) async fn open_stream(&self) -> anyhow::Result<Box<dyn Stream>> {
        let open = |route| stream::open(route, &self.tls, &self.target.tls);
        let last = self.last().filter(|_| self.target.session == TargetSession::Any);
        if let Some(last) = &last
            && let Ok(Ok(stream)) = timeout(self.limit(last), open(last)).await
        {
            return Ok(stream);
        }
        // Only a login shows whether the server accepts TLS and is the right one.
        let (route, ..) = self.log_in(self.application_name(), "").await?;
        Ok(open(&route).await?)
    }

    /// Logs in on the first route that works.
    async fn log_in(
        &self,
        application_name: &str,
        settings: &str,
    ) -> Result<(Route, Client, DriverConnection), ConnectError> {
        let mut attempts = Attempts { connector: self, application_name, settings, failed: vec![] };
        let last = self.last();
        if let Some(route) = &last
            && let Some((client, connection)) = attempts.attempt(route).await
        {
            return Ok((route.clone(), client, connection));
        }
        let mut hosts: Vec<&PostgresHost> = self.target.hosts.iter().collect();
        if self.target.shuffle_hosts {
            hosts.shuffle(&mut rand::rng());
        }
        for host in hosts {
            let routes = match self.routes(host).await {
                Ok(routes) => routes,
                Err(error) => {
                    attempts.failed.push(format!("{host}: {error}"));
                    continue;
                }
            };
            for route in routes.into_iter().filter(|route| last.as_ref() != Some(route)) {
                if let Some((client, connection)) = attempts.attempt(&route).await {
                    // The second mode is not used without a failure of the first one.
                    let is_first = self.modes(&route.endpoint).first() == Some(&route.uses_tls);
                    *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
                        is_first.then(|| route.clone());
                    return Ok((route, client, connection));
                }
            }
        }
        Err(ConnectError { attempts: attempts.failed })
    }

    /// The routes to a host, in the order in which they are tried.
    async fn routes(&self, host: &PostgresHost) -> std::io::Result<Vec<Route>> {
        let endpoints = match (&host.name, host.address) {
            (HostName::Socket(folder), _) => vec![Endpoint::Socket(folder.clone())],
            (_, Some(address)) => vec![Endpoint::Tcp(address)],
            (HostName::Tcp(name), None) => {
                let addresses = lookup_host((name.as_str(), host.port)).await?;
                addresses.map(|address| Endpoint::Tcp(address.ip())).collect()
            }
        };
        let is_only = self.target.hosts.len() == 1 && endpoints.len() == 1;
        let routes = endpoints.into_iter().flat_map(|endpoint| {
            self.modes(&endpoint).iter().map(move |&uses_tls| {
                let (host, endpoint) = (host.clone(), endpoint.clone());
                Route { host, endpoint, uses_tls, is_only }
            })
        });
        Ok(routes.collect())
    }

    /// Whether to use TLS, first and then.
    fn modes(&self, endpoint: &Endpoint) -> &'static [bool] {
        match (endpoint, self.target.tls.mode) {
            (Endpoint::Socket(_), _) | (_, SslMode::Disable) => &[false],
            (_, SslMode::Allow) => &[false, true],
            (_, SslMode::Prefer) => &[true, false],
            (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => &[true],
        }
    }

    /// The time limit of one attempt.
    fn limit(&self, route: &Route) -> Duration {
        let default = if route.is_only { ATTEMPT_TIMEOUT } else { ATTEMPT_TIMEOUT_OF_SEVERAL };
        self.target.connect_timeout.unwrap_or(default)
    }

    fn last(&self) -> Option<Route> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn driver_config(&self, route: &Route, application_name: &str) -> Config {
        let target = &self.target;
        let mut config = Config::new();
        match (&route.host.name, &route.endpoint) {
            // The name is only used to verify the certificate.
            (HostName::Tcp(name), Endpoint::Tcp(address)) => config.host(name).hostaddr(*address),
            (_, Endpoint::Tcp(address)) => config.hostaddr(*address),
            (_, Endpoint::Socket(folder)) => config.host_path(folder),
        };
        let binding = match target.tls.channel_binding {
            true => ChannelBinding::Prefer,
            false => ChannelBinding::Disable,
        };
        let negotiation = match target.tls.direct {
            true => SslNegotiation::Direct,
            false => SslNegotiation::Postgres,
        };
        config
            .port(route.host.port)
            .user(&target.user)
            .dbname(&target.database)
            .application_name(application_name)
            .ssl_mode(match (route.uses_tls, target.tls.mode) {
                (false, _) => DriverSslMode::Disable,
                (true, SslMode::Prefer) => DriverSslMode::Prefer,
                (true, _) => DriverSslMode::Require,
            })
            .ssl_negotiation(negotiation)
            .channel_binding(binding)
            .keepalives_idle(KEEPALIVE)
            .tcp_user_timeout(KEEPALIVE);
        if let Some(password) = &target.password {
            config.password(password.expose_secret());
        }
        if !target.options.is_empty() {
            let escape = |text: &str| text.replace('\\', r"\\").replace(' ', r"\ ");
            let options: Vec<_> = target
                .options
                .iter()
                .map(|(name, value)| format!("-c {}={}", escape(name), escape(value)))
                .collect();
            config.options(options.join(" "));
        }
        config
    }
}

/// Attempts to log in, with the reasons for those that failed.
struct Attempts<'a> {
    connector: &'a Connector,
    application_name: &'a str,
    settings: &'a str,
    failed: Vec<String>,
}

impl Attempts<'_> {
    async fn attempt(&mut self, route: &Route) -> Option<(Client, DriverConnection)> {
        let limit = self.connector.limit(route);
        match timeout(limit, self.log_in(route)).await {
            Ok(Ok(open)) => return Some(open),
            Ok(Err(error)) => {
                let usual = explain(&error, &route.host);
                self.record(usual.unwrap_or_else(|| format!("{route}: {error:#}")));
            }
            Err(_) => self.record(format!("{route}: no response within {limit:?}")),
        }
        None
    }

    /// Records the reason for a failure. An attempt with TLS and one without may fail for the same reason.
    fn record(&mut self, reason: String) {
        if !self.failed.contains(&reason) {
            self.failed.push(reason);
        }
    }

    async fn log_in(&self, route: &Route) -> anyhow::Result<(Client, DriverConnection)> {
        let config = self.connector.driver_config(route, self.application_name);
        let tls = MakeRustlsConnect::new((*self.connector.tls).clone());
        let (client, mut connection) = config.connect(tls).await?;
        let prepare = async {
            check_session(&client, self.connector.target.session).await?;
            if !self.settings.is_empty() {
                client.batch_execute(self.settings).await?;
            }
            anyhow::Ok(())
        };
        tokio::select! {
            prepared = prepare => prepared?,
            ended = &mut connection => {
                ended?;
                bail!("the connection was closed");
            }
        }
        Ok((client, connection))
    }
}

/// Checks that the server is one of those that are wanted.
async fn check_session(client: &Client, session: TargetSession) -> anyhow::Result<()> {
    let (sql, unwanted, why) = match session {
        TargetSession::Any => return Ok(()),
        TargetSession::ReadWrite => {
            ("SHOW transaction_read_only", "on", "the server does not allow writes")
        }
        TargetSession::Primary => {
            ("SELECT pg_catalog.pg_is_in_recovery()", "t", "the server is a standby")
        }
    };
    let messages = client.simple_query(sql).await?;
    let is_unwanted = messages.iter().any(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some(unwanted),
        _ => false,
    });
    if is_unwanted {
        bail!(why);
    }
    Ok(())
}
