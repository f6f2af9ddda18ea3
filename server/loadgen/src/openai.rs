//! The OpenAI-compatible wire format: requests out.
//!
//! A request says what a plain client says: no temperature, no seed, no `cache_prompt`. How the
//! server samples is part of what is measured; the length of the answer is fixed by `max_tokens`
//! and, when asked for, `ignore_eos`.

use std::borrow::Cow;

use domain::dataset::Message;
use domain::workload::Api;
use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Serialize)]
struct RequestBody<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Messages<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<Cow<'a, str>>,
    max_tokens: u32,
    stream: bool,
    stream_options: StreamOptions,
    #[serde(skip_serializing_if = "Option::is_none")]
    ignore_eos: Option<bool>,
    #[serde(flatten)]
    extra: &'a Map<String, Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Messages<'a> {
    One([UserMessage<'a>; 1]),
    Many(&'a [Message]),
}

#[derive(Serialize)]
struct UserMessage<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// What a request asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Prompt<'a> {
    /// One text of the user.
    Text(&'a str),
    /// A conversation, the user last.
    Messages(&'a [Message]),
}

impl<'a> Prompt<'a> {
    /// As the chat API takes it.
    fn messages(self) -> Messages<'a> {
        match self {
            Self::Text(content) => Messages::One([UserMessage {
                role: "user",
                content,
            }]),
            Self::Messages(messages) => Messages::Many(messages),
        }
    }

    /// As the completions API takes it: contents joined by blank lines.
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text.into(),
            Self::Messages(messages) => {
                let contents = messages.iter().map(|message| message.content.as_str());
                contents.collect::<Vec<_>>().join("\n\n").into()
            }
        }
    }
}

/// The body of a streaming request.
pub(crate) fn request_body(
    api: Api,
    model: &str,
    prompt: Prompt<'_>,
    max_tokens: u32,
    ignore_eos: bool,
    extra: &Map<String, Value>,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&RequestBody {
        model,
        messages: (api == Api::Chat).then(|| prompt.messages()),
        prompt: (api == Api::Completions).then(|| prompt.text()),
        max_tokens,
        stream: true,
        stream_options: StreamOptions {
            include_usage: true,
        },
        // Servers that do not know it may refuse it, so it is sent only when wanted.
        ignore_eos: ignore_eos.then_some(true),
        extra,
    })
}

#[cfg(test)]
mod tests {
    use domain::dataset::ChatRole;

    use super::*;

    #[test]
    fn bodies_hold_what_a_plain_client_sends() {
        let body = |api, prompt, ignore_eos| {
            let body = request_body(api, "m", prompt, 7, ignore_eos, &Map::new());
            String::from_utf8(body.unwrap()).unwrap()
        };
        let text = Prompt::Text("say \"a\"");
        assert_eq!(
            body(Api::Chat, text, true),
            r#"{"model":"m","messages":[{"role":"user","content":"say \"a\""}],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"ignore_eos":true}"#
        );
        assert_eq!(
            body(Api::Completions, text, false),
            r#"{"model":"m","prompt":"say \"a\"","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        let messages = [
            Message::new(ChatRole::System, "Be brief."),
            Message::new(ChatRole::User, "Why?"),
        ];
        assert_eq!(
            body(Api::Chat, Prompt::Messages(&messages), false),
            r#"{"model":"m","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Why?"}],"max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        assert_eq!(
            body(Api::Completions, Prompt::Messages(&messages), false),
            r#"{"model":"m","prompt":"Be brief.\n\nWhy?","max_tokens":7,"stream":true,"stream_options":{"include_usage":true}}"#
        );
        let extra = domain::workload::extra_body::parse(r#"{"temperature":0}"#).unwrap();
        let with_extra = request_body(Api::Completions, "m", text, 7, false, &extra).unwrap();
        assert_eq!(
            String::from_utf8(with_extra).unwrap(),
            r#"{"model":"m","prompt":"say \"a\"","max_tokens":7,"stream":true,"stream_options":{"include_usage":true},"temperature":0}"#
        );
    }
}
