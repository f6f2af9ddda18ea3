//! Files of datasets on their way through a running server.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use reqwest::{Body, Method, Response};
use serde_json::{Value, json};

use crate::house::{Browser, House, PATIENCE, header};

/// As large as a file may be, less than a row's length.
const FILE_BYTES: usize = 199_999_000;
/// One row of so many is broken.
const BROKEN_EVERY: u32 = 100;
/// How much more memory the server may take for it.
const GROWTH_BYTES_MAX: u64 = 100_000_000;

/// Rows until the file is full, one of a hundred broken; gives how many of each.
fn write_large_file(path: &Path) -> (u32, u32) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let words = "every answer has a price and some questions have none ".repeat(6);
    let (mut bytes, mut row_count, mut broken_count) = (0, 0, 0);
    for number in 1_u32.. {
        let is_broken = number.is_multiple_of(BROKEN_EVERY);
        let end = if is_broken { "" } else { "}" };
        let line = format!("{{\"prompt\": \"{number} {words}\", \"output_tokens\": 120{end}\n");
        bytes += line.len();
        if bytes > FILE_BYTES {
            break;
        }
        file.write_all(line.as_bytes()).unwrap();
        if is_broken {
            broken_count += 1;
        } else {
            row_count += 1;
        }
    }
    file.flush().unwrap();
    (row_count, broken_count)
}

/// What a process has in memory now, or had at most, in bytes.
fn memory(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kibibytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kibibytes * 1_024
}

fn upload(browser: &Browser, query: &str, body: impl Into<Body>) -> reqwest::RequestBuilder {
    browser
        .request(Method::POST, &format!("/api/v1/datasets?{query}"))
        .header("origin", &browser.url)
        .header("content-type", "application/octet-stream")
        .timeout(Duration::from_mins(5))
        .body(body)
}

async fn json_of(response: Response, status: u16) -> Value {
    let found = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(found, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn get(browser: &Browser, path: &str) -> Value {
    let response = browser.request(Method::GET, path).send().await.unwrap();
    json_of(response, 200).await
}

/// Asks until the dataset is imported; gives it, and what was told of its progress.
async fn imported(browser: &Browser, id: &str) -> (Value, Vec<u64>) {
    let mut told = Vec::new();
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    loop {
        looks.tick().await;
        let answer = get(browser, &format!("/api/v1/datasets/{id}")).await;
        let dataset = answer["dataset"].clone();
        if dataset["state"] != "importing" {
            return (dataset, told);
        }
        told.push(dataset["read_bytes"].as_u64().unwrap());
    }
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| if path.is_dir() { files_below(&path) } else { 1 })
        .sum()
}

async fn until_there_are(count: usize, folder: &Path) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let looking = async {
        while files_below(folder) != count {
            looks.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap();
}

#[tokio::test]
async fn a_file_of_200_mb_is_imported_in_little_memory() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let file = house.folder.path().join("large.jsonl");
    let (row_count, broken_count) = write_large_file(&file);
    assert!(
        row_count > 500_000 && broken_count > 5_000,
        "{row_count} {broken_count}"
    );

    let pid = house.process.id();
    let before = memory(pid, "VmRSS:");
    let body = Body::from(tokio::fs::File::open(&file).await.unwrap());
    let sent = upload(&ada, "name=Large&format=jsonl", body)
        .send()
        .await
        .unwrap();
    let made = json_of(sent, 202).await;
    assert_eq!(made["dataset"]["state"], "importing");
    assert_eq!(
        made["dataset"]["file_bytes"],
        std::fs::metadata(&file).unwrap().len()
    );
    let id = made["dataset"]["id"].as_str().unwrap();
    let (dataset, told) = imported(&ada, id).await;
    assert_eq!(dataset["state"], "ready", "{dataset}");
    assert_eq!(dataset["row_count"], row_count);
    assert_eq!(dataset["rejected_count"], broken_count);
    let examples = dataset["rejected_rows"].as_array().unwrap();
    assert_eq!(examples.len(), 100);
    for (place, example) in examples.iter().enumerate() {
        assert_eq!(example["line"], (place + 1) * 100);
        assert_eq!(example["reason"], "not_json");
    }
    assert_eq!(dataset["input"]["count"], row_count);
    assert_eq!(dataset["input"]["median"], 61.0, "60 words and a number");
    assert!(
        told.is_sorted() && told.iter().any(|bytes| *bytes > 0),
        "{told:?}"
    );

    let grown = memory(pid, "VmHWM:").saturating_sub(before);
    println!("the server grew by {} MB at most", grown / 1_000_000);
    assert!(grown < GROWTH_BYTES_MAX, "{grown}");

    let page = row_count / 100;
    let rows = get(
        &ada,
        &format!("/api/v1/datasets/{id}/rows?limit=100&page={page}"),
    )
    .await;
    assert_eq!(rows["rows"].as_array().unwrap().len(), 100);
    // What the upload was written to goes a moment after its rows are there.
    until_there_are(0, &house.folder.path().join("imports")).await;
    assert_eq!(
        files_below(&house.folder.path().join("artifacts/datasets")),
        2
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let imports = house.folder.path().join("imports");
    let before = get(&ada, "/api/v1/datasets").await;
    assert_eq!(before["total_record"], 1, "the built-in one");

    // One that ends before its announced length, and one that nobody sends on.
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let request = upload(&ada, "name=Broken", Body::wrap_stream(stream));
    let sending = tokio::spawn(request.send());
    sender
        .send(Ok(b"{\"prompt\": \"x\"}\n".repeat(10_000)))
        .await
        .unwrap();
    until_there_are(1, &imports).await;
    let gone = std::io::Error::other("the line went dead");
    sender.send(Err(gone)).await.unwrap();
    sending.await.unwrap().unwrap_err();
    until_there_are(0, &imports).await;
    assert_eq!(get(&ada, "/api/v1/datasets").await, before);
    let page = ada.read("/datasets").await;
    assert!(!page.contains("Broken"));
}

#[tokio::test]
async fn what_is_too_large_or_wrong_is_refused_as_json() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    // Only the length is told: the answer comes before anything that long is sent.
    let address = ada.url.replace("http://", "");
    let cookie = ada.cookie.as_deref().unwrap();
    let head = format!(
        "POST /api/v1/datasets?name=Large HTTP/1.1\r\nhost: {address}\r\norigin: {}\r\ncookie: {cookie}\r\ncontent-length: 200000001\r\n\r\n",
        ada.url
    );
    let mut line = std::net::TcpStream::connect(&address).unwrap();
    line.set_read_timeout(Some(PATIENCE)).unwrap();
    line.write_all(head.as_bytes()).unwrap();
    let mut answer = vec![0; 4_096];
    let read = line.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("larger than 200 MB"), "{answer}");
    let empty = upload(&ada, "name=Empty", "").send().await.unwrap();
    assert_eq!(json_of(empty, 422).await["errors"][0]["field"], "file");
    let unknown = upload(&ada, "format=parquet", "x").send().await.unwrap();
    assert_eq!(json_of(unknown, 422).await["errors"][0]["field"], "format");
    let nobody = Browser::new(&house.url);
    let signed_out = upload(&nobody, "name=x", "{\"prompt\": \"x\"}")
        .send()
        .await
        .unwrap();
    assert_eq!(json_of(signed_out, 401).await["code"], 401);
}

#[tokio::test]
async fn a_dataset_is_read_changed_archived_and_deleted_by_programs() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let text =
        "[{\"instruction\": \"Add.\", \"input\": \"1 2\", \"output\": \"It is three.\"}, {}]";
    let made = upload(&ada, "file_name=sums.json", text)
        .send()
        .await
        .unwrap();
    let made = json_of(made, 202).await;
    let id = made["dataset"]["id"].as_str().unwrap().to_owned();
    let (dataset, _) = imported(&ada, &id).await;
    assert_eq!(dataset["name"], "sums");
    assert_eq!(dataset["format"], "alpaca");
    assert_eq!(
        (&dataset["row_count"], &dataset["rejected_count"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(dataset["rejected"][0]["reason"], "no_prompt");

    let path = format!("/api/v1/datasets/{id}");
    let rows = get(&ada, &format!("{path}/rows")).await;
    let expected = json!([{
        "line": 1,
        "messages": [{ "role": "user", "content": "Add.\n\n1 2" }],
        "input_tokens": 3,
        "output_tokens": 3,
    }]);
    assert_eq!(rows["rows"], expected);
    let send = async |method, path: &str, body: Value| {
        let request = ada.request(method, path).header("origin", &ada.url);
        request.json(&body).send().await.unwrap()
    };
    let changed = send(Method::PATCH, &path, json!({ "name": "Sums" })).await;
    assert_eq!(json_of(changed, 200).await["dataset"]["name"], "Sums");
    let archived = send(
        Method::POST,
        &format!("{path}/archive"),
        json!({ "archived": true }),
    )
    .await;
    assert!(json_of(archived, 200).await["dataset"]["archived_at"].is_string());
    let list = get(&ada, "/api/v1/datasets?shown=archived&search=sum").await;
    assert_eq!(list["datasets"][0]["id"], id.as_str());
    let deleted = ada
        .request(Method::DELETE, &path)
        .header("origin", &ada.url);
    json_of(deleted.send().await.unwrap(), 200).await;
    let gone = ada.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(json_of(gone, 404).await["code"], 404);
}

#[tokio::test]
async fn the_form_works_without_script() {
    let mut house = House::start(&[]);
    let ada = house.administrator().await;
    let send = async |name: &str, file_name: &str, text: &str| {
        let boundary = "edge";
        let field = |name: &str, value: &str| {
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
        };
        let file = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{file_name}\"\r\ncontent-type: text/plain\r\n\r\n{text}\r\n--{boundary}--\r\n"
        );
        let body = [field("name", name), field("format", "auto"), file].concat();
        let request = ada
            .request(Method::POST, "/datasets/upload")
            .header("origin", &ada.url)
            .header("accept", "text/html")
            .header(
                "content-type",
                format!("multipart/form-data; boundary={boundary}"),
            )
            .body(body);
        request.send().await.unwrap()
    };
    let made = send("Chats", "chats.jsonl", "{\"prompt\": \"x\"}\n").await;
    assert_eq!(made.status(), 303);
    let page = header(&made, "location").unwrap();
    assert!(page.starts_with("/datasets/"), "{page}");
    assert!(ada.read(&page).await.contains("<h1>Chats</h1>"));

    let refused = send("chats", "b.jsonl", &"{\"prompt\": \"x\"}\n".repeat(100_000)).await;
    assert_eq!(refused.status(), 303);
    let form = header(&refused, "location").unwrap();
    assert!(form.starts_with("/datasets/new?name=chats"), "{form}");
    let form = ada.read(&form).await;
    assert!(form.contains("Another dataset has this name."), "{form}");
    assert!(form.contains("value=\"chats\""));
    let nothing = send("", "", "").await;
    let form = ada.read(&header(&nothing, "location").unwrap()).await;
    assert!(form.contains("Choose a file."));
}
