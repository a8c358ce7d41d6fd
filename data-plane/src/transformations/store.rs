//! The rows of transformations.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    ids::EnvironmentId,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::{Value, json};

use super::{
    cleanup::Cleanup,
    recorded::{self, Recorded},
    uses::Delivered,
};
use crate::{
    assets::ActsFor,
    audit,
    jobs::{self, Order},
    permitted::Permitted,
    tables::transformations::{ActiveModel, Column, Entity, Model},
};

/// What kept a change from being made.
#[derive(Debug)]
pub enum TransformationError {
    /// There is none of that name.
    NotFound,
    /// There is one of that name.
    Taken,
    /// It has no name, so nothing is stored that could be changed.
    Unnamed,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for TransformationError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// What is stored under a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// The name, without `t_`.
    pub name: String,
    /// The transformation.
    pub definition: String,
    /// Whether it may be asked for under strict transformations.
    pub allowed_for_strict: bool,
}

/// What becomes of a transformation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// Whether it may be asked for under strict transformations.
    pub allowed_for_strict: Option<bool>,
    /// What its name stands for from now on.
    pub definition: Option<String>,
}

/// The transformations of one tenant.
pub struct TransformationStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> TransformationStore<'a> {
    /// The transformations of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// What is meant by a name or by a written transformation.
    pub async fn find(&self, text: &str) -> Result<Model, TransformationError> {
        self.find_on(self.database.reader(), text).await?.ok_or(TransformationError::NotFound)
    }

    /// Up to `limit` of them by their names, behind `after`: all, those with a name, or those without.
    pub async fn list(&self, named: Option<bool>, after: Option<&str>, limit: u64) -> Result<Vec<Model>, DbErr> {
        let mut query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        if let Some(named) = named {
            query = query.filter(Column::IsNamed.eq(named));
        }
        if let Some(after) = after {
            query = query.filter(Column::Name.gt(after));
        }
        query.order_by_asc(Column::Name).limit(limit).all(self.database.reader()).await
    }

    /// Stores a transformation under a name.
    pub async fn create(&self, named: Permitted<Named>, now: DateTime<Utc>) -> Result<(), TransformationError> {
        let Permitted { thing: named, by, .. } = named;
        let transaction = self.database.begin().await?;
        let row = Model {
            environment_id: self.environment.0,
            name: Recorded::Named(named.name).key(),
            is_named: true,
            definition: Some(named.definition),
            allowed_for_strict: named.allowed_for_strict,
            deliveries: 0,
            created_at: now,
            last_used_at: None,
        };
        if !insert(&transaction, row.clone()).await? {
            transaction.rollback().await?;
            return Err(TransformationError::Taken);
        }
        let entry = Entry::made("create_transformation", target(&row.name), shown(&row));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Changes a transformation, and answers with what it is now. One without a name that nobody has asked for yet can be allowed ahead;
    /// whoever calls has made sure that it can be read. What was made under a name that stands for something else now goes.
    pub async fn update(
        &self,
        change: Permitted<(String, Update)>,
        now: DateTime<Utc>,
    ) -> Result<Model, TransformationError> {
        let Permitted { thing: (text, update), by, .. } = change;
        let transaction = self.database.begin().await?;
        let found = self.locked(&transaction, &text).await?;
        let (before, mut row) = match found {
            Some(row) => (Some(row.clone()), row),
            None => {
                let row = self.unnamed(recorded::meant(&text)[1].clone(), now, None);
                insert(&transaction, row.clone()).await?;
                (None, row)
            }
        };
        if update.definition.is_some() && !row.is_named {
            transaction.rollback().await?;
            return Err(TransformationError::Unnamed);
        }
        row.allowed_for_strict = update.allowed_for_strict.unwrap_or(row.allowed_for_strict);
        let is_another = update.definition.as_ref().is_some_and(|new| row.definition.as_ref() != Some(new));
        row.definition = update.definition.or(row.definition);
        row.clone().into_active_model().reset_all().update(&transaction).await?;
        if is_another {
            jobs::put(&transaction, self.environment, Order::of(&Cleanup::of(&row, now))?, now).await?;
        }
        let (target, after) = (target(&row.name), shown(&row));
        let entry = match before {
            Some(before) => Entry::changed("update_transformation", target, shown(&before), after),
            None => Entry::made("update_transformation", target, after),
        };
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(row)
    }

    /// Takes a transformation away, and everything that was made by it.
    pub async fn delete(&self, text: Permitted<String>, now: DateTime<Utc>) -> Result<Model, TransformationError> {
        let Permitted { thing: text, by, .. } = text;
        let transaction = self.database.begin().await?;
        let Some(row) = self.locked(&transaction, &text).await? else {
            transaction.rollback().await?;
            return Err(TransformationError::NotFound);
        };
        Entity::delete_by_id((self.environment.0, row.name.clone())).exec(&transaction).await?;
        jobs::put(&transaction, self.environment, Order::of(&Cleanup::of(&row, now))?, now).await?;
        let entry = Entry::removed("delete_transformation", target(&row.name), shown(&row));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(row)
    }

    async fn find_on<C: ConnectionTrait>(&self, connection: &C, text: &str) -> Result<Option<Model>, DbErr> {
        for name in recorded::meant(text) {
            let found = Entity::find_by_id((self.environment.0, name)).one(connection).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn locked(&self, transaction: &DatabaseTransaction, text: &str) -> Result<Option<Model>, DbErr> {
        let Some(found) = self.find_on(transaction, text).await? else {
            return Ok(None);
        };
        Entity::find_by_id((self.environment.0, found.name)).lock_exclusive().one(transaction).await
    }

    fn unnamed(&self, name: String, now: DateTime<Utc>, last_used_at: Option<DateTime<Utc>>) -> Model {
        unnamed(self.environment, name, now, last_used_at)
    }

    async fn audit(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        entry: Entry,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        audit::put(transaction, self.region, self.environment, by, entry, now).await
    }
}

/// Keeps that something was made by a transformation, in the transaction in which it is kept. Where others do the same at once, each
/// comes with its transformations in order, so that nobody waits for one who waits for him.
pub async fn put_made<C: ConnectionTrait>(
    connection: &C,
    environment: EnvironmentId,
    recorded: impl IntoIterator<Item = Recorded>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let mut recorded: Vec<(String, Recorded)> = recorded.into_iter().map(|one| (one.key(), one)).collect();
    recorded.sort_by(|(a, _), (b, _)| a.cmp(b));
    recorded.dedup();
    for (name, recorded) in recorded {
        if matches!(recorded, Recorded::Written(_)) {
            insert(connection, unnamed(environment, name.clone(), now, Some(now))).await?;
        }
        // A row that was used before is not touched: everybody would wait for it.
        Entity::update_many()
            .col_expr(Column::LastUsedAt, Expr::value(now))
            .filter(Column::EnvironmentId.eq(environment.0))
            .filter(Column::Name.eq(name))
            .filter(Column::LastUsedAt.is_null())
            .exec(connection)
            .await?;
    }
    Ok(())
}

/// Adds deliveries. A name that was taken away meanwhile stays away.
pub(super) async fn add_deliveries<C: ConnectionTrait>(connection: &C, delivered: &Delivered) -> Result<(), DbErr> {
    let Delivered { environment, recorded, deliveries, last } = delivered;
    let name = recorded.key();
    if matches!(recorded, Recorded::Written(_)) {
        insert(connection, unnamed(*environment, name.clone(), *last, Some(*last))).await?;
    }
    let later = Expr::col(Column::LastUsedAt).is_null().or(Expr::col(Column::LastUsedAt).lt(*last));
    Entity::update_many()
        .col_expr(Column::Deliveries, Expr::col(Column::Deliveries).add(*deliveries))
        .col_expr(Column::LastUsedAt, Expr::case(later, *last).finally(Expr::col(Column::LastUsedAt)).into())
        .filter(Column::EnvironmentId.eq(environment.0))
        .filter(Column::Name.eq(name))
        .exec(connection)
        .await
        .map(drop)
}

fn unnamed(
    environment: EnvironmentId,
    name: String,
    created_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
) -> Model {
    Model {
        environment_id: environment.0,
        name,
        is_named: false,
        definition: None,
        allowed_for_strict: false,
        deliveries: 0,
        created_at,
        last_used_at,
    }
}

/// Whether the row was written; it is not when there is one of its name.
async fn insert<C: ConnectionTrait>(connection: &C, row: Model) -> Result<bool, DbErr> {
    let written = Entity::insert(ActiveModel::from(row))
        .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Name]).do_nothing().to_owned())
        .exec_without_returning(connection)
        .await?;
    Ok(written > 0)
}

fn target(name: &str) -> String {
    format!("transformation {name}")
}

fn shown(row: &Model) -> Value {
    json!({"name": row.name, "transformation": row.definition, "allowed_for_strict": row.allowed_for_strict})
}
