//! Traces: when requests of a real service came, how long they were, and how long their answers.
//!
//! Two forms are read. Comma-separated values whose first line names the columns, such as Azure's
//! (`TIMESTAMP,ContextTokens,GeneratedTokens`) or `BurstGPT`'s (`Timestamp,Model,Request tokens,Response
//! tokens,…`): a timestamp is a number of seconds or a date with a time. And one JSON object a line,
//! such as Mooncake's (`{"timestamp": 27482, "input_length": 6955, "output_length": 52}`): a `timestamp`
//! is in milliseconds. `timestamp_s` and `timestamp_ms` say their unit in both.

use serde_json::{Map, Value};

use super::lengths::LENGTH_TOKENS_MAX;
use crate::finite::Finite;

/// Most rows of a trace.
pub const TRACE_ROWS_MAX: usize = 5_000_000;

const INPUT_NAMES: [&str; 6] = [
    "inputlength",
    "inputtokens",
    "contexttokens",
    "requesttokens",
    "prompttokens",
    "promptlen",
];
const OUTPUT_NAMES: [&str; 6] = [
    "outputlength",
    "outputtokens",
    "generatedtokens",
    "responsetokens",
    "completiontokens",
    "outputlen",
];

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// Nanoseconds since the first request, in the trace's own time.
    pub at_ns: u64,
    /// Tokens of the prompt.
    pub input_tokens: u32,
    /// Tokens of the answer.
    pub output_tokens: u32,
}

/// The unit that a timestamp without one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// Where a CSV file has what is wanted.
struct Columns {
    time: usize,
    unit: Unit,
    input: usize,
    output: usize,
}

/// Reads a trace. Rows are put into the order of their time, and the first is at 0; a length of 0
/// becomes 1. The error is a sentence that names the line.
pub fn parse_trace(text: &str) -> Result<Vec<TraceRow>, String> {
    let mut lines = (1usize..)
        .zip(text.trim_start_matches('\u{feff}').lines())
        .filter(|(_, line)| !line.trim().is_empty())
        .peekable();
    let is_json = lines
        .peek()
        .is_some_and(|(_, line)| line.trim_start().starts_with('{'));
    let columns = match lines.peek() {
        Some((_, line)) if !is_json => {
            let columns = Columns::of(line)?;
            lines.next();
            Some(columns)
        }
        _ => None,
    };
    let mut rows: Vec<(f64, u32, u32)> = Vec::new();
    for (number, line) in lines {
        let row = match &columns {
            Some(columns) => columns.row(line),
            None => json_row(line),
        };
        rows.push(row.map_err(|why| format!("Line {number} of the trace: {why}"))?);
        if rows.len() > TRACE_ROWS_MAX {
            return Err(format!("The trace has more than {TRACE_ROWS_MAX} rows."));
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some(first_s) = rows.first().map(|row| row.0) else {
        return Err("The trace has no rows.".to_owned());
    };
    let row = |(at_s, input_tokens, output_tokens): (f64, u32, u32)| TraceRow {
        at_ns: nanoseconds(at_s - first_s),
        input_tokens,
        output_tokens,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// From the first to the last row, in seconds of the trace's own time.
pub fn trace_duration_s(rows: &[TraceRow]) -> Finite {
    let last_ns = rows.last().map_or(0, |row| row.at_ns);
    Finite::new(last_ns as f64 / 1e9).unwrap_or_default()
}

/// When the requests go out at a speed, in nanoseconds from the first.
pub fn trace_offsets_ns(rows: &[TraceRow], speed: Finite) -> Vec<u64> {
    let at = |row: &TraceRow| nanoseconds(row.at_ns as f64 / 1e9 / speed.get());
    rows.iter().map(at).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative; `as` saturates"
)]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

impl Columns {
    fn of(line: &str) -> Result<Self, String> {
        let names: Vec<String> = line.split(',').map(normal_name).collect();
        let find = |wanted: &[&str]| {
            names
                .iter()
                .position(|name| wanted.contains(&name.as_str()))
        };
        let time = |wanted: &[&str], unit| find(wanted).map(|place| (place, unit));
        let time = time(&["timestampms"], Unit::Milliseconds)
            .or_else(|| time(&["timestamp", "timestamps", "time"], Unit::Seconds));
        match (time, find(&INPUT_NAMES), find(&OUTPUT_NAMES)) {
            (Some((time, unit)), Some(input), Some(output)) => Ok(Self {
                time,
                unit,
                input,
                output,
            }),
            _ => Err(
                "The trace needs a first line that names its columns, among them timestamp, input_length and output_length (as in timestamp,input_length,output_length), or one JSON object a line."
                    .to_owned(),
            ),
        }
    }

    fn row(&self, line: &str) -> Result<(f64, u32, u32), String> {
        let cells: Vec<&str> = line.split(',').map(unquoted).collect();
        let cell = |place: usize, what: &str| {
            let cell = cells.get(place).filter(|cell| !cell.is_empty());
            cell.copied().ok_or_else(|| format!("there is no {what}."))
        };
        let time = cell(self.time, "timestamp")?;
        let at_s = match time.parse::<f64>() {
            Ok(number) => in_seconds(number, self.unit)?,
            Err(_) => seconds_of_date(time)?,
        };
        let length = |place, what: &str| {
            let text = cell(place, what)?;
            let number = text
                .parse()
                .map_err(|_| format!("“{text}” is no {what}."))?;
            tokens(number, what)
        };
        Ok((
            at_s,
            length(self.input, "input length")?,
            length(self.output, "output length")?,
        ))
    }
}

fn json_row(line: &str) -> Result<(f64, u32, u32), String> {
    let fields: Map<String, Value> =
        serde_json::from_str(line).map_err(|error| format!("it is no JSON object ({error})."))?;
    let find = |wanted: &[&str], what: &str| {
        let mut fields = fields.iter();
        let found = fields.find(|(name, _)| wanted.contains(&normal_name(name).as_str()));
        found
            .map(|(_, value)| value)
            .ok_or_else(|| format!("there is no {what}."))
    };
    let number = |value: &Value, what: &str| {
        value
            .as_f64()
            .ok_or_else(|| format!("{value} is no {what}."))
    };
    let at_s = if fields.keys().any(|name| normal_name(name) == "timestamps") {
        let value = find(&["timestamps"], "timestamp")?;
        in_seconds(number(value, "timestamp")?, Unit::Seconds)?
    } else {
        match find(&["timestamp", "timestampms"], "timestamp")? {
            Value::String(date) => seconds_of_date(date)?,
            value => in_seconds(number(value, "timestamp")?, Unit::Milliseconds)?,
        }
    };
    let length = |wanted: &[&str], what: &str| tokens(number(find(wanted, what)?, what)?, what);
    Ok((
        at_s,
        length(&INPUT_NAMES, "input length")?,
        length(&OUTPUT_NAMES, "output length")?,
    ))
}

/// Letters and digits alone, in lower case: `Request tokens` and `request_tokens` are one name.
fn normal_name(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

fn unquoted(cell: &str) -> &str {
    cell.trim().trim_matches('"').trim()
}

fn in_seconds(number: f64, unit: Unit) -> Result<f64, String> {
    let seconds = match unit {
        Unit::Seconds => number,
        Unit::Milliseconds => number / 1e3,
    };
    if seconds.is_finite() {
        Ok(seconds)
    } else {
        Err(format!("{number} is no timestamp."))
    }
}

fn seconds_of_date(text: &str) -> Result<f64, String> {
    let zoned = text.parse::<jiff::Timestamp>().ok();
    let at = zoned.or_else(|| {
        let date: jiff::civil::DateTime = text.parse().ok()?;
        date.to_zoned(jiff::tz::TimeZone::UTC)
            .ok()
            .map(|at| at.timestamp())
    });
    let at = at.ok_or_else(|| format!("“{text}” is no timestamp."))?;
    Ok(at.as_second() as f64 + f64::from(at.subsec_nanosecond()) / 1e9)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked first"
)]
fn tokens(number: f64, what: &str) -> Result<u32, String> {
    if !(0.0..=f64::from(LENGTH_TOKENS_MAX)).contains(&number) {
        return Err(format!(
            "{number} is no {what}: give 0 to {LENGTH_TOKENS_MAX} tokens."
        ));
    }
    Ok((number as u32).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<(u64, u32, u32)> {
        let rows = parse_trace(text).unwrap();
        let ms = |row: &TraceRow| (row.at_ns / 1_000_000, row.input_tokens, row.output_tokens);
        rows.iter().map(ms).collect()
    }

    #[test]
    fn the_usual_traces_are_read() {
        let azure = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-16 18:15:46.6805900,374,44\r\n2023-11-16 18:15:50.9951690,396,109\r\n";
        assert_eq!(rows(azure), [(0, 374, 44), (4_314, 396, 109)]);
        let burst = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n45.5,GPT-4,10,0,10,\"API log\"\n";
        assert_eq!(rows(burst), [(0, 472, 18), (40_500, 10, 1)]);
        let mooncake = "{\"timestamp\": 0, \"input_length\": 6955, \"output_length\": 52, \"hash_ids\": [46]}\n\n{\"timestamp\": 27482, \"input_length\": 5, \"output_length\": 6}\n";
        assert_eq!(rows(mooncake), [(0, 6_955, 52), (27_482, 5, 6)]);
        assert_eq!(
            rows("{\"timestamp_s\":1.5,\"input_tokens\":1,\"output_tokens\":2}"),
            [(0, 1, 2)]
        );
        assert_eq!(
            rows("timestamp_ms,input_length,output_length\n700,1,2\n100,3,4"),
            [(0, 3, 4), (600, 1, 2)]
        );
    }

    #[test]
    fn what_is_wrong_names_its_line() {
        for (text, expected) in [
            ("", "no rows"),
            ("timestamp,input_length,output_length\n", "no rows"),
            ("1,2,3\n", "names its columns"),
            (
                "timestamp,input_length,output_length\n1,2,3\n2,x,3",
                "Line 3 of the trace: “x” is no input length.",
            ),
            (
                "timestamp,input_length,output_length\nsoon,2,3",
                "Line 2 of the trace: “soon” is no timestamp.",
            ),
            (
                "timestamp,input_length,output_length\n1,2",
                "Line 2 of the trace: there is no output length.",
            ),
            (
                "timestamp,input_length,output_length\n1,2,2000000",
                "0 to 1000000",
            ),
            (
                "{\"timestamp\":1,\"input_length\":2}",
                "Line 1 of the trace: there is no output length.",
            ),
            (
                "{\"timestamp\":1,\"input_length\":2,\"output_length\":3}\n{",
                "Line 2 of the trace: it is no JSON object",
            ),
            (
                "timestamp,input_length,output_length\nNaN,2,3",
                "no timestamp",
            ),
        ] {
            let why = parse_trace(text).unwrap_err();
            assert!(why.contains(expected), "{text}: {why}");
        }
    }

    #[test]
    fn a_speed_divides_the_time() {
        let rows =
            parse_trace("timestamp,input_length,output_length\n10,1,1\n12,1,1\n20,1,1").unwrap();
        assert_eq!(trace_duration_s(&rows), Finite::from(10));
        assert_eq!(
            trace_offsets_ns(&rows, Finite::from(4)),
            [0, 500_000_000, 2_500_000_000]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_answered_in_words(text in "\\PC{0,60}") {
            if let Err(why) = parse_trace(&text) {
                prop_assert!(why.ends_with('.'), "{}", why);
            }
        }

        #[test]
        fn rows_come_in_the_order_of_time_from_zero(times in prop::collection::vec(0u32..1_000_000, 1..50)) {
            let lines: Vec<String> = times.iter().map(|time| format!("{time},5,6")).collect();
            let lines = lines.join("\n");
            let rows = parse_trace(&format!("timestamp,input_length,output_length\n{lines}")).unwrap();
            prop_assert_eq!(rows.len(), times.len());
            prop_assert_eq!(rows[0].at_ns, 0);
            prop_assert!(rows.windows(2).all(|pair| pair[0].at_ns <= pair[1].at_ns));
        }
    }
}
