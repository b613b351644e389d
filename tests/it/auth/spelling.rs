//! Email addresses, usernames and passwords in different spellings of the same text.

use serde_json::json;

use crate::support::{PASSWORD, TestApp};

const COMPOSED: &str = "Grüße aus Überlingen";
const DECOMPOSED: &str = "Gru\u{308}ße aus U\u{308}berlingen";

#[tokio::test]
async fn a_password_is_the_same_composed_and_decomposed() {
    let app = TestApp::start().await;
    for (name, registered, typed) in [
        ("ada", COMPOSED, DECOMPOSED),
        ("bea", DECOMPOSED, COMPOSED),
        ("eve", "a\u{A0}long pass\u{3000}word 7", "a long pass word 7"),
    ] {
        let email = format!("{name}@example.org");
        let account = app.anon().register(name, &email, registered).await;
        let account = app.anon().signed_in(&account);
        app.anon().login(&email, registered).await.assert_ok();
        app.anon().login(&email, typed).await.assert_ok();
        let other = app.anon().login(&email, &typed.to_uppercase()).await;
        other.assert_user_errors(&[("INVALID_CREDENTIALS", "")]);
        let changed = account.change_password(typed, PASSWORD).await;
        let account = app.anon().signed_in(&changed);
        account.change_password(PASSWORD, typed).await.assert_ok();
        app.anon().login(&email, registered).await.assert_ok();
    }
}

#[tokio::test]
async fn a_password_is_rehashed_in_its_composed_form() {
    let app = TestApp::start().await;
    app.anon().register("ada", "ada@example.org", COMPOSED).await.assert_ok();
    let second = app.second_instance_with(|config| config.bcrypt_cost = 11).await;
    second.anon().login("ada@example.org", DECOMPOSED).await.assert_ok();
    second.anon().login("ada@example.org", COMPOSED).await.assert_ok();
}

#[tokio::test]
async fn the_bytes_of_a_password_are_counted_after_composition() {
    let app = TestApp::start().await;
    let longest = "Zwo\u{308}lf Boxka\u{308}mpfer jagen Viktor quer u\u{308}ber den großen Sylter Deich ho\u{308}";
    assert_eq!((longest.len(), longest.matches('\u{308}').count()), (75, 4));
    app.anon().register("ada", "ada@example.org", longest).await.assert_ok();
    let rejected = app.anon().register("bea", "bea@example.org", &format!("{longest}!")).await;
    rejected.assert_user_errors(&[("TOO_LONG", "input.password")]);
    let short = app.anon().register("bea", "bea@example.org", "kV9#tqu\u{308}").await;
    short.assert_user_errors(&[("TOO_SHORT", "input.password")]);
}

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
