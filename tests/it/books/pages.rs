//! Numbered pages far from the front of a list, and pages of searches.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

/// More than twice the number of books up to which a page is near the front.
const BOOKS: usize = 2_300;

/// A library of [`BOOKS`] books with many equal titles and ratings.
async fn large_library(app: &TestApp) -> Actor {
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Emma", "author": "A" })).await;
    let id = if app.database.is_postgres() {
        "('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid"
    } else {
        "unhex('01900000000070008000' || printf('%012x', n))"
    };
    app.database
        .execute(&format!(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {BOOKS} - 1)
             INSERT INTO books (owner_id, id, title, title_folded, author, author_folded, rating, bytes, version,
                 updated_at)
             SELECT owner_id, {id}, 'T' || (n * 7919 % 1000), 't' || (n * 7919 % 1000), 'A', 'a',
                 CASE WHEN n % 7 < 5 THEN n % 7 + 1 END, 5, 1, n * 31 % 1009
             FROM books, numbers"
        ))
        .await;
    if app.database.is_postgres() {
        app.database.execute(&format!("UPDATE libraries SET book_count = {BOOKS}")).await;
    }
    alice
}

fn ids(books: &Value) -> Vec<String> {
    let books = books.as_array().expect("books").iter();
    books.map(|book| book["id"].as_str().expect("an id").to_owned()).collect()
}

/// The ids of all books of a list, read by cursor.
async fn walk(actor: &Actor, list: &str, size: usize) -> Vec<String> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = actor
            .ask(&format!(
                "{{ books(first: {size}, after: {after}, {list}) {{
                    nodes {{ id }} pageInfo {{ endCursor hasNextPage }} }} }}"
            ))
            .await
            .data();
        all.extend(ids(&page["nodes"]));
        if page["pageInfo"]["hasNextPage"] == false {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test]
async fn pages_far_from_both_ends_have_the_books_at_their_place() {
    let app = TestApp::start().await;
    let alice = large_library(&app).await;
    for field in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("orderBy: {{ field: {field}, direction: {direction} }}");
            let all = walk(&alice, &order, 100).await;
            assert_eq!(all.len(), BOOKS, "{order}");
            // Near the front, then nearer to the front, then nearer to the end, then near the end.
            for page in [1, 34, 35, 38, 39, 42, 65, 76, 77, 78] {
                let query = format!(
                    "{{ booksPage(page: {page}, perPage: 30, {order}) {{ items {{ id }} total }} }}"
                );
                let response = alice.ask(&query).await.data();
                let expected: Vec<_> = all.iter().skip((page - 1) * 30).take(30).collect();
                let items = ids(&response["items"]);
                assert_eq!(items.iter().collect::<Vec<_>>(), expected, "{query}");
                assert_eq!(response["total"], BOOKS, "{query}");
            }
        }
    }
}

#[tokio::test]
async fn a_far_page_skips_the_books_before_or_after_it_whichever_are_fewer() {
    let app = TestApp::start().await;
    let alice = large_library(&app).await;
    for (page, skipped) in [(34, 990), (35, 1_020), (38, 1_110), (50, 800), (77, 0)] {
        app.take_statements();
        let query = format!("{{ booksPage(page: {page}, perPage: 30) {{ items {{ id }} }} }}");
        alice.ask(&query).await.assert_ok();
        let statements = app.take_statements();
        let pages: Vec<_> = statements.iter().filter(|sql| sql.contains(" FROM books ")).collect();
        let newest_first =
            pages[0].contains("DESC LIMIT ?") || pages[0].contains("id DESC LIMIT $");
        assert_eq!((pages.len(), newest_first), (1, page < 50), "{page} {skipped}: {pages:#?}");
    }
}

#[tokio::test]
async fn each_page_of_a_search_has_the_total() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for number in 0..20 {
        let rating = (number % 6 > 0).then_some(number % 6);
        let title = format!("{} {}", ["Emma", "Dune"][number % 2], number / 4);
        alice.add_book(json!({ "title": title, "author": "A", "rating": rating })).await;
    }
    for field in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for direction in ["ASC", "DESC"] {
            let list = format!(
                "filter: {{ search: \"emma\" }}, orderBy: {{ field: {field}, direction: {direction} }}"
            );
            // Without totals.
            let all = walk(&alice, &list, 3).await;
            assert_eq!(all.len(), 10, "{list}");
            let (mut after, mut seen) = (Value::Null, Vec::new());
            while seen.len() < all.len() {
                let query = format!(
                    "{{ books(first: 4, after: {after}, {list}) {{
                        nodes {{ id owner {{ username }} }} totalCount pageInfo {{ endCursor }} }} }}"
                );
                let page = alice.ask(&query).await.data();
                assert_eq!(page["totalCount"], 10, "{query}");
                assert_eq!(page["nodes"][0]["owner"]["username"], "alice", "{query}");
                seen.extend(ids(&page["nodes"]));
                after = page["pageInfo"]["endCursor"].clone();
            }
            assert_eq!(seen, all, "{list}");
            let past = format!(
                "{{ books(first: 4, after: {after}, {list}) {{ nodes {{ id }} totalCount }} }}"
            );
            assert_eq!(alice.ask(&past).await.data(), json!({ "nodes": [], "totalCount": 10 }));
            let last = format!("{{ books(last: 3, {list}) {{ nodes {{ id }} totalCount }} }}");
            let last = alice.ask(&last).await.data();
            assert_eq!((ids(&last["nodes"]), &last["totalCount"]), (all[7..].to_vec(), &json!(10)));
            for (page, range) in [(1, 0..4), (2, 4..8), (3, 8..10), (4, 10..10)] {
                let query = format!(
                    "{{ booksPage(page: {page}, perPage: 4, {list}) {{ items {{ id }} total pages }} }}"
                );
                let page = alice.ask(&query).await.data();
                assert_eq!(ids(&page["items"]), all[range], "{query}");
                assert_eq!([&page["total"], &page["pages"]], [10, 3], "{query}");
            }
        }
    }
}
