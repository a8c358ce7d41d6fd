//! Delivery: from the bytes of a URL to the bytes of a picture.
//!
//! ```text
//! DeliveryUrl → AdmittedDelivery → LocatedAsset → Prepared (plan and key) → Made → Delivered
//! ```
//!
//! Each stage is a type whose constructor is the check. Delivery does not ask casbin; [`admit`] decides by a truth table of its own.

pub mod admit;
pub mod fetched;
pub mod inside;
pub mod locate;
pub mod make;
pub mod mapped;
pub mod measure;
pub mod openness;
pub mod originals;
mod page;
pub mod prepare;
pub mod range;
pub mod respond;
pub mod strangers;
pub mod url;

use std::sync::Arc;

use actix_web::{
    HttpRequest,
    http::header::{ALLOW, HeaderValue},
    web,
};
use plane_kit::{
    error::{ApiError, ErrorCode},
    http::{
        access::{Public, Reason},
        edge::RequestId,
    },
};

use self::{
    admit::{AdmittedDelivery, Viewer},
    make::Occasion,
    prepare::{Prepared, hints_of, prepare},
    respond::{Answer, Conditions, Delivered},
    url::DeliveryUrl,
};
use crate::{DataPlane, assets::record::DeliveryType, metering::ticket::UsageTicket, tenants::Tenant};

/// Delivery is open; every URL is admitted or refused by its own rules.
pub struct DeliveryDecides;

impl Reason for DeliveryDecides {
    const NAME: &'static str = "delivery_decides";
    const WHY: &'static str =
        "Delivery URLs are for everybody; each is admitted by delivery type, signature and standing.";
}

/// Deliver an asset or a derived asset
///
/// `/{cloud}/{resource_type}/{type}/[s--signature--/][transformation/…][v{version}/]{public_id}[.{format}]`. Refusals carry the
/// header `X-Cld-Error`.
#[utoipa::path(
    method(get, head),
    path = "/{delivery_path}",
    tag = "Delivery",
    params(("delivery_path" = String, Path, description = "The delivery URL's path", example = "demo/image/upload/c_fill,h_300,w_400/sample.jpg")),
    responses(
        (status = 200, description = "The bytes", content_type = "image/*", body = Vec<u8>),
        (status = 206, description = "The asked range of the bytes"),
        (status = 304, description = "What the client has is current"),
        (status = 401, description = "A signature is missing or wrong, or the environment is switched off; see X-Cld-Error"),
        (status = 404, description = "No such asset; see X-Cld-Error"),
        (status = 416, description = "The range lies outside"),
    )
)]
pub async fn deliver(
    _: Public<DeliveryDecides>,
    request: HttpRequest,
    plane: web::Data<DataPlane>,
) -> Result<Delivered, ApiError> {
    answer(&request, &plane).await.map_err(|error| {
        let error = error.for_delivery();
        match page::is_wanted(&request) {
            true => {
                let page = page::page(request.uri().path(), error.message());
                error.with_page(page)
            }
            false => error,
        }
    })
}

/// Delivery reads; whoever wants to change something has come to the wrong address.
pub async fn refuse_method(_: Public<DeliveryDecides>, request: HttpRequest) -> Result<Delivered, ApiError> {
    let text = format!("{} is not allowed here; delivery answers GET, HEAD and OPTIONS", request.method());
    let error = ApiError::new(ErrorCode::MethodNotAllowed, text).for_delivery();
    Err(error.with_header(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS")))
}

async fn answer(request: &HttpRequest, plane: &DataPlane) -> Result<Delivered, ApiError> {
    let url = DeliveryUrl::parse(request.uri().path()).map_err(|error| match error.code() {
        // A resource that is not there may come; everything else is in the URL itself.
        ErrorCode::NotFound => error,
        _ => error.of_the_url(),
    })?;
    let tenant = plane.tenants.find_or_ask(&url.cloud_name).await;
    let tenant = tenant.ok_or_else(|| ApiError::not_found(format!("Unknown cloud_name {}", url.cloud_name)))?;
    // A request that is refused counts nothing, and neither does one whose caller leaves.
    let mut ticket = InFlight::begin(plane, &tenant);
    let url = url.resolve(plane, &tenant, false).await?;
    let admitted = AdmittedDelivery::admit(&url, &tenant, Viewer::of(request), plane.clock.now())?;
    answer_admitted(request, plane, &tenant, &admitted, &mut ticket).await
}

/// Delivers what a signed call asks for.
pub(crate) async fn hand_over(
    request: &HttpRequest,
    plane: &DataPlane,
    tenant: &Arc<Tenant>,
    admitted: &AdmittedDelivery<'_>,
) -> Result<Delivered, ApiError> {
    let mut ticket = InFlight::begin(plane, tenant);
    answer_admitted(request, plane, tenant, admitted, &mut ticket).await
}

async fn answer_admitted(
    request: &HttpRequest,
    plane: &DataPlane,
    tenant: &Arc<Tenant>,
    admitted: &AdmittedDelivery<'_>,
    ticket: &mut InFlight,
) -> Result<Delivered, ApiError> {
    let conditions = Conditions::read(request);
    let answer = match attempt(request, plane, tenant, admitted, &conditions).await {
        // The asset was replaced while its picture was made: what is there now is asked for once more.
        Err(Failure::Replaced) => {
            plane.located.forget_all_of(tenant.id(), admitted.names());
            fetched::forget_own(plane, tenant, admitted);
            let again = Box::pin(attempt(request, plane, tenant, admitted, &conditions));
            again.await.map_err(Failure::into_error)?
        }
        outcome => outcome.map_err(Failure::into_error)?,
    };
    match ticket.0.take() {
        Some(ticket) => Ok(answer.deliver(ticket)),
        None => Err(ApiError::new(ErrorCode::Internal, "General Error")),
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The version was replaced meanwhile.
    Replaced,
    /// Anything else.
    Refused(ApiError),
}

impl Failure {
    pub(crate) fn into_error(self) -> ApiError {
        match self {
            Self::Replaced => ApiError::unavailable("The asset is being replaced; try again", 1),
            Self::Refused(error) => error,
        }
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Refused(error)
    }
}

/// What seldom happens stands in boxes, here and in the stages: a future is moved as large as its largest part, and the answer
/// from memory is the one that counts.
async fn attempt(
    request: &HttpRequest,
    plane: &DataPlane,
    tenant: &Arc<Tenant>,
    admitted: &AdmittedDelivery<'_>,
    conditions: &Conditions,
) -> Result<Answer, Failure> {
    let asset = match admitted.url().delivery_type {
        DeliveryType::Fetch => Box::pin(fetched::locate(request, plane, tenant, admitted)).await?,
        DeliveryType::Upload => match plane.located.locate(plane, admitted).await {
            Err(not_found) if not_found.code() == ErrorCode::NotFound => {
                Box::pin(mapped::locate(request, plane, tenant, admitted, not_found)).await?
            }
            located => located?,
        },
        _ => plane.located.locate(plane, admitted).await?,
    };
    asset.refuse_rejected()?;
    if !admitted.is_of(asset.record.id) {
        return Err(ApiError::not_found(format!("Resource not found - {}", asset.record.name.public_id)).into());
    }
    let kept_for = openness::check(admitted, &asset, plane.clock.now())?;
    if strangers::are_bound(tenant, admitted) {
        Box::pin(strangers::may_measure(plane, tenant, admitted, &asset)).await?;
    }
    let prepared = prepare(plane, tenant, admitted, &asset, || hints_of(request)).await?;
    let kept_for = match strangers::are_bound(tenant, admitted) {
        false => kept_for,
        true => kept_for.and(Box::pin(strangers::check(plane, tenant, admitted, &asset, &prepared)).await?),
    };
    match prepared {
        Prepared::Original => {
            let answer = Answer::original(plane, admitted, &asset, conditions).kept_for(kept_for);
            Ok(Box::pin(answer.with_original(plane, &asset)).await?)
        }
        Prepared::Derived(derived) => {
            let answer = Answer::derived(plane, admitted, &asset, &derived, conditions).kept_for(kept_for);
            let answer = match answer.is_complete() {
                true => answer,
                false => {
                    let occasion = Occasion::delivery(RequestId::of(request));
                    let made = plane.renditions.obtain(plane, tenant, &asset.record, &derived, occasion).await?;
                    answer.with_made(&made)
                }
            };
            if let Some(used) = &derived.used {
                used.note(plane.clock.now());
            }
            Ok(answer)
        }
    }
}

/// A ticket of a request that is still being worked on.
struct InFlight(Option<UsageTicket>);

impl InFlight {
    fn begin(plane: &DataPlane, tenant: &Tenant) -> Self {
        Self(Some(UsageTicket::take(plane.counters.clone(), plane.metrics.clone(), tenant.id())))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.take() {
            ticket.tear_up();
        }
    }
}
