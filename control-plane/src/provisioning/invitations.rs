//! Invitations on the wire: those who invite, and the person who follows the link.

use actix_web::{
    HttpRequest,
    web::{Data, Json, Path},
};
use plane_kit::{
    audit::Origin,
    error::ApiError,
    http::{
        access::{Allow, Public, Reason},
        params::{Params, missing},
        routes::Routes,
    },
    ids::UserId,
    routes,
    secret::Secret,
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Done, wire_time};
use crate::{
    access::{DestroyUsers, WriteUsers},
    foundation::Foundation,
    users::{
        Users,
        invitations::{self, OpenInvitation},
    },
};

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; create_user_invitation, delete_user_invitation, read_invitation, accept_invitation);
    routes
}

/// The token of an invitation stands in the path.
struct TokenInPath;

impl Reason for TokenInPath {
    const NAME: &'static str = "invitation_token";
    const WHY: &'static str = "The path holds the one-time token of an invitation; without one that works nothing is read or changed, \
                               and who is invited has no other credential yet.";
}

/// An invitation that was just made.
#[derive(Debug, Serialize, ToSchema)]
struct UserInvitation {
    /// The user that it is for, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    user_id: String,
    /// The person's address.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// The link, to be handed to the person. It is in this answer only, works once, and can be read nowhere afterwards.
    #[schema(
        example = "https://media.example.com/v1_1/provisioning/invitations/2vJvWcyl0VTIC4jsxl3XyW5DZDXsnD9VvBTe8yMCdXk"
    )]
    invitation_url: String,
    /// From when on it is worth nothing, ISO 8601.
    #[schema(format = DateTime, example = "2026-12-01T10:00:00Z")]
    expires_at: String,
}

/// What an invitation says to who follows its link.
#[derive(Debug, Serialize, ToSchema)]
struct InvitationResponse {
    /// The account that invites.
    #[schema(example = "Acme")]
    account_name: String,
    /// The address of the person who is invited.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// What the account calls the person.
    #[schema(example = "John Doe")]
    name: String,
    /// From when on it is worth nothing, ISO 8601.
    #[schema(format = DateTime, example = "2026-12-01T10:00:00Z")]
    expires_at: String,
}

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
struct AcceptedInvitation {
    /// The account, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    account_id: String,
    /// What people call the account.
    #[schema(example = "Acme")]
    account_name: String,
    /// The user that the person is now, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5c")]
    user_id: String,
    /// The person's address.
    #[schema(example = "john.doe@example.com")]
    email: String,
}

/// What an invitation is accepted with.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AcceptanceRequest {
    /// The password that the person chooses: 12 to 1024 characters, not the address, not one character over and over. A person who has
    /// one already, from another account, proves by it to be that person.
    #[schema(format = Password)]
    password: String,
}

impl From<&OpenInvitation> for InvitationResponse {
    fn from(invitation: &OpenInvitation) -> Self {
        Self {
            account_name: invitation.account_name().to_owned(),
            email: invitation.email().to_owned(),
            name: invitation.name().to_owned(),
            expires_at: wire_time(invitation.expires_at()),
        }
    }
}

impl From<&OpenInvitation> for AcceptedInvitation {
    fn from(invitation: &OpenInvitation) -> Self {
        Self {
            account_id: invitation.account().to_string(),
            account_name: invitation.account_name().to_owned(),
            user_id: invitation.user().to_string(),
            email: invitation.email().to_owned(),
        }
    }
}

/// Where this control plane is reached: as it is set, or as the caller has reached it.
pub(super) fn base(foundation: &Foundation, request: &HttpRequest) -> String {
    if !foundation.config.public_url.is_empty() {
        return foundation.config.public_url.clone();
    }
    let connection = request.connection_info();
    format!("{}://{}", connection.scheme(), connection.host())
}

/// The password of a body. A refusal never shows what was sent instead, and one in the query is none: queries are kept in logs.
fn password(params: &Params, request: &HttpRequest) -> Result<Secret, ApiError> {
    let refused = |text: &'static str| Err(ApiError::invalid(text));
    if Params::from_urlencoded(request.query_string()).names().any(|name| name == "password") {
        return refused("Invalid value for parameter password: it stands in the body, never in the query");
    }
    match params.get("password") {
        None => Err(missing("password")),
        Some(Value::String(text)) => Ok(Secret::new(text.as_str())),
        Some(_) => refused("Invalid value for parameter password: it is a text"),
    }
}

/// Invite user.
///
/// Makes a link by which the person accepts, once and within seven days. Earlier links of the user stop working. No mail is sent:
/// the link is in the answer, to be handed on.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}/invitation",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "The link.", body = UserInvitation),
        (status = 404, description = "Not there, or another account's.", body = plane_kit::error::ErrorEnvelope),
        (status = 409, description = "The user has accepted already.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_user_invitation(
    allow: Allow<WriteUsers>,
    path: Path<(String, String)>,
    request: HttpRequest,
) -> Result<Json<UserInvitation>, ApiError> {
    let made = Users::of(allow.grant()).invite(&path.1).await?;
    let link = made.link(&base(allow.grant().foundation(), &request));
    Ok(Json(UserInvitation {
        user_id: made.user.to_string(),
        email: made.email,
        invitation_url: link.expose().to_owned(),
        expires_at: wire_time(made.expires_at),
    }))
}

/// Revoke invitation.
///
/// Makes the link of a user worth nothing. The user stays, pending.
#[utoipa::path(
    delete,
    path = "/v1_1/provisioning/accounts/{account_id}/users/{user_id}/invitation",
    tag = "Users",
    params(
        ("account_id" = String, Path, description = "The account."),
        ("user_id" = String, Path, description = "The user."),
    ),
    responses(
        (status = 200, description = "Revoked.", body = Done),
        (status = 404, description = "The user is not there, or has no open invitation.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn delete_user_invitation(
    allow: Allow<DestroyUsers>,
    path: Path<(String, String)>,
) -> Result<Json<Done>, ApiError> {
    Users::of(allow.grant()).revoke_invitation(&path.1).await?;
    Ok(Json(Done::OK))
}

/// Read invitation.
///
/// Who invites whom, for the person who has the link. Reading uses nothing up.
#[utoipa::path(
    get,
    path = "/v1_1/provisioning/invitations/{token}",
    tag = "Invitations",
    params(("token" = String, Path, description = "The token at the end of the link.")),
    responses(
        (status = 200, description = "The invitation.", body = InvitationResponse),
        (status = 404, description = "Used, expired, revoked, or never there.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn read_invitation(
    _: Public<TokenInPath>,
    foundation: Data<Foundation>,
    token: Path<String>,
) -> Result<Json<InvitationResponse>, ApiError> {
    let invitation = invitations::open(&foundation, &token).await?;
    Ok(Json(InvitationResponse::from(&invitation)))
}

/// Accept invitation.
///
/// Accepts with the password that the person chooses, or has already. The link works once.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/invitations/{token}",
    tag = "Invitations",
    params(("token" = String, Path, description = "The token at the end of the link.")),
    request_body(content = AcceptanceRequest, description = "The password; JSON or a form."),
    responses(
        (status = 200, description = "What was accepted.", body = AcceptedInvitation),
        (status = 401, description = "The person has a password already, and this is not it.", body = plane_kit::error::ErrorEnvelope),
        (status = 404, description = "Used, expired, revoked, or never there.", body = plane_kit::error::ErrorEnvelope),
        (status = 429, description = "Too many failed attempts from this address.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn accept_invitation(
    _: Public<TokenInPath>,
    foundation: Data<Foundation>,
    token: Path<String>,
    request: HttpRequest,
    params: Params,
) -> Result<Json<AcceptedInvitation>, ApiError> {
    let password = password(&params, &request)?;
    let origin = |user: UserId| Origin::of(format!("user:{user}"), &request);
    let accepted = invitations::accept(&foundation, &token, &password, origin).await;
    let accepted = accepted.map_err(|error| {
        let peer = request.peer_addr().map(|peer| peer.ip());
        foundation.rates.failed_attempts.answer(peer, ApiError::from(error))
    })?;
    Ok(Json(AcceptedInvitation::from(&accepted)))
}
