//! What each request is answered with.

use std::sync::atomic::Ordering;

use domain::workload::Api;
use serde_json::{Value, json};

use super::Worker;
use crate::answer::{Answer, Parts};
use crate::connection::State;
use crate::fault::FaultKind;
use crate::http::{Head, write_json};
use crate::platform::monotonic_ns;
use crate::slots::{Ticket, Wish};
use crate::wire::{Ask, FAILURE_TEXT, Refusal, count_tokens, error_body};

/// Context that the engine claims to have, in tokens.
const CONTEXT_TOKENS: u32 = 2_000_000;

impl Worker {
    /// Answers a request, or begins to.
    pub(super) fn serve_request(&mut self, place: usize, head: &Head, body: &[u8]) {
        let known = ["/health", "/version", "/v1/models", "/tokenize"];
        let api = match head.path.as_str() {
            "/v1/chat/completions" => Some(Api::Chat),
            "/v1/completions" => Some(Api::Completions),
            _ => None,
        };
        let is_post = head.method == "POST";
        let answered = match (head.path.as_str(), is_post, api) {
            (_, true, Some(api)) => return self.serve_completion(place, head, api, body),
            ("/health", false, _) => Ok(json!({ "status": "ok" })),
            ("/version", false, _) => {
                Ok(json!({ "version": env!("CARGO_PKG_VERSION"), "engine": "assay-reference" }))
            }
            ("/v1/models", false, _) => Ok(models(&self.engine.model)),
            ("/tokenize", true, _) => tokenize(body),
            (path, _, api) if api.is_some() || known.contains(&path) => Err(Refusal {
                status: 405,
                text: "This is not how to ask.".to_owned(),
            }),
            _ => Err(Refusal {
                status: 404,
                text: "There is nothing here.".to_owned(),
            }),
        };
        self.reply(place, head, answered);
    }

    fn reply(&mut self, place: usize, head: &Head, answered: Result<Value, Refusal>) {
        let (status, body) = match answered {
            Ok(body) => (200, body),
            Err(refusal) => (refusal.status, error_body(refusal.status, &refusal.text)),
        };
        let Some(connection) = self.connection(place) else {
            return;
        };
        write_json(&mut connection.out, status, &body, head.closes);
        if head.closes {
            connection.state = State::Closing;
        }
    }

    fn serve_completion(&mut self, place: usize, head: &Head, api: Api, body: &[u8]) {
        let ask = serde_json::from_slice::<Ask>(body).map_err(|error| unreadable(&error));
        let order = ask.and_then(|ask| ask.into_order(api, &self.engine.model));
        let order = match order {
            Ok(order) => order,
            Err(refusal) => return self.reply(place, head, Err(refusal)),
        };
        let number = self.engine.requests_count.fetch_add(1, Ordering::Relaxed);
        let manner = match self.engine.habits.manner(number, head) {
            Ok(manner) => manner,
            Err(text) => return self.reply(place, head, Err(Refusal { status: 400, text })),
        };
        let worker = self.number;
        let Some(connection) = self.connection(place) else {
            return;
        };
        let (arrived_ns, received_ns) = (connection.arrived_ns, connection.received_ns);
        let ticket = Ticket {
            worker,
            place,
            birth: connection.birth,
        };
        let parts = Parts {
            order,
            manner,
            number,
            model: &self.engine.model,
            head,
            arrived_ns,
            received_ns,
        };
        let mut answer = Box::new(Answer::new(parts, &self.engine.pace));
        match manner.fault.map(|fault| fault.kind) {
            Some(FaultKind::Status(status)) => {
                let text = FAILURE_TEXT.to_owned();
                self.log_refused(*answer, status);
                return self.reply(place, head, Err(Refusal { status, text }));
            }
            Some(FaultKind::Close) => {
                self.log_refused(*answer, 0);
                if let Some(connection) = self.connection(place) {
                    connection.state = State::Closing;
                }
                return;
            }
            _ => {}
        }
        let wish = self.engine.slots.ask(ticket);
        if wish == Wish::Refused {
            self.log_refused(*answer, 503);
            let text = "Too many requests wait for a slot.".to_owned();
            return self.reply(place, head, Err(Refusal { status: 503, text }));
        }
        let Some(connection) = self.connection(place) else {
            return;
        };
        connection.state = if let Wish::Granted { since_ns } = wish {
            // Read late, it may have arrived while every slot was taken.
            let started_ns = arrived_ns.max(since_ns);
            answer.start(started_ns, monotonic_ns(), &mut connection.out);
            State::Answering(answer)
        } else {
            State::Queued(answer)
        };
    }

    fn log_refused(&self, answer: Answer, status: u16) {
        if let Some(log) = &self.engine.log {
            log.append(answer.into_refused_entry(status, monotonic_ns()));
        }
    }
}

fn models(model: &str) -> Value {
    json!({
        "object": "list",
        "data": [{
            "id": model, "object": "model", "created": 0, "owned_by": "assay-reference",
            "max_model_len": CONTEXT_TOKENS,
        }],
    })
}

/// Both known dialects: llama.cpp's `content` gives `tokens`, vLLM's `prompt` gives `count`.
fn tokenize(body: &[u8]) -> Result<Value, Refusal> {
    let ask: Value = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let text = |key: &str| ask.get(key).and_then(Value::as_str);
    if let Some(content) = text("content") {
        let tokens: Vec<u32> = (0..count_tokens(content)).collect();
        return Ok(json!({ "tokens": tokens }));
    }
    match text("prompt") {
        Some(prompt) => {
            Ok(json!({ "count": count_tokens(prompt), "max_model_len": CONTEXT_TOKENS }))
        }
        None => Err(Refusal {
            status: 400,
            text: "Give a prompt.".to_owned(),
        }),
    }
}

fn unreadable(error: &serde_json::Error) -> Refusal {
    Refusal {
        status: 400,
        text: format!("The request is not readable: {error}"),
    }
}
