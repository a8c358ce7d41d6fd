//! Upload mappings: folders whose assets are fetched from elsewhere when they are first asked for.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    error::ApiError,
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::{
    assets::ActsFor,
    audit,
    permitted::Permitted,
    tables::upload_mappings::{ActiveModel, Column, Entity, Model},
};

/// How many mappings an environment may have; all of them are looked through when an asset is not there.
pub const MOST: u64 = 1000;
/// The longest template, in characters.
const LONGEST_TEMPLATE: usize = 1000;
/// How long the mappings of an environment are remembered.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Of how many environments.
const ENVIRONMENTS: u64 = 10_000;
/// What stays as it is in the path of a remote address.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A mapping.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The folder at the beginning of public ids, without slashes around it; empty for all.
    pub folder: String,
    /// The beginning of remote addresses.
    pub template: String,
    /// Its id.
    pub external_id: Uuid,
}

impl From<Model> for Mapping {
    fn from(row: Model) -> Self {
        Self { folder: row.folder, template: row.template, external_id: row.external_id }
    }
}

impl Mapping {
    /// The remote address of a public id with its extension, if it lies in the mapping's folder.
    pub fn address(&self, name: &str) -> Option<String> {
        let rest = match self.folder.as_str() {
            "" => name,
            folder => name.strip_prefix(folder)?.strip_prefix('/')?,
        };
        let is_fit = !rest.is_empty() && rest.split('/').all(|piece| !matches!(piece, "" | "." | ".."));
        is_fit.then(|| format!("{}{}", self.template, utf8_percent_encode(rest, PATH)))
    }
}

/// The template of a parameter. It has a path, if only a slash: what follows a bare host could become part of the host.
pub fn read_template(text: &str) -> Result<String, ApiError> {
    let invalid = |why: &str| ApiError::invalid(format!("Invalid value {text} for parameter template: {why}"));
    if text.chars().count() > LONGEST_TEMPLATE {
        return Err(invalid("it is too long"));
    }
    let url = Url::parse(text).map_err(|_| invalid("it is not the beginning of an address"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("an address begins with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("an address that is kept may not hold credentials"));
    }
    let has_path = text.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    Ok(if has_path { text.to_owned() } else { format!("{text}/") })
}

/// What kept a mapping from being changed.
#[derive(Debug)]
pub enum MappingError {
    /// There is none of that folder.
    NotFound,
    /// There is one of that folder.
    Taken,
    /// There are too many.
    TooMany,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for MappingError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// The mappings of environments that were looked through a moment ago.
pub struct Mappings(moka::future::Cache<EnvironmentId, Arc<Vec<Mapping>>>);

impl Default for Mappings {
    fn default() -> Self {
        Self(moka::future::Cache::builder().max_capacity(ENVIRONMENTS).time_to_live(REMEMBERED).build())
    }
}

impl Mappings {
    /// The remote address of a public id with its extension: that of the longest folder that it lies in.
    pub async fn address(
        &self,
        database: &Database,
        environment: EnvironmentId,
        name: &str,
    ) -> Result<Option<String>, Arc<DbErr>> {
        let find = async {
            let rows = Entity::find().filter(Column::EnvironmentId.eq(environment.0)).all(database.reader()).await?;
            let mut mappings: Vec<Mapping> = rows.into_iter().map(Mapping::from).collect();
            mappings.sort_by_key(|mapping| std::cmp::Reverse(mapping.folder.len()));
            Ok::<_, DbErr>(Arc::new(mappings))
        };
        let mappings = self.0.try_get_with(environment, find).await?;
        Ok(mappings.iter().find_map(|mapping| mapping.address(name)))
    }

    /// Forgets those of an environment, whose mappings were changed here.
    pub async fn forget(&self, environment: EnvironmentId) {
        self.0.invalidate(&environment).await;
    }
}

/// The mappings of one tenant.
pub struct MappingStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> MappingStore<'a> {
    /// The mappings of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// The mapping of a folder.
    pub async fn find(&self, folder: &str) -> Result<Mapping, MappingError> {
        let row = Entity::find_by_id((self.environment.0, folder.to_owned())).one(self.database.reader()).await?;
        row.map(Mapping::from).ok_or(MappingError::NotFound)
    }

    /// A page of mappings by their folders, behind `after`, and how many there are in all.
    pub async fn list(&self, after: Option<&str>, limit: u64) -> Result<(Vec<Mapping>, u64), DbErr> {
        let mut query = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        let total = query.clone().count(self.database.reader()).await?;
        if let Some(after) = after {
            query = query.filter(Column::Folder.gt(after));
        }
        let rows = query.order_by_asc(Column::Folder).limit(limit).all(self.database.reader()).await?;
        Ok((rows.into_iter().map(Mapping::from).collect(), total))
    }

    /// Makes a mapping of a folder to a template.
    pub async fn create(
        &self,
        mapping: Permitted<(String, String)>,
        now: DateTime<Utc>,
    ) -> Result<Mapping, MappingError> {
        let Permitted { thing: (folder, template), by, .. } = mapping;
        let transaction = self.database.begin().await?;
        let mine = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        if mine.count(&transaction).await? >= MOST {
            return Err(MappingError::TooMany);
        }
        let mapping = Mapping { folder, template, external_id: uuid_at(now) };
        let written = Entity::insert(self.row(&mapping, now))
            .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Folder]).do_nothing().to_owned())
            .exec_without_returning(&transaction)
            .await?;
        if written == 0 {
            return Err(MappingError::Taken);
        }
        let entry = Entry::made("create_upload_mapping", target(&mapping.folder), shown(&mapping));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(mapping)
    }

    /// Gives a mapping another template.
    pub async fn update(&self, mapping: Permitted<(String, String)>, now: DateTime<Utc>) -> Result<(), MappingError> {
        let Permitted { thing: (folder, template), by, .. } = mapping;
        let transaction = self.database.begin().await?;
        let before = self.locked(&transaction, &folder).await?;
        let after = Mapping { template, ..before.clone() };
        Entity::update_many()
            .col_expr(Column::Template, sea_orm::sea_query::Expr::value(after.template.as_str()))
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::Folder.eq(folder.as_str()))
            .exec(&transaction)
            .await?;
        let entry = Entry::changed("update_upload_mapping", target(&folder), shown(&before), shown(&after));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes a mapping away. What was fetched by it stays.
    pub async fn delete(&self, folder: Permitted<String>, now: DateTime<Utc>) -> Result<(), MappingError> {
        let Permitted { thing: folder, by, .. } = folder;
        let transaction = self.database.begin().await?;
        let before = self.locked(&transaction, &folder).await?;
        Entity::delete_by_id((self.environment.0, folder.clone())).exec(&transaction).await?;
        let entry = Entry::removed("delete_upload_mapping", target(&folder), shown(&before));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Puts these mappings in the place of all that there were.
    pub async fn replace(
        &self,
        mappings: Permitted<Vec<(String, String)>>,
        now: DateTime<Utc>,
    ) -> Result<(), MappingError> {
        let Permitted { thing: mappings, by, .. } = mappings;
        if mappings.len() as u64 > MOST {
            return Err(MappingError::TooMany);
        }
        let transaction = self.database.begin().await?;
        let before = Entity::find()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .order_by_asc(Column::Folder)
            .lock_exclusive()
            .all(&transaction)
            .await?;
        let before: Vec<Value> = before.into_iter().map(|row| shown(&row.into())).collect();
        Entity::delete_many().filter(Column::EnvironmentId.eq(self.environment.0)).exec(&transaction).await?;
        let mapping = |(folder, template)| Mapping { folder, template, external_id: uuid_at(now) };
        let mappings: Vec<Mapping> = mappings.into_iter().map(mapping).collect();
        let after: Vec<Value> = mappings.iter().map(shown).collect();
        if !mappings.is_empty() {
            let rows = mappings.iter().map(|mapping| self.row(mapping, now));
            Entity::insert_many(rows).exec_without_returning(&transaction).await?;
        }
        let entry = Entry::changed("replace_upload_mappings", "upload_mappings".into(), json!(before), json!(after));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(())
    }

    fn row(&self, mapping: &Mapping, now: DateTime<Utc>) -> ActiveModel {
        ActiveModel {
            environment_id: Set(self.environment.0),
            folder: Set(mapping.folder.clone()),
            template: Set(mapping.template.clone()),
            external_id: Set(mapping.external_id),
            created_at: Set(now),
        }
    }

    async fn locked(&self, transaction: &DatabaseTransaction, folder: &str) -> Result<Mapping, MappingError> {
        let row = Entity::find_by_id((self.environment.0, folder.to_owned())).lock_exclusive().one(transaction).await?;
        row.map(Mapping::from).ok_or(MappingError::NotFound)
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

fn target(folder: &str) -> String {
    format!("upload_mapping /{folder}")
}

fn shown(mapping: &Mapping) -> Value {
    json!({"folder": mapping.folder, "template": mapping.template})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_what_lies_in_the_folder() {
        let mapping = |folder: &str, template: &str| Mapping {
            folder: folder.into(),
            template: template.into(),
            external_id: Uuid::nil(),
        };
        for (folder, template, name, expected) in [
            ("site", "https://a.test/img/", "site/b/c d.jpg", Some("https://a.test/img/b/c%20d.jpg")),
            ("site", "https://a.test/img/", "sites/b.jpg", None),
            ("site", "https://a.test/img/", "site", None),
            ("site", "https://a.test/img/", "site/", None),
            ("site", "https://a.test/img/", "site/../b.jpg", None),
            ("", "https://a.test/", "b.jpg", Some("https://a.test/b.jpg")),
            ("site", "https://a.test/?p=", "site/b&c=d.jpg", Some("https://a.test/?p=b%26c%3Dd.jpg")),
            ("site", "https://a.test/", "site/@evil.test/b", Some("https://a.test/%40evil.test/b")),
        ] {
            assert_eq!(mapping(folder, template).address(name).as_deref(), expected, "{folder} {name}");
        }
    }

    #[test]
    fn templates_have_a_path_and_no_credentials() {
        assert_eq!(read_template("https://a.test").unwrap(), "https://a.test/");
        assert_eq!(read_template("https://a.test/img-").unwrap(), "https://a.test/img-");
        for text in ["", "a.test", "ftp://a.test/", "https://user:pw@a.test/", "file:///etc/"] {
            assert!(read_template(text).is_err(), "{text}");
        }
    }
}
