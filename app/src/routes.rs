//! The address of every page and file, one constructor each.

use domain::catalogue::CatalogueQuery;
use domain::history::HistoryQuery;
use domain::id::{
    BenchmarkId, ClusterId, CredentialId, DatasetId, ModelId, TokenId, UserId, WorkflowId,
};
use domain::workflow::Step;

use crate::query::url_with;

/// The history, which is the home page.
pub const HOME: &str = "/";
/// Open workflows, and the start of a new one.
pub const NEW: &str = "/new";
/// The models of the catalogue.
pub const MODELS: &str = "/models";
/// A new model.
pub const NEW_MODEL: &str = "/models/new";
/// The datasets of the catalogue.
pub const DATASETS: &str = "/datasets";
/// A new dataset.
pub const NEW_DATASET: &str = "/datasets/new";
/// Where the file of a new dataset is sent.
pub const DATASET_UPLOAD: &str = "/datasets/upload";
/// The clusters of the catalogue.
pub const CLUSTERS: &str = "/clusters";
/// A new endpoint.
pub const NEW_CLUSTER: &str = "/clusters/new";
/// New machines.
pub const NEW_MACHINES: &str = "/clusters/new/machines";
/// The credentials of the catalogue.
pub const CREDENTIALS: &str = "/credentials";
/// A new credential.
pub const NEW_CREDENTIAL: &str = "/credentials/new";
/// The installation.
pub const SETTINGS: &str = "/settings";
/// The accuracy of this machine's load generator.
pub const ACCURACY: &str = "/settings/accuracy";
/// The accounts.
pub const PEOPLE: &str = "/people";
/// A new account.
pub const NEW_ACCOUNT: &str = "/people/new";
/// The metric dictionary.
pub const DEFINITIONS: &str = "/definitions";
/// The REST API, to read.
pub const API_REFERENCE: &str = "/api-reference";
/// Signing in.
pub const SIGN_IN: &str = "/sign-in";
/// The first administrator.
pub const SETUP: &str = "/setup";

/// The history as `query` says.
pub fn history(query: &HistoryQuery) -> String {
    url_with(HOME, &query.to_pairs())
}

/// Signing in, and going to `next` afterwards.
pub fn sign_in(next: &str) -> String {
    if next == HOME {
        SIGN_IN.to_owned()
    } else {
        url_with(SIGN_IN, &[("next", next)])
    }
}

/// `next` if it is a page of this site, else the home page: a link from elsewhere must not lead a
/// person who signs in to another site.
pub fn safe_next(next: &str) -> &str {
    let stays_here = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && !next.contains(char::is_control);
    if stays_here { next } else { HOME }
}

/// A new workflow that starts from the plan of an earlier benchmark.
pub fn new_from(id: BenchmarkId) -> String {
    format!("{NEW}?from={id}")
}

/// A step of a workflow.
pub fn wizard(id: WorkflowId, step: Step) -> String {
    format!("{NEW}/{id}/{}", step.number())
}

/// A benchmark: live while it runs, its result afterwards.
pub fn benchmark(id: BenchmarkId) -> String {
    format!("/benchmarks/{id}")
}

/// The raw records of a benchmark, as Parquet.
pub fn records_file(id: BenchmarkId) -> String {
    format!("/benchmarks/{id}/records.parquet")
}

/// The requests of a benchmark, as CSV.
pub fn requests_file(id: BenchmarkId) -> String {
    format!("/benchmarks/{id}/requests.csv")
}

/// The result of a benchmark, as JSON.
pub fn result_file(id: BenchmarkId) -> String {
    format!("/benchmarks/{id}/result.json")
}

/// The engine's own log.
pub fn engine_log_file(id: BenchmarkId) -> String {
    format!("/benchmarks/{id}/engine.log")
}

/// A model.
pub fn model(id: ModelId) -> String {
    format!("{MODELS}/{id}")
}

/// A new model that starts with the name an endpoint serves.
pub fn new_model_named(name: &str) -> String {
    url_with(NEW_MODEL, &[("name", name)])
}

/// An account.
pub fn account(id: UserId) -> String {
    format!("{PEOPLE}/{id}")
}

/// Where the text of a new token is shown when its form was sent without script: on the page of the
/// account, or among one's own settings.
pub fn made_token(account: Option<UserId>, id: TokenId) -> String {
    let page = account.map_or_else(|| SETTINGS.to_owned(), self::account);
    url_with(&page, &[(MADE_TOKEN, id.to_string())])
}

/// Name of the parameter that names a token just made.
pub const MADE_TOKEN: &str = "made";

/// A dataset.
pub fn dataset(id: DatasetId) -> String {
    format!("{DATASETS}/{id}")
}

/// A cluster.
pub fn cluster(id: ClusterId) -> String {
    format!("{CLUSTERS}/{id}")
}

/// A credential.
pub fn credential(id: CredentialId) -> String {
    format!("{CREDENTIALS}/{id}")
}

/// A list of the catalogue at `path`, as `query` says.
pub fn catalogue_list(path: &str, query: &CatalogueQuery) -> String {
    url_with(path, &query.to_pairs())
}

/// The definition of a metric.
pub fn definition(key: &str) -> String {
    format!("{DEFINITIONS}#{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_sign_in_nobody_leaves_the_site() {
        assert_eq!(safe_next("/benchmarks/7?tab=log"), "/benchmarks/7?tab=log");
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "",
            "/a\nb",
        ] {
            assert_eq!(safe_next(elsewhere), HOME, "{elsewhere}");
        }
    }

    #[test]
    fn the_way_back_is_kept() {
        assert_eq!(sign_in("/"), "/sign-in");
        assert_eq!(sign_in("/?q=a b"), "/sign-in?next=%2F%3Fq%3Da%20b");
    }
}
