//! Statistics of a library.

use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

const FIELDS: &str =
    "total read pagesRead averageRating byStatus { status count } byMonth { month count }";

async fn stats(actor: &Actor, arguments: &str) -> Value {
    let mut stats = actor.ask(&format!("{{ stats{arguments} {{ {FIELDS} }} }}")).await.data();
    let months = stats["byMonth"].as_array().expect("months").clone();
    let numbers: Vec<_> = months.iter().map(|month| month["month"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (1..=12).collect::<Vec<_>>());
    let counts: Vec<_> = months.iter().map(|month| month["count"].as_i64().unwrap()).collect();
    stats["byMonth"] = json!(counts);
    let statuses = stats["byStatus"].as_array().expect("statuses").clone();
    let names: Vec<_> = statuses.iter().map(|status| status["status"].clone()).collect();
    assert_eq!(json!(names), json!(["WANT_TO_READ", "READING", "READ", "DID_NOT_FINISH", null]));
    let counts: Vec<_> = statuses.iter().map(|status| status["count"].as_i64().unwrap()).collect();
    stats["byStatus"] = json!(counts);
    stats
}

async fn add(actor: &Actor, book: Value) {
    let mut input = json!({ "title": "T", "author": "A" });
    input.as_object_mut().unwrap().extend(book.as_object().unwrap().clone());
    actor.add_book(input).await;
}

#[tokio::test]
async fn the_statistics_of_an_empty_library_are_zero() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    add(&bob, json!({ "status": "READ", "rating": 5, "finishedOn": "2026-01-01" })).await;
    let empty = json!({
        "total": 0, "read": 0, "pagesRead": 0, "averageRating": null, "byStatus": [0, 0, 0, 0, 0],
        "byMonth": [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    });
    assert_eq!(stats(&alice, "").await, empty);
    assert_eq!(stats(&alice, "(year: 2026)").await, empty);
    add(&alice, json!({})).await;
    let mut plain = empty;
    (plain["total"], plain["byStatus"][4]) = (json!(1), json!(1));
    assert_eq!(stats(&alice, "").await, plain);
}

#[tokio::test]
async fn statistics_count_the_library_and_what_was_read() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for book in [
        json!({ "status": "READ", "finishedOn": "2026-01-31", "pageCount": 100, "rating": 5 }),
        json!({ "status": "READ", "finishedOn": "2026-02-01", "pageCount": 250, "rating": 4 }),
        json!({ "status": "READ", "finishedOn": "2026-12-31" }),
        json!({ "status": "READ", "finishedOn": "2025-12-31", "pageCount": 1_000, "rating": 1 }),
        json!({ "status": "READ", "finishedOn": "2027-01-01", "pageCount": 7 }),
        json!({ "status": "READ", "pageCount": 3 }),
        // Finished once, and not read now.
        json!({ "status": "READING", "finishedOn": "2026-02-15", "pageCount": 90, "rating": 2 }),
        json!({ "status": "DID_NOT_FINISH", "pageCount": 50, "rating": 1 }),
        json!({ "finishedOn": "2026-02-28", "rating": 3 }),
        json!({ "status": "WANT_TO_READ" }),
        json!({ "status": "WANT_TO_READ" }),
        json!({ "rating": 5, "pageCount": 12 }),
    ] {
        add(&alice, book).await;
    }
    let by_status = json!([2, 1, 6, 1, 2]);
    let of_2026 = json!([1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    // The clock of the tests is in 2026.
    let all = json!({
        "total": 12, "read": 6, "pagesRead": 1_360, "averageRating": 10.0 / 3.0, "byStatus": by_status,
        "byMonth": of_2026,
    });
    assert_eq!(stats(&alice, "").await, all);
    assert_eq!(stats(&alice, "(year: null)").await, all);
    assert_eq!(
        stats(&alice, "(year: 2026)").await,
        json!({
            "total": 12, "read": 3, "pagesRead": 350, "averageRating": 4.5, "byStatus": by_status,
            "byMonth": of_2026,
        })
    );
    assert_eq!(
        stats(&alice, "(year: 2027)").await,
        json!({
            "total": 12, "read": 1, "pagesRead": 7, "averageRating": null, "byStatus": by_status,
            "byMonth": [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        })
    );
    for year in [2024, 0, -2026, 10_000, i32::MAX, i32::MIN] {
        let none = stats(&alice, &format!("(year: {year})")).await;
        assert_eq!((&none["total"], &none["read"]), (&json!(12), &json!(0)), "{year}");
        assert_eq!(none["byMonth"], json!(vec![0; 12]), "{year}");
    }
}

#[tokio::test]
async fn statistics_follow_updates_and_the_current_year() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let id = alice.add_book(json!({ "title": "T", "author": "A" })).await;
    let read = json!({ "status": "READ", "finishedOn": "2026-03-27", "pageCount": 2_000 });
    alice.update(&id, read).await.assert_ok();
    let stats_now = stats(&alice, "").await;
    assert_eq!((&stats_now["read"], &stats_now["byMonth"][2]), (&json!(1), &json!(1)));
    app.advance_secs(366 * 24 * 3_600);
    // A year later, the access token has expired.
    let alice = alice.sign_in_again("alice").await;
    let later = stats(&alice, "").await;
    assert_eq!((&later["read"], &later["byMonth"][2]), (&json!(1), &json!(0)));
    alice.delete(&id).await.assert_ok();
    assert_eq!(stats(&alice, "").await["byStatus"], json!([0, 0, 0, 0, 0]));
}

#[tokio::test]
async fn sums_beyond_an_integer_of_graphql_are_its_largest() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    add(&alice, json!({ "status": "READ", "pageCount": 100_000 })).await;
    app.database.execute("UPDATE books SET page_count = 2147483647").await;
    add(&alice, json!({ "status": "READ", "pageCount": 100_000 })).await;
    assert_eq!(stats(&alice, "").await["pagesRead"], i32::MAX);
}
