//! What a run holds on its machine besides the network: buffers and programs.

use super::Model;
use super::run::LENSES;
use crate::diffusion::row::{Langevin, REGISTERS, Register, Row, Threshold};
use crate::diffusion::samplers::Plan;
use crate::kernels::reverse_step::Shape;
use crate::kernels::{
    BufferId, Dispatch, dynamic_threshold, guidance, langevin_ratio, network_input, reverse_step,
};
use crate::machine::{Machine, MachineError, ProgramId};
use crate::unet::network::Instance;

/// Made once at the start of a run; its steps only use them.
#[derive(Debug)]
pub(super) struct Resources {
    /// The register file, `[R, N, H, W, C]`.
    pub registers: BufferId,
    /// A step's fresh noise, `[N, H, W, C]`.
    pub noise: BufferId,
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
    owned: Vec<BufferId>,
}

impl Resources {
    /// Makes everything for a plan, or nothing. The instance's batch is twice the
    /// run's where predictions are guided.
    pub fn make<M: Machine>(
        machine: &mut M,
        model: &Model,
        plan: &Plan,
        shape: Shape,
        instance: &Instance,
        keep_bytes: u64,
    ) -> Result<Self, MachineError> {
        let mut builder = Builder { machine, plan, shape, instance, owned: Vec::new() };
        let made = builder.make(model, keep_bytes);
        if made.is_err() {
            let Builder { machine, owned, .. } = builder;
            owned.into_iter().for_each(|buffer| machine.free(buffer));
        }
        made
    }

    pub fn release<M: Machine>(self, machine: &mut M) {
        machine.discard(self.before);
        machine.discard(self.after);
        self.owned.into_iter().for_each(|buffer| machine.free(buffer));
    }
}

struct Builder<'a, M: Machine> {
    machine: &'a mut M,
    plan: &'a Plan,
    shape: Shape,
    instance: &'a Instance,
    /// Everything allocated so far.
    owned: Vec<BufferId>,
}

impl<M: Machine> Builder<'_, M> {
    fn make(&mut self, model: &Model, keep_bytes: u64) -> Result<Resources, MachineError> {
        let register = self.shape.register_floats() as usize;
        let registers = self.allocate(REGISTERS * register)?;
        let noise = self.allocate(register)?;
        let (keep_every, count) = kept(self.plan, keep_bytes, register, self.machine.max_words());
        let frames = if count == 0 { None } else { Some(self.allocate(count * LENSES * register)?) };
        let times = self.upload_calls(|times| model.unet.time_words(times))?;
        let output_scales = match self.instance.output_scale {
            Some(_) => Some(self.upload_calls(|times| model.unet.output_scale_words(times))?),
            None => None,
        };
        let (before, after) = self.programs(registers, noise)?;
        let owned = std::mem::take(&mut self.owned);
        Ok(Resources { registers, noise, frames, keep_every, times, output_scales, before, after, owned })
    }

    fn allocate(&mut self, words: usize) -> Result<BufferId, MachineError> {
        let buffer = self.machine.allocate(words)?;
        self.owned.push(buffer);
        Ok(buffer)
    }

    /// What the network wants to know of the timestep, for every call of the plan.
    fn upload_calls(&mut self, words: impl Fn(&[f32]) -> Vec<u32>) -> Result<BufferId, MachineError> {
        let batch = self.instance.batch;
        let all: Vec<u32> = self.plan.calls().flat_map(|call| words(&vec![call.timestep; batch])).collect();
        let buffer = self.allocate(all.len())?;
        self.machine.write(buffer, 0, &all);
        Ok(buffer)
    }

    fn programs(
        &mut self,
        registers: BufferId,
        noise: BufferId,
    ) -> Result<(ProgramId, ProgramId), MachineError> {
        let (shape, rows) = (self.shape, &self.plan.rows);
        let copies = self.instance.batch as u32 / shape.batch;
        let seen: Vec<_> = rows.iter().map(|row| input_params(row, shape, copies)).collect();
        let before = network_input::dispatch(&seen, [registers, self.instance.sample]);

        let mut after: Vec<Dispatch> = Vec::new();
        let mut output = self.instance.output;
        if copies == 2 {
            let guided = self.allocate((shape.batch * shape.pixels * shape.output_pitch()) as usize)?;
            let params: Vec<_> = rows.iter().map(|row| guidance_params(row, shape)).collect();
            after.push(guidance::dispatch(&params, [output, guided]));
            output = guided;
        }
        let ranges = self.allocate(shape.batch as usize)?;
        if self.plan.calls().any(|call| matches!(call.threshold, Threshold::Dynamic { .. })) {
            let params: Vec<_> = rows.iter().map(|row| threshold_params(row, shape)).collect();
            after.push(dynamic_threshold::dispatch(&params, [registers, output, ranges]));
        }
        let ratios = self.allocate(shape.batch as usize)?;
        if rows.iter().any(|row| row.langevin.is_some()) {
            let params: Vec<_> = rows.iter().map(|row| langevin_params(row, shape)).collect();
            after.push(langevin_ratio::dispatch(&params, [registers, noise, ratios]));
        }
        let params: Vec<_> = rows.iter().map(|row| reverse_step::Params::of(row, shape)).collect();
        after.push(reverse_step::dispatch(&params, [registers, output, noise, ranges, ratios]));
        let before = self.machine.compile(vec![before])?;
        let after = self.machine.compile(after).inspect_err(|_| self.machine.discard(before))?;
        Ok((before, after))
    }
}

/// Every how many steps a frame is kept, and how many frames that makes.
fn kept(plan: &Plan, bytes: u64, register: usize, max_words: u64) -> (usize, usize) {
    let words = (bytes / 4).min(max_words) as usize;
    let capacity = words / (LENSES * register);
    let steps = plan.steps.len();
    if capacity < 2 {
        return (0, 0);
    }
    let every = steps.div_ceil(capacity - 1).max(1);
    (every, steps.div_ceil(every) + 1)
}

fn input_params(row: &Row, shape: Shape, copies: u32) -> network_input::Params {
    let count = shape.register_floats() / 4;
    let (input, divisor) = row.call.as_ref().map_or((0, 1.0), |call| (call.input as u32, call.input_divisor));
    network_input::Params { count, copies, offset: input * count, divisor }
}

fn guidance_params(row: &Row, shape: Shape) -> guidance::Params {
    guidance::Params {
        count: shape.batch * shape.pixels * shape.output_pitch(),
        pitch: shape.output_pitch(),
        channels: shape.channels,
        scale: row.call.as_ref().map_or(1.0, |call| call.guidance_scale),
    }
}

fn langevin_params(row: &Row, shape: Shape) -> langevin_ratio::Params {
    let Langevin { snr, all } = row.langevin.unwrap_or(Langevin { snr: 0.0, all: false });
    langevin_ratio::Params {
        batch: shape.batch,
        pixels: shape.pixels,
        channels: shape.channels,
        pitch: shape.pitch(),
        eps_offset: Register::EpsHat as u32 * shape.register_floats(),
        all: u32::from(all),
        snr,
    }
}

fn threshold_params(row: &Row, shape: Shape) -> dynamic_threshold::Params {
    let call = row.call.as_ref();
    let (ratio, max) = match call.map(|call| call.threshold) {
        Some(Threshold::Dynamic { ratio, max }) => (ratio, max),
        _ => (1.0, 1.0),
    };
    dynamic_threshold::Params {
        batch: shape.batch,
        count: shape.pixels * shape.channels,
        channels: shape.channels,
        pitch: shape.pitch(),
        output_pitch: shape.output_pitch(),
        pixels: shape.pixels,
        input_offset: call.map_or(0, |call| call.input as u32) * shape.register_floats(),
        ratio,
        max,
        x0_from_input: call.map_or(0.0, |call| call.x0_from_input),
        x0_from_output: call.map_or(0.0, |call| call.x0_from_output),
        x0_divisor: call.map_or(1.0, |call| call.x0_divisor),
    }
}
