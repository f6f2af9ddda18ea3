//! The REST API, rendered from its document.

use std::fmt::Write as _;

use leptos::prelude::*;
use leptos_meta::Title;
use ui::card::Card;
use ui::code::CodeBlock;
use ui::feedback::Skeleton;
use ui::layout::PageHeader;
use ui::table::{Column, Table};

use crate::api::reference::{
    ApiAnswer, ApiField, ApiGroup, ApiKind, ApiOperation, ApiReference, ApiSchema,
    get_api_reference,
};
use crate::api::system::get_system_info;
use crate::pages::parts::load_failed;
use crate::routes;

/// Every route with its parameters, bodies and answers, and how to call it.
#[component]
pub fn ApiReferencePage() -> impl IntoView {
    let loaded = Resource::new(
        || (),
        |()| async {
            let reference = get_api_reference().await?;
            Ok((reference, get_system_info().await?.url))
        },
    );
    let content = move || {
        Suspend::new(async move {
            match loaded.await {
                Ok((reference, url)) => content(reference, url),
                Err(error) => load_failed("The reference", &error),
            }
        })
    };
    view! {
        <Title text="API reference" />
        <PageHeader title="API reference" subtitle=|| view! { <a href="/openapi.json" rel="external">"OpenAPI 3.1 document"</a> } />
        <Suspense fallback=|| view! { <Skeleton rows=12 label="Loading the reference" /> }>{content}</Suspense>
    }
}

fn content(reference: ApiReference, url: String) -> AnyView {
    let contents = reference.groups.iter().map(|group| {
        let links = group.operations.iter().map(|operation| {
            let id = operation.id.clone();
            view! {
                <li>
                    <a href=format!("#{id}") on:click=move |_| open_part(&id)>
                        <span class="api-call">{operation.method.clone()} " " {short_path(&operation.path).to_owned()}</span>
                    </a>
                    <span class="note">{marked(&operation.title)}</span>
                </li>
            }
        });
        view! {
            <section>
                <h3>{group.name.clone()}</h3>
                <ul>{links.collect_view()}</ul>
            </section>
        }
    });
    let contents = contents.collect_view();
    let about = reference
        .text
        .split("\n\n")
        .map(|part| view! { <p>{marked(part)}</p> });
    let about = about.collect_view();
    let groups = reference
        .groups
        .into_iter()
        .map(|group| group_view(group, &url))
        .collect_view();
    let schemas = reference.schemas.into_iter().map(schema_view);
    let first_call = format!(
        "export ASSAY_TOKEN=…\ncurl '{url}/api/v1/benchmark?limit=5' -H \"Authorization: Bearer $ASSAY_TOKEN\""
    );
    view! {
        <div class="api">
            <Card title="Begin here" note=format!("version {}", reference.version)>
                {about}
                <p>
                    "A program shows a token with every request. Make one under "
                    <a href=routes::SETTINGS>"Settings"</a>
                    ", or on the server’s machine:"
                </p>
                <CodeBlock
                    label="command that makes a token"
                    text="assay token create --name ci --role operator --data-dir ./assay-data"
                />
                <p>"Then ask for the newest benchmarks:"</p>
                <CodeBlock label="first call" text=first_call />
            </Card>
            <nav class="api-contents" aria-label="Operations">{contents}</nav>
            {groups}
            <h2 id="schemas">"Bodies and answers"</h2>
            {schemas.collect_view()}
        </div>
    }
    .into_any()
}

fn group_view(group: ApiGroup, url: &str) -> AnyView {
    let operations = group
        .operations
        .into_iter()
        .map(|operation| operation_view(operation, url));
    view! {
        <h2>{group.name}</h2>
        <p class="note">{marked(&group.text)}</p>
        {operations.collect_view()}
    }
    .into_any()
}

fn operation_view(operation: ApiOperation, url: &str) -> AnyView {
    let curl = curl_of(&operation, url);
    let also_at = operation.also_at.map(|path| {
        view! { <p class="note">"Also at the reference’s path " <code>{path}</code> "."</p> }
    });
    let parameters = (!operation.parameters.is_empty())
        .then(|| fields_table("Parameters", operation.parameters, true));
    let bodies = operation.bodies.into_iter().map(|(media_type, kind)| {
        view! { <p>"Body: " <code>{media_type}</code> ", " {kind_view(kind)}</p> }
    });
    let bodies = bodies.collect_view();
    let answers = answers_table(operation.answers);
    let title = operation.title.clone();
    let text = (!operation.text.is_empty()).then(|| view! { <p>{marked(&operation.text)}</p> });
    let head = view! {
        <span class="api-call">{operation.method} " " {operation.path}</span>
        <span class="note">{marked(&title)}</span>
    };
    let body = view! {
        {text} {also_at} {parameters} {bodies}
        <CodeBlock label="curl command" text=curl />
        {answers}
    };
    folded(operation.id, head.into_any(), body.into_any())
}

fn answers_table(answers: Vec<ApiAnswer>) -> AnyView {
    let columns = vec![
        Column::text("Status"),
        Column::text("Meaning"),
        Column::text("Body"),
    ];
    let rows = answers.into_iter().map(|answer| {
        view! {
            <tr>
                <td class="mono">{answer.status}</td>
                <td class="api-text">{marked(&answer.text)}</td>
                <td>{answer.body.map(kind_view)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! { <Table label="Answers" columns is_dense=true>{rows}</Table> }.into_any()
}

fn schema_view(schema: ApiSchema) -> AnyView {
    let fields = (!schema.fields.is_empty()).then(|| fields_table("Fields", schema.fields, false));
    let kind = schema.kind.map(|kind| view! { <p>{kind_view(kind)}</p> });
    let text = (!schema.text.is_empty()).then(|| view! { <p>{marked(&schema.text)}</p> });
    let anchor = anchor_of(&schema.name);
    let head = view! { <span class="api-call">{schema.name}</span> };
    let body = view! { {text} {kind} {fields} };
    folded(anchor, head.into_any(), body.into_any())
}

/// Opens the part that a link leads to; without script the link leads to its closed heading.
fn open_part(id: &str) {
    if let Some(part) = document().get_element_by_id(id) {
        // Cannot fail: the name is a valid constant.
        let _ = part.set_attribute("open", "");
    }
}

/// A part that opens on demand.
fn folded(anchor: String, head: AnyView, body: AnyView) -> AnyView {
    view! {
        <details class="card api-part" id=anchor>
            <summary>{head}</summary>
            <div class="card-body">{body}</div>
        </details>
    }
    .into_any()
}

/// Text in which what stands between backticks is code.
fn marked(text: &str) -> AnyView {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = part.to_owned();
        if index % 2 == 1 {
            view! { <code>{part}</code> }.into_any()
        } else {
            part.into_any()
        }
    });
    parts.collect_view().into_any()
}

/// A path without the version that all of them begin with.
fn short_path(path: &str) -> &str {
    path.strip_prefix("/api/v1").unwrap_or(path)
}

fn fields_table(label: &'static str, fields: Vec<ApiField>, has_place: bool) -> AnyView {
    let mut columns = vec![Column::text("Name")];
    if has_place {
        columns.push(Column::text("In"));
    }
    columns.extend([Column::text("Value"), Column::text("Meaning")]);
    let rows = fields.into_iter().map(|field| {
        let required = field
            .is_required
            .then(|| view! { " " <span class="note">"required"</span> });
        view! {
            <tr>
                <td>
                    <code>{field.name}</code>
                    {required}
                </td>
                {has_place.then(|| view! { <td>{field.place}</td> })}
                <td class="api-text">{kind_view(field.kind)}</td>
                <td class="api-text">{marked(&field.text)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! { <Table label columns is_dense=true>{rows}</Table> }.into_any()
}

fn kind_view(kind: ApiKind) -> AnyView {
    let link = kind.schema.map(|name| {
        let anchor = anchor_of(&name);
        let href = format!("#{anchor}");
        view! { " " <a href=href on:click=move |_| open_part(&anchor)>{name}</a> }
    });
    view! {
        {kind.words}
        {link}
    }
    .into_any()
}

fn anchor_of(schema: &str) -> String {
    format!("schema-{schema}")
}

/// The call as one would type it in a shell; what is in braces is to be filled in.
fn curl_of(operation: &ApiOperation, url: &str) -> String {
    let method = match operation.method.as_str() {
        "GET" => String::new(),
        method => format!(" -X {method}"),
    };
    let required = operation
        .parameters
        .iter()
        .filter(|parameter| parameter.place == "query" && parameter.is_required)
        .map(|parameter| format!("{}={{{}}}", parameter.name, parameter.name));
    let query: Vec<String> = required.collect();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{}", query.join("&"))
    };
    let mut curl = format!(
        "curl{method} '{url}{}{query}' \\\n  -H \"Authorization: Bearer $ASSAY_TOKEN\"",
        operation.path
    );
    if let Some(body) = &operation.example_body {
        // A quote ends a shell's quoted text. Writing to a string cannot fail.
        let body = body.replace('\'', r"'\''");
        let _ = write!(
            curl,
            " \\\n  -H 'Content-Type: application/json' \\\n  -d '{body}'"
        );
    }
    curl
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curl_line_can_be_pasted() {
        let operation = ApiOperation {
            id: "x".to_owned(),
            method: "POST".to_owned(),
            path: "/api/v1/x".to_owned(),
            also_at: None,
            title: String::new(),
            text: String::new(),
            parameters: vec![ApiField {
                name: "id".to_owned(),
                place: "query".to_owned(),
                is_required: true,
                kind: ApiKind::default(),
                text: String::new(),
            }],
            bodies: Vec::new(),
            answers: Vec::new(),
            example_body: Some(r#"{"name":"it's"}"#.to_owned()),
        };
        let curl = curl_of(&operation, "http://h");
        assert!(curl.starts_with("curl -X POST 'http://h/api/v1/x?id={id}' \\\n"));
        assert!(curl.ends_with(r#"-d '{"name":"it'\''s"}'"#), "{curl}");
    }
}
