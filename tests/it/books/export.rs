//! `exportBooks`, and the links that it returns.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::support::{Actor, PASSWORD, TestApp, TestResponse, wait_until};

const GOODREADS_HEADER: &str = "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,Date Added,Bookshelves,Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies";

async fn export(actor: &Actor, format: &str) -> TestResponse {
    let query = format!(
        "mutation {{ exportBooks(format: {format}) {{ url expiresAt userErrors {{ code }} }} }}"
    );
    actor.ask(&query).await
}

/// The path of a new link.
async fn link(actor: &Actor, format: &str) -> String {
    let response = export(actor, format).await;
    response.assert_ok();
    let url = response.payload()["url"].as_str().expect("a URL").to_owned();
    let path = url.find("/exports/").expect("a path");
    url[path..].to_owned()
}

async fn assert_gone(app: &TestApp, link: &str) {
    let response = app.anon().get(link).await;
    assert_eq!(response.status, StatusCode::GONE, "{response:?}");
    assert!(response.text.contains("works once, within an hour"), "{response:?}");
}

async fn head(app: &TestApp, link: &str) -> TestResponse {
    app.anon().send(Request::head(link), Body::empty()).await
}

#[tokio::test]
async fn only_a_signed_in_user_exports_and_only_the_own_books() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    export(&app.anon(), "CSV").await.assert_error("UNAUTHENTICATED");
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    bob.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let file = app.anon().get(&link(&bob, "CSV").await).await;
    assert!(file.text.contains("Emma") && !file.text.contains("Dune"), "{file:?}");
}

#[tokio::test]
async fn a_link_works_once_within_the_hour_on_every_instance() {
    let app = TestApp::start().await;
    let (alice, other) = (app.alice().await, app.second_instance().await);
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let response = export(&alice, "CSV").await;
    assert_eq!(response.payload()["expiresAt"], json!("2026-03-27T10:15:00.000Z"));

    let first = link(&alice, "CSV").await;
    assert_eq!(head(&app, &first).await.status, StatusCode::OK, "a HEAD does not use it up");
    assert!(!head(&app, &first).await.headers.contains_key("content-length"));
    let file = other.anon().get(&first).await;
    assert_eq!(file.status, StatusCode::OK);
    let header = |name: &str| file.headers[name].to_str().expect("text").to_owned();
    assert_eq!(header("content-disposition"), "attachment; filename=\"bookshelf-2026-03-27.csv\"");
    assert_eq!(header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_gone(&app, &first).await;
    assert_gone(&other, &first).await;
    assert_eq!(head(&app, &first).await.status, StatusCode::GONE);
    assert_gone(&app, "/exports/nonsense/bookshelf.csv").await;

    let late = link(&alice, "CSV").await;
    app.advance_secs(3_599);
    assert_eq!(head(&app, &late).await.status, StatusCode::OK);
    app.advance_secs(1);
    assert_gone(&app, &late).await;
}

#[tokio::test]
async fn of_simultaneous_downloads_only_one_gets_the_file() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let link = link(&alice, "JSON").await;
    let downloads = (0..8).map(|_| {
        let (anon, link) = (app.anon(), link.clone());
        async move { anon.get(&link).await.status }
    });
    let statuses = futures_util::future::join_all(downloads).await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1);
}

#[tokio::test]
async fn a_link_ends_with_its_session_and_its_account() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let of_session = link(&alice, "CSV").await;
    alice.logout().await.assert_ok();
    assert_gone(&app, &of_session).await;
    let bob = app.bob().await;
    let of_account = link(&bob, "CSV").await;
    bob.delete_account(PASSWORD).await.assert_ok();
    assert_gone(&app, &of_account).await;
    assert_eq!(app.db_count("exports").await, 0);
}

#[tokio::test]
async fn tokens_are_stored_as_hashes_and_purged() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let mut links = Vec::new();
    for _ in 0..12 {
        links.push(link(&alice, "CSV").await);
        app.advance_secs(1);
    }
    assert_eq!(app.db_count("exports").await, 10, "a session has at most ten links");
    assert_gone(&app, &links[0]).await;
    assert_eq!(head(&app, &links[11]).await.status, StatusCode::OK);
    let hashes = "SELECT count(*) FROM exports WHERE length(token_hash) = 32";
    assert_eq!(app.database.number(hashes).await, 10);
    app.advance_secs(3_600);
    // An instance purges expired rows at startup.
    let other = app.second_instance().await;
    let _listening = other.listen();
    wait_until("the expired rows are purged", async || app.db_count("exports").await == 0).await;
}

#[tokio::test]
async fn an_export_has_all_books_oldest_first() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for number in 0..450 {
        alice.add_book(json!({ "title": format!("Book {number}"), "author": "A" })).await;
    }
    let file = app.anon().get(&link(&alice, "JSON").await).await;
    assert_eq!(file.headers["content-type"], "application/json");
    let json: Value = serde_json::from_str(&file.text).expect("JSON");
    let titles = json["books"].as_array().expect("a list").iter().map(|book| book["title"].clone());
    let expected = (0..450).map(|number| json!(format!("Book {number}")));
    assert!(titles.eq(expected));

    app.take_statements();
    let csv = app.anon().get(&link(&alice, "CSV").await).await;
    assert_eq!(csv.text.lines().count(), 451);
    let statements = app.take_statements();
    let pages =
        statements.iter().filter(|sql| sql.contains("ORDER BY") && sql.contains("\"books\""));
    assert!(pages.count() <= 10, "{statements:?}");

    let goodreads = app.anon().get(&link(&alice, "GOODREADS_CSV").await).await;
    assert_eq!(goodreads.text.lines().next(), Some(GOODREADS_HEADER));
    assert_eq!(
        goodreads.headers["content-disposition"],
        "attachment; filename=\"bookshelf-goodreads-2026-03-27.csv\""
    );
}

#[tokio::test]
async fn all_values_are_exported() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let book = json!({
        "title": "=1+1", "author": "Ann, \"Bo\"", "isbn": "9780441172719", "rating": 4, "notes": "One\n\"two\"",
        "status": "DID_NOT_FINISH", "startedOn": "2026-01-02", "finishedOn": "2026-02-03", "readCount": 2,
        "publisher": "@home", "publishedYear": -800, "pageCount": 9, "tags": ["-a", "b, c"],
    });
    alice.add_book(book.clone()).await;
    let csv = app.anon().get(&link(&alice, "CSV").await).await;
    assert_eq!(
        csv.text,
        "Title,Author,ISBN,Rating,Status,Started On,Finished On,Read Count,Publisher,Published Year,Page Count,Tags,Notes,Created At\n\
         '=1+1,\"Ann, \"\"Bo\"\"\",9780441172719,4,DID_NOT_FINISH,2026-01-02,2026-02-03,2,'@home,-800,9,\"'-a, \"\"b, c\"\"\",\"One\n\"\"two\"\"\",2026-03-27T09:15:00.000Z\n"
    );
    let json = app.anon().get(&link(&alice, "JSON").await).await;
    let mut expected = book;
    expected["createdAt"] = json!("2026-03-27T09:15:00.000Z");
    let file: Value = serde_json::from_str(&json.text).expect("JSON");
    assert_eq!(file, json!({ "format": "bookshelf", "version": 1, "books": [expected] }));
}

#[tokio::test]
async fn an_empty_library_is_an_empty_file() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let csv = app.anon().get(&link(&alice, "CSV").await).await;
    assert_eq!(csv.text.lines().count(), 1);
    let json = app.anon().get(&link(&alice, "JSON").await).await;
    assert!(json.text.ends_with("\"books\":[\n]}\n"), "{json:?}");
}

#[tokio::test]
async fn exports_that_are_sent_at_once_are_limited_per_client_and_in_all() {
    let app = TestApp::with_config(|config| {
        config.limits.export_downloads = 3;
        config.limits.export_downloads_per_client = 2;
    })
    .await;
    let alice = app.alice().await;
    let client = |number| app.anon().with_ip(&format!("192.0.2.{number}"));
    let open = async |number, link: &str| client(number).open(Request::get(link)).await;
    let first =
        [open(1, &link(&alice, "CSV").await).await, open(1, &link(&alice, "CSV").await).await];
    assert!(first.iter().all(|response| response.status() == 200));
    let waiting = link(&alice, "CSV").await;
    let rejected = open(1, &waiting).await;
    assert_eq!(rejected.status(), 429);
    assert_eq!(rejected.headers()["retry-after"], "1");
    let other = open(2, &link(&alice, "CSV").await).await;
    assert_eq!(other.status(), 200);
    assert_eq!(open(3, &waiting).await.status(), 503);
    drop(first);
    assert_eq!(open(1, &waiting).await.status(), 200, "the link was not used up");
}
