//! Property test: paging returns each book once, for any books in any order.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

/// A book with few distinct values, so that sort keys are often equal or null.
#[derive(Clone, Debug)]
struct Sample {
    title: &'static str,
    author: &'static str,
    rating: Option<i32>,
    /// Whether time passes before the next book is added.
    later: bool,
}

fn library() -> impl Strategy<Value = Vec<Sample>> {
    let title = prop::sample::select(vec!["Dune", "dune", "Emma", "Émile", "Zen"]);
    let author = prop::sample::select(vec!["A", "a", "B"]);
    let rating = prop::option::of(1..=5);
    let sample = (title, author, rating, any::<bool>())
        .prop_map(|(title, author, rating, later)| Sample { title, author, rating, later });
    prop::collection::vec(sample, 0..14)
}

#[test]
fn paging_in_every_order_returns_every_book_once() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let app = runtime.block_on(TestApp::start());
    let mut runner =
        TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&(library(), 1usize..6), |(samples, size)| {
        number.set(number.get() + 1);
        runtime.block_on(async {
            let actor = app.anon().registered(&format!("reader-{}", number.get())).await;
            fill(&app, &actor, &samples).await;
            walk_all(&actor, samples.len(), size).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn fill(app: &TestApp, actor: &Actor, samples: &[Sample]) {
    let mut ids = Vec::new();
    for sample in samples {
        let book =
            json!({ "title": sample.title, "author": sample.author, "rating": sample.rating });
        ids.push(actor.add_book(book).await);
        if sample.later {
            app.advance_secs(1);
        }
    }
    // Some books are updated, so that `updatedAt` has a different order.
    for id in ids.iter().step_by(3) {
        actor.update(id, json!({ "notes": "changed" })).await.assert_ok();
    }
}

async fn walk_all(actor: &Actor, number: usize, size: usize) {
    for field in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for direction in ["ASC", "DESC"] {
            let order = json!({ "field": field, "direction": direction });
            let forwards = walk(actor, &order, size, true).await;
            let backwards = walk(actor, &order, size, false).await;
            assert_eq!(forwards, backwards, "{order}");
            let mut distinct = forwards.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!((forwards.len(), distinct.len()), (number, number), "{order}");
        }
    }
}

/// The ids of a list in its order, paged from the front or from the back.
async fn walk(actor: &Actor, order: &Value, size: usize, forwards: bool) -> Vec<String> {
    let query =
        "query($first: Int, $after: String, $last: Int, $before: String, $order: BookOrder) {
        books(first: $first, after: $after, last: $last, before: $before, orderBy: $order) {
            nodes { id }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }";
    let mut seen = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let variables = if forwards {
            json!({ "order": order, "first": size, "after": cursor })
        } else {
            json!({ "order": order, "last": size, "before": cursor })
        };
        let part = actor.run(query, variables).await.data();
        let ids: Vec<String> = part["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        let info = &part["pageInfo"];
        let (more, behind) = if forwards {
            (&info["hasNextPage"], &info["hasPreviousPage"])
        } else {
            (&info["hasPreviousPage"], &info["hasNextPage"])
        };
        assert_eq!(*behind, json!(!seen.is_empty()), "{order}");
        if forwards {
            seen.extend(ids);
            cursor = info["endCursor"].clone();
        } else {
            seen.splice(0..0, ids);
            cursor = info["startCursor"].clone();
        }
        if *more == json!(false) {
            return seen;
        }
    }
}

#[tokio::test]
async fn two_cursors_return_the_books_between_them_in_every_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let ratings = [Some(5), None, Some(3), None, Some(1)];
    let samples = ratings.map(|rating| Sample {
        title: "Dune",
        author: "A",
        rating,
        later: rating.is_some(),
    });
    fill(&app, &alice, &samples).await;
    let query = "query($after: String, $before: String, $order: BookOrder, $filter: BookFilter) {
        books(after: $after, before: $before, orderBy: $order, filter: $filter) {
            edges { cursor node { id } } totalCount
        }
    }";
    for field in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for (direction, filter) in
            [("ASC", json!({})), ("DESC", json!({})), ("ASC", json!({ "search": "dune" }))]
        {
            let order = json!({ "field": field, "direction": direction });
            let list = async |after: &Value, before: &Value| {
                let variables = json!({
                    "after": after, "before": before, "order": order, "filter": filter
                });
                let list = alice.run(query, variables).await.data();
                assert_eq!(list["totalCount"], 5);
                list["edges"].as_array().expect("edges").clone()
            };
            let all = list(&Value::Null, &Value::Null).await;
            for (i, after) in all.iter().enumerate() {
                for (j, before) in all.iter().enumerate() {
                    let between = list(&after["cursor"], &before["cursor"]).await;
                    let expected = all.get(i + 1..j).unwrap_or_default();
                    assert_eq!(between, expected, "{order} {filter} {i} {j}");
                }
            }
        }
    }
}
