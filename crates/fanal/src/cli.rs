//! The command line: commands, flags and their help.
//!
//! Flags of the server follow from the table of settings; everything else is declared here.

use crate::config::SETTINGS;
use crate::storage::StorageCommand;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Where the commands that ask a server find it.
const SERVER_DEFAULT: &str = "http://127.0.0.1:16686";

/// A command line, read.
#[derive(Debug)]
pub(crate) struct CommandLine {
    /// What to do.
    pub(crate) action: Action,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Run the server.
    Serve(ServerFlags),
    /// Run the server and a shop that sends to it.
    Demo(ServerFlags),
    /// Everything that needs no server settings.
    Other(Other),
}

/// Flags of the server.
#[derive(Debug, Default)]
pub(crate) struct ServerFlags {
    /// `--config`.
    pub(crate) config_file: Option<PathBuf>,
    /// Settings given as flags, by path.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// Commands besides the server's.
#[derive(Debug, Subcommand)]
pub(crate) enum Other {
    /// Search traces on a running server and print them, newest first
    Query(Box<QueryArgs>),
    /// Count spans on a running server, by group and time
    Aggregate(AggregateArgs),
    /// Print one trace as a tree
    Trace(TraceArgs),
    /// Write the spans of matching traces to a file, as OTLP or Parquet
    Export(Box<ExportArgs>),
    /// Send files of traces to a running server: OTLP, Jaeger or Zipkin, told by their content
    Import(ImportArgs),
    /// Check, measure, back up and restore a data folder
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Send generated traces to a server and measure it
    Load(LoadArgs),
    /// Print a generated page of the documentation
    #[command(hide = true)]
    Gen {
        /// Which page
        page: Page,
    },
}

/// A generated page.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Page {
    /// The native API as `OpenAPI` JSON.
    Openapi,
    /// The configuration reference.
    Config,
    /// The list of metrics.
    Metrics,
    /// The help of every command.
    Cli,
}

/// Form of an answer to a query on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryOutput {
    /// For a person.
    Text,
    /// The server's answer.
    Json,
    /// Comma-separated values, a line for each span or sample of a TraceQL query.
    Csv,
}

/// Form of an answer on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// The server's answer as it is
    Json,
}

/// Conditions on one span of a trace, and how far back to look.
#[derive(Debug, Args)]
pub(crate) struct Conditions {
    /// Service that has the span
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Name of the span
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Condition on an attribute, such as `http.response.status_code>=500`, `user.tier=gold` or a bare key; may be repeated
    #[arg(long = "tag", value_name = "KEY[=VALUE]")]
    pub(crate) tags: Vec<String>,
    /// Outcome of the span: error, ok or unset
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// Shortest duration of the span, such as `250ms`
    #[arg(long, value_name = "DURATION")]
    pub(crate) min_duration: Option<String>,
    /// Longest duration of the span
    #[arg(long, value_name = "DURATION")]
    pub(crate) max_duration: Option<String>,
    /// How far back to look, such as `15m` or `24h`; everything when absent
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
}

/// `fanal export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Address of the server's UI port
    #[arg(long, env = "FANAL_SERVER", default_value = SERVER_DEFAULT)]
    pub(crate) server: String,
    /// Read a data folder that no server uses, instead of asking a server
    #[arg(long, alias = "data", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// Earliest start of the span: RFC 3339, or nanoseconds since 1970
    #[arg(long, value_name = "TIME", conflicts_with = "since")]
    pub(crate) start: Option<String>,
    /// Latest start of the span
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
    /// File to write: `.jsonl` has an OTLP request a line, `.binpb` OTLP protobuf with the length before each request,
    /// `.parquet` a row a span
    #[arg(long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// `fanal import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 0 where every span is stored, 3 where spans of a file were rejected, 1 where a file was not read to its end."
)]
pub(crate) struct ImportArgs {
    /// Files in OTLP JSON or protobuf, Jaeger JSON, Zipkin JSON; gzip and zstd are seen through; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Address of the server's UI port
    #[arg(
        long,
        visible_alias = "server",
        env = "FANAL_SERVER",
        default_value = SERVER_DEFAULT,
        value_name = "URL"
    )]
    pub(crate) to: String,
    /// Form of the result: `json` is an object a line for each file
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// `fanal query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// A TraceQL query, such as `{ status = error }` or `{ } | rate() by (resource.service.name)`, in place of the conditions
    #[arg(conflicts_with_all = ["service", "operation", "tags", "status", "min_duration", "max_duration"])]
    pub(crate) query: Option<String>,
    /// Address of the server's UI port
    #[arg(long, env = "FANAL_SERVER", default_value = SERVER_DEFAULT)]
    pub(crate) server: String,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
    /// Most traces to print
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: usize,
    /// Where to go on, from the end of an earlier answer
    #[arg(long)]
    pub(crate) cursor: Option<String>,
    /// Width of a bucket of a metrics query, such as `30s`; about 240 buckets when absent
    #[arg(long, value_name = "DURATION")]
    pub(crate) step: Option<String>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = QueryOutput::Text)]
    pub(crate) output: QueryOutput,
}

/// `fanal aggregate`.
#[derive(Debug, Args)]
pub(crate) struct AggregateArgs {
    /// Address of the server's UI port
    #[arg(long, env = "FANAL_SERVER", default_value = SERVER_DEFAULT)]
    pub(crate) server: String,
    /// What to group by: service, name, kind, status, scope, resource.KEY, span.KEY or scope.KEY; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(crate) by: Vec<String>,
    /// Service of the spans
    #[arg(long)]
    pub(crate) service: Option<String>,
    /// Name of the spans
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Condition on an attribute, as for `fanal query`; may be repeated
    #[arg(long = "tag", value_name = "KEY[=VALUE]")]
    pub(crate) tags: Vec<String>,
    /// Outcome of the spans: error, ok or unset
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// How far back to look, such as `15m` or `24h`; everything when absent
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// Width of time buckets, such as `1m`; needs --since. PEAK is the spans of the fullest bucket
    #[arg(long, value_name = "DURATION")]
    pub(crate) step: Option<String>,
    /// Most groups to print
    #[arg(long, default_value_t = 1000)]
    pub(crate) limit: usize,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// `fanal trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// Trace id, 1 to 32 hex digits
    pub(crate) id: String,
    /// Address of the server's UI port
    #[arg(long, env = "FANAL_SERVER", default_value = SERVER_DEFAULT)]
    pub(crate) server: String,
    /// `json` prints the trace as OTLP JSON
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// What is spoken to a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// OTLP over gRPC
    Grpc,
    /// OTLP over HTTP with protobuf bodies
    Http,
    /// Jaeger's compact thrift over UDP, which nobody acknowledges: give a rate that the server can take
    JaegerCompact,
    /// Jaeger over gRPC
    JaegerGrpc,
    /// Zipkin's version 2 in JSON
    ZipkinJson,
    /// Zipkin's version 2 in protobuf
    ZipkinProtobuf,
    /// Version 0.5 of the API of Datadog's agent
    Datadog,
}

/// `fanal load`.
#[derive(Debug, Clone, Args)]
pub(crate) struct LoadArgs {
    /// Address of a receiver; the usual one of the protocol on this machine when absent
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) target: Option<String>,
    /// Protocol
    #[arg(long, value_enum, default_value_t = Protocol::Grpc)]
    pub(crate) protocol: Protocol,
    /// Spans a second; 0 sends as fast as the server acknowledges
    #[arg(long, default_value_t = 0)]
    pub(crate) rate: u64,
    /// How long to send, such as `60s`
    #[arg(long, default_value = "10s", value_name = "DURATION")]
    pub(crate) duration: String,
    /// Stop after so many spans, whatever the duration
    #[arg(long)]
    pub(crate) spans: Option<u64>,
    /// Connections
    #[arg(long, default_value_t = 4)]
    pub(crate) connections: usize,
    /// Requests in flight on each connection
    #[arg(long, default_value_t = 8)]
    pub(crate) in_flight: usize,
    /// Spans of a request, roughly: requests hold whole traces
    #[arg(long, default_value_t = 512)]
    pub(crate) spans_per_request: usize,
    /// Services
    #[arg(long, default_value_t = 20)]
    pub(crate) services: usize,
    /// Mixture of trace sizes as `SPANS:WEIGHT` pairs, such as `1:30,8:50,1000:1`; log-normal around 8 when absent
    #[arg(long, value_name = "SIZE:WEIGHT,…")]
    pub(crate) trace_sizes: Option<String>,
    /// Age of the oldest trace: traces start between so long ago and now
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub(crate) spread: String,
    /// Seed; equal seeds send equal traces
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// The server's process id, to measure its CPU time and memory
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// Append the id and span count of every acknowledged trace to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) acknowledged: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// The whole command line.
pub(crate) fn command() -> Command {
    let command = Command::new("fanal")
        .version(env!("CARGO_PKG_VERSION"))
        .after_help(
            "Begin with `fanal serve`, open http://127.0.0.1:16686, and it shows how to send the first span;\n\
             `fanal demo` sends some for you.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(server_command("serve", "Run the server"))
        .subcommand(server_command("demo", "Run the server with a demo shop that sends to it"));
    // The derived part brings its own doc comment as a description, so ours comes after it.
    Other::augment_subcommands(command)
        .about("Distributed tracing in one binary: receives spans, keeps them, answers questions")
}

fn server_command(name: &'static str, about: &'static str) -> Command {
    let config = Arg::new("config")
        .long("config")
        .env("FANAL_CONFIG")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("TOML file with settings; every flag below can stand in it");
    let settings = SETTINGS.iter().map(|setting| {
        let default = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [default: {}]", setting.default)
        };
        Arg::new(setting.path)
            .long(setting.flag())
            .value_name(setting.value_name)
            .action(ArgAction::Set)
            .help(format!("{}{default}", setting.help))
    });
    Command::new(name).about(about).arg(config).args(settings)
}

/// Reads a command line; help and errors come as clap's error.
pub(crate) fn parse(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> Result<CommandLine, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let action = match matches.subcommand() {
        Some(("serve", flags)) => Action::Serve(server_flags(flags)),
        Some(("demo", flags)) => Action::Demo(server_flags(flags)),
        _ => Action::Other(Other::from_arg_matches(&matches)?),
    };
    Ok(CommandLine { action })
}

fn server_flags(matches: &clap::ArgMatches) -> ServerFlags {
    ServerFlags {
        config_file: matches.get_one("config").cloned(),
        settings: SETTINGS
            .iter()
            .filter_map(|setting| {
                Some((setting.path, matches.get_one::<String>(setting.path)?.clone()))
            })
            .collect(),
    }
}

/// The page with the help of every command, in Markdown.
pub(crate) fn reference() -> String {
    let mut page = String::from("# Command line\n\nThis page is generated by `cargo xtask gen`.\n");
    let mut root = command().term_width(100);
    page.push_str(&format!("\n```text\n{}```\n", root.render_help()));
    for sub in root.get_subcommands() {
        push_help(&mut page, "fanal", sub);
    }
    page.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Appends the help of a command below `above`, and of those below it.
fn push_help(page: &mut String, above: &str, command: &Command) {
    if command.is_hide_set() {
        return;
    }
    let name = format!("{above} {}", command.get_name());
    let help = command.clone().bin_name(&name).term_width(100).render_help();
    page.push_str(&format!("\n## {name}\n\n```text\n{help}```\n"));
    for sub in command.get_subcommands() {
        push_help(page, &name, sub);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn server_flags_are_settings() {
        let arguments =
            ["fanal", "serve", "--otlp-grpc-address", "127.0.0.1:1", "--ports", "ephemeral"];
        let line = parse(arguments.iter().map(Into::into)).expect("valid");
        let Action::Serve(flags) = line.action else { panic!("serve") };
        let expected =
            [("ports", "ephemeral".to_owned()), ("otlp.grpc_address", "127.0.0.1:1".to_owned())];
        assert_eq!(flags.settings, expected);
    }
}
