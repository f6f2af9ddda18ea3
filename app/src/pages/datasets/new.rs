//! A new dataset: its file and what goes with it.

use domain::access::Role;
use domain::catalogue::Model;
use domain::dataset::{DRAWING_IN_WORDS, Dataset, DatasetForm, DatasetFormat};
use domain::field::FieldErrors;
use domain::finite::Finite;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_navigate, use_query_map};
use leptos_router::params::ParamsMap;
use ui::banner::Banner;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::card::Card;
use ui::feedback::Skeleton;
use ui::field::{FileField, FormErrors, SelectField, SelectOption, TextAreaField, TextField};
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;
use ui::progress::Progress;
use ui::tone::Tone;
use wasm_bindgen::JsCast;
use web_sys::HtmlFormElement;

use super::upload::{Sending, Sent, check_file, send};
use crate::api::ApiError;
use crate::api::datasets::list_tokenizers;
use crate::pages::parts::load_failed;
use crate::pages::rights::OpenTo;
use crate::routes;

/// The page of a new dataset.
#[component]
pub fn NewDatasetPage() -> impl IntoView {
    let tokenizers = Resource::new(|| (), |()| list_tokenizers());
    let params = use_query_map().read_untracked().clone();
    let page = move || {
        let (form, refused) = typed_before(&params);
        Suspend::new(async move {
            match tokenizers.await {
                Ok(models) => view! {
                    <OpenTo least=Role::Operator>
                        <UploadForm form=form.clone() refused=refused.clone() models=models.clone() />
                    </OpenTo>
                }
                .into_any(),
                Err(error) => load_failed("The form", &error),
            }
        })
    };
    view! {
        <Title text="Import a dataset" />
        <PageHeader
            title="Import a dataset"
            back=("Datasets", routes::DATASETS.to_owned())
            subtitle=|| "The file is read once, row by row. What cannot be used is counted and shown with its line."
        />
        <div class="grid-2 uneven">
            <Suspense fallback=|| view! { <Skeleton rows=8 label="Loading the form" /> }>{page}</Suspense>
            <FormatNotes />
        </div>
    }
}

/// What was typed, and why it was refused, when the form was sent without script.
fn typed_before(params: &ParamsMap) -> (DatasetForm, FieldErrors) {
    let text = |name: &str| params.get(name).unwrap_or_default();
    let form = DatasetForm {
        name: text("name"),
        description: text("description"),
        format: text("format"),
        tokenizer: text("tokenizer"),
        file_name: String::new(),
    };
    let refused = serde_json::from_str(&text("refused")).unwrap_or_default();
    (form, refused)
}

/// The form. Without script the browser sends it; with script the page does, and shows how far.
#[component]
fn UploadForm(form: DatasetForm, refused: FieldErrors, models: Vec<Model>) -> impl IntoView {
    let errors = RwSignal::new(refused);
    let failure = RwSignal::new(None::<String>);
    let sent = RwSignal::new(None::<Sent>);
    // Made in the browser only: the server would drop it on another thread than it was made on.
    let sending = StoredValue::new(None::<StoredValue<Option<Sending>, LocalStorage>>);
    Effect::new(move |_| sending.set_value(Some(StoredValue::new_local(None))));
    let hold = move |begun: Option<Sending>| {
        if let Some(sending) = sending.get_value() {
            sending.set_value(begun);
        }
    };
    let navigate = use_navigate();
    let on_end = Callback::new(move |answer: Result<Dataset, ApiError>| {
        sent.set(None);
        match answer {
            Ok(dataset) => navigate(&routes::dataset(dataset.id), NavigateOptions::default()),
            Err(ApiError::Invalid { errors: found }) => errors.set(found),
            Err(error) => failure.set(Some(error.to_string())),
        }
    });
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if sent.get_untracked().is_some() {
            return;
        }
        let Some(form) = event
            .target()
            .and_then(|target| target.dyn_into::<HtmlFormElement>().ok())
        else {
            return;
        };
        failure.set(None);
        let checked = check_file(&form);
        errors.set(checked.clone().err().unwrap_or_default());
        if checked.is_err() {
            return;
        }
        sent.set(Some(Sent {
            bytes: 0.0,
            total_bytes: 0.0,
        }));
        match send(&form, sent, on_end) {
            Ok(begun) => hold(Some(begun)),
            Err(error) => {
                sent.set(None);
                failure.set(Some(error.to_string()));
            }
        }
    };
    let stop = Callback::new(move |()| {
        hold(None);
        sent.set(None);
    });
    let is_sending = Signal::derive(move || sent.get().is_some());
    let mut formats = vec![SelectOption::new("auto", "The file tells")];
    formats.extend(
        DatasetFormat::ALL.map(|format| SelectOption::new(format.as_str(), format.label())),
    );
    let mut tokenizers = vec![SelectOption::new(
        "estimate",
        "Estimate: one token for each word",
    )];
    tokenizers.extend(models.into_iter().map(|model| {
        SelectOption::new(model.id.to_string(), format!("Tokenizer of {}", model.name))
    }));
    let banner = move || {
        failure
            .get()
            .map(|title| view! { <Banner tone=Tone::Bad title /> })
    };
    view! {
        <div class="stack">
            {banner}
            <FormErrors errors />
            <form
                class="form catalogue-form"
                method="post"
                action=routes::DATASET_UPLOAD
                enctype="multipart/form-data"
                on:submit=submit
            >
                <TextField
                    name="name"
                    label="Name"
                    value=form.name
                    max_chars=200
                    is_optional=true
                    errors
                    hint="Empty takes the name of the file."
                />
                <SelectField name="format" label="Format" options=formats value=form.format errors />
                <SelectField
                    name="tokenizer"
                    label="Tokens counted by"
                    options=tokenizers
                    value=form.tokenizer
                    errors
                    hint="Lengths are exact for the model whose tokenizer counts. Models of the catalogue with a tokenizer can be chosen."
                />
                <TextAreaField
                    name="description"
                    label="Description"
                    value=form.description
                    max_chars=2_000
                    is_optional=true
                    errors
                />
                <FileField
                    name="file"
                    label="File"
                    accept=".jsonl,.json,.csv,.txt"
                    errors
                    hint="At most 200 MB, a row at most 1 MB, at most 1,000,000 rows. UTF-8."
                />
                {move || is_sending.get().then(|| view! { <SendingProgress sent stop /> })}
                <div class="actions">
                    <Button kind=ButtonKind::Primary busy=is_sending>"Import"</Button>
                    <LinkButton href=routes::DATASETS>"Cancel"</LinkButton>
                </div>
            </form>
        </div>
    }
}

#[component]
fn SendingProgress(sent: RwSignal<Option<Sent>>, stop: Callback<()>) -> impl IntoView {
    let now = move || {
        sent.get().unwrap_or(Sent {
            bytes: 0.0,
            total_bytes: 0.0,
        })
    };
    let label = Signal::derive(move || {
        let Sent { bytes, total_bytes } = now();
        if total_bytes <= 0.0 {
            "Uploading".to_owned()
        } else if bytes < total_bytes {
            format!(
                "Uploaded {} of {}",
                format::bytes(whole(bytes)),
                format::bytes(whole(total_bytes))
            )
        } else {
            "Uploaded; waiting for the server".to_owned()
        }
    });
    let fraction = Signal::derive(move || {
        let Sent { bytes, total_bytes } = now();
        Finite::ratio(bytes, total_bytes)
    });
    view! {
        <Progress label fraction />
        <div class="actions">
            <Button is_small=true on_press=stop>"Stop the upload"</Button>
        </div>
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes of files"
)]
fn whole(bytes: f64) -> u64 {
    bytes.max(0.0) as u64
}

/// What each format looks like, and what becomes of it.
#[component]
fn FormatNotes() -> impl IntoView {
    view! {
        <div class="stack">
            <Card title="Formats">
                <KeyValueList>
                    <Fact name="JSON Lines">
                        <code class="example">"{\"prompt\": \"…\", \"output_tokens\": 120}"</code>
                        <code class="example">"{\"messages\": [{\"role\": \"user\", \"content\": \"…\"}]}"</code>
                        "One object a line; the tokens of the answer are optional."
                    </Fact>
                    <Fact name="ShareGPT">
                        <code class="example">"[{\"conversations\": [{\"from\": \"human\", \"value\": \"…\"}, {\"from\": \"gpt\", \"value\": \"…\"}]}]"</code>
                        "Kept up to the last question that has an answer; the answer's tokens are its length."
                    </Fact>
                    <Fact name="Alpaca">
                        <code class="example">"[{\"instruction\": \"…\", \"input\": \"…\", \"output\": \"…\"}]"</code>
                        "Instruction and input are the prompt; the output's tokens are the answer's length."
                    </Fact>
                    <Fact name="CSV">
                        <code class="example">"prompt,output_tokens"</code>
                        "With a heading: prompt and perhaps output_tokens, or instruction, input and output."
                    </Fact>
                </KeyValueList>
            </Card>
            <Card title="How prompts are drawn">
                <p class="note">{DRAWING_IN_WORDS}</p>
            </Card>
        </div>
    }
}
