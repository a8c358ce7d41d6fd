//! Listings: filtered in SQL, paged by a cursor over (creation, id).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use plane_kit::policy::Scope;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};
use uuid::Uuid;

use super::{
    AssetStore,
    record::{AssetRecord, DeliveryType, ResourceType},
};
use crate::tables::{asset_versions, assets};

/// What to list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// Kind.
    pub resource_type: ResourceType,
    /// Delivery type; all when absent.
    pub delivery_type: Option<DeliveryType>,
    /// Beginning of the public id.
    pub prefix: Option<String>,
    /// Exactly these public ids.
    pub public_ids: Option<Vec<String>>,
    /// Only what was created at or after this moment.
    pub start_at: Option<DateTime<Utc>>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
    /// Length of the page.
    pub limit: u64,
}

/// Where a page ended. Opaque on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    created_at: DateTime<Utc>,
    id: Uuid,
}

impl Cursor {
    /// Reads a cursor of the wire.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (micros, id) = bytes.split_at_checked(8)?;
        let micros = i64::from_be_bytes(micros.try_into().ok()?);
        Some(Self { created_at: DateTime::from_timestamp_micros(micros)?, id: Uuid::from_slice(id).ok()? })
    }

    /// The cursor behind a row.
    pub fn at(created_at: DateTime<Utc>, id: Uuid) -> Self {
        Self { created_at, id }
    }

    /// What stands behind the cursor, by these columns.
    pub fn after<C: ColumnTrait>(&self, created_at: C, id: C, ascending: bool) -> Condition {
        let same = Condition::all().add(created_at.eq(self.created_at));
        if ascending {
            Condition::any().add(created_at.gt(self.created_at)).add(same.add(id.gt(self.id)))
        } else {
            Condition::any().add(created_at.lt(self.created_at)).add(same.add(id.lt(self.id)))
        }
    }

    /// The cursor as it goes on the wire.
    pub fn print(&self) -> String {
        let micros = self.created_at.timestamp_micros().to_be_bytes();
        URL_SAFE_NO_PAD.encode([micros.as_slice(), self.id.as_bytes()].concat())
    }
}

impl AssetStore<'_> {
    /// One page, and the cursor of the next if there is one.
    pub async fn list(&self, listing: &Listing) -> Result<(Vec<AssetRecord>, Option<Cursor>), DbErr> {
        use assets::Column;
        let mut query = self.base().filter(Column::ResourceType.eq(listing.resource_type.name()));
        if !self.scope.is_everywhere() {
            query = query.filter(folders_of(&self.scope));
        }
        if let Some(delivery_type) = listing.delivery_type {
            query = query.filter(Column::DeliveryType.eq(delivery_type.name()));
        }
        if let Some(prefix) = &listing.prefix {
            query = query.filter(Column::PublicId.starts_with_escaped(prefix));
        }
        if let Some(ids) = &listing.public_ids {
            query = query.filter(Column::PublicId.is_in(ids.iter().map(String::as_str)));
        }
        if let Some(start_at) = listing.start_at {
            query = query.filter(Column::CreatedAt.gte(start_at));
        }
        if let Some(cursor) = &listing.cursor {
            query = query.filter(cursor.after(Column::CreatedAt, Column::Id, listing.ascending));
        }
        query = if listing.ascending {
            query.order_by_asc(Column::CreatedAt).order_by_asc(Column::Id)
        } else {
            query.order_by_desc(Column::CreatedAt).order_by_desc(Column::Id)
        };
        let mut page = query.limit(listing.limit + 1).all(self.database.reader()).await?;
        let has_more = page.len() as u64 > listing.limit;
        page.truncate(usize::try_from(listing.limit).unwrap_or(usize::MAX));
        let next = page.last().filter(|_| has_more).map(|last| Cursor::at(last.created_at, last.id));
        Ok((self.with_versions(page).await?, next))
    }

    async fn with_versions(&self, page: Vec<assets::Model>) -> Result<Vec<AssetRecord>, DbErr> {
        let versions = asset_versions::Entity::find()
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .filter(asset_versions::Column::Id.is_in(page.iter().map(|asset| asset.version_id)))
            .all(self.database.reader())
            .await?;
        let mut records = Vec::with_capacity(page.len());
        for asset in page {
            match versions.iter().find(|version| version.id == asset.version_id) {
                Some(version) => records.push(AssetRecord::from_rows(asset, version.clone())?),
                // Replaced between the two reads: read anew. Gone by now: not listed.
                None => records.extend(self.find_by_id(asset.id).await?),
            }
        }
        Ok(records)
    }
}

/// The folders of a scope as a condition on rows.
fn folders_of(scope: &Scope) -> Condition {
    let regions = scope.permitted().into_iter().map(|region| {
        let top = region.folder.map(lies_in).into_iter();
        let without = region.without.into_iter().map(|folder| lies_in(folder).not());
        top.chain(without).fold(Condition::all(), Condition::add)
    });
    let none = Condition::any().add(Expr::val(1).eq(0));
    regions.fold(none, Condition::add)
}

fn lies_in(folder: &str) -> Condition {
    let column = assets::Column::AssetFolder;
    Condition::any().add(column.eq(folder)).add(column.starts_with_escaped(&format!("{folder}/")))
}

/// A prefix filter in which `%` and `_` of the prefix mean themselves.
trait StartsWithEscaped: ColumnTrait {
    fn starts_with_escaped(&self, prefix: &str) -> sea_orm::sea_query::SimpleExpr {
        let escaped: String =
            prefix.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect();
        self.like(sea_orm::sea_query::LikeExpr::new(format!("{escaped}%")).escape('\\'))
    }
}

impl StartsWithEscaped for assets::Column {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_garbage_does_not() {
        let cursor =
            Cursor { created_at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(), id: Uuid::max() };
        assert_eq!(Cursor::parse(&cursor.print()), Some(cursor));
        for text in ["", "x", "AAAA", "!!!!"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
