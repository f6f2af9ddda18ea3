//! Datasets: their rows in the registry, and their files.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::catalogue::Shown;
use domain::dataset::{
    ChatRole, Dataset, DatasetEdit, DatasetFormat, DatasetQuery, DatasetRow, DatasetState,
    LengthCounts, Message, RejectReason, RejectedRow, Rejections, TokenizerUsed,
};
use domain::id::{DatasetId, UserId};
use domain::time::Timestamp;
use domain::workload::{AnswerLengths, PlannedDataset, Prompts};
use store::{ImportedDataset, Store, StoreError, Used};

use crate::builders::{START, add_owner, benchmark_id, plan, uuid};
use crate::place::{Place, for_each_database};

static NEXT_ID: AtomicU32 = AtomicU32::new(1);
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn dataset(name: &str) -> Dataset {
    Dataset {
        id: DatasetId(uuid(NEXT_ID.fetch_add(1, Ordering::Relaxed).into())),
        name: name.to_owned(),
        description: "100% of the chats".to_owned(),
        format: DatasetFormat::ShareGpt,
        state: DatasetState::Importing,
        failure: None,
        file_name: "Chats.json".to_owned(),
        file_sha256: "f".repeat(64),
        file_bytes: 1_000,
        read_bytes: 0,
        sha256: None,
        bytes: 0,
        row_count: 0,
        rejected_count: 0,
        has_multi_turn: false,
        tokenizer: TokenizerUsed::Estimate,
        input: None,
        output: None,
        rejections: Rejections::default(),
        is_builtin: false,
        owner_name: None,
        created_at: Timestamp(7),
        archived_at: None,
    }
}

fn imported() -> ImportedDataset {
    let mut input = LengthCounts::default();
    for tokens in [3, 5, 5, 900] {
        input.add(tokens);
    }
    let mut rejections = Rejections::default();
    rejections.add(RejectedRow {
        line: 4,
        reason: RejectReason::NotJson,
        detail: "Column 3: expected value.".to_owned(),
    });
    ImportedDataset {
        sha256: ABC.to_owned(),
        bytes: 3,
        row_count: 4,
        has_multi_turn: true,
        input,
        output: LengthCounts::default(),
        rejections,
    }
}

async fn insert(store: &Store, dataset: &Dataset, owner: Option<UserId>) {
    store.insert_dataset(dataset, owner, "here").await.unwrap();
}

#[tokio::test]
async fn an_import_goes_from_its_beginning_to_ready() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let new = dataset("Chats");
        insert(store, &new, Some(alice)).await;
        store
            .save_import_progress(new.id, 400, 2, 1, Timestamp(8))
            .await
            .unwrap();
        let half = store.find_dataset(new.id).await.unwrap().unwrap();
        assert_eq!(
            (half.read_bytes, half.row_count, half.rejected_count),
            (400, 2, 1)
        );
        assert_eq!(half.owner_name.as_deref(), Some("alice"));
        assert!(!half.is_usable());
        assert_eq!(store.list_usable_datasets().await.unwrap(), []);

        store.finish_import(new.id, &imported()).await.unwrap();
        let ready = store.find_dataset(new.id).await.unwrap().unwrap();
        assert!(ready.is_usable() && ready.has_multi_turn);
        assert_eq!(ready.sha256.as_deref(), Some(ABC));
        assert_eq!(ready.read_bytes, ready.file_bytes);
        assert_eq!(ready.rejections, imported().rejections);
        assert_eq!(ready.rejected_count, 1);
        assert_eq!(ready.input, imported().input.summary());
        assert_eq!(ready.output, None);
        let (input, output) = store.find_dataset_lengths(new.id).await.unwrap().unwrap();
        assert_eq!((input, output), (imported().input, LengthCounts::default()));
        let usable = store.list_usable_datasets().await.unwrap();
        assert_eq!(
            usable[0].rejections,
            Rejections::default(),
            "lists leave them out"
        );

        let again = store.finish_import(new.id, &imported()).await;
        assert!(matches!(again, Err(StoreError::NotFound)), "{again:?}");
        let late = store
            .fail_import(new.id, "too late", &Rejections::default())
            .await;
        assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
    })
    .await;
}

#[tokio::test]
async fn names_are_unique_among_those_that_did_not_fail() {
    for_each_database(async |place| {
        let store = &place.store;
        let first = dataset("Chats");
        insert(store, &first, None).await;
        let taken = store.insert_dataset(&dataset("cHATS"), None, "here").await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        assert!(store.is_dataset_name_taken("CHATS").await.unwrap());

        store
            .fail_import(first.id, "It is no array.", &imported().rejections)
            .await
            .unwrap();
        let failed = store.find_dataset(first.id).await.unwrap().unwrap();
        assert_eq!(failed.failure.as_deref(), Some("It is no array."));
        assert_eq!(failed.rejected_count, 1);
        assert!(!store.is_dataset_name_taken("Chats").await.unwrap());
        let second = dataset("Chats");
        insert(store, &second, None).await;
        let other = dataset("Other");
        insert(store, &other, None).await;
        let edit = DatasetEdit {
            name: "chats".to_owned(),
            description: String::new(),
        };
        let taken = store.update_dataset(other.id, &edit).await;
        assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
        store.update_dataset(second.id, &edit).await.unwrap();
        assert_eq!(
            store.find_dataset(second.id).await.unwrap().unwrap().name,
            "chats"
        );
    })
    .await;
}

#[tokio::test]
async fn lists_are_searched_paged_and_leave_archived_ones_out() {
    for_each_database(async |place| {
        let store = &place.store;
        let builtin = Dataset {
            is_builtin: true,
            ..dataset("Zoo")
        };
        insert(store, &builtin, None).await;
        for name in ["beta", "Alpha", "gamma_1"] {
            insert(store, &dataset(name), None).await;
        }
        let names = async |query: DatasetQuery| -> (Vec<String>, u32) {
            let page = store.list_datasets(&query).await.unwrap();
            let names = page.datasets.into_iter().map(|dataset| dataset.name);
            (names.collect(), page.total_count)
        };
        let all = names(DatasetQuery::default()).await;
        assert_eq!(
            all,
            (
                ["Zoo", "Alpha", "beta", "gamma_1"]
                    .map(String::from)
                    .to_vec(),
                4
            )
        );
        let second = DatasetQuery {
            page: 2,
            page_size: 3,
            ..DatasetQuery::default()
        };
        assert_eq!(names(second).await, (vec!["gamma_1".to_owned()], 4));
        let search = |text: &str| DatasetQuery {
            search: text.to_owned(),
            ..DatasetQuery::default()
        };
        assert_eq!(names(search("chats.JSON alp")).await.0, ["Alpha"]);
        assert_eq!(names(search("a_1")).await.0, ["gamma_1"], "no pattern");
        assert_eq!(names(search("100%")).await.1, 4);

        store
            .archive_dataset(builtin.id, Some(Timestamp(9)))
            .await
            .unwrap();
        assert_eq!(names(DatasetQuery::default()).await.1, 3);
        let archived = DatasetQuery {
            shown: Shown::Archived,
            ..DatasetQuery::default()
        };
        assert_eq!(names(archived).await.0, ["Zoo"]);
        let all = DatasetQuery {
            shown: Shown::All,
            ..search("chats")
        };
        assert_eq!(names(all).await.1, 4);
        store.archive_dataset(builtin.id, None).await.unwrap();
        assert_eq!(names(DatasetQuery::default()).await.1, 4);
        assert!(store.has_builtin_dataset(&"f".repeat(64)).await.unwrap());
        assert!(!store.has_builtin_dataset(&"e".repeat(64)).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn abandoned_imports_fail_and_others_go_on() {
    for_each_database(async |place| {
        let store = &place.store;
        let (mine, lively, silent) = (dataset("mine"), dataset("lively"), dataset("silent"));
        insert(store, &mine, None).await;
        for other in [&lively, &silent] {
            store
                .insert_dataset(other, None, "elsewhere")
                .await
                .unwrap();
        }
        store
            .save_import_progress(lively.id, 1, 0, 0, Timestamp(1_000))
            .await
            .unwrap();
        let failed = store
            .fail_abandoned_imports("here", Timestamp(500), "The server stopped.")
            .await;
        assert_eq!(failed.unwrap(), 2);
        let state = async |id| store.find_dataset(id).await.unwrap().unwrap().state;
        assert_eq!(state(mine.id).await, DatasetState::Failed);
        assert_eq!(state(silent.id).await, DatasetState::Failed);
        assert_eq!(state(lively.id).await, DatasetState::Importing);
        store.delete_dataset(mine.id).await.unwrap();
        let gone = store
            .save_import_progress(mine.id, 1, 0, 0, Timestamp(9))
            .await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
    })
    .await;
}

fn row(line: u32) -> DatasetRow {
    DatasetRow {
        line,
        messages: vec![Message::new(ChatRole::User, format!("question {line}"))],
        input_tokens: 2,
        output_tokens: None,
    }
}

#[tokio::test]
async fn rows_are_read_a_page_at_a_time_and_unused_files_go() {
    let place = Place::embedded().await;
    let store = &place.store;
    let file = place.folder.path().join("rows");
    let lines: Vec<String> = (1..=250)
        .map(|line| serde_json::to_string(&row(line)).unwrap())
        .collect();
    std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    let (sha256, _) = store.put_dataset_file(&file).await.unwrap();
    let page = store.read_dataset_rows(&sha256, 120, 3).await.unwrap();
    assert_eq!(page, [row(121), row(122), row(123)]);
    assert_eq!(
        store.read_dataset_rows(&sha256, 249, 100).await.unwrap(),
        [row(250)]
    );
    assert_eq!(store.read_dataset_rows(&sha256, 250, 1).await.unwrap(), []);
    assert_eq!(
        store
            .read_dataset_rows(&sha256, 0, 1_000)
            .await
            .unwrap()
            .len(),
        100
    );
    assert!(store.dataset_file(&sha256).unwrap().exists());
    for name in ["../../assay.db", &"0".repeat(64)] {
        let missing = store.read_dataset_rows(name, 0, 1).await;
        assert!(matches!(missing, Err(StoreError::NotFound)), "{missing:?}");
    }

    let used = dataset("used");
    insert(store, &used, None).await;
    let used_file = ImportedDataset {
        sha256: sha256.clone(),
        ..imported()
    };
    store.finish_import(used.id, &used_file).await.unwrap();
    std::fs::write(&file, "abc").unwrap();
    store.put_dataset_file(&file).await.unwrap();
    let half_written = store.dataset_file(ABC).unwrap().with_extension("jsonl#1");
    std::fs::write(&half_written, "ab").unwrap();
    assert_eq!(store.sweep_dataset_files().await.unwrap(), 2);
    assert!(store.dataset_file(&sha256).unwrap().exists());
    assert!(!store.dataset_file(ABC).unwrap().exists() && !half_written.exists());

    assert!(store.is_dataset_file_used(&sha256).await.unwrap());
    store.delete_dataset_file(&sha256).await.unwrap();
    store.delete_dataset_file(&sha256).await.unwrap();
    assert!(!store.dataset_file(&sha256).unwrap().exists());
}

#[tokio::test]
async fn a_dataset_that_a_benchmark_draws_from_stays() {
    for_each_database(async |place| {
        let store = &place.store;
        let alice = add_owner(store).await;
        let (used, unused) = (dataset("Used"), dataset("Unused"));
        for dataset in [&used, &unused] {
            insert(store, dataset, None).await;
            store.finish_import(dataset.id, &imported()).await.unwrap();
        }
        let drawing_from = |dataset: &Dataset| {
            let mut plan = plan("Drawing");
            plan.workload.prompts = Prompts::Datasets {
                datasets: vec![PlannedDataset {
                    id: dataset.id,
                    name: dataset.name.clone(),
                    sha256: ABC.to_owned(),
                    row_count: 4,
                }],
                answer_lengths: AnswerLengths::Rows,
            };
            plan
        };
        let id = benchmark_id(1);
        store
            .insert_benchmark(id, &drawing_from(&used), alice, false, START)
            .await
            .unwrap();
        let uses = store.used_by(Used::Dataset(used.id)).await.unwrap();
        assert_eq!((uses.benchmark_count, uses.newest[0].id), (1, id));
        let refused = store.delete_dataset(used.id).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );

        let uses = store.used_by(Used::Dataset(unused.id)).await.unwrap();
        assert_eq!(uses.benchmark_count, 0);
        store.delete_dataset(unused.id).await.unwrap();
        let gone = store.delete_dataset(unused.id).await;
        assert!(matches!(gone, Err(StoreError::NotFound)), "{gone:?}");
        let late = store
            .insert_benchmark(benchmark_id(2), &drawing_from(&unused), alice, false, START)
            .await;
        assert!(matches!(late, Err(StoreError::NotFound)), "{late:?}");
        assert_eq!(store.find_row(benchmark_id(2)).await.unwrap(), None);
    })
    .await;
}
