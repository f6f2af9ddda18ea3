//! Failed requests by class.

use serde::{Deserialize, Serialize};

use super::record::{Outcome, RequestRecord};

/// Requests of one error class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCount {
    /// The class.
    pub outcome: Outcome,
    /// How many.
    pub count: u32,
    /// One error text of the class, as an example.
    pub example: String,
}

/// The classes of the failed ones among `measured`, in the order of [`Outcome::ALL`].
pub(super) fn failures(measured: &[&RequestRecord]) -> Vec<OutcomeCount> {
    let classes = Outcome::ALL
        .into_iter()
        .filter(|outcome| *outcome != Outcome::Ok);
    let counted = classes.map(|outcome| {
        let of_class = || {
            measured
                .iter()
                .filter(move |record| record.outcome == outcome)
        };
        let example = of_class()
            .map(|record| record.error.clone())
            .find(|text| !text.is_empty());
        OutcomeCount {
            outcome,
            count: u32::try_from(of_class().count()).unwrap_or(u32::MAX),
            example: example.unwrap_or_default(),
        }
    });
    counted.filter(|class| class.count > 0).collect()
}
