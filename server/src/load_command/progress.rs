//! Progress for a person: a bar on a terminal, or plain lines.

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use domain::load::{LiveSample, LoadEvent, LoadPhase};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::Style;

/// Steps of the bar.
const STEPS: u64 = 1_000;
/// Live samples come twice a second, and every second one is a line.
const SAMPLES_PER_LINE: u64 = 2;

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
        if let Ok(template) =
            ProgressStyle::with_template("{prefix:>8} {bar:24} {percent:>3} %  {msg}")
        {
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
                "{:6.1} s  {}  {:3.0} %  {figures}",
                sample.t_s.get(),
                phase_in_words(sample.phase),
                done * 100.0
            ));
        }
        self.sample_count += 1;
        self.bar.set_message(figures);
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

/// `sent 120  done 100  failed 0  in flight 20  1800 chunks/s  TTFT p50 31.0 ms  1 m left`
fn figures(sample: &LiveSample) -> String {
    let mut text = format!(
        "sent {}  done {}  failed {}  in flight {}  {:.0} chunks/s",
        sample.sent_count,
        sample.completed_count,
        sample.failed_count,
        sample.in_flight_count,
        sample.output_chunks_per_s.get(),
    );
    let more = [
        (sample.ttft_p50_ms, "TTFT p50 ", "ms"),
        (sample.itl_p50_ms, "ITL p50 ", "ms"),
        (sample.remaining_s, "", "s left"),
    ];
    for (value, name, unit) in more {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            let _ = write!(text, "  {name}{:.1} {unit}", value.get());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use domain::finite::Finite;

    use super::*;

    #[test]
    fn a_sample_is_one_line() {
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
        assert_eq!(
            figures(&sample),
            "sent 12  done 9  failed 1  in flight 2  180 chunks/s  TTFT p50 31.0 ms  7.0 s left"
        );
    }
}
