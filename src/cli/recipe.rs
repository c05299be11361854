//! From arguments to the library's recipes: one for all samples, and its parts.

use std::path::Path;

use reverie::diffusion::samplers::PlanError;
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::models::folder::ModelFolder;
use reverie::session::{Model, NoiseSource, Recipe, SessionError};

use super::args::SampleArgs;
use super::error::CliError;
use super::scheduler;
use super::tensors::TensorFile;
use super::wish;

/// The recipe of the whole batch, which may be too large to run at once.
pub fn whole(args: &SampleArgs, model: &Model) -> Result<Recipe, CliError> {
    let (height, width) = args.size.unwrap_or_else(|| model.size());
    model.unet.config.check_size(height, width).map_err(|e| CliError::Usage(e.to_string()))?;
    // The library checks this too, but frames are laid out for every step before it does.
    let scheduler = scheduler(args)?;
    let most = scheduler.as_ref().unwrap_or(&model.scheduler).num_train_timesteps;
    if !(1..=most).contains(&args.sampler.steps) {
        return Err(SessionError::from(PlanError::Steps { steps: args.sampler.steps, most }).into());
    }
    let asked = args.batch.map(|batch| batch as usize);
    let (batch, noise) = match &args.noise {
        Some(path) => noise(path, asked, [model.channels(), height, width])?,
        None => (asked.unwrap_or(1), NoiseSource::Seed(args.seed)),
    };
    Ok(Recipe {
        sampler: args.sampler.name(),
        scheduler,
        steps: args.sampler.steps,
        batch,
        first_sample: 0,
        size: Some((height, width)),
        condition: wish::condition(args, model, batch)?,
        options: args.sampler.options(),
        noise,
        keep_bytes: 0,
    })
}

/// The model's config with what the arguments set, if they set anything.
fn scheduler(args: &SampleArgs) -> Result<Option<SchedulerConfig>, CliError> {
    if args.sampler.settings.is_empty() {
        return Ok(None);
    }
    let folder = ModelFolder::open(&args.model).map_err(|e| CliError::model(&args.model, e))?;
    scheduler::config(folder.scheduler.as_deref(), &args.sampler.settings, &args.model).map(Some)
}

/// The recipe of `count` samples from the sample `first` on.
pub fn part(whole: &Recipe, first: usize, count: usize) -> Recipe {
    let condition = whole.condition.part(first, count);
    let noise = match &whole.noise {
        NoiseSource::Seed(seed) => NoiseSource::Seed(*seed),
        NoiseSource::Given { x_t, steps } => {
            let sample = x_t.len() / whole.batch;
            let range = first * sample..(first + count) * sample;
            let steps = steps.chunks(x_t.len()).flat_map(|slice| &slice[range.clone()]).copied().collect();
            NoiseSource::Given { x_t: x_t[range.clone()].to_vec(), steps }
        }
    };
    Recipe { batch: count, first_sample: first as u32, condition, noise, ..whole.clone() }
}

/// `x_T` and `noise` of a file, and how many samples they are for.
fn noise(path: &Path, asked: Option<usize>, image: [usize; 3]) -> Result<(usize, NoiseSource), CliError> {
    let file = TensorFile::read(path)?;
    let [c, h, w] = image;
    let expected = format!("[N, {c}, {h}, {w}] with N of 1 or more (--size asks for another size)");
    let x_t = file.get("x_T", &expected)?;
    let batch = match *x_t.shape() {
        [n, ref rest @ ..] if n > 0 && rest == image => n,
        _ => return Err(x_t.shape_error(&expected)),
    };
    if let Some(asked) = asked.filter(|asked| *asked != batch) {
        return Err(CliError::Usage(format!(
            "--batch is {asked}, but x_T of --noise {} has {batch} samples; leave --batch out",
            path.display()
        )));
    }
    let steps = match file.find("noise")? {
        Some(noise) => match *noise.shape() {
            [_, ref rest @ ..] if rest == x_t.shape() => noise.floats()?,
            _ => return Err(noise.shape_error(&format!("[steps, {batch}, {c}, {h}, {w}]"))),
        },
        None => Vec::new(),
    };
    Ok((batch, NoiseSource::Given { x_t: x_t.floats()?, steps }))
}
