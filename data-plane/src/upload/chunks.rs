//! Chunks of an upload: what their headers say, and whether they fit together. Pure.
//!
//! Ranges come in any order; the same bytes again are fine, other bytes and overlaps are not. A total may become known, and never
//! changes. Parts are numbered from 1 and are complete when all are there.

pub mod assembly;
pub mod begun;

use actix_web::http::header::{CONTENT_RANGE, HeaderMap};
use plane_kit::error::ApiError;

/// Every range but the last has at least this many bytes.
const SMALLEST: u64 = 5 * 1024 * 1024;
/// The last part that there can be.
const LAST_PART: u64 = 10_000;
/// The longest id that a client may give to its upload, in characters.
const LONGEST_ID: usize = 255;

/// Where a chunk belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Bytes of the file, the last one among them.
    Range {
        /// First byte.
        first: u64,
        /// Last byte.
        last: u64,
        /// Length of the file, if the client knows it yet.
        total: Option<u64>,
    },
    /// No byte at all, behind the last one: what a client sends whose file is a multiple of its chunks.
    Behind {
        /// Length of the file.
        total: u64,
    },
    /// A numbered part.
    Part {
        /// From 1.
        number: u64,
        /// How many there are, if the client knows it yet.
        total: Option<u64>,
    },
}

/// What the headers of a request say of its chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// The id that the client gave to the upload.
    pub client_id: String,
    /// Where it belongs.
    pub place: Place,
}

/// A chunk that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// First byte, or number.
    pub position: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// Whether a chunk is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// It was not there yet.
    New,
    /// The same bytes are there.
    Known,
}

impl Chunk {
    /// Reads the headers. A request without them, or with all of the file in one range, brings no chunk.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, ApiError> {
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
        let place = match (text("x-upload-part-number"), headers.get(CONTENT_RANGE)) {
            (Some(number), _) => part(number, text("x-upload-total-parts"))?,
            (None, None) => return Ok(None),
            (None, Some(range)) => match range_of(range.to_str().unwrap_or_default())? {
                Place::Range { first: 0, last, total: Some(total) } if last + 1 == total => return Ok(None),
                place => place,
            },
        };
        let client_id = text("x-unique-upload-id").unwrap_or_default().to_owned();
        if client_id.is_empty() {
            return Err(ApiError::invalid("Missing required header - X-Unique-Upload-Id"));
        }
        if client_id.chars().count() > LONGEST_ID {
            return Err(ApiError::invalid(format!("Invalid X-Unique-Upload-Id: longer than {LONGEST_ID} characters")));
        }
        Ok(Some(Self { client_id, place }))
    }

    /// First byte, or number.
    pub fn position(&self) -> u64 {
        match self.place {
            Place::Range { first, .. } => first,
            Place::Behind { total } => total,
            Place::Part { number, .. } => number,
        }
    }

    /// Whether it says no more than that the file has ended.
    pub fn is_behind(&self) -> bool {
        matches!(self.place, Place::Behind { .. })
    }

    /// Whether it holds the beginning of the file.
    pub fn is_first(&self) -> bool {
        matches!(self.place, Place::Range { first: 0, .. } | Place::Part { number: 1, .. })
    }

    /// How long the file is, or how many parts it has, as far as the client knows.
    pub fn total(&self) -> Option<u64> {
        match self.place {
            Place::Range { total, .. } | Place::Part { total, .. } => total,
            Place::Behind { total } => Some(total),
        }
    }

    /// Checks the chunk's bytes against its headers and against the limit of the whole file.
    pub fn check_length(&self, bytes: u64, limit: u64) -> Result<(), ApiError> {
        let too_large = |bytes: u64| {
            ApiError::new(
                plane_kit::error::ErrorCode::InvalidFile,
                format!("File size too large. Got at least {bytes}. Maximum is {limit}."),
            )
        };
        if self.is_behind() && bytes > 0 {
            return Err(ApiError::invalid(format!(
                "Invalid Content-Range: it names no byte, and the file has {bytes}"
            )));
        }
        let Place::Range { first, last, total } = self.place else {
            return if bytes > limit { Err(too_large(bytes)) } else { Ok(()) };
        };
        if let Some(whole) = total.into_iter().chain([last + 1]).find(|whole| *whole > limit) {
            return Err(too_large(whole));
        }
        if bytes != last - first + 1 {
            let text = format!("Invalid Content-Range: it names {} bytes, and the file has {bytes}", last - first + 1);
            return Err(ApiError::invalid(text));
        }
        if bytes < SMALLEST && total != Some(last + 1) {
            return Err(ApiError::invalid("All parts except EOF-chunk must be larger than 5mb"));
        }
        Ok(())
    }
}

fn part(number: &str, total: Option<&str>) -> Result<Place, ApiError> {
    let read = |header: &str, text: &str| match text.parse::<u64>() {
        Ok(number @ 1..=LAST_PART) => Ok(number),
        _ => Err(ApiError::invalid(format!("Invalid {header}: {text}; parts are numbered from 1 to {LAST_PART}"))),
    };
    let number = read("X-Upload-Part-Number", number)?;
    let total = total.map(|text| read("X-Upload-Total-Parts", text)).transpose()?;
    if total.is_some_and(|total| number > total) {
        return Err(ApiError::invalid(format!("Invalid X-Upload-Part-Number: {number} is more than there are")));
    }
    Ok(Place::Part { number, total })
}

fn range_of(text: &str) -> Result<Place, ApiError> {
    let invalid = || ApiError::invalid(format!("Invalid Content-Range: {text}"));
    let (range, total) = text.strip_prefix("bytes ").and_then(|rest| rest.split_once('/')).ok_or_else(invalid)?;
    let (first, last) = range.split_once('-').ok_or_else(invalid)?;
    let number = |text: &str| {
        let number =
            text.trim().parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok_and(|n| n < i64::MAX));
        number.ok_or_else(invalid)
    };
    let (first, last) = (number(first)?, number(last)?);
    let total = match total.trim() {
        "-1" | "*" => None,
        total => Some(number(total)?),
    };
    if first > 0 && total == Some(first) && last == first - 1 {
        return Ok(Place::Behind { total: first });
    }
    if last < first || total.is_some_and(|total| last >= total) {
        return Err(invalid());
    }
    Ok(Place::Range { first, last, total })
}

/// The total after a chunk that names one.
pub fn settled_total(known: Option<u64>, said: Option<u64>) -> Result<Option<u64>, ApiError> {
    match (known, said) {
        (Some(known), Some(said)) if known != said => {
            Err(ApiError::invalid(format!("Invalid chunk: the total was {known} and is now {said}")))
        }
        (known, said) => Ok(known.or(said)),
    }
}

/// Whether a chunk fits beside those that are there. `total` is what is known by now.
pub fn admit(held: &[Held], chunk: &Chunk, new: &Held, total: Option<u64>) -> Result<Admitted, ApiError> {
    if let Some(same) = held.iter().find(|held| held.position == new.position) {
        return if same == new {
            Ok(Admitted::Known)
        } else {
            Err(ApiError::invalid(format!("Invalid chunk: other bytes were sent for {} before", named(chunk))))
        };
    }
    let Place::Range { first, last, .. } = chunk.place else {
        let last = held.iter().map(|held| held.position).max().unwrap_or(0).max(new.position);
        return match total {
            Some(total) if last > total => {
                Err(ApiError::invalid(format!("Invalid chunk: part {last} is more than there are")))
            }
            _ => Ok(Admitted::New),
        };
    };
    let overlaps = |held: &&Held| held.position <= last && first < held.position + held.bytes;
    if let Some(held) = held.iter().find(overlaps) {
        let text = format!(
            "Invalid chunk: {} overlaps bytes {}-{}",
            named(chunk),
            held.position,
            held.position + held.bytes - 1
        );
        return Err(ApiError::invalid(text));
    }
    let end = held.iter().map(|held| held.position + held.bytes).max().unwrap_or(0).max(last + 1);
    match total {
        Some(total) if end > total => {
            Err(ApiError::invalid(format!("Invalid chunk: bytes beyond the total of {total}")))
        }
        _ => Ok(Admitted::New),
    }
}

fn named(chunk: &Chunk) -> String {
    match chunk.place {
        Place::Range { first, last, .. } => format!("bytes {first}-{last}"),
        Place::Behind { total } => format!("no bytes behind {total}"),
        Place::Part { number, .. } => format!("part {number}"),
    }
}

/// Whether all of a file is there.
pub fn is_complete(held: &[Held], by_part: bool, total: Option<u64>) -> bool {
    let there = if by_part { held.len() as u64 } else { held.iter().map(|held| held.bytes).sum() };
    total == Some(there)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn chunk(range: &str) -> Chunk {
        Chunk::of(&headers(&[("content-range", range), ("x-unique-upload-id", "u")])).unwrap().unwrap()
    }

    fn held(position: u64, bytes: u64, sha256: &str) -> Held {
        Held { position, bytes, sha256: sha256.into() }
    }

    #[test]
    fn headers_are_read_and_one_range_of_everything_is_no_chunk() {
        assert_eq!(Chunk::of(&headers(&[])).unwrap(), None);
        assert_eq!(Chunk::of(&headers(&[("content-range", "bytes 0-9/10")])).unwrap(), None);
        assert_eq!(chunk("bytes 0-9/-1").place, Place::Range { first: 0, last: 9, total: None });
        assert_eq!(chunk("bytes 10-19/20").place, Place::Range { first: 10, last: 19, total: Some(20) });
        let part = [("x-upload-part-number", "2"), ("x-upload-total-parts", "3"), ("x-unique-upload-id", "u")];
        let part = Chunk::of(&headers(&part)).unwrap().unwrap();
        assert_eq!(part.place, Place::Part { number: 2, total: Some(3) });
        for pairs in [
            &[("content-range", "bytes x-y/z"), ("x-unique-upload-id", "u")][..],
            &[("content-range", "bytes 9-0/10"), ("x-unique-upload-id", "u")],
            &[("content-range", "bytes 0-10/10"), ("x-unique-upload-id", "u")],
            &[("content-range", "bytes 0-9223372036854775807/-1"), ("x-unique-upload-id", "u")],
            &[("content-range", "0-9/10"), ("x-unique-upload-id", "u")],
            &[("content-range", "bytes 0-9/20")],
            &[("x-upload-part-number", "0"), ("x-unique-upload-id", "u")],
            &[("x-upload-part-number", "10001"), ("x-unique-upload-id", "u")],
            &[("x-upload-part-number", "4"), ("x-upload-total-parts", "3"), ("x-unique-upload-id", "u")],
        ] {
            assert!(Chunk::of(&headers(pairs)).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn lengths_are_held_to_the_range_the_limit_and_the_least() {
        let five = SMALLEST;
        assert!(chunk(&format!("bytes 0-{}/-1", five - 1)).check_length(five, u64::MAX).is_ok());
        assert!(chunk("bytes 100-109/110").check_length(10, 1000).is_ok(), "the last one may be small");
        for (range, bytes, limit, part) in [
            ("bytes 0-9/-1", 10, 1000, "All parts except EOF-chunk must be larger than 5mb"),
            ("bytes 0-9/20", 10, 1000, "All parts except EOF-chunk must be larger than 5mb"),
            ("bytes 100-109/110", 9, 1000, "it names 10 bytes, and the file has 9"),
            ("bytes 100-109/110", 10, 109, "Got at least 110. Maximum is 109."),
            ("bytes 100-109/-1", 10, 105, "Got at least 110"),
        ] {
            let error = chunk(range).check_length(bytes, limit).unwrap_err();
            assert!(error.message().contains(part), "{range}: {error}");
        }
    }

    #[test]
    fn chunks_fit_in_any_order_and_never_overlap() {
        let there = [held(20, 10, "b"), held(0, 10, "a")];
        let admitted = |range: &str, sha256: &str, total: Option<u64>| {
            let chunk = chunk(range);
            let Place::Range { first, last, .. } = chunk.place else { panic!("a range") };
            admit(&there, &chunk, &held(first, last - first + 1, sha256), total)
                .map_err(|error| error.message().to_owned())
        };
        assert_eq!(admitted("bytes 10-19/30", "c", Some(30)), Ok(Admitted::New));
        assert_eq!(admitted("bytes 0-9/30", "a", Some(30)), Ok(Admitted::Known));
        for (range, sha256, total, part) in [
            ("bytes 0-9/30", "x", Some(30), "other bytes"),
            ("bytes 0-4/30", "a", Some(30), "other bytes"),
            ("bytes 5-14/30", "c", Some(30), "overlaps bytes 0-9"),
            ("bytes 15-24/30", "c", Some(30), "overlaps bytes 20-29"),
            ("bytes 10-19/20", "c", Some(20), "beyond the total of 20"),
        ] {
            let error = admitted(range, sha256, total).unwrap_err();
            assert!(error.contains(part), "{range}: {error}");
        }
        assert!(is_complete(&[held(0, 10, "a"), held(10, 5, "b")], false, Some(15)));
        assert!(!is_complete(&[held(0, 10, "a"), held(10, 5, "b")], false, None));
        assert!(!is_complete(&[held(0, 10, "a")], false, Some(15)));
        assert!(is_complete(&[held(1, 10, "a"), held(2, 5, "b")], true, Some(2)));
    }

    #[test]
    fn a_total_may_become_known_and_never_changes() {
        assert_eq!(settled_total(None, None).unwrap(), None);
        assert_eq!(settled_total(None, Some(5)).unwrap(), Some(5));
        assert_eq!(settled_total(Some(5), None).unwrap(), Some(5));
        assert!(settled_total(Some(5), Some(6)).is_err());
    }
}
