//! Reverie: a diffusion model's U-Net as hand-written WGSL compute shaders.

pub mod cpu;
pub mod diffusion;
pub mod gpu;
pub mod kernels;
pub mod machine;
pub mod session;
#[cfg(all(target_arch = "wasm32", not(feature = "engine")))]
pub mod twins;
pub mod unet;
#[cfg(all(target_arch = "wasm32", not(feature = "twins")))]
pub mod web;
