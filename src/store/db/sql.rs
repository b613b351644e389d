//! SQL statements. The text and the values that it binds are written together, so that they cannot disagree.

use std::fmt::Write as _;

use sea_orm::{DbBackend, EntityName, IdenStatic, Value};

/// A statement: its text and the values of its placeholders, in their order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::store) struct Sql {
    backend: DbBackend,
    text: String,
    values: Vec<Value>,
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
        }
    }

    /// The database in whose dialect the statement is written.
    pub(in crate::store) fn backend(&self) -> DbBackend {
        self.backend
    }

    pub(in crate::store) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn values(&self) -> &[Value] {
        &self.values
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
        self.values.push(value.into());
        match self.backend {
            DbBackend::Postgres => {
                // Writing to a string cannot fail.
                let _ = write!(self.text, "${}", self.values.len());
            }
            _ => self.text.push('?'),
        }
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
            (DbBackend::Sqlite, "SELECT a FROM b WHERE c IN (?, ?) AND d = ?"),
            (DbBackend::Postgres, "SELECT a FROM b WHERE c IN ($1, $2) AND d = $3"),
        ] {
            let mut sql = Sql::new(backend);
            sql.push("SELECT a FROM b WHERE c IN (").join(", ", [1, 2], |sql, number| {
                sql.bind(number);
            });
            sql.push(") AND d = ").bind("x");
            assert_eq!(sql.text(), text);
            assert_eq!(sql.values(), [1.into(), 2.into(), "x".into()]);
        }
    }
}
