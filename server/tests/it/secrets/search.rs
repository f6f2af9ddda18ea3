//! Looking for secrets, as they are and in the forms that programs give them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Secrets with what they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<Secret>);

#[derive(Clone, Debug)]
struct Secret {
    what: String,
    forms: Vec<Vec<u8>>,
    /// The server prints it once, for a person to use up.
    is_printed: bool,
}

impl Secrets {
    pub(super) fn add(&mut self, what: &str, text: &str) {
        self.push(what, text, false);
    }

    /// One that the server's log shows, because a person must read it there, and that is of no use
    /// any more.
    pub(super) fn add_used_up(&mut self, what: &str, text: &str) {
        self.push(what, text, true);
    }

    fn push(&mut self, what: &str, text: &str, is_printed: bool) {
        let hex = text.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").unwrap();
            hex
        });
        let json = serde_json::to_string(text).unwrap();
        let forms = [
            text.to_owned(),
            percent_encoded(text),
            STANDARD_NO_PAD.encode(text),
            URL_SAFE_NO_PAD.encode(text),
            hex,
            json.trim_matches('"').to_owned(),
            text.replace('&', "&amp;"),
        ];
        self.0.push(Secret {
            what: what.to_owned(),
            forms: forms.map(String::into_bytes).into(),
            is_printed,
        });
    }

    /// What is found in some bytes, in words.
    fn found_in(&self, bytes: &[u8]) -> Vec<&str> {
        let is_found = |secret: &&Secret| secret.forms.iter().any(|form| contains(bytes, form));
        let found = self.0.iter().filter(is_found);
        found.map(|secret| secret.what.as_str()).collect()
    }

    pub(super) fn refuse_in(&self, place: &str, bytes: &[u8]) {
        assert_eq!(self.found_in(bytes), Vec::<&str>::new(), "in {place}");
    }

    /// The same where the set-up link is printed.
    pub(super) fn refuse_in_log(&self, place: &str, bytes: &[u8]) {
        let hidden = self.0.iter().filter(|secret| !secret.is_printed);
        Self(hidden.cloned().collect()).refuse_in(place, bytes);
    }

    /// In every file below a folder: database, log of writes, records, folders of runs.
    pub(super) fn refuse_in_folder(&self, folder: &Path) {
        let files = files_below(folder);
        assert!(files.len() > 2, "{files:?}");
        for file in files {
            let bytes = fs::read(&file).unwrap_or_default();
            self.refuse_in(&file.display().to_string(), &bytes);
        }
    }
}

/// Whether a text is in some file below a folder.
pub(super) fn is_in_folder(folder: &Path, text: &str) -> bool {
    files_below(folder).iter().any(|file| {
        let bytes = fs::read(file).unwrap_or_default();
        contains(&bytes, text.as_bytes())
    })
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

/// Whether some bytes are part of others.
pub(super) fn contains(bytes: &[u8], part: &[u8]) -> bool {
    let Some((first, rest)) = part.split_first() else {
        return true;
    };
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    places.any(|(place, _)| bytes[place + 1..].starts_with(rest))
}

/// A value as a form sends it.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
    }
    encoded
}

/// Looks at all processes and at the folders of runs again and again: no command line and no file may show
/// a secret, and no environment but those of the process that makes the load and of a proxy.
pub(super) struct ProcessWatch {
    is_over: Arc<AtomicBool>,
    looking: JoinHandle<Seen>,
}

#[derive(Default)]
struct Seen {
    offences: Vec<String>,
    /// Whether the load process was seen with a key, so that there was something to look at.
    has_seen_load: bool,
    /// The same of the proxy.
    has_seen_proxy: bool,
    /// Keys that the load process was given and nobody knew of: those of proxies.
    keys: BTreeSet<String>,
}

impl ProcessWatch {
    pub(super) fn start(secrets: &Secrets, folder: &Path) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (secrets, over) = (secrets.clone(), Arc::clone(&is_over));
        let folder = folder.canonicalize().unwrap();
        let runs = folder.join("runs");
        let looking = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !over.load(Ordering::Relaxed) {
                look(&secrets, &folder, &mut seen);
                look_into(&runs, &secrets, &mut seen);
                std::thread::yield_now();
            }
            seen
        });
        Self { is_over, looking }
    }

    /// Ends it; returns the keys of proxies.
    pub(super) fn stop(self) -> BTreeSet<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let seen = self.looking.join().unwrap();
        assert_eq!(seen.offences, Vec::<String>::new());
        assert!(seen.has_seen_load, "the load process was never looked at");
        assert!(seen.has_seen_proxy, "the proxy was never looked at");
        assert_eq!(seen.keys.len(), 1, "the proxy has a key of its own");
        seen.keys
    }
}

/// The records of a run are large, and are searched when all is over.
const WATCHED_BYTES_MAX: u64 = 1 << 20;

fn look_into(folder: &Path, secrets: &Secrets, seen: &mut Seen) {
    for file in files_below(folder) {
        let size = fs::metadata(&file).map_or(0, |data| data.len());
        if size <= WATCHED_BYTES_MAX {
            let bytes = fs::read(&file).unwrap_or_default();
            for what in secrets.found_in(&bytes) {
                seen.offences.push(format!("{what} in {}", file.display()));
            }
        }
    }
}

fn look(secrets: &Secrets, folder: &Path, seen: &mut Seen) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
        // In this order: a program that just starts has the environment of the one before it, and then
        // its own command line already.
        let environment = read("environ");
        let command = read("cmdline");
        if command.is_empty() {
            continue;
        }
        let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
        let line = String::from_utf8_lossy(&command).replace('\0', " ");
        for what in secrets.found_in(&command) {
            seen.offences
                .push(format!("{what} in the command line {line}"));
        }
        let found = secrets.found_in(&environment);
        let makes_load = words.get(1) == Some(&b"load".as_slice());
        if makes_load {
            seen.has_seen_load |= !found.is_empty();
            let mut variables = environment.split(|byte| *byte == 0);
            let key = variables.find_map(|variable| variable.strip_prefix(b"ASSAY_LOAD_API_KEY="));
            // Another test has keys that this one does not know.
            let is_own = contains(&environment, folder.as_os_str().as_encoded_bytes());
            let key = key.filter(|_| found.is_empty() && is_own);
            seen.keys
                .extend(key.map(|key| String::from_utf8_lossy(key).into_owned()));
        } else if words.contains(&b"litellm.json".as_slice()) {
            seen.has_seen_proxy |= !found.is_empty();
        } else if !found.is_empty() {
            seen.offences
                .push(format!("{found:?} in the environment of {line}"));
        }
    }
}
