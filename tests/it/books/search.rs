use serde_json::json;

use crate::support::{Actor, TestApp};

async fn found(actor: &Actor, filter: &str) -> Vec<String> {
    let query = format!(
        "{{ books(filter: {{ {filter} }}, orderBy: {{ field: TITLE, direction: ASC }}) {{ totalCount nodes {{ title }} }} }}"
    );
    let list = actor.ask(&query).await.data();
    let titles: Vec<String> = list["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["title"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(list["totalCount"], titles.len());
    titles
}

async fn library(app: &TestApp) -> Actor {
    let alice = app.alice().await;
    for (title, author, isbn, rating, notes) in [
        ("Dune", "Frank Herbert", Some("9780441172719"), Some(5), Some("Spice & sand, 100%")),
        ("Émile", "Jean-Jacques Rousseau", None, None, Some("On EDUCATION")),
        ("Straße", "Anna Łukasz", None, Some(2), None),
        ("under_score", "back\\slash", None, Some(3), Some("line one\nline two")),
    ] {
        let book = json!({ "title": title, "author": author, "isbn": isbn, "rating": rating, "notes": notes });
        alice.add_book(book).await;
        app.advance_secs(60);
    }
    alice
}

#[tokio::test]
async fn search_matches_every_word_in_any_field_and_case() {
    let app = TestApp::start().await;
    let alice = library(&app).await;
    for (search, titles) in [
        ("dune", vec!["Dune"]),
        ("HERBERT spice", vec!["Dune"]),
        ("spice education", vec![]),
        ("ÉMILE", vec!["Émile"]),
        ("éducation", vec!["Émile"]),
        ("education JEAN", vec!["Émile"]),
        ("strasse", vec!["Straße"]),
        ("STRASSE łUKASZ", vec!["Straße"]),
        ("9780441172719", vec!["Dune"]),
        ("978-0-441-17271-9", vec!["Dune"]),
        ("0441172717", vec!["Dune"]),
        ("17271", vec!["Dune"]),
        ("line two", vec!["under_score"]),
        ("  ", vec!["Dune", "Émile", "Straße", "under_score"]),
    ] {
        assert_eq!(found(&alice, &format!("search: {}", json!(search))).await, titles, "{search}");
    }
}

#[tokio::test]
async fn sql_wildcards_are_literal_in_searches() {
    let app = TestApp::start().await;
    let alice = library(&app).await;
    for (search, titles) in [
        ("%", vec!["Dune"]),
        ("100%", vec!["Dune"]),
        ("_", vec!["under_score"]),
        ("d_ne", vec![]),
        ("\\", vec!["under_score"]),
        ("'", vec![]),
        ("\"", vec![]),
    ] {
        assert_eq!(found(&alice, &format!("search: {}", json!(search))).await, titles, "{search}");
    }
}

#[tokio::test]
async fn all_filter_conditions_must_match() {
    let app = TestApp::start().await;
    let alice = library(&app).await;
    for (filter, titles) in [
        ("isbn: \"0-441-17271-7\"", vec!["Dune"]),
        ("isbn: \"9780135957059\"", vec![]),
        ("minRating: 3", vec!["Dune", "under_score"]),
        ("maxRating: 3", vec!["Straße", "under_score"]),
        ("minRating: 3, maxRating: 3", vec!["under_score"]),
        ("minRating: 4, maxRating: 3", vec![]),
        ("unrated: true", vec!["Émile"]),
        ("unrated: false", vec!["Dune", "Straße", "under_score"]),
        ("unrated: true, minRating: 1", vec![]),
        ("createdAfter: \"2026-03-27T09:15:00Z\"", vec!["Émile", "Straße", "under_score"]),
        ("createdBefore: \"2026-03-27T11:16:00+02:00\"", vec!["Dune"]),
        (
            "createdAfter: \"2026-03-27T09:15:30Z\", createdBefore: \"2026-03-27T09:16:30Z\"",
            vec!["Émile"],
        ),
        ("minRating: null, search: null", vec!["Dune", "Émile", "Straße", "under_score"]),
    ] {
        assert_eq!(found(&alice, filter).await, titles, "{filter}");
    }
}

#[tokio::test]
async fn search_length_is_limited() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for search in ["x".repeat(201), "x ".repeat(21), "\0".to_owned()] {
        let query = "query($search: String!) { books(filter: { search: $search }) { totalCount } }";
        let response = alice.run(query, json!({ "search": search })).await;
        response.assert_error("BAD_USER_INPUT");
    }
    assert_eq!(
        found(&alice, &format!("search: {}", json!("x ".repeat(20)))).await,
        Vec::<String>::new()
    );
}
