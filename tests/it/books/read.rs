use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn unknown_invalid_and_foreign_ids_return_null() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    for wrong in
        [&id, "book_01m846py8ne2hs7g3s4tx3a7ay", &alice.id, &id.to_uppercase(), "", "42", "\0"]
    {
        assert_eq!(bob.book(wrong).await, json!(null));
        let node =
            bob.run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": wrong })).await;
        assert_eq!(node.data(), json!(null), "{wrong}");
    }
}

#[tokio::test]
async fn users_see_only_their_own_books() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let dune = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let emma = bob.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    for (actor, name, own) in [(&alice, "alice", &dune), (&bob, "bob", &emma)] {
        let list = "{ books { totalCount nodes { id owner { id username } } } }";
        assert_eq!(
            actor.ask(list).await.data(),
            json!({
                "totalCount": 1,
                "nodes": [{ "id": own, "owner": { "id": actor.id, "username": name } }],
            })
        );
        let through_viewer = "{ viewer { books { nodes { id } } } }";
        assert_eq!(
            actor.ask(through_viewer).await.data()["books"]["nodes"],
            json!([{ "id": own }])
        );
        let page = "{ booksPage { total items { id } } }";
        assert_eq!(actor.ask(page).await.data(), json!({ "total": 1, "items": [{ "id": own }] }));
        // Both books contain this letter.
        let search = "{ books(filter: { search: \"a\" }) { totalCount nodes { id } } }";
        assert_eq!(
            actor.ask(search).await.data(),
            json!({ "totalCount": 1, "nodes": [{ "id": own }] })
        );
    }
}

#[tokio::test]
async fn nodes_are_returned_in_the_order_of_the_ids() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let dune = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let emma = alice.add_book(json!({ "title": "Emma", "author": "Jane Austen" })).await;
    let bobs = bob.add_book(json!({ "title": "Ulysses", "author": "James Joyce" })).await;
    let nodes = "query($ids: [ID!]!) {
        nodes(ids: $ids) { __typename id ... on Book { title } ... on User { username } }
    }";
    let ids = json!([emma, bobs, alice.id, "x", dune, bob.id, emma]);
    let found = alice.run(nodes, json!({ "ids": ids })).await.data();
    assert_eq!(
        found,
        json!([
            { "__typename": "Book", "id": emma, "title": "Emma" },
            null,
            { "__typename": "User", "id": alice.id, "username": "alice" },
            null,
            { "__typename": "Book", "id": dune, "title": "Dune" },
            null,
            { "__typename": "Book", "id": emma, "title": "Emma" },
        ])
    );
    let many = |number: usize| json!({ "ids": vec![dune.clone(); number] });
    assert_eq!(alice.run(nodes, many(100)).await.data().as_array().unwrap().len(), 100);
    alice.run(nodes, many(101)).await.assert_error("BAD_USER_INPUT");
}

#[tokio::test]
async fn fields_are_returned_in_selection_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for _ in 0..20 {
        let response = alice.ask("{ books { totalCount nodes { id } } viewer { email id } __typename a: viewer { id } }").await;
        let positions = [
            "\"books\"",
            "\"totalCount\"",
            "\"nodes\"",
            "\"viewer\"",
            "\"email\"",
            "\"__typename\"",
            "\"a\"",
        ]
        .map(|name| response.text.find(name).unwrap_or_else(|| panic!("{name}: {response:?}")));
        assert!(positions.is_sorted(), "{response:?}");
    }
}
