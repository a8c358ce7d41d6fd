//! Listings: filtered in SQL, paged by a cursor over (creation, id).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use plane_kit::policy::Scope;
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, ExprTrait, JoinType, Order, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, RelationDef, Select,
    sea_query::{Expr, LikeExpr, SimpleExpr},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    AssetStore,
    labels::start_of,
    moderation::{MANUAL, Status},
    record::{AssetRecord, DeliveryType, ResourceType},
};
use crate::tables::{asset_context, asset_tags, asset_versions, assets};

/// Among which assets.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Among {
    /// All of the kind.
    #[default]
    All,
    /// Those whose public id begins so, in the order of their public ids.
    Prefix(String),
    /// Exactly these public ids.
    Named(Vec<String>),
    /// Exactly these ids.
    Ids(Vec<Uuid>),
    /// Those with this tag.
    Tagged(String),
    /// Those with this key of context, and this value if one is given.
    Context(String, Option<String>),
    /// Those in this folder itself.
    Folder(String),
    /// Those of which people have said this.
    Moderated(Status),
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// Kind; all when absent.
    pub resource_type: Option<ResourceType>,
    /// Delivery type; all when absent.
    pub delivery_type: Option<DeliveryType>,
    /// Among which.
    pub among: Among,
    /// Only what was created at or after this moment.
    pub start_at: Option<DateTime<Utc>>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
    /// Length of the page.
    pub limit: u64,
}

impl Listing {
    /// What tells its cursors from those of other listings.
    pub fn fingerprint(&self) -> [u8; 4] {
        let Self { resource_type, delivery_type, among, start_at, ascending, cursor: _, limit: _ } = self;
        fingerprint(&format!("{resource_type:?} {delivery_type:?} {among:?} {start_at:?} {ascending}"))
    }

    fn is_by_name(&self) -> bool {
        matches!(self.among, Among::Prefix(_))
    }
}

/// The first bytes of a digest of what a listing is of.
pub fn fingerprint(listing: &str) -> [u8; 4] {
    let digest = Sha256::digest(listing.as_bytes());
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cursor {
    /// Behind what was created then.
    Moment {
        /// When.
        created_at: DateTime<Utc>,
        /// Which of what was created then.
        id: Uuid,
    },
    /// Behind a name.
    Name {
        /// The public id.
        public_id: String,
        /// Which of the assets of that public id.
        id: Uuid,
    },
}

impl Cursor {
    /// Reads a cursor of the wire. One that comes from another listing is none.
    pub fn parse(text: &str, listing: [u8; 4]) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let bytes = bytes.strip_prefix(&listing)?;
        let (kind, bytes) = bytes.split_first()?;
        let (id, rest) = bytes.split_at_checked(16)?;
        let id = Uuid::from_slice(id).ok()?;
        match kind {
            b'm' => {
                let micros = i64::from_be_bytes(rest.try_into().ok()?);
                Some(Self::Moment { created_at: DateTime::from_timestamp_micros(micros)?, id })
            }
            b'n' => {
                let public_id = String::from_utf8(rest.to_vec()).ok()?;
                (!public_id.contains('\0')).then_some(Self::Name { public_id, id })
            }
            _ => None,
        }
    }

    /// The cursor behind something that was created at a moment.
    pub fn at(created_at: DateTime<Utc>, id: Uuid) -> Self {
        Self::Moment { created_at, id }
    }

    /// What stands behind the cursor, by these columns. A cursor by name stands behind everything here.
    pub fn after<C: ColumnTrait>(&self, created_at: C, id: C, ascending: bool) -> Condition {
        let Self::Moment { created_at: moment, id: last } = self else {
            return Condition::any().add(Expr::val(1).eq(0));
        };
        // The first condition says nothing that the others do not; it is the one that an index goes along.
        let same = Condition::all().add(created_at.eq(*moment));
        let (begin, behind) = if ascending {
            (created_at.gte(*moment), Condition::any().add(created_at.gt(*moment)).add(same.add(id.gt(*last))))
        } else {
            (created_at.lte(*moment), Condition::any().add(created_at.lt(*moment)).add(same.add(id.lt(*last))))
        };
        Condition::all().add(begin).add(behind)
    }

    /// The cursor as it goes on the wire, opaque.
    pub fn print(&self, listing: [u8; 4]) -> String {
        let (kind, id, rest) = match self {
            Self::Moment { created_at, id } => (b'm', id, created_at.timestamp_micros().to_be_bytes().to_vec()),
            Self::Name { public_id, id } => (b'n', id, public_id.as_bytes().to_vec()),
        };
        URL_SAFE_NO_PAD.encode([listing.as_slice(), &[kind], id.as_bytes(), &rest].concat())
    }
}

impl AssetStore<'_> {
    /// One page, and the cursor of the next if there is one.
    pub async fn list(&self, listing: &Listing) -> Result<(Vec<AssetRecord>, Option<Cursor>), DbErr> {
        use assets::Column;
        let mut query = self.fitting(listing);
        let ascending = listing.ascending;
        query = match (&listing.cursor, listing.is_by_name()) {
            (None, _) => query,
            (Some(Cursor::Name { public_id, id }), true) => {
                let same = Condition::all().add(Column::PublicId.eq(public_id.as_str()));
                let name = public_id.as_str();
                let (begin, further, behind) = if ascending {
                    (Column::PublicId.gte(name), Column::PublicId.gt(name), same.add(Column::Id.gt(*id)))
                } else {
                    (Column::PublicId.lte(name), Column::PublicId.lt(name), same.add(Column::Id.lt(*id)))
                };
                query.filter(begin).filter(Condition::any().add(further).add(behind))
            }
            (Some(cursor), _) => query.filter(match &listing.among {
                Among::Tagged(_) => cursor.after(asset_tags::Column::CreatedAt, asset_tags::Column::AssetId, ascending),
                Among::Context(..) => {
                    cursor.after(asset_context::Column::CreatedAt, asset_context::Column::AssetId, ascending)
                }
                _ => cursor.after(Column::CreatedAt, Column::Id, ascending),
            }),
        };
        let order = if ascending { Order::Asc } else { Order::Desc };
        // The order is that of the index which the listing goes along.
        query = match &listing.among {
            Among::Prefix(_) => query.order_by(Column::PublicId, order.clone()).order_by(Column::Id, order),
            Among::Tagged(_) => query
                .order_by(asset_tags::Column::CreatedAt, order.clone())
                .order_by(asset_tags::Column::AssetId, order),
            Among::Context(..) => query
                .order_by(asset_context::Column::CreatedAt, order.clone())
                .order_by(asset_context::Column::AssetId, order),
            _ => query.order_by(Column::CreatedAt, order.clone()).order_by(Column::Id, order),
        };
        let mut page = query.limit(listing.limit + 1).all(self.database.reader()).await?;
        let has_more = page.len() as u64 > listing.limit;
        page.truncate(usize::try_from(listing.limit).unwrap_or(usize::MAX));
        let next = page.last().filter(|_| has_more).map(|last| match listing.is_by_name() {
            true => Cursor::Name { public_id: last.public_id.clone(), id: last.id },
            false => Cursor::at(last.created_at, last.id),
        });
        Ok((self.with_versions(page).await?, next))
    }

    /// How many there are in all, on whichever page.
    pub async fn count(&self, listing: &Listing) -> Result<u64, DbErr> {
        self.fitting(listing).count(self.database.reader()).await
    }

    /// What a listing is of, without order and page.
    fn fitting(&self, listing: &Listing) -> Select<assets::Entity> {
        use assets::Column;
        let mut query = self.base();
        if !self.scope.is_everywhere() {
            query = query.filter(folders_of(&self.scope));
        }
        if let Some(resource_type) = listing.resource_type {
            query = query.filter(Column::ResourceType.eq(resource_type.name()));
        }
        if let Some(delivery_type) = listing.delivery_type {
            query = query.filter(Column::DeliveryType.eq(delivery_type.name()));
        }
        if let Some(start_at) = listing.start_at {
            query = query.filter(Column::CreatedAt.gte(start_at));
        }
        match &listing.among {
            Among::All => query,
            Among::Prefix(prefix) => query.filter(starts_with(Column::PublicId, prefix)),
            Among::Named(ids) => query.filter(Column::PublicId.is_in(ids.iter().map(String::as_str))),
            Among::Ids(ids) => query.filter(Column::Id.is_in(ids.iter().copied())),
            Among::Folder(folder) => query.filter(Column::AssetFolder.eq(folder.as_str())),
            Among::Moderated(status) => {
                query.filter(Column::ModerationKind.eq(MANUAL)).filter(Column::ModerationStatus.eq(status.name()))
            }
            Among::Tagged(tag) => {
                use asset_tags::Column as Tag;
                query = query
                    .join(JoinType::InnerJoin, joined(asset_tags::Entity, Tag::AssetId))
                    .filter(Tag::EnvironmentId.eq(self.environment.0))
                    .filter(Tag::Tag.eq(tag.as_str()));
                match listing.resource_type {
                    Some(resource_type) => query.filter(Tag::ResourceType.eq(resource_type.name())),
                    None => query,
                }
            }
            Among::Context(key, value) => {
                use asset_context::Column as Pair;
                query = query
                    .join(JoinType::InnerJoin, joined(asset_context::Entity, Pair::AssetId))
                    .filter(Pair::EnvironmentId.eq(self.environment.0))
                    .filter(Pair::Key.eq(key.as_str()));
                if let Some(resource_type) = listing.resource_type {
                    query = query.filter(Pair::ResourceType.eq(resource_type.name()));
                }
                match value {
                    Some(value) => {
                        query.filter(Pair::ValueStart.eq(start_of(value))).filter(Pair::Value.eq(value.as_str()))
                    }
                    None => query,
                }
            }
        }
    }

    /// The tags of a kind that begin so and stand behind `after`, in their order, each once.
    pub async fn tags(
        &self,
        resource_type: ResourceType,
        prefix: Option<&str>,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<String>, DbErr> {
        use asset_tags::Column;
        let mut query = asset_tags::Entity::find()
            .select_only()
            .column(Column::Tag)
            .distinct()
            .filter(Column::EnvironmentId.eq(self.environment.0))
            .filter(Column::ResourceType.eq(resource_type.name()));
        if let Some(prefix) = prefix {
            query = query.filter(starts_with(Column::Tag, prefix));
        }
        if let Some(after) = after {
            query = query.filter(Column::Tag.gt(after));
        }
        query.order_by_asc(Column::Tag).limit(limit).into_tuple().all(self.database.reader()).await
    }

    pub(super) async fn with_versions(&self, page: Vec<assets::Model>) -> Result<Vec<AssetRecord>, DbErr> {
        if page.is_empty() {
            return Ok(Vec::new());
        }
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

/// How rows by which assets are found hang on them.
fn joined<E: EntityTrait>(labels: E, asset_id: E::Column) -> RelationDef {
    assets::Entity::belongs_to(labels).from(assets::Column::Id).to(asset_id).into()
}

/// The folders of a scope as a condition on rows.
pub(super) fn folders_of(scope: &Scope) -> Condition {
    let regions = scope.permitted().into_iter().map(|region| {
        let top = region.folder.map(lies_in).into_iter();
        let without = region.without.into_iter().map(|folder| lies_in(folder).not());
        top.chain(without).fold(Condition::all(), Condition::add)
    });
    let none = Condition::any().add(Expr::val(1).eq(0));
    regions.fold(none, Condition::add)
}

pub(super) fn lies_in(folder: &str) -> Condition {
    let column = assets::Column::AssetFolder;
    Condition::any().add(column.eq(folder)).add(starts_with(column, &format!("{folder}/")))
}

/// A prefix filter in which `%` and `_` of the prefix mean themselves.
pub(crate) fn starts_with<C: ColumnTrait>(column: C, prefix: &str) -> SimpleExpr {
    let escaped: String =
        prefix.chars().flat_map(|c| matches!(c, '%' | '_' | '\\').then_some('\\').into_iter().chain([c])).collect();
    column.like(LikeExpr::new(format!("{escaped}%")).escape('\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_and_those_of_other_listings_do_not() {
        let listing = Listing { resource_type: Some(ResourceType::Image), ..Listing::default() };
        let other = Listing { among: Among::Tagged("a".into()), ..listing.clone() };
        let longer = Listing { limit: 7, ..listing.clone() };
        let moment = Cursor::at(DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(), Uuid::max());
        let name = Cursor::Name { public_id: "cats/tom".into(), id: Uuid::max() };
        for cursor in [moment, name] {
            let text = cursor.print(listing.fingerprint());
            assert_eq!(Cursor::parse(&text, longer.fingerprint()), Some(cursor));
            assert_eq!(Cursor::parse(&text, other.fingerprint()), None);
        }
        for text in ["", "x", "AAAA", "!!!!"] {
            assert_eq!(Cursor::parse(text, listing.fingerprint()), None, "{text}");
        }
    }
}
