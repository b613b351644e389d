use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::skip::{skip, variable};

/// A PostgreSQL cluster with default durability, used by one test. The binaries are searched below
/// /usr/lib/postgresql, or in `POSTGRES_BIN`.
pub struct PostgresCluster {
    bin: PathBuf,
    folder: TempDir,
    port: u16,
    /// The user it runs as; PostgreSQL does not run as root.
    user: Option<u32>,
}

impl PostgresCluster {
    /// Starts a cluster. Returns `None` after reporting a skipped test if PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
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
        let cluster = Self { bin, folder, port, user };
        let data = cluster.data();
        cluster.run("initdb", &["-D", &data, "-U", "postgres", "-A", "trust", "--no-sync"]);
        cluster.resume();
        Some(cluster)
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
            "-p {} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=50 -c shared_buffers=16MB",
            self.port
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

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = Command::new(self.bin.join(program));
        command.args(arguments).current_dir(self.folder.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user);
        }
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
