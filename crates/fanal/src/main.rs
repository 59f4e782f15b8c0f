//! The Fanal binary: reads the command line and the configuration, wires the crates together, and is the one place
//! that talks to stdout, stderr and the environment.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool")]

mod aggregate;
mod allocator;
mod ask;
mod cli;
mod client;
mod config;
mod demo;
mod doors;
mod export;
mod import;
mod load;
mod logging;
mod open_files;
mod ready;
mod sampling;
mod serve;
mod storage;
mod traceql;

use cli::{Action, ImportArgs, Other, Page, ServerFlags};
use config::{Config, Source};
use std::path::PathBuf;
use std::process::ExitCode;

/// Variables with which the tools of the object stores' providers are told addresses and credentials.
const PROVIDER_VARIABLES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

fn main() -> ExitCode {
    allocator::start();
    let line = match cli::parse(std::env::args_os()) {
        Ok(line) => line,
        Err(error) => error.exit(),
    };
    match run(line.action) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Exit code of an import that refused spans of files that it read.
const SOME_REJECTED: u8 = 3;

fn run(action: Action) -> anyhow::Result<ExitCode> {
    match action {
        Action::Serve(flags) => serve::run(read_config(Config::default(), flags)?, None)?,
        Action::Demo(flags) => {
            let mut base = Config::default();
            base.storage.data_dir = PathBuf::from("fanal-demo-data");
            serve::run(read_config(base, flags)?, Some(demo::start))?;
        }
        Action::Other(Other::Query(args)) => print_answer(|| ask::query(&args))?,
        Action::Other(Other::Aggregate(args)) => print_answer(|| aggregate::aggregate(&args))?,
        Action::Other(Other::Trace(args)) => print_answer(|| ask::trace(&args))?,
        Action::Other(Other::Export(args)) => print_answer(|| export::run(&args))?,
        Action::Other(Other::Import(args)) => return import_files(&args),
        Action::Other(Other::Storage(command)) => storage::run(&command)?,
        Action::Other(Other::Load(args)) => print_answer(|| load::run(&args))?,
        Action::Other(Other::Gen { page }) => {
            print!("{}", generated(page));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn import_files(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(import::run(args));
    // A file that was given up may still be read from a pipe that stays open.
    runtime.shutdown_background();
    Ok(match outcome? {
        import::Outcome::Whole => ExitCode::SUCCESS,
        import::Outcome::SomeRejected => ExitCode::from(SOME_REJECTED),
        import::Outcome::Failed => ExitCode::FAILURE,
    })
}

fn print_answer<F: Future<Output = anyhow::Result<String>>>(
    ask: impl FnOnce() -> F,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    print!("{}", runtime.block_on(ask())?);
    Ok(())
}

fn generated(page: Page) -> String {
    match page {
        Page::Openapi => fanal_server::openapi_json(),
        Page::Config => config::reference(),
        Page::Metrics => fanal_server::metrics_reference(),
        Page::Cli => cli::reference(),
    }
}

fn read_config(base: Config, flags: ServerFlags) -> anyhow::Result<Config> {
    let file = match &flags.config_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                anyhow::anyhow!("cannot read the configuration {}: {error}", path.display())
            })?;
            Some((path.as_path(), text))
        }
        None => None,
    };
    let environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let provider_settings = environment
        .iter()
        .filter(|(name, _)| PROVIDER_VARIABLES.iter().any(|start| name.starts_with(start)))
        .cloned()
        .collect();
    let source = Source { file, environment, flags: flags.settings };
    let mut read = config::read(base, &source).map_err(|problems| {
        anyhow::anyhow!("the configuration has problems:\n  {}", problems.join("\n  "))
    })?;
    read.config.object_store.provider_settings = provider_settings;
    logging::start(read.config.log_format, &read.config.log_level);
    for warning in read.warnings {
        tracing::warn!("{warning}");
    }
    Ok(read.config)
}
