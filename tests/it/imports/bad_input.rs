//! Files that are none: an error with a code, and the server goes on.

use serde_json::json;

use super::numbered;
use crate::support::{TestApp, counts};

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
            "an unclosed quote",
            b"Title,Author\n\"Dune,Frank\nEmma,Jane\n".to_vec(),
            "UNSUPPORTED_FILE",
        ),
        ("truncated JSON", br#"{"books": [{"title": "Dune", "au"#.to_vec(), "UNSUPPORTED_FILE"),
        ("JSON of another kind", br#"{"items": []}"#.to_vec(), "UNSUPPORTED_FILE"),
        ("nested JSON", "[".repeat(1 << 20).into_bytes(), "UNSUPPORTED_FILE"),
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
