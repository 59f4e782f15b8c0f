//! `cargo xtask tidy`: the house rules that a tool can hold, so that no reviewer has to.
//!
//! Reads every file that git tracks or would track and hands it to the rules, one module each. A
//! rule is a pure function from text to problems, so that its tests show it failing on bad input.
//! Every problem names a line and says what to do.

mod bans;
mod documents;
mod headers;
mod layers;
mod markers;
mod scan;
mod size;
mod tracked;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::process::{command, output, repository};

/// One breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    path: String,
    /// From 1.
    line: usize,
    /// What is wrong, and what to do.
    message: String,
}

impl Problem {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// A tracked text file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// From the root, with slashes.
    path: String,
    text: String,
}

impl SourceFile {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        Path::new(&self.path)
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| extensions.contains(&extension))
    }

    /// Written by `cargo xtask gen`, and so held by its check instead of these rules.
    fn is_generated(&self) -> bool {
        self.text.lines().take(5).any(|line| {
            line.contains("enerated by `cargo xtask gen`")
                || line.contains("enerated by cargo xtask")
        })
    }

    /// Test code by its place: the caps and bans leave it alone.
    fn is_test(&self) -> bool {
        let path = Path::new(&self.path);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let folders = ["tests", "benches", "examples", "e2e", "fuzz", "testdata"];
        stem == "tests"
            || stem.ends_with("_tests")
            || [".test", ".spec", ".e2e"].iter().any(|suffix| stem.ends_with(suffix))
            || self.path.split('/').rev().skip(1).any(|folder| folders.contains(&folder))
    }
}

/// Checks the whole repository; an error counts the problems that were printed.
pub(crate) fn run() -> Result<()> {
    let root = repository();
    let paths = tracked_paths(&root)?;
    let files = read_texts(&root, &paths)?;
    let manifests = layers::Manifest::all(&files)?;
    let layers = layers::Layers::parse(&text_of(&files, layers::FILE)?)?;
    let exceptions = size::Exceptions::parse(&text_of(&files, size::FILE)?)?;
    let earlier = earlier_exceptions(&root)?;

    let mut problems = tracked::check(&root, &paths)?;
    problems.extend(layers::check(&layers, &manifests));
    problems.extend(size::check(&files, &exceptions));
    problems.extend(size::check_only_shrinks(&exceptions, &earlier));
    for file in &files {
        problems.extend(headers::check(file));
        problems.extend(bans::check(file));
        problems.extend(markers::check(file));
        problems.extend(tracked::check_lock(file));
    }
    let tasks: Vec<&str> =
        crate::TASKS.iter().filter_map(|(task, _)| task.split(' ').next()).collect();
    let packages: Vec<&str> = manifests.iter().map(layers::Manifest::name).collect();
    problems.extend(documents::check(&files, &paths, &packages, &tasks));

    problems.sort();
    problems.dedup();
    for problem in &problems {
        println!("{problem}");
    }
    if !problems.is_empty() {
        bail!("tidy found {} problems", problems.len());
    }
    println!("tidy: {} files hold every rule", paths.len());
    Ok(())
}

/// Files that git tracks or would track, as they lie on disk.
fn tracked_paths(root: &Path) -> Result<BTreeSet<String>> {
    let listed = output(command("git", root).args([
        "-c",
        "core.quotePath=false",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    Ok(listed.lines().filter(|path| root.join(path).is_file()).map(str::to_owned).collect())
}

fn read_texts(root: &Path, paths: &BTreeSet<String>) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    for path in paths {
        let bytes = match fs::read(root.join(path)) {
            Ok(bytes) => bytes,
            // Someone may delete a file while the list is being walked.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        };
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(SourceFile { path: path.clone(), text });
        }
    }
    Ok(files)
}

fn text_of(files: &[SourceFile], path: &str) -> Result<String> {
    let file = files.iter().find(|file| file.path == path);
    file.map(|file| file.text.clone()).with_context(|| format!("{path} is missing"))
}

/// The exceptions of earlier commits, newest first, as far as this clone knows them.
fn earlier_exceptions(root: &Path) -> Result<Vec<size::Exceptions>> {
    let commits = output(command("git", root).args(["log", "--format=%H", "--", size::FILE]))?;
    let mut earlier = Vec::new();
    for commit in commits.lines() {
        let revision = format!("{commit}:{}", size::FILE);
        let shown = command("git", root).args(["show", &revision]).output()?;
        if shown.status.success() {
            earlier.push(size::Exceptions::parse(&String::from_utf8_lossy(&shown.stdout))?);
        }
    }
    Ok(earlier)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Problem, SourceFile};

    /// A file for a rule's test.
    pub(crate) fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    /// Compares problems with `path:line: part of the message`.
    pub(crate) fn check(problems: &[Problem], expect: &[&str]) {
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let matches = shown.len() == expect.len()
            && shown.iter().zip(expect).all(|(shown, expect)| {
                let (place, part) = expect.split_once(' ').unwrap_or((expect, ""));
                shown.starts_with(place) && shown.contains(part)
            });
        assert!(matches, "got {shown:#?}, expected {expect:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::testing::file;

    #[test]
    fn tests_are_known_by_their_place() {
        for path in ["crates/a/tests/b.rs", "a/src/tests.rs", "ui/src/a.test.ts", "e2e/a/run.py"] {
            assert!(file(path, "").is_test(), "{path}");
        }
        for path in ["crates/a/src/lib.rs", "crates/fanal-testkit/src/shop.rs", "ui/src/a.ts"] {
            assert!(!file(path, "").is_test(), "{path}");
        }
    }

    #[test]
    fn generated_files_are_known_by_their_first_lines() {
        assert!(file("a.ts", "// Generated by `cargo xtask gen`; do not edit.\n").is_generated());
        assert!(!file("a.ts", "// Written by hand.\n").is_generated());
    }
}
