//! Any text as a query: what parses prints and reads back the same; the check, the errors and the completion never break.
#![no_main]

use fanal_traceql::{check, complete, lenient_filter, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    complete(text, text.len() / 2);
    lenient_filter(text);
    match parse(text) {
        Ok(query) => {
            assert_eq!(parse(&query.to_string()).as_ref(), Ok(&query), "{query}");
            let _ = check(query);
        }
        Err(error) => drop(error.render(text)),
    }
});
