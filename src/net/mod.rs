//! Networks: a graph of mathematics → fused operations → a plan → dispatches.
//!
//! Nothing here knows a class of diffusers: [`models`](crate::models) writes the graphs.

pub mod adjoint;
pub mod arriving;
pub mod builder;
pub mod choose;
pub mod fuse;
pub mod fused;
pub mod graph;
pub mod layout;
pub mod lower;
mod lower_attention;
mod lower_conv;
pub mod memory;
pub mod network;
pub mod pack;
pub mod pixels;
pub mod plan;
pub mod random;
pub mod scope;
pub mod weights;
