use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The server binary. It can be killed and restarted at the same address.
pub struct ServerProcess {
    folder: TempDir,
    settings: Vec<(String, String)>,
    child: Child,
    pub address: String,
}

impl ServerProcess {
    /// Starts on an SQLite file with these settings.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::on(None, settings)
    }

    /// Starts on the database of a URL, or on an SQLite file.
    pub fn on(url: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::in_folder(folder, url, settings)
    }

    fn in_folder(folder: TempDir, url: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let url = url.map_or_else(
            || format!("sqlite://{}/books.db", folder.path().display()),
            str::to_owned,
        );
        let standard = [
            ("DATABASE_URL", url.as_str()),
            ("JWT_SECRETS", "a secret that is long enough for HS256"),
            ("BCRYPT_COST", "10"),
            ("LISTEN", "127.0.0.1:0"),
            ("LOG_FORMAT", "json"),
            ("RATE_LIMITS", "off"),
        ];
        let settings: Vec<_> = standard
            .iter()
            .chain(settings)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let (child, address) = spawn(&folder, &settings);
        Self { folder, settings, child, address }
    }

    /// Sends SIGKILL and restarts the server at the same address.
    pub fn kill_and_restart(&mut self) {
        self.child.kill().expect("a running process");
        self.child.wait().expect("an end");
        self.settings.push(("LISTEN".to_owned(), self.address.clone()));
        (self.child, self.address) = spawn(&self.folder, &self.settings);
    }

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

    /// The number of open sockets of the process.
    pub fn sockets(&self) -> usize {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.id())).expect("open files");
        let targets = files.flatten().filter_map(|file| std::fs::read_link(file.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn is_ready(&self) -> bool {
        let response = reqwest::get(self.url("/health/ready")).await;
        response.is_ok_and(|response| response.status() == 200)
    }

    /// Sends SIGTERM and waits until the process has exited.
    pub fn stop(&mut self) -> (ExitStatus, Duration) {
        let (id, started) = (self.id().to_string(), Instant::now());
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("kill").success());
        (self.child.wait().expect("an end"), started.elapsed())
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the binary and waits until it logs its address.
fn spawn(folder: &TempDir, settings: &[(String, String)]) -> (Child, String) {
    let path = folder.path().join("log");
    let log = File::options().append(true).create(true).open(&path).expect("a log");
    let before = log.metadata().expect("a size").len();
    // SIGXFSZ is ignored: a write beyond the file size limit is an error, like a full disk.
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; exec \"$0\"", env!("CARGO_BIN_EXE_bookshelf")]);
    command.current_dir(folder.path()).env_clear().envs(settings.iter().cloned());
    command.stdout(log.try_clone().expect("a log")).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("a process");
    let started = Instant::now();
    loop {
        let log = File::open(&path).expect("a log");
        let mut log = BufReader::new(log);
        std::io::Seek::seek(&mut log, std::io::SeekFrom::Start(before)).expect("the new part");
        let found = log.lines().map_while(Result::ok).find_map(|line| {
            let line: Value = serde_json::from_str(&line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        });
        if let Some(address) = found {
            return (child, address);
        }
        assert!(
            child.try_wait().expect("a child").is_none(),
            "the server exited before it listened"
        );
        assert!(started.elapsed() < Duration::from_secs(60), "the server does not listen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A registered user.
#[derive(Clone)]
pub struct User {
    client: Client,
    url: String,
    token: String,
}

impl User {
    pub async fn register(server: &ServerProcess, name: &str) -> Self {
        let client = Client::builder().timeout(Duration::from_secs(60)).build().expect("a client");
        let mut user = Self { client, url: server.url("/graphql"), token: String::new() };
        let query = "mutation($input: RegisterInput!) { register(input: $input) { accessToken } }";
        let email = format!("{name}@example.org");
        let input =
            json!({ "username": name, "email": email, "password": "correct horse battery" });
        let response = user.ask(query, json!({ "input": input })).await.expect("a response");
        let token = response["data"]["register"]["accessToken"].as_str();
        user.token = token.unwrap_or_else(|| panic!("no token: {response}")).to_owned();
        user
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    pub async fn send(&self, query: &str, variables: Value) -> reqwest::Result<Response> {
        let request = self
            .client
            .post(&self.url)
            .bearer_auth(&self.token)
            .header("accept", "application/graphql-response+json")
            .json(&json!({ "query": query, "variables": variables }));
        request.send().await
    }

    pub async fn ask(&self, query: &str, variables: Value) -> reqwest::Result<Value> {
        self.send(query, variables).await?.json().await
    }

    /// Adds a book with its title as idempotency key. Returns the response, or the transport error.
    pub async fn add(&self, title: &str, notes: &str) -> reqwest::Result<Value> {
        let query = "mutation($input: CreateBookInput!, $key: String) {
            createBook(input: $input, idempotencyKey: $key) { book { id title } }
        }";
        let input = json!({ "title": title, "author": "A", "notes": notes });
        self.ask(query, json!({ "input": input, "key": title })).await
    }

    /// The titles of all books, with duplicates.
    pub async fn titles(&self) -> Vec<String> {
        let query = "query($after: String) {
            books(first: 100, after: $after) { nodes { title } pageInfo { hasNextPage endCursor } }
        }";
        let (mut titles, mut after) = (Vec::new(), Value::Null);
        loop {
            let response = self.ask(query, json!({ "after": after })).await.expect("a response");
            let books = &response["data"]["books"];
            let nodes = books["nodes"].as_array().unwrap_or_else(|| panic!("no books: {response}"));
            titles.extend(nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()));
            if books["pageInfo"]["hasNextPage"] == false {
                return titles;
            }
            after = books["pageInfo"]["endCursor"].clone();
        }
    }

    /// Lists one book. Returns the error code, or `None` on success.
    pub async fn code_of_list(&self) -> Option<String> {
        let response = self.ask("{ books(first: 1) { totalCount } }", json!({})).await;
        code(&response.expect("a response"))
    }
}

/// The code of the first error, or `None` without errors.
pub fn code(response: &Value) -> Option<String> {
    Some(response["errors"].get(0)?["extensions"]["code"].as_str()?.to_owned())
}
