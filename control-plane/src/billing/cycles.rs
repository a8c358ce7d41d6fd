//! Billing cycles: calendar months, with usage broken down by type of asset and by environment. Pure; time is an argument.

use std::collections::HashMap;

use chrono::{Months, NaiveDate};
use plane_kit::usage::Meter;
use uuid::Uuid;

use super::{asset_type::AssetType, credits::Hundredths};

/// One month, as far as it concerns an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    /// First day of the cycle.
    pub from_day: NaiveDate,
    /// Last day of the cycle, inclusive.
    pub to_day: NaiveDate,
    /// First day on which the account existed.
    counted_from: NaiveDate,
    /// Last day that has begun.
    pub counted_until: NaiveDate,
}

impl Period {
    /// The months of a year in which an account existed that was made on `first_day`, up to the month of `today`.
    pub(crate) fn months_of(year: i32, first_day: NaiveDate, today: NaiveDate) -> Vec<Self> {
        let month = |number: u32| {
            let from_day = NaiveDate::from_ymd_opt(year, number, 1)?;
            let to_day = from_day.checked_add_months(Months::new(1))?.pred_opt()?;
            let (counted_from, counted_until) = (from_day.max(first_day), to_day.min(today));
            (counted_from <= counted_until).then_some(Self { from_day, to_day, counted_from, counted_until })
        };
        (1..=12).filter_map(month).collect()
    }

    fn days(&self) -> i64 {
        (self.counted_until - self.counted_from).num_days() + 1
    }
}

/// One daily sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    /// Whose usage it is.
    pub environment: Uuid,
    /// The UTC day.
    pub day: NaiveDate,
    /// What was counted.
    pub meter: Meter,
    /// Of what.
    pub asset_type: AssetType,
    /// Sum of the quantities.
    pub quantity: i64,
    /// Sum of the transformations.
    pub weight: i64,
}

/// Usage of one type of asset in a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Measures {
    /// Average over the counted days of the bytes stored at their end.
    stored_bytes: i64,
    transformations: i64,
    delivered_bytes: i64,
}

/// Credits of a cycle by metric and type of asset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Breakdown {
    /// Credits of stored images.
    pub storage_image: f64,
    /// Credits of stored videos.
    pub storage_video: f64,
    /// Credits of stored raw files.
    pub storage_raw: f64,
    /// Credits of transformations of images.
    pub transformations_image: f64,
    /// Credits of transformations of videos.
    pub transformations_video: f64,
    /// Credits of delivered images.
    pub bandwidth_image: f64,
    /// Credits of delivered videos.
    pub bandwidth_video: f64,
    /// Credits of delivered raw files.
    pub bandwidth_raw: f64,
}

/// A billing cycle of an account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cycle {
    /// First day.
    pub from_day: NaiveDate,
    /// Last day, inclusive.
    pub to_day: NaiveDate,
    /// Credits used: the sum of the breakdown.
    pub usage: f64,
    /// The credits by metric and type.
    pub breakdown: Breakdown,
    /// The same for each environment, by its cloud name, oldest environment first.
    pub environments: Vec<(String, Breakdown)>,
}

type ByType = HashMap<AssetType, Measures>;

/// The cycles of the periods. `opening` is what was stored when the first period began; `buckets` are all of the periods' days.
pub(crate) fn cycles(
    periods: &[Period],
    environments: &[(Uuid, String)],
    opening: &[(Uuid, AssetType, i64)],
    buckets: &[Bucket],
) -> Vec<Cycle> {
    let mut stored: HashMap<(Uuid, AssetType), i64> = HashMap::new();
    for (environment, asset_type, bytes) in opening {
        *stored.entry((*environment, *asset_type)).or_default() += bytes;
    }
    periods
        .iter()
        .map(|period| {
            let measured = measure(period, buckets, &mut stored);
            let mut whole = ByType::new();
            for (asset_type, measures) in measured.values().flatten() {
                let sum = whole.entry(*asset_type).or_default();
                sum.stored_bytes += measures.stored_bytes;
                sum.transformations += measures.transformations;
                sum.delivered_bytes += measures.delivered_bytes;
            }
            let (breakdown, usage) = price(&whole);
            let nothing = ByType::new();
            let environments = environments
                .iter()
                .map(|(id, cloud_name)| (cloud_name.clone(), price(measured.get(id).unwrap_or(&nothing)).0))
                .collect();
            Cycle { from_day: period.from_day, to_day: period.to_day, usage: usage.shown(), breakdown, environments }
        })
        .collect()
}

/// Measures a period and carries what is stored on to the next one.
fn measure(period: &Period, buckets: &[Bucket], stored: &mut HashMap<(Uuid, AssetType), i64>) -> HashMap<Uuid, ByType> {
    let mut measured: HashMap<Uuid, ByType> = HashMap::new();
    let mut byte_days: HashMap<(Uuid, AssetType), i128> = HashMap::new();
    // A byte that is there from the first day on counts for every day; one that comes later, for the days that are left.
    for (key, bytes) in stored.iter() {
        byte_days.insert(*key, i128::from(*bytes) * i128::from(period.days()));
    }
    for bucket in buckets.iter().filter(|bucket| (period.from_day..=period.counted_until).contains(&bucket.day)) {
        let key = (bucket.environment, bucket.asset_type);
        let measures = measured.entry(bucket.environment).or_default().entry(bucket.asset_type).or_default();
        match bucket.meter {
            Meter::Uploads | Meter::DerivedAssets => measures.transformations += bucket.weight,
            Meter::DeliveredBytes => measures.delivered_bytes += bucket.quantity,
            Meter::StoredBytes => {
                let days_left = (period.counted_until - bucket.day).num_days() + 1;
                *byte_days.entry(key).or_default() += i128::from(bucket.quantity) * i128::from(days_left);
                *stored.entry(key).or_default() += bucket.quantity;
            }
            Meter::DeliveryRequests => {}
        }
    }
    for ((environment, asset_type), byte_days) in byte_days {
        let average = byte_days.max(0) / i128::from(period.days());
        let measures = measured.entry(environment).or_default().entry(asset_type).or_default();
        measures.stored_bytes = i64::try_from(average).unwrap_or(i64::MAX);
    }
    measured
}

/// The credits of one breakdown and their sum.
fn price(by_type: &ByType) -> (Breakdown, Hundredths) {
    let of = |asset_type: AssetType| by_type.get(&asset_type).copied().unwrap_or_default();
    let (image, video, raw) = (of(AssetType::Image), of(AssetType::Video), of(AssetType::Raw));
    let storage = [image, video, raw].map(|measures| Hundredths::of_stored_bytes(measures.stored_bytes));
    let bandwidth = [image, video, raw].map(|measures| Hundredths::of_delivered_bytes(measures.delivered_bytes));
    // A raw file is not transformed: the rate card gives it no weight.
    let transformations = [image, video].map(|measures| Hundredths::of_transformations(measures.transformations));
    let breakdown = Breakdown {
        storage_image: storage[0].shown(),
        storage_video: storage[1].shown(),
        storage_raw: storage[2].shown(),
        transformations_image: transformations[0].shown(),
        transformations_video: transformations[1].shown(),
        bandwidth_image: bandwidth[0].shown(),
        bandwidth_video: bandwidth[1].shown(),
        bandwidth_raw: bandwidth[2].shown(),
    };
    (breakdown, storage.into_iter().chain(bandwidth).chain(transformations).sum())
}

#[cfg(test)]
mod tests {
    use chrono::Datelike;

    use super::*;

    const GIB: i64 = 1 << 30;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn bucket(environment: Uuid, at: &str, meter: Meter, quantity: i64, weight: i64) -> Bucket {
        Bucket { environment, day: day(at), meter, asset_type: AssetType::Image, quantity, weight }
    }

    #[test]
    fn months_begin_with_the_account_and_end_with_today() {
        let months = |year, first, today| {
            let periods = Period::months_of(year, day(first), day(today));
            periods.iter().map(|period| period.from_day.month()).collect::<Vec<_>>()
        };
        assert_eq!(months(2026, "2026-03-10", "2026-05-02"), [3, 4, 5]);
        assert_eq!(months(2025, "2024-06-01", "2026-05-02"), (1..=12).collect::<Vec<_>>());
        assert!(months(2027, "2026-03-10", "2026-05-02").is_empty());
        assert!(months(2025, "2026-03-10", "2026-05-02").is_empty());
    }

    #[test]
    fn storage_is_the_average_of_the_days_and_carries_on() {
        let (one, two) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let names = [(one, "one".to_owned()), (two, "two".to_owned())];
        let periods = Period::months_of(2026, day("2025-01-01"), day("2026-02-28"));
        let opening = [(one, AssetType::Image, 2 * GIB)];
        let buckets = [
            bucket(one, "2026-01-01", Meter::DerivedAssets, 5, 1_500),
            bucket(two, "2026-01-16", Meter::StoredBytes, 31 * GIB, 0),
            bucket(two, "2026-02-01", Meter::StoredBytes, -31 * GIB, 0),
            bucket(two, "2026-02-10", Meter::DeliveredBytes, GIB / 2, 0),
        ];
        let cycles = cycles(&periods, &names, &opening, &buckets);
        assert_eq!((cycles[0].from_day, cycles[0].to_day), (day("2026-01-01"), day("2026-01-31")));
        // 2 GiB all month, and 31 GiB for 16 of 31 days.
        assert_eq!(cycles[0].breakdown.storage_image, 18.0);
        assert_eq!(cycles[0].breakdown.transformations_image, 1.5);
        assert_eq!(cycles[0].usage, 19.5);
        assert_eq!(cycles[1].breakdown.storage_image, 2.0);
        assert_eq!(cycles[1].usage, 2.5);
        let by_environment: Vec<(&str, f64)> =
            cycles[0].environments.iter().map(|(name, breakdown)| (name.as_str(), breakdown.storage_image)).collect();
        assert_eq!(by_environment, [("one", 2.0), ("two", 16.0)]);
    }

    #[test]
    fn a_month_under_way_is_averaged_over_the_days_that_have_begun() {
        let one = Uuid::from_u128(1);
        let periods = Period::months_of(2026, day("2026-01-11"), day("2026-01-20"));
        let buckets = [bucket(one, "2026-01-16", Meter::StoredBytes, 10 * GIB, 0)];
        let cycles = cycles(&periods, &[(one, "one".to_owned())], &[], &buckets);
        assert_eq!(cycles[0].breakdown.storage_image, 5.0);
    }
}
