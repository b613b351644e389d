use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

use super::skip::{skip, variable};

/// A PostgreSQL cluster with default durability, used by one test. The binaries are searched below
/// /usr/lib/postgresql, or in `POSTGRES_BIN`.
pub struct PostgresCluster {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    /// Further options of the server.
    options: String,
    /// The user it runs as; PostgreSQL does not run as root.
    user: Option<u32>,
}

impl PostgresCluster {
    /// Starts a cluster. Returns `None` after reporting a skipped test if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        let cluster = Self::prepare()?;
        cluster.initialize();
        cluster.resume();
        Some(cluster)
    }

    /// Starts a cluster with `ssl=on` and these rules for logins (`pg_hba.conf`). The certificate of the server is
    /// issued by the authority in `root_certificate`, for `localhost` and its addresses.
    pub fn start_with_tls(authentication: &str) -> Option<Self> {
        let mut cluster = Self::prepare()?;
        cluster.initialize();
        let (authority, key) = (cluster.root_certificate(), cluster.file("authority.key"));
        cluster.new_certificate("authority", &["-keyout", &key, "-out", &authority])?;
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1";
        let (certificate, key) = cluster.issue_certificate("server", &["-addext", names])?;
        cluster.options = format!(
            "-c ssl=on -c ssl_key_file={key} -c ssl_cert_file={certificate} \
             -c ssl_ca_file={authority} -c log_connections=on \
             -c log_min_duration_statement=0"
        );
        fs::write(format!("{}/pg_hba.conf", cluster.data()), authentication).expect("a file");
        cluster.resume();
        Some(cluster)
    }

    /// Starts a standby, which replicates this cluster.
    pub fn start_standby(&self) -> Self {
        let standby = Self::prepare().expect("an installed PostgreSQL");
        let (port, data) = (self.port.to_string(), standby.data());
        let source = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres"];
        let target = ["-D", &data, "-R", "-c", "fast", "-X", "stream"];
        standby.run("pg_basebackup", &[&source[..], &target].concat());
        standby.resume();
        standby
    }

    /// Ends the replication of a standby, which then allows writes.
    pub fn promote(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "promote"]);
    }

    /// A new folder and a free port.
    fn prepare() -> Option<Self> {
        let Some(bin) = bin() else {
            skip("PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let user = (output(Command::new("id").arg("-u")) == "0").then(|| {
            output(Command::new("id").args(["-u", "postgres"])).parse().expect("a user id")
        });
        if user.is_some() {
            chown(folder.path(), user, None).expect("a folder for postgres");
        }
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("its address").port()
        };
        Some(Self { bin, folder, port, options: String::new(), user })
    }

    fn initialize(&self) {
        self.run("initdb", &["-D", &self.data(), "-U", "postgres", "-A", "trust", "--no-sync"]);
    }

    /// Issues a certificate for this name by the authority. Returns the files of the certificate and of its key.
    pub fn issue_certificate(&self, name: &str, more: &[&str]) -> Option<(String, String)> {
        let (authority, authority_key) = (self.root_certificate(), self.file("authority.key"));
        let (certificate, key) =
            (self.file(&format!("{name}.crt")), self.file(&format!("{name}.key")));
        let files = ["-keyout", &key, "-out", &certificate];
        let issuer = ["-CA", &authority, "-CAkey", &authority_key];
        let extensions = ["-addext", "basicConstraints=critical,CA:FALSE"];
        self.new_certificate(name, &[&files[..], &issuer, &extensions, more].concat())?;
        Some((certificate, key))
    }

    /// `None` after reporting a skipped test if openssl is not installed.
    fn new_certificate(&self, name: &str, arguments: &[&str]) -> Option<()> {
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-subj", &format!("/CN={name}")]).args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(status) = self.as_user(&mut command).status() else {
            skip("openssl is not installed");
            return None;
        };
        assert!(status.success(), "{command:?}");
        Some(())
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// The file of the authority that issued the certificate of the server.
    pub fn root_certificate(&self) -> String {
        self.file("authority.crt")
    }

    /// The folder of its Unix socket.
    pub fn socket_folder(&self) -> String {
        self.folder.path().display().to_string()
    }

    /// The log of the server so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// Executes statements without semicolons in them as the superuser, through the Unix socket.
    pub fn execute(&self, sql: &str) {
        sql.split(';').for_each(|statement| drop(self.query(statement)));
    }

    /// Executes one statement like `execute`. Returns its values, one in each line.
    #[must_use]
    pub fn query(&self, sql: &str) -> String {
        let (port, folder) = (self.port.to_string(), self.socket_folder());
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-h", &folder, "-p", &port, "-U", "postgres", "-X", "-A", "-t", "-c", sql]);
        let output = psql.output().expect("psql");
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Accepts TLS connections with the certificate of the server, and the protocol of PostgreSQL.
    pub fn tls_acceptor(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_file(self.file("server.crt"));
        let certificate = certificate.expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(self.file("server.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions of TLS");
        let config = config.with_no_client_auth().with_single_cert(vec![certificate], key);
        let mut config = config.expect("a key that fits the certificate");
        config.alpn_protocols.push(b"postgresql".to_vec());
        TlsAcceptor::from(Arc::new(config))
    }

    pub fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The URL at the address of a proxy.
    pub fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://postgres@{address}/postgres")
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// Starts or restarts the cluster.
    pub fn resume(&self) {
        let (data, folder) = (self.data(), self.folder.path().display());
        let options = format!(
            "-p {} -k {folder} -c listen_addresses=127.0.0.1,::1 -c max_connections=50 \
             -c shared_buffers=16MB {}",
            self.port, self.options
        );
        let log = format!("{folder}/log");
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-w", "-o", &options, "start"]);
    }

    /// Stops the cluster without a shutdown checkpoint, as a power loss would.
    pub fn crash(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", "immediate", "-w", "stop"]);
    }

    /// Sends a signal to all processes of the cluster.
    pub fn signal(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let pid = pid.expect("a running server").lines().next().expect("its pid").to_owned();
        let mut all = vec![pid.clone()];
        for process in fs::read_dir("/proc").expect("processes").flatten() {
            let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
            // pid (name) state ppid …
            let parent = stat.rsplit(") ").next().and_then(|fields| fields.split(' ').nth(1));
            if parent == Some(pid.as_str()) {
                all.push(process.file_name().to_string_lossy().into_owned());
            }
        }
        // Some processes may already have ended, so the exit status is ignored.
        Command::new("kill").arg(format!("-{signal}")).args(&all).output().expect("kill");
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// Makes a folder accessible to the user of the cluster.
    pub fn give(&self, folder: &Path) {
        for path in fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path()) {
            chown(path, self.user, None).expect("a file for postgres");
        }
        chown(folder, self.user, None).expect("a folder for postgres");
    }

    /// Runs a command as the user of the cluster.
    pub fn as_user<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        match self.user {
            Some(user) => command.uid(user),
            None => command,
        }
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(self.folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.as_user(&mut command);
        assert!(command.status().expect("PostgreSQL").success(), "{program} {arguments:?}");
    }
}

impl Drop for PostgresCluster {
    fn drop(&mut self) {
        if self.folder.path().join("data/postmaster.pid").exists() {
            self.signal("CONT");
            self.crash();
        }
    }
}

fn bin() -> Option<PathBuf> {
    if let Some(bin) = variable("POSTGRES_BIN") {
        return Some(bin.into());
    }
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let bins = versions.map(|version| version.path().join("bin"));
    bins.filter(|bin| Path::exists(&bin.join("initdb"))).max()
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("its output").stdout;
    String::from_utf8(output).expect("UTF-8").trim().to_owned()
}
