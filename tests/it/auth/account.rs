use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const NEW_PASSWORD: &str = "another horse, another staple";

#[tokio::test]
async fn changing_the_email_requires_the_password() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let without = alice.update_profile(json!({ "email": "new@example.org" })).await;
    without.assert_user_errors(&[("REQUIRED", "input.currentPassword")]);
    let wrong = json!({ "email": "new@example.org", "currentPassword": NEW_PASSWORD });
    let wrong = alice.update_profile(wrong).await;
    wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "input.currentPassword")]);
    let right = json!({ "email": "new@example.org", "currentPassword": PASSWORD });
    assert_eq!(alice.update_profile(right).await.payload()["user"]["email"], "new@example.org");
    app.anon()
        .login("alice@example.org", PASSWORD)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    app.anon().login("new@example.org", PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn names_and_emails_of_other_users_are_rejected() {
    let app = TestApp::start().await;
    let (alice, _bob) = (app.alice().await, app.bob().await);
    let both =
        json!({ "username": "BOB", "email": "Bob@example.org", "currentPassword": PASSWORD });
    let taken = alice.update_profile(both).await;
    taken.assert_user_errors(&[
        ("USERNAME_TAKEN", "input.username"),
        ("EMAIL_TAKEN", "input.email"),
    ]);
    let invalid =
        alice.update_profile(json!({ "username": "x", "email": "bob@example.org" })).await;
    invalid.assert_user_errors(&[
        ("TOO_SHORT", "input.username"),
        ("REQUIRED", "input.currentPassword"),
    ]);
    assert_eq!(
        alice.update_profile(json!({ "username": "ALICE" })).await.payload()["user"]["username"],
        "ALICE"
    );
    let nothing = alice.update_profile(json!({ "username": null })).await;
    assert_eq!(nothing.payload()["user"]["username"], "ALICE");
}

#[tokio::test]
async fn taken_names_are_told_only_with_the_password() {
    let app = TestApp::start().await;
    let (alice, _bob) = (app.alice().await, app.bob().await);
    let required: &[_] = &[("REQUIRED", "input.currentPassword")];
    let wrong: &[_] = &[("INVALID_CREDENTIALS", "input.currentPassword")];
    for names in [
        json!({ "email": "bob@example.org" }),
        json!({ "username": "bob" }),
        json!({ "username": "free-name", "email": "bob@example.org" }),
        json!({ "username": "BOB", "email": "free@example.org" }),
        json!({ "username": "bob", "email": "bob@example.org" }),
    ] {
        alice.update_profile(names.clone()).await.assert_user_errors(required);
        let mut guessed = names.clone();
        guessed["currentPassword"] = json!("not the password");
        alice.update_profile(guessed).await.assert_user_errors(wrong);
        let mut proved = names;
        proved["currentPassword"] = json!(PASSWORD);
        let told = alice.update_profile(proved).await;
        assert!(told.text.contains("_TAKEN"), "{told:?}");
    }
    // Neither the same address as another account's nor a free one can be distinguished without it.
    let free = alice.update_profile(json!({ "email": "free@example.org" })).await;
    free.assert_user_errors(required);
    alice.update_profile(json!({ "username": "free-name" })).await.assert_ok();
}

#[tokio::test]
async fn looking_for_taken_names_counts_as_registering() {
    let app = TestApp::with_config(|config| config.rate_limits = true).await;
    let (alice, _bob) = (app.alice().await, app.bob().await);
    let here = alice.clone().with_ip("192.0.2.1");
    let mut codes = Vec::new();
    for _ in 0..60 {
        let response = here.update_profile(json!({ "email": "bob@example.org" })).await;
        match response.error_code() {
            Some(code) => codes.push(code),
            None => response.assert_user_errors(&[("REQUIRED", "input.currentPassword")]),
        }
    }
    assert_eq!(codes, vec!["RATE_LIMITED"; 50]);
    app.anon()
        .with_ip("192.0.2.1")
        .register("eve", "eve@example.org", PASSWORD)
        .await
        .assert_error("RATE_LIMITED");
    for names in [
        json!({ "username": "bob" }),
        json!({ "username": "free-name" }),
        json!({ "email": "bob@example.org", "currentPassword": PASSWORD }),
    ] {
        here.update_profile(names).await.assert_error("RATE_LIMITED");
    }
    // The account's own names are no look at others.
    here.update_profile(json!({ "username": "ALICE", "email": "alice@example.org" }))
        .await
        .assert_ok();
}

#[tokio::test]
async fn a_rename_is_visible_to_later_fields_of_the_request() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let response = alice
        .ask(
            r#"mutation {
                before: createBook(input: { title: "Dune", author: "Frank Herbert" }) { book { owner { username } } }
                rename: updateProfile(input: { username: "Alicia" }) { user { username } }
                after: createBook(input: { title: "Emma", author: "Jane Austen" }) { book { owner { username } } }
            }"#,
        )
        .await
        .json();
    assert_eq!(response["data"]["before"]["book"]["owner"]["username"], "alice");
    assert_eq!(response["data"]["after"]["book"]["owner"]["username"], "Alicia");
}

#[tokio::test]
async fn changing_the_password_ends_all_sessions_and_starts_a_new_one() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let other = alice.sign_in_again("alice").await;
    let wrong = alice.change_password(NEW_PASSWORD, "short").await;
    wrong.assert_user_errors(&[
        ("TOO_SHORT", "input.newPassword"),
        ("INVALID_CREDENTIALS", "input.currentPassword"),
    ]);
    let changed = alice.clone().signed_in(&alice.change_password(PASSWORD, NEW_PASSWORD).await);
    for ended in [&alice, &other] {
        ended.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
        ended
            .refresh(&ended.refresh_token)
            .await
            .assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    }
    assert_eq!(changed.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    app.anon()
        .login("alice@example.org", PASSWORD)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    app.anon().login("alice@example.org", NEW_PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn deleting_an_account_deletes_all_its_data() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    bob.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    alice
        .delete_account(NEW_PASSWORD)
        .await
        .assert_user_errors(&[("INVALID_CREDENTIALS", "input.password")]);
    assert_eq!(alice.delete_account(PASSWORD).await.payload()["deletedUserId"], json!(alice.id));
    for table in ["users", "books", "sessions", "refresh_tokens"] {
        assert_eq!(app.db_count(table).await, 1, "{table}");
    }
    let ended = alice.ask("{ viewer { id } }").await.error();
    assert_eq!(ended["extensions"]["reason"], "SESSION_ENDED");
    alice
        .refresh(&alice.refresh_token)
        .await
        .assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    app.alice().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changing_the_password_ends_concurrent_logins_with_the_old_one() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    // Clients that know the old password keep signing in while it is changed.
    let changed = Arc::new(AtomicBool::new(false));
    let attackers = (0..6).map(|_| {
        let (anon, changed) = (app.anon(), Arc::clone(&changed));
        tokio::spawn(async move {
            let mut responses = Vec::new();
            while !changed.load(Ordering::SeqCst) {
                responses.push(anon.login("alice@example.org", PASSWORD).await);
            }
            responses
        })
    });
    let attackers: Vec<_> = attackers.collect();
    alice.change_password(PASSWORD, NEW_PASSWORD).await.assert_ok();
    changed.store(true, Ordering::SeqCst);
    for attacker in attackers {
        for response in attacker.await.expect("responses") {
            if response.has_user_errors() {
                response.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
                continue;
            }
            let late = app.anon().signed_in(&response);
            late.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
            late.refresh(&late.refresh_token)
                .await
                .assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
        }
    }
    assert_eq!(app.db_count("sessions").await, 1);
}
