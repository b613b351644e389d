//! Imports of files: matching, reports, progress, limits and bad input.

mod bad_input;
mod events;
mod jobs;
mod limits;
mod matching;
mod progress;
mod rows;

use serde_json::{Value, json};

use crate::support::Actor;

/// A CSV file of Bookshelf with these columns and rows.
fn csv(columns: &str, rows: &[&str]) -> String {
    format!("{columns}\n{}\n", rows.join("\n"))
}

/// A CSV file with this many books that have different titles.
fn numbered(books: usize) -> String {
    let rows: String =
        (1..=books).map(|number| format!("Book {number},Author {number}\n")).collect();
    format!("Title,Author\n{rows}")
}

/// The columns that all books have in these tests.
const BOOKS: &str = "query($after: String) { books(first: 100, after: $after) {
    nodes { id title author isbn rating notes status startedOn finishedOn readCount publisher publishedYear pageCount
        tags version createdAt updatedAt }
    pageInfo { hasNextPage endCursor }
} }";

/// All books, newest first.
async fn library(actor: &Actor) -> Vec<Value> {
    let (mut books, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = actor.run(BOOKS, json!({ "after": after })).await.data();
        books.extend(page["nodes"].as_array().expect("books").iter().cloned());
        if page["pageInfo"]["hasNextPage"] == false {
            return books;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}
