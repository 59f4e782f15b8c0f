//! `fanal storage`: looks after a data folder: checks it, shows what its bytes are spent on, copies it.
//!
//! Words and tables live here, the work in `fanal_local::inspect`.

mod check;
mod copy;
mod stats;
pub(crate) mod words;

use crate::cli::Output;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `fanal storage`.
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// Verify every checksum and invariant of a data folder; exits with 1 where something is damaged
    Check(FolderArgs),
    /// Show what the bytes of a data folder are spent on: columns, attribute keys, services
    Stats(StatsArgs),
    /// Copy a data folder as a whole, also while a server uses it
    Backup(BackupArgs),
    /// Check a backup and make a data folder of it
    Restore(RestoreArgs),
}

/// A data folder and the form of the answer.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The data folder, as the server has it
    #[arg(
        long,
        alias = "data",
        env = "FANAL_DATA_DIR",
        default_value = "fanal-data",
        value_name = "DIR"
    )]
    pub(crate) data_dir: PathBuf,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// `fanal storage stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Most lines of each table; 0 shows all
    #[arg(long, default_value_t = 15, value_name = "LINES")]
    top: usize,
}

/// `fanal storage backup`.
#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Folder that the backup is made in: a new or an empty one
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Copy blocks even where the file system could link them, which shares their bytes with the data folder
    #[arg(long)]
    copy: bool,
}

/// `fanal storage restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Runs a command; what it prints is the answer, an error that something is wrong.
pub(crate) fn run(command: &StorageCommand) -> anyhow::Result<()> {
    match command {
        StorageCommand::Check(args) => check::run(args),
        StorageCommand::Stats(args) => stats::run(&args.folder, args.top),
        StorageCommand::Backup(args) => copy::backup(&args.folder, &args.to, args.copy),
        StorageCommand::Restore(args) => copy::restore(&args.from, &args.folder),
    }
}
