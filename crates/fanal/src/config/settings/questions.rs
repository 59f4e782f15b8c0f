//! The settings of the query APIs; the words that they take are checked where they live.

use super::{Apply, Setting};
use fanal_server::TempoSettings;

/// How questions are answered.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        path: "zipkin.autocomplete_keys",
        value_name: "KEYS",
        default: "",
        help: "Tags whose values Zipkin's search form offers, separated by commas",
        apply: Apply::Text(|config, text| {
            let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
            config.zipkin.autocomplete_keys = keys.map(str::to_owned).collect();
            Ok(())
        }),
    },
    Setting {
        path: "zipkin.lens_dir",
        value_name: "DIR",
        default: "",
        help: "Folder with the files of Zipkin's own UI (Lens), served under /zipkin/ on Zipkin's port",
        apply: Apply::Text(|config, text| {
            config.zipkin.lens_dir = (!text.is_empty()).then(|| text.into());
            Ok(())
        }),
    },
    Setting {
        path: "tempo.path_prefix",
        value_name: "PATH",
        default: "",
        help: "What stands before /api in the paths of Tempo's query API, such as /tempo behind a proxy that passes it on",
        apply: Apply::Text(|config, text| {
            TempoSettings::parse_prefix(text).map(|prefix| config.tempo.path_prefix = prefix)
        }),
    },
];
