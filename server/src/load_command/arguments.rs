//! The command line of `assay load`, and the plan it stands for.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use domain::finite::Finite;
use domain::id::DatasetId;
use domain::load::{LOAD_PLAN_VERSION, LoadPlan};
use domain::workload::arrival::ArrivalProcess;
use domain::workload::{
    AnswerLengths, Api, Arrival, LengthSpec, PlannedDataset, Prompts, StopRule, WorkloadSpec,
};

use super::terminal::sentence;

/// Largest plan that is read, in bytes.
const PLAN_BYTES_MAX: u64 = 1 << 20;
/// Stands for standard input.
const STDIN: &str = "-";

const AFTER_HELP: &str = "\
The API key, if the server wants one, is read from the environment variable ASSAY_LOAD_API_KEY and never
from the command line. The out folder receives requests.parquet (one row per request) and result.json.

Exit codes:
  0    the run is sound
  1    something inside failed, such as writing the result
  2    the plan or the command line is refused
  3    the server cannot be reached
  4    more than 10 % of the requests failed, or the whole warm-up
  5    the client was the limit: the run says nothing about the server
  130  cancelled by a signal or by the end of standard input

Examples:
  assay load --base-url http://127.0.0.1:8000 --model my-model --concurrency 16 --requests 200
  assay load --base-url http://127.0.0.1:8000 --model my-model --rate 4 --arrival poisson --duration 60 \\
             --input-tokens lognormal:512,0.6 --output-tokens 128 --ignore-eos
  assay load --base-url http://127.0.0.1:8000 --model my-model --dataset chat.jsonl --dataset code.jsonl";

/// Make load on an OpenAI-compatible server and measure its answers.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct LoadArgs {
    /// JSON file with the whole plan, or - for standard input; it takes the place of all other options
    /// but --events
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "base_url", "model", "api", "concurrency", "rate", "arrival", "requests", "duration", "warmup",
        "input_tokens", "output_tokens", "prefix_tokens", "dataset", "answer_lengths", "seed", "ignore_eos",
        "tokenizer", "timeout", "out",
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
    #[arg(long, value_name = "USERS", conflicts_with = "rate")]
    concurrency: Option<u32>,
    /// Open loop: this many requests per second, whether or not earlier ones are answered
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<f64>,
    /// Shape of the gaps in open loop: constant, poisson or gamma
    #[arg(long, default_value = "poisson", value_parser = parse_arrival, conflicts_with = "concurrency")]
    arrival: ArrivalProcess,
    /// Stop after this many measured requests [default: 100]
    #[arg(long, value_name = "COUNT", conflicts_with = "duration")]
    requests: Option<u32>,
    /// Stop after this many seconds; requests in flight then are drained and not counted
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u32>,
    /// Requests before the measured part
    #[arg(long, value_name = "COUNT", default_value_t = 4)]
    warmup: u32,
    /// Tokens of each prompt: 512, uniform:100..900, normal:512,64 or lognormal:512,0.6
    #[arg(long, value_name = "LENGTH", default_value = "512", value_parser = parse_length)]
    input_tokens: LengthSpec,
    /// Tokens asked of each answer, in the same forms
    #[arg(long, value_name = "LENGTH", default_value = "128", value_parser = parse_length)]
    output_tokens: LengthSpec,
    /// Tokens at the start of every prompt that are the same in all of them
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    prefix_tokens: u32,
    // Backticks, which the lint wants in a comment, would stand in the help.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["input_tokens", "prefix_tokens"], help = "\
File of rows to send in place of synthetic prompts, one JSON object a line: a canonical dataset file, or
{\"prompt\": \"…\", \"output_tokens\": 56}. Give it again for more files. All rows are shuffled by the seed
and none is repeated before all were sent")]
    dataset: Vec<PathBuf>,
    /// How long answers to rows may be: rows (as each row says, else --output-tokens), capped (the
    /// same, at most --output-tokens) or planned (--output-tokens)
    #[arg(long, value_name = "WHICH", default_value = "rows", value_parser = parse_answer_lengths,
        requires = "dataset")]
    answer_lengths: AnswerLengths,
    /// Seed of lengths, prompts and arrival times: the same seed sends the same bytes
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ask the engine to go on to the full output length
    #[arg(long)]
    ignore_eos: bool,
    /// The model's tokenizer.json or its folder; without it the server's /tokenize is tried, then
    /// lengths are estimated
    #[arg(long, value_name = "PATH")]
    tokenizer: Option<PathBuf>,
    /// Seconds after which a request without its last byte counts as failed
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    timeout: u32,
    /// Folder for the result; made when missing
    #[arg(long, value_name = "DIR", default_value = "assay-load")]
    out: PathBuf,
}

fn parse_api(text: &str) -> Result<Api, String> {
    Api::parse(text).ok_or_else(|| "give chat or completions".to_owned())
}

fn parse_arrival(text: &str) -> Result<ArrivalProcess, String> {
    ArrivalProcess::parse(text).ok_or_else(|| "give constant, poisson or gamma".to_owned())
}

fn parse_answer_lengths(text: &str) -> Result<AnswerLengths, String> {
    AnswerLengths::parse(text).ok_or_else(|| "give rows, capped or planned".to_owned())
}

fn parse_length(text: &str) -> Result<LengthSpec, String> {
    text.parse()
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

    fn plan_of_options(&self) -> Result<LoadPlan, String> {
        let arrival = match (self.rate, self.concurrency) {
            (Some(rate), _) => {
                let rate = Finite::new(rate).ok_or("The rate is not a number.")?;
                Arrival::open_loop(rate, self.arrival)
            }
            (None, concurrency) => Arrival::ClosedLoop {
                concurrency: concurrency.unwrap_or(1),
            },
        };
        let stop = match self.duration {
            Some(seconds) => StopRule::Duration { seconds },
            None => StopRule::Requests {
                count: self.requests.unwrap_or(100),
            },
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
                arrival,
                stop,
                warmup_requests: self.warmup,
                seed: self.seed,
                ignore_eos: self.ignore_eos,
                request_timeout_s: self.timeout,
                ..WorkloadSpec::default()
            },
            trace_path: None,
            headers: Vec::new(),
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
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Command {
        #[command(flatten)]
        args: LoadArgs,
    }

    fn parse(line: &str) -> Result<LoadArgs, clap::Error> {
        let words = std::iter::once("load").chain(line.split_whitespace());
        Command::try_parse_from(words).map(|command| command.args)
    }

    #[test]
    fn options_make_a_plan() {
        let args = parse(
            "--base-url http://a --model m --rate 2.5 --arrival constant --duration 9 --input-tokens uniform:5..9 --ignore-eos --out /tmp/o",
        );
        let plan = args.unwrap().to_plan().unwrap();
        assert_eq!(
            plan.workload.arrival.in_words(),
            "open loop at 2.5/s (constant)"
        );
        assert_eq!(plan.workload.stop, StopRule::Duration { seconds: 9 });
        assert_eq!(plan.workload.input, LengthSpec::Uniform { min: 5, max: 9 });
        assert_eq!(
            (plan.workload.ignore_eos, plan.out_dir.as_str()),
            (true, "/tmp/o")
        );
        let plan = parse("--base-url http://a --model m")
            .unwrap()
            .to_plan()
            .unwrap();
        assert_eq!(
            plan.workload.in_words(),
            "closed loop at 1 · 512 in / 128 out · 100 requests"
        );
    }

    #[test]
    fn options_that_exclude_each_other_are_refused() {
        for line in [
            "",
            "--base-url http://a",
            "--base-url http://a --model m --rate 1 --concurrency 2",
            "--base-url http://a --model m --requests 1 --duration 2",
            "--plan - --model m",
            "--base-url http://a --model m --input-tokens none",
            "--base-url http://a --model m --dataset a.jsonl --input-tokens 5",
            "--base-url http://a --model m --answer-lengths capped",
            "--plan - --dataset a.jsonl",
            "--base-url http://a --model m --api responses",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn datasets_are_read_before_anything_is_sent() {
        let folder = testkit::data_dir();
        let path = folder.path().join("rows.jsonl");
        let line = format!(
            "--base-url http://a --model m --dataset {0} --dataset {0} --answer-lengths capped",
            path.display()
        );
        let missing = parse(&line).unwrap().to_plan().unwrap_err();
        assert!(missing.contains("rows.jsonl cannot be read"), "{missing}");
        std::fs::write(&path, "{\"prompt\":\"x\"}\n{oops}\n").unwrap();
        let broken = parse(&line).unwrap().to_plan().unwrap_err();
        assert!(broken.contains("Row 2 of the dataset"), "{broken}");
        std::fs::write(&path, "{\"prompt\":\"x\"}\n{\"prompt\":\"y\"}\n").unwrap();
        let plan = parse(&line).unwrap().to_plan().unwrap();
        assert_eq!(
            plan.dataset_paths,
            [path.display().to_string(), path.display().to_string()]
        );
        assert_eq!(
            plan.workload.in_words(),
            "closed loop at 1 · 4 rows of 2 datasets, answers as long as theirs, at most 128 · 100 requests"
        );
        let datasets = plan.workload.prompts.datasets();
        assert_eq!(datasets[0], datasets[1], "the same file has the same id");
        assert_eq!(datasets[0].id.0.get_version_num(), 8);
    }

    #[test]
    fn a_plan_file_is_read_whole() {
        let plan = parse("--base-url http://a --model m")
            .unwrap()
            .to_plan()
            .unwrap();
        let folder = testkit::data_dir();
        let path = folder.path().join("plan.json");
        std::fs::write(&path, serde_json::to_string_pretty(&plan).unwrap()).unwrap();
        let line = format!("--plan {}", path.display());
        assert_eq!(parse(&line).unwrap().to_plan().unwrap(), plan);
        let missing = parse("--plan /nowhere/plan.json")
            .unwrap()
            .to_plan()
            .unwrap_err();
        assert!(missing.contains("/nowhere/plan.json"), "{missing}");
        assert!(parse("--plan - --events").unwrap().stops_with_stdin());
    }
}
