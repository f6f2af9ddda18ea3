//! Sending a file with its progress. In the browser only.
//!
//! `fetch` cannot tell how much of a body was sent; `XMLHttpRequest` can.

use domain::dataset::{Dataset, FILE_BYTES_MAX};
use domain::field::FieldErrors;
use leptos::prelude::*;
use server_fn::error::FromServerFnError;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, FormData, HtmlFormElement, HtmlInputElement, ProgressEvent, XmlHttpRequest};

use crate::api::ApiError;
use crate::routes;

/// How much of a file was sent, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sent {
    /// So far.
    pub(super) bytes: f64,
    /// In all, with what the form adds.
    pub(super) total_bytes: f64,
}

/// A file on its way. Dropped, it stops.
pub(super) struct Sending {
    request: XmlHttpRequest,
    // Kept alive as long as the browser may call them.
    _on_progress: Closure<dyn Fn(ProgressEvent)>,
    _on_end: Closure<dyn Fn(Event)>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.request.set_onloadend(None);
        // Stopping what is over already does nothing.
        let _ = self.request.abort();
    }
}

/// What is wrong with the file that a form has chosen, before it is sent.
pub(super) fn check_file(form: &HtmlFormElement) -> Result<(), FieldErrors> {
    let input = form
        .query_selector("input[type=file]")
        .ok()
        .flatten()
        .and_then(|input| input.dyn_into::<HtmlInputElement>().ok());
    let file = input
        .and_then(|input| input.files())
        .and_then(|files| files.get(0));
    let message = match file {
        None => "Choose a file.".to_owned(),
        Some(file) if file.size() <= 0.0 => "The file is empty. Choose another.".to_owned(),
        Some(file) if file.size() > FILE_BYTES_MAX as f64 => format!(
            "The file is larger than {} MB. Split it, or leave rows out.",
            FILE_BYTES_MAX / 1_000_000
        ),
        Some(_) => return Ok(()),
    };
    Err(FieldErrors::one("file", message))
}

/// Sends a form with its file. `on_end` is called once, with the dataset that was made or why none
/// was.
pub(super) fn send(
    form: &HtmlFormElement,
    sent: RwSignal<Option<Sent>>,
    on_end: Callback<Result<Dataset, ApiError>>,
) -> Result<Sending, ApiError> {
    let refused = |error: JsValue| ApiError::Transport {
        cause: format!("{error:?}"),
    };
    let data = FormData::new_with_form(form).map_err(refused)?;
    let request = XmlHttpRequest::new().map_err(refused)?;
    request
        .open("POST", routes::DATASET_UPLOAD)
        .map_err(refused)?;
    request
        .set_request_header("Accept", "application/json")
        .map_err(refused)?;
    // The page may be gone when the browser calls, hence `try_set`.
    let on_progress = Closure::<dyn Fn(ProgressEvent)>::new(move |event: ProgressEvent| {
        sent.try_set(Some(Sent {
            bytes: event.loaded(),
            total_bytes: event.total(),
        }));
    });
    let upload = request.upload().map_err(refused)?;
    upload.set_onprogress(Some(on_progress.as_ref().unchecked_ref()));
    let ended = request.clone();
    let on_end = Closure::<dyn Fn(Event)>::new(move |_| {
        on_end.try_run(answer_of(&ended));
    });
    request.set_onloadend(Some(on_end.as_ref().unchecked_ref()));
    request
        .send_with_opt_form_data(Some(&data))
        .map_err(refused)?;
    Ok(Sending {
        request,
        _on_progress: on_progress,
        _on_end: on_end,
    })
}

fn answer_of(request: &XmlHttpRequest) -> Result<Dataset, ApiError> {
    let text = request.response_text().ok().flatten().unwrap_or_default();
    if request.status().is_ok_and(|status| status == 202) {
        return serde_json::from_str(&text).map_err(|error| ApiError::Transport {
            cause: error.to_string(),
        });
    }
    Err(ApiError::de(text.into()))
}
