//! What the registries' routes share: how lists are asked for, what archiving takes, who uses a
//! thing.

use domain::catalogue::{BenchmarkUse, CatalogueQuery, Shown, UsedBy};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::things::RunStatusWord;

/// Rows of a page when nothing is asked for.
const LIMIT_DEFAULT: u32 = 50;

/// Whether archived things are listed.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ShownWord {
    /// Those in use.
    InUse,
    /// Those that were archived.
    Archived,
    /// All of them.
    All,
}

/// What to show of a registry.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct RegistryParams {
    /// Page from 1; 1 when absent.
    #[param(minimum = 1, maximum = 1_000_000, example = 1)]
    page: Option<u32>,
    /// Rows of a page; 50 when absent.
    #[param(minimum = 1, maximum = 100, example = 50)]
    limit: Option<u32>,
    /// Words that must all be found, in any order and case.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Which are listed: those in use when absent.
    #[param(inline)]
    shown: Option<ShownWord>,
}

/// A page of a list with what it is a page of.
pub(super) struct Page<T> {
    pub(super) page: u32,
    pub(super) limit: u32,
    pub(super) total_record: u32,
    pub(super) total_pages: u32,
    pub(super) rows: Vec<T>,
}

impl RegistryParams {
    pub(super) fn to_query(&self) -> CatalogueQuery {
        CatalogueQuery {
            search: self.q.clone().unwrap_or_default(),
            shown: match self.shown {
                None | Some(ShownWord::InUse) => Shown::InUse,
                Some(ShownWord::Archived) => Shown::Archived,
                Some(ShownWord::All) => Shown::All,
            },
        }
    }

    /// The page that is asked for.
    pub(super) fn cut<T>(&self, all: Vec<T>) -> Page<T> {
        let page = self.page.unwrap_or(1).max(1);
        let limit = self.limit.unwrap_or(LIMIT_DEFAULT).max(1);
        let total_record = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let before = u64::from(page - 1) * u64::from(limit);
        let rows = all
            .into_iter()
            .skip(usize::try_from(before).unwrap_or(usize::MAX))
            .take(usize::try_from(limit).unwrap_or(usize::MAX));
        Page {
            page,
            limit,
            total_record,
            total_pages: total_record.div_ceil(limit),
            rows: rows.collect(),
        }
    }
}

/// Away, or back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ArchiveRequest {
    /// `true` puts it away, `false` brings it back.
    pub(super) is_archived: bool,
}

/// A thing was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedAnswer {
    /// `model.delete`, `cluster.delete` or `credential.delete`.
    pub(super) object: &'static str,
    /// What was done.
    pub(super) message: &'static str,
    /// The id it had.
    pub(super) id: Uuid,
}

/// Which benchmarks use a thing.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UsedByBody {
    /// How many, archived ones included.
    benchmark_count: u32,
    /// The newest of them, at most 10, newest first.
    newest: Vec<BenchmarkUseBody>,
}

/// A benchmark that uses a thing.
#[derive(Debug, Serialize, ToSchema)]
struct BenchmarkUseBody {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
    /// Where it stands.
    run_status: RunStatusWord,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<UsedBy> for UsedByBody {
    fn from(used: UsedBy) -> Self {
        let newest = used.newest.into_iter().map(
            |BenchmarkUse {
                 id,
                 name,
                 status,
                 created_at,
             }| BenchmarkUseBody {
                id: id.0,
                name,
                run_status: status.into(),
                created_at: created_at.to_rfc3339(),
            },
        );
        Self {
            benchmark_count: used.benchmark_count,
            newest: newest.collect(),
        }
    }
}
