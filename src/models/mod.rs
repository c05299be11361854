//! Models as diffusers saves them: what a folder holds, and a network's graph for each class.

pub mod attributes;
pub mod blocks;
pub mod facts;
pub mod folder;
pub mod unet_2d;
