//! Records of a CSV file (RFC 4180: quotes may hold commas and new lines).

use csv_core::{ReadRecordResult, Reader};
use domain::dataset::{CsvColumns, ROW_BYTES_MAX, RejectReason};
use memchr::memchr_iter;

use super::records::{Counting, ReadError, Record};

/// Most columns of a file.
const COLUMNS_MAX: usize = 256;

/// Reads the records after the heading.
pub(super) struct CsvRecords {
    parser: Parser,
    columns: CsvColumns,
}

impl CsvRecords {
    /// Reads the heading.
    pub(super) fn begin(input: &mut Counting) -> Result<Self, ReadError> {
        let mut parser = Parser {
            reader: Reader::new(),
            output: vec![0; ROW_BYTES_MAX],
            ends: vec![0; COLUMNS_MAX],
            line: 1,
        };
        let columns = match parser.next(input)? {
            None => Err("The file is empty.".to_owned()),
            Some(Raw::TooLong { .. }) => Err("Line 1: the heading is too long.".to_owned()),
            Some(Raw::Whole { end_count, .. }) => CsvColumns::of_heading(&parser.fields(end_count)),
        };
        let columns = columns.map_err(ReadError::Refused)?;
        Ok(Self { parser, columns })
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self, input: &mut Counting) -> std::io::Result<Option<Record>> {
        Ok(match self.parser.next(input)? {
            None => None,
            Some(Raw::TooLong { line }) => Some(Record::rejected(line, RejectReason::TooLong)),
            Some(Raw::Whole { line, end_count }) => Some(Record {
                line,
                row: self.columns.row(&self.parser.fields(end_count)),
            }),
        })
    }
}

/// A record in the parser's buffers.
enum Raw {
    Whole {
        line: u32,
        end_count: usize,
    },
    /// Longer than a row may be, or with more columns than a file may have.
    TooLong {
        line: u32,
    },
}

struct Parser {
    reader: Reader,
    /// The fields of a record, one after the other.
    output: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Line of the next byte, from 1.
    line: u32,
}

impl Parser {
    fn next(&mut self, input: &mut Counting) -> std::io::Result<Option<Raw>> {
        self.skip_line_ends(input)?;
        let line = self.line;
        let (mut output_count, mut end_count) = (0, 0);
        let mut is_too_long = false;
        loop {
            let bytes = input.peek()?;
            let (output, ends) = (
                self.output.get_mut(output_count..).unwrap_or_default(),
                self.ends.get_mut(end_count..).unwrap_or_default(),
            );
            let (result, read, written, ended) = self.reader.read_record(bytes, output, ends);
            let new_lines = memchr_iter(b'\n', bytes.get(..read).unwrap_or_default()).count();
            self.line = self
                .line
                .saturating_add(u32::try_from(new_lines).unwrap_or(u32::MAX));
            input.advance(read);
            output_count += written;
            end_count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    // The rest of the record is passed over.
                    is_too_long = true;
                    (output_count, end_count) = (0, 0);
                }
                ReadRecordResult::Record if is_too_long => return Ok(Some(Raw::TooLong { line })),
                ReadRecordResult::Record => return Ok(Some(Raw::Whole { line, end_count })),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Between records, so that the line of the next one is known. The parser would pass over them
    /// as well.
    fn skip_line_ends(&mut self, input: &mut Counting) -> std::io::Result<()> {
        loop {
            let bytes = input.peek()?;
            let is_line_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
            let count = bytes.iter().take_while(is_line_end).count();
            let skipped = bytes.get(..count).unwrap_or_default();
            let new_lines = memchr_iter(b'\n', skipped).count();
            self.line = self
                .line
                .saturating_add(u32::try_from(new_lines).unwrap_or(u32::MAX));
            input.advance(count);
            if count == 0 {
                return Ok(());
            }
        }
    }

    fn fields(&self, end_count: usize) -> Vec<&[u8]> {
        let mut start = 0;
        let ends = self.ends.iter().take(end_count);
        ends.map(|end| {
            let field = self.output.get(start..*end).unwrap_or_default();
            start = *end;
            field
        })
        .collect()
    }
}
