//! Structured metadata: fields that an environment defines, and the values that its assets have of them.

pub mod cleanup;
pub mod entry;
pub mod field;
pub mod kind;
pub mod rule;
pub mod store;
pub mod validation;
pub mod values;

use plane_kit::{error::ApiError, http::params::Params, ids::EnvironmentId};
use serde_json::{Map, Value};

use crate::Plane;
use values::{MetadataChange, Said, read_pairs};

/// The metadata of a new asset: what the call says, and the defaults of the fields that it does not name. Values that a field takes up
/// are there afterwards.
pub async fn of_upload(
    plane: &Plane,
    environment: EnvironmentId,
    params: &Params,
    is_signed: bool,
) -> Result<Map<String, Value>, ApiError> {
    let fields = store::fields(&plane.database, environment).await?;
    let said = Said::read(&fields, read_pairs(params, "metadata")?)?;
    said.refuse_growth_by_anybody(is_signed)?;
    let added = store::take_up(plane, environment, &said.additions).await?;
    said.of_new(&fields, &added)
}

/// Refuses what a later upload could not be given.
pub async fn check_upload(
    plane: &Plane,
    environment: EnvironmentId,
    params: &Params,
    is_signed: bool,
) -> Result<(), ApiError> {
    let fields = store::fields(&plane.database, environment).await?;
    let said = Said::read(&fields, read_pairs(params, "metadata")?)?;
    said.refuse_growth_by_anybody(is_signed)?;
    said.of_new(&fields, &values::Added::default()).map(drop)
}

/// Refuses values that the fields of now do not permit, for what is used later.
pub async fn check_values(
    plane: &Plane,
    environment: EnvironmentId,
    settings: &Map<String, Value>,
) -> Result<(), ApiError> {
    let Some(Value::Object(said)) = settings.get("metadata") else {
        return Ok(());
    };
    Said::read(&store::fields(&plane.database, environment).await?, said.clone()).map(drop)
}

/// What a call changes of the metadata of assets that are there. Nothing where it says nothing of it.
pub async fn of_change(
    plane: &Plane,
    environment: EnvironmentId,
    params: &Params,
) -> Result<Option<MetadataChange>, ApiError> {
    let clears_invalid = params.boolean("clear_invalid")?.unwrap_or(false);
    if params.get("metadata").is_none() && !clears_invalid {
        return Ok(None);
    }
    let fields = store::fields(&plane.database, environment).await?;
    let said = Said::read(&fields, read_pairs(params, "metadata")?)?;
    said.refuse_to_clear_mandatory(&fields)?;
    let added = store::take_up(plane, environment, &said.additions).await?;
    Ok(Some(said.change(&added, clears_invalid.then_some(fields))))
}
