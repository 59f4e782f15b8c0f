//! `cargo xtask`: the tasks of this repository, the same on a laptop and in CI.
//!
//! A person or `.ci/run` starts it; it starts cargo, npm, Python and the built binary. It keeps the
//! promise of the README: one command runs, one command tests, and each installs what it needs. It
//! knows nothing of how Fanal works: only how it is built, checked and started.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a task runner talks to the person in front of the terminal"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tasks read the environment and the clock of the machine they run on"
)]

mod bench;
mod gen_files;
mod prepare;
mod process;
mod run;
mod test;
mod tidy;
mod typescript;

use std::process::ExitCode;

use anyhow::{Result, bail};

/// Every task with its one-line help; the documents are checked against this table.
const TASKS: &[(&str, &str)] = &[
    ("demo [-- ARGS]", "build everything, start Fanal and a demo shop that sends it traffic"),
    ("run [-- ARGS]", "build everything, start Fanal alone"),
    ("build", "build the UI and the release binary"),
    (
        "test [--rust] [--ui] [--e2e [SUITE]...]",
        "install what the tests need, run them (default: all)",
    ),
    ("tidy", "check the house rules that a tool can check"),
    (
        "bench [--seconds N] [--spans N] [--recordings DIR]",
        "measure the release binary and print docs/benchmarks.md's table",
    ),
    ("gen [--check]", "write the generated files, or fail where one is out of date"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let Some((task, rest)) = arguments.split_first() else {
        println!("{}", usage());
        return Ok(());
    };
    match task.as_str() {
        "demo" => run::start("demo", &binary_arguments(rest)?),
        "run" => run::start("serve", &binary_arguments(rest)?),
        "build" => run::build_all().map(|_binary| ()),
        "test" => test::run(&test::Selection::parse(rest)?),
        "tidy" => tidy::run(),
        "bench" => bench::run(&bench::Options::parse(rest)?),
        "gen" => match rest {
            [] => gen_files::run(gen_files::Mode::Write),
            [flag] if flag == "--check" => gen_files::run(gen_files::Mode::Check),
            _ => bail!("gen takes no argument but --check"),
        },
        "help" | "--help" | "-h" => {
            println!("{}", usage());
            Ok(())
        }
        other => bail!("no task is called `{other}`\n\n{}", usage()),
    }
}

/// What follows `--` goes to the binary as it stands; anything before it is a mistake.
fn binary_arguments(rest: &[String]) -> Result<Vec<String>> {
    match rest.split_first() {
        None => Ok(Vec::new()),
        Some((separator, arguments)) if separator == "--" => Ok(arguments.to_vec()),
        Some((other, _)) => bail!("unexpected `{other}`: put arguments of the binary after `--`"),
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask TASK\n");
    for (task, help) in TASKS {
        text.push_str("\n  ");
        text.push_str(task);
        text.push_str("\n      ");
        text.push_str(help);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn arguments_of_the_binary_follow_two_dashes() {
        assert_eq!(binary_arguments(&[]).unwrap(), Vec::<String>::new());
        assert_eq!(
            binary_arguments(&strings(&["--", "--data-dir", "x"])).unwrap(),
            ["--data-dir", "x"]
        );
        assert!(binary_arguments(&strings(&["--data-dir"])).is_err());
    }

    #[test]
    fn an_unknown_task_is_answered_with_the_list() {
        let error = dispatch(&strings(&["frobnicate"])).unwrap_err().to_string();
        assert!(error.contains("frobnicate") && error.contains("tidy"), "{error}");
    }
}
