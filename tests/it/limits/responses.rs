//! The size of responses.

use std::net::SocketAddr;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tower::ServiceExt;

use crate::support::{Actor, GRAPHQL_RESPONSE, TestApp, TestResponse, wait_until};

/// A server with one user who has some books with long notes, and this limit of the bytes of a response.
async fn library(books: usize, response_bytes: usize) -> (TestApp, Actor) {
    let app = TestApp::with_config(|config| {
        config.limits.response_bytes = response_bytes;
        config.limits.cost = 100_000;
    })
    .await;
    let alice = app.alice().await.with_header("accept", GRAPHQL_RESPONSE);
    for number in 0..books {
        let notes = "\"é\"\n".repeat(1_000) + &number.to_string();
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
    }
    (app, alice)
}

/// Asserts that the response is too large, and that it contains nothing else.
fn assert_too_large(response: &TestResponse) {
    assert!(response.text.len() < 1_000, "{} bytes", response.text.len());
    response.assert_error_with_status(400, "RESPONSE_TOO_LARGE");
    let body = response.json();
    assert_eq!(body.get("data"), None, "{response:?}");
    assert_eq!(body["errors"].as_array().expect("errors").len(), 1, "{response:?}");
    assert_eq!(response.error().get("path"), None, "{response:?}");
}

#[tokio::test]
async fn a_response_may_have_as_many_bytes_as_the_limit_but_not_one_more() {
    let (app, alice) = library(3, 1 << 20).await;
    let id =
        alice.ask("{ books(first: 1) { nodes { id } } }").await.data()["nodes"][0]["id"].clone();
    for query in [
        "{ books { nodes { id notes } } }".to_owned(),
        "{ a: books { nodes { notes } } b: books { edges { cursor node { notes } } } }".to_owned(),
        "{ booksPage { items { notes title } pages } }".to_owned(),
        // A single object, which is null if its field fails.
        format!("{{ book(id: {id}) {{ notes again: notes }} }}"),
        // Resolved field by field.
        format!("{{ nodes(ids: [{id}, {id}]) {{ ... on Book {{ notes }} }} }}"),
        "{ books { nodes { owner { books { nodes { notes } } } } } }".to_owned(),
        // Without any book.
        "{ __schema { types { name description } } }".to_owned(),
    ] {
        let complete = alice.ask(&query).await;
        complete.assert_ok();
        let limited = |bytes| {
            app.second_instance_with(move |config| {
                config.limits.response_bytes = bytes;
                config.limits.cost = 100_000;
            })
        };
        let exact = limited(complete.text.len()).await;
        let response = alice.clone().on_instance(&exact.router).ask(&query).await;
        assert!(response.text == complete.text, "{query}: {:.200}", response.text);
        let smaller = limited(complete.text.len() - 1).await;
        assert_too_large(&alice.clone().on_instance(&smaller.router).ask(&query).await);
    }
}

#[tokio::test]
async fn a_too_large_response_fails_before_all_of_it_is_read() {
    let (app, alice) = library(10, 100_000).await;
    // Each list has about 50,000 bytes of notes in the database.
    let lists: String = (0..20).map(|n| format!("a{n}: books {{ nodes {{ notes }} }} ")).collect();
    app.take_statements();
    assert_too_large(&alice.ask(&format!("{{ {lists} }}")).await);
    let statements = app.take_statements();
    let pages = statements.iter().filter(|sql| sql.contains("notes")).count();
    // PostgreSQL receives all statements at once, and returns few rows of each.
    if app.database.url().starts_with("sqlite") {
        assert!((1..=3).contains(&pages), "{pages} lists were read");
    }
    // Only what is selected counts.
    let pages: String =
        (0..20).map(|n| format!("a{n}: booksPage {{ items {{ title }} }} ")).collect();
    assert!(alice.ask(&format!("{{ {pages} }}")).await.is_ok());
}

#[tokio::test]
async fn ids_that_are_repeated_are_read_once() {
    let (app, alice) = library(4, 30_000).await;
    let books = alice.ask("{ books { nodes { id } } }").await.data();
    let ids: Vec<_> = books["nodes"].as_array().unwrap().iter().map(|book| &book["id"]).collect();
    let nodes = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    alice.run(nodes, json!({ "ids": ids })).await.assert_ok();
    let repeated: Vec<_> = std::iter::repeat_n(ids[0], 100).collect();
    alice.run(nodes, json!({ "ids": repeated })).await.assert_ok();
    let smaller = app.second_instance_with(|config| config.limits.response_bytes = 15_000).await;
    let alice = alice.on_instance(&smaller.router);
    assert_too_large(&alice.run(nodes, json!({ "ids": ids })).await);
}

#[tokio::test]
async fn each_event_of_a_subscription_has_the_whole_limit() {
    let (_app, alice) = library(0, 10_000).await;
    let mut events = alice
        .subscribe("text/event-stream", "subscription { bookChanged { book { notes } } }")
        .await;
    for _ in 0..5 {
        let notes = "n".repeat(4_000);
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
        let event = events.next().await;
        assert_eq!(event["data"]["bookChanged"]["book"]["notes"], "n".repeat(4_000));
    }
}

/// Sends a query over an own connection, and does not read the response.
async fn request_unread(address: SocketAddr, actor: &Actor, query: &str) -> TcpStream {
    let body = json!({ "query": query }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Accept: {GRAPHQL_RESPONSE}\r\nAuthorization: Bearer {}\r\nContent-Length: {}\r\n\r\n",
        actor.access_token,
        body.len()
    );
    // As small as possible, so that the system takes little of the response.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("a connection");
    stream.write_all((head + &body).as_bytes()).await.expect("a request");
    stream.readable().await.expect("a response");
    stream
}

#[tokio::test]
async fn an_account_that_does_not_read_its_responses_gets_no_more_of_them() {
    let app = TestApp::with_config(|config| {
        config.limits.unread_response_bytes = 6_010_000;
        config.limits.cost = 100_000;
    })
    .await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let (alice, bob) = (
        alice.with_header("accept", GRAPHQL_RESPONSE),
        bob.with_header("accept", GRAPHQL_RESPONSE),
    );
    for _ in 0..100 {
        let notes = "n".repeat(20_000);
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
    }
    let query = "{ books(first: 100) { nodes { notes } } }";
    let listening = app.listen();
    let mut unread = Vec::new();
    for _ in 0..2 {
        // About 2 MB each.
        unread.push(request_unread(listening.address, &alice, query).await);
    }
    alice.ask(query).await.assert_ok();
    unread.push(request_unread(listening.address, &alice, query).await);
    let rejected = alice.ask(query).await;
    rejected.assert_error_with_status(429, "RATE_LIMITED");
    assert_eq!(rejected.json().get("data"), None, "{rejected:?}");
    assert_eq!(rejected.error()["extensions"]["retryAfter"], 1);
    assert_eq!(rejected.header("retry-after"), Some("1"));
    // Small responses still fit, and other accounts have a limit of their own.
    alice.ask("{ viewer { id } }").await.assert_ok();
    bob.ask(query).await.assert_ok();
    // The result of a mutation is never withheld, although it passes the limit.
    let notes = "n".repeat(20_000);
    alice.create(json!({ "title": "T", "author": "A", "notes": notes })).await.assert_ok();

    unread.pop();
    wait_until("the response is released", async || alice.ask(query).await.is_ok()).await;
    let mut stream = unread.pop().expect("a connection");
    let mut bytes = vec![0; 2_000_000];
    stream.read_exact(&mut bytes).await.expect("the rest of the response");
    wait_until("the other response is written", async || {
        let half =
            "{ a: books(first: 100) { nodes { notes } } b: books(first: 90) { nodes { notes } } }";
        alice.ask(half).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn unread_requests_for_many_lists_read_no_more_than_the_limits() {
    let app = TestApp::with_config(|config| config.limits.cost = 100_000).await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    for _ in 0..100 {
        let notes = "n".repeat(20_000);
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
    }
    // About 40 MB.
    let lists: String =
        (0..20).map(|n| format!("a{n}: books(first: 100) {{ nodes {{ notes }} }} ")).collect();
    let query = format!("{{ {lists} }}");
    let listening = app.listen();
    app.take_statements();
    let mut unread = Vec::new();
    for _ in 0..5 {
        unread.push(request_unread(listening.address, &alice, &query).await);
    }
    bob.ask("{ viewer { id } }").await.assert_ok();
    let statements = app.take_statements();
    let lists = statements.iter().filter(|sql| sql.contains("notes")).count();
    // The limit of a response is passed by the fifth list; PostgreSQL receives all statements at once.
    if !app.database.is_postgres() {
        assert!((5..=5 * 6).contains(&lists), "{lists} lists were read");
    }
    for mut stream in unread {
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.expect("a status");
        assert_eq!(&head, b"HTTP/1.1 400");
    }
}

#[tokio::test]
async fn operations_are_rejected_before_they_run_while_too_much_is_unread() {
    let (app, alice) = library(3, 1 << 20).await;
    let limited = app
        .second_instance_with(|config| {
            config.limits.unread_response_bytes = 100;
            config.limits.cost = 100_000;
        })
        .await;
    let alice = alice.on_instance(&limited.router);
    let request = axum::http::Request::post("/graphql")
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {}", alice.access_token));
    let body = json!({ "query": "mutation { a: deleteBook(id: \"x\") { userErrors { message code field } } }" });
    let request = request.body(axum::body::Body::from(body.to_string())).expect("a request");
    let unread = limited.router.clone().oneshot(request).await.expect("a response");
    assert_eq!(unread.status(), 200);
    limited.take_statements();
    let before = app.db_count("books").await;
    let input = json!({ "title": "T", "author": "A" });
    alice.create(input.clone()).await.assert_error_with_status(429, "RATE_LIMITED");
    alice.ask("{ viewer { id } }").await.assert_error_with_status(429, "RATE_LIMITED");
    assert_eq!(app.db_count("books").await, before);
    drop(unread);
    alice.create(input).await.assert_ok();
}

#[tokio::test(flavor = "current_thread")]
async fn other_requests_run_while_a_large_list_is_written() {
    let (_app, alice) = library(0, 8 << 20).await;
    for _ in 0..50 {
        let notes = "n".repeat(20_000);
        alice.add_book(json!({ "title": "T", "author": "A", "notes": notes })).await;
    }
    let large = alice.clone();
    let query = "{ books(first: 50) { nodes { notes } } }";
    let large = tokio::spawn(async move { large.ask(query).await });
    let mut turns = 0;
    while !large.is_finished() {
        turns += 1;
        tokio::task::yield_now().await;
    }
    assert!(large.await.expect("a response").is_ok());
    // On SQLite all other steps of the request take few turns; PostgreSQL adds some for each row.
    assert!(turns >= 8, "only {turns} turns for others");
}

#[tokio::test(flavor = "current_thread")]
async fn other_requests_run_between_the_lists_of_a_large_response() {
    let (app, alice) = library(20, 8 << 20).await;
    // Each list has about 120,000 bytes.
    let lists: String = (0..20).map(|n| format!("a{n}: books {{ nodes {{ notes }} }} ")).collect();
    let large = alice.clone();
    let large = tokio::spawn(async move { large.ask(&format!("{{ {lists} }}")).await });
    let mut answered = 0;
    while !large.is_finished() {
        app.anon().ask("{ viewer { id } }").await.assert_ok();
        answered += 1;
        tokio::task::yield_now().await;
    }
    assert!(large.await.expect("a response").is_ok());
    // Without yields, SQLite allows none, since it reads on the calling thread. How many there are depends on the
    // time that each takes.
    assert!(answered >= 5, "only {answered} requests were served");
}
