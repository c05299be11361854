//! Reverie: a diffusion model's U-Net as hand-written WGSL compute shaders.

#[cfg(not(any(feature = "engine", feature = "twins")))]
pub mod cpu;
pub mod diffusion;
#[cfg(not(feature = "cpu"))]
pub mod gpu;
pub mod kernels;
pub mod machine;
pub mod models;
pub mod net;

pub mod session;
#[cfg(all(target_arch = "wasm32", not(any(feature = "engine", feature = "cpu"))))]
pub mod twins;
#[cfg(all(target_arch = "wasm32", not(feature = "twins")))]
pub mod web;
