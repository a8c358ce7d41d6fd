//! Migrations, forward only, in two sets. Both run on SQLite and on PostgreSQL, where each set lives in a schema of its own.

// The trait of sea-orm-migration leaves the lifetime out; with the lifetime written the signatures differ and nothing compiles.
#![allow(elided_lifetimes_in_paths)]

pub mod control;
pub mod regional;

use sea_orm_migration::{DbErr, MigratorTrait, sea_orm::DatabaseConnection};

/// Brings the control database to the newest state.
pub async fn migrate_control(connection: &DatabaseConnection) -> Result<(), DbErr> {
    control::Migrator::up(connection, None).await
}

/// Brings a regional database to the newest state.
pub async fn migrate_regional(connection: &DatabaseConnection) -> Result<(), DbErr> {
    regional::Migrator::up(connection, None).await
}

/// Names of the migrations that have not been applied to the control database.
pub async fn pending_control(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let pending = control::Migrator::get_pending_migrations(connection).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}

/// Names of the migrations that have not been applied to a regional database.
pub async fn pending_regional(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let pending = regional::Migrator::get_pending_migrations(connection).await?;
    Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
}
