//! Where the transformation ends in the path of a delivery URL.

use super::{Transformation, is_component, is_transformation_item, looks_like_item, misspelled};
use crate::refusal::{Place, Refusal};

/// The path behind the delivery type and the signature, taken apart.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPath {
    /// The transformation, empty when there is none.
    pub transformation: Transformation,
    /// The transformation's pieces as they were received, joined by `/`, empty pieces left out: what signatures cover and
    /// listings show.
    pub spelling: String,
    /// The version in front of the public id, if any.
    pub version: Option<u64>,
    /// Index of the first piece of the public id in the pieces that were given; their number if there is no such piece.
    pub public_id: usize,
}

/// Splits the still encoded pieces behind the delivery type (and signature) into transformation, version and public id.
///
/// A piece belongs to the transformation while every item in it is a parameter, a variable or a condition; a version or
/// the first other piece ends it. The last piece is always the public id's, and everything behind a version is. Empty
/// pieces are ignored.
///
/// # Errors
/// A piece that mixes known and unknown keys is refused, so is one of unknown keys when a version shows that it cannot be
/// a folder. Values that cannot be read, or are not built, are refused as by [`Transformation::parse`].
pub fn split_path(pieces: &[&str]) -> Result<SplitPath, Refusal> {
    let filled: Vec<usize> = (0..pieces.len()).filter(|index| !pieces[*index].is_empty()).collect();
    let mut transformation: Vec<&str> = Vec::new();
    let mut version = None;
    let mut next = 0;
    // The last filled piece is never looked at: it is the public id whatever it looks like.
    while next + 1 < filled.len() {
        let piece = pieces[filled[next]];
        if let Some(number) = version_number(piece) {
            version = Some(number);
            next += 1;
            break;
        }
        if is_component(piece) {
            transformation.push(piece);
            next += 1;
            continue;
        }
        if is_misspelled(piece) || (looks_like_items(piece) && version_follows(pieces, &filled[next + 1..])) {
            let (item, advice) = misspelled(piece);
            let place = Place { component: transformation.len() + 1, item };
            return Err(Refusal::component(piece).at(place, advice.as_deref()));
        }
        break;
    }
    Ok(SplitPath {
        spelling: transformation.join("/"),
        transformation: Transformation::of(&transformation)?,
        version,
        public_id: filled.get(next).copied().unwrap_or(pieces.len()),
    })
}

/// The number of a piece `v123`. A number too large for any clock is no version.
fn version_number(piece: &str) -> Option<u64> {
    let digits = piece.strip_prefix('v')?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// Whether all items look like parameters and at least one is known: an unknown one beside it is a mistake, not a folder.
fn is_misspelled(piece: &str) -> bool {
    looks_like_items(piece) && piece.split(',').any(is_transformation_item)
}

fn looks_like_items(piece: &str) -> bool {
    piece.split(',').all(|item| looks_like_item(item) || is_transformation_item(item))
}

/// Whether a version follows with nothing but parameters, known or not, in between. The last piece is no version.
fn version_follows(pieces: &[&str], following: &[usize]) -> bool {
    let Some((_, before_last)) = following.split_last() else { return false };
    before_last
        .iter()
        .map(|index| pieces[*index])
        .find(|piece| !looks_like_items(piece))
        .is_some_and(|piece| version_number(piece).is_some())
}
