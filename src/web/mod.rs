//! The page's engine: what `www/src/engine/types.ts` describes, for one thread.

#[cfg(not(feature = "cpu"))]
mod bench;
mod canvas;
#[cfg(feature = "cpu")]
mod cpu;
mod engine;
mod error;
mod facts;
mod fetched;
mod forward;
mod golden;
#[cfg(not(feature = "cpu"))]
mod gpu;
mod histogram;
mod microscope;
mod moment;
mod proof;
mod race;
mod ready;
mod runs;
mod samplers;
mod scheduler;
mod schedules;
mod self_test;
mod steps;
mod timing;

/// What the engine runs on: both sides have the same names.
#[cfg(feature = "cpu")]
use cpu as device;
#[cfg(not(feature = "cpu"))]
use gpu as device;

pub use engine::Engine;

use wasm_bindgen::prelude::wasm_bindgen;

/// A panic is a defect; with this the console shows where it was.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
}
