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
        ("minRating: -40000, maxRating: 2147483647", vec!["Dune", "Straße", "under_score"]),
        ("minRating: 40000", vec![]),
        ("maxRating: -2147483648", vec![]),
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
    for search in ["x".repeat(2_001), "x ".repeat(251), "\0".to_owned()] {
        let query = "query($search: String!) { books(filter: { search: $search }) { totalCount } }";
        let response = alice.run(query, json!({ "search": search })).await;
        response.assert_error("BAD_USER_INPUT");
    }
    assert_eq!(
        found(&alice, &format!("search: {}", json!("x ".repeat(250)))).await,
        Vec::<String>::new()
    );
}

/// The limits of a search allow every title, also where each character becomes three in upper case, and where it is
/// stored cut.
#[tokio::test]
async fn the_longest_titles_are_found_by_themselves() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let words: String = ('a'..='z')
        .flat_map(|first| ('a'..='z').map(move |second| format!("{first}{second} ")))
        .take(166)
        .collect();
    let letters: String =
        ('\u{4E00}'..).step_by(7).take(250).flat_map(|c| [c, ' ']).take(499).collect();
    for title in [
        format!("{words}{}", "z".repeat(500 - words.len())),
        letters,
        "ΐ".repeat(500),
        "\u{FDFA}".repeat(500),
        "\u{FDFA} é".chars().cycle().take(499).collect(),
        "📚!".repeat(250),
        "don’t–".chars().cycle().take(499).collect(),
    ] {
        assert!((499..=500).contains(&title.chars().count()), "{title}");
        alice.add_book(json!({ "title": title, "author": "A" })).await;
        for search in [title.clone(), title.to_uppercase(), format!(" {title} ")] {
            let query =
                "query($search: String) { books(filter: { search: $search }) { nodes { title } } }";
            let found = alice.run(query, json!({ "search": search })).await.data();
            assert_eq!(found, json!({ "nodes": [{ "title": title }] }), "{search}");
        }
    }
}

#[tokio::test]
async fn every_spelling_of_a_word_is_found() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (title, author, searches) in [
        (
            "El amor en los tiempos del cólera",
            "Gabriel García Márquez",
            &["garcia marquez", "GARCÍA", "ma\u{301}rquez", "marquez gabriel colera"][..],
        ),
        ("The Shadow of the Wind", "Carlos Ruiz Zafon", &["Zafón", "zafo\u{301}n"]),
        (
            "İstanbul",
            "Orhan Pamuk",
            &["istanbul", "ISTANBUL", "ıstanbul", "İSTANBUL", "i\u{307}stanbul"],
        ),
        // The iota below a letter is a letter in upper case.
        ("ᾨδή", "Σαπφώ", &["ᾠδή", "ΩΙΔΗ", "ωιδη"]),
        ("Ender’s Game", "Orson Scott Card", &["Ender's Game", "ENDERʼS", "Ender´s", "Ender`s"]),
        (
            "Catch‑22",
            "Joseph Heller",
            &["catch-22", "Catch 22", "CATCH–22", "catch−22", "Heller, Catch-22"],
        ),
        (
            "Dune",
            "Frank Herbert",
            &[
                "Herbert, Frank",
                "\"Dune\"",
                "“Dune”",
                "(Dune)",
                "Dune!",
                "dune - frank herbert",
                "¿Dune?",
                "«Dune», Herbert",
                "Dune/",
                "*dune*",
            ],
        ),
        ("Lalka", "Bolesław Prus", &["boleslaw", "BOLESŁAW"]),
        ("Der Prozeß", "Franz Kafka", &["prozess", "PROZESS", "PROZEẞ"]),
        ("Sagan om ringen", "Ærø Þorláksson", &["aero", "thorlaksson", "Ærø"]),
        ("Truyện Kiều", "Nguyễn Du", &["truyen kieu nguyen", "TRUYỆN"]),
        ("Ὀδύσσεια", "Ὅμηρος", &["οδυσσεια", "ΟΜΗΡΟΣ", "ὅμηρος"]),
        ("Всё о ёлке", "Йозеф", &["все о елке", "ЁЛКЕ", "йозеф"]),
        ("مُحَمَّد", "نجيب محفوظ", &["محمد", "مُحَمَّد"]),
        ("תְּהִלִּים", "ס׳ יזהר", &["תהלים", "ס'"]),
        ("ｶﾞﾝﾀﾞﾑ", "富野 由悠季", &["ガンダム", "富野"]),
        ("गोदान", "प्रेमचंद", &["गोदान", "प्रेमचंद"]),
        ("Spider\u{AD}man \u{200B}No. ２", "x", &["spiderman", "no 2", "NO. ２"]),
        ("C# in 100%", "x", &["c#", "100%", "C#, 100%!"]),
        ("???", "x", &["???", "?"]),
    ] {
        let id = alice.add_book(json!({ "title": title, "author": author })).await;
        let whole = [title.to_owned(), title.to_uppercase(), format!("{author} {title}")];
        for search in searches.iter().map(ToString::to_string).chain(whole) {
            let found = found(&alice, &format!("search: {}", json!(search))).await;
            assert_eq!(found, [title], "{search}");
        }
        alice.delete(&id).await.assert_ok();
    }
}

#[tokio::test]
async fn words_that_differ_by_more_than_accents_are_not_found() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (title, search) in [
        ("が", "か"),
        ("한국", "하"),
        ("कुल", "कल"),
        ("ที่", "ทิ่"),
        ("Catch 22", "22-catch"),
        ("Dune", "\"Dune\" ISBN"),
        ("C++", "c#"),
        ("Dune", "?"),
    ] {
        let id = alice.add_book(json!({ "title": title, "author": "x" })).await;
        let found = found(&alice, &format!("search: {}", json!(search))).await;
        assert_eq!(found, Vec::<String>::new(), "{title} {search}");
        alice.delete(&id).await.assert_ok();
    }
}

#[tokio::test]
async fn an_isbn_is_found_in_any_spelling_and_half_typed() {
    let app = TestApp::start().await;
    let alice = library(&app).await;
    let other = json!({ "title": "Other", "author": "x", "isbn": "080442957X", "notes": "isbn" });
    alice.add_book(other).await;
    for (search, title) in [
        ("978-0-441", "Dune"),
        ("9780441172719", "Dune"),
        ("978-0-441-17271-9", "Dune"),
        ("978 0 441 17271 9", "Dune"),
        ("0-441-17271-7", "Dune"),
        ("0 441 17271 7", "Dune"),
        ("0-441-172", "Dune"),
        ("9780441172", "Dune"),
        ("ISBN 978-0-441-17271-9", "Dune"),
        ("ISBN-13: 978-0-441", "Dune"),
        ("ISBN-10: 0-441-17271-7", "Dune"),
        ("978‑0‑441", "Dune"),
        ("９７８０４４１", "Dune"),
        ("dune 978-0-441", "Dune"),
        ("0-8044-2957-X", "Other"),
        ("0 8044 2957 x", "Other"),
        ("ISBN 0 8044 2957 X", "Other"),
        ("isbn", "Other"),
    ] {
        assert_eq!(found(&alice, &format!("search: {}", json!(search))).await, [title], "{search}");
    }
}

#[tokio::test]
async fn tags_are_searched() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let book = json!({ "title": "Emma", "author": "Jane Austen", "tags": ["Élégant", "to buy"] });
    let id = alice.add_book(book).await;
    for search in ["elegant", "BUY emma", "\"to\" buy", "légan"] {
        assert_eq!(found(&alice, &format!("search: {}", json!(search))).await.len(), 1, "{search}");
    }
    alice.update(&id, json!({ "tags": ["lent"] })).await.assert_ok();
    assert_eq!(found(&alice, "search: \"elegant\"").await, Vec::<String>::new());
    assert_eq!(found(&alice, "search: \"lent\"").await.len(), 1);
    alice.update(&id, json!({ "tags": null })).await.assert_ok();
    assert_eq!(found(&alice, "search: \"lent\"").await, Vec::<String>::new());
}

#[tokio::test]
async fn publishers_are_searched() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let book = json!({ "title": "Die Blechtrommel", "author": "Günter Grass", "publisher": "Éditions du Seuil" });
    let id = alice.add_book(book).await;
    for search in ["editions seuil", "SEUIL blechtrommel", "Éditions"] {
        assert_eq!(found(&alice, &format!("search: {}", json!(search))).await.len(), 1, "{search}");
    }
    alice.update(&id, json!({ "publisher": "Luchterhand" })).await.assert_ok();
    assert_eq!(found(&alice, "search: \"seuil\"").await, Vec::<String>::new());
    assert_eq!(found(&alice, "search: \"luchterhand\"").await.len(), 1);
    alice.update(&id, json!({ "publisher": null })).await.assert_ok();
    assert_eq!(found(&alice, "search: \"luchterhand\"").await, Vec::<String>::new());
}
