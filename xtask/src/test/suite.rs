//! One end-to-end suite: finding it, giving it what the contract promises, and judging it.
//!
//! A suite is a folder `e2e/NAME` with a `run.sh`, `run.py` or `run.mjs`. It passed when it exited
//! with 0, closed with `N passed, 0 failed`, and N is not 0: a suite that ran nothing has failed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::prepare;
use crate::process::{command, repository, title};

/// Longest time a suite may take before it counts as hung.
const SUITE_TIME_MAX: Duration = Duration::from_secs(15 * 60);
/// Time a hung suite has to stop what it started.
const STOP_TIME_MAX: Duration = Duration::from_secs(15);
/// Lines in flight between a suite and the terminal.
const LINES_IN_FLIGHT_MAX: usize = 1024;

/// A file in the folder of a suite that runs only where it is named; it says why.
const ON_DEMAND: &str = "on-demand.txt";

/// A suite that was found.
#[derive(Debug)]
pub(super) struct Suite {
    pub(super) name: String,
    folder: PathBuf,
    script: PathBuf,
    /// It was asked for by its name, and not only as one of all.
    is_named: bool,
}

/// The suites called `names`; where none is named, every suite that is not on demand.
pub(super) fn find(names: &[String]) -> Result<Vec<Suite>> {
    let root = repository().join("e2e");
    let mut suites = Vec::new();
    let entries = fs::read_dir(&root).with_context(|| format!("cannot list {}", root.display()))?;
    for entry in entries {
        let folder = entry?.path();
        let script = ["run.sh", "run.py", "run.mjs"]
            .iter()
            .map(|script| folder.join(script))
            .find(|script| script.is_file());
        if let (Some(script), Some(name)) = (script, folder.file_name()) {
            let name = name.to_string_lossy().into_owned();
            let is_named = names.contains(&name);
            suites.push(Suite { name, folder, script, is_named });
        }
    }
    suites.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(missing) = names.iter().find(|name| !suites.iter().any(|s| s.name == **name)) {
        let known: Vec<&str> = suites.iter().map(|suite| suite.name.as_str()).collect();
        bail!("no suite is called `{missing}`; there are: {}", known.join(", "));
    }
    let is_chosen = |suite: &Suite| {
        suite.is_named || names.is_empty() && !suite.folder.join(ON_DEMAND).is_file()
    };
    suites.retain(is_chosen);
    Ok(suites)
}

impl Suite {
    /// Prepares its packages, runs it against `binary` and judges what it said.
    pub(super) fn run(&self, binary: &Path) -> Result<()> {
        self.prepare_node_packages()?;
        let mut command = self.command(binary)?;
        title(&format!("e2e {}", self.name));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", self.script.display()))?;
        let closing = follow(&mut child, SUITE_TIME_MAX)?;
        let status = child.wait()?;
        judge(status.success(), closing).with_context(|| format!("{status}"))
    }

    /// Node packages of the suite itself and of the folders directly in it.
    fn prepare_node_packages(&self) -> Result<()> {
        let mut folders = vec![self.folder.clone()];
        for entry in fs::read_dir(&self.folder)? {
            folders.push(entry?.path());
        }
        folders.retain(|folder| folder.join("package.json").is_file());
        folders.iter().try_for_each(|folder| prepare::node_packages(folder))
    }

    fn command(&self, binary: &Path) -> Result<Command> {
        let python = prepare::python()?;
        let interpreter = match self.script.extension().and_then(|extension| extension.to_str()) {
            Some("py") => python.clone(),
            Some("mjs") => PathBuf::from("node"),
            _ => PathBuf::from("bash"),
        };
        let chromium = if self.name == "browser" {
            Some(prepare::chromium()?)
        } else {
            prepare::installed_chromium()
        };
        let mut command = command(interpreter, &self.folder);
        command
            .arg(&self.script)
            .env("FANAL_BIN", binary)
            .env("FANAL_REPO", repository())
            .env("PYTHON", python)
            .env("PYTHONUNBUFFERED", "1")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(chromium) = chromium {
            command.env("CHROMIUM", chromium);
        }
        if self.is_named {
            command.env("SUITE_IS_NAMED", "1");
        }
        Ok(command)
    }
}

/// Passes the child's lines on to the terminal and returns the last closing line among them.
fn follow(child: &mut Child, time_max: Duration) -> Result<Option<(u64, u64)>> {
    let output = child.stdout.take().context("the suite has no output")?;
    let (sender, lines) = mpsc::sync_channel(LINES_IN_FLIGHT_MAX);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    let deadline = Instant::now() + time_max;
    let mut closing = None;
    loop {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                println!("{line}");
                closing = closing_line(&line).or(closing);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(closing),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                stop(child, &lines)?;
                bail!("it hangs: stopped after {time_max:?}");
            }
        }
    }
}

/// Asks a hung suite to stop what it started, then ends it.
fn stop(child: &mut Child, lines: &mpsc::Receiver<String>) -> Result<()> {
    crate::process::run(Command::new("kill").arg(child.id().to_string()))?;
    let deadline = Instant::now() + STOP_TIME_MAX;
    while let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        println!("{line}");
    }
    child.kill().context("cannot end the hung suite")?;
    child.wait()?;
    Ok(())
}

/// Reads `N passed, N failed`, with one word and a colon allowed in front.
fn closing_line(line: &str) -> Option<(u64, u64)> {
    let line = line.trim();
    let line = line.split_once(": ").map_or(line, |(_, rest)| rest);
    let (passed, failed) = line.split_once(", ")?;
    let failed = failed.split(", ").next()?;
    Some((
        passed.strip_suffix(" passed")?.parse().ok()?,
        failed.strip_suffix(" failed")?.parse().ok()?,
    ))
}

fn judge(exited_well: bool, closing: Option<(u64, u64)>) -> Result<()> {
    match closing {
        None => bail!("it did not close with `N passed, N failed`"),
        Some((_, failed)) if failed > 0 => bail!("{failed} checks failed"),
        Some((0, _)) => bail!("it checked nothing"),
        Some(_) if !exited_well => bail!("every check passed, but it exited with an error"),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_read() {
        let rows = [
            ("12 passed, 0 failed", Some((12, 0))),
            ("sdks: 3 passed, 1 failed, 2 skipped", Some((3, 1))),
            ("test result: ok. 3 passed; 0 failed", None),
            ("all passed, none failed", None),
            ("", None),
        ];
        for (line, expect) in rows {
            assert_eq!(closing_line(line), expect, "{line:?}");
        }
    }

    #[test]
    fn a_suite_passes_only_when_it_checked_something_and_all_of_it_held() {
        assert!(judge(true, Some((3, 0))).is_ok());
        let rows = [
            (true, None, "did not close"),
            (true, Some((0, 0)), "checked nothing"),
            (true, Some((3, 1)), "1 checks failed"),
            (false, Some((3, 0)), "exited with an error"),
        ];
        for (exited_well, closing, expect) in rows {
            let error = judge(exited_well, closing).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        }
    }

    #[test]
    fn suites_on_demand_run_only_where_they_are_named() {
        let found = |names: &[&str]| -> Vec<String> {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            find(&names).unwrap().into_iter().map(|suite| suite.name).collect()
        };
        let usual = found(&[]);
        assert!(usual.contains(&"browser".to_owned()), "{usual:?}");
        assert!(!usual.contains(&"kafka".to_owned()), "{usual:?}");
        assert_eq!(found(&["kafka", "browser"]), ["browser", "kafka"]);
        assert!(find(&["nonsense".to_owned()]).is_err());
    }

    fn shell(script: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).spawn().unwrap()
    }

    #[test]
    fn output_is_followed_to_its_end() {
        let mut child = shell("echo one; echo '2 passed, 0 failed'; echo bye");
        assert_eq!(follow(&mut child, SUITE_TIME_MAX).unwrap(), Some((2, 0)));
        child.wait().unwrap();
    }

    #[test]
    fn a_suite_that_hangs_is_stopped() {
        let mut child = shell("echo '2 passed, 0 failed'; exec sleep 600");
        let error = follow(&mut child, Duration::from_millis(50)).unwrap_err().to_string();
        assert!(error.contains("it hangs"), "{error}");
        assert!(child.try_wait().unwrap().is_some(), "still running");
    }
}
