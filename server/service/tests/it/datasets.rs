//! Datasets: from a file to rows, and what is left when it does not come to that.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::access::Role;
use domain::dataset::{
    ChatRole, Dataset, DatasetEdit, DatasetForm, DatasetQuery, DatasetState, RejectReason,
    TokenizerUsed,
};
use domain::id::DatasetId;
use service::datasets::{
    BUILTIN_NAME, archive_dataset, begin_upload, delete_dataset, get_dataset, list_datasets,
    list_rows, list_usable_datasets, prepare, stop, update_dataset,
};
use service::{Actor, Ctx, ServiceError};

use crate::house::{House, field_errors};

fn form(name: &str, file_name: &str) -> DatasetForm {
    DatasetForm {
        name: name.to_owned(),
        file_name: file_name.to_owned(),
        ..DatasetForm::default()
    }
}

async fn upload(ctx: &Ctx, actor: &Actor, form: &DatasetForm, text: &[u8]) -> Dataset {
    let mut upload = begin_upload(ctx, actor, form, None).await.unwrap();
    for piece in text.chunks(7_000) {
        upload.write(piece).await.unwrap();
    }
    upload.finish().await.unwrap()
}

/// The dataset as its import leaves it.
async fn ended(ctx: &Ctx, actor: &Actor, id: DatasetId) -> Dataset {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    loop {
        looks.tick().await;
        let dataset = get_dataset(ctx, actor, id).await.unwrap();
        if dataset.state != DatasetState::Importing {
            return dataset;
        }
    }
}

async fn import(ctx: &Ctx, actor: &Actor, form: &DatasetForm, text: &str) -> Dataset {
    let begun = upload(ctx, actor, form, text.as_bytes()).await;
    ended(ctx, actor, begun.id).await
}

/// Every file that an import may leave.
fn files(house: &House) -> Vec<PathBuf> {
    fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["imports", "artifacts/datasets"] {
        collect(&house.folder().join(folder), &mut found);
    }
    found
}

#[tokio::test]
async fn every_format_comes_to_the_same_rows() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let files = [
        (
            "a.jsonl",
            "\u{feff}{\"prompt\": \"Why so late?\", \"output_tokens\": 4}\r\n\r\n{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": \"How?\"}]}\r\n",
            vec![(1, 3, Some(4)), (3, 3, None)],
        ),
        (
            "a.json",
            "[{\"conversations\": [\n{\"from\": \"human\", \"value\": \"Why so late?\"},\n{\"from\": \"gpt\", \"value\": \"It rained all day.\"}]},\n{\"conversations\": [{\"from\": \"human\", \"value\": \"How?\"}]}]",
            vec![(1, 3, Some(4)), (4, 1, None)],
        ),
        (
            "b.json",
            "[\n  {\"instruction\": \"Why so late?\", \"input\": \"\", \"output\": \"It rained all day.\"}\n]\n",
            vec![(2, 3, Some(4))],
        ),
        (
            "a.csv",
            "prompt,output_tokens\n\"Why so\nlate?\",4\n\nHow?,\n",
            vec![(2, 3, Some(4)), (5, 1, None)],
        ),
        (
            "b.csv",
            "instruction,input,output\r\nWhy so late?,,It rained all day.\r\nAdd.,1 2,\r\n",
            vec![(2, 3, Some(4)), (3, 3, None)],
        ),
    ];
    for (file_name, text, expected) in files {
        let dataset = import(ctx, &ada, &form(file_name, file_name), text).await;
        assert_eq!(
            dataset.state,
            DatasetState::Ready,
            "{file_name}: {dataset:?}"
        );
        assert_eq!(
            dataset.rejected_count, 0,
            "{file_name}: {:?}",
            dataset.rejections
        );
        let page = list_rows(ctx, &ada, dataset.id, 0, 10).await.unwrap();
        let rows: Vec<_> = page
            .rows
            .iter()
            .map(|row| (row.line, row.input_tokens, row.output_tokens))
            .collect();
        assert_eq!(rows, expected, "{file_name}");
        let last = page.rows[0].messages.last().unwrap();
        assert_eq!(last.role, ChatRole::User);
        assert!(last.content.starts_with("Why so"), "{last:?}");
    }
}

#[tokio::test]
async fn broken_rows_are_counted_and_shown_with_their_lines() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let long = "x".repeat(1_000_001);
    let text = format!(
        "{{\"prompt\": \"one\"}}\nnot json\n{{\"prompt\": \"\"}}\n{{\"prompt\": \"{long}\"}}\n{{\"prompt\": \"two\"}}"
    );
    let dataset = import(ctx, &ada, &form("mixed", "mixed.jsonl"), &text).await;
    assert_eq!((dataset.row_count, dataset.rejected_count), (2, 3));
    let examples = &dataset.rejections.examples;
    let found: Vec<_> = examples.iter().map(|row| (row.line, row.reason)).collect();
    let expected = [
        (2, RejectReason::NotJson),
        (3, RejectReason::EmptyPrompt),
        (4, RejectReason::TooLong),
    ];
    assert_eq!(found, expected);
    let rows = list_rows(ctx, &ada, dataset.id, 1, 10).await.unwrap();
    assert_eq!((rows.rows[0].line, rows.total_count), (5, 2));
    let input = dataset.input.unwrap();
    assert_eq!(input.distribution.count, 2);

    let csv = format!("prompt\n\"{long}\"\nok\na,b\n\"open");
    let dataset = import(ctx, &ada, &form("csv", "mixed.csv"), &csv).await;
    let lines: Vec<_> = dataset
        .rejections
        .examples
        .iter()
        .map(|row| (row.line, row.reason))
        .collect();
    assert_eq!(
        lines,
        [(2, RejectReason::TooLong), (4, RejectReason::WrongColumns)]
    );
    assert_eq!(dataset.row_count, 2);
}

#[tokio::test]
async fn a_file_that_is_none_of_the_formats_says_why_and_leaves_no_file() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let cases = [
        (
            "sharegpt",
            "[\n{\"conversations\": []},\n{\"conversations\": [}\n]",
            "Line 3: the array is not valid JSON. Column 20:",
        ),
        ("alpaca", "[{\"instruction\": \"a\"}", "a “]” is missing"),
        ("csv", "question\nwhy\n", "no column “prompt”"),
        ("jsonl", "\n\n", "holds no rows"),
        (
            "jsonl",
            "nope\n",
            "1 rejected. Line 1: The row is not valid JSON.",
        ),
        ("jsonl", "\u{fffe}", "No row"),
    ];
    for (format, text, message) in cases {
        let form = DatasetForm {
            format: format.to_owned(),
            ..form("again", "x")
        };
        let dataset = import(ctx, &ada, &form, text).await;
        assert_eq!(dataset.state, DatasetState::Failed, "{text}");
        let failure = dataset.failure.unwrap();
        assert!(failure.contains(message), "{failure}");
        assert_eq!((dataset.sha256, dataset.row_count), (None, 0));
    }
    house.settle().await;
    assert_eq!(files(&house), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_is_wrong_with_the_form_is_said_before_the_file_comes() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    import(ctx, &ada, &form("Chats", "a.jsonl"), "{\"prompt\": \"x\"}").await;
    let refused =
        async |form: DatasetForm, bytes| begin_upload(ctx, &ada, &form, bytes).await.map(drop);
    let taken = field_errors(refused(form("CHATS", "a"), None).await);
    assert!(taken.at("name").is_some());
    let nothing = DatasetForm {
        tokenizer: uuid::Uuid::nil().to_string(),
        ..form("x", "a")
    };
    assert!(
        field_errors(refused(nothing, None).await)
            .at("tokenizer")
            .is_some()
    );
    let large = refused(form("x", "a"), Some(200_000_001)).await;
    assert!(matches!(large, Err(ServiceError::TooLarge(_))), "{large:?}");

    let mut growing = begin_upload(ctx, &ada, &form("x", "a"), None)
        .await
        .unwrap();
    let piece = vec![b'x'; 50_000_000];
    for _ in 0..4 {
        growing.write(&piece).await.unwrap();
    }
    let large = growing.write(b"x").await;
    assert!(matches!(large, Err(ServiceError::TooLarge(_))), "{large:?}");
    drop(growing);

    let empty = begin_upload(ctx, &ada, &form("x", "a"), None)
        .await
        .unwrap();
    assert!(field_errors(empty.finish().await).at("file").is_some());
    let mut plain = begin_upload(ctx, &ada, &form("x", "a"), None)
        .await
        .unwrap();
    plain.write(b"just words").await.unwrap();
    assert!(field_errors(plain.finish().await).at("format").is_some());
    house.settle().await;
    assert_eq!(files(&house).len(), 1, "that of the one dataset");
    let page = list_datasets(ctx, &ada, &DatasetQuery::default())
        .await
        .unwrap();
    assert_eq!(page.total_count, 1);
}

#[tokio::test]
async fn a_dropped_upload_and_a_dead_server_leave_nothing() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let mut broken_off = begin_upload(ctx, &ada, &form("x", "a.jsonl"), None)
        .await
        .unwrap();
    broken_off.write(b"{\"prompt\": \"x\"}\n").await.unwrap();
    assert_eq!(files(&house).len(), 1);
    drop(broken_off);
    assert_eq!(files(&house), Vec::<PathBuf>::new());

    let never = house.abandon_import("left", &ada).await;
    std::fs::create_dir_all(house.folder().join("imports")).unwrap();
    std::fs::write(house.folder().join("imports/upload-1"), "half").unwrap();
    prepare(ctx).await.unwrap();
    let left = get_dataset(ctx, &ada, never).await.unwrap();
    assert_eq!(left.state, DatasetState::Failed);
    assert!(left.failure.unwrap().contains("The server stopped"));
    assert_eq!(files(&house).len(), 1, "that of the built-in dataset");
}

#[tokio::test]
async fn files_are_kept_once_and_go_with_their_last_dataset() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let text = "{\"prompt\": \"x\", \"output_tokens\": 3}\n";
    let first = import(ctx, &ada, &form("first", "a.jsonl"), text).await;
    let second = import(ctx, &ada, &form("second", "b.jsonl"), text).await;
    assert_eq!(first.sha256, second.sha256);
    delete_dataset(ctx, &ada, first.id).await.unwrap();
    let rows = list_rows(ctx, &ada, second.id, 0, 10).await.unwrap();
    assert_eq!(rows.rows.len(), 1);
    delete_dataset(ctx, &ada, second.id).await.unwrap();
    house.settle().await;
    assert_eq!(files(&house), Vec::<PathBuf>::new());
    let gone = get_dataset(ctx, &ada, second.id).await;
    assert!(matches!(gone, Err(ServiceError::NotFound(_))));
}

#[tokio::test]
async fn an_import_that_goes_on_ends_with_its_dataset_or_its_server() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let text = "{\"prompt\": \"a b c d e f g\"}\n".repeat(400_000);
    let deleted = upload(ctx, &ada, &form("deleted", "a.jsonl"), text.as_bytes()).await;
    delete_dataset(ctx, &ada, deleted.id).await.unwrap();
    let stopped = upload(ctx, &ada, &form("stopped", "a.jsonl"), text.as_bytes()).await;
    stop(ctx).await;
    let stopped = get_dataset(ctx, &ada, stopped.id).await.unwrap();
    assert_eq!(stopped.state, DatasetState::Failed);
    assert!(stopped.failure.unwrap().contains("ended before"));
    let gone = get_dataset(ctx, &ada, deleted.id).await;
    assert!(matches!(gone, Err(ServiceError::NotFound(_))));
    assert_eq!(files(&house), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn the_built_in_dataset_is_there_once_and_stays() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    prepare(ctx).await.unwrap();
    prepare(ctx).await.unwrap();
    let usable = list_usable_datasets(ctx, &ada).await.unwrap();
    let [builtin] = usable.as_slice() else {
        panic!("{usable:?}");
    };
    assert_eq!(
        (builtin.name.as_str(), builtin.row_count),
        (BUILTIN_NAME, 60)
    );
    assert!(builtin.is_builtin && builtin.has_multi_turn && builtin.rejected_count == 0);
    assert_eq!(builtin.owner_name, None);
    let output = builtin.output.as_ref().unwrap();
    assert_eq!(
        output.distribution.count, 60,
        "every row tells its answer's length"
    );
    let refused = delete_dataset(ctx, &ada, builtin.id).await;
    assert!(matches!(refused, Err(ServiceError::Conflict(_))));

    archive_dataset(ctx, &ada, builtin.id, true).await.unwrap();
    prepare(ctx).await.unwrap();
    assert_eq!(list_usable_datasets(ctx, &ada).await.unwrap(), []);
    archive_dataset(ctx, &ada, builtin.id, false).await.unwrap();
    assert_eq!(list_usable_datasets(ctx, &ada).await.unwrap().len(), 1);
}

#[tokio::test]
async fn name_and_description_can_change() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    let made = import(ctx, &ada, &form("old", "a.jsonl"), "{\"prompt\": \"x\"}").await;
    let edit = DatasetEdit {
        name: " new ".to_owned(),
        description: "Seen.".to_owned(),
    };
    let changed = update_dataset(ctx, &ada, made.id, &edit).await.unwrap();
    assert_eq!(
        (changed.name.as_str(), changed.sha256),
        ("new", made.sha256)
    );
    let bad = update_dataset(ctx, &ada, made.id, &DatasetEdit::default()).await;
    assert!(field_errors(bad).at("name").is_some());
}

#[tokio::test]
async fn a_models_tokenizer_counts_exactly() {
    let house = House::open().await;
    let ctx = &house.ctx;
    let ada = house.person("ada", Role::Operator).await;
    // One token for each letter: what is counted can be seen.
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": { "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 },
        "padding": { "strategy": { "Fixed": 16 }, "direction": "Right", "pad_to_multiple_of": null,
                     "pad_id": 0, "pad_type_id": 0, "pad_token": "a" },
        "added_tokens": [], "normalizer": null, "post_processor": null, "decoder": null,
        "pre_tokenizer": { "type": "Split", "pattern": { "Regex": "[\\s\\S]" }, "behavior": "Isolated", "invert": false },
        "model": { "type": "WordLevel", "vocab": { "a": 0, "b": 1 }, "unk_token": "a" }
    });
    let path = house.folder().join("tokenizer.json");
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    let model = domain::catalogue::ModelForm {
        name: "letters".to_owned(),
        source: "served".to_owned(),
        tokenizer_path: path.display().to_string(),
        ..domain::catalogue::ModelForm::default()
    };
    let model = service::catalogue::save_model(ctx, &ada, None, &model)
        .await
        .unwrap();
    let form = DatasetForm {
        tokenizer: model.id.to_string(),
        ..form("exact", "a.json")
    };
    let rows: Vec<String> = (1..=700)
        .map(|length| {
            format!(
                "{{\"instruction\": \"{}\", \"output\": \"{}\"}}",
                "ab".repeat(length),
                "b".repeat(length)
            )
        })
        .collect();
    let dataset = import(ctx, &ada, &form, &format!("[{}]", rows.join(",\n"))).await;
    let used = TokenizerUsed::Model {
        model_id: model.id,
        name: "letters".to_owned(),
    };
    assert_eq!(dataset.tokenizer, used);
    assert_eq!(dataset.row_count, 700);
    let page = list_rows(ctx, &ada, dataset.id, 600, 1).await.unwrap();
    assert_eq!(
        (page.rows[0].input_tokens, page.rows[0].output_tokens),
        (1_202, Some(601))
    );
    assert_eq!(dataset.input.unwrap().distribution.max.get(), 1_400.0);

    std::fs::write(&path, "{}").unwrap();
    let broken = DatasetForm {
        name: "broken".to_owned(),
        ..form
    };
    let refused = begin_upload(ctx, &ada, &broken, None).await.map(drop);
    assert!(field_errors(refused).at("tokenizer").is_some());
}
