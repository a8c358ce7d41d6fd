//! Streaming profiles over HTTP.

use actix_web::{HttpRequest, HttpResponse, web};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::Allow,
        params::{Params, missing},
    },
};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    DataPlane,
    access::{DestroyStreamingProfiles, ReadStreamingProfiles, TenantGrant, WriteStreamingProfiles},
    streaming::{
        Profile, read_display_name, read_name, read_representations,
        store::{MOST, ProfileError, ProfileStore, Update},
    },
    transformations::info::steps,
};

/// A streaming profile in brief.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileSummary {
    /// Its name.
    #[schema(example = "hd")]
    pub name: String,
    /// Its name shown to people.
    pub display_name: Option<String>,
    /// Whether it is there by itself.
    pub predefined: bool,
    /// Its id.
    #[schema(example = "f6360c4d-4f62-48b7-b56b-8c49d1bd6dcf")]
    pub external_id: String,
}

/// A streaming profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileView {
    /// What is said of it in brief.
    #[serde(flatten)]
    pub summary: ProfileSummary,
    /// Its renditions.
    pub representations: Vec<Representation>,
}

/// A rendition of a streaming profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct Representation {
    /// The steps of its transformation, in the words that official clients have for the parameters.
    #[schema(value_type = Vec<Object>, example = json!([{"bit_rate": "5500k", "crop": "limit", "height": 720, "width": 1280}]))]
    pub transformation: Vec<Value>,
}

/// All streaming profiles.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileList {
    /// The profiles, those that are there by themselves first.
    pub data: Vec<ProfileSummary>,
}

/// A streaming profile, as an answer holds it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProfileAnswer {
    /// `created`, `updated` or `deleted`, when something was done to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "created")]
    pub message: Option<&'static str>,
    /// The profile.
    pub data: ProfileView,
}

/// What a streaming profile is made of, for the description.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the body; the values are read through `Params`, which takes every form of body"
)]
pub struct ProfileRequest {
    /// Its name, when it is made.
    #[schema(example = "custom_square")]
    name: Option<String>,
    /// Its name shown to people.
    display_name: Option<String>,
    /// Its renditions, as JSON text or as a list: objects with `transformation`, or transformations. At most 50.
    #[schema(example = "[{\"transformation\":\"c_limit,h_720,w_1280,vc_h264:main:3.1,br_5500k\"}]")]
    representations: Option<String>,
}

impl From<&Profile> for ProfileSummary {
    fn from(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            display_name: profile.display_name.clone(),
            predefined: profile.predefined,
            external_id: profile.external_id.to_string(),
        }
    }
}

impl From<&Profile> for ProfileView {
    fn from(profile: &Profile) -> Self {
        let representation = |text: &String| Representation { transformation: steps(text) };
        Self {
            summary: ProfileSummary::from(profile),
            representations: profile.representations.iter().map(representation).collect(),
        }
    }
}

/// List streaming profiles
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/streaming_profiles",
    tag = "Streaming Profiles",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    responses((status = 200, description = "The profiles", body = ProfileList))
)]
pub async fn list_streaming_profiles(
    access: Allow<ReadStreamingProfiles>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let profiles = store(&plane, access.grant()).list().await?;
    Ok(HttpResponse::Ok().json(ProfileList { data: profiles.iter().map(ProfileSummary::from).collect() }))
}

/// Get a streaming profile
#[utoipa::path(
    get,
    path = "/v1_1/{cloud_name}/streaming_profiles/{name}",
    tag = "Streaming Profiles",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the profile", example = "hd"),
    ),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn read_streaming_profile(
    access: Allow<ReadStreamingProfiles>,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = named(&path.1)?;
    answer(None, store(&plane, access.grant()).find(&name).await, &name)
}

/// Create a streaming profile
///
/// It is kept; video does not use it yet.
#[utoipa::path(
    post,
    path = "/v1_1/{cloud_name}/streaming_profiles",
    tag = "Streaming Profiles",
    params(("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo")),
    request_body(content = ProfileRequest, description = "The profile; JSON or a form."),
    responses(
        (status = 200, description = "It is kept", body = ProfileAnswer),
        (status = 409, description = "There is one of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn create_streaming_profile(
    access: Allow<WriteStreamingProfiles>,
    request: HttpRequest,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = read_name(&params.required_text("name")?)?;
    let profile = Profile {
        name: name.clone(),
        display_name: read_display_name(&params)?,
        predefined: false,
        external_id: Uuid::nil(),
        representations: read_representations(&params)?.ok_or_else(|| missing("representations"))?,
    };
    let permitted = access.grant().permit_within_reach(profile, &request);
    let made = store(&plane, access.grant()).create(permitted, plane.clock.now()).await;
    answer(Some("created"), made, &name)
}

/// Update a streaming profile
///
/// One that is there by itself becomes one of the environment's own.
#[utoipa::path(
    put,
    path = "/v1_1/{cloud_name}/streaming_profiles/{name}",
    tag = "Streaming Profiles",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the profile", example = "hd"),
    ),
    request_body(content = ProfileRequest, description = "What changes; JSON or a form."),
    responses(
        (status = 200, description = "It was changed", body = ProfileAnswer),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn update_streaming_profile(
    access: Allow<WriteStreamingProfiles>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    params: Params,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = named(&path.1)?;
    let update = Update { display_name: read_display_name(&params)?, representations: read_representations(&params)? };
    if update == Update::default() {
        return Err(missing("representations"));
    }
    let permitted = access.grant().permit_within_reach((name.clone(), update), &request);
    let changed = store(&plane, access.grant()).update(permitted, plane.clock.now()).await;
    answer(Some("updated"), changed, &name)
}

/// Delete a streaming profile
///
/// One that is there by itself is again what it was.
#[utoipa::path(
    delete,
    path = "/v1_1/{cloud_name}/streaming_profiles/{name}",
    tag = "Streaming Profiles",
    params(
        ("cloud_name" = String, Path, description = "Cloud name of the product environment", example = "demo"),
        ("name" = String, Path, description = "Name of the profile", example = "hd"),
    ),
    responses(
        (status = 200, description = "It is gone", body = ProfileAnswer),
        (status = 404, description = "There is none of that name", body = plane_kit::error::ErrorEnvelope),
    )
)]
pub async fn delete_streaming_profile(
    access: Allow<DestroyStreamingProfiles>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    plane: web::Data<DataPlane>,
) -> Result<HttpResponse, ApiError> {
    let name = named(&path.1)?;
    let permitted = access.grant().permit_within_reach(name.clone(), &request);
    let gone = store(&plane, access.grant()).delete(permitted, plane.clock.now()).await;
    answer(Some("deleted"), gone, &name)
}

fn store<'a>(plane: &'a DataPlane, grant: &TenantGrant) -> ProfileStore<'a> {
    ProfileStore::of(grant, &plane.database, &plane.settings.region.name)
}

/// The name of a path. What no profile can be called is not there.
fn named(name: &str) -> Result<String, ApiError> {
    read_name(name).map_err(|_| refused(ProfileError::NotFound, name))
}

fn answer(
    message: Option<&'static str>,
    outcome: Result<Profile, ProfileError>,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    let profile = outcome.map_err(|error| refused(error, name))?;
    Ok(HttpResponse::Ok().json(ProfileAnswer { message, data: ProfileView::from(&profile) }))
}

fn refused(error: ProfileError, name: &str) -> ApiError {
    match error {
        ProfileError::NotFound => ApiError::not_found(format!("Streaming profile not found - {}", name.escape_debug())),
        ProfileError::Taken => ApiError::new(ErrorCode::Conflict, format!("Streaming profile {name} already exists")),
        ProfileError::TooMany => ApiError::invalid(format!("At most {MOST} streaming profiles; delete another first")),
        ProfileError::Database(error) => error.into(),
    }
}
