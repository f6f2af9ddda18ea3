//! The filters of the history as one SQL condition.

use domain::history::HistoryQuery;

use crate::database::Sql;

/// Most words, tags or statuses that are looked at: more than any page can ask for.
pub(super) const TERMS_MAX: usize = 100;

/// A `WHERE` clause over `benchmarks b`, or nothing, with the values of its parameters. All of
/// them are text.
pub(super) struct Filter {
    pub(super) condition: String,
    values: Vec<String>,
}

impl Filter {
    /// The condition of a query. Its tags come apart, the one of the fewest benchmarks first: the
    /// others are looked up for those benchmarks only.
    pub(super) fn of(query: &HistoryQuery, tags_rarest_first: &[String]) -> Self {
        let mut terms: Vec<String> = Vec::new();
        let mut values: Vec<String> = Vec::new();
        let mut parameter = |value: String| {
            values.push(value);
            format!("${}", values.len())
        };
        for word in query
            .search
            .to_lowercase()
            .split_whitespace()
            .take(TERMS_MAX)
        {
            let pattern = parameter(format!("%{}%", escape_pattern(word)));
            terms.push(format!(r"b.search_text LIKE {pattern} ESCAPE '\'"));
        }
        if !query.status.is_empty() {
            let names = query.status.iter().take(TERMS_MAX);
            let names: Vec<String> = names
                .map(|status| parameter(status.as_str().to_owned()))
                .collect();
            terms.push(format!("b.status IN ({})", names.join(", ")));
        }
        if let Some(model) = query.model {
            terms.push(format!("b.model_id = {}", parameter(model.to_string())));
        }
        if let Some(cluster) = query.cluster {
            terms.push(format!("b.cluster_id = {}", parameter(cluster.to_string())));
        }
        if let Some((first, others)) = tags_rarest_first.split_first() {
            let first = parameter(first.clone());
            let others = others.iter().map(|tag| {
                format!(
                    " AND EXISTS (SELECT 1 FROM benchmark_tags o
                         WHERE o.tag = {} AND o.benchmark_id = t.benchmark_id)",
                    parameter(tag.clone())
                )
            });
            let others: String = others.collect();
            terms.push(format!(
                "b.id IN (SELECT t.benchmark_id FROM benchmark_tags t WHERE t.tag = {first}{others})"
            ));
        }
        let further = &query.further;
        let names = [
            ("b.name", &further.name),
            ("b.model_name", &further.model_name),
            ("b.cluster_name", &further.cluster_name),
        ];
        for (column, filter) in names {
            let Some(filter) = filter else { continue };
            let text = filter.text.to_lowercase();
            terms.push(if filter.is_part {
                let pattern = parameter(format!("%{}%", escape_pattern(&text)));
                format!(r"lower({column}) LIKE {pattern} ESCAPE '\'")
            } else {
                format!("lower({column}) = {}", parameter(text))
            });
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
            .fold(sql, |sql, value| sql.bind(value.as_str()))
    }
}

/// A word as it is in a `LIKE` pattern.
fn escape_pattern(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if matches!(c, '%' | '_' | '\\') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
