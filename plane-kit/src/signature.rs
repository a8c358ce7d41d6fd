//! Signatures of the vendor's wire: of requests, of results and of delivery URLs.
//!
//! Pure functions over text; what a key may sign is decided elsewhere.

use std::collections::BTreeMap;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::secret::{Secret, constant_time_eq};

/// Parameters that never take part in a request signature.
const UNSIGNED_PARAMETERS: [&str; 5] = ["file", "cloud_name", "resource_type", "api_key", "signature"];

/// How often a source may be decoded before it is signed.
const DECODED_AT_MOST: usize = 10;

/// The digest of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// 160 bits, the vendor's default.
    Sha1,
    /// 256 bits.
    Sha256,
}

impl Algorithm {
    fn digest(self, text: &str, secret: &Secret) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                Sha1::new().chain_update(text.as_bytes()).chain_update(secret.expose().as_bytes()).finalize().to_vec()
            }
            Self::Sha256 => {
                Sha256::new().chain_update(text.as_bytes()).chain_update(secret.expose().as_bytes()).finalize().to_vec()
            }
        }
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }

    /// The algorithm that a hexadecimal signature is of, by its length.
    pub fn of_hex(signature: &str) -> Option<Self> {
        match signature.len() {
            40 => Some(Self::Sha1),
            64 => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// How `&` inside a pair is written before it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escaping {
    /// Version 1 of the rule: as it is. Ambiguous when a value holds `&`.
    Verbatim,
    /// Version 2 of the rule: `%26`.
    Ampersand,
}

/// The text whose digest signs a request. `parameters` maps bare names to their raw values, lists already joined by commas.
pub fn string_to_sign(parameters: &BTreeMap<String, String>, escaping: Escaping) -> String {
    let mut pairs: Vec<String> = parameters
        .iter()
        .filter(|(name, value)| !value.is_empty() && !UNSIGNED_PARAMETERS.contains(&name.as_str()))
        .map(|(name, value)| {
            let pair = format!("{name}={value}");
            match escaping {
                Escaping::Verbatim => pair,
                Escaping::Ampersand => pair.replace('&', "%26"),
            }
        })
        .collect();
    pairs.sort_unstable();
    pairs.join("&")
}

/// The hexadecimal signature of a request.
pub fn sign_request(
    parameters: &BTreeMap<String, String>,
    secret: &Secret,
    algorithm: Algorithm,
    escaping: Escaping,
) -> String {
    hex::encode(algorithm.digest(&string_to_sign(parameters, escaping), secret))
}

/// Whether `signature` signs these parameters. Either digest is accepted; the older escaping only where it says the same thing,
/// that is when no signed value holds `&`, because otherwise parameters could be smuggled past the signature.
pub fn verify_request(parameters: &BTreeMap<String, String>, secret: &Secret, signature: &str) -> bool {
    let Some(algorithm) = Algorithm::of_hex(signature) else {
        return false;
    };
    let expected = sign_request(parameters, secret, algorithm, Escaping::Ampersand);
    constant_time_eq(expected.as_bytes(), signature.to_ascii_lowercase().as_bytes())
}

/// The `signature` member of an upload result: over `public_id` and `version`, never escaped.
pub fn sign_result(public_id: &str, version: i64, secret: &Secret, algorithm: Algorithm) -> String {
    hex::encode(algorithm.digest(&format!("public_id={public_id}&version={version}"), secret))
}

/// The vendor's signature of a notification: over the exact bytes that are sent, and when.
pub fn sign_notification(body: &str, timestamp: i64, secret: &Secret, algorithm: Algorithm) -> String {
    hex::encode(algorithm.digest(&format!("{body}{timestamp}"), secret))
}

/// The signature of the same by Standard Webhooks. Its secret is `whsec_` and the base64 form of the access key's secret.
pub fn sign_webhook(id: &str, body: &str, timestamp: i64, secret: &Secret) -> String {
    // A key of any length is one.
    let code = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map(|mut code| {
        code.update(format!("{id}.{timestamp}.{body}").as_bytes());
        code.finalize().into_bytes()
    });
    code.map(|code| format!("v1,{}", STANDARD.encode(code))).unwrap_or_default()
}

/// The digest that vouches for a text of our own, in hexadecimal digits. The text says what it is for, so that none stands for another.
pub fn sign_token(text: &str, secret: &Secret) -> String {
    hex::encode(Algorithm::Sha256.digest(text, secret))
}

/// Whether a digest vouches for a text of our own.
pub fn verify_token(text: &str, secret: &Secret, digest: &str) -> bool {
    constant_time_eq(sign_token(text, secret).as_bytes(), digest.as_bytes())
}

/// The signature component of a delivery URL, without the `s--` and `--` around it.
///
/// `text` is the transformation and the source, joined by a slash, as they stand in the path. `length` is 8, or 32 for the long form.
pub fn sign_delivery(text: &str, secret: &Secret, algorithm: Algorithm, length: usize) -> String {
    let mut signature = URL_SAFE_NO_PAD.encode(algorithm.digest(text, secret));
    signature.truncate(length);
    signature
}

/// Whether `signature` signs a delivery path. `transformation` and `source` are raw, as received.
///
/// Clients differ in how they escape before they sign, so the raw form is tried first and then the forms that an official
/// client may have signed for the same path. `only` is the one digest that is accepted; either when absent.
pub fn verify_delivery(
    transformation: &str,
    source: &str,
    secret: &Secret,
    signature: &str,
    only: Option<Algorithm>,
) -> bool {
    let algorithms: &[Algorithm] = match (signature.len(), only) {
        (8, None) => &[Algorithm::Sha1, Algorithm::Sha256],
        (8, Some(Algorithm::Sha1)) => &[Algorithm::Sha1],
        (8 | 32, Some(Algorithm::Sha256)) | (32, None) => &[Algorithm::Sha256],
        _ => return false,
    };
    let decoded_source = decode(source);
    let transformations = [transformation.to_owned(), transformation.replace("%20", " "), decode(transformation)];
    let mut sources = vec![source.to_owned(), escape_source(&decoded_source)];
    // One client signs what is decoded to its end; and of all spellings of that, it sends the one that it escapes once itself.
    let plain = decode_all(&decoded_source);
    if escape_source(&plain) == decoded_source {
        sources.push(plain);
    }
    sources.push(decoded_source);
    let mut valid = false;
    for transformation in &transformations {
        for source in &sources {
            let text = if transformation.is_empty() { source.clone() } else { format!("{transformation}/{source}") };
            for algorithm in algorithms {
                let expected = sign_delivery(&text, secret, *algorithm, signature.len());
                valid |= constant_time_eq(expected.as_bytes(), signature.as_bytes());
            }
        }
    }
    valid
}

/// Escapes a public id as the official clients do before they sign: all but `A-Za-z0-9_.-/:`.
pub fn escape_source(source: &str) -> String {
    let mut escaped = String::with_capacity(source.len());
    for byte in source.bytes() {
        if byte.is_ascii_alphanumeric() || b"_.-/:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

/// Decodes until nothing changes any more, as one official client does before it signs.
fn decode_all(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..DECODED_AT_MOST {
        let decoded = decode(&text);
        if decoded == text {
            break;
        }
        text = decoded;
    }
    text
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn request_signatures_match_the_published_vectors() {
        let secret = Secret::new("abcd");
        let listed = parameters(&[
            ("eager", "w_400,h_300,c_pad|w_260,h_200,c_crop"),
            ("public_id", "sample_image"),
            ("tags", "a,b"),
            ("timestamp", "1315060510"),
        ]);
        let hidden = parameters(&[
            ("notification_url", "https://x.test/cb?a=1&b=2"),
            ("public_id", "a&b=c"),
            ("timestamp", "1315060510"),
        ]);
        let cases = [
            (&listed, Algorithm::Sha1, Escaping::Ampersand, "e4f651732362382614b7ef71fe588986e0be571d"),
            (
                &listed,
                Algorithm::Sha256,
                Escaping::Ampersand,
                "8c4a0b7b3b692a1301d8009eb32d7120db09f77c7d3f604b4d3a8e7462d0046a",
            ),
            (&hidden, Algorithm::Sha1, Escaping::Verbatim, "218753826e14b7ad7792f45f16f66a6f98c38d4d"),
            (&hidden, Algorithm::Sha1, Escaping::Ampersand, "52266daab67471fa66ce562b2b91b3289fa05989"),
        ];
        for (parameters, algorithm, escaping, expected) in cases {
            assert_eq!(sign_request(parameters, &secret, algorithm, escaping), expected);
        }
        assert!(verify_request(&listed, &secret, cases[0].3));
        assert!(verify_request(&listed, &secret, cases[1].3));
        assert!(!verify_request(&hidden, &secret, cases[2].3), "the ambiguous escaping must not pass");
    }

    #[test]
    fn empty_values_and_transport_parameters_are_not_signed() {
        let with = parameters(&[("a", "1"), ("b", ""), ("file", "x"), ("api_key", "1"), ("resource_type", "image")]);
        assert_eq!(string_to_sign(&with, Escaping::Ampersand), "a=1");
    }

    #[test]
    fn results_sign_their_id_and_version() {
        let signature = sign_result("folder/x&y", 1_700_000_000, &Secret::new("abcd"), Algorithm::Sha1);
        assert_eq!(signature, "822a26894ed1d0de139b1b2a8b4cc64ce4f6ee4a");
    }

    #[test]
    fn delivery_signatures_match_the_published_vectors() {
        let cases = [
            ("abcd", "c_fill,w_100", "folder/image%20name.jpg", "KXmRnRMp"),
            ("abcd", "c_fill,w_100", "folder/image%20name.jpg", "NMSwb7g8"),
            ("abcd", "c_fill,w_100", "folder/image%20name.jpg", "NMSwb7g8k-cZ0s167iEye08lbwKXx2nF"),
            ("abcd", "", "image.jpg", "XG-ejARI"),
            ("b", "c_crop,h_20,w_10", "image.jpg", "Ai4Znfl3"),
            ("b", "", "image.jpg", "--SjmNDA"),
            ("b", "", "http://google.com/path/to/image.png", "hH_YcbiS"),
            ("b", "co_red,l_text:Times_70_bold:Cool%25F0%259F%2598%258D", "image.jpg", "Uqk1a-5W"),
            ("b", "c_crop,h_20,w_10", "image.jpg", "w7DXgwn5wCnfEUqu7i0gnCTHxMzvnVmI"),
        ];
        for (secret, transformation, source, signature) in cases {
            let secret = Secret::new(secret);
            assert!(verify_delivery(transformation, source, &secret, signature, None), "{signature}");
            for at in 0..signature.len() {
                let mut flipped = signature.as_bytes().to_vec();
                flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
                let flipped = String::from_utf8(flipped).unwrap();
                assert!(!verify_delivery(transformation, source, &secret, &flipped, None), "{flipped}");
            }
        }
    }

    #[test]
    fn notifications_are_signed_in_both_ways() {
        let secret = Secret::new("abcd");
        let expected = "6bedb09d7cbe1884653bbf2d9db1884eb0b891a4";
        assert_eq!(sign_notification(r#"{"a":1}"#, 1_700_000_000, &secret, Algorithm::Sha1), expected);
        let expected = "v1,mnjP/EwEKBitCAiPf0Wjo7Z6whjQQ0YyR8SimMPjslg=";
        assert_eq!(sign_webhook("msg_1", r#"{"a":1}"#, 1_700_000_000, &secret), expected);
    }
}
