//! This machine's accuracy: the selftest of the load generator, and the earlier ones.

pub mod table;

use std::time::Duration;

use domain::access::Role;
use domain::finite::Finite;
use domain::id::SelftestId;
use domain::measure::selftest::{
    LADDER, Level, LevelReport, Selftest, SelftestList, SelftestState, ceiling,
};
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use ui::badge::Badge;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind};
use ui::card::Card;
use ui::feedback::{EmptyState, Skeleton};
use ui::format;
use ui::layout::PageHeader;
use ui::progress::Progress;
use ui::table::{Column, Table};
use ui::tone::Tone;

use crate::api::selftests::{CancelSelftest, StartSelftest, list_selftests};
use crate::pages::parts::{action_failure, load_failed};
use crate::pages::rights::OnlyFor;
use table::LevelTable;

/// How often the page asks while a selftest goes on.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Levels of a selftest that the app starts: the ladder and the open loop.
const LEVEL_COUNT: usize = LADDER.len() + 1;

/// What it means, in a sentence.
pub const MEANING: &str = "A selftest lets the load generator measure a reference engine whose true times are known, at rising numbers of streams: the error is the difference between what it recorded and what the engine really sent.";

/// The page.
#[component]
pub fn AccuracyPage() -> impl IntoView {
    let start = ServerAction::<StartSelftest>::new();
    let cancel = ServerAction::<CancelSelftest>::new();
    let loaded = Resource::new(
        move || (start.version().get(), cancel.version().get()),
        |_| list_selftests(),
    );
    Effect::new(move |_| {
        let is_running =
            loaded.with(|loaded| matches!(loaded, Some(Ok(list)) if list.running().is_some()));
        if is_running {
            // The page may be gone when the timer ends; then there is nothing to ask for.
            let ask = set_timeout_with_handle(move || loaded.refetch(), ASK_EVERY);
            if let Ok(ask) = ask {
                on_cleanup(move || ask.clear());
            }
        }
    });
    let shown = move || {
        Suspend::new(async move {
            match loaded.await {
                Ok(list) => show(list, start, cancel),
                Err(error) => load_failed("The selftests", &error),
            }
        })
    };
    view! {
        <Title text="This machine's accuracy" />
        <PageHeader title="This machine’s accuracy" />
        <p class="muted">{MEANING}</p>
        {action_failure(start)}
        {action_failure(cancel)}
        <Transition fallback=|| view! { <Skeleton rows=8 label="Loading the selftests" /> }>{shown}</Transition>
    }
}

fn show(
    list: SelftestList,
    start: ServerAction<StartSelftest>,
    cancel: ServerAction<CancelSelftest>,
) -> AnyView {
    let running = list.running().map(|selftest| selftest.id);
    let SelftestList { host, selftests } = list;
    let form = match running {
        Some(id) => view! { <CancelForm id cancel /> }.into_any(),
        None => view! { <StartForm host start /> }.into_any(),
    };
    let Some(newest) = selftests.first().cloned() else {
        let text = "Until the first one, results cannot say how far off they may be.";
        return view! {
            {form}
            <EmptyState title="No selftest yet" text />
        }
        .into_any();
    };
    let rows = selftests.into_iter().map(history_row).collect_view();
    let columns = vec![
        Column::text("Started"),
        Column::text("Machine"),
        Column::text("By"),
        Column::text("State"),
        Column::numeric("Ceiling", "streams"),
    ];
    view! {
        {form}
        {newest_card(newest)}
        <Card title="History">
            <Table label="Selftests" columns>{rows}</Table>
        </Card>
    }
    .into_any()
}

#[component]
fn StartForm(host: String, start: ServerAction<StartSelftest>) -> impl IntoView {
    let host = StoredValue::new(host);
    view! {
        <OnlyFor least=Role::Operator>
            <div class="stack tight">
                <ActionForm action=start>
                    <input type="hidden" name="host" value=host.get_value() />
                    <Button kind=ButtonKind::Primary busy=start.pending()>"Start selftest"</Button>
                </ActionForm>
                <p class="note">
                    {format!("It takes about a minute and most of {}. Benchmarks that are queued meanwhile begin after it.", host.get_value())}
                </p>
            </div>
        </OnlyFor>
    }
    .into_any()
}

#[component]
fn CancelForm(id: SelftestId, cancel: ServerAction<CancelSelftest>) -> impl IntoView {
    view! {
        <OnlyFor least=Role::Operator>
            <ActionForm action=cancel>
                <input type="hidden" name="id" value=id.to_string() />
                <Button busy=cancel.pending()>"Cancel selftest"</Button>
            </ActionForm>
        </OnlyFor>
    }
    .into_any()
}

fn newest_card(newest: Selftest) -> AnyView {
    let note = format!("{}, {}", newest.host, newest.started_at.to_second_text());
    let done = newest.levels.len();
    let standing = match newest.state {
        SelftestState::Running => {
            let fraction = Finite::ratio(done as f64, LEVEL_COUNT as f64);
            let label = format!("{done} of {LEVEL_COUNT} levels measured");
            view! { <Progress label fraction=Signal::stored(fraction) /> }.into_any()
        }
        SelftestState::Failed => {
            let title = newest.reason.clone();
            view! { <Banner tone=Tone::Bad title /> }.into_any()
        }
        SelftestState::Cancelled => {
            let title = newest.reason.clone();
            view! { <Banner tone=Tone::Neutral title>" Levels measured until then stay; they count for no benchmark."</Banner> }
                .into_any()
        }
        SelftestState::Completed => verdict(&newest),
    };
    let reasons = newest.levels.iter().flat_map(|level| {
        let name = level.level.in_words();
        let words = level.reasons.iter();
        words.map(move |reason| view! { <li>{format!("{name}: {reason}")}</li> })
    });
    let reasons: Vec<_> = reasons.collect();
    let reasons = (!reasons.is_empty()).then(|| view! { <ul class="reasons note">{reasons}</ul> });
    let title = if newest.state == SelftestState::Running {
        "Selftest going on"
    } else {
        "Newest selftest"
    };
    view! {
        <Card title note>
            {standing}
            <LevelTable levels=newest.levels />
            {reasons}
        </Card>
    }
    .into_any()
}

fn verdict(selftest: &Selftest) -> AnyView {
    let Some(streams) = ceiling(&selftest.levels) else {
        let title =
            "No level stayed within its bounds: figures from this machine cannot be trusted.";
        return view! { <Banner tone=Tone::Bad title /> }.into_any();
    };
    let title = format!(
        "This machine’s honest ceiling is {} at once.",
        format::plural(u64::from(streams), "stream", "streams")
    );
    // A stall of the host can fail a level below the ceiling.
    let is_below = |level: &&LevelReport| matches!(level.level, Level::Closed { streams: own } if own < streams);
    let mut below = selftest.levels.iter().filter(is_below);
    let more = if below.all(LevelReport::is_within) {
        " Up to there every error stayed within its bound."
    } else {
        " There every error stayed within its bound, but not at every level below: the reasons stand under the table."
    };
    view! { <Banner tone=Tone::Good title>{more}</Banner> }.into_any()
}

fn history_row(selftest: Selftest) -> impl IntoView {
    let (tone, word) = match selftest.state {
        SelftestState::Running => (Tone::Running, "running"),
        SelftestState::Completed => (Tone::Good, "completed"),
        SelftestState::Failed => (Tone::Bad, "broke off"),
        SelftestState::Cancelled => (Tone::Neutral, "cancelled"),
    };
    let ceiling = match ceiling(&selftest.levels) {
        Some(streams) if selftest.state == SelftestState::Completed => {
            format::count(u64::from(streams))
        }
        _ => format::MISSING.to_owned(),
    };
    view! {
        <tr>
            <th scope="row">{selftest.started_at.to_second_text()}</th>
            <td>{selftest.host}</td>
            <td>{selftest.started_by}</td>
            <td><Badge tone label=word title=selftest.reason /></td>
            <td class="numeric">{ceiling}</td>
        </tr>
    }
}
