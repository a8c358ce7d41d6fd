//! Roles and policies as lines of policy: of a product environment, which its snapshot carries, and of an account.

use std::collections::{BTreeMap, HashSet};

use plane_kit::{
    ids::{AccountId, EnvironmentId},
    policy::{
        Effect, PolicyBook, PolicyLine, RoleLink, key_subject, provisioning_subject, rule::RuleError, rules_subject,
    },
};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::{
    cedar::{Complaints, Who, compile},
    held::{Held, PrincipalType, held_of, settled},
    system::{self, FOLDER_PARAMETER, FOLDER_PLACEHOLDER, ScopeType},
};
use crate::{
    key_bounds::KeyPermissions,
    roles::ACCOUNT_ADMIN,
    tables::{access_keys, custom_policies, custom_roles, provisioning_keys},
};

/// The role of every key whose roles nobody has changed.
const ENVIRONMENT_ADMIN: &str = "role:environment_admin";
/// What stands for every product environment where one is named.
pub(crate) const EVERY_ENVIRONMENT: &str = "all";

/// Why the policy of an environment or an account cannot be put together.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnforcementError {
    /// The database does not answer.
    #[error("roles and policies cannot be read from the database")]
    Database(#[from] DbErr),
    /// Stored rules of a key cannot be read.
    #[error("the stored rules of a key cannot be read")]
    Rules(#[from] RuleError),
    /// A stored policy does not compile any more. Passing over it might pass over a refusal.
    #[error("a stored policy cannot be read")]
    Policy(#[from] Complaints),
}

/// Lines and links as they are put together.
#[derive(Default)]
struct Draft {
    lines: Vec<PolicyLine>,
    links: Vec<RoleLink>,
    roles: HashSet<String>,
}

impl Draft {
    /// Gives a principal a role, and writes the role's lines the first time.
    fn link(&mut self, member: &str, role: String, lines: impl FnOnce(&str) -> Vec<PolicyLine>) {
        if self.roles.insert(role.clone()) {
            self.lines.extend(lines(&role));
        }
        self.links.push(RoleLink { member: member.to_owned(), role });
    }

    /// Gives a principal a role that somebody has assigned. `own` are the account's own roles.
    fn assign(&mut self, member: &str, held: &Held, own: &[custom_roles::Model]) {
        let folder = held.parameters.get(FOLDER_PARAMETER);
        let subject = match folder {
            Some(folder) => format!("role:{} in {folder}", held.role_id),
            None => format!("role:{}", held.role_id),
        };
        let substitutes: Vec<(String, String)> =
            folder.map(|folder| (FOLDER_PLACEHOLDER.to_owned(), folder.clone())).into_iter().collect();
        let ids = policies_of(&held.role_id, own);
        self.link(member, subject, |subject| {
            let mut lines = Vec::new();
            for statement in ids.iter().filter_map(|id| system::policy(id)).flat_map(|policy| policy.statements()) {
                lines.extend(statement.grants.iter().map(|grant| grant.line(subject, statement.effect, &substitutes)));
            }
            lines
        });
    }

    /// Adds custom policies for principals of one kind, each with its id and its subject.
    fn add_policies(
        &mut self,
        policies: &[custom_policies::Model],
        kind: PrincipalType,
        members: &[(&str, String)],
    ) -> Result<(), Complaints> {
        for policy in policies {
            for (at, statement) in compile(&policy.statement)?.iter().enumerate() {
                let concerns = |id: &str| match &statement.who {
                    Who::Anyone => true,
                    Who::Kind(named) => named == kind.kind(),
                    Who::One(named, one) => named == kind.kind() && one == id,
                    Who::MembersOf(_) => false,
                };
                let subject = format!("policy:{}:{}", policy.id.as_simple(), at + 1);
                for (_, member) in members.iter().filter(|(id, _)| concerns(id)) {
                    self.link(member, subject.clone(), |subject| {
                        statement.grants.iter().map(|grant| grant.line(subject, statement.effect, &[])).collect()
                    });
                }
            }
        }
        Ok(())
    }
}

/// The policy of an environment as far as it concerns some of its keys: the roles of each key, the rules of each key, and the
/// custom policies.
pub(crate) async fn of_environment<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    environment: EnvironmentId,
    keys: &[access_keys::Model],
) -> Result<(Vec<PolicyLine>, Vec<RoleLink>), EnforcementError> {
    let ids: Vec<&str> = keys.iter().map(|key| key.api_key.as_str()).collect();
    let settled = settled(connection, account, PrincipalType::ApiKey, &ids).await?;
    let held = held_of(connection, account, PrincipalType::ApiKey, &ids).await?;
    let own = own_roles(connection, account).await?;
    let mut draft = Draft::default();
    let scope = environment.to_string();
    for key in keys {
        let subject = key_subject(&key.api_key);
        if settled.contains(&key.api_key) {
            let in_scope = |held: &&Held| held.scope_id == scope || held.scope_id == EVERY_ENVIRONMENT;
            for held in held.iter().filter(|held| held.principal.id == key.api_key).filter(in_scope) {
                draft.assign(&subject, held, &own);
            }
        } else {
            draft.link(&subject, ENVIRONMENT_ADMIN.to_owned(), everything);
        }
        draft.lines.extend(KeyPermissions::told(key).rules.lines(&rules_subject(&subject)));
    }
    let mut policies = enabled_policies(connection, account).await?;
    policies.retain(|policy| {
        policy.scope_type == ScopeType::Account.name()
            || policy.scope_id.as_deref().is_some_and(|id| id == scope || id == EVERY_ENVIRONMENT)
    });
    let members: Vec<_> = ids.iter().map(|id| (*id, key_subject(id))).collect();
    draft.add_policies(&policies, PrincipalType::ApiKey, &members)?;
    Ok((draft.lines, draft.links))
}

/// The policy of an account as far as it concerns some of its provisioning keys.
pub(crate) async fn of_account<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
    keys: &[provisioning_keys::Model],
) -> Result<PolicyBook, EnforcementError> {
    let ids: Vec<&str> = keys.iter().map(|key| key.api_key.as_str()).collect();
    let settled = settled(connection, account, PrincipalType::ProvisioningKey, &ids).await?;
    let held = held_of(connection, account, PrincipalType::ProvisioningKey, &ids).await?;
    let own = own_roles(connection, account).await?;
    let mut draft = Draft::default();
    for key in keys {
        let subject = provisioning_subject(&key.api_key);
        if settled.contains(&key.api_key) {
            for held in held.iter().filter(|held| held.principal.id == key.api_key && held.scope_id.is_empty()) {
                draft.assign(&subject, held, &own);
            }
        } else {
            let is_admin = key.role == ACCOUNT_ADMIN;
            draft.link(
                &subject,
                format!("role:{}", key.role),
                |role| {
                    if is_admin { everything(role) } else { Vec::new() }
                },
            );
        }
    }
    let mut policies = enabled_policies(connection, account).await?;
    policies.retain(|policy| policy.scope_type == ScopeType::Account.name());
    let members: Vec<_> = ids.iter().map(|id| (*id, provisioning_subject(id))).collect();
    draft.add_policies(&policies, PrincipalType::ProvisioningKey, &members)?;
    Ok(PolicyBook::new(&draft.lines, &draft.links))
}

/// The ids of the system policies of a role; nothing if there is no such role.
fn policies_of(role_id: &str, own: &[custom_roles::Model]) -> Vec<String> {
    if let Some(role) = system::role(role_id) {
        return role.policies.iter().map(|id| (*id).to_owned()).collect();
    }
    own.iter().find(|row| row.id == role_id).map(ids_of).unwrap_or_default()
}

pub(super) fn ids_of(row: &custom_roles::Model) -> Vec<String> {
    let ids = row.policy_ids.as_array().map(Vec::as_slice).unwrap_or_default();
    ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

fn everything(role: &str) -> Vec<PolicyLine> {
    vec![PolicyLine::new(role, "*", "*", Effect::Allow)]
}

async fn own_roles<C: ConnectionTrait>(connection: &C, account: AccountId) -> Result<Vec<custom_roles::Model>, DbErr> {
    custom_roles::Entity::find().filter(custom_roles::Column::AccountId.eq(account.0)).all(connection).await
}

async fn enabled_policies<C: ConnectionTrait>(
    connection: &C,
    account: AccountId,
) -> Result<Vec<custom_policies::Model>, DbErr> {
    custom_policies::Entity::find()
        .filter(custom_policies::Column::AccountId.eq(account.0))
        .filter(custom_policies::Column::Enabled.eq(true))
        .order_by_asc(custom_policies::Column::Id)
        .all(connection)
        .await
}

/// Parameters in one spelling, to be part of a key.
pub(crate) fn parameters_key(parameters: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}
