//! A Unix socket of this process, through which sqlx reaches PostgreSQL.
//!
//! sqlx opens its connections itself, and knows only a part of what a target has: it has no host lists, no
//! `sslmode=allow` and no direct TLS, and besides `sslrootcert` it trusts other authorities. So it connects to
//! this socket without TLS. The tunnel opens a stream as the [`Connector`] does, and forwards all bytes.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgSslMode};
use secrecy::ExposeSecret;
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connector::Connector;
use super::last_outage::LastOutage;

/// The port in the name of the socket.
const PORT: u16 = 5432;

/// Delay before the socket accepts again after an error, such as too many open files.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// A listening socket. Connections through it stay open when it is dropped.
#[derive(Debug)]
pub(super) struct Tunnel {
    connector: Connector,
    socket: SocketFolder,
    /// Aborted when this is dropped.
    _listener: JoinSet<()>,
}

impl Tunnel {
    pub(super) fn open(connector: Connector, outage: Arc<LastOutage>) -> io::Result<Self> {
        let socket = SocketFolder::new()?;
        let listener = UnixListener::bind(socket.0.join(format!(".s.PGSQL.{PORT}")))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, connector.clone(), outage));
        Ok(Self { connector, socket, _listener: tasks })
    }

    /// The options with which sqlx connects.
    pub(super) fn sqlx_options(&self) -> PgConnectOptions {
        let target = self.connector.target();
        // Does not read a password file: sqlx logs the lines that it cannot parse.
        let mut options = PgConnectOptions::new_without_pgpass()
            .socket(&self.socket.0)
            .port(PORT)
            .ssl_mode(PgSslMode::Disable)
            .username(&target.user)
            .database(&target.database)
            .application_name(self.connector.application_name())
            // PgBouncer rejects this parameter, and no column has floating point numbers.
            .extra_float_digits(None)
            .disable_statement_logging();
        for (name, value) in &target.options {
            options = options.options([(name, value)]);
        }
        if let Some(password) = &target.password {
            options = options.password(password.expose_secret());
        }
        options
    }
}

/// The folder of the socket, removed when it is dropped. On Linux it is only a name: an abstract socket
/// is not in the file system.
#[derive(Debug)]
struct SocketFolder(PathBuf);

impl SocketFolder {
    fn new() -> io::Result<Self> {
        let name = format!("bookshelf-{:032x}", rand::random::<u128>());
        if cfg!(target_os = "linux") {
            return Ok(Self(PathBuf::from(format!("\0{name}"))));
        }
        let folder = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        if cfg!(not(target_os = "linux")) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

async fn accept(listener: UnixListener, connector: Connector, outage: Arc<LastOutage>) {
    loop {
        match listener.accept().await {
            Ok((client, _)) if is_own(&client) => {
                tokio::spawn(forward(client, connector.clone(), Arc::clone(&outage)));
            }
            Ok(_) => tracing::warn!("another process tried to use the connections to the database"),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection of the pool");
                sleep(RETRY_DELAY).await;
            }
        }
    }
}

/// Whether this process opened the other end: other users of the machine can find an abstract socket, too.
fn is_own(client: &UnixStream) -> bool {
    let process = client.peer_cred().ok().and_then(|peer| peer.pid());
    process.and_then(|id| u32::try_from(id).ok()) == Some(std::process::id())
}

/// Forwards all bytes until one end is closed. The other end is closed then.
async fn forward(client: UnixStream, connector: Connector, outage: Arc<LastOutage>) {
    let server = match connector.open_stream().await {
        Ok(server) => server,
        // The statement that waits for the connection fails.
        Err(error) => return outage.log_lost(&error),
    };
    let (mut from_client, mut to_client) = split(client);
    let (mut from_server, mut to_server) = split(server);
    tokio::select! {
        _ = copy(&mut from_client, &mut to_server) => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
    let _ = to_server.shutdown().await;
}
