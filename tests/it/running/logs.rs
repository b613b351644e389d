//! Logs without values, whatever the filter, and the warning about a proxy that is not trusted.

use serde_json::json;

use crate::support::{ServerProcess, Socket, TestDatabase};

#[tokio::test]
async fn no_value_is_logged_whatever_the_filter() {
    for filter in [
        "debug",
        "trace",
        "trace,sqlx=trace,tokio_postgres=trace,tungstenite=trace,hyper=trace,sea_orm=trace",
    ] {
        let database = TestDatabase::create().await;
        let mut server = ServerProcess::start_on(database.url(), &[("RUST_LOG", filter)]);
        let ada = server.anon().registered("ada").await;
        let address = server.address.parse().expect("an address");
        let mut socket = Socket::authenticated(address, &ada.access_token).await;
        socket.subscribe("1", "subscription { bookChanged { kind book { title notes } } }").await;
        let book = json!({ "title": "Secret Diary", "author": "A", "notes": "private notes", "isbn": "9780441172719" });
        let id = ada.create_once(book.clone(), "idempotency-key-1").await.payload()["book"]["id"]
            .clone();
        let event = socket.receive().await;
        assert_eq!(event["payload"]["data"]["bookChanged"]["book"]["title"], "Secret Diary");
        ada.create(book).await.assert_user_errors(&[("DUPLICATE_ISBN", "input.isbn")]);
        ada.update(id.as_str().expect("an id"), json!({ "title": "Secret Diary II" }))
            .await
            .assert_ok();
        ada.ask("{ books(filter: { search: \"private notes\" }) { nodes { title } } }")
            .await
            .assert_ok();
        let next = ada.clone().signed_in(&ada.refresh(&ada.refresh_token).await);
        server
            .anon()
            .register("ada", "ada@example.org", "correct horse battery staple")
            .await
            .assert_user_errors(&[
                ("USERNAME_TAKEN", "input.username"),
                ("EMAIL_TAKEN", "input.email"),
            ]);
        next.update_profile(
            json!({ "email": "new@example.org", "currentPassword": crate::support::PASSWORD }),
        )
        .await
        .assert_ok();
        server.stop("TERM").await;

        let log = server.log();
        assert!(log.contains("bookshelf::operation"), "{log}");
        for value in [
            "Secret Diary",
            "private notes",
            "9780441172719",
            "idempotency-key-1",
            "@example.org",
            crate::support::PASSWORD,
            &ada.access_token,
            &ada.refresh_token,
            &next.access_token,
            &next.refresh_token,
            "Bearer",
            "$2b$",
        ] {
            assert!(
                !value.is_empty() && !log.contains(value),
                "{value} with RUST_LOG={filter} in {log}"
            );
        }
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_one_warning() {
    let database = TestDatabase::create().await;
    let mut server = ServerProcess::start_on(
        database.url(),
        &[("RATE_LIMITS", "on"), ("LIMIT_SIGN_INS_PER_MINUTE", "5")],
    );
    let mut alice = server.alice().await.with_header("x-forwarded-for", "198.51.100.7");
    let stranger = server.anon().with_header("x-forwarded-for", "203.0.113.9");
    let mut limited = false;
    for number in 0..21 {
        let response = stranger.login(&format!("nobody{number}@example.org"), "wrong").await;
        limited |= response.error_code().is_some_and(|code| code == "RATE_LIMITED");
    }
    assert!(limited, "all clients of the proxy share one address");
    for _ in 0..25 {
        alice = alice.clone().signed_in(&alice.refresh(&alice.refresh_token).await);
    }
    server.stop("TERM").await;
    let log = server.log();
    assert_eq!(log.matches("TRUSTED_PROXIES=127.0.0.1").count(), 1, "{log}");

    let settings = [("TRUSTED_PROXIES", "127.0.0.1")];
    let database = TestDatabase::create().await;
    let trusting = ServerProcess::start_on(database.url(), &settings);
    trusting
        .anon()
        .with_header("x-forwarded-for", "203.0.113.9")
        .ask("{ __typename }")
        .await
        .assert_ok();
    assert!(!trusting.log().contains("X-Forwarded-For"), "{}", trusting.log());
}
