//! What a visitor asks for: everything that determines a picture besides the model.

use super::{Model, SessionError};
use crate::unet::config::ClassEmbedding;
use crate::unet::network::ClassLabels;

/// A run is a pure function of its recipe and the model.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// A name of [`crate::diffusion::samplers::SAMPLERS`]; None takes the model's own.
    pub sampler: Option<String>,
    pub steps: usize,
    pub batch: usize,
    /// Number of the first sample: a batch may be made in parts.
    pub first_sample: u32,
    /// Height and width; None takes the model's own.
    pub size: Option<(usize, usize)>,
    pub condition: Condition,
    /// s in ε_u + s·(ε_c − ε_u).
    pub guidance_scale: f32,
    pub eta: f32,
    pub noise: NoiseSource,
    /// Bytes of memory for kept frames; 0 keeps none.
    pub keep_bytes: u64,
}

/// The wish for each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Whatever the model likes: its null label, or no label at all.
    Free,
    /// A class for each sample.
    Classes(Vec<u32>),
}

/// Where unit normals come from.
#[derive(Clone, Debug)]
pub enum NoiseSource {
    /// [`crate::diffusion::noise`]'s counter-based generator.
    Seed(u64),
    /// Given, NCHW: `x_t` `[N, C, H, W]` and, for stochastic samplers, `steps`
    /// `[K, N, C, H, W]`, slice k for the scheduler's step k.
    Given { x_t: Vec<f32>, steps: Vec<f32> },
}

/// The network's class labels for the two halves of a guided batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    /// None where the network takes no labels.
    pub all: Option<ClassLabels>,
    /// Whether the unconditional half is there.
    pub guided: bool,
}

impl Recipe {
    /// Labels of the network's batch: N samples, or 2N with guidance.
    pub(super) fn labels(&self, model: &Model) -> Result<Labels, SessionError> {
        let refuse = |message: String| Err(SessionError::Recipe(message));
        let batch = self.batch;
        if !self.guidance_scale.is_finite() {
            return refuse(format!("guidance_scale is {}; give a number such as 2", self.guidance_scale));
        }
        let classes = match (&model.unet.config.class_embedding, &self.condition) {
            (None, Condition::Free) => return Ok(Labels { all: None, guided: false }),
            (None, Condition::Classes(_)) => {
                return refuse("this model has no classes; leave the class out".into());
            }
            (Some(ClassEmbedding::Identity), _) => {
                return refuse(
                    "this model is conditioned by vectors, and its folder has no table of them; \
                     use the `unet` command with class_labels"
                        .into(),
                );
            }
            (Some(_), Condition::Free) => None,
            (Some(_), Condition::Classes(classes)) => Some(classes),
        };
        let null = model.facts.null_label.map(|label| vec![label as u32; batch]);
        let numbers = match (classes, null) {
            (Some(classes), _) if classes.len() != batch => {
                return refuse(format!("{} classes for {batch} samples; give one each", classes.len()));
            }
            (None, None) => {
                return refuse("this model has no null label: give a class".into());
            }
            (Some(classes), null) => match (self.guidance_scale, null) {
                (1.0, _) => (classes.clone(), false),
                (_, None) => {
                    return refuse(
                        "guidance needs a null label, and this model's reverie.json names none; \
                         use guidance_scale 1"
                            .into(),
                    );
                }
                (0.0, Some(null)) => (null, false),
                (_, Some(null)) => ([classes.clone(), null].concat(), true),
            },
            (None, Some(null)) => (null, false),
        };
        let (numbers, guided) = numbers;
        let all = match model.unet.config.class_embedding {
            Some(ClassEmbedding::Timestep) => ClassLabels::Times(numbers.iter().map(|n| *n as f32).collect()),
            _ => ClassLabels::Numbers(numbers),
        };
        Ok(Labels { all: Some(all), guided })
    }
}
