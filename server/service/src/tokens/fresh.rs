//! Texts of tokens between the form that made them and the page that shows them, in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::id::{TokenId, UserId};
use domain::secret::Secret;
use domain::time::Timestamp;

/// How long a text is kept, in microseconds: a browser that is sent on comes at once.
const KEPT_MICROS: i64 = 60_000_000;
/// Most texts kept.
const KEPT_MAX: usize = 1_000;

/// Texts that were not shown yet.
#[derive(Debug, Default)]
pub(crate) struct FreshTokens(Mutex<HashMap<TokenId, Fresh>>);

#[derive(Debug)]
struct Fresh {
    maker: UserId,
    text: Secret<String>,
    made_at: Timestamp,
}

impl Fresh {
    fn is_over(&self, now: Timestamp) -> bool {
        now.0.saturating_sub(self.made_at.0) >= KEPT_MICROS
    }
}

impl FreshTokens {
    pub(crate) fn keep(&self, id: TokenId, maker: UserId, text: Secret<String>, now: Timestamp) {
        let mut kept = self.lock();
        kept.retain(|_, fresh| !fresh.is_over(now));
        if kept.len() < KEPT_MAX {
            let fresh = Fresh {
                maker,
                text,
                made_at: now,
            };
            kept.insert(id, fresh);
        }
    }

    pub(crate) fn take(
        &self,
        id: TokenId,
        maker: UserId,
        now: Timestamp,
    ) -> Option<Secret<String>> {
        let mut kept = self.lock();
        if kept.get(&id)?.maker != maker {
            return None;
        }
        let fresh = kept.remove(&id)?;
        (!fresh.is_over(now)).then_some(fresh.text)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenId, Fresh>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_text_is_shown_once_to_its_maker_and_soon() {
        let fresh = FreshTokens::default();
        let id = |number| TokenId(Uuid::from_u128(number));
        let person = |number| UserId(Uuid::from_u128(number));
        let text = Secret::new("assay_x".to_owned());
        fresh.keep(id(1), person(1), text.clone(), Timestamp(0));
        assert_eq!(fresh.take(id(1), person(2), Timestamp(1)), None);
        assert_eq!(
            fresh.take(id(1), person(1), Timestamp(1)),
            Some(text.clone())
        );
        assert_eq!(fresh.take(id(1), person(1), Timestamp(1)), None);
        fresh.keep(id(2), person(1), text, Timestamp(0));
        assert_eq!(fresh.take(id(2), person(1), Timestamp(KEPT_MICROS)), None);
    }
}
