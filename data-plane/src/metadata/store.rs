//! The fields and rules of one tenant.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    error::{ApiError, ErrorCode},
    ids::EnvironmentId,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{cleanup::Cleanup, field::Field, rule::Rule, values::Added};
use crate::{
    Plane,
    assets::ActsFor,
    audit,
    jobs::{self, Order},
    permitted::Permitted,
    tables::{metadata_fields as rows, metadata_rules as rules},
};

/// How many fields an environment may have, and how many rules.
const MOST: usize = 1000;

/// An id that nobody chose.
pub fn made_up() -> String {
    Uuid::new_v4().as_simple().to_string()[..20].to_owned()
}

/// The fields of an environment, in their order.
pub async fn fields(database: &Database, environment: EnvironmentId) -> Result<Vec<Field>, DbErr> {
    let rows = rows::Entity::find()
        .filter(rows::Column::EnvironmentId.eq(environment.0))
        .filter(rows::Column::DeletedAt.is_null())
        .order_by_asc(rows::Column::Position)
        .order_by_asc(rows::Column::ExternalId);
    rows.all(database.reader()).await?.into_iter().map(|row| read(row.definition)).collect()
}

fn read<T: serde::de::DeserializeOwned>(definition: Value) -> Result<T, DbErr> {
    serde_json::from_value(definition).map_err(|error| DbErr::Custom(format!("a definition cannot be read: {error}")))
}

/// Puts values into the lists of fields that may grow, and says under which ids they stand there.
pub async fn take_up(
    plane: &Plane,
    environment: EnvironmentId,
    additions: &[(String, Vec<String>)],
) -> Result<Added, ApiError> {
    let mut added = Added::default();
    for (id, values) in additions {
        let transaction = plane.database.begin().await?;
        let key = (environment.0, id.clone());
        let row = rows::Entity::find_by_id(key).lock_exclusive().one(&transaction).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| not_found(id))?;
        let mut field: Field = read(row.definition.clone())?;
        for value in values {
            // Somebody else may have brought it meanwhile; what is not to be chosen is not brought back by who chooses it.
            let known = field.entries.iter().find(|entry| entry.value == *value || entry.external_id == *value);
            let external_id = match known {
                Some(entry) if entry.is_open() => entry.external_id.clone(),
                Some(_) => {
                    let text =
                        format!("Invalid value {value} for metadata field {id}: it is not to be chosen any more");
                    return Err(ApiError::invalid(text));
                }
                None => {
                    let external_id = made_up();
                    field.put_entries(&json!([{"external_id": external_id, "value": value}]), made_up)?;
                    external_id
                }
            };
            added.0.insert((id.clone(), value.clone()), external_id);
        }
        let mut row = row.into_active_model();
        row.definition = Set(json!(field));
        row.update(&transaction).await?;
        transaction.commit().await?;
    }
    Ok(added)
}

/// What is answered about a field that there is not.
pub fn not_found(id: &str) -> ApiError {
    ApiError::not_found(format!("External ID {id} doesn't exist"))
}

/// The fields and rules of the tenant that a witness is for.
pub struct MetadataStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> MetadataStore<'a> {
    /// Those of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// All fields, in their order.
    pub async fn fields(&self) -> Result<Vec<Field>, ApiError> {
        Ok(fields(self.database, self.environment).await?)
    }

    /// One field.
    pub async fn field(&self, id: &str) -> Result<Field, ApiError> {
        let row = rows::Entity::find_by_id((self.environment.0, id.to_owned())).one(self.database.reader()).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| not_found(id))?;
        Ok(read(row.definition)?)
    }

    /// Makes a field.
    pub async fn create(&self, field: Permitted<Field>, now: DateTime<Utc>) -> Result<Field, ApiError> {
        let Permitted { thing: field, by, .. } = field;
        let transaction = self.database.begin().await?;
        let all = self.locked(&transaction).await?;
        if all.iter().filter(|row| row.deleted_at.is_none()).count() >= MOST {
            return Err(ApiError::invalid(format!("At most {MOST} metadata fields; delete another first")));
        }
        let last = all.iter().map(|row| row.position).max().unwrap_or(-1);
        let row = rows::ActiveModel {
            environment_id: Set(self.environment.0),
            external_id: Set(field.external_id.clone()),
            definition: Set(json!(field)),
            position: Set(last.saturating_add(1)),
            created_at: Set(now),
            deleted_at: Set(None),
        };
        let key = [rows::Column::EnvironmentId, rows::Column::ExternalId];
        let stays = OnConflict::columns(key).do_nothing().to_owned();
        if rows::Entity::insert(row).on_conflict(stays).exec_without_returning(&transaction).await? == 0 {
            return Err(taken(&field.external_id));
        }
        let entry = Entry::made("create_metadata_field", target(&field.external_id), field.shown());
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(field)
    }

    /// Changes a field.
    pub async fn change(
        &self,
        id: Permitted<String>,
        operation: &'static str,
        change: impl FnOnce(&mut Field) -> Result<(), ApiError>,
        now: DateTime<Utc>,
    ) -> Result<Field, ApiError> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let key = (self.environment.0, id.clone());
        let row = rows::Entity::find_by_id(key).lock_exclusive().one(&transaction).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| not_found(&id))?;
        let mut field: Field = read(row.definition.clone())?;
        let before = field.shown();
        change(&mut field)?;
        let mut row = row.into_active_model();
        row.definition = Set(json!(field));
        row.update(&transaction).await?;
        let after = field.shown();
        if before != after {
            self.audit(&transaction, &by, Entry::changed(operation, target(&id), before, after), now).await?;
        }
        transaction.commit().await?;
        Ok(field)
    }

    /// Takes a field away; a job takes its values away. Its id is not given out again.
    pub async fn delete(&self, id: Permitted<String>, now: DateTime<Utc>) -> Result<(), ApiError> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let key = (self.environment.0, id.clone());
        let row = rows::Entity::find_by_id(key).lock_exclusive().one(&transaction).await?;
        let row = row.filter(|row| row.deleted_at.is_none()).ok_or_else(|| not_found(&id))?;
        let naming: Vec<String> =
            self.rules().await?.into_iter().filter(|rule| rule.names(&id)).map(|rule| rule.external_id).collect();
        if !naming.is_empty() {
            let text = format!("Metadata rules name the field {id}: {}; delete them first", naming.join(", "));
            return Err(ApiError::new(ErrorCode::Conflict, text));
        }
        let field: Field = read(row.definition.clone())?;
        let mut row = row.into_active_model();
        row.deleted_at = Set(Some(now));
        row.update(&transaction).await?;
        jobs::put(&transaction, self.environment, Order::of(&Cleanup { field: id.clone() })?, now).await?;
        let entry = Entry::removed("delete_metadata_field", target(&id), field.shown());
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts the fields into another order, which `sort` makes of what they are and when they were made.
    pub async fn order(
        &self,
        by: Permitted<&'static str>,
        sort: impl FnOnce(&mut Vec<(Field, DateTime<Utc>)>) -> Result<(), ApiError>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Field>, ApiError> {
        let Permitted { thing: operation, by, .. } = by;
        let transaction = self.database.begin().await?;
        let all = self.locked(&transaction).await?;
        let mut fields = Vec::new();
        for row in all.iter().filter(|row| row.deleted_at.is_none()) {
            fields.push((read(row.definition.clone())?, row.created_at));
        }
        let ids = |fields: &[(Field, DateTime<Utc>)]| -> Value {
            fields.iter().map(|(field, _)| field.external_id.clone()).collect::<Vec<_>>().into()
        };
        let before = ids(&fields);
        sort(&mut fields)?;
        let after = ids(&fields);
        for row in all {
            let place = fields.iter().position(|(field, _)| field.external_id == row.external_id);
            let place = place.and_then(|place| i32::try_from(place).ok()).unwrap_or(i32::MAX);
            if row.position != place && row.deleted_at.is_none() {
                let mut row = row.into_active_model();
                row.position = Set(place);
                row.update(&transaction).await?;
            }
        }
        if before != after {
            let (before, after) = (json!({"order": before}), json!({"order": after}));
            self.audit(&transaction, &by, Entry::changed(operation, "metadata_fields".into(), before, after), now)
                .await?;
        }
        transaction.commit().await?;
        Ok(fields.into_iter().map(|(field, _)| field).collect())
    }

    /// All rows of fields in their order, those that are gone among them, until the transaction ends.
    async fn locked(&self, transaction: &DatabaseTransaction) -> Result<Vec<rows::Model>, DbErr> {
        rows::Entity::find()
            .filter(rows::Column::EnvironmentId.eq(self.environment.0))
            .order_by_asc(rows::Column::Position)
            .order_by_asc(rows::Column::ExternalId)
            .lock_exclusive()
            .all(transaction)
            .await
    }

    /// All rules, in their order.
    pub async fn rules(&self) -> Result<Vec<Rule>, ApiError> {
        let rows = rules::Entity::find()
            .filter(rules::Column::EnvironmentId.eq(self.environment.0))
            .filter(rules::Column::DeletedAt.is_null())
            .order_by_asc(rules::Column::Position)
            .order_by_asc(rules::Column::ExternalId);
        let rows = rows.all(self.database.reader()).await?;
        let rules: Result<Vec<Rule>, DbErr> = rows.into_iter().map(|row| read(row.definition)).collect();
        Ok(rules?)
    }

    /// Makes a rule, at a place among the others or behind them. Answers with all, in their order.
    pub async fn create_rule(
        &self,
        rule: Permitted<Rule>,
        place: Option<usize>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Rule>, ApiError> {
        let Permitted { thing: rule, by, .. } = rule;
        let transaction = self.database.begin().await?;
        let mut all = self.locked_rules(&transaction).await?;
        if all.len() >= MOST {
            return Err(ApiError::invalid(format!("At most {MOST} metadata rules; delete another first")));
        }
        let row = rules::ActiveModel {
            environment_id: Set(self.environment.0),
            external_id: Set(rule.external_id.clone()),
            definition: Set(json!(rule)),
            position: Set(i32::MAX),
            created_at: Set(now),
            deleted_at: Set(None),
        };
        let key = [rules::Column::EnvironmentId, rules::Column::ExternalId];
        let stays = OnConflict::columns(key).do_nothing().to_owned();
        if rules::Entity::insert(row).on_conflict(stays).exec_without_returning(&transaction).await? == 0 {
            return Err(taken(&rule.external_id));
        }
        all.insert(place.unwrap_or(all.len()).min(all.len()), rule.clone());
        self.place_rules(&transaction, &all).await?;
        let entry = Entry::made("create_metadata_rule", rule_target(&rule.external_id), json!(rule));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(all)
    }

    /// Changes a rule. Answers with all, in their order.
    pub async fn change_rule(
        &self,
        id: Permitted<String>,
        place: Option<usize>,
        change: impl FnOnce(&mut Rule) -> Result<(), ApiError>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Rule>, ApiError> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let mut all = self.locked_rules(&transaction).await?;
        let at = all.iter().position(|rule| rule.external_id == id).ok_or_else(|| no_rule(&id))?;
        let before = json!(all[at]);
        change(&mut all[at])?;
        let after = json!(all[at]);
        if let Some(place) = place {
            let rule = all.remove(at);
            all.insert(place.min(all.len()), rule);
        }
        self.place_rules(&transaction, &all).await?;
        if before != after {
            let entry = Entry::changed("update_metadata_rule", rule_target(&id), before, after);
            self.audit(&transaction, &by, entry, now).await?;
        }
        transaction.commit().await?;
        Ok(all)
    }

    /// Takes a rule away. Its id is not given out again.
    pub async fn delete_rule(&self, id: Permitted<String>, now: DateTime<Utc>) -> Result<(), ApiError> {
        let Permitted { thing: id, by, .. } = id;
        let transaction = self.database.begin().await?;
        let all = self.locked_rules(&transaction).await?;
        let rule = all.into_iter().find(|rule| rule.external_id == id).ok_or_else(|| no_rule(&id))?;
        rules::Entity::update_many()
            .col_expr(rules::Column::DeletedAt, Expr::value(Some(now)))
            .filter(rules::Column::EnvironmentId.eq(self.environment.0))
            .filter(rules::Column::ExternalId.eq(id.as_str()))
            .exec(&transaction)
            .await?;
        let entry = Entry::removed("delete_metadata_rule", rule_target(&id), json!(rule));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn locked_rules(&self, transaction: &DatabaseTransaction) -> Result<Vec<Rule>, DbErr> {
        let rows = rules::Entity::find()
            .filter(rules::Column::EnvironmentId.eq(self.environment.0))
            .filter(rules::Column::DeletedAt.is_null())
            .order_by_asc(rules::Column::Position)
            .order_by_asc(rules::Column::ExternalId)
            .lock_exclusive();
        rows.all(transaction).await?.into_iter().map(|row| read(row.definition)).collect()
    }

    async fn place_rules(&self, transaction: &DatabaseTransaction, all: &[Rule]) -> Result<(), DbErr> {
        for (place, rule) in all.iter().enumerate() {
            rules::Entity::update_many()
                .col_expr(rules::Column::Position, Expr::value(i32::try_from(place).unwrap_or(i32::MAX)))
                .col_expr(rules::Column::Definition, Expr::value(json!(rule)))
                .filter(rules::Column::EnvironmentId.eq(self.environment.0))
                .filter(rules::Column::ExternalId.eq(rule.external_id.as_str()))
                .exec(transaction)
                .await?;
        }
        Ok(())
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

fn taken(id: &str) -> ApiError {
    ApiError::invalid(format!("external id {id} already exists"))
}

fn no_rule(id: &str) -> ApiError {
    ApiError::not_found(format!("Metadata rule {id} doesn't exist"))
}

fn target(id: &str) -> String {
    format!("metadata_field {id}")
}

fn rule_target(id: &str) -> String {
    format!("metadata_rule {id}")
}
