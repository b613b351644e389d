//! Covers wherever a book appears, with one statement for all books of a list.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp, path_of};

/// Alice with five books, of which the first three have covers. Their ids and the paths of their covers, newest first.
async fn library(app: &TestApp) -> (Actor, Vec<String>, Vec<Option<String>>) {
    let alice = app.alice().await;
    let (mut ids, mut paths) = (Vec::new(), Vec::new());
    for number in 0..5 {
        let book = json!({ "title": format!("Book {number}"), "author": "A" });
        let id = alice.add_book(book).await;
        paths.push(if number < 3 { Some(alice.add_cover(&id).await) } else { None });
        ids.push(id);
    }
    ids.reverse();
    paths.reverse();
    app.take_statements();
    (alice, ids, paths)
}

fn paths(books: &Value) -> Vec<Option<String>> {
    let url = |book: &Value| book["cover"]["url"].as_str().map(|url| path_of(url).to_owned());
    books.as_array().expect("books").iter().map(url).collect()
}

#[tokio::test]
async fn the_covers_of_a_page_take_one_statement_in_every_list() {
    let app = TestApp::start().await;
    let (alice, ids, expected) = library(&app).await;
    // The first form is written as JSON directly. The others are resolved field by field.
    for book in [
        "cover { url }",
        "title cover { url width } createdAt",
        "owner { id } cover { url } __typename",
        "a: cover { width } cover { url }",
        "... on Book { cover { url } } version",
    ] {
        let ids = json!(ids);
        for (query, pointer) in [
            (format!("{{ books {{ nodes {{ {book} }} }} }}"), "/books/nodes"),
            (format!("{{ booksPage {{ items {{ {book} }} }} }}"), "/booksPage/items"),
            (format!("{{ viewer {{ books {{ nodes {{ {book} }} }} }} }}"), "/viewer/books/nodes"),
            (
                format!("{{ books(filter: {{ unrated: true }}) {{ nodes {{ {book} }} }} }}"),
                "/books/nodes",
            ),
        ] {
            let response = alice.ask(&query).await;
            response.assert_ok();
            assert_eq!(
                paths(&response.json()["data"].pointer(pointer).unwrap().clone()),
                expected,
                "{query}"
            );
            let statements = app.take_statements();
            assert_eq!(statements.len(), 2, "{query}: {statements:#?}");
        }
        let edges = alice
            .ask(&format!("{{ books {{ edges {{ cursor node {{ {book} }} }} }} }}"))
            .await
            .data();
        let nodes: Value =
            edges["edges"].as_array().unwrap().iter().map(|edge| edge["node"].clone()).collect();
        assert_eq!(paths(&nodes), expected);
        assert_eq!(app.take_statements().len(), 2);
        let query =
            format!("query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on Book {{ {book} }} }} }}");
        assert_eq!(paths(&alice.run(&query, json!({ "ids": ids })).await.data()), expected);
        assert_eq!(app.take_statements().len(), 2);
    }
}

#[tokio::test]
async fn single_books_and_payloads_have_their_cover() {
    let app = TestApp::start().await;
    let (alice, ids, expected) = library(&app).await;
    let (with, without) = (&ids[4], &ids[0]);
    let book = alice.ask(&format!("{{ book(id: \"{with}\") {{ cover {{ url }} }} }}")).await.data();
    assert_eq!(paths(&json!([book])), expected[4..]);
    let node = format!("{{ node(id: \"{without}\") {{ ... on Book {{ cover {{ url }} }} }} }}");
    assert_eq!(alice.ask(&node).await.data()["cover"], Value::Null);
    let update = "mutation($id: ID!, $input: UpdateBookInput!) {
        updateBook(id: $id, input: $input) {
            book { cover { url } } userErrors { code message field book { cover { url } } }
        }
    }";
    let updated =
        alice.run(update, json!({ "id": with, "input": { "rating": 5 } })).await.payload();
    assert_eq!(paths(&json!([updated["book"]])), expected[4..]);
    let stale = json!({ "id": with, "input": { "rating": 1, "expectedVersion": 1 } });
    let conflict = alice.run(update, stale).await.data();
    assert_eq!(paths(&json!([conflict["userErrors"][0]["book"]])), expected[4..]);
    let create = "mutation { createBook(input: { title: \"T\", author: \"A\" }) {
        book { cover { url } } bookEdge { node { cover { url } } } userErrors { code }
    } }";
    let created = alice.ask(create).await.payload();
    assert_eq!(created["book"], json!({ "cover": null }));
    assert_eq!(created["bookEdge"]["node"], json!({ "cover": null }));
}

#[tokio::test]
async fn every_size_has_an_address() {
    let app = TestApp::start().await;
    let (alice, ids, expected) = library(&app).await;
    let query = "query($id: ID!, $size: CoverSize!) { book(id: $id) {
        cover { small: url(size: SMALL) url medium: url(size: MEDIUM) variable: url(size: $size) width height }
    } }";
    let cover =
        alice.run(query, json!({ "id": ids[4], "size": "ORIGINAL" })).await.data()["cover"].clone();
    let path = expected[4].clone().expect("a cover");
    let key = path.strip_prefix("/covers/").and_then(|path| path.strip_suffix("/medium"));
    let key = key.unwrap_or_else(|| panic!("{path}"));
    // 128 bits in hexadecimal digits.
    assert!(key.len() == 32 && key.bytes().all(|digit| digit.is_ascii_hexdigit()), "{key}");
    for (field, size) in
        [("small", "small"), ("url", "medium"), ("medium", "medium"), ("variable", "original")]
    {
        let url = cover[field].as_str().expect("an address");
        assert!(url.ends_with(&format!("/covers/{key}/{size}")), "{url}");
    }
    assert_eq!((&cover["width"], &cover["height"]), (&json!(60), &json!(90)));
}
