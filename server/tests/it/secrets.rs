//! Credentials of every kind go through whole runs; then their text is looked for wherever the product
//! writes, answers or shows something.

mod engine;
mod search;

use std::collections::BTreeMap;

use domain::id::BenchmarkId;
use domain::workflow::form::EvaluationForm;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::Value;
use testkit::Postgres;
use uuid::Uuid;

use crate::house::{Browser, House, PATIENCE, header};
use engine::WatchedEngine;
use search::{ProcessWatch, Secrets, percent_encoded};

/// Text that nobody else has, with letters that encodings change.
fn fresh(what: &str) -> String {
    format!("{what}/{}+=&?", Uuid::new_v4())
}

struct Site {
    house: House,
    ada: Browser,
    engine: WatchedEngine,
    secrets: Secrets,
    /// The credential of the registry, for a proxy.
    provider: String,
}

impl Site {
    /// A server with an administrator whose password is fresh as well.
    async fn open(further: &[&str]) -> Self {
        let mut house = House::start(further);
        let mut secrets = Secrets::default();
        let (setup, password) = (house.setup_token(), fresh("password"));
        // The set-up link is printed for people to open: it is of no use once it was used.
        secrets.add_used_up("set-up token", &setup);
        secrets.add("first password", &password);
        let mut ada = Browser::new(&house.url);
        let fields = [
            ("token", setup),
            ("name", "ada".to_owned()),
            ("password", password.clone()),
            ("password_again", password),
        ];
        let made = post(&mut ada, "session/create_first_administrator", &fields).await;
        assert_eq!(made.status(), 200);
        let cookie = ada.cookie.clone().unwrap();
        secrets.add("session", cookie.split('=').nth(1).unwrap());
        Self {
            house,
            ada,
            engine: WatchedEngine::start().await,
            secrets,
            provider: String::new(),
        }
    }

    /// Calls a function that succeeds, and reads its answer.
    async fn call(&mut self, function: &str, fields: &[(&str, String)]) -> Value {
        let answer = post(&mut self.ada, function, fields).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{function}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Somebody else's account: a first password, and another after it.
    async fn let_grace_in(&mut self) {
        let (first, second) = (fresh("first"), fresh("second"));
        self.secrets.add("password of another", &first);
        self.secrets.add("reset password", &second);
        let fields = [
            ("name", "grace".to_owned()),
            ("role", "operator".to_owned()),
            ("password", first.clone()),
            ("password_again", first.clone()),
        ];
        let id = text_of(&self.call("people/create", &fields).await);
        let mut grace = Browser::new(&self.house.url);
        let fields = [("name", "grace".to_owned()), ("password", first)];
        let signed_in = post(&mut grace, "session/sign_in", &fields).await;
        assert_eq!(signed_in.status(), 200);
        let fields = [
            ("id", id),
            ("password", second.clone()),
            ("password_again", second),
        ];
        self.call("people/reset_password", &fields).await;
        let gone = grace.request(Method::GET, "/").send().await.unwrap();
        assert_eq!(gone.status(), 302, "a reset password ends the sessions");
    }

    /// A token that is used, and that is wrong once.
    async fn use_a_token(&mut self) {
        let fields = [
            ("name", "nightly".to_owned()),
            ("role", "viewer".to_owned()),
        ];
        let made = self.call("tokens/create", &fields).await;
        let token = text_of(&made["text"]);
        self.secrets.add("token", &token);
        self.secrets.add("wrong token", &format!("{token}0"));
        let program = Browser::new(&self.house.url);
        for (sent, status) in [(token.clone(), 200), (format!("{token}0"), 401)] {
            let request = program
                .request(Method::GET, "/settings")
                .header(AUTHORIZATION, format!("Bearer {sent}"));
            assert_eq!(request.send().await.unwrap().status(), status);
        }
    }

    /// An endpoint with a key of its own, and one with a credential of the registry.
    async fn add_endpoints(&mut self) -> Vec<(String, String)> {
        let (key, registered, rotated) = (fresh("sk"), fresh("sk-old"), fresh("sk-new"));
        self.secrets.add("endpoint key", &key);
        self.secrets.add("credential", &registered);
        self.secrets.add("rotated credential", &rotated);
        let base_url = self.engine.url.clone();
        let fields = [
            ("name", "Team key".to_owned()),
            ("base_url", base_url.clone()),
            ("secret", registered),
        ];
        let credential = text_of(&self.call("credentials/save", &fields).await);
        let fields = [("id", credential.clone()), ("secret", rotated.clone())];
        self.call("credentials/rotate", &fields).await;
        self.call("credentials/test", &[("id", credential.clone())])
            .await;
        let fields = [
            ("name", "Own key".to_owned()),
            ("base_url", base_url.clone()),
            ("api_key", key.clone()),
        ];
        let own = text_of(&self.call("clusters/save_endpoint", &fields).await);
        let fields = [
            ("name", "Registry key".to_owned()),
            ("base_url", base_url),
            ("credential_id", credential.clone()),
        ];
        let shared = text_of(&self.call("clusters/save_endpoint", &fields).await);
        self.provider = credential;
        vec![(own, key), (shared, rotated)]
    }

    /// A provider's model, served by the engine, through a proxy that the run starts.
    async fn queue_through_proxy(&mut self) -> BenchmarkId {
        let fields = [
            ("name", "Cloud".to_owned()),
            ("source", "cloud".to_owned()),
            ("provider", "here".to_owned()),
            ("cloud_model", engine::MODEL.to_owned()),
        ];
        let model = text_of(&self.call("models/save", &fields).await);
        let bytes = self.list("clusters").await;
        let clusters: Value = serde_json::from_slice(&bytes).unwrap();
        let mut clusters = clusters.as_array().unwrap().iter();
        let here = clusters.find(|cluster| cluster["kind"]["kind"] == "this_machine");
        let here = text_of(&here.unwrap()["id"]);
        let path = format!("PATH={}:/usr/bin:/bin", testkit::litellm_folder().display());
        let answers = [
            ("model_id", model),
            ("preset", "litellm".to_owned()),
            ("environment", path),
            ("readiness_timeout_s", "120".to_owned()),
        ];
        let credential = self.provider.clone();
        self.queue_with("Proxy", &here, &answers, Some(credential))
            .await
    }

    /// Goes through the wizard to a queued run.
    async fn queue(&mut self, name: &str, cluster: &str, model: &str) -> BenchmarkId {
        let answers = [("model_id", model.to_owned())];
        self.queue_with(name, cluster, &answers, None).await
    }

    async fn queue_with(
        &mut self,
        name: &str,
        cluster: &str,
        model: &[(&str, String)],
        credential: Option<String>,
    ) -> BenchmarkId {
        let workflow = text_of(&self.call("workflows/start", &[]).await);
        let cluster_read = self
            .call("clusters/standing", &[("id", cluster.to_owned())])
            .await;
        let node = text_of(&cluster_read[0]["nodes"][0]["id"]);
        let evaluation = EvaluationForm {
            input_tokens: "16".to_owned(),
            output_tokens: "64".to_owned(),
            request_count: "60".to_owned(),
            warmup_requests: "2".to_owned(),
            ..EvaluationForm::default()
        };
        let evaluation: BTreeMap<String, Value> =
            serde_json::from_value(serde_json::to_value(evaluation).unwrap()).unwrap();
        let evaluation: Vec<(&str, String)> = evaluation
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?.to_owned())))
            .collect();
        let own = |value: &str| value.to_owned();
        let place = [("cluster_id", own(cluster))];
        let nodes = [("node_ids[]", node)];
        let basic = [
            ("name", own(name)),
            ("eval_with", own("configuration")),
            ("concurrent_requests", own("2")),
            ("purpose", own("exploratory")),
            ("reruns", own("1")),
        ];
        let credential = credential.map(|id| [("credential_id", id)]);
        let mut steps: Vec<(&str, &[(&str, String)])> = vec![
            ("answer_basic_info", &basic),
            ("answer_evaluation", &evaluation),
            ("answer_cluster", &place),
            ("answer_nodes", &nodes),
            ("answer_model", model),
        ];
        let confirmed = [("confirmed", own("on"))];
        steps.extend(
            credential
                .iter()
                .map(|id| ("answer_credential", id.as_slice())),
        );
        steps.push(("confirm_plan", &confirmed));
        for (step, fields) in steps {
            self.answer(step, &workflow, fields).await;
        }
        let made = self.answer("execute", &workflow, &[]).await;
        text_of(&made).parse().unwrap()
    }

    async fn answer(&mut self, step: &str, workflow: &str, fields: &[(&str, String)]) -> Value {
        let id = workflow.to_owned();
        let read = self.call("workflows/get", &[("id", id.clone())]).await;
        let revision = read["revision"].to_string();
        let mut all = vec![("id", id), ("revision", revision)];
        all.extend(fields.iter().cloned());
        self.call(&format!("workflows/{step}"), &all).await
    }

    /// Everything that answers about what was done, as whoever may read most.
    async fn read_everything(&mut self, runs: &[BenchmarkId]) {
        let mut paths: Vec<String> = ["/", "/models", "/clusters", "/people", "/settings", "/new"]
            .map(str::to_owned)
            .into();
        for run in runs {
            paths.push(format!("/benchmarks/{run}"));
            for file in ["records.parquet", "requests.csv", "result.json"] {
                paths.push(format!("/benchmarks/{run}/{file}"));
            }
            paths.push(format!("/api/v1/benchmark/{run}"));
            paths.push(format!("/api/v1/benchmark/{run}/model-cluster-detail"));
            paths.push(format!("/api/v1/benchmark/result?benchmark_id={run}"));
        }
        for list in ["benchmark", "users", "tokens?all=true"] {
            paths.push(format!("/api/v1/{list}"));
        }
        for path in paths {
            let response = self.ada.request(Method::GET, &path).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let bytes = response.bytes().await.unwrap();
            self.secrets.refuse_in(&path, &bytes);
        }
        for run in runs {
            let id = [("id", run.to_string())];
            for function in ["get", "run_state", "engine_log"] {
                self.look_at(&format!("benchmarks/{function}"), &id).await;
            }
            let fields = [
                ("id", run.to_string()),
                ("after_seq", "0".to_owned()),
                ("limit", "5000".to_owned()),
            ];
            self.look_at("benchmarks/journal", &fields).await;
        }
        for function in [
            "workflows/catalogue",
            "workflows/list_open",
            "people/list",
            "tokens/list_all",
            "system/info",
        ] {
            self.look_at(function, &[]).await;
        }
        for list in ["clusters", "credentials", "models"] {
            let bytes = self.list(list).await;
            assert!(bytes.len() > 10, "{list} has something to show");
            self.secrets.refuse_in(list, &bytes);
        }
    }

    /// The answer of a list of the catalogue with everything there is.
    async fn list(&self, list: &str) -> Vec<u8> {
        let request = self
            .ada
            .request(Method::POST, &format!("/api/{list}/list"))
            .header("origin", &self.house.url)
            .header("content-type", "application/json")
            .body(r#"{"query":{"shown":"all"}}"#);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{list}");
        response.bytes().await.unwrap().to_vec()
    }

    async fn look_at(&mut self, function: &str, fields: &[(&str, String)]) {
        let answer = self.call(function, fields).await.to_string();
        self.secrets.refuse_in(function, answer.as_bytes());
    }
}

/// Sends a form as a page's script does, each value encoded.
async fn post(
    browser: &mut Browser,
    function: &str,
    fields: &[(&str, String)],
) -> reqwest::Response {
    let encoded: Vec<(&str, String)> = fields
        .iter()
        .map(|(name, value)| (*name, percent_encoded(value)))
        .collect();
    let fields: Vec<(&str, &str)> = encoded
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    browser.call(&format!("/api/{function}"), &fields).await
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// Runs, and what must not be found after them; returns the house for its database.
async fn run_and_search(further: &[&str]) -> Site {
    let mut site = Site::open(further).await;
    site.let_grace_in().await;
    site.use_a_token().await;
    let endpoints = site.add_endpoints().await;
    let fields = [
        ("name", "Reference over the wire".to_owned()),
        ("served_name", engine::MODEL.to_owned()),
        ("source", "served".to_owned()),
    ];
    let model = text_of(&site.call("models/save", &fields).await);

    let watch = ProcessWatch::start(&site.secrets, site.house.folder.path());
    let mut runs = Vec::new();
    for (number, (cluster, key)) in endpoints.iter().enumerate() {
        let run = site.queue(&format!("Run {number}"), cluster, &model).await;
        site.wait_for_end(run).await;
        assert!(site.engine.was_sent(key), "run {number} sends its key");
        runs.push(run);
    }
    let run = site.queue_through_proxy().await;
    site.wait_for_end(run).await;
    runs.push(run);
    // The proxy's own key, which nobody was told, must not be found either.
    for key in watch.stop() {
        site.secrets.add("key of the proxy", &key);
    }

    site.read_everything(&runs).await;
    let log = site.house.process.output();
    assert!(log.contains("listening on"), "the log is there");
    site.secrets.refuse_in_log("log", log.as_bytes());
    site.secrets.refuse_in_folder(site.house.folder.path());
    site
}

impl Site {
    async fn wait_for_end(&mut self, run: BenchmarkId) {
        let path = format!("/live?benchmark={run}&after=0");
        let stream = self.ada.request(Method::GET, &path).timeout(PATIENCE * 4);
        let response = stream.send().await.unwrap();
        assert_eq!(
            header(&response, "content-type").as_deref(),
            Some("text/event-stream")
        );
        // It ends with the run, and has told all of its journal.
        let told = response.bytes().await.unwrap();
        self.secrets.refuse_in("live stream", &told);
        let read = self
            .call("benchmarks/get", &[("id", run.to_string())])
            .await;
        assert_eq!(read["status"], "completed", "{read:#}");
    }
}

#[tokio::test]
async fn no_secret_is_found_on_sqlite_with_litellm() {
    let site = run_and_search(&[]).await;
    // The search itself finds what is there: a name, in the database or its log of writes.
    assert!(search::is_in_folder(site.house.folder.path(), "Team key"));
}

#[tokio::test]
async fn no_secret_is_found_on_postgres_with_litellm() {
    let postgres = Postgres::shared();
    let url = postgres.database();
    let site = run_and_search(&["--database-url", &url]).await;
    let dump = postgres.dump(&url);
    assert!(search::contains(&dump, b"Team key"), "the dump is whole");
    site.secrets.refuse_in("dump of the database", &dump);
}
