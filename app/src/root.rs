//! The app: contexts of every page, and which page stands where.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::{SsrMode, path};
use ui::theme::Theme;
use ui::toast::{ToastHost, provide_toasts};

use crate::frame::Frame;
use crate::pages::api_reference::ApiReferencePage;
use crate::pages::benchmark::BenchmarkPage;
use crate::pages::clusters::machines_form::NewMachinesPage;
use crate::pages::clusters::one::ClusterPage;
use crate::pages::clusters::{ClustersPage, NewClusterPage};
use crate::pages::credentials::one::CredentialPage;
use crate::pages::credentials::{CredentialsPage, NewCredentialPage};
use crate::pages::datasets::DatasetsPage;
use crate::pages::datasets::new::NewDatasetPage;
use crate::pages::datasets::one::DatasetPage;
use crate::pages::definitions::DefinitionsPage;
use crate::pages::history::HistoryPage;
use crate::pages::models::one::ModelPage;
use crate::pages::models::{ModelsPage, NewModelPage};
use crate::pages::new::{NewPage, WizardPage};
use crate::pages::not_found::NotFoundPage;
use crate::pages::people::one::AccountPage;
use crate::pages::people::{NewAccountPage, PeoplePage};
use crate::pages::settings::SettingsPage;
use crate::pages::settings::accuracy::AccuracyPage;
use crate::pages::setup::SetupPage;
use crate::pages::sign_in::SignInPage;
use crate::shell::first_theme;

/// The choice of theme, shared by every switch of the page.
#[derive(Clone, Copy)]
pub struct ThemeChoice(pub RwSignal<Theme>);

/// Everything inside the document's body.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    provide_toasts();
    provide_context(ThemeChoice(RwSignal::new(first_theme())));
    Effect::new(|_| mark_hydrated());
    // Pages are sent whole, with everything loaded: they read without script, and their status
    // and redirects are known before the first byte.
    view! {
        <Title formatter=|title: String| if title.is_empty() { "Assay".to_owned() } else { format!("{title} · Assay") } />
        <Router>
            <Routes fallback=|| view! { <NotFoundPage /> }>
                <Route path=path!("/sign-in") view=SignInPage ssr=SsrMode::Async />
                <Route path=path!("/setup") view=SetupPage ssr=SsrMode::Async />
                <ParentRoute path=path!("") view=Frame ssr=SsrMode::Async>
                    <Route path=path!("/") view=HistoryPage ssr=SsrMode::Async />
                    <Route path=path!("/new") view=NewPage ssr=SsrMode::Async />
                    <Route path=path!("/new/:workflow_id/:step") view=WizardPage ssr=SsrMode::Async />
                    <Route path=path!("/benchmarks/:id") view=BenchmarkPage ssr=SsrMode::Async />
                    <Route path=path!("/models") view=ModelsPage ssr=SsrMode::Async />
                    <Route path=path!("/models/new") view=NewModelPage ssr=SsrMode::Async />
                    <Route path=path!("/models/:id") view=ModelPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets") view=DatasetsPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets/new") view=NewDatasetPage ssr=SsrMode::Async />
                    <Route path=path!("/datasets/:id") view=DatasetPage ssr=SsrMode::Async />
                    <Route path=path!("/clusters") view=ClustersPage ssr=SsrMode::Async />
                    <Route path=path!("/clusters/new") view=NewClusterPage ssr=SsrMode::Async />
                    <Route path=path!("/clusters/new/machines") view=NewMachinesPage ssr=SsrMode::Async />
                    <Route path=path!("/clusters/:id") view=ClusterPage ssr=SsrMode::Async />
                    <Route path=path!("/credentials") view=CredentialsPage ssr=SsrMode::Async />
                    <Route path=path!("/credentials/new") view=NewCredentialPage ssr=SsrMode::Async />
                    <Route path=path!("/credentials/:id") view=CredentialPage ssr=SsrMode::Async />
                    <Route path=path!("/definitions") view=DefinitionsPage ssr=SsrMode::Async />
                    <Route path=path!("/people") view=PeoplePage ssr=SsrMode::Async />
                    <Route path=path!("/people/new") view=NewAccountPage ssr=SsrMode::Async />
                    <Route path=path!("/people/:id") view=AccountPage ssr=SsrMode::Async />
                    <Route path=path!("/api-reference") view=ApiReferencePage ssr=SsrMode::Async />
                    <Route path=path!("/settings") view=SettingsPage ssr=SsrMode::Async />
                    <Route path=path!("/settings/accuracy") view=AccuracyPage ssr=SsrMode::Async />
                    <Route path=path!("/*unknown") view=NotFoundPage ssr=SsrMode::Async />
                </ParentRoute>
            </Routes>
        </Router>
        <ToastHost />
    }
}

/// Tells style sheets and tests that the page's script runs.
fn mark_hydrated() {
    if let Some(root) = document().document_element() {
        // Cannot fail: the name is a valid constant.
        let _ = root.set_attribute("data-hydrated", "");
    }
}
