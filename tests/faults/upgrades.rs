//! An older and a newer version side by side on one database.
//!
//! The older version is the binary. The newer one is this test binary, which contains the same server and one more
//! migration: a test starts it again as a process of its own, with [`newer_version`] as its only test.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bookshelf::app::{App, Overrides};
use bookshelf::config::{Options, Purpose};
use bookshelf::telemetry;
use clap::Parser;
use futures_util::future::join_all;
use migration::sea_orm_migration::async_trait::async_trait;
use migration::sea_orm_migration::prelude::{
    ColumnDef, DbErr, Index, MigrationName, MigrationTrait, SchemaManager, Table,
};
use migration::{Migrator, Step};
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use crate::book;
use crate::support::{Actor, PostgresCluster, ServerProcess, server_command, skip, variable};

/// Set for the process of [`newer_version`].
const NEWER_VERSION: &str = "SERVE_NEWER_VERSION";

/// How long both versions serve side by side.
const SIDE_BY_SIDE: Duration = Duration::from_secs(10);

/// A compatible migration: a table, a nullable column of the books, and an index.
struct Loans;

impl MigrationName for Loans {
    fn name(&self) -> &'static str {
        "m9999_loans"
    }
}

#[async_trait]
impl MigrationTrait for Loans {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let loans = Table::create()
            .table("loans")
            .col(ColumnDef::new("book_id").uuid().not_null().primary_key())
            .col(ColumnDef::new("borrower").text().not_null())
            .take();
        manager.create_table(loans).await?;
        let borrower = ColumnDef::new("borrower").text().take();
        manager.alter_table(Table::alter().table("books").add_column(borrower).take()).await?;
        let index = Index::create().name("books_borrower").table("books").col("borrower").take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("books_borrower").table("books").to_owned()).await?;
        manager.alter_table(Table::alter().table("books").drop_column("borrower").take()).await?;
        manager.drop_table(Table::drop().table("loans").take()).await
    }
}

fn newer_steps() -> Vec<Step> {
    let mut steps = migration::steps();
    steps.push(Step::compatible(Loans));
    steps
}

/// The settings of the newer version, from the same environment variables as those of the binary.
#[derive(Parser)]
struct Settings {
    #[command(flatten)]
    options: Options,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the process of the newer version, which other tests start"]
async fn newer_version() {
    if variable(NEWER_VERSION).is_none() {
        return skip("other tests start it");
    }
    let config =
        Settings::parse_from(["newer"]).options.resolve(Purpose::Server).expect("valid settings");
    telemetry::init(&config).expect("a log");
    let mut terminate = signal(SignalKind::terminate()).expect("a signal");
    let overrides = Overrides { migrator: Migrator::new(newer_steps), ..Overrides::default() };
    let app = App::build(config, overrides).await.expect("a server");
    let address = app.address().expect("an address");
    tracing::info!(target: "bookshelf", %address, "the newer version is listening");
    let stop = async {
        terminate.recv().await;
    };
    app.serve(stop).await;
}

fn start_newer(url: &str) -> ServerProcess {
    let executable = std::env::current_exe().expect("the executable of this test");
    let arguments = ["upgrades::newer_version", "--exact", "--ignored", "--nocapture"];
    let program = [executable.into()].into_iter().chain(arguments.map(Into::into)).collect();
    ServerProcess::start_program(program, url, &[(NEWER_VERSION, "1")])
}

/// The books of a user by their ids: title and rating.
type Books = HashMap<String, (String, Option<i64>)>;

/// Creates, reads, changes and deletes books at alternating servers until the time is over. Each request must succeed
/// and see what was acknowledged before. Returns the books that the user must have then.
async fn keep_library(user: [Actor; 2], name: &str, until: Instant) -> Books {
    let mut books = Books::new();
    let mut number = 0;
    while Instant::now() < until {
        let (first, second) = (&user[number % 2], &user[(number + 1) % 2]);
        let title = format!("{name} {number}");
        let id = first.add_book(book(&title)).await;
        assert_eq!(second.book(&id).await["title"], title.as_str());
        if number % 3 == 0 {
            second.delete(&id).await.assert_ok();
            assert_eq!(first.book(&id).await, Value::Null);
        } else {
            let rating = i64::try_from(number % 5 + 1).expect("a rating");
            second.update(&id, json!({ "rating": rating })).await.assert_ok();
            assert_eq!(first.book(&id).await["rating"], rating);
            books.insert(id, (title, Some(rating)));
        }
        let total = second.ask("{ books { totalCount } }").await.data();
        assert_eq!(total["totalCount"], books.len());
        number += 1;
    }
    books
}

/// All books of a user.
async fn library(user: &Actor) -> Books {
    let query = "query($after: String) {
        books(first: 100, after: $after) { nodes { id title rating } pageInfo { hasNextPage endCursor } }
    }";
    let (mut found, mut after) = (Books::new(), Value::Null);
    loop {
        let page = user.run(query, json!({ "after": after })).await.data();
        for node in page["nodes"].as_array().expect("books") {
            let text = |name: &str| node[name].as_str().expect("a text").to_owned();
            let book = (text("title"), node["rating"].as_i64());
            assert_eq!(found.insert(text("id"), book), None, "{node} twice");
        }
        if page["pageInfo"]["hasNextPage"] == false {
            return found;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

async fn assert_nothing_is_lost(url: &str) {
    const NAMES: [&str; 6] = ["ada", "barbara", "edith", "frances", "grace", "hedy"];
    let mut old = ServerProcess::start_on(url, &[]);
    let users = join_all(NAMES.map(|name| old.anon().registered(name))).await;

    let mut newer = start_newer(url);
    assert!(!old.log().contains("m9999_loans"));
    let before = users[0].add_book(book("written by the older version after the migration")).await;
    assert_ne!(users[0].clone().at(&newer.address).book(&before).await, Value::Null);
    users[0].delete(&before).await.assert_ok();
    let (status, _) = old.stop("TERM").await;
    assert!(status.success(), "{status}");
    old.restart();
    let says_so = |line: &Value| line["level"] == "WARN" && line["migrations"] == "m9999_loans";
    assert!(old.log_lines("bookshelf::app").iter().any(says_so), "{}", old.log());
    let folder = tempfile::tempdir().expect("a folder");
    let command = |arguments: &[&str]| {
        let output = server_command(folder.path(), url).args(arguments).output();
        output.expect("a process")
    };
    let status = String::from_utf8(command(&["migrate", "status"]).stdout).expect("UTF-8");
    assert!(status.ends_with("\nunknown m9999_loans\n"), "{status}");

    let until = Instant::now() + SIDE_BY_SIDE;
    let libraries = users.iter().zip(NAMES).map(|(user, name)| {
        let user = [user.clone().at(&old.address), user.clone().at(&newer.address)];
        tokio::spawn(async move { (user.clone(), keep_library(user, name, until).await) })
    });
    let libraries: Vec<_> = libraries.collect();
    let mut number = 0;
    for library_of_user in libraries {
        let (user, expected) = library_of_user.await.expect("no failed request");
        assert!(!expected.is_empty());
        number += expected.len();
        for user in user {
            assert_eq!(library(&user).await, expected);
        }
    }
    eprintln!("{number} books were written side by side, and all were found");

    for server in [&mut old, &mut newer] {
        let (status, _) = server.stop("TERM").await;
        assert!(status.success(), "{status}: {}", server.log());
        let lost = ["ERROR", "panicked"].iter().any(|text| server.log().contains(text));
        assert!(!lost, "{}", server.log());
    }
    // The sizes that the database keeps are right, whichever version wrote.
    let recounted = String::from_utf8(command(&["recount"]).stdout).expect("UTF-8");
    assert_eq!(recounted, "corrected the sizes of 0 libraries\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_side_by_side_lose_nothing_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("books.db");
    assert_nothing_is_lost(&format!("sqlite://{}", file.display())).await;
    let names = std::fs::read_dir(folder.path()).expect("a folder").flatten();
    let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    names.sort();
    assert_eq!(names, ["books.covers", "books.db", "books.jwt-secret"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_and_new_side_by_side_lose_nothing_on_postgres() {
    let Some(cluster) = PostgresCluster::start() else { return };
    assert_nothing_is_lost(&cluster.url()).await;
    assert_eq!(cluster.query("SELECT count(*) FROM books WHERE borrower IS NOT NULL"), "0");
}
