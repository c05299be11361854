//! What is known of a run before a machine makes room for it: its plan, or why there is none.

use super::{Model, NoiseSource, Recipe, SessionError, Start};
use crate::diffusion::samplers::Plan;
use crate::kernels::reverse_step::Shape;
use crate::models::unet_2d::network::UNetError;

/// All of a run that needs no machine.
#[derive(Debug)]
pub(super) struct Prepared {
    pub plan: Plan,
    pub shape: Shape,
    pub height: usize,
    pub width: usize,
    /// Of the network: twice the samples where they are guided.
    pub batch: usize,
    pub condition: Vec<u32>,
}

impl Prepared {
    pub fn of(model: &Model, recipe: &Recipe, start: Option<&Start>) -> Result<Self, SessionError> {
        if recipe.batch == 0 {
            return Err(SessionError::Recipe("a batch of 0 samples is nothing to make; ask for 1".into()));
        }
        let plan = plan(model, recipe, start)?;
        let labels = recipe.labels(model)?;
        let (height, width) = recipe.size.unwrap_or_else(|| model.size());
        let config = &model.unet.config;
        config.check_size(height, width).map_err(UNetError::from)?;
        let shape = Shape {
            batch: recipe.batch as u32,
            pixels: (height * width) as u32,
            channels: config.in_channels as u32,
            output_channels: config.out_channels as u32,
        };
        check_output(&plan, shape)?;
        check_noise(&recipe.noise, &plan, shape)?;
        for call in plan.calls() {
            model.unet.time.check(call.timestep, None).map_err(SessionError::Recipe)?;
        }

        let batch = if labels.guided { 2 * recipe.batch } else { recipe.batch };
        let condition = model.unet.condition_words(labels.all.as_ref(), batch)?;
        Ok(Self { plan, shape, height, width, batch, condition })
    }
}

fn plan(model: &Model, recipe: &Recipe, start: Option<&Start>) -> Result<Plan, SessionError> {
    let whole = recipe.plan(model, 0)?;
    match start.map_or(0, |start| whole.step_of(start.sigma)) {
        0 => Ok(whole),
        begin => recipe.plan(model, begin),
    }
}

/// The network's output must be the sample's channels, or twice as many.
fn check_output(plan: &Plan, shape: Shape) -> Result<(), SessionError> {
    let (c, out) = (shape.channels, shape.output_channels);
    let learned = plan.calls().any(|call| call.learned_variance.is_some());
    let needed = if learned { 2 * c } else { c };
    if out == needed || out == 2 * c {
        return Ok(());
    }
    Err(SessionError::Recipe(format!(
        "the network makes {out} channels of {c}; this scheduler's variance needs {needed}: \
         check variance_type in scheduler_config.json"
    )))
}

fn check_noise(noise: &NoiseSource, plan: &Plan, shape: Shape) -> Result<(), SessionError> {
    let NoiseSource::Given { x_t, steps } = noise else { return Ok(()) };
    let all = (shape.batch * shape.pixels * shape.channels) as usize;
    let used = plan.rows.iter().filter_map(|row| row.noise).max().map_or(0, |last| last + 1);
    if x_t.len() != all {
        let found = x_t.len();
        return Err(SessionError::Recipe(format!("x_T has {found} values; this batch needs {all}")));
    }
    if steps.len() < used * all {
        let found = steps.len() / all;
        return Err(SessionError::Recipe(format!("noise has {found} slices; this sampler uses {used}")));
    }
    let finite = |values: &[f32]| values.iter().all(|v| v.is_finite());
    if !finite(x_t) || !finite(steps) {
        return Err(SessionError::Recipe("x_T or noise holds a value that is not finite".into()));
    }
    Ok(())
}
