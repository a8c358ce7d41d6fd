//! Databases: SQLite in WAL mode, or PostgreSQL, behind one type.
//!
//! On SQLite there is one writing connection beside a pool of readers, and every writing transaction begins IMMEDIATE; with
//! ordinary transactions half of the writers fail as locked. On PostgreSQL both are the same pool.

use std::time::Duration;

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// An open database of one plane.
#[derive(Debug, Clone)]
pub struct Database {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
}

impl Database {
    /// Opens `url` (`sqlite:///path/to/file` or `postgres://…`). `schema` is the PostgreSQL schema of the plane; it is made when
    /// it does not exist. The SQLite file is made too.
    pub async fn open(url: &str, schema: &str) -> Result<Self, DbErr> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let url = format!("sqlite://{path}?mode=rwc");
            let writer = SeaDatabase::connect(sqlite(&url, 1)).await?;
            let reader = SeaDatabase::connect(sqlite(&url, 4)).await?;
            return Ok(Self { reader, writer });
        }
        let is_plain = schema.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_plain {
            return Err(DbErr::Custom(format!("the schema name `{schema}` may hold letters, digits and _ only")));
        }
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false).connect_timeout(Duration::from_secs(10));
        let setup = SeaDatabase::connect(options).await?;
        setup.execute_unprepared(&format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
        setup.close().await?;
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(16)
            .min_connections(1)
            .acquire_timeout(Duration::from_secs(10))
            .connect_timeout(Duration::from_secs(10))
            .set_schema_search_path(schema)
            .sqlx_logging(false);
        let pool = SeaDatabase::connect(options).await?;
        Ok(Self { reader: pool.clone(), writer: pool })
    }

    /// The same, with somebody who sees every statement when it is through.
    pub fn watched(mut self, watch: impl Fn(&sea_orm::metric::Info<'_>) + Clone + Send + Sync + 'static) -> Self {
        self.reader.set_metric_callback(watch.clone());
        self.writer.set_metric_callback(watch);
        self
    }

    /// For queries that change nothing.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// For single statements that write.
    pub fn writer(&self) -> &DatabaseConnection {
        &self.writer
    }

    /// Begins a writing transaction.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.backend() {
            DbBackend::Sqlite => {
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                self.writer.begin_with_options(options).await
            }
            _ => self.writer.begin().await,
        }
    }

    /// Lets SQLite learn how its tables have grown, from samples: without that it takes every index for a good one, and looks for a few
    /// ids among all that a tenant has. A connection that is open goes on with what it knows. PostgreSQL learns by itself.
    pub async fn analyse(&self) -> Result<(), DbErr> {
        if self.backend() == DbBackend::Sqlite {
            self.writer.execute_unprepared("PRAGMA analysis_limit = 1000").await?;
            self.writer.execute_unprepared("PRAGMA optimize = 0x10002").await?;
        }
        Ok(())
    }

    /// Which database it is.
    pub fn backend(&self) -> DbBackend {
        self.writer.get_database_backend()
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.reader.ping().await
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), DbErr> {
        self.reader.close().await?;
        self.writer.close().await
    }
}

fn sqlite(url: &str, connections: u32) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        // A file does not hang up; asking it before each use would cost a way to its thread and back.
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| {
            options
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                // As on PostgreSQL: a prefix means what it says.
                .pragma("case_sensitive_like", "ON")
        });
    options
}
