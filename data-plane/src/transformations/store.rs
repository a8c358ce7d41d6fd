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
};
use serde_json::{Value, json};

use super::{
    cleanup::Cleanup,
    record::{insert, unnamed},
    recorded::{self, Recorded},
};
use crate::{
    assets::ActsFor,
    audit,
    jobs::{self, Order},
    permitted::Permitted,
    tables::transformations::{Column, Entity, Model},
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
        let mut is_new = false;
        let before = match self.locked(&transaction, &text).await? {
            Some(row) => row,
            None => {
                let row = unnamed(self.environment, recorded::written(&text), now, None);
                is_new = insert(&transaction, row).await?;
                // Somebody may have written it in between.
                self.locked(&transaction, &text).await?.ok_or(TransformationError::NotFound)?
            }
        };
        let mut row = before.clone();
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
        let entry = match is_new {
            false => Entry::changed("update_transformation", target, shown(&before), after),
            true => Entry::made("update_transformation", target, after),
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
        // No database looks for what it cannot hold.
        if text.contains('\0') {
            return Ok(None);
        }
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

fn target(name: &str) -> String {
    format!("transformation {name}")
}

fn shown(row: &Model) -> Value {
    json!({"name": row.name, "transformation": row.definition, "allowed_for_strict": row.allowed_for_strict})
}
