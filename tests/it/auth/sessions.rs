use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

async fn sessions(actor: &Actor) -> Vec<Value> {
    let response = actor.ask("{ viewer { sessions { id userAgent current } } }").await;
    response.data()["sessions"].as_array().unwrap().clone()
}

async fn revoke(actor: &Actor, id: &Value) -> crate::support::TestResponse {
    let revoke = "mutation($id: ID!) {
        revokeSession(id: $id) { revokedSessionId userErrors { code message field } }
    }";
    actor.run(revoke, json!({ "id": id })).await
}

#[tokio::test]
async fn another_users_session_is_not_found() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let hers = sessions(&alice).await[0]["id"].clone();
    for id in
        [hers.clone(), json!(alice.id), json!("session_01m846py80e47td8285zf3ws2n"), json!("x")]
    {
        revoke(&bob, &id).await.assert_user_errors(&[("NOT_FOUND", "id")]);
        let node = bob.run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(node.data(), json!(null));
    }
    assert_eq!(sessions(&alice).await.len(), 1);
}

#[tokio::test]
async fn sessions_are_listed_newest_first_and_the_current_one_is_marked() {
    let app = TestApp::start().await;
    let phone = app.anon().with_header("user-agent", "Phone/1").registered("alice").await;
    app.advance_secs(60);
    let desk = app.anon().with_header("user-agent", "Desk/2");
    let login = desk.login("alice@example.org", crate::support::PASSWORD).await;
    let desk = desk.signed_in(&login);
    let seen: Vec<_> = sessions(&desk).await;
    assert_eq!(seen[0]["userAgent"], "Desk/2");
    assert_eq!(seen[0]["current"], true);
    assert_eq!(seen[1]["userAgent"], "Phone/1");
    assert_eq!(seen[1]["current"], false);
    assert_eq!(sessions(&phone).await[1]["current"], true);
    let node = "query($id: ID!) { node(id: $id) { ... on Session { userAgent current } } }";
    let node = desk.run(node, json!({ "id": seen[1]["id"] })).await;
    assert_eq!(node.data(), json!({ "userAgent": "Phone/1", "current": false }));
}

#[tokio::test]
async fn one_session_can_be_revoked_from_another() {
    let app = TestApp::start().await;
    let phone = app.alice().await;
    let desk = phone.sign_in_again("alice").await;
    let id =
        sessions(&phone).await.iter().find(|session| session["current"] == true).unwrap()["id"]
            .clone();
    assert_eq!(revoke(&desk, &id).await.payload()["revokedSessionId"], id);
    phone.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
    revoke(&desk, &id).await.assert_user_errors(&[("NOT_FOUND", "id")]);
    assert_eq!(sessions(&desk).await.len(), 1);
}

#[tokio::test]
async fn logout_ends_this_session_or_all() {
    let app = TestApp::start().await;
    let (one, bob) = (app.alice().await, app.bob().await);
    let (two, three) = (one.sign_in_again("alice").await, one.sign_in_again("alice").await);
    assert_eq!(one.logout().await.payload()["revokedSessions"], 1);
    one.refresh(&one.refresh_token)
        .await
        .assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    assert_eq!(sessions(&two).await.len(), 2);

    let everywhere =
        "mutation { logout(everywhere: true) { revokedSessions userErrors { code } } }";
    assert_eq!(two.ask(everywhere).await.payload()["revokedSessions"], 2);
    for ended in [&two, &three] {
        ended.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
        ended
            .refresh(&ended.refresh_token)
            .await
            .assert_user_errors(&[("REFRESH_TOKEN_INVALID", "input.refreshToken")]);
    }
    assert_eq!(sessions(&bob).await.len(), 1);
}

#[tokio::test]
async fn an_account_has_at_most_a_hundred_sessions() {
    let app = TestApp::start().await;
    let (first, bob) = (app.alice().await, app.bob().await);
    app.advance_secs(1);
    let second = first.sign_in_again("alice").await;
    for _ in 2..100 {
        app.advance_secs(1);
        first.sign_in_again("alice").await;
    }
    let first = first.clone().signed_in(&first.refresh(&first.refresh_token).await);
    assert_eq!(sessions(&first).await.len(), 100);

    app.advance_secs(1);
    let last = first.sign_in_again("alice").await;
    assert_eq!(sessions(&last).await.len(), 100);
    first.ask("{ viewer { id } }").await.assert_ok();
    let ended = second.ask("{ viewer { id } }").await.error();
    assert_eq!(ended["extensions"]["reason"], "SESSION_ENDED", "the one used least recently");
    assert_eq!(sessions(&bob).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_sign_ins_do_not_exceed_the_number_of_sessions() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for _ in 1..98 {
        alice.sign_in_again("alice").await;
    }
    let sign_ins = (0..6).map(|_| {
        let alice = alice.clone();
        tokio::spawn(async move { alice.sign_in_again("alice").await })
    });
    for sign_in in sign_ins.collect::<Vec<_>>() {
        sign_in.await.expect("tokens");
    }
    assert_eq!(app.db_count("sessions").await, 100);
}
