//! Caps on the length of files and functions, with a list of exceptions that only shrinks.
//!
//! A long file has several subjects; a long function hides its steps. `tidy.toml` names what is
//! longer for a reason, with its exact length: when the thing shrinks its number must follow, and no
//! number may ever rise. Tests and generated files are left alone.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Problem, SourceFile, scan};

/// Where the exceptions are listed.
pub(super) const FILE: &str = "tidy.toml";

/// Longest file, in lines outside tests.
const FILE_LINES_MAX: usize = 500;
/// Longest function, from `fn` to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Languages whose files are measured.
const MEASURED: &[&str] = &["rs", "ts", "tsx", "js", "mjs", "css", "py", "sh"];

/// The content of `tidy.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exceptions {
    #[serde(default)]
    file: Vec<Exception>,
    #[serde(default)]
    function: Vec<Exception>,
}

/// Something that is longer than its cap for a reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    /// Of a function; absent for a file.
    #[serde(default)]
    name: String,
    lines: usize,
    reason: String,
}

impl Exceptions {
    pub(super) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).with_context(|| format!("cannot read {FILE}"))
    }
}

/// A file or function that was measured.
struct Measured<'a> {
    path: &'a str,
    /// Of a function; empty for a file.
    name: String,
    line: usize,
    lines: usize,
}

pub(super) fn check(files: &[SourceFile], exceptions: &Exceptions) -> Vec<Problem> {
    let (mut long_files, mut long_functions) = (Vec::new(), Vec::new());
    for file in files
        .iter()
        .filter(|file| file.has_extension(MEASURED) && !file.is_test() && !file.is_generated())
    {
        let (length, functions) = measure(file);
        if length.lines > FILE_LINES_MAX {
            long_files.push(length);
        }
        long_functions
            .extend(functions.into_iter().filter(|function| function.lines > FUNCTION_LINES_MAX));
    }
    let mut problems = compare(&long_files, &exceptions.file, FILE_LINES_MAX);
    problems.extend(compare(&long_functions, &exceptions.function, FUNCTION_LINES_MAX));
    problems
}

/// Refuses a number that is higher than in the commits before, `earlier` being newest first.
pub(super) fn check_only_shrinks(now: &Exceptions, earlier: &[Exceptions]) -> Vec<Problem> {
    let lists: [fn(&Exceptions) -> &Vec<Exception>; 2] = [|e| &e.file, |e| &e.function];
    let mut problems = Vec::new();
    for list in lists {
        for exception in list(now) {
            let before = earlier
                .iter()
                .map(|exceptions| list(exceptions).iter().find(|other| other.is_same(exception)))
                // An exception that was gone for a while begins anew.
                .map_while(|found| found.map(|other| other.lines))
                .min();
            if let Some(before) = before.filter(|before| *before < exception.lines) {
                let message = format!(
                    "`{}` was allowed {before} lines and may only shrink: split it instead of raising the number to {}",
                    exception.shown(),
                    exception.lines
                );
                problems.push(Problem::new(FILE, 1, message));
            }
        }
    }
    problems
}

fn measure(file: &SourceFile) -> (Measured<'_>, Vec<Measured<'_>>) {
    let path = file.path.as_str();
    let mut lines = file.text.lines().count();
    let mut functions = Vec::new();
    if file.has_extension(&["rs"]) {
        let scanned = scan::scan(&file.text);
        lines -= scanned.test_lines.min(lines);
        for function in scan::functions(&scanned.code) {
            let scan::Function { name, line, lines } = function;
            functions.push(Measured { path, name, line, lines });
        }
    }
    (Measured { path, name: String::new(), line: 1, lines }, functions)
}

/// Things over the cap against the exceptions, in both directions.
fn compare(long: &[Measured<'_>], exceptions: &[Exception], cap: usize) -> Vec<Problem> {
    let mut problems = Vec::new();
    for thing in long {
        match exceptions.iter().find(|exception| exception.covers(thing)) {
            None => problems.push(too_long(thing, cap, "split it by subject")),
            Some(exception) if thing.lines > exception.lines => {
                problems.push(too_long(thing, exception.lines, "its exception may only shrink"));
            }
            Some(exception) if thing.lines < exception.lines => {
                let message = format!(
                    "`{}` shrank to {} lines: lower its number from {}",
                    exception.shown(),
                    thing.lines,
                    exception.lines
                );
                problems.push(Problem::new(FILE, 1, message));
            }
            Some(_) => {}
        }
    }
    for exception in exceptions {
        if !long.iter().any(|thing| exception.covers(thing)) {
            let message = format!("`{}` needs no exception any more: remove it", exception.shown());
            problems.push(Problem::new(FILE, 1, message));
        }
        if exception.reason.trim().is_empty() {
            let message = format!("the exception of `{}` needs a reason", exception.shown());
            problems.push(Problem::new(FILE, 1, message));
        }
    }
    problems
}

fn too_long(thing: &Measured<'_>, allowed: usize, advice: &str) -> Problem {
    let what = if thing.name.is_empty() {
        "file".to_owned()
    } else {
        format!("function `{}`", thing.name)
    };
    let message = format!("{what} has {} lines, {allowed} are allowed: {advice}", thing.lines);
    Problem::new(thing.path, thing.line, message)
}

impl Exception {
    fn covers(&self, thing: &Measured<'_>) -> bool {
        self.path == thing.path && self.name == thing.name
    }

    fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.name == other.name
    }

    fn shown(&self) -> String {
        if self.name.is_empty() {
            self.path.clone()
        } else {
            format!("{} in {}", self.name, self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, file};
    use super::*;

    fn check(path: &str, text: &str, exceptions: &str, expect: &[&str]) {
        let exceptions = Exceptions::parse(exceptions).unwrap();
        testing::check(&super::check(&[file(path, text)], &exceptions), expect);
    }

    fn function(lines: usize) -> String {
        format!("\nfn long() {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    fn exception(lines: usize, reason: &str) -> String {
        format!(
            "[[function]]\npath = \"a/src/b.rs\"\nname = \"long\"\nlines = {lines}\nreason = \"{reason}\"\n"
        )
    }

    #[test]
    fn long_files_are_found() {
        check("a/src/b.rs", &"a;\n".repeat(500), "", &[]);
        check("a/src/b.rs", &"a;\n".repeat(501), "", &["a/src/b.rs:1: file has 501 lines, 500"]);
        check("ui/src/a.css", &"a\n".repeat(501), "", &["ui/src/a.css:1: 501 lines"]);
        check("a/tests/b.rs", &"a;\n".repeat(501), "", &[]);
        check("ui/src/a.test.ts", &"a;\n".repeat(501), "", &[]);
        let generated = format!("// Generated by `cargo xtask gen`.\n{}", "a;\n".repeat(501));
        check("ui/src/a.ts", &generated, "", &[]);
    }

    #[test]
    fn tests_do_not_count() {
        let tail = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "a;\n".repeat(300));
        check("a/src/b.rs", &format!("{}{tail}", "a;\n".repeat(500)), "", &[]);
        let tail = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90));
        check("a/src/b.rs", &tail, "", &[]);
    }

    #[test]
    fn long_functions_are_found() {
        check("a/src/b.rs", &function(70), "", &[]);
        check("a/src/b.rs", &function(71), "", &["a/src/b.rs:2: function `long` has 71 lines, 70"]);
        check("a/tests/b.rs", &function(71), "", &[]);
    }

    #[test]
    fn exceptions_are_exact_and_reasoned() {
        let path = "a/src/b.rs";
        check(path, &function(80), &exception(80, "a table"), &[]);
        check(path, &function(81), &exception(80, "a table"), &["a/src/b.rs:2: only shrink"]);
        check(path, &function(79), &exception(80, "a table"), &["tidy.toml:1: shrank to 79"]);
        check(path, &function(70), &exception(80, "a table"), &["tidy.toml:1: remove it"]);
        check(path, &function(80), &exception(80, " "), &["tidy.toml:1: needs a reason"]);
    }

    #[test]
    fn exceptions_only_shrink() {
        let parse = |lines: usize| Exceptions::parse(&exception(lines, "a table")).unwrap();
        let check = |now: usize, earlier: &[Exceptions], expect: &[&str]| {
            testing::check(&check_only_shrinks(&parse(now), earlier), expect);
        };
        check(80, &[], &[]);
        check(80, &[parse(80), parse(90)], &[]);
        check(85, &[parse(80), parse(90)], &["tidy.toml:1: allowed 80 lines and may only shrink"]);
        check(85, &[parse(85), parse(80)], &["tidy.toml:1: allowed 80 lines"]);
        check(85, &[Exceptions::default(), parse(80)], &[]);
    }

    #[test]
    fn unknown_fields_are_refused() {
        assert!(Exceptions::parse("[[files]]\npath = \"a\"\n").is_err());
    }
}
