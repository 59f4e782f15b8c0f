//! Builds the UI and the release binary, and starts it in place of this process.
//!
//! Behind `demo`, `run` and `build`, and the test task before its end-to-end suites. The UI is built
//! first because the binary carries it inside. Signals reach the binary itself, so Ctrl-C shuts it
//! down as it would in production.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::prepare;
use crate::process::{cargo, command, repository, run, target_folder, title};

/// Builds everything, then becomes `fanal SUBCOMMAND ARGUMENTS`.
pub(crate) fn start(subcommand: &str, arguments: &[String]) -> Result<()> {
    let binary = build_all()?;
    title(&format!("fanal {subcommand}"));
    let error = command(&binary, &std::env::current_dir()?).arg(subcommand).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// The UI, then the release binary with it inside; returns the binary's path.
pub(crate) fn build_all() -> Result<PathBuf> {
    build_ui()?;
    build_binary()
}

/// `npm run build` in `ui/`, which writes `ui/dist`.
pub(crate) fn build_ui() -> Result<()> {
    let ui = repository().join("ui");
    prepare::node_packages(&ui)?;
    title("UI");
    run(command("npm", &ui).args(["run", "build"]))
}

/// The release binary.
pub(crate) fn build_binary() -> Result<PathBuf> {
    title("release binary (the first build takes some minutes)");
    run(cargo().args(["build", "--release", "--package", "fanal"]))?;
    Ok(target_folder().join("release/fanal"))
}
