//! One row of a sampler's program (see [`crate::diffusion::row`]).

use super::case::random;
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
use crate::diffusion::prediction::Level;
use crate::diffusion::row::{MAX_ASSIGNS, NOISE, REGISTERS, Register, Row, Threshold};
pub use crate::kernels::shaders::reverse_step::Params;
use crate::kernels::shaders::reverse_step::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases);

/// Kinds of rows, as the shader knows them; 0 is one without a call.
const CALL: u32 = 1;
const LEARNED: u32 = 2;
const CORRECTOR: u32 = 3;

/// Buffers: registers, output, noise, dynamic_range, langevin_ratio. One uniform a row.
pub fn dispatch(rows: &[Params], buffers: [BufferId; 5]) -> Dispatch {
    Dispatch::with_rows(&KERNEL, rows, &buffers, flat_grid(rows[0].count))
}

/// The images that rows work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub batch: u32,
    pub pixels: u32,
    pub channels: u32,
    /// The network's: more than `channels` with a learned variance.
    pub output_channels: u32,
}

impl Shape {
    /// Floats of a register's pixel.
    pub fn pitch(self) -> u32 {
        self.channels.next_multiple_of(4)
    }

    /// Floats of an output's pixel.
    pub fn output_pitch(self) -> u32 {
        self.output_channels.next_multiple_of(4)
    }

    /// Floats of one sample.
    pub fn sample_floats(self) -> u32 {
        self.pixels * self.pitch()
    }

    /// Floats of one register.
    pub fn register_floats(self) -> u32 {
        self.batch * self.sample_floats()
    }
}

impl Params {
    /// The uniform of a row.
    pub fn of(row: &Row, shape: Shape) -> Self {
        assert!(row.assigns.len() <= MAX_ASSIGNS, "a row makes at most {MAX_ASSIGNS} combinations");
        let mut p = Self {
            count: shape.batch * shape.pixels * shape.channels,
            channels: shape.channels,
            sample_values: shape.pixels * shape.channels,
            pitch: shape.pitch(),
            output_pitch: shape.output_pitch(),
            register_floats: shape.register_floats(),
            assigns: row.assigns.len() as u32,
            kind: if row.langevin.is_some() { CORRECTOR } else { 0 },
            ..Default::default()
        };
        for (i, assign) in row.assigns.iter().enumerate() {
            p.to[i] = assign.to as u32;
            for (operand, c) in assign.coefficients.iter().enumerate() {
                p.coefficients[3 * i + operand / 4][operand % 4] = *c;
            }
        }
        let Some(call) = &row.call else { return p };
        p.kind = CALL;
        p.input = call.input as u32;
        (p.threshold, p.range) = match call.threshold {
            Threshold::None => (0, 0.0),
            Threshold::Static { range } => (1, range),
            Threshold::Dynamic { .. } => (2, 0.0),
        };
        if let Some(variance) = call.learned_variance {
            p.kind = LEARNED;
            p.min_log = variance.min_log;
            p.max_log = variance.max_log;
        }
        p.x0_from_input = call.x0_from_input;
        p.x0_from_output = call.x0_from_output;
        p.eps_from_input = call.eps_from_input;
        p.eps_from_output = call.eps_from_output;
        p.eps_from_x0 = call.eps_from_x0;
        p.x0_divisor = call.x0_divisor;
        p.eps_divisor = call.eps_divisor;
        p
    }
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [model_output, noise, dynamic_range, langevin_ratio] = floats(reads);
    let registers = output(writes);
    let stride = p.register_floats as usize;
    for id in 0..p.count as usize {
        let (pixel, channel) = (id / p.channels as usize, id % p.channels as usize);
        let at = pixel * p.pitch as usize + channel;
        let seen = pixel * p.output_pitch as usize + channel;
        let mut z = noise[at];
        if p.kind == CALL || p.kind == LEARNED {
            let (x, m) = (registers[p.input as usize * stride + at], model_output[seen]);
            let mut x0 = (p.x0_from_input * x + p.x0_from_output * m) / p.x0_divisor;
            if p.threshold == 1 {
                x0 = x0.clamp(-p.range, p.range);
            } else if p.threshold == 2 {
                let s = dynamic_range[id / p.sample_values as usize];
                x0 = x0.clamp(-s, s) / s;
            }
            registers[Register::X0Hat as usize * stride + at] = x0;
            registers[Register::EpsHat as usize * stride + at] =
                (p.eps_from_input * x + p.eps_from_output * m + p.eps_from_x0 * x0) / p.eps_divisor;
            if p.kind == LEARNED {
                let fraction = (model_output[seen + p.channels as usize] + 1.0) * 0.5;
                z *= (0.5 * (fraction * p.max_log + (1.0 - fraction) * p.min_log)).exp();
            }
        }
        let mut values: [f32; REGISTERS] = std::array::from_fn(|r| registers[r * stride + at]);
        if p.kind == CORRECTOR {
            let ratio = langevin_ratio[id / p.sample_values as usize];
            values[Register::EpsHat as usize] *= ratio * ratio;
            z *= ratio;
        }
        for i in 0..p.assigns as usize {
            let coefficient = |operand: usize| p.coefficients[3 * i + operand / 4][operand % 4];
            // A register that no coefficient asks for may hold anything.
            let used = (0..REGISTERS).filter(|r| coefficient(*r) != 0.0);
            let sum: f32 = used.map(|r| coefficient(r) * values[r]).sum();
            registers[p.to[i] as usize * stride + at] = sum + coefficient(NOISE) * z;
        }
    }
}

fn cases() -> Vec<Case> {
    use crate::diffusion::row::{Assign, Call, Langevin, LearnedVariance};
    let call = Call {
        input: Register::Sample,
        input_divisor: 1.0,
        timestep: 0.0,
        level: Level { signal: 1.0, noise: 1.0 },
        guidance_scale: 1.0,
        x0_from_input: 1.4,
        x0_from_output: -0.7,
        eps_from_input: 0.2,
        eps_from_output: 0.9,
        eps_from_x0: -0.3,
        x0_divisor: 0.8,
        eps_divisor: 1.6,
        threshold: Threshold::None,
        learned_variance: None,
    };
    let step = Assign::new(Register::Sample, &[(Register::X0Hat, 0.8), (Register::EpsHat, 0.5)], 0.25);
    let save = Assign::new(Register::History0, &[(Register::Sample, 1.0), (Register::History3, -0.5)], 0.0);
    let swap = Assign::new(Register::Saved, &[(Register::Sample, 2.0), (Register::Saved, 0.5)], 0.0);
    let row = Row {
        call: Some(call),
        assigns: vec![step, save, swap],
        step: 0,
        completes_step: true,
        noise: Some(0),
        langevin: None,
    };
    let with = |change: fn(&mut Call)| {
        let mut row = row.clone();
        row.call.iter_mut().for_each(change);
        row
    };
    let rows = [
        ("three combinations", row.clone()),
        ("without a call", Row { call: None, ..row.clone() }),
        ("static threshold", with(|c| c.threshold = Threshold::Static { range: 0.4 })),
        ("dynamic threshold", with(|c| c.threshold = Threshold::Dynamic { ratio: 0.9, max: 2.0 })),
        (
            "learned variance",
            with(|c| c.learned_variance = Some(LearnedVariance { min_log: -3.0, max_log: -1.0 })),
        ),
        (
            "a corrector",
            Row { call: None, langevin: Some(Langevin { snr: 0.16, all: false }), ..row.clone() },
        ),
    ];
    let shape = Shape { batch: 2, pixels: 15, channels: 3, output_channels: 6 };
    rows.map(|(label, row)| {
        let p = Params::of(&row, shape);
        let buffers = vec![
            random(1, REGISTERS as u32 * shape.register_floats()),
            random(2, shape.batch * shape.pixels * shape.output_pitch()),
            random(3, shape.register_floats()),
            [0.7f32, 1.3, 0.0, 0.0].map(f32::to_bits).to_vec(),
            [0.4f32, 0.9, 0.0, 0.0].map(f32::to_bits).to_vec(),
        ];
        Case::new(label, &KERNEL, &p, buffers, flat_grid(p.count))
    })
    .into()
}
