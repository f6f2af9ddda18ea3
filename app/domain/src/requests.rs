//! What pages show of single requests: the table and the scatter.

use serde::{Deserialize, Serialize};

use crate::bounds::Bounds;
use crate::finite::Finite;
use crate::measure::line::Recorded;
use crate::measure::record::{Outcome, RequestField, RequestPhase};

/// What the request table shows, as it stands in the URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestQuery {
    /// Only requests that ended so; `None` for all.
    pub outcome: Option<Outcome>,
    /// Only requests that were answered completely, or only those that were not; `None` for all.
    pub success: Option<bool>,
    /// Only requests of this part of the run; `None` for all.
    pub phase: Option<RequestPhase>,
    /// Only requests whose fields lie within, each in the field's own unit. One without the value is
    /// left out.
    pub ranges: Vec<FieldRange>,
    /// Sort field; `None` for the order of sending.
    pub sort: Option<RequestField>,
    /// Whether largest come first. Rows without a value always come last.
    pub is_descending: bool,
    /// Page from 1.
    pub page: u32,
    /// Rows of a page, 1 to [`REQUEST_ROWS_MAX`].
    pub page_size: u32,
}

/// A range of one field, in its own unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldRange {
    /// The field.
    pub field: RequestField,
    /// What is let through.
    pub bounds: Bounds,
}

/// Fields that the request table can be narrowed by, in the order of its form.
pub const RANGE_FIELDS: [RequestField; 4] = [
    RequestField::Ttft,
    RequestField::Latency,
    RequestField::PromptLen,
    RequestField::OutputLen,
];

/// Most rows of one page of the request table.
pub const REQUEST_ROWS_MAX: u32 = 200;

impl Default for RequestQuery {
    fn default() -> Self {
        Self {
            outcome: None,
            success: None,
            phase: None,
            ranges: Vec::new(),
            sort: None,
            is_descending: false,
            page: 1,
            page_size: 50,
        }
    }
}

impl RequestQuery {
    /// Whether any filter is set (sorting and paging are none).
    pub fn is_filtered(&self) -> bool {
        self.outcome.is_some()
            || self.success.is_some()
            || self.phase.is_some()
            || self.ranges.iter().any(|range| !range.bounds.is_open())
    }

    /// The range of a field; open when none is set.
    pub fn range(&self, field: RequestField) -> Bounds {
        let range = self.ranges.iter().find(|range| range.field == field);
        range.map(|range| range.bounds).unwrap_or_default()
    }

    /// Sets the range of a field; an open one is none.
    pub fn set_range(&mut self, field: RequestField, bounds: Bounds) {
        self.ranges.retain(|range| range.field != field);
        if !bounds.is_open() {
            self.ranges.push(FieldRange { field, bounds });
        }
    }

    /// Whether a request passes every filter.
    fn matches<R: Recorded>(&self, record: &R) -> bool {
        let is_ok = record.outcome() == Outcome::Ok;
        self.outcome
            .is_none_or(|outcome| record.outcome() == outcome)
            && self.success.is_none_or(|success| is_ok == success)
            && self.phase.is_none_or(|phase| record.phase() == phase)
            && self
                .ranges
                .iter()
                .all(|range| range.bounds.contains(range.field.value(record)))
    }
}

/// One request in the table. Values as in the metric dictionary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestRow {
    /// Position in the plan, from 0.
    pub index: u32,
    /// Part of the run.
    pub phase: RequestPhase,
    /// How it ended.
    pub outcome: Outcome,
    /// HTTP status, when an answer came.
    pub http_status: Option<u16>,
    /// The server's own error text.
    pub error: String,
    /// When it was sent, in seconds since the start of the run.
    pub sent_at_s: Finite,
    /// Time to first token in ms.
    pub ttft_ms: Option<Finite>,
    /// Time per output token in ms.
    pub tpot_ms: Option<Finite>,
    /// Mean inter-token latency in ms.
    pub itl_mean_ms: Option<Finite>,
    /// End-to-end latency in ms.
    pub e2e_ms: Option<Finite>,
    /// Lateness of the client in ms.
    pub queue_delay_ms: Option<Finite>,
    /// Prompt tokens.
    pub input_tokens: u32,
    /// Answer tokens.
    pub output_tokens: u32,
    /// Output throughput of the request in tok/s.
    pub output_tok_per_s: Option<Finite>,
    /// Whether it went out a second time on a fresh connection.
    pub reconnected: bool,
}

impl RequestRow {
    /// The row of a request.
    pub fn of<R: Recorded>(record: &R) -> Self {
        let timing = record.timing();
        Self {
            index: record.index(),
            phase: record.phase(),
            outcome: record.outcome(),
            http_status: record.http_status(),
            error: record.error().to_owned(),
            sent_at_s: RequestField::SentAt.value(record).unwrap_or_default(),
            ttft_ms: RequestField::Ttft.value(record),
            tpot_ms: RequestField::Tpot.value(record),
            itl_mean_ms: RequestField::Itl.value(record),
            e2e_ms: RequestField::Latency.value(record),
            queue_delay_ms: RequestField::QueueDelay.value(record),
            input_tokens: timing.input_tokens,
            output_tokens: timing.output_tokens,
            output_tok_per_s: RequestField::ReqOutputThroughput.value(record),
            reconnected: record.reconnected(),
        }
    }
}

/// A page of the request table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestPage {
    /// The rows.
    pub rows: Vec<RequestRow>,
    /// How many match in all.
    pub total_count: u32,
}

/// The records that one page of the request table shows, with how many match in all.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectedRecords<'a, R> {
    /// The records in the order of the query.
    pub records: Vec<&'a R>,
    /// How many match in all.
    pub total_count: u32,
}

impl<'a, R: Recorded> SelectedRecords<'a, R> {
    /// Filters, sorts and cuts the records of a run. Equal values stay in the order of the plan.
    pub fn of(records: &'a [R], query: &RequestQuery) -> Self {
        let mut matching: Vec<(Option<Finite>, &R)> = records
            .iter()
            .filter(|record| query.matches(*record))
            .map(|record| {
                let by_index = || Finite::new(f64::from(record.index()));
                (
                    query
                        .sort
                        .map_or_else(by_index, |field| field.value(record)),
                    record,
                )
            })
            .collect();
        matching.sort_by(|(a, first), (b, second)| {
            let by_value = match (a, b) {
                (Some(a), Some(b)) if query.is_descending => b.get().total_cmp(&a.get()),
                (Some(a), Some(b)) => a.get().total_cmp(&b.get()),
                // Rows without a value come last in either direction.
                (a, b) => a.is_none().cmp(&b.is_none()),
            };
            by_value.then(first.index().cmp(&second.index()))
        });
        let size = query.page_size.clamp(1, REQUEST_ROWS_MAX);
        let skip = u64::from(query.page.saturating_sub(1)) * u64::from(size);
        let total_count = u32::try_from(matching.len()).unwrap_or(u32::MAX);
        let records = matching
            .into_iter()
            .skip(usize::try_from(skip).unwrap_or(usize::MAX))
            .take(usize::try_from(size).unwrap_or(usize::MAX))
            .map(|(_, record)| record)
            .collect();
        Self {
            records,
            total_count,
        }
    }
}

impl RequestPage {
    /// Filters, sorts and cuts the records of a run.
    pub fn of<R: Recorded>(records: &[R], query: &RequestQuery) -> Self {
        let selected = SelectedRecords::of(records, query);
        Self {
            rows: selected.records.into_iter().map(RequestRow::of).collect(),
            total_count: selected.total_count,
        }
    }
}

/// Points a scatter shows one by one; more are binned.
pub const SCATTER_POINTS_MAX: usize = 2_000;
/// Cells of a binned scatter along each axis.
const SCATTER_CELLS: usize = 40;
/// Points of each axis's upper tail that a binned scatter keeps one by one.
const SCATTER_TAIL_POINTS: usize = 100;

/// One point of a scatter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScatterPoint {
    /// Value of the first field.
    pub x: Finite,
    /// Value of the second field.
    pub y: Finite,
    /// How many requests it stands for: 1, or more for the centre of a cell.
    pub count: u32,
}

/// Two fields of the measured, successful requests against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScatterData {
    /// The first field.
    pub x: RequestField,
    /// The second field.
    pub y: RequestField,
    /// Requests that have both values.
    pub total_count: u32,
    /// Single points; when binned, only the upper tails.
    pub points: Vec<ScatterPoint>,
    /// Cells with their counts when there are more than [`SCATTER_POINTS_MAX`] points, else empty.
    pub cells: Vec<ScatterPoint>,
}

impl ScatterData {
    /// Pairs two fields of the measured, successful requests.
    pub fn of<R: Recorded>(records: &[R], x: RequestField, y: RequestField) -> Self {
        let measured = records.iter().filter(|record| record.counts());
        let points: Vec<ScatterPoint> = measured
            .filter_map(|record| {
                Some(ScatterPoint {
                    x: x.value(record)?,
                    y: y.value(record)?,
                    count: 1,
                })
            })
            .collect();
        let total_count = u32::try_from(points.len()).unwrap_or(u32::MAX);
        if points.len() <= SCATTER_POINTS_MAX {
            return Self {
                x,
                y,
                total_count,
                points,
                cells: Vec::new(),
            };
        }
        let (points, cells) = bin(points);
        Self {
            x,
            y,
            total_count,
            points,
            cells,
        }
    }
}

/// Keeps the tails and counts the rest in an even grid.
fn bin(mut points: Vec<ScatterPoint>) -> (Vec<ScatterPoint>, Vec<ScatterPoint>) {
    let mut tail = Vec::new();
    points.sort_by(|a, b| b.x.get().total_cmp(&a.x.get()));
    tail.extend(points.drain(..SCATTER_TAIL_POINTS.min(points.len())));
    points.sort_by(|a, b| b.y.get().total_cmp(&a.y.get()));
    tail.extend(points.drain(..SCATTER_TAIL_POINTS.min(points.len())));

    let range = |value: fn(&ScatterPoint) -> f64| {
        let values = || points.iter().map(value);
        let (min, max) = (
            values().fold(f64::MAX, f64::min),
            values().fold(f64::MIN, f64::max),
        );
        (
            min,
            ((max - min) / SCATTER_CELLS as f64).max(f64::MIN_POSITIVE),
        )
    };
    let ((x_min, x_step), (y_min, y_step)) = (range(|p| p.x.get()), range(|p| p.y.get()));
    let cell = |value: f64, min: f64, step: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped"
        )]
        let cell = ((value - min) / step)
            .floor()
            .clamp(0.0, SCATTER_CELLS as f64 - 1.0) as u32;
        cell
    };
    let mut counts = std::collections::BTreeMap::<(u32, u32), u32>::new();
    for point in &points {
        let key = (
            cell(point.x.get(), x_min, x_step),
            cell(point.y.get(), y_min, y_step),
        );
        *counts.entry(key).or_default() += 1;
    }
    let centre = |cell: u32, min: f64, step: f64| Finite::new(min + (f64::from(cell) + 0.5) * step);
    let cells = counts.into_iter().filter_map(|((column, row), count)| {
        let (x, y) = (centre(column, x_min, x_step)?, centre(row, y_min, y_step)?);
        Some(ScatterPoint { x, y, count })
    });
    (tail, cells.collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::record::RequestRecord;
    use crate::measure::record::tests::record;

    #[test]
    fn the_table_filters_sorts_and_pages() {
        let mut records: Vec<_> = (0..10)
            .map(|n| record(n, 0, &[u64::from(10 - n) * 10]))
            .collect();
        records[3].outcome = Outcome::Http5xx;
        records[3].chunk_at.clear();
        let query = RequestQuery {
            sort: Some(RequestField::Ttft),
            page_size: 4,
            page: 3,
            ..RequestQuery::default()
        };
        let page = RequestPage::of(&records, &query);
        assert_eq!(page.total_count, 10);
        let indices: Vec<u32> = page.rows.iter().map(|row| row.index).collect();
        assert_eq!(indices, [0, 3], "slowest, then the one without a value");
        let failed = RequestQuery {
            success: Some(false),
            ..RequestQuery::default()
        };
        assert_eq!(RequestPage::of(&records, &failed).total_count, 1);
    }

    #[test]
    fn filters_narrow_together_and_leave_out_what_has_no_value() {
        let mut records: Vec<_> = (0..10)
            .map(|n| record(n, 0, &[u64::from(n) * 10 + 10]))
            .collect();
        records[9].phase = RequestPhase::WarmUp;
        records[8].chunk_at.clear();
        let mut query = RequestQuery {
            phase: Some(RequestPhase::Measured),
            ..RequestQuery::default()
        };
        let count = |query: &RequestQuery| RequestPage::of(&records, query).total_count;
        assert_eq!(count(&query), 9);
        let at_least = |value: f64| Bounds {
            min: Finite::new(value),
            max: None,
        };
        query.set_range(RequestField::Ttft, at_least(50.0));
        assert_eq!(count(&query), 4, "50, 60, 70 and 80 ms");
        query.set_range(RequestField::PromptLen, at_least(9.0));
        assert_eq!(count(&query), 0);
        query.set_range(RequestField::PromptLen, Bounds::default());
        query.set_range(RequestField::Ttft, Bounds::default());
        assert_eq!((count(&query), query.ranges.len()), (9, 0));
    }

    proptest! {
        #[test]
        fn pages_together_are_every_match_once_in_order(
            ttfts in prop::collection::vec(prop::option::of(0u64..50), 0..120),
            sort in prop::option::of(prop::sample::select(RequestField::ALL.to_vec())),
            is_descending in any::<bool>(),
            page_size in 1u32..40,
        ) {
            let records: Vec<RequestRecord> = (0..).zip(&ttfts)
                .map(|(index, ttft)| {
                    let chunks: Vec<u64> = ttft.iter().flat_map(|at| [*at, at + 7]).collect();
                    record(index, 0, &chunks)
                })
                .collect();
            let mut query = RequestQuery { sort, is_descending, page_size, ..RequestQuery::default() };
            let mut shown: Vec<&RequestRecord> = Vec::new();
            loop {
                let page = SelectedRecords::of(&records, &query);
                prop_assert_eq!(page.total_count as usize, records.len());
                if page.records.is_empty() {
                    break;
                }
                shown.extend(page.records);
                query.page += 1;
            }
            prop_assert_eq!(shown.len(), records.len());
            let value = |record: &RequestRecord| match sort {
                Some(field) => field.value(record),
                None => Finite::new(f64::from(record.index)),
            };
            for pair in shown.windows(2) {
                let (first, second) = (pair[0], pair[1]);
                match (value(first), value(second)) {
                    (Some(a), Some(b)) if a == b => prop_assert!(first.index < second.index),
                    (Some(a), Some(b)) => prop_assert_eq!(a > b, is_descending),
                    (None, None) => prop_assert!(first.index < second.index),
                    (a, b) => prop_assert!(a.is_some() && b.is_none(), "missing values come last"),
                }
            }
        }
    }

    #[test]
    fn a_large_scatter_is_binned_and_loses_nobody() {
        let records: Vec<_> = (0..5_000u32)
            .map(|n| record(n, u64::from(n), &[u64::from(n) + 50 + u64::from(n % 97)]))
            .collect();
        let scatter = ScatterData::of(&records, RequestField::SentAt, RequestField::Ttft);
        let shown: u32 = scatter
            .points
            .iter()
            .chain(&scatter.cells)
            .map(|p| p.count)
            .sum();
        assert_eq!((scatter.total_count, shown), (5_000, 5_000));
        assert!(scatter.points.len() + scatter.cells.len() <= SCATTER_POINTS_MAX);
        let slowest = scatter.points.iter().map(|p| p.y.get()).fold(0.0, f64::max);
        assert!((slowest - 146.0).abs() < 1e-9, "the tail is kept");
    }
}
