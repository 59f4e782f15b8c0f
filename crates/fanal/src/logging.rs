//! Log lines on stderr: one a event, as text or JSON.

use crate::config::LogFormat;
use tracing_subscriber::EnvFilter;

/// Sends events to stderr from now on. A second call changes nothing.
pub(crate) fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::new(format!("{level},h2=warn,hyper=warn,tower=warn"));
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(filter);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let started = match format {
        LogFormat::Text => builder.with_ansi(is_terminal).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(started);
    // The process ends after a panic and starts again on its log; the event says why.
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(%panic, %backtrace, "a bug: the process ends; acknowledged spans are in the log");
    }));
}
