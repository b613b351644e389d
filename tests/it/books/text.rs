//! The texts of books: what is trimmed, converted and rejected. The rules are in `src/input/text.rs`.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

/// Creates a book with this value, and returns the stored one.
async fn stored(actor: &Actor, field: &str, value: &str) -> Value {
    let mut input = json!({ "title": "T", "author": "A" });
    input[field] = json!(value);
    actor.create(input).await.payload()["book"][field].clone()
}

#[tokio::test]
async fn blank_and_control_characters_are_rejected_in_titles_and_authors() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (value, code) in [
        ("\u{200B}", "REQUIRED"),
        ("\u{FEFF}\u{2060} ", "REQUIRED"),
        ("\u{3164}", "REQUIRED"),
        ("\u{2800}", "REQUIRED"),
        ("\n\t\u{2028}", "REQUIRED"),
        ("Dune\u{0}", "INVALID_FORMAT"),
        ("\u{1B}[1mDune", "INVALID_FORMAT"),
        ("Dune\u{9F}", "INVALID_FORMAT"),
    ] {
        for field in ["title", "author"] {
            let mut input = json!({ "title": "T", "author": "A" });
            input[field] = json!(value);
            let path = format!("input.{field}");
            alice.create(input).await.assert_user_errors(&[(code, &path)]);
        }
    }
    let id = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    let blank = json!({ "title": "\u{200B}", "author": "\u{2800}" });
    let errors = [("REQUIRED", "input.title"), ("REQUIRED", "input.author")];
    alice.update(&id, blank).await.assert_user_errors(&errors);
    assert_eq!(app.db_count("books").await, 1);
}

#[tokio::test]
async fn titles_authors_and_publishers_are_one_trimmed_line() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for field in ["title", "author", "publisher"] {
        for (value, line) in [
            ("\u{FEFF}Animal Farm", "Animal Farm"),
            ("\u{200E}Animal Farm\u{200B}\u{A0}", "Animal Farm"),
            ("Dune\nMessiah", "Dune Messiah"),
            ("Dune\r\nMessiah", "Dune Messiah"),
            ("Dune\tMessiah\n", "Dune Messiah"),
            ("Dune \u{2028}\u{B} Messiah", "Dune Messiah"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
        ] {
            assert_eq!(stored(&alice, field, value).await, line, "{value:?}");
        }
    }
}

#[tokio::test]
async fn titles_and_authors_have_up_to_500_characters() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for field in ["title", "author"] {
        for longest in
            ["x".repeat(374), "ß".repeat(500), "\u{1F4DA}".repeat(500), "\u{FDFA}".repeat(500)]
        {
            assert_eq!(stored(&alice, field, &format!(" {longest}\u{200B}")).await, longest);
        }
        let mut input = json!({ "title": "T", "author": "A" });
        input[field] = json!("ß".repeat(501));
        let path = format!("input.{field}");
        alice.create(input).await.assert_user_errors(&[("TOO_LONG", &path)]);
    }
    // The cursors of the longest titles are valid.
    let order = "orderBy: { field: TITLE, direction: ASC }";
    let list = format!("{{ books({order}) {{ edges {{ cursor node {{ title }} }} }} }}");
    let edges = alice.ask(&list).await.data()["edges"].clone();
    for pair in edges.as_array().unwrap().windows(2) {
        let next = format!(
            "{{ books(first: 1, after: {}, {order}) {{ nodes {{ title }} }} }}",
            pair[0]["cursor"]
        );
        assert_eq!(alice.ask(&next).await.data()["nodes"][0], pair[1]["node"]);
    }
}

#[tokio::test]
async fn notes_keep_line_breaks_of_all_systems() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (value, notes) in [
        ("one\u{B}two\u{C}three", json!("one\ntwo\nthree")),
        ("one\u{85}two\u{2028}three\u{2029}four", json!("one\ntwo\nthree\nfour")),
        ("one\r\n\r\ntwo\rthree", json!("one\n\ntwo\nthree")),
        ("\u{FEFF}one\n\ttwo  \n", json!("one\n\ttwo")),
        ("", json!(null)),
        (" \n\u{200B}\u{B}", json!(null)),
    ] {
        assert_eq!(stored(&alice, "notes", value).await, notes, "{value:?}");
    }
    let id = alice.add_book(json!({ "title": "T", "author": "A", "notes": "one" })).await;
    alice.update(&id, json!({ "notes": "\u{200B}" })).await.assert_ok();
    assert_eq!(alice.book(&id).await["notes"], json!(null));
    for bad in ["a\u{7}b", "\u{1B}", "a\0"] {
        let response = alice.update(&id, json!({ "notes": bad })).await;
        response.assert_user_errors(&[("INVALID_FORMAT", "input.notes")]);
    }
}

#[tokio::test]
async fn isbns_are_understood_as_people_paste_them() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (value, isbn) in [
        ("ISBN-13 : 978-0441172719", json!("9780441172719")),
        ("\u{200E}9780441172719", json!("9780441172719")),
        ("ISBN-13\u{A0}978-0-441-17271-9", json!("9780441172719")),
        ("\u{FEFF}9780441172719", json!("9780441172719")),
        ("９７８０４４１１７２７１９", json!("9780441172719")),
        ("٩٧٨٠٤٤١١٧٢٧١٩", json!("9780441172719")),
        ("=\"0441172717\"", json!("9780441172719")),
        ("e-ISBN: 978‑0‑441‑17271‑9", json!("9780441172719")),
        ("=\"\"", json!(null)),
        ("\u{200B}", json!(null)),
    ] {
        let id = alice.add_book(json!({ "title": "T", "author": "A", "isbn": value })).await;
        assert_eq!(alice.book(&id).await["isbn"], isbn, "{value:?}");
        if !isbn.is_null() {
            let filter =
                format!("{{ books(filter: {{ isbn: {} }}) {{ totalCount }} }}", json!(value));
            assert_eq!(alice.ask(&filter).await.data()["totalCount"], 1, "{value:?}");
        }
        alice.delete(&id).await.assert_ok();
    }
}
