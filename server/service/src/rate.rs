//! How often one may try to sign in, per address and per name, and come with a wrong token.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::ServiceError;

/// Attempts of one address at once; as many come back each minute.
const ATTEMPTS_PER_ADDRESS: u32 = 30;
/// Attempts for one name at once; as many come back each minute.
const ATTEMPTS_PER_NAME: u32 = 10;
/// Wrong tokens of one address at once; as many come back each minute. A token has 256 random bits:
/// nobody guesses one, and this only bounds the work that wrong ones make.
const WRONG_TOKENS_PER_ADDRESS: u32 = 300;
/// Keys remembered before those that have recovered are forgotten.
const KEYS_MAX: usize = 10_000;
/// Characters of a name that count, so that a key is small.
const NAME_KEY_CHARS: usize = 64;

/// The gate before the password check.
#[derive(Debug)]
pub(crate) struct SignInGate {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_name: DefaultKeyedRateLimiter<String>,
}

impl Default for SignInGate {
    fn default() -> Self {
        Self {
            by_address: RateLimiter::keyed(per_minute(ATTEMPTS_PER_ADDRESS)),
            by_name: RateLimiter::keyed(per_minute(ATTEMPTS_PER_NAME)),
        }
    }
}

impl SignInGate {
    /// Counts an attempt, or says when the next one is allowed.
    pub(crate) fn pass(&self, address: IpAddr, name: &str) -> Result<(), ServiceError> {
        let name = name
            .trim()
            .to_lowercase()
            .chars()
            .take(NAME_KEY_CHARS)
            .collect();
        check(&self.by_address, &network_of(address))?;
        check(&self.by_name, &name)
    }
}

/// Counts wrong tokens. Those that come with a right one are let in all the same: nobody guesses 256
/// bits, and one program with an old token must not lock out the others behind its address.
#[derive(Debug)]
pub(crate) struct BearerGate(DefaultKeyedRateLimiter<IpAddr>);

impl Default for BearerGate {
    fn default() -> Self {
        Self(RateLimiter::keyed(per_minute(WRONG_TOKENS_PER_ADDRESS)))
    }
}

impl BearerGate {
    /// Counts a wrong token, or says when the next one is looked at as such.
    pub(crate) fn count_wrong(&self, address: IpAddr) -> Result<(), ServiceError> {
        check(&self.0, &network_of(address))
    }
}

fn per_minute(attempts: u32) -> Quota {
    Quota::per_minute(NonZeroU32::new(attempts).unwrap_or(NonZeroU32::MIN))
}

fn check<K: Hash + Eq + Clone>(
    limiter: &DefaultKeyedRateLimiter<K>,
    key: &K,
) -> Result<(), ServiceError> {
    if limiter.len() > KEYS_MAX {
        limiter.retain_recent();
    }
    limiter.check_key(key).map_err(|not_until| {
        let wait = not_until.wait_time_from(DefaultClock::default().now());
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
        ServiceError::TooManyRequests {
            retry_after_s: seconds.saturating_add(1),
        }
    })
}

/// One household of IPv6 has 2^64 addresses: it counts as one.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_closed_after_its_attempts_from_anywhere() {
        let gate = SignInGate::default();
        for n in 0..ATTEMPTS_PER_NAME {
            let address = IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
            gate.pass(address, "Ada").unwrap();
        }
        let refused = gate.pass(IpAddr::from([10, 0, 1, 1]), " ada ").unwrap_err();
        assert!(matches!(
            refused,
            ServiceError::TooManyRequests {
                retry_after_s: 1..=60
            }
        ));
        gate.pass(IpAddr::from([10, 0, 1, 1]), "grace").unwrap();
    }

    #[test]
    fn an_address_is_closed_after_its_attempts_for_any_name() {
        let gate = SignInGate::default();
        for n in 0..ATTEMPTS_PER_ADDRESS {
            let address: IpAddr = format!("2001:db8::{n:x}").parse().unwrap();
            gate.pass(address, &format!("name-{n}")).unwrap();
        }
        let neighbour = "2001:db8::ffff".parse().unwrap();
        assert!(
            gate.pass(neighbour, "one-more").is_err(),
            "the same network"
        );
        let elsewhere = "2001:db8:0:1::1".parse().unwrap();
        gate.pass(elsewhere, "one-more").unwrap();
    }
}
