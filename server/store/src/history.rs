//! The history: one page of benchmarks, and rows that changed.

mod filter;
mod row;

use std::collections::BTreeSet;

use domain::history::{BenchmarkRow, HistoryChoices, HistoryPage, HistoryQuery, SortKey};
use domain::id::BenchmarkId;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::parse_id;
use crate::{Store, StoreError};
use filter::{Filter, TERMS_MAX};
use row::{HISTORY_COLUMNS, HistoryRow};

/// Most rows of one page.
const PAGE_ROWS_MAX: u32 = 100;
/// Most tags that a filter can choose from.
const CHOICE_TAGS_MAX: u32 = 200;
/// Most models and clusters that a filter can choose from.
const CHOICES_MAX: u32 = 500;
/// Most changed rows of one answer.
const CHANGES_MAX: u32 = 500;

impl Store {
    /// A page of the history with its counts and what its filters can choose from.
    pub async fn list_benchmarks(&self, query: &HistoryQuery) -> Result<HistoryPage, StoreError> {
        let tags = self.rarest_first(&query.tags).await?;
        let filter = Filter::of(query, &tags);
        let count = format!("SELECT COUNT(*) FROM benchmarks b {}", filter.condition);
        let total_count = self
            .database
            .fetch_count(filter.bind_to(sql(count)))
            .await?;
        Ok(HistoryPage {
            rows: self.history_rows(query, &filter, total_count).await?,
            total_count,
            active_count: self.count_active().await?,
            choices: self.history_choices().await?,
        })
    }

    /// Tags in the order of how many benchmarks have them, without repeats.
    async fn rarest_first(&self, tags: &[String]) -> Result<Vec<String>, StoreError> {
        let mut counted = BTreeSet::new();
        for tag in tags.iter().take(TERMS_MAX) {
            let query = sql("SELECT benchmark_count FROM tags WHERE tag = $1").bind(tag.as_str());
            counted.insert((self.database.fetch_count(query).await?, tag.clone()));
        }
        Ok(counted.into_iter().map(|(_, tag)| tag).collect())
    }

    async fn history_rows(
        &self,
        query: &HistoryQuery,
        filter: &Filter,
        total_count: u32,
    ) -> Result<Vec<BenchmarkRow>, StoreError> {
        let size = query.page_size.clamp(1, PAGE_ROWS_MAX);
        let skipped = u64::from(query.page.saturating_sub(1)) * u64::from(size);
        if skipped >= u64::from(total_count) {
            return Ok(Vec::new());
        }
        // The page's ids come from indexes alone; only the rows shown are looked up.
        let page = format!(
            "SELECT {HISTORY_COLUMNS}
             FROM (SELECT b.id FROM benchmarks b {condition} ORDER BY {order}
                   LIMIT {size} OFFSET {skipped}) page
             JOIN benchmarks b ON b.id = page.id
             JOIN users u ON u.id = b.owner_id
             ORDER BY {order}",
            condition = filter.condition,
            order = order_by(query),
        );
        let rows: Vec<HistoryRow> = self.database.fetch_all(filter.bind_to(sql(page))).await?;
        rows.into_iter().map(HistoryRow::into_row).collect()
    }

    /// One row of the history.
    pub async fn find_row(&self, id: BenchmarkId) -> Result<Option<BenchmarkRow>, StoreError> {
        let query = format!(
            "SELECT {HISTORY_COLUMNS} FROM benchmarks b JOIN users u ON u.id = b.owner_id
             WHERE b.id = $1"
        );
        let row: Option<HistoryRow> = self.database.fetch_optional(sql(query).bind_id(id)).await?;
        row.map(HistoryRow::into_row).transpose()
    }

    /// Rows that changed after `since`, each with the time of its change, oldest change first, at
    /// most 500. Changes that were being written when asked may carry an earlier time: whoever
    /// follows asks again a little before the last time seen, and forgets what it has seen.
    pub async fn list_status_changes(
        &self,
        since: Timestamp,
    ) -> Result<Vec<(Timestamp, BenchmarkRow)>, StoreError> {
        let query = format!(
            "SELECT {HISTORY_COLUMNS} FROM benchmarks b JOIN users u ON u.id = b.owner_id
             WHERE b.updated_at > $1 ORDER BY b.updated_at, b.id LIMIT {CHANGES_MAX}"
        );
        let rows: Vec<HistoryRow> = self.database.fetch_all(sql(query).bind(since)).await?;
        rows.into_iter()
            .map(|row| Ok((Timestamp(row.updated_at), row.into_row()?)))
            .collect()
    }

    /// Benchmarks that are queued or going on.
    pub async fn count_active(&self) -> Result<u32, StoreError> {
        let query = sql("SELECT COUNT(*) FROM benchmarks b
             WHERE b.status NOT IN ('completed', 'failed', 'cancelled')");
        self.database.fetch_count(query).await
    }

    async fn history_choices(&self) -> Result<HistoryChoices, StoreError> {
        // Jumps from one id to the next in the index instead of reading every benchmark. Shows the
        // present name of what is in the catalogue, else a name it had.
        let models = sql("WITH RECURSIVE used (id) AS (
                 SELECT MIN(model_id) FROM benchmarks
                 UNION ALL
                 SELECT (SELECT MIN(b.model_id) FROM benchmarks b WHERE b.model_id > used.id)
                 FROM used WHERE used.id IS NOT NULL)
             SELECT used.id, COALESCE(
                 (SELECT m.name FROM models m WHERE m.id = used.id),
                 (SELECT b.model_name FROM benchmarks b WHERE b.model_id = used.id
                  ORDER BY b.model_name DESC LIMIT 1)) AS name
             FROM used WHERE used.id IS NOT NULL ORDER BY name, used.id LIMIT $1");
        let clusters = sql("WITH RECURSIVE used (id) AS (
                 SELECT MIN(cluster_id) FROM benchmarks
                 UNION ALL
                 SELECT (SELECT MIN(b.cluster_id) FROM benchmarks b WHERE b.cluster_id > used.id)
                 FROM used WHERE used.id IS NOT NULL)
             SELECT used.id, COALESCE(
                 (SELECT c.name FROM clusters c WHERE c.id = used.id),
                 (SELECT b.cluster_name FROM benchmarks b WHERE b.cluster_id = used.id
                  ORDER BY b.cluster_name DESC LIMIT 1)) AS name
             FROM used WHERE used.id IS NOT NULL ORDER BY name, used.id LIMIT $1");
        let tags = sql("SELECT tag FROM tags WHERE benchmark_count > 0
             ORDER BY benchmark_count DESC, tag LIMIT $1");
        let models: Vec<(String, String)> =
            self.database.fetch_all(models.bind(CHOICES_MAX)).await?;
        let clusters: Vec<(String, String)> =
            self.database.fetch_all(clusters.bind(CHOICES_MAX)).await?;
        let tags: Vec<(String,)> = self.database.fetch_all(tags.bind(CHOICE_TAGS_MAX)).await?;
        Ok(HistoryChoices {
            models: models
                .into_iter()
                .map(|(id, name)| Ok((parse_id("model id", &id)?, name)))
                .collect::<Result<_, StoreError>>()?,
            clusters: clusters
                .into_iter()
                .map(|(id, name)| Ok((parse_id("cluster id", &id)?, name)))
                .collect::<Result<_, StoreError>>()?,
            tags: tags.into_iter().map(|(tag,)| tag).collect(),
        })
    }
}

/// The order of a page. One column alone has an index of the same columns; equal values go by age,
/// then id.
fn order_by(query: &HistoryQuery) -> String {
    let mut columns = Vec::new();
    let mut age = None;
    let further = query.further.then_by.iter().copied();
    for (sort, is_descending) in std::iter::once((query.sort, query.is_descending)).chain(further) {
        if sort == SortKey::Created {
            // Hardly ever are two of one age: what comes after would order nothing.
            age = Some(is_descending);
            break;
        }
        columns.push(column_order(sort, is_descending));
    }
    let direction = direction(age.unwrap_or(query.is_descending));
    columns.push(format!("b.created_at {direction}, b.id {direction}"));
    columns.join(", ")
}

fn direction(is_descending: bool) -> &'static str {
    if is_descending { "DESC" } else { "ASC" }
}

fn column_order(sort: SortKey, is_descending: bool) -> String {
    let column = match sort {
        SortKey::Created => "b.created_at",
        SortKey::Name => "lower(b.name)",
        SortKey::Status => "b.status",
        SortKey::Model => "lower(b.model_name)",
        SortKey::Cluster => "lower(b.cluster_name)",
        SortKey::Concurrency => "b.concurrency",
        SortKey::Throughput => "b.output_tok_per_s",
        SortKey::Ttft => "b.ttft_p50_ms",
        SortKey::Tpot => "b.tpot_p50_ms",
        SortKey::Duration => "b.duration_s",
        SortKey::ErrorRate => "b.error_rate",
    };
    // PostgreSQL uses an index only for the very same place of missing values, also where there
    // can be none.
    let nulls = match sort {
        SortKey::Created | SortKey::Name | SortKey::Status | SortKey::Model | SortKey::Cluster => {
            ""
        }
        _ => " NULLS LAST",
    };
    format!("{column} {}{nulls}", direction(is_descending))
}
