//! What a run holds on its machine besides the network: buffers and programs.

use super::Model;
use super::run::LENSES;
use super::wiring::Wiring;
use crate::diffusion::row::{Call, REGISTERS, Row};
use crate::diffusion::samplers::{Adaptive, Plan};
use crate::kernels::reverse_step::Shape;
use crate::kernels::{BufferId, error_norm};
use crate::machine::{Machine, MachineError, ProgramId};
use crate::models::unet_2d::network::Instance;
use crate::models::unet_2d::time::TimeProjection;

/// Made once at the start of a run; its steps only use them.
#[derive(Debug)]
pub(super) struct Resources {
    pub wiring: Wiring,
    /// Kept images, `[frame, lens, N, H, W, C]`.
    pub frames: Option<BufferId>,
    /// Frames are kept every so many steps, and the last; 0 keeps none.
    pub keep_every: usize,
    /// The time vectors of every call.
    pub times: BufferId,
    /// The output factors of every call, where the network has them.
    pub output_scales: Option<BufferId>,
    /// What runs before and after the network, with a uniform for every row.
    pub before: ProgramId,
    pub after: ProgramId,
    /// What an adaptive step's error is judged by.
    pub judge: Option<Judge>,
    owned: Vec<BufferId>,
}

/// The errors of an adaptive step, one a sample.
#[derive(Debug)]
pub(super) struct Judge {
    pub program: ProgramId,
    pub errors: BufferId,
    /// What writes the time vectors of other steps.
    pub time: TimeProjection,
}

impl Resources {
    /// Makes everything for a plan and the table of rows that it starts with, or nothing. The
    /// instance's batch is twice the run's where predictions are guided.
    pub fn make<M: Machine>(
        machine: &mut M,
        model: &Model,
        plan: &Plan,
        rows: &[Row],
        shape: Shape,
        instance: &Instance,
        keep_bytes: u64,
    ) -> Result<Self, MachineError> {
        let mut builder = Builder { machine, shape, instance, owned: Vec::new(), compiled: Vec::new() };
        let made = builder.make(model, plan, rows, keep_bytes);
        if made.is_err() {
            let Builder { machine, owned, compiled, .. } = builder;
            owned.into_iter().for_each(|buffer| machine.free(buffer));
            compiled.into_iter().for_each(|program| machine.discard(program));
        }
        made
    }

    /// Puts other rows in the table's place, with as many calls.
    pub fn rewrite<M: Machine>(&self, machine: &mut M, rows: &[Row], instance: &Instance) {
        let Some(Judge { time, .. }) = &self.judge else { return };
        machine.rewrite(self.before, self.wiring.before_network(rows));
        machine.rewrite(self.after, self.wiring.after_network(rows));
        let words = calls(rows, instance, |times| time.words(times));
        machine.write(self.times, 0, &words);
        if let Some(buffer) = self.output_scales {
            let channels = self.wiring.shape.output_channels as usize;
            machine.write(buffer, 0, &calls(rows, instance, |times| time.output_words(times, channels)));
        }
    }

    pub fn release<M: Machine>(self, machine: &mut M) {
        machine.discard(self.before);
        machine.discard(self.after);
        self.judge.into_iter().for_each(|judge| machine.discard(judge.program));
        self.owned.into_iter().for_each(|buffer| machine.free(buffer));
    }
}

struct Builder<'a, M: Machine> {
    machine: &'a mut M,
    shape: Shape,
    instance: &'a Instance,
    /// Everything allocated and compiled so far.
    owned: Vec<BufferId>,
    compiled: Vec<ProgramId>,
}

impl<M: Machine> Builder<'_, M> {
    fn make(
        &mut self,
        model: &Model,
        plan: &Plan,
        rows: &[Row],
        keep_bytes: u64,
    ) -> Result<Resources, MachineError> {
        let register = self.shape.register_floats() as usize;
        let (keep_every, count) = kept(plan.steps.len(), keep_bytes, register, self.machine.max_words());
        let frames = if count == 0 { None } else { Some(self.allocate(count * LENSES * register)?) };
        let times = self.upload(&calls(rows, self.instance, |times| model.unet.time_words(times)))?;
        let output_scales = match self.instance.output_scale {
            Some(_) => {
                let words = calls(rows, self.instance, |times| model.unet.output_scale_words(times));
                Some(self.upload(&words)?)
            }
            None => None,
        };
        let wiring = self.wiring(register)?;
        let before = self.machine.compile(wiring.before_network(rows))?;
        self.compiled.push(before);
        let after = self.machine.compile(wiring.after_network(rows))?;
        self.compiled.push(after);
        let judge = match &plan.adaptive {
            Some(adaptive) => Some(self.judge(model, adaptive, &wiring)?),
            None => None,
        };
        let owned = std::mem::take(&mut self.owned);
        Ok(Resources { wiring, frames, keep_every, times, output_scales, before, after, judge, owned })
    }

    fn wiring(&mut self, register: usize) -> Result<Wiring, MachineError> {
        let Self { shape, instance, .. } = *self;
        let copies = instance.batch as u32 / shape.batch;
        let prediction = (shape.batch * shape.pixels * shape.output_pitch()) as usize;
        Ok(Wiring {
            shape,
            copies,
            sample: instance.sample,
            output: instance.output,
            guided: if copies == 2 { Some(self.allocate(prediction)?) } else { None },
            registers: self.allocate(REGISTERS * register)?,
            noise: self.allocate(register)?,
            ranges: self.allocate(shape.batch as usize)?,
            ratios: self.allocate(shape.batch as usize)?,
        })
    }

    fn judge(&mut self, model: &Model, adaptive: &Adaptive, wiring: &Wiring) -> Result<Judge, MachineError> {
        let shape = self.shape;
        let errors = self.allocate(shape.batch as usize)?;
        let params = error_norm::Params {
            batch: shape.batch,
            pixels: shape.pixels,
            channels: shape.channels,
            pitch: shape.pitch(),
            start_offset: Adaptive::START as u32 * shape.register_floats(),
            end_offset: Adaptive::END as u32 * shape.register_floats(),
            error_offset: Adaptive::ERROR as u32 * shape.register_floats(),
            absolute: adaptive.tolerance as f32,
            relative: adaptive.tolerance as f32,
        };
        let dispatch = error_norm::dispatch(&params, [wiring.registers, errors]);
        let program = self.machine.compile(vec![dispatch])?;
        self.compiled.push(program);
        Ok(Judge { program, errors, time: model.unet.time.clone() })
    }

    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        let buffer = self.machine.allocate(words)?;
        self.owned.push(buffer);
        Ok(buffer)
    }

    fn upload(&mut self, words: &[u32]) -> Result<BufferId, MachineError> {
        let buffer = self.allocate(words.len())?;
        self.machine.write(buffer, 0, words);
        Ok(buffer)
    }
}

/// What the network wants to know of the timestep, for every call.
fn calls(rows: &[Row], instance: &Instance, words: impl Fn(&[f32]) -> Vec<u32>) -> Vec<u32> {
    let of_batch = |call: &Call| words(&vec![call.timestep; instance.batch]);
    rows.iter().filter_map(|row| row.call.as_ref()).flat_map(of_batch).collect()
}

/// Every how many steps a frame is kept, and how many frames that makes.
fn kept(steps: usize, bytes: u64, register: usize, max_words: u64) -> (usize, usize) {
    let words = (bytes / 4).min(max_words) as usize;
    let capacity = words / (LENSES * register);
    if capacity < 2 {
        return (0, 0);
    }
    let every = steps.div_ceil(capacity - 1).max(1);
    (every, steps.div_ceil(every) + 1)
}
