//! The OpenAI-compatible wire format of the reference engine.

use domain::workload::Api;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Tokens of an answer when the request does not say.
const OUTPUT_TOKENS_DEFAULT: u32 = 128;
/// Most tokens of an answer.
const OUTPUT_TOKENS_MAX: u32 = 1_000_000;
/// What answers are made of: one word is one token.
const ANSWER_WORDS: [&str; 12] = [
    "this",
    "is",
    "a",
    "reference",
    "answer",
    "sent",
    "at",
    "exactly",
    "scheduled",
    "times",
    "by",
    "assay",
];

/// The parts of a request that the engine heeds.
#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    prompt: Value,
    #[serde(default)]
    max_tokens: Option<u32>,
    #[serde(default)]
    max_completion_tokens: Option<u32>,
    #[serde(default)]
    pub(super) stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
}

#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

#[derive(Debug, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A request that can be answered.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) api: Api,
    pub(super) prompt_sha256: String,
    pub(super) prompt_tokens: u32,
    pub(super) output_tokens: u32,
    pub(super) includes_usage: bool,
}

/// A request that is refused: status and words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Ask {
    pub(super) fn into_order(self, api: Api, model: &str) -> Result<Order, Refusal> {
        let refuse = |status, text: String| Err(Refusal { status, text });
        if let Some(asked) = self.model.as_deref().filter(|asked| *asked != model) {
            return refuse(
                404,
                format!("The model {asked:?} does not exist; {model:?} is served."),
            );
        }
        let mut text = String::new();
        match api {
            Api::Chat => self
                .messages
                .iter()
                .for_each(|message| collect_text(&message.content, &mut text)),
            Api::Completions => collect_text(&self.prompt, &mut text),
        }
        let prompt_tokens = count_tokens(&text);
        if prompt_tokens == 0 {
            return refuse(400, "The prompt is empty.".to_owned());
        }
        let asked = self.max_completion_tokens.or(self.max_tokens);
        let output_tokens = asked.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        if !(1..=OUTPUT_TOKENS_MAX).contains(&output_tokens) {
            return refuse(
                400,
                format!("max_tokens must be from 1 to {OUTPUT_TOKENS_MAX}."),
            );
        }
        Ok(Order {
            api,
            prompt_sha256: format!("{:x}", Sha256::digest(text.as_bytes())),
            prompt_tokens,
            output_tokens,
            includes_usage: self
                .stream_options
                .is_some_and(|options| options.include_usage),
        })
    }
}

/// The texts inside a content of any shape: a text, or parts that hold texts.
fn collect_text(content: &Value, text: &mut String) {
    match content {
        Value::String(part) => {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
        Value::Array(parts) => parts.iter().for_each(|part| collect_text(part, text)),
        Value::Object(part) => part
            .get("text")
            .into_iter()
            .for_each(|part| collect_text(part, text)),
        _ => {}
    }
}

/// Tokens of a text: its words, exactly.
pub(super) fn count_tokens(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}

/// The words of an answer from its token `first` on.
pub(super) fn answer_text(first: u32, tokens: u32) -> String {
    let mut text = String::new();
    for index in first..first.saturating_add(tokens) {
        if index > 0 {
            text.push(' ');
        }
        text.push_str(
            ANSWER_WORDS
                .get(index as usize % ANSWER_WORDS.len())
                .unwrap_or(&""),
        );
    }
    text
}

/// The events of one streamed answer.
pub(super) struct Events {
    api: Api,
    /// Everything in a chunk before and after its text.
    before_text: String,
    after_text: &'static str,
    head: Value,
}

impl Events {
    pub(super) fn new(api: Api, number: u64, model: &str) -> Self {
        let (prefix, object) = match api {
            Api::Chat => ("chatcmpl", "chat.completion.chunk"),
            Api::Completions => ("cmpl", "text_completion"),
        };
        let head = json!({ "id": format!("{prefix}-{number}"), "object": object, "created": 0, "model": model });
        let open = head.to_string();
        let open = open.trim_end_matches('}');
        let (before_text, after_text) = match api {
            Api::Chat => (
                format!("data: {open},\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\""),
                "\"},\"finish_reason\":null}]}\n\n",
            ),
            Api::Completions => (
                format!("data: {open},\"choices\":[{{\"index\":0,\"text\":\""),
                "\",\"finish_reason\":null}]}\n\n",
            ),
        };
        Self {
            api,
            before_text,
            after_text,
            head,
        }
    }

    /// The event before the first text: it names the role and carries no output.
    pub(super) fn opening(&self) -> String {
        match self.api {
            Api::Chat => self.event(&json!([{
                "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null
            }]), None),
            Api::Completions => String::new(),
        }
    }

    /// A text; the engine's words need no escapes.
    pub(super) fn text(&self, text: &str) -> String {
        [&self.before_text, text, self.after_text].concat()
    }

    /// Finish, usage when asked for, and the end.
    pub(super) fn closing(&self, order: &Order) -> String {
        let finish = match self.api {
            Api::Chat => json!([{ "index": 0, "delta": {}, "finish_reason": "length" }]),
            Api::Completions => json!([{ "index": 0, "text": "", "finish_reason": "length" }]),
        };
        let mut events = self.event(&finish, None);
        if order.includes_usage {
            events.push_str(&self.event(&json!([]), Some(usage(order))));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    fn event(&self, choices: &Value, usage: Option<Value>) -> String {
        let mut chunk = self.head.clone();
        if let Value::Object(fields) = &mut chunk {
            fields.insert("choices".to_owned(), choices.clone());
            fields.extend(usage.map(|usage| ("usage".to_owned(), usage)));
        }
        format!("data: {chunk}\n\n")
    }
}

fn usage(order: &Order) -> Value {
    json!({
        "prompt_tokens": order.prompt_tokens,
        "completion_tokens": order.output_tokens,
        "total_tokens": u64::from(order.prompt_tokens) + u64::from(order.output_tokens),
    })
}

/// The whole answer of a request that does not stream.
pub(super) fn whole_answer(order: &Order, number: u64, model: &str) -> Value {
    let text = answer_text(0, order.output_tokens);
    let (prefix, object, choice) = match order.api {
        Api::Chat => (
            "chatcmpl",
            "chat.completion",
            json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": "length" }),
        ),
        Api::Completions => (
            "cmpl",
            "text_completion",
            json!({ "index": 0, "text": text, "finish_reason": "length" }),
        ),
    };
    json!({
        "id": format!("{prefix}-{number}"), "object": object, "created": 0, "model": model,
        "choices": [choice], "usage": usage(order),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(api: Api, json: &Value) -> Result<Order, Refusal> {
        serde_json::from_value::<Ask>(json.clone())
            .unwrap()
            .into_order(api, "m")
    }

    #[test]
    fn prompts_of_every_shape_are_counted_in_words() {
        let chat = json!({ "model": "m", "max_tokens": 3, "messages": [
            { "role": "system", "content": "be brief" },
            { "role": "user", "content": [{ "type": "text", "text": "say  hello" }] },
        ] });
        let chat = order(Api::Chat, &chat).unwrap();
        assert_eq!((chat.prompt_tokens, chat.output_tokens), (4, 3));
        let bare = order(Api::Completions, &json!({ "prompt": "one two three" })).unwrap();
        assert_eq!(
            (bare.prompt_tokens, bare.output_tokens),
            (3, OUTPUT_TOKENS_DEFAULT)
        );
    }

    #[test]
    fn what_it_cannot_answer_is_refused() {
        let refused = |json| order(Api::Completions, &json).unwrap_err().status;
        assert_eq!(refused(json!({ "model": "other", "prompt": "a" })), 404);
        assert_eq!(refused(json!({ "prompt": "" })), 400);
        assert_eq!(refused(json!({ "prompt": "a", "max_tokens": 0 })), 400);
    }

    #[test]
    fn texts_of_chunks_make_up_the_whole_answer() {
        let whole = answer_text(0, 30);
        assert_eq!(count_tokens(&whole), 30);
        let chunks: String = (0..10).map(|chunk| answer_text(chunk * 3, 3)).collect();
        assert_eq!(chunks, whole);
    }

    #[test]
    fn events_are_what_clients_expect() {
        let events = Events::new(Api::Chat, 7, "m");
        let text = events.text(" a");
        let chunk: Value =
            serde_json::from_str(text.trim().strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(chunk["choices"][0]["delta"]["content"], " a");
        assert_eq!(
            (&chunk["id"], &chunk["model"]),
            (&json!("chatcmpl-7"), &json!("m"))
        );
        let order = Order {
            api: Api::Chat,
            prompt_sha256: String::new(),
            prompt_tokens: 2,
            output_tokens: 3,
            includes_usage: true,
        };
        let closing = events.closing(&order);
        assert!(closing.contains("\"total_tokens\":5") && closing.ends_with("data: [DONE]\n\n"));
    }
}
