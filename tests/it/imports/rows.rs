//! The rows of an import as a connection, and the order of the books that they create.

use serde_json::{Value, json};

use super::{csv, library, numbered};
use crate::support::{TestApp, actions};

const PAGE: &str =
    "query($id: ID!, $first: Int, $after: String, $action: ImportAction) { importJob(id: $id) {
    rows(first: $first, after: $after, action: $action) {
        totalCount edges { cursor node { line action } }
        pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
    }
} }";

#[tokio::test]
async fn rows_are_paged_in_the_order_of_the_file() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv("Title,Author", &["A,A", ",X", "B,B", "A,A", ",X", "C,C", ",X"]);
    let job = alice.import_to_end(&file, json!({})).await;
    for (action, lines) in [
        (Value::Null, vec![2, 3, 4, 5, 6, 7, 8]),
        (json!("FAILED"), vec![3, 6, 8]),
        (json!("CREATED"), vec![2, 4, 7]),
        (json!("SKIPPED"), vec![5]),
        (json!("UPDATED"), vec![]),
    ] {
        let (mut found, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables =
                json!({ "id": job["id"], "first": 2, "after": after, "action": action });
            let page = alice.run(PAGE, variables).await.data()["rows"].clone();
            assert_eq!(page["totalCount"], lines.len(), "{action}");
            assert_eq!(page["pageInfo"]["hasPreviousPage"], !after.is_null(), "{action}");
            let edges = page["edges"].as_array().unwrap();
            found.extend(edges.iter().map(|edge| edge["node"]["line"].as_i64().unwrap()));
            let last = edges.last().map_or(Value::Null, |edge| edge["cursor"].clone());
            assert_eq!(page["pageInfo"]["endCursor"], last);
            after = last;
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(found, lines, "{action}");
    }
}

#[tokio::test]
async fn page_sizes_and_cursors_are_checked() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let job = alice.import_to_end(numbered(1), json!({})).await;
    let book_cursor = alice.ask("{ books { pageInfo { endCursor } } }").await.data();
    let book_cursor = &book_cursor["pageInfo"]["endCursor"];
    for wrong in [
        json!({ "first": 0 }),
        json!({ "first": 101 }),
        json!({ "first": -1 }),
        json!({ "after": "" }),
        json!({ "after": "x" }),
        json!({ "after": book_cursor }),
    ] {
        let mut variables = wrong;
        variables["id"] = job["id"].clone();
        alice.run(PAGE, variables).await.assert_error("BAD_USER_INPUT");
    }
}

#[tokio::test]
async fn the_books_of_a_page_of_rows_are_read_by_one_statement() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let job = alice.import_to_end(numbered(50), json!({})).await;
    app.take_statements();
    let query =
        "query($id: ID!) { importJob(id: $id) { rows(first: 50) { nodes { book { title } } } } }";
    let data = alice.run(query, json!({ "id": job["id"] })).await.data();
    assert_eq!(data["rows"]["nodes"][49]["book"]["title"], "Book 50");
    let statements = app.take_statements();
    let of_books = statements.iter().filter(|sql| sql.contains("FROM books")).count();
    assert_eq!((of_books, statements.len()), (1, 3), "{statements:#?}");
}

#[tokio::test]
async fn a_deleted_book_is_null_in_its_row() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let job = alice.import_to_end(numbered(1), json!({})).await;
    let id = job["id"].as_str().unwrap();
    let book = alice.import_rows(id).await[0]["book"]["id"].as_str().unwrap().to_owned();
    alice.delete(&book).await.assert_ok();
    let rows = alice.import_rows(id).await;
    assert_eq!((&rows[0]["book"], &rows[0]["title"]), (&Value::Null, &json!("Book 1")));
}

#[tokio::test]
async fn the_import_of_another_user_does_not_exist() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    let job = alice.import_to_end(numbered(1), json!({})).await;
    for id in [job["id"].as_str().unwrap(), "import_01h455vb4pex5vsknk084sn02q", "nonsense", ""] {
        assert_eq!(bob.import_job(id).await, Value::Null, "{id}");
        let node = bob.run("query($id: ID!) { node(id: $id) { id } }", json!({ "id": id })).await;
        assert_eq!(node.data(), Value::Null, "{id}");
    }
    app.anon().ask("{ importJob(id: \"x\") { id } }").await.assert_error("UNAUTHENTICATED");
}

#[tokio::test]
async fn books_of_one_day_are_listed_in_the_order_of_the_file() {
    let app = TestApp::start().await;
    for (name, rows, expected) in [
        ("newest", ["E,3", "D,2", "C,2", "B,2", "A,1"], ["E", "D", "C", "B", "A"]),
        ("oldest", ["A,1", "B,2", "C,2", "D,2", "E,3"], ["E", "D", "C", "B", "A"]),
        ("undated", ["A,", "B,", "C,", "D,", "E,"], ["A", "B", "C", "D", "E"]),
    ] {
        let actor = app.anon().registered(name).await;
        let rows = rows.map(|row| {
            let (title, day) = row.split_once(',').unwrap();
            let date = if day.is_empty() { String::new() } else { format!("2020-01-0{day}") };
            format!("{title},Author,{date}")
        });
        let rows = rows.each_ref().map(String::as_str);
        actor.import_to_end(csv("Title,Author,Created At", &rows), json!({})).await;
        assert_eq!(actor.titles().await, expected, "{name}");
    }
}

#[tokio::test]
async fn books_have_the_date_of_the_file_in_orders_filters_and_cursors() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Now", "author": "A" })).await;
    let rows: Vec<_> =
        (0..150).map(|day| format!("Book {day},A,20{:02}-01-01", day % 50)).collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let job = alice.import_to_end(csv("Title,Author,Created At", &rows), json!({})).await;
    assert_eq!(job["state"], "DONE");
    let books = library(&alice).await;
    assert_eq!(books.len(), 151);
    let dates: Vec<_> = books.iter().map(|book| book["createdAt"].as_str().unwrap()).collect();
    assert!(dates.is_sorted_by(|a, b| a >= b), "{dates:?}");
    let before =
        "{ books(filter: { createdBefore: \"2001-01-01T00:00:00.001Z\" }) { totalCount } }";
    assert_eq!(alice.ask(before).await.data()["totalCount"], 6, "2000 and 2001, three times");
}

#[tokio::test]
async fn a_date_added_in_the_future_is_replaced_with_a_note() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv(
        "Title,Author,Created At",
        &["Tomorrow,A,2026-03-28", "Later,A,2026-03-29", "Old,A,1969-12-31", "First,A,1970-01-01"],
    );
    let job = alice.import_to_end(&file, json!({})).await;
    let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
    assert!(actions(&rows).iter().all(|(_, action)| *action == "CREATED"));
    let noted: Vec<_> = rows.iter().map(|row| row["notes"].as_array().unwrap().len()).collect();
    assert_eq!(noted, [0, 1, 1, 0], "{rows:?}");
    let now = "2026-03-27T09:15:00.000Z";
    let books = library(&alice).await;
    let dates: Vec<_> = books.iter().map(|book| book["createdAt"].as_str().unwrap()).collect();
    assert_eq!(dates, [now, now, now, "1970-01-01T00:00:00.000Z"]);
}
