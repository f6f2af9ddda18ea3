//! The pages of the gallery.

use domain::field::FieldErrors;
use domain::finite::Finite;
use leptos::prelude::*;
use ui::badge::{Badge, FilterChip, TagList};
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::card::{Card, MetricCard, MetricDetail};
use ui::chart::ChartPanel;
use ui::code::CodeBlock;
use ui::feedback::{EmptyState, ErrorPanel, Skeleton, StaleNote};
use ui::field::{
    Checkbox, Choice, ChoiceCards, FieldSet, FormErrors, InputKind, SelectField, SelectOption,
    TextAreaField, TextField,
};
use ui::figure::Figure;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::{AppFrame, NavGroup, NavItem, PageHeader};
use ui::log_view::{LogLevel, LogLine, LogView};
use ui::pager::Pager;
use ui::progress::Progress;
use ui::stages::{Stage, StageList, StageState};
use ui::stepper::{Step, StepState, Stepper};
use ui::table::{Column, NumberCell, SelectCell, SortDirection, Table};
use ui::tabs::{Tab, Tabs};
use ui::theme::{Theme, ThemeSwitch};
use ui::tone::Tone;

use crate::data::{charts, finite};

fn frame(path: &str, content: AnyView) -> AnyView {
    let groups = vec![
        NavGroup::untitled(vec![
            NavItem::new("Benchmarks", "/benchmarks").with_count(Some("1,284".to_owned())),
            NavItem::new("Compare", "/compare"),
        ]),
        NavGroup::new(
            "Catalogue",
            vec![
                NavItem::new("Models", "/models"),
                NavItem::new("Clusters", "/clusters"),
            ],
        ),
        NavGroup::new("System", vec![NavItem::new("Settings", "/settings")]),
    ];
    let theme = RwSignal::new(Theme::System);
    let foot = move || view! { <ThemeSwitch theme /> <span>"Ada Lovelace, operator"</span> };
    view! { <AppFrame groups path=Signal::stored(path.to_owned()) foot>{content}</AppFrame> }
        .into_any()
}

fn card(
    label: &str,
    value: f64,
    unit: &str,
    details: &[(&str, f64)],
    key: &'static str,
    note: &'static str,
) -> impl IntoView + use<> {
    let details = details.iter().map(|(label, value)| {
        let figure = Figure::new(Finite::new(*value), unit).with_few_samples(*label == "p99");
        MetricDetail::new(*label, figure)
    });
    let figure = Figure::new(Finite::new(value), unit);
    view! { <MetricCard label=label.to_owned() figure qualifier="p50" note=move || note details=details.collect() definition=key /> }
}

pub(crate) fn result() -> AnyView {
    let panels = charts().into_iter().map(|(title, data)| {
        view! { <ChartPanel title note="ms · 1,920 requests".to_owned() data=Signal::stored(data) /> }
    });
    let content = view! {
        <PageHeader
            title="candidate chunked prefill off".to_owned()
            back=("Benchmarks", "/benchmarks".to_owned())
            subtitle=|| "Llama-3.1-8B-Instruct · vLLM 0.33.0 · h200-rack-a / node-03 · 1 × H200 · closed loop at 64 · 512 in / 256 out · 3 fresh-engine reruns"
            badges=|| view! {
                <Badge tone=Tone::Good label="Completed" />
                <Badge tone=Tone::Bad label="SLO: TTFT p90" />
                <Badge tone=Tone::Unsure label="Inconclusive" />
                <Badge tone=Tone::Approved label="Approved" />
                <Badge tone=Tone::Running label="Running 63%" />
                <Badge tone=Tone::Neutral label="Not submitted" />
                <TagList tags=vec!["gate".to_owned(), "chat".to_owned()] />
            }
            actions=|| view! {
                <LinkButton href="/compare".to_owned()>"Compare with…"</LinkButton>
                <Button>"Re-run"</Button>
                <LinkButton href="/export".to_owned() is_external=true>"Export"</LinkButton>
                <Button kind=ButtonKind::Primary>"Submit for approval"</Button>
            }
        />
        <Banner tone=Tone::Unsure title="TTFT p90 is 31% slower than the approved baseline">
            "(241 → 316 ms, 95% bound +22%). Other gated metrics pass. Client healthy: sends at most 0.4 ms late."
        </Banner>
        <div class="grid-cards">
            {card("Output throughput", 2_902.4, "tok/s", &[("per user", 45.6), ("req/s", 11.3), ("in", 5_804.0)], "output_throughput", "−0.4% vs approved")}
            {card("TTFT", 241.37, "ms", &[("p90", 316.2), ("p95", 351.0), ("p99", 602.4)], "ttft", "slower +27%")}
            {card("TPOT", 18.02, "ms", &[("p90", 19.1), ("p95", 19.4), ("p99", 21.0)], "tpot", "± 0.6% same")}
            {card("E2E latency", 4.83, "s", &[("p90", 5.2), ("p95", 5.31), ("p99", 5.66)], "e2e", "+1.1% inconclusive")}
            {card("Duration", 42.0, "s", &[("requests", 1_920.0), ("warm-up", 128.0), ("drain", 1.0)], "duration", "budget 60 s met")}
            {card("Goodput", 9.8, "req/s", &[("errors", 0.0), ("late", 0.0), ("p99", 0.2)], "goodput", "86.7% of sent meet every SLO")}
        </div>
        <Tabs label="Result" tabs=vec![
            Tab::new("Overview", "#", true), Tab::new("Requests", "#r", false).with_count("1,920"),
            Tab::new("Log", "#l", false), Tab::new("Manifest", "#m", false),
        ] />
        <div class="grid-2">{panels.collect_view()}</div>
    };
    frame("/benchmarks/7", content.into_any())
}

pub(crate) fn history() -> AnyView {
    let columns = vec![
        Column::select("Select"),
        Column::text("Name").sortable("?sort=name", None),
        Column::text("Status"),
        Column::text("Model · engine"),
        Column::text("Cluster"),
        Column::numeric("Load", ""),
        Column::numeric("Output", "tok/s")
            .sortable("?sort=output", Some(SortDirection::Descending)),
        Column::numeric("TTFT p50", "ms").sortable("?sort=ttft", None),
        Column::numeric("TPOT p50", "ms"),
        Column::numeric("Duration", ""),
        Column::numeric("Errors", ""),
        Column::text("SLO"),
        Column::text("Verdict"),
        Column::text("Approval"),
        Column::text("Created (UTC)"),
    ];
    let rows = (0_u32..9).map(|n| {
        let (tone, status) = match n {
            3 => (Tone::Running, "Running 63%"),
            4 => (Tone::Bad, "Engine not ready"),
            _ => (Tone::Good, "Completed"),
        };
        let value = |base: f64| Figure::new((n != 4).then(|| finite(base + f64::from(n * 37))), "ms");
        view! {
            <tr aria-selected=(n == 1).then_some("true")>
                <SelectCell name="ids" value=n.to_string() label=format!("run {n}") />
                <th scope="row">
                    <a class="row-link" href="/benchmarks/7">{format!("release-gate 0.33 llama-3.1-8b #{n}")}</a>
                    <TagList tags=vec!["gate".to_owned(), "chat".to_owned()] />
                </th>
                <td><Badge tone label=status /></td>
                <td>"Llama-3.1-8B-Instruct" <span class="under">"vLLM 0.33.0"</span></td>
                <td>"h200-rack-a" <span class="under">"1 × H200"</span></td>
                <td class="numeric">"64"</td>
                <NumberCell figure=value(2_914.0) under="±1.2%" />
                <NumberCell figure=value(182.0) />
                <NumberCell figure=value(17.9) />
                <td class="numeric">"2 m 8 s"</td>
                <td class="numeric">"0%"</td>
                <td><Badge tone=Tone::Good label="SLO met" /></td>
                <td><Badge tone=Tone::Neutral label="No baseline" /></td>
                <td><Badge tone=Tone::Approved label="Approved" /></td>
                <td>"2026-11-23 07:42"</td>
            </tr>
        }
    });
    let content = view! {
        <PageHeader
            title="Benchmarks".to_owned()
            subtitle=|| "1,284 benchmarks in 512 groups · 1 running"
            actions=|| view! { <LinkButton kind=ButtonKind::Primary href="/new".to_owned()>"Run another benchmark"</LinkButton> }
        />
        <div class="actions spread">
            <div class="actions">
                <input class="control search-input" type="search" placeholder="Search name, description, tag, id" aria-label="Search" />
                <FilterChip name="model" value="any of 3" remove_href="?" />
                <FilterChip name="status" value="completed" remove_href="?" />
                <Button is_small=true>"Add a filter"</Button>
            </div>
        </div>
        <Table label="Benchmarks" columns>{rows.collect_view()}</Table>
        <Pager summary="Showing 1–9 of 512" next_href="?after=9" next_label="Older" />
    };
    frame("/benchmarks", content.into_any())
}

pub(crate) fn wizard() -> AnyView {
    let step = |label: &str, state, summary: Option<&str>| Step {
        label: label.to_owned(),
        state,
        href: (state != StepState::Ahead).then(|| "#".to_owned()),
        summary: summary.map(str::to_owned),
    };
    let steps = vec![
        step(
            "Basic info",
            StepState::Done,
            Some("release-gate, 64 concurrent"),
        ),
        step("Evaluation", StepState::Attention, Some("512 in, 256 out")),
        step("Cluster", StepState::Current, None),
        step("Nodes", StepState::Ahead, None),
        step("Model", StepState::Ahead, None),
        step("Confirm", StepState::Ahead, None),
    ];
    let mut wrong = FieldErrors::one(
        "concurrency",
        "Give the concurrency as a whole number from 1 to 4096.",
    );
    wrong.add("cluster", "Choose the cluster to run on.");
    let errors = RwSignal::new(wrong);
    let choices = vec![
        Choice::new("a", "h200-rack-a")
            .with_detail("4 nodes · 16 × H200 · 3 free")
            .with_badge(Tone::Good, "Reachable"),
        Choice::new("b", "This machine")
            .with_detail("2 cores · 24 GiB memory · no accelerator")
            .with_badge(Tone::Good, "Reachable"),
        Choice::new("c", "lab-ssh")
            .with_detail("1 node · 2 × L40S")
            .with_badge(Tone::Bad, "Unreachable")
            .blocked("Last answered 3 days ago. Check the cluster's SSH key."),
    ];
    let content = view! {
        <PageHeader title="New benchmark".to_owned() subtitle=|| "Answers are saved after each step." />
        <div class="wizard">
            <Stepper steps />
            <form class="form" method="post">
                <FormErrors errors />
                <ChoiceCards name="cluster" legend="Cluster" choices chosen=vec!["a".to_owned()] errors hint="Where the engine runs." />
                <Card title="Load">
                    <div class="form">
                        <div class="form-row">
                            <TextField name="name" label="Name" value="release-gate" hint="As it will stand in the history." />
                            <TextField name="concurrency" label="Concurrent requests" kind=InputKind::Number value="0" unit="requests" errors hint="Requests in flight at once." />
                            <SelectField name="shape" label="Load shape" value="closed" options=vec![SelectOption::new("closed", "Closed loop"), SelectOption::new("poisson", "Open loop, Poisson")] />
                        </div>
                        <TextAreaField name="arguments" label="Engine arguments" is_optional=true is_mono=true value="--max-num-seqs 64" />
                        <FieldSet legend="Options">
                            <Checkbox name="fresh" label="Fresh connection for every request" hint="Measures connecting as well." />
                            <Checkbox name="eos" label="Ignore end of text" is_checked=true />
                        </FieldSet>
                    </div>
                </Card>
                <div class="actions spread">
                    <Button skips_validation=true>"Back"</Button>
                    <div class="actions">
                        <Button kind=ButtonKind::Quiet skips_validation=true>"Discard"</Button>
                        <Button kind=ButtonKind::Primary>"Save and go on"</Button>
                    </div>
                </div>
            </form>
        </div>
    };
    frame("/new", content.into_any())
}

pub(crate) fn live() -> AnyView {
    let stage = |name: &str, state, duration: Option<&str>, reason: Option<&str>| Stage {
        name: name.to_owned(),
        state,
        duration: duration.map(str::to_owned),
        reason: reason.map(str::to_owned),
        share: None,
    };
    let stages = vec![
        stage(
            "Verify the cluster connection",
            StageState::Done,
            Some("120 ms"),
            None,
        ),
        stage(
            "Transfer the model",
            StageState::Skipped,
            None,
            Some("The endpoint serves its own model."),
        ),
        stage("Deploy the engine", StageState::Done, Some("41.2 s"), None),
        stage(
            "Verify the deployment",
            StageState::Failed,
            Some("2 m"),
            Some("The engine did not answer on port 8000 within 120 s. Look at its log below."),
        ),
        stage(
            "Warm up",
            StageState::Running,
            Some("3.10 s"),
            Some("12 of 128 requests"),
        ),
        stage("Run the benchmark", StageState::Waiting, None, None),
        stage("Clean up", StageState::Cancelled, Some("1.00 s"), None),
    ];
    let line = |number, level, text: &str| LogLine {
        number,
        at: "07:42:10.123".to_owned(),
        level,
        text: text.to_owned(),
    };
    let lines = vec![
        line(1, LogLevel::Info, "INFO engine: loading weights"),
        line(
            2,
            LogLevel::Warning,
            "WARN engine: falling back to eager mode",
        ),
        line(
            3,
            LogLevel::Error,
            "ERROR engine: CUDA out of memory. Tried to allocate 2.00 GiB",
        ),
    ];
    let charts: Vec<_> = charts()
        .into_iter()
        .filter(|(title, _)| title.ends_with("time"))
        .collect();
    let panels = charts
        .into_iter()
        .map(|(title, data)| view! { <ChartPanel title data=Signal::stored(data) /> });
    let content = view! {
        <PageHeader title="smoke".to_owned() badges=|| view! { <Badge tone=Tone::Running label="Running 63%" /> }
            actions=|| view! { <Button kind=ButtonKind::Danger>"Cancel the run"</Button> } />
        <Progress label="412 of 1,920 requests".to_owned() fraction=Signal::stored(Finite::ratio(412.0, 1_920.0)) note="about 24 s left".to_owned() />
        <div class="grid-2">
            <Card title="Stages" note="started 07:42:10 UTC"><StageList stages /></Card>
            <div class="stack">{panels.collect_view()}</div>
        </div>
        <Card title="Log of the engine"><LogView label="Log of the engine" lines /></Card>
    };
    frame("/benchmarks/8", content.into_any())
}

pub(crate) fn states() -> AnyView {
    let content = view! {
        <PageHeader title="States".to_owned() actions=|| view! { <StaleNote is_stale=Signal::stored(true) text="Connection lost. Trying again." /> } />
        <Banner tone=Tone::Bad title="The client was the limit." actions=|| view! { <LinkButton href="#".to_owned()>"How to mend it"</LinkButton> }>
            "Half of the requests were sent more than 50 ms late, so this run says nothing about the engine."
        </Banner>
        <Banner tone=Tone::Good title="Everything within its limits." />
        <Banner tone=Tone::Running title="Waiting for the engine to answer." />
        <Banner tone=Tone::Approved title="Approved by Grace Hopper on 2026-11-20." />
        <EmptyState title="No benchmarks yet" text="Run one against an engine that serves already, or against the reference engine of this machine: it takes two minutes."
            actions=|| view! { <LinkButton kind=ButtonKind::Primary href="/new".to_owned()>"Run a benchmark"</LinkButton> } />
        <ErrorPanel title="The benchmarks could not be loaded" text="The database did not answer. Try again; if it stays, look at the server's log." actions=|| view! { <Button>"Try again"</Button> } />
        <div class="grid-2">
            <Card title="Loading"><Skeleton rows=5 /></Card>
            <Card title="Manifest" note="written once">
                <KeyValueList>
                    <Fact name="Engine">"vLLM 0.33.0"</Fact>
                    <Fact name="Image digest"><span class="mono">"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"</span></Fact>
                    <Fact name="Seed">"42"</Fact>
                </KeyValueList>
            </Card>
            <Card title="Command"><CodeBlock label="command" text="vllm serve meta-llama/Llama-3.1-8B-Instruct --max-num-seqs 64 --enable-chunked-prefill --port 8000" /></Card>
            <Card title="Buttons">
                <div class="actions">
                    <Button kind=ButtonKind::Primary>"Primary"</Button> <Button>"Secondary"</Button>
                    <Button kind=ButtonKind::Danger>"Danger"</Button> <Button kind=ButtonKind::Quiet>"Quiet"</Button>
                    <Button disabled=Signal::stored(true)>"Disabled"</Button> <Button busy=Signal::stored(true)>"Busy"</Button>
                    <Button is_small=true>"Small"</Button>
                </div>
                <Progress label="Installing".to_owned() fraction=Signal::stored(None) />
            </Card>
        </div>
    };
    frame("/settings", content.into_any())
}
