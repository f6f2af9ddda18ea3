//! The form of a cluster of machines.

use domain::access::Role;
use domain::catalogue::machines_form::MACHINES_MAX;
use domain::catalogue::{Cluster, LoginChoice, MachinesForm};
use domain::field::FieldErrors;
use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use ui::button::{Button, ButtonKind, LinkButton};
use ui::field::{FormErrors, InputKind, SelectField, SelectOption, TextAreaField, TextField};
use ui::layout::PageHeader;

use crate::api::machines::SaveMachines;
use crate::pages::parts::{action_failure, check_before_sending, messages};
use crate::pages::rights::OpenTo;
use crate::routes;

/// The secrets that are being typed. Made once for a page, and bound: they stay when the page is drawn anew
/// around them, and nothing of them stays once they are saved.
#[derive(Clone, Copy)]
pub struct TypedSecrets {
    private_key: RwSignal<String>,
    passphrase: RwSignal<String>,
    password: RwSignal<String>,
    docker_key: RwSignal<String>,
}

impl TypedSecrets {
    /// Nothing is typed yet.
    pub fn empty() -> Self {
        Self {
            private_key: RwSignal::default(),
            passphrase: RwSignal::default(),
            password: RwSignal::default(),
            docker_key: RwSignal::default(),
        }
    }

    /// Forgets them.
    pub fn clear(self) {
        for typed in [
            self.private_key,
            self.passphrase,
            self.password,
            self.docker_key,
        ] {
            typed.set(String::new());
        }
    }
}

/// New machines.
#[component]
pub fn NewMachinesPage() -> impl IntoView {
    let save = ServerAction::<SaveMachines>::new();
    let typed = TypedSecrets::empty();
    view! {
        <Title text="Add machines" />
        <PageHeader
            title="Add machines"
            back=("Clusters", routes::CLUSTERS.to_owned())
            subtitle=|| "Engines are started on them, and stopped again. Over SSH each shows its host key when you save, and nothing is sent to it before somebody accepts that; through Docker over TLS both sides prove themselves by certificates, and nothing but containers runs there."
        />
        <OpenTo least=Role::Operator>
            <MachinesFormView cluster=None save typed />
        </OpenTo>
    }
}

/// The form of new machines, or of those of `cluster`. A secret is never shown again.
#[component]
pub fn MachinesFormView(
    /// The cluster to change.
    cluster: Option<Cluster>,
    /// What saves it.
    save: ServerAction<SaveMachines>,
    /// What is typed of its secrets.
    typed: TypedSecrets,
) -> impl IntoView {
    let own = RwSignal::new(FieldErrors::default());
    let errors = messages(save, own);
    let present = cluster.clone();
    let check = check_before_sending(own, move |sent: SaveMachines| {
        sent.form.validate(present.as_ref()).map(drop)
    });
    let TypedSecrets {
        private_key,
        passphrase,
        password,
        docker_key,
    } = typed;
    let is_new = cluster.is_none();
    let id = cluster
        .as_ref()
        .map_or_else(String::new, |it| it.id.to_string());
    let form = cluster
        .as_ref()
        .map_or_else(MachinesForm::default, MachinesForm::of);
    let is_kept = |choice: LoginChoice| !is_new && form.login == choice.as_str();
    let key_hint = if is_kept(LoginChoice::Key) {
        "A key is kept, sealed. Leave this empty to keep it. Kinds: ed25519 and ECDSA; RSA keys are not supported."
    } else {
        "The text of the private key file. It is sealed, never sent, and never shown again. Kinds: ed25519 and ECDSA; RSA keys are not supported."
    };
    let password_hint = if is_kept(LoginChoice::Password) {
        "A password is kept, sealed. Leave this empty to keep it; give it again when a machine is added or moves."
    } else {
        "It is sealed, sent to these machines only once their host keys are accepted, and never shown again."
    };
    let docker_key_hint = if is_kept(LoginChoice::DockerTls) {
        "A key is kept, sealed. Leave this empty to keep it."
    } else {
        "The text of key.pem, RSA or EC, without a passphrase. It is sealed, never sent, and never shown again."
    };
    let options = LoginChoice::ALL
        .into_iter()
        .map(|choice| SelectOption::new(choice.as_str(), choice.label()))
        .collect();
    let login = if form.login.is_empty() {
        LoginChoice::default().as_str().to_owned()
    } else {
        form.login.clone()
    };
    view! {
        {action_failure(save)}
        <FormErrors errors />
        <ActionForm action=save attr:class="form catalogue-form" on:submit:capture=check>
            <input type="hidden" name="id" value=id />
            <TextField name="name" label="Name" value=form.name max_chars=200 errors hint="How the history calls the cluster." />
            <SelectField
                name="login"
                label="Reached by"
                options
                value=login
                errors
                hint="The same for all machines of the cluster."
            />
            <TextAreaField
                name="machines"
                label="Machines"
                value=form.machines
                rows=4
                is_mono=true
                placeholder="gpu1.lab\nroot@10.0.0.7:2222 as gpu2"
                errors
                hint=format!("One on each line, at most {MACHINES_MAX}: host, user@host:port, or host:port of a Docker Engine (usually 2376), and “as NAME” for a name of its own.")
            />
            <div class="when-ssh stack">
                <TextField
                    name="user"
                    label="Account"
                    value=form.user
                    max_chars=64
                    autocomplete="off"
                    errors
                    hint="On every machine whose line names none. It needs no rights of an administrator; for containers it must be allowed to use Docker."
                />
            </div>
            <div class="when-ssh-key stack">
                <TextAreaField
                    name="private_key"
                    bind=private_key
                    label="Private key"
                    rows=5
                    is_mono=true
                    placeholder="-----BEGIN OPENSSH PRIVATE KEY-----"
                    errors
                    hint=key_hint
                />
                <TextField
                    name="passphrase"
                    bind=passphrase
                    label="Passphrase"
                    kind=InputKind::Password
                    autocomplete="off"
                    is_optional=true
                    errors
                    hint="What unlocks the key, if it is locked."
                />
            </div>
            <div class="when-ssh-password stack">
                <TextField
                    name="password"
                    bind=password
                    label="Password"
                    kind=InputKind::Password
                    autocomplete="off"
                    errors
                    hint=password_hint
                />
            </div>
            <div class="when-docker-tls stack">
                <TextAreaField
                    name="ca"
                    label="Certificate of the authority"
                    value=form.ca
                    rows=3
                    is_mono=true
                    placeholder="-----BEGIN CERTIFICATE-----"
                    errors
                    hint="The text of ca.pem: the certificates of the Docker Engines must come from it, and be for the names or addresses above."
                />
                <TextAreaField
                    name="certificate"
                    label="Certificate of this server"
                    value=form.certificate
                    rows=3
                    is_mono=true
                    placeholder="-----BEGIN CERTIFICATE-----"
                    errors
                    hint="The text of cert.pem, by which this server proves itself. Whoever has it with its key is root on those machines."
                />
                <TextAreaField
                    name="docker_key"
                    bind=docker_key
                    label="Private key of this server"
                    rows=3
                    is_mono=true
                    placeholder="-----BEGIN PRIVATE KEY-----"
                    errors
                    hint=docker_key_hint
                />
                <p class="note">
                    "An engine's port stands at the address by which this server reaches the machine, which must be a private one: requests go there without encryption. No files are sent: a model comes with the image, is loaded by the engine, or lies at the same path on the machine in a folder that this server was allowed with " <code>"--model-folder"</code> "."
                </p>
            </div>
            <div class="when-ssh stack">
                <TextField
                    name="jump"
                    label="Jump host"
                    value=form.jump
                    placeholder="user@door.lab:22"
                    is_optional=true
                    errors
                    hint="A machine on the way to all of them, signed in to the same way."
                />
            </div>
            <TextAreaField
                name="description"
                label="Description"
                value=form.description
                max_chars=2_000
                is_optional=true
                errors
            />
            <div class="actions">
                <Button kind=ButtonKind::Primary busy=save.pending()>
                    {if is_new { "Add the machines" } else { "Save" }}
                </Button>
                <LinkButton href=routes::CLUSTERS>"Cancel"</LinkButton>
            </div>
        </ActionForm>
    }
}
