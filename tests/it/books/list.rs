use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

async fn add_books(actor: &Actor, app: &TestApp, number: usize) {
    for index in 1..=number {
        actor.add_book(json!({ "title": format!("Book {index:02}"), "author": "A" })).await;
        app.advance_secs(1);
    }
}

async fn titles(actor: &Actor, arguments: &str) -> Vec<String> {
    let list = actor.ask(&format!("{{ books{arguments} {{ nodes {{ title }} }} }}")).await.data();
    let nodes = list["nodes"].as_array().unwrap();
    nodes.iter().map(|node| node["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn invalid_arguments_are_rejected() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for arguments in [
        "first: 0",
        "first: 101",
        "first: -1",
        "last: 0",
        "last: 101",
        "last: -2147483648",
        "first: 5, last: 5",
        "after: \"\"",
        "after: \"garbage\"",
        "after: \"AAAA\"",
        "before: \"////\"",
        "filter: { isbn: \"978\" }",
    ] {
        let response = alice.ask(&format!("{{ books({arguments}) {{ totalCount }} }}")).await;
        response.assert_error("BAD_USER_INPUT");
    }
    for arguments in ["page: 0", "page: -1", "perPage: 0", "perPage: 101"] {
        let response = alice.ask(&format!("{{ booksPage({arguments}) {{ total }} }}")).await;
        response.assert_error("BAD_USER_INPUT");
    }
    alice.ask("{ books(first: 100) { totalCount } }").await.assert_ok();
    alice.ask("{ books(last: 1) { totalCount } }").await.assert_ok();
    alice
        .ask("{ booksPage(page: 2147483647, perPage: 100) { total items { id } } }")
        .await
        .assert_ok();
}

#[tokio::test]
async fn a_cursor_is_rejected_for_another_order() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    add_books(&alice, &app, 2).await;
    let orders = ["CREATED_AT", "UPDATED_AT", "TITLE", "AUTHOR", "RATING"]
        .map(|field| ["ASC", "DESC"].map(|to| format!("{{ field: {field}, direction: {to} }}")));
    let orders = orders.concat();
    for order in &orders {
        let list = format!("{{ books(first: 1, orderBy: {order}) {{ edges {{ cursor }} }} }}");
        let cursor = alice.ask(&list).await.data()["edges"][0]["cursor"].clone();
        for other in &orders {
            let after =
                format!("{{ books(after: {cursor}, orderBy: {other}) {{ nodes {{ id }} }} }}");
            let response = alice.ask(&after).await;
            if order == other {
                assert_eq!(response.data()["nodes"].as_array().unwrap().len(), 1);
            } else {
                response.assert_error("BAD_USER_INPUT");
            }
        }
    }
}

#[tokio::test]
async fn books_page_returns_items_and_page_counts() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    add_books(&alice, &app, 25).await;
    let page = async |number: i32| {
        let page = format!(
            "{{ booksPage(page: {number}, perPage: 10) {{ total pages page perPage items {{ title }} }} }}"
        );
        alice.ask(&page).await.data()
    };
    for (number, size) in [(1, 10), (2, 10), (3, 5), (4, 0), (1_000_000, 0)] {
        let page = page(number).await;
        assert_eq!(page["items"].as_array().unwrap().len(), size, "{number}");
        assert_eq!(
            [&page["total"], &page["pages"], &page["page"], &page["perPage"]],
            [25, 3, number, 10]
        );
    }
    assert_eq!(page(1).await["items"][0]["title"], "Book 25");
    assert_eq!(page(3).await["items"][4]["title"], "Book 01");
    let default = alice.ask("{ booksPage { page perPage pages items { title } } }").await.data();
    assert_eq!(default["items"].as_array().unwrap().len(), 20);
    assert_eq!([&default["page"], &default["perPage"], &default["pages"]], [1, 20, 2]);
    let empty = "{ booksPage(filter: { search: \"nothing\" }) { total pages items { id } } }";
    assert_eq!(alice.ask(empty).await.data(), json!({ "total": 0, "pages": 0, "items": [] }));
}

#[tokio::test]
async fn a_connection_pages_both_ways_with_exact_page_info() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    add_books(&alice, &app, 5).await;
    let walk = "query($first: Int, $after: String, $last: Int, $before: String) {
        books(first: $first, after: $after, last: $last, before: $before) {
            totalCount nodes { title }
            pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        }
    }";
    let part = async |variables: Value| {
        let list = alice.run(walk, variables).await.data();
        assert_eq!(list["totalCount"], 5);
        let titles: Vec<_> =
            list["nodes"].as_array().unwrap().iter().map(|node| node["title"].clone()).collect();
        let info = list["pageInfo"].clone();
        let facts = (info["hasPreviousPage"] == true, info["hasNextPage"] == true);
        (json!(titles), facts, info["startCursor"].clone(), info["endCursor"].clone())
    };
    let (titles, facts, _, end) = part(json!({ "first": 2 })).await;
    assert_eq!((titles, facts), (json!(["Book 05", "Book 04"]), (false, true)));
    let (titles, facts, start, end) = part(json!({ "first": 2, "after": end })).await;
    assert_eq!((titles, facts), (json!(["Book 03", "Book 02"]), (true, true)));
    let (titles, facts, _, last) = part(json!({ "first": 2, "after": end })).await;
    assert_eq!((titles, facts), (json!(["Book 01"]), (true, false)));
    let (titles, facts, none, _) = part(json!({ "first": 2, "after": last })).await;
    assert_eq!((titles, facts, none), (json!([]), (true, false), json!(null)));

    let (titles, facts, ..) = part(json!({ "last": 2, "before": start })).await;
    assert_eq!((titles, facts), (json!(["Book 05", "Book 04"]), (false, true)));
    let (titles, facts, from, _) = part(json!({ "last": 2 })).await;
    assert_eq!((titles, facts), (json!(["Book 02", "Book 01"]), (true, false)));
    let (titles, facts, ..) = part(json!({ "last": 1, "before": from })).await;
    assert_eq!((titles, facts), (json!(["Book 03"]), (true, true)));
    let (titles, facts, ..) = part(json!({ "first": 9, "after": start, "before": last })).await;
    assert_eq!((titles, facts), (json!(["Book 02"]), (true, true)));
}

#[tokio::test]
async fn a_cursor_stays_valid_after_its_book_is_deleted() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    add_books(&alice, &app, 3).await;
    let list = alice.ask("{ books(first: 2) { edges { cursor node { id } } } }").await.data();
    let second = &list["edges"][1];
    alice.delete(second["node"]["id"].as_str().unwrap()).await.assert_ok();
    assert_eq!(titles(&alice, &format!("(after: {})", second["cursor"])).await, ["Book 01"]);
    assert_eq!(titles(&alice, &format!("(before: {})", second["cursor"])).await, ["Book 03"]);
}

#[tokio::test]
async fn every_order_sorts_the_books() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (title, author, rating) in [
        ("émile", "Rousseau", json!(3)),
        ("Dune", "herbert", json!(null)),
        ("ZEN", "Pirsig", json!(5)),
        ("anna", "Tolstoy", json!(null)),
        ("Emma", "AUSTEN", json!(1)),
    ] {
        alice.add_book(json!({ "title": title, "author": author, "rating": rating })).await;
        app.advance_secs(1);
    }
    let ordered = async |order: &str| titles(&alice, &format!("(orderBy: {{ {order} }})")).await;
    assert_eq!(ordered("").await, ["Emma", "anna", "ZEN", "Dune", "émile"]);
    assert_eq!(ordered("direction: ASC").await, ["émile", "Dune", "ZEN", "anna", "Emma"]);
    assert_eq!(
        ordered("field: TITLE, direction: ASC").await,
        ["anna", "Dune", "émile", "Emma", "ZEN"]
    );
    assert_eq!(ordered("field: TITLE").await, ["ZEN", "Emma", "émile", "Dune", "anna"]);
    assert_eq!(
        ordered("field: AUTHOR, direction: ASC").await,
        ["Emma", "Dune", "ZEN", "émile", "anna"]
    );
    assert_eq!(ordered("field: RATING").await, ["ZEN", "émile", "Emma", "anna", "Dune"]);
    assert_eq!(
        ordered("field: RATING, direction: ASC").await,
        ["Emma", "émile", "ZEN", "Dune", "anna"],
        "unrated books come last both ways"
    );
    let oldest = alice.ask("{ books(last: 1) { nodes { id } } }").await.data();
    let oldest = oldest["nodes"][0]["id"].as_str().unwrap();
    alice.update(oldest, json!({ "notes": "read again" })).await.assert_ok();
    assert_eq!(ordered("field: UPDATED_AT").await[0], "émile");
    assert_eq!(ordered("field: UPDATED_AT, direction: ASC").await[4], "émile");
}

/// Books in the order of their titles, which they are added in another order.
async fn assert_sorted_by_title(app: &TestApp, sorted: &[&str]) {
    let alice = app.alice().await;
    for title in sorted.iter().rev() {
        alice.add_book(json!({ "title": title, "author": title })).await;
    }
    for field in ["TITLE", "AUTHOR"] {
        let order = format!("(orderBy: {{ field: {field}, direction: ASC }})");
        assert_eq!(titles(&alice, &order).await, sorted, "{field}");
    }
}

#[tokio::test]
async fn titles_are_sorted_without_accents() {
    let sorted = ["Adoum", "Álvarez", "Élan", "Emma", "Zola"];
    assert_sorted_by_title(&TestApp::start().await, &sorted).await;
    if let Some(app) = TestApp::start_on_postgres_with_icu().await {
        assert_sorted_by_title(&app, &sorted).await;
    }
}

#[tokio::test]
async fn titles_of_all_scripts_have_the_same_order_on_every_database() {
    let sorted = [
        "\"Zen\"",
        "«zen» 2",
        "100 % Wolle",
        "1984",
        "Catch-22",
        "Catch Me",
        "Łódź",
        "lot",
        "Ωmega",
        "Анна",
        "Ёлка",
        "Жизнь",
        "שָׁלוֹם",
        "जीवन",
        "がん",
        "百年の孤独",
        "한국",
        "\u{1F4DA} Books",
    ];
    assert_sorted_by_title(&TestApp::start().await, &sorted).await;
    if let Some(app) = TestApp::start_on_postgres_with_icu().await {
        assert_sorted_by_title(&app, &sorted).await;
    }
}
