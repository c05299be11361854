//! The U-Net: a diffusers model folder → graph → plan → dispatches.

pub mod arriving;
pub mod attributes;
pub mod build;
pub mod choose;
pub mod config;
pub mod facts;
pub mod folder;
pub mod graph;
pub mod layout;
mod lower;
mod lower_attention;
mod lower_conv;
pub mod memory;
pub mod network;
pub mod pack;
pub mod pixels;
pub mod plan;
pub mod random;
pub mod time;
pub mod weights;
