//! Runs that repeat each other: a plan once more, and the group it makes.

use domain::history::BenchmarkRow;
use domain::id::{BenchmarkId, RerunGroupId};
use domain::reruns::{GROUP_RUNS_MAX, Rerun};

use crate::benchmarks::{NewBenchmark, insert_planned};
use crate::database::sql;
use crate::history::{HISTORY_COLUMNS, HistoryRow};
use crate::store::{found, parse_id};
use crate::{Store, StoreError};

impl Store {
    /// Queues a plan once more, in the group of the benchmark `of` and with the next number in it. A
    /// benchmark without a group becomes the first of the group `new_group`. Gives the number.
    /// [`StoreError::Conflict`] when somebody else did the same at this moment.
    pub async fn insert_rerun(
        &self,
        of: BenchmarkId,
        new_group: RerunGroupId,
        new: &NewBenchmark<'_>,
    ) -> Result<u32, StoreError> {
        let mut tx = self.database.begin().await?;
        let update = sql(
            "UPDATE benchmarks SET rerun_group_id = COALESCE(rerun_group_id, $2),
                 rerun_index = COALESCE(rerun_index, 1), updated_at = $3
             WHERE id = $1",
        )
        .bind_id(of)
        .bind_id(new_group)
        .bind(new.at);
        found(tx.execute(update).await?)?;
        let query = sql("SELECT b.rerun_group_id,
                 (SELECT MAX(g.rerun_index) FROM benchmarks g
                  WHERE g.rerun_group_id = b.rerun_group_id)
             FROM benchmarks b WHERE b.id = $1")
        .bind_id(of);
        let row: Option<(String, i64)> = tx.fetch_optional(query).await?;
        let (group, last) = row.ok_or(StoreError::NotFound)?;
        let index = parse_number(last)?.saturating_add(1);
        let rerun = Some((parse_id("rerun group id", &group)?, index));
        insert_planned(&mut tx, &NewBenchmark { rerun, ..*new }).await?;
        tx.commit().await?;
        Ok(index)
    }

    /// The runs of a group in the order of their numbers, archived ones included.
    pub async fn list_reruns(&self, group: RerunGroupId) -> Result<Vec<BenchmarkRow>, StoreError> {
        let query = format!(
            "SELECT {HISTORY_COLUMNS} FROM benchmarks b JOIN users u ON u.id = b.owner_id
             WHERE b.rerun_group_id = $1 ORDER BY b.rerun_index LIMIT {GROUP_RUNS_MAX}"
        );
        let rows: Vec<HistoryRow> = self.database.fetch_all(sql(query).bind_id(group)).await?;
        rows.into_iter().map(HistoryRow::into_row).collect()
    }
}

/// A place in a group from its columns.
pub(crate) fn parse_rerun(
    group_id: Option<String>,
    index: Option<i64>,
    last_index: Option<i64>,
) -> Result<Option<Rerun>, StoreError> {
    let (Some(group_id), Some(index), Some(last_index)) = (group_id, index, last_index) else {
        return Ok(None);
    };
    Ok(Some(Rerun {
        group_id: parse_id("rerun group id", &group_id)?,
        index: parse_number(index)?,
        last_index: parse_number(last_index)?,
    }))
}

fn parse_number(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(|error| StoreError::corrupt("number of a rerun", error))
}
