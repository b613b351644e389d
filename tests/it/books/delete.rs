use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn deleting_another_users_book_is_not_found() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    for wrong in [&id, "book_01m846py8ne2hs7g3s4tx3a7ay", &alice.id, "", "42"] {
        bob.delete(wrong).await.assert_user_errors(&[("NOT_FOUND", "id")]);
    }
    app.anon().delete(&id).await.assert_error("UNAUTHENTICATED");
    assert_eq!(app.db_count("books").await, 1);
}

#[tokio::test]
async fn a_book_is_deleted_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let input = json!({ "title": "Dune", "author": "Frank Herbert", "isbn": "9780441172719" });
    let id = alice.add_book(input.clone()).await;
    assert_eq!(alice.delete(&id).await.payload()["deletedBookId"], json!(id));
    alice.delete(&id).await.assert_user_errors(&[("NOT_FOUND", "id")]);
    assert_eq!(alice.book(&id).await, json!(null));
    alice.add_book(input).await;
}
