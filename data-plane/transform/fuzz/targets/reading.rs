//! Any text is read or refused, and what is read prints in one spelling.
#![no_main]

#[path = "../../tests/support/soundness.rs"]
mod soundness;

libfuzzer_sys::fuzz_target!(|text: &str| {
    soundness::reading(text);
});
