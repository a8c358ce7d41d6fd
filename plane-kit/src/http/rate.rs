//! Rate classes: thin use of `governor`, keyed by what is limited.
//!
//! (The ready-made actix middleware for it is under the GPL.) A class that is switched off still answers positive figures,
//! because the official clients expect to find them.

use std::{
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    time::{Duration, SystemTime},
};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use chrono::{DateTime, Utc};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::keyed::DashMapStateStore,
};

use crate::error::{ApiError, ErrorCode};

/// Keys that a class may remember before it lets go of those that have their whole burst again.
const KEYS_KEPT: usize = 10_000;
/// What the figures say while a class is switched off.
pub const UNLIMITED: u32 = 1_000_000;

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

    /// The answer to a call that is too many: 420 with the figures.
    pub fn refusal(&self) -> ApiError {
        let text = format!(
            "Rate Limit Exceeded. Limit of {} api operations reached. Try again on {}",
            self.limit,
            self.reset.format("%Y-%m-%d %H:%M:%S UTC")
        );
        let mut headers = HeaderMap::new();
        self.write_to(&mut headers);
        let error = ApiError::new(ErrorCode::QuotaExceeded, text);
        headers.into_iter().fold(error, |error, (name, value)| error.with_header(name, value))
    }
}

/// A limit per key over seconds: so many each second, and so many at once.
pub struct RateClass<K: Hash + Eq + Clone>(Option<RateLimiter<K, DashMapStateStore<K>, DefaultClock>>);

impl<K: Hash + Eq + Clone> RateClass<K> {
    /// A class of `per_second` calls for each key, `burst` of them at once; 0 of either switches it off.
    pub fn new(per_second: u32, burst: u32) -> Self {
        let quota = NonZeroU32::new(per_second)
            .zip(NonZeroU32::new(burst))
            .map(|(per_second, burst)| Quota::per_second(per_second).allow_burst(burst));
        Self(quota.map(RateLimiter::dashmap))
    }

    /// Takes one call of `key`, or says how many seconds to wait, at least one.
    pub fn take(&self, key: &K) -> Result<(), u32> {
        let Some(limiter) = &self.0 else {
            return Ok(());
        };
        if limiter.len() > KEYS_KEPT {
            limiter.retain_recent();
        }
        limiter.check_key(key).map_err(|refused| {
            let wait = refused.wait_time_from(limiter.clock().now());
            u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1)
        })
    }

    /// Takes one call of `key`, or answers 429 with `Retry-After`; `what` is named in the text, as in `calls of this account`.
    pub fn admit(&self, key: &K, what: &str) -> Result<(), ApiError> {
        self.take(key).map_err(|seconds| {
            ApiError::new(ErrorCode::Busy, format!("Too many {what}; try again in {}", in_words(seconds)))
                .with_retry_after(seconds)
        })
    }
}

fn in_words(seconds: u32) -> String {
    if seconds == 1 { "1 second".to_owned() } else { format!("{seconds} seconds") }
}

/// Wrong credentials by the address that they come from. Only failures take from the class, so right credentials are never slowed.
pub struct FailedAttempts(RateClass<IpAddr>);

impl FailedAttempts {
    /// `burst` failures of an address at once, and `per_second` more each second; 0 of either switches it off.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self(RateClass::new(per_second, burst))
    }

    /// What a caller is answered who was not let in because of `refusal`: just that, or 429 when too many came from the address.
    /// Refusals that say nothing against the credentials pass as they are. Without an address there is nothing to count by.
    pub fn answer(&self, peer: Option<IpAddr>, refusal: ApiError) -> ApiError {
        let is_failure = matches!(refusal.code(), ErrorCode::Unauthorized | ErrorCode::InvalidSignature);
        match peer {
            Some(peer) if is_failure => {
                self.0.admit(&network(peer), "failed attempts from this address").err().unwrap_or(refusal)
            }
            _ => refusal,
        }
    }
}

/// Calls of strangers by the address that they come from.
pub struct AddressRate(RateClass<IpAddr>);

impl AddressRate {
    /// `burst` calls of an address at once, and one more each `seconds`; 0 of either switches it off.
    pub fn new(seconds: u32, burst: u32) -> Self {
        let quota = NonZeroU32::new(burst)
            .and_then(|burst| Some(Quota::with_period(Duration::from_secs(u64::from(seconds)))?.allow_burst(burst)));
        Self(RateClass(quota.map(RateLimiter::dashmap)))
    }

    /// Takes one call of the address, or answers 429; `what` is named in the text. Without an address there is nothing to count by.
    pub fn admit(&self, peer: Option<IpAddr>, what: &str) -> Result<(), ApiError> {
        peer.map_or(Ok(()), |peer| self.0.admit(&network(peer), what))
    }
}

/// What counts as one address: of IPv6 the 64 bits that one subscriber has to himself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
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
    fn a_class_refuses_behind_its_burst_and_says_how_long_to_wait() {
        let class = RateClass::new(1, 2);
        assert_eq!([class.take(&"a"), class.take(&"a"), class.take(&"a")], [Ok(()), Ok(()), Err(1)]);
        assert_eq!(class.take(&"b"), Ok(()));
        let refused = class.admit(&"a", "calls").unwrap_err();
        assert_eq!((refused.code(), refused.message()), (ErrorCode::Busy, "Too many calls; try again in 1 second"));
        assert_eq!(refused.headers()[0].1, "1");
        for (per_second, burst) in [(0, 2), (2, 0)] {
            let off = RateClass::new(per_second, burst);
            assert!((0..100).all(|_| off.take(&"a").is_ok()));
        }
    }

    #[test]
    fn only_failures_take_and_only_from_their_own_address() {
        let attempts = FailedAttempts::new(1, 2);
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap());
        let answer = |peer, code| attempts.answer(peer, ApiError::new(code, "refused")).code();
        for code in [ErrorCode::Forbidden, ErrorCode::Disabled, ErrorCode::Unavailable, ErrorCode::InvalidRequest] {
            assert!((0..10).all(|_| answer(address("192.0.2.1"), code) == code));
        }
        let codes = (0..4).map(|_| answer(address("192.0.2.1"), ErrorCode::Unauthorized)).collect::<Vec<_>>();
        assert_eq!(codes, [ErrorCode::Unauthorized, ErrorCode::Unauthorized, ErrorCode::Busy, ErrorCode::Busy]);
        assert_eq!(answer(address("::ffff:192.0.2.1"), ErrorCode::InvalidSignature), ErrorCode::Busy);
        assert_eq!(answer(address("192.0.2.2"), ErrorCode::InvalidSignature), ErrorCode::InvalidSignature);
        // One subscriber has a whole network of IPv6 addresses.
        for (peer, expected) in [
            ("2001:db8::1", ErrorCode::Unauthorized),
            ("2001:db8::2", ErrorCode::Unauthorized),
            ("2001:db8::3", ErrorCode::Busy),
            ("2001:db8:0:1::1", ErrorCode::Unauthorized),
        ] {
            assert_eq!(answer(address(peer), ErrorCode::Unauthorized), expected, "{peer}");
        }
        assert!((0..10).all(|_| answer(None, ErrorCode::Unauthorized) == ErrorCode::Unauthorized));
    }
}
