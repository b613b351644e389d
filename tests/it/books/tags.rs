//! Tags of books: how they are stored, filtered and counted.

use serde_json::{Value, json};

use crate::support::{Actor, GRAPHQL_RESPONSE, PASSWORD, TestApp};

async fn add(actor: &Actor, tags: Value) -> String {
    actor.add_book(json!({ "title": "T", "author": "A", "tags": tags })).await
}

/// The tags of the library, as `name=count`.
async fn counted(actor: &Actor) -> Vec<String> {
    let tags = actor.ask("{ tags { name bookCount } }").await.data();
    let tags = tags.as_array().expect("tags").iter();
    tags.map(|tag| format!("{}={}", tag["name"].as_str().expect("a name"), tag["bookCount"]))
        .collect()
}

async fn tagged(actor: &Actor, tag: &str) -> usize {
    let query = "query($tag: String) { books(filter: { tag: $tag }) { nodes { id } totalCount } }";
    let list = actor.run(query, json!({ "tag": tag })).await.data();
    let found = list["nodes"].as_array().expect("books").len();
    assert_eq!(list["totalCount"], found, "{tag}");
    found
}

#[tokio::test]
async fn tags_require_a_token() {
    let app = TestApp::start().await;
    app.anon().ask("{ tags { name } }").await.assert_error("UNAUTHENTICATED");
    app.anon().ask("{ stats { total } }").await.assert_error("UNAUTHENTICATED");
}

#[tokio::test]
async fn tags_are_trimmed_unique_without_case_and_keep_their_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (given, stored) in [
        (json!([" to buy ", "Fantasy", "a\tb"]), json!(["to buy", "Fantasy", "a b"])),
        (json!(["b", "SciFi", "a", "scifi", "B"]), json!(["b", "SciFi", "a"])),
        (json!(["Zoë", "Zoe", "ZOË"]), json!(["Zoë", "Zoe"])),
        (
            json!(["\"x\"", "back\\slash", "a,b", "\u{1f4da}"]),
            json!(["\"x\"", "back\\slash", "a,b", "\u{1f4da}"]),
        ),
        (json!("single"), json!(["single"])),
        (json!([]), json!([])),
        (json!(null), json!([])),
    ] {
        let book = json!({ "title": "T", "author": "A", "tags": given });
        let created = alice.create(book).await.payload()["book"].clone();
        assert_eq!(created["tags"], stored);
        let id = created["id"].as_str().expect("an id");
        assert_eq!(alice.book(id).await["tags"], stored);
    }
}

#[tokio::test]
async fn a_book_has_at_most_50_tags_of_50_characters() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let numbered =
        |count: usize| (0..count).map(|number| format!("tag {number}")).collect::<Vec<_>>();
    for (tags, error) in [
        (json!(numbered(51)), ("TOO_LONG", "input.tags")),
        (json!(["ß".repeat(51)]), ("TOO_LONG", "input.tags.0")),
        (json!(["a", "b", "c", " "]), ("REQUIRED", "input.tags.3")),
        (json!(["a", "\u{7}"]), ("INVALID_FORMAT", "input.tags.1")),
        (json!(vec![""; 10_000]), ("TOO_LONG", "input.tags")),
    ] {
        let book = json!({ "title": "T", "author": "A", "tags": tags });
        alice.create(book).await.assert_user_errors(&[error]);
    }
    assert_eq!(app.db_count("books").await, 0);
    let longest: Vec<_> = (0..50).map(|number| format!("{number}{}", "ß".repeat(48))).collect();
    let id = add(&alice, json!(longest)).await;
    assert_eq!(alice.book(&id).await["tags"].as_array().map(Vec::len), Some(50));
    assert_eq!(counted(&alice).await.len(), 50);
}

#[tokio::test]
async fn tags_are_counted_most_used_first_and_then_by_name() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    assert_eq!(counted(&alice).await, Vec::<String>::new());
    add(&bob, json!(["bob's", "fantasy"])).await;
    add(&alice, json!(["zebra", "Apple", "fantasy"])).await;
    let first = add(&alice, json!(["Fantasy", "to \"buy\"", "a\\b"])).await;
    add(&alice, json!(["apple", "élan", "fantasy"])).await;
    add(&alice, json!(["fantasy", "Zoë", "apple"])).await;
    add(&alice, json!(null)).await;
    let expected = ["fantasy=4", "apple=3", "a\\b=1", "élan=1", "to \"buy\"=1", "zebra=1", "Zoë=1"];
    assert_eq!(counted(&alice).await, expected);
    alice.delete(&first).await.assert_ok();
    assert_eq!(counted(&alice).await, ["apple=3", "fantasy=3", "élan=1", "zebra=1", "Zoë=1"]);
    assert_eq!(counted(&bob).await, ["bob's=1", "fantasy=1"]);
    alice.delete_account(PASSWORD).await.assert_ok();
    assert_eq!(app.db_count("books").await, 1);
}

#[tokio::test]
async fn books_are_filtered_by_a_tag_without_case() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    add(&bob, json!(["to buy"])).await;
    add(&alice, json!(["to buy", "Sci-Fi"])).await;
    add(&alice, json!(["To Buy"])).await;
    add(&alice, json!(["buy", "Straße", "100%_"])).await;
    add(&alice, json!(null)).await;
    for (tag, number) in [
        ("to buy", 2),
        (" TO BUY\t", 2),
        ("buy", 1),
        ("to", 0),
        ("SCI-FI", 1),
        ("sci fi", 0),
        ("STRASSE", 1),
        ("100%_", 1),
        ("%", 0),
        ("nothing", 0),
        ("", 4),
        (" ", 4),
        (&"x".repeat(50), 0),
    ] {
        assert_eq!(tagged(&alice, tag).await, number, "{tag}");
    }
    let alice = alice.with_header("accept", GRAPHQL_RESPONSE);
    for wrong in ["x".repeat(51), "a\0".to_owned(), "\u{7}".to_owned()] {
        let query = "query($tag: String) { books(filter: { tag: $tag }) { totalCount } }";
        alice.run(query, json!({ "tag": wrong })).await.assert_error("BAD_USER_INPUT");
    }
}
