//! The OpenAI-compatible wire format of the reference engine.

use domain::workload::Api;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::answer::Usage;

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
pub(crate) struct Ask {
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
    stream: bool,
    #[serde(default)]
    stream_options: Option<StreamOptions>,
    #[serde(default)]
    ignore_eos: bool,
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
pub(crate) struct Order {
    pub(crate) api: Api,
    pub(crate) prompt_sha256: String,
    pub(crate) prompt_tokens: u32,
    /// Most tokens of the answer.
    pub(crate) asked_tokens: u32,
    pub(crate) ignores_eos: bool,
    pub(crate) streams: bool,
    pub(crate) includes_usage: bool,
}

/// A request that is refused: status and words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl Ask {
    pub(crate) fn into_order(self, api: Api, model: &str) -> Result<Order, Refusal> {
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
        let asked_tokens = asked.unwrap_or(OUTPUT_TOKENS_DEFAULT);
        if !(1..=OUTPUT_TOKENS_MAX).contains(&asked_tokens) {
            return refuse(
                400,
                format!("max_tokens must be from 1 to {OUTPUT_TOKENS_MAX}."),
            );
        }
        Ok(Order {
            api,
            prompt_sha256: format!("{:x}", Sha256::digest(text.as_bytes())),
            prompt_tokens,
            asked_tokens,
            ignores_eos: self.ignore_eos,
            streams: self.stream,
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
pub(crate) fn count_tokens(text: &str) -> u32 {
    u32::try_from(text.split_whitespace().count()).unwrap_or(u32::MAX)
}

/// Appends the words of an answer from its token `first` on.
fn push_answer_text(text: &mut String, first: u32, tokens: u32) {
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
}

/// The events of one streamed answer.
pub(crate) struct Events {
    api: Api,
    usage: Usage,
    prompt_tokens: u32,
    /// Everything in a chunk before and after its text.
    before_text: String,
    after_text: &'static str,
    head: Value,
}

impl Events {
    pub(crate) fn new(order: &Order, usage: Usage, number: u64, model: &str) -> Self {
        let (prefix, object) = match order.api {
            Api::Chat => ("chatcmpl", "chat.completion.chunk"),
            Api::Completions => ("cmpl", "text_completion"),
        };
        let head = json!({ "id": format!("{prefix}-{number}"), "object": object, "created": 0, "model": model });
        let open = head.to_string();
        let open = open.trim_end_matches('}');
        let (before_text, after_text) = match order.api {
            Api::Chat => (
                format!("data: {open},\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\""),
                "\"},\"finish_reason\":null}]",
            ),
            Api::Completions => (
                format!("data: {open},\"choices\":[{{\"index\":0,\"text\":\""),
                "\",\"finish_reason\":null}]",
            ),
        };
        Self {
            api: order.api,
            usage: if order.includes_usage {
                usage
            } else {
                Usage::Missing
            },
            prompt_tokens: order.prompt_tokens,
            before_text,
            after_text,
            head,
        }
    }

    /// The event before the first text: it names the role and carries no output.
    pub(crate) fn opening(&self) -> String {
        match self.api {
            Api::Chat => self.event(&json!([{
                "index": 0, "delta": { "role": "assistant", "content": "" }, "finish_reason": null
            }]), None),
            Api::Completions => String::new(),
        }
    }

    /// Appends the event of a text, which needs no escapes; `so_far` tokens were sent with it.
    pub(crate) fn push_text(&self, out: &mut String, first: u32, tokens: u32) {
        out.push_str(&self.before_text);
        push_answer_text(out, first, tokens);
        out.push_str(self.after_text);
        if self.usage == Usage::Continuous {
            out.push_str(",\"usage\":");
            out.push_str(&usage(self.prompt_tokens, first + tokens).to_string());
        }
        out.push_str("}\n\n");
    }

    /// Finish, and usage when asked for; `sent_tokens` of `asked_tokens` were sent.
    pub(crate) fn closing(&self, sent_tokens: u32, asked_tokens: u32) -> String {
        let reason = finish_reason(sent_tokens, asked_tokens);
        let finish = match self.api {
            Api::Chat => json!([{ "index": 0, "delta": {}, "finish_reason": reason }]),
            Api::Completions => json!([{ "index": 0, "text": "", "finish_reason": reason }]),
        };
        let usage = usage(self.prompt_tokens, sent_tokens);
        match self.usage {
            Usage::Missing => self.event(&finish, None),
            Usage::BesideChoices => self.event(&finish, Some(usage)),
            Usage::OwnChunk | Usage::Continuous => {
                self.event(&finish, None) + &self.event(&json!([]), Some(usage))
            }
        }
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

/// The event after the last one.
pub(crate) const DONE: &str = "data: [DONE]\n\n";
/// An event that is no JSON.
pub(crate) const MALFORMED: &str = "data: {\"choices\":[{\"index\":0,\n\n";

/// The event of a failure inside a stream.
pub(crate) fn error_event() -> String {
    format!("data: {}\n\n", error_body(500, FAILURE_TEXT))
}

/// What a failure on purpose says.
pub(crate) const FAILURE_TEXT: &str = "The reference engine fails on purpose.";

/// An error in the shape of the API.
pub(crate) fn error_body(status: u16, text: &str) -> Value {
    let kind = match status {
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({ "error": { "message": text, "type": kind, "code": status } })
}

fn finish_reason(sent_tokens: u32, asked_tokens: u32) -> &'static str {
    if sent_tokens < asked_tokens {
        "stop"
    } else {
        "length"
    }
}

fn usage(prompt_tokens: u32, completion_tokens: u32) -> Value {
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": u64::from(prompt_tokens) + u64::from(completion_tokens),
    })
}

/// The whole answer of a request that does not stream.
pub(crate) fn whole_answer(order: &Order, tokens: u32, number: u64, model: &str) -> Value {
    let mut text = String::new();
    push_answer_text(&mut text, 0, tokens);
    let reason = finish_reason(tokens, order.asked_tokens);
    let (prefix, object, choice) = match order.api {
        Api::Chat => (
            "chatcmpl",
            "chat.completion",
            json!({ "index": 0, "message": { "role": "assistant", "content": text }, "finish_reason": reason }),
        ),
        Api::Completions => (
            "cmpl",
            "text_completion",
            json!({ "index": 0, "text": text, "finish_reason": reason }),
        ),
    };
    json!({
        "id": format!("{prefix}-{number}"), "object": object, "created": 0, "model": model,
        "choices": [choice], "usage": usage(order.prompt_tokens, tokens),
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
        assert_eq!((chat.prompt_tokens, chat.asked_tokens), (4, 3));
        let bare = order(Api::Completions, &json!({ "prompt": "one two three" })).unwrap();
        assert_eq!(
            (bare.prompt_tokens, bare.asked_tokens),
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

    fn answer_text(first: u32, tokens: u32) -> String {
        let mut text = String::new();
        push_answer_text(&mut text, first, tokens);
        text
    }

    #[test]
    fn texts_of_chunks_make_up_the_whole_answer() {
        let whole = answer_text(0, 30);
        assert_eq!(count_tokens(&whole), 30);
        let chunks: String = (0..10).map(|chunk| answer_text(chunk * 3, 3)).collect();
        assert_eq!(chunks, whole);
    }

    fn data(events: &str) -> Vec<Value> {
        let events = events.split_terminator("\n\n");
        events
            .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
            .collect()
    }

    fn events(usage: Usage) -> Events {
        let ask = json!({ "prompt": "a b", "max_tokens": 3, "stream": true,
            "stream_options": { "include_usage": true } });
        let order = order(Api::Completions, &ask).unwrap();
        Events::new(&order, usage, 7, "m")
    }

    #[test]
    fn events_are_what_clients_expect() {
        let ask = json!({ "messages": [{ "role": "user", "content": "hi" }], "stream": true });
        let order = order(Api::Chat, &ask).unwrap();
        let events = Events::new(&order, Usage::OwnChunk, 7, "m");
        let mut text = events.opening();
        events.push_text(&mut text, 1, 1);
        let chunks = data(&text);
        assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
        assert_eq!(chunks[1]["choices"][0]["delta"]["content"], " is");
        assert_eq!(
            (&chunks[1]["id"], &chunks[1]["model"]),
            (&json!("chatcmpl-7"), &json!("m"))
        );
        let closing = data(&events.closing(128, 128));
        assert_eq!(closing.len(), 1, "usage was not asked for");
        assert_eq!(closing[0]["choices"][0]["finish_reason"], "length");
    }

    #[test]
    fn usage_stands_where_it_should() {
        let closing = |usage| data(&events(usage).closing(2, 3));
        let own = closing(Usage::OwnChunk);
        assert_eq!((own.len(), &own[1]["choices"]), (2, &json!([])));
        assert_eq!(own[1]["usage"]["total_tokens"], 4);
        assert_eq!(own[0]["choices"][0]["finish_reason"], "stop");
        let beside = closing(Usage::BesideChoices);
        assert_eq!(
            (beside.len(), &beside[0]["usage"]["completion_tokens"]),
            (1, &json!(2))
        );
        assert!(closing(Usage::Missing)[0].get("usage").is_none());
        let mut text = String::new();
        events(Usage::Continuous).push_text(&mut text, 0, 2);
        assert_eq!(data(&text)[0]["usage"]["completion_tokens"], 2);
        assert_eq!(closing(Usage::Continuous).len(), 2);
    }
}
