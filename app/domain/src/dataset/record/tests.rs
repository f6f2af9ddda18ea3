use proptest::prelude::*;
use serde_json::json;

use super::*;

fn row(format: DatasetFormat, record: &Value) -> Result<RowDraft, RejectReason> {
    row_of_json(format, record.to_string().as_bytes()).map_err(|unreadable| unreadable.reason)
}

fn roles(row: &RowDraft) -> Vec<&'static str> {
    let names = row.messages.iter().map(|message| message.role.as_str());
    names.collect()
}

#[test]
fn a_prompt_is_one_question() {
    let read = row(
        DatasetFormat::Jsonl,
        &json!({ "prompt": " Why? ", "output_tokens": 56, "source": [1] }),
    );
    let read = read.unwrap();
    assert_eq!(read.messages, [Message::new(ChatRole::User, " Why? ")]);
    assert_eq!((read.output_tokens, read.answer), (Some(56), None));
}

#[test]
fn wrong_rows_name_their_reason() {
    use RejectReason as R;
    let cases = [
        (json!([1]), R::NotAnObject),
        (json!({}), R::NoPrompt),
        (json!({ "prompt": 7 }), R::PromptNotText),
        (json!({ "prompt": " \n" }), R::EmptyPrompt),
        (
            json!({ "prompt": "x", "output_tokens": 0 }),
            R::BadOutputTokens,
        ),
        (
            json!({ "prompt": "x", "output_tokens": "9" }),
            R::BadOutputTokens,
        ),
        (
            json!({ "prompt": "x", "output_tokens": 1_000_001 }),
            R::BadOutputTokens,
        ),
        (json!({ "messages": "x" }), R::BadMessages),
        (json!({ "messages": [{ "role": "user" }] }), R::BadMessages),
        (
            json!({ "messages": [{ "role": "tool", "content": "x" }] }),
            R::UnknownRole,
        ),
        (json!({ "messages": [] }), R::NoUserMessage),
        (
            json!({ "messages": [{ "role": "user", "content": "a" }, { "role": "user", "content": "b" }] }),
            R::NotInTurn,
        ),
        (
            json!({ "messages": [{ "role": "user", "content": "" }] }),
            R::EmptyPrompt,
        ),
        (
            json!({ "messages": vec![json!({ "role": "user", "content": "a" }); MESSAGES_MAX + 1] }),
            R::TooManyMessages,
        ),
    ];
    for (record, reason) in cases {
        assert_eq!(row(DatasetFormat::Jsonl, &record), Err(reason), "{record}");
    }
    let hint = row_of_json(DatasetFormat::Jsonl, br#"{"conversations": []}"#).unwrap_err();
    assert!(hint.detail.contains("ShareGPT"), "{hint:?}");
}

#[test]
fn texts_that_are_no_json_are_told_from_texts_that_are_no_utf8() {
    let broken = row_of_json(DatasetFormat::Jsonl, b"{\"prompt\": }").unwrap_err();
    assert!(broken.detail.starts_with("Column 12:"), "{broken:?}");
    assert_eq!(broken.syntax_error_at, Some(0));
    let half = row_of_json(DatasetFormat::Jsonl, br#"{"prompt": "\ud83d"}"#).unwrap_err();
    assert_eq!(
        (half.reason, half.syntax_error_at),
        (RejectReason::NotUtf8, None)
    );
    let bytes = row_of_json(DatasetFormat::Jsonl, b"{\"prompt\": \"\xff\"}").unwrap_err();
    assert_eq!(
        (bytes.reason, bytes.syntax_error_at),
        (RejectReason::NotUtf8, None)
    );
}

#[test]
fn a_conversation_keeps_its_prefix_up_to_the_last_answered_question() {
    let turns = |names: &[&str]| {
        let turns = names
            .iter()
            .enumerate()
            .map(|(place, name)| json!({ "from": name, "value": format!("{name} {place}") }));
        json!({ "id": "x", "conversations": turns.collect::<Vec<_>>() })
    };
    let read = row(
        DatasetFormat::ShareGpt,
        &turns(&["system", "gpt", "human", "gpt", "human", "gpt", "human"]),
    );
    let read = read.unwrap();
    assert_eq!(roles(&read), ["system", "user", "assistant", "user"]);
    assert_eq!(read.messages.last().unwrap().content, "human 4");
    assert_eq!(read.answer.as_deref(), Some("gpt 5"));

    let unanswered = row(DatasetFormat::ShareGpt, &turns(&["human"])).unwrap();
    assert_eq!(
        (roles(&unanswered), unanswered.answer),
        (vec!["user"], None)
    );
    let silent = row(DatasetFormat::ShareGpt, &turns(&["gpt"]));
    assert_eq!(silent, Err(RejectReason::NoUserMessage));
}

#[test]
fn messages_end_with_the_last_question() {
    let record = json!({ "messages": [
        { "role": "user", "content": "a" },
        { "role": "assistant", "content": "b" },
        { "role": "user", "content": [{ "type": "text", "text": "c" }, { "type": "text", "text": "d" }] },
    ], "output_tokens": 3 });
    let read = row(DatasetFormat::Jsonl, &record).unwrap();
    assert_eq!(roles(&read), ["user", "assistant", "user"]);
    assert_eq!(read.messages[2].content, "cd");
    assert_eq!((read.answer, read.output_tokens), (None, Some(3)));
}

#[test]
fn an_instruction_carries_its_input_and_its_answer() {
    let record = json!({ "instruction": "Add.", "input": "1 2", "output": "3" });
    let read = row(DatasetFormat::Alpaca, &record).unwrap();
    assert_eq!(read.messages[0].content, "Add.\n\n1 2");
    assert_eq!(read.answer.as_deref(), Some("3"));
    let bare = row(
        DatasetFormat::Alpaca,
        &json!({ "instruction": "Add.", "input": "" }),
    );
    assert_eq!(bare.unwrap().messages[0].content, "Add.");
    let without = row(DatasetFormat::Alpaca, &json!({ "input": "x" }));
    assert_eq!(without, Err(RejectReason::NoPrompt));
}

#[test]
fn columns_are_found_by_the_heading() {
    let columns = CsvColumns::of_heading(&[b"id", b" Prompt", b"output_tokens"]).unwrap();
    let read = columns.row(&[b"1", b"Why?", b" 12 "]).unwrap();
    assert_eq!(read.messages[0].content, "Why?");
    assert_eq!(read.output_tokens, Some(12));
    let reason = |fields: &[&[u8]]| columns.row(fields).unwrap_err().reason;
    assert_eq!(reason(&[b"1", b"Why?"]), RejectReason::WrongColumns);
    assert_eq!(
        reason(&[b"1", b"Why?", b"-1"]),
        RejectReason::BadOutputTokens
    );
    assert_eq!(reason(&[b"1", b"", b""]), RejectReason::EmptyPrompt);
    assert_eq!(reason(&[b"1", b"\xff", b""]), RejectReason::NotUtf8);

    let alpaca = CsvColumns::of_heading(&[b"instruction", b"input", b"output"]).unwrap();
    let read = alpaca.row(&[b"Add.", b"1 2", b"3"]).unwrap();
    assert_eq!(read.messages[0].content, "Add.\n\n1 2");
    assert_eq!(read.answer.as_deref(), Some("3"));
    assert!(CsvColumns::of_heading(&[b"question"]).is_err());
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_sent(
        names in prop::collection::vec(prop::sample::select(vec!["system", "human", "gpt"]), 0..8),
        texts in prop::collection::vec("[a-z ]{0,6}", 8),
    ) {
        let turns: Vec<Value> = names
            .iter()
            .zip(&texts)
            .map(|(name, text)| json!({ "from": name, "value": text }))
            .collect();
        if let Ok(read) = row(DatasetFormat::ShareGpt, &json!({ "conversations": turns })) {
            prop_assert_eq!(read.messages.last().unwrap().role, ChatRole::User);
            prop_assert!(read.messages.iter().all(|message| !message.content.trim().is_empty()));
            let is_system = |message: &Message| message.role == ChatRole::System;
            prop_assert!(!read.messages.iter().skip(1).any(is_system));
            let spoken = read.messages.iter().filter(|message| !is_system(message));
            let in_turn = spoken.enumerate().all(|(place, message)| {
                (message.role == ChatRole::User) == (place % 2 == 0)
            });
            prop_assert!(in_turn);
        }
    }

    #[test]
    fn anything_at_all_is_a_row_or_has_a_reason(text in ".{0,80}") {
        for format in DatasetFormat::ALL {
            if let Ok(read) = row_of_json(format, text.as_bytes()) {
                prop_assert!(!read.messages.is_empty());
            }
        }
    }
}
