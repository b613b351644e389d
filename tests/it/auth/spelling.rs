//! Names in different spellings of the same text.

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn invisible_characters_around_names_are_ignored() {
    let app = TestApp::start().await;
    let (username, email) = ("\u{FEFF}Ada\u{200B}", "\u{202A}ada@example.org\u{202C}");
    let pasted = app.anon().register(username, email, PASSWORD).await;
    let user = pasted.payload()["user"].clone();
    assert_eq!((&user["username"], &user["email"]), (&json!("Ada"), &json!("ada@example.org")));
    app.anon().login("ada@example.org\u{200B}", PASSWORD).await.assert_ok();
    let taken = app.anon().register("ADA", "ada@example.org", PASSWORD).await;
    taken.assert_user_errors(&[
        ("USERNAME_TAKEN", "input.username"),
        ("EMAIL_TAKEN", "input.email"),
    ]);
    // Accents make another name.
    app.anon().register("Adá", "adá@example.org", PASSWORD).await.assert_ok();
}
