//! The history page: filters, order, pages, choices.

use std::cmp::Ordering;

use domain::access::Role;
use domain::bounds::Bounds;
use domain::catalogue::Shown;
use domain::finite::Finite;
use domain::history::{BenchmarkRow, HistoryQuery, NameFilter, SortKey, parse_order};
use domain::id::{ClusterId, ModelId, UserId};
use domain::reruns::Purpose;
use domain::run::RunStatus;
use domain::run::event::RunOutcome;
use domain::workload::Arrival;
use domain::workload::arrival::ArrivalProcess;
use store::Store;

use crate::builders::{
    PlanExt, START, add_owner, at, benchmark_id, failed, finished, finite, plan, result, started,
    state_after, uuid,
};
use crate::place::for_each_database;

/// Benchmarks 1 to `count`: some with figures, some failed, some waiting, many with equal values.
async fn fill(store: &Store, count: u128) {
    let owner = add_owner(store).await;
    for number in 1..=count {
        let mut plan = plan(["Beta", "alpha", "gamma"][usize::try_from(number % 3).unwrap()])
            .tagged(if number % 2 == 0 {
                &["even", "all"]
            } else {
                &["all"]
            });
        plan.description = format!("number {number} of 100%");
        plan.model.id = ModelId(uuid(number % 4));
        plan.model.name = format!("Model {}", number % 4);
        plan.cluster.id = ClusterId(uuid(number % 2));
        plan.cluster.name = format!("cluster_{}", number % 2);
        plan.workload.arrival = if number % 5 == 0 {
            Arrival::open_loop(finite(1.0), ArrivalProcess::Constant)
        } else {
            Arrival::ClosedLoop {
                concurrency: u32::try_from(number % 7 + 1).unwrap(),
            }
        };
        let id = benchmark_id(number);
        let made_at = at(i64::try_from(number / 2).unwrap());
        store
            .insert_benchmark(id, &plan, owner, false, made_at)
            .await
            .unwrap();
        let end = match number % 3 {
            0 => continue,
            1 => {
                let ttft_ms = u64::try_from(number % 6 * 50).unwrap();
                let result = result(&plan, (ttft_ms > 0).then_some(ttft_ms));
                store.insert_result(id, &result, made_at).await.unwrap();
                finished(RunOutcome::Completed)
            }
            _ => failed("it broke"),
        };
        let state = state_after(&[started(), end]);
        store.update_status(id, &state, made_at).await.unwrap();
    }
}

/// Every row in the order of a query, page by page.
async fn read_all(store: &Store, query: &HistoryQuery) -> Vec<BenchmarkRow> {
    let mut rows = Vec::new();
    for page in 1.. {
        let query = HistoryQuery {
            page,
            ..query.clone()
        };
        let found = store.list_benchmarks(&query).await.unwrap();
        if found.rows.is_empty() {
            assert_eq!(usize::try_from(found.total_count).unwrap(), rows.len());
            break;
        }
        assert!(found.rows.len() <= usize::try_from(query.page_size).unwrap());
        rows.extend(found.rows);
    }
    rows
}

fn numbers(rows: &[BenchmarkRow]) -> Vec<u128> {
    rows.iter().map(|row| row.id.0.as_u128()).collect()
}

/// The order of one key, missing values last.
fn compare_key(a: &BenchmarkRow, b: &BenchmarkRow, sort: SortKey, is_descending: bool) -> Ordering {
    let turned = |order: Ordering| {
        if is_descending {
            order.reverse()
        } else {
            order
        }
    };
    let number = |value: fn(&BenchmarkRow) -> Option<Finite>| match (value(a), value(b)) {
        (Some(a), Some(b)) => turned(a.get().total_cmp(&b.get())),
        (a, b) => a.is_none().cmp(&b.is_none()),
    };
    let text = |value: fn(&BenchmarkRow) -> &str| {
        turned(value(a).to_lowercase().cmp(&value(b).to_lowercase()))
    };
    match sort {
        SortKey::Created => turned(a.created_at.cmp(&b.created_at)),
        SortKey::Name => text(|row| &row.name),
        SortKey::Status => text(|row| row.status.as_str()),
        SortKey::Model => text(|row| &row.model_name),
        SortKey::Cluster => text(|row| &row.cluster_name),
        SortKey::Concurrency => number(|row| row.concurrency.map(Finite::from)),
        SortKey::Throughput => number(|row| row.output_tok_per_s),
        SortKey::Ttft => number(|row| row.ttft_p50_ms),
        SortKey::Tpot => number(|row| row.tpot_p50_ms),
        SortKey::Duration => number(|row| row.duration_s),
        SortKey::ErrorRate => number(|row| row.error_rate),
    }
}

/// The order the page promises, told without a database.
fn compare(a: &BenchmarkRow, b: &BenchmarkRow, sort: SortKey, is_descending: bool) -> Ordering {
    let turned = |order: Ordering| {
        if is_descending {
            order.reverse()
        } else {
            order
        }
    };
    compare_key(a, b, sort, is_descending)
        .then_with(|| turned(a.created_at.cmp(&b.created_at)))
        .then_with(|| turned(a.id.cmp(&b.id)))
}

#[tokio::test]
async fn every_order_holds_over_all_pages_with_missing_values_last() {
    for_each_database(async |place| {
        fill(&place.store, 60).await;
        for sort in SortKey::ALL {
            for is_descending in [false, true] {
                let query = HistoryQuery::default().sorted_by(sort, is_descending);
                let rows = read_all(&place.store, &query).await;
                let mut expected = rows.clone();
                expected.sort_by(|a, b| compare(a, b, sort, is_descending));
                assert_eq!(rows.len(), 60);
                assert_eq!(
                    numbers(&rows),
                    numbers(&expected),
                    "{sort:?} {is_descending}"
                );
            }
        }
    })
    .await;
}

#[tokio::test]
async fn filters_narrow_together() {
    for_each_database(async |place| {
        let store = &place.store;
        fill(store, 24).await;
        let found = async |query: HistoryQuery| numbers(&read_all(store, &query).await);
        let expect = |fits: fn(u128) -> bool| -> Vec<u128> {
            (1..=24).rev().filter(|number| fits(*number)).collect()
        };
        let all = HistoryQuery::default;
        let with_status = |status: &[RunStatus]| HistoryQuery {
            status: status.to_vec(),
            ..all()
        };
        assert_eq!(
            found(with_status(&[RunStatus::Failed])).await,
            expect(|n| n % 3 == 2)
        );
        let both = [RunStatus::Failed, RunStatus::Queued];
        assert_eq!(found(with_status(&both)).await, expect(|n| n % 3 != 1));
        let model = HistoryQuery {
            model: Some(ModelId(uuid(3))),
            ..all()
        };
        assert_eq!(found(model.clone()).await, expect(|n| n % 4 == 3));
        let cluster = HistoryQuery {
            cluster: Some(ClusterId(uuid(0))),
            ..all()
        };
        assert_eq!(found(cluster).await, expect(|n| n % 2 == 0));
        let tags = ["all".to_owned(), "even".to_owned()];
        assert_eq!(
            found(HistoryQuery {
                tags: tags.to_vec(),
                ..all()
            })
            .await,
            expect(|n| n % 2 == 0)
        );
        let narrow = HistoryQuery {
            status: vec![RunStatus::Queued],
            search: "beta".to_owned(),
            ..model
        };
        assert_eq!(found(narrow).await, expect(|n| n % 4 == 3 && n % 3 == 0));
        let nothing = HistoryQuery {
            tags: vec!["odd".to_owned()],
            ..all()
        };
        assert_eq!(found(nothing).await, expect(|_| false));
    })
    .await;
}

#[tokio::test]
async fn a_search_finds_every_word_in_name_description_tags_or_id() {
    for_each_database(async |place| {
        let store = &place.store;
        fill(store, 24).await;
        store
            .set_tags(benchmark_id(5), &["täg_x".to_owned()], at(99))
            .await
            .unwrap();
        let found = async |search: &str| {
            let search = search.to_owned();
            numbers(
                &read_all(
                    store,
                    &HistoryQuery {
                        search,
                        ..HistoryQuery::default()
                    },
                )
                .await,
            )
        };
        assert_eq!(found("ALPHA even").await, [22, 16, 10, 4]);
        let with_seven = found("number 7 of").await;
        assert_eq!(with_seven, [23, 17, 7], "23 has it in its id");
        assert_eq!(found("TÄG_X").await, [5], "new tags are found");
        assert_eq!(found("täg%x").await, [], "a wildcard is a character");
        assert_eq!(found("00%").await.len(), 24);
        assert_eq!(found(r"\").await, []);
        assert_eq!(found("'; DROP TABLE users").await, []);
        assert_eq!(found(&benchmark_id(9).to_string()).await, [9]);
        let old_tag = HistoryQuery {
            tags: vec!["all".to_owned()],
            ..HistoryQuery::default()
        };
        assert!(!numbers(&read_all(store, &old_tag).await).contains(&5));
    })
    .await;
}

#[tokio::test]
async fn a_page_counts_and_offers_choices() {
    for_each_database(async |place| {
        let store = &place.store;
        let empty = store
            .list_benchmarks(&HistoryQuery::default())
            .await
            .unwrap();
        assert_eq!(
            (empty.rows.len(), empty.total_count, empty.active_count),
            (0, 0, 0)
        );
        fill(store, 30).await;
        store.set_tags(benchmark_id(1), &[], START).await.unwrap();
        let query = HistoryQuery {
            status: vec![RunStatus::Completed],
            page: 2,
            ..HistoryQuery::default()
        };
        let page = store.list_benchmarks(&query).await.unwrap();
        assert_eq!(
            (page.rows.len(), page.total_count, page.active_count),
            (0, 10, 10)
        );
        let models: Vec<_> = (0..4)
            .map(|n| (ModelId(uuid(n)), format!("Model {n}")))
            .collect();
        assert_eq!(page.choices.models, models);
        let clusters: Vec<_> = (0..2)
            .map(|n| (ClusterId(uuid(n)), format!("cluster_{n}")))
            .collect();
        assert_eq!(page.choices.clusters, clusters);
        assert_eq!(page.choices.tags, ["all", "even"], "most used first");
    })
    .await;
}

#[tokio::test]
async fn several_keys_sort_one_after_another() {
    for_each_database(async |place| {
        fill(&place.store, 40).await;
        for text in ["status,-ttft", "-model,name,-concurrency", "-created,ttft"] {
            let order = parse_order(text).unwrap();
            let query = HistoryQuery {
                order: order.clone(),
                ..HistoryQuery::default()
            };
            let rows = read_all(&place.store, &query).await;
            let mut expected = rows.clone();
            expected.sort_by(|a, b| {
                let by_terms = order
                    .iter()
                    .map(|term| compare_key(a, b, term.key, term.is_descending))
                    .find(|ordering| ordering.is_ne());
                by_terms.unwrap_or_else(|| compare(a, b, SortKey::Created, order[0].is_descending))
            });
            assert_eq!(rows.len(), 40);
            assert_eq!(numbers(&rows), numbers(&expected), "{text}");
        }
    })
    .await;
}

#[tokio::test]
async fn ranges_names_people_and_purposes_narrow() {
    for_each_database(async |place| {
        let store = &place.store;
        fill(store, 24).await;
        let bob = UserId(uuid(0xb0b));
        store
            .insert_user(bob, "bob", Role::Lead, "hash", START)
            .await
            .unwrap();
        let id = benchmark_id(25);
        store
            .insert_benchmark(id, &plan("ÄRGER 100%"), bob, false, at(99))
            .await
            .unwrap();
        let gating = Purpose::Gating;
        store
            .set_purpose(benchmark_id(7), gating, at(99))
            .await
            .unwrap();

        let found = async |query: HistoryQuery| read_all(store, &query).await;
        let all = HistoryQuery::default;
        let named = async |name: &str| {
            let name = NameFilter::part(name);
            numbers(&found(HistoryQuery { name, ..all() }).await)
        };
        assert_eq!(named("ärger").await, [25], "whatever the case");
        assert_eq!(named("0%").await, [25], "descriptions are not names");
        assert_eq!(named("ALPH").await.len(), 8);
        let owner = Some(bob);
        assert_eq!(numbers(&found(HistoryQuery { owner, ..all() }).await), [25]);
        let purpose = Some(gating);
        let rows = found(HistoryQuery { purpose, ..all() }).await;
        assert_eq!(numbers(&rows), [7]);
        assert_eq!(rows[0].purpose, gating);

        let bounds = |min: f64, max: f64| Bounds {
            min: Some(finite(min)),
            max: Some(finite(max)),
        };
        let concurrency = bounds(2.0, 3.0);
        let rows = found(HistoryQuery {
            concurrency,
            ..all()
        })
        .await;
        assert!(!rows.is_empty());
        assert!(
            rows.iter()
                .all(|row| matches!(row.concurrency, Some(2 | 3)))
        );
        let ttft_ms = bounds(50.0, 200.0);
        let rows = found(HistoryQuery { ttft_ms, ..all() }).await;
        assert!(!rows.is_empty());
        assert!(
            rows.iter()
                .all(|row| ttft_ms.contains(row.ttft_p50_ms) && row.ttft_p50_ms.is_some())
        );
        let none = Bounds {
            min: Some(finite(1e9)),
            max: None,
        };
        let query = HistoryQuery {
            tpot_ms: none,
            ..all()
        };
        assert_eq!(numbers(&found(query).await), []);
        let query = HistoryQuery {
            output_tok_per_s: none,
            ..all()
        };
        assert_eq!(numbers(&found(query).await), []);
        let page = store.list_benchmarks(&all()).await.unwrap();
        let names: Vec<&str> = page
            .choices
            .owners
            .iter()
            .map(|(_, name)| name.as_str())
            .collect();
        assert_eq!(names, ["alice", "bob"]);
    })
    .await;
}

#[tokio::test]
async fn archived_ones_are_shown_on_demand() {
    for_each_database(async |place| {
        let store = &place.store;
        fill(store, 12).await;
        let ended = benchmark_id(4);
        assert!(store.archive_benchmark(ended, true, at(50)).await.unwrap());
        assert!(
            !store.archive_benchmark(ended, true, at(51)).await.unwrap(),
            "it is so already"
        );
        let queued = benchmark_id(3);
        assert!(
            !store.archive_benchmark(queued, true, at(50)).await.unwrap(),
            "it goes on"
        );
        let found = async |shown: Shown| {
            let query = HistoryQuery {
                shown,
                ..HistoryQuery::default()
            };
            let page = store.list_benchmarks(&query).await.unwrap();
            (page.total_count, page.rows)
        };
        let (count, rows) = found(Shown::InUse).await;
        assert!(count == 11 && rows.iter().all(|row| row.archived_at.is_none()));
        let (_, rows) = found(Shown::Archived).await;
        assert_eq!(numbers(&rows), [4]);
        assert_eq!(rows[0].archived_at, Some(at(50)));
        assert_eq!(found(Shown::All).await.0, 12);
        assert!(store.archive_benchmark(ended, false, at(52)).await.unwrap());
        assert_eq!(found(Shown::Archived).await.0, 0);
    })
    .await;
}
