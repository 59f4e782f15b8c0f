//! `anyhow`, the environment and the terminal belong to programs, never to a library.
//!
//! A library that reads the environment or prints cannot be tested or embedded, and an untyped error
//! cannot decide a status code. Tests are left alone. Clippy bans the calls themselves; this rule
//! also sees imports, and it needs no build.

use super::{Problem, SourceFile, scan};

/// Folders of programs.
const PROGRAMS: &[&str] = &["crates/fanal/", "bench/", "xtask/"];

/// Words that a library must not say, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("anyhow", "libraries return their own `thiserror` types; only the binary uses anyhow"),
    ("std::env", "the environment is read by the binary alone: take the value as a parameter"),
    ("print!", "stdout belongs to the binary: return the text, or use `tracing`"),
    ("println!", "stdout belongs to the binary: return the text, or use `tracing`"),
    ("eprint!", "stderr belongs to the binary: return an error, or use `tracing`"),
    ("eprintln!", "stderr belongs to the binary: return an error, or use `tracing`"),
];

pub(super) fn check(file: &SourceFile) -> Vec<Problem> {
    let is_program = PROGRAMS.iter().any(|folder| file.path.starts_with(folder));
    let is_build_script = file.path.ends_with("/build.rs");
    if !file.has_extension(&["rs"]) || file.is_test() || is_program || is_build_script {
        return Vec::new();
    }
    let code = scan::scan(&file.text).code;
    let mut problems = Vec::new();
    for (word, advice) in BANNED {
        for at in scan::words(&code, word) {
            let message = format!("`{word}` in a library: {advice}");
            problems.push(Problem::new(&file.path, scan::line_of(&code, at), message));
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
    fn libraries_say_none_of_the_words() {
        let path = "crates/fanal-base/src/lib.rs";
        check(path, "use anyhow::Result;\n", &["crates/fanal-base/src/lib.rs:1: anyhow"]);
        check(path, "\nlet a = std::env::var(b);\n", &["crates/fanal-base/src/lib.rs:2: std::env"]);
        check(path, "println!(\"a\");", &["crates/fanal-base/src/lib.rs:1: stdout"]);
        check(path, "eprintln!(\"a\");", &["crates/fanal-base/src/lib.rs:1: stderr"]);
    }

    #[test]
    fn comments_strings_tests_and_programs_may() {
        check("crates/fanal-base/src/lib.rs", "// println!\nlet a = \"std::env\";\n", &[]);
        check("crates/fanal-base/src/lib.rs", "#[cfg(test)]\nmod tests { println!(); }\n", &[]);
        check("crates/fanal-base/tests/a.rs", "println!();\n", &[]);
        check("crates/fanal/src/main.rs", "println!();\n", &[]);
        check("crates/fanal-server/build.rs", "use std::env;\n", &[]);
    }
}
