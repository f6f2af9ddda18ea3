//! The history: one page of benchmarks, and rows that changed.

mod filter;
mod row;

use std::collections::BTreeSet;

use domain::history::{
    BenchmarkRow, HistoryChoices, HistoryPage, HistoryQuery, SORT_TERMS_MAX, SortKey, SortTerm,
};
use domain::id::BenchmarkId;
use domain::time::Timestamp;

use crate::database::sql;
use crate::store::parse_id;
use crate::{Store, StoreError};
pub(crate) use filter::escape_pattern;
use filter::{Filter, TERMS_MAX};
pub(crate) use row::{HISTORY_COLUMNS, HistoryRow};

/// Most rows of one page.
const PAGE_ROWS_MAX: u32 = 100;
/// Most tags that a filter can choose from.
const CHOICE_TAGS_MAX: u32 = 200;
/// Most models, clusters and people that a filter can choose from.
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
            order = order_by(&query.order),
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
        let owners = sql("WITH RECURSIVE used (id) AS (
                 SELECT MIN(owner_id) FROM benchmarks
                 UNION ALL
                 SELECT (SELECT MIN(b.owner_id) FROM benchmarks b WHERE b.owner_id > used.id)
                 FROM used WHERE used.id IS NOT NULL)
             SELECT used.id, u.name FROM used JOIN users u ON u.id = used.id
             ORDER BY u.name, used.id LIMIT $1");
        let owners: Vec<(String, String)> =
            self.database.fetch_all(owners.bind(CHOICES_MAX)).await?;
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
            owners: owners
                .into_iter()
                .map(|(id, name)| Ok((parse_id("user id", &id)?, name)))
                .collect::<Result<_, StoreError>>()?,
        })
    }
}

/// The order of a page. Each single key has an index of the same columns; equal rows go by age,
/// then id, in the direction of the first key.
fn order_by(order: &[SortTerm]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut first_direction = None;
    for term in order.iter().take(SORT_TERMS_MAX) {
        let direction = if term.is_descending { "DESC" } else { "ASC" };
        first_direction.get_or_insert(direction);
        let column = match term.key {
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
        let nulls = match term.key {
            SortKey::Created
            | SortKey::Name
            | SortKey::Status
            | SortKey::Model
            | SortKey::Cluster => "",
            _ => " NULLS LAST",
        };
        parts.push(format!("{column} {direction}{nulls}"));
    }
    let direction = first_direction.unwrap_or("DESC");
    let is_by_age = order.iter().any(|term| term.key == SortKey::Created);
    if !is_by_age {
        parts.push(format!("b.created_at {direction}"));
    }
    parts.push(format!("b.id {direction}"));
    parts.join(", ")
}
