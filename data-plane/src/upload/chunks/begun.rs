//! Uploads in chunks that have begun.

use plane_kit::ids::EnvironmentId;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::Chunk;
use crate::{Plane, tables::chunked_uploads};

/// An upload of which something is there.
pub struct Begun {
    /// Its id.
    pub id: Uuid,
    /// A digest of what its calls say.
    pub said: String,
    /// How long the file is, as far as that is known.
    pub total: Option<i64>,
    /// What the asset will be called.
    pub public_id: String,
    /// The public id that its first call gave, if it gave one.
    pub said_id: Option<String>,
    /// What it led to, if it has ended.
    pub version: Option<Uuid>,
}

/// The upload that a chunk belongs to, if something of it is there. `subject` is whoever sends it.
pub async fn begun(
    plane: &Plane,
    environment: EnvironmentId,
    subject: &str,
    chunk: &Chunk,
) -> Result<Option<Begun>, DbErr> {
    use chunked_uploads::Column;
    let row = chunked_uploads::Entity::find()
        .filter(Column::EnvironmentId.eq(environment.0))
        .filter(Column::Subject.eq(subject))
        .filter(Column::ClientId.eq(chunk.client_id.as_str()))
        .one(plane.database.reader())
        .await?;
    Ok(row.map(|row| Begun {
        id: row.id,
        said: row.said,
        total: row.total,
        public_id: row.public_id,
        said_id: row.said_id,
        version: row.version_id,
    }))
}
