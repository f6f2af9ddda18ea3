//! The records of an uploaded file, one after the other, with bounded memory.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use domain::dataset::{
    ArraySplitter, DatasetFormat, Fed, ROW_BYTES_MAX, RejectReason, RowDraft, Unreadable,
    row_of_json,
};

use super::csv_records::CsvRecords;

/// How much of a file is in memory at a time, besides one row.
const CHUNK_BYTES: usize = 256 * 1024;
/// The byte order mark that may stand before UTF-8.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Those of UTF-16, in either order.
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Why reading ends early.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The file is not what it should be, as a sentence.
    Refused(String),
    /// The file system.
    File(io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// One record of a file.
#[derive(Debug)]
pub(super) struct Record {
    /// Line where it begins, from 1.
    pub(super) line: u32,
    /// The row, or why it is none.
    pub(super) row: Result<RowDraft, Unreadable>,
}

impl Record {
    pub(super) fn rejected(line: u32, reason: RejectReason) -> Self {
        Self {
            line,
            row: Err(Unreadable::new(reason)),
        }
    }
}

/// Reads the records of a file.
pub(super) struct Records {
    format: DatasetFormat,
    input: Counting,
    shape: Shape,
}

/// How records stand in the file.
enum Shape {
    /// One a line; the number of lines begun.
    Lines(u32, Vec<u8>),
    /// Elements of an array.
    Array(Box<ArraySplitter>),
    Csv(Box<CsvRecords>),
}

/// The file, with how much of it was used.
pub(super) struct Counting {
    reader: BufReader<File>,
    read_bytes: u64,
}

impl Counting {
    /// Bytes that come next; none at the end.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    /// Marks bytes as used.
    pub(super) fn advance(&mut self, count: usize) {
        self.reader.consume(count);
        self.read_bytes += count as u64;
    }
}

impl Records {
    /// Opens a file. Whether JSON is an array or lines, its first character tells.
    pub(super) fn open(path: &Path, format: DatasetFormat) -> Result<Self, ReadError> {
        let mut input = Counting {
            reader: BufReader::with_capacity(CHUNK_BYTES, File::open(path)?),
            read_bytes: 0,
        };
        let head = input.peek()?;
        if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return Err(ReadError::Refused(
                "The file is UTF-16. Save it as UTF-8.".to_owned(),
            ));
        }
        if head.starts_with(UTF8_MARK) {
            input.advance(UTF8_MARK.len());
        }
        let first = input
            .peek()?
            .iter()
            .find(|byte| !byte.is_ascii_whitespace())
            .copied();
        let shape = match (format, first) {
            (DatasetFormat::Csv, _) => Shape::Csv(Box::new(CsvRecords::begin(&mut input)?)),
            (DatasetFormat::ShareGpt | DatasetFormat::Alpaca, Some(b'[')) => {
                Shape::Array(Box::default())
            }
            _ => Shape::Lines(0, Vec::new()),
        };
        Ok(Self {
            format,
            input,
            shape,
        })
    }

    /// Bytes of the file that were used so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.input.read_bytes
    }

    /// The next record; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Record>, ReadError> {
        match &mut self.shape {
            Shape::Lines(line, buffer) => {
                next_line(&mut self.input, self.format, line, buffer).map_err(ReadError::File)
            }
            Shape::Array(splitter) => next_element(&mut self.input, self.format, splitter),
            Shape::Csv(records) => Ok(records.next(&mut self.input)?),
        }
    }
}

/// Blank lines are no rows and are not counted.
fn next_line(
    input: &mut Counting,
    format: DatasetFormat,
    line: &mut u32,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Record>> {
    // Room for the end of the line.
    let longest = ROW_BYTES_MAX as u64 + 2;
    loop {
        buffer.clear();
        let read = Read::by_ref(&mut input.reader)
            .take(longest)
            .read_until(b'\n', buffer)?;
        if read == 0 {
            return Ok(None);
        }
        input.read_bytes += read as u64;
        *line = line.saturating_add(1);
        if buffer.last() != Some(&b'\n') && read as u64 == longest {
            input.read_bytes += input.reader.skip_until(b'\n')? as u64;
            return Ok(Some(Record::rejected(*line, RejectReason::TooLong)));
        }
        let text = buffer.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if text.len() > ROW_BYTES_MAX {
            return Ok(Some(Record::rejected(*line, RejectReason::TooLong)));
        }
        return Ok(Some(Record {
            line: *line,
            row: row_of_json(format, text),
        }));
    }
}

fn next_element(
    input: &mut Counting,
    format: DatasetFormat,
    splitter: &mut ArraySplitter,
) -> Result<Option<Record>, ReadError> {
    loop {
        let bytes = input.peek()?;
        if bytes.is_empty() {
            splitter.finish().map_err(ReadError::Refused)?;
            return Ok(None);
        }
        let (used, fed) = splitter.feed(bytes).map_err(ReadError::Refused)?;
        input.advance(used);
        let Fed::Element { line, is_too_long } = fed else {
            continue;
        };
        if is_too_long {
            return Ok(Some(Record::rejected(line, RejectReason::TooLong)));
        }
        let row = row_of_json(format, splitter.element());
        if let Err(Unreadable {
            syntax_error_at: Some(offset),
            detail,
            ..
        }) = &row
        {
            let line = line.saturating_add(*offset);
            return Err(ReadError::Refused(format!(
                "Line {line}: the array is not valid JSON. {detail}"
            )));
        }
        return Ok(Some(Record { line, row }));
    }
}
