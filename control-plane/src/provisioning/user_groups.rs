//! Groups of users on the wire (`user_groups`).

use actix_web::web::{Json, Path};
use plane_kit::{
    error::ApiError,
    http::{access::Allow, params::Params, routes::Routes},
    routes,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire_time;
use crate::{
    access::{DestroyGroups, ReadGroups, WriteGroups},
    groups::{Group, Groups, Member},
    store_error::StoreError,
    users::{User, Users},
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(
        routes;
        get_user_groups,
        create_user_group,
        get_user_group,
        update_user_group,
        delete_user_group,
        get_users_in_user_group,
        add_user_to_user_group,
        remove_user_from_user_group,
    );
    routes
}

/// A group of users.
#[derive(Debug, Serialize, ToSchema)]
struct UserGroup {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What people call it; unique within the account.
    #[schema(example = "Designers")]
    name: String,
    /// The users in it, in the order in which they were added; only with extended details.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<UserGroupUser>>,
    /// When it was made, ISO 8601; only with extended details.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    created_at: Option<String>,
    /// When its name last changed, ISO 8601; only with extended details.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime, example = "2026-11-24T10:00:00Z")]
    updated_at: Option<String>,
}

/// A user in a group.
#[derive(Debug, Serialize, ToSchema)]
struct UserGroupUser {
    /// The user's id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What the account calls the user.
    #[schema(example = "John Doe")]
    name: String,
    /// The user's address.
    #[schema(example = "john.doe@example.com")]
    email: String,
}

/// A group in brief.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserGroupSummary {
    /// The group's id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What people call it.
    #[schema(example = "Designers")]
    name: String,
}

/// The groups of a user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserGroupsListResponse {
    /// The groups, by name.
    groups: Vec<UserGroupSummary>,
}

/// Groups of users.
#[derive(Debug, Serialize, ToSchema)]
struct UserGroupsResponse {
    /// The groups, by name.
    user_groups: Vec<UserGroup>,
}

/// The users of a group.
#[derive(Debug, Serialize, ToSchema)]
struct UserGroupUsersResponse {
    /// The users, in the order in which they were added.
    users: Vec<UserGroupUser>,
}

/// A user that was added to a group, and who is in it now. The vendor's description has the one, its own clients read the other.
#[derive(Debug, Serialize, ToSchema)]
struct AddedUser {
    /// The user's id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    id: String,
    /// What the account calls the user.
    #[schema(example = "John Doe")]
    name: String,
    /// The user's address.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// All users of the group, in the order in which they were added.
    users: Vec<UserGroupUser>,
}

/// What the deletion of a group answers: some clients read the one member, some the other.
#[derive(Debug, Serialize, ToSchema)]
struct DeletedGroup {
    /// Always true.
    ok: bool,
    /// Always `ok`.
    #[schema(example = "ok")]
    message: &'static str,
}

/// What stands under the path of a group.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum GroupOrGroups {
    /// The group.
    Group(UserGroup),
    /// The groups of a user.
    OfUser(UserGroupsListResponse),
}

/// What a group is made of.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UserGroupRequest {
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "Designers")]
    name: String,
    /// Whether the answer has users and times too. Default: false.
    extended_details: Option<bool>,
}

/// What changes about a group; what is absent stays.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct UserGroupUpdateRequest {
    /// What people call it, at most 255 characters; unique within the account.
    #[schema(example = "Designers and Creatives")]
    name: Option<String>,
    /// Whether the answer has users and times too. Default: false.
    extended_details: Option<bool>,
}

impl UserGroup {
    fn of(group: &Group, is_extended: bool) -> Self {
        Self {
            id: group.id().to_string(),
            name: group.name().to_owned(),
            users: is_extended.then(|| members(group)),
            created_at: is_extended.then(|| wire_time(group.created_at())),
            updated_at: is_extended.then(|| wire_time(group.updated_at())),
        }
    }
}

impl From<&Member> for UserGroupUser {
    fn from(member: &Member) -> Self {
        Self { id: member.id.to_string(), name: member.name.clone(), email: member.email.clone() }
    }
}

impl From<&User> for UserGroupsListResponse {
    fn from(user: &User) -> Self {
        Self { groups: summaries(user) }
    }
}

/// The groups of a user in brief.
pub(super) fn summaries(user: &User) -> Vec<UserGroupSummary> {
    user.groups().iter().map(|group| UserGroupSummary { id: group.id.to_string(), name: group.name.clone() }).collect()
}

fn members(group: &Group) -> Vec<UserGroupUser> {
    group.members().iter().map(UserGroupUser::from).collect()
}

/// Whether users and times are asked for, in the query or in the body.
fn is_extended(params: &Params) -> Result<bool, ApiError> {
    Ok(params.boolean("extended_details")?.unwrap_or(false))
}

/// Get user groups.
///
/// All groups of users of the account.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("extended_details" = Option<bool>, Query, description = "Whether the answer has users and times too. Default: false."),
    ),
    responses((status = 200, description = "The groups.", body = UserGroupsResponse)),
)]
async fn get_user_groups(allow: Allow<ReadGroups>, params: Params) -> Result<Json<UserGroupsResponse>, ApiError> {
    let is_extended = is_extended(&params)?;
    let found = Groups::of(allow.grant()).list().await?;
    let user_groups = found.iter().map(|group| UserGroup::of(group, is_extended)).collect();
    Ok(Json(UserGroupsResponse { user_groups }))
}

/// Create user group.
///
/// Makes a group of users, without members.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups",
    tag = "User Groups",
    params(("account_id" = String, Path, description = "The account.")),
    request_body(content = UserGroupRequest, description = "The group; JSON or a form."),
    responses(
        (status = 200, description = "The group.", body = UserGroup),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_user_group(allow: Allow<WriteGroups>, params: Params) -> Result<Json<UserGroup>, ApiError> {
    let (name, is_extended) = (params.required_text("name")?, is_extended(&params)?);
    let group = Groups::of(allow.grant()).create(name).await?;
    Ok(Json(UserGroup::of(&group, is_extended)))
}

/// Get user group.
///
/// One group of users. Under the id of a user, the groups of that user.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
        ("extended_details" = Option<bool>, Query, description = "Whether the answer has users and times too. Default: false."),
    ),
    responses(
        (status = 200, description = "The group.", body = UserGroup),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_user_group(
    allow: Allow<ReadGroups>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<GroupOrGroups>, ApiError> {
    let is_extended = is_extended(&params)?;
    let id = match Groups::of(allow.grant()).find(&path.1).await {
        Ok(group) => return Ok(Json(GroupOrGroups::Group(UserGroup::of(&group, is_extended)))),
        Err(StoreError::GroupNotFound(id)) => id,
        Err(error) => return Err(error.into()),
    };
    // The official Python client asks here, with the id of a user, for the groups that the user is in. An id names one thing
    // only, so it is answered as `users/{user_id}/groups` is.
    match Users::of(allow.grant()).find(&id).await {
        Ok(user) => Ok(Json(GroupOrGroups::OfUser(UserGroupsListResponse::from(&user)))),
        Err(StoreError::UserNotFound(_)) => Err(StoreError::GroupNotFound(id).into()),
        Err(error) => Err(error.into()),
    }
}

/// Update user group.
///
/// Changes what the body names and leaves the rest.
#[utoipa::path(
    put,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
    ),
    request_body(content = UserGroupUpdateRequest, description = "The changes; JSON or a form."),
    responses(
        (status = 200, description = "The group.", body = UserGroup),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The name is taken.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn update_user_group(
    allow: Allow<WriteGroups>,
    path: Path<(String, String)>,
    params: Params,
) -> Result<Json<UserGroup>, ApiError> {
    let (name, is_extended) = (params.text("name")?, is_extended(&params)?);
    let group = Groups::of(allow.grant()).rename(&path.1, name).await?;
    Ok(Json(UserGroup::of(&group, is_extended)))
}

/// Delete user group.
///
/// Deletes a group. The users that were in it stay.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
    ),
    responses(
        (status = 200, description = "Deleted.", body = DeletedGroup),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_user_group(
    allow: Allow<DestroyGroups>,
    path: Path<(String, String)>,
) -> Result<Json<DeletedGroup>, ApiError> {
    Groups::of(allow.grant()).delete(&path.1).await?;
    Ok(Json(DeletedGroup { ok: true, message: "ok" }))
}

/// Get users in user group.
///
/// The users of a group.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}/users",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
    ),
    responses(
        (status = 200, description = "The users.", body = UserGroupUsersResponse),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn get_users_in_user_group(
    allow: Allow<ReadGroups>,
    path: Path<(String, String)>,
) -> Result<Json<UserGroupUsersResponse>, ApiError> {
    let group = Groups::of(allow.grant()).find(&path.1).await?;
    Ok(Json(UserGroupUsersResponse { users: members(&group) }))
}

/// Add user to user group.
///
/// Adds a user of the account to a group.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}/users/{user_id}",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The user, and all users of the group.", body = AddedUser),
        (status = 404, description = "The group or the user is not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The user is in the group already.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn add_user_to_user_group(
    allow: Allow<WriteGroups>,
    path: Path<(String, String, String)>,
) -> Result<Json<AddedUser>, ApiError> {
    let (group, added) = Groups::of(allow.grant()).add(&path.1, &path.2).await?;
    let UserGroupUser { id, name, email } = UserGroupUser::from(&added);
    Ok(Json(AddedUser { id, name, email, users: members(&group) }))
}

/// Remove user from user group.
///
/// Takes a user out of a group.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/user_groups/{group_id}/users/{user_id}",
    tag = "User Groups",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("group_id" = String, Path, description = "The group."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The users that are left in the group.", body = UserGroupUsersResponse),
        (status = 404, description = "The group or the user is not there, another account's, or the user is not in the group.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn remove_user_from_user_group(
    allow: Allow<DestroyGroups>,
    path: Path<(String, String, String)>,
) -> Result<Json<UserGroupUsersResponse>, ApiError> {
    let group = Groups::of(allow.grant()).remove(&path.1, &path.2).await?;
    Ok(Json(UserGroupUsersResponse { users: members(&group) }))
}
