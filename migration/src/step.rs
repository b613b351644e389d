//! A migration with the older programs that can use the database after it.

use std::fmt;

use sea_orm_migration::MigrationTrait;

/// A migration, and which older programs can read and write the database after it.
///
/// Compatible are a new table, a new column that is nullable or has a default, and a new index that is not unique.
/// What renames or drops something, forbids values that older programs write, or changes the meaning of stored values,
/// breaks all programs that use it.
pub struct Step {
    pub(crate) migration: Box<dyn MigrationTrait>,
    pub(crate) oldest_program: OldestProgram,
}

/// The oldest program that can use the database after a migration. A program is identified by its migrations.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OldestProgram {
    /// Every program: the migration only adds what older programs ignore.
    Any,
    /// One that has this earlier migration.
    With(&'static str),
    /// One that has the migration itself.
    This,
}

impl Step {
    /// A migration after which all older programs work.
    #[must_use]
    pub fn compatible(migration: impl MigrationTrait + 'static) -> Self {
        Self { migration: Box::new(migration), oldest_program: OldestProgram::Any }
    }

    /// A migration after which older programs work if they have the migration with this name. Such a program no longer
    /// uses what the migration changes, for example a column that it drops.
    #[must_use]
    pub fn compatible_with(oldest: &'static str, migration: impl MigrationTrait + 'static) -> Self {
        Self { migration: Box::new(migration), oldest_program: OldestProgram::With(oldest) }
    }

    /// A migration after which no older program works.
    #[must_use]
    pub fn breaking(migration: impl MigrationTrait + 'static) -> Self {
        Self { migration: Box::new(migration), oldest_program: OldestProgram::This }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { migration, oldest_program } = self;
        write!(f, "{} ({oldest_program:?})", migration.name())
    }
}
