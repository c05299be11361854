//! Schedules, predictions and samplers: the mathematics, free of any device.
//!
//! The way through: [`scheduler_config`] reads a model's `scheduler_config.json`,
//! [`samplers`] turn it into a program of [`row`]s, and a backend (or, as their
//! definition, [`interpret`]) executes them on [`noise`]. [`forward`] is the way
//! from data to noise. Every number follows `diffusers` in float32.

pub mod adaptive;
mod beta_quantile;
mod betas;
pub mod chain;
pub mod compare;
pub mod forward;
pub mod histogram;
pub mod interpret;
mod named;
pub mod noise;
pub mod prediction;
pub mod row;
pub mod samplers;
pub mod schedule;
pub mod scheduler_config;
pub mod sde;
pub mod sigmas;
mod single_log;
pub mod spacing;

pub use named::UnknownName;
