//! `cargo xtask test`: prepares what the tests need and runs them, all or a selection.
//!
//! Three groups: the Rust workspace, the UI's unit tests, and the end-to-end suites against the
//! release binary. A failing group does not hide the next one; the summary at the end has them all
//! and decides the exit status. `e2e/README.md` is the contract that a suite keeps.

mod suite;

use anyhow::{Context, Result, bail};

use crate::prepare;
use crate::process::{self, cargo, command, repository, title};
use crate::run::build_all;

/// What a person asked to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    rust: bool,
    ui: bool,
    e2e: bool,
    /// Names of suites; none means every suite.
    suites: Vec<String>,
}

impl Selection {
    /// Reads `[--rust] [--ui] [--e2e [SUITE]...]`; without a flag everything is selected.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut selection = Self { rust: false, ui: false, e2e: false, suites: Vec::new() };
        for argument in arguments {
            match argument.as_str() {
                "--rust" => selection.rust = true,
                "--ui" => selection.ui = true,
                "--e2e" => selection.e2e = true,
                name if selection.e2e && !name.starts_with('-') => {
                    selection.suites.push(name.to_owned());
                }
                other => bail!("unexpected `{other}`: expected --rust, --ui or --e2e [SUITE]..."),
            }
        }
        if !(selection.rust || selection.ui || selection.e2e) {
            selection = Self { rust: true, ui: true, e2e: true, suites: Vec::new() };
        }
        Ok(selection)
    }
}

/// Runs the selection; an error names every part that failed.
pub(crate) fn run(selection: &Selection) -> Result<()> {
    let suites = if selection.e2e { suite::find(&selection.suites)? } else { Vec::new() };
    let mut outcomes = Vec::new();
    if selection.ui {
        outcomes.push(Outcome::of("ui", ui_tests()));
    }
    if selection.rust {
        title("Rust tests");
        outcomes.push(Outcome::of(
            "rust",
            process::run(cargo().args(["test", "--workspace", "--no-fail-fast"])),
        ));
    }
    if selection.e2e {
        run_suites(&suites, &mut outcomes);
    }
    report(&outcomes)
}

/// One line of the summary.
struct Outcome {
    name: String,
    result: Result<()>,
}

impl Outcome {
    fn of(name: impl Into<String>, result: Result<()>) -> Self {
        let name = name.into();
        if let Err(error) = &result {
            // Also told here, next to the output that explains it.
            eprintln!("{name}: {error:#}");
        }
        Self { name, result }
    }
}

fn ui_tests() -> Result<()> {
    let ui = repository().join("ui");
    prepare::node_packages(&ui)?;
    title("UI tests");
    // CI=1 keeps the runner from watching files when a terminal is attached.
    process::run(command("npm", &ui).env("CI", "1").arg("test"))?;
    process::run(command("npm", &ui).args(["run", "--if-present", "lint"]))
}

fn run_suites(suites: &[suite::Suite], outcomes: &mut Vec<Outcome>) {
    let binary = match build_all() {
        Ok(binary) => binary,
        Err(error) => {
            outcomes.push(Outcome::of("e2e", Err(error).context("nothing to test")));
            return;
        }
    };
    for suite in suites {
        outcomes.push(Outcome::of(format!("e2e {}", suite.name), suite.run(&binary)));
    }
}

fn report(outcomes: &[Outcome]) -> Result<()> {
    title("summary");
    for outcome in outcomes {
        match &outcome.result {
            Ok(()) => println!("ok      {}", outcome.name),
            Err(error) => println!("FAILED  {}: {error:#}", outcome.name),
        }
    }
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .map(|outcome| outcome.name.as_str())
        .collect();
    println!("groups: {} passed, {} failed", outcomes.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arguments: &[&str], expect: Option<(bool, bool, bool, &[&str])>) {
        let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
        let parsed = Selection::parse(&arguments).ok();
        let parsed = parsed.as_ref().map(|selection| {
            let suites: Vec<&str> = selection.suites.iter().map(String::as_str).collect();
            (selection.rust, selection.ui, selection.e2e, suites)
        });
        let expect = expect.map(|(rust, ui, e2e, suites)| (rust, ui, e2e, suites.to_vec()));
        assert_eq!(parsed, expect, "{arguments:?}");
    }

    #[test]
    fn selections() {
        check(&[], Some((true, true, true, &[])));
        check(&["--rust"], Some((true, false, false, &[])));
        check(&["--ui", "--rust"], Some((true, true, false, &[])));
        check(&["--e2e"], Some((false, false, true, &[])));
        check(&["--e2e", "browser", "crash"], Some((false, false, true, &["browser", "crash"])));
        check(&["browser"], None);
        check(&["--nonsense"], None);
    }
}
