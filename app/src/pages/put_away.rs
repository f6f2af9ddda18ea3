//! Archiving, bringing back and deleting a thing of the catalogue.

use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos::server_fn::client::Client;
use leptos::server_fn::codec::PostUrl;
use leptos::server_fn::request::ClientReq;
use leptos::server_fn::{Http, ServerFn};
use serde::de::DeserializeOwned;
use ui::button::{Button, ButtonKind};
use ui::dialog::Dialog;

use crate::api::ApiError;
use crate::pages::parts::action_failure;

/// A thing that can be put away.
#[derive(Clone)]
pub struct PutAway {
    /// What it is: "model".
    pub what: &'static str,
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
    /// Whether it is archived.
    pub is_archived: bool,
    /// Whether something uses it, so that it cannot be deleted.
    pub is_used: bool,
    /// What goes with it when it is deleted.
    pub consequence: &'static str,
    /// Whether it is being asked.
    pub questions: Questions,
}

/// Which questions are open. Made once for a page: it is drawn anew whenever its data is loaded, and what
/// somebody is answering then stays open.
#[derive(Clone, Copy)]
pub struct Questions {
    is_archiving: RwSignal<bool>,
    is_deleting: RwSignal<bool>,
}

impl Questions {
    /// None is.
    pub fn closed() -> Self {
        Self {
            is_archiving: RwSignal::new(false),
            is_deleting: RwSignal::new(false),
        }
    }
}

impl PutAway {
    /// A thing of that kind, in use, which nothing uses.
    pub fn new(what: &'static str, name: &str, id: impl ToString, questions: Questions) -> Self {
        Self {
            what,
            name: name.to_owned(),
            id: id.to_string(),
            is_archived: false,
            is_used: false,
            consequence: "It cannot be brought back.",
            questions,
        }
    }

    /// The buttons of the page's head. They open dialogs, which need the page's script; bringing
    /// back is a plain form.
    pub fn buttons<A, O>(&self, archive: ServerAction<A>) -> AnyView
    where
        A: ServerFn<Error = ApiError, Protocol = Http<PostUrl, O>>
            + DeserializeOwned
            + Clone
            + Send
            + Sync
            + 'static,
        A::Output: Send + Sync + 'static,
        A::Client: Client<ApiError>,
        <<A::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData:
            From<web_sys::FormData>,
        O: 'static,
    {
        let Questions {
            is_archiving,
            is_deleting,
        } = self.questions;
        let ask_archive = Callback::new(move |()| is_archiving.set(true));
        let ask_delete = Callback::new(move |()| is_deleting.set(true));
        let delete = (!self.is_used).then(|| {
            view! { <span class="needs-script"><Button on_press=ask_delete>"Delete…"</Button></span> }
        });
        let id = self.id.clone();
        let archive = if self.is_archived {
            view! {
                <ActionForm action=archive>
                    <input type="hidden" name="id" value=id />
                    <input type="hidden" name="is_archived" value="false" />
                    <Button busy=archive.pending()>"Bring back"</Button>
                </ActionForm>
            }
            .into_any()
        } else {
            view! { <span class="needs-script"><Button on_press=ask_archive>"Archive…"</Button></span> }
                .into_any()
        };
        view! { {delete} {archive} }.into_any()
    }

    /// The dialogs, and what went wrong with either action.
    pub fn dialogs<A, D, O, P>(&self, archive: ServerAction<A>, delete: ServerAction<D>) -> AnyView
    where
        A: ServerFn<Error = ApiError, Protocol = Http<PostUrl, O>>
            + DeserializeOwned
            + Clone
            + Send
            + Sync
            + 'static,
        A::Output: Send + Sync + Clone + 'static,
        A::Client: Client<ApiError>,
        <<A::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData:
            From<web_sys::FormData>,
        D: ServerFn<Error = ApiError, Protocol = Http<PostUrl, P>>
            + DeserializeOwned
            + Clone
            + Send
            + Sync
            + 'static,
        D::Output: Send + Sync + Clone + 'static,
        D::Client: Client<ApiError>,
        <<D::Client as Client<ApiError>>::Request as ClientReq<ApiError>>::FormData:
            From<web_sys::FormData>,
        O: 'static,
        P: 'static,
    {
        let Self {
            what,
            name,
            id,
            consequence,
            questions:
                Questions {
                    is_archiving,
                    is_deleting,
                },
            ..
        } = self.clone();
        let archive_id = id.clone();
        let keep = Callback::new(move |()| {
            is_archiving.set(false);
            is_deleting.set(false);
        });
        view! {
            {action_failure(archive)}
            {action_failure(delete)}
            <Dialog open=is_archiving id=format!("archive-{what}") title=format!("Archive {name}?")>
                <p>"It is no longer offered. What uses it goes on, and it can be brought back."</p>
                <ActionForm action=archive attr:class="actions end" on:submit=move |_| is_archiving.set(false)>
                    <input type="hidden" name="id" value=archive_id />
                    <input type="hidden" name="is_archived" value="true" />
                    <Button on_press=keep>"Cancel"</Button>
                    <Button kind=ButtonKind::Primary busy=archive.pending()>{format!("Archive the {what}")}</Button>
                </ActionForm>
            </Dialog>
            <Dialog open=is_deleting id=format!("delete-{what}") title=format!("Delete {name}?")>
                <p>{consequence}</p>
                <ActionForm action=delete attr:class="actions end" on:submit=move |_| is_deleting.set(false)>
                    <input type="hidden" name="id" value=id />
                    <Button on_press=keep>"Keep it"</Button>
                    <Button kind=ButtonKind::Danger busy=delete.pending()>{format!("Delete the {what}")}</Button>
                </ActionForm>
            </Dialog>
        }
        .into_any()
    }
}
