//! Which books the rows of a file mean, and what they change.

use serde_json::{Value, json};

use super::{csv, library};
use crate::support::{TestApp, actions, counts, goodreads_file, sample_title, storygraph_file};

const DUNE: &str = "9780441172719";
const EMMA: &str = "9780141439587";

#[tokio::test]
async fn a_row_without_a_match_creates_its_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv(
        "Title,Author,ISBN,Rating,Status,Started On,Finished On,Read Count,Publisher,Published Year,Page Count,Tags,Notes,Created At",
        &[&format!(
            "Dune,Frank Herbert,{DUNE},5,READ,2020-01-02,2020-02-03,3,Ace,1965,412,\"sf, desert\",Spice,2019-05-06T07:08:09.010Z"
        )],
    );
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!((job["state"].as_str(), counts(&job)), (Some("DONE"), [1, 0, 0, 0]), "{job}");
    assert_eq!(job["source"], "BOOKSHELF_CSV");
    let books = library(&alice).await;
    let created = "2019-05-06T07:08:09.010Z";
    let expected = json!([{
        "id": books[0]["id"], "title": "Dune", "author": "Frank Herbert", "isbn": DUNE, "rating": 5,
        "notes": "Spice", "status": "READ", "startedOn": "2020-01-02", "finishedOn": "2020-02-03", "readCount": 3,
        "publisher": "Ace", "publishedYear": 1965, "pageCount": 412, "tags": ["sf", "desert"], "version": 1,
        "createdAt": created, "updatedAt": created,
    }]);
    assert_eq!(json!(books), expected);
    let found = alice.ask("{ books(filter: { search: \"desert\" }) { totalCount } }").await.data();
    assert_eq!(found["totalCount"], 1, "the folded columns are written too");
}

#[tokio::test]
async fn a_row_with_the_same_isbn_is_the_same_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Dune", "author": "F. Herbert", "isbn": DUNE })).await;
    let file = csv("Title,Author,ISBN,Rating", &["Der Wüstenplanet,Frank Herbert,0-441-17271-7,4"]);
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!(counts(&job), [0, 1, 0, 0], "{job}");
    let books = library(&alice).await;
    assert_eq!(books.len(), 1);
    assert_eq!((&books[0]["title"], &books[0]["rating"]), (&json!("Dune"), &json!(4)));
    assert_eq!(books[0]["version"], 2);
}

#[tokio::test]
async fn a_row_with_the_same_folded_title_and_author_is_the_same_book_unless_it_has_another_isbn() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Cien años de soledad", "author": "García Márquez" })).await;
    alice.add_book(json!({ "title": "Emma", "author": "Jane Austen", "isbn": EMMA })).await;
    let file = csv(
        "Title,Author,ISBN",
        &[
            "CIEN ANOS DE SOLEDAD,Garcia Marquez,9780307474728",
            "Emma,Jane Austen,9780141192475",
            "emma,JANE AUSTEN,",
            "Emma,Another Author,",
        ],
    );
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!(counts(&job), [2, 1, 1, 0], "{job}");
    let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
    let expected = [(2, "UPDATED"), (3, "CREATED"), (4, "SKIPPED"), (5, "CREATED")];
    assert_eq!(actions(&rows), expected);
    assert_eq!(app.db_count("books").await, 4);
}

#[tokio::test]
async fn a_book_that_is_listed_twice_is_created_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv(
        "Title,Author,ISBN,Rating,Notes",
        &[
            "Dune,Frank Herbert,,,",
            "DUNE,frank herbert,,5,",
            &format!("Dune,Frank Herbert,{DUNE},,N"),
            &format!("D,F,{DUNE},,"),
        ],
    );
    for (options, dry_run) in [(json!({ "dryRun": true }), true), (json!({}), false)] {
        let job = alice.import_to_end(&file, options).await;
        assert_eq!(counts(&job), [1, 2, 1, 0], "dry run: {dry_run}");
        assert_eq!(app.db_count("books").await, i64::from(!dry_run));
    }
    let books = library(&alice).await;
    let [rating, isbn, notes] = ["rating", "isbn", "notes"].map(|name| &books[0][name]);
    assert_eq!((rating, isbn, notes), (&json!(5), &json!(DUNE), &json!("N")));
    let again = alice.import_to_end(&file, json!({})).await;
    assert_eq!(counts(&again), [0, 0, 4, 0]);
}

#[tokio::test]
async fn rows_that_cancel_each_other_out_change_nothing() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv(
        "Title,Author,Rating,Read Count,Notes",
        &["Dune,Frank Herbert,1,2,a", "Emma,Jane Austen,4,,", "Dune,Frank Herbert,5,1,b"],
    );
    alice.import_to_end(&file, json!({ "onConflict": "REPLACE" })).await;
    let before = library(&alice).await;
    let job = alice.import_to_end(&file, json!({ "onConflict": "REPLACE" })).await;
    assert_eq!((&job["state"], counts(&job)), (&json!("DONE"), [0, 2, 1, 0]), "{job}");
    assert_eq!(library(&alice).await, before);
}

/// Two books of a library may have the same title and author.
#[tokio::test]
async fn each_row_of_an_export_is_another_book() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let file = csv(
        "Title,Author,Notes,Created At",
        &["Faust,Goethe,first,2020-01-02T00:00:00Z", "Faust,Goethe,second,2020-01-01T00:00:00Z"],
    );
    assert_eq!(counts(&alice.import_to_end(&file, json!({ "dryRun": true })).await), [2, 0, 0, 0]);
    assert_eq!(counts(&alice.import_to_end(&file, json!({})).await), [2, 0, 0, 0]);
    let books = library(&alice).await;
    assert_eq!((&books[0]["notes"], &books[1]["notes"]), (&json!("first"), &json!("second")));
    for rule in ["KEEP", "REPLACE"] {
        let again = alice.import_to_end(&file, json!({ "onConflict": rule })).await;
        assert_eq!(counts(&again), [0, 0, 2, 0], "{rule}");
    }
}

/// However many there are, every row finds its book again.
#[tokio::test]
async fn thousands_of_books_with_one_title_are_found_again() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let rows: Vec<_> = (0..6_000)
        .map(|number| {
            let (minute, second) = (number / 60, number % 60);
            let (hour, minute) = (minute / 60, minute % 60);
            format!("Faust,Goethe,{number},2020-01-01T{hour:02}:{minute:02}:{second:02}Z")
        })
        .collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let file = csv("Title,Author,Notes,Created At", &rows);
    assert_eq!(counts(&alice.import_to_end(&file, json!({})).await), [6_000, 0, 0, 0]);
    for options in [json!({ "dryRun": true }), json!({}), json!({ "onConflict": "REPLACE" })] {
        let again = alice.import_to_end(&file, options.clone()).await;
        assert_eq!(counts(&again), [0, 0, 6_000, 0], "{options}");
    }
    // Without dates, all rows mean the oldest book.
    let undated = csv("Title,Author,Read Count", &["Faust,Goethe,7"; 300]);
    assert_eq!(counts(&alice.import_to_end(&undated, json!({})).await), [0, 1, 299, 0]);
}

#[tokio::test]
async fn keep_fills_what_is_empty_and_replace_overwrites() {
    let columns = "Title,Author,ISBN,Rating,Status,Started On,Finished On,Read Count,Publisher,Published Year,Page Count,Tags,Notes";
    let full =
        format!("DUNE,FRANK HERBERT,{DUNE},5,READ,2020-01-02,2020-02-03,3,Ace,1965,412,sf,Spice");
    let empty = "Dune,Frank Herbert,,,,,,,,,,,";
    let filled = json!({
        "title": "Dune", "author": "Frank Herbert", "isbn": DUNE, "rating": 5, "status": "READ",
        "startedOn": "2020-01-02", "finishedOn": "2020-02-03", "readCount": 3, "publisher": "Ace",
        "publishedYear": 1965, "pageCount": 412, "tags": ["sf"], "notes": "Spice"
    });
    let mine = json!({
        "title": "Dune", "author": "Frank Herbert", "rating": 1, "status": "READING", "startedOn": "2019-01-01",
        "finishedOn": "2019-02-01", "readCount": 1, "publisher": "Mine", "publishedYear": 2000, "pageCount": 1,
        "tags": ["mine"], "notes": "Mine"
    });
    let app = TestApp::start().await;
    let alice = app.alice().await;
    let values = |book: &Value| {
        let names = filled.as_object().unwrap().keys();
        names.map(|name| (name.clone(), book[name].clone())).collect::<serde_json::Map<_, _>>()
    };
    for (rule, before, row, after, expected) in [
        (
            "KEEP",
            json!({ "title": "Dune", "author": "Frank Herbert" }),
            full.as_str(),
            filled.clone(),
            [0, 1, 0, 0],
        ),
        (
            "KEEP",
            mine.clone(),
            full.as_str(),
            {
                let mut mine = mine.clone();
                mine["isbn"] = json!(DUNE);
                mine
            },
            [0, 1, 0, 0],
        ),
        ("KEEP", filled.clone(), full.as_str(), filled.clone(), [0, 0, 1, 0]),
        (
            "REPLACE",
            mine.clone(),
            full.as_str(),
            {
                let mut filled = filled.clone();
                filled["title"] = json!("DUNE");
                filled["author"] = json!("FRANK HERBERT");
                filled
            },
            [0, 1, 0, 0],
        ),
        ("REPLACE", filled.clone(), empty, filled.clone(), [0, 0, 1, 0]),
    ] {
        let id = alice.add_book(before).await;
        let job = alice.import_to_end(csv(columns, &[row]), json!({ "onConflict": rule })).await;
        assert_eq!(counts(&job), expected, "{rule} {row}");
        let books = library(&alice).await;
        assert_eq!(json!(values(&books[0])), after, "{rule} {row}");
        alice.delete(&id).await.assert_ok();
    }
}

#[tokio::test]
async fn dates_that_do_not_fit_those_of_the_library_are_left_out_with_a_note() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice
        .add_book(json!({ "title": "Dune", "author": "Frank Herbert", "startedOn": "2021-01-01" }))
        .await;
    let file = csv("Title,Author,Finished On,Rating", &["Dune,Frank Herbert,2020-01-01,5"]);
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!(counts(&job), [0, 1, 0, 0]);
    let rows = alice.import_rows(job["id"].as_str().unwrap()).await;
    assert_eq!(
        rows[0]["notes"],
        json!(["the dates do not fit those of the library, which were kept"])
    );
    let books = library(&alice).await;
    assert_eq!((&books[0]["finishedOn"], &books[0]["rating"]), (&Value::Null, &json!(5)));
}

#[tokio::test]
async fn a_book_that_becomes_read_was_read_once() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    alice.add_book(json!({ "title": "Dune", "author": "Frank Herbert" })).await;
    let file = csv("Title,Author,Status", &["Dune,Frank Herbert,READ", "Emma,Jane Austen,READ"]);
    let job = alice.import_to_end(&file, json!({})).await;
    assert_eq!(counts(&job), [1, 1, 0, 0]);
    assert!(library(&alice).await.iter().all(|book| book["readCount"] == 1));
}

#[tokio::test]
async fn the_libraries_of_others_are_not_matched_and_not_changed() {
    let app = TestApp::start().await;
    let (alice, bob) = (app.alice().await, app.bob().await);
    bob.add_book(json!({ "title": "Dune", "author": "Frank Herbert", "isbn": DUNE })).await;
    let before = library(&bob).await;
    let file = csv("Title,Author,ISBN,Rating", &[&format!("Dune,Frank Herbert,{DUNE},5")]);
    let job = alice.import_to_end(&file, json!({ "onConflict": "REPLACE" })).await;
    assert_eq!(counts(&job), [1, 0, 0, 0]);
    assert_eq!(library(&bob).await, before);
}

#[tokio::test]
async fn files_of_5000_rows_are_imported_and_again_create_nothing() {
    let app = TestApp::start().await;
    let alice = app.alice().await;
    for (file, source) in
        [(goodreads_file(5_000), "GOODREADS"), (storygraph_file(5_000), "STORYGRAPH")]
    {
        let tried = alice.import_to_end(&file, json!({ "dryRun": true })).await;
        let before = app.db_count("books").await;
        let job = alice.import_to_end(&file, json!({})).await;
        assert_eq!((&job["state"], &job["source"]), (&json!("DONE"), &json!(source)), "{job}");
        assert_eq!((&job["total"], counts(&job)), (&json!(5_000), counts(&tried)), "{job}");
        let [created, updated, skipped, failed] = counts(&job);
        assert_eq!(created + updated + skipped + failed, 5_000);
        assert_eq!(app.db_count("books").await, before + created);
        let again = alice.import_to_end(&file, json!({})).await;
        assert_eq!(counts(&again)[0], 0, "{again}");
        assert_eq!(app.db_count("books").await, before + created);
    }
    let counted = app.database.number("SELECT book_count FROM libraries").await;
    assert_eq!(app.db_count("books").await, counted);
    let title = sample_title(4_321);
    let found = alice.run(
        "query($title: String!) { books(filter: { search: $title }) { totalCount } }",
        json!({ "title": title }),
    );
    assert_ne!(found.await.data()["totalCount"], 0, "{title}");
}
