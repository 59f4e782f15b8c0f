//! Reads the sources of the configuration and collects every problem in them.

use super::settings::{SETTINGS, Setting};
use super::{Config, Ports, tenants};
use std::path::Path;

/// Where texts of settings come from, the weakest first.
#[derive(Debug, Default)]
pub(crate) struct Source<'a> {
    /// The TOML file, read already.
    pub(crate) file: Option<(&'a Path, String)>,
    /// The environment.
    pub(crate) environment: Vec<(String, String)>,
    /// Flags given, by setting path.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Variables that begin with `FANAL_` and are no settings.
const OTHER_VARIABLES: &[&str] = &["FANAL_CONFIG", "FANAL_SERVER"];

/// A configuration that can be used.
#[derive(Debug)]
pub(crate) struct Read {
    /// The configuration.
    pub(crate) config: Config,
    /// Variables that look like settings and are none. Not refused, because orchestrators set variables such as
    /// `FANAL_PORT` for a service of that name.
    pub(crate) warnings: Vec<String>,
}

/// The configuration, or every problem of every source, one text each.
pub(crate) fn read(base: Config, source: &Source<'_>) -> Result<Read, Vec<String>> {
    let mut config = base;
    let mut warnings = Vec::new();
    let mut problems = Vec::new();
    // `listen` sets every door, so within one source it comes before the doors' own settings.
    let mut apply_all = |texts: Vec<(&Setting, String, String)>| {
        let mut texts = texts;
        texts.sort_by_key(|(setting, _, _)| setting.path != "listen");
        for (setting, text, place) in texts {
            if let Err(problem) = setting.apply(&mut config, &text) {
                problems.push(format!("{place}: {problem}"));
            }
        }
    };
    let mut unknown = Vec::new();
    let mut own = None;
    if let Some((path, text)) = &source.file {
        match text.parse::<toml::Table>() {
            Ok(mut table) => {
                let mut found = Vec::new();
                own = table
                    .remove("tenants")
                    .map(|own| (own, format!("{}: tenants", path.display())));
                flatten("", &table, path, &mut found, &mut unknown);
                apply_all(found);
            }
            Err(error) => unknown.push(format!("{}: {}", path.display(), error.to_string().trim())),
        }
    }
    let mut found = Vec::new();
    for (name, text) in &source.environment {
        if !name.starts_with("FANAL_") || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        match SETTINGS.iter().find(|setting| setting.variable() == *name) {
            Some(setting) => found.push((setting, text.clone(), name.clone())),
            None => warnings.push(format!(
                "{name}: no such setting{}",
                suggestion(name, SETTINGS.iter().map(Setting::variable))
            )),
        }
    }
    apply_all(found);
    let flags = source.flags.iter().filter_map(|(path, text)| {
        let setting = SETTINGS.iter().find(|setting| setting.path == *path)?;
        Some((setting, text.clone(), format!("--{}", setting.flag())))
    });
    apply_all(flags.collect());
    if let Some((table, place)) = own {
        tenants::read(&mut config, &table, &place, &mut problems);
    }
    unknown.append(&mut problems);
    if config.ports == Ports::Ephemeral {
        config.ui_address.set_port(0);
        config.doors_mut().for_each(|door| door.set_port(0));
    }
    if unknown.is_empty() { Ok(Read { config, warnings }) } else { Err(unknown) }
}

fn flatten(
    prefix: &str,
    table: &toml::Table,
    file: &Path,
    found: &mut Vec<(&'static Setting, String, String)>,
    problems: &mut Vec<String>,
) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        let place = format!("{}: {path}", file.display());
        let setting = SETTINGS.iter().find(|setting| setting.path == path);
        match (setting, value) {
            (Some(setting), toml::Value::String(text)) => {
                found.push((setting, text.clone(), place));
            }
            (Some(setting), toml::Value::Integer(number)) => {
                found.push((setting, number.to_string(), place));
            }
            (Some(setting), toml::Value::Float(number)) => {
                found.push((setting, number.to_string(), place));
            }
            (Some(_), other) => {
                problems
                    .push(format!("{place}: is {}; write a text or a number", other.type_str()));
            }
            (None, toml::Value::Table(inner)) if is_section(&path) => {
                flatten(&format!("{path}."), inner, file, found, problems);
            }
            (None, _) => {
                let names = SETTINGS.iter().map(|setting| setting.path.to_owned());
                problems.push(format!("{place}: no such setting{}", suggestion(&path, names)));
            }
        }
    }
}

fn is_section(path: &str) -> bool {
    SETTINGS
        .iter()
        .any(|setting| setting.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

fn suggestion(name: &str, known: impl Iterator<Item = String>) -> String {
    known
        .map(|candidate| (distance(name, &candidate), candidate))
        .min()
        .filter(|(distance, _)| *distance <= 1 + name.len() / 3)
        .map_or_else(
            || "; `fanal serve --help` lists them".to_owned(),
            |(_, nearest)| format!("; did you mean `{nearest}`?"),
        )
}

/// Edits (insert, delete, replace) between two texts.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(character != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> Result<Read, Vec<String>> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let source = Source {
            file: Some((Path::new("fanal.toml"), file.to_owned())),
            environment: environment.iter().map(own).collect(),
            flags: flags.iter().map(|(path, text)| (*path, (*text).to_owned())).collect(),
        };
        read(Config::default(), &source)
    }

    #[test]
    fn later_sources_win_and_doors_win_over_listen() {
        let config = read_all(
            "listen = \"0.0.0.0\"\n[otlp]\ngrpc_address = \"127.0.0.2:1\"\nhttp_address = \"off\"\n[ingest]\nrequest_bytes_max = \"1MiB\"\n",
            &[("FANAL_INGEST_REQUEST_BYTES_MAX", "2MiB"), ("FANAL_SERVER", "x"), ("PATH", "y")],
            &[("ingest.request_bytes_max", "3MiB")],
        )
        .expect("valid")
        .config;
        let door = |name| config.receivers.addresses[name].map(|address| address.to_string());
        assert_eq!((door("otlp_grpc").as_deref(), door("otlp_http")), (Some("127.0.0.2:1"), None));
        assert_eq!(config.ui_address.to_string(), "0.0.0.0:16686");
        assert_eq!(config.receivers.requests.request_bytes_max, 3 << 20);
        let file = "[sampling]\ndefault_probability = 0.5\nadaptive.target_spans_per_second = 2";
        let sampling = read_all(file, &[], &[]).expect("valid").config.pipeline.sampling;
        assert_eq!(
            (sampling.default_probability, sampling.adaptive.target_spans_per_second),
            (0.5, 2.0)
        );
    }

    #[test]
    fn every_problem_is_told_with_its_place_and_fix() {
        let problems = read_all(
            "data_dirr = \"x\"\n[otlp]\ngrpc_address = 5\nhttp_address = true\n[ui]\nadress = \"x\"\n",
            &[("FANAL_LOG_LEVEL", "loud")],
            &[("storage.block_rows", "many")],
        )
        .expect_err("invalid");
        let text = problems.join("\n");
        for expected in [
            "fanal.toml: data_dirr: no such setting; did you mean `data_dir`?",
            "fanal.toml: otlp.grpc_address: `5` is no address",
            "fanal.toml: otlp.http_address: is boolean; write a text or a number",
            "fanal.toml: ui.adress: no such setting; did you mean `ui.address`?",
            "FANAL_LOG_LEVEL: `loud` is none of",
            "--storage-block-rows: `many` is no whole number",
        ] {
            assert!(text.contains(expected), "{expected}\nin\n{text}");
        }
        assert_eq!(problems.len(), 6);
    }

    #[test]
    fn unknown_variables_are_told_and_not_refused() {
        let read = read_all("", &[("FANAL_PORT", "1")], &[]).expect("valid");
        assert_eq!(read.warnings, ["FANAL_PORT: no such setting; did you mean `FANAL_PORTS`?"]);
    }

    #[test]
    fn ephemeral_ports_are_zero() {
        let config = read_all("", &[], &[("ports", "ephemeral")]).expect("valid").config;
        assert_eq!(config.ui_address.port(), 0);
        assert!(config.receivers.addresses.values().flatten().all(|door| door.port() == 0));
        assert!(config.question_addresses.values().flatten().all(|door| door.port() == 0));
        assert!(!config.question_addresses.is_empty());
    }
}
