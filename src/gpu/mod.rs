//! WebGPU, natively and in browsers: device, pipelines, and the machine on them.

pub mod device;
mod image;
pub mod machine;
pub mod painter;
pub mod pipeline;
mod stopwatch;

pub use device::Gpu;
pub use machine::GpuMachine;
pub use painter::{Painter, Picture};

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests;
