//! Whole runs: the start, and the loop of steps from the first submission to the sample read back.

use std::path::PathBuf;
use std::time::Instant;

use reverie::machine::Machine;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run};
use serde::Serialize;

use super::clock::{Clock, median};
use crate::cli::error::CliError;

/// How many runs the median is of, at the least and at the most.
const RUNS: (usize, usize) = (3, 101);

/// Runs of so many DDIM steps; both times are medians.
#[derive(Serialize)]
pub struct Runs {
    pub model: String,
    pub batch: usize,
    pub steps: usize,
    pub runs: usize,
    /// Planning, buffers and programs.
    pub start_ms: f64,
    /// From the first step's submission until the sample is read back.
    pub loop_ms: f64,
}

/// Seconds of one run.
#[derive(Clone, Copy)]
pub struct Seconds {
    pub start: f64,
    pub steps: f64,
}

impl Runs {
    /// One of each batch.
    pub async fn measure<M: Machine>(
        machine: &mut M,
        folder: &PathBuf,
        (batches, steps): (&[usize], usize),
        clock: Clock,
    ) -> Result<Vec<Self>, CliError> {
        let model = Model::load(machine, folder).map_err(|e| CliError::model(folder, e))?;
        let mut all = Vec::new();
        for &batch in batches {
            let times = repeat(machine, &model, (batch, steps), clock).await?;
            let of_all = |part: fn(&Seconds) -> f64| 1000.0 * median(times.iter().map(part).collect());
            all.push(Self {
                model: super::name(folder),
                batch,
                steps,
                runs: times.len(),
                start_ms: of_all(|run| run.start),
                loop_ms: of_all(|run| run.steps),
            });
        }
        model.release(machine);
        Ok(all)
    }
}

async fn repeat<M: Machine>(
    machine: &mut M,
    model: &Model,
    (batch, steps): (usize, usize),
    clock: Clock,
) -> Result<Vec<Seconds>, CliError> {
    // Once before, so that the first does not pay for what is made once.
    once(machine, model, (batch, 1)).await?;
    let (least, most) = RUNS;
    let begun = Instant::now();
    let mut times = Vec::new();
    while times.len() < least || clock.has_time(begun) && times.len() < most {
        times.push(once(machine, model, (batch, steps)).await?);
    }
    Ok(times)
}

/// An unconditional DDIM run of some samples and steps.
pub async fn once<M: Machine>(
    machine: &mut M,
    model: &Model,
    (batch, steps): (usize, usize),
) -> Result<Seconds, CliError> {
    let recipe = Recipe {
        sampler: Some("ddim".into()),
        scheduler: None,
        steps,
        batch,
        first_sample: 0,
        size: None,
        condition: Condition::Free,
        options: Default::default(),
        noise: NoiseSource::Seed(0),
        keep_bytes: 0,
    };
    let begun = Instant::now();
    let mut run = Run::start(machine, model, &recipe)?;
    let start = begun.elapsed().as_secs_f64();
    while !run.is_done() {
        run.step(machine);
    }
    run.read_sample(machine).await?;
    let steps = begun.elapsed().as_secs_f64() - start;
    run.release(machine, model);
    Ok(Seconds { start, steps })
}
