//! Credits, in whole hundredths. Each metric is rounded half up to two decimals; a total is the sum of the rounded parts.

use plane_kit::usage::Credits;

use super::rate_card::RATE_CARD;

/// Hundredths of a credit. Sums stay exact, because nothing is a fraction of two until it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Hundredths(i64);

impl Hundredths {
    fn of(amount: i64, per_credit: i64) -> Self {
        let (amount, per_credit) = (i128::from(amount.max(0)), i128::from(per_credit));
        let rounded = (amount * 200 + per_credit) / (per_credit * 2);
        Self(i64::try_from(rounded).unwrap_or(i64::MAX))
    }

    /// Credits of a number of transformations.
    pub(crate) fn of_transformations(count: i64) -> Self {
        Self::of(count, RATE_CARD.transformations_per_credit)
    }

    /// Credits of delivered bytes.
    pub(crate) fn of_delivered_bytes(bytes: i64) -> Self {
        Self::of(bytes, RATE_CARD.delivered_bytes_per_credit)
    }

    /// Credits of stored bytes.
    pub(crate) fn of_stored_bytes(bytes: i64) -> Self {
        Self::of(bytes, RATE_CARD.stored_bytes_per_credit)
    }

    /// The number to show, with two decimals.
    #[expect(clippy::cast_precision_loss, reason = "two decimals of any real bill fit in 53 bits")]
    pub(crate) fn shown(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl std::iter::Sum for Hundredths {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        Self(parts.fold(0, |sum, part| sum.saturating_add(part.0)))
    }
}

/// The credits of one environment or account.
pub(crate) fn credits(transformations: i64, bandwidth_bytes: i64, storage_bytes: i64, limit: Option<f64>) -> Credits {
    let transformations = Hundredths::of_transformations(transformations);
    let bandwidth = Hundredths::of_delivered_bytes(bandwidth_bytes);
    let storage = Hundredths::of_stored_bytes(storage_bytes);
    let total: Hundredths = [transformations, bandwidth, storage].into_iter().sum();
    Credits {
        transformations: transformations.shown(),
        bandwidth: bandwidth.shown(),
        storage: storage.shown(),
        total: total.shown(),
        limit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: i64 = 1 << 30;

    #[test]
    fn the_documented_vectors_hold() {
        let cases = [
            ((36, 317_387_882, 192_041_533), [0.04, 0.30, 0.18, 0.52]),
            ((4_000, 4 * GIB, 2 * GIB), [4.0, 4.0, 2.0, 10.0]),
            ((1, 0, 0), [0.0, 0.0, 0.0, 0.0]),
            ((5, 0, 0), [0.01, 0.0, 0.0, 0.01]),
            ((0, 0, -1), [0.0, 0.0, 0.0, 0.0]),
        ];
        for ((transformations, bandwidth, storage), expected) in cases {
            let found = credits(transformations, bandwidth, storage, None);
            assert_eq!([found.transformations, found.bandwidth, found.storage, found.total], expected);
        }
    }

    #[test]
    fn no_amount_overflows() {
        let found = credits(i64::MAX, i64::MAX, i64::MAX, Some(25.0));
        assert!(found.total.is_finite() && found.total > 0.0);
    }
}
