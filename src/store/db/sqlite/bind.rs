//! Binds the values of a statement, as SQLite stores them.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Statement, ToSql};
use sea_orm::Value;

/// Binds each value to its placeholder.
pub(super) fn bind(statement: &mut Statement<'_>, values: &[Value]) -> Result<(), rusqlite::Error> {
    values
        .iter()
        .enumerate()
        .try_for_each(|(index, value)| statement.raw_bind_parameter(index + 1, Parameter(value)))
}

/// A bound value, as SQLite stores it.
struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>, rusqlite::Error> {
        fn integer<T: Copy + Into<i64>>(value: &Option<T>) -> ToSqlOutput<'static> {
            ToSqlOutput::Borrowed(value.map_or(ValueRef::Null, |int| ValueRef::Integer(int.into())))
        }
        Ok(match self.0 {
            Value::Bool(value) => integer(value),
            Value::SmallInt(value) => integer(value),
            Value::Int(value) => integer(value),
            Value::BigInt(value) => integer(value),
            Value::BigUnsigned(value) => integer(&value.map(u64::cast_signed)),
            Value::String(value) => {
                let text =
                    value.as_deref().map_or(ValueRef::Null, |text| ValueRef::Text(text.as_bytes()));
                ToSqlOutput::Borrowed(text)
            }
            Value::Uuid(value) => {
                let bytes =
                    value.as_ref().map_or(ValueRef::Null, |uuid| ValueRef::Blob(uuid.as_bytes()));
                ToSqlOutput::Borrowed(bytes)
            }
            other => {
                let message = format!("cannot bind a value of this type: {other:?}");
                return Err(rusqlite::Error::ToSqlConversionFailure(message.into()));
            }
        })
    }
}
