//! Samplers side by side: one sample of each, from one x_T, by as many network calls.

use super::{Model, Recipe, Run, SessionError};
use crate::kernels::BufferId;
use crate::machine::Machine;

/// The runs of a race, in the order of their recipes.
#[derive(Debug)]
pub struct Race {
    runs: Vec<Run>,
}

impl Race {
    /// Each recipe makes the most steps for which its sampler calls the network at most `calls`
    /// times. No frames are kept.
    pub fn start<M: Machine>(
        machine: &mut M,
        model: &Model,
        recipes: &[Recipe],
        calls: usize,
    ) -> Result<Self, SessionError> {
        let mut race = Self { runs: Vec::new() };
        for recipe in recipes {
            let run = steps_for(model, recipe, calls).and_then(|steps| {
                let recipe = Recipe { steps, keep_bytes: 0, ..recipe.clone() };
                Run::start(machine, model, &recipe)
            });
            match run {
                Ok(run) => race.runs.push(run),
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
        match (Recipe { steps, ..recipe.clone() }).plan(model, 0) {
            Ok(plan) if plan.adaptive.is_some() => {
                let message =
                    "an adaptive method chooses how often it calls the network: leave it out of a race";
                return Err(SessionError::Recipe(message.into()));
            }
            Ok(plan) if plan.calls().count() <= calls => return Ok(steps),
            Ok(_) => {}
            Err(error) => refusal = Some(error),
        }
    }
    let name = recipe.sampler.as_deref().unwrap_or("this sampler");
    let message = format!("{name} cannot do with {calls} network calls; allow more");
    Err(refusal.unwrap_or(SessionError::Recipe(message)))
}
