//! Limits per client and minute.

use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{
    Actor, GRAPHQL_RESPONSE, PASSWORD, Socket, TestApp, TestResponse, wait_until,
};

async fn limited() -> TestApp {
    TestApp::with_config(|config| config.rate_limits = true).await
}

/// Signs in with a wrong password, to a different account per number.
async fn guess(actor: &Actor, number: usize) -> TestResponse {
    actor.login(&format!("nobody{number}@example.org"), "wrong password").await
}

/// Asserts that a response is rate limited. Returns the seconds to wait.
#[track_caller]
fn retry_after(response: &TestResponse) -> u64 {
    response.assert_error("RATE_LIMITED");
    let seconds = response.error()["extensions"]["retryAfter"].as_u64().expect("seconds");
    assert_eq!(response.header("retry-after"), Some(seconds.to_string().as_str()));
    seconds
}

#[tokio::test]
async fn sign_ins_are_limited_to_20_per_minute_and_address() {
    let app = limited().await;
    let (here, there) = (app.anon().with_ip("192.0.2.1"), app.anon().with_ip("192.0.2.2"));
    app.alice().await;
    for number in 0..19 {
        guess(&here, number).await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    let last = here.login("alice@example.org", PASSWORD).await;
    last.assert_ok();
    assert_eq!(
        last.header("ratelimit-policy"),
        Some("\"sign-in\";q=20;w=60, \"cost\";q=100000;w=60")
    );
    assert!(last.header("ratelimit").unwrap().starts_with("\"sign-in\";r=0;t=60, \"cost\";r=99"));
    let rejected = guess(&here, 19).await;
    assert_eq!(retry_after(&rejected), 3);
    assert_eq!(rejected.header("ratelimit"), Some("\"sign-in\";r=0;t=3"));
    guess(&there, 20).await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);

    app.advance_secs(2);
    assert_eq!(retry_after(&guess(&here, 21).await), 1);
    app.advance_secs(1);
    guess(&here, 22).await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    assert_eq!(retry_after(&guess(&here, 23).await), 3);
    // Other operations are not limited.
    assert_eq!(here.ask("{ __typename }").await.data(), "Query");
}

#[tokio::test]
async fn only_failed_refreshes_count_against_the_limit_of_an_address() {
    let app = limited().await;
    let mut alice = app.alice().await;
    for number in 0..20 {
        guess(&app.anon(), number).await.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    retry_after(&guess(&app.anon(), 20).await);
    // Sign-ins and refreshes count apart.
    for _ in 0..20 {
        let failed = app.anon().refresh("garbage").await;
        failed.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    }
    assert_eq!(retry_after(&app.anon().refresh("garbage").await), 3);
    // The owner of a valid token is never rejected for what others at the same address do.
    for _ in 0..30 {
        alice = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    }
    app.advance_secs(3);
    let failed = app.anon().refresh("garbage").await;
    failed.assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    retry_after(&app.anon().refresh("garbage").await);
}

#[tokio::test]
async fn a_rate_limited_registration_returns_429_and_creates_no_user() {
    let app = limited().await;
    for number in 0..10 {
        app.anon().registered(&format!("reader{number}")).await;
    }
    let anon = app.anon().with_header("accept", GRAPHQL_RESPONSE);
    let rejected = anon.register("late", "late@example.org", "correct horse battery staple").await;
    assert_eq!(rejected.status, 429);
    assert_eq!(retry_after(&rejected), 6);
    assert_eq!(app.db_count("users").await, 10);
}

#[tokio::test]
async fn each_aliased_login_counts_as_an_attempt() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.auth_mutations = 5;
    })
    .await;
    let login = |alias: usize, account: usize| {
        format!(
            "a{alias}: login(input: {{ email: \"nobody{account}@example.org\", password: \"wrong\" }})
                {{ userErrors {{ code }} }} "
        )
    };
    let ask = async |number: usize| {
        let logins: String = (0..number).map(|number| login(number, number)).collect();
        app.anon().ask(&format!("mutation {{ {logins} }}")).await
    };
    // Five of the twenty attempts are left after three times five; four of them are used then.
    for number in [5, 5, 5, 4] {
        let payloads = ask(number).await.json()["data"].clone();
        let payloads = payloads.as_object().expect("data");
        assert_eq!(payloads.len(), number);
        for payload in payloads.values() {
            assert_eq!(*payload, json!({ "userErrors": [{ "code": "INVALID_CREDENTIALS" }] }));
        }
    }
    assert_eq!(retry_after(&ask(2).await), 3);
    let by_get = "/graphql?query=mutation%7Blogout%7BrevokedSessions%7D%7D";
    assert_eq!(app.anon().get(by_get).await.status, 405, "mutations are rejected over GET");
}

#[tokio::test]
async fn rate_limits_apply_to_websockets() {
    let app = limited().await;
    let listening = app.listen();
    let mut socket = Socket::open(listening.address).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    let query =
        "mutation($email: String!) { login(input: { email: $email, password: \"wrong-password\" })
        { userErrors { code } } }";
    for number in 0..=20 {
        let variables = json!({ "email": format!("nobody{number}@example.org") });
        let payload = json!({ "query": query, "variables": variables });
        socket.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let next = socket.receive().await;
        assert_eq!(socket.receive().await["type"], "complete");
        let errors = &next["payload"]["errors"];
        match number {
            20 => assert_eq!(
                errors[0]["extensions"],
                json!({ "code": "RATE_LIMITED", "retryAfter": 3 })
            ),
            _ => assert_eq!(*errors, json!(null), "{next}"),
        }
    }
}

#[tokio::test]
async fn x_forwarded_for_is_read_from_trusted_proxies_only() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.sign_ins_per_minute = 1;
        config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    })
    .await;
    let through = |proxy: &str, forwarded: &str| {
        app.anon().with_ip(proxy).with_header("x-forwarded-for", forwarded)
    };
    guess(&through("192.0.2.1", "198.51.100.1"), 1)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    retry_after(&guess(&through("192.0.2.1", "198.51.100.2"), 2).await);
    guess(&through("10.0.0.1", "198.51.100.1"), 3)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    guess(&through("10.0.0.1", "198.51.100.2"), 4)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    retry_after(&guess(&through("10.0.0.2", "203.0.113.1, 198.51.100.2"), 5).await);
    // Addresses in the same /64 are one client.
    guess(&through("10.0.0.1", "2001:db8:0:1::1"), 6)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    retry_after(&guess(&through("10.0.0.1", "2001:db8:0:1::2"), 7).await);
    guess(&through("10.0.0.1", "2001:db8:0:2::1"), 8)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
}

#[tokio::test]
async fn cost_budgets_are_per_viewer_and_per_anonymous_address() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.cost_per_minute = 600;
    })
    .await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    // Costs 302; twice that exceeds the budget.
    let books = "{ books(first: 100) { nodes { id title author } } }";
    let first = alice.ask(books).await;
    assert_eq!(first.header("ratelimit-policy"), Some("\"cost\";q=600;w=60"));
    assert_eq!(first.header("ratelimit"), Some("\"cost\";r=298;t=31"));
    first.assert_ok();
    // The budget of a viewer does not depend on the address.
    let rejected = alice.clone().with_ip("192.0.2.9").ask(books).await;
    assert_eq!(retry_after(&rejected), 1);
    assert_eq!(rejected.status, 200, "plain JSON");
    bob.ask(books).await.assert_ok();
    app.advance_secs(1);
    alice.ask(books).await.assert_ok();
    // Anonymous clients share the budget of their address.
    let anon = |address: &str| app.anon().with_ip(address);
    let fields = format!("{{ {} }}", "__typename ".repeat(290));
    anon("198.51.100.3").ask(&fields).await.assert_ok();
    for _ in 0..2 {
        anon("198.51.100.1").ask(&fields).await.assert_ok();
    }
    retry_after(&anon("198.51.100.1").ask(&fields).await);
    anon("198.51.100.2").ask("{ __typename }").await.assert_ok();
}

#[tokio::test]
async fn a_scan_costs_one_unit_per_thousand_books_and_twenty_words() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.cost_per_minute = 1_000;
    })
    .await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let used = async || {
        let response = alice.ask("{ __typename }").await;
        let header = response.header("ratelimit").expect("the rate limit").to_owned();
        let remaining = header.split(['=', ';']).nth(2).expect("the remaining units").to_owned();
        1_000 - remaining.parse::<u64>().expect("a number")
    };
    let search = "{ books(filter: { search: \"emma\" }) { nodes { id } totalCount } }";
    let words = |number: u32| {
        let words: String = (0..number).map(|word| format!("{word} ")).collect();
        format!("{{ books(first: 1, filter: {{ search: \"{words}\" }}) {{ nodes {{ id }} }} }}")
    };
    let mut before = used().await;
    for (books, query, cost) in [
        (1, "{ books { nodes { id } totalCount } }", 23),
        (1, search, 23 + 1),
        (1_999, "{ books(first: 1, filter: { minRating: 1 }) { nodes { id } } }", 3 + 1),
        (100_000, "{ books(first: 1, filter: { minRating: 1 }) { nodes { id } } }", 3 + 100),
        (2_000, &words(20), 3 + 2),
        (2_000, &words(21), 3 + 2 * 2),
        (2_000, &words(250), 3 + 2 * 13),
        (100_000, "{ books(first: 1) { nodes { id } } }", 3),
        (100_000, "{ booksPage(page: 1, perPage: 1) { total } }", 2),
        (100_000, "{ booksPage(page: 1, perPage: 1, filter: { unrated: true }) { total } }", 102),
        (100_000, "{ booksPage(page: 1001, perPage: 1) { total } }", 102),
        (5_000, "{ stats { total } }", 2 + 5),
        (5_000, "{ tags { name } }", 1 + 100 + 5),
    ] {
        app.database.execute(&format!("UPDATE libraries SET book_count = {books}")).await;
        alice.ask(query).await.assert_ok();
        let after = used().await;
        // The query for the remaining units costs one.
        assert_eq!(after - before - 1, cost, "{query} with {books} books");
        before = after;
    }
    app.database.execute("UPDATE libraries SET book_count = 500000").await;
    let rejected = alice.ask(search).await;
    assert!(retry_after(&rejected) > 0);
    assert_eq!(rejected.error()["path"], json!(["books"]));
}

#[tokio::test]
async fn an_uncached_document_costs_its_tokens() {
    let app = TestApp::with_config(|config| {
        config.rate_limits = true;
        config.limits.cost_per_minute = 100;
    })
    .await;
    let anon = app.anon().with_ip("192.0.2.1");
    // 42 tokens and 40 unknown fields.
    let wrong = |name: &str| format!("{{ {} }}", format!("{name} ").repeat(40));
    for name in ["a", "b"] {
        let response = anon.ask(&wrong(name)).await.json();
        assert_eq!(response["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    }
    let rejected = anon.ask(&wrong("c")).await;
    assert!(retry_after(&rejected) > 0);
    assert_eq!(
        rejected.header("ratelimit").map(|header| header.starts_with("\"cost\";r=0;")),
        Some(true)
    );
    // A cached document costs no tokens.
    app.anon().ask("{ __typename }").await.assert_ok();
    anon.ask("{ __typename }").await.assert_ok();
}

#[tokio::test]
async fn subscription_events_wait_for_the_cost_budget() {
    let app = TestApp::start().await;
    let limited = app
        .second_instance_with(|config| {
            config.rate_limits = true;
            config.limits.cost_per_minute = 84;
        })
        .await;
    let alice = app.alice().await.on_instance(&limited.router);
    // Subscribing costs 28, and so does each event.
    let fields = "id title author notes version rating isbn createdAt updatedAt ";
    let query = format!("subscription {{ bookChanged {{ book {{ {fields}{fields} }} }} }}");
    let mut frames = alice.subscribe("text/event-stream", &query).await;
    assert_eq!(frames.frame().await.as_deref(), Some(":\n\n"));
    assert_eq!(frames.headers["ratelimit"], "\"cost\";r=56;t=20");
    let bare = "mutation { createBook(input: { title: \"Emma\", author: \"Jane Austen\" }) { __typename } }";
    for _ in 0..5 {
        alice.ask(bare).await.assert_ok();
    }
    // 84 less 28 for subscribing and 10 for five mutations: one event is sent, the next waits.
    assert_eq!(frames.next().await["data"]["bookChanged"]["book"]["title"], "Emma");
    let waiting = tokio::spawn(async move {
        for _ in 0..4 {
            assert_eq!(frames.next().await["data"]["bookChanged"]["book"]["title"], "Emma");
        }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    wait_until("all events have arrived", async || {
        app.advance_secs(1);
        waiting.is_finished()
    })
    .await;
    waiting.await.expect("all events");
}

#[tokio::test]
async fn rate_limits_can_be_disabled() {
    let app = TestApp::start().await;
    for number in 0..25 {
        let response = guess(&app.anon(), number).await;
        response.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
        assert_eq!(response.header("ratelimit"), None);
        assert_eq!(response.header("ratelimit-policy"), None);
    }
    for _ in 0..12 {
        app.anon()
            .login("same@example.org", "wrong")
            .await
            .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    assert_eq!(app.db_count("failed_logins").await, 0);
}

#[tokio::test]
async fn websockets_per_client_are_limited() {
    let app = TestApp::with_config(|config| {
        config.limits.websockets_per_client = 2;
        config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let listening = app.listen();
    let open = async |client: &'static str| {
        let headers =
            [("sec-websocket-protocol", "graphql-transport-ws"), ("x-forwarded-for", client)];
        Socket::connect(listening.address, &headers).await
    };
    let first = open("192.0.2.1").await.expect("a WebSocket");
    let _second = open("192.0.2.1").await.expect("a WebSocket");
    match open("192.0.2.1").await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 429);
            assert_eq!(response.headers()["retry-after"], "1");
        }
        other => panic!("a third WebSocket: {}", other.is_ok()),
    }
    let _another = open("192.0.2.2").await.expect("a WebSocket of another client");
    drop(first);
    wait_until("the permit is released", async || open("192.0.2.1").await.is_ok()).await;
}
