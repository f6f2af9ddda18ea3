//! Progress for a person: a bar on a terminal, or plain lines.

use std::io::Write as _;
use std::time::Duration;

use console::Term;
use domain::finite::Finite;
use domain::load::{LiveSample, LoadEvent, LoadPhase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Style;

/// Steps of the bar.
const STEPS: u64 = 1_000;
/// Live samples come twice a second, and every second one is a line.
const SAMPLES_PER_LINE: u64 = 2;
/// The bar; figures follow.
const TEMPLATE: &str = "{prefix:>8} {bar:16} {percent:>3} %  {msg}";
/// Columns before the figures.
const BAR_COLUMNS: usize = 33;
/// Columns of a terminal that does not tell.
const COLUMNS_USUAL: usize = 80;

/// Shows events as they come.
pub(super) struct Progress {
    style: Style,
    bar: ProgressBar,
    sample_count: u64,
}

impl Progress {
    pub(super) fn new(style: Style) -> Self {
        let bar = match style {
            Style::Bar => ProgressBar::with_draw_target(Some(STEPS), ProgressDrawTarget::stderr()),
            Style::Json | Style::Lines | Style::Silent => ProgressBar::hidden(),
        };
        // The template is a constant; where it could not be read the usual bar would be drawn.
        if let Ok(template) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(template.progress_chars("=> "));
        }
        bar.set_prefix("prompts");
        if style == Style::Bar {
            bar.enable_steady_tick(Duration::from_millis(500));
        }
        Self {
            style,
            bar,
            sample_count: 0,
        }
    }

    /// Progress is a courtesy: that it cannot be shown stops nothing.
    pub(super) fn show(&mut self, event: &LoadEvent) {
        match event {
            LoadEvent::Prepared {
                prompt_source,
                prompt_count,
            } => self.say(&format!(
                "{prompt_count} prompts ready; lengths {}",
                prompt_source.in_words()
            )),
            LoadEvent::Live { sample } => self.show_sample(sample),
            LoadEvent::Phase { phase } => self.bar.set_prefix(phase_in_words(*phase)),
            LoadEvent::Finished { .. } | LoadEvent::Failed { .. } => {}
        }
    }

    fn say(&self, line: &str) {
        match self.style {
            Style::Bar => self.bar.println(line),
            Style::Lines => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            Style::Json | Style::Silent => {}
        }
    }

    fn show_sample(&mut self, sample: &LiveSample) {
        let figures = figures(sample);
        let done = sample.done_fraction.get();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 1"
        )]
        self.bar.set_position((done * STEPS as f64) as u64);
        if self.style == Style::Lines && self.sample_count.is_multiple_of(SAMPLES_PER_LINE) {
            self.say(&format!(
                "{:6.1} s  {}  {:3.0} %  {}",
                sample.t_s.get(),
                phase_in_words(sample.phase),
                done * 100.0,
                figures.join("  ")
            ));
        }
        self.sample_count += 1;
        // Asked each time: windows change their size.
        let columns = Term::stderr().size_checked();
        let columns = columns.map_or(COLUMNS_USUAL, |(_, columns)| usize::from(columns));
        let room = columns.saturating_sub(BAR_COLUMNS);
        self.bar.set_message(as_many_as_fit(&figures, room));
    }

    /// Takes the bar away.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

fn phase_in_words(phase: LoadPhase) -> &'static str {
    match phase {
        LoadPhase::WarmUp => "warm-up",
        LoadPhase::Measured => "measured",
        LoadPhase::Drain => "drain",
    }
}

/// `7.0 s left`, `done 100`, `failed 0`, `in flight 20`, …: what matters most first.
fn figures(sample: &LiveSample) -> Vec<String> {
    let figure = |value: Option<Finite>, name: &str, unit: &str| {
        value.map(|value| format!("{name}{:.1} {unit}", value.get()))
    };
    let whole = [
        figure(sample.remaining_s, "", "s left"),
        Some(format!("done {}", sample.completed_count)),
        Some(format!("failed {}", sample.failed_count)),
        Some(format!("in flight {}", sample.in_flight_count)),
        Some(format!("{:.0} chunks/s", sample.output_chunks_per_s.get())),
        figure(sample.ttft_p50_ms, "TTFT p50 ", "ms"),
        figure(sample.itl_p50_ms, "ITL p50 ", "ms"),
        Some(format!("sent {}", sample.sent_count)),
    ];
    whole.into_iter().flatten().collect()
}

/// The first figures that fit into `columns`, whole: a line that wraps leaves pieces behind.
fn as_many_as_fit(figures: &[String], columns: usize) -> String {
    let mut line = String::new();
    for figure in figures {
        let gap = if line.is_empty() { "" } else { "  " };
        // The last column stays free: some terminals wrap when it is written.
        if line.len() + gap.len() + figure.len() >= columns {
            break;
        }
        line.push_str(gap);
        line.push_str(figure);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_one_line_that_fits() {
        let sample = LiveSample {
            t_s: Finite::from(3),
            phase: LoadPhase::Measured,
            sent_count: 12,
            completed_count: 9,
            failed_count: 1,
            in_flight_count: 2,
            output_chunks_per_s: Finite::from(180),
            ttft_p50_ms: Finite::new(31.04),
            ttft_p99_ms: None,
            itl_p50_ms: None,
            done_fraction: Finite::new(0.5).unwrap(),
            remaining_s: Some(Finite::from(7)),
        };
        let figures = figures(&sample);
        let whole =
            "7.0 s left  done 9  failed 1  in flight 2  180 chunks/s  TTFT p50 31.0 ms  sent 12";
        assert_eq!(figures.join("  "), whole);
        assert_eq!(as_many_as_fit(&figures, 200), whole);
        let at_80 = "7.0 s left  done 9  failed 1  in flight 2";
        assert_eq!(as_many_as_fit(&figures, 80 - BAR_COLUMNS), at_80);
        assert_eq!(as_many_as_fit(&figures, 0), "");
        for columns in 1..120 {
            assert!(as_many_as_fit(&figures, columns).len() < columns);
        }
    }
}
