//! diffusers' `UNet2DModel`.

pub mod arriving;
pub mod build;
pub mod config;
pub mod network;
pub mod time;
