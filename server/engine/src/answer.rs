//! One answer on its way: what goes out at which instant, and what is logged of it.

use domain::measure::truth::SentAnswer;

use crate::args::EngineArgs;
use crate::fault::{Fault, FaultKind, FaultShare, draw_fault};
use crate::http::{Head, stream_head, write_document, write_end, write_json, write_piece};
use crate::schedule::{DueChunk, Schedule};
use crate::wire::{
    DONE, Events, FAILURE_TEXT, MALFORMED, Order, error_body, error_event, whole_answer,
};

/// Most bytes put together before they are written.
const BATCH_BYTES_MAX: usize = 64 << 10;
/// Pieces of a head that comes slowly, and the time between two of them.
const SLOW_HEAD_PIECES: usize = 10;
const SLOW_HEAD_GAP_NS: u64 = 50_000_000;

/// Where the usage stands in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// In a last event of its own, without choices.
    OwnChunk,
    /// In the event that carries the finish.
    BesideChoices,
    /// In every event.
    Continuous,
    /// Nowhere, although it was asked for.
    Missing,
}

impl Usage {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "own-chunk" => Ok(Self::OwnChunk),
            "beside-choices" => Ok(Self::BesideChoices),
            "continuous" => Ok(Self::Continuous),
            "missing" => Ok(Self::Missing),
            _ => Err("give own-chunk, beside-choices, continuous or missing".to_owned()),
        }
    }
}

/// How the engine answers, besides the pace.
pub(crate) struct Habits {
    usage: Usage,
    closes: bool,
    faults: Vec<FaultShare>,
    seed: u64,
}

/// How one request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) fault: Option<Fault>,
    usage: Usage,
    /// Whether the connection closes afterwards without having said so.
    closes: bool,
}

impl Habits {
    pub(crate) fn new(args: &EngineArgs) -> Self {
        Self {
            usage: args.usage,
            closes: args.close_after_answer,
            faults: args.fault.clone(),
            seed: args.seed,
        }
    }

    /// For the request of that number; what its head asks for comes first.
    pub(crate) fn manner(&self, number: u64, head: &Head) -> Result<Manner, String> {
        let fault = match &head.fault {
            Some(text) => Some(Fault::parse(text)?),
            None => draw_fault(&self.faults, self.seed, number),
        };
        let usage = match &head.usage {
            Some(text) => Usage::parse(text)?,
            None => self.usage,
        };
        Ok(Manner {
            fault,
            usage,
            closes: self.closes || head.asks_to_close,
        })
    }
}

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing until this instant.
    Wait(u64),
    /// More is due at once.
    More,
    /// Nothing ever; the client ends it.
    Silence,
    /// It is complete; the connection goes on or closes.
    Done { closes: bool },
    /// What was put together goes out, and the connection closes.
    Cut,
    /// The connection is reset.
    Reset,
}

/// An answer.
pub(crate) struct Answer {
    order: Order,
    events: Events,
    manner: Manner,
    number: u64,
    model: String,
    schedule: Schedule,
    next: Option<DueChunk>,
    /// Tokens and chunks of the whole answer.
    tokens: u32,
    fault_after: u32,
    is_chunked: bool,
    /// Whether the client asked that the connection closes.
    says_close: bool,
    /// What of the head has not gone out, when it comes slowly, and when the next piece does.
    slow_head: Vec<u8>,
    slow_head_at: u64,
    entry: SentAnswer,
    /// An event in the making.
    text: String,
}

/// What an answer is made of, besides its schedule.
pub(crate) struct Parts<'a> {
    pub(crate) order: Order,
    pub(crate) manner: Manner,
    pub(crate) number: u64,
    pub(crate) model: &'a str,
    pub(crate) head: &'a Head,
    pub(crate) arrived_ns: u64,
    pub(crate) received_ns: u64,
}

impl Answer {
    pub(crate) fn new(parts: Parts<'_>, pace: &crate::schedule::Pace) -> Self {
        let Parts {
            order,
            manner,
            number,
            model,
            head,
            arrived_ns,
            received_ns,
        } = parts;
        let is_empty = manner
            .fault
            .is_some_and(|fault| fault.kind == FaultKind::Empty);
        let tokens = if is_empty {
            0
        } else {
            pace.answer_tokens(number, order.asked_tokens, order.ignores_eos)
        };
        let chunks = pace.chunk_count(tokens);
        let mut schedule = pace.schedule(number, order.prompt_tokens, tokens);
        let entry = SentAnswer {
            request: number,
            prompt_sha256: order.prompt_sha256.clone(),
            prompt_tokens: order.prompt_tokens,
            fault: manner
                .fault
                .map(|fault| fault.kind.to_string())
                .unwrap_or_default(),
            arrived_ns,
            received_ns,
            due_ns: Vec::with_capacity(chunks as usize),
            sent_ns: Vec::with_capacity(chunks as usize),
            ..SentAnswer::default()
        };
        let fault_after = manner.fault.and_then(|fault| fault.after_chunks);
        Self {
            events: Events::new(&order, manner.usage, number, model),
            next: schedule.next(),
            schedule,
            fault_after: fault_after.unwrap_or(chunks / 2),
            is_chunked: !head.is_old,
            says_close: head.closes,
            slow_head: Vec::new(),
            slow_head_at: 0,
            text: String::new(),
            model: model.to_owned(),
            order,
            manner,
            number,
            tokens,
            entry,
        }
    }

    fn has_fault(&self, kind: FaultKind) -> bool {
        self.manner.fault.is_some_and(|fault| fault.kind == kind)
    }

    /// Begins: `started_ns` is the zero of the schedule.
    pub(crate) fn start(&mut self, started_ns: u64, now_ns: u64, out: &mut Vec<u8>) {
        self.entry.started_ns = started_ns;
        self.entry.status = 200;
        if !self.order.streams {
            return;
        }
        let head = stream_head(self.is_chunked, self.says_close);
        if self.has_fault(FaultKind::SlowHeaders) {
            self.slow_head = head;
            self.slow_head_at = now_ns;
        } else {
            out.extend_from_slice(&head);
        }
    }

    /// Puts together what is due at `now_ns`.
    pub(crate) fn step(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Step {
        if !self.slow_head.is_empty() {
            if now_ns < self.slow_head_at {
                return Step::Wait(self.slow_head_at);
            }
            let all = stream_head(self.is_chunked, self.says_close).len();
            let piece = all.div_ceil(SLOW_HEAD_PIECES).min(self.slow_head.len());
            out.extend(self.slow_head.drain(..piece));
            self.slow_head_at = now_ns + SLOW_HEAD_GAP_NS;
            return Step::Wait(self.slow_head_at);
        }
        while let Some(chunk) = self.next {
            if let Some(step) = self.fail(now_ns, out, chunk) {
                return step;
            }
            let due_ns = self.entry.started_ns + chunk.offset_ns;
            if due_ns > now_ns {
                return Step::Wait(due_ns);
            }
            if out.len() >= BATCH_BYTES_MAX {
                return Step::More;
            }
            self.push_chunk(now_ns, due_ns, chunk, out);
            self.next = self.schedule.next();
        }
        self.complete(now_ns, out)
    }

    fn push_chunk(&mut self, now_ns: u64, due_ns: u64, chunk: DueChunk, out: &mut Vec<u8>) {
        if self.order.streams {
            self.text.clear();
            if self.entry.sent_ns.is_empty() {
                self.text.push_str(&self.events.opening());
            }
            self.events
                .push_text(&mut self.text, self.entry.output_tokens, chunk.tokens);
            write_piece(out, self.is_chunked, &[self.text.as_bytes()]);
        }
        self.entry.output_tokens += chunk.tokens;
        self.entry.due_ns.push(due_ns);
        self.entry.sent_ns.push(now_ns);
    }

    /// The fault, when its time has come: as many chunks were sent as come before it, and the next
    /// one would be due.
    fn fail(&mut self, now_ns: u64, out: &mut Vec<u8>, next: DueChunk) -> Option<Step> {
        let fault = self.manner.fault?;
        let sent = u32::try_from(self.entry.sent_ns.len()).unwrap_or(u32::MAX);
        let is_due = self.entry.started_ns + next.offset_ns <= now_ns;
        if sent != self.fault_after || !is_due {
            return None;
        }
        let streams = self.order.streams;
        match fault.kind {
            FaultKind::Reset => Some(Step::Reset),
            FaultKind::Stall => Some(Step::Silence),
            FaultKind::Cut => Some(Step::Cut),
            FaultKind::Truncate if !streams => Some(Step::Cut),
            FaultKind::Truncate => {
                write_end(out, self.is_chunked);
                Some(self.end(now_ns))
            }
            FaultKind::Error if !streams => {
                let body = error_body(500, FAILURE_TEXT);
                write_json(out, 500, &body, self.says_close);
                Some(self.end(now_ns))
            }
            FaultKind::Error => {
                let events = error_event();
                write_piece(out, self.is_chunked, &[events.as_bytes(), DONE.as_bytes()]);
                write_end(out, self.is_chunked);
                Some(self.end(now_ns))
            }
            FaultKind::Malformed if !streams => {
                write_document(out, 200, MALFORMED.as_bytes(), self.says_close);
                Some(self.end(now_ns))
            }
            FaultKind::Malformed => {
                write_piece(out, self.is_chunked, &[MALFORMED.as_bytes()]);
                // Once, and then on.
                self.fault_after = u32::MAX;
                None
            }
            FaultKind::Status(_)
            | FaultKind::Close
            | FaultKind::SlowHeaders
            | FaultKind::NoDone
            | FaultKind::Empty => None,
        }
    }

    fn complete(&mut self, now_ns: u64, out: &mut Vec<u8>) -> Step {
        if self.order.streams {
            let closing = self.events.closing(self.tokens, self.order.asked_tokens);
            let done = if self.has_fault(FaultKind::NoDone) {
                ""
            } else {
                DONE
            };
            write_piece(out, self.is_chunked, &[closing.as_bytes(), done.as_bytes()]);
            write_end(out, self.is_chunked);
        } else {
            let answer = whole_answer(&self.order, self.tokens, self.number, &self.model);
            write_json(out, 200, &answer, self.says_close);
        }
        self.entry.is_complete = true;
        self.end(now_ns)
    }

    fn end(&mut self, now_ns: u64) -> Step {
        self.entry.finished_ns = now_ns;
        let is_unframed = self.order.streams && !self.is_chunked;
        Step::Done {
            closes: self.says_close || self.manner.closes || is_unframed,
        }
    }

    /// The line of the log. One that has not ended ends at `now_ns`.
    pub(crate) fn into_entry(mut self, now_ns: u64) -> SentAnswer {
        if self.entry.finished_ns == 0 {
            self.entry.finished_ns = now_ns;
        }
        self.entry
    }

    /// The same, for a request that is refused with a status, or with none at all.
    pub(crate) fn into_refused_entry(mut self, status: u16, now_ns: u64) -> SentAnswer {
        self.entry.status = status;
        self.entry.started_ns = now_ns;
        self.into_entry(now_ns)
    }
}
