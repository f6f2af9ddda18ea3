//! What a load will look like, before it is confirmed: its first arrivals, its lengths, its size.

use super::draft::EvaluationAnswers;
use crate::finite::Finite;
use crate::measure::histogram::{Histogram, round_step};
use crate::measure::quantile::sorted;
use crate::workload::arrival::{ramp_offsets_ns, schedule_offsets_ns};
use crate::workload::{
    Arrival, EvaluationMethod, LengthSpec, Prompts, StopRule, WorkloadSpec, seed,
};

/// Requests whose lengths are drawn for the preview.
pub const SAMPLED_LENGTHS: u32 = 2_000;
/// Arrivals that are drawn one by one.
const ARRIVALS_DRAWN: usize = 400;
/// Longest part of the schedule that is drawn, in seconds.
const DRAWN_S_MAX: u64 = 30;
const NS_PER_S: u64 = 1_000_000_000;

/// A load before it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPreview {
    /// Requests in flight, or arrivals, over the first seconds.
    pub start: StartPreview,
    /// Lengths of synthetic prompts; `None` for rows of datasets.
    pub input: Option<LengthsPreview>,
    /// Lengths that are asked of answers; `None` where rows of datasets say it.
    pub output: Option<LengthsPreview>,
    /// Whether answers go on to the length that is asked for, and are not only bounded by it.
    pub is_full_length: bool,
    /// Requests whose lengths were drawn.
    pub sampled_count: u32,
    /// Whether those are the lengths of the first measured requests, and not only a sample from
    /// the same distributions: how many a warm-up by time takes before them is not known here, nor how
    /// many requests a deadline leaves.
    pub is_of_first_requests: bool,
    /// Measured requests, where that can be told.
    pub request_count: Option<u32>,
    /// Seconds of measured load, where that can be told.
    pub duration_s: Option<f64>,
    /// Prompt and answer tokens of the measured requests, where both can be told.
    pub tokens: Option<(f64, f64)>,
}

/// The lengths of prompts or answers.
#[derive(Clone, Debug, PartialEq)]
pub enum LengthsPreview {
    /// All the same, in tokens.
    Same(u32),
    /// Drawn from the seed, in tokens.
    Drawn(Histogram),
}

/// Arrivals of a part of the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArrivalSlice {
    /// Its start, in seconds.
    pub from_s: f64,
    /// Its end, in seconds.
    pub to_s: f64,
    /// How many arrive in it.
    pub count: u32,
}

/// The first seconds of a load.
#[derive(Clone, Debug, PartialEq)]
pub enum StartPreview {
    /// Closed loop: users over time, as points of seconds and users.
    Users(Vec<(Finite, Finite)>),
    /// Open loop: the very arrivals that the seed gives, at most up to the end of the run.
    Arrivals {
        /// Equally long, but for one that the end of the run cuts.
        slices: Vec<ArrivalSlice>,
        /// Coefficient of variation of the gaps between all arrivals that were drawn.
        variation: Option<f64>,
    },
}

impl LoadPreview {
    /// Of answers of step 2, with the users of step 1. Arrivals are those that the run will have, and
    /// lengths too where [`Self::is_of_first_requests`]: from the same seed, by the same rules.
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
        let preview = |spec: LengthSpec, lengths: Vec<f64>| match spec.only_tokens() {
            Some(tokens) => Some(LengthsPreview::Same(tokens)),
            None => Histogram::of_sorted_counts(&sorted(lengths)).map(LengthsPreview::Drawn),
        };
        let is_counted = matches!(workload.stop, StopRule::Requests { .. });
        let is_warmed_by_time = workload.arrival.has_schedule() && workload.warmup_s > 0;
        Self {
            start: StartPreview::of(&workload),
            input: preview(workload.input, inputs).filter(|_| is_synthetic),
            output: preview(workload.output, outputs).filter(|_| is_synthetic),
            is_full_length: workload.ignore_eos,
            sampled_count,
            is_of_first_requests: is_counted && !is_warmed_by_time,
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
        let drawn_count = match workload.stop {
            StopRule::Requests { count } => (count as usize).min(ARRIVALS_DRAWN),
            StopRule::Duration { .. } => ARRIVALS_DRAWN,
        };
        let mut offsets =
            schedule_offsets_ns(rate_per_s, process, burstiness, &mut rng, drawn_count);
        // As the load process does: the first arrival is the start.
        let first = offsets.first().copied().unwrap_or(0);
        for offset in &mut offsets {
            *offset -= first;
        }
        ramp_offsets_ns(&mut offsets, workload.ramp_s);
        let last_ns = offsets.last().copied().unwrap_or(0);
        let end = match workload.stop {
            StopRule::Requests { count } if count as usize == drawn_count => End::Last(last_ns),
            StopRule::Duration { seconds } if u64::from(seconds) * NS_PER_S <= last_ns => {
                End::Deadline(u64::from(seconds) * NS_PER_S)
            }
            _ => End::Beyond(last_ns),
        };
        if let End::Deadline(end_ns) = end {
            offsets.retain(|at_ns| *at_ns < end_ns);
        }
        let variation = if workload.ramp_s == 0 {
            variation(&offsets)
        } else {
            None
        };
        Self::Arrivals {
            slices: end.slices(&offsets, rate_per_s.get()),
            variation,
        }
    }

    /// Users join evenly over the ramp, the first at once.
    fn users(workload: &WorkloadSpec) -> Self {
        let users = f64::from(workload.arrival.concurrency().unwrap_or(1));
        let ramp_s = f64::from(workload.ramp_s);
        let mut after_s = (ramp_s * 1.5).max(ramp_s + 5.0);
        if let StopRule::Duration { seconds } = workload.stop {
            after_s = after_s.min(f64::from(seconds));
        }
        // A ramp is shorter than its run.
        let at = |at_s: f64, users: f64| {
            let point = (Finite::new(at_s), Finite::new(users));
            (point.0.unwrap_or_default(), point.1.unwrap_or_default())
        };
        let first = if workload.ramp_s == 0 { users } else { 0.0 };
        let mut points = vec![at(0.0, first), at(ramp_s, users), at(after_s, users)];
        points.dedup();
        Self::Users(points)
    }
}

/// How far the arrivals that were drawn reach, in nanoseconds.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The run ends with the last of them.
    Last(u64),
    /// The run ends at its deadline, which they reach.
    Deadline(u64),
    /// The run goes on after the last of them.
    Beyond(u64),
}

impl End {
    /// Counts in whole nanoseconds: arrivals at equal gaps lie on the edges of slices.
    fn slices(self, at_ns: &[u64], rate_per_s: f64) -> Vec<ArrivalSlice> {
        let (Self::Last(end_ns) | Self::Deadline(end_ns) | Self::Beyond(end_ns)) = self;
        let drawn_ns = end_ns.min(DRAWN_S_MAX * NS_PER_S);
        let slice_ns = slice_length_ns(drawn_ns, rate_per_s);
        let slice_count = match self {
            Self::Last(_) if end_ns == drawn_ns => drawn_ns / slice_ns + 1,
            Self::Deadline(_) if end_ns == drawn_ns => drawn_ns.div_ceil(slice_ns),
            // A slice is drawn only where all its arrivals are known.
            _ => (drawn_ns / slice_ns).max(1),
        };
        let seconds = |ns: u64| ns as f64 / NS_PER_S as f64;
        let slice = |number: u64| {
            let (from_ns, mut to_ns) = (number * slice_ns, (number + 1) * slice_ns);
            if let Self::Deadline(end_ns) = self {
                to_ns = to_ns.min(end_ns);
            }
            let inside = at_ns.iter().filter(|at| (from_ns..to_ns).contains(*at));
            ArrivalSlice {
                from_s: seconds(from_ns),
                to_s: seconds(to_ns),
                count: u32::try_from(inside.count()).unwrap_or(u32::MAX),
            }
        };
        (0..slice_count).map(slice).collect()
    }
}

/// About forty slices, none so short that most are empty by their length alone.
fn slice_length_ns(drawn_ns: u64, rate_per_s: f64) -> u64 {
    let about_ns = (drawn_ns as f64 / 40.0).max(0.5e9 / rate_per_s).max(1e3);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at least a microsecond"
    )]
    let ns = round_step(about_ns) as u64;
    ns
}

/// Standard deviation of the gaps over their mean.
fn variation(at_ns: &[u64]) -> Option<f64> {
    let gaps: Vec<f64> = at_ns
        .windows(2)
        .filter_map(|pair| Some((pair.get(1)? - pair.first()?) as f64))
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
        let StartPreview::Arrivals { slices, variation } = preview(&open_loop("constant")).start
        else {
            panic!("an open loop");
        };
        assert_eq!(slices.len(), 30);
        for (number, slice) in (0u32..).zip(&slices) {
            assert_eq!(slice.from_s, f64::from(number));
            assert_eq!(slice.count, 10, "{slices:?}");
        }
        assert!(variation.unwrap() < 1e-6);
        let of = |arrival| match preview(&open_loop(arrival)).start {
            StartPreview::Arrivals { variation, .. } => variation.unwrap(),
            StartPreview::Users(_) => 0.0,
        };
        assert!((of("poisson") - 1.0).abs() < 0.2 && of("gamma") > 1.5);
    }

    #[test]
    fn no_arrival_is_drawn_after_the_end_of_the_run() {
        let slices = |form: &EvaluationForm| match preview(form).start {
            StartPreview::Arrivals { slices, .. } => slices,
            StartPreview::Users(_) => Vec::new(),
        };
        let counted = EvaluationForm {
            request_count: "25".to_owned(),
            ..open_loop("constant")
        };
        let drawn = slices(&counted);
        assert_eq!(drawn.iter().map(|slice| slice.count).sum::<u32>(), 25);
        assert!(drawn.last().unwrap().count > 0, "{drawn:?}");
        // The last of 25 arrives after 2.4 s.
        assert!(drawn.last().unwrap().to_s <= 2.5, "{drawn:?}");
        let timed = EvaluationForm {
            stop: "duration".to_owned(),
            duration_s: "7".to_owned(),
            rate_per_s: "0.3".to_owned(),
            ..open_loop("constant")
        };
        let drawn = slices(&timed);
        assert_eq!(drawn.last().unwrap().to_s, 7.0, "{drawn:?}");
        assert_eq!(drawn.iter().map(|slice| slice.count).sum::<u32>(), 3);
        // The ramp ends before 400 arrivals do, which reach beyond the deadline.
        let ramped = EvaluationForm {
            stop: "duration".to_owned(),
            duration_s: "20".to_owned(),
            rate_per_s: "20".to_owned(),
            ramp_s: "3".to_owned(),
            ..open_loop("constant")
        };
        let drawn = slices(&ramped);
        assert_eq!(drawn.last().unwrap().to_s, 20.0, "{drawn:?}");
        let arrivals = drawn.iter().map(|slice| slice.count).sum::<u32>();
        assert!((369..=371).contains(&arrivals), "{arrivals}");
        let one = EvaluationForm {
            request_count: "1".to_owned(),
            ..open_loop("poisson")
        };
        assert_eq!(slices(&one).iter().map(|slice| slice.count).sum::<u32>(), 1);
    }

    #[test]
    fn lengths_are_those_of_the_first_requests_only_where_that_is_known() {
        let is_known = |form: &EvaluationForm| preview(form).is_of_first_requests;
        assert!(is_known(&open_loop("poisson")));
        let warmed = |arrival: &str| EvaluationForm {
            warmup: "time".to_owned(),
            warmup_s: "5".to_owned(),
            ..open_loop(arrival)
        };
        assert!(!is_known(&warmed("poisson")), "arrivals of the warm-up");
        assert!(is_known(&warmed("closed")), "its warm-up draws apart");
        let timed = EvaluationForm {
            stop: "duration".to_owned(),
            duration_s: "7".to_owned(),
            ..open_loop("poisson")
        };
        assert!(!is_known(&timed));
    }

    #[test]
    fn lengths_and_size_come_from_the_distributions() {
        let preview = preview(&open_loop("poisson"));
        assert_eq!(preview.sampled_count, 600);
        assert_eq!(preview.output, Some(LengthsPreview::Same(50)));
        let Some(LengthsPreview::Drawn(input)) = preview.input else {
            panic!("they differ");
        };
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
        assert_eq!(users(&preview), [(0.0, 0.0), (10.0, 8.0), (15.0, 8.0)]);
        assert_eq!(preview.duration_s, None);
    }

    fn users(preview: &LoadPreview) -> Vec<(f64, f64)> {
        let StartPreview::Users(points) = &preview.start else {
            panic!("a closed loop");
        };
        let point = |(at, users): &(Finite, Finite)| (at.get(), users.get());
        points.iter().map(point).collect()
    }

    #[test]
    fn users_are_drawn_no_further_than_the_end_of_the_run() {
        let of = |ramp_s: &str| EvaluationForm {
            ramp_s: ramp_s.to_owned(),
            stop: "duration".to_owned(),
            duration_s: "2".to_owned(),
            ..EvaluationForm::default()
        };
        assert_eq!(users(&preview(&of("0"))), [(0.0, 8.0), (2.0, 8.0)]);
        let ramped = [(0.0, 0.0), (1.0, 8.0), (2.0, 8.0)];
        assert_eq!(users(&preview(&of("1"))), ramped);
    }
}
