//! The life of an access key: its owner and note, its expiry, and the change of its secret with an overlap.

use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use plane_kit::{audit::Entry, ids::generate_api_secret, secret::Secret};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde_json::Value;

use super::{AccessKey, AccessKeys, KeyName, shown, target};
use crate::{
    changes::Change,
    names::{check_note, check_owner},
    store_error::StoreError,
    tables::access_keys as rows,
};

/// What changes about the details of a key; what is absent stays, and an inner nothing takes away.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyDetails {
    /// Who answers for it.
    pub owner: Option<Option<String>>,
    /// What people have to know of it.
    pub note: Option<Option<String>>,
    /// From when on it is refused everywhere, cut to whole seconds; with an inner nothing it never expires.
    pub expires_at: Option<Option<DateTime<Utc>>>,
}

impl AccessKey {
    /// Who answers for it, in free words.
    pub(crate) fn owner(&self) -> Option<&str> {
        self.row.owner.as_deref()
    }

    /// What people have to know of it.
    pub(crate) fn note(&self) -> Option<&str> {
        self.row.note.as_deref()
    }

    /// From when on it is refused everywhere; never when absent.
    pub(crate) fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.row.expires_at
    }

    /// The second secret and when it was made, while a rotation is under way.
    pub(crate) fn rotation(&self) -> Option<(&Secret, DateTime<Utc>)> {
        self.next_secret.as_ref().zip(self.row.rotation_started_at)
    }
}

impl AccessKeys<'_> {
    /// Changes the details of a key. An expiry is in force on the connected regions when this returns, after at most the configured
    /// wait; when its moment comes, they decide by their own clocks.
    pub(crate) async fn describe(&self, api_key: &str, details: KeyDetails) -> Result<AccessKey, StoreError> {
        if let Some(Some(owner)) = &details.owner {
            check_owner(owner)?;
        }
        if let Some(Some(note)) = &details.note {
            check_note(note)?;
        }
        // Seconds are what is shown, so seconds are what holds.
        let expires_at = details.expires_at.map(|moment| moment.map(|moment| moment.trunc_subsecs(0)));
        let now = self.foundation.clock.now();
        if let Some(Some(moment)) = expires_at
            && moment <= now
        {
            return Err(StoreError::ExpiryPassed(moment.to_rfc3339_opts(SecondsFormat::Secs, true)));
        }
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        if let Some(Some(_)) = expires_at {
            self.guard_last(&change, &row).await?;
        }
        row.expires_at = expires_at.unwrap_or(row.expires_at);
        row.owner = details.owner.unwrap_or(row.owner);
        row.note = details.note.unwrap_or(row.note);
        self.write(change, row, "update_access_key_details", before).await
    }

    /// Begins a rotation: makes a second secret that is accepted beside the first. Answers the key with both.
    pub(crate) async fn rotate(&self, api_key: &str) -> Result<AccessKey, StoreError> {
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        if row.next_sealed_secret.is_some() {
            return Err(StoreError::RotationUnderWay(row.api_key));
        }
        row.next_sealed_secret = Some(self.foundation.key_encryption_key.seal(&generate_api_secret()));
        row.rotation_started_at = Some(self.foundation.clock.now());
        self.write(change, row, "rotate_access_key", before).await
    }

    /// Ends a rotation with the second secret as the only one.
    pub(crate) async fn confirm_rotation(&self, api_key: &str) -> Result<AccessKey, StoreError> {
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        row.sealed_secret = end_rotation(&mut row)?;
        self.write(change, row, "confirm_access_key_rotation", before).await
    }

    /// Ends a rotation with the first secret as the only one.
    pub(crate) async fn give_rotation_up(&self, api_key: &str) -> Result<(), StoreError> {
        let change = Change::of(self.foundation, self.account, self.environment.0).await?;
        let mut row = self.locked(&change, KeyName::ApiKey(api_key)).await?;
        let before = shown(&row);
        end_rotation(&mut row)?;
        self.write(change, row, "delete_access_key_rotation", before).await?;
        Ok(())
    }

    /// Writes the row of a key and commits, with an entry in the audit log.
    async fn write(
        &self,
        change: Change<'_>,
        mut row: rows::Model,
        operation: &'static str,
        before: Value,
    ) -> Result<AccessKey, StoreError> {
        row.updated_at = self.foundation.clock.now();
        let row = rows::Entity::update(row.into_active_model().reset_all()).exec(change.transaction()).await?;
        change.commit(self.origin, Entry::changed(operation, target(&row), before, shown(&row))).await?;
        self.open(row)
    }
}

/// Takes the second secret out of a row, sealed as it is.
fn end_rotation(row: &mut rows::Model) -> Result<String, StoreError> {
    row.rotation_started_at = None;
    row.next_sealed_secret.take().ok_or_else(|| StoreError::NoRotation(row.api_key.clone()))
}
