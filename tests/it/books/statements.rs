//! The number of SQL statements per request, and the indexes that serve them.

use serde_json::json;

use crate::support::{Actor, TestApp};

async fn warm(app: &TestApp, books: usize) -> Actor {
    let alice = app.alice().await;
    for number in 0..books {
        alice.add_book(json!({ "title": format!("Book {number}"), "author": "A" })).await;
    }
    app.take_statements();
    alice
}

#[tokio::test]
async fn fifty_books_with_their_owners_and_the_total_take_one_statement() {
    let app = TestApp::start().await;
    let alice = warm(&app, 50).await;
    let list =
        alice.ask("{ books(first: 50) { nodes { owner { username } } totalCount } }").await.data();
    assert_eq!(list["nodes"].as_array().unwrap().len(), 50);
    let statements = app.take_statements();
    assert_eq!(statements.len(), 1, "{statements:#?}");
}

#[tokio::test]
async fn only_selected_data_is_queried() {
    let app = TestApp::start().await;
    let alice = warm(&app, 3).await;
    let id = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    app.take_statements();
    for (query, statements) in [
        ("{ books { nodes { id title } totalCount } }".to_owned(), 1),
        (
            "{ books { totalCount ...F } } fragment F on BookConnection { nodes { id } }"
                .to_owned(),
            1,
        ),
        ("{ books(filter: { search: \"T\" }) { nodes { id } totalCount } }".to_owned(), 2),
        ("{ viewer { id } }".to_owned(), 0),
        ("{ books { nodes { id owner { id } } } }".to_owned(), 1),
        (
            "{ books { nodes { id title } pageInfo { hasNextPage hasPreviousPage endCursor } } }"
                .to_owned(),
            1,
        ),
        ("{ booksPage { items { id } } }".to_owned(), 1),
        ("{ booksPage { items { id } total pages } }".to_owned(), 2),
        (format!("{{ book(id: \"{id}\") {{ id title }} }}"), 1),
        (format!("{{ a: book(id: \"{id}\") {{ id }} b: book(id: \"{id}\") {{ title }} }}"), 1),
        ("{ viewer { books { nodes { id owner { username } } } } }".to_owned(), 1),
        ("{ books(filter: { search: \"T\" }) { nodes { owner { email } } } }".to_owned(), 1),
        ("{ viewer { id username } }".to_owned(), 1),
    ] {
        let response = alice.ask(&query).await;
        response.assert_ok();
        let taken = app.take_statements();
        assert_eq!(taken.len(), statements, "{query}: {taken:#?}");
    }
}

#[tokio::test]
async fn each_write_takes_one_statement() {
    let app = TestApp::start().await;
    let alice = warm(&app, 1).await;
    let id = alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    assert_eq!(app.take_statements().len(), 1);
    alice.update(&id, json!({ "rating": 5 })).await.assert_ok();
    assert_eq!(app.take_statements().len(), 1);
    alice.delete(&id).await.assert_ok();
    assert_eq!(app.take_statements().len(), 1);
}

#[tokio::test]
async fn every_order_is_served_by_an_index() {
    let app = TestApp::start().await;
    let alice = warm(&app, 3).await;
    for field in ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"] {
        for direction in ["ASC", "DESC"] {
            let order = format!("orderBy: {{ field: {field}, direction: {direction} }}");
            let list = format!("{{ books(first: 1, {order}) {{ edges {{ cursor }} }} }}");
            let cursor = alice.ask(&list).await.data()["edges"][0]["cursor"].clone();
            app.take_statements();
            for part in ["first: 2", "last: 2"] {
                let list =
                    format!("{{ books({part}, after: {cursor}, {order}) {{ nodes {{ id }} }} }}");
                alice.ask(&list).await.assert_ok();
            }
            let statements = app.take_statements();
            assert_eq!(statements.len(), 2, "{statements:#?}");
            for statement in statements {
                assert_sorted_by_index(&app, &statement).await;
            }
        }
    }
}

/// Asserts by the query plan that an index serves the order of a statement.
async fn assert_sorted_by_index(app: &TestApp, statement: &str) {
    let uuid = "00000000-0000-7000-8000-000000000000";
    let key = match statement {
        sql if sql.contains("(title_folded, ") || sql.contains("(author_folded, ") => "'x'",
        _ => "1",
    };
    if app.database.is_postgres() {
        // The planner settings of the server's connections; the plan is independent of parameters.
        let settings = [
            "SET plan_cache_mode = force_generic_plan",
            "SET enable_seqscan = off",
            "SET enable_bitmapscan = off",
            &format!("PREPARE page AS {statement}"),
        ];
        let explain = format!("EXPLAIN EXECUTE page ('{uuid}', {key}, '{uuid}', 3)");
        let plan = app.database.plan(&settings, &explain).await;
        assert!(
            plan.contains("Index Scan") || plan.contains("Index Only Scan"),
            "{statement}\n{plan}"
        );
        assert!(!plan.contains("Sort") && !plan.contains("Filter"), "{statement}\n{plan}");
    } else {
        let rows =
            app.database.rows(&format!("EXPLAIN QUERY PLAN {}", statement.replace('?', "1"))).await;
        let plan: Vec<String> =
            rows.iter().map(|row| row.try_get_by("detail").expect("a detail")).collect();
        let plan = plan.join("\n");
        assert!(plan.contains("INDEX books_by_"), "{statement}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{statement}\n{plan}");
    }
}
