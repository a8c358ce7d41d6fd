//! Encoded slashes. Some official clients send `%2F` for the slashes between path segments of the API; the router must see
//! slashes. Delivery paths are left alone, because they are split before they are decoded.

use actix_web::{
    dev::ServiceRequest,
    http::uri::{PathAndQuery, Uri},
};

/// Whether a path belongs to an API and not to delivery.
pub fn is_api(path: &str) -> bool {
    ["/v1_1/", "/v2/"].iter().any(|prefix| path.starts_with(prefix))
}

/// Whether a path belongs to the permissions, whose errors wear the envelope of the vendor's second version.
pub fn is_of_permissions(path: &str) -> bool {
    path.starts_with("/v2/accounts/")
}

/// Decodes `%2F` once, in API paths only.
pub(crate) fn decode_slashes(request: &mut ServiceRequest) {
    let path = request.path();
    if !is_api(path) || !path.contains("%2F") && !path.contains("%2f") {
        return;
    }
    let decoded = path.replace("%2F", "/").replace("%2f", "/");
    let with_query = match request.uri().query() {
        Some(query) => format!("{decoded}?{query}"),
        None => decoded,
    };
    let mut parts = request.uri().clone().into_parts();
    let Ok(path_and_query) = PathAndQuery::try_from(with_query) else {
        return;
    };
    parts.path_and_query = Some(path_and_query);
    let Ok(uri) = Uri::from_parts(parts) else {
        return;
    };
    request.match_info_mut().get_mut().update(&uri);
    request.head_mut().uri = uri;
}
