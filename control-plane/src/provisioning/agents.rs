//! What agents without credentials may ask for on the wire: an account that waits, and a cloud that can be claimed.

use std::net::IpAddr;

use actix_web::{
    HttpRequest,
    web::{Data, Json},
};
use plane_kit::{
    audit::Origin,
    error::{ApiError, ErrorCode},
    http::{
        access::{Public, Reason},
        params::{Params, invalid_value, missing},
        routes::Routes,
    },
    routes,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{invitations::base, wire_time};
use crate::{
    environments::Environment,
    foundation::Foundation,
    signup::{self, Application, SignedUp},
};

/// The shortest that an agent may say of itself, in characters.
const SHORTEST: usize = 2;
/// The longest that an agent may say of what it is made of, in characters.
const LONGEST: usize = 100;
/// The longest that an agent may say of what it wants, in characters.
const LONGEST_GOAL: usize = 300;
/// So many addresses may be named that are delivered to.
const MOST_IPS: usize = 3;
/// Stands for the address that the call comes from.
const REQUESTER_IP: &str = "requester_ip";

pub(super) fn routes() -> Routes {
    let mut routes = Routes::new();
    routes!(routes; create_agent_account, create_claimable_cloud);
    routes
}

/// Strangers may sign up, where the operator has switched that on.
struct AnonymousSignup;

impl Reason for AnonymousSignup {
    const NAME: &'static str = "anonymous_signup";
    const WHY: &'static str = "Whoever signs up has no credential yet; it is off unless control.anonymous_signup is set, is limited by \
                               address, and makes a new account without touching another one.";
}

/// A product environment with its credentials.
#[derive(Debug, Serialize, ToSchema)]
struct AgentEnvironment {
    /// Its id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    external_id: String,
    /// The name in URLs.
    #[schema(example = "d0a1b2c3d4e")]
    cloud_name: String,
    /// The public half of its access key.
    #[schema(example = "814814814814814")]
    api_key: String,
    /// The secret half.
    #[schema(format = Password)]
    api_secret: String,
    /// The variable that the official SDKs read.
    #[schema(example = "CLOUDINARY_URL=cloudinary://814814814814814:…@d0a1b2c3d4e")]
    api_environment_variable: String,
}

/// An account that was signed up.
#[derive(Debug, Serialize, ToSchema)]
struct AgentAccount {
    /// The account's id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    external_id: String,
    /// The address that was given.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// Name of its price plan.
    #[schema(example = "Free")]
    plan_name: String,
    /// Its one product environment, switched off.
    product_environments: Vec<AgentEnvironment>,
    /// What has to happen before the credentials work.
    guidance: String,
}

/// A cloud that works until it expires or is claimed.
#[derive(Debug, Serialize, ToSchema)]
struct AgentCloud {
    /// The account's id, 32 hexadecimal digits.
    #[schema(example = "0193a1b2c3d47e5f8a9b0c1d2e3f4a5b")]
    external_id: String,
    /// Name of its price plan.
    #[schema(example = "Free")]
    plan_name: String,
    /// Its one product environment.
    product_environments: Vec<AgentEnvironment>,
    /// The link by which the person of the address makes it an account that stays; absent when no address was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_url: Option<String>,
    /// When it is closed unless it was claimed, ISO 8601.
    #[schema(format = DateTime, example = "2026-11-25T10:00:00Z")]
    expires_at: String,
    /// The addresses that were stored, as they were understood.
    delivery_ips: Vec<String>,
}

/// What an agent says of itself.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AgentAccountRequest {
    /// Address of the person who is to have the account.
    #[schema(example = "john.doe@example.com")]
    email: String,
    /// The framework of the agent, 2 to 100 characters.
    #[schema(example = "langchain")]
    agent_framework: String,
    /// The model of the agent, 2 to 100 characters.
    #[schema(example = "a model")]
    agent_llm_model: String,
    /// What the agent wants, 2 to 300 characters.
    #[schema(example = "Host the pictures of a blog")]
    agent_goal: String,
    /// The framework that the SDK is used in, 2 to 100 characters.
    #[schema(example = "django")]
    sdk_framework: Option<String>,
}

/// What an agent says of itself and of whom is delivered to. Nothing is required.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
struct AgentCloudRequest {
    /// At most three IPv4 or IPv6 addresses, or `requester_ip` for the caller's own; a list, never a text with commas. They are kept with
    /// the product environment; deliveries are not restricted to them yet.
    delivery_ips: Option<Vec<String>>,
    /// Address of the person who may claim it.
    #[schema(example = "john.doe@example.com")]
    email: Option<String>,
    /// The framework of the agent, 2 to 100 characters.
    #[schema(example = "langchain")]
    agent_framework: Option<String>,
    /// The model of the agent, 2 to 100 characters.
    #[schema(example = "a model")]
    agent_llm_model: Option<String>,
    /// What the agent wants, 2 to 300 characters.
    #[schema(example = "Host the pictures of a blog")]
    agent_goal: Option<String>,
    /// The framework that the SDK is used in, 2 to 100 characters.
    #[schema(example = "django")]
    sdk_framework: Option<String>,
}

impl AgentEnvironment {
    fn all_of(made: &SignedUp) -> Vec<Self> {
        Self::of(&made.environment).into_iter().collect()
    }

    fn of(environment: &Environment) -> Option<Self> {
        let key = environment.keys().first()?;
        let (api_key, secret, cloud_name) = (key.api_key(), key.secret().expose(), environment.cloud_name());
        Some(Self {
            external_id: environment.id().to_string(),
            cloud_name: cloud_name.to_owned(),
            api_key: api_key.to_owned(),
            api_secret: secret.to_owned(),
            api_environment_variable: format!("CLOUDINARY_URL=cloudinary://{api_key}:{secret}@{cloud_name}"),
        })
    }
}

/// Lets a stranger in, if the operator wants strangers and this address has not come too often.
fn admit(foundation: &Foundation, request: &HttpRequest) -> Result<(), ApiError> {
    if !foundation.config.anonymous_signup {
        let text =
            "Signing up without credentials is switched off; the setting control.anonymous_signup switches it on";
        return Err(ApiError::new(ErrorCode::Forbidden, text));
    }
    foundation.rates.signups.admit(request.peer_addr().map(|peer| peer.ip()), "new accounts from this address")
}

/// What an agent says of itself, by its names; what is `required` has to be there.
fn said(params: &Params, required: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let mut said = Map::new();
    for (name, longest) in [
        ("agent_framework", LONGEST),
        ("agent_llm_model", LONGEST),
        ("agent_goal", LONGEST_GOAL),
        ("sdk_framework", LONGEST),
    ] {
        let Some(text) = params.text(name)? else {
            if required.contains(&name) {
                return Err(missing(name));
            }
            continue;
        };
        if !(SHORTEST..=longest).contains(&text.chars().count()) {
            let refused = format!("Invalid value for parameter {name}: use {SHORTEST} to {longest} characters");
            return Err(ApiError::invalid(refused));
        }
        said.insert(name.to_owned(), Value::from(text));
    }
    Ok(said)
}

/// The addresses that are delivered to. A text is none: its commas could be meant as anything.
fn delivery_ips(params: &Params, peer: Option<IpAddr>) -> Result<Vec<String>, ApiError> {
    let items = match params.get("delivery_ips") {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) if items.len() <= MOST_IPS => items,
        Some(Value::Array(_)) => {
            let text = format!("Invalid value for parameter delivery_ips: at most {MOST_IPS} addresses");
            return Err(ApiError::invalid(text));
        }
        Some(other) => {
            let refused = invalid_value("delivery_ips", other);
            return Err(ApiError::invalid(format!("{}: a JSON array of addresses", refused.message())));
        }
    };
    let read = |item: &Value| {
        let refused = || {
            let refused = invalid_value("delivery_ips", item);
            ApiError::invalid(format!("{}: an IPv4 or IPv6 address, or {REQUESTER_IP}", refused.message()))
        };
        let address = match item.as_str() {
            Some(REQUESTER_IP) => peer,
            Some(text) => text.parse().ok(),
            None => None,
        };
        address.map(|address: IpAddr| address.to_canonical().to_string()).ok_or_else(refused)
    };
    items.iter().map(read).collect()
}

/// Sign an account up.
///
/// Makes an account with one product environment, for an agent without credentials. It is suspended until the operator resumes it.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/agents/accounts",
    tag = "Agents",
    request_body(content = AgentAccountRequest, description = "The agent; JSON or a form."),
    responses(
        (status = 200, description = "The account.", body = AgentAccount),
        (status = 403, description = "Switched off by the operator.", body = plane_kit::error::ErrorEnvelope),
        (status = 429, description = "Too many new accounts from this address.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_agent_account(
    _: Public<AnonymousSignup>,
    foundation: Data<Foundation>,
    request: HttpRequest,
    params: Params,
) -> Result<Json<AgentAccount>, ApiError> {
    admit(&foundation, &request)?;
    let email = params.required_text("email")?;
    let attributes = said(&params, &["agent_framework", "agent_llm_model", "agent_goal"])?;
    let application = Application { email: Some(email.clone()), attributes };
    let made = signup::waiting_account(&foundation, &Origin::of("anonymous", &request), application).await?;
    Ok(Json(AgentAccount {
        external_id: made.account.to_string(),
        email,
        plan_name: made.plan.clone(),
        product_environments: AgentEnvironment::all_of(&made),
        guidance: format!(
            "The credentials do not work yet. This server sends no mail: its operator resumes the account with \
             `safelight account resume {}`.",
            made.account
        ),
    }))
}

/// Create a claimable cloud.
///
/// Makes an account with one product environment that works at once. Unless it is claimed within 24 hours, it is closed.
#[utoipa::path(
    post,
    path = "/v1_1/provisioning/clouds",
    tag = "Agents",
    request_body(content = AgentCloudRequest, description = "The agent; JSON or a form, may be empty."),
    responses(
        (status = 200, description = "The cloud.", body = AgentCloud),
        (status = 403, description = "Switched off by the operator.", body = plane_kit::error::ErrorEnvelope),
        (status = 429, description = "Too many new accounts from this address.", body = plane_kit::error::ErrorEnvelope),
    ),
)]
async fn create_claimable_cloud(
    _: Public<AnonymousSignup>,
    foundation: Data<Foundation>,
    request: HttpRequest,
    params: Params,
) -> Result<Json<AgentCloud>, ApiError> {
    admit(&foundation, &request)?;
    let delivery_ips = delivery_ips(&params, request.peer_addr().map(|peer| peer.ip()))?;
    let mut attributes = said(&params, &[])?;
    if !delivery_ips.is_empty() {
        attributes.insert("delivery_ips".to_owned(), Value::from(delivery_ips.clone()));
    }
    let application = Application { email: params.text("email")?, attributes };
    let cloud = signup::claimable_cloud(&foundation, &Origin::of("anonymous", &request), application).await?;
    let base = base(&foundation, &request);
    Ok(Json(AgentCloud {
        external_id: cloud.made.account.to_string(),
        plan_name: cloud.made.plan.clone(),
        product_environments: AgentEnvironment::all_of(&cloud.made),
        claim_url: cloud.claim.map(|claim| claim.link(&base).expose().to_owned()),
        expires_at: wire_time(cloud.expires_at),
        delivery_ips,
    }))
}
