//! Runs that fork: a trunk, and branches that leave it, or one another, at a kept moment.
//!
//! A branch is a run of its own that starts from the moment it left. Its path is what one sees of
//! it: the steps of its ancestors up to there, then its own.

use super::{Lens, Model, Recipe, Run, SessionError, Start};
use crate::diffusion::row::{NOISE, Row};
use crate::diffusion::samplers::StepFacts;
use crate::kernels::BufferId;
use crate::machine::Machine;

/// Branches at a time, the trunk included: each holds its frames, and what its network works on.
pub const MOST_BRANCHES: usize = 8;

/// Where a branch left another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub branch: usize,
    /// Steps of the path that were done.
    pub at: usize,
    /// The one sample that all of the branch's samples start from; None goes on with each.
    pub spread: Option<usize>,
}

#[derive(Debug)]
struct Branch {
    run: Run,
    origin: Option<Origin>,
    /// Of the whole path.
    steps: Vec<StepFacts>,
}

/// A moment of a path, in the run that holds it.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    pub run: &'a Run,
    /// Steps that the run had done.
    pub steps_done: usize,
    /// The one sample that stands for all of the path's, where it has spread since.
    pub sample: Option<usize>,
}

impl Moment<'_> {
    /// Where a lens' image lies, and the words from one sample of the path to the next.
    pub fn image(&self, lens: Lens) -> Option<(BufferId, usize, usize)> {
        let words = self.run.shape.sample_floats() as usize;
        let (buffer, at) = self.run.frame(self.steps_done, lens)?;
        Some(match self.sample {
            Some(sample) => (buffer, at + sample * words, 0),
            None => (buffer, at, words),
        })
    }

    /// The kept moment before, in the same run.
    pub fn before(&self) -> Option<Self> {
        self.run.kept_before(self.steps_done).map(|steps_done| Self { steps_done, ..*self })
    }

    /// How much the step from the kept moment before is likely to have changed samples of unit
    /// variance: the deviation of the difference for data that is unlike from pixel to pixel.
    pub fn change(&self) -> f32 {
        let Some(before) = self.before() else { return 0.0 };
        let plan = &self.run.plan;
        let level = |steps_done: usize| {
            let sigma = plan.steps.get(steps_done).map_or(0.0, |step| step.sigma);
            (1.0 / sigma.hypot(1.0), if sigma.is_finite() { sigma / sigma.hypot(1.0) } else { 1.0 })
        };
        let (from, to) = (level(before.steps_done), level(self.steps_done));
        let made = before.steps_done..self.steps_done;
        let drawn = |row: &Row| {
            let noise = row.assigns.first().map_or(0.0, |assign| assign.coefficients[NOISE]);
            f64::from(noise / plan.deviation(row.step + 1)).powi(2)
        };
        let fresh: f64 = plan.rows.iter().filter(|row| made.contains(&row.step)).map(drawn).sum();
        ((to.0 - from.0).powi(2) + (to.1 - from.1).powi(2) + fresh).sqrt() as f32
    }

    /// What its sample is divided by to be drawn.
    pub fn deviation(&self) -> f32 {
        self.run.deviation(self.steps_done)
    }
}

/// A trunk and its branches, by number: 0 is the trunk.
#[derive(Debug)]
pub struct Tree {
    branches: Vec<Option<Branch>>,
    current: usize,
}

impl Tree {
    /// A trunk: from x_T, or from a picture.
    pub fn start<M: Machine>(
        machine: &mut M,
        model: &Model,
        recipe: &Recipe,
        start: Option<Start>,
    ) -> Result<Self, SessionError> {
        let run = Run::start_from(machine, model, recipe, start)?;
        let steps = run.plan.steps.clone();
        Ok(Self { branches: vec![Some(Branch { run, origin: None, steps })], current: 0 })
    }

    /// A branch from a moment that is computed, which becomes the current one; returns its number.
    /// Where frames are sparse it leaves at the kept one before. `noise` 0 draws what the trunk
    /// would.
    pub fn fork<M: Machine>(
        &mut self,
        machine: &mut M,
        model: &Model,
        recipe: &Recipe,
        origin: Origin,
        noise: u32,
    ) -> Result<usize, SessionError> {
        let refuse = |message: &str| Err(SessionError::Recipe(message.into()));
        let place = self.branches.iter().position(Option::is_none).unwrap_or(self.branches.len());
        if place == MOST_BRANCHES {
            return refuse("eight branches are kept at most; close one first");
        }
        if self.branch(origin.branch).is_none() {
            return refuse("the branch that this one leaves is gone; choose another");
        }
        if origin.at > self.computed(origin.branch) {
            return refuse("the moment to fork at is not computed yet");
        }
        let origin = self.ancestral(Origin { at: self.kept(origin.branch, origin.at), ..origin });
        let Some(parent) = self.branch(origin.branch) else { return refuse("no such branch") };
        let moment = self.moment_of(origin.branch, origin.at);
        let batch = moment.run.shape.batch as usize;
        let inside = origin.spread.is_none_or(|sample| sample < batch);
        if !inside || (origin.spread.is_none() && recipe.batch != parent.run.shape.batch as usize) {
            return refuse("a fork goes on with the samples that are there; the batch stays as it is");
        }
        // A finished picture has no noise left, and x_T nothing else.
        let sigma = match origin.at {
            0 => f64::INFINITY,
            at => parent.steps.get(at).map_or(0.0, |step| step.sigma),
        };
        let Some((buffer, at, stride)) = moment.image(Lens::Sample) else {
            return refuse("no frames are kept of so many samples: choose a smaller batch to fork");
        };
        let sample = origin.spread.unwrap_or(0) * stride;
        let start = Start {
            at: (buffer, at + sample),
            spread: origin.spread.is_some() || moment.sample.is_some(),
            deviation: moment.deviation(),
            sigma,
            branch: noise,
        };
        let before = parent.steps[..origin.at.min(parent.steps.len())].to_vec();
        let run = Run::start_from(machine, model, recipe, Some(start))?;
        let own = run.plan.steps.iter().enumerate();
        let steps = own.map(|(step, facts)| StepFacts { step: origin.at + step, ..*facts });
        let steps = before.into_iter().chain(steps).collect();
        let branch = Some(Branch { run, origin: Some(origin), steps });
        if place == self.branches.len() {
            self.branches.push(branch);
        } else {
            self.branches[place] = branch;
        }
        self.current = place;
        Ok(place)
    }

    /// The kept moment that a fork at this one leaves: itself, or the one before.
    fn kept(&self, branch: usize, at: usize) -> usize {
        let moment = self.moment_of(branch, at);
        at - (moment.steps_done - moment.run.kept(moment.steps_done))
    }

    /// The same moment in the branch that made it.
    fn ancestral(&self, origin: Origin) -> Origin {
        match self.origin(origin.branch) {
            Some(Origin { branch, at, spread }) if origin.at <= at => {
                self.ancestral(Origin { branch, spread: spread.or(origin.spread), ..origin })
            }
            _ => origin,
        }
    }

    /// Every branch's number.
    pub fn numbers(&self) -> impl Iterator<Item = usize> {
        (0..self.branches.len()).filter(|&branch| self.branch(branch).is_some())
    }

    pub fn current(&self) -> usize {
        self.current
    }

    /// Makes a branch the current one, if there is one of this number.
    pub fn select(&mut self, branch: usize) {
        if self.branch(branch).is_some() {
            self.current = branch;
        }
    }

    /// Gives a branch and all that left it back; what they left becomes the current one. The trunk
    /// stays.
    pub fn close<M: Machine>(&mut self, machine: &mut M, model: &Model, branch: usize) {
        let Some(origin) = self.branch(branch).and_then(|closed| closed.origin) else { return };
        let children: Vec<usize> = (0..self.branches.len())
            .filter(|&child| self.origin(child).is_some_and(|origin| origin.branch == branch))
            .collect();
        children.into_iter().for_each(|child| self.close(machine, model, child));
        if let Some(closed) = self.branches[branch].take() {
            closed.run.release(machine, model);
        }
        if self.current == branch {
            self.current = origin.branch;
        }
    }

    pub fn release<M: Machine>(self, machine: &mut M, model: &Model) {
        self.branches.into_iter().flatten().for_each(|branch| branch.run.release(machine, model));
    }

    fn branch(&self, branch: usize) -> Option<&Branch> {
        self.branches.get(branch).and_then(Option::as_ref)
    }

    fn current_branch(&self) -> &Branch {
        self.branch(self.current).expect("the current branch is there")
    }

    pub fn origin(&self, branch: usize) -> Option<Origin> {
        self.branch(branch).and_then(|branch| branch.origin)
    }

    /// The current branch's own run.
    pub fn run(&self) -> &Run {
        &self.current_branch().run
    }

    pub fn run_mut(&mut self) -> &mut Run {
        let branch = self.branches[self.current].as_mut();
        &mut branch.expect("the current branch is there").run
    }

    /// The steps of the current path.
    pub fn steps(&self) -> &[StepFacts] {
        &self.current_branch().steps
    }

    /// Steps of the current path that are done.
    pub fn steps_done(&self) -> usize {
        self.computed(self.current)
    }

    /// Steps of a branch's path that are done.
    pub fn computed(&self, branch: usize) -> usize {
        self.branch(branch)
            .map_or(0, |branch| branch.origin.map_or(0, |origin| origin.at) + branch.run.steps_done())
    }

    /// Passes of the network on the current path; those before a fork are its ancestors'.
    pub fn network_calls(&self) -> usize {
        let branch = self.current_branch();
        let at = branch.origin.map_or(0, |origin| origin.at);
        let before: usize = branch.steps[..at].iter().map(|step| step.network_calls).sum();
        before + branch.run.network_calls()
    }

    /// A moment of the current path.
    pub fn moment(&self, steps_done: usize) -> Moment<'_> {
        self.moment_of(self.current, steps_done)
    }

    /// A moment of a branch's path; the current one's where there is no such branch.
    pub fn moment_of(&self, branch: usize, steps_done: usize) -> Moment<'_> {
        let Branch { run, origin, .. } = self.branch(branch).unwrap_or_else(|| self.current_branch());
        match *origin {
            Some(Origin { branch, at, spread }) if steps_done <= at => {
                let moment = self.moment_of(branch, steps_done);
                Moment { sample: moment.sample.or(spread), ..moment }
            }
            origin => {
                let steps_done = steps_done - origin.map_or(0, |origin| origin.at);
                Moment { run, steps_done, sample: None }
            }
        }
    }
}
