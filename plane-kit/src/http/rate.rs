//! Rate classes: thin use of `governor`, keyed by what is limited.
//!
//! (The ready-made actix middleware for it is under the GPL.) A class that is switched off still answers positive figures,
//! because the official clients expect to find them.

use std::{
    hash::Hash,
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Duration as ChronoDuration, DurationRound, Utc};
use governor::{
    Quota, RateLimiter, clock::DefaultClock, middleware::StateInformationMiddleware, state::keyed::DashMapStateStore,
};

use crate::error::{ApiError, ErrorCode};

/// What the figures say while a class is switched off.
const UNLIMITED: u32 = 1_000_000;

/// The figures of one decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateFigures {
    /// Calls allowed in the window.
    pub limit: u32,
    /// Calls left now.
    pub remaining: u32,
    /// When the window ends.
    pub reset: DateTime<Utc>,
}

impl RateFigures {
    /// The three headers that the official clients read.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        let reset = actix_web::http::header::HttpDate::from(SystemTime::from(self.reset)).to_string();
        for (name, value) in [
            ("x-featureratelimit-limit", self.limit.to_string()),
            ("x-featureratelimit-remaining", self.remaining.to_string()),
            ("x-featureratelimit-reset", reset),
        ] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

type Limiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// A limit per key over an hour.
pub struct HourlyRate<K: Hash + Eq + Clone> {
    limit: u32,
    limiter: Option<Limiter<K>>,
}

impl<K: Hash + Eq + Clone> HourlyRate<K> {
    /// A class of `limit` calls an hour for each key; 0 switches it off.
    pub fn new(limit: u32) -> Self {
        let limiter = NonZeroU32::new(limit)
            .map(|burst| RateLimiter::dashmap(Quota::per_hour(burst)).with_middleware::<StateInformationMiddleware>());
        Self { limit, limiter }
    }

    /// Takes one call of `key`, or answers 420 with the figures.
    pub fn take(&self, key: &K, now: DateTime<Utc>) -> Result<RateFigures, ApiError> {
        let reset = (now + ChronoDuration::hours(1)).duration_trunc(ChronoDuration::hours(1)).unwrap_or(now);
        let Some(limiter) = &self.limiter else {
            return Ok(RateFigures { limit: UNLIMITED, remaining: UNLIMITED, reset });
        };
        if limiter.len() > 10_000 {
            limiter.retain_recent();
        }
        match limiter.check_key(key) {
            Ok(state) => Ok(RateFigures { limit: self.limit, remaining: state.remaining_burst_capacity(), reset }),
            Err(_) => {
                let figures = RateFigures { limit: self.limit, remaining: 0, reset };
                let text = format!(
                    "Rate Limit Exceeded. Limit of {} api operations reached. Try again on {}",
                    self.limit,
                    reset.format("%Y-%m-%d %H:%M:%S UTC")
                );
                let mut headers = HeaderMap::new();
                figures.write_to(&mut headers);
                let error = ApiError::new(ErrorCode::QuotaExceeded, text);
                Err(headers.into_iter().fold(error, |error, (name, value)| error.with_header(name, value)))
            }
        }
    }
}

/// A limit over all callers together, for work that a stranger can cause (as asking the control plane for an unknown name).
pub struct Throttle(governor::DefaultDirectRateLimiter);

impl Throttle {
    /// At most one each `period`, with a burst of `burst`.
    pub fn new(period: Duration, burst: NonZeroU32) -> Self {
        let quota = Quota::with_period(period).unwrap_or_else(|| Quota::per_second(burst)).allow_burst(burst);
        Self(RateLimiter::direct(quota))
    }

    /// Whether one more may happen now.
    pub fn allows(&self) -> bool {
        self.0.check().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_up_quota_refuses_and_other_keys_are_not_touched() {
        let rate = HourlyRate::new(2);
        let now = DateTime::UNIX_EPOCH + ChronoDuration::minutes(20);
        let first = rate.take(&"a", now).unwrap();
        assert_eq!((first.limit, first.remaining), (2, 1));
        assert_eq!(first.reset, DateTime::UNIX_EPOCH + ChronoDuration::hours(1));
        rate.take(&"a", now).unwrap();
        assert_eq!(rate.take(&"a", now).unwrap_err().code(), ErrorCode::QuotaExceeded);
        assert!(rate.take(&"b", now).is_ok());
    }

    #[test]
    fn switched_off_figures_stay_positive() {
        let figures = HourlyRate::new(0).take(&1, DateTime::UNIX_EPOCH).unwrap();
        assert!(figures.limit > 0 && figures.remaining > 0);
    }
}
