//! A run of the reverse process: model, recipe, rows, and the timestep loop.
//!
//! Neutral as to the machine: the same code drives shaders and twins.

mod adaptive;
pub mod error;
pub mod microscope;
pub mod model;
pub mod pace;
mod prepare;
pub mod race;
pub mod recipe;
mod resources;
pub mod run;
pub mod start;
pub mod tree;
mod wiring;

pub use error::SessionError;
pub use microscope::Microscope;
pub use model::Model;
pub use race::Race;
pub use recipe::{Condition, NoiseSource, Recipe, Wish};
pub use run::{Lens, Run};
pub use start::Start;
pub use tree::{Moment, Origin, Tree};
