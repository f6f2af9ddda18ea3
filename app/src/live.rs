//! Server-sent events: the live half of a page. A page is a snapshot plus the tail of a stream.
//!
//! Nothing here runs on the server: streams are opened in effects.

use domain::id::BenchmarkId;
use domain::run::{JournalEntry, RunState};
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Event, EventSource, MessageEvent};

/// What a handler wants after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// More events.
    Listen,
    /// None: the stream is over. Without this the browser would connect again.
    Close,
}

/// Called with the data of an event.
pub type OnEvent = Box<dyn Fn(String) -> Next>;

/// An open stream. It closes when it is dropped; the browser reconnects by itself until then and
/// names the last event it saw.
pub struct EventStream {
    source: EventSource,
    // Kept alive as long as the browser may call them.
    _on_event: Vec<Closure<dyn Fn(MessageEvent)>>,
    _on_state: Vec<Closure<dyn Fn(Event)>>,
}

impl EventStream {
    /// Opens a stream and calls a handler for each named event. `is_stale` is true while the
    /// connection is lost. `None` where the browser refuses the address.
    pub fn open(
        url: &str,
        handlers: Vec<(&'static str, OnEvent)>,
        is_stale: RwSignal<bool>,
    ) -> Option<Self> {
        let source = EventSource::new(url).ok()?;
        let mut on_event = Vec::new();
        for (name, handler) in handlers {
            let own = source.clone();
            let callback = Closure::<dyn Fn(MessageEvent)>::new(move |event: MessageEvent| {
                if handler(event.data().as_string().unwrap_or_default()) == Next::Close {
                    own.close();
                }
            });
            source
                .add_event_listener_with_callback(name, callback.as_ref().unchecked_ref())
                .ok()?;
            on_event.push(callback);
        }
        // The page may be gone when the browser calls, hence `try_set`.
        let note = |is_lost: bool| {
            Closure::<dyn Fn(Event)>::new(move |_| {
                is_stale.try_set(is_lost);
            })
        };
        let (opened, lost) = (note(false), note(true));
        source.set_onopen(Some(opened.as_ref().unchecked_ref()));
        source.set_onerror(Some(lost.as_ref().unchecked_ref()));
        Some(Self {
            source,
            _on_event: on_event,
            _on_state: vec![opened, lost],
        })
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.source.close();
    }
}

/// Keeps a stream open while the present owner lives. In the browser only.
pub fn keep_stream(open: impl Fn() -> Option<EventStream> + 'static) {
    // All of it inside the effect, which the server never runs: there a page is cleaned up on
    // another thread than it was made on, and a stream belongs to one thread.
    Effect::new(move |_| {
        let stream = StoredValue::new_local(open());
        on_cleanup(move || {
            stream.try_update_value(|stream| *stream = None);
        });
    });
}

/// A run as it goes.
#[derive(Clone, Copy)]
pub struct LiveRun {
    /// Its state: the snapshot, then every entry folded by the same code as on the server.
    pub state: RwSignal<RunState>,
    /// Whether the connection is lost, so that the state may be old.
    pub is_stale: RwSignal<bool>,
}

/// Follows a run from its snapshot on. `on_end` is called once the run is over and its result, if
/// any, can be loaded.
pub fn follow_run(id: BenchmarkId, snapshot: RunState, on_end: Callback<()>) -> LiveRun {
    let state = RwSignal::new(snapshot);
    let is_stale = RwSignal::new(false);
    keep_stream(move || {
        let after = state.try_with_untracked(|state| state.seq).unwrap_or(0);
        let url = format!("/live?benchmark={id}&after={after}");
        let fold: OnEvent = Box::new(move |data| {
            // An entry of a newer server that this page cannot read is skipped: the page says what
            // it knows, and the end of the stream loads it anew.
            if let Ok(entry) = serde_json::from_str::<JournalEntry>(&data) {
                state.try_update(|state| state.apply(&entry));
            }
            Next::Listen
        });
        let end: OnEvent = Box::new(move |_| {
            on_end.try_run(());
            Next::Close
        });
        EventStream::open(&url, vec![("journal", fold), ("end", end)], is_stale)
    });
    LiveRun { state, is_stale }
}
