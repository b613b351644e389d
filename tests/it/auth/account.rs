use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{Actor, PASSWORD, TestApp, TestResponse};

const NEW_PASSWORD: &str = "another horse, another staple";

async fn update(actor: &Actor, input: Value) -> TestResponse {
    let update = "mutation($input: UpdateProfileInput!) {
        updateProfile(input: $input) {
            user { username email } userErrors { code message field }
        }
    }";
    actor.run(update, json!({ "input": input })).await
}

async fn change_password(actor: &Actor, current: &str, new: &str) -> TestResponse {
    let change = "mutation($input: ChangePasswordInput!) {
        changePassword(input: $input) {
            accessToken refreshToken user { id } userErrors { code message field }
        }
    }";
    let input = json!({ "currentPassword": current, "newPassword": new });
    actor.run(change, json!({ "input": input })).await
}

async fn delete(actor: &Actor, password: &str) -> TestResponse {
    let delete = "mutation($input: DeleteAccountInput!) {
        deleteAccount(input: $input) { deletedUserId userErrors { code message field } }
    }";
    actor.run(delete, json!({ "input": { "password": password } })).await
}

#[tokio::test]
async fn a_new_email_needs_the_password() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let without = update(&alice, json!({ "email": "new@example.org" })).await;
    assert_eq!(without.user_errors(), ["REQUIRED input.currentPassword"]);
    let wrong = json!({ "email": "new@example.org", "currentPassword": NEW_PASSWORD });
    let wrong = update(&alice, wrong).await;
    assert_eq!(wrong.user_errors(), ["INVALID_CREDENTIALS input.currentPassword"]);
    let right = json!({ "email": "new@example.org", "currentPassword": PASSWORD });
    assert_eq!(update(&alice, right).await.payload()["user"]["email"], "new@example.org");
    assert_eq!(app.anon().login("alice@example.org", PASSWORD).await.user_errors().len(), 1);
    app.anon().login("new@example.org", PASSWORD).await.payload();
}

#[tokio::test]
async fn names_of_others_are_taken_and_ones_own_are_not() {
    let app = TestApp::start().await;
    let (alice, _bob) = (app.alice().await, app.bob().await);
    let both =
        json!({ "username": "BOB", "email": "Bob@example.org", "currentPassword": PASSWORD });
    let taken = update(&alice, both).await;
    assert_eq!(taken.user_errors(), ["USERNAME_TAKEN input.username", "EMAIL_TAKEN input.email"]);
    let faults = update(&alice, json!({ "username": "x", "email": "bob@example.org" })).await;
    assert_eq!(
        faults.user_errors(),
        ["TOO_SHORT input.username", "REQUIRED input.currentPassword", "EMAIL_TAKEN input.email"]
    );
    assert_eq!(
        update(&alice, json!({ "username": "ALICE" })).await.payload()["user"]["username"],
        "ALICE"
    );
    let nothing = update(&alice, json!({ "username": null })).await;
    assert_eq!(nothing.payload()["user"]["username"], "ALICE");
}

#[tokio::test]
async fn what_was_renamed_is_seen_by_the_rest_of_the_request() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let answer = alice
        .ask(
            r#"mutation {
                before: createBook(input: { title: "Dune", author: "Frank Herbert" }) { book { owner { username } } }
                rename: updateProfile(input: { username: "Alicia" }) { user { username } }
                after: createBook(input: { title: "Emma", author: "Jane Austen" }) { book { owner { username } } }
            }"#,
        )
        .await
        .json();
    assert_eq!(answer["data"]["before"]["book"]["owner"]["username"], "alice");
    assert_eq!(answer["data"]["after"]["book"]["owner"]["username"], "Alicia");
}

#[tokio::test]
async fn a_new_password_ends_all_sessions_and_opens_one() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let other = alice.sign_in_again("alice").await;
    let wrong = change_password(&alice, NEW_PASSWORD, "short").await;
    assert_eq!(
        wrong.user_errors(),
        ["TOO_SHORT input.newPassword", "INVALID_CREDENTIALS input.currentPassword"]
    );
    let changed = alice.clone().signed_in(&change_password(&alice, PASSWORD, NEW_PASSWORD).await);
    for ended in [&alice, &other] {
        assert_eq!(ended.ask("{ viewer { id } }").await.code(), "UNAUTHENTICATED");
        assert_eq!(ended.refresh(&ended.refresh_token).await.user_errors().len(), 1);
    }
    assert_eq!(changed.ask("{ viewer { id } }").await.data()["id"], json!(alice.id));
    assert_eq!(
        app.anon().login("alice@example.org", PASSWORD).await.user_errors(),
        ["INVALID_CREDENTIALS -"]
    );
    app.anon().login("alice@example.org", NEW_PASSWORD).await.payload();
}

#[tokio::test]
async fn a_deleted_account_leaves_nothing_behind() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    bob.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    assert_eq!(
        delete(&alice, NEW_PASSWORD).await.user_errors(),
        ["INVALID_CREDENTIALS input.password"]
    );
    assert_eq!(delete(&alice, PASSWORD).await.payload()["deletedUserId"], json!(alice.id));
    for table in ["users", "books", "sessions", "refresh_tokens"] {
        assert_eq!(app.db_count(table).await, 1, "{table}");
    }
    let ended = alice.ask("{ viewer { id } }").await.error();
    assert_eq!(ended["extensions"]["reason"], "SESSION_ENDED");
    assert_eq!(alice.refresh(&alice.refresh_token).await.user_errors().len(), 1);
    app.alice().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_sign_in_with_the_old_password_outlives_its_change() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    // Somebody who knows the old password signs in over and over, also in the moment of the change.
    let changed = Arc::new(AtomicBool::new(false));
    let thieves = (0..6).map(|_| {
        let (anon, changed) = (app.anon(), Arc::clone(&changed));
        tokio::spawn(async move {
            let mut answers = Vec::new();
            while !changed.load(Ordering::SeqCst) {
                answers.push(anon.login("alice@example.org", PASSWORD).await);
            }
            answers
        })
    });
    let thieves: Vec<_> = thieves.collect();
    change_password(&alice, PASSWORD, NEW_PASSWORD).await.payload();
    changed.store(true, Ordering::SeqCst);
    for thief in thieves {
        for answer in thief.await.expect("answers") {
            match answer.user_errors() {
                refusals if refusals.is_empty() => {
                    let late = app.anon().signed_in(&answer);
                    assert_eq!(late.ask("{ viewer { id } }").await.code(), "UNAUTHENTICATED");
                    assert_eq!(late.refresh(&late.refresh_token).await.user_errors().len(), 1);
                }
                refusals => assert_eq!(refusals, ["INVALID_CREDENTIALS -"]),
            }
        }
    }
    assert_eq!(app.db_count("sessions").await, 1);
}
