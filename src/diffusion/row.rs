//! A sampler's program: rows of numbers that one kernel executes.
//!
//! A row may call the network once and then makes up to [`MAX_ASSIGNS`] linear
//! combinations of image registers. Every solver in the linear family (DDPM,
//! DDIM, Euler, Heun, multistep methods, …) is a table of such rows.

use super::prediction::Level;

/// An image register: a whole batch of samples `[N, C, H, W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Register {
    /// The sample, x_t.
    Sample = 0,
    /// A sample set aside (a two-stage method's starting point).
    Saved = 1,
    /// Earlier model outputs, newest first by convention of the sampler.
    History0 = 2,
    History1 = 3,
    History2 = 4,
    History3 = 5,
    /// x̂0 of the newest network call.
    X0Hat = 6,
    /// ε̂ of the newest network call.
    EpsHat = 7,
}

/// How many registers there are.
pub const REGISTERS: usize = 8;
/// Operands of a combination: every register, then this row's fresh noise.
pub const OPERANDS: usize = REGISTERS + 1;
/// Index of the noise among the operands.
pub const NOISE: usize = REGISTERS;
/// How many combinations one row may make.
pub const MAX_ASSIGNS: usize = 3;

/// One row: an optional network call, then linear combinations.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The network call, if this row makes one.
    pub call: Option<Call>,
    /// Combinations; all read the registers as they are after the call
    /// (x̂0 and ε̂ fresh) and before any of them is written.
    pub assigns: Vec<Assign>,
    /// The scheduler step that this row belongs to, from 0.
    pub step: usize,
    /// Whether this row completes its scheduler step (one trajectory entry each).
    pub completes_step: bool,
    /// The slice of the run's noise that the combinations use, if they use any: slice k for
    /// step k where a step draws once, else in the order of drawing.
    pub noise: Option<usize>,
    /// Whether the combinations are a Langevin corrector's; such a row makes no call.
    pub langevin: Option<Langevin>,
}

/// One evaluation of the network, and how its output becomes x̂0 and ε̂.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The register the network sees.
    pub input: Register,
    /// What the input is divided by before the network sees it. (Divisors here and
    /// below, not factors: so a row's arithmetic rounds as diffusers' does, which
    /// shows where σ is in the thousands.)
    pub input_divisor: f32,
    /// The timestep given to the network, possibly fractional.
    pub timestep: f32,
    /// How much signal and noise the input holds: the register as it is, without
    /// `input_divisor`. Rows that need it have it in their coefficients; this is what
    /// tables and pages say of the call.
    pub level: Level,
    /// Guidance scale s in ε_u + s(ε_c − ε_u); 1 is the plain conditional model.
    pub guidance_scale: f32,
    /// x̂0 = (`x0_from_input`·input + `x0_from_output`·output)/`x0_divisor`, before
    /// thresholding. "Input" is the register as it is, without `input_divisor`. Of an output with
    /// twice the sample's channels this reads the first half, always.
    pub x0_from_input: f32,
    pub x0_from_output: f32,
    pub x0_divisor: f32,
    /// ε̂ = (`eps_from_input`·input + `eps_from_output`·output + `eps_from_x0`·x̂0)/
    /// `eps_divisor`, with x̂0 after thresholding.
    pub eps_from_input: f32,
    pub eps_from_output: f32,
    pub eps_from_x0: f32,
    pub eps_divisor: f32,
    /// What is done to x̂0.
    pub threshold: Threshold,
    /// Per-pixel variance from the network's second half of channels.
    pub learned_variance: Option<LearnedVariance>,
}

/// What keeps x̂0 in the data's range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    None,
    /// Clamp to ±range.
    Static {
        range: f32,
    },
    /// Imagen (Saharia et al. 2022, §2.3): s = clamp(quantile_ratio |x̂0|, 1, max)
    /// per sample (`max` wins over 1), clamp to ±s, divide by s.
    Dynamic {
        ratio: f32,
        max: f32,
    },
}

/// Nichol & Dhariwal 2021, eq. 15: log Σ = f·max_log + (1 − f)·min_log with
/// f = (v + 1)/2; the row's noise operand becomes exp(½ log Σ)·z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedVariance {
    pub min_log: f32,
    pub max_log: f32,
}

/// A step whose length depends on the images: with c = snr·‖z‖/‖ε̂‖, the coefficients of ε̂ are
/// multiplied by c² and that of the noise by c (Song et al. 2021, arXiv:2011.13456, algorithms
/// 4 and 5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Langevin {
    pub snr: f32,
    /// Whether the norms are means over the batch, as in diffusers, or each sample's own, so that
    /// a sample does not depend on its neighbours.
    pub all: bool,
}

/// `to` ← Σ coefficient·operand; an operand with coefficient 0 is not read.
#[derive(Clone, Debug, PartialEq)]
pub struct Assign {
    pub to: Register,
    pub coefficients: [f32; OPERANDS],
}

impl Assign {
    /// `to` ← Σ coefficient·register + `noise`·z.
    pub fn new(to: Register, terms: &[(Register, f32)], noise: f32) -> Self {
        let mut coefficients = [0.0; OPERANDS];
        for &(register, coefficient) in terms {
            coefficients[register as usize] = coefficient;
        }
        coefficients[NOISE] = noise;
        Self { to, coefficients }
    }
}

impl Row {
    /// Combinations before or after a call: a part of a scheduler step without one.
    pub fn part(step: usize, assigns: Vec<Assign>) -> Self {
        let uses_noise = assigns.iter().any(|assign| assign.coefficients[NOISE] != 0.0);
        let noise = uses_noise.then_some(step);
        Self { call: None, assigns, step, completes_step: false, noise, langevin: None }
    }

    /// The same row with a call ahead of its combinations.
    pub fn after(self, call: Call) -> Self {
        Self { call: Some(call), ..self }
    }

    /// The same row as the last one of its scheduler step.
    pub fn completing(self) -> Self {
        Self { completes_step: true, ..self }
    }

    /// A scheduler step that is one call and one combination.
    pub fn whole_step(step: usize, call: Call, assign: Assign) -> Self {
        Self::part(step, vec![assign]).after(call).completing()
    }

    /// Whether every number in it is finite, and no divisor 0.
    pub fn is_finite(&self) -> bool {
        let numbers = |call: &Call| {
            let LearnedVariance { min_log, max_log } =
                call.learned_variance.unwrap_or(LearnedVariance { min_log: 0.0, max_log: 0.0 });
            [
                call.input_divisor.recip(),
                call.x0_divisor.recip(),
                call.eps_divisor.recip(),
                call.timestep,
                call.guidance_scale,
                call.x0_from_input,
                call.x0_from_output,
                call.eps_from_input,
                call.eps_from_output,
                call.eps_from_x0,
                min_log,
                max_log,
            ]
        };
        self.call.iter().flat_map(numbers).all(f32::is_finite)
            && self.assigns.iter().flat_map(|assign| assign.coefficients).all(f32::is_finite)
    }
}
