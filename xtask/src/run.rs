//! Builds the UI and the release binary, and starts it in place of this process.
//!
//! Behind `demo`, `run` and `build`, and the test task before its end-to-end suites. The UI is built
//! first because the binary carries it inside. Signals reach the binary itself, so Ctrl-C shuts it
//! down as it would in production.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::prepare;
use crate::process::{cargo, command, repository, run, target_folder, title};

/// Builds everything, then becomes `fanal SUBCOMMAND ARGUMENTS`.
pub(crate) fn start(subcommand: &str, arguments: &[String]) -> Result<()> {
    let binary = build_all()?;
    title(&format!("fanal {subcommand}"));
    let error = command(&binary, &std::env::current_dir()?).arg(subcommand).args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// The UI, then the release binary with it inside; returns the binary's path.
pub(crate) fn build_all() -> Result<PathBuf> {
    build_ui()?;
    build_binary()
}

/// `npm run build` in `ui/`, which writes `ui/dist`, where what it is built from has changed.
///
/// A build writes every file anew, and the binary around them too, so an idle one would cost a minute.
pub(crate) fn build_ui() -> Result<()> {
    let ui = repository().join("ui");
    prepare::node_packages(&ui)?;
    let stamp = target_folder().join("ui-built-from.txt");
    let inputs = inputs(&ui)?;
    let is_built = ui.join("dist/index.html").is_file();
    if is_built && fs::read_to_string(&stamp).is_ok_and(|earlier| earlier == inputs) {
        return Ok(());
    }
    title("UI");
    run(command("npm", &ui).args(["run", "build"]))?;
    fs::create_dir_all(target_folder())?;
    fs::write(&stamp, inputs).with_context(|| format!("cannot write {}", stamp.display()))
}

/// A line for each file that the UI is built from: its path, size and time.
fn inputs(ui: &Path) -> Result<String> {
    let mut lines = Vec::new();
    let mut folders = vec![ui.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                let is_input = !["node_modules", "dist", "e2e"].contains(&name);
                folders.extend(is_input.then_some(path));
            } else {
                let metadata = fs::metadata(&path)?;
                lines.push(format!(
                    "{} {} {:?}\n",
                    path.display(),
                    metadata.len(),
                    metadata.modified()?
                ));
            }
        }
    }
    lines.sort();
    Ok(lines.concat())
}

/// The release binary.
pub(crate) fn build_binary() -> Result<PathBuf> {
    title("release binary (the first build takes some minutes)");
    run(cargo().args(["build", "--release", "--package", "fanal"]))?;
    Ok(target_folder().join("release/fanal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ui_is_built_from_is_told_apart() {
        let ui = std::env::temp_dir().join(format!("xtask-inputs-{}", std::process::id()));
        fs::create_dir_all(ui.join("src")).unwrap();
        fs::create_dir_all(ui.join("node_modules")).unwrap();
        fs::write(ui.join("src/a.ts"), "1").unwrap();
        let before = inputs(&ui).unwrap();
        fs::write(ui.join("node_modules/b.js"), "1").unwrap();
        assert_eq!(inputs(&ui).unwrap(), before);
        fs::write(ui.join("src/a.ts"), "12").unwrap();
        let changed = inputs(&ui).unwrap();
        assert_ne!(changed, before);
        fs::write(ui.join("src/c.ts"), "1").unwrap();
        assert_ne!(inputs(&ui).unwrap(), changed);
        fs::remove_dir_all(&ui).unwrap();
    }
}
