//! A PostgreSQL that accepts few connections.

use futures_util::future::join_all;
use futures_util::join;

use crate::support::{PASSWORD, PostgresCluster, ServerProcess};
use crate::{LIST, book};

const SEARCH: &str = "{ books(filter: { search: \"7\" }) { totalCount nodes { title } } }";

/// A cluster with the role `shelf`, which may have this many connections.
fn cluster(connections: u32) -> Option<(PostgresCluster, String)> {
    let cluster = PostgresCluster::start()?;
    cluster.execute(&format!(
        "CREATE ROLE shelf LOGIN CONNECTION LIMIT {connections}; CREATE DATABASE shelf OWNER shelf"
    ));
    let url = format!("postgres://shelf@{}/shelf", cluster.address());
    Some((cluster, url))
}

#[tokio::test]
async fn everything_works_with_the_last_six_connections() {
    let Some((cluster, url)) = cluster(6) else { return };
    let server = ServerProcess::start_on(&url, &[]);
    let alice = server.alice().await;
    for _ in 0..3 {
        let creates = join_all((0..20).map(|number| alice.create(book(&number.to_string()))));
        let lists = join_all((0..20).map(|_| alice.ask(LIST)));
        let (creates, lists, search, login) =
            join!(creates, lists, alice.ask(SEARCH), alice.login("alice@example.org", PASSWORD));
        for response in creates.iter().chain(&lists).chain([&search, &login]) {
            response.assert_ok();
        }
        assert!(server.is_ready().await);
    }
    assert!(server.log().contains("the database accepts few connections"), "{}", server.log());
    let limit = "SELECT count(*) <= 6 FROM pg_stat_activity WHERE usename = 'shelf'";
    assert_eq!(cluster.query(limit), "t");
}

#[tokio::test]
async fn statements_share_the_connections_that_could_be_opened() {
    // Fewer than are configured.
    let Some((_cluster, url)) = cluster(7) else { return };
    let server = ServerProcess::start_on(&url, &[("DATABASE_POOL_SIZE", "16")]);
    let alice = server.alice().await;
    let creates = join_all((0..40).map(|number| alice.create(book(&number.to_string()))));
    let lists = join_all((0..40).map(|_| alice.ask(LIST)));
    let (creates, lists) = join!(creates, lists);
    creates.iter().chain(&lists).for_each(|response| response.assert_ok());
}
