//! Names in different spellings of the same text.

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

#[tokio::test]
async fn the_domain_of_an_email_is_the_same_in_unicode_and_in_punycode() {
    let app = TestApp::start().await;
    let reader = app.anon().register("reader", "leser@käse.de", PASSWORD).await;
    assert_eq!(reader.payload()["user"]["email"], "leser@käse.de");
    let reader = app.anon().signed_in(&reader);
    for email in
        ["leser@xn--kse-qla.de", "LESER@XN--KSE-QLA.DE", "Leser@KÄSE.de", "leser@ka\u{308}se.de"]
    {
        let response = app.anon().login(email, PASSWORD).await;
        assert_eq!(response.payload()["user"]["id"], json!(reader.id), "{email}");
        let taken = app.anon().register("other", email, PASSWORD).await;
        taken.assert_user_errors(&[("EMAIL_TAKEN", "input.email")]);
    }
    let accented = app.anon().register("other", "leser@kase.de", PASSWORD).await;
    let other = app.anon().signed_in(&accented);
    let taken = json!({ "email": "leser@xn--kse-qla.de", "currentPassword": PASSWORD });
    other.update_profile(taken).await.assert_user_errors(&[("EMAIL_TAKEN", "input.email")]);
    let renamed = json!({ "email": "Leser@xn--kse-qla.de", "currentPassword": PASSWORD });
    let renamed = reader.update_profile(renamed).await.payload();
    assert_eq!(renamed["user"]["email"], "Leser@xn--kse-qla.de");
    app.anon().login("leser@käse.de", PASSWORD).await.assert_ok();
}

#[tokio::test]
async fn failed_logins_are_counted_for_all_spellings_of_an_email() {
    let app = TestApp::with_config(|config| config.rate_limits = true).await;
    app.anon().register("reader", "leser@käse.de", PASSWORD).await.assert_ok();
    for email in ["leser@käse.de", "leser@xn--kse-qla.de"].into_iter().cycle().take(10) {
        let wrong = app.anon().login(email, "wrong").await;
        wrong.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
    }
    for email in ["leser@käse.de", "LESER@xn--kse-qla.de"] {
        app.anon().login(email, PASSWORD).await.assert_error("RATE_LIMITED");
    }
}

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
