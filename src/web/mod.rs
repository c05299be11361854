//! The page's engine: what `www/src/engine/types.ts` describes, for one thread.

mod adapter;
#[cfg(not(feature = "cpu"))]
mod bench;
mod engine;
mod error;
mod facts;
mod forward;
mod golden;
mod histogram;
mod microscope;
mod moment;
mod probe;
mod proof;
mod race;
mod runs;
mod samplers;
mod scheduler;
mod schedules;
mod screen;
mod self_test;
mod steps;
mod timing;

pub use engine::Engine;

use wasm_bindgen::prelude::wasm_bindgen;

/// A panic is a defect; with this the console shows where it was.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
