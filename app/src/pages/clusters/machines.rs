//! The machines of a cluster: how each stands, whose keys wait, what is there.

use domain::catalogue::{
    Cluster, DockerAccess, FoundThere, Node, NodeAccess, NodeCheck, NodesDetail, OfferedKey,
    SshAccess, SshHop, SshLogin,
};
use domain::id::{ClusterId, NodeId};
use leptos::form::ActionForm;
use leptos::prelude::*;
use ui::banner::Banner;
use ui::button::Button;
use ui::card::Card;
use ui::key_value::{Fact, KeyValueList};
use ui::tone::Tone;

use super::one::inventory_facts;
use super::standing::{node_badges, standing_facts};
use crate::api::machines::{AcceptHostKey, ForgetHostKey};
use crate::routes;

/// What may be done with host keys.
#[derive(Clone, Copy)]
pub struct KeyActions {
    /// Accepting the one that is shown.
    pub accept: ServerAction<AcceptHostKey>,
    /// Forgetting the one that was accepted.
    pub forget: ServerAction<ForgetHostKey>,
    /// Whether whoever looks may accept one.
    pub may_accept: bool,
    /// Whether whoever looks may forget one.
    pub may_forget: bool,
}

/// A card for each machine.
pub fn machine_cards(
    cluster: &Cluster,
    detail: &NodesDetail,
    actions: KeyActions,
) -> impl IntoView + use<> {
    let cards = cluster.nodes.iter().filter_map(|node| {
        Some(match &node.access {
            NodeAccess::Direct => return None,
            NodeAccess::Ssh(access) => {
                machine_card(cluster, node, access, detail, actions).into_any()
            }
            NodeAccess::DockerTls(access) => docker_card(cluster, node, access, detail).into_any(),
        })
    });
    cards.collect_view()
}

/// A machine that is reached through its Docker Engine alone.
fn docker_card(
    cluster: &Cluster,
    node: &Node,
    access: &DockerAccess,
    detail: &NodesDetail,
) -> impl IntoView + use<> {
    let check = node.last_check.as_ref();
    let trouble = trouble(check);
    let left = check.map(left_there);
    let inventory = node.inventory.clone().map(|inventory| {
        let read_at = inventory.read_at.to_second_text();
        view! {
            {inventory_facts(inventory, false)}
            <Fact name="Hardware read">{read_at}</Fact>
        }
    });
    let standing = standing_facts(cluster, node, detail);
    let (badges, address) = (node_badges(cluster, node), access.address.to_url());
    view! {
        <Card title=node.name.clone()>
            <div class="stack">
                {badges}
                {trouble}
                <KeyValueList>
                    {standing}
                    {left}
                    <Fact name="Docker Engine"><code>{address}</code></Fact>
                    <Fact name="Reached with">"a certificate; its private key is sealed"</Fact>
                    {inventory}
                </KeyValueList>
            </div>
        </Card>
    }
}

/// Why a machine could not be reached at the last check, unless its key waits.
fn trouble(check: Option<&NodeCheck>) -> Option<impl IntoView + use<>> {
    check
        .filter(|check| !check.is_reachable && check.offered_key.is_none())
        .map(|check| view! { <Banner tone=Tone::Bad title=check.message.clone() /> })
}

/// What of this installation the last check found there.
fn left_there(check: &NodeCheck) -> Option<impl IntoView + use<>> {
    check.is_reachable.then(|| {
        let left = check.left_there.iter().map(there_in_words);
        let left = if check.left_there.is_empty() {
            "nothing of this installation".into_any()
        } else {
            left.collect_view().into_any()
        };
        view! { <Fact name="Found at the check">{left}</Fact> }
    })
}

fn machine_card(
    cluster: &Cluster,
    node: &Node,
    access: &SshAccess,
    detail: &NodesDetail,
    actions: KeyActions,
) -> impl IntoView + use<> {
    let cluster_id = cluster.id;
    let keys = detail.keys.iter().find(|keys| keys.node_id == node.id);
    let check = node.last_check.as_ref();
    let offered = check.and_then(|check| check.offered_key.as_ref());
    let waiting = offered.map(|offered| key_waits(cluster_id, node.id, offered, actions));
    let trouble = trouble(check);
    let forget = |hop| forget_form(cluster_id, node.id, hop, actions);
    let key_fact = |key: Option<&String>, hop| match key {
        Some(fingerprint) => view! { <code>{fingerprint.clone()}</code> {forget(hop)} }.into_any(),
        None => "not accepted yet".into_any(),
    };
    let own_key = key_fact(keys.and_then(|keys| keys.node.as_ref()), SshHop::Node);
    let jump = access.jump.as_ref().map(|jump| {
        let key = key_fact(keys.and_then(|keys| keys.jump.as_ref()), SshHop::Jump);
        let address = jump.address.to_string();
        view! {
            <Fact name="Jump host"><code>{address}</code></Fact>
            <Fact name="Its host key">{key}</Fact>
        }
    });
    let left = check.map(left_there);
    let inventory = node.inventory.clone().map(|inventory| {
        let read_at = inventory.read_at.to_second_text();
        view! {
            {inventory_facts(inventory, true)}
            <Fact name="Hardware read">{read_at}</Fact>
        }
    });
    let login = match access.login {
        SshLogin::Agent => "the keys of the server’s SSH agent",
        SshLogin::Key { .. } => "a private key, sealed",
        SshLogin::Password { .. } => "a password, sealed",
    };
    let standing = standing_facts(cluster, node, detail);
    let (badges, address) = (node_badges(cluster, node), access.address.to_string());
    view! {
        <Card title=node.name.clone()>
            <div class="stack">
                {badges}
                {waiting}
                {trouble}
                <KeyValueList>
                    {standing}
                    {left}
                    <Fact name="Address"><code>{address}</code></Fact>
                    <Fact name="Signed in to with">{login}</Fact>
                    <Fact name="Host key">{own_key}</Fact>
                    {jump}
                    {inventory}
                </KeyValueList>
            </div>
        </Card>
    }
}

/// A key that was shown: to accept, or not what was accepted before.
fn key_waits(
    cluster_id: ClusterId,
    node_id: NodeId,
    offered: &OfferedKey,
    actions: KeyActions,
) -> impl IntoView + use<> {
    let whose = match offered.of {
        SshHop::Node => "This machine",
        SshHop::Jump => "The jump host",
    };
    let kind = offered.kind.clone();
    let fingerprint = offered.fingerprint.clone();
    if let Some(before) = offered.accepted_before.clone() {
        let title =
            format!("{whose} shows another host key than the accepted one: nothing was sent.");
        return view! {
            <Banner tone=Tone::Bad title>
                <span class="line">"Accepted: " <code>{before}</code></span>
                <span class="line">"Shown now: " <code>{fingerprint}</code></span>
                <span class="line">"It may be another machine, or a new installation. Somebody who leads can forget the accepted key, knowing why it changed."</span>
            </Banner>
        }
        .into_any();
    }
    let accept = actions.accept;
    let (hop, shown) = (offered.of.as_str(), fingerprint.clone());
    let form = actions.may_accept.then(move || {
        view! {
            <ActionForm action=accept>
                <input type="hidden" name="id" value=cluster_id.to_string() />
                <input type="hidden" name="node_id" value=node_id.to_string() />
                <input type="hidden" name="hop" value=hop />
                <input type="hidden" name="fingerprint" value=shown />
                <Button busy=accept.pending()>"Accept this key"</Button>
            </ActionForm>
        }
    });
    view! {
        <Banner tone=Tone::Unsure title=format!("{whose} is not known yet: nothing was sent.")>
            <span class="line">{format!("It shows the {kind} key ")}<code>{fingerprint}</code></span>
            <span class="line">"Compare it with what " <code>"ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub"</code> " prints there."</span>
            {form}
        </Banner>
    }
    .into_any()
}

fn forget_form(
    cluster_id: ClusterId,
    node_id: NodeId,
    hop: SshHop,
    actions: KeyActions,
) -> Option<AnyView> {
    let forget = actions.forget;
    let form = actions.may_forget.then(|| {
        view! {
            <details>
                <summary>"Forget this key"</summary>
                <ActionForm action=forget>
                    <input type="hidden" name="id" value=cluster_id.to_string() />
                    <input type="hidden" name="node_id" value=node_id.to_string() />
                    <input type="hidden" name="hop" value=hop.as_str() />
                    <p>"Only when you know why the key changes. The next key waits to be accepted."</p>
                    <Button busy=forget.pending()>"Forget it"</Button>
                </ActionForm>
            </details>
        }
    });
    form.map(IntoAny::into_any)
}

fn there_in_words(there: &FoundThere) -> impl IntoView + use<> {
    let state = if there.is_running {
        "runs"
    } else {
        "has ended"
    };
    let text = format!("{} {} {state}", there.what.as_str(), there.name);
    let of = there.benchmark_id.map(|id| {
        view! { " · " <a href=routes::benchmark(id)>"its benchmark"</a> }
    });
    view! { <span class="line">{text} {of}</span> }
}
