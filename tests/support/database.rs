use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use bookshelf::app::{App, Overrides};
use bookshelf::config::{Config, CoversUrl, Database, JwtSecrets, PostgresTarget};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as Connector, DatabaseConnection, Statement,
};
use tempfile::TempDir;

use super::PostgresCluster;
use super::app::JWT_SECRET;
use super::skip::variable;

/// A database that is removed when it is dropped.
pub struct TestDatabase {
    url: String,
    kind: Kind,
    /// The files of covers, which all instances share.
    covers: TempDir,
}

enum Kind {
    Sqlite {
        _folder: TempDir,
        path: std::path::PathBuf,
    },
    Postgres {
        server: String,
        name: String,
        /// The server, if only this database uses it.
        _cluster: Option<PostgresCluster>,
    },
}

impl TestDatabase {
    /// An SQLite file, or a database on the PostgreSQL server in `TEST_DATABASE_URL` if that is set.
    pub async fn create() -> Self {
        match server_url() {
            Some(server) => Self::create_postgres(server, None, "").await,
            None => Self::create_sqlite(),
        }
    }

    /// A PostgreSQL database: on the server in `TEST_DATABASE_URL`, or on a new cluster. Returns `None` after
    /// reporting a skipped test if PostgreSQL is not installed.
    pub async fn postgres() -> Option<Self> {
        Self::postgres_with("").await
    }

    /// Like [`Self::postgres`], with ICU's rules for text, as packages of PostgreSQL can be configured.
    pub async fn postgres_with_icu() -> Option<Self> {
        let icu =
            "TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'en'";
        Self::postgres_with(icu).await
    }

    /// `options` are those of `CREATE DATABASE`.
    async fn postgres_with(options: &str) -> Option<Self> {
        if let Some(server) = server_url() {
            return Some(Self::create_postgres(server, None, options).await);
        }
        let cluster = PostgresCluster::start()?;
        Some(Self::create_postgres(cluster.url(), Some(cluster), options).await)
    }

    fn create_sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bookshelf.db");
        let url = format!("sqlite://{}", path.display());
        Self { url, kind: Kind::Sqlite { _folder: folder, path }, covers: covers() }
    }

    async fn create_postgres(
        server: String,
        cluster: Option<PostgresCluster>,
        options: &str,
    ) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bookshelf_test_{}_{number}", std::process::id());
        let admin = connect(&server).await;
        let create = format!("CREATE DATABASE {name} {options}");
        admin.execute_unprepared(&create).await.expect("a database");
        admin.close().await.expect("a closed connection");
        let (base, _) = without_query(&server).rsplit_once('/').expect("a URL that ends in /NAME");
        let query = &server[without_query(&server).len()..];
        Self {
            url: format!("{base}/{name}{query}"),
            kind: Kind::Postgres { server, name, _cluster: cluster },
            covers: covers(),
        }
    }

    /// Creates the tables in this PostgreSQL database, with eight partitions of the books.
    pub async fn partition(&self) {
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            database: self.config(),
            covers_url: self.covers_url(),
            jwt_secrets: JwtSecrets::Configured(vec![JWT_SECRET.into()]),
            log_filter: "off".to_owned(),
            ..Config::default()
        };
        drop(
            App::build(config, Overrides::default())
                .await
                .expect("a server that creates the tables"),
        );
        self.execute(include_str!("../../docs/partition-books.sql")).await;
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.kind, Kind::Postgres { .. })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL for a test that connects itself: sqlx has no TLS here.
    pub fn url_without_tls(&self) -> &str {
        without_query(&self.url)
    }

    /// The folder with the files of covers.
    pub fn covers_folder(&self) -> &Path {
        self.covers.path()
    }

    pub fn covers_url(&self) -> CoversUrl {
        CoversUrl::Folder(self.covers.path().to_owned())
    }

    pub fn config(&self) -> Database {
        match &self.kind {
            Kind::Sqlite { path, .. } => Database::Sqlite(path.clone()),
            Kind::Postgres { .. } => {
                Database::Postgres(Box::new(PostgresTarget::from_url(&self.url).expect("a URL")))
            }
        }
    }

    /// Executes a statement directly on the database.
    pub async fn execute(&self, sql: &str) {
        let connection = connect(&self.url).await;
        connection.execute_unprepared(sql).await.expect("a statement that works");
        connection.close().await.expect("a closed connection");
    }

    /// Drops the database while the server is using it.
    pub async fn remove(&self) {
        if let Kind::Postgres { server, name, .. } = &self.kind {
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            let admin = connect(server).await;
            admin.execute_unprepared(&drop).await.expect("a statement that works");
            admin.close().await.expect("a closed connection");
        }
    }

    /// The integer in the first column of the first row.
    #[must_use]
    pub async fn number(&self, sql: &str) -> i64 {
        let rows = self.rows(sql).await;
        rows[0].try_get_by_index(0).expect("a number")
    }

    #[must_use]
    pub async fn rows(&self, sql: &str) -> Vec<sea_orm::QueryResult> {
        let connection = connect(&self.url).await;
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let rows = connection.query_all_raw(statement).await.expect("rows");
        connection.close().await.expect("a closed connection");
        rows
    }

    /// The plan of a statement of the server, with some values for its parameters.
    #[must_use]
    pub async fn plan(&self, statement: &str) -> String {
        let connection = connect(&self.url).await;
        let backend = connection.get_database_backend();
        let lines = async |sql: String, column: &str| -> Vec<String> {
            let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await;
            let rows = rows.expect("rows");
            rows.iter().map(|row| row.try_get_by(column).expect("a text")).collect()
        };
        let plan = if self.is_postgres() {
            // The planner settings of the server's connections; the plan is independent of parameters.
            for setting in [
                "SET plan_cache_mode = force_generic_plan",
                "SET enable_seqscan = off",
                "SET enable_bitmapscan = off",
                &format!("PREPARE statement AS {statement}"),
            ] {
                connection.execute_unprepared(setting).await.expect("a setting");
            }
            let types = "SELECT unnest(parameter_types)::text AS type FROM pg_prepared_statements";
            // An owner with books: the plan of a partitioned table contains only the partition of the owner.
            let owner = "SELECT owner_id::text AS owner FROM books LIMIT 1".to_owned();
            let owner = lines(owner, "owner").await.pop();
            let uuid = owner.unwrap_or_else(|| "00000000-0000-7000-8000-000000000000".to_owned());
            let values: Vec<_> = lines(types.to_owned(), "type")
                .await
                .iter()
                .map(|ty| match ty.as_str() {
                    "uuid" => format!("'{uuid}'"),
                    "text" => "'x'".to_owned(),
                    _ => "1".to_owned(),
                })
                .collect();
            let explain = format!("EXPLAIN EXECUTE statement ({})", values.join(", "));
            lines(explain, "QUERY PLAN").await
        } else {
            lines(format!("EXPLAIN QUERY PLAN {}", statement.replace('?', "1")), "detail").await
        };
        connection.close().await.expect("a closed connection");
        plan.join("\n")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        // `drop` is not async, so the removal runs on its own thread and runtime.
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut runtime = tokio::runtime::Builder::new_current_thread();
                runtime.enable_all().build().unwrap().block_on(self.remove());
            });
        });
    }
}

/// The URL of a PostgreSQL server where the tests may create databases.
fn server_url() -> Option<String> {
    variable("TEST_DATABASE_URL").map(|url| url.into_string().expect("UTF-8"))
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or_default()
}

/// Connects without TLS.
async fn connect(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(without_query(url));
    options.max_connections(1).sqlx_logging(false);
    Connector::connect(options).await.expect("the test database")
}

/// A folder for covers.
fn covers() -> TempDir {
    tempfile::tempdir().expect("a folder")
}
