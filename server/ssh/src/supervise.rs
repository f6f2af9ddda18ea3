//! Processes that outlive the link, and are found again by another one.
//!
//! Each has a session of its own and a supervision file under `~/.assay/runs/INSTANCE/RUN/` with its
//! number, the time it started at and the system's start: together they name one process for ever.
//! It writes that file itself before it becomes the program, so there is no moment at which a link
//! that breaks leaves something that cannot be found. Besides, it carries `ASSAY_SUPERVISED` in its
//! environment, by which what it left behind is found when itself is gone.

use std::time::{Duration, Instant};

use domain::secret::Secret;

use crate::script::Script;
use crate::{Session, SshError};

const START: &str = include_str!("scripts/start.sh");
const FIND: &str = include_str!("scripts/find.sh");
const SIGNAL: &str = include_str!("scripts/signal.sh");
const REMOVE: &str = include_str!("scripts/remove.sh");

/// For one script.
const SCRIPT_WITHIN: Duration = Duration::from_secs(30);
/// Pause between two looks whether something has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long killed processes may take to be gone.
const KILL_WITHIN: Duration = Duration::from_secs(15);
const NAME_MAX: usize = 100;

/// Whose a process is: the instance of the server that started it, and the run it belongs to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Mark {
    instance: String,
    run: String,
}

impl Mark {
    /// Both become names of folders: letters, digits, `-`, `_` and `.`, not starting with a dot.
    ///
    /// # Errors
    /// [`SshError::BadName`].
    pub fn new(instance: impl Into<String>, run: impl Into<String>) -> Result<Self, SshError> {
        let (instance, run) = (instance.into(), run.into());
        check_name(&instance, "an instance")?;
        check_name(&run, "a run")?;
        Ok(Self { instance, run })
    }

    /// The server's instance.
    pub fn instance(&self) -> &str {
        &self.instance
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }
}

/// A process to be started.
#[derive(Clone, Debug)]
pub struct Supervised {
    /// Whose it is.
    pub mark: Mark,
    /// What it is within its run, such as `engine`; one of a name runs at a time.
    pub name: String,
    /// The program and its arguments, which everybody on the machine can read.
    pub words: Vec<String>,
    /// What its environment has besides the account's own. The values are in no argument list and
    /// no file.
    pub environment: Vec<(String, Secret<String>)>,
    /// Where it runs; the run's folder if `None`.
    pub folder: Option<String>,
    /// What it prints is added to this file; `NAME.log` in the run's folder if `None`.
    pub log: Option<String>,
}

/// What is known of a supervised process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FarProcess {
    /// Its name within its run.
    pub name: String,
    /// Its number, which is that of its session and process group too.
    pub process_id: u32,
    /// When it started, in clock ticks since the system's start.
    pub started: u64,
    /// Which start of the system that was.
    pub boot: String,
    /// Where its output goes.
    pub log: String,
    /// Whether it still ran when it was looked at.
    pub is_alive: bool,
}

/// A run that has a folder on the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FarRun {
    /// The run.
    pub run: String,
    /// Its processes, whether they live or not.
    pub processes: Vec<FarProcess>,
}

impl Session {
    /// Starts a process that lives on without the link.
    ///
    /// # Errors
    /// [`SshError::Missing`] (the program, its folder, util-linux' `setsid`, `/proc`),
    /// [`SshError::AlreadyRunning`], [`SshError::BadName`], [`SshError::Failed`].
    pub async fn start(&self, what: &Supervised) -> Result<FarProcess, SshError> {
        check_name(&what.name, "a process")?;
        if what.words.is_empty() {
            return Err(SshError::NoWords);
        }
        let mut script = script_of("starting the process", &what.mark, &what.name)?
            .set("folder", path_of(what.folder.as_deref(), "a folder")?)?
            .set("log_file", path_of(what.log.as_deref(), "a log file")?)?;
        // Quoted word by word, and never on a command line: the length of one argument is limited.
        let mut words = b"set --".to_vec();
        for word in &what.words {
            words.push(b' ');
            words.extend(crate::quote::quote(word)?);
        }
        script.line(&[&words]);
        script.line(&[b"prepare() {\n:"]);
        for (name, value) in &what.environment {
            check_variable(name)?;
            let value = crate::quote::quote(value.expose())?;
            script.line(&[b"export ", name.as_bytes(), b"=", &value]);
        }
        script.line(&[b"}"]);
        let lines = script.run(self, START, SCRIPT_WITHIN).await?;
        self.read_start(what, lines.first().map_or("", String::as_str))
    }

    fn read_start(&self, what: &Supervised, line: &str) -> Result<FarProcess, SshError> {
        let host = self.place().to_owned();
        let missing = |program: &str, purpose| SshError::Missing {
            host: host.clone(),
            program: program.to_owned(),
            purpose,
        };
        let words: Vec<&str> = line.splitn(5, ' ').collect();
        match words.as_slice() {
            ["started", process_id, started, boot, log] => Ok(FarProcess {
                name: what.name.clone(),
                process_id: process_id.parse().unwrap_or_default(),
                started: started.parse().unwrap_or_default(),
                boot: (*boot).to_owned(),
                log: (*log).to_owned(),
                is_alive: true,
            }),
            ["running", process_id] => Err(SshError::AlreadyRunning {
                host,
                name: what.name.clone(),
                process_id: process_id.parse().unwrap_or_default(),
            }),
            ["missing", "program"] => Err(missing(
                what.words.first().map_or("", String::as_str),
                "to start the process",
            )),
            ["missing", "folder"] => Err(missing(
                what.folder.as_deref().unwrap_or_default(),
                "as the process's folder",
            )),
            ["missing", "proc"] => Err(missing(
                "Linux's /proc",
                "to tell processes from each other",
            )),
            ["taken"] => Err(SshError::Failed {
                host,
                what: "starting the process".to_owned(),
                reason: "another start of it is going on".to_owned(),
            }),
            ["unwritable"] => Err(SshError::Failed {
                host,
                what: "starting the process".to_owned(),
                reason:
                    "its supervision file cannot be written there: the disk is full or read-only"
                        .to_owned(),
            }),
            ["refused"] => Err(SshError::Failed {
                host,
                what: "starting the process".to_owned(),
                reason: "the command or its environment is longer than the system there takes"
                    .to_owned(),
            }),
            ["missing", "setsid"] => Err(missing(
                "setsid of util-linux",
                "to start processes that outlive the link",
            )),
            _ => Err(SshError::Failed {
                host,
                what: "starting the process".to_owned(),
                reason: format!("the machine's shell answered “{line}”"),
            }),
        }
    }

    /// Every run of an instance that left something on the machine.
    ///
    /// # Errors
    /// [`SshError::BadName`], [`SshError::Failed`], and those of the link.
    pub async fn list(&self, instance: &str) -> Result<Vec<FarRun>, SshError> {
        check_name(instance, "an instance")?;
        self.find_all(instance, "*", "*").await
    }

    /// A process that was started, whether it lives or not; `None` without a supervision file.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn find(&self, mark: &Mark, name: &str) -> Result<Option<FarProcess>, SshError> {
        check_name(name, "a process")?;
        let runs = self.find_all(&mark.instance, &mark.run, name).await?;
        Ok(runs.into_iter().flat_map(|run| run.processes).next())
    }

    /// Whether a process that was started still lives: the same process, not just its number.
    ///
    /// # Errors
    /// As [`Self::list`].
    pub async fn is_alive(&self, mark: &Mark, name: &str) -> Result<bool, SshError> {
        Ok(self
            .find(mark, name)
            .await?
            .is_some_and(|process| process.is_alive))
    }

    /// Ends a process with everything it started: `TERM` to its group, `KILL` to what is left after
    /// `grace`, and then a look that nothing is left. Says how many processes there were; 0 when it
    /// was gone already. Calling it again is harmless.
    ///
    /// # Errors
    /// [`SshError::NotStopped`], [`SshError::BadName`], [`SshError::Failed`], and those of the link.
    pub async fn stop(&self, mark: &Mark, name: &str, grace: Duration) -> Result<usize, SshError> {
        check_name(name, "a process")?;
        let count = self.signal(mark, name, "TERM").await?;
        if count == 0 {
            return Ok(0);
        }
        let asked = Instant::now();
        while asked.elapsed() < grace {
            tokio::time::sleep(LOOK_EVERY.min(grace)).await;
            if self.signal(mark, name, "").await? == 0 {
                return Ok(count);
            }
        }
        let killed = Instant::now();
        loop {
            let left = self.signal(mark, name, "KILL").await?;
            if left == 0 {
                return Ok(count);
            }
            if killed.elapsed() > KILL_WITHIN {
                return Err(SshError::NotStopped {
                    host: self.place().to_owned(),
                    name: name.to_owned(),
                    count: left,
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Ends every process of a run and removes the run's folder.
    ///
    /// # Errors
    /// As [`Self::stop`] and [`Self::remove_run`].
    pub async fn stop_run(&self, mark: &Mark, grace: Duration) -> Result<usize, SshError> {
        let mut count = 0;
        for run in self.find_all(&mark.instance, &mark.run, "*").await? {
            for process in run.processes {
                count += self.stop(mark, &process.name, grace).await?;
            }
        }
        self.remove_run(mark).await?;
        Ok(count)
    }

    /// Removes a run's folder, with its logs. One that is not there is removed.
    ///
    /// # Errors
    /// [`SshError::AlreadyRunning`] while something of the run lives.
    pub async fn remove_run(&self, mark: &Mark) -> Result<(), SshError> {
        let lines = Script::new("removing the run's folder")
            .set("instance", &mark.instance)?
            .set("run", &mark.run)?
            .run(self, REMOVE, SCRIPT_WITHIN)
            .await?;
        let line = lines.first().map_or("", String::as_str);
        match line.splitn(3, ' ').collect::<Vec<_>>().as_slice() {
            ["alive", process_id, name] => Err(SshError::AlreadyRunning {
                host: self.place().to_owned(),
                name: (*name).to_owned(),
                process_id: process_id.parse().unwrap_or_default(),
            }),
            _ => Ok(()),
        }
    }

    /// The folder of a run, where its logs and supervision files are.
    ///
    /// # Errors
    /// As [`Self::home`].
    pub async fn run_folder(&self, mark: &Mark) -> Result<String, SshError> {
        let home = self.home().await?;
        Ok(format!("{home}/.assay/runs/{}/{}", mark.instance, mark.run))
    }

    /// Sends a signal to all of its processes, or none if it is empty, and counts them.
    async fn signal(&self, mark: &Mark, name: &str, signal: &str) -> Result<usize, SshError> {
        let lines = script_of("stopping the process", mark, name)?
            .set("signal", signal)?
            .run(self, SIGNAL, SCRIPT_WITHIN)
            .await?;
        Ok(lines
            .iter()
            .map(|line| line.split_whitespace().count())
            .sum())
    }

    async fn find_all(
        &self,
        instance: &str,
        run: &str,
        name: &str,
    ) -> Result<Vec<FarRun>, SshError> {
        let lines = Script::new("looking for processes")
            .set("instance", instance)?
            .set("run", run)?
            .set("name", name)?
            .run(self, FIND, SCRIPT_WITHIN)
            .await?;
        let mut runs: Vec<FarRun> = Vec::new();
        for line in &lines {
            if let Some(run) = line.strip_prefix("run ") {
                runs.push(FarRun {
                    run: run.to_owned(),
                    processes: Vec::new(),
                });
            } else if let (Some(process), Some(run)) = (read_process(line), runs.last_mut()) {
                run.processes.push(process);
            }
        }
        Ok(runs)
    }
}

/// Reads `process NAME alive|dead PID STARTED BOOT LOG`.
fn read_process(line: &str) -> Option<FarProcess> {
    let words: Vec<&str> = line.splitn(7, ' ').collect();
    let ["process", name, life, process_id, started, boot, log] = words.as_slice() else {
        return None;
    };
    Some(FarProcess {
        name: (*name).to_owned(),
        process_id: process_id.parse().ok()?,
        started: started.parse().ok()?,
        boot: (*boot).to_owned(),
        log: (*log).to_owned(),
        is_alive: *life == "alive",
    })
}

fn script_of(purpose: &'static str, mark: &Mark, name: &str) -> Result<Script, SshError> {
    Script::new(purpose)
        .set("instance", &mark.instance)?
        .set("run", &mark.run)?
        .set("name", name)
}

/// Names become parts of paths and of lines.
fn check_name(name: &str, what: &'static str) -> Result<(), SshError> {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_plain && !name.is_empty() && name.len() <= NAME_MAX && !name.starts_with(['.', '-']) {
        Ok(())
    } else {
        Err(SshError::BadName {
            name: name.to_owned(),
            what,
        })
    }
}

fn check_variable(name: &str) -> Result<(), SshError> {
    let is_plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_plain && !name.is_empty() && !name.starts_with(|first: char| first.is_ascii_digit()) {
        Ok(())
    } else {
        Err(SshError::BadName {
            name: name.to_owned(),
            what: "an environment variable",
        })
    }
}

/// Paths stand in lines: without line ends.
fn path_of<'a>(path: Option<&'a str>, what: &'static str) -> Result<&'a str, SshError> {
    match path {
        None => Ok(""),
        Some(path) if path.starts_with('/') && !path.contains(['\n', '\r']) => Ok(path),
        Some(path) => Err(SshError::BadName {
            name: path.to_owned(),
            what,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_folder() {
        for bad in ["", "..", ".hidden", "a/b", "a b", "-rf", "*", "ü", "a\nb"] {
            assert!(Mark::new("here", bad).is_err(), "{bad:?}");
        }
        assert!(Mark::new("0f-3", "5d2e_x.1").is_ok());
    }

    #[test]
    fn variables_are_names_of_a_shell() {
        for bad in ["", "1A", "A-B", "A=B", "A B", "$(x)"] {
            assert!(check_variable(bad).is_err(), "{bad:?}");
        }
        assert!(check_variable("OPENAI_API_KEY").is_ok());
    }

    #[test]
    fn lines_that_are_no_processes_are_passed_over() {
        assert_eq!(read_process("process engine alive"), None);
        let process = read_process("process engine alive 7 99 abc /a folder/x.log").unwrap();
        assert_eq!(
            (process.process_id, process.log.as_str(), process.is_alive),
            (7, "/a folder/x.log", true)
        );
    }
}
