//! Which kernels run before and after the network, and on which buffers.

use crate::diffusion::row::{Langevin, Register, Row, Threshold};
use crate::kernels::reverse_step::Shape;
use crate::kernels::{
    BufferId, Dispatch, dynamic_threshold, guidance, langevin_ratio, network_input, reverse_step,
};

/// The buffers of a run, and what its rows need.
#[derive(Debug)]
pub(super) struct Wiring {
    pub shape: Shape,
    /// How often the network sees the batch: twice where predictions are guided.
    pub copies: u32,
    /// What the network sees and answers.
    pub sample: BufferId,
    pub output: BufferId,
    /// The guided prediction.
    pub guided: Option<BufferId>,
    /// The register file, `[R, N, H, W, C]`.
    pub registers: BufferId,
    /// A row's fresh noise, `[N, H, W, C]`.
    pub noise: BufferId,
    /// Of each sample: the range of its threshold, and its corrector's step.
    pub ranges: BufferId,
    pub ratios: BufferId,
}

impl Wiring {
    /// With a uniform for every row.
    pub fn before_network(&self, rows: &[Row]) -> Vec<Dispatch> {
        let count = self.shape.register_floats() / 4;
        let seen = rows.iter().map(|row| {
            let (input, divisor) =
                row.call.as_ref().map_or((0, 1.0), |call| (call.input as u32, call.input_divisor));
            network_input::Params { count, copies: self.copies, offset: input * count, divisor }
        });
        vec![network_input::dispatch(&seen.collect::<Vec<_>>(), [self.registers, self.sample])]
    }

    /// With a uniform for every row.
    pub fn after_network(&self, rows: &[Row]) -> Vec<Dispatch> {
        let Self { shape, registers, noise, ranges, ratios, .. } = *self;
        let mut dispatches = Vec::new();
        if let Some(guided) = self.guided {
            let params: Vec<_> = rows.iter().map(|row| guidance_params(row, shape)).collect();
            dispatches.push(guidance::dispatch(&params, [self.output, guided]));
        }
        let output = self.guided.unwrap_or(self.output);
        let mut calls = rows.iter().filter_map(|row| row.call.as_ref());
        if calls.any(|call| matches!(call.threshold, Threshold::Dynamic { .. })) {
            let params: Vec<_> = rows.iter().map(|row| threshold_params(row, shape)).collect();
            dispatches.push(dynamic_threshold::dispatch(&params, [registers, output, ranges]));
        }
        if rows.iter().any(|row| row.langevin.is_some()) {
            let params: Vec<_> = rows.iter().map(|row| langevin_params(row, shape)).collect();
            dispatches.push(langevin_ratio::dispatch(&params, [registers, noise, ratios]));
        }
        dispatches.push(self.combine(rows));
        dispatches
    }

    /// The rows' combinations, and what makes x̂0 and ε̂ of the network's output.
    pub fn combine(&self, rows: &[Row]) -> Dispatch {
        let Self { shape, registers, noise, ranges, ratios, .. } = *self;
        let output = self.guided.unwrap_or(self.output);
        let params: Vec<_> = rows.iter().map(|row| reverse_step::Params::of(row, shape)).collect();
        reverse_step::dispatch(&params, [registers, output, noise, ranges, ratios])
    }
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
