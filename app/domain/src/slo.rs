//! Service level objectives: what a run has to hold, as values that read and print as text.
//!
//! An objective bounds one metric: `ttft_ms<=200@p99` (a percentile over requests),
//! `output_tok_per_s>=500` or `error_rate<=0.01` (a figure of the whole run). What a run makes of
//! it is judged in [`crate::measure::objectives`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::finite::Finite;

/// Most objectives of one workload.
pub const SLOS_MAX: usize = 20;

/// What an objective is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloMetric {
    /// Time to first token: from send, in open loop judged from schedule.
    TtftMs,
    /// Time to first token, from schedule.
    TtftFromScheduleMs,
    /// Time per output token.
    TpotMs,
    /// Inter-token latency: every gap of the run; of one request, the mean of its gaps.
    ItlMs,
    /// End-to-end latency: from send, in open loop judged from schedule.
    E2eMs,
    /// End-to-end latency, from schedule.
    E2eFromScheduleMs,
    /// Output tokens per second of the whole run.
    OutputTokPerS,
    /// Failed / sent of the whole run, 0 to 1.
    ErrorRate,
}

impl SloMetric {
    /// All of them, in the order of menus.
    pub const ALL: [Self; 8] = [
        Self::TtftMs,
        Self::TtftFromScheduleMs,
        Self::TpotMs,
        Self::ItlMs,
        Self::E2eMs,
        Self::E2eFromScheduleMs,
        Self::OutputTokPerS,
        Self::ErrorRate,
    ];

    /// The name in text and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TtftMs => "ttft_ms",
            Self::TtftFromScheduleMs => "ttft_from_schedule_ms",
            Self::TpotMs => "tpot_ms",
            Self::ItlMs => "itl_ms",
            Self::E2eMs => "e2e_ms",
            Self::E2eFromScheduleMs => "e2e_from_schedule_ms",
            Self::OutputTokPerS => "output_tok_per_s",
            Self::ErrorRate => "error_rate",
        }
    }

    /// The metric of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.as_str() == text)
    }

    /// Label for pages.
    pub fn label(self) -> &'static str {
        match self {
            Self::TtftMs => "TTFT",
            Self::TtftFromScheduleMs => "TTFT from schedule",
            Self::TpotMs => "TPOT",
            Self::ItlMs => "ITL",
            Self::E2eMs => "E2E latency",
            Self::E2eFromScheduleMs => "E2E latency from schedule",
            Self::OutputTokPerS => "Output throughput",
            Self::ErrorRate => "Error rate",
        }
    }

    /// The same latency from schedule, where it has one.
    #[must_use]
    pub fn from_schedule(self) -> Self {
        match self {
            Self::TtftMs => Self::TtftFromScheduleMs,
            Self::E2eMs => Self::E2eFromScheduleMs,
            other => other,
        }
    }

    /// Unit of its bound; empty for a share.
    pub fn unit(self) -> &'static str {
        match self {
            Self::OutputTokPerS => "tok/s",
            Self::ErrorRate => "",
            _ => "ms",
        }
    }

    /// Whether each request has a value of its own, so that the objective has a percentile and counts
    /// for goodput.
    pub fn is_per_request(self) -> bool {
        !matches!(self, Self::OutputTokPerS | Self::ErrorRate)
    }

    /// Whether more is better: then the bound is the least that is allowed.
    pub fn is_more_better(self) -> bool {
        self == Self::OutputTokPerS
    }

    fn operator(self) -> &'static str {
        if self.is_more_better() { ">=" } else { "<=" }
    }
}

/// A percentile, above 0 and below 100. Prints and parses as `p99` or `p99.9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Finite", into = "Finite")]
pub struct Percentile(Finite);

impl Percentile {
    /// The percentile, or `None` where it is not above 0 and below 100.
    pub fn new(percent: f64) -> Option<Self> {
        let percent = Finite::new(percent)?;
        (percent.get() > 0.0 && percent.get() < 100.0).then_some(Self(percent))
    }

    /// In percent.
    pub fn get(self) -> f64 {
        self.0.get()
    }
}

impl Default for Percentile {
    /// `p99`: what an objective without one means.
    fn default() -> Self {
        Self(Finite::from(99))
    }
}

impl TryFrom<Finite> for Percentile {
    type Error = &'static str;

    fn try_from(percent: Finite) -> Result<Self, Self::Error> {
        Self::new(percent.get()).ok_or("expected a percentile above 0 and below 100")
    }
}

impl From<Percentile> for Finite {
    fn from(percentile: Percentile) -> Self {
        percentile.0
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// One objective.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slo {
    /// What is bounded.
    pub metric: SloMetric,
    /// The bound, in the unit of the metric, itself allowed; the metric says in which direction.
    pub bound: Finite,
    /// Which percentile over the requests has to hold the bound. `None` for figures of the whole run.
    #[serde(default)]
    pub quantile: Option<Percentile>,
}

impl Slo {
    /// Whether a value holds the bound.
    pub fn allows(&self, value: f64) -> bool {
        if self.metric.is_more_better() {
            value >= self.bound.get()
        } else {
            value <= self.bound.get()
        }
    }

    /// `TTFT p99 at most 200 ms`.
    pub fn in_words(&self) -> String {
        let mut words = self.metric.label().to_owned();
        if let Some(quantile) = self.quantile {
            words = format!("{words} {quantile}");
        }
        let direction = if self.metric.is_more_better() {
            "at least"
        } else {
            "at most"
        };
        let (bound, unit) = (self.bound, self.metric.unit());
        format!("{words} {direction} {bound} {unit}")
            .trim_end()
            .to_owned()
    }
}

impl fmt::Display for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (metric, operator) = (self.metric.as_str(), self.metric.operator());
        write!(f, "{metric}{operator}{}", self.bound)?;
        match self.quantile {
            Some(quantile) => write!(f, "@{quantile}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Slo {
    type Err = String;

    /// Reads `ttft_ms<=200@p99`; blanks around the parts do not matter, and a metric of requests
    /// without a percentile means p99.
    fn from_str(text: &str) -> Result<Self, String> {
        let given = text.trim();
        let help = || {
            format!(
                "“{given}” is no objective: give one such as ttft_ms<=200@p99, output_tok_per_s>=500 or error_rate<=0.01."
            )
        };
        let at = given.find(['<', '>']).ok_or_else(help)?;
        let (name, rest) = given.split_at(at);
        let (operator, rest) = rest.split_at_checked(2).ok_or_else(help)?;
        let name = name.trim();
        let metric = SloMetric::parse(name).ok_or_else(|| {
            let known = SloMetric::ALL.map(SloMetric::as_str).join(", ");
            format!("“{name}” is no metric of an objective: give one of {known}.")
        })?;
        if !matches!(operator, "<=" | ">=") {
            return Err(help());
        }
        if operator != metric.operator() {
            return Err(format!(
                "Write {name}{}…: the bound of {name} is the {} that is allowed.",
                metric.operator(),
                if metric.is_more_better() {
                    "least"
                } else {
                    "most"
                }
            ));
        }
        let (bound, percentile) = match rest.split_once('@') {
            Some((bound, percentile)) => (bound, Some(percentile.trim())),
            None => (rest, None),
        };
        let bound: f64 = bound.trim().parse().map_err(|_| help())?;
        let bound = Finite::new(bound).ok_or_else(help)?;
        let quantile = match percentile {
            None => metric.is_per_request().then(Percentile::default),
            Some(text) => Some(parse_percentile(text)?),
        };
        Self {
            metric,
            bound,
            quantile,
        }
        .checked()
    }
}

impl Slo {
    /// Itself, if it can be judged: however it was made.
    pub fn checked(self) -> Result<Self, String> {
        let name = self.metric.as_str();
        let (bound, is_share) = (self.bound.get(), self.metric == SloMetric::ErrorRate);
        if is_share && !(0.0..=1.0).contains(&bound) {
            return Err(format!("Give the bound of {name} as a share from 0 to 1."));
        }
        if !is_share && bound <= 0.0 {
            return Err(format!("Give {name} a bound above 0."));
        }
        match (self.metric.is_per_request(), self.quantile) {
            (false, Some(quantile)) => Err(format!(
                "Leave @{quantile} out: {name} is one figure of the whole run."
            )),
            (true, None) => Err(format!(
                "Say which percentile of {name} has to hold: {name}<={bound}@p99."
            )),
            _ => Ok(self),
        }
    }
}

fn parse_percentile(text: &str) -> Result<Percentile, String> {
    let percent = text
        .strip_prefix('p')
        .and_then(|percent| percent.parse().ok());
    percent.and_then(Percentile::new).ok_or_else(|| {
        format!(
            "“{text}” is no percentile: give one above 0 and below 100 such as p50, p99 or p99.9."
        )
    })
}

/// The objectives of a comma- or newline-separated text, in order; an empty text is none.
pub fn parse_slos(text: &str) -> Result<Vec<Slo>, String> {
    let parts = text.split([',', '\n']).map(str::trim);
    let slos: Vec<Slo> = parts
        .filter(|part| !part.is_empty())
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    check_slos(&slos).map(|()| slos)
}

/// Whether these objectives can stand beside one another.
pub fn check_slos(slos: &[Slo]) -> Result<(), String> {
    if slos.len() > SLOS_MAX {
        return Err(format!(
            "Remove some objectives: {} given, at most {SLOS_MAX} are judged.",
            slos.len()
        ));
    }
    for (index, slo) in slos.iter().enumerate() {
        slo.checked()?;
        let is_same = |other: &Slo| other.metric == slo.metric && other.quantile == slo.quantile;
        if let Some(other) = slos.iter().take(index).find(|other| is_same(other)) {
            return Err(format!(
                "Remove one of {other} and {slo}: they bound the same figure."
            ));
        }
    }
    Ok(())
}

/// The objectives as text for a form: `ttft_ms<=200@p99, error_rate<=0.01`.
pub fn slos_in_text(slos: &[Slo]) -> String {
    let texts: Vec<String> = slos.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_slo() -> impl Strategy<Value = Slo> {
        let metric = prop::sample::select(SloMetric::ALL.to_vec());
        (metric, 0.001f64..1e6, 0.01f64..99.999).prop_map(|(metric, bound, percent)| Slo {
            metric,
            bound: Finite::new(if metric == SloMetric::ErrorRate {
                bound / 1e6
            } else {
                bound
            })
            .unwrap(),
            quantile: metric
                .is_per_request()
                .then(|| Percentile::new(percent).unwrap()),
        })
    }

    proptest! {
        #[test]
        fn text_and_json_round_trip(slo in any_slo()) {
            prop_assert_eq!(slo.to_string().parse::<Slo>().unwrap(), slo);
            let json = serde_json::to_string(&slo).unwrap();
            prop_assert_eq!(serde_json::from_str::<Slo>(&json).unwrap(), slo);
        }

        #[test]
        fn a_list_round_trips_or_says_which_two_collide(slos in prop::collection::vec(any_slo(), 0..6)) {
            match check_slos(&slos) {
                Ok(()) => prop_assert_eq!(parse_slos(&slos_in_text(&slos)).unwrap(), slos),
                Err(why) => prop_assert!(why.contains("bound the same figure")),
            }
        }

        #[test]
        fn any_text_is_read_or_answered_in_words(text in "\\PC{0,40}") {
            if let Err(why) = parse_slos(&text) {
                prop_assert!(why.ends_with('.'), "{}", why);
            }
        }

        #[test]
        fn a_looser_bound_allows_whatever_a_tighter_one_does(slo in any_slo(), value in 0.0f64..1e6, more in 0.0f64..1e3) {
            let sign = if slo.metric.is_more_better() { -1.0 } else { 1.0 };
            let looser = Slo { bound: Finite::new(slo.bound.get() + sign * more).unwrap(), ..slo };
            prop_assert!(!slo.allows(value) || looser.allows(value));
        }
    }

    #[test]
    fn objectives_read_as_people_write_them() {
        let slo: Slo = " ttft_ms <= 200 @ p99 ".parse().unwrap();
        assert_eq!(slo.to_string(), "ttft_ms<=200@p99");
        assert_eq!(slo.in_words(), "TTFT p99 at most 200 ms");
        assert_eq!(
            "itl_ms<=50".parse::<Slo>().unwrap().to_string(),
            "itl_ms<=50@p99"
        );
        let list =
            parse_slos("e2e_ms<=1500@p99.9,\noutput_tok_per_s>=500, error_rate<=0.01,").unwrap();
        assert_eq!(
            list.iter().map(Slo::in_words).collect::<Vec<_>>(),
            [
                "E2E latency p99.9 at most 1500 ms",
                "Output throughput at least 500 tok/s",
                "Error rate at most 0.01"
            ]
        );
        assert_eq!(parse_slos(" ").unwrap(), []);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, expected) in [
            ("ttft_ms", "such as ttft_ms<=200@p99"),
            ("ttft_ms<200", "such as ttft_ms<=200@p99"),
            ("ttft_ms<=fast", "such as ttft_ms<=200@p99"),
            ("ttft_ms<=NaN", "such as ttft_ms<=200@p99"),
            (
                "ttft<=200",
                "no metric of an objective: give one of ttft_ms,",
            ),
            ("ttft_ms>=200", "Write ttft_ms<="),
            ("output_tok_per_s<=200", "Write output_tok_per_s>="),
            ("ttft_ms<=0", "above 0"),
            ("ttft_ms<=200@99", "no percentile"),
            ("ttft_ms<=200@p100", "no percentile"),
            ("error_rate<=2", "share from 0 to 1"),
            ("error_rate<=0.1@p99", "Leave @p99 out"),
            ("ttft_ms<=1@p99,ttft_ms<=2@p99", "bound the same figure"),
        ] {
            let why = parse_slos(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
        let many: Vec<String> = (1..=21)
            .map(|percent| format!("ttft_ms<=9@p{percent}"))
            .collect();
        assert!(
            parse_slos(&many.join(","))
                .unwrap_err()
                .contains("at most 20")
        );
    }

    #[test]
    fn json_holds_no_percentile_that_is_none() {
        let json = r#"{"metric":"ttft_ms","bound":200,"quantile":100}"#;
        assert!(serde_json::from_str::<Slo>(json).is_err());
        let whole = r#"{"metric":"error_rate","bound":0}"#;
        assert_eq!(
            serde_json::from_str::<Slo>(whole).unwrap().to_string(),
            "error_rate<=0"
        );
    }
}
