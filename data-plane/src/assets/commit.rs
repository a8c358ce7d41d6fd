//! Changes: each is one transaction that writes the rows, the usage they mean, and who made the change.
//!
//! Bytes are written before, and removed after: a process killed anywhere leaves either the whole asset, counted once, or
//! objects that no row names, which the sweeper collects.

use chrono::{DateTime, Utc};
use plane_kit::{
    audit::{Entry, Origin},
    ids::{AssetId, VersionId, uuid_at},
    usage::{Meter, NaturalKey, UsageRecord},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use serde_json::{Value, json};
use transform::{analysis::Analysis, source::SourceMeta};
use uuid::Uuid;

use super::{
    AssetStore,
    access_control::AccessChange,
    analyses::Questions,
    coordinates::Coordinates,
    early::Ahead,
    happening::Happening,
    labels::{put_labels, take_labels},
    made::signed,
    moderation::{MANUAL, Moderation, Status},
    record::{AssetName, AssetRecord, ResourceType},
};
use crate::{
    audit,
    folders::{self, Hold},
    jobs::{self, Claim},
    media::facts::MediaFacts,
    metering::outbox,
    permitted::Permitted,
    storage::ObjectKey,
    tables::{asset_names, asset_versions, assets, chunked_uploads, renditions},
    transformations::{record::put_made, recorded::Recorded},
};

/// A stored object and everything that its rows will say.
#[derive(Debug, Clone)]
pub struct NewVersion {
    /// Id under which the object was stored.
    pub id: VersionId,
    /// Name shown to people.
    pub display_name: String,
    /// Folder.
    pub asset_folder: String,
    /// Base name of the file.
    pub original_filename: String,
    /// Whether an asset that is replaced keeps its folder: the call says nothing of one.
    pub keeps_folder: bool,
    /// The same of its name shown to people.
    pub keeps_display_name: bool,
    /// Tags, sorted.
    pub tags: Vec<String>,
    /// Key and value pairs.
    pub context: serde_json::Map<String, Value>,
    /// Values of metadata fields.
    pub metadata: serde_json::Map<String, Value>,
    /// What people have marked in it.
    pub coordinates: Coordinates,
    /// Who may have it delivered, as far as the call says so.
    pub access: AccessChange,
    /// Whether its versions are to be kept; as before where nothing is said.
    pub backup: Option<bool>,
    /// Whether people are to look at it.
    pub is_moderated: bool,
    /// Format.
    pub format: String,
    /// Size.
    pub bytes: u64,
    /// MD5 in hexadecimal digits.
    pub md5: String,
    /// What is known of a picture.
    pub source: Option<SourceMeta>,
    /// What is known of sound and moving pictures.
    pub media: Option<MediaFacts>,
    /// `upload`, `fetch`, `upload_mapping` or `internal`.
    pub origin: &'static str,
    /// The access key that uploaded it, if one did.
    pub access_key: Option<String>,
    /// The request that uploaded it, for the ledger.
    pub request: String,
    /// What happens when the name is taken.
    pub overwrite: bool,
    /// What its remote server said of it, if it is to be asked again.
    pub remote: Option<RemoteSource>,
    /// The version that it replaces, if it is to replace no other.
    pub replaces: Option<VersionId>,
    /// What it ends.
    pub ends: Ends,
    /// What was made of it ahead.
    pub ahead: Ahead,
    /// What it shows, where the call wants to know that of a picture.
    pub analysis: Option<Analysis>,
    /// What the call wants to know.
    pub questions: Questions,
}

/// What an upload ends, in the transaction in which it gets its name, so that it comes to that once.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    /// An upload in chunks.
    pub chunks: Option<Uuid>,
    /// The job that it is carried out by.
    pub job: Option<Claim>,
}

/// What a remote server said of a file, to be asked by whether it has changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemoteSource {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What an upload led to.
#[derive(Debug)]
pub enum UploadOutcome {
    /// The asset as it is now, and the objects that no row names any more.
    Stored(Box<AssetRecord>, Vec<ObjectKey>),
    /// The name was taken and was to be kept.
    Existing(Box<AssetRecord>),
    /// The name is taken by an asset in a folder that the caller may not change.
    OutOfScope,
    /// The upload in chunks or the job was ended by another, or the version that was to be replaced is not the current one any more.
    Ended,
}

/// What a destroy led to.
#[derive(Debug)]
pub enum DestroyOutcome {
    /// The asset is gone; the objects that no row names any more.
    Gone(Vec<ObjectKey>),
    /// There is no such asset in the folders that the caller may change.
    NotFound,
}

impl AssetStore<'_> {
    /// Gives a stored object its name. Whatever was stored under it before is replaced or kept, as the upload says.
    pub async fn commit_upload(
        &self,
        name: Permitted<AssetName>,
        new: NewVersion,
        now: DateTime<Utc>,
    ) -> Result<UploadOutcome, DbErr> {
        let Permitted { thing: name, by, told } = name;
        let target = target(&name);
        let transaction = self.database.begin().await?;
        folders::hold(&transaction, self.environment, Hold::Into).await?;
        // The row of the name is written first: it is the lock that orders uploads under one name.
        let version = self.next_version(&transaction, &name, now).await?;
        let existing = self.find_on(&transaction, &name).await?;
        if existing.as_ref().is_some_and(|existing| !self.scope.permits(&existing.asset_folder)) {
            transaction.rollback().await?;
            return Ok(UploadOutcome::OutOfScope);
        }
        let is_kept = existing.is_some() && !new.overwrite;
        if let Some(job) = &new.ends.job
            && !job.finish(&transaction).await?
        {
            transaction.rollback().await?;
            return Ok(UploadOutcome::Ended);
        }
        if let Some(upload) = new.ends.chunks {
            // First of all, so that of two requests with the last chunk one does the rest.
            let version = existing.as_ref().filter(|_| is_kept).map_or(new.id, |existing| existing.version.id);
            let ended = chunked_uploads::Entity::update_many()
                .col_expr(chunked_uploads::Column::VersionId, Expr::value(Some(version.0)))
                .filter(chunked_uploads::Column::Id.eq(upload))
                .filter(chunked_uploads::Column::VersionId.is_null())
                .exec(&transaction)
                .await?;
            if ended.rows_affected == 0 {
                transaction.rollback().await?;
                return Ok(UploadOutcome::Ended);
            }
        }
        let is_another =
            new.replaces.is_some() && existing.as_ref().map(|existing| existing.version.id) != new.replaces;
        if let Some(existing) = &existing
            && (!new.overwrite || is_another)
        {
            let kept = existing.clone();
            // An upload in chunks and a job have ended with what was there, too, and who waits for a job hears of it.
            if new.ends.job.is_some() {
                let early = &new.ahead.early;
                let questions = new.questions;
                let happening =
                    Happening::Uploaded { asset: existing, early, is_existing: true, questions, analysis: None };
                told.of(&transaction, &by, happening, now).await?;
            }
            let has_later = new.ahead.later.is_some();
            if let Some(later) = new.ahead.later {
                jobs::put(&transaction, self.environment, later, now).await?;
            }
            match has_later || new.ends.chunks.is_some() || new.ends.job.is_some() {
                true => transaction.commit().await?,
                false => transaction.rollback().await?,
            }
            return Ok(UploadOutcome::Existing(Box::new(kept)));
        }
        if is_another {
            // What was to be replaced is gone, and so is the reason for this version.
            transaction.rollback().await?;
            return Ok(UploadOutcome::Ended);
        }
        let mut new = new;
        let mut moderation = new.is_moderated.then_some(Moderation { status: Status::Pending, updated_at: now });
        if let Some(existing) = &existing {
            if new.keeps_folder {
                new.asset_folder = existing.asset_folder.clone();
            }
            if new.keeps_display_name {
                new.display_name = existing.display_name.clone();
            }
            // What people look at they look at again: this is another file.
            if existing.moderation.is_some() && moderation.is_none() {
                moderation = Some(Moderation { status: Status::Pending, updated_at: now });
            }
        }
        if new.remote.is_some()
            && let Some(existing) = &existing
        {
            // A copy that follows its source changes its bytes, and nothing that was said of it here.
            new.display_name = existing.display_name.clone();
            new.asset_folder = existing.asset_folder.clone();
            new.tags = existing.tags.clone();
            new.context = existing.context.clone();
            new.metadata = existing.metadata.clone();
            new.coordinates = existing.coordinates.clone();
            moderation = existing.moderation;
        }
        // Whoever uploads other bytes and says nothing of who may have them opens nothing.
        let access =
            new.access.applied_to(&existing.as_ref().map(|existing| existing.access.clone()).unwrap_or_default());
        let backup = new.backup.unwrap_or_else(|| existing.as_ref().is_some_and(|existing| existing.backup));
        let mut usage = vec![
            self.upload_record(&name, &new, now),
            self.record(
                Meter::StoredBytes,
                signed(new.bytes),
                new.access_key.clone(),
                now,
                new.origin,
                json!({"asset_version": new.id, "request": new.request}),
            ),
        ];
        let asset_id = existing.as_ref().map_or_else(|| AssetId::generate(now), |asset| asset.id);
        let created_at = existing.as_ref().map_or(now, |asset| asset.created_at);
        let mut orphans = Vec::new();
        if let Some(existing) = &existing {
            usage.push(self.drop_version(&transaction, existing, "overwrite", now, &mut orphans).await?);
        }
        let asset = assets::Model {
            id: asset_id.0,
            environment_id: self.environment.0,
            resource_type: name.resource_type.name().into(),
            delivery_type: name.delivery_type.name().into(),
            public_id: name.public_id,
            display_name: new.display_name,
            asset_folder: new.asset_folder,
            original_filename: new.original_filename,
            version_id: new.id.0,
            tags: json!(new.tags),
            context: Value::Object(new.context.clone()),
            metadata: Value::Object(new.metadata),
            coordinates: json!(new.coordinates),
            access: json!(access),
            backup,
            moderation_kind: moderation.map(|_| MANUAL.to_owned()),
            moderation_status: moderation.map(|moderation| moderation.status.name().to_owned()),
            moderation_updated_at: moderation.map(|moderation| moderation.updated_at),
            created_at,
        };
        put_asset(&transaction, asset.clone(), new.remote.is_some()).await?;
        if existing.is_some() {
            take_labels(&transaction, asset.id).await?;
        }
        put_labels(&transaction, &asset, &new.tags, &new.context).await?;
        let row = asset_versions::Model {
            id: new.id.0,
            environment_id: self.environment.0,
            asset_id: asset_id.0,
            version,
            format: new.format,
            bytes: signed(new.bytes),
            md5: new.md5,
            sha256: String::new(),
            source: new.source.as_ref().map(|source| json!(source)),
            media: new.media.as_ref().map(|media| json!(media)),
            origin: new.origin.into(),
            epoch: 0,
            uploaded_at: now,
        };
        asset_versions::Entity::insert(asset_versions::ActiveModel::from(row.clone()))
            .exec_without_returning(&transaction)
            .await?;
        self.put_folders(&transaction, &asset.asset_folder, now).await?;
        if let Some(remote) = new.remote {
            self.put_fetched_source(&transaction, asset_id, remote, now).await?;
        }
        outbox::put(&transaction, self.region, &usage).await?;
        let asset = AssetRecord::from_rows(asset, row)?;
        let entry = match &existing {
            Some(existing) => Entry::changed("upload", target, shown(existing), shown(&asset)),
            None => Entry::made("upload", target, shown(&asset)),
        };
        self.audit(&transaction, &by, entry, now).await?;
        let Ahead { renditions, early, later } = new.ahead;
        for (made, spellings) in &renditions {
            let Some((first, more)) = spellings.split_first() else { continue };
            self.put_rendition(&transaction, made, first, now).await?;
            for spelling in [first].into_iter().chain(more) {
                self.put_spelling(&transaction, &made.key, made.version, spelling, now).await?;
            }
        }
        let spellings = renditions.iter().flat_map(|(_, spellings)| spellings);
        let recorded = spellings.filter_map(|spelling| Recorded::of(spelling, &asset.version.format));
        put_made(&transaction, self.environment, recorded, now).await?;
        if let Some(later) = later {
            jobs::put(&transaction, self.environment, later, now).await?;
        }
        let (questions, analysis) = (new.questions, new.analysis.as_ref());
        if let Some(analysis) = analysis {
            self.put_analysis(&transaction, asset.version.id, analysis).await?;
        }
        let happening = Happening::Uploaded { asset: &asset, early: &early, is_existing: false, questions, analysis };
        told.of(&transaction, &by, happening, now).await?;
        transaction.commit().await?;
        Ok(UploadOutcome::Stored(Box::new(asset), orphans))
    }

    /// Takes an asset away with everything derived from it; only while `version` is the current one, if one is given.
    pub async fn destroy(
        &self,
        name: Permitted<AssetName>,
        version: Option<VersionId>,
        now: DateTime<Utc>,
    ) -> Result<DestroyOutcome, DbErr> {
        let Permitted { thing: name, by, told } = name;
        let transaction = self.database.begin().await?;
        self.lock_name(&transaction, &name).await?;
        let found = self.find_on(&transaction, &name).await?;
        let found = found.filter(|found| version.is_none_or(|version| found.version.id == version));
        let Some(asset) = found.and_then(|found| self.within_scope(found)) else {
            transaction.rollback().await?;
            return Ok(DestroyOutcome::NotFound);
        };
        let mut orphans = Vec::new();
        let usage = self.drop_version(&transaction, &asset, "destroy", now, &mut orphans).await?;
        assets::Entity::delete_by_id(asset.id.0)
            .filter(assets::Column::EnvironmentId.eq(self.environment.0))
            .exec(&transaction)
            .await?;
        outbox::put(&transaction, self.region, &[usage]).await?;
        let entry = Entry::removed("destroy", target(&name), shown(&asset));
        self.audit(&transaction, &by, entry, now).await?;
        told.of(&transaction, &by, Happening::Deleted(&[asset]), now).await?;
        transaction.commit().await?;
        Ok(DestroyOutcome::Gone(orphans))
    }

    /// The same lock as an upload's: of two that change one name, the second sees what the first has done.
    pub(super) async fn lock_name(&self, transaction: &DatabaseTransaction, name: &AssetName) -> Result<(), DbErr> {
        let key = (
            self.environment.0,
            name.resource_type.name().to_owned(),
            name.delivery_type.name().to_owned(),
            name.public_id.clone(),
        );
        asset_names::Entity::find_by_id(key).lock_exclusive().one(transaction).await.map(drop)
    }

    /// The next version of a name: the present second, or one more than the last.
    pub(super) async fn next_version(
        &self,
        transaction: &DatabaseTransaction,
        name: &AssetName,
        now: DateTime<Utc>,
    ) -> Result<i64, DbErr> {
        use asset_names::Column;
        let row = asset_names::ActiveModel {
            environment_id: Set(self.environment.0),
            resource_type: Set(name.resource_type.name().into()),
            delivery_type: Set(name.delivery_type.name().into()),
            public_id: Set(name.public_id.clone()),
            last_version: Set(now.timestamp()),
        };
        let key = [Column::EnvironmentId, Column::ResourceType, Column::DeliveryType, Column::PublicId];
        let last = || Expr::col((asset_names::Entity, Column::LastVersion));
        let next = Expr::case(ExprTrait::lt(last(), now.timestamp()), Expr::val(now.timestamp()))
            .finally(ExprTrait::add(last(), 1));
        let row = asset_names::Entity::insert(row)
            .on_conflict(OnConflict::columns(key).value(Column::LastVersion, next).to_owned())
            .exec_with_returning(transaction)
            .await?;
        Ok(row.last_version)
    }

    /// Removes the rows of an asset's current version; answers what it stored, negative, and names its objects.
    pub(super) async fn drop_version(
        &self,
        transaction: &DatabaseTransaction,
        asset: &AssetRecord,
        reason: &str,
        now: DateTime<Utc>,
        orphans: &mut Vec<ObjectKey>,
    ) -> Result<UsageRecord, DbErr> {
        let version = asset.version.id;
        // A rendition's row refers to this one, so from here on none can be added that would go uncounted with it.
        asset_versions::Entity::find_by_id(version.0).lock_exclusive().one(transaction).await?;
        let made = renditions::Entity::find()
            .filter(renditions::Column::EnvironmentId.eq(self.environment.0))
            .filter(renditions::Column::VersionId.eq(version.0))
            .all(transaction)
            .await?;
        orphans.push(ObjectKey::original(self.environment, version));
        orphans.extend(made.iter().map(|made| ObjectKey::rendition(self.environment, version, &made.key)));
        let stored = signed(asset.version.bytes) + made.iter().map(|made| made.bytes).sum::<i64>();
        asset_versions::Entity::delete_by_id(version.0)
            .filter(asset_versions::Column::EnvironmentId.eq(self.environment.0))
            .exec(transaction)
            .await?;
        Ok(self.record(Meter::StoredBytes, -stored, None, now, reason, json!({"asset_version": version})))
    }

    /// Writes a folder and its parents.
    pub(super) async fn put_folders(
        &self,
        transaction: &DatabaseTransaction,
        folder: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        folders::put(transaction, self.environment, folder, now).await.map(drop)
    }

    /// The fact of an upload. Raw files and the program's own samples are facts too, of nothing.
    fn upload_record(&self, name: &AssetName, new: &NewVersion, now: DateTime<Utc>) -> UsageRecord {
        let is_counted = name.resource_type != ResourceType::Raw && new.origin != "internal";
        let source = new.source.as_ref();
        let video = new.media.as_ref().and_then(|media| media.video.as_ref());
        let facts = json!({
            "asset_version": new.id,
            "public_id": name.public_id,
            "resource_type": name.resource_type.name(),
            "format": new.format,
            "bytes": new.bytes,
            "width": source.map(|source| source.width).or(video.map(|video| video.width)),
            "height": source.map(|source| source.height).or(video.map(|video| video.height)),
            "duration": new.media.as_ref().map(|media| media.duration),
            "request": new.request,
        });
        self.record(Meter::Uploads, i64::from(is_counted), new.access_key.clone(), now, new.origin, facts)
    }

    /// Writes down who did what.
    pub(super) async fn audit(
        &self,
        transaction: &DatabaseTransaction,
        by: &Origin,
        entry: Entry,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        audit::put(transaction, self.region, self.environment, by, entry, now).await
    }

    pub(super) fn record(
        &self,
        meter: Meter,
        quantity: i64,
        access_key: Option<String>,
        at: DateTime<Utc>,
        reason: &str,
        facts: Value,
    ) -> UsageRecord {
        UsageRecord {
            key: NaturalKey::Row { id: uuid_at(at) },
            environment: self.environment,
            access_key,
            meter,
            quantity,
            at,
            reason: reason.into(),
            facts,
        }
    }
}

/// An asset as the audit log names it.
pub(super) fn target(name: &AssetName) -> String {
    format!("{}/{}/{}", name.resource_type.name(), name.delivery_type.name(), name.public_id)
}

/// An asset as the audit log shows it.
pub(super) fn shown(asset: &AssetRecord) -> Value {
    json!({
        "public_id": asset.name.public_id,
        "type": asset.name.delivery_type.name(),
        "version": asset.version.version,
        "format": asset.version.format,
        "bytes": asset.version.bytes,
        "etag": asset.version.md5,
        "asset_folder": asset.asset_folder,
        "display_name": asset.display_name,
        "tags": asset.tags,
        "context": asset.context,
        "metadata": asset.metadata,
        "coordinates": asset.coordinates,
        "backup": asset.backup,
        "access_mode": asset.access.mode.name(),
        "access_control": asset.access.shown(),
        "moderation": asset.moderation.map(|moderation| moderation.status.name()),
    })
}

/// Writes an asset's row. A copy that follows its source changes nothing that was said of it here, and a folder that is moved
/// meanwhile takes it along.
async fn put_asset(transaction: &DatabaseTransaction, asset: assets::Model, is_copy: bool) -> Result<(), DbErr> {
    use assets::Column;
    let columns = match is_copy {
        true => vec![Column::VersionId],
        false => vec![
            Column::DisplayName,
            Column::AssetFolder,
            Column::OriginalFilename,
            Column::VersionId,
            Column::Tags,
            Column::Context,
            Column::Metadata,
            Column::Coordinates,
            Column::Access,
            Column::Backup,
            Column::ModerationKind,
            Column::ModerationStatus,
            Column::ModerationUpdatedAt,
        ],
    };
    let replace = OnConflict::column(Column::Id).update_columns(columns).to_owned();
    assets::Entity::insert(assets::ActiveModel::from(asset))
        .on_conflict(replace)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
