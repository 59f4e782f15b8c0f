//! `fanal export`: writes stored spans to a file, from a running server or from a data folder that no server uses.
//!
//! The file has its name only once it is whole.

mod parquet;
mod pieces;

use self::parquet::ParquetFile;
use self::pieces::Pieces;
use crate::ask;
use crate::cli::ExportArgs;
use crate::client::query_string;
use anyhow::{Context, bail};
use fanal_formats::otlp::file::FileFormat;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Runs the command, and gives what to print.
pub(crate) async fn run(args: &ExportArgs) -> anyhow::Result<String> {
    let format = format_of(&args.output)?;
    if args.output.exists() {
        bail!("{} exists already; name another file or remove it first", args.output.display());
    }
    let start = ask::start_parameter(&args.conditions)?.or_else(|| args.start.clone());
    let mut parameters = ask::condition_parameters(&args.conditions);
    parameters.extend(start.as_deref().map(|text| ("start", text)));
    parameters.extend(args.end.as_deref().map(|text| ("end", text)));
    parameters.push(("format", format.streamed().as_str()));
    let query = query_string(&parameters);
    let mut pieces = match &args.data_dir {
        Some(folder) => Pieces::of_folder(folder, &query, format.streamed()).await?,
        None => Pieces::of_server(&args.server, &query).await?,
    };
    let draft = draft_of(&args.output);
    let bytes = write(&draft, &mut pieces, format).await.with_context(|| {
        format!("the export broke off; {} has what came before", draft.display())
    })?;
    std::fs::rename(&draft, &args.output)
        .with_context(|| format!("cannot name the file {}", args.output.display()))?;
    let done = format!("wrote {} ({bytes} bytes)\n", args.output.display());
    if pieces.missing.is_empty() {
        return Ok(done);
    }
    print!("{done}");
    bail!("the export is incomplete: {}", pieces.missing.join("; "))
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Otlp(FileFormat),
    Parquet,
}

impl Format {
    /// The form in which spans come for it.
    fn streamed(self) -> FileFormat {
        match self {
            Self::Otlp(format) => format,
            Self::Parquet => FileFormat::Protobuf,
        }
    }
}

fn format_of(output: &Path) -> anyhow::Result<Format> {
    match output.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl" | "ndjson" | "json") => Ok(Format::Otlp(FileFormat::JsonLines)),
        Some("pb" | "binpb" | "proto") => Ok(Format::Otlp(FileFormat::Protobuf)),
        Some("parquet") => Ok(Format::Parquet),
        _ => bail!(
            "{} does not tell its format; end it with .jsonl for OTLP JSON lines, .binpb for OTLP protobuf or .parquet",
            output.display()
        ),
    }
}

fn draft_of(output: &Path) -> PathBuf {
    let mut name = output.file_name().map(std::ffi::OsStr::to_owned).unwrap_or_default();
    name.push(".part");
    output.with_file_name(name)
}

/// Writes all pieces, and gives their bytes.
async fn write(draft: &Path, pieces: &mut Pieces, format: Format) -> anyhow::Result<u64> {
    let file = File::create(draft).with_context(|| format!("cannot write {}", draft.display()))?;
    if format == Format::Parquet {
        let mut file = ParquetFile::new(file)?;
        while let Some(piece) = pieces.next().await? {
            file.take(&piece)?;
        }
        return file.finish();
    }
    let mut writer = BufWriter::new(file);
    let mut bytes = 0;
    while let Some(piece) = pieces.next().await? {
        writer.write_all(&piece)?;
        bytes += fanal_base::cast::wide(piece.len());
    }
    writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod names {
    use super::*;

    #[test]
    fn names_tell_formats() {
        let check = |name: &str, expect: Option<Format>| {
            assert_eq!(format_of(Path::new(name)).ok(), expect, "{name}");
        };
        check("a.jsonl", Some(Format::Otlp(FileFormat::JsonLines)));
        check("b/a.binpb", Some(Format::Otlp(FileFormat::Protobuf)));
        check("a.parquet", Some(Format::Parquet));
        check("a", None);
        check("a.csv", None);
        assert_eq!(draft_of(Path::new("b/a.jsonl")), Path::new("b/a.jsonl.part"));
    }
}
