//! Requests as comma-separated values, made piece by piece.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use domain::measure::record::{RequestField, RequestRecord};

/// Requests of one piece.
const PIECE_ROWS: usize = 500;
const HEADING: &str = "index,phase,outcome,http_status,error,scheduled_at_s,sent_at_s,finished_at_s,\
ttft_ms,tpot_ms,itl_mean_ms,e2e_ms,queue_delay_ms,output_tok_per_s,planned_input_tokens,\
planned_output_tokens,input_tokens,output_tokens,token_source,chunk_count,reconnected,prompt_sha256,dataset_id\n";

/// The file in pieces, the heading first.
pub(super) fn pieces(
    requests: Arc<Vec<RequestRecord>>,
) -> impl Iterator<Item = Result<Bytes, Infallible>> + Send {
    let starts = (0..requests.len()).step_by(PIECE_ROWS);
    let rows = starts.map(move |start| {
        let piece = requests.iter().skip(start).take(PIECE_ROWS);
        Bytes::from(piece.map(line).collect::<String>())
    });
    std::iter::once(Bytes::from_static(HEADING.as_bytes()))
        .chain(rows)
        .map(Ok)
}

fn line(record: &RequestRecord) -> String {
    let seconds = |nanos: u64| (nanos as f64 / 1e9).to_string();
    let number = |field: RequestField| {
        field
            .value(record)
            .map(|value| value.to_string())
            .unwrap_or_default()
    };
    let cells = [
        record.index.to_string(),
        record.phase.as_str().to_owned(),
        record.outcome.as_str().to_owned(),
        record
            .http_status
            .map(|status| status.to_string())
            .unwrap_or_default(),
        quoted(&record.error),
        seconds(record.scheduled_at),
        seconds(record.sent_at),
        seconds(record.finished_at),
        number(RequestField::Ttft),
        number(RequestField::Tpot),
        number(RequestField::Itl),
        number(RequestField::Latency),
        number(RequestField::QueueDelay),
        number(RequestField::ReqOutputThroughput),
        record.planned_input_tokens.to_string(),
        record.planned_output_tokens.to_string(),
        record.input_tokens.to_string(),
        record.output_tokens.to_string(),
        record.token_source.as_str().to_owned(),
        record.chunk_at.len().to_string(),
        record.reconnected.to_string(),
        record.prompt_sha256.clone(),
        record
            .dataset_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
    ];
    let mut line = cells.join(",");
    // Writing to a String cannot fail.
    let _ = writeln!(line);
    line
}

/// Free text as one cell. What a spreadsheet would take for a formula gets an apostrophe before it.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_cannot_become_a_formula_or_another_cell() {
        assert_eq!(quoted(""), "");
        assert_eq!(quoted("no \"luck\", sorry"), "\"no \"\"luck\"\", sorry\"");
        assert_eq!(quoted("=cmd|' /C calc'!A0"), "\"'=cmd|' /C calc'!A0\"");
        assert_eq!(quoted("@x"), "\"'@x\"");
    }

    #[test]
    fn the_heading_stands_alone_when_there_are_no_requests() {
        let all: Vec<_> = pieces(Arc::default()).collect();
        assert_eq!(all, [Ok(Bytes::from_static(HEADING.as_bytes()))]);
    }
}
