//! Arithmetic and conditions come to a value or are refused.
#![no_main]

#[path = "../../tests/support/soundness.rs"]
mod soundness;

libfuzzer_sys::fuzz_target!(|text: &str| {
    for chain in [format!("$a_2/$b_!x!/w_{text}"), format!("$a_2/if_{text}/h_10/if_else/e_sepia/if_end"), format!("$c_{text}/w_$c")] {
        if let Some(transformation) = soundness::reading(&chain) {
            soundness::planning(&transformation, &soundness::source(0), 3);
        }
    }
});
