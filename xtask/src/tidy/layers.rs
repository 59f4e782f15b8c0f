//! Who may import whom: `layers.toml` against the manifest of every crate of the workspace.
//!
//! The table is the architecture. A crate that is missing in it, or that imports what its line does
//! not name, is a problem; so is a crate that does not inherit the workspace's lints.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{Problem, SourceFile};

/// Where the table is.
pub(super) const FILE: &str = "layers.toml";

/// Stands for every crate.
const ANY: &str = "*";

/// The content of `layers.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Layers {
    /// Crates that a crate may import, by the importing crate.
    may_import: BTreeMap<String, Vec<String>>,
    /// What its tests may import besides; `*` holds for every crate.
    tests_may_also_import: BTreeMap<String, Vec<String>>,
}

impl Layers {
    pub(super) fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).with_context(|| format!("cannot read {FILE}"))
    }

    fn tests_may_import(&self, importer: &str, imported: &str) -> bool {
        [ANY, importer]
            .iter()
            .filter_map(|name| self.tests_may_also_import.get(*name))
            .any(|allowed| names(allowed, imported))
    }
}

/// What the rules ask of a `Cargo.toml`.
#[derive(Debug)]
pub(super) struct Manifest {
    path: String,
    text: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
struct Content {
    package: Package,
    lints: Option<Lints>,
    #[serde(flatten)]
    dependencies: Dependencies,
    #[serde(default)]
    target: BTreeMap<String, Dependencies>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Lints {
    #[serde(default)]
    workspace: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Dependencies {
    #[serde(default, rename = "dependencies")]
    normal: toml::Table,
    #[serde(default, rename = "build-dependencies")]
    build: toml::Table,
    #[serde(default, rename = "dev-dependencies")]
    tests: toml::Table,
}

impl Manifest {
    /// The manifests of the workspace's members.
    pub(super) fn all(files: &[SourceFile]) -> Result<Vec<Self>> {
        files.iter().filter(|file| is_member(&file.path)).map(Self::parse).collect()
    }

    pub(super) fn name(&self) -> &str {
        &self.content.package.name
    }

    fn parse(file: &SourceFile) -> Result<Self> {
        let content =
            toml::from_str(&file.text).with_context(|| format!("cannot read {}", file.path))?;
        Ok(Self { path: file.path.clone(), text: file.text.clone(), content })
    }

    fn sections(&self) -> impl Iterator<Item = &Dependencies> {
        std::iter::once(&self.content.dependencies).chain(self.content.target.values())
    }

    fn problem(&self, name: &str, message: String) -> Problem {
        let line = self.text.lines().position(|line| line.starts_with(name)).unwrap_or_default();
        Problem::new(&self.path, line + 1, message)
    }
}

pub(super) fn check(layers: &Layers, manifests: &[Manifest]) -> Vec<Problem> {
    let ours: Vec<&str> = manifests.iter().map(Manifest::name).collect();
    let mut problems = Vec::new();
    for listed in layers.may_import.keys().filter(|name| !ours.contains(&name.as_str())) {
        let message = format!("`{listed}` is no crate of the workspace: remove its line");
        problems.push(Problem::new(FILE, 1, message));
    }
    for manifest in manifests {
        if !manifest.content.lints.as_ref().is_some_and(|lints| lints.workspace) {
            let message = "the workspace's lints do not hold here: add `[lints] workspace = true`";
            problems.push(manifest.problem("[lints]", message.to_owned()));
        }
        match layers.may_import.get(manifest.name()) {
            Some(allowed) => problems.extend(imports(layers, manifest, allowed, &ours)),
            None => {
                let message =
                    format!("`{}` has no line in {FILE}: say what it may import", manifest.name());
                problems.push(manifest.problem("name", message));
            }
        }
    }
    problems
}

fn imports(
    layers: &Layers,
    manifest: &Manifest,
    allowed: &[String],
    ours: &[&str],
) -> Vec<Problem> {
    let importer = manifest.name();
    let mut problems = Vec::new();
    for section in manifest.sections() {
        let normal = section.normal.keys().chain(section.build.keys());
        for name in normal.filter(|name| ours.contains(&name.as_str())) {
            if !names(allowed, name) {
                let message = format!(
                    "`{importer}` may not import `{name}`: turn the dependency round, or change {FILE} with a reason"
                );
                problems.push(manifest.problem(name, message));
            }
        }
        for name in section.tests.keys().filter(|name| ours.contains(&name.as_str())) {
            if !names(allowed, name) && !layers.tests_may_import(importer, name) {
                let message = format!(
                    "the tests of `{importer}` may not import `{name}`: move the test to the crate that may, or change {FILE} with a reason"
                );
                problems.push(manifest.problem(name, message));
            }
        }
    }
    problems
}

fn names(allowed: &[String], name: &str) -> bool {
    allowed.iter().any(|allowed| allowed == ANY || allowed == name)
}

fn is_member(path: &str) -> bool {
    let folders: Vec<&str> = path.split('/').collect();
    matches!(folders[..], ["crates" | "lib", _, "Cargo.toml"] | ["xtask", "Cargo.toml"])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, file};
    use super::*;

    const LAYERS: &str = r#"
        [may-import]
        low = []
        high = ["low"]
        kit = []
        [tests-may-also-import]
        "*" = ["kit"]
        low = ["high"]
    "#;

    fn manifest(name: &str, rest: &str) -> SourceFile {
        file(
            &format!("crates/{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\n[lints]\nworkspace = true\n{rest}"),
        )
    }

    fn check(changed: SourceFile, expect: &[&str]) {
        let mut files: Vec<SourceFile> =
            ["low", "high", "kit"].iter().map(|name| manifest(name, "")).collect();
        files.retain(|file| file.path != changed.path);
        files.push(changed);
        let manifests = Manifest::all(&files).unwrap();
        testing::check(&super::check(&Layers::parse(LAYERS).unwrap(), &manifests), expect);
    }

    #[test]
    fn imports_follow_the_table() {
        check(manifest("high", "[dependencies]\nlow.workspace = true\nother = \"1\"\n"), &[]);
        check(
            manifest("low", "[dependencies]\nhigh.workspace = true\n"),
            &["crates/low/Cargo.toml:6: `low` may not import `high`"],
        );
        check(
            manifest("low", "[build-dependencies]\nhigh.workspace = true\n"),
            &["crates/low/Cargo.toml:6: may not import"],
        );
        check(
            manifest("low", "[target.'cfg(unix)'.dependencies]\nhigh = { workspace = true }\n"),
            &["crates/low/Cargo.toml:6: may not import"],
        );
    }

    #[test]
    fn tests_may_import_more() {
        check(manifest("high", "[dev-dependencies]\nkit.workspace = true\n"), &[]);
        check(manifest("low", "[dev-dependencies]\nhigh.workspace = true\n"), &[]);
        check(
            manifest("kit", "[dev-dependencies]\nlow.workspace = true\n"),
            &["crates/kit/Cargo.toml:6: the tests of `kit` may not import `low`"],
        );
        check(
            manifest("high", "[dependencies]\nkit.workspace = true\n"),
            &["crates/high/Cargo.toml:6: may not import"],
        );
    }

    #[test]
    fn every_crate_has_a_line_and_every_line_a_crate() {
        check(manifest("new", ""), &["crates/new/Cargo.toml:2: no line in layers.toml"]);
        let manifests = Manifest::all(&[manifest("low", ""), manifest("kit", "")]).unwrap();
        testing::check(
            &super::check(&Layers::parse(LAYERS).unwrap(), &manifests),
            &["layers.toml:1: `high` is no crate"],
        );
    }

    #[test]
    fn lints_are_inherited() {
        let path = "crates/low/Cargo.toml";
        let expect = ["crates/low/Cargo.toml:1: lints do not hold"];
        check(file(path, "[package]\nname = \"low\"\n"), &expect);
        let own = "[package]\nname = \"low\"\n[lints.rust]\nunsafe_code = \"allow\"\n";
        check(file(path, own), &expect);
    }
}
