//! Every source file says at its top what it is for, in ten lines at most.
//!
//! Rust files with `//!`, the UI's TypeScript with a comment.

use super::{Problem, SourceFile};

/// Longest header of a Rust file.
const HEADER_LINES_MAX: usize = 10;

pub(super) fn check(file: &SourceFile) -> Vec<Problem> {
    let problem = if file.has_extension(&["rs"]) {
        rust_header(&file.text)
    } else if file.path.starts_with("ui/src/") && file.has_extension(&["ts", "tsx"]) {
        typescript_header(&file.text)
    } else {
        None
    };
    problem.into_iter().map(|(line, message)| Problem::new(&file.path, line, message)).collect()
}

fn rust_header(text: &str) -> Option<(usize, String)> {
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    if header.iter().all(|line| line.trim_start_matches("//!").trim().is_empty()) {
        return Some((
            1,
            "no `//!` header: begin the file with what it is for, who feeds it and who reads it"
                .to_owned(),
        ));
    }
    (header.len() > HEADER_LINES_MAX).then(|| {
        let message = format!(
            "the `//!` header has {} lines, {HEADER_LINES_MAX} are allowed: shorten it, or move detail to docs/",
            header.len()
        );
        (HEADER_LINES_MAX + 1, message)
    })
}

fn typescript_header(text: &str) -> Option<(usize, String)> {
    let is_directive = |line: &str| line.starts_with("/// <") || line.starts_with("// @");
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !is_directive(line));
    let has_header = first.is_some_and(|line| line.starts_with("//") || line.starts_with("/*"));
    (!has_header).then(|| {
        (1, "no header comment: begin the file with what it is for and what it keeps".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing;

    fn check(path: &str, text: &str, expect: &[&str]) {
        testing::check(&super::check(&testing::file(path, text)), expect);
    }

    #[test]
    fn rust_files_need_a_header() {
        check("a/src/lib.rs", "//! What it is for.\n\nfn a() {}\n", &[]);
        check("a/src/lib.rs", "fn a() {}\n", &["a/src/lib.rs:1: no `//!` header"]);
        check("a/src/lib.rs", "// Not a header.\n", &["a/src/lib.rs:1: no `//!` header"]);
        check("a/src/lib.rs", "//!\n//!\nfn a() {}\n", &["a/src/lib.rs:1: no `//!` header"]);
    }

    #[test]
    fn the_header_is_short() {
        check("a/src/lib.rs", &"//! a\n".repeat(10), &[]);
        check("a/src/lib.rs", &"//! a\n".repeat(11), &["a/src/lib.rs:11: has 11 lines"]);
    }

    #[test]
    fn typescript_of_the_ui_needs_a_header() {
        check("ui/src/a.ts", "// What it is for.\nexport {}\n", &[]);
        check("ui/src/a.tsx", "/** What it is for. */\nexport {}\n", &[]);
        check("ui/src/a.test.ts", "// @vitest-environment x\n// What.\n", &[]);
        check("ui/src/a.ts", "export {}\n", &["ui/src/a.ts:1: no header"]);
        check("ui/src/a.ts", "// @ts-check\nexport {}\n", &["ui/src/a.ts:1: no header"]);
        check("ui/vite.config.ts", "export {}\n", &[]);
    }
}
