//! Every server function, operation of the API, page and file, called by everybody: anonymously, and
//! by each role with a session and with a token. The lists come from the product itself; who may what
//! stands in [`table`], and what is missing there fails the test.

mod api;
mod functions;
mod pages;
mod table;
mod visitor;

use std::collections::BTreeSet;

use domain::access::Role;

use crate::house::House;
use table::{Least, TABLE};
use visitor::{Visitor, visitors};

/// What an answer means for who may do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody is known to ask.
    SignedOut,
    /// Known, but not allowed.
    Forbidden,
    /// Let through to what is done, whatever became of it there.
    LetIn,
    /// What the test sends was not understood, so it says nothing about rights: send something else.
    Unread,
    /// A fault of the server.
    Fault,
}

/// A way into the product: its key in the table, and how to try it.
pub(crate) struct Way {
    pub(crate) key: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Function { path: String },
    Operation(api::Operation),
    Page { path: String },
    File { path: String },
}

impl Way {
    /// What the visitor is answered, with the answer for whoever reads a failure.
    async fn try_as(&self, visitor: &Visitor) -> (Verdict, String) {
        let request = match &self.kind {
            Kind::Function { path } => functions::request(visitor, path),
            Kind::Operation(operation) => operation.request(visitor),
            Kind::Page { path } => pages::page_request(visitor, path),
            Kind::File { path } => pages::file_request(visitor, path),
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        let location = crate::house::header(&response, "location").unwrap_or_default();
        // A live stream does not end: its head says all.
        let is_stream = crate::house::header(&response, "content-type")
            .is_some_and(|kind| kind.starts_with("text/event-stream"));
        let text = if is_stream {
            String::new()
        } else {
            response.text().await.unwrap_or_default()
        };
        let start: String = text.chars().take(300).collect();
        let said = format!("{status} {location} {start}");
        let is_fault = status.is_server_error() && status != 503;
        if is_fault {
            return (Verdict::Fault, said);
        }
        let is_unread = status == 400 || (status == 422 && self.is_misread(&text));
        if is_unread {
            return (Verdict::Unread, said);
        }
        let verdict = match status.as_u16() {
            401 => Verdict::SignedOut,
            302 | 303 | 307 if location.starts_with("/sign-in") => Verdict::SignedOut,
            403 => Verdict::Forbidden,
            _ => Verdict::LetIn,
        };
        (verdict, said)
    }

    /// Whether the gate of the API refused what the test made up, before rights were asked. Below the
    /// least role that would hide a missing check.
    fn is_misread(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Operation(_)) && text.contains("this field: it is required")
    }
}

fn expected(least: Least, visitor: &Visitor) -> Verdict {
    let (role, is_for_tokens) = match least {
        Least::Anyone => return Verdict::LetIn,
        Least::Runner if visitor.role.is_some() => return Verdict::Forbidden,
        Least::Runner => return Verdict::SignedOut,
        Least::Role(role) => (role, true),
        Least::Session(role) => (role, false),
    };
    match visitor.role {
        None => Verdict::SignedOut,
        Some(own) if own < role => Verdict::Forbidden,
        Some(_) if visitor.is_token() && !is_for_tokens => Verdict::Forbidden,
        Some(_) => Verdict::LetIn,
    }
}

fn least_of(key: &str) -> Option<Least> {
    let line = TABLE.iter().find(|(known, _)| *known == key);
    line.map(|(_, least)| *least)
}

#[tokio::test]
async fn everybody_gets_what_the_table_says() {
    let mut house = House::start(&[]);
    let visitors = visitors(&mut house).await;
    let mut ways = functions::all();
    ways.extend(pages::all());
    ways.extend(api::all(&house.url).await);

    let keys: BTreeSet<&str> = ways.iter().map(|way| way.key.as_str()).collect();
    let known: BTreeSet<&str> = TABLE.iter().map(|(key, _)| *key).collect();
    assert_eq!(known.len(), TABLE.len(), "a line is there twice");
    let missing: Vec<_> = keys.difference(&known).collect();
    assert!(
        missing.is_empty(),
        "add to the table, with the least role: {missing:#?}"
    );
    let gone: Vec<_> = known.difference(&keys).collect();
    assert!(gone.is_empty(), "remove from the table: {gone:#?}");

    let mut offences = Vec::new();
    for way in &ways {
        let least = least_of(&way.key).unwrap();
        for visitor in &visitors {
            // What is open ends or begins sessions: tried by nobody in particular.
            if least == Least::Anyone {
                if visitor.role.is_none() {
                    let (verdict, said) = way.try_as(visitor).await;
                    if verdict == Verdict::Fault {
                        offences.push(format!("{}: {said}", way.key));
                    }
                }
                continue;
            }
            let (verdict, said) = way.try_as(visitor).await;
            if verdict != expected(least, visitor) {
                offences.push(format!(
                    "{} as {}: {verdict:?}: {said}",
                    way.key, visitor.name
                ));
            }
        }
    }
    assert!(offences.is_empty(), "{offences:#?}");

    // Whoever was let in at the beginning still is: nothing above ended a session or a token.
    for visitor in visitors.iter().filter(|visitor| visitor.role.is_some()) {
        let home = pages::page_request(visitor, "/").send().await.unwrap();
        assert_eq!(home.status(), 200, "{}", visitor.name);
    }
    let log = house.process.output();
    let panic = log.find("panicked");
    assert_eq!(panic.and_then(|at| log.get(at.saturating_sub(200)..)), None);
}

#[test]
fn the_table_reads_as_it_should() {
    let nobody = Visitor::anonymous("http://127.0.0.1:9");
    assert_eq!(
        expected(Least::Role(Role::Viewer), &nobody),
        Verdict::SignedOut
    );
    assert_eq!(expected(Least::Anyone, &nobody), Verdict::LetIn);
}
