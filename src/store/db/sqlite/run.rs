//! Runs statements on a connection.

use rusqlite::Connection;

use super::bind::bind;
use crate::store::db::row::{DriverRow, RowReader};
use crate::store::db::sql::{BatchStatement, Sql};
use crate::store::error::QueryError;

/// Returns the rows of a statement.
pub(super) fn run<T>(
    connection: &Connection,
    sql: &Sql,
    mut read_row: impl FnMut(&mut RowReader<'_>) -> Result<T, QueryError>,
) -> Result<Vec<T>, QueryError> {
    let mut statement = connection.prepare_cached(sql.text())?;
    bind(&mut statement, sql.values())?;
    let mut found = statement.raw_query();
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(read_row(&mut RowReader::new(DriverRow::Sqlite(row)))?);
    }
    Ok(rows)
}

/// Runs the statements inside the open transaction. If one fails, or returns another number of rows than it must,
/// all of them are undone, but not the writes before them. False if the numbers differ.
pub(super) fn run_batch(
    connection: &Connection,
    statements: &[BatchStatement],
) -> Result<bool, QueryError> {
    connection.execute_batch("SAVEPOINT batch")?;
    let done = run_all(connection, statements);
    // An error may have ended the whole transaction.
    if !connection.is_autocommit() {
        if !matches!(done, Ok(true)) {
            connection.execute_batch("ROLLBACK TO batch")?;
        }
        connection.execute_batch("RELEASE batch")?;
    }
    done
}

fn run_all(connection: &Connection, statements: &[BatchStatement]) -> Result<bool, QueryError> {
    for BatchStatement { sql, rows } in statements {
        let found = run(connection, sql, |_| Ok(()))?.len();
        if rows.is_some_and(|rows| rows != found) {
            return Ok(false);
        }
    }
    Ok(true)
}
