//! The table of settings that a tenant can have of its own: `[tenants.NAME]` in the file, in place of the setting of the
//! same path.
//!
//! A new one is one entry here and one field of `TenantConfig`.

use super::Config;
use super::settings::{retention_age, retention_bytes};
use fanal_local::TenantConfig;
use fanal_storage::TenantId;

/// One setting of a tenant.
struct TenantSetting {
    /// Path below `tenants.NAME`, that of the setting it takes the place of.
    path: &'static str,
    apply: fn(&mut TenantConfig, &str) -> Result<(), String>,
}

const TENANT_SETTINGS: &[TenantSetting] = &[
    TenantSetting {
        path: "retention.age_seconds",
        apply: |tenant, text| {
            retention_age(text).map(|value| tenant.retention_age_seconds = Some(value))
        },
    },
    TenantSetting {
        path: "retention.bytes_max",
        apply: |tenant, text| {
            retention_bytes(text).map(|value| tenant.retention_bytes_max = Some(value))
        },
    },
];

/// Reads the table `tenants` of the file at `place`; adds to the problems.
pub(super) fn read(
    config: &mut Config,
    table: &toml::Value,
    place: &str,
    problems: &mut Vec<String>,
) {
    let Some(table) = table.as_table() else {
        problems.push(format!("{place}: is {}; write a table", table.type_str()));
        return;
    };
    for (name, own) in table {
        let place = format!("{place}.{name}");
        let (Some(tenant), Some(own)) = (TenantId::parse(name), own.as_table()) else {
            problems.push(format!(
                "{place}: is no tenant; write a table named with up to {} of a-z, 0-9, - and _",
                TenantId::LENGTH_MAX
            ));
            continue;
        };
        let mut read = config.storage.tenants.get(&tenant).copied().unwrap_or_default();
        read_settings("", own, &place, &mut read, problems);
        config.storage.tenants.insert(tenant, read);
    }
}

fn read_settings(
    prefix: &str,
    table: &toml::Table,
    place: &str,
    tenant: &mut TenantConfig,
    problems: &mut Vec<String>,
) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        let setting = TENANT_SETTINGS.iter().find(|setting| setting.path == path);
        let outcome = match (setting, value) {
            (Some(setting), toml::Value::String(text)) => (setting.apply)(tenant, text),
            (Some(setting), toml::Value::Integer(number)) => {
                (setting.apply)(tenant, &number.to_string())
            }
            (None, toml::Value::Table(inner)) => {
                read_settings(&format!("{path}."), inner, place, tenant, problems);
                Ok(())
            }
            (Some(_), other) => {
                Err(format!("is {}; write a text or a whole number", other.type_str()))
            }
            (None, _) => {
                let known: Vec<&str> = TENANT_SETTINGS.iter().map(|it| it.path).collect();
                Err(format!("no such setting of a tenant; there are {}", known.join(", ")))
            }
        };
        if let Err(problem) = outcome {
            problems.push(format!("{place}.{path}: {problem}"));
        }
    }
}

/// The part of the reference page.
pub(super) fn reference() -> String {
    let mut page = String::from(
        "\n## Settings of one tenant\n\n\
         In the file, a tenant can have some settings of its own, below `[tenants.NAME]`. They take the place of\n\
         the settings of the same path:\n\n",
    );
    for setting in TENANT_SETTINGS {
        page.push_str(&format!("- `tenants.NAME.{}`\n", setting.path));
    }
    page.push_str(
        "\nThe tenant `archive` holds copies of the traces that were archived through Jaeger's API. It keeps them for\n\
         good unless it is given a retention of its own.\n",
    );
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name of a tenant with its age and bytes of retention.
    type Own<'a> = (&'a str, Option<u64>, Option<u64>);

    fn check(file: &str, expect: Result<&[Own<'_>], &[&str]>) {
        let table: toml::Table = file.parse().expect("valid TOML");
        let (mut config, mut problems) = (Config::default(), Vec::new());
        read(&mut config, &table["tenants"], "fanal.toml: tenants", &mut problems);
        match expect {
            Ok(tenants) => {
                let read: Vec<_> = config
                    .storage
                    .tenants
                    .iter()
                    .map(|(id, own)| {
                        (id.as_str(), own.retention_age_seconds, own.retention_bytes_max)
                    })
                    .collect();
                assert_eq!((read.as_slice(), problems), (tenants, Vec::new()), "{file}");
            }
            Err(expected) => assert_eq!(problems, expected, "{file}"),
        }
    }

    #[test]
    fn tenants_have_settings_of_their_own() {
        check(
            "[tenants.a.retention]\nage_seconds = 60\n[tenants.b]\nretention.bytes_max = \"2GiB\"",
            Ok(&[("a", Some(60), None), ("archive", Some(0), Some(0)), ("b", None, Some(2 << 30))]),
        );
        check(
            "[tenants.archive]\nretention.age_seconds = 60",
            Ok(&[("archive", Some(60), Some(0))]),
        );
        check("tenants = 5", Err(&["fanal.toml: tenants: is integer; write a table"]));
        check(
            "[tenants.a]\nage = 1\nretention.age_seconds = true\nretention.bytes_max = \"x\"",
            Err(&[
                "fanal.toml: tenants.a.age: no such setting of a tenant; there are \
                 retention.age_seconds, retention.bytes_max",
                "fanal.toml: tenants.a.retention.age_seconds: is boolean; write a text or a whole number",
                "fanal.toml: tenants.a.retention.bytes_max: `x` is no unit; write B, KiB, MiB, GiB or TiB",
            ]),
        );
        check(
            "[tenants.UP]",
            Err(&["fanal.toml: tenants.UP: is no tenant; write a table named with up to 64 of \
                   a-z, 0-9, - and _"]),
        );
    }
}
