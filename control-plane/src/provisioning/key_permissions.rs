//! What an access key may do, on the wire. Beside the vendor's API: there these are set by people in a console.

use actix_web::web::{Json, Path};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    ids::{AccountId, EnvironmentId},
    operations::{FolderOf, Operation, Plane, operations},
    policy::{
        Explanation, Place, PolicyBook, Principal, key_subject,
        rule::KeyRules,
        template::{DESTROY_IS_A_POST, TEMPLATES, Template},
    },
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::access_keys::keys_of;
use crate::{
    access::{AccountGrant, ReadAccessKeys, WriteAccessKeys},
    access_keys::AccessKey,
    key_bounds::PermissionChanges,
    permissions::{enforcement::of_environment, error::PermissionsError},
    store_error::StoreError,
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; get_access_key_permissions, update_access_key_permissions);
    routes
}

/// What an access key may do.
#[derive(Debug, Serialize, ToSchema)]
struct AccessKeyPermissions {
    /// The public half of the key.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// Its rules, in the order in which they were given. Without any the key may do everything in its product environment.
    #[schema(example = json!(["POST /:resource_type/upload in clients/acme"]))]
    rules: Vec<String>,
    /// Whether it signs delivery URLs although it has rules.
    sign_delivery: bool,
    /// Whether delivery URLs that are signed with it are accepted.
    signs_delivery: bool,
    /// Operations that it may carry out everywhere, by their ids.
    #[schema(example = json!(["ping"]))]
    allowed: Vec<&'static str>,
    /// Operations that it may carry out in some folders only, by their ids.
    #[schema(example = json!(["upload"]))]
    allowed_in_folders: Vec<&'static str>,
    /// What one may not expect of these rules.
    warnings: Vec<String>,
}

/// What bounds an access key.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AccessKeyPermissionsRequest {
    /// Rules in the place of all old ones: `METHOD /path`, `@group` or `@group:act`, with `deny` in front or `in FOLDER` behind. An
    /// empty list frees the key. When all rules deny, everything else is allowed.
    #[schema(example = json!(["POST /:resource_type/upload in clients/acme"]))]
    rules: Option<Vec<String>>,
    /// The name of a template whose rules are taken; not together with rules.
    #[schema(example = "read_only")]
    template: Option<String>,
    /// Whether it signs delivery URLs although it has rules. Default: as it was.
    sign_delivery: Option<bool>,
}

impl AccessKeyPermissions {
    async fn of(grant: &AccountGrant, key: &AccessKey) -> Result<Self, PermissionsError> {
        let permissions = key.permissions().map_err(StoreError::StoredRules)?;
        let (reader, account) = (grant.foundation().database.reader(), AccountId(grant.account().id));
        let row = key.row();
        let policy = of_environment(reader, account, EnvironmentId(row.environment_id), std::slice::from_ref(row));
        let (lines, links) = policy.await.map_err(PermissionsError::from)?;
        let reach = Reach::of(key.api_key(), &PolicyBook::new(&lines, &links));
        let mut warnings = Vec::new();
        let forbids_delete = permissions.rules.texts().iter().any(|rule| rule.starts_with("deny DELETE "));
        if forbids_delete && reach.everywhere.contains(&"destroy") {
            warnings.push(DESTROY_IS_A_POST.to_owned());
        }
        let is_narrowed = reach.everywhere.len() < operations().of(Plane::Data).count();
        if permissions.rules.is_empty() && is_narrowed {
            warnings.push(
                "The key is narrowed by roles or policies, which say nothing of deliveries: delivery URLs signed with it \
                 are accepted. With a rule they are not, unless sign_delivery is true."
                    .to_owned(),
            );
        }
        if !permissions.signs_delivery() {
            warnings.push("Delivery URLs signed with this key are refused while sign_delivery is false.".to_owned());
        }
        Ok(Self {
            api_key: key.api_key().to_owned(),
            rules: permissions.rules.texts(),
            sign_delivery: permissions.sign_delivery,
            signs_delivery: permissions.signs_delivery(),
            allowed: reach.everywhere,
            allowed_in_folders: reach.in_folders,
            warnings,
        })
    }
}

/// How far a key reaches: the operations that it may carry out everywhere, and in some folders.
struct Reach {
    everywhere: Vec<&'static str>,
    in_folders: Vec<&'static str>,
}

impl Reach {
    fn of(api_key: &str, book: &PolicyBook) -> Self {
        let subject = key_subject(api_key);
        let principal = Principal::unversioned(&subject, book);
        let mut reach = Self { everywhere: Vec::new(), in_folders: Vec::new() };
        for operation in operations().of(Plane::Data) {
            if operation.folder == FolderOf::Nothing {
                if Explanation::of(&principal, operation, Place::None).permitted() {
                    reach.everywhere.push(operation.id);
                }
                continue;
            }
            let scope = Explanation::scope(&principal, operation);
            if scope.is_everywhere() {
                reach.everywhere.push(operation.id);
            } else if !scope.is_nowhere() {
                reach.in_folders.push(operation.id);
            }
        }
        reach
    }
}

/// A folder as the place of an operation, which may have none.
pub(super) fn place<'a>(operation: &Operation, folder: &'a str) -> Place<'a> {
    if operation.folder == FolderOf::Nothing { Place::None } else { Place::In(folder) }
}

/// Reads the rules of a body: given, or of a template. None when the body says nothing of them.
pub(super) fn rules(params: &Params) -> Result<Option<KeyRules>, ApiError> {
    let given = params.texts("rules")?;
    let template = params.text("template")?;
    match (given, template) {
        (Some(_), Some(_)) => Err(ApiError::invalid("Give rules or a template, not both")),
        (None, None) => Ok(None),
        (Some(texts), None) => {
            let rules = KeyRules::parse(texts.iter().map(String::as_str)).map_err(StoreError::InvalidRules)?;
            Ok(Some(rules))
        }
        (None, Some(name)) => {
            let template = Template::named(&name).ok_or_else(|| {
                let known: Vec<_> = TEMPLATES.iter().map(|template| template.name).collect();
                ApiError::invalid(format!("Invalid value {name} for parameter template: one of {}", known.join(", ")))
            })?;
            let rules = KeyRules::parse(template.rules.iter().copied()).map_err(StoreError::StoredRules)?;
            Ok(Some(rules))
        }
    }
}

/// Get the permissions of an access key.
///
/// Its rules, and what they come to: the operations that it may carry out everywhere, and those in some folders only.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/permissions",
    tag = "Key Permissions",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    responses(
        (status = 200, description = "What the key may do.", body = AccessKeyPermissions),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_access_key_permissions(
    allow: Allow<ReadAccessKeys>,
    path: Path<(String, String, String)>,
) -> Result<Json<AccessKeyPermissions>, ApiError> {
    let key = keys_of(allow.grant(), &path.1).await?.find(&path.2).await?;
    Ok(Json(AccessKeyPermissions::of(allow.grant(), &key).await?))
}

/// Set the permissions of an access key.
///
/// Bounds a key by rules, or frees it with an empty list. The connected regions have applied that when the answer comes, after a second
/// at most. A rule that covers no operation is refused with the nearest known one.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/sub_accounts/{sub_account_id}/access_keys/{key}/permissions",
    tag = "Key Permissions",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("sub_account_id" = String, Path, description = "The product environment."),
        ("key" = String, Path, description = "The public half of the key."),
    ),
    request_body(content = AccessKeyPermissionsRequest, description = "The rules; JSON or a form."),
    responses(
        (status = 200, description = "What the key may do now.", body = AccessKeyPermissions),
        (status = 404, description = "The key or the product environment is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_access_key_permissions(
    allow: Allow<WriteAccessKeys>,
    path: Path<(String, String, String)>,
    params: Params,
) -> Result<Json<AccessKeyPermissions>, ApiError> {
    let changes = PermissionChanges { rules: rules(&params)?, sign_delivery: params.boolean("sign_delivery")? };
    if changes.rules.is_none() && changes.sign_delivery.is_none() {
        return Err(plane_kit::http::params::missing("rules"));
    }
    let key = keys_of(allow.grant(), &path.1).await?.permit(&path.2, changes).await?;
    Ok(Json(AccessKeyPermissions::of(allow.grant(), &key).await?))
}
