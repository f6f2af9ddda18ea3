//! Running a program there to its end.

use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::time::timeout;

use crate::quote::quote_line;
use crate::{Session, SshError};

/// The shell that runs our scripts reads them whole before it does anything, and refuses a piece of
/// one: a link cut halfway runs nothing.
const SCRIPT_READER: &str =
    r##"s=$(cat) && case $s in *"#end of script") eval "$s";; *) exit 99;; esac"##;
const SCRIPT_END: &str = "\n#end of script";
/// Output of a script of ours.
const SCRIPT_OUTPUT_MAX: usize = 4 << 20;
/// File descriptor of the error output, as SSH numbers extended data.
const STDERR: u32 = 1;

/// What a program left when it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its error output.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub exit: Exit,
}

impl Output {
    /// The error output as text, without the space around it.
    pub fn error_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).trim().to_owned()
    }

    /// The standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// How a program ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exit {
    /// By itself, with this status. 127: the shell found no such program; 126: it may not be run.
    Code(u32),
    /// By a signal, named without `SIG`.
    Signal(String),
}

impl Exit {
    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(name) => write!(f, "signal {name}"),
        }
    }
}

impl Session {
    /// Runs a program there to its end. The words reach it byte for byte, `stdin` is its standard
    /// input, and each of its outputs may have up to `output_max` bytes. It is killed, with its
    /// process group, when it takes longer than `within` or the future is dropped.
    ///
    /// The account's shell has to be a POSIX one (sh, bash, dash, zsh, ksh, busybox).
    ///
    /// # Errors
    /// [`SshError::TimedOut`], [`SshError::OutputTooLong`], [`SshError::LinkLost`], and those of
    /// words that cannot be passed on. A program that fails is not an error: see [`Output::exit`].
    pub async fn run<W: AsRef<[u8]>>(
        &self,
        words: &[W],
        stdin: &[u8],
        within: Duration,
        output_max: usize,
    ) -> Result<Output, SshError> {
        // The account's shell becomes the program: its end is told as it is, and signals reach it.
        let line = [b"exec ".as_slice(), &quote_line(words)?].concat();
        let name = words
            .first()
            .map(|word| String::from_utf8_lossy(word.as_ref()).into_owned())
            .unwrap_or_default();
        timeout(within, self.run_line(line, &name, stdin, output_max))
            .await
            .unwrap_or_else(|_| {
                Err(SshError::TimedOut {
                    host: self.place().to_owned(),
                    what: name.clone(),
                    within,
                })
            })
    }

    /// Runs a script in a POSIX shell; its text is in no argument list there.
    pub(crate) async fn run_script(
        &self,
        script: &[u8],
        within: Duration,
    ) -> Result<Output, SshError> {
        let mut text = script.to_vec();
        text.extend_from_slice(SCRIPT_END.as_bytes());
        self.run(
            &["sh", "-c", SCRIPT_READER],
            &text,
            within,
            SCRIPT_OUTPUT_MAX,
        )
        .await
    }

    async fn run_line(
        &self,
        line: Vec<u8>,
        name: &str,
        stdin: &[u8],
        output_max: usize,
    ) -> Result<Output, SshError> {
        let mut running = Running::new(self.open_channel().await?);
        if running.write.exec(true, line).await.is_err() {
            return Err(self.lost_or(name, "the server takes no command").await);
        }
        let mut collected = Collected::default();
        let ending = exchange(&mut running, &mut collected, stdin, output_max).await;
        match ending {
            Ending::Closed => {}
            Ending::TooLong => {
                return Err(SshError::OutputTooLong {
                    host: self.place().to_owned(),
                    command: name.to_owned(),
                    most: output_max,
                });
            }
            Ending::Refused => {
                return Err(SshError::Refused {
                    host: self.place().to_owned(),
                    what: "programs to be run",
                    reason: "its configuration forbids it".to_owned(),
                });
            }
        }
        running.is_over = true;
        match collected.exit {
            Some(exit) => Ok(Output {
                stdout: collected.stdout,
                stderr: collected.stderr,
                exit,
            }),
            // The channel closed without telling how the program ended: the link went.
            None => Err(self
                .lost_or(name, "the server did not say how it ended")
                .await),
        }
    }
}

/// Feeds the program and collects what it prints, until its channel closes.
async fn exchange(
    running: &mut Running,
    collected: &mut Collected,
    stdin: &[u8],
    output_max: usize,
) -> Ending {
    let write = std::sync::Arc::clone(&running.write);
    let feed = async {
        // A program that reads no input is no error: its end tells the rest.
        if !stdin.is_empty() {
            let _ = write.data_bytes(stdin.to_vec()).await;
        }
        let _ = write.eof().await;
    };
    let collect = collected.collect(&mut running.read, output_max);
    tokio::pin!(feed, collect);
    let mut is_fed = false;
    loop {
        tokio::select! {
            () = &mut feed, if !is_fed => is_fed = true,
            ending = &mut collect => return ending,
        }
    }
}

/// A program's channel. Dropped before the program's end, it kills the program.
struct Running {
    read: ChannelReadHalf,
    write: std::sync::Arc<ChannelWriteHalf<Msg>>,
    is_over: bool,
}

impl Running {
    fn new(channel: Channel<Msg>) -> Self {
        let (read, write) = channel.split();
        Self {
            read,
            write: std::sync::Arc::new(write),
            is_over: false,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let write = std::sync::Arc::clone(&self.write);
        let is_over = self.is_over;
        // Outside of a runtime there is no link any more either.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if !is_over {
                    let _ = write.signal(Sig::KILL).await;
                }
                let _ = write.close().await;
            });
        }
    }
}

#[derive(Default)]
struct Collected {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: Option<Exit>,
}

enum Ending {
    Closed,
    TooLong,
    Refused,
}

impl Collected {
    async fn collect(&mut self, read: &mut ChannelReadHalf, output_max: usize) -> Ending {
        while let Some(message) = read.wait().await {
            let (part, data) = match message {
                ChannelMsg::Data { data } => (&mut self.stdout, data),
                ChannelMsg::ExtendedData { data, ext } if ext == STDERR => (&mut self.stderr, data),
                ChannelMsg::ExitStatus { exit_status } => {
                    self.exit = Some(Exit::Code(exit_status));
                    continue;
                }
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    self.exit = Some(Exit::Signal(signal_text(&signal_name)));
                    continue;
                }
                ChannelMsg::Failure => return Ending::Refused,
                ChannelMsg::Close => return Ending::Closed,
                _ => continue,
            };
            if part.len() + data.len() > output_max {
                return Ending::TooLong;
            }
            part.extend_from_slice(&data);
        }
        Ending::Closed
    }
}

fn signal_text(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
