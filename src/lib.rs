//! Reverie: a diffusion model's U-Net as hand-written WGSL compute shaders.

pub mod diffusion;
