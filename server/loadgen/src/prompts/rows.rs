//! Files of rows: where each row begins, and a row read when it is drawn.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use domain::dataset::{DatasetFormat, DatasetRow, Message, ROW_BYTES_MAX, row_of_json};
use domain::id::DatasetId;
use domain::load::LoadPlan;
use domain::workload::PlannedDataset;
use sha2::{Digest, Sha256};

use crate::error::LoadError;

/// How much of a file is in memory while it is indexed.
const CHUNK_BYTES: usize = 256 << 10;
/// Longest line of a file: its keys and escapes come on top of the row's own bytes.
const LINE_BYTES_MAX: u64 = 8 * ROW_BYTES_MAX as u64;

/// A row as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) messages: Vec<Message>,
    /// Tokens of the prompt as the file tells them, if it does.
    pub(super) input_tokens: Option<u32>,
    /// Tokens of the answer as the file tells them, if it does.
    pub(super) output_tokens: Option<u32>,
}

/// The rows of all datasets of a plan, one dataset after the other.
pub(super) struct RowFiles {
    files: Vec<(DatasetId, RowFile)>,
}

struct RowFile {
    path: String,
    file: File,
    index: LineIndex,
}

/// Where the rows of a file begin. Blank lines are no rows.
#[derive(Debug, PartialEq, Eq)]
struct LineIndex {
    /// Offset of each row.
    starts: Vec<u64>,
    /// Size of the file.
    end: u64,
    sha256: String,
}

/// What a file of rows holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InspectedDataset {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Its rows.
    pub row_count: u32,
}

/// Reads a whole file of rows, one JSON object a line, and says what it holds. Every row must be one
/// of a canonical dataset file, or like `{"prompt": "…", "output_tokens": 56}` or `{"messages": […]}`.
pub fn inspect_dataset(path: &Path) -> Result<InspectedDataset, LoadError> {
    let name = path.display().to_string();
    let file = RowFile::open(&name)?;
    let row_count = file.row_count()?;
    for place in 0..row_count {
        file.read(place)?;
    }
    Ok(InspectedDataset {
        sha256: file.index.sha256,
        row_count,
    })
}

impl RowFiles {
    /// Opens and indexes the files of a plan. Refuses those that are not what was planned.
    pub(super) fn open(plan: &LoadPlan) -> Result<Self, LoadError> {
        let datasets = plan.workload.prompts.datasets();
        let files = datasets
            .iter()
            .zip(&plan.dataset_paths)
            .map(|(dataset, path)| Ok((dataset.id, RowFile::open_planned(dataset, path)?)));
        Ok(Self {
            files: files.collect::<Result<_, _>>()?,
        })
    }

    /// Rows of all files.
    pub(super) fn row_count(&self) -> u32 {
        let counts = self.files.iter().map(|(_, file)| file.index.starts.len());
        u32::try_from(counts.sum::<usize>()).unwrap_or(u32::MAX)
    }

    /// The row at a position in all files together, with its dataset.
    pub(super) fn read(&self, position: u32) -> Result<(DatasetId, Row), LoadError> {
        let mut place = position;
        for (dataset_id, file) in &self.files {
            let row_count = file.row_count()?;
            if place < row_count {
                return Ok((*dataset_id, file.read(place)?));
            }
            place -= row_count;
        }
        let count = self.row_count();
        Err(LoadError::Internal(format!(
            "there is no row {position} among {count}"
        )))
    }
}

impl RowFile {
    fn open_planned(dataset: &PlannedDataset, path: &str) -> Result<Self, LoadError> {
        let file = Self::open(path)?;
        let (found, planned) = (&file.index.sha256, &dataset.sha256);
        if found != planned {
            return Err(LoadError::Plan(format!(
                "the file of the dataset {} is not the one that was planned: its SHA-256 is {found}, planned was {planned}",
                dataset.name
            )));
        }
        let row_count = file.row_count()?;
        if row_count != dataset.row_count {
            return Err(LoadError::Plan(format!(
                "the file of the dataset {} has {row_count} rows, planned were {}",
                dataset.name, dataset.row_count
            )));
        }
        Ok(file)
    }

    fn open(path: &str) -> Result<Self, LoadError> {
        // Opening a pipe that nobody writes to would wait for ever.
        let is_file = std::fs::metadata(path).map(|found| found.is_file());
        if !is_file.map_err(|error| unreadable(path, &error))? {
            return Err(LoadError::Plan(format!(
                "the dataset {path} cannot be read: it is no file"
            )));
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let index = LineIndex::of(&file).map_err(|error| unreadable(path, &error))?;
        if index.starts.is_empty() {
            return Err(LoadError::Plan(format!("the dataset {path} has no rows")));
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            index,
        })
    }

    fn row_count(&self) -> Result<u32, LoadError> {
        let count = self.index.starts.len();
        u32::try_from(count)
            .map_err(|_| LoadError::Plan(format!("the dataset {} has {count} rows", self.path)))
    }

    /// The row at that place of the file.
    fn read(&self, place: u32) -> Result<Row, LoadError> {
        let starts = &self.index.starts;
        let start = starts.get(place as usize).copied().unwrap_or_default();
        let end = starts.get(place as usize + 1).copied();
        let end = end.unwrap_or(self.index.end);
        let bytes = end.saturating_sub(start);
        let refuse = |why: &str| {
            let number = u64::from(place) + 1;
            let text = format!("row {number} of the dataset {} {why}", self.path);
            LoadError::Plan(text)
        };
        if bytes > LINE_BYTES_MAX {
            return Err(refuse("is too long"));
        }
        let mut line = vec![0; usize::try_from(bytes).unwrap_or_default()];
        self.file
            .read_exact_at(&mut line, start)
            .map_err(|error| unreadable(&self.path, &error))?;
        // The mark that some editors put before the first line.
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        parse(line).map_err(|why| refuse(&why))
    }
}

/// A row from its line: of a canonical file, else a plain one. The error says what is wrong with it.
fn parse(line: &[u8]) -> Result<Row, String> {
    if let Ok(row) = serde_json::from_slice::<DatasetRow>(line) {
        return Ok(Row {
            messages: row.messages,
            input_tokens: Some(row.input_tokens),
            output_tokens: row.output_tokens,
        });
    }
    let row = row_of_json(DatasetFormat::Jsonl, line).map_err(|why| {
        let text = format!("cannot be used: {} {}", why.reason.in_words(), why.detail);
        text.trim_end().to_owned()
    })?;
    Ok(Row {
        messages: row.messages,
        input_tokens: None,
        output_tokens: row.output_tokens,
    })
}

impl LineIndex {
    fn of(mut file: &File) -> std::io::Result<Self> {
        let mut hasher = Sha256::new();
        let mut starts = Vec::new();
        let (mut line_start, mut offset) = (0, 0);
        let mut is_blank = true;
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            let count = file.read(&mut buffer)?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            hasher.update(chunk);
            for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
                if is_blank && piece.iter().any(|byte| !byte.is_ascii_whitespace()) {
                    is_blank = false;
                    starts.push(line_start);
                }
                offset += piece.len() as u64;
                if piece.ends_with(b"\n") {
                    line_start = offset;
                    is_blank = true;
                }
            }
        }
        Ok(Self {
            starts,
            end: offset,
            sha256: format!("{:x}", hasher.finalize()),
        })
    }
}

fn unreadable(path: &str, error: &std::io::Error) -> LoadError {
    LoadError::Plan(format!("the dataset {path} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn file_of(text: &str) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        (folder, path)
    }

    fn opened(text: &str) -> Result<RowFile, LoadError> {
        let (_folder, path) = file_of(text);
        RowFile::open(&path)
    }

    fn contents(row: &Row) -> Vec<&str> {
        row.messages
            .iter()
            .map(|message| message.content.as_str())
            .collect()
    }

    const CANONICAL: &str = r#"{"line":3,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"ä\n"}],"input_tokens":4,"output_tokens":null}"#;

    #[test]
    fn rows_are_read_by_their_place() {
        let text = format!(
            "{CANONICAL}\n\n  \r\n{{\"prompt\":\"x y\",\"output_tokens\":9}}\r\n{{\"messages\":[{{\"role\":\"user\",\"content\":\"last\"}}]}}"
        );
        let file = opened(&text).unwrap();
        assert_eq!(file.row_count().unwrap(), 3);
        let rows = [2, 0, 1].map(|place| file.read(place).unwrap());
        assert_eq!(contents(&rows[0]), ["last"]);
        assert_eq!((rows[0].input_tokens, rows[0].output_tokens), (None, None));
        assert_eq!(contents(&rows[1]), ["a", "b", "ä\n"]);
        assert_eq!(
            (rows[1].input_tokens, rows[1].output_tokens),
            (Some(4), None)
        );
        assert_eq!(contents(&rows[2]), ["x y"]);
        assert_eq!(rows[2].output_tokens, Some(9));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_a_row_and_a_folder_no_file() {
        let file = opened("\u{feff}{\"prompt\":\"x\"}\n{\"prompt\":\"y\"}").unwrap();
        assert_eq!(contents(&file.read(0).unwrap()), ["x"]);
        assert_eq!(contents(&file.read(1).unwrap()), ["y"]);
        let folder = tempfile::tempdir().unwrap();
        let why = RowFile::open(&folder.path().display().to_string());
        assert!(why.err().unwrap().to_string().contains("no file"));
    }

    #[test]
    fn lines_are_found_across_chunks() {
        let long = "z".repeat(CHUNK_BYTES - 20);
        let lines = (0..5).map(|n| format!("{{\"prompt\":\"{n} {long}\"}}"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let file = opened(&text).unwrap();
        for place in 0..5 {
            let row = file.read(place).unwrap();
            assert!(contents(&row)[0].starts_with(&format!("{place} z")));
        }
        let digest = format!("{:x}", Sha256::digest(text.as_bytes()));
        assert_eq!(file.index.sha256, digest);
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_place() {
        let missing = RowFile::open("/nowhere/rows.jsonl");
        assert!(missing.err().unwrap().to_string().contains("/nowhere"));
        let empty = opened("\n \n").err().unwrap().to_string();
        assert!(empty.contains("has no rows"), "{empty}");
        let (_folder, path) = file_of("{\"prompt\":\"fine\"}\n{\"prompt\":7}\n");
        let why = inspect_dataset(Path::new(&path)).unwrap_err().to_string();
        assert!(why.contains("row 2 of the dataset"), "{why}");
        assert!(why.contains("The prompt is not a text."), "{why}");
    }
}
