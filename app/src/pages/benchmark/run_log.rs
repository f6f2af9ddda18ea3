//! The log of a run, all stages or one.

use domain::id::BenchmarkId;
use domain::run::event::LOG_LINES_MAX;
use domain::run::{RunState, Stage, StageState};
use leptos::prelude::*;
use ui::button::LinkButton;
use ui::card::Card;
use ui::log_view::{LogLevel, LogLine, LogView};

use crate::routes;

/// Last lines of a stage that the page of a running benchmark shows: an engine that floods its log
/// must not hold up the page.
const LIVE_LINES_MAX: usize = 200;

/// Which lines are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Choice {
    /// Those of one stage.
    only: Option<Stage>,
    /// Those that hold this text, in small letters or capitals.
    needle: String,
    /// The last so many of each stage.
    most: usize,
}

impl Choice {
    fn holds(&self, line: &str) -> bool {
        self.needle.is_empty() || line.to_lowercase().contains(&self.needle)
    }
}

/// The lines of a choice in the order they were written.
fn lines_of(run: &RunState, choice: &Choice) -> Vec<LogLine> {
    let (only, most) = (choice.only, choice.most);
    let mut lines: Vec<_> = (0..)
        .zip(&run.stages)
        .filter(|(_, state)| only.is_none_or(|stage| stage == state.stage))
        .flat_map(|(place, state)| {
            let numbered = (place * LOG_LINES_MAX as u64..).zip(&state.log);
            let found = numbered.filter(|(_, (_, line))| choice.holds(line));
            // What is looked for may stand long before the last lines.
            found
                .skip(found_in(state, choice).saturating_sub(most))
                .map(|(number, (at, line))| (*at, number, state.stage, line))
        })
        .collect();
    // Stable: lines of one instant stay in the order of their stages.
    lines.sort_by_key(|(at, ..)| *at);
    lines
        .into_iter()
        .map(|(at, number, stage, line)| LogLine {
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

/// How many lines [`lines_of`] leaves out because they are not among the last.
fn left_out_of(run: &RunState, choice: &Choice) -> usize {
    let stages = run.stages.iter();
    let chosen = stages.filter(|state| choice.only.is_none_or(|stage| stage == state.stage));
    chosen
        .map(|state| found_in(state, choice).saturating_sub(choice.most))
        .sum()
}

/// How many lines of a stage hold what is looked for.
fn found_in(state: &StageState, choice: &Choice) -> usize {
    if choice.needle.is_empty() {
        return state.log.len();
    }
    let lines = state.log.iter();
    lines.filter(|(_, line)| choice.holds(line)).count()
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
    /// A run that goes on: its last lines are shown, and what its engine wrote until now can be had. The whole
    /// log shows once it is over.
    #[prop(optional)]
    live: Option<BenchmarkId>,
) -> impl IntoView {
    let only = RwSignal::new(None::<Stage>);
    let most = live.map_or(usize::MAX, |_| LIVE_LINES_MAX);
    let has_engine = Memo::new(move |_| {
        run.with(|run| run.engine_process_id.is_some() || run.engine_container.is_some())
    });
    let download = move || {
        let id = live.filter(|_| has_engine.get())?;
        Some(view! {
            <LinkButton href=routes::engine_log_file(id) is_external=true>"Download the engine’s"</LinkButton>
        })
    };
    let needle = RwSignal::new(String::new());
    let choice = Memo::new(move |_| Choice {
        only: only.get(),
        needle: needle.with(|text| text.trim().to_lowercase()),
        most,
    });
    let lines = Memo::new(move |_| run.with(|run| choice.with(|choice| lines_of(run, choice))));
    let left_out =
        Memo::new(move |_| run.with(|run| choice.with(|choice| left_out_of(run, choice))));
    let empty_text = Signal::derive(move || {
        choice.with(|choice| {
            if choice.needle.is_empty() {
                "Nothing logged yet.".to_owned()
            } else {
                format!("No line holds “{}”.", choice.needle)
            }
        })
    });
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
                    <input
                        class="control log-search needs-script"
                        type="search"
                        placeholder="Search"
                        aria-label="Search the log"
                        on:input=move |event| needle.set(event_target_value(&event))
                    />
                    <select class="control log-stage needs-script" aria-label="Stage shown" on:change=choose>
                        <option value="">"All stages"</option>
                        {options}
                    </select>
                    {download}
                }
            }
        >
            <LogView label="Log of the run" lines left_out empty_text is_tall />
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
        let choice = |only, most| Choice {
            only,
            needle: String::new(),
            most,
        };
        let texts = |only, most| -> Vec<String> {
            let lines = lines_of(&run, &choice(only, most)).into_iter();
            lines.map(|line| line.text).collect()
        };
        assert_eq!(
            texts(None, usize::MAX),
            [
                "Deploy engine: started",
                "Verify cluster connection: late line",
                "Deploy engine: ready"
            ]
        );
        let one = Some(Stage::DeployEngine);
        assert_eq!(texts(one, usize::MAX), ["started", "ready"]);
        assert_eq!(left_out_of(&run, &choice(None, usize::MAX)), 0);

        // Cut, a line keeps its number: the view knows it again.
        assert_eq!(texts(one, 1), ["ready"]);
        assert_eq!(left_out_of(&run, &choice(one, 1)), 1);
        assert_eq!(
            lines_of(&run, &choice(one, 1)).first(),
            lines_of(&run, &choice(one, 2)).last()
        );

        let found = Choice {
            needle: "read".to_owned(),
            ..choice(None, usize::MAX)
        };
        let found: Vec<LogLine> = lines_of(&run, &found);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text, "Deploy engine: ready");

        // What is looked for is found before the last lines, too.
        let early = Choice {
            needle: "start".to_owned(),
            ..choice(one, 1)
        };
        assert_eq!(lines_of(&run, &early)[0].text, "started");
        assert_eq!(left_out_of(&run, &early), 0);
    }
}
