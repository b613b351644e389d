//! Imports of files by an actor.

use axum::http::Request;
use serde_json::{Value, json};

use super::{Actor, TestResponse, wait_until};

const BOUNDARY: &str = "----import";

const JOB: &str =
    "id source dryRun state total created updated skipped failed startedAt finishedAt";

impl Actor {
    /// Sends a file to `importBooks`, with other fields of the input.
    pub async fn import(&self, file: impl AsRef<[u8]>, options: Value) -> TestResponse {
        let mut input = options;
        input["file"] = Value::Null;
        let query = format!(
            "mutation($input: ImportBooksInput!) {{
                importBooks(input: $input) {{ job {{ {JOB} }} userErrors {{ code message field }} }}
            }}"
        );
        let operations = json!({ "query": query, "variables": { "input": input } });
        let part = |name: &str, content: &[u8]| {
            let head = format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; \
                 filename=\"books.csv\"\r\n\r\n"
            );
            [head.as_bytes(), content, b"\r\n"].concat()
        };
        let body = [
            part("operations", operations.to_string().as_bytes()),
            part("map", json!({ "0": ["variables.input.file"] }).to_string().as_bytes()),
            part("0", file.as_ref()),
            format!("--{BOUNDARY}--\r\n").into_bytes(),
        ]
        .concat();
        let request = Request::post("/graphql")
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("apollo-require-preflight", "true");
        self.send(request, body.into()).await
    }

    /// Imports a file and waits for the end. Returns the import.
    pub async fn import_to_end(&self, file: impl AsRef<[u8]>, options: Value) -> Value {
        let started = self.import(file, options).await.payload();
        let id = started["job"]["id"].as_str().expect("an import");
        self.import_ended(id).await
    }

    /// Waits for the end of an import, and returns it.
    pub async fn import_ended(&self, id: &str) -> Value {
        let mut job = self.import_job(id).await;
        while job["state"] == "RUNNING" {
            let before = counts(&job);
            wait_until("the import goes on", async || {
                job = self.import_job(id).await;
                job["state"] != "RUNNING" || counts(&job) != before
            })
            .await;
        }
        job
    }

    /// Queries an import; null if it is not found.
    pub async fn import_job(&self, id: &str) -> Value {
        let query = format!("query($id: ID!) {{ importJob(id: $id) {{ {JOB} }} }}");
        self.run(&query, json!({ "id": id })).await.data()
    }

    /// All rows of an import.
    pub async fn import_rows(&self, id: &str) -> Vec<Value> {
        let query = "query($id: ID!, $after: String) { importJob(id: $id) {
            rows(first: 100, after: $after) {
                nodes { line action title notes book { id title } }
                pageInfo { hasNextPage endCursor }
            }
        } }";
        let (mut rows, mut after) = (Vec::new(), Value::Null);
        loop {
            let job = self.run(query, json!({ "id": id, "after": after })).await.data();
            let page = &job["rows"];
            rows.extend(page["nodes"].as_array().expect("rows").iter().cloned());
            if page["pageInfo"]["hasNextPage"] == false {
                return rows;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}

/// What became of rows: line and action of each.
pub fn actions(rows: &[Value]) -> Vec<(i64, &str)> {
    let line = |row: &Value| row["line"].as_i64().expect("a line");
    rows.iter().map(|row| (line(row), row["action"].as_str().expect("an action"))).collect()
}

/// The counts of an import: created, updated, skipped, failed.
pub fn counts(job: &Value) -> [i64; 4] {
    ["created", "updated", "skipped", "failed"].map(|name| job[name].as_i64().expect("a count"))
}
