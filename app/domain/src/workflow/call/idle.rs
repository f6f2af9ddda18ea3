//! Fields of a call that say nothing beside its others.

use super::LoadCall;
use crate::field::FieldErrors;

/// What a call says of a load of another shape, and a rate that is missing: a form that is filled in by hand has
/// these fields anyway, a call means something by each. `arrival` is the shape that the call leads to.
pub(super) fn load_field(load: &LoadCall, arrival: &str, was_closed: bool) -> Option<FieldErrors> {
    let is_closed = arrival == "closed";
    let idle = [
        (load.rate_per_s.is_some() && is_closed, "rate_per_s"),
        (load.in_flight_max.is_some() && is_closed, "in_flight_max"),
        (
            load.burstiness.is_some() && arrival != "gamma",
            "burstiness",
        ),
    ];
    if let Some((_, field)) = idle.iter().find(|(is_idle, _)| *is_idle) {
        let message = format!("Leave {field} out: a load that is {arrival} has none.");
        return Some(FieldErrors::one(*field, message));
    }
    let lacks_rate =
        load.arrival.is_some() && !is_closed && was_closed && load.rate_per_s.is_none();
    lacks_rate.then(|| FieldErrors::one("rate_per_s", "Give the requests per second."))
}
