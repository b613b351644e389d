use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::{Actor, JWT_SECRET, wait_until};

/// A running server binary with its own folder. It can be killed and restarted at the same address.
pub struct ServerProcess {
    folder: TempDir,
    /// The executable and its arguments.
    program: Vec<OsString>,
    settings: Vec<(String, String)>,
    child: Child,
    pub address: String,
}

/// A command for the binary with only the settings of a test in its environment.
pub fn server_command(folder: &Path, database_url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookshelf"));
    command.current_dir(folder).env_clear().envs(settings(database_url));
    command
}

/// Only PostgreSQL requires a secret; for SQLite the server generates one.
fn settings(database_url: &str) -> Vec<(String, String)> {
    let mut settings =
        vec![("DATABASE_URL", database_url), ("BCRYPT_COST", "10"), ("LISTEN", "127.0.0.1:0")];
    if database_url.starts_with("postgres") {
        settings.push(("JWT_SECRETS", JWT_SECRET));
    }
    settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl ServerProcess {
    /// Starts the binary on an SQLite file in its folder, without rate limits, and waits until it listens.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}/books.db", folder.path().display());
        Self::start_in(folder, bookshelf(), &url, settings)
    }

    /// Like `start`, on another database.
    pub fn start_on(database_url: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_program(bookshelf(), database_url, settings)
    }

    /// Like `start_on`, with another executable and its arguments.
    pub fn start_program(
        program: Vec<OsString>,
        database_url: &str,
        settings: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::start_in(folder, program, database_url, settings)
    }

    fn start_in(
        folder: TempDir,
        program: Vec<OsString>,
        database_url: &str,
        more: &[(&str, &str)],
    ) -> Self {
        let mut settings = settings(database_url);
        settings.push(("RATE_LIMITS".to_owned(), "off".to_owned()));
        settings.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let (child, address) = spawn(&folder, &program, &settings);
        Self { folder, program, settings, child, address }
    }

    /// Sends SIGKILL, so that nothing is cleaned up.
    pub fn kill(&mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an exit status");
    }

    /// Starts a killed server again, at the same address.
    pub fn restart(&mut self) {
        self.settings.push(("LISTEN".to_owned(), self.address.clone()));
        (self.child, self.address) = spawn(&self.folder, &self.program, &self.settings);
    }

    /// Sends a signal by its name. Returns the exit status, and the time until the process exited.
    pub async fn stop(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.expect("the command kill").success());
        let mut status = None;
        let took = wait_until("the server has stopped", async || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        })
        .await;
        (status.expect("an exit status"), took)
    }

    /// An anonymous client.
    pub fn anon(&self) -> Actor {
        Actor::over_http(&self.address)
    }

    pub async fn alice(&self) -> Actor {
        self.anon().registered("alice").await
    }

    pub async fn is_ready(&self) -> bool {
        self.anon().try_get("/health/ready").await.is_ok_and(|response| response.status == 200)
    }

    /// The path of the SQLite file.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("books.db")
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log")
    }

    /// The log lines with this target, so far.
    pub fn log_lines(&self, target: &str) -> Vec<Value> {
        let log = self.log();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        lines.filter(|line| line["target"] == target).collect()
    }

    /// The memory of the process (`VmRSS`), in bytes.
    pub fn resident_bytes(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("the status of the process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")).expect("VmRSS");
        kilobytes.parse::<usize>().expect("a number") << 10
    }

    /// The number of open sockets of the process.
    pub fn sockets(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("open files");
        let targets = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    /// Waits until the hashing threads have used 20 ms more CPU time than `before`. Their start takes
    /// less than that.
    pub async fn wait_until_hashing(&self, before: Duration) {
        let expected = before + Duration::from_millis(20);
        wait_until("a password is being hashed", async || self.hashing_time() >= expected).await;
    }

    /// CPU time that Linux reports for the threads named `password-…`.
    pub fn hashing_time(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.id())).expect("its threads");
        let tasks = tasks.map(|task| task.expect("a thread").path());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let hashing = tasks.filter(|task| read(&task.join("comm")).starts_with("password-"));
        let nanos = hashing.filter_map(|task| {
            let statistics = read(&task.join("schedstat"));
            statistics.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok())
        });
        Duration::from_nanos(nanos.sum())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        // Both fail if the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bookshelf() -> Vec<OsString> {
    vec![env!("CARGO_BIN_EXE_bookshelf").into()]
}

/// Starts the program and waits until it logs its address.
fn spawn(folder: &TempDir, program: &[OsString], settings: &[(String, String)]) -> (Child, String) {
    let path = folder.path().join("log");
    let log = File::options().append(true).create(true).open(&path).expect("a log");
    let before = std::fs::read_to_string(&path).expect("a log").len();
    // SIGXFSZ is ignored: a write beyond the file size limit is an error, like a full disk.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).args(program);
    command.current_dir(folder.path()).env_clear().envs(settings.iter().cloned());
    let mut child = command.stdout(log).stderr(Stdio::inherit()).spawn().expect("a process");
    let started = Instant::now();
    loop {
        let log = std::fs::read_to_string(&path).expect("a log");
        let lines = log[before..].lines().filter_map(|line| serde_json::from_str(line).ok());
        let address =
            lines.into_iter().find_map(|line: Value| line["address"].as_str().map(str::to_owned));
        if let Some(address) = address {
            return (child, address);
        }
        let exited = child.try_wait().expect("a child").is_some();
        assert!(!exited, "the server exited before it listened: {log}");
        assert!(started.elapsed() < Duration::from_secs(60), "the server does not listen: {log}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
