//! The filters of the history as one SQL condition.

use domain::catalogue::Shown;
use domain::history::HistoryQuery;

use crate::database::{Sql, Value};

/// Most words, tags or statuses that are looked at: more than any page can ask for.
pub(super) const TERMS_MAX: usize = 100;

/// A `WHERE` clause over `benchmarks b`, or nothing, with the values of its parameters.
pub(super) struct Filter {
    pub(super) condition: String,
    values: Vec<Value>,
}

impl Filter {
    /// The condition of a query. Its tags come apart, the one of the fewest benchmarks first: the
    /// others are looked up for those benchmarks only.
    pub(super) fn of(query: &HistoryQuery, tags_rarest_first: &[String]) -> Self {
        let mut terms: Vec<String> = Vec::new();
        match query.shown {
            // Word for word the condition of the indexes that pages are read from.
            Shown::InUse => terms.push("b.archived_at IS NULL".to_owned()),
            Shown::Archived => terms.push("b.archived_at IS NOT NULL".to_owned()),
            Shown::All => {}
        }
        let mut values: Vec<Value> = Vec::new();
        let mut parameter = |value: Value| {
            values.push(value);
            format!("${}", values.len())
        };
        for word in query
            .search
            .to_lowercase()
            .split_whitespace()
            .take(TERMS_MAX)
        {
            let pattern = parameter(contains(word));
            terms.push(format!(r"b.search_text LIKE {pattern} ESCAPE '\'"));
        }
        if !query.status.is_empty() {
            let names = query.status.iter().take(TERMS_MAX);
            let names: Vec<String> = names
                .map(|status| parameter(status.as_str().into()))
                .collect();
            terms.push(format!("b.status IN ({})", names.join(", ")));
        }
        if let Some(model) = query.model {
            terms.push(format!(
                "b.model_id = {}",
                parameter(model.to_string().into())
            ));
        }
        if let Some(cluster) = query.cluster {
            terms.push(format!(
                "b.cluster_id = {}",
                parameter(cluster.to_string().into())
            ));
        }
        if let Some((first, others)) = tags_rarest_first.split_first() {
            let first = parameter(first.clone().into());
            let others = others.iter().map(|tag| {
                format!(
                    " AND EXISTS (SELECT 1 FROM benchmark_tags o
                         WHERE o.tag = {} AND o.benchmark_id = t.benchmark_id)",
                    parameter(tag.clone().into())
                )
            });
            let others: String = others.collect();
            terms.push(format!(
                "b.id IN (SELECT t.benchmark_id FROM benchmark_tags t WHERE t.tag = {first}{others})"
            ));
        }
        let names = [
            // The searched text begins with the name in lower case, which databases disagree about.
            ("substr(b.search_text, 1, length(b.name))", &query.name),
            ("lower(b.model_name)", &query.model_name),
            ("lower(b.cluster_name)", &query.cluster_name),
        ];
        for (column, filter) in names {
            let Some(filter) = filter else { continue };
            let text = filter.text.to_lowercase();
            terms.push(if filter.is_part {
                format!(r"{column} LIKE {} ESCAPE '\'", parameter(contains(&text)))
            } else {
                format!("{column} = {}", parameter(text.into()))
            });
        }
        if let Some(purpose) = query.purpose {
            terms.push(format!(
                "b.purpose = {}",
                parameter(purpose.as_str().into())
            ));
        }
        if let Some(owner) = query.owner {
            terms.push(format!(
                "b.owner_id = {}",
                parameter(owner.to_string().into())
            ));
        }
        if let Some(group) = query.group {
            let group = parameter(group.to_string().into());
            terms.push(format!("b.rerun_group_id = {group}"));
        }
        let ranges = [
            ("b.concurrency", query.concurrency),
            ("b.ttft_p50_ms", query.ttft_ms),
            ("b.tpot_p50_ms", query.tpot_ms),
            ("b.output_tok_per_s", query.output_tok_per_s),
        ];
        for (column, bounds) in ranges {
            for (operator, end) in [(">=", bounds.min), ("<=", bounds.max)] {
                if end.is_some() {
                    terms.push(format!("{column} {operator} {}", parameter(end.into())));
                }
            }
        }
        let condition = if terms.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", terms.join(" AND "))
        };
        Self { condition, values }
    }

    /// Gives a statement with this condition its values.
    pub(super) fn bind_to(&self, sql: Sql) -> Sql {
        self.values
            .iter()
            .fold(sql, |sql, value| sql.bind(value.clone()))
    }
}

/// The pattern of what contains a text.
fn contains(text: &str) -> Value {
    format!("%{}%", escape_pattern(text)).into()
}

/// A text as it is in a `LIKE` pattern.
pub(crate) fn escape_pattern(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
