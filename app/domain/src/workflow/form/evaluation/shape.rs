//! Step 2: ramp, warm-up, bursts, caps, objectives and connections.

use super::{DURATION_S_MAX, EvaluationForm, narrow};
use crate::field::{FieldErrors, decimal_number, whole_number};
use crate::finite::Finite;
use crate::slo::parse_slos;
use crate::workflow::draft::LoadShape;
use crate::workload::arrival::{BURSTINESS_MAX, BURSTINESS_MIN, CONCURRENCY_MAX};

/// Most requests of a warm-up.
const WARMUP_REQUESTS_MAX: u64 = 100_000;

impl EvaluationForm {
    /// Fills the fields of earlier answers.
    pub(super) fn take_shape(&mut self, shape: &LoadShape) {
        self.burstiness = shape.burstiness.to_string();
        self.in_flight_max = shape
            .in_flight_max
            .map(|max| max.to_string())
            .unwrap_or_default();
        self.ramp_s = shape.ramp_s.to_string();
        if shape.warmup_s > 0 {
            "time".clone_into(&mut self.warmup);
            self.warmup_s = shape.warmup_s.to_string();
        }
        let slos: Vec<String> = shape.slos.iter().map(ToString::to_string).collect();
        self.slos = slos.join("\n");
        if shape.fresh_connections {
            "on".clone_into(&mut self.fresh_connections);
        }
    }

    /// What shapes the load, with the warm-up in requests. What belongs to the other kind of loop or
    /// of warm-up is not looked at.
    pub(super) fn validate_shape(&self, errors: &mut FieldErrors) -> Option<(LoadShape, u32)> {
        let is_open_loop = self.arrival != "closed";
        let burstiness = if self.arrival == "gamma" {
            let text = or(&self.burstiness, "1");
            let burstiness = decimal_number(text, "the burstiness", BURSTINESS_MIN, BURSTINESS_MAX);
            errors.check("burstiness", burstiness).and_then(Finite::new)
        } else {
            Some(
                self.burstiness
                    .trim()
                    .parse()
                    .ok()
                    .and_then(Finite::new)
                    .filter(|shape| (BURSTINESS_MIN..=BURSTINESS_MAX).contains(&shape.get()))
                    .unwrap_or(Finite::ONE),
            )
        };
        let in_flight_max = if !is_open_loop || self.in_flight_max.trim().is_empty() {
            Some(None)
        } else {
            let max = u64::from(CONCURRENCY_MAX);
            let cap = whole_number(&self.in_flight_max, "the most in flight", 1, max);
            errors
                .check("in_flight_max", cap)
                .map(|cap| Some(narrow(cap)))
        };
        let ramp_s = self.validate_ramp(errors);
        let warmup = self.validate_warmup(errors);
        let slos = errors.check("slos", parse_slos(&self.slos));
        let (warmup_requests, warmup_s) = warmup?;
        let shape = LoadShape {
            burstiness: burstiness?,
            in_flight_max: in_flight_max?,
            ramp_s: ramp_s?,
            warmup_s,
            slos: slos?,
            fresh_connections: self.fresh_connections == "on",
        };
        Some((shape, warmup_requests))
    }

    fn validate_ramp(&self, errors: &mut FieldErrors) -> Option<u32> {
        let max = u64::from(DURATION_S_MAX);
        let ramp = whole_number(or(&self.ramp_s, "0"), "the ramp in seconds", 0, max);
        let ramp = errors.check("ramp_s", ramp)?;
        let ends_s = self.duration_s.trim().parse::<u64>().ok();
        if let Some(ends_s) = ends_s.filter(|_| self.stop == "duration")
            && ramp > 0
            && ramp >= ends_s
        {
            let message = format!(
                "Make it shorter than the measured time of {ends_s} s, which it is part of."
            );
            errors.add("ramp_s", message);
        }
        Some(narrow(ramp))
    }

    /// Requests and seconds of the warm-up, one of which is 0.
    fn validate_warmup(&self, errors: &mut FieldErrors) -> Option<(u32, u32)> {
        match self.warmup.trim() {
            "" | "requests" => {
                let text = &self.warmup_requests;
                let count = whole_number(text, "the warm-up requests", 0, WARMUP_REQUESTS_MAX);
                let count = errors.check("warmup_requests", count)?;
                Some((narrow(count), 0))
            }
            "time" => {
                let max = u64::from(DURATION_S_MAX);
                let text = or(&self.warmup_s, "0");
                let seconds = whole_number(text, "the warm-up in seconds", 1, max);
                let seconds = errors.check("warmup_s", seconds)?;
                Some((0, narrow(seconds)))
            }
            _ => {
                errors.add("warmup", "Choose what the warm-up is counted in.");
                None
            }
        }
    }
}

/// What was typed, or what an empty field means.
fn or<'a>(text: &'a str, usual: &'a str) -> &'a str {
    if text.trim().is_empty() { usual } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::draft::{Catalogue, EvaluationAnswers};
    use crate::workload::EvaluationMethod;

    fn answers(form: &EvaluationForm) -> Result<EvaluationAnswers, FieldErrors> {
        form.validate(EvaluationMethod::Configuration, &Catalogue::default())
    }

    fn bursty() -> EvaluationForm {
        EvaluationForm {
            arrival: "gamma".to_owned(),
            burstiness: "0.5".to_owned(),
            in_flight_max: "64".to_owned(),
            ramp_s: "20".to_owned(),
            warmup: "time".to_owned(),
            warmup_s: "15".to_owned(),
            slos: "ttft_ms<=200@p99\n\nerror_rate<=0.01".to_owned(),
            fresh_connections: "on".to_owned(),
            ..EvaluationForm::default()
        }
    }

    #[test]
    fn every_field_comes_back_from_its_answers() {
        let answered = answers(&bursty()).unwrap();
        let shape = &answered.shape;
        assert_eq!(
            (shape.ramp_s, shape.warmup_s, answered.warmup_requests),
            (20, 15, 0)
        );
        assert_eq!((shape.in_flight_max, shape.slos.len()), (Some(64), 2));
        let again = EvaluationForm::of(&answered);
        assert_eq!(again.slos, "ttft_ms<=200@p99\nerror_rate<=0.01");
        assert_eq!(answers(&again).unwrap(), answered);
    }

    #[test]
    fn a_form_without_these_fields_means_what_it_did() {
        let old = EvaluationForm {
            burstiness: String::new(),
            ramp_s: String::new(),
            warmup: String::new(),
            warmup_s: String::new(),
            ..EvaluationForm::default()
        };
        let answered = answers(&old).unwrap();
        assert_eq!(answered.shape, LoadShape::default());
        let mut stored = serde_json::to_value(&answered).unwrap();
        assert!(stored.as_object_mut().unwrap().remove("shape").is_some());
        assert_eq!(
            serde_json::from_value::<EvaluationAnswers>(stored).unwrap(),
            answered
        );
    }

    #[test]
    fn what_is_wrong_is_said_at_its_field() {
        let refused = |change: fn(&mut EvaluationForm), field: &str| {
            let mut form = bursty();
            change(&mut form);
            let errors = answers(&form).unwrap_err();
            assert!(
                errors.0.iter().all(|error| error.field == field),
                "{errors:?}"
            );
        };
        refused(|form| form.burstiness = "0".to_owned(), "burstiness");
        refused(
            |form| form.in_flight_max = "none".to_owned(),
            "in_flight_max",
        );
        refused(|form| form.ramp_s = "-1".to_owned(), "ramp_s");
        refused(|form| form.warmup_s = "0".to_owned(), "warmup_s");
        refused(|form| form.warmup = "days".to_owned(), "warmup");
        refused(|form| form.slos = "ttft<200".to_owned(), "slos");
        refused(
            |form| {
                form.stop = "duration".to_owned();
                form.duration_s = "20".to_owned();
            },
            "ramp_s",
        );
    }

    #[test]
    fn what_belongs_to_another_choice_is_not_looked_at() {
        let closed = EvaluationForm {
            arrival: "closed".to_owned(),
            burstiness: "x".to_owned(),
            in_flight_max: "x".to_owned(),
            warmup_s: "x".to_owned(),
            warmup: "requests".to_owned(),
            ..bursty()
        };
        let shape = answers(&closed).unwrap().shape;
        assert_eq!(
            (shape.burstiness, shape.in_flight_max, shape.warmup_s),
            (Finite::ONE, None, 0)
        );
    }
}
