//! The server under measurement, in a process of its own.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::ask;
use crate::process;

const READY_MAX: Duration = Duration::from_secs(60);
const MERGED_MAX: Duration = Duration::from_secs(1800);
/// Time without a change after which compaction has nothing left to do: it waits half a minute after a rush.
const SETTLED: Duration = Duration::from_secs(35);
const POLL: Duration = Duration::from_millis(5);

/// A running server; killed when dropped.
pub(super) struct Server {
    child: Child,
    binary: PathBuf,
    pub(super) ui: String,
    pub(super) otlp_http: String,
    addresses: Value,
}

impl Server {
    /// Starts on an empty folder.
    pub(super) fn start_empty(binary: &Path, folder: &Path, flags: &[&str]) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        Self::start(binary, folder, flags).map(|(server, _)| server)
    }

    /// Starts on a folder that an earlier server left; also the seconds until it was ready.
    pub(super) fn restart(binary: &Path, folder: &Path, flags: &[&str]) -> Result<(Self, f64)> {
        Self::start(binary, folder, flags)
    }

    fn start(binary: &Path, folder: &Path, flags: &[&str]) -> Result<(Self, f64)> {
        std::fs::create_dir_all(folder)?;
        let ready_file = folder.join("ready.json");
        // Missing is as good as removed.
        drop(std::fs::remove_file(&ready_file));
        let begun = Instant::now();
        let child = Command::new(binary)
            .args(["serve", "--ports", "ephemeral", "--log-level", "warn", "--data-dir"])
            .arg(folder.join("data"))
            .arg("--ready-file")
            .arg(&ready_file)
            .args(flags)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Self {
            child,
            binary: binary.to_owned(),
            ui: String::new(),
            otlp_http: String::new(),
            addresses: Value::Null,
        };
        while !ready_file.exists() {
            if server.child.try_wait()?.is_some() || begun.elapsed() > READY_MAX {
                bail!("the server did not get ready");
            }
            std::thread::sleep(POLL);
        }
        let took = begun.elapsed().as_secs_f64();
        server.addresses = serde_json::from_slice(&std::fs::read(&ready_file)?)?;
        server.ui = server.address("ui").to_owned();
        server.otlp_http = server.address("otlp_http").to_owned();
        Ok((server, took))
    }

    /// Where it listens under a name of the ready file.
    pub(super) fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap_or_default()
    }

    /// Runs `fanal load` against it over OTLP and answers its JSON report.
    pub(super) fn load(&self, flags: &[&str]) -> Result<Value> {
        let over_http = flags.windows(2).any(|pair| pair == ["--protocol", "http"]);
        self.load_door(if over_http { "otlp_http" } else { "otlp_grpc" }, flags)
    }

    /// Runs `fanal load` against one of its doors and answers its JSON report.
    pub(super) fn load_door(&self, door: &str, flags: &[&str]) -> Result<Value> {
        let target = self.address(door);
        let pid = self.child.id().to_string();
        let mut command = Command::new(&self.binary);
        command.args(["load", "--output", "json", "--pid", &pid, "--target", target]).args(flags);
        let text = process::output(&mut command)?;
        serde_json::from_str(&text).with_context(|| format!("not a report: {text}"))
    }

    /// The storage part of the status.
    pub(super) fn status(&self) -> Result<Value> {
        Ok(ask::get_json(&self.ui, "/fanal/v1/status")?["storage"].take())
    }

    /// Spans that were accepted since it started.
    pub(super) fn accepted_spans(&self) -> Result<f64> {
        let status = ask::get_json(&self.ui, "/fanal/v1/status")?;
        super::number(&status["ingest"], "accepted_spans")
    }

    /// Waits until every span lies in a block and blocks are compacted; answers the storage part of the status.
    pub(super) fn wait_until_merged(&self) -> Result<Value> {
        let begun = Instant::now();
        let (mut blocks, mut since) = (Value::Null, Instant::now());
        loop {
            let storage = self.status()?;
            if storage["blocks"] != blocks {
                (blocks, since) = (storage["blocks"].clone(), Instant::now());
            }
            let is_merged = storage["head_spans"] == 0 && storage["spans"].as_u64() > Some(0);
            if is_merged && since.elapsed() > SETTLED {
                return Ok(storage);
            }
            if begun.elapsed() > MERGED_MAX {
                bail!("spans were not merged within {} s: {storage}", MERGED_MAX.as_secs());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Resident memory now.
    pub(super) fn resident_bytes(&self) -> Result<f64> {
        self.memory("VmRSS:")
    }

    /// Most resident memory since [`Server::forget_peak`].
    pub(super) fn peak_bytes(&self) -> Result<f64> {
        self.memory("VmHWM:")
    }

    /// Begins to look for the most resident memory.
    pub(super) fn forget_peak(&self) -> Result<()> {
        Ok(std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }

    fn memory(&self, line: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let found = status.lines().find_map(|it| it.strip_prefix(line));
        let kibibytes = found.and_then(|it| it.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kibibytes.with_context(|| format!("no {line}"))? * 1024.0)
    }

    /// Stops it as an operator would.
    pub(super) fn stop(mut self) -> Result<()> {
        process::run(Command::new("kill").arg("-TERM").arg(self.child.id().to_string()))?;
        let status = self.child.wait()?;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// Has the system forget what it keeps of the files below a folder, so that the next readers meet the disk.
pub(super) fn forget_cached_pages(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            forget_cached_pages(&path)?;
        } else {
            let mut file = std::ffi::OsString::from("if=");
            file.push(&path);
            process::output(Command::new("dd").arg(file).args([
                "iflag=nocache",
                "count=0",
                "status=none",
            ]))?;
        }
    }
    Ok(())
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already is as good as killed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
