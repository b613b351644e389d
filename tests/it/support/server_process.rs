use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{JWT_SECRET, TestDatabase};

/// The server binary, listening on a socket.
pub struct ServerProcess {
    child: Child,
    pub address: String,
    log: Option<JoinHandle<String>>,
}

/// A command for the binary with only the settings of a test in its environment.
pub fn bookshelf(folder: &Path, database: &TestDatabase) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bookshelf"));
    command.current_dir(folder).env_clear().env("BCRYPT_COST", "10").env("LISTEN", "127.0.0.1:0");
    command.env("DATABASE_URL", database.url());
    if database.is_postgres() {
        command.env("JWT_SECRETS", JWT_SECRET);
    }
    command
}

impl ServerProcess {
    /// Starts the binary and waits until it logs its address.
    pub fn start(folder: &Path, database: &TestDatabase) -> Self {
        Self::start_with(folder, database, &[])
    }

    /// Starts the binary with additional settings.
    pub fn start_with(folder: &Path, database: &TestDatabase, settings: &[(&str, &str)]) -> Self {
        let mut command = bookshelf(folder, database);
        command.envs(settings.iter().copied());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a process");
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut log = String::new();
        let address = loop {
            let start = log.len();
            let read = output.read_line(&mut log).expect("a line");
            assert!(read > 0, "the server exited before it listened: {log}");
            let line: Value = serde_json::from_str(&log[start..]).unwrap_or_default();
            if let Some(address) = line["address"].as_str() {
                break address.to_owned();
            }
        };
        let log = std::thread::spawn(move || {
            output.read_to_string(&mut log).expect("the rest of its output");
            log
        });
        Self { child, address, log: Some(log) }
    }

    pub async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        self.request(token, query, &variables).await.expect("a response")
    }

    /// Sends a request; the future does not borrow this handle.
    pub fn request(
        &self,
        token: &str,
        query: &str,
        variables: &Value,
    ) -> impl Future<Output = reqwest::Result<Value>> + 'static {
        let request = reqwest::Client::new()
            .post(format!("http://{}/graphql", self.address))
            .bearer_auth(token)
            .json(&json!({ "query": query, "variables": variables }));
        async move { request.send().await?.json().await }
    }

    /// Waits until the hashing threads have used 20 ms more CPU time than `before`. Their start takes
    /// less than that.
    pub async fn wait_until_hashing(&self, before: Duration) {
        let started = Instant::now();
        while self.hashing_time() < before + Duration::from_millis(20) {
            assert!(started.elapsed() < Duration::from_secs(30), "no hashing has started");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// CPU time that Linux reports for the threads named `password-…`.
    pub fn hashing_time(&self) -> Duration {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("its threads");
        let tasks = tasks.map(|task| task.expect("a thread").path());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
        let hashing = tasks.filter(|task| read(&task.join("comm")).starts_with("password-"));
        let nanos = hashing.filter_map(|task| {
            read(&task.join("schedstat"))
                .split(' ')
                .next()
                .and_then(|nanos| nanos.parse::<u64>().ok())
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Sends SIGKILL, so that nothing is cleaned up.
    pub fn kill(mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an end");
    }

    /// Sends a signal by name and waits for the process to exit. Returns the status and the whole log.
    pub fn stop(mut self, signal: &str) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &id]).status().expect("kill").success());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(started.elapsed() < Duration::from_secs(30), "the server does not stop");
            std::thread::sleep(Duration::from_millis(10));
        };
        (status, self.log.take().expect("read once").join().expect("its output"))
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
