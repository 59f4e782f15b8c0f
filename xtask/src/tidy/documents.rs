//! Documents against the repository: links, crate names and tasks that they mention must exist.
//!
//! A document that names what is gone misleads longer than no document. Here is what can be compared
//! without running anything; pages that state more than names are generated (`cargo xtask gen`).

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::{Problem, SourceFile, scan};

/// The document that names every crate.
const MAP: &str = "ARCHITECTURE.md";

/// Generated pages that other pages are compared with.
const CONFIGURATION: &str = "docs/configuration.md";
const METRICS: &str = "docs/metrics.md";

/// Names that begin like a crate's and are something else.
const NOT_CRATES: &[&str] = &["fanal-data", "fanal-ui"];

pub(super) fn check(
    files: &[SourceFile],
    paths: &BTreeSet<String>,
    packages: &[&str],
    tasks: &[&str],
) -> Vec<Problem> {
    let page = |path: &str| files.iter().find(|file| file.path == path);
    let mut problems = Vec::new();
    for file in files.iter().filter(|file| file.has_extension(&["md"])) {
        problems.extend(links(file, paths));
        if let Some(page) = page(CONFIGURATION) {
            problems.extend(unknown_ports(file, page));
            problems.extend(unknown_settings(file, page));
        }
        if let Some(page) = page(METRICS) {
            problems.extend(unknown_metrics(file, page, packages));
        }
        problems.extend(unknown_tasks(file, tasks));
        if file.path == MAP || file.path.ends_with("FORMAT.md") {
            problems.extend(unknown_crates(file, packages));
        }
        if file.path == MAP {
            problems.extend(missing_crates(file, packages));
        }
    }
    problems
}

/// Relative links must lead to a tracked file or folder.
fn links(file: &SourceFile, paths: &BTreeSet<String>) -> Vec<Problem> {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let mut problems = Vec::new();
    for (at, _) in file.text.match_indices("](") {
        let rest = &file.text[at + 2..];
        let target = rest.split([')', '#', ' ', '\n']).next().unwrap_or_default();
        if target.is_empty() || target.contains(':') || target.starts_with('<') {
            continue;
        }
        let wanted = normal(&folder.join(target));
        let inside = format!("{wanted}/");
        if !paths.iter().any(|path| *path == wanted || path.starts_with(&inside)) {
            let message = format!("the link leads to `{wanted}`, which is not there: correct it");
            problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
        }
    }
    problems
}

/// `cargo xtask NAME` must be a task.
fn unknown_tasks(file: &SourceFile, tasks: &[&str]) -> Vec<Problem> {
    const COMMAND: &str = "cargo xtask ";
    let mut problems = Vec::new();
    for (at, _) in file.text.match_indices(COMMAND) {
        let task: String = leading(&file.text[at + COMMAND.len()..], char::is_alphanumeric);
        if task.starts_with(char::is_lowercase) && !tasks.contains(&task.as_str()) {
            let message = format!("no task is called `{task}`: the tasks are {}", tasks.join(", "));
            problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
        }
    }
    problems
}

/// A port that a table begins a row with must be a default of the configuration.
fn unknown_ports(file: &SourceFile, configuration: &SourceFile) -> Vec<Problem> {
    let is_port = |cell: &&str| cell.len() >= 4 && cell.chars().all(|c| c.is_ascii_digit());
    let mut problems = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let port = line.strip_prefix("| ").and_then(|row| row.split(" |").next()).filter(is_port);
        if let Some(port) = port.filter(|port| !configuration.text.contains(&format!(":{port}`"))) {
            let message = format!("{CONFIGURATION} has no port {port}: correct it");
            problems.push(Problem::new(&file.path, index + 1, message));
        }
    }
    problems
}

/// What the guide writes like a setting must be one.
fn unknown_settings(file: &SourceFile, configuration: &SourceFile) -> Vec<Problem> {
    const ENDINGS: &[&str] = &["_seconds", "_micros", "_bytes_max", "_address"];
    let is_part = |c: char| c.is_ascii_lowercase() || "_.".contains(c);
    let is_guide = file.path == "README.md"
        || matches!(file.path.split_once('/'), Some(("docs", page)) if !page.contains('/'));
    let mut problems = Vec::new();
    for (at, _) in file.text.match_indices('`').filter(|_| is_guide) {
        let name = leading(&file.text[at + 1..], is_part);
        let is_closed = file.text[at + 1 + name.len()..].starts_with('`');
        let is_setting = is_closed && ENDINGS.iter().any(|ending| name.ends_with(ending));
        let is_metric = name.starts_with("fanal_") || name.starts_with("traces_");
        if is_setting && !is_metric && !configuration.text.contains(&format!("`{name}`")) {
            let message = format!("{CONFIGURATION} has no setting `{name}`: correct the name");
            problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
        }
    }
    problems
}

/// `fanal_…` must be a metric.
fn unknown_metrics(file: &SourceFile, metrics: &SourceFile, packages: &[&str]) -> Vec<Problem> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut problems = Vec::new();
    for (at, _) in file.text.match_indices("`fanal_") {
        let name = leading(&file.text[at + 1..], is_part);
        let is_crate = packages.contains(&name.replace('_', "-").as_str());
        if !is_crate && !metrics.text.contains(&name) {
            let message = format!("{METRICS} has no `{name}`: correct the name");
            problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
        }
    }
    problems
}

/// `fanal-…` must be a crate of the workspace.
fn unknown_crates(file: &SourceFile, packages: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, _) in file.text.match_indices("`fanal-") {
        let name = leading(&file.text[at + 1..], is_name);
        if !packages.contains(&name.as_str()) && !NOT_CRATES.contains(&name.as_str()) {
            let message = format!("`{name}` is no crate of the workspace: correct the name");
            problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
        }
    }
    problems
}

/// The map has every crate.
fn missing_crates(file: &SourceFile, packages: &[&str]) -> Vec<Problem> {
    let is_missing = |package: &&&str| {
        !file.text.contains(&format!("`{package}`"))
            && !file.text.contains(&format!("`crates/{package}`"))
    };
    let missing = packages.iter().filter(is_missing);
    missing
        .map(|package| {
            let message =
                format!("the map does not have `{package}`: say what it is for and who uses it");
            Problem::new(&file.path, 1, message)
        })
        .collect()
}

fn leading(text: &str, belongs: impl Fn(char) -> bool) -> String {
    text.chars().take_while(|c| belongs(*c)).collect()
}

fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> String {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                parts.pop();
            }
            Component::Normal(part) => parts.push(part),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    parts.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::testing::{self, file};

    fn check(path: &str, text: &str, expect: &[&str]) {
        let paths = ["README.md", "docs/a.md", "docs/adr/1.md"];
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let problems =
            super::check(&[file(path, text)], &paths, &["fanal", "fanal-base"], &["tidy"]);
        testing::check(&problems, expect);
    }

    fn check_pages(text: &str, expect: &[&str]) {
        let files = [
            file("README.md", text),
            file("docs/configuration.md", "| `ui.address` | `127.0.0.1:16686` |"),
            file("docs/metrics.md", "| `fanal_ingest_spans_total` |"),
        ];
        testing::check(&super::check(&files, &BTreeSet::new(), &["fanal-base"], &[]), expect);
    }

    #[test]
    fn ports_settings_and_metrics_exist() {
        check_pages("`ui.address` `service.name` `drain_seconds", &[]);
        check_pages("\n`drain_seconds`\n", &["README.md:2: no setting `drain_seconds`"]);
        check_pages("| 16686 | the UI |\n`fanal_ingest_spans_total` `fanal_base::Clock`\n", &[]);
        check_pages("\n| 4317 | gRPC |\n", &["README.md:2: no port 4317"]);
        check_pages("`fanal_ingest_span_total`", &["README.md:1: no `fanal_ingest_span_total`"]);
    }

    #[test]
    fn links_lead_somewhere() {
        check("README.md", "[a](docs/a.md) [b](docs/adr) [c](https://example.org/c)", &[]);
        check("docs/a.md", "[a](../README.md#part) [b](adr/1.md) [c](#part)", &[]);
        check("docs/a.md", "\n[a](b.md)", &["docs/a.md:2: leads to `docs/b.md`"]);
        check("README.md", "![a](docs/b.png)", &["README.md:1: leads to `docs/b.png`"]);
    }

    #[test]
    fn tasks_exist() {
        check("README.md", "`cargo xtask tidy` `cargo xtask TASK`", &[]);
        check("README.md", "\n\ncargo xtask frob\n", &["README.md:3: no task is called `frob`"]);
    }

    #[test]
    fn the_map_has_every_crate_and_no_other() {
        check("ARCHITECTURE.md", "`fanal` `crates/fanal-base` `fanal-data`", &[]);
        check("ARCHITECTURE.md", "`fanal`", &["ARCHITECTURE.md:1: does not have `fanal-base`"]);
        check(
            "ARCHITECTURE.md",
            "`fanal` `fanal-base`\n`fanal-gone`",
            &["ARCHITECTURE.md:2: `fanal-gone` is no crate"],
        );
        check("docs/FORMAT.md", "`fanal-gone`", &["docs/FORMAT.md:1: is no crate"]);
        check("README.md", "`fanal-gone`", &[]);
    }
}
