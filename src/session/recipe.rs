//! What a visitor asks for: everything that determines a picture besides the model.

use super::{Model, SessionError};
use crate::diffusion::samplers::{Plan, SamplerEntry, SamplerOptions};
use crate::diffusion::scheduler_config::SchedulerConfig;
use crate::models::unet_2d::config::ClassEmbedding;
use crate::models::unet_2d::network::ClassLabels;

/// A run is a pure function of its recipe and the model.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// A name of [`crate::diffusion::samplers::SAMPLERS`]; None takes the model's own.
    pub sampler: Option<String>,
    /// The scheduler's config; None takes the model's own.
    pub scheduler: Option<SchedulerConfig>,
    pub steps: usize,
    pub batch: usize,
    /// Number of the first sample: a batch may be made in parts.
    pub first_sample: u32,
    /// Height and width; None takes the model's own.
    pub size: Option<(usize, usize)>,
    pub condition: Condition,
    /// Guidance, and what the sampler takes.
    pub options: SamplerOptions,
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
    /// A value of each attribute, or None, for each sample.
    Attributes(Vec<Wish>),
}

/// A value of each thing that can be asked for; None leaves it free. A class is the one
/// attribute of a model whose table of them is the network's own.
pub type Wish = Vec<Option<u32>>;

/// Where unit normals come from.
#[derive(Clone, Debug)]
pub enum NoiseSource {
    /// [`crate::diffusion::noise`]'s counter-based generator.
    Seed(u64),
    /// Given, NCHW: `x_t` `[N, C, H, W]` and, for stochastic samplers, `steps`
    /// `[K, N, C, H, W]`, slice k for the scheduler's step k.
    Given { x_t: Vec<f32>, steps: Vec<f32> },
}

impl NoiseSource {
    /// Of what is not given.
    pub(super) fn seed(&self) -> u64 {
        match self {
            Self::Seed(seed) => *seed,
            Self::Given { .. } => 0,
        }
    }
}

/// The network's class labels for the two halves of a guided batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Labels {
    /// None where the network takes no labels.
    pub all: Option<ClassLabels>,
    /// Whether the unconditional half is there.
    pub guided: bool,
}

impl Condition {
    /// The wishes of `count` samples from the sample `first` on.
    pub fn part(&self, first: usize, count: usize) -> Self {
        match self {
            Self::Free => Self::Free,
            Self::Classes(classes) => Self::Classes(classes[first..first + count].to_vec()),
            Self::Attributes(wishes) => Self::Attributes(wishes[first..first + count].to_vec()),
        }
    }

    /// A wish for each sample, or None where all is left to the model.
    fn wishes(&self, model: &Model) -> Result<Option<Vec<Wish>>, SessionError> {
        let refuse = |message: &str| Err(SessionError::Recipe(message.into()));
        match (self, &model.unet.config.class_embedding, &model.attributes) {
            (Self::Free, ..) => Ok(None),
            (Self::Classes(_), None, _) => refuse("this model has no classes; leave the class out"),
            (Self::Attributes(_), None, _) => refuse("this model has no attributes; leave them out"),
            (Self::Classes(_), _, Some(_)) => {
                refuse("this model has attributes, not classes; give values of those instead of a class")
            }
            (Self::Attributes(_), Some(_), None) => {
                refuse("this model has no attributes to choose; leave them out, or give a class")
            }
            (Self::Classes(classes), ..) => {
                Ok(Some(classes.iter().map(|class| vec![Some(*class)]).collect()))
            }
            (Self::Attributes(wishes), ..) => Ok(Some(wishes.clone())),
        }
    }
}

impl Recipe {
    /// The program of the run from the step `begin` on.
    pub fn plan(&self, model: &Model, begin: usize) -> Result<Plan, SessionError> {
        let scheduler = self.scheduler.as_ref().unwrap_or(&model.scheduler);
        let sampler = match &self.sampler {
            Some(name) => SamplerEntry::by_name(name)?,
            None => SamplerEntry::of_config(scheduler)?,
        };
        Ok(sampler.plan(scheduler, self.steps, &SamplerOptions { begin, ..self.options })?)
    }

    /// Labels of the network's batch: N samples, or 2N with guidance.
    pub(super) fn labels(&self, model: &Model) -> Result<Labels, SessionError> {
        Labels::of(model, &self.condition, self.batch, self.options.guidance_scale)
    }
}

impl Labels {
    /// Of a batch of samples, and the scale of their guidance.
    pub fn of(model: &Model, condition: &Condition, batch: usize, scale: f32) -> Result<Self, SessionError> {
        let refuse = |message: String| Err(SessionError::Recipe(message));
        if !scale.is_finite() {
            return refuse(format!("guidance_scale is {scale}; give a number such as 2"));
        }
        let wishes = condition.wishes(model)?;
        let things = match (&model.unet.config.class_embedding, &model.attributes) {
            (None, _) => return Ok(Self { all: None, guided: false }),
            (Some(_), Some(attributes)) => attributes.list().len(),
            (Some(_), None) => 1,
        };
        let has_null = model.attributes.is_some() || model.facts.null_label.is_some();
        let free = vec![vec![None; things]; batch];
        let (wishes, guided) = match wishes {
            Some(wishes) if wishes.len() != batch => {
                return refuse(format!("{} wishes for {batch} samples; give one each", wishes.len()));
            }
            Some(wishes) if scale == 1.0 => (wishes, false),
            Some(_) if !has_null => {
                return refuse(
                    "guidance needs a null label, and this model's reverie.json names none; \
                     use guidance_scale 1"
                        .into(),
                );
            }
            Some(wishes) if scale != 0.0 && wishes != free => ([wishes, free].concat(), true),
            _ => (free, false),
        };
        Ok(Self { all: Some(class_labels(model, &wishes)?), guided })
    }
}

/// What the network calls these wishes.
fn class_labels(model: &Model, wishes: &[Wish]) -> Result<ClassLabels, SessionError> {
    let refuse = |message: &str| Err(SessionError::Recipe(message.into()));
    if let Some(attributes) = &model.attributes {
        let labels = wishes.iter().map(|wish| attributes.label(wish).map_err(SessionError::Recipe));
        return Ok(ClassLabels::Embeddings(labels.collect::<Result<Vec<_>, _>>()?.concat()));
    }
    if model.unet.config.class_embedding == Some(ClassEmbedding::Identity) {
        return refuse(
            "this model is conditioned by vectors, and its folder has no attributes.json that says \
             what they mean; use the `unet` command with class_labels",
        );
    }
    let null = model.facts.null_label.map(|label| label as u32);
    let numbers: Option<Vec<u32>> = wishes.iter().flatten().map(|class| class.or(null)).collect();
    match (numbers, model.unet.config.class_embedding) {
        (None, _) => refuse("this model has no null label: give a class"),
        (Some(numbers), Some(ClassEmbedding::Timestep)) => {
            Ok(ClassLabels::Times(numbers.iter().map(|n| *n as f32).collect()))
        }
        (Some(numbers), _) => Ok(ClassLabels::Numbers(numbers)),
    }
}
