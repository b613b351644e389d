//! Searches, filters and counts that take long: they are limited for each account and delay nothing else.
//! These tests change the database so that searches in notes do not end.

use std::num::NonZeroU32;

use futures_util::future::join_all;
use serde_json::json;
use tokio::task::JoinHandle;

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse, wait_until};

const SEARCH: &str = "{ books(filter: { search: \"x\" }) { nodes { id } totalCount } }";

const SEARCH_PAGE: &str = "{ books(filter: { search: \"x\" }) { nodes { id } } }";

/// Makes every statement that reads the notes for a search run without an end.
async fn make_searches_endless(app: &TestApp) {
    let columns = "id, owner_id, title, title_folded, author, author_folded, isbn, rating, notes,
        idempotency_key, bytes, version, updated_at, publisher, publisher_folded, status, started_on, finished_on, read_count,
        published_year, page_count, tags, tags_folded, tag_keys";
    let (setup, notes) = if app.database.is_postgres() {
        let function = "CREATE FUNCTION endless(notes text) RETURNS text STABLE LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(3600); RETURN notes; END $$;";
        (function, "endless(notes_folded)")
    } else {
        let endless = "(WITH RECURSIVE numbers (number) AS
            (SELECT 1 UNION ALL SELECT number + 1 FROM numbers) SELECT max(number) FROM numbers)";
        ("", endless)
    };
    app.database
        .execute(&format!(
            "{setup} ALTER TABLE books RENAME TO stored_books;
             CREATE VIEW books AS SELECT {columns}, {notes} AS notes_folded FROM stored_books"
        ))
        .await;
}

/// A server with two connections for scans, and two users with a book each. Searches do not end.
async fn endless_searches() -> (TestApp, Actor, Actor) {
    let app = TestApp::with_config(|config| config.database_pool_size = NonZeroU32::new(4)).await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    for actor in [&alice, &bob] {
        actor.add_book(json!({ "title": "Emma", "author": "Jane Austen", "notes": "n" })).await;
    }
    make_searches_endless(&app).await;
    (app, alice, bob)
}

/// Starts a search and waits until its statement runs.
async fn start_search(
    app: &TestApp,
    actor: &Actor,
    query: &'static str,
) -> JoinHandle<TestResponse> {
    let running = async || {
        if app.database.is_postgres() {
            let sleeping = "SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event = 'PgSleep'";
            app.database.number(sleeping).await
        } else {
            let started = app.take_statements();
            i64::from(started.iter().any(|sql| sql.contains("notes_folded")))
        }
    };
    let before = running().await;
    let search = {
        let actor = actor.clone();
        tokio::spawn(async move { actor.ask(query).await })
    };
    let before = if app.database.is_postgres() { before } else { 0 };
    wait_until("the search runs", async || search.is_finished() || running().await > before).await;
    search
}

#[tokio::test]
async fn a_third_search_of_an_account_at_once_is_rejected() {
    let (app, alice, bob) = endless_searches().await;
    let first = start_search(&app, &alice, SEARCH_PAGE).await;
    let second = start_search(&app, &alice, SEARCH_PAGE).await;
    let third = alice.clone().with_header("accept", GRAPHQL_RESPONSE).ask(SEARCH).await;
    third.assert_error_with_status(429, "RATE_LIMITED");
    assert_eq!(third.error()["extensions"]["retryAfter"], 1);
    assert_eq!(third.header("retry-after"), Some("1"));
    for query in ["{ stats { total } }", "{ tags { name } }"] {
        alice.ask(query).await.assert_error("RATE_LIMITED");
    }
    // Lists without a filter are no searches, and others have their own limit: they wait for a connection.
    assert_eq!(alice.titles().await, ["Emma"]);
    bob.ask(SEARCH).await.assert_error("SERVICE_UNAVAILABLE");
    for search in [first, second] {
        assert!(!search.is_finished());
        search.abort();
    }
}

#[tokio::test]
async fn searches_in_one_operation_count_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let lists: String = (0..10)
        .map(|number| {
            format!(
                "a{number}: books(filter: {{ search: \"emma\" }}) {{ nodes {{ id }} totalCount }} "
            )
        })
        .collect();
    let response = alice.ask(&format!("{{ {lists} }}")).await.json();
    assert_eq!(response.get("errors"), None, "{response}");
    assert_eq!(response["data"].as_object().map(serde_json::Map::len), Some(10));
}

#[tokio::test]
async fn nothing_else_waits_while_searches_use_all_their_connections() {
    let (app, alice, bob) = endless_searches().await;
    let search = start_search(&app, &alice, SEARCH).await;
    let waiting = [&alice, &bob, &bob].map(|actor| {
        let actor = actor.clone();
        tokio::spawn(async move { actor.ask(SEARCH).await })
    });
    // The sessions are checked in the database again.
    app.advance_secs(60);
    let requests = (0..20).map(|_| async {
        assert_eq!(alice.titles().await, ["Emma"]);
        assert_eq!(bob.ask("{ viewer { username } }").await.data()["username"], "bob");
        assert_eq!(app.anon().get("/health/ready").await.status, 200);
    });
    join_all(requests).await;
    alice.refresh(&alice.refresh_token).await.assert_ok();
    bob.sign_in_again("bob").await.ask("{ books { totalCount } }").await.assert_ok();
    assert!(!search.is_finished(), "the search uses the connections");
    search.abort();
    waiting.iter().for_each(JoinHandle::abort);
}

#[tokio::test]
async fn a_search_of_a_disconnected_client_ends() {
    let (app, alice, _) = endless_searches().await;
    for _ in 0..2 {
        start_search(&app, &alice, SEARCH_PAGE).await.abort();
    }
    wait_until("another search can start", async || {
        let search = start_search(&app, &alice, SEARCH_PAGE).await;
        let admitted = !search.is_finished();
        search.abort();
        admitted
    })
    .await;
}
