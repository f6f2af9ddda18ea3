//! What a load will look like, before it is confirmed: its first arrivals, its lengths, its size.

use super::draft::EvaluationAnswers;
use crate::finite::Finite;
use crate::measure::histogram::Histogram;
use crate::measure::quantile::sorted;
use crate::workload::arrival::{ramp_offsets_ns, schedule_offsets_ns};
use crate::workload::{Arrival, EvaluationMethod, LengthSpec, Prompts, WorkloadSpec, seed};

/// Requests whose lengths are drawn for the preview.
pub const SAMPLED_LENGTHS: u32 = 2_000;
/// Arrivals that are drawn one by one.
const ARRIVALS_DRAWN: usize = 400;
/// Longest part of the schedule that is drawn, in seconds.
const DRAWN_S_MAX: f64 = 30.0;

/// A load before it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPreview {
    /// Requests in flight, or arrivals, over the first seconds.
    pub start: StartPreview,
    /// Lengths of synthetic prompts; `None` for rows of datasets.
    pub input: Option<Histogram>,
    /// Lengths that are asked of answers; `None` where rows of datasets say it.
    pub output: Option<Histogram>,
    /// Requests whose lengths were drawn.
    pub sampled_count: u32,
    /// Measured requests, where that can be told.
    pub request_count: Option<u32>,
    /// Seconds of measured load, where that can be told.
    pub duration_s: Option<f64>,
    /// Prompt and answer tokens of the measured requests, where both can be told.
    pub tokens: Option<(f64, f64)>,
}

/// The first seconds of a load.
#[derive(Clone, Debug, PartialEq)]
pub enum StartPreview {
    /// Closed loop: users over time, as points of seconds and users.
    Users(Vec<(Finite, Finite)>),
    /// Open loop: the very arrivals that the seed gives, counted in slices of equal length.
    Arrivals {
        /// Start of each slice in seconds, with the arrivals in it.
        slices: Vec<(Finite, u32)>,
        /// Length of a slice in seconds.
        slice_s: f64,
        /// Coefficient of variation of the gaps between all arrivals that were drawn.
        variation: Option<f64>,
    },
}

impl LoadPreview {
    /// Of answers of step 2, with the users of step 1. Lengths and arrivals are those that the
    /// run will have: from the same seed, by the same rules.
    pub fn of(answers: &EvaluationAnswers, users: u32, method: EvaluationMethod) -> Self {
        let workload = answers.workload(users, Prompts::Synthetic);
        let is_synthetic = method == EvaluationMethod::Configuration;
        let request_count = workload.expected_requests();
        let sampled_count = request_count
            .unwrap_or(SAMPLED_LENGTHS)
            .clamp(1, SAMPLED_LENGTHS);
        let (inputs, outputs) = sampled_lengths(&workload, sampled_count);
        let mean = |lengths: &[f64]| lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        let tokens = request_count.filter(|_| is_synthetic).map(|count| {
            let count = f64::from(count);
            (count * mean(&inputs), count * mean(&outputs))
        });
        let histogram = |lengths: Vec<f64>| {
            is_synthetic
                .then(|| Histogram::of_sorted_counts(&sorted(lengths)))
                .flatten()
        };
        Self {
            start: StartPreview::of(&workload),
            input: histogram(inputs),
            output: histogram(outputs),
            sampled_count,
            request_count,
            duration_s: workload.expected_arrivals_s(),
            tokens,
        }
    }
}

/// Lengths of the first measured prompts and answers, drawn as the load process draws them: those of
/// the warm-up come first.
fn sampled_lengths(workload: &WorkloadSpec, count: u32) -> (Vec<f64>, Vec<f64>) {
    let mut rng = seed::seeded(workload.seed, seed::LENGTHS);
    let mut draw = |spec: LengthSpec| f64::from(spec.draw(&mut rng));
    let skipped = if workload.warmup_s == 0 {
        workload.warmup_requests
    } else {
        0
    };
    for _ in 0..skipped {
        draw(workload.input);
        draw(workload.output);
    }
    (0..count)
        .map(|_| (draw(workload.input), draw(workload.output)))
        .unzip()
}

impl StartPreview {
    fn of(workload: &WorkloadSpec) -> Self {
        let Arrival::OpenLoop {
            rate_per_s,
            process,
            burstiness,
            ..
        } = workload.arrival
        else {
            return Self::users(workload);
        };
        let mut rng = seed::seeded(workload.seed, seed::ARRIVALS);
        let mut offsets =
            schedule_offsets_ns(rate_per_s, process, burstiness, &mut rng, ARRIVALS_DRAWN);
        // As the load process does: the first arrival is the start.
        let first = offsets.first().copied().unwrap_or(0);
        for offset in &mut offsets {
            *offset -= first;
        }
        ramp_offsets_ns(&mut offsets, workload.ramp_s);
        let at_s: Vec<f64> = offsets.iter().map(|at| *at as f64 / 1e9).collect();
        let variation = if workload.ramp_s == 0 {
            variation(&at_s)
        } else {
            None
        };
        let last_s = at_s.last().copied().unwrap_or(0.0);
        let drawn_s = last_s.min(DRAWN_S_MAX);
        // A slice that begins is drawn to its end only where all its arrivals are known.
        let slice_s = slice_length(drawn_s, rate_per_s.get());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive and few"
        )]
        let slice_count = ((drawn_s / slice_s).floor() as u32).max(1);
        let slices = (0..slice_count).map(|number| {
            let (from, to) = (f64::from(number) * slice_s, f64::from(number + 1) * slice_s);
            let inside = at_s.iter().filter(|at| (from..to).contains(*at)).count();
            let from = Finite::new(from).unwrap_or_default();
            (from, u32::try_from(inside).unwrap_or(u32::MAX))
        });
        Self::Arrivals {
            slices: slices.collect(),
            slice_s,
            variation,
        }
    }

    /// Users join evenly over the ramp, the first at once.
    fn users(workload: &WorkloadSpec) -> Self {
        let users = Finite::from(workload.arrival.concurrency().unwrap_or(1));
        let ramp = Finite::from(workload.ramp_s);
        let after = Finite::new((ramp.get() * 1.5).max(ramp.get() + 5.0)).unwrap_or_default();
        Self::Users(vec![
            (
                Finite::ZERO,
                if workload.ramp_s == 0 {
                    users
                } else {
                    Finite::ZERO
                },
            ),
            (ramp, users),
            (after, users),
        ])
    }
}

/// About forty slices, none so short that most are empty by their length alone.
fn slice_length(drawn_s: f64, rate_per_s: f64) -> f64 {
    let about_s = (drawn_s / 40.0).max(0.5 / rate_per_s).max(1e-6);
    let power = 10f64.powf(about_s.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps
        .into_iter()
        .find(|step| step * power >= about_s * (1.0 - 1e-9));
    step.unwrap_or(10.0) * power
}

/// Standard deviation of the gaps over their mean.
fn variation(at_s: &[f64]) -> Option<f64> {
    let gaps: Vec<f64> = at_s
        .windows(2)
        .filter_map(|pair| Some(pair.get(1)? - pair.first()?))
        .collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let squares = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>();
    let variation = (squares / gaps.len() as f64).sqrt() / mean;
    variation.is_finite().then_some(variation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::draft::Catalogue;
    use crate::workflow::form::EvaluationForm;

    fn preview(form: &EvaluationForm) -> LoadPreview {
        let method = EvaluationMethod::Configuration;
        let answers = form.validate(method, &Catalogue::default()).unwrap();
        LoadPreview::of(&answers, 8, method)
    }

    fn open_loop(arrival: &str) -> EvaluationForm {
        EvaluationForm {
            arrival: arrival.to_owned(),
            rate_per_s: "10".to_owned(),
            burstiness: "0.25".to_owned(),
            input_tokens: "uniform:100..300".to_owned(),
            output_tokens: "50".to_owned(),
            request_count: "600".to_owned(),
            ..EvaluationForm::default()
        }
    }

    #[test]
    fn arrivals_are_those_of_the_schedule() {
        let StartPreview::Arrivals {
            slices,
            slice_s,
            variation,
        } = preview(&open_loop("constant")).start
        else {
            panic!("an open loop");
        };
        assert_eq!(slice_s, 1.0);
        assert_eq!(slices.len(), 30);
        assert!(
            slices.iter().all(|(_, count)| (9..=11).contains(count)),
            "{slices:?}"
        );
        assert!(variation.unwrap() < 1e-6);
        let of = |arrival| match preview(&open_loop(arrival)).start {
            StartPreview::Arrivals { variation, .. } => variation.unwrap(),
            StartPreview::Users(_) => 0.0,
        };
        assert!((of("poisson") - 1.0).abs() < 0.2 && of("gamma") > 1.5);
    }

    #[test]
    fn lengths_and_size_come_from_the_distributions() {
        let preview = preview(&open_loop("poisson"));
        assert_eq!(preview.sampled_count, 600);
        let input = preview.input.unwrap();
        assert_eq!(input.counts.iter().sum::<u32>(), 600);
        assert!(input.edges.first().unwrap().get() >= 95.0);
        assert_eq!(
            (preview.request_count, preview.duration_s),
            (Some(600), Some(60.0))
        );
        let (prompts, answers) = preview.tokens.unwrap();
        assert!((prompts / 600.0 - 200.0).abs() < 10.0);
        assert_eq!(answers, 30_000.0);
    }

    #[test]
    fn a_closed_loop_shows_its_users_and_no_duration() {
        let form = EvaluationForm {
            ramp_s: "10".to_owned(),
            ..EvaluationForm::default()
        };
        let preview = preview(&form);
        let StartPreview::Users(points) = preview.start else {
            panic!("a closed loop");
        };
        let points: Vec<(f64, f64)> = points
            .iter()
            .map(|(at, users)| (at.get(), users.get()))
            .collect();
        assert_eq!(points, [(0.0, 0.0), (10.0, 8.0), (15.0, 8.0)]);
        assert_eq!(preview.duration_s, None);
    }
}
