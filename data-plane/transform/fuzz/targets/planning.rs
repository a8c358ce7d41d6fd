//! What is read is planned or refused, for every kind of source.
#![no_main]

#[path = "../../tests/support/soundness.rs"]
mod soundness;

libfuzzer_sys::fuzz_target!(|input: (u8, u8, &str)| {
    let (number, edges, text) = input;
    if let Some(transformation) = soundness::reading(text) {
        soundness::planning(&transformation, &soundness::source(number), edges);
    }
});
