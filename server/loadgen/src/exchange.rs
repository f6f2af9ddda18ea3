//! One request and its answer on an open connection, driven by the task that waits for it: no other task
//! stands between the socket and a time stamp.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use domain::measure::record::{BROKE_OFF, Outcome};
use tokio::time::Sleep;

use crate::answer::Failure;
use crate::clock::RunClock;
use crate::http1::ResponseDecoder;
use crate::intake::{Intake, Reading};
use crate::live::LiveShard;
use crate::wire::Wire;

/// How long the end of a body may stay out after `[DONE]`: the answer is over, and waiting only serves to
/// keep the connection.
const END_OF_BODY_TIMEOUT: Duration = Duration::from_millis(20);
/// How long the words of a refusal may stay out.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// Reads of one turn. A server that sends without a pause would else keep its task from looking at its
/// timeout.
const READS_OF_A_TURN_MAX: u32 = 32;
/// An answer that came this much before its request is no answer to it. Less may be the error of the
/// stamps.
const EARLY_NS_MAX: u64 = 1_000_000;

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With an answer, read as far as it is of use.
    Answered {
        /// Whether the connection can take another request.
        is_reusable: bool,
    },
    /// Badly.
    Failed(Failure),
    /// The connection closed before the first byte of an answer.
    Unanswered {
        /// Whether any byte of the request was written.
        was_sent: bool,
        failure: Failure,
    },
}

/// When what passed on the wire, in nanoseconds of the run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WireTimes {
    /// Just before the first byte of the request was written; a second try leaves it alone.
    pub(crate) sent_at: Option<u64>,
    /// When the latest bytes of the answer arrived. Events of one read share its stamp.
    pub(crate) last_read_at: Option<u64>,
    /// Until when the end of a body was waited for in vain, although the answer was over.
    pub(crate) waited_until: Option<u64>,
}

/// The exchange.
pub(crate) struct Exchange<'a, 'b> {
    wire: &'a mut Wire,
    clock: RunClock,
    outgoing: Outgoing<'a>,
    decoder: ResponseDecoder,
    intake: &'a mut Intake<'b>,
    times: &'a mut WireTimes,
    live: &'a LiveShard,
    end_timer: Option<Pin<Box<Sleep>>>,
}

/// The request, as far as it is not written yet.
struct Outgoing<'a> {
    head: &'a [u8],
    body: &'a [u8],
    is_begun: bool,
    is_flushed: bool,
    error: Option<io::Error>,
}

impl<'a, 'b> Exchange<'a, 'b> {
    pub(crate) fn new(
        wire: &'a mut Wire,
        clock: RunClock,
        request: [&'a [u8]; 2],
        intake: &'a mut Intake<'b>,
        times: &'a mut WireTimes,
        live: &'a LiveShard,
    ) -> Self {
        times.last_read_at = None;
        let [head, body] = request;
        Self {
            wire,
            clock,
            outgoing: Outgoing {
                head,
                body,
                is_begun: false,
                is_flushed: false,
                error: None,
            },
            decoder: ResponseDecoder::default(),
            intake,
            times,
            live,
            end_timer: None,
        }
    }

    /// Writes and reads until the end.
    pub(crate) fn carry_out(mut self) -> impl Future<Output = Ended> {
        poll_fn(move |cx| self.poll(cx))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        // A server may answer, with a refusal most likely, before it has read all: writing never holds up
        // reading, and a write that fails is judged by what can be read.
        if !self.outgoing.is_flushed && self.outgoing.error.is_none() {
            self.write(cx);
        }
        let mut reads = 0;
        loop {
            let (clock, times, live) = (self.clock, &mut *self.times, self.live);
            let (decoder, intake) = (&mut self.decoder, &mut *self.intake);
            let read = self.wire.poll_read_with(cx, |bytes, arrived_at| {
                if bytes.is_empty() {
                    return None;
                }
                // Stamps of the kernel go by the wall clock, and whoever sets that must not turn time back.
                let after = times.last_read_at.or(times.sent_at).unwrap_or(0);
                let arrived_ns = clock.ns_at(arrived_at);
                if times.last_read_at.is_none() && arrived_ns.saturating_add(EARLY_NS_MAX) < after {
                    times.last_read_at = Some(after);
                    let text = "an answer came before its request was sent";
                    return Some(Reading::Failed(Failure::new(Outcome::Protocol, text)));
                }
                let at_ns = arrived_ns.max(after);
                times.last_read_at = Some(at_ns);
                let sent_at = times.sent_at.unwrap_or(at_ns);
                Some(intake.take_read(bytes, decoder, at_ns, sent_at, live))
            });
            return match read {
                Poll::Ready(Ok(Some(Reading::On))) if self.decoder.is_done() => {
                    Poll::Ready(Ended::Answered {
                        is_reusable: self.decoder.is_reusable() && self.outgoing.is_flushed,
                    })
                }
                Poll::Ready(Ok(Some(Reading::On))) => {
                    reads += 1;
                    if reads < READS_OF_A_TURN_MAX {
                        continue;
                    }
                    cx.waker().wake_by_ref();
                    self.poll_end_timer(cx)
                }
                Poll::Ready(Ok(Some(Reading::Enough))) => {
                    Poll::Ready(Ended::Answered { is_reusable: false })
                }
                Poll::Ready(Ok(Some(Reading::Failed(failure)))) => {
                    Poll::Ready(Ended::Failed(failure))
                }
                Poll::Ready(Ok(None)) => Poll::Ready(self.closed(None)),
                Poll::Ready(Err(error)) => Poll::Ready(self.closed(Some(&error))),
                Poll::Pending => self.poll_end_timer(cx),
            };
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        loop {
            let outgoing = &mut self.outgoing;
            if outgoing.head.is_empty() && outgoing.body.is_empty() {
                match self.wire.poll_flush(cx) {
                    Poll::Ready(Ok(())) => outgoing.is_flushed = true,
                    Poll::Ready(Err(error)) => outgoing.error = Some(error),
                    Poll::Pending => {}
                }
                return;
            }
            let parts = [
                io::IoSlice::new(outgoing.head),
                io::IoSlice::new(outgoing.body),
            ];
            let before_ns = self.times.sent_at.is_none().then(|| self.clock.now_ns());
            match self.wire.poll_write(cx, &parts) {
                Poll::Ready(Ok(0)) => outgoing.error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(count)) => {
                    self.times.sent_at = self.times.sent_at.or(before_ns);
                    outgoing.is_begun = true;
                    outgoing.advance(count);
                    continue;
                }
                Poll::Ready(Err(error)) => outgoing.error = Some(error),
                Poll::Pending => {}
            }
            return;
        }
    }

    /// The connection closed, in order or with an error.
    fn closed(&self, error: Option<&io::Error>) -> Ended {
        if error.is_none() && self.decoder.ends_with_connection() {
            return Ended::Answered { is_reusable: false };
        }
        let why = error.or(self.outgoing.error.as_ref()).map_or_else(
            || "the server closed the connection".to_owned(),
            ToString::to_string,
        );
        if self.times.last_read_at.is_none() {
            let text = format!("the connection closed before an answer came: {why}");
            return Ended::Unanswered {
                was_sent: self.outgoing.is_begun,
                failure: Failure::new(Outcome::Truncated, text),
            };
        }
        // An answer that said it was whole may lack the end of its body.
        if self.intake.is_complete() {
            return Ended::Answered { is_reusable: false };
        }
        let text = format!("{BROKE_OFF}: {why}");
        Ended::Failed(Failure::new(Outcome::Truncated, text))
    }

    fn poll_end_timer(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if !self.intake.is_at_end() {
            return Poll::Pending;
        }
        let wait = if self.intake.is_refusal() {
            REFUSAL_TIMEOUT
        } else {
            END_OF_BODY_TIMEOUT
        };
        let timer = self
            .end_timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
        let polled = timer.as_mut().poll(cx);
        if polled.is_ready() {
            // As planned, and not as it came: that a timer is late is the client's own affair.
            self.times.waited_until = Some(self.clock.ns_at(timer.deadline().into_std()));
        }
        polled.map(|()| Ended::Answered { is_reusable: false })
    }
}

impl Outgoing<'_> {
    fn advance(&mut self, count: usize) {
        let of_head = count.min(self.head.len());
        self.head = self.head.get(of_head..).unwrap_or_default();
        self.body = self.body.get(count - of_head..).unwrap_or_default();
    }
}
