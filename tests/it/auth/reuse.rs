//! Refresh tokens whose response was lost, and refresh tokens that were stolen.

use crate::support::{Actor, TestApp};

const INVALID: &[(&str, &str)] = &[("REFRESH_TOKEN_INVALID", "input.refreshToken")];

/// Later than the grace period for a second tab.
const LATER_SECS: u64 = 20;

/// Presents the token of an actor. Returns the actor with its new tokens, or `None` if it was rejected.
async fn refreshed(actor: &Actor) -> Option<Actor> {
    let response = actor.refresh(&actor.refresh_token).await;
    if response.has_user_errors() {
        response.assert_user_errors(INVALID);
        return None;
    }
    Some(actor.clone().signed_in(&response))
}

/// All sequences of two values with this length.
fn sequences(length: u32) -> impl Iterator<Item = Vec<bool>> {
    (0..1_u32 << length).map(move |bits| (0..length).map(|step| bits >> step & 1 == 1).collect())
}

#[tokio::test]
async fn a_refresh_token_whose_response_was_lost_can_be_used_again() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let lost = refreshed(&alice).await.expect("a response that is lost");
    for _ in 0..3 {
        app.advance_secs(LATER_SECS);
        refreshed(&alice).await.expect("a response that is lost too");
    }
    app.advance_secs(LATER_SECS);
    let alice = refreshed(&alice).await.expect("the response of the last attempt");
    app.advance_secs(LATER_SECS);
    let alice = refreshed(&alice).await.expect("the next tokens");
    assert_eq!(alice.ask("{ viewer { id } }").await.data()["id"], alice.id);
    // The tokens of the lost responses were revoked: whoever has one has stolen it.
    assert!(refreshed(&lost).await.is_none());
    assert_eq!(app.db_count("sessions").await, 0);
}

#[tokio::test]
async fn lost_responses_never_end_a_session() {
    for lost in sequences(5) {
        let app = TestApp::start().await;
        let mut alice = app.alice().await;
        for lost in &lost {
            app.advance_secs(LATER_SECS);
            let next = refreshed(&alice).await.expect("tokens");
            if !lost {
                alice = next;
            }
        }
        assert_eq!(app.db_count("sessions").await, 1, "{lost:?}");
    }
}

#[tokio::test]
async fn a_thief_and_the_owner_in_any_order_end_the_session() {
    for thief_acts in sequences(5) {
        let app = TestApp::start().await;
        let owner = app.alice().await;
        let mut holders = [owner.clone(), owner];
        let mut ended = false;
        for thief in &thief_acts {
            app.advance_secs(LATER_SECS);
            let holder = &mut holders[usize::from(*thief)];
            match refreshed(holder).await {
                Some(next) => *holder = next,
                None => ended = true,
            }
        }
        let turns = thief_acts.chunk_by(|one, next| one == next).collect::<Vec<_>>();
        // Found when the first holder acts again after the second one, or when the second one presents the
        // token after its replacement was used.
        let expected = turns.len() > 2 || turns.len() == 2 && turns[0].len() > 1;
        assert_eq!(ended, expected, "{thief_acts:?}");
        assert_eq!(app.db_count("sessions").await, i64::from(!expected), "{thief_acts:?}");
    }
}

#[tokio::test]
async fn the_tokens_of_a_second_tab_are_revoked_when_both_responses_were_lost() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let first = refreshed(&alice).await.expect("tokens of the first tab");
    app.advance_secs(5);
    let second = refreshed(&alice).await.expect("tokens of the second tab");
    app.advance_secs(LATER_SECS);
    let third = refreshed(&alice).await.expect("tokens of the third attempt");
    assert!(refreshed(&second).await.is_none());
    assert!(refreshed(&first).await.is_none());
    assert!(refreshed(&third).await.is_none(), "the session has ended");
}

#[tokio::test]
async fn an_expired_refresh_token_does_not_end_the_session_of_its_replacement() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    app.advance_secs(29 * 86_400);
    let next = refreshed(&alice).await.expect("tokens");
    app.advance_secs(2 * 86_400);
    assert!(refreshed(&alice).await.is_none());
    refreshed(&next).await.expect("the session lives on");
}

#[tokio::test]
async fn a_session_ends_ninety_days_after_the_sign_in() {
    let app = TestApp::start().await;
    let mut alice = app.alice().await;
    for _ in 0..89 {
        app.advance_secs(86_400);
        alice = refreshed(&alice).await.expect("tokens");
    }
    app.advance_secs(86_400 - 300);
    let query = "mutation($token: String!) { refreshToken(input: { refreshToken: $token }) {
        accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt userErrors { code }
    } }";
    let last =
        alice.run(query, serde_json::json!({ "token": alice.refresh_token })).await.payload();
    for expiry in ["accessTokenExpiresAt", "refreshTokenExpiresAt"] {
        assert_eq!(last[expiry], "2026-06-25T09:15:00.000Z", "90 days after the sign-in");
    }
    alice.access_token = last["accessToken"].as_str().expect("a token").to_owned();
    alice.refresh_token = last["refreshToken"].as_str().expect("a token").to_owned();
    alice.ask("{ viewer { id } }").await.assert_ok();
    app.advance_secs(300);
    alice.ask("{ viewer { id } }").await.assert_error("UNAUTHENTICATED");
    assert!(refreshed(&alice).await.is_none());
}

#[tokio::test]
async fn a_shorter_session_ttl_applies_to_open_sessions() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let hour = std::time::Duration::from_secs(3_600);
    let strict = app.second_instance_with(|config| config.session_ttl = hour).await;
    app.advance_secs(3_599);
    let alice = refreshed(&alice.on_instance(&strict.router)).await.expect("tokens");
    app.advance_secs(1);
    assert!(refreshed(&alice).await.is_none());
}
