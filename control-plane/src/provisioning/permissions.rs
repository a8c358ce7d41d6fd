//! What can be permitted, and why something is or is not. Beside the vendor's API.

use actix_web::web::Json;
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    ids::AccountId,
    nearest::nearest,
    operations::{FolderOf, Operation, Plane, operations},
    policy::{Explanation, PolicyBook, Principal, Region, key_subject, provisioning_subject, template},
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::key_permissions::place;
use crate::{
    access::{AccountGrant, ReadPermissions},
    accounts,
    environments::Environments,
    permissions::{
        enforcement::{of_account as account_policy, of_environment as environment_policy},
        error::PermissionsError,
    },
};

/// Stands before the public half of a provisioning key where a principal is named.
const PROVISIONING: &str = "provisioning_key:";

/// Of a key that is switched off.
const DISABLED: (&str, &str) = ("the key is disabled", "enable it");

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_permission_templates, get_permission_operations, explain_permission);
    routes
}

/// A ready rule set.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionTemplate {
    /// The name by which it is asked for.
    #[schema(example = "read_only")]
    name: &'static str,
    /// What it is for.
    description: &'static str,
    /// What one may not expect of it; absent when there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'static str>,
    /// The rules.
    #[schema(value_type = Vec<String>, example = json!(["@all:read"]))]
    rules: &'static [&'static str],
}

/// Ready rule sets.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionTemplates {
    /// The templates.
    templates: Vec<PermissionTemplate>,
}

/// Something that can be permitted.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionOperation {
    /// Its id.
    #[schema(example = "delete_resources")]
    id: &'static str,
    /// `control` or `data`. Rules of access keys speak of `data`.
    #[schema(example = "data")]
    plane: &'static str,
    /// `read`, `write` or `destroy`.
    #[schema(example = "destroy")]
    act: &'static str,
    /// What it acts on.
    #[schema(example = "asset")]
    resource: &'static str,
    /// The group that a rule can name, as in `@assets`.
    #[schema(example = "assets")]
    group: &'static str,
    /// Whether a rule about it can name a folder.
    has_folder: bool,
    /// How it is called, the canonical spelling first.
    #[schema(example = json!(["DELETE /resources/:resource_type/:type"]))]
    spellings: Vec<String>,
}

/// Everything that can be permitted.
#[derive(Debug, Serialize, ToSchema)]
struct PermissionOperations {
    /// The operations of both planes.
    operations: Vec<PermissionOperation>,
}

/// What is to be explained.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct ExplainRequest {
    /// The public half of an access key of the account; or `provisioning_key:` and that of a provisioning key.
    #[schema(example = "814814814814814")]
    principal: String,
    /// HTTP method.
    #[schema(example = "POST")]
    method: String,
    /// Path of the call, with or without version and cloud name.
    #[schema(example = "/image/upload")]
    path: String,
    /// The folder that the call is about; the root when absent.
    #[schema(example = "clients/acme")]
    folder: Option<String>,
}

/// A decision and what it rests on.
#[derive(Debug, Serialize, ToSchema)]
struct ExplainedDecision {
    /// `allow` or `deny`.
    #[schema(example = "deny")]
    decision: &'static str,
    /// Who asks.
    #[schema(example = "key:814814814814814")]
    principal: String,
    /// The operation that the call would be.
    #[schema(example = "upload")]
    operation: &'static str,
    /// The permission that it needs.
    #[schema(example = "upload:write")]
    permission: String,
    /// Why, in a sentence.
    #[schema(example = "its rules allow it only in clients/acme")]
    reason: String,
    /// The line that decided; absent when it was the lack of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// The folder about which it was decided; absent when the operation has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    /// Where the principal may do it, when it is not the same everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_in: Option<Vec<String>>,
    /// What would make it an `allow`, each by itself; empty when it is one.
    would_allow: Vec<String>,
}

fn view(operation: &Operation) -> PermissionOperation {
    PermissionOperation {
        id: operation.id,
        plane: match operation.plane {
            Plane::Control => "control",
            Plane::Data => "data",
        },
        act: operation.act.name(),
        resource: operation.resource,
        group: operation.feature,
        has_folder: operation.folder != FolderOf::Nothing,
        spellings: operation
            .spellings
            .iter()
            .map(|spelling| format!("{} {}", spelling.method, spelling.path))
            .collect(),
    }
}

/// List permission templates.
///
/// Ready rule sets for access keys.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/permissions/templates",
    tag = "Key Permissions",
    params(("account_id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The templates.", body = PermissionTemplates)),
)]
async fn get_permission_templates(_: Allow<ReadPermissions>) -> Json<PermissionTemplates> {
    let templates = template::TEMPLATES.iter().map(|template| PermissionTemplate {
        name: template.name,
        description: template.description,
        warning: template.warning,
        rules: template.rules,
    });
    Json(PermissionTemplates { templates: templates.collect() })
}

/// List operations.
///
/// Everything that rules and roles can speak of, with all its spellings.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/permissions/operations",
    tag = "Key Permissions",
    params(("account_id" = String, Path, description = "The account.")),
    responses((status = 200, description = "The operations.", body = PermissionOperations)),
)]
async fn get_permission_operations(_: Allow<ReadPermissions>) -> Json<PermissionOperations> {
    Json(PermissionOperations { operations: operations().iter().map(view).collect() })
}

/// What a call is explained by. Any other name is refused: left out unseen, it would change the answer.
const EXPLAIN_PARAMETERS: [&str; 5] = ["principal", "method", "path", "folder", "asset_folder"];

/// Explain a decision.
///
/// Whether a principal may make a call, which line decides that, and what would allow it. Nothing is called.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/permissions/explain",
    tag = "Key Permissions",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = ExplainRequest, description = "The call; JSON or a form."),
    responses(
        (status = 200, description = "The decision.", body = ExplainedDecision),
        (status = 404, description = "The principal is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn explain_permission(
    allow: Allow<ReadPermissions>,
    params: Params,
) -> Result<Json<ExplainedDecision>, ApiError> {
    let (name, method, path) =
        (params.required_text("principal")?, params.required_text("method")?, params.required_text("path")?);
    if let Some(unknown) = params.names().find(|name| !EXPLAIN_PARAMETERS.contains(name)) {
        let hint = nearest(unknown, EXPLAIN_PARAMETERS).map(|name| format!("; did you mean {name}?"));
        let text = format!("There is no parameter {unknown}{}", hint.unwrap_or_default());
        return Err(ApiError::invalid(text));
    }
    // Uploads call it asset_folder, and whoever asks about one may too.
    let folder = params.text("folder")?.or(params.text("asset_folder")?).unwrap_or_default();
    let asked = Asked::find(allow.grant(), &name).await?;
    let operation = operations().resolve(asked.plane, &method, &path).ok_or_else(|| {
        let unknown = operations().unknown(asked.plane, &method, &path);
        ApiError::invalid(format!("Invalid value {path} for parameter path: {unknown}"))
    })?;
    Ok(Json(asked.explain(operation, folder.trim_matches('/'))))
}

/// A principal of the account that is asked about.
struct Asked {
    subject: String,
    plane: Plane,
    book: PolicyBook,
    /// Why nothing at all is accepted of it and what would change that, if that is so.
    refused_because: Option<(&'static str, &'static str)>,
}

impl Asked {
    async fn find(grant: &AccountGrant, name: &str) -> Result<Self, PermissionsError> {
        let (reader, account) = (grant.foundation().database.reader(), AccountId(grant.account().id));
        if let Some(api_key) = name.strip_prefix(PROVISIONING) {
            let key = accounts::provisioning_key(grant, api_key).await?;
            return Ok(Self {
                subject: provisioning_subject(api_key),
                plane: Plane::Control,
                book: account_policy(reader, account, std::slice::from_ref(&key))
                    .await
                    .map_err(PermissionsError::from)?,
                refused_because: (!key.enabled).then_some(DISABLED),
            });
        }
        let api_key = name.strip_prefix("key:").unwrap_or(name);
        let (environment, key) = Environments::of(grant).find_key(api_key).await?;
        let rows = std::slice::from_ref(key.row());
        let policy = environment_policy(reader, account, environment.id(), rows).await;
        let (lines, links) = policy.map_err(PermissionsError::from)?;
        let refused_because = if !key.enabled() {
            Some(DISABLED)
        } else if key.expires_at().is_some_and(|moment| moment <= grant.foundation().clock.now()) {
            Some(("the key has expired", "give it a later expires_at"))
        } else if !environment.enabled() {
            Some(("the product environment is disabled", "enable the product environment"))
        } else {
            None
        };
        let subject = key_subject(api_key);
        Ok(Self { subject, plane: Plane::Data, book: PolicyBook::new(&lines, &links), refused_because })
    }

    fn explain(&self, operation: &Operation, folder: &str) -> ExplainedDecision {
        let principal = Principal::unversioned(&self.subject, &self.book);
        let explanation = Explanation::of(&principal, operation, place(operation, folder));
        let has_folder = operation.folder != FolderOf::Nothing;
        let scope = Explanation::scope(&principal, operation);
        let allowed_in =
            (has_folder && !scope.is_everywhere()).then(|| scope.permitted().iter().map(Region::to_string).collect());
        let permitted = explanation.permitted() && self.refused_because.is_none();
        ExplainedDecision {
            decision: if permitted { "allow" } else { "deny" },
            principal: self.subject.clone(),
            operation: explanation.operation,
            permission: explanation.permission.clone(),
            reason: self.refused_because.map_or_else(|| explanation.reason(), |(reason, _)| reason.to_owned()),
            line: explanation.line().filter(|_| self.refused_because.is_none()).map(ToString::to_string),
            folder: has_folder.then(|| folder.to_owned()),
            allowed_in,
            would_allow: match self.refused_because {
                Some((_, advice)) => vec![advice.to_owned()],
                None => explanation.would_allow(),
            },
        }
    }
}
