//! Rows: reads the columns of a row of any driver, in the order in which they were selected.

use sea_orm::Value;
use sea_orm::sea_query::{ArrayType, ValueType};
use uuid::Uuid;

use crate::store::error::{QueryError, StoreError};

/// A row of one of the drivers.
pub(super) enum DriverRow<'a> {
    Postgres(&'a tokio_postgres::Row),
    Sqlite(&'a rusqlite::Row<'a>),
}

/// Reads a row's columns from the first to the last.
pub(in crate::store) struct RowReader<'a> {
    row: DriverRow<'a>,
    next: usize,
    text_bytes: usize,
}

/// A type that is read from the next columns of a row.
pub(in crate::store) trait FromRow: Sized + Send + 'static {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, QueryError>;
}

/// Every type that sea-orm can store is read from one column.
impl<T: ValueType + Send + 'static> FromRow for T {
    fn from_row(row: &mut RowReader<'_>) -> Result<Self, QueryError> {
        row.read()
    }
}

impl<'a> RowReader<'a> {
    pub(super) fn new(row: DriverRow<'a>) -> Self {
        Self { row, next: 0, text_bytes: 0 }
    }

    /// The value of the next column.
    pub(in crate::store) fn read<T: ValueType>(&mut self) -> Result<T, QueryError> {
        let column = self.next;
        self.next += 1;
        let value = match T::array_type() {
            ArrayType::Bool => Value::Bool(self.row.get(column)?),
            ArrayType::SmallInt => Value::SmallInt(self.row.get(column)?),
            ArrayType::Int => Value::Int(self.row.get(column)?),
            ArrayType::BigInt => Value::BigInt(self.row.get(column)?),
            ArrayType::String => {
                let text: Option<String> = self.row.get(column)?;
                self.text_bytes += text.as_ref().map_or(0, String::len);
                Value::String(text)
            }
            ArrayType::Uuid => Value::Uuid(self.row.get::<Option<Uuid>>(column)?),
            _ => return Err(unexpected_type::<T>(column)),
        };
        T::try_from(value).map_err(|_| unexpected_type::<T>(column))
    }

    /// Bytes of all texts that were read.
    pub(in crate::store) fn text_bytes(&self) -> usize {
        self.text_bytes
    }
}

/// A type that every driver can read from a column.
trait DriverValue: for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql {}

impl<T> DriverValue for T where
    T: for<'a> tokio_postgres::types::FromSql<'a> + rusqlite::types::FromSql
{
}

impl DriverRow<'_> {
    fn get<T: DriverValue>(&self, column: usize) -> Result<T, QueryError> {
        Ok(match self {
            Self::Postgres(row) => row.try_get(column)?,
            Self::Sqlite(row) => row.get(column)?,
        })
    }
}

fn unexpected_type<T: ValueType>(column: usize) -> QueryError {
    StoreError::internal(UnexpectedType { column, ty: T::type_name() }).into()
}

/// A column has a value of another type, or null.
#[derive(Clone, Debug, thiserror::Error)]
#[error("column {column} is not of the type {ty}")]
struct UnexpectedType {
    column: usize,
    ty: String,
}

/// Declares a row: its columns, each with the field that it is read into. What is selected, and how it is
/// read, follow from this one list.
macro_rules! row {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $Row:ident from $entity:ident {
            $($(#[$field_meta:meta])* $field:ident: $Type:ty = $Column:ident,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, sea_orm::FromQueryResult)]
        $visibility struct $Row {
            $($(#[$field_meta])* $visibility $field: $Type,)+
        }

        impl $Row {
            /// The columns to select, in the order in which they are read.
            pub(in crate::store) const COLUMNS: &'static [$entity::Column] =
                &[$($entity::Column::$Column),+];
        }

        impl $crate::store::db::row::FromRow for $Row {
            fn from_row(
                row: &mut $crate::store::db::row::RowReader<'_>,
            ) -> Result<Self, $crate::store::error::QueryError> {
                Ok(Self { $($field: row.read()?,)+ })
            }
        }

        impl From<$entity::Model> for $Row {
            fn from(model: $entity::Model) -> Self {
                Self { $($field: model.$field,)+ }
            }
        }
    };
}

pub(in crate::store) use row;
