//! Installs what a build or a test needs, once, and again only when its lock file changed.
//!
//! Used by the run and test tasks. Node packages go to `node_modules` beside their lock file,
//! Python packages to a virtual environment under `target/`, Chromium comes from Debian's packages. What
//! it may not install itself it asks for in words that can be pasted into a terminal.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::process::{self, command, find_program, repository, run, target_folder, title};

/// Oldest Node.js that the UI's tools run on: major and minor version.
const NODE_VERSION_MIN: (u32, u32) = (20, 19);

/// Names under which Chromium and its relatives are installed.
const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Node packages of `folder` as its lock file has them.
pub(crate) fn node_packages(folder: &Path) -> Result<()> {
    check_node()?;
    let lock = folder.join("package-lock.json");
    let wanted = fs::read(&lock).with_context(|| {
        format!("cannot read {}: run `npm install` there and commit the lock", lock.display())
    })?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    title(&format!("npm ci in {}", shown(folder)));
    run(command("npm", folder).args(["ci", "--no-audit", "--no-fund"]))?;
    fs::create_dir_all(folder.join("node_modules"))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

/// The Python of a virtual environment that holds `e2e/requirements.txt`.
pub(crate) fn python() -> Result<PathBuf> {
    let environment = target_folder().join("e2e-venv");
    let python = environment.join("bin/python");
    let requirements = repository().join("e2e/requirements.txt");
    let wanted = fs::read(&requirements).unwrap_or_default();
    let stamp = environment.join("installed-requirements.txt");
    if python.is_file() && fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    title("Python environment for the end-to-end tests");
    if !python_can_make_environments() {
        apt_install(&["python3", "python3-venv"], "Python 3 with its venv module")?;
    }
    run(command("python3", &repository()).args(["-m", "venv", "--clear"]).arg(&environment))?;
    if !wanted.is_empty() {
        run(command(&python, &repository())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg("--requirement")
            .arg(&requirements))?;
    }
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(python)
}

/// Chromium, installed from Debian's packages where it is missing and that is allowed.
pub(crate) fn chromium() -> Result<PathBuf> {
    if let Some(found) = installed_chromium() {
        return Ok(found);
    }
    title("Chromium for the browser tests");
    apt_install(
        &["chromium", "fonts-liberation"],
        "Chromium (or set CHROMIUM to a browser's path)",
    )?;
    installed_chromium().context("Chromium was installed but is not on the PATH")
}

/// `CHROMIUM` where it is set, otherwise what the PATH holds.
pub(crate) fn installed_chromium() -> Option<PathBuf> {
    std::env::var_os("CHROMIUM")
        .map(PathBuf::from)
        .or_else(|| CHROMIUM_NAMES.iter().find_map(|name| find_program(name)))
}

fn check_node() -> Result<()> {
    let (major, minor) = NODE_VERSION_MIN;
    let advice = format!("install version {major}.{minor} or newer, then run this again");
    if find_program("node").is_none() || find_program("npm").is_none() {
        bail!("Node.js with npm is not installed: {advice}");
    }
    let version = process::output(command("node", &repository()).arg("--version"))?;
    if node_version(&version).is_none_or(|found| found < NODE_VERSION_MIN) {
        bail!("Node.js {} is too old: {advice}", version.trim());
    }
    Ok(())
}

fn node_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn python_can_make_environments() -> bool {
    find_program("python3").is_some()
        && command("python3", &repository())
            .args(["-c", "import ensurepip, venv"])
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

fn apt_install(packages: &[&str], what: &str) -> Result<()> {
    let names = packages.join(" ");
    if find_program("apt-get").is_none() || !is_root()? {
        bail!(
            "the tests need {what}, and only root may install it here: on Debian run `sudo apt-get install {names}`, then run this again"
        );
    }
    let quiet = ["-q", "-y", "--no-install-recommends"];
    run(command("apt-get", &repository()).args(["-q", "update"]))?;
    run(command("apt-get", &repository())
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("install")
        .args(quiet)
        .args(packages))
}

fn is_root() -> Result<bool> {
    Ok(process::output(command("id", &repository()).arg("-u"))?.trim() == "0")
}

fn shown(folder: &Path) -> String {
    folder.strip_prefix(repository()).unwrap_or(folder).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_node_is_read() {
        assert_eq!(node_version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(node_version("v8.0.0"), Some((8, 0)));
        assert_eq!(node_version("nonsense"), None);
    }
}
