//! Everybody who calls: nobody in particular, each role with a session, each role with a token.

use std::process::Command;

use domain::access::Role;
use reqwest::header::{AUTHORIZATION, ORIGIN};
use reqwest::{Method, RequestBuilder};

use crate::house::{Browser, House, PASSWORD};

/// Somebody who calls.
pub(crate) struct Visitor {
    /// For people who read a failure.
    pub(crate) name: String,
    /// `None` for somebody unknown.
    pub(crate) role: Option<Role>,
    browser: Browser,
    token: Option<String>,
}

impl Visitor {
    pub(crate) fn anonymous(url: &str) -> Self {
        Self {
            name: "nobody".to_owned(),
            role: None,
            browser: Browser::new(url),
            token: None,
        }
    }

    pub(crate) fn is_token(&self) -> bool {
        self.token.is_some()
    }

    /// A request of theirs, as their kind of client sends it.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.browser.request(method, path);
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request.header(ORIGIN, &self.browser.url),
        }
    }
}

/// Nobody, and two of each role.
pub(crate) async fn visitors(house: &mut House) -> Vec<Visitor> {
    let url = house.url.clone();
    let mut ada = house.administrator().await;
    let mut visitors = vec![Visitor::anonymous(&url)];
    for role in Role::ALL {
        let name = role.as_str();
        let fields = [
            ("kind", "person"),
            ("name", name),
            ("role", name),
            ("password", PASSWORD),
            ("password_again", PASSWORD),
        ];
        let made = ada.call("/api/people/create", &fields).await;
        assert_eq!(made.status(), 200, "{name}");
        let mut browser = Browser::new(&url);
        let fields = [("name", name), ("password", PASSWORD), ("next", "")];
        let signed_in = browser.call("/api/session/sign_in", &fields).await;
        assert_eq!(signed_in.status(), 200, "{name}");
        visitors.push(Visitor {
            name: format!("{name} with a session"),
            role: Some(role),
            browser,
            token: None,
        });
        visitors.push(Visitor {
            name: format!("{name} with a token"),
            role: Some(role),
            browser: Browser::new(&url),
            token: Some(make_token(house, role)),
        });
    }
    visitors
}

fn make_token(house: &House, role: Role) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
    command
        .args(["token", "create", "--role", role.as_str(), "--name"])
        .arg(format!("program-{}", role.as_str()))
        .arg("--data-dir")
        .arg(house.folder.path())
        .env_remove("DATABASE_URL");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
