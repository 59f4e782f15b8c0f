//! Zipkin's formats through the public door: what each field becomes, in every form, and what is refused.
#![expect(clippy::expect_used, reason = "a failing test says why")]

mod broken;
mod forms;
mod mapping;
mod recordings;
mod round_trip;
mod shown;
