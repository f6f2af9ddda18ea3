//! The thread that serves: one loop over what its connections bring and what is due on them.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};

use crate::Engine;
use crate::answer::{Answer, Step};
use crate::connection::{Connection, Flow, State};
use crate::http::{CONTINUE, Parsed, parse_head, write_json};
use crate::platform::{Alarm, StampedReader, monotonic_ns};
use crate::slots::Ticket;
use crate::timers::{Due, Timers};
use crate::wire::error_body;

mod routes;

/// Events that are not of a connection.
pub(crate) const WAKER: Token = Token(usize::MAX);
const LISTENER: Token = Token(usize::MAX - 1);
const ALARM: Token = Token(usize::MAX - 2);
/// The place that stands for the listener among the timers.
const LISTENER_PLACE: usize = usize::MAX;
/// How long to wait with accepting when the system has no files left.
const ACCEPT_AGAIN_NS: u64 = 10_000_000;
const EVENTS_MAX: usize = 1_024;
const SCRATCH_BYTES: usize = 64 << 10;
/// Instants served before events are looked at again.
const DUE_AT_ONCE_MAX: usize = 256;

/// One thread with its connections.
pub(crate) struct Worker {
    engine: Arc<Engine>,
    number: usize,
    listener: TcpListener,
    poll: Poll,
    alarm: Alarm,
    timers: Timers,
    connections: Vec<Option<Connection>>,
    free_places: Vec<usize>,
    births: u64,
    reader: StampedReader,
    scratch: Vec<u8>,
}

impl Worker {
    pub(crate) fn new(
        engine: Arc<Engine>,
        number: usize,
        listener: std::net::TcpListener,
        poll: Poll,
    ) -> io::Result<Self> {
        let mut listener = TcpListener::from_std(listener);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let alarm = Alarm::new(&poll, ALARM)?;
        Ok(Self {
            engine,
            number,
            listener,
            poll,
            alarm,
            timers: Timers::default(),
            connections: Vec::new(),
            free_places: Vec::new(),
            births: 0,
            reader: StampedReader::new(),
            scratch: vec![0; SCRATCH_BYTES],
        })
    }

    /// Serves until the engine ends.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        while !self.engine.is_ending.load(Ordering::Relaxed) {
            let next_at = self.timers.next_at();
            self.alarm.wait(&mut self.poll, &mut events, next_at)?;
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER | ALARM => {}
                    Token(place) => {
                        if event.is_readable() {
                            self.fill(place);
                        }
                        if event.is_writable() {
                            self.drive(place);
                        }
                    }
                }
            }
            self.serve_grants();
            self.serve_due();
            self.serve_grants();
        }
        (0..self.connections.len()).for_each(|place| self.close(place));
        Ok(())
    }

    fn accept(&mut self) {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::Interrupted | ErrorKind::ConnectionAborted
                    ) =>
                {
                    continue;
                }
                Err(_) => {
                    self.timers.push(Due {
                        at_ns: monotonic_ns() + ACCEPT_AGAIN_NS,
                        place: LISTENER_PLACE,
                        birth: 0,
                    });
                    return;
                }
            };
            let place = self.free_places.pop().unwrap_or(self.connections.len());
            if place == self.connections.len() {
                self.connections.push(None);
            }
            self.births += 1;
            let mut connection = Connection::new(stream, self.births);
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered =
                self.poll
                    .registry()
                    .register(&mut connection.stream, Token(place), interest);
            match self.connections.get_mut(place) {
                Some(slot) if registered.is_ok() => *slot = Some(connection),
                _ => self.free_places.push(place),
            }
        }
    }

    fn connection(&mut self, place: usize) -> Option<&mut Connection> {
        self.connections.get_mut(place)?.as_mut()
    }

    /// Reads what came and goes on with it.
    fn fill(&mut self, place: usize) {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        let flow = connection.fill(&mut self.reader, &mut self.scratch, monotonic_ns);
        if flow == Flow::Gone {
            self.close(place);
        } else if matches!(connection.state, State::Reading(_)) {
            self.drive(place);
        }
    }

    /// Goes on with a connection as far as it can.
    fn drive(&mut self, place: usize) {
        while let Some(connection) = self.connection(place) {
            match connection.flush() {
                Flow::Ready => {}
                // The event that it can be written again goes on.
                Flow::Blocked => return,
                Flow::Gone => return self.close(place),
            }
            match &mut connection.state {
                State::Queued(_) | State::Silent(_) => return,
                State::Closing => return self.close(place),
                State::Reading(_) => {
                    if !self.read_request(place) {
                        return;
                    }
                }
                State::Answering(answer) => {
                    let step = answer.step(monotonic_ns(), &mut connection.out);
                    if !self.take_step(place, step) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether there is more to do at once.
    fn take_step(&mut self, place: usize, step: Step) -> bool {
        match step {
            Step::Wait(at_ns) => {
                self.flush_and_wait(place, at_ns);
                false
            }
            // The others come first: a stream without gaps must not hold them up.
            Step::More => {
                self.flush_and_wait(place, monotonic_ns());
                false
            }
            Step::Silence => {
                if let Some(connection) = self.connection(place) {
                    connection.state =
                        match std::mem::replace(&mut connection.state, State::Closing) {
                            State::Answering(answer) => State::Silent(answer),
                            state => state,
                        };
                }
                true
            }
            Step::Done { closes } => {
                self.end_answer(place);
                if let Some(connection) = self.connection(place)
                    && !closes
                {
                    connection.state = State::Reading(None);
                }
                true
            }
            Step::Cut => {
                self.end_answer(place);
                true
            }
            Step::Reset => {
                if let Some(connection) = self.connection(place) {
                    // What was put together comes first, as far as it goes out at once.
                    let _ = connection.flush();
                    // Without it the client sees the end of a connection in place of a reset.
                    let _ = connection.reset_at_end();
                }
                self.close(place);
                false
            }
        }
    }

    fn flush_and_wait(&mut self, place: usize, at_ns: u64) {
        let Some(connection) = self.connection(place) else {
            return;
        };
        match connection.flush() {
            Flow::Ready => {}
            Flow::Blocked => return,
            Flow::Gone => return self.close(place),
        }
        if connection.timer_ns == Some(at_ns) {
            return;
        }
        connection.timer_ns = Some(at_ns);
        let birth = connection.birth;
        self.timers.push(Due {
            at_ns,
            place,
            birth,
        });
    }

    fn serve_due(&mut self) {
        for _ in 0..DUE_AT_ONCE_MAX {
            let Some(due) = self.timers.pop_due(monotonic_ns()) else {
                return;
            };
            if due.place == LISTENER_PLACE {
                self.accept();
                continue;
            }
            let Some(connection) = self.connection(due.place) else {
                continue;
            };
            if connection.birth == due.birth && connection.timer_ns == Some(due.at_ns) {
                connection.timer_ns = None;
                self.drive(due.place);
            }
        }
    }

    fn serve_grants(&mut self) {
        loop {
            let granted = self.engine.slots.take_granted(self.number);
            if granted.is_empty() {
                return;
            }
            for ticket in granted {
                self.serve_grant(ticket);
            }
        }
    }

    fn serve_grant(&mut self, ticket: Ticket) {
        let connection = self
            .connection(ticket.place)
            .filter(|connection| connection.birth == ticket.birth);
        match connection.map(|connection| {
            let state = std::mem::replace(&mut connection.state, State::Closing);
            (connection, state)
        }) {
            Some((connection, State::Queued(mut answer))) => {
                let now_ns = monotonic_ns();
                answer.start(now_ns, now_ns, &mut connection.out);
                connection.state = State::Answering(answer);
                self.drive(ticket.place);
            }
            Some((connection, state)) => {
                connection.state = state;
                self.engine.slots.release(self.number, monotonic_ns());
            }
            None => self.engine.slots.release(self.number, monotonic_ns()),
        }
    }

    /// Takes the next request out of what was read. Whether one was there.
    fn read_request(&mut self, place: usize) -> bool {
        let Some(connection) = self.connection(place) else {
            return false;
        };
        let State::Reading(known) = &mut connection.state else {
            return false;
        };
        if known.is_none() {
            match parse_head(&connection.input) {
                Parsed::Incomplete => return false,
                Parsed::Complete((head, length)) => {
                    connection.input.drain(..length);
                    if head.expects_continue {
                        connection.out.extend_from_slice(CONTINUE);
                    }
                    *known = Some(head);
                }
                Parsed::Refused { status, text } => {
                    return refuse(connection, status, text);
                }
            }
        }
        let Some(head) = known else {
            return false;
        };
        let body = match head.body(&connection.input) {
            Parsed::Incomplete => {
                // What asks for more goes out now.
                let flow = connection.flush();
                if flow == Flow::Gone {
                    self.close(place);
                }
                return false;
            }
            Parsed::Complete((body, length)) => {
                connection.input.drain(..length);
                body
            }
            Parsed::Refused { status, text } => return refuse(connection, status, text),
        };
        let head = known.take().unwrap_or_default();
        self.serve_request(place, &head, &body);
        true
    }

    /// Logs the answer of a connection and frees its slot. The connection closes unless it is told
    /// otherwise.
    fn end_answer(&mut self, place: usize) {
        let Some((answer, has_slot)) = self.connection(place).and_then(Connection::take_answer)
        else {
            return;
        };
        if has_slot {
            self.engine.slots.release(self.number, monotonic_ns());
        }
        self.log(*answer);
    }

    fn log(&self, answer: Answer) {
        if let Some(log) = &self.engine.log {
            log.append(answer.into_entry(monotonic_ns()));
        }
    }

    fn close(&mut self, place: usize) {
        self.end_answer(place);
        if let Some(slot) = self.connections.get_mut(place)
            && slot.take().is_some()
        {
            self.free_places.push(place);
        }
    }
}

/// Answers what is no request, and closes.
fn refuse(connection: &mut Connection, status: u16, text: &str) -> bool {
    write_json(&mut connection.out, status, &error_body(status, text), true);
    connection.state = State::Closing;
    true
}
