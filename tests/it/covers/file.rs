//! `GET /covers/KEY/SIZE`.

use axum::http::Request;
use serde_json::json;

use crate::support::{TestApp, jpeg};

async fn with_cover(app: &TestApp) -> String {
    let alice = app.alice().await;
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    alice.set_cover(&id, &jpeg(400, 500)).await.assert_ok();
    let key = app.database.rows("SELECT key FROM book_covers").await;
    key[0].try_get_by_index(0).expect("a key")
}

#[tokio::test]
async fn a_cover_needs_no_header_and_never_changes() {
    let app = TestApp::start().await;
    let key = with_cover(&app).await;
    let mut lengths = Vec::new();
    for size in ["small", "medium", "original"] {
        let path = format!("/covers/{key}/{size}");
        let response = app.anon().download(Request::get(&path)).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers();
        for (name, value) in [
            ("content-type", "image/jpeg"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "cross-origin"),
            ("content-length", &response.body().len().to_string()),
        ] {
            assert_eq!(headers[name], value, "{name}");
        }
        assert_eq!(headers.get("set-cookie"), None);
        assert!(response.body().starts_with(&[0xff, 0xd8, 0xff]));
        lengths.push(response.body().len());

        let head = app.anon().download(Request::head(&path)).await;
        assert_eq!((head.status().as_u16(), head.body().len()), (200, 0));
        for name in ["content-type", "content-length", "etag", "cache-control"] {
            assert_eq!(head.headers()[name], headers[name], "{name}");
        }

        let etag = headers["etag"].to_str().expect("a text");
        for (known, status) in [
            (etag.to_owned(), 304),
            (format!("\"x\", W/{etag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
        ] {
            let request = Request::get(&path).header("if-none-match", &known);
            let response = app.anon().download(request).await;
            assert_eq!(response.status(), status, "{known}");
            assert_eq!(response.body().is_empty(), status == 304);
            assert_eq!(response.headers()["etag"], etag);
            assert_eq!(response.headers()["cache-control"], headers["cache-control"]);
        }
    }
    assert!(lengths.is_sorted_by(|smaller, larger| smaller < larger), "{lengths:?}");
}

#[tokio::test]
async fn other_paths_are_not_found() {
    let app = TestApp::start().await;
    let key = with_cover(&app).await;
    let unknown = "0".repeat(32);
    for path in [
        format!("/covers/{unknown}/small"),
        format!("/covers/{key}/large"),
        format!("/covers/{key}/SMALL"),
        format!("/covers/{}/small", key.to_uppercase()),
        format!("/covers/{key}"),
        format!("/covers/{key}/"),
        format!("/covers/{key}/small/"),
        format!("/covers/{}/small", &key[1..]),
        format!("/covers/..%2f{key}/small"),
        format!("/covers/{key}%00/small"),
        "/covers/%ff/small".to_owned(),
        "/covers/../bookshelf.db/small".to_owned(),
        "/covers".to_owned(),
    ] {
        let response = app.anon().download(Request::get(&path)).await;
        // A path that is not UTF-8 is a bad request.
        let expected = if path.contains("%ff") { 400 } else { 404 };
        assert_eq!(response.status(), expected, "{path}");
        assert_eq!(response.headers()["cache-control"], "private, no-store", "{path}");
        let condition = Request::get(&path).header("if-none-match", "*");
        assert_eq!(app.anon().download(condition).await.status(), expected, "{path}");
    }
    let posted = app.anon().download(Request::post(format!("/covers/{key}/small"))).await;
    assert_eq!(posted.status(), 405);
}

#[tokio::test]
async fn covers_that_are_sent_at_once_are_limited_per_client_and_in_all() {
    let app = TestApp::with_config(|config| {
        config.limits.cover_downloads = 3;
        config.limits.cover_downloads_per_client = 2;
        config.limits.cost_per_minute = 1_000;
    })
    .await;
    let path = format!("/covers/{}/original", with_cover(&app).await);
    let client = |number| app.anon().with_ip(&format!("192.0.2.{number}"));
    let open = async |number| client(number).open(Request::get(&path)).await;
    let first = [open(1).await, open(1).await];
    assert!(first.iter().all(|response| response.status() == 200));
    let rejected = open(1).await;
    assert_eq!(rejected.status(), 429);
    assert_eq!(rejected.headers()["retry-after"], "1");
    let other = open(2).await;
    assert_eq!(other.status(), 200);
    let rejected = open(3).await;
    assert_eq!(rejected.status(), 503);
    assert_eq!(rejected.headers()["retry-after"], "1");
    drop(first);
    for _ in 0..20 {
        assert_eq!(client(1).status_of(&path).await, 200, "they do not count as operations");
    }
}
