//! Embeds the built UI (`ui/dist`) into the crate as a table of files with types, tags and gzip forms.
//!
//! Cargo runs it; `src/ui.rs` includes the table it writes. Without a built UI the table holds one page that
//! says how to build it. It watches `ui/dist` alone, and makes that folder when it is missing, because cargo takes
//! a watched path that does not exist for changed on every build.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The UI's files, relative to this crate.
const DIST: &str = "../../ui/dist";

/// Page of a binary that was built without the UI.
const PLACEHOLDER: &str = "src/ui/placeholder.html";

/// A gzip form is kept when it has at most this share of the plain size, in percent.
const WORTHWHILE_PERCENT: usize = 90;

#[expect(clippy::disallowed_methods, reason = "cargo speaks to build scripts by the environment")]
fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed={DIST}");
    println!("cargo::rerun-if-changed={PLACEHOLDER}");
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    fs::create_dir_all(DIST)?;
    let dist = Path::new(DIST);
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(dist, dist, &mut files)?;
        files.sort();
    } else {
        files.push(("index.html".to_owned(), PathBuf::from(PLACEHOLDER)));
    }
    let mut table = String::from("&[\n");
    for (index, (name, path)) in files.iter().enumerate() {
        let entry = embed(&out, index, name, &fs::read(path)?)?;
        table.push_str(&entry);
    }
    table.push(']');
    fs::write(out.join("ui_files.rs"), table)
}

/// Every file below `folder`, named by its path from `root` with slashes.
fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            let parts: Vec<_> =
                relative.components().map(|part| part.as_os_str().to_string_lossy()).collect();
            files.push((parts.join("/"), path));
        }
    }
    Ok(())
}

/// Copies a file beside the table, so that the table stays true while `ui/dist` is rebuilt, and writes its row.
fn embed(out: &Path, index: usize, name: &str, content: &[u8]) -> io::Result<String> {
    let plain = format!("ui-{index}");
    fs::write(out.join(&plain), content)?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    let compressed = encoder.finish()?;
    let is_worthwhile = compressed.len() * 100 <= content.len() * WORTHWHILE_PERCENT;
    let gzip = if is_worthwhile {
        fs::write(out.join(format!("{plain}.gz")), compressed)?;
        format!("Some(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{plain}.gz\")))")
    } else {
        "None".to_owned()
    };
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    let tag = format!("\\\"{:016x}\\\"", hasher.finish());
    let mut row = String::new();
    let _ = writeln!(
        row,
        "    UiFile {{ path: {name:?}, tag: \"{tag}\", plain: include_bytes!(concat!(env!(\"OUT_DIR\"), \
         \"/{plain}\")), gzip: {gzip} }},"
    );
    Ok(row)
}
