//! `assay token`: API tokens for programs, made by whoever can run commands on the data directory.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use domain::access::{TOKEN_DAYS_DEFAULT, TokenForm};
use domain::id::TokenId;
use runner::{QueueSignal, system_clock};
use service::system::SystemFacts;
use service::{Ctx, CtxParts, ServiceError};
use uuid::Uuid;

use crate::data::DataArgs;

/// Make, list and revoke API tokens.
///
/// Works on the data directory itself, whether a server runs on it or not.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a token and print it; it cannot be shown again
    ///
    /// It acts as the service account of the same name, which is made when missing.
    Create(CreateArgs),
    /// List all tokens, the newest first
    List(ListArgs),
    /// Revoke a token, so that it lets nobody in any more
    Revoke(RevokeArgs),
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// What it is for: letters, digits and . - _ @
    #[arg(long, value_name = "NAME")]
    name: String,

    /// What it may do; each role includes the ones before it
    #[arg(long, value_name = "ROLE", value_parser = ["viewer", "operator", "lead", "administrator"])]
    role: String,

    /// Days until it expires, at most 365
    #[arg(long, value_name = "DAYS", default_value_t = TOKEN_DAYS_DEFAULT)]
    expires_days: u32,

    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    data: DataArgs,
}

#[derive(Debug, clap::Args)]
struct RevokeArgs {
    /// Id of the token, as `assay token list` prints it
    id: TokenId,

    #[command(flatten)]
    data: DataArgs,
}

/// Runs the command to its end.
#[expect(
    clippy::print_stderr,
    reason = "a command says on standard error why it failed"
)]
pub(crate) fn run(args: &TokenArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(carry_out(&args.action)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(action: &Action) -> anyhow::Result<()> {
    let data = match action {
        Action::Create(args) => &args.data,
        Action::List(args) => &args.data,
        Action::Revoke(args) => &args.data,
    };
    let (data_dir, store) = data.open().await?;
    let clock = system_clock();
    let facts = SystemFacts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        url: String::new(),
        is_demo: false,
        runner_name: String::new(),
        started_at: clock(),
        data_dir,
        docker: runner::DockerAddress::local(),
    };
    let ctx = Ctx::new(CtxParts {
        store: store.clone(),
        queue: QueueSignal::default(),
        clock,
        ids: Arc::new(Uuid::now_v7),
        facts,
    });
    let done = match action {
        Action::Create(args) => create(&ctx, args).await,
        Action::List(_) => list(&ctx).await,
        Action::Revoke(args) => revoke(&ctx, args.id).await,
    };
    store.close().await;
    done
}

/// Prints the token alone on standard output, so that a script can take it, and words about it on
/// standard error.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the command's output, not a log"
)]
async fn create(ctx: &Ctx, args: &CreateArgs) -> anyhow::Result<()> {
    let form = TokenForm {
        name: args.name.clone(),
        role: args.role.clone(),
        expires_days: args.expires_days.to_string(),
    };
    let made = service::tokens::console::create_token(ctx, &form).await;
    let (token, text) = made.map_err(in_words)?;
    eprintln!(
        "token {} of the service account “{}”, role {}, expires {}; it is shown this once:",
        token.id,
        token.account_name,
        token.role.as_str(),
        token.expires_at.to_minute_text(),
    );
    println!("{}", text.expose());
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "this is the command's output, not a log"
)]
async fn list(ctx: &Ctx) -> anyhow::Result<()> {
    let tokens = service::tokens::console::list_tokens(ctx).await;
    println!("ID\tNAME\tACCOUNT\tROLE\tSTATE\tEXPIRES (UTC)\tLAST USED (UTC)");
    for token in tokens.map_err(in_words)? {
        let last_used = token.last_used_at;
        println!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}",
            token.id,
            token.name,
            token.account_name,
            token.role.as_str(),
            token.state(ctx.now()).as_str(),
            token.expires_at.to_minute_text(),
            last_used.map_or_else(
                || "never".to_owned(),
                domain::time::Timestamp::to_minute_text
            ),
        );
    }
    Ok(())
}

#[expect(
    clippy::print_stderr,
    reason = "standard output carries results, and there is none"
)]
async fn revoke(ctx: &Ctx, id: TokenId) -> anyhow::Result<()> {
    let revoked = service::tokens::console::revoke_token(ctx, id).await;
    let token = revoked.map_err(in_words)?;
    eprintln!("“{}” of “{}” is revoked", token.name, token.account_name);
    Ok(())
}

/// Messages at fields become one line.
fn in_words(error: ServiceError) -> anyhow::Error {
    match &error {
        ServiceError::Invalid(errors) => {
            let messages = errors.0.iter();
            let lines: Vec<String> = messages
                .map(|error| format!("--{}: {}", error.field.replace('_', "-"), error.message))
                .collect();
            anyhow::anyhow!(lines.join(" "))
        }
        ServiceError::Internal(_) => anyhow::Error::from(error),
        refusal => anyhow::anyhow!(refusal.public_text()),
    }
}
