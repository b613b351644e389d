//! Files that are none: an error with a code, and the server goes on.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::numbered;
use crate::support::{ServerProcess, TestApp, counts};

#[tokio::test]
async fn files_that_cannot_be_read_are_refused_with_a_code() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let columns = (0..100_000).map(|number| format!("c{number}")).collect::<Vec<_>>().join(",");
    let gzip = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 4, 0];
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", Vec::new(), "UNSUPPORTED_FILE"),
        ("NUL bytes", vec![0; 100_000], "UNSUPPORTED_FILE"),
        ("a compressed file", gzip.to_vec(), "UNSUPPORTED_FILE"),
        ("a zip file", b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), "UNSUPPORTED_FILE"),
        ("an image", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), "UNSUPPORTED_FILE"),
        ("a page", b"<!DOCTYPE html><title>Books</title>".to_vec(), "UNSUPPORTED_FILE"),
        ("other columns", b"Name,Price\nDune,9.99\n".to_vec(), "UNSUPPORTED_FILE"),
        ("100,000 columns", format!("{columns}\n1,2\n").into_bytes(), "UNSUPPORTED_FILE"),
        (
            "100,000 more columns",
            format!("Title,Author,{columns}\nA,B\n").into_bytes(),
            "UNSUPPORTED_FILE",
        ),
        (
            "a column of 20 MB",
            [b"Title\n", &*vec![b'x'; (20 << 20) - 10_000]].concat(),
            "UNSUPPORTED_FILE",
        ),
        ("separators", vec![b','; 1 << 20], "UNSUPPORTED_FILE"),
        ("line breaks", vec![b'\n'; 1 << 20], "UNSUPPORTED_FILE"),
        (
            "unclosed quotes",
            format!("Title,Author\n{}", "\"Dune,Frank\n".repeat(99_999)).into_bytes(),
            "UNSUPPORTED_FILE",
        ),
        (
            "an unclosed quote",
            b"Title,Author\n\"Dune,Frank\nEmma,Jane\n".to_vec(),
            "UNSUPPORTED_FILE",
        ),
        ("truncated JSON", br#"{"books": [{"title": "Dune", "au"#.to_vec(), "UNSUPPORTED_FILE"),
        ("JSON of another kind", br#"{"items": []}"#.to_vec(), "UNSUPPORTED_FILE"),
        ("nested JSON", "[".repeat(1 << 20).into_bytes(), "UNSUPPORTED_FILE"),
        (
            "nested books",
            format!("{{\"books\":{}", "[".repeat(1 << 20)).into_bytes(),
            "UNSUPPORTED_FILE",
        ),
        ("nested objects", "{\"books\":".repeat(100_000).into_bytes(), "UNSUPPORTED_FILE"),
        ("a JSON string", format!("\"{}\"", "x".repeat(1 << 20)).into_bytes(), "UNSUPPORTED_FILE"),
        (
            "a list of objects",
            format!("[{}{{}}]", "{},".repeat(200_000)).into_bytes(),
            "UNSUPPORTED_FILE",
        ),
        (
            "200,001 books",
            format!("{{\"books\":[{}{{}}]}}", "{},".repeat(200_000)).into_bytes(),
            "FILE_TOO_LARGE",
        ),
        ("100,001 rows", numbered(100_001).into_bytes(), "FILE_TOO_LARGE"),
    ];
    for (what, file, code) in cases {
        let refused = alice.import(&file, json!({})).await;
        refused.assert_user_errors(&[(code, "input.file")]);
        assert!(refused.text.len() < 2_000, "{what}: {}", refused.text.len());
    }
    let wrong = alice.import(numbered(1), json!({ "source": "GOODREADS" })).await;
    wrong.assert_user_errors(&[("UNSUPPORTED_FILE", "input.file")]);
    for table in ["import_jobs", "import_rows", "books"] {
        assert_eq!(app.db_count(table).await, 0, "{table}");
    }
    assert_eq!(counts(&alice.import_to_end(numbered(3), json!({})).await), [3, 0, 0, 0]);
}

#[tokio::test]
async fn strange_rows_fail_or_are_cut_and_the_others_are_imported() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let long = "x".repeat(1 << 20);
    let file = format!(
        "Title,Author,Notes\nDune,Frank Herbert,\n{long},A,\nB,B,{long}\n,A,\nNUL\0,C,\nD,D,e,f,g\n\"a\nb\",E,\nEmma,Jane Austen,\n"
    );
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!((&job["state"], &job["total"]), (&json!("DONE"), &json!(8)), "{job}");
    let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
    assert_eq!((&rows[0]["action"], &rows[7]["action"]), (&json!("CREATED"), &json!("CREATED")));
    for row in &rows {
        let is_explained = row["action"] != "FAILED" || row["notes"] != json!([]);
        assert!(is_explained, "{row}");
        assert!(row["title"].as_str().is_none_or(|title| title.chars().count() <= 500), "{row}");
    }
    assert_eq!(rows[7]["line"], 10, "a record with line breaks counts by its first line");
}

#[tokio::test]
async fn files_made_to_use_memory_are_imported_as_far_as_they_can_be_read() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let utf_16 = "\u{feff}Title,Author\nDune,Frank\nEmma,Jane".encode_utf16();
    let mut cut_utf_16: Vec<u8> = utf_16.flat_map(u16::to_le_bytes).collect();
    cut_utf_16.pop();
    let header = |rest: String| format!("Title,Author,Tags,Notes\n{rest}").into_bytes();
    let many = 1 << 20;
    let json = |title: &str, member: &str, value: String| {
        let book = format!("{{\"title\":\"{title}\",\"author\":\"A\",\"{member}\":{value}}}");
        format!("{{\"books\":[{book}]}}").into_bytes()
    };
    let cases: Vec<(&str, Vec<u8>, [i64; 4])> = vec![
        ("UTF-16 of an odd length", cut_utf_16, [2, 0, 0, 0]),
        ("rows of separators", header(",".repeat(many)), [0, 0, 0, 0]),
        ("rows of line breaks", header("\n".repeat(many)), [0, 0, 0, 0]),
        ("a row of NUL bytes", header("\0".repeat(many)), [0, 0, 0, 1]),
        ("empty tags", header(format!("Tags,A,\"{}\",\n", ",".repeat(100_000))), [1, 0, 0, 0]),
        (
            "a note of line breaks",
            header(format!("Notes,A,,\"{}\"\n", "\n".repeat(many))),
            [1, 0, 0, 0],
        ),
        (
            "JSON with empty tags",
            json("JSON", "tags", format!("[{}\"\"]", "\"\",".repeat(100_000))),
            [1, 0, 0, 0],
        ),
        ("JSON with a long number", json("Number", "rating", "9".repeat(many)), [1, 0, 0, 0]),
        (
            "JSON with a deep value",
            json("Deep", "other", "[".repeat(100_000) + &"]".repeat(100_000)),
            [1, 0, 0, 0],
        ),
    ];
    for (what, file, expected) in cases {
        let job = alice.import_to_end(&file, json!({})).await;
        assert_eq!((&job["state"], counts(&job)), (&json!("DONE"), expected), "{what}: {job}");
    }
    assert_eq!(app.db_count("books").await, 7);
}

/// Sends a gigabyte until the server answers. Returns how many bytes were sent, and the response.
async fn send_gigabyte(server: &ServerProcess, framing: &str, piece: &[u8]) -> (usize, String) {
    let stream = TcpStream::connect(&server.address).await.expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let response = tokio::spawn(async move {
        let mut bytes = Vec::new();
        // A reset also closes the connection.
        let _ = reader.read_to_end(&mut bytes).await;
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\nApollo-Require-Preflight: true\r\n\
         Content-Type: multipart/form-data; boundary=x\r\n{framing}\r\n\r\n"
    );
    writer.write_all(head.as_bytes()).await.expect("a head");
    let mut sent = 0;
    while sent < 1 << 30 && !response.is_finished() && writer.write_all(piece).await.is_ok() {
        sent += piece.len();
    }
    (sent, response.await.expect("a response"))
}

#[tokio::test]
async fn a_body_of_a_gigabyte_is_refused_long_before_its_end() {
    let server = ServerProcess::start(&[]);
    let text = "x".repeat(64 << 10);
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    // What a client has sent may still be in the buffers of both sockets.
    for (framing, piece, most) in [
        ("Content-Length: 1073741824", &text, 20 << 20),
        ("Transfer-Encoding: chunked", &chunk, 64 << 20),
    ] {
        let (sent, response) = send_gigabyte(&server, framing, piece.as_bytes()).await;
        let response = response.to_lowercase();
        assert!(response.starts_with("http/1.1 413 "), "{response}");
        assert!(response.contains("\r\nconnection: close\r\n"), "{response}");
        assert!(response.contains("\"payload_too_large\""), "{response}");
        assert!(sent < most, "{framing}: {sent}");
        assert!(server.is_ready().await);
    }
}
