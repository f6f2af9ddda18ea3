//! Datasets of the registry. Their rows are files; see `dataset_files`.

use domain::catalogue::Shown;
use domain::dataset::{
    Dataset, DatasetEdit, DatasetFormat, DatasetPage, DatasetQuery, DatasetState, LengthCounts,
    Rejections,
};
use domain::id::{DatasetId, UserId};
use domain::time::Timestamp;

use crate::database::{Sql, sql};
use crate::history::escape_pattern;
use crate::store::{found, from_json, parse_id, to_json};
use crate::usage::Used;
use crate::{Store, StoreError};

/// Most words of a search that are looked at.
const SEARCH_WORDS_MAX: usize = 100;
/// Most datasets offered to choose from at once.
const USABLE_MAX: u32 = 1_000;

#[derive(sqlx::FromRow)]
struct DatasetRow {
    id: String,
    name: String,
    description: String,
    format: String,
    state: String,
    failure: Option<String>,
    file_name: String,
    file_sha256: String,
    file_bytes: i64,
    read_bytes: i64,
    sha256: Option<String>,
    bytes: i64,
    row_count: i64,
    rejected_count: i64,
    has_multi_turn: bool,
    tokenizer: String,
    input_lengths: Option<String>,
    output_lengths: Option<String>,
    rejections: Option<String>,
    is_builtin: bool,
    owner_name: Option<String>,
    created_at: i64,
    archived_at: Option<i64>,
}

/// The columns of a [`DatasetRow`] but `rejections`, which lists leave out.
const COLUMNS: &str = "d.id, d.name, d.description, d.format, d.state, d.failure, d.file_name,
     d.file_sha256, d.file_bytes, d.read_bytes, d.sha256, d.bytes, d.row_count, d.rejected_count,
     d.has_multi_turn, d.tokenizer, d.input_lengths, d.output_lengths, d.is_builtin,
     u.name AS owner_name, d.created_at, d.archived_at";
const FROM: &str = "FROM datasets d LEFT JOIN users u ON u.id = d.owner_id";
const TAKEN: &str = "name of a dataset";

impl DatasetRow {
    fn into_dataset(self) -> Result<Dataset, StoreError> {
        let format = DatasetFormat::parse(&self.format);
        let state = DatasetState::parse(&self.state);
        let lengths = |text: Option<String>| {
            text.map(|text| from_json("lengths of a dataset", &text))
                .transpose()
        };
        let rejections = self
            .rejections
            .map(|text| from_json("rejected rows", &text))
            .transpose()?;
        Ok(Dataset {
            id: parse_id("dataset id", &self.id)?,
            name: self.name,
            description: self.description,
            format: format.ok_or_else(|| StoreError::corrupt("format", &self.format))?,
            state: state.ok_or_else(|| StoreError::corrupt("state", &self.state))?,
            failure: self.failure,
            file_name: self.file_name,
            file_sha256: self.file_sha256,
            file_bytes: unsigned(self.file_bytes),
            read_bytes: unsigned(self.read_bytes),
            sha256: self.sha256,
            bytes: unsigned(self.bytes),
            row_count: count(self.row_count),
            rejected_count: count(self.rejected_count),
            has_multi_turn: self.has_multi_turn,
            tokenizer: from_json("tokenizer of a dataset", &self.tokenizer)?,
            input: lengths(self.input_lengths)?,
            output: lengths(self.output_lengths)?,
            rejections: rejections.unwrap_or_default(),
            is_builtin: self.is_builtin,
            owner_name: self.owner_name,
            created_at: Timestamp(self.created_at),
            archived_at: self.archived_at.map(Timestamp),
        })
    }
}

/// What an import came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedDataset {
    /// SHA-256 of the canonical file, which is kept already.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Rows it has.
    pub row_count: u32,
    /// Whether a row has more than one message of the user.
    pub has_multi_turn: bool,
    /// Lengths of the prompts.
    pub input: LengthCounts,
    /// Lengths of the answers, of the rows that tell one.
    pub output: LengthCounts,
    /// What was rejected.
    pub rejections: Rejections,
}

impl Store {
    /// Adds a dataset that `importer` (the name of a server) is about to import.
    /// [`StoreError::Conflict`] when the name is taken, in whatever case.
    pub async fn insert_dataset(
        &self,
        dataset: &Dataset,
        owner: Option<UserId>,
        importer: &str,
    ) -> Result<(), StoreError> {
        let no_counts = to_json(&LengthCounts::default())?;
        let insert = sql(
            "INSERT INTO datasets (id, name, description, format, state, file_name, file_sha256,
                 file_bytes, read_bytes, bytes, row_count, rejected_count, has_multi_turn, tokenizer,
                 input_counts, output_counts, rejections, is_builtin, owner_id, importer,
                 progress_at, created_at, search_text)
             VALUES ($1, $2, $3, $4, 'importing', $5, $6, $7, 0, 0, 0, 0, $8, $9, $10, $10, $11,
                 $12, $13, $14, $15, $15, $16)",
        )
        .bind_id(dataset.id)
        .bind(dataset.name.as_str())
        .bind(dataset.description.as_str())
        .bind(dataset.format.as_str())
        .bind(dataset.file_name.as_str())
        .bind(dataset.file_sha256.as_str())
        .bind(signed(dataset.file_bytes))
        .bind(false)
        .bind(to_json(&dataset.tokenizer)?)
        .bind(no_counts)
        .bind(to_json(&Rejections::default())?)
        .bind(dataset.is_builtin)
        .bind(owner.map(|id| id.to_string()))
        .bind(importer)
        .bind(dataset.created_at)
        .bind(search_text(
            &dataset.name,
            &dataset.description,
            &dataset.file_name,
        ));
        let inserted = self.database.execute(insert).await;
        inserted.map_err(|error| error.taken(TAKEN))?;
        Ok(())
    }

    /// Keeps how far an import is. [`StoreError::NotFound`] when the dataset was deleted, or is not
    /// imported any more.
    pub async fn save_import_progress(
        &self,
        id: DatasetId,
        read_bytes: u64,
        row_count: u32,
        rejected_count: u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE datasets SET read_bytes = $2, row_count = $3, rejected_count = $4,
                 progress_at = $5
             WHERE id = $1 AND state = 'importing'",
        )
        .bind_id(id)
        .bind(signed(read_bytes))
        .bind(row_count)
        .bind(rejected_count)
        .bind(at);
        found(self.database.execute(update).await?)
    }

    /// Makes a dataset ready. [`StoreError::NotFound`] when it was deleted, or is not imported any
    /// more.
    pub async fn finish_import(
        &self,
        id: DatasetId,
        imported: &ImportedDataset,
    ) -> Result<(), StoreError> {
        let summary = |counts: &LengthCounts| {
            let summary = counts.summary();
            summary.as_ref().map(to_json).transpose()
        };
        let update = sql(
            "UPDATE datasets SET state = 'ready', importer = NULL, progress_at = NULL,
                 read_bytes = file_bytes, sha256 = $2, bytes = $3, row_count = $4,
                 rejected_count = $5, has_multi_turn = $6, input_lengths = $7,
                 output_lengths = $8, input_counts = $9, output_counts = $10, rejections = $11
             WHERE id = $1 AND state = 'importing'",
        )
        .bind_id(id)
        .bind(imported.sha256.as_str())
        .bind(signed(imported.bytes))
        .bind(imported.row_count)
        .bind(imported.rejections.total())
        .bind(imported.has_multi_turn)
        .bind(summary(&imported.input)?)
        .bind(summary(&imported.output)?)
        .bind(to_json(&imported.input)?)
        .bind(to_json(&imported.output)?)
        .bind(to_json(&imported.rejections)?);
        found(self.database.execute(update).await?)
    }

    /// Says why a dataset was not imported, with what was rejected until then.
    /// [`StoreError::NotFound`] when it was deleted, or is not imported any more.
    pub async fn fail_import(
        &self,
        id: DatasetId,
        failure: &str,
        rejections: &Rejections,
    ) -> Result<(), StoreError> {
        let update = sql(
            "UPDATE datasets SET state = 'failed', failure = $2, importer = NULL,
                 progress_at = NULL, row_count = 0, rejected_count = $3, rejections = $4
             WHERE id = $1 AND state = 'importing'",
        )
        .bind_id(id)
        .bind(failure)
        .bind(rejections.total())
        .bind(to_json(rejections)?);
        found(self.database.execute(update).await?)
    }

    /// Fails the imports of `importer`, and those of any server that has not said how far it is
    /// since `silent_since`. Gives how many there were.
    pub async fn fail_abandoned_imports(
        &self,
        importer: &str,
        silent_since: Timestamp,
        failure: &str,
    ) -> Result<u64, StoreError> {
        let update = sql(
            "UPDATE datasets SET state = 'failed', failure = $3, importer = NULL,
                 progress_at = NULL, row_count = 0, rejected_count = 0
             WHERE state = 'importing' AND (importer = $1 OR progress_at < $2)",
        )
        .bind(importer)
        .bind(silent_since)
        .bind(failure);
        self.database.execute(update).await
    }

    /// A page of the registry, the built-in datasets first, then by name.
    pub async fn list_datasets(&self, query: &DatasetQuery) -> Result<DatasetPage, StoreError> {
        let filter = Filter::of(query);
        let total_count = self
            .database
            .fetch_count(filter.statement("SELECT COUNT(*)", ""))
            .await?;
        let page_size = query.page_size.clamp(1, DatasetQuery::PAGE_SIZE_MAX);
        let offset = u64::from(query.page.saturating_sub(1)) * u64::from(page_size);
        let columns = format!("SELECT {COLUMNS}, CAST(NULL AS TEXT) AS rejections");
        let order = format!(
            "ORDER BY d.is_builtin DESC, lower(d.name), d.id LIMIT {page_size} OFFSET {offset}"
        );
        let rows: Vec<DatasetRow> = self
            .database
            .fetch_all(filter.statement(&columns, &order))
            .await?;
        let datasets: Result<_, _> = rows.into_iter().map(DatasetRow::into_dataset).collect();
        Ok(DatasetPage {
            datasets: datasets?,
            total_count,
        })
    }

    /// Datasets that new benchmarks may draw from, the built-in ones first, then by name. Without
    /// their rejected rows.
    pub async fn list_usable_datasets(&self) -> Result<Vec<Dataset>, StoreError> {
        let query = sql(format!(
            "SELECT {COLUMNS}, CAST(NULL AS TEXT) AS rejections {FROM}
             WHERE d.state = 'ready' AND d.archived_at IS NULL
             ORDER BY d.is_builtin DESC, lower(d.name), d.id LIMIT {USABLE_MAX}"
        ));
        let rows: Vec<DatasetRow> = self.database.fetch_all(query).await?;
        rows.into_iter().map(DatasetRow::into_dataset).collect()
    }

    /// One dataset, with its rejected rows.
    pub async fn find_dataset(&self, id: DatasetId) -> Result<Option<Dataset>, StoreError> {
        let query = sql(format!(
            "SELECT {COLUMNS}, d.rejections {FROM} WHERE d.id = $1"
        ));
        let row: Option<DatasetRow> = self.database.fetch_optional(query.bind_id(id)).await?;
        row.map(DatasetRow::into_dataset).transpose()
    }

    /// Whether another dataset has this name, in whatever case, and did not fail.
    pub async fn is_dataset_name_taken(&self, name: &str) -> Result<bool, StoreError> {
        let query = sql(
            "SELECT COUNT(*) FROM datasets WHERE lower(name) = lower($1) AND state <> 'failed'",
        );
        Ok(self.database.fetch_count(query.bind(name)).await? > 0)
    }

    /// Whether a dataset that came with the product and has this file is there, archived or not.
    pub async fn has_builtin_dataset(&self, file_sha256: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT COUNT(*) FROM datasets
             WHERE is_builtin = $1 AND file_sha256 = $2 AND state <> 'failed'");
        let query = query.bind(true).bind(file_sha256);
        Ok(self.database.fetch_count(query).await? > 0)
    }

    /// Every length of the prompts and of the answers of a dataset, with its number of rows.
    pub async fn find_dataset_lengths(
        &self,
        id: DatasetId,
    ) -> Result<Option<(LengthCounts, LengthCounts)>, StoreError> {
        let query = sql("SELECT input_counts, output_counts FROM datasets WHERE id = $1");
        let row: Option<(String, String)> = self.database.fetch_optional(query.bind_id(id)).await?;
        row.map(|(input, output)| {
            Ok((
                from_json("lengths of prompts", &input)?,
                from_json("lengths of answers", &output)?,
            ))
        })
        .transpose()
    }

    /// Changes name and description. [`StoreError::Conflict`] when the name is taken.
    pub async fn update_dataset(
        &self,
        id: DatasetId,
        edit: &DatasetEdit,
    ) -> Result<(), StoreError> {
        let mut tx = self.database.begin().await?;
        let query = sql("SELECT file_name FROM datasets WHERE id = $1").bind_id(id);
        let row: Option<(String,)> = tx.fetch_optional(query).await?;
        let (file_name,) = row.ok_or(StoreError::NotFound)?;
        let update =
            sql("UPDATE datasets SET name = $2, description = $3, search_text = $4 WHERE id = $1")
                .bind_id(id)
                .bind(edit.name.as_str())
                .bind(edit.description.as_str())
                .bind(search_text(&edit.name, &edit.description, &file_name));
        let updated = tx.execute(update).await;
        found(updated.map_err(|error| error.taken(TAKEN))?)?;
        tx.commit().await
    }

    /// Archives a dataset, or (with `None`) takes it back into use.
    pub async fn archive_dataset(
        &self,
        id: DatasetId,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let update = sql("UPDATE datasets SET archived_at = $2 WHERE id = $1");
        found(self.database.execute(update.bind_id(id).bind(at)).await?)
    }

    /// Removes a dataset that no benchmark draws from. Its file stays until
    /// [`Self::delete_dataset_file`]. [`StoreError::Conflict`] when a benchmark does.
    pub async fn delete_dataset(&self, id: DatasetId) -> Result<(), StoreError> {
        self.delete_unused(Used::Dataset(id)).await
    }

    /// Digests of all canonical files that a dataset has.
    pub async fn list_dataset_digests(&self) -> Result<Vec<String>, StoreError> {
        let query = sql("SELECT DISTINCT sha256 FROM datasets WHERE sha256 IS NOT NULL");
        let rows: Vec<(String,)> = self.database.fetch_all(query).await?;
        Ok(rows.into_iter().map(|(sha256,)| sha256).collect())
    }

    /// Whether a dataset has the canonical file of that digest.
    pub async fn is_dataset_file_used(&self, sha256: &str) -> Result<bool, StoreError> {
        let query = sql("SELECT COUNT(*) FROM datasets WHERE sha256 = $1").bind(sha256);
        Ok(self.database.fetch_count(query).await? > 0)
    }
}

/// The condition of a query, with its values.
struct Filter {
    condition: String,
    values: Vec<String>,
}

impl Filter {
    fn of(query: &DatasetQuery) -> Self {
        let shown = match query.shown {
            Shown::InUse => Some("d.archived_at IS NULL"),
            Shown::Archived => Some("d.archived_at IS NOT NULL"),
            Shown::All => None,
        };
        let search = query.search.to_lowercase();
        let values: Vec<String> = search
            .split_whitespace()
            .take(SEARCH_WORDS_MAX)
            .map(|word| format!("%{}%", escape_pattern(word)))
            .collect();
        let words =
            (1..=values.len()).map(|place| format!(r"d.search_text LIKE ${place} ESCAPE '\'"));
        let terms: Vec<String> = shown.map(str::to_owned).into_iter().chain(words).collect();
        let condition = if terms.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", terms.join(" AND "))
        };
        Self { condition, values }
    }

    fn statement(&self, select: &str, order: &str) -> Sql {
        let text = format!("{select} {FROM} {} {order}", self.condition);
        let values = self.values.iter();
        values.fold(sql(text), |sql, value| sql.bind(value.as_str()))
    }
}

fn search_text(name: &str, description: &str, file_name: &str) -> String {
    format!("{name}\n{description}\n{file_name}").to_lowercase()
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

fn count(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
