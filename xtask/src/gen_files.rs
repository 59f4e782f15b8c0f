//! `cargo xtask gen`: writes the files that follow from the code, or checks that they do.
//!
//! The binary prints its own reference (`fanal gen NAME`); the UI's types follow from its `OpenAPI`
//! document. The files are tracked so that a reader of the repository and a pull request's diff show
//! them; `gen --check` in CI keeps them true.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{self, cargo, command, output, repository, target_folder};
use crate::typescript;

/// What `fanal gen` prints, and the page that holds it.
const PRINTED: &[(&str, &str)] = &[
    ("openapi", "docs/openapi.json"),
    ("config", "docs/configuration.md"),
    ("metrics", "docs/metrics.md"),
    ("cli", "docs/cli.md"),
];

/// Where the UI's types are.
const TYPES: &str = "ui/src/api/types.ts";

/// What to do with the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

/// Builds the binary in the profile of the tests and brings every file up to date, or checks it.
pub(crate) fn run(mode: Mode) -> Result<()> {
    let binary = build(mode)?;
    let mut files = Vec::new();
    for (name, path) in PRINTED {
        let printed = output(command(&binary, &repository()).args(["gen", name]))
            .with_context(|| format!("{path} comes from `fanal gen {name}`"))?;
        if *name == "openapi" {
            let types =
                typescript::emit(&printed).with_context(|| format!("cannot make {TYPES}"))?;
            files.push((TYPES, types));
        }
        files.push((*path, printed));
    }
    match mode {
        Mode::Write => files.iter().try_for_each(|(path, text)| write(path, text)),
        Mode::Check => check(&files),
    }
}

fn build(mode: Mode) -> Result<PathBuf> {
    let what: &[&str] = match mode {
        Mode::Write => &["--package", "fanal"],
        // Exactly what the tests are built from: the features of dependencies follow from what is
        // built, so the binary alone would have CI build half of them twice.
        Mode::Check => &["--workspace", "--all-targets"],
    };
    process::run(cargo().args(["build", "--quiet"]).args(what))?;
    Ok(target_folder().join("debug/fanal"))
}

fn write(path: &str, text: &str) -> Result<()> {
    let file = repository().join(path);
    if fs::read_to_string(&file).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::create_dir_all(file.parent().unwrap_or(Path::new("")))?;
    fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
    println!("wrote {path}");
    Ok(())
}

fn check(files: &[(&str, String)]) -> Result<()> {
    let mut stale = 0;
    for (path, text) in files {
        let present = fs::read_to_string(repository().join(path)).unwrap_or_default();
        if let Some(line) = first_difference(&present, text) {
            println!("{path}:{line}: differs from the code: run `cargo xtask gen` and commit it");
            stale += 1;
        }
    }
    if stale > 0 {
        bail!("{stale} generated files are out of date");
    }
    println!("gen: {} files follow from the code", files.len());
    Ok(())
}

/// Line, from 1, where two texts part.
fn first_difference(present: &str, wanted: &str) -> Option<usize> {
    if present == wanted {
        return None;
    }
    let same = present.lines().zip(wanted.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn the_first_difference_is_found() {
        let rows = [
            ("a\nb\n", "a\nb\n", None),
            ("a\nb\n", "a\nc\n", Some(2)),
            ("", "a\n", Some(1)),
            ("a\n", "a\nb\n", Some(2)),
            ("a\n", "a", Some(2)),
        ];
        for (present, wanted, expect) in rows {
            assert_eq!(first_difference(present, wanted), expect, "{present:?} {wanted:?}");
        }
    }
}
