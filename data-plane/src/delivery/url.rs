//! The delivery URL: a pure parse of the path as it was received.

use percent_encoding::percent_decode_str;
use plane_kit::error::{ApiError, ErrorCode};
use transform::{
    grammar::{Expanded, Transformation, split_path},
    refusal::{Refusal, RefusalKind},
    source::Format,
};

use crate::{
    assets::record::{AssetName, DeliveryType, ResourceType},
    media::facts::is_extension,
};

/// Prefixes of the wire that stand for a resource type and an SEO suffix; not built yet.
const SEO_PREFIXES: [&str; 5] = ["images", "private_images", "authenticated_images", "videos", "files"];

/// How long a transformation may be as it is written.
pub(crate) const SPELLING_LIMIT: usize = 2000;
/// How long the address of a remote file may be, in bytes: no index holds more.
pub(super) const ADDRESS_LIMIT: usize = 2000;
/// The longest public id and an extension, in characters.
const NAME_LIMIT: usize = 255 + 16;

/// A delivery URL taken apart. Nothing was looked up, but for the names in its transformation once it is [`ResolvedUrl`].
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryUrl<T = Transformation> {
    /// Cloud name.
    pub cloud_name: String,
    /// Resource type.
    pub resource_type: ResourceType,
    /// Delivery type.
    pub delivery_type: DeliveryType,
    /// What stands between `s--` and `--`.
    pub signature: Option<String>,
    /// The transformation.
    pub transformation: T,
    /// The transformation as it stands in the path.
    pub spelling: String,
    /// The version, which is only of use to caches.
    pub version: Option<u64>,
    /// The public id with its extension, as it stands in the path; what signatures cover.
    pub source: String,
    /// The public id with its extension, decoded.
    pub decoded: String,
    /// The public id alone, where there is nothing to guess.
    pub exact: Option<String>,
}

/// A delivery URL whose transformation has no names left.
pub type ResolvedUrl = DeliveryUrl<Expanded>;

impl DeliveryUrl {
    /// Reads a path that begins with a slash.
    pub fn parse(path: &str) -> Result<Self, ApiError> {
        let (pieces, begins): (Vec<&str>, Vec<usize>) = filled_pieces(path).unzip();
        let all = pieces.len();
        let not_found = || ApiError::not_found(format!("Resource not found - {path}"));
        let (cloud_name, pieces) = pieces.split_first().ok_or_else(not_found)?;
        let (kind, pieces) = pieces.split_first().ok_or_else(not_found)?;
        let (resource_type, delivery_type, pieces) = match *kind {
            "iu" => (ResourceType::Image, DeliveryType::Upload, pieces),
            kind if SEO_PREFIXES.contains(&kind) => {
                return Err(ApiError::not_built(format!("Delivery under {kind}/ with an SEO suffix")));
            }
            kind => {
                let resource_type = ResourceType::from_name(kind).ok_or_else(not_found)?;
                let (delivery_type, pieces) = pieces.split_first().ok_or_else(not_found)?;
                (resource_type, DeliveryType::parse(delivery_type).map_err(naming_the_path)?, pieces)
            }
        };
        if delivery_type == DeliveryType::Fetch && resource_type != ResourceType::Image {
            return Err(ApiError::not_built(format!("Fetching of resource type {kind}")));
        }
        let (signature, pieces) = match pieces.split_first() {
            Some((first, rest)) if is_signature(first) => (Some(first[3..first.len() - 2].to_owned()), rest),
            _ => (None, pieces),
        };
        let split = split_path(pieces).map_err(refused)?;
        let is_fetch = delivery_type == DeliveryType::Fetch;
        let source = match begins.get(all - pieces.len() + split.public_id) {
            None => return Err(not_found()),
            // The slashes of a remote address are all its own.
            Some(begin) if is_fetch => path[*begin..].to_owned(),
            Some(_) => pieces[split.public_id..].join("/"),
        };
        let decoded = percent_decode_str(&source)
            .decode_utf8()
            .map_err(|_| ApiError::invalid("The public id is not UTF-8"))?
            .into_owned();
        let decoded = if is_fetch { whole_address(decoded) } else { decoded };
        let is_too_long = if is_fetch { decoded.len() > ADDRESS_LIMIT } else { decoded.chars().count() > NAME_LIMIT };
        if is_too_long || decoded.chars().any(char::is_control) {
            return Err(ApiError::not_found("Resource not found - no asset has such a public id"));
        }
        if split.spelling.len() > SPELLING_LIMIT {
            return Err(ApiError::new(
                ErrorCode::InvalidTransformation,
                format!("Maximum length of a transformation is {SPELLING_LIMIT} characters"),
            ));
        }
        check_kind(resource_type, &split.transformation, &split.spelling)?;
        Ok(Self {
            cloud_name: (*cloud_name).to_owned(),
            resource_type,
            delivery_type,
            signature,
            transformation: split.transformation,
            spelling: split.spelling,
            version: split.version,
            source,
            decoded,
            exact: None,
        })
    }

    /// The URL of a name, in a format.
    pub(crate) fn of(
        cloud_name: &str,
        name: &AssetName,
        transformation: &str,
        format: Option<&str>,
    ) -> Result<Self, ApiError> {
        if transformation.len() > SPELLING_LIMIT {
            return Err(ApiError::new(
                ErrorCode::InvalidTransformation,
                format!("Maximum length of a transformation is {SPELLING_LIMIT} characters"),
            ));
        }
        let parsed = Transformation::parse(transformation).map_err(refused)?;
        check_kind(name.resource_type, &parsed, transformation)?;
        let decoded = format.map_or_else(|| name.public_id.clone(), |format| format!("{}.{format}", name.public_id));
        Ok(Self {
            cloud_name: cloud_name.to_owned(),
            resource_type: name.resource_type,
            delivery_type: name.delivery_type,
            signature: None,
            transformation: parsed,
            spelling: transformation.to_owned(),
            version: None,
            source: decoded.clone(),
            decoded,
            exact: Some(name.public_id.clone()),
        })
    }
}

impl<T> DeliveryUrl<T> {
    /// The names that the URL can mean, the likelier first, each with the extension that it leaves over. An extension belongs to
    /// the name of a raw file; of an image it asks for a format, unless there is no such format.
    pub fn candidates(&self) -> Vec<(AssetName, Option<&str>)> {
        let name = |public_id: &str| AssetName {
            resource_type: self.resource_type,
            delivery_type: self.delivery_type,
            public_id: public_id.to_owned(),
        };
        if let Some(public_id) = &self.exact {
            let rest = self.decoded.strip_prefix(public_id.as_str()).and_then(|rest| rest.strip_prefix('.'));
            return vec![(name(public_id), rest)];
        }
        let whole = (name(&self.decoded), None);
        if self.resource_type == ResourceType::Raw || self.delivery_type == DeliveryType::Fetch {
            return vec![whole];
        }
        let is_format = |extension: &str| match self.resource_type {
            // Whatever a container may be called; that of the asset is delivered, and others are asked about there.
            ResourceType::Video => is_extension(extension) || Format::from_name(extension).is_some(),
            _ => Format::from_name(extension).is_some(),
        };
        match self.decoded.rsplit_once('.') {
            Some((stem, extension)) if !stem.is_empty() && is_format(extension) => {
                vec![(name(stem), Some(extension)), whole]
            }
            _ => vec![whole],
        }
    }
}

/// Refuses a transformation of what is no picture.
fn check_kind(kind: ResourceType, transformation: &Transformation, spelling: &str) -> Result<(), ApiError> {
    match kind {
        _ if transformation.is_delivery_only() => Ok(()),
        ResourceType::Image => Ok(()),
        ResourceType::Video => Err(ApiError::not_built(format!("Transformations of video and audio, as {spelling},"))),
        ResourceType::Raw => Err(ApiError::new(
            ErrorCode::InvalidTransformation,
            format!("Invalid transformation for a raw file: {spelling}"),
        )),
    }
}

/// The pieces of a path that are not empty, and where each begins.
fn filled_pieces(path: &str) -> impl Iterator<Item = (&str, usize)> {
    let mut next = 0;
    path.split('/').filter_map(move |piece| {
        let begin = next;
        next += piece.len() + 1;
        (!piece.is_empty()).then_some((piece, begin))
    })
}

/// A remote address whose double slash was taken for a single one on its way, as proxies do.
fn whole_address(address: String) -> String {
    match address.split_once(":/") {
        Some((scheme @ ("http" | "https"), rest)) if !rest.starts_with('/') => format!("{scheme}://{rest}"),
        _ => address,
    }
}

pub(super) fn is_signature(piece: &str) -> bool {
    piece.len() > 5 && piece.starts_with("s--") && piece.ends_with("--")
}

fn naming_the_path(error: ApiError) -> ApiError {
    match error.code() {
        ErrorCode::NotBuilt => error,
        _ => ApiError::not_found("Resource not found - unknown delivery type"),
    }
}

/// A refusal of the language as an error of the edge.
pub(crate) fn refused(refusal: Refusal) -> ApiError {
    let code = match refusal.kind() {
        RefusalKind::NotBuilt => ErrorCode::NotBuilt,
        _ => ErrorCode::InvalidTransformation,
    };
    ApiError::new(code, refusal.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url =
            DeliveryUrl::parse("/demo/image/upload/s--abcdefgh--/c_fill,w_400/f_auto/v17/cats/t%20om.jpg").unwrap();
        assert_eq!(url.cloud_name, "demo");
        assert_eq!(url.signature.as_deref(), Some("abcdefgh"));
        assert_eq!(url.spelling, "c_fill,w_400/f_auto");
        assert_eq!(url.version, Some(17));
        assert_eq!((url.source.as_str(), url.decoded.as_str()), ("cats/t%20om.jpg", "cats/t om.jpg"));
        let candidates = url.candidates();
        assert_eq!((candidates[0].0.public_id.as_str(), candidates[0].1), ("cats/t om", Some("jpg")));
        assert_eq!((candidates[1].0.public_id.as_str(), candidates[1].1), ("cats/t om.jpg", None));
    }

    #[test]
    fn a_signature_may_begin_with_a_dash() {
        let url = DeliveryUrl::parse("/demo/image/upload/s----SjmNDA--/image.jpg").unwrap();
        assert_eq!(url.signature.as_deref(), Some("--SjmNDA"));
    }

    #[test]
    fn short_and_raw_forms() {
        assert_eq!(DeliveryUrl::parse("/demo/iu/a.jpg").unwrap().delivery_type, DeliveryType::Upload);
        let raw = DeliveryUrl::parse("/demo/raw/upload/v1/docs/a.tar.gz").unwrap();
        assert_eq!(
            raw.candidates(),
            vec![(
                AssetName {
                    resource_type: ResourceType::Raw,
                    delivery_type: DeliveryType::Upload,
                    public_id: "docs/a.tar.gz".into()
                },
                None
            )]
        );
    }

    #[test]
    fn remote_addresses_keep_their_slashes_and_are_decoded_once() {
        for (rest, source, decoded) in [
            ("http://h.test/p.png", "http://h.test/p.png", "http://h.test/p.png"),
            ("https://h.test//a//b.png", "https://h.test//a//b.png", "https://h.test//a//b.png"),
            ("https:/h.test/p.png", "https:/h.test/p.png", "https://h.test/p.png"),
            (
                "https%3A%2F%2Fh.test%2Fp%2520q.png%3Fx%3D1",
                "https%3A%2F%2Fh.test%2Fp%2520q.png%3Fx%3D1",
                "https://h.test/p%20q.png?x=1",
            ),
            ("c_scale,w_100/http://h.test/w_2/p.png", "http://h.test/w_2/p.png", "http://h.test/w_2/p.png"),
            ("v17/http://h.test/v1/p.png", "http://h.test/v1/p.png", "http://h.test/v1/p.png"),
        ] {
            let url = DeliveryUrl::parse(&format!("/demo/image/fetch/{rest}")).unwrap();
            assert_eq!((url.source.as_str(), url.decoded.as_str()), (source, decoded), "{rest}");
            assert_eq!(url.candidates().len(), 1, "{rest}");
        }
        let signed = DeliveryUrl::parse("/demo/image/fetch/s--hH_YcbiS--/http://google.com/path/to/image.png").unwrap();
        assert_eq!(signed.source, "http://google.com/path/to/image.png");
    }

    #[test]
    fn what_cannot_be_delivered_is_refused_by_name() {
        for (path, part) in [
            ("/demo", "/demo"),
            ("/demo/image", "/demo/image"),
            ("/demo/image/upload", "/demo/image/upload"),
            ("/demo/sound/upload/a", "/demo/sound"),
            ("/demo/raw/fetch/http://a", "raw"),
            ("/demo/image/gravatar/a", "gravatar"),
            (&format!("/demo/image/fetch/http://a.test/{}", "a".repeat(2000)), "public id"),
            ("/demo/images/a/b.jpg", "images"),
            ("/demo/video/upload/w_100/a.mp4", "video"),
            ("/demo/image/upload/w_abc,h_2/a.jpg", "abc"),
            ("/demo/raw/upload/w_100/v1/a.txt", "w_100"),
            ("/demo/image/upload/%ff.jpg", "UTF-8"),
            ("/demo/image/upload/a%00b.jpg", "public id"),
            (&format!("/demo/image/upload/{}w_2/a.jpg", "w_1,".repeat(600)), "2000"),
            (&format!("/demo/image/upload/{}", "a".repeat(300)), "public id"),
        ] {
            let error = DeliveryUrl::parse(path).unwrap_err();
            assert!(error.message().contains(part), "{path}: {error}");
            assert!(error.code().status().is_client_error(), "{path}");
        }
    }
}
