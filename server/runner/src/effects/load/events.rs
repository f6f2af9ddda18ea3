//! What a load process tells, wherever it is.

use std::time::Duration;

use domain::load::{LoadEvent, LoadPhase};
use domain::run::RunEvent;

use crate::effects::{LoadResult, Message, Run};

/// Most bytes of one event: the last one carries the whole summary.
pub(super) const EVENT_BYTES_MAX: usize = 32 << 20;
/// How long prompts may be in the making.
const PREPARE_WITHIN: Duration = Duration::from_mins(10);
/// How long a load process that should report twice a second may be silent. Writing the records
/// of a long run falls into it.
const SILENCE_MAX: Duration = Duration::from_mins(2);

/// The events of one load, taken in one by one.
pub(super) struct Events<'a> {
    run: &'a Run,
    is_measuring: bool,
    failed_count: u32,
    patience: Duration,
    result: Option<LoadResult>,
}

impl<'a> Events<'a> {
    pub(super) fn new(run: &'a Run) -> Self {
        Self {
            run,
            is_measuring: false,
            failed_count: 0,
            patience: PREPARE_WITHIN,
            result: None,
        }
    }

    /// How long to wait for the next event.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    /// What is said when none came in time.
    pub(super) fn silent(&self) -> String {
        format!(
            "the load process said nothing for {} s and was stopped",
            self.patience.as_secs()
        )
    }

    /// What came of it; `None`: it ended without a result.
    pub(super) fn into_result(self) -> Option<LoadResult> {
        self.result
    }

    /// Whether the last event has come.
    pub(super) fn is_over(&self) -> bool {
        self.result.is_some()
    }

    /// Takes a line in. The error is the reason why the load ended.
    pub(super) async fn take(&mut self, line: &str) -> Result<(), String> {
        let event: LoadEvent = serde_json::from_str(line)
            .map_err(|error| format!("the load process cannot be understood: {error}"))?;
        if !matches!(event, LoadEvent::Failed { .. }) {
            self.patience = SILENCE_MAX;
        }
        match event {
            LoadEvent::Prepared {
                prompt_source,
                prompt_count,
            } => {
                self.run
                    .log(format!("{prompt_count} prompts are ready."))
                    .await;
                self.run
                    .tell(Message::Event(RunEvent::LoadPrepared {
                        prompt_source,
                        prompt_count,
                    }))
                    .await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::Measured,
            } => {
                self.is_measuring = true;
                self.run.tell(Message::MeasuringBegan).await;
                self.run.log("The measured window begins.").await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::Drain,
            } => {
                self.run
                    .log("The time is over; requests in flight finish.")
                    .await;
            }
            LoadEvent::Phase {
                phase: LoadPhase::WarmUp,
            } => {
                self.run
                    .log(format!(
                        "The warm-up begins: {}.",
                        self.run.plan.workload.warmup_in_words()
                    ))
                    .await;
            }
            LoadEvent::Live { sample } => {
                if sample.failed_count > self.failed_count {
                    self.run.failures.notify_one();
                }
                self.failed_count = sample.failed_count;
                self.run
                    .tell(Message::Event(RunEvent::Live { sample }))
                    .await;
            }
            LoadEvent::Failed { reason } => return Err(reason),
            LoadEvent::Finished {
                records_sha256,
                prompts_sha256,
                is_cancelled,
                summary,
                ..
            } => {
                // The stage that ends must be the one that was measured, whatever was told before.
                if !self.is_measuring {
                    self.is_measuring = true;
                    self.run.tell(Message::MeasuringBegan).await;
                }
                self.result = Some(LoadResult {
                    summary: *summary,
                    records_sha256,
                    prompts_sha256,
                    is_cut: is_cancelled,
                });
            }
        }
        Ok(())
    }
}
