//! The log of a run, all stages or one.

use domain::run::{RunState, Stage};
use leptos::prelude::*;
use ui::card::Card;
use ui::log_view::{LogLevel, LogLine, LogView};

/// The lines of one stage, or of all in the order they were written.
pub fn lines_of(run: &RunState, only: Option<Stage>) -> Vec<LogLine> {
    let shown = run
        .stages
        .iter()
        .filter(|state| only.is_none_or(|stage| stage == state.stage));
    let mut lines: Vec<_> = shown
        .flat_map(|state| {
            let stage = state.stage;
            state.log.iter().map(move |(at, line)| (*at, stage, line))
        })
        .collect();
    // Stable: lines of one instant stay in the order of their stages.
    lines.sort_by_key(|(at, ..)| *at);
    (0u64..)
        .zip(lines)
        .map(|(number, (at, stage, line))| LogLine {
            number,
            at: at.to_clock_text(),
            level: LogLevel::Info,
            text: if only.is_some() {
                line.clone()
            } else {
                format!("{}: {line}", stage.label())
            },
        })
        .collect()
}

/// The panel with the log and the choice of a stage.
#[component]
pub fn RunLog(
    /// The run.
    #[prop(into)]
    run: Signal<RunState>,
    /// For a page that shows little else.
    #[prop(optional)]
    is_tall: bool,
) -> impl IntoView {
    let only = RwSignal::new(None::<Stage>);
    let lines = Memo::new(move |_| run.with(|run| lines_of(run, only.get())));
    let choose = move |event| {
        let name = event_target_value(&event);
        only.set(Stage::ALL.into_iter().find(|stage| stage.as_str() == name));
    };
    let options = Stage::ALL.into_iter().map(|stage| {
        view! { <option value=stage.as_str()>{stage.label()}</option> }
    });
    let options = options.collect_view();
    view! {
        <Card
            title="Log"
            note="times in UTC"
            actions=move || {
                view! {
                    <select class="control log-stage needs-script" aria-label="Stage shown" on:change=choose>
                        <option value="">"All stages"</option>
                        {options}
                    </select>
                }
            }
        >
            <LogView label="Log of the run" lines is_tall />
        </Card>
    }
}

#[cfg(test)]
mod tests {
    use domain::run::{JournalEntry, RunEvent};
    use domain::time::Timestamp;

    use super::*;

    #[test]
    fn lines_stand_in_time_order_and_can_be_narrowed() {
        let log = |seq, stage, line: &str| JournalEntry {
            seq,
            at: Timestamp::from_seconds(seq),
            event: RunEvent::Log {
                stage,
                line: line.to_owned(),
            },
        };
        let run = RunState::of_journal(&[
            log(1, Stage::DeployEngine, "started"),
            log(2, Stage::VerifyConnection, "late line"),
            log(3, Stage::DeployEngine, "ready"),
        ]);
        let all: Vec<String> = lines_of(&run, None).into_iter().map(|l| l.text).collect();
        assert_eq!(
            all,
            [
                "Deploy engine: started",
                "Verify cluster connection: late line",
                "Deploy engine: ready"
            ]
        );
        let one: Vec<String> = lines_of(&run, Some(Stage::DeployEngine))
            .into_iter()
            .map(|l| l.text)
            .collect();
        assert_eq!(one, ["started", "ready"]);
    }
}
