//! Reading requests without the arrivals of their chunks: only the columns that takes.

use domain::measure::line::{RequestLine, Timing};
use domain::measure::record::{Outcome, RequestPhase};
use parquet::file::reader::RowGroupReader;

use super::{ColumnReader, PATHS, RecordsError, named, narrow, next, parse_id};

/// Whether a file with these columns says in short what `chunk_at` holds.
pub(in super::super) fn have_lines(found: &[String]) -> bool {
    found == PATHS
}

/// Reads the rows of one group without the arrivals of their chunks, from a file whose columns
/// have them in short ([`have_lines`]).
pub(in super::super) fn read_lines(
    group: &dyn RowGroupReader,
) -> Result<Vec<RequestLine>, RecordsError> {
    let mut columns = ColumnReader::of(group)?;
    let index = columns.at("index").integers()?;
    let mut phase = columns.at("phase").texts()?.into_iter();
    let mut scheduled_at = columns.at("scheduled_at").integers()?.into_iter();
    let mut sent_at = columns.at("sent_at").integers()?.into_iter();
    let mut input_tokens = columns.at("input_tokens").integers()?.into_iter();
    let mut output_tokens = columns.at("output_tokens").integers()?.into_iter();
    let mut outcome = columns.at("outcome").texts()?.into_iter();
    let mut http_status = columns.at("http_status").optional_integers()?.into_iter();
    let mut error = columns.at("error").texts()?.into_iter();
    let mut reconnected = columns.at("reconnected").flags()?.into_iter();
    let mut dataset_id = columns.at("dataset_id").optional_texts()?.into_iter();
    let mut first_token_at = columns
        .at("first_token_at")
        .optional_integers()?
        .into_iter();
    let mut last_token_at = columns.at("last_token_at").optional_integers()?.into_iter();
    let mut chunk_count = columns.at("chunk_count").optional_integers()?.into_iter();
    index
        .into_iter()
        .map(|index| {
            Ok(RequestLine {
                index: narrow(index)?,
                phase: named(RequestPhase::parse, &next(&mut phase)?)?,
                outcome: named(Outcome::parse, &next(&mut outcome)?)?,
                http_status: next(&mut http_status)?.map(narrow).transpose()?,
                error: next(&mut error)?,
                reconnected: next(&mut reconnected)?,
                dataset_id: next(&mut dataset_id)?.map(|id| parse_id(&id)).transpose()?,
                timing: Timing {
                    scheduled_at: next(&mut scheduled_at)?,
                    sent_at: next(&mut sent_at)?,
                    first_token_at: next(&mut first_token_at)?,
                    last_token_at: next(&mut last_token_at)?,
                    chunk_count: next(&mut chunk_count)?.unwrap_or_default(),
                    input_tokens: narrow(next(&mut input_tokens)?)?,
                    output_tokens: narrow(next(&mut output_tokens)?)?,
                },
            })
        })
        .collect()
}
