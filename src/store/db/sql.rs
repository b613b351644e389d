//! SQL statements. The text and the values that it binds are written together, so that they cannot disagree.

use sea_orm::{DbBackend, EntityName, IdenStatic, Statement, Value};

/// A statement: its text and the values of its placeholders, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct Sql {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
    is_planned_anew: bool,
}

/// A placeholder of a statement, by its number from 1.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Placeholder(usize);

/// A statement of several that are executed together.
#[derive(Clone, Debug)]
pub(in crate::store) struct BatchStatement {
    pub(in crate::store) sql: Sql,
    /// How many rows it must return; `None` if it returns none.
    pub(in crate::store) rows: Option<usize>,
}

/// Typical length of a statement, in bytes.
const ESTIMATED_BYTES: usize = 512;

impl Sql {
    /// An empty statement in the dialect of this database.
    pub(in crate::store) fn new(backend: DbBackend) -> Self {
        Self {
            backend,
            text: String::with_capacity(ESTIMATED_BYTES),
            values: Vec::with_capacity(8),
            is_planned_anew: false,
        }
    }

    /// The database in whose dialect the statement is written.
    pub(in crate::store) fn backend(&self) -> DbBackend {
        self.backend
    }

    pub(in crate::store) fn text(&self) -> &str {
        &self.text
    }

    /// Makes pipelined connections prepare the statement each time, which costs a round trip. Otherwise they keep its generic
    /// plan until the table is analysed. If the table was empty when the plan was made, it may read all books of a library.
    pub(in crate::store) fn plan_anew(mut self) -> Self {
        self.is_planned_anew = true;
        self
    }

    pub(super) fn is_planned_anew(&self) -> bool {
        self.is_planned_anew
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
    }

    /// The statement for sea-orm.
    pub(super) fn into_statement(self) -> Statement {
        Statement::from_sql_and_values(self.backend, self.text, self.values)
    }

    /// Appends text of the program. A value is never text: it is bound.
    pub(in crate::store) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends the name of an entity's table.
    pub(in crate::store) fn table(&mut self, entity: impl EntityName) -> &mut Self {
        self.text.push_str(entity.table_name());
        self
    }

    /// Appends the name of a column.
    pub(in crate::store) fn column(&mut self, column: impl IdenStatic) -> &mut Self {
        self.text.push_str(column.as_str());
        self
    }

    /// Appends the names of columns, separated by commas.
    pub(in crate::store) fn columns<C: IdenStatic>(
        &mut self,
        columns: impl IntoIterator<Item = C>,
    ) -> &mut Self {
        self.join(", ", columns, |sql, column| {
            sql.column(column);
        })
    }

    /// Appends a placeholder and binds a value to it.
    pub(in crate::store) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        let placeholder = self.add_value(value);
        self.placeholder(placeholder)
    }

    /// Binds a value and appends nothing. For a value that the statement uses several times.
    pub(in crate::store) fn add_value(&mut self, value: impl Into<Value>) -> Placeholder {
        self.values.push(value.into());
        Placeholder(self.values.len())
    }

    /// Appends the placeholder of a bound value.
    pub(in crate::store) fn placeholder(&mut self, Placeholder(number): Placeholder) -> &mut Self {
        self.text.push(match self.backend {
            DbBackend::Postgres => '$',
            _ => '?',
        });
        // With `write!`, the numbers took a twentieth of the instructions of `createBook`.
        self.text.push_str(itoa::Buffer::new().format(number));
        self
    }

    /// Appends each item, with a separator between two of them.
    pub(in crate::store) fn join<T>(
        &mut self,
        separator: &'static str,
        items: impl IntoIterator<Item = T>,
        mut append: impl FnMut(&mut Self, T),
    ) -> &mut Self {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                self.push(separator);
            }
            append(self, item);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_in_the_order_of_their_placeholders() {
        for (backend, text) in [
            (DbBackend::Sqlite, "SELECT a FROM b WHERE c IN (?1, ?2) AND d = ?3 OR e > ?1"),
            (DbBackend::Postgres, "SELECT a FROM b WHERE c IN ($1, $2) AND d = $3 OR e > $1"),
        ] {
            let mut sql = Sql::new(backend);
            let first = sql.add_value(1);
            sql.push("SELECT a FROM b WHERE c IN (").placeholder(first).push(", ").bind(2);
            sql.push(") AND d = ").bind("x").push(" OR e > ").placeholder(first);
            assert_eq!(sql.text(), text);
            assert_eq!(sql.values(), [1.into(), 2.into(), "x".into()]);
        }
    }
}
