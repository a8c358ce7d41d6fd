//! The rate card: how many transformations a fact is worth, and how much one credit buys. The one table of prices.
//!
//! A card never changes. A correction is a new card under a new version, and every row of the ledger keeps the version that
//! weighed it.

use plane_kit::usage::{Meter, UsageRecord};
use serde_json::Value;

use super::asset_type::AssetType;

/// The numbers of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateCard {
    /// Which version.
    pub version: i32,
    /// An accepted upload of an image or a video.
    pub upload: i64,
    /// An accepted upload of a raw file.
    pub raw_upload: i64,
    /// A derived asset to which no other row applies.
    pub derived: i64,
    /// Pixels of a still AVIF picture that count as one.
    pub avif_pixels: u64,
    /// Frames of an animated picture that count as one.
    pub frames: u64,
    /// Transformations that one credit buys.
    pub transformations_per_credit: i64,
    /// Delivered bytes that one credit buys.
    pub delivered_bytes_per_credit: i64,
    /// Stored bytes that one credit buys.
    pub stored_bytes_per_credit: i64,
}

/// The card in force.
pub(crate) const RATE_CARD: RateCard = RateCard {
    version: 1,
    upload: 1,
    raw_upload: 0,
    derived: 1,
    avif_pixels: 2_000_000,
    frames: 10,
    transformations_per_credit: 1_000,
    delivered_bytes_per_credit: 1 << 30,
    stored_bytes_per_credit: 1 << 30,
};

/// Transformations that a record is worth under the card in force. Bytes and requests are none; what the program made for
/// itself (`internal`) counts nothing.
pub(crate) fn weigh(record: &UsageRecord) -> i64 {
    let each = match record.meter {
        _ if record.reason == "internal" => 0,
        Meter::Uploads => upload(&record.facts),
        Meter::DerivedAssets => derived(&record.facts),
        Meter::StoredBytes | Meter::DeliveredBytes | Meter::DeliveryRequests => 0,
    };
    each.saturating_mul(record.quantity)
}

fn upload(facts: &Value) -> i64 {
    match AssetType::of(facts) {
        AssetType::Raw => RATE_CARD.raw_upload,
        AssetType::Image | AssetType::Video => RATE_CARD.upload,
    }
}

/// A derived asset by what was made. Facts that are missing or make no sense leave the base weight: the sender's mistake must
/// neither jam the ledger nor invent a charge.
fn derived(facts: &Value) -> i64 {
    let number = |name: &str| {
        let value = facts.get(name).and_then(Value::as_u64);
        value.and_then(|value| u32::try_from(value).ok()).map_or(0, u64::from)
    };
    let is_animated = facts.get("animated").and_then(Value::as_bool).unwrap_or_else(|| number("frames") > 1);
    let is_avif = facts.get("format").and_then(Value::as_str).is_some_and(|format| format.eq_ignore_ascii_case("avif"));
    let counted = if is_animated {
        number("frames").div_ceil(RATE_CARD.frames)
    } else if is_avif {
        (number("width") * number("height")).div_ceil(RATE_CARD.avif_pixels)
    } else {
        0
    };
    i64::try_from(counted).unwrap_or(i64::MAX).max(RATE_CARD.derived)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use plane_kit::{ids::EnvironmentId, usage::NaturalKey};
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn record(meter: Meter, reason: &str, facts: Value) -> UsageRecord {
        UsageRecord {
            key: NaturalKey::Row { id: Uuid::nil() },
            environment: EnvironmentId(Uuid::nil()),
            access_key: None,
            meter,
            quantity: 1,
            at: DateTime::UNIX_EPOCH,
            reason: reason.into(),
            facts,
        }
    }

    #[test]
    fn facts_are_weighed_as_the_card_says() {
        use Meter::{DeliveredBytes, DerivedAssets, StoredBytes, Uploads};
        let cases = [
            ("an uploaded image", Uploads, "upload", json!({"resource_type": "image"}), 1),
            ("an uploaded raw file", Uploads, "upload", json!({"resource_type": "raw"}), 0),
            ("an uploaded video", Uploads, "upload", json!({"resource_type": "video"}), 1),
            ("a sample", Uploads, "internal", json!({"resource_type": "image"}), 0),
            ("a thumbnail of ours", DerivedAssets, "internal", json!({"format": "jpg"}), 0),
            ("a picture", DerivedAssets, "url", json!({"format": "jpg", "width": 9000, "height": 9000}), 1),
            ("AVIF of 2.0 MP", DerivedAssets, "url", json!({"format": "avif", "width": 2000, "height": 1000}), 1),
            ("AVIF of 2.1 MP", DerivedAssets, "url", json!({"format": "avif", "width": 2100, "height": 1000}), 2),
            ("AVIF of 6 MP", DerivedAssets, "url", json!({"format": "avif", "width": 3000, "height": 2000}), 3),
            ("AVIF of 6.1 MP", DerivedAssets, "url", json!({"format": "avif", "width": 3050, "height": 2000}), 4),
            ("AVIF of unknown size", DerivedAssets, "url", json!({"format": "avif"}), 1),
            ("20 frames", DerivedAssets, "url", json!({"format": "gif", "frames": 20, "animated": true}), 2),
            ("21 frames", DerivedAssets, "url", json!({"format": "gif", "frames": 21, "animated": true}), 3),
            ("5 frames", DerivedAssets, "url", json!({"format": "gif", "frames": 5, "animated": true}), 1),
            (
                "250 frames cut at 100",
                DerivedAssets,
                "url",
                json!({"format": "gif", "frames": 100, "animated": true}),
                10,
            ),
            ("one page of many", DerivedAssets, "url", json!({"format": "jpg", "frames": 25, "animated": false}), 1),
            ("facts of the wrong type", DerivedAssets, "url", json!({"format": "avif", "width": "x", "height": -1}), 1),
            ("an absurd frame count", DerivedAssets, "url", json!({"frames": u64::MAX, "animated": true}), 1),
            ("no facts", DerivedAssets, "url", Value::Null, 1),
            ("bytes", DeliveredBytes, "window", Value::Null, 0),
            ("storage", StoredBytes, "upload", Value::Null, 0),
        ];
        for (name, meter, reason, facts, expected) in cases {
            assert_eq!(weigh(&record(meter, reason, facts)), expected, "{name}");
        }
    }
}
