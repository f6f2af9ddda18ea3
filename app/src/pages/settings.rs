//! The installation to read, and what is one's own: password and tokens.

pub mod accuracy;
pub mod password;

use domain::system::SystemInfo;
use leptos::prelude::*;
use leptos_meta::Title;
use ui::button::LinkButton;
use ui::card::Card;
use ui::code::CopyButton;
use ui::feedback::Skeleton;
use ui::format;
use ui::key_value::{Fact, KeyValueList};
use ui::layout::PageHeader;

use crate::api::session::Visitor;
use crate::api::system::get_system_info;
use crate::frame::VisitorResource;
use crate::pages::parts::load_failed;
use crate::pages::tokens::{TokensCard, text_of_made_token};
use crate::routes;
use password::PasswordCard;

/// What this installation is, and who is signed in.
#[component]
pub fn SettingsPage() -> impl IntoView {
    let info = Resource::new(|| (), |()| get_system_info());
    let installation = move || {
        Suspend::new(async move {
            match info.await {
                Ok(info) => installation_card(info).into_any(),
                Err(error) => load_failed("The installation", &error),
            }
        })
    };
    let visitor = use_context::<VisitorResource>();
    let account = move || {
        visitor.map(|visitor| Suspend::new(async move { visitor.await.ok().map(account_cards) }))
    };
    let made = text_of_made_token();
    let tokens = move || {
        visitor.map(|visitor| {
            Suspend::new(async move {
                let visitor = visitor.await.ok()?;
                Some(view! { <TokensCard account=None most=visitor.person.role made /> })
            })
        })
    };
    view! {
        <Title text="Settings" />
        <PageHeader title="Settings" />
        <div class="grid-2 uneven">
            <Suspense fallback=|| view! { <Skeleton rows=6 label="Loading the installation" /> }>
                {installation}
            </Suspense>
            <Suspense>{account}</Suspense>
        </div>
        <Card title="This machine’s accuracy">
            <p class="muted">{accuracy::MEANING}</p>
            <p><LinkButton href=routes::ACCURACY>"Show the selftests"</LinkButton></p>
        </Card>
        <Suspense>{tokens}</Suspense>
    }
}

fn installation_card(info: SystemInfo) -> impl IntoView {
    let mode = if info.is_demo {
        "Demo: every visitor on this machine is signed in"
    } else {
        "People sign in"
    };
    let going_on = match info.active_count {
        0 => "nothing queued or running".to_owned(),
        count => format!("{} queued or running", format::count(u64::from(count))),
    };
    let benchmarks = format!(
        "{}, {going_on}",
        format::count(u64::from(info.benchmark_count))
    );
    let data_dir = info.data_dir.clone();
    view! {
        <Card title="Installation">
            <KeyValueList>
                <Fact name="Version"><span class="mono">{info.version}</span></Fact>
                <Fact name="Address"><span class="mono">{info.url}</span></Fact>
                <Fact name="Access">{mode}</Fact>
                <Fact name="Database">{info.database}</Fact>
                <Fact name="Data folder">
                    <span class="mono">{info.data_dir}</span>
                    " "
                    <CopyButton label="data folder" text=data_dir />
                </Fact>
                <Fact name="Runner">{info.runner_name}</Fact>
                <Fact name="Started">{info.started_at.to_second_text()}</Fact>
                <Fact name="Benchmarks">{benchmarks}</Fact>
            </KeyValueList>
        </Card>
    }
}

fn account_cards(visitor: Visitor) -> impl IntoView {
    let password = (!visitor.is_demo).then(|| view! { <PasswordCard /> });
    view! {
        <Card title="Your account">
            <KeyValueList>
                <Fact name="Name">{visitor.person.name}</Fact>
                <Fact name="Role">{visitor.person.role.as_str()}</Fact>
            </KeyValueList>
        </Card>
        {password}
    }
}
