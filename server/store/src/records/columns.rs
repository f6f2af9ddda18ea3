//! The columns of the records file: schema, writing and reading, in the order of the record's fields.

use std::io::Write;

use domain::id::DatasetId;
use domain::measure::chunk_times::ChunkTimes;
use domain::measure::record::{Outcome, RequestPhase, RequestRecord, TokenSource};
use parquet::column::reader::{ColumnReaderImpl, get_typed_column_reader};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::reader::RowGroupReader;
use parquet::file::writer::{SerializedColumnWriter, SerializedRowGroupWriter};

use super::RecordsError;

mod lines;

pub(super) use lines::{have_lines, read_lines};

/// About how many values of a list column are in memory unencoded.
const BATCH_LEVELS: usize = 64 << 10;
/// Rows of a list column that are decoded at once.
const BATCH_ROWS: usize = 128;

/// The schema of the file.
pub(super) const SCHEMA: &str = "message requests {
    REQUIRED INT64 index;
    REQUIRED BYTE_ARRAY phase (UTF8);
    REQUIRED INT64 scheduled_at;
    REQUIRED INT64 sent_at;
    OPTIONAL INT64 connect_ns;
    REQUIRED GROUP chunk_at (LIST) { REPEATED GROUP list { REQUIRED INT64 element; } }
    REQUIRED INT64 finished_at;
    REQUIRED INT64 planned_input_tokens;
    REQUIRED INT64 planned_output_tokens;
    REQUIRED INT64 input_tokens;
    REQUIRED INT64 output_tokens;
    REQUIRED BYTE_ARRAY token_source (UTF8);
    REQUIRED BYTE_ARRAY outcome (UTF8);
    OPTIONAL INT64 http_status;
    REQUIRED BYTE_ARRAY error (UTF8);
    REQUIRED BOOLEAN reconnected;
    REQUIRED BYTE_ARRAY prompt_sha256 (UTF8);
    OPTIONAL BYTE_ARRAY dataset_id (UTF8);
    OPTIONAL INT64 first_token_at;
    OPTIONAL INT64 last_token_at;
    OPTIONAL INT64 chunk_count;
}";

/// Paths of the columns, in order.
pub(super) const PATHS: [&str; 21] = [
    "index",
    "phase",
    "scheduled_at",
    "sent_at",
    "connect_ns",
    "chunk_at.list.element",
    "finished_at",
    "planned_input_tokens",
    "planned_output_tokens",
    "input_tokens",
    "output_tokens",
    "token_source",
    "outcome",
    "http_status",
    "error",
    "reconnected",
    "prompt_sha256",
    "dataset_id",
    "first_token_at",
    "last_token_at",
    "chunk_count",
];

/// Columns at the end of [`PATHS`] that files of earlier versions do not have.
const LATER_COUNT: usize = 4;

/// Whether a file with these columns can be read: all there are, or all but the later ones.
pub(super) fn are_known(found: &[String]) -> bool {
    (PATHS.len() - LATER_COUNT..=PATHS.len())
        .any(|count| PATHS.get(..count).is_some_and(|paths| found == paths))
}

/// Paths of the columns that hold whole numbers: neighbours are alike, so differences are stored.
pub(super) const INTEGER_PATHS: [&str; 14] = [
    "index",
    "scheduled_at",
    "sent_at",
    "connect_ns",
    "chunk_at.list.element",
    "finished_at",
    "planned_input_tokens",
    "planned_output_tokens",
    "input_tokens",
    "output_tokens",
    "http_status",
    "first_token_at",
    "last_token_at",
    "chunk_count",
];

/// Writes the rows of one group.
pub(super) fn write<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    rows: &[RequestRecord],
) -> Result<(), RecordsError> {
    let mut columns = ColumnWriter { group, rows };
    columns.integers(|row| u64::from(row.index))?;
    columns.texts(|row| row.phase.as_str())?;
    columns.integers(|row| row.scheduled_at)?;
    columns.integers(|row| row.sent_at)?;
    columns.optional_integers(|row| row.connect_ns)?;
    columns.lists(|row| &row.chunk_at)?;
    columns.integers(|row| row.finished_at)?;
    columns.integers(|row| u64::from(row.planned_input_tokens))?;
    columns.integers(|row| u64::from(row.planned_output_tokens))?;
    columns.integers(|row| u64::from(row.input_tokens))?;
    columns.integers(|row| u64::from(row.output_tokens))?;
    columns.texts(|row| row.token_source.as_str())?;
    columns.texts(|row| row.outcome.as_str())?;
    columns.optional_integers(|row| row.http_status.map(u64::from))?;
    columns.texts(|row| &row.error)?;
    columns.flags(|row| row.reconnected)?;
    columns.texts(|row| &row.prompt_sha256)?;
    columns.optional_texts(|row| row.dataset_id.map(|id| id.to_string()))?;
    // What `chunk_at` says in short, so that a reader of many requests need not read all of it.
    columns.optional_integers(RequestRecord::first_token_at)?;
    columns.optional_integers(RequestRecord::last_token_at)?;
    columns.optional_integers(|row| Some(row.timing().chunk_count))
}

struct ColumnWriter<'a, 'g, W: Write> {
    group: &'a mut SerializedRowGroupWriter<'g, W>,
    rows: &'a [RequestRecord],
}

impl<W: Write + Send> ColumnWriter<'_, '_, W> {
    fn next_column(&mut self) -> Result<SerializedColumnWriter<'_>, RecordsError> {
        let missing = || RecordsError::Unexpected("the schema has too few columns".to_owned());
        self.group.next_column()?.ok_or_else(missing)
    }

    fn column<T: DataType>(
        &mut self,
        values: &[T::T],
        definitions: Option<&[i16]>,
        repetitions: Option<&[i16]>,
    ) -> Result<(), RecordsError> {
        let mut column = self.next_column()?;
        column
            .typed::<T>()
            .write_batch(values, definitions, repetitions)?;
        column.close()?;
        Ok(())
    }

    fn integers(&mut self, value: fn(&RequestRecord) -> u64) -> Result<(), RecordsError> {
        let values: Result<Vec<i64>, _> = self.rows.iter().map(|row| signed(value(row))).collect();
        self.column::<Int64Type>(&values?, None, None)
    }

    fn optional_integers(
        &mut self,
        value: fn(&RequestRecord) -> Option<u64>,
    ) -> Result<(), RecordsError> {
        let values: Result<Vec<i64>, _> = self.rows.iter().filter_map(value).map(signed).collect();
        let definitions: Vec<i16> = self
            .rows
            .iter()
            .map(|row| i16::from(value(row).is_some()))
            .collect();
        self.column::<Int64Type>(&values?, Some(&definitions), None)
    }

    /// Written in batches: the column is never in memory as a whole but encoded.
    fn lists(&mut self, value: fn(&RequestRecord) -> &ChunkTimes) -> Result<(), RecordsError> {
        let rows = self.rows;
        let mut column = self.next_column()?;
        let mut raw = RawColumn::default();
        for row in rows {
            let list = value(row);
            if list.is_empty() {
                raw.definitions.push(0);
                raw.repetitions.push(0);
            }
            for (index, element) in list.iter().enumerate() {
                raw.values.push(signed(element)?);
                raw.definitions.push(1);
                raw.repetitions.push(i16::from(index > 0));
            }
            if raw.definitions.len() >= BATCH_LEVELS {
                raw.write_to(&mut column)?;
            }
        }
        raw.write_to(&mut column)?;
        column.close()?;
        Ok(())
    }

    fn texts(&mut self, value: fn(&RequestRecord) -> &str) -> Result<(), RecordsError> {
        let values: Vec<ByteArray> = self
            .rows
            .iter()
            .map(|row| ByteArray::from(value(row)))
            .collect();
        self.column::<ByteArrayType>(&values, None, None)
    }

    fn optional_texts(
        &mut self,
        value: fn(&RequestRecord) -> Option<String>,
    ) -> Result<(), RecordsError> {
        let texts: Vec<Option<String>> = self.rows.iter().map(value).collect();
        let definitions: Vec<i16> = texts.iter().map(|text| i16::from(text.is_some())).collect();
        let values: Vec<ByteArray> = texts
            .iter()
            .flatten()
            .map(|text| ByteArray::from(text.as_str()))
            .collect();
        self.column::<ByteArrayType>(&values, Some(&definitions), None)
    }

    fn flags(&mut self, value: fn(&RequestRecord) -> bool) -> Result<(), RecordsError> {
        let values: Vec<bool> = self.rows.iter().map(value).collect();
        self.column::<BoolType>(&values, None, None)
    }
}

/// Reads the rows of one group, whose columns are known ([`are_known`]).
pub(super) fn read(group: &dyn RowGroupReader) -> Result<Vec<RequestRecord>, RecordsError> {
    let mut columns = ColumnReader::of(group)?;
    let index = columns.integers()?;
    let mut phase = columns.texts()?.into_iter();
    let mut scheduled_at = columns.integers()?.into_iter();
    let mut sent_at = columns.integers()?.into_iter();
    let mut connect_ns = columns.optional_integers()?.into_iter();
    let mut chunk_at = columns.lists()?.into_iter();
    let mut finished_at = columns.integers()?.into_iter();
    let mut planned_input_tokens = columns.integers()?.into_iter();
    let mut planned_output_tokens = columns.integers()?.into_iter();
    let mut input_tokens = columns.integers()?.into_iter();
    let mut output_tokens = columns.integers()?.into_iter();
    let mut token_source = columns.texts()?.into_iter();
    let mut outcome = columns.texts()?.into_iter();
    let mut http_status = columns.optional_integers()?.into_iter();
    let mut error = columns.texts()?.into_iter();
    let mut reconnected = columns.flags()?.into_iter();
    let mut prompt_sha256 = columns.texts()?.into_iter();
    let mut dataset_id = columns.optional_texts()?.into_iter();
    index
        .into_iter()
        .map(|index| {
            Ok(RequestRecord {
                index: narrow(index)?,
                phase: named(RequestPhase::parse, &next(&mut phase)?)?,
                scheduled_at: next(&mut scheduled_at)?,
                sent_at: next(&mut sent_at)?,
                connect_ns: next(&mut connect_ns)?,
                chunk_at: next(&mut chunk_at)?,
                finished_at: next(&mut finished_at)?,
                planned_input_tokens: narrow(next(&mut planned_input_tokens)?)?,
                planned_output_tokens: narrow(next(&mut planned_output_tokens)?)?,
                input_tokens: narrow(next(&mut input_tokens)?)?,
                output_tokens: narrow(next(&mut output_tokens)?)?,
                token_source: named(TokenSource::parse, &next(&mut token_source)?)?,
                outcome: named(Outcome::parse, &next(&mut outcome)?)?,
                http_status: next(&mut http_status)?.map(narrow).transpose()?,
                error: next(&mut error)?,
                reconnected: next(&mut reconnected)?,
                prompt_sha256: next(&mut prompt_sha256)?,
                dataset_id: next(&mut dataset_id)?.map(|id| parse_id(&id)).transpose()?,
            })
        })
        .collect()
}

struct ColumnReader<'a> {
    group: &'a dyn RowGroupReader,
    rows_count: usize,
    next: usize,
}

/// A part of one column as it lies in the file.
#[derive(Default)]
struct RawColumn<T> {
    values: Vec<T>,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

impl RawColumn<i64> {
    fn write_to(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), RecordsError> {
        column.typed::<Int64Type>().write_batch(
            &self.values,
            Some(&self.definitions),
            Some(&self.repetitions),
        )?;
        self.clear();
        Ok(())
    }
}

impl<T> RawColumn<T> {
    fn clear(&mut self) {
        self.values.clear();
        self.definitions.clear();
        self.repetitions.clear();
    }
}

impl<'a> ColumnReader<'a> {
    fn of(group: &'a dyn RowGroupReader) -> Result<Self, RecordsError> {
        let rows_count = usize::try_from(group.metadata().num_rows())
            .map_err(|_| RecordsError::Unexpected("a negative number of rows".to_owned()))?;
        Ok(Self {
            group,
            rows_count,
            next: 0,
        })
    }

    /// Goes to the column of that path, one of [`PATHS`].
    fn at(&mut self, path: &str) -> &mut Self {
        let place = PATHS.iter().position(|known| *known == path);
        self.next = place.unwrap_or(PATHS.len());
        self
    }

    fn next_reader<T: DataType>(&mut self) -> Result<ColumnReaderImpl<T>, RecordsError> {
        let reader = get_typed_column_reader::<T>(self.group.get_column_reader(self.next)?);
        self.next += 1;
        Ok(reader)
    }

    fn column<T: DataType>(&mut self) -> Result<RawColumn<T::T>, RecordsError> {
        let mut reader = self.next_reader::<T>()?;
        let mut raw = RawColumn {
            values: Vec::new(),
            definitions: Vec::new(),
            repetitions: Vec::new(),
        };
        let (definitions, repetitions) = (&mut raw.definitions, &mut raw.repetitions);
        reader.read_records(
            self.rows_count,
            Some(definitions),
            Some(repetitions),
            &mut raw.values,
        )?;
        Ok(raw)
    }

    fn integers(&mut self) -> Result<Vec<u64>, RecordsError> {
        self.column::<Int64Type>()?
            .values
            .into_iter()
            .map(unsigned)
            .collect()
    }

    fn optional_integers(&mut self) -> Result<Vec<Option<u64>>, RecordsError> {
        let raw = self.column::<Int64Type>()?;
        let mut values = raw.values.into_iter();
        let is_present = raw.definitions.into_iter().map(|definition| definition > 0);
        is_present
            .map(|is_present| is_present.then(|| unsigned(next(&mut values)?)).transpose())
            .collect()
    }

    /// Read in batches, for the same reason as they are written in such.
    fn lists(&mut self) -> Result<Vec<ChunkTimes>, RecordsError> {
        let mut reader = self.next_reader::<Int64Type>()?;
        let mut raw = RawColumn::default();
        let mut lists: Vec<ChunkTimes> = Vec::with_capacity(self.rows_count);
        while lists.len() < self.rows_count {
            raw.clear();
            let (rows_read, ..) = reader.read_records(
                BATCH_ROWS.min(self.rows_count - lists.len()),
                Some(&mut raw.definitions),
                Some(&mut raw.repetitions),
                &mut raw.values,
            )?;
            if rows_read == 0 {
                break;
            }
            let mut values = raw.values.iter();
            for (definition, repetition) in raw.definitions.iter().zip(&raw.repetitions) {
                if *repetition == 0 {
                    if let Some(list) = lists.last_mut() {
                        list.shrink();
                    }
                    lists.push(ChunkTimes::default());
                }
                if *definition > 0
                    && let Some(list) = lists.last_mut()
                {
                    list.push(unsigned(*next(&mut values)?)?);
                }
            }
        }
        Ok(lists)
    }

    fn texts(&mut self) -> Result<Vec<String>, RecordsError> {
        let raw = self.column::<ByteArrayType>()?;
        let text = |bytes: ByteArray| Ok(bytes.as_utf8()?.to_owned());
        raw.values.into_iter().map(text).collect()
    }

    /// A later column: missing in files of before, as if it were in none of their rows.
    fn optional_texts(&mut self) -> Result<Vec<Option<String>>, RecordsError> {
        if self.next >= self.group.num_columns() {
            self.next += 1;
            return Ok(vec![None; self.rows_count]);
        }
        let raw = self.column::<ByteArrayType>()?;
        let mut values = raw.values.into_iter();
        let is_present = raw.definitions.into_iter().map(|definition| definition > 0);
        let text = |bytes: ByteArray| Ok(bytes.as_utf8()?.to_owned());
        is_present
            .map(|is_present| is_present.then(|| text(next(&mut values)?)).transpose())
            .collect()
    }

    fn flags(&mut self) -> Result<Vec<bool>, RecordsError> {
        Ok(self.column::<BoolType>()?.values)
    }
}

fn next<T>(values: &mut impl Iterator<Item = T>) -> Result<T, RecordsError> {
    values
        .next()
        .ok_or_else(|| RecordsError::Unexpected("a column is too short".to_owned()))
}

fn signed(value: u64) -> Result<i64, RecordsError> {
    i64::try_from(value).map_err(|_| RecordsError::Unexpected(format!("{value} is too large")))
}

fn unsigned(value: i64) -> Result<u64, RecordsError> {
    u64::try_from(value).map_err(|_| RecordsError::Unexpected(format!("{value} is negative")))
}

fn narrow<T: TryFrom<u64>>(value: u64) -> Result<T, RecordsError> {
    T::try_from(value).map_err(|_| RecordsError::Unexpected(format!("{value} is too large")))
}

fn named<T>(parse: fn(&str) -> Option<T>, name: &str) -> Result<T, RecordsError> {
    parse(name).ok_or_else(|| RecordsError::Unexpected(format!("{name:?} is no known name")))
}

fn parse_id(text: &str) -> Result<DatasetId, RecordsError> {
    text.parse()
        .map_err(|_| RecordsError::Unexpected(format!("{text:?} is no id of a dataset")))
}
