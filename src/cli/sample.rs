//! `reverie sample`: whole runs, in parts where the batch is large.

use std::collections::BTreeMap;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use reverie::kernels::present::Grid;
use reverie::machine::Machine;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run};
use serde::Serialize;

use super::args::SampleArgs;
use super::backend::Task;
use super::error::CliError;
use super::output::{self, Format, Named};
use super::picture::Picture;
use super::recipe;

/// Samples that run at once: enough to fill a device, few enough to fit default limits.
const PART: usize = 16;
/// Frames of an animation, at most.
const MAX_FRAMES: usize = 100;
/// Numbers that are kept in memory, at most.
const MAX_VALUES: usize = 1 << 30;
/// Pixels of all frames of an animation, at most.
const MAX_PIXELS: usize = 1 << 29;

/// The command.
pub struct Sample<'a>(pub &'a SampleArgs);

/// States of the whole batch at some moments, the last one included.
struct Film {
    /// Steps done at each moment, ascending.
    moments: Vec<usize>,
    /// `[N, C, H, W]` each.
    frames: Vec<Vec<f32>>,
    /// What a picture of each divides by.
    deviations: Vec<f32>,
}

/// What was done, for `--json`.
#[derive(Serialize)]
struct Report<'a> {
    model: String,
    backend: String,
    device: &'a str,
    sampler: &'static str,
    steps: usize,
    batch: usize,
    height: usize,
    width: usize,
    /// None where the noise was given.
    seed: Option<u64>,
    /// None where no class was asked for.
    classes: Option<&'a [u32]>,
    /// The value of each attribute, the same for every sample; None where it was left free.
    attributes: Option<BTreeMap<&'a str, Option<&'a str>>>,
    guidance_scale: f32,
    eta: f32,
    network_calls_per_sample: usize,
    seconds: f64,
    ms_per_step: f64,
    output: String,
}

impl Task for Sample<'_> {
    async fn run<M: Machine>(self, machine: &mut M, device: &str) -> Result<(), CliError> {
        let args = self.0;
        let format = Format::of(&args.output)?;
        output::check_folder(&args.output)?;
        if args.trajectory && format != Format::Safetensors {
            return Err(CliError::Usage("--trajectory is written to a .safetensors output only".into()));
        }
        if args.strip.is_some() && format != Format::Png {
            return Err(CliError::Usage("--strip is written to a .png output only".into()));
        }
        let model = Model::load(machine, &args.model).map_err(|e| CliError::model(&args.model, e))?;
        let recipe = recipe::whole(args, &model)?;
        let picture = picture(&model, &recipe, args.strip.is_some());
        let mut film = Film::new(moments(format, args), &recipe, &model, picture)?;

        let parts = recipe.batch.div_ceil(PART);
        let bar = progress(recipe.steps * parts, args.json);
        let mut seconds = 0.0;
        let mut facts = None;
        for first in (0..recipe.batch).step_by(PART) {
            let part = recipe::part(&recipe, first, PART.min(recipe.batch - first));
            let mut run = Run::start(machine, &model, &part)?;
            let start = Instant::now();
            film.shoot(machine, &mut run, &bar).await?;
            seconds += start.elapsed().as_secs_f64();
            facts = Some((run.plan.sampler, run.network_calls() * run.instance.batch / part.batch));
            run.release(machine, &model);
        }
        bar.finish_and_clear();
        let Some((sampler, network_calls_per_sample)) = facts else { return Ok(()) };
        film.write(args, format, picture)?;

        let report = Report {
            model: model.facts.name.clone().unwrap_or_else(|| args.model.display().to_string()),
            backend: format!("{:?}", args.backend).to_lowercase(),
            device,
            sampler: sampler.name,
            steps: recipe.steps,
            batch: recipe.batch,
            height: picture.grid.height as usize,
            width: picture.grid.width as usize,
            seed: if let NoiseSource::Seed(seed) = recipe.noise { Some(seed) } else { None },
            classes: if let Condition::Classes(classes) = &recipe.condition { Some(classes) } else { None },
            attributes: attributes(&model, &recipe.condition),
            guidance_scale: recipe.options.guidance_scale,
            eta: recipe.options.eta,
            network_calls_per_sample,
            seconds,
            ms_per_step: 1000.0 * seconds / (recipe.steps * parts) as f64,
            output: args.output.display().to_string(),
        };
        if args.json {
            return super::say_json(&report);
        }
        let Report { batch, model, steps, sampler, seconds, ms_per_step, output, .. } = report;
        super::say(&format!(
            "{output}: {batch} of {model} in {steps} steps of {sampler}, {seconds:.1} s \
             ({ms_per_step:.1} ms a step) on {device}"
        ))
    }
}

impl Film {
    fn new(moments: Vec<usize>, recipe: &Recipe, model: &Model, picture: Picture) -> Result<Self, CliError> {
        let Grid { width, height, .. } = picture.grid;
        let values = recipe.batch * model.channels() * (width * height) as usize;
        let (wide, high) = picture.size();
        let pixels = moments.len().saturating_mul(wide as usize * high as usize);
        if moments.len().saturating_mul(values) > MAX_VALUES || pixels > MAX_PIXELS {
            let (batch, moments) = (recipe.batch, moments.len());
            return Err(CliError::Usage(format!(
                "{batch} samples of {height}x{width} at {moments} moments are too much for one file; \
                 make fewer"
            )));
        }
        let deviations = vec![1.0; moments.len()];
        Ok(Self { frames: vec![Vec::new(); moments.len()], deviations, moments })
    }

    /// Runs to the end, and appends the samples to every frame.
    async fn shoot<M: Machine>(
        &mut self,
        machine: &mut M,
        run: &mut Run,
        bar: &ProgressBar,
    ) -> Result<(), CliError> {
        loop {
            match self.moments.binary_search(&run.steps_done()) {
                Ok(place) => {
                    self.frames[place].extend(run.read_sample(machine).await?);
                    self.deviations[place] = run.plan.deviation(run.steps_done());
                }
                // Waits for the step: the progress is true and no queue piles up.
                Err(_) => drop(machine.read(run.instance.sample, 0, 1).await?),
            }
            if run.is_done() {
                return Ok(());
            }
            run.advance(machine).await?;
            bar.inc(1);
        }
    }

    /// Every moment as a picture shows it.
    fn seen(&self) -> Vec<Vec<f32>> {
        let pairs = self.frames.iter().zip(&self.deviations);
        pairs.map(|(frame, deviation)| frame.iter().map(|value| value / deviation).collect()).collect()
    }

    fn write(&self, args: &SampleArgs, format: Format, picture: Picture) -> Result<(), CliError> {
        let Some(last) = self.frames.last() else { return Ok(()) };
        let Grid { samples, width, height, .. } = picture.grid;
        if let Some(at) = last.iter().position(|value| !value.is_finite()) {
            return Err(CliError::NotFinite(at / (last.len() / samples as usize)));
        }
        let unwritable = |error: &dyn std::fmt::Display| CliError::Write {
            file: args.output.display().to_string(),
            reason: error.to_string(),
        };
        match format {
            Format::Png if args.strip.is_some() => {
                output::write(&args.output, &picture.strip(&self.seen()).map_err(|e| unwritable(&e))?)
            }
            Format::Png => output::write(&args.output, &picture.png(last).map_err(|e| unwritable(&e))?),
            Format::Gif => {
                output::write(&args.output, &picture.gif(&self.seen()).map_err(|e| unwritable(&e))?)
            }
            Format::Safetensors => {
                let shape = vec![samples as usize, picture.channels, height as usize, width as usize];
                let all = if args.trajectory { self.frames.concat() } else { Vec::new() };
                let mut tensors = vec![Named { name: "sample", shape: shape.clone(), values: last }];
                if args.trajectory {
                    let shape = [vec![self.frames.len()], shape].concat();
                    tensors.push(Named { name: "trajectory", shape, values: &all });
                }
                output::write_tensors(&args.output, &tensors)
            }
        }
    }
}

/// The names of what was asked for.
fn attributes<'a>(model: &'a Model, condition: &Condition) -> Option<BTreeMap<&'a str, Option<&'a str>>> {
    let (Some(attributes), Condition::Attributes(wishes)) = (&model.attributes, condition) else {
        return None;
    };
    let named = attributes.list().iter().zip(wishes.first()?).map(|(attribute, value)| {
        (attribute.name.as_str(), value.map(|value| attribute.values[value as usize].as_str()))
    });
    Some(named.collect())
}

/// How the whole batch is drawn; on a strip as on the page.
fn picture(model: &Model, recipe: &Recipe, strip: bool) -> Picture {
    let (height, width) = recipe.size.unwrap_or_else(|| model.size());
    let grid = Grid {
        samples: recipe.batch as u32,
        width: width as u32,
        height: height as u32,
        gap: if strip { 1 } else { 2 },
    };
    Picture { grid, channels: model.channels(), range: model.value_range() }
}

/// The moments that the output shows.
fn moments(format: Format, args: &SampleArgs) -> Vec<usize> {
    let steps = args.sampler.steps;
    let spread = |frames: usize| {
        let last = steps.min(frames - 1);
        (0..=last).map(|frame| frame * steps / last.max(1)).collect()
    };
    match (format, args.strip) {
        (Format::Gif, _) => spread(MAX_FRAMES),
        (Format::Png, Some(frames)) => spread(frames as usize),
        (Format::Safetensors, _) if args.trajectory => (1..=steps).collect(),
        (Format::Png | Format::Safetensors, _) => vec![steps],
    }
}

fn progress(steps: usize, hidden: bool) -> ProgressBar {
    let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new(steps as u64) };
    match ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
