//! A run in progress: buffers, programs and the timestep loop.

use super::adaptive::Pilot;
use super::prepare::Prepared;
use super::resources::Resources;
use super::{Model, NoiseSource, Recipe, SessionError, Start};
use crate::diffusion::adaptive::Verdict;
use crate::diffusion::noise::{self, Stream};
use crate::diffusion::row::{Register, Row};
use crate::diffusion::samplers::Plan;
use crate::kernels::BufferId;
use crate::kernels::reverse_step::Shape;
use crate::machine::Machine;
use crate::models::unet_2d::network::Instance;
use crate::net::pixels::{to_nchw, to_nhwc};

/// Which image of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lens {
    /// The sample, x_t.
    Sample = 0,
    /// What the model thinks the clean sample is, x̂0.
    X0Hat = 1,
    /// What it thinks the noise is, ε̂.
    EpsHat = 2,
}

/// How many lenses are kept.
pub(super) const LENSES: usize = 3;

/// A run on a machine. Steps only dispatch: no buffer is made, and nothing is read but the error
/// of an adaptive method's steps.
#[derive(Debug)]
pub struct Run {
    pub plan: Plan,
    pub shape: Shape,
    pub height: usize,
    pub width: usize,
    pub instance: Instance,
    resources: Resources,
    noise: NoiseSource,
    first_sample: u32,
    branch: u32,
    /// The rows that the programs hold, and how many calls come before each.
    rows: Vec<Row>,
    calls_before: Vec<usize>,
    /// Rows done, where they are executed one after the other.
    next_row: usize,
    pilot: Option<Pilot>,
    network_calls: usize,
    steps_done: usize,
}

impl Run {
    /// Plans the rows, uploads them, and puts x_T in place as frame 0.
    pub fn start<M: Machine>(machine: &mut M, model: &Model, recipe: &Recipe) -> Result<Self, SessionError> {
        Self::start_from(machine, model, recipe, None)
    }

    /// Why there would be no run, as far as that is known before a machine makes room for it.
    pub fn check(model: &Model, recipe: &Recipe, start: Option<&Start>) -> Result<(), SessionError> {
        Prepared::of(model, recipe, start).map(|_| ())
    }

    /// The same from a picture in the place of x_T, without the steps for more noise than it has.
    pub fn start_from<M: Machine>(
        machine: &mut M,
        model: &Model,
        recipe: &Recipe,
        start: Option<Start>,
    ) -> Result<Self, SessionError> {
        let Prepared { plan, shape, height, width, batch, condition } =
            Prepared::of(model, recipe, start.as_ref())?;
        let instance = model.unet.instance(machine, batch, height, width)?;
        if let Some(buffer) = instance.condition {
            machine.write(buffer, 0, &condition);
        }
        let pilot = plan.adaptive.clone().map(Pilot::new);
        let rows = pilot.as_ref().map_or_else(|| plan.rows.clone(), |pilot| pilot.table().rows);
        let made = Resources::make(machine, model, &plan, &rows, shape, &instance, recipe.keep_bytes);
        let resources = match made {
            Ok(resources) => resources,
            Err(error) => {
                model.unet.release(machine, instance);
                return Err(error.into());
            }
        };
        let run = Self {
            plan,
            shape,
            height,
            width,
            instance,
            resources,
            noise: recipe.noise.clone(),
            first_sample: recipe.first_sample,
            branch: start.map_or(0, |start| start.branch),
            calls_before: calls_before(&rows),
            rows,
            next_row: 0,
            pilot,
            network_calls: 0,
            steps_done: 0,
        };
        match start {
            Some(start) => run.take(machine, start)?,
            None => machine.write(run.resources.wiring.registers, 0, &run.fresh(Stream::Initial)),
        }
        run.keep(machine);
        machine.submit();
        machine.health()?;
        Ok(run)
    }

    /// Makes a picture the sample.
    fn take<M: Machine>(&self, machine: &mut M, start: Start) -> Result<(), SessionError> {
        let wiring = &self.resources.wiring;
        let all = self.shape.register_floats() as usize;
        let words = if start.spread { all / self.shape.batch as usize } else { all };
        for at in (0..all).step_by(words) {
            machine.copy(start.at, (wiring.registers, at), words);
        }
        let row = start.row(self.plan.steps[0].sigma);
        if row.noise.is_some() {
            machine.write(wiring.noise, 0, &self.fresh(Stream::Start));
        }
        let program = machine.compile(vec![wiring.combine(&[row])])?;
        machine.run(program, 0);
        machine.submit();
        machine.discard(program);
        Ok(())
    }

    /// Frames are kept every so many steps, and the last; 0 keeps none.
    pub fn keep_every(&self) -> usize {
        self.resources.keep_every
    }

    pub fn steps_done(&self) -> usize {
        self.steps_done
    }

    /// The register file, whose first one is the sample as it is now.
    pub fn registers(&self) -> BufferId {
        self.resources.wiring.registers
    }

    /// Passes of the network so far; those of a guided batch count once.
    pub fn network_calls(&self) -> usize {
        self.network_calls
    }

    pub fn is_done(&self) -> bool {
        match &self.pilot {
            Some(pilot) => pilot.is_done(),
            None => self.next_row == self.rows.len(),
        }
    }

    /// Submits the next scheduler step, or an adaptive method's next attempt, unless the last one
    /// is [`Self::pending`]; does nothing when all are done.
    pub fn step<M: Machine>(&mut self, machine: &mut M) {
        match &self.pilot {
            Some(pilot) if pilot.is_waiting() || pilot.is_done() => {}
            Some(_) => self.attempt(machine),
            None => self.scheduler_step(machine),
        }
        machine.submit();
    }

    /// Takes a scheduler step to its end, and waits where the method has to.
    pub async fn advance<M: Machine>(&mut self, machine: &mut M) -> Result<(), SessionError> {
        let before = self.steps_done;
        while self.steps_done == before && !self.is_done() {
            self.step(machine);
            if let Some((buffer, words)) = self.pending() {
                let errors = machine.read(buffer, 0, words).await?;
                self.settle(machine, &errors)?;
            }
        }
        Ok(())
    }

    /// The words that [`Self::settle`] waits for, where an adaptive method made an attempt.
    pub fn pending(&self) -> Option<(BufferId, usize)> {
        let judge = self.resources.judge.as_ref()?;
        let waiting = self.pilot.as_ref().is_some_and(Pilot::is_waiting);
        waiting.then_some((judge.errors, self.shape.batch as usize))
    }

    /// Accepts the pending attempt, or has the next step try again.
    pub fn settle<M: Machine>(&mut self, machine: &mut M, errors: &[u32]) -> Result<(), SessionError> {
        let errors: Vec<f32> = errors.iter().map(|word| f32::from_bits(*word)).collect();
        let Some(pilot) = self.pilot.as_mut().filter(|pilot| pilot.is_waiting()) else { return Ok(()) };
        let verdict = pilot.judge(&errors)?;
        if verdict != Verdict::Refused {
            machine.run(self.resources.after, self.rows.len() - 1);
        }
        if verdict == Verdict::Completed {
            self.steps_done += 1;
            self.keep(machine);
        }
        machine.submit();
        Ok(())
    }

    fn attempt<M: Machine>(&mut self, machine: &mut M) {
        let (Some(pilot), Some(judge)) = (&mut self.pilot, &self.resources.judge) else { return };
        let (table, judge) = (pilot.table(), judge.program);
        let rows = pilot.set_out(&table);
        self.resources.rewrite(machine, &table.rows, &self.instance);
        self.rows = table.rows;
        rows.for_each(|row| self.row(machine, row));
        machine.run(judge, 0);
    }

    fn scheduler_step<M: Machine>(&mut self, machine: &mut M) {
        while !self.is_done() {
            let row = self.next_row;
            self.row(machine, row);
            self.next_row += 1;
            if self.rows[row].completes_step {
                self.steps_done += 1;
                self.keep(machine);
                break;
            }
        }
    }

    fn row<M: Machine>(&mut self, machine: &mut M, place: usize) {
        let row = &self.rows[place];
        let (noise, has_call) = (row.noise, row.call.is_some());
        if let Some(slice) = noise {
            machine.write(self.resources.wiring.noise, 0, &self.fresh(Stream::Step(slice as u32)));
        }
        if has_call {
            self.call(machine, place);
        }
        machine.run(self.resources.after, place);
    }

    fn call<M: Machine>(&mut self, machine: &mut M, place: usize) {
        let (instance, call) = (&self.instance, self.calls_before[place]);
        let Resources { times, output_scales, before, .. } = &self.resources;
        let words = instance.time_words;
        machine.copy((*times, call * words), (instance.time, 0), words);
        if let (Some(all), Some((one, words))) = (*output_scales, instance.output_scale) {
            machine.copy((all, call * words), (one, 0), words);
        }
        machine.run(*before, place);
        machine.run(instance.program, 0);
        self.network_calls += 1;
    }

    /// A stream of normals (or x_T's) for every sample, in the kernels' order.
    fn fresh(&self, stream: Stream) -> Vec<u32> {
        let pixels = self.shape.pixels as usize;
        let channels = self.shape.channels as usize;
        let all = pixels * channels * self.shape.batch as usize;
        match (&self.noise, stream) {
            (NoiseSource::Given { x_t, .. }, Stream::Initial) => to_nhwc(x_t, channels, pixels),
            (NoiseSource::Given { steps, .. }, Stream::Step(k)) => {
                let from = k as usize * all;
                to_nhwc(&steps[from..from + all], channels, pixels)
            }
            (source, stream) => {
                let mut values = vec![0f32; all];
                for (n, out) in (self.first_sample..).zip(values.chunks_mut(pixels * channels)) {
                    noise::normal(source.seed(), n, self.branch, stream, out);
                }
                to_nhwc(&values, channels, pixels)
            }
        }
    }

    /// The kept frame for a number of steps done: its place, if frames are kept.
    fn place(&self, steps_done: usize) -> Option<usize> {
        if self.resources.keep_every == 0 {
            return None;
        }
        let last = self.plan.steps.len();
        let is_last = steps_done == last;
        Some(if is_last {
            last.div_ceil(self.resources.keep_every)
        } else {
            steps_done / self.resources.keep_every
        })
    }

    fn keep<M: Machine>(&self, machine: &mut M) {
        let (Some(frames), Some(place)) = (self.resources.frames, self.place(self.steps_done)) else {
            return;
        };
        let is_last = self.steps_done == self.plan.steps.len();
        if !is_last && !self.steps_done.is_multiple_of(self.resources.keep_every) {
            return;
        }
        let register = self.shape.register_floats() as usize;
        // Before the first step there are no estimates yet: the sample stands in for them.
        let at_start = self.steps_done == 0;
        let estimate = |register| if at_start { Register::Sample } else { register };
        let sources = [
            (Lens::Sample, Register::Sample),
            (Lens::X0Hat, estimate(Register::X0Hat)),
            (Lens::EpsHat, estimate(Register::EpsHat)),
        ];
        for (lens, source) in sources {
            let to = (place * LENSES + lens as usize) * register;
            machine.copy(
                (self.resources.wiring.registers, source as usize * register),
                (frames, to),
                register,
            );
        }
    }

    /// Where an image of a kept moment lies: buffer and first word. Between kept
    /// frames it is the one before; nowhere before the moment is reached.
    pub fn frame(&self, steps_done: usize, lens: Lens) -> Option<(BufferId, usize)> {
        let place = self.place(steps_done).filter(|_| steps_done <= self.steps_done)?;
        let at = (place * LENSES + lens as usize) * self.shape.register_floats() as usize;
        self.resources.frames.map(|frames| (frames, at))
    }

    /// The moment whose frame stands for this one: itself, or where frames are sparse one before.
    pub fn kept(&self, steps_done: usize) -> usize {
        let done = steps_done.min(self.steps_done);
        if done == self.plan.steps.len() { done } else { done - done % self.keep_every().max(1) }
    }

    /// The kept moment before that one, if there is any.
    pub fn kept_before(&self, steps_done: usize) -> Option<usize> {
        self.kept(steps_done).checked_sub(1).map(|before| before - before % self.keep_every().max(1))
    }

    /// What the picture of that moment's sample is divided by.
    pub fn deviation(&self, steps_done: usize) -> f32 {
        self.plan.deviation(self.kept(steps_done))
    }

    /// Reads a kept image back, `[N, C, H, W]`.
    pub async fn read_frame<M: Machine>(
        &self,
        machine: &mut M,
        steps_done: usize,
        lens: Lens,
    ) -> Result<Option<Vec<f32>>, SessionError> {
        let Some(at) = self.frame(steps_done, lens) else { return Ok(None) };
        Ok(Some(self.read(machine, at).await?))
    }

    /// Reads the sample as it is now, `[N, C, H, W]`.
    pub async fn read_sample<M: Machine>(&self, machine: &mut M) -> Result<Vec<f32>, SessionError> {
        self.read(machine, (self.resources.wiring.registers, 0)).await
    }

    async fn read<M: Machine>(
        &self,
        machine: &mut M,
        at: (BufferId, usize),
    ) -> Result<Vec<f32>, SessionError> {
        let words = machine.read(at.0, at.1, self.shape.register_floats() as usize).await?;
        Ok(to_nchw(&words, self.shape.channels as usize, self.shape.pixels as usize))
    }

    /// Gives everything back.
    pub fn release<M: Machine>(self, machine: &mut M, model: &Model) {
        self.resources.release(machine);
        model.unet.release(machine, self.instance);
    }
}

/// How many calls come before each row.
fn calls_before(rows: &[Row]) -> Vec<usize> {
    let count = |calls: &mut usize, row: &Row| {
        let before = *calls;
        *calls += usize::from(row.call.is_some());
        Some(before)
    };
    rows.iter().scan(0, count).collect()
}
