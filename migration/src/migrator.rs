//! Applies and reverts migrations.
//!
//! The table `migration_compatibility` has a row for each applied migration, with the migration that the oldest program
//! must have that can use the database. A program of an older version finds there whether it can use a database with
//! migrations that it does not have.

use std::collections::{HashMap, HashSet};

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, QueryOrder,
};
use sea_orm_migration::{MigratorTraitSelf, seaql_migrations};

use crate::step::{OldestProgram, Step};

const APPLIED: &str = "seaql_migrations";
const COMPATIBILITY: &str = "migration_compatibility";
const VERSION: &str = "version";
const OLDEST_PROGRAM: &str = "oldest_program";

/// The migrations of a program. The default is those of this version.
#[derive(Clone, Copy, Debug)]
pub struct Migrator {
    steps: fn() -> Vec<Step>,
}

/// The migrations of a database, compared with those of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseState {
    /// The migrations of the program in their order, and whether they are applied.
    pub migrations: Vec<(String, bool)>,
    /// The applied migrations that the program does not have, by name.
    pub unknown: Vec<UnknownMigration>,
}

/// An applied migration that a program does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownMigration {
    /// Its name, such as `m0007_tags`.
    pub name: String,
    /// Whether the program can use the database after it. False if the database has no record of that.
    pub is_compatible: bool,
}

impl Default for Migrator {
    fn default() -> Self {
        Self::new(crate::steps)
    }
}

impl Migrator {
    /// A program with these migrations, in their order.
    #[must_use]
    pub const fn new(steps: fn() -> Vec<Step>) -> Self {
        Self { steps }
    }

    /// Compares the database with the program. Only reads.
    ///
    /// # Errors
    /// If a statement fails.
    pub async fn state<'c>(
        &self,
        db: impl IntoSchemaManagerConnection<'c>,
    ) -> Result<DatabaseState, DbErr> {
        let manager = SchemaManager::new(db);
        let applied = match manager.has_table(APPLIED).await? {
            true => applied(manager.get_connection()).await?,
            false => Vec::new(),
        };
        let oldest_programs = match manager.has_table(COMPATIBILITY).await? {
            true => oldest_programs(manager.get_connection()).await?,
            false => HashMap::new(),
        };
        let names = self.names();
        let unknown = applied.iter().filter(|name| !names.contains(name)).map(|name| {
            let oldest = oldest_programs.get(name);
            let is_compatible = oldest.is_some_and(|oldest| names.contains(oldest));
            UnknownMigration { name: name.clone(), is_compatible }
        });
        let unknown = unknown.collect();
        let migrations = names.into_iter().map(|name| {
            let is_applied = applied.contains(&name);
            (name, is_applied)
        });
        Ok(DatabaseState { migrations: migrations.collect(), unknown })
    }

    /// Applies all pending migrations, and records which older programs can use the database. Applied migrations
    /// that the program does not have stay.
    ///
    /// # Errors
    /// If a statement fails.
    pub async fn up(&self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        KnownMigrations(*self).up(db, None).await?;
        create_compatibility_table(db).await?;
        let steps = (self.steps)();
        let first = steps.first().map(|step| step.migration.name());
        for step in &steps {
            let name = step.migration.name();
            let oldest = match step.oldest_program {
                OldestProgram::Any => first.unwrap_or(name),
                OldestProgram::With(oldest) => oldest,
                OldestProgram::This => name,
            };
            let insert = Query::insert()
                .into_table(COMPATIBILITY)
                .columns([VERSION, OLDEST_PROGRAM])
                .values_panic([name.into(), oldest.into()])
                .on_conflict(OnConflict::column(VERSION).do_nothing().to_owned())
                .take();
            db.execute(&insert).await?;
        }
        Ok(())
    }

    /// Reverts the latest `steps` migrations of the program.
    ///
    /// # Errors
    /// If a statement fails.
    pub async fn down(&self, db: &DatabaseTransaction, steps: u32) -> Result<(), DbErr> {
        KnownMigrations(*self).down(db, Some(steps)).await?;
        create_compatibility_table(db).await?;
        let applied = Query::select().column(VERSION).from(APPLIED).take();
        let delete = Query::delete()
            .from_table(COMPATIBILITY)
            .and_where(Expr::col(VERSION).not_in_subquery(applied))
            .take();
        db.execute(&delete).await.map(drop)
    }

    fn names(&self) -> Vec<String> {
        (self.steps)().iter().map(|step| step.migration.name().to_owned()).collect()
    }
}

/// The migrations of a program, for sea-orm.
#[derive(Clone, Copy)]
struct KnownMigrations(Migrator);

#[async_trait::async_trait]
impl MigratorTraitSelf for KnownMigrations {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        (self.0.steps)().into_iter().map(|step| step.migration).collect()
    }

    /// Without those that the program does not have: sea-orm rejects them.
    async fn get_migration_models<C>(&self, db: &C) -> Result<Vec<seaql_migrations::Model>, DbErr>
    where
        C: ConnectionTrait,
    {
        self.install(db).await?;
        let names: HashSet<_> = self.0.names().into_iter().collect();
        let mut applied = seaql_migrations::Entity::find().all(db).await?;
        applied.retain(|migration| names.contains(&migration.version));
        Ok(applied)
    }
}

async fn applied(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let by_name = seaql_migrations::Entity::find().order_by_asc(seaql_migrations::Column::Version);
    let applied = by_name.all(db).await?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

/// The oldest program of each migration.
async fn oldest_programs(db: &impl ConnectionTrait) -> Result<HashMap<String, String>, DbErr> {
    let select = Query::select().columns([VERSION, OLDEST_PROGRAM]).from(COMPATIBILITY).take();
    let rows = db.query_all(&select).await?;
    rows.iter()
        .map(|row| Ok((row.try_get("", VERSION)?, row.try_get("", OLDEST_PROGRAM)?)))
        .collect()
}

async fn create_compatibility_table(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let create = Table::create()
        .table(COMPATIBILITY)
        .if_not_exists()
        .col(ColumnDef::new(VERSION).text().not_null().primary_key())
        .col(ColumnDef::new(OLDEST_PROGRAM).text().not_null())
        .take();
    db.execute(&create).await.map(drop)
}
