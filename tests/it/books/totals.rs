use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::support::{Actor, PASSWORD, TestApp};

/// An action of one of several concurrent clients.
#[derive(Clone, Debug)]
enum Action {
    Add,
    /// Adds a book with one of a few ISBNs, which the library may already have.
    AddWithIsbn(usize),
    /// Adds a book with one of a few idempotency keys, which repeats an earlier creation.
    Repeat(u8),
    /// Gives a status and a tag to one of the books that the client has added.
    Read(prop::sample::Index, Option<usize>),
    /// Deletes one of the books that the client has added; it may already be deleted.
    Remove(prop::sample::Index),
}

const STATUSES: [&str; 4] = ["WANT_TO_READ", "READING", "READ", "DID_NOT_FINISH"];

const ISBNS: [&str; 3] = ["9780441172719", "9780135957059", "9780140449136"];

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => Just(Action::Add),
        2 => (0..ISBNS.len()).prop_map(Action::AddWithIsbn),
        2 => (0..3u8).prop_map(Action::Repeat),
        3 => (any::<prop::sample::Index>(), prop::option::of(0..STATUSES.len()))
            .prop_map(|(which, status)| Action::Read(which, status)),
        3 => any::<prop::sample::Index>().prop_map(Action::Remove),
    ]
}

async fn perform(actor: &Actor, actions: &[Action]) {
    let mut added: Vec<String> = Vec::new();
    for action in actions {
        let response = match action {
            Action::Add => actor.create(json!({ "title": "T", "author": "A" })).await,
            Action::AddWithIsbn(number) => {
                actor.create(json!({ "title": "T", "author": "A", "isbn": ISBNS[*number] })).await
            }
            Action::Repeat(key) => {
                let input = json!({ "title": "T", "author": "A" });
                actor.create_once(input, &key.to_string()).await
            }
            Action::Read(which, status) => {
                if !added.is_empty() {
                    let status = status.map(|number| STATUSES[number]);
                    let tags: Vec<_> = status.into_iter().chain(["all"]).collect();
                    let input = json!({ "status": status, "tags": tags });
                    let id: &String = which.get(&added);
                    let response = actor.update(id, input).await;
                    if response.has_user_errors() {
                        response.assert_user_errors(&[("NOT_FOUND", "id")]);
                    }
                }
                continue;
            }
            Action::Remove(which) => {
                if !added.is_empty() {
                    let id: &String = which.get(&added);
                    let response = actor.delete(id).await;
                    if response.has_user_errors() {
                        response.assert_user_errors(&[("NOT_FOUND", "id")]);
                    }
                }
                continue;
            }
        };
        if response.has_user_errors() {
            response.assert_user_errors(&[("DUPLICATE_ISBN", "input.isbn")]);
        } else {
            added.push(response.payload()["book"]["id"].as_str().expect("an id").to_owned());
        }
    }
}

/// The total number of books, from each field that reports it.
async fn reported_totals(actor: &Actor) -> [i64; 5] {
    let sizes = [
        "{ books(first: 1) { nodes { id } totalCount } }",
        "{ books(last: 1) { totalCount } }",
        "{ booksPage(perPage: 1) { total } }",
        "{ booksPage(perPage: 1) { total: pages } }",
        "{ stats { total } }",
    ];
    let mut totals = [0; 5];
    for (size, query) in totals.iter_mut().zip(sizes) {
        let list = actor.ask(query).await.data();
        let number = if list["total"].is_null() { &list["totalCount"] } else { &list["total"] };
        *size = number.as_i64().expect("a number");
    }
    totals
}

/// How many books have each status, or none, by the statistics, and by the tags that have its name.
async fn counts_by_status(actor: &Actor) -> [Vec<i64>; 2] {
    let stats = actor.ask("{ stats { byStatus { status count } } }").await.data();
    let tags = actor.ask("{ tags { name bookCount } }").await.data();
    let tags = tags.as_array().expect("tags");
    let by_status = stats["byStatus"].as_array().expect("counts");
    let counts = by_status.iter().map(|row| row["count"].as_i64().expect("a number")).collect();
    let tagged = STATUSES.map(|status| {
        let tag = tags.iter().find(|tag| tag["name"] == status);
        tag.map_or(0, |tag| tag["bookCount"].as_i64().expect("a number"))
    });
    [counts, tagged.to_vec()]
}

#[test]
fn stored_counts_match_the_books_after_concurrent_changes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(TestApp::start());
    let number = std::cell::Cell::new(0);
    let actions = prop::collection::vec(prop::collection::vec(action(), 1..8), 1..5);
    TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() })
        .run(&actions, |actions| {
            number.set(number.get() + 1);
            runtime.block_on(async {
                let actor = app.anon().registered(&format!("user-{}", number.get())).await;
                join_all(actions.iter().map(|actions| perform(&actor, actions))).await;
                let counted = app
                    .db_count(
                        "books WHERE owner_id = (SELECT id FROM users ORDER BY id DESC LIMIT 1)",
                    )
                    .await;
                prop_assert_eq!(reported_totals(&actor).await, [counted; 5]);
                let wrong = "libraries l WHERE l.book_count \
                            <> (SELECT count(*) FROM books b WHERE b.owner_id = l.owner_id)";
                prop_assert_eq!(app.db_count(wrong).await, 0);
                let [by_status, tagged] = counts_by_status(&actor).await;
                prop_assert_eq!(&by_status[..4], &tagged[..]);
                prop_assert_eq!(by_status.iter().sum::<i64>(), counted);
                Ok(())
            })
        })
        .unwrap();
}

#[tokio::test]
async fn library_sizes_are_deleted_with_the_account() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    for actor in [&alice, &alice, &bob] {
        actor.add_book(json!({ "title": "T", "author": "A" })).await;
    }
    assert_eq!(app.db_count("libraries").await, 2);
    alice.delete_account(PASSWORD).await.assert_ok();
    assert_eq!(app.db_count("libraries").await, 1);
    assert_eq!(reported_totals(&bob).await, [1; 5]);
}

#[tokio::test]
async fn total_counts_are_exact_for_empty_libraries_and_pages() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    assert_eq!(reported_totals(&alice).await, [0; 5]);
    let id = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    assert_eq!(reported_totals(&alice).await, [1; 5]);
    alice.delete(&id).await.assert_ok();
    assert_eq!(reported_totals(&alice).await, [0; 5]);
    // An empty page has no row that could carry the total.
    alice.add_book(json!({ "title": "T", "author": "A" })).await;
    let list = alice.ask("{ books { edges { cursor } } }").await.data();
    let after = &list["edges"][0]["cursor"];
    let list = format!("{{ books(after: {after}) {{ nodes {{ id }} totalCount }} }}");
    assert_eq!(alice.ask(&list).await.data(), json!({ "nodes": [], "totalCount": 1 }));
}
