//! From a located asset to a plan and its key. Pure but for remembering, and for what only the pixels can tell.

use std::sync::{Arc, atomic::AtomicBool};

use actix_web::HttpRequest;
use plane_kit::{
    error::{ApiError, ErrorCode},
    ids::VersionId,
};
use transform::{
    facts::Facts,
    grammar::{Expanded, Quality},
    hints::{ClientHints, Vary},
    key::{RenditionKey, count_key},
    plan::{Plan, Step},
    planner::{OutputLimits, PlanRequest, Planned, plan},
    source::SourceMeta,
};
use uuid::Uuid;

use super::{
    admit::AdmittedDelivery,
    locate::LocatedAsset,
    measure::{Asked, FileOf},
    url::refused,
};
use crate::{
    DataPlane, Plane,
    assets::{record::ResourceType, said::Said},
    tenants::Tenant,
    transformations::{recorded::Recorded, spelling::Spelling, uses::Use},
};

/// Raised when the same plan would give other bytes by our own doing; part of every rendition key. The library is none: nodes of a region may
/// have different ones, and what one of them has made is delivered by all.
pub const ENGINE_REVISION: &str = "vips-8.14-2";
/// How often the pixels may be asked for one plan.
const MOST_MEASURES: usize = 8;
/// How much memory plans are remembered in, in bytes.
const REMEMBERED: u64 = 8 << 20;
/// What a plan takes beside what it holds: its places in the table and in the order of use.
const OF_A_PLACE: usize = 400;
/// Frames of an animation that is made while somebody waits.
pub(crate) const FRAMES: u32 = 100;

/// What a delivery takes.
#[derive(Clone)]
pub enum Prepared {
    /// The stored bytes.
    Original,
    /// A rendition.
    Derived(Arc<Derived>),
}

/// A rendition that is wanted.
pub struct Derived {
    /// The recipe.
    pub plan: Plan,
    /// Its identity.
    pub key: RenditionKey,
    /// How often everything derived from the version was dropped before; what is made afterwards counts anew.
    pub epoch: u64,
    /// Its identity in hexadecimal digits.
    pub key_text: String,
    /// Its entity tag, without quotes.
    pub etag: String,
    /// What is counted once.
    pub count_key: Uuid,
    /// Which headers decided.
    pub vary: Vary,
    /// Expected work, in pixels.
    pub cost: u64,
    /// How it was asked for.
    pub spelling: Spelling,
    /// Under what its transformation is recorded.
    pub recorded: Option<String>,
    /// Counts deliveries of what asks for it like this.
    pub used: Option<Arc<Use>>,
    /// Whether the spelling was kept with the rendition since this plan was made.
    pub noted: AtomicBool,
}

/// Plans by what they depend on.
pub struct Plans(moka::sync::Cache<PlanKey, Prepared>);

#[derive(Clone, PartialEq, Eq, Hash)]
struct PlanKey {
    version: VersionId,
    epoch: u64,
    spelling: Spelling,
    /// What the names in it stand for.
    expansion: Option<String>,
    /// What is said of the asset, where what comes of it depends on that.
    said: Option<[u8; 32]>,
    /// The quality where it says none, as the environment has set it.
    default_quality: Option<String>,
    hints: (bool, bool, bool, bool, Option<u64>, Option<u32>, Option<u32>),
}

impl Default for Plans {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().weigher(weigh).max_capacity(REMEMBERED).build())
    }
}

/// Bytes that a plan takes, roughly.
fn weigh(key: &PlanKey, prepared: &Prepared) -> u32 {
    let own = match prepared {
        Prepared::Original => 0,
        Prepared::Derived(derived) => {
            let texts = derived.key_text.len() + derived.etag.len() + derived.spelling.transformation.len();
            size_of::<Derived>() + derived.plan.steps.len() * size_of::<Step>() + texts
        }
    };
    let said = key.spelling.transformation.len() + key.expansion.as_ref().map_or(0, String::len);
    u32::try_from(OF_A_PLACE + size_of::<PlanKey>() + said + own).unwrap_or(u32::MAX)
}

/// What a client says of itself.
pub fn hints_of(request: &HttpRequest) -> ClientHints {
    ClientHints::from_headers(
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))),
    )
}

/// Plans a delivery, or finds the plan made before. `hints` are asked for only where they may matter.
pub async fn prepare(
    plane: &DataPlane,
    tenant: &Tenant,
    admitted: &AdmittedDelivery<'_>,
    asset: &LocatedAsset,
    hints: impl FnOnce() -> ClientHints,
) -> Result<Prepared, ApiError> {
    let url = admitted.url();
    if url.resource_type == ResourceType::Raw {
        return Ok(Prepared::Original);
    }
    if url.resource_type == ResourceType::Video {
        return as_it_is(asset).map(|()| Prepared::Original);
    }
    let Some(source) = &asset.record.version.source else {
        return Ok(Prepared::Original);
    };
    let hints = hints();
    let said = url.transformation.needs_facts().then(|| Said::from(asset.record.as_ref()));
    let spelling = spelling_of(admitted, asset);
    let key = PlanKey {
        version: asset.record.version.id,
        epoch: asset.record.version.epoch,
        spelling,
        expansion: url.transformation.had_names().then(|| url.transformation.canonical()),
        said: said.as_ref().map(Said::digest),
        default_quality: tenant.snapshot.settings.default_image_quality.clone(),
        hints: (
            hints.avif,
            hints.webp,
            hints.jxl,
            hints.save_data,
            hints.dpr.map(f64::to_bits),
            hints.width,
            hints.viewport_width,
        ),
    };
    if let Some(prepared) = plane.plans.0.get(&key) {
        return Ok(prepared);
    }
    let wish = Wish {
        tenant,
        default_quality: tenant.default_quality(),
        transformation: &url.transformation,
        spelling: &key.spelling,
        version: key.version,
        epoch: key.epoch,
        source,
        said: &said.unwrap_or_default(),
        frames: FRAMES,
        file: FileOf::Stored(&asset.record),
    };
    let prepared = Box::pin(of_version(plane, &wish, &hints)).await?;
    tracing::trace!(cloud_name = tenant.snapshot.cloud_name, "planned");
    plane.plans.0.insert(key, prepared.clone());
    Ok(prepared)
}

/// How a delivery is asked for.
pub(super) fn spelling_of(admitted: &AdmittedDelivery<'_>, asset: &LocatedAsset) -> Spelling {
    Spelling {
        transformation: admitted.url().spelling.clone(),
        extension: asset.extension.as_deref().unwrap_or_default().to_ascii_lowercase(),
    }
}

/// Refuses another format of sound and moving pictures than the one they are stored in.
pub(crate) fn as_it_is(asset: &LocatedAsset) -> Result<(), ApiError> {
    let format = asset.record.version.format.as_str();
    match &asset.extension {
        Some(asked) if !asked.eq_ignore_ascii_case(format) => {
            Err(ApiError::not_built(format!("Delivery of a {format} file as {asked}")))
        }
        _ => Ok(()),
    }
}

/// What is wanted of a version.
pub(crate) struct Wish<'a> {
    /// Whose it is.
    pub tenant: &'a Tenant,
    /// The quality where the transformation says none.
    pub default_quality: Option<Quality>,
    /// The transformation.
    pub transformation: &'a Expanded,
    /// How it was asked for.
    pub spelling: &'a Spelling,
    /// Of which version,
    pub version: VersionId,
    /// and how often what was derived from it had been dropped.
    pub epoch: u64,
    /// What is known of the picture.
    pub source: &'a SourceMeta,
    /// What is said of the asset.
    pub said: &'a Said,
    /// How many frames of an animation are made.
    pub frames: u32,
    /// Where its bytes are, should they be asked for something.
    pub file: FileOf<'a>,
}

/// Plans what is wanted of a version. Where that depends on its pixels, they are looked at, once.
pub(crate) async fn of_version(plane: &Plane, wish: &Wish<'_>, hints: &ClientHints) -> Result<Prepared, ApiError> {
    let delivery = &plane.settings.delivery;
    let limits =
        OutputLimits { max_pixels: delivery.output_pixels, max_side: delivery.output_side, max_frames: wish.frames };
    let extension = wish.spelling.extension.as_str();
    if wish.transformation.measures() > MOST_MEASURES {
        return Err(too_many_measures());
    }
    let asked = Asked {
        environment: wish.tenant.id(),
        version: wish.version,
        pixels: u64::from(wish.source.width) * u64::from(wish.source.height),
        file: wish.file,
    };
    let mut measured = Vec::new();
    let planned = loop {
        let planned = plan(PlanRequest {
            transformation: wish.transformation,
            extension: (!extension.is_empty()).then_some(extension),
            source: wish.source,
            facts: &Facts { measured: &measured, ..wish.said.facts() },
            hints,
            limits: &limits,
            default_quality: wish.default_quality,
        })
        .map_err(refused)?;
        match planned {
            Planned::Original => return Ok(Prepared::Original),
            Planned::Derived(planned) => break planned,
            Planned::Measure(_) if measured.len() == MOST_MEASURES => return Err(too_many_measures()),
            Planned::Measure(measure) => {
                let within = plane.measures.of(plane, &asked, &measure).await?;
                measured.push((*measure, within));
            }
        }
    };
    let recorded = Recorded::of(wish.spelling, wish.source.format.name());
    let version = wish.version.0.as_bytes();
    let key = RenditionKey::new(&planned.plan, version, ENGINE_REVISION);
    Ok(Prepared::Derived(Arc::new(Derived {
        key_text: key.to_string(),
        etag: key.etag(0),
        key,
        epoch: wish.epoch,
        count_key: Uuid::from_bytes(count_key(version, &planned.plan, wish.epoch)),
        vary: planned.vary,
        cost: planned.cost.weight(),
        plan: planned.plan,
        recorded: recorded.as_ref().map(Recorded::key),
        used: recorded.and_then(|recorded| plane.uses.of(wish.tenant.id(), recorded)),
        spelling: wish.spelling.clone(),
        noted: AtomicBool::new(false),
    })))
}

fn too_many_measures() -> ApiError {
    let text = format!("A transformation may ask for edges {MOST_MEASURES} times");
    ApiError::new(ErrorCode::InvalidTransformation, text)
}
