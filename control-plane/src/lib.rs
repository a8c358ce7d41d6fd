//! The control plane: accounts, users and their groups, roles and policies, product environments, access keys, snapshots for the regions,
//! the ledger of usage, and the audit log.
//!
//! [`ControlPlane`] is the whole of it. Over HTTP it answers the vendor's Provisioning API under `/v1_1/provisioning`, and the
//! regions and the operator under `/internal/v1`; to the program that holds it, it offers what an operator does at the command
//! line, and a [`ControlLink`] for a data plane in the same process.

mod access;
mod access_keys;
mod accounts;
mod advisor;
mod audit;
mod billing;
mod changes;
pub mod config;
mod environments;
mod follow;
mod foundation;
mod groups;
mod internal;
mod key_bounds;
mod keys;
mod ledger;
mod link;
mod names;
mod operator;
mod passwords;
mod permissions;
mod provisioning;
mod provisioning_keys;
mod rates;
mod regions;
mod roles;
mod rotation;
mod settings;
mod signup;
mod snapshots;
mod store_error;
mod tables;
mod users;

use std::{collections::BTreeMap, sync::Arc};

use actix_web::web;
use chrono::{DateTime, Utc};
use plane_kit::{
    clock::Clock,
    config::ConfigError,
    database::Database,
    error::ApiError,
    http::{params::Params, routes::Routes},
    ids::{AccountId, EnvironmentId},
    seal::SealingRing,
    seam::{ControlLink, snapshot::Limits},
    secret::Secret,
    settings::SettingsView,
};
use sea_orm::DbErr;

pub use accounts::{Account, AccountCredentials, AccountStanding};
pub use advisor::SecretBeyondRole;
pub use audit::{AuditFilter, PageEnd};
pub use config::ControlConfig;
pub use keys::KeyError;
pub use operator::OperatedAccount;
pub use passwords::PasswordError;
pub use provisioning::audit::AuditEntry;
pub use rates::RatesConfig;
pub use regions::{RegionCredentials, RegionError};
pub use rotation::{Rotation, RotationError};
pub use snapshots::IssueError;
pub use store_error::StoreError;
pub use users::invitations::UserInvitation;

use environments::{Environment, Environments, NewEnvironment};
use foundation::Foundation;
use link::LocalLink;
use settings::SettingsChanges;

/// The PostgreSQL schema of the control database.
const SCHEMA: &str = "control";

/// Why a control plane does not open or answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A setting does not hold.
    #[error("the control plane's settings do not hold")]
    Config(#[from] ConfigError),
    /// The database does not open, cannot be migrated or does not answer.
    #[error("the control database failed")]
    Database(#[from] DbErr),
    /// The installation's own keys cannot be used.
    #[error("the installation's keys cannot be used")]
    Keys(#[from] KeyError),
}

/// A product environment with its oldest access key that is enabled and never expires.
#[derive(Debug, Clone)]
pub struct EnvironmentCredentials {
    /// The environment's id.
    pub id: EnvironmentId,
    /// What people call it.
    pub name: String,
    /// The name in URLs, lower case.
    pub cloud_name: String,
    /// The region that serves it.
    pub region: String,
    /// The public half of the key, 15 digits.
    pub api_key: String,
    /// The secret half.
    pub api_secret: Secret,
}

/// An access key that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedKey {
    /// The name in URLs of its product environment, lower case.
    pub cloud_name: String,
    /// What people call it.
    pub name: String,
    /// The public half.
    pub api_key: String,
}

/// A control plane. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct ControlPlane {
    foundation: Arc<Foundation>,
}

impl ControlPlane {
    /// Opens the control database, brings it to the newest state, and reads the installation's keys, which are made when there
    /// are none. The ring's present key seals every secret at rest; an installation opens only with the keys that its secrets are
    /// sealed under.
    pub async fn open(
        config: ControlConfig,
        key_encryption_key: SealingRing,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ControlError> {
        config.validate()?;
        if config.database_url.is_empty() {
            return Err(ConfigError::Invalid("control.database_url must be set".to_owned()).into());
        }
        let database = Database::open(&config.database_url, SCHEMA).await?;
        migrations::migrate_control(database.writer()).await?;
        let signer = keys::snapshot_signer(&database, &key_encryption_key).await?;
        let foundation = Foundation::new(config, database, key_encryption_key, signer, clock);
        Ok(Self { foundation: Arc::new(foundation) })
    }

    /// The operations of the control plane. They need what [`configure`](Self::configure) adds.
    pub fn routes() -> Routes {
        let mut routes = Routes::new();
        routes.merge(internal::routes());
        routes.merge(operator::routes());
        routes.merge(provisioning::routes());
        routes
    }

    /// Puts this control plane among the data of an HTTP application.
    pub fn configure(&self, config: &mut web::ServiceConfig) {
        config.app_data(web::Data::from(Arc::clone(&self.foundation)));
    }

    /// Whether the control plane can answer now: its database does.
    pub async fn ready(&self) -> Result<(), ControlError> {
        Ok(self.foundation.database.ping().await?)
    }

    /// The seam for a data plane in this process. A region that does not exist is refused when it is used.
    pub fn link_for_region(&self, region: &str) -> Arc<dyn ControlLink> {
        Arc::new(LocalLink::new(Arc::clone(&self.foundation), region))
    }

    /// Makes an account with a provisioning key. `plan` is `Free`, `Plus` or `Unlimited`, in any case.
    pub async fn create_account(&self, name: &str, plan: &str) -> Result<AccountCredentials, StoreError> {
        accounts::create(&self.foundation, &audit::OPERATOR, name, plan).await
    }

    /// All accounts, oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        accounts::list(&self.foundation).await
    }

    /// The oldest account of that name that is not closed, with its oldest enabled provisioning key.
    pub async fn find_account(&self, name: &str) -> Result<Option<AccountCredentials>, StoreError> {
        accounts::find(&self.foundation, name).await
    }

    /// Suspends an account or takes it back. All its environments are switched off and on with it; the call returns when the
    /// connected regions have applied that, or after the configured limit. A closed account is not taken back.
    pub async fn set_account_enabled(&self, account: AccountId, enabled: bool) -> Result<(), StoreError> {
        changes::set_account_enabled(&self.foundation, &audit::OPERATOR, account, enabled).await
    }

    /// Closes an account for good: its provisioning keys are switched off and its environments deleted.
    pub async fn close_account(&self, account: AccountId) -> Result<(), StoreError> {
        changes::close_account(&self.foundation, &audit::OPERATOR, account).await
    }

    /// Seals everything anew under the present key-encryption key, while other processes go on.
    pub async fn rotate_key_encryption_key(&self) -> Result<Rotation, RotationError> {
        rotation::rotate(&self.foundation).await
    }

    /// A page of the audit log of an account, or of the installation without one, newest first, and where it ended if there is more.
    pub async fn audit_log(
        &self,
        account: Option<AccountId>,
        filter: &AuditFilter,
        behind: Option<PageEnd>,
        limit: u64,
    ) -> Result<(Vec<AuditEntry>, Option<PageEnd>), StoreError> {
        if let Some(account) = account {
            accounts::get(&self.foundation, account).await?;
        }
        let (records, end) =
            audit::AuditLog::for_operator(&self.foundation, account).page(filter, behind, limit).await?;
        Ok((records.into_iter().map(AuditEntry::from).collect(), end))
    }

    /// When an access key of the account was last permitted something, as far back as call records are kept.
    pub async fn last_used(&self, account: AccountId, api_key: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
        Ok(audit::last_used(&self.foundation, account, api_key).await?)
    }

    /// The users of an account who can see the secret of an access key that may do more than their roles, oldest first, each with
    /// every such key.
    pub async fn secrets_beyond_roles(&self, account: AccountId) -> Result<Vec<SecretBeyondRole>, StoreError> {
        advisor::secrets_beyond_roles(&self.foundation, account).await
    }

    /// Adds a region. The token in the answer is shown this once.
    pub async fn add_region(&self, name: &str) -> Result<RegionCredentials, RegionError> {
        regions::add(&self.foundation, name).await
    }

    /// The region of that name, added if there is none. The token is in the answer only in that case.
    pub async fn ensure_region(&self, name: &str) -> Result<RegionCredentials, RegionError> {
        regions::ensure(&self.foundation, name).await
    }

    /// The names of all regions, sorted.
    pub async fn regions(&self) -> Result<Vec<String>, RegionError> {
        regions::names(&self.foundation).await
    }

    /// Makes a product environment in an account. Without a cloud name one is made up; without a region it goes to the default
    /// one.
    pub async fn create_environment_for(
        &self,
        account: AccountId,
        name: &str,
        cloud_name: Option<&str>,
        region: Option<&str>,
    ) -> Result<EnvironmentCredentials, StoreError> {
        let new = NewEnvironment {
            name: name.to_owned(),
            cloud_name: cloud_name.map(str::to_owned),
            region: region.map(str::to_owned),
            ..NewEnvironment::default()
        };
        let environment = Environments::for_operator(&self.foundation, account).create(new).await?;
        let found = credentials(&environment);
        found.ok_or_else(|| StoreError::EnvironmentNotFound(environment.id().to_string()))
    }

    /// The environment of an account with that cloud name, with its oldest access key that is enabled and never expires;
    /// none if either is missing.
    pub async fn find_environment(
        &self,
        account: AccountId,
        cloud_name: &str,
    ) -> Result<Option<EnvironmentCredentials>, StoreError> {
        let found = Environments::for_operator(&self.foundation, account).find_by_cloud_name(cloud_name).await?;
        Ok(found.as_ref().and_then(credentials))
    }

    /// Makes a link by which a person accepts to be a user of the account, and the user if the account has none of that address; one
    /// that is there keeps its name and role. Earlier links of the user stop working. `role` is the name of a role of users. `reached_at`
    /// is what the link begins with where `control.public_url` says nothing, as in `https://media.example.com`.
    pub async fn invite_user(
        &self,
        account: AccountId,
        name: &str,
        email: &str,
        role: &str,
        reached_at: &str,
    ) -> Result<UserInvitation, StoreError> {
        users::invitations::invite_for_operator(&self.foundation, account, name, email, role, reached_at).await
    }

    /// Closes the accounts that strangers made and nobody has claimed in time. Whoever makes another one does that too; called now and
    /// then, it is done when nobody comes.
    pub async fn close_unclaimed_clouds(&self) -> Result<(), StoreError> {
        signup::close_unclaimed(&self.foundation).await
    }

    /// The settings of a product environment, after `changes` by their names on the wire, if there are any.
    pub async fn environment_settings(
        &self,
        account: AccountId,
        cloud_name: &str,
        changes: &Params,
    ) -> Result<SettingsView, ApiError> {
        let changes = SettingsChanges::read(changes)?;
        let environments = Environments::for_operator(&self.foundation, account);
        let environment = environments.find_by_cloud_name(cloud_name).await?;
        let mut environment = environment.ok_or_else(|| StoreError::CloudNotFound(cloud_name.to_owned()))?;
        if !changes.is_empty() {
            environment = environments.set(&environment, changes).await?;
        }
        Ok(environment.settings()?)
    }

    /// The limits of a product environment, after `changes` by their names, if there are any: `upload_bytes` and `image_pixels`, each at least
    /// 1, and `admin_calls_per_hour`, where 0 is no limit.
    pub async fn environment_limits(
        &self,
        account: AccountId,
        cloud_name: &str,
        changes: &BTreeMap<String, u64>,
    ) -> Result<Limits, ApiError> {
        for (name, value) in changes {
            let (least, most) = match name.as_str() {
                "upload_bytes" | "image_pixels" => (1, i64::MAX.unsigned_abs()),
                "admin_calls_per_hour" => (0, u64::from(u32::MAX)),
                unknown => {
                    let known = "upload_bytes, image_pixels, admin_calls_per_hour";
                    return Err(ApiError::invalid(format!("There is no limit {unknown}; there are {known}")));
                }
            };
            if !(least..=most).contains(value) {
                return Err(ApiError::invalid(format!("Invalid value {value} for limit {name}: {least} to {most}")));
            }
        }
        let environments = Environments::for_operator(&self.foundation, account);
        let environment = environments.find_by_cloud_name(cloud_name).await?;
        let environment = environment.ok_or_else(|| StoreError::CloudNotFound(cloud_name.to_owned()))?;
        match changes.is_empty() {
            true => Ok(environment.limits()?),
            false => Ok(environments.limit(&environment, changes).await?),
        }
    }

    /// Takes an access key over that was made elsewhere, so that what was signed with it in the past stays valid. It is enabled and
    /// has no rules. Its public half, 1 to 32 digits, must be free over the whole installation; its secret has 8 to 128 letters,
    /// digits, `_` and `-`.
    pub async fn import_key(
        &self,
        account: AccountId,
        cloud_name: &str,
        name: &str,
        api_key: &str,
        api_secret: Secret,
    ) -> Result<ImportedKey, StoreError> {
        let environments = Environments::for_operator(&self.foundation, account);
        let environment = environments.find_by_cloud_name(cloud_name).await?;
        let environment = environment.ok_or_else(|| StoreError::CloudNotFound(cloud_name.to_owned()))?;
        let key = environments.keys_of(&environment).import(name, api_key, api_secret).await?;
        Ok(ImportedKey {
            cloud_name: environment.cloud_name().to_owned(),
            name: key.name().to_owned(),
            api_key: key.api_key().to_owned(),
        })
    }
}

fn credentials(environment: &Environment) -> Option<EnvironmentCredentials> {
    let key = environment.keys().iter().find(|key| key.enabled() && key.expires_at().is_none())?;
    Some(EnvironmentCredentials {
        id: environment.id(),
        name: environment.name().to_owned(),
        cloud_name: environment.cloud_name().to_owned(),
        region: environment.region().to_owned(),
        api_key: key.api_key().to_owned(),
        api_secret: key.secret().clone(),
    })
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::Info;

    use super::*;

    #[test]
    fn every_operation_is_described_whole() {
        let document = serde_json::to_value(ControlPlane::routes().openapi(Info::new("control", "1"))).unwrap();
        let mut operations = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations += 1;
                for part in ["summary", "description", "operationId"] {
                    assert!(operation[part].is_string(), "{method} {path} has no {part}");
                }
                let permission = &operation["x-permission"];
                assert!(permission.is_string() || permission["why"].is_string(), "{method} {path} has no x-permission");
                assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
                let answers = ["200", "201", "204"].iter().filter_map(|status| operation["responses"].get(status));
                let answer = answers
                    .max_by_key(|answer| answer["content"].is_object())
                    .unwrap_or_else(|| panic!("{method} {path} has no answer"));
                assert!(answer["description"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
                // Two deletions and two assignments of the vendor's second version answer nothing.
                let id = operation["operationId"].as_str().unwrap();
                let is_empty =
                    ["delete_custom_policy", "delete_role", "update_principal_roles", "update_role_principals"]
                        .contains(&id);
                assert_eq!(answer["content"]["application/json"]["schema"].is_object(), !is_empty, "{method} {path}");
            }
        }
        assert_eq!(operations, 83);
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            for (member, property) in schema["properties"].as_object().into_iter().flatten() {
                assert!(property["description"].is_string(), "{name}.{member} has no description");
            }
        }
    }
}
