//! What must not be left lying in any text: paths of one person's machine, and nameless to-dos.
//!
//! A path under a home folder works for nobody else. A to-do without an issue is a wish that nobody
//! will find again. Rust is asked about to-dos in its comments only, other languages anywhere.

use super::{Problem, SourceFile, scan};

/// Top folders of an absolute path that belongs to one machine.
const PRIVATE_FOLDERS: &[&str] = &["home", "root", "Users", "work", "workspace", "workspaces"];

/// Words that stand for work left undone.
const UNDONE: &[&str] = &["TODO", "FIXME"];

pub(super) fn check(file: &SourceFile) -> Vec<Problem> {
    let is_data = file.path.split('/').any(|folder| folder == "testdata" || folder == "captures");
    if is_data || file.has_extension(&["lock", "svg"]) || file.path.ends_with("package-lock.json") {
        return Vec::new();
    }
    let mut problems = private_paths(file);
    if file.has_extension(&["rs"]) {
        problems.extend(nameless(&file.path, &scan::scan(&file.text).comments));
    } else {
        problems.extend(nameless(&file.path, &file.text));
    }
    problems
}

fn private_paths(file: &SourceFile) -> Vec<Problem> {
    let mut problems = Vec::new();
    for folder in PRIVATE_FOLDERS {
        let needle = format!("/{folder}/");
        for (at, _) in file.text.match_indices(&needle) {
            let before = file.text[..at].chars().next_back();
            // Part of a longer path, of an address, or of a pattern.
            let continues = before.is_some_and(|c| c.is_alphanumeric() || "._-~$}*/:".contains(c));
            let named = file.text[at + needle.len()..].starts_with(|c: char| c.is_alphanumeric());
            if !continues && named {
                let message = format!(
                    "`{needle}…` exists on one machine only: use a path relative to the repository"
                );
                problems.push(Problem::new(&file.path, scan::line_of(&file.text, at), message));
            }
        }
    }
    problems
}

fn nameless(path: &str, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for word in UNDONE {
        for at in scan::words(text, word) {
            let after = text[at + word.len()..].trim_start_matches(['(', ' ']);
            let issue = after.strip_prefix('#').unwrap_or_default();
            if !issue.starts_with(|c: char| c.is_ascii_digit()) {
                let message =
                    format!("{word} without an issue: do it now, or write `{word}(#number)`");
                problems.push(Problem::new(path, scan::line_of(text, at), message));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::super::testing;

    fn check(path: &str, text: &str, expect: &[&str]) {
        testing::check(&super::check(&testing::file(path, text)), expect);
    }

    #[test]
    fn paths_of_one_machine_are_found() {
        for folder in super::PRIVATE_FOLDERS {
            let text = format!("first\nsee `/{folder}/someone/notes`\n");
            check("docs/a.md", &text, &["docs/a.md:2: one machine only"]);
        }
        for text in ["see e2e/home/a", "http://localhost/home/a", "$X/home/a", "GET /home/"] {
            check("docs/a.md", text, &[]);
        }
    }

    #[test]
    fn undone_work_needs_an_issue() {
        for word in super::UNDONE {
            let expect = ["a.rs:2: without an issue"];
            check("a.rs", &format!("a;\n// {word}: later\n"), &expect);
            check("a.rs", &format!("a;\n// {word}(someone) later\n"), &expect);
            check("a.rs", &format!("a;\nlet a = \"{word}\";\n"), &[]);
            check("a.rs", &format!("// {word}(#12): later\n// {word} #3\n"), &[]);
            check("a.sh", &format!("# {word} later\n"), &["a.sh:1: without an issue"]);
            check("a.sh", &format!("# {word}LIST\n"), &[]);
        }
    }
}
