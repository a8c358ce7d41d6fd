//! What may go wrong with roles and policies, and how the caller reads it.

use plane_kit::error::{ApiError, ErrorCode};
use sea_orm::DbErr;
use serde_json::json;

use super::{
    cedar::{CEDAR_CODE, Complaints},
    enforcement::EnforcementError,
};
use crate::store_error::StoreError;

/// Why roles and policies could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PermissionsError {
    /// There is no such custom policy in the account.
    #[error("Cannot find policy with id {0}")]
    PolicyNotFound(String),
    /// There is no such role.
    #[error("Cannot find role with id {0}")]
    RoleNotFound(String),
    /// There is no such principal in the account.
    #[error("Cannot find {kind} with id {id}")]
    PrincipalNotFound {
        /// Its type on the wire.
        kind: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// A system role can be neither changed nor deleted.
    #[error("Role {0} is a role of the system; it can be neither changed nor deleted")]
    SystemRole(String),
    /// A new or changed policy does not hold.
    #[error("Invalid value for parameter policy_statement: {0}")]
    Statement(Complaints),
    /// A policy that was stored does not compile any more.
    #[error("a stored policy cannot be read")]
    StoredPolicy(#[source] Complaints),
    /// The new statement is the old one.
    #[error("The policy_statement is unchanged")]
    Unchanged,
    /// Another custom role of the account has the name.
    #[error("Role with name {0} already exists")]
    RoleNameTaken(String),
    /// Another custom role of the account has the id.
    #[error("Role with id {0} already exists")]
    RoleIdTaken(String),
    /// Principals have the role.
    #[error("Role {role} is held by {holders} principals; take it from them first, or delete it with force=true")]
    RoleHeld {
        /// The role.
        role: String,
        /// How many have it.
        holders: usize,
    },
    /// A parameter is missing, malformed or does not go with another.
    #[error("{0}")]
    Invalid(String),
    /// Afterwards nobody could change roles any more.
    #[error("This would lock the last administrator out: no enabled provisioning key could change roles any more")]
    LastAdministrator,
    /// The stores below, or the change of environments.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl PermissionsError {
    /// A 400 for a value that is none.
    pub(crate) fn value(name: &str, value: &str, why: &str) -> Self {
        let shown: String = value.chars().take(100).collect();
        Self::Invalid(format!("Invalid value {shown} for parameter {name}: {why}"))
    }

    /// A 400 for a parameter that has to be there.
    pub(crate) fn missing(name: &str) -> Self {
        Self::Invalid(format!("Missing required parameter - {name}"))
    }
}

impl From<DbErr> for PermissionsError {
    fn from(error: DbErr) -> Self {
        Self::Store(StoreError::Database(error))
    }
}

impl From<EnforcementError> for PermissionsError {
    fn from(error: EnforcementError) -> Self {
        match error {
            EnforcementError::Database(source) => source.into(),
            EnforcementError::Rules(source) => StoreError::StoredRules(source).into(),
            EnforcementError::Policy(source) => Self::StoredPolicy(source),
        }
    }
}

impl From<PermissionsError> for ApiError {
    fn from(error: PermissionsError) -> Self {
        use PermissionsError as E;
        let text = error.to_string();
        match error {
            E::Store(source) => source.into(),
            E::StoredPolicy(_) => Self::internal(&error),
            E::PolicyNotFound(id) => named(ErrorCode::NotFound, text, "policy_id", &id),
            E::RoleNotFound(id) => named(ErrorCode::NotFound, text, "role_id", &id),
            E::PrincipalNotFound { id, .. } => named(ErrorCode::NotFound, text, "principal_id", &id),
            E::RoleNameTaken(name) => named(ErrorCode::Conflict, text, "name", &name),
            E::RoleIdTaken(id) => named(ErrorCode::Conflict, text, "id", &id),
            E::Statement(complaints) => {
                let errors: Vec<_> = complaints
                    .0
                    .iter()
                    .map(|one| json!({"cedar_message": one.message, "cedar_code": one.code}))
                    .collect();
                Self::new(ErrorCode::InvalidRequest, text)
                    .with_details(Some(CEDAR_CODE), json!({"fields": [{"cedar_errors": errors}]}))
            }
            E::Unchanged => Self::new(ErrorCode::Conflict, text),
            E::SystemRole(_) | E::RoleHeld { .. } | E::LastAdministrator => Self::new(ErrorCode::Forbidden, text),
            E::Invalid(_) => Self::new(ErrorCode::InvalidRequest, text),
        }
    }
}

fn named(code: ErrorCode, text: String, field: &str, value: &str) -> ApiError {
    ApiError::new(code, text).with_details(None, json!({"fields": [{field: value}]}))
}
