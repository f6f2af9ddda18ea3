//! The manifest tab: what was measured, where and with what, and the files to take away.

use domain::history::BenchmarkResult;
use domain::id::BenchmarkId;
use domain::measure::record::TokenSource;
use leptos::prelude::*;
use ui::button::LinkButton;
use ui::card::Card;
use ui::code::{CodeBlock, CopyButton};
use ui::format;
use ui::key_value::{Fact, KeyValueList};

use crate::pages::plan_facts::PlanFacts;
use crate::routes;

/// The tab.
#[component]
pub fn ManifestTab(
    /// Whose.
    id: BenchmarkId,
    /// The stored result.
    result: BenchmarkResult,
) -> impl IntoView {
    let BenchmarkResult {
        summary,
        manifest,
        records_bytes,
    } = result;
    let tokens = match summary.token_source {
        Some(TokenSource::Usage) => "as the server reported them (usage)",
        Some(TokenSource::Tokenizer) => "counted with the model's tokenizer",
        Some(TokenSource::Chunks) => "one per chunk: neither usage nor a tokenizer was available",
        None => "nothing was answered",
    };
    let engine = manifest.engine.as_ref().map_or_else(
        || "it does not tell".to_owned(),
        domain::catalogue::EngineIdentity::in_words,
    );
    let served = if manifest.served_models.is_empty() {
        "it does not tell".to_owned()
    } else {
        manifest.served_models.join(", ")
    };
    let state = match (&manifest.taken_over, manifest.plan.deployment.started()) {
        (Some(from), _) => Some(from.in_words()),
        (None, Some(_)) => Some("fresh: started for this run".to_owned()),
        (None, None) => None,
    };
    let state = state.map(|words| view! { <Fact name="Engine was">{words}</Fact> });
    let per_chunk = format::optional(summary.tokens_per_chunk);
    let command = manifest.engine_command.clone();
    let sha = manifest.records_sha256.clone();
    let prompts = manifest.prompts_sha256.clone().map(|sha| {
        view! {
            <Fact name="Prompts in their order">
                "SHA-256 " <code class="digest">{sha.clone()}</code> " " <CopyButton label="SHA-256 of the prompts" text=sha />
                <br />
                <span class="muted">"Two runs that sent the same prompts in the same order have the same one."</span>
            </Fact>
        }
    });
    let way = manifest.round_trip_us.map(|us| {
        let link = if manifest.plan.is_docker_only() {
            "over the network"
        } else {
            "through an SSH link"
        };
        let text = format!(
            "{link} with a round trip of {:.2} ms, which is a part of every latency",
            us as f64 / 1e3
        );
        view! { <Fact name="Way to the engine">{text}</Fact> }
    });
    view! {
        <div class="stack">
            <Card title="Evidence" note="written once, never changed">
                <KeyValueList>
                    <Fact name="Began">{manifest.started_at.to_second_text()}</Fact>
                    <Fact name="Load ended">{manifest.ended_at.to_second_text()}</Fact>
                    <Fact name="Engine says it is">{engine}</Fact>
                    <Fact name="Engine serves">{served}</Fact>
                    {state}
                    <Fact name="Load came from">{manifest.load_from.clone()}</Fact>
                    {way}
                    <Fact name="Prompt lengths">{summary.prompt_source.in_words()}</Fact>
                    {prompts}
                    <Fact name="Answer tokens">{format!("{tokens}; {per_chunk} tokens per chunk")}</Fact>
                    <Fact name="Definitions">
                        <a href=routes::DEFINITIONS>{format!("edition {}", manifest.metrics_version)}</a>
                    </Fact>
                    <Fact name="Client">{format!("Assay {}", manifest.client_version)}</Fact>
                    <Fact name="Raw records">
                        {format::bytes(records_bytes)} ", SHA-256 " <code class="digest">{sha.clone()}</code>
                        " " <CopyButton label="SHA-256" text=sha />
                    </Fact>
                </KeyValueList>
                {command.map(|text| view! { <h3>"Command that was started"</h3> <CodeBlock label="command" text /> })}
            </Card>
            <Downloads id />
            <PlanFacts plan=manifest.plan />
        </div>
    }
}

/// The files of a result.
#[component]
pub fn Downloads(
    /// Whose.
    id: BenchmarkId,
) -> impl IntoView {
    view! {
        <Card title="Downloads">
            <div class="actions">
                <LinkButton href=routes::records_file(id) is_external=true>"Raw records (Parquet)"</LinkButton>
                <LinkButton href=routes::requests_file(id) is_external=true>"Requests (CSV)"</LinkButton>
                <LinkButton href=routes::result_file(id) is_external=true>"Result (JSON)"</LinkButton>
            </div>
            <p class="note">"The raw records hold every request with the arrival of each chunk; every figure of this page can be computed from them."</p>
        </Card>
    }
}
