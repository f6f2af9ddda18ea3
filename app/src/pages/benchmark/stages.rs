//! The stages of a run as its page shows them.

use domain::run::{RunState, StageState, StageStatus};
use domain::time::Timestamp;
use leptos::prelude::*;
use ui::card::Card;
use ui::format;
use ui::stages::{Stage, StageList, StageState as ShownState};

/// How long a stage took; one that goes on is counted up to `now`, where the time is known.
fn duration(state: &StageState, now: Option<Timestamp>) -> Option<String> {
    let started_at = state.started_at?;
    let end = state.ended_at.or(now)?;
    Some(format::duration_s(end.seconds_since(started_at).max(0.0)))
}

/// The stages in order. `now` comes from the browser's clock and is missing on the server.
pub fn stages_of(run: &RunState, now: Option<Timestamp>) -> Vec<Stage> {
    run.stages
        .iter()
        .map(|state| stage_of(state, now))
        .collect()
}

fn stage_of(stage: &StageState, now: Option<Timestamp>) -> Stage {
    let text = |text: &String| (!text.is_empty()).then(|| text.clone());
    let (state, reason) = match &stage.status {
        StageStatus::Pending => (ShownState::Waiting, None),
        // The last line says what it is doing.
        StageStatus::Running => (
            ShownState::Running,
            match &stage.progress {
                Some(progress) => Some(progress.in_words()),
                None => stage.log.last().map(|(_, line)| line.clone()),
            },
        ),
        StageStatus::Done { note } => (ShownState::Done, text(note)),
        StageStatus::Skipped { reason } => (ShownState::Skipped, text(reason)),
        StageStatus::Failed { reason } => (ShownState::Failed, text(reason)),
        StageStatus::Cancelled => (ShownState::Cancelled, None),
    };
    Stage {
        name: stage.stage.label().to_owned(),
        state,
        duration: duration(stage, now),
        reason,
        share: stage
            .progress
            .as_ref()
            .and_then(domain::run::StageProgress::share),
    }
}

/// The panel of stages.
#[component]
pub fn StagePanel(
    /// The stages.
    #[prop(into)]
    stages: Signal<Vec<Stage>>,
    /// When the run began, ready to show.
    #[prop(into, optional)]
    note: Option<String>,
) -> impl IntoView {
    match note {
        Some(note) => view! { <Card title="Stages" note><StageList stages /></Card> }.into_any(),
        None => view! { <Card title="Stages"><StageList stages /></Card> }.into_any(),
    }
}

#[cfg(test)]
mod tests {
    use domain::run::{JournalEntry, RunEvent, Stage as RunStage};

    use super::*;

    #[test]
    fn stages_tell_time_and_reason() {
        let at = Timestamp::from_seconds;
        let stage = RunStage::VerifyConnection;
        let event = |seq, seconds, event| JournalEntry {
            seq,
            at: at(seconds),
            event,
        };
        let mut run = RunState::of_journal(&[
            event(1, 10, RunEvent::StageStarted { stage }),
            event(
                2,
                10,
                RunEvent::Log {
                    stage,
                    line: "asking the endpoint".to_owned(),
                },
            ),
        ]);
        let shown = stages_of(&run, None);
        assert_eq!(shown[0].duration, None, "no clock on the server");
        assert_eq!(shown[0].reason.as_deref(), Some("asking the endpoint"));
        assert_eq!(
            stages_of(&run, Some(at(13)))[0].duration.as_deref(),
            Some("3.00 s")
        );

        let reason = "Nothing answers at this address.".to_owned();
        run.apply(&event(3, 12, RunEvent::StageFailed { stage, reason }));
        let shown = stages_of(&run, Some(at(99)));
        assert_eq!(shown[0].state, ShownState::Failed);
        assert_eq!(shown[0].duration.as_deref(), Some("2.00 s"));
    }
}
