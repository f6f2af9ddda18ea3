//! One benchmark: live while it runs, its result afterwards.

pub mod accuracy;
pub mod cards;
pub mod care;
pub mod charts;
pub mod client_health;
pub mod ended_view;
#[cfg(test)]
mod fixture;
pub mod group;
pub mod header;
pub mod late_cleanups;
pub mod lengths;
pub mod live_charts;
pub mod live_view;
pub mod manifest;
pub mod objectives;
pub mod origins;
pub mod other_tools;
pub mod request_filters;
pub mod requests;
pub mod result_view;
pub mod run_log;
pub mod scatter;
pub mod stages;
pub mod url;
pub mod verdict;

use domain::history::{BenchmarkDetail, BenchmarkRow};
use domain::id::BenchmarkId;
use domain::run::RunState;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::{use_params_map, use_query_map};
use serde::{Deserialize, Serialize};
use ui::feedback::Skeleton;

use crate::api::ApiError;
use crate::api::benchmarks::{
    get_benchmark, get_engine_log, get_lengths, get_run_state, get_scatter, list_requests,
    list_reruns,
};
use crate::pages::parts::{load_failed, no_such};
use ended_view::EndedView;
use group::RerunGroup;
use live_view::LiveView;
use result_view::{ResultView, TabData};
use url::{ResultTab, ResultUrl};

/// What the page starts from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Loaded {
    detail: BenchmarkDetail,
    run: RunState,
    engine_log: Option<String>,
    /// The runs of the same plan, in order; none for the only one.
    reruns: Vec<BenchmarkRow>,
}

impl Loaded {
    async fn load(id: Option<BenchmarkId>) -> Result<Self, ApiError> {
        let Some(id) = id else {
            return Err(no_such("benchmark"));
        };
        let detail = get_benchmark(id).await?;
        let run = get_run_state(id).await?;
        let reruns = match detail.rerun {
            Some(rerun) if rerun.last_index > 1 => list_reruns(id).await?,
            _ => Vec::new(),
        };
        // A log that cannot be read must not hide the result.
        let engine_log = if detail.status.is_terminal() {
            get_engine_log(id).await.unwrap_or_default()
        } else {
            None
        };
        Ok(Self {
            detail,
            run,
            engine_log,
            reruns,
        })
    }

    /// Whether this is the run `id`, with a result. When the address has just changed, what is loaded
    /// can still be the run before, whose result says nothing of this one's.
    fn has_result_of(&self, id: BenchmarkId) -> bool {
        self.detail.id == id && self.detail.result.is_some()
    }
}

/// The page.
#[component]
pub fn BenchmarkPage() -> impl IntoView {
    let (params, query) = (use_params_map(), use_query_map());
    let id = Memo::new(move |_| {
        params.with(|params| {
            params
                .get_str("id")
                .and_then(|id| id.parse::<BenchmarkId>().ok())
        })
    });
    let url = Memo::new(move |_| query.with(|query| ResultUrl::read(|name| query.get(name))));
    let loaded = Resource::new(move || id.get(), Loaded::load);
    let data = tab_data(id, url, loaded);
    let reload = Callback::new(move |()| loaded.refetch());
    view! {
        <Transition fallback=|| view! { <Skeleton rows=10 label="Loading the benchmark" /> }>
            {move || Suspend::new(async move {
                match loaded.await {
                    Ok(loaded) => show(loaded, url, data, reload),
                    Err(error) => load_failed("The benchmark", &error),
                }
            })}
        </Transition>
    }
    .into_any()
}

fn show(loaded: Loaded, url: Memo<ResultUrl>, data: TabData, reload: Callback<()>) -> AnyView {
    let Loaded {
        detail,
        run,
        engine_log,
        reruns,
    } = loaded;
    let name = detail.plan.name.clone();
    let group = view! { <RerunGroup id=detail.id reruns /> }.into_any();
    let body = if !detail.status.is_terminal() {
        view! { <LiveView detail run on_end=reload /> {group} }.into_any()
    } else if let Some(result) = detail.result.clone() {
        view! { <ResultView detail result run engine_log url data group /> }.into_any()
    } else if detail.status == domain::run::RunStatus::Completed {
        result_view::no_result()
    } else {
        view! { <EndedView detail run engine_log /> {group} }.into_any()
    };
    view! {
        <Title text=name />
        {body}
    }
    .into_any()
}

/// What the tabs load: only what is open, only when there is a result, and again when one has come.
fn tab_data(
    id: Memo<Option<BenchmarkId>>,
    url: Memo<ResultUrl>,
    loaded: Resource<Result<Loaded, ApiError>>,
) -> TabData {
    let edition = RwSignal::new(0_u32);
    Effect::new(move |before: Option<Option<(BenchmarkId, bool)>>| {
        let now = loaded.with(|loaded| {
            let loaded = loaded.as_ref()?.as_ref().ok()?;
            Some((loaded.detail.id, loaded.detail.result.is_some()))
        });
        if before.is_some_and(|before| before != now) {
            edition.update(|edition| *edition = edition.wrapping_add(1));
        }
        now
    });
    let query = Memo::new(move |_| {
        url.with(|url| (url.tab == ResultTab::Requests).then(|| url.requests.clone()))
    });
    let axes = Memo::new(move |_| {
        url.with(|url| (url.tab == ResultTab::Overview).then_some((url.x, url.y)))
    });
    let bins =
        Memo::new(move |_| url.with(|url| (url.tab == ResultTab::Overview).then_some(url.lengths)));
    let requests = Resource::new(
        move || (id.get(), query.get(), edition.get()),
        move |(id, query, _)| async move {
            match (id, query, loaded.await) {
                (Some(id), Some(query), Ok(loaded)) if loaded.has_result_of(id) => {
                    list_requests(id, query).await.map(Some)
                }
                _ => Ok(None),
            }
        },
    );
    let scatter = Resource::new(
        move || (id.get(), axes.get(), edition.get()),
        move |(id, axes, _)| async move {
            match (id, axes, loaded.await) {
                (Some(id), Some((x, y)), Ok(loaded)) if loaded.has_result_of(id) => {
                    let url = ResultUrl {
                        x,
                        y,
                        ..ResultUrl::default()
                    };
                    let (x, y) = scatter::fields(&url, &loaded.detail.plan.workload);
                    get_scatter(id, x, y).await.map(Some)
                }
                _ => Ok(None),
            }
        },
    );
    let lengths = Resource::new(
        move || (id.get(), bins.get(), edition.get()),
        move |(id, bins, _)| async move {
            match (id, bins, loaded.await) {
                (Some(id), Some(bins), Ok(loaded)) if loaded.has_result_of(id) => {
                    get_lengths(id, bins.side, bins.bin_count).await.map(Some)
                }
                _ => Ok(None),
            }
        },
    );
    TabData {
        requests,
        scatter,
        lengths,
    }
}
