//! Samplers side by side: one sample of each, from one x_T, by as many network calls.

use super::{Model, Recipe, Run, SessionError};
use crate::kernels::BufferId;
use crate::machine::Machine;

/// The runs of a race, in the order of their recipes.
#[derive(Debug)]
pub struct Race {
    runs: Vec<Run>,
    /// The recipes that have a run, by their number.
    recipes: Vec<usize>,
    left_out: Vec<LeftOut>,
}

/// A recipe that has no part in a race.
#[derive(Debug)]
pub struct LeftOut {
    /// Its number.
    pub recipe: usize,
    /// The fewest network calls that it can do with; None if no number of steps is possible.
    pub least_calls: Option<usize>,
    pub reason: SessionError,
}

impl Race {
    /// Each recipe makes the most steps for which its sampler calls the network at most `calls`
    /// times; whose sampler cannot is left out. No frames are kept.
    pub fn start<M: Machine>(
        machine: &mut M,
        model: &Model,
        recipes: &[Recipe],
        calls: usize,
    ) -> Result<Self, SessionError> {
        let mut race = Self { runs: Vec::new(), recipes: Vec::new(), left_out: Vec::new() };
        for (number, recipe) in recipes.iter().enumerate() {
            let steps = match steps_for(model, recipe, calls) {
                Ok(steps) => steps,
                Err(reason) => {
                    let least_calls = least_calls(model, recipe);
                    race.left_out.push(LeftOut { recipe: number, least_calls, reason });
                    continue;
                }
            };
            match Run::start(machine, model, &Recipe { steps, keep_bytes: 0, ..recipe.clone() }) {
                Ok(run) => {
                    race.runs.push(run);
                    race.recipes.push(number);
                }
                Err(error) => {
                    race.release(machine, model);
                    return Err(error);
                }
            }
        }
        Ok(race)
    }

    /// Takes every run that is not done a step further; returns whether there was any.
    pub fn step<M: Machine>(&mut self, machine: &mut M) -> bool {
        let going = self.runs.iter_mut().filter(|run| !run.is_done());
        going.map(|run| run.step(machine)).count() > 0
    }

    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Each run, and the number of its recipe.
    pub fn entrants(&self) -> impl Iterator<Item = (usize, &Run)> {
        self.recipes.iter().copied().zip(&self.runs)
    }

    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Where the samples are now, one after the other.
    pub fn samples(&self) -> Vec<(BufferId, usize)> {
        self.runs.iter().map(|run| (run.registers(), 0)).collect()
    }

    pub fn release<M: Machine>(self, machine: &mut M, model: &Model) {
        self.runs.into_iter().for_each(|run| run.release(machine, model));
    }
}

/// The most steps that at most `calls` network calls are enough for.
fn steps_for(model: &Model, recipe: &Recipe, calls: usize) -> Result<usize, SessionError> {
    let mut refusal = None;
    for steps in (1..=calls.min(model.scheduler.num_train_timesteps)).rev() {
        match calls_of(model, recipe, steps) {
            Ok(needed) if needed <= calls => return Ok(steps),
            Ok(_) => {}
            Err(error) => refusal = Some(error),
        }
    }
    let name = recipe.sampler.as_deref().unwrap_or("this sampler");
    let message = format!("{name} cannot do with {calls} network calls; allow more");
    Err(refusal.unwrap_or(SessionError::Recipe(message)))
}

/// The network calls of the fewest steps that are possible.
fn least_calls(model: &Model, recipe: &Recipe) -> Option<usize> {
    (1..=model.scheduler.num_train_timesteps).find_map(|steps| calls_of(model, recipe, steps).ok())
}

fn calls_of(model: &Model, recipe: &Recipe, steps: usize) -> Result<usize, SessionError> {
    let plan = Recipe { steps, ..recipe.clone() }.plan(model, 0)?;
    if plan.adaptive.is_some() {
        let message = "an adaptive method chooses by itself how often it calls the network";
        return Err(SessionError::Recipe(message.into()));
    }
    Ok(plan.calls().count())
}
