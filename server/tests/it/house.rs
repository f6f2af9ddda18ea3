//! A running server and browsers without a window: cookies and redirects are looked at, not followed.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use testkit::{Process, TempDir};

/// How long a server may take for what it does at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A server on a data directory of its own.
pub(crate) struct House {
    pub(crate) url: String,
    pub(crate) process: Process,
    pub(crate) folder: TempDir,
}

impl House {
    /// Starts one on a free port; `further` are more arguments of `assay serve`.
    pub(crate) fn start(further: &[&str]) -> Self {
        let folder = testkit::data_dir();
        let mut process = spawn(folder.path(), "127.0.0.1:0", further);
        let line = process.wait_for_line("listening on ", PATIENCE);
        Self {
            url: line.replace("listening on ", ""),
            process,
            folder,
        }
    }

    /// The token of the link it printed.
    pub(crate) fn setup_token(&mut self) -> String {
        let line = self
            .process
            .wait_for_line("create the first administrator: ", PATIENCE);
        line.split("token=").nth(1).unwrap().to_owned()
    }

    /// A browser in which the first administrator, `ada`, has just been made.
    pub(crate) async fn administrator(&mut self) -> Browser {
        let token = self.setup_token();
        let mut browser = Browser::new(&self.url);
        let response = browser.create_administrator(&token).await;
        assert_eq!(response.status(), 302, "{}", self.process.output());
        browser
    }
}

impl Drop for House {
    fn drop(&mut self) {
        // Asked to end it takes its engines along, which have process groups of their own.
        self.process.stop(Signal::SIGTERM, PATIENCE);
    }
}

/// Starts `assay serve` without waiting for it.
pub(crate) fn spawn(data_dir: &Path, address: &str, further: &[&str]) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .args(["serve", "--addr", address, "--data-dir"])
        .arg(data_dir)
        .args(further)
        .env_remove("DATABASE_URL");
    Process::spawn(&mut command)
}

/// Somebody's browser: it keeps the session's cookie.
pub(crate) struct Browser {
    client: Client,
    pub(crate) url: String,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(url: &str) -> Self {
        // The client wants one even where it speaks no TLS; a test before this one may have set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().redirect(Policy::none()).timeout(PATIENCE);
        Self {
            client: client.build().unwrap(),
            url: url.to_owned(),
            cookie: None,
        }
    }

    /// A request with the cookie and nothing else.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.url));
        match &self.cookie {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        }
    }

    /// Opens a page.
    pub(crate) async fn open(&self, path: &str) -> Response {
        let request = self
            .request(Method::GET, path)
            .header("accept", "text/html");
        request.send().await.unwrap()
    }

    /// Opens a page that is there, and reads it.
    pub(crate) async fn read(&self, path: &str) -> String {
        let response = self.open(path).await;
        assert_eq!(response.status(), 200, "{path}");
        response.text().await.unwrap()
    }

    /// Sends a form as a page without script does.
    pub(crate) async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.form(path, fields).header("accept", "text/html");
        let response = request.send().await.unwrap();
        self.keep_cookie(&response);
        response
    }

    /// Calls a server function as a page's script does.
    pub(crate) async fn call(&mut self, path: &str, fields: &[(&str, &str)]) -> Response {
        let request = self.form(path, fields).header("accept", "application/json");
        let response = request.send().await.unwrap();
        self.keep_cookie(&response);
        response
    }

    pub(crate) async fn create_administrator(&mut self, token: &str) -> Response {
        let fields = [
            ("token", token),
            ("name", "ada"),
            ("password", PASSWORD),
            ("password_again", PASSWORD),
        ];
        self.send("/api/session/create_first_administrator", &fields)
            .await
    }

    pub(crate) async fn sign_in(&mut self, password: &str) -> Response {
        let fields = [("name", "ada"), ("password", password), ("next", "")];
        self.call("/api/session/sign_in", &fields).await
    }

    fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", value.replace(' ', "+")))
            .collect();
        self.request(Method::POST, path)
            .header(ORIGIN, &self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.join("&"))
    }

    fn keep_cookie(&mut self, response: &Response) {
        if let Some(cookie) = set_cookie(response) {
            let pair = cookie.split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
    }
}

/// What an answer sets as cookie, with its attributes.
pub(crate) fn set_cookie(response: &Response) -> Option<String> {
    header(response, SET_COOKIE.as_str())
}

/// A header as text.
pub(crate) fn header(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?;
    Some(value.to_str().unwrap().to_owned())
}
