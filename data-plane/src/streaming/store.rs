//! The rows of streaming profiles.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    database::Database,
    ids::{EnvironmentId, uuid_at},
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::OnConflict,
};
use serde_json::{Value, json};

use super::Profile;
use crate::{
    assets::ActsFor,
    audit,
    permitted::Permitted,
    tables::streaming_profiles::{ActiveModel, Column, Entity, Model},
};

/// How many profiles of its own an environment may have; all of them are listed at once.
pub const MOST: u64 = 1000;

/// What kept a change from being made.
#[derive(Debug)]
pub enum ProfileError {
    /// There is none of that name.
    NotFound,
    /// There is one of that name.
    Taken,
    /// There are too many.
    TooMany,
    /// The database failed.
    Database(DbErr),
}

impl From<DbErr> for ProfileError {
    fn from(error: DbErr) -> Self {
        Self::Database(error)
    }
}

/// What becomes of a profile; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Update {
    /// Its name shown to people.
    pub display_name: Option<String>,
    /// Its renditions.
    pub representations: Option<Vec<String>>,
}

/// The streaming profiles of one tenant.
pub struct ProfileStore<'a> {
    database: &'a Database,
    region: &'a str,
    environment: EnvironmentId,
}

impl<'a> ProfileStore<'a> {
    /// The profiles of the tenant that the witness is for.
    pub fn of(witness: &impl ActsFor, database: &'a Database, region: &'a str) -> Self {
        Self { database, region, environment: witness.environment() }
    }

    /// All profiles: those that are there by themselves, as the tenant has them, and his own by their names.
    pub async fn list(&self) -> Result<Vec<Profile>, DbErr> {
        let of = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        let rows = of.order_by_asc(Column::Name).all(self.database.reader()).await?;
        let mut own: Vec<Profile> = rows.into_iter().map(Profile::of_row).collect();
        let mut all: Vec<Profile> = Profile::all_predefined().collect();
        for profile in &mut all {
            if let Some(at) = own.iter().position(|own| own.name == profile.name) {
                *profile = own.remove(at);
            }
        }
        all.append(&mut own);
        Ok(all)
    }

    /// The profile of a name.
    pub async fn find(&self, name: &str) -> Result<Profile, ProfileError> {
        let row = Entity::find_by_id((self.environment.0, name.to_owned())).one(self.database.reader()).await?;
        row.map(Profile::of_row).or_else(|| Profile::predefined(name)).ok_or(ProfileError::NotFound)
    }

    /// Makes a profile.
    pub async fn create(&self, profile: Permitted<Profile>, now: DateTime<Utc>) -> Result<Profile, ProfileError> {
        let Permitted { thing: profile, by, .. } = profile;
        if Profile::predefined(&profile.name).is_some() {
            return Err(ProfileError::Taken);
        }
        let transaction = self.database.begin().await?;
        let profile = Profile { external_id: uuid_at(now), ..profile };
        self.insert(&transaction, &profile, now).await?;
        let entry = Entry::made("create_streaming_profile", target(&profile.name), shown(&profile));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(profile)
    }

    /// Changes a profile, and answers with what it is now. One that is there by itself becomes the tenant's own.
    pub async fn update(
        &self,
        change: Permitted<(String, Update)>,
        now: DateTime<Utc>,
    ) -> Result<Profile, ProfileError> {
        let Permitted { thing: (name, update), by, .. } = change;
        let transaction = self.database.begin().await?;
        let row = self.locked(&transaction, &name).await?;
        let before = row.clone().map(Profile::of_row).or_else(|| Profile::predefined(&name));
        let before = before.ok_or(ProfileError::NotFound)?;
        let profile = Profile {
            display_name: update.display_name.or(before.display_name.clone()),
            representations: update.representations.unwrap_or_else(|| before.representations.clone()),
            ..before.clone()
        };
        match row {
            Some(row) => {
                let kept = profile.kept();
                let row = Model { display_name: profile.display_name.clone(), representations: kept, ..row };
                row.into_active_model().reset_all().update(&transaction).await?;
            }
            None => self.insert(&transaction, &profile, now).await?,
        }
        let entry = Entry::changed("update_streaming_profile", target(&name), shown(&before), shown(&profile));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(profile)
    }

    /// Takes a profile away; one that is there by itself is again what it was. Answers with what is gone.
    pub async fn delete(&self, name: Permitted<String>, now: DateTime<Utc>) -> Result<Profile, ProfileError> {
        let Permitted { thing: name, by, .. } = name;
        let transaction = self.database.begin().await?;
        let Some(row) = self.locked(&transaction, &name).await? else {
            transaction.rollback().await?;
            return Profile::predefined(&name).ok_or(ProfileError::NotFound);
        };
        let gone = Profile::of_row(row);
        Entity::delete_by_id((self.environment.0, name.clone())).exec(&transaction).await?;
        let entry = Entry::removed("delete_streaming_profile", target(&name), shown(&gone));
        self.audit(&transaction, &by, entry, now).await?;
        transaction.commit().await?;
        Ok(gone)
    }

    async fn insert(
        &self,
        transaction: &DatabaseTransaction,
        profile: &Profile,
        now: DateTime<Utc>,
    ) -> Result<(), ProfileError> {
        let of = Entity::find().filter(Column::EnvironmentId.eq(self.environment.0));
        if of.count(transaction).await? >= MOST {
            return Err(ProfileError::TooMany);
        }
        let row = Model {
            environment_id: self.environment.0,
            name: profile.name.clone(),
            display_name: profile.display_name.clone(),
            representations: profile.kept(),
            external_id: profile.external_id,
            created_at: now,
        };
        let written = Entity::insert(ActiveModel::from(row))
            .on_conflict(OnConflict::columns([Column::EnvironmentId, Column::Name]).do_nothing().to_owned())
            .exec_without_returning(transaction)
            .await?;
        if written == 0 { Err(ProfileError::Taken) } else { Ok(()) }
    }

    async fn locked(&self, transaction: &DatabaseTransaction, name: &str) -> Result<Option<Model>, DbErr> {
        Entity::find_by_id((self.environment.0, name.to_owned())).lock_exclusive().one(transaction).await
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
    format!("streaming_profile {name}")
}

fn shown(profile: &Profile) -> Value {
    json!({"name": profile.name, "display_name": profile.display_name, "representations": profile.representations})
}
