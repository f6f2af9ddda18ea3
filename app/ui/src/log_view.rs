//! The log of a run.

use leptos::html;
use leptos::prelude::*;

/// Lines kept in the page; the oldest go first, and the view says so.
pub const LOG_LINES_MAX: usize = 1_000;
/// Distance from the end that still counts as being at the end, in px.
const AT_END_PX: i32 = 24;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Goes as planned.
    #[default]
    Info,
    /// Worth a look.
    Warning,
    /// Something failed.
    Error,
}

impl LogLevel {
    fn class(self) -> &'static str {
        match self {
            Self::Info => "log-line",
            Self::Warning => "log-line warning",
            Self::Error => "log-line error",
        }
    }
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its own in the log, whatever else is shown: keeps lines apart while the view moves on.
    pub number: u64,
    /// When, ready to show.
    pub at: String,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says.
    pub text: String,
}

/// The last lines of a log. It follows new lines while the reader is at its end.
#[component]
pub fn LogView(
    /// What is logged: "Log of the engine".
    #[prop(into)]
    label: String,
    /// The lines, oldest first. More than [`LOG_LINES_MAX`] are cut at the front.
    #[prop(into)]
    lines: Signal<Vec<LogLine>>,
    /// Lines before these that the caller left out already.
    #[prop(into, optional)]
    left_out: Signal<usize>,
    /// What to say while there is no line.
    #[prop(into, default = "Nothing logged yet.".into())]
    empty_text: Signal<String>,
    /// For a page that shows little else.
    #[prop(optional)]
    is_tall: bool,
) -> impl IntoView {
    let node = NodeRef::<html::Div>::new();
    // A closure of the effect alone, so a plain cell would do; a stored value crosses threads.
    let is_at_end = StoredValue::new(true);
    Effect::new(move |_| {
        lines.track();
        let Some(log) = node.get() else { return };
        if is_at_end.get_value() {
            request_animation_frame(move || log.set_scroll_top(log.scroll_height()));
        }
    });
    let note_position = move |_| {
        if let Some(log) = node.get_untracked() {
            let below = log.scroll_height() - log.scroll_top() - log.client_height();
            is_at_end.set_value(below <= AT_END_PX);
        }
    };
    let cut_count = move || lines.with(|lines| lines.len().saturating_sub(LOG_LINES_MAX));
    let shown =
        move || lines.with(|lines| lines.iter().skip(cut_count()).cloned().collect::<Vec<_>>());
    let is_empty = Memo::new(move |_| lines.with(Vec::is_empty));
    view! {
        <div
            class=if is_tall { "log tall" } else { "log" }
            role="log"
            aria-label=label
            tabindex="0"
            node_ref=node
            on:scroll=note_position
        >
            {move || is_empty.get().then(|| view! { <p class="log-empty">{empty_text.get()}</p> })}
            {move || {
                let count = left_out.get() + cut_count();
                (count > 0).then(|| view! { <p class="log-cut">{format!("{count} earlier lines are left out here.")}</p> })
            }}
            <ol>
                // The text belongs to the key: a line is worded with its stage or without.
                <For each=shown key=|line| (line.number, line.text.clone()) let:line>
                    <li class=line.level.class()>
                        <time>{line.at}</time>
                        <span>{line.text}</span>
                    </li>
                </For>
            </ol>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_cut_at_the_front_and_says_so() {
        let html = Owner::new().with(|| {
            let lines: Vec<LogLine> = (0..1_003)
                .map(|number| LogLine {
                    number,
                    at: String::new(),
                    level: LogLevel::Info,
                    text: format!("line {number};"),
                })
                .collect();
            view! { <LogView label="Log" lines /> }.to_html()
        });
        assert_eq!(html.matches("<li").count(), LOG_LINES_MAX);
        assert!(html.contains("3 earlier lines are left out here."));
        assert!(
            !html.contains("line 2;") && html.contains("line 3;") && html.contains("line 1002;")
        );
    }
}
