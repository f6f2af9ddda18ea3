//! How long the server needs for a page of the history, with many benchmarks in the database.
//!
//! `cargo bench -p store` fills an embedded database in a temporary folder with 10,000 benchmarks
//! and prints percentiles over pages of every order, filter and depth. `BENCHMARKS` changes how
//! many; `DATABASE_URL` names an empty database of `PostgreSQL` to use instead.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for developers: it prints figures, and a panic says what is wrong"
)]

#[path = "../tests/it/builders.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod builders;

use std::time::Instant;

use domain::bounds::Bounds;
use domain::catalogue::Shown;
use domain::history::{HistoryQuery, NameFilter, SortKey, parse_order};
use domain::id::{ModelId, UserId};
use domain::measure::quantile::percentile_of_sorted;
use domain::reruns::Purpose;
use domain::run::RunStatus;
use domain::run::event::RunOutcome;
use store::Store;

use builders::{
    PlanExt, add_owner, at, benchmark_id, failed, finished, plan, result, started, state_after,
    uuid,
};

/// Benchmarks in the database unless told otherwise.
const BENCHMARKS: u128 = 10_000;
/// Pages read for the figures, after as many to warm up as there are kinds.
const PAGES: usize = 400;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let store = match std::env::var("DATABASE_URL") {
        Ok(url) => Store::open(&url, folder.path()).await.unwrap(),
        Err(_) => Store::open_embedded(folder.path()).await.unwrap(),
    };
    let count = std::env::var("BENCHMARKS").map_or(BENCHMARKS, |text| text.parse().unwrap());
    let began = Instant::now();
    fill(&store, count).await;
    println!(
        "{}: {count} benchmarks, filled in {:.1} s",
        store.database_kind(),
        began.elapsed().as_secs_f64()
    );

    let kinds = kinds(u32::try_from(count).unwrap());
    let mut all = Vec::new();
    for (name, query) in &kinds {
        store.list_benchmarks(query).await.unwrap();
        let mut times_ms = Vec::new();
        for _ in 0..PAGES.div_ceil(kinds.len()) {
            let began = Instant::now();
            store.list_benchmarks(query).await.unwrap();
            times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        }
        print(name, times_ms.clone());
        all.extend(times_ms);
    }
    print("all pages", all);
    store.close().await;
}

fn print(name: &str, mut times_ms: Vec<f64>) {
    times_ms.sort_by(f64::total_cmp);
    let percentile = |p| percentile_of_sorted(&times_ms, p).unwrap();
    println!(
        "{name:<28} p50 {:7.2} ms   p99 {:7.2} ms   ({} pages)",
        percentile(50.0),
        percentile(99.0),
        times_ms.len()
    );
}

/// The pages people look at, by name.
fn kinds(count: u32) -> Vec<(String, HistoryQuery)> {
    let mut kinds = Vec::new();
    for sort in SortKey::ALL {
        for (direction, is_descending) in [("up", false), ("down", true)] {
            let query = HistoryQuery::default().sorted_by(sort, is_descending);
            kinds.push((format!("by {} {direction}", sort.as_str()), query));
        }
    }
    let all = HistoryQuery::default;
    let mut add = |name: &str, query| kinds.push((name.to_owned(), query));
    add(
        "last page",
        HistoryQuery {
            page: count / 25,
            ..all()
        },
    );
    add(
        "100 rows",
        HistoryQuery {
            page_size: 100,
            ..all()
        },
    );
    add(
        "search, many found",
        HistoryQuery {
            search: "chat load".to_owned(),
            ..all()
        },
    );
    add(
        "search, none found",
        HistoryQuery {
            search: "nowhere".to_owned(),
            ..all()
        },
    );
    let status = vec![RunStatus::Failed];
    add("failed only", HistoryQuery { status, ..all() });
    let model = Some(ModelId(uuid(3)));
    add(
        "one model, by throughput",
        HistoryQuery {
            model,
            ..all().sorted_by(SortKey::Throughput, false)
        },
    );
    let tags = vec!["gate".to_owned(), "tag 7".to_owned()];
    add("two tags", HistoryQuery { tags, ..all() });
    let purpose = Some(Purpose::Gating);
    add("gating only", HistoryQuery { purpose, ..all() });
    let shown = Shown::Archived;
    add("archived only", HistoryQuery { shown, ..all() });
    let shown = Shown::All;
    add("archived too", HistoryQuery { shown, ..all() });
    let at_most = |max: u32| Bounds {
        min: None,
        max: Some(max.into()),
    };
    add(
        "quick ones at a low load",
        HistoryQuery {
            ttft_ms: at_most(200),
            concurrency: at_most(8),
            ..all()
        },
    );
    let name = NameFilter::part("load 99");
    add("part of a name", HistoryQuery { name, ..all() });
    add(
        "three keys",
        HistoryQuery {
            order: parse_order("status,-ttft,name").unwrap(),
            ..all()
        },
    );
    kinds
}

/// Benchmarks like those of a team: nine in ten completed, a few waiting, three tags each.
async fn fill(store: &Store, count: u128) {
    let owner: UserId = add_owner(store).await;
    for number in 1..=count {
        let tag = format!("tag {}", number % 40);
        let mut plan = plan(&format!("Chat load {number} on the new engine"))
            .tagged(&["gate", "nightly", &tag]);
        plan.description
            .push_str("Compares the release candidate with the last one.");
        plan.model.id = ModelId(uuid(number % 12));
        plan.model.name = format!("Model {}", number % 12);
        let id = benchmark_id(number);
        let made_at = at(i64::try_from(number).unwrap());
        store
            .insert_benchmark(id, &plan, owner, false, made_at)
            .await
            .unwrap();
        let end = match number % 20 {
            0 if number + 400 > count => continue,
            0 => failed("The engine ended before it answered."),
            _ => {
                let ttft_ms = u64::try_from(number * 7919 % 3_000 + 20).unwrap();
                let result = result(&plan, Some(ttft_ms));
                store.insert_result(id, &result, made_at).await.unwrap();
                finished(RunOutcome::Completed)
            }
        };
        store
            .update_status(id, &state_after(&[started(), end]), made_at)
            .await
            .unwrap();
        if number % 10 == 3 {
            store.archive_benchmark(id, true, made_at).await.unwrap();
        }
        if number % 5 == 1 {
            let gating = Purpose::Gating;
            store.set_purpose(id, gating, made_at).await.unwrap();
        }
    }
}
