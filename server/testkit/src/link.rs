//! A TCP link that a test can cut or freeze.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Bytes moved at once: a cut is exact to the byte whatever this is.
const CHUNK: usize = 16 * 1024;

/// Listens on a loopback port and passes what comes to another address, until it is told not to.
/// Dropping it cuts every connection.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    connections: Vec<TcpStream>,
    /// Bytes from the near side to the far one so far, on all connections.
    sent: u64,
    /// Everything is cut when `sent` gets there.
    cut_at: Option<u64>,
    is_frozen: bool,
    is_severed: bool,
    is_closed: bool,
}

impl Link {
    /// A link to a port on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                {
                    let state = accepting.lock();
                    if state.is_closed {
                        return;
                    }
                    if state.is_severed {
                        continue;
                    }
                }
                if let Ok(far) = TcpStream::connect(("127.0.0.1", port)) {
                    accepting.pass(&near, &far);
                }
            }
        });
        Self { address, shared }
    }

    /// The port on 127.0.0.1 to connect to.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Cuts everything once this many more bytes went to the far side; later connections pass.
    pub fn cut_after(&self, bytes: u64) {
        let mut state = self.shared.lock();
        state.cut_at = Some(state.sent + bytes);
    }

    /// Cuts every connection there is; later ones pass.
    pub fn cut(&self) {
        cut(&mut self.shared.lock());
    }

    /// Cuts every connection there is and those that come, until it is mended.
    pub fn sever(&self) {
        let mut state = self.shared.lock();
        state.is_severed = true;
        cut(&mut state);
    }

    /// Lets connections pass again.
    pub fn mend(&self) {
        self.shared.lock().is_severed = false;
    }

    /// Stops passing bytes without closing anything, as when a cable is pulled.
    pub fn freeze(&self) {
        self.shared.lock().is_frozen = true;
    }

    /// Passes bytes again.
    pub fn thaw(&self) {
        self.shared.lock().is_frozen = false;
        self.shared.changed.notify_all();
    }

    /// Bytes that went to the far side so far.
    pub fn sent(&self) -> u64 {
        self.shared.lock().sent
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.is_closed = true;
        state.is_frozen = false;
        cut(&mut state);
        drop(state);
        self.shared.changed.notify_all();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn pass(self: &Arc<Self>, near: &TcpStream, far: &TcpStream) {
        let copies = [near, far, near, far].map(|it| it.try_clone().expect("a socket's handle"));
        let [near_in, far_in, near_out, far_out] = copies;
        {
            let mut state = self.lock();
            for stream in [near, far] {
                stream.set_nodelay(true).ok();
                state
                    .connections
                    .push(stream.try_clone().expect("a socket's handle"));
            }
        }
        let shared = Arc::clone(self);
        thread::spawn(move || shared.copy(near_in, far_out, true));
        let shared = Arc::clone(self);
        thread::spawn(move || shared.copy(far_in, near_out, false));
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream, is_counted: bool) {
        let mut chunk = vec![0; CHUNK];
        while let Ok(length @ 1..) = from.read(&mut chunk) {
            let Some(mut bytes) = chunk.get(..length) else {
                break;
            };
            let mut is_last = false;
            {
                let mut state = self.lock();
                while state.is_frozen {
                    state = self
                        .changed
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                if is_counted {
                    if let Some(cut_at) = state.cut_at {
                        let left = usize::try_from(cut_at - state.sent).unwrap_or(usize::MAX);
                        is_last = bytes.len() >= left;
                        bytes = bytes.get(..left.min(bytes.len())).unwrap_or(bytes);
                    }
                    state.sent += bytes.len() as u64;
                }
            }
            let is_broken = to.write_all(bytes).is_err();
            if is_last {
                let mut state = self.lock();
                state.cut_at = None;
                cut(&mut state);
            }
            if is_broken || is_last {
                break;
            }
        }
        to.shutdown(Shutdown::Write).ok();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cut(state: &mut State) {
    for connection in state.connections.drain(..) {
        connection.shutdown(Shutdown::Both).ok();
    }
}
