//! Which policies hold for whom: those of the roles that principals have, and the custom ones that concern them.

use plane_kit::ids::{AccountId, UserId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::{
    assignments::Assignments,
    cedar::{Who, compile},
    custom_policies::{CustomPolicies, Scope},
    enforcement::EVERY_ENVIRONMENT,
    error::PermissionsError,
    held::{Held, Principal, PrincipalType},
    roles::Roles,
    system::{FOLDER_PARAMETER, FOLDER_PLACEHOLDER, ScopeType, SystemPolicy},
};
use crate::{
    access::AccountGrant,
    tables::{group_members, user_groups},
};

/// A policy that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EffectivePolicy {
    /// Its id.
    pub id: String,
    /// The text, in Cedar, with the folder that it holds for.
    pub statement: String,
}

/// A role that a principal has, with its policies.
#[derive(Debug, Clone)]
pub(crate) struct EffectiveRole {
    /// Its id.
    pub id: String,
    /// Its policies.
    pub policies: Vec<EffectivePolicy>,
}

/// What holds in a scope.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effective {
    /// Principals with their roles.
    pub principals: Vec<(Principal, Vec<EffectiveRole>)>,
    /// The custom policies that concern them.
    pub custom: Vec<EffectivePolicy>,
}

/// Whether a role that somebody has holds in a scope.
pub(crate) fn holds_in(held: &Held, scope: &Scope) -> bool {
    match (scope.kind, &scope.id) {
        (ScopeType::Account, _) => held.scope_id.is_empty(),
        (ScopeType::Environment, None) => !held.scope_id.is_empty(),
        (ScopeType::Environment, Some(id)) => held.scope_id == *id || held.scope_id == EVERY_ENVIRONMENT,
    }
}

/// The text of a policy for a folder; with the placeholder when there is none.
pub(crate) fn text_for(policy: &SystemPolicy, folder: Option<&str>) -> String {
    match folder {
        // What ends or escapes a text in Cedar is escaped, so that a folder's name cannot become a part of the policy.
        Some(folder) => {
            let escaped = folder.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\r', "\\r");
            policy.statement.replace(FOLDER_PLACEHOLDER, &escaped)
        }
        None => policy.statement.to_owned(),
    }
}

/// What holds in a scope for one principal, and for a user's groups with it; for everybody when none is named.
pub(crate) async fn policies(
    grant: &AccountGrant,
    scope: &Scope,
    only: Option<&Principal>,
) -> Result<Effective, PermissionsError> {
    let assignments = Assignments::of(grant);
    let mut asked = Vec::new();
    let held = match only {
        None => assignments.all().await?,
        Some(principal) => {
            let mut held = assignments.of_principal(principal).await?;
            asked.push(principal.clone());
            for group in groups_of(grant, principal).await? {
                held.extend(assignments.of_principal(&group).await?);
                asked.push(group);
            }
            held
        }
    };
    let roles = Roles::of(grant).list().await?;
    let mut effective = Effective::default();
    for held in held.iter().filter(|held| holds_in(held, scope)) {
        let Some(role) = roles.iter().find(|role| role.id == held.role_id) else {
            continue;
        };
        let folder = held.parameters.get(FOLDER_PARAMETER).map(String::as_str);
        let policies = role
            .policies
            .iter()
            .map(|policy| EffectivePolicy { id: policy.id.to_owned(), statement: text_for(policy, folder) });
        let role = EffectiveRole { id: role.id.clone(), policies: policies.collect() };
        match effective.principals.iter_mut().find(|(principal, _)| *principal == held.principal) {
            Some((_, roles)) => roles.push(role),
            None => effective.principals.push((held.principal.clone(), vec![role])),
        }
    }
    for policy in CustomPolicies::of(grant).list(scope, Some(true), None, None).await? {
        let statements = compile(policy.statement()).map_err(PermissionsError::StoredPolicy)?;
        let concerns = |principal: &Principal| statements.iter().any(|statement| is_about(&statement.who, principal));
        if only.is_none() || asked.iter().any(concerns) {
            let statement = policy.statement().to_owned();
            effective.custom.push(EffectivePolicy { id: policy.id().to_string(), statement });
        }
    }
    Ok(effective)
}

fn is_about(who: &Who, principal: &Principal) -> bool {
    match who {
        Who::Anyone => true,
        Who::Kind(kind) => kind == principal.kind.kind(),
        Who::One(kind, id) => kind == principal.kind.kind() && *id == principal.id,
        Who::MembersOf(id) => principal.kind == PrincipalType::Group && *id == principal.id,
    }
}

/// The groups that a user is in.
async fn groups_of(grant: &AccountGrant, principal: &Principal) -> Result<Vec<Principal>, PermissionsError> {
    let user: UserId = match (principal.kind, principal.id.parse()) {
        (PrincipalType::User, Ok(user)) => user,
        _ => return Ok(Vec::new()),
    };
    let reader = grant.foundation().database.reader();
    let links =
        group_members::Entity::find().filter(group_members::Column::MembershipId.eq(user.0)).all(reader).await?;
    let groups = user_groups::Entity::find()
        .filter(user_groups::Column::AccountId.eq(AccountId(grant.account().id).0))
        .filter(user_groups::Column::Id.is_in(links.into_iter().map(|link| link.group_id)))
        .order_by_asc(user_groups::Column::Id)
        .all(reader)
        .await?;
    let named = |id| Principal { kind: PrincipalType::Group, id: plane_kit::ids::GroupId(id).to_string() };
    Ok(groups.into_iter().map(|group| named(group.id)).collect())
}
