//! Reverie: a diffusion model's U-Net as hand-written WGSL compute shaders.

pub mod cpu;
pub mod diffusion;
pub mod gpu;
pub mod kernels;
pub mod machine;
pub mod session;
pub mod unet;
#[cfg(target_arch = "wasm32")]
pub mod web;
