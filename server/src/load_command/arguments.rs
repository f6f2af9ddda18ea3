//! The command line of `assay load`, and the plan it stands for.

mod values;

use std::io::BufRead;
use std::path::{Path, PathBuf};

use domain::id::DatasetId;
use domain::load::{Header, LOAD_PLAN_VERSION, LoadPlan};
use domain::secret::Secret;
use domain::slo::parse_slos;
use domain::workload::arrival::{ArrivalProcess, CONCURRENCY_MAX};
use domain::workload::extra_body;
use domain::workload::{
    AnswerLengths, Api, Arrival, LengthSpec, PlannedDataset, Prompts, SpendLimit, StopRule,
    WorkloadSpec,
};

use super::terminal::sentence;
use values::{
    finite, not_empty, parse_answer_lengths, parse_api, parse_arrival, parse_length, parse_seconds,
    parse_warmup, secret,
};

/// Largest plan that is read, in bytes.
const PLAN_BYTES_MAX: u64 = 1 << 20;
/// Stands for standard input.
const STDIN: &str = "-";

const AFTER_HELP: &str = "\
The API key, if the server wants one, is read from the environment variable ASSAY_LOAD_API_KEY and never
from the command line.

Files in the out folder:
  requests.parquet   one row per request: every instant, every chunk, how it ended
  result.json        the plan, the summary, digests of prompts and schedule, the client's health

A trace is a file of comma-separated values whose first line names the columns (timestamp,
input_length and output_length, or the names that Azure's and BurstGPT's traces use), or of one JSON
object a line with these fields (as Mooncake's). timestamp is in seconds or a date with a time; in JSON it is
in milliseconds; timestamp_s and timestamp_ms say their unit.

Objectives bound a percentile over requests (ttft_ms, ttft_from_schedule_ms, tpot_ms, itl_ms, e2e_ms,
e2e_from_schedule_ms; p99 where none is given) or a figure of the run (output_tok_per_s, error_rate):
  --slo 'ttft_ms<=200@p99, itl_ms<=40@p95, output_tok_per_s>=500, error_rate<=0.01'
In open loop ttft_ms and e2e_ms are judged from schedule. Requests that meet every bound of a request are
the goodput; a failed one misses.

Exit codes:
  0    the run is sound, and every objective was met
  1    something inside failed, such as writing the result
  2    the plan or the command line is refused
  3    the server cannot be reached
  4    more than 10 % of the requests failed, or the whole warm-up
  5    the client was the limit: the run says nothing about the server
  6    an objective was missed
  7    no objective was missed, but of one there are too few samples to say
  130  cancelled by a signal or by the end of standard input

Examples:
  assay load --base-url http://127.0.0.1:8000 --model my-model --concurrency 16 --requests 200
  assay load --base-url http://127.0.0.1:8000 --model my-model --rate 4 --burstiness 0.5 --duration 10m \\
             --ramp 1m --warmup 30s --input-tokens lognormal:512,0.6 --output-tokens 128 --ignore-eos
  assay load --base-url http://127.0.0.1:8000 --model my-model --trace azure.csv --speed 2 --max-in-flight 256
  assay load --base-url http://127.0.0.1:8000 --model my-model --dataset chat.jsonl --dataset code.jsonl";

/// Make load on an OpenAI-compatible server and measure its answers.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP, allow_negative_numbers = true)]
pub(crate) struct LoadArgs {
    /// JSON file with the whole plan, or - for standard input; it takes the place of all other options
    /// but --events
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "base_url", "model", "api", "concurrency", "rate", "arrival", "requests", "duration", "warmup",
        "input_tokens", "output_tokens", "prefix_tokens", "dataset", "answer_lengths", "seed", "ignore_eos",
        "tokenizer", "timeout", "out", "burstiness", "max_in_flight", "ramp", "trace", "speed", "prefix_share",
        "header", "extra_body", "slo", "fresh_connections", "max_requests", "max_tokens",
    ])]
    plan: Option<String>,
    /// Print one JSON event per line in place of a report. With --plan - the plan is the first line of
    /// standard input, and the load is cancelled when standard input ends
    #[arg(long)]
    pub(super) events: bool,
    /// Base URL of an OpenAI-compatible server, with or without /v1
    #[arg(long, value_name = "URL", required_unless_present = "plan")]
    base_url: Option<String>,
    /// Name of the model in requests
    #[arg(long, required_unless_present = "plan")]
    model: Option<String>,
    /// Which API to call: chat or completions
    #[arg(long, default_value = "chat", value_parser = parse_api)]
    api: Api,
    /// Closed loop: this many users, each sending again as soon as the answer is complete [default: 1]
    #[arg(long, value_name = "USERS", conflicts_with_all = ["rate", "trace"], help_heading = "Load",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CONCURRENCY_MAX)))]
    concurrency: Option<u32>,
    /// Open loop: this many requests per second, whether or not earlier ones are answered
    #[arg(
        long,
        value_name = "PER_SECOND",
        conflicts_with = "trace",
        help_heading = "Load"
    )]
    rate: Option<f64>,
    /// Shape of the gaps in open loop: constant, poisson or gamma [default: poisson, or gamma with
    /// --burstiness]
    #[arg(long, value_parser = parse_arrival, requires = "rate", help_heading = "Load")]
    arrival: Option<ArrivalProcess>,
    /// Shape of gamma gaps, as in vllm bench serve: 1 is poisson, less is burstier, more is calmer
    #[arg(long, value_name = "SHAPE", requires = "rate", help_heading = "Load")]
    burstiness: Option<f64>,
    /// Open loop or trace: most requests in flight. An arrival that finds no place is sent late and
    /// counted, never skipped
    #[arg(
        long,
        value_name = "COUNT",
        conflicts_with = "concurrency",
        help_heading = "Load",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(CONCURRENCY_MAX))
    )]
    max_in_flight: Option<u32>,
    /// Rise to the full load over this time: users join evenly, or the rate grows linearly. It belongs to
    /// the measured part; the steady state leaves it out
    #[arg(long, value_name = "TIME", value_parser = parse_seconds, default_value = "0", hide_default_value = true,
        conflicts_with = "trace", help_heading = "Load")]
    ramp: u32,
    /// Replay the times and lengths of a trace, see below
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dataset", "input_tokens", "output_tokens"],
        help_heading = "Load")]
    trace: Option<PathBuf>,
    /// How much faster than its own time the trace is replayed [default: 1]
    #[arg(long, value_name = "FACTOR", requires = "trace", help_heading = "Load")]
    speed: Option<f64>,
    /// Stop after this many measured requests [default: 100, or the whole trace]
    #[arg(
        long,
        value_name = "COUNT",
        conflicts_with = "duration",
        help_heading = "Load"
    )]
    requests: Option<u32>,
    /// Stop after this time (90, 90s, 10m, 1h); requests in flight then are drained and not counted.
    /// Arrivals that found no place are sent until --timeout after it
    #[arg(long, value_name = "TIME", value_parser = parse_seconds, help_heading = "Load")]
    duration: Option<u32>,
    /// Never send more than this many requests, warm-up included: the load ends there, before its plan does
    #[arg(long, value_name = "COUNT", help_heading = "Load", value_parser = clap::value_parser!(u32).range(1..))]
    max_requests: Option<u32>,
    /// Send nothing that may go beyond this many tokens of prompts and answers, warm-up included
    #[arg(long, value_name = "TOKENS", help_heading = "Load", value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: Option<u64>,
    /// Before the measured part: this many requests (10), or load for this time (30s)
    #[arg(long, value_name = "COUNT|TIME", default_value = "4", value_parser = parse_warmup, help_heading = "Load")]
    warmup: Warmup,
    /// Tokens of each prompt: 512, uniform:100..900, normal:512,64 or lognormal:512,0.6
    #[arg(long, value_name = "LENGTH", default_value = "512", value_parser = parse_length, help_heading = "Prompts")]
    input_tokens: LengthSpec,
    /// Tokens asked of each answer, in the same forms
    #[arg(long, value_name = "LENGTH", default_value = "128", value_parser = parse_length, help_heading = "Prompts")]
    output_tokens: LengthSpec,
    /// Tokens at the start of every prompt that are the same in all of them
    #[arg(
        long,
        value_name = "TOKENS",
        default_value_t = 0,
        help_heading = "Prompts"
    )]
    prefix_tokens: u32,
    /// Share of the prompts that begin with them, 0 to 1 [default: 1]
    #[arg(
        long,
        value_name = "SHARE",
        requires = "prefix_tokens",
        help_heading = "Prompts"
    )]
    prefix_share: Option<f64>,
    // Backticks, which the lint wants in a comment, would stand in the help.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input_tokens", "prefix_tokens"],
        help_heading = "Prompts", help = "\
File of rows to send in place of synthetic prompts, one JSON object a line: a canonical dataset file, or
{\"prompt\": \"…\", \"output_tokens\": 56}. Give it again for more files. All rows are shuffled by the seed
and none is repeated before all were sent")]
    dataset: Vec<PathBuf>,
    /// How long answers to rows may be: rows (as each row says, else --output-tokens), capped (the
    /// same, at most --output-tokens) or planned (--output-tokens)
    #[arg(long, value_name = "WHICH", default_value = "rows", value_parser = parse_answer_lengths,
        requires = "dataset", help_heading = "Prompts")]
    answer_lengths: AnswerLengths,
    /// Seed of lengths, prompts and arrival times: the same seed sends the same bytes
    #[arg(long, default_value_t = 1, help_heading = "Prompts")]
    seed: u64,
    /// Ask the engine to go on to the full output length
    #[arg(long, help_heading = "Requests")]
    ignore_eos: bool,
    /// The model's tokenizer.json or its folder; without it the server's /tokenize is tried, then
    /// lengths are estimated
    #[arg(long, value_name = "PATH", help_heading = "Prompts")]
    tokenizer: Option<PathBuf>,
    /// A header sent with every request; give it again for more. Other users of this machine can see
    /// the command line
    #[arg(long, value_name = "NAME: VALUE", allow_hyphen_values = true, value_parser = secret, help_heading = "Requests")]
    header: Vec<Secret<String>>,
    /// JSON object whose fields are added to every request, such as {\"temperature\": 0}
    #[arg(long, value_name = "JSON", help_heading = "Requests")]
    extra_body: Option<String>,
    /// Open a connection for every request in place of keeping them
    #[arg(long, help_heading = "Requests")]
    fresh_connections: bool,
    /// Time after which a request without its last byte counts as failed
    #[arg(long, value_name = "TIME", value_parser = parse_seconds, default_value = "600", help_heading = "Requests")]
    timeout: u32,
    /// What the run has to hold, separated by commas; see below
    #[arg(long, value_name = "LIST", help_heading = "Results")]
    slo: Option<String>,
    /// Folder for the result; made when missing, refused when it holds a result
    #[arg(
        long,
        value_name = "DIR",
        default_value = "assay-load",
        help_heading = "Results"
    )]
    out: PathBuf,
    /// Replace the result that the out folder holds; it is gone when the run begins
    #[arg(long, help_heading = "Results")]
    pub(super) overwrite: bool,
    /// Write the figures once more in the shape of vllm bench serve's JSON, with our definitions
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub(super) vllm_json: Option<PathBuf>,
    /// Print a line of live figures every second where there is no terminal to draw a bar on
    #[arg(long, conflicts_with = "events", help_heading = "Results")]
    pub(super) live: bool,
}

/// What comes before the measured part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Warmup {
    Requests(u32),
    Seconds(u32),
}

impl LoadArgs {
    /// Whether the end of standard input ends the load: the runner that gave the plan is gone then.
    pub(super) fn stops_with_stdin(&self) -> bool {
        self.events && self.plan.as_deref() == Some(STDIN)
    }

    /// The plan, read or put together. The error is a sentence.
    pub(super) fn to_plan(&self) -> Result<LoadPlan, String> {
        match &self.plan {
            Some(path) => parse_plan(&self.read_plan(path)?),
            None => self.plan_of_options(),
        }
    }

    fn read_plan(&self, path: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("The plan {path} cannot be read: {error}.");
        let mut text = String::new();
        if path != STDIN {
            let file = std::fs::File::open(Path::new(path)).map_err(failed)?;
            let mut file = std::io::Read::take(file, PLAN_BYTES_MAX);
            std::io::Read::read_to_string(&mut file, &mut text).map_err(failed)?;
        } else if self.events {
            let mut stdin = std::io::Read::take(std::io::stdin().lock(), PLAN_BYTES_MAX);
            stdin.read_line(&mut text).map_err(failed)?;
        } else {
            let mut stdin = std::io::Read::take(std::io::stdin().lock(), PLAN_BYTES_MAX);
            std::io::Read::read_to_string(&mut stdin, &mut text).map_err(failed)?;
        }
        Ok(text)
    }

    /// Options that say nothing beside others. Where two exclude each other the parser no longer asks for
    /// what a third one needs.
    fn check_idle_options(&self) -> Result<(), String> {
        let idle = [
            (
                self.speed.is_some(),
                "--speed",
                self.trace.is_some(),
                "--trace",
            ),
            (
                self.burstiness.is_some(),
                "--burstiness",
                self.rate.is_some(),
                "--rate",
            ),
            (
                self.arrival.is_some(),
                "--arrival",
                self.rate.is_some(),
                "--rate",
            ),
            (
                self.prefix_share.is_some(),
                "--prefix-share",
                self.prefix_tokens > 0,
                "--prefix-tokens",
            ),
        ];
        match idle
            .iter()
            .find(|(is_given, _, is_met, _)| *is_given && !is_met)
        {
            Some((_, option, _, needed)) => Err(format!(
                "{option} says nothing without {needed}. Leave it out, or give {needed} as well."
            )),
            None => Ok(()),
        }
    }

    fn plan_of_options(&self) -> Result<LoadPlan, String> {
        self.check_idle_options()?;
        let arrival = self.arrival()?;
        if let (Some(wanted), Arrival::Trace { request_count, .. }) = (self.requests, &arrival)
            && wanted > *request_count
        {
            return Err(format!(
                "The trace has {request_count} requests, and --requests asks for {wanted}. Give fewer, or leave it out for the whole trace."
            ));
        }
        let stop = match (self.duration, &arrival) {
            (Some(seconds), _) => StopRule::Duration { seconds },
            (None, Arrival::Trace { request_count, .. }) => StopRule::Requests {
                count: self.requests.unwrap_or(*request_count),
            },
            (None, _) => StopRule::Requests {
                count: self.requests.unwrap_or(100),
            },
        };
        let (warmup_requests, warmup_s) = match self.warmup {
            Warmup::Requests(count) => (count, 0),
            Warmup::Seconds(seconds) => (0, seconds),
        };
        let limit = SpendLimit {
            requests: self.max_requests,
            tokens: self.max_tokens,
        };
        Ok(LoadPlan {
            version: LOAD_PLAN_VERSION,
            base_url: self.base_url.clone().unwrap_or_default(),
            model: self.model.clone().unwrap_or_default(),
            workload: WorkloadSpec {
                api: self.api,
                prompts: self.prompts()?,
                input: self.input_tokens,
                output: self.output_tokens,
                shared_prefix_tokens: self.prefix_tokens,
                prefix_share: finite(self.prefix_share.unwrap_or(1.0), "share of the prefix")?,
                arrival,
                ramp_s: self.ramp,
                stop,
                warmup_requests,
                warmup_s,
                seed: self.seed,
                ignore_eos: self.ignore_eos,
                request_timeout_s: self.timeout,
                slos: parse_slos(&not_empty(self.slo.as_deref(), "--slo")?)?,
                fresh_connections: self.fresh_connections,
                extra_body: extra_body::parse(&not_empty(
                    self.extra_body.as_deref(),
                    "--extra-body",
                )?)?,
                spend_limit: Some(limit).filter(SpendLimit::is_some),
            },
            trace_path: self.trace.as_ref().map(|path| path.display().to_string()),
            headers: self
                .header
                .iter()
                .map(|text| Header::parse(text.expose()))
                .collect::<Result<_, String>>()?,
            dataset_paths: self
                .dataset
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            tokenizer_path: self
                .tokenizer
                .as_ref()
                .map(|path| path.display().to_string()),
            out_dir: self.out.display().to_string(),
        })
    }

    /// When requests are sent. Reads the whole of a trace, so that what is wrong with a row is told before
    /// anything is sent.
    fn arrival(&self) -> Result<Arrival, String> {
        if let Some(path) = &self.trace {
            let found =
                loadgen::inspect_trace(path).map_err(|error| sentence(&error.to_string()))?;
            let name = path.file_name().unwrap_or(path.as_os_str());
            return Ok(Arrival::Trace {
                name: name.to_string_lossy().into_owned(),
                sha256: found.sha256,
                request_count: found.request_count,
                duration_s: found.duration_s,
                speed: finite(self.speed.unwrap_or(1.0), "speed")?,
                in_flight_max: self.max_in_flight,
            });
        }
        let Some(rate) = self.rate else {
            if self.max_in_flight.is_some() {
                return Err("Give --rate or --trace with --max-in-flight: a closed loop is capped by its users.".to_owned());
            }
            let concurrency = self.concurrency.unwrap_or(1);
            return Ok(Arrival::ClosedLoop { concurrency });
        };
        let process = match (self.arrival, self.burstiness) {
            (None, None) => ArrivalProcess::Poisson,
            (None | Some(ArrivalProcess::Gamma), Some(_)) => ArrivalProcess::Gamma,
            (Some(process), None) => process,
            (Some(process), Some(_)) => {
                let name = process.as_str();
                return Err(format!(
                    "Leave --burstiness out: {name} gaps have none, gamma ones do."
                ));
            }
        };
        Ok(Arrival::OpenLoop {
            rate_per_s: finite(rate, "rate")?,
            process,
            burstiness: finite(self.burstiness.unwrap_or(1.0), "burstiness")?,
            in_flight_max: self.max_in_flight,
        })
    }

    /// Where prompts come from. Reads the whole of each dataset, so that what is wrong with a row is
    /// told before anything is sent.
    fn prompts(&self) -> Result<Prompts, String> {
        if self.dataset.is_empty() {
            return Ok(Prompts::Synthetic);
        }
        let datasets = self.dataset.iter().map(|path| {
            let found =
                loadgen::inspect_dataset(path).map_err(|error| sentence(&error.to_string()))?;
            let name = path.file_name().unwrap_or(path.as_os_str());
            Ok(PlannedDataset {
                id: id_of_content(&found.sha256),
                name: name.to_string_lossy().into_owned(),
                sha256: found.sha256,
                row_count: found.row_count,
            })
        });
        Ok(Prompts::Datasets {
            datasets: datasets.collect::<Result<_, String>>()?,
            answer_lengths: self.answer_lengths,
        })
    }
}

/// An id for a dataset of no registry, made from its digest: the same file has the same id everywhere.
fn id_of_content(sha256: &str) -> DatasetId {
    let start = sha256.get(..32).unwrap_or_default();
    let bits = u128::from_str_radix(start, 16).unwrap_or_default();
    DatasetId(uuid::Builder::from_custom_bytes(bits.to_be_bytes()).into_uuid())
}

fn parse_plan(text: &str) -> Result<LoadPlan, String> {
    serde_json::from_str(text).map_err(|error| format!("The plan is not readable: {error}."))
}

#[cfg(test)]
mod tests;
