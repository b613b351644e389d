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
        ("{ books(filter: { search: \"T\" }) { nodes { id } totalCount } }".to_owned(), 1),
        ("{ books(filter: { search: \"no\" }) { nodes { id } totalCount } }".to_owned(), 1),
        ("{ booksPage(filter: { search: \"T\" }) { items { id } total } }".to_owned(), 1),
        ("{ booksPage(filter: { search: \"no\" }) { items { id } total } }".to_owned(), 1),
        ("{ books(filter: { unrated: true }) { nodes { id } totalCount } }".to_owned(), 2),
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
        ("{ books(first: 100) { nodes { title tags } } }".to_owned(), 1),
        ("{ booksPage { items { tags status } } }".to_owned(), 1),
        (format!("{{ nodes(ids: [\"{id}\"]) {{ ... on Book {{ tags }} }} }}"), 1),
        ("{ tags { name bookCount } }".to_owned(), 1),
        ("{ stats { total byStatus { count } byMonth { count } } }".to_owned(), 1),
        ("{ stats(year: 2026) { read pagesRead averageRating } }".to_owned(), 1),
    ] {
        let response = alice.ask(&query).await;
        response.assert_ok();
        let taken = app.take_statements();
        assert_eq!(taken.len(), statements, "{query}: {taken:#?}");
    }
}

/// The notes of a book may be long.
#[tokio::test]
async fn only_the_selected_columns_of_a_book_are_read() {
    let app = TestApp::start().await;
    let alice = warm(&app, 0).await;
    let id = alice.add_book(json!({ "title": "T", "author": "A", "notes": "N" })).await;
    let book = |fields: &str| format!("book(id: \"{id}\") {{ {fields} }}");
    app.take_statements();
    for (query, notes) in [
        (format!("{{ {} }}", book("id title createdAt owner { id }")), false),
        (format!("{{ {} }}", book("id notes")), true),
        (format!("{{ {} }}", book("... on Node { ... on Book { notes } }")), true),
        (format!("{{ a: {} b: {} }}", book("title"), book("notes author")), true),
        (format!("{{ node(id: \"{id}\") {{ ... on Book {{ notes title }} }} }}"), true),
    ] {
        alice.ask(&query).await.assert_ok();
        let statements = app.take_statements();
        assert_eq!(statements.len(), 1, "{query}: {statements:#?}");
        assert_eq!(statements[0].contains("notes"), notes, "{query}: {statements:#?}");
    }
    let query = format!("{{ a: {} b: {} }}", book("title"), book("notes author"));
    let books = alice.ask(&query).await.json()["data"].clone();
    assert_eq!(books, json!({ "a": { "title": "T" }, "b": { "notes": "N", "author": "A" } }));
}

/// A field may be resolved after another has read fewer columns of the same book.
#[tokio::test]
async fn a_book_is_read_again_for_more_columns() {
    let app = TestApp::start().await;
    let alice = warm(&app, 0).await;
    let job = alice.import_to_end("Title,Author,Notes\nT,A,N\n".to_owned(), json!({})).await["id"]
        .clone();
    let id = alice.ask("{ books { nodes { id } } }").await.data()["nodes"][0]["id"].clone();
    app.take_statements();
    let query = format!(
        "{{ book(id: {id}) {{ title }} importJob(id: {job}) {{ rows {{ nodes {{ book {{ notes author }} }} }} }} }}"
    );
    let data = alice.ask(&query).await.json()["data"].clone();
    assert_eq!(data["book"], json!({ "title": "T" }));
    let row = &data["importJob"]["rows"]["nodes"][0];
    assert_eq!(row["book"], json!({ "notes": "N", "author": "A" }));
    let reads = app.take_statements();
    let reads = reads.iter().filter(|statement| statement.contains("FROM books")).count();
    assert_eq!(reads, 2);
}

/// An import reads the keys of all books that its rows may mean, and the values of those that they mean.
#[tokio::test]
async fn the_books_that_an_import_may_mean_are_found_by_indexes() {
    let app = TestApp::start().await;
    let alice = warm(&app, 3).await;
    // In a small library, PostgreSQL compares all books.
    let rows: String = (0..3_000).map(|number| format!("Book {number},A,\n")).collect();
    alice.import_to_end(format!("Title,Author,ISBN\n{rows}"), json!({})).await;
    if app.database.is_postgres() {
        app.database.execute("ANALYZE books").await;
    }
    app.take_statements();
    let file = "Title,Author,ISBN\nBook 1,A,9780441172719\nBook 9,B,\n";
    alice.import_to_end(file.to_owned(), json!({})).await;
    let (mut keys, mut values) = (0, 0);
    let is_postgres = app.database.is_postgres();
    for statement in app.take_statements() {
        let column = if statement.contains("SELECT id, isbn, title_folded") {
            keys += 1;
            if statement.contains("AND title_folded ") { "title_folded" } else { "isbn" }
        } else if statement.starts_with("SELECT") && statement.contains(", notes") {
            values += 1;
            // Of the one book that exists.
            let ids = if is_postgres { "ARRAY[$1] AS" } else { "id IN (?2)" };
            assert!(statement.contains(ids), "{statement}");
            "id"
        } else {
            continue;
        };
        let plan = app.database.plan(&statement).await;
        let finds_by_column = |line: &str| match is_postgres {
            true => line.contains("Index Cond") && line.contains(&format!("({column} = ")),
            false => line.contains(&format!("(owner_id=? AND {column}=?)")),
        };
        assert!(plan.lines().any(finds_by_column), "{statement}\n{plan}");
    }
    assert_eq!((keys, values), (2, 1));
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
            let page =
                format!("{{ booksPage(page: 2, perPage: 1, {order}) {{ items {{ id }} }} }}");
            alice.ask(&page).await.assert_ok();
            let statements = app.take_statements();
            assert_eq!(statements.len(), 1, "{statements:#?}");
            // Without statistics, PostgreSQL joins the two parts of a list by rating in another way.
            if field != "RATING" || !app.database.is_postgres() {
                assert_sorted_by_index(&app, &statements[0]).await;
            }
            let plan = app.database.plan(&statements[0]).await;
            // Reads no more books than those of the page.
            let reads_all =
                |line: &str| line.contains(" USING INDEX ") && line.ends_with("(owner_id=?)");
            assert!(!plan.lines().any(reads_all), "{plan}");
        }
    }
}

/// Asserts by the query plan that an index serves the order of a statement.
async fn assert_sorted_by_index(app: &TestApp, statement: &str) {
    let plan = app.database.plan(statement).await;
    // A list by rating has two parts, each with an index: the database sorts what a page needs of them.
    let parts = statement.matches(" FROM books ").count();
    let (index, sort) =
        if app.database.is_postgres() { ("Index", "Sort  (") } else { ("INDEX", "TEMP B-TREE") };
    assert!(plan.contains(index), "{statement}\n{plan}");
    assert!(!plan.contains("Filter") && !plan.contains("SCAN books"), "{statement}\n{plan}");
    assert!(!plan.contains(sort) || parts > 1, "{statement}\n{plan}");
    if parts > 1 && app.database.is_postgres() {
        assert_eq!(plan.matches("Limit").count(), parts, "{statement}\n{plan}");
    }
}

#[tokio::test]
async fn columns_that_are_not_selected_are_not_read() {
    let app = TestApp::start().await;
    let alice = warm(&app, 1).await;
    let columns = ["tags", "status", "started_on", "finished_on", "read_count", "page_count"];
    for (selection, read) in [
        ("title rating", &[][..]),
        ("tags", &["tags"][..]),
        ("status finishedOn", &["status", "finished_on"][..]),
    ] {
        alice.ask(&format!("{{ books {{ nodes {{ {selection} }} }} }}")).await.assert_ok();
        let statement = app.take_statements().concat();
        let found: Vec<_> = columns.into_iter().filter(|name| statement.contains(name)).collect();
        assert_eq!(found, read, "{statement}");
    }
}

#[tokio::test]
async fn statistics_are_read_from_an_index_alone() {
    let app = TestApp::start().await;
    let alice = warm(&app, 3).await;
    alice.ask("{ stats { total } }").await.assert_ok();
    let statement = app.take_statements().concat();
    let plan = app.database.plan(&statement).await;
    let index = match app.database.is_postgres() {
        true => "Index Only Scan using books_by_reading",
        false => "COVERING INDEX books_by_reading",
    };
    assert!(plan.contains(index), "{statement}\n{plan}");
}

#[tokio::test]
async fn a_statement_reads_one_partition_of_the_books() {
    let Some(app) = TestApp::start_on_partitions().await else { return };
    let alice = warm(&app, 3).await;
    let id = alice.add_book(json!({ "title": "T", "author": "A", "isbn": "9780441172719" })).await;
    alice.update(&id, json!({ "rating": 5 })).await.assert_ok();
    alice.update(&id, json!({ "notes": "n".repeat(2_000) })).await.assert_ok();
    let duplicate = json!({ "title": "T", "author": "A", "isbn": "9780441172719" });
    alice.create(duplicate).await.assert_user_errors(&[("DUPLICATE_ISBN", "input.isbn")]);
    for query in [
        format!("{{ book(id: \"{id}\") {{ title }} }}"),
        "{ books { nodes { title owner { username } } totalCount } }".to_owned(),
        "{ books(orderBy: { field: RATING, direction: DESC }) { nodes { title } } }".to_owned(),
        "{ books(filter: { minRating: 4 }) { nodes { title } totalCount } }".to_owned(),
        "{ booksPage(page: 2, perPage: 2) { items { title } total } }".to_owned(),
        "{ books(filter: { status: [READ], tag: \"x\" }) { nodes { tags } } }".to_owned(),
        "{ tags { name } }".to_owned(),
        "{ stats { total } }".to_owned(),
    ] {
        alice.ask(&query).await.assert_ok();
    }
    alice.delete(&id).await.assert_ok();
    let statements = app.take_statements();
    let books: Vec<_> = statements.iter().filter(|sql| sql.contains(" books ")).collect();
    assert!(books.len() > 8, "{statements:#?}");
    for statement in books {
        let plan = app.database.plan(statement).await;
        let scans = plan.lines().filter(|line| line.contains("Scan") && line.contains(" on books"));
        let is_update = statement.contains("UPDATE books ");
        let parts = statement.matches(" FROM books ").count() + usize::from(is_update);
        assert_eq!(scans.count(), parts, "{statement}\n{plan}");
    }
    assert_eq!(app.db_count("libraries WHERE book_count = 3 AND kibibytes = 3").await, 1);
}
