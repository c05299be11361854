//! The probability-flow ODE by the method of Dormand and Prince, of order 5 with an error
//! estimate of order 4: in steps of fixed length, or of as many as a tolerance asks for.
//!
//! Every row below is a combination of slopes k_i = dx/dt at a stage's input, and a slope is one
//! of input and ε̂: dx/dt = f·x + ½g²·ε̂/noise (Song et al. 2021, eq. 13).

use super::score::Score;
use super::terms::{copy, set};
use super::{PlanError, SOLVER, SamplerEntry, Setting, Thresholds};
use crate::diffusion::row::{Register, Row};

pub(super) const PF_ODE: SamplerEntry = SamplerEntry {
    name: "pf-ode",
    title: "Probability-flow ODE",
    order: Some(5),
    paper: "Song, Sohl-Dickstein, Kingma, Kumar, Ermon, Poole: Score-Based Generative Modeling \
            through SDEs, arXiv:2011.13456, §4.3; Dormand, Prince: A family of embedded Runge–Kutta \
            formulae, 1980",
    score_based: true,
    takes_sde: true,
    thresholds: Thresholds::Any,
    plan: |setting| fixed(setting, false),
    ..SOLVER
};

/// The same from data to noise.
pub(super) const PF_ODE_INVERSION: SamplerEntry = SamplerEntry {
    name: "pf-ode-inversion",
    title: "Probability-flow ODE, inversion",
    inverts: true,
    plan: |setting| fixed(setting, true),
    ..PF_ODE
};

/// Steps are where frames are kept; between them the method chooses.
pub(super) const RK45: SamplerEntry =
    SamplerEntry { name: "rk45", title: "RK45, adaptive", takes_tolerance: true, ..PF_ODE };

/// Where a stage lies in the step.
const C: [f64; 7] = [0.0, 1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
/// Row i: what stage i + 1's input takes of the slopes before; the last is the step itself.
const A: [[f64; 6]; 7] = [
    [0.0; 6],
    [1.0 / 5.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    [3.0 / 40.0, 9.0 / 40.0, 0.0, 0.0, 0.0, 0.0],
    [44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0, 0.0, 0.0, 0.0],
    [19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0, 0.0, 0.0],
    [9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0, 0.0],
    [35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// The step minus that of order 4.
const E: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];
/// The slopes k_1 to k_4, while they are kept.
const SLOPES: [Register; 4] =
    [Register::History0, Register::History1, Register::History2, Register::History3];

/// What an adaptive run needs to write the rows of a step of any length.
#[derive(Clone, Debug)]
pub struct Adaptive {
    score: Score,
    deviation: f32,
    /// Times at which scheduler steps end; the first is where the run starts.
    pub times: Vec<f64>,
    pub tolerance: f64,
}

/// The error that steps may make unless the run says otherwise.
const TOLERANCE: f32 = 1e-4;

/// A step that may be refused, of one scheduler step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attempt {
    pub step: usize,
    pub from: f64,
    pub to: f64,
}

impl Adaptive {
    /// Registers of the error estimate's three images, after [`Self::attempt`]'s rows.
    pub const START: Register = Register::Sample;
    pub const END: Register = Register::Saved;
    pub const ERROR: Register = Register::History1;

    pub(super) fn new(setting: &Setting) -> Result<Self, PlanError> {
        let score = setting.score()?;
        let times = score.times(setting);
        let tolerance = setting.options.tolerance.unwrap_or(TOLERANCE).into();
        Ok(Self { deviation: score.start_deviation(times[0]), score, times, tolerance })
    }

    /// The first slope, which later steps take over from the one before.
    pub fn begin(&self) -> Vec<Row> {
        let scale = set(Register::Sample, &[(Register::Sample, self.deviation)], 0.0);
        vec![Row::part(0, vec![scale]), first_slope(&self.score, self.times[0])]
    }

    /// The rows of a step, which leave the sample as it was.
    pub fn attempt(&self, attempt: Attempt) -> Vec<Row> {
        stages(&self.score, attempt)
    }

    /// What makes an attempted step the sample's.
    pub fn accept(&self, step: usize) -> Row {
        accept(step)
    }
}

/// Steps of fixed length, from noise to data or back; samples of an inversion start as they are.
fn fixed(setting: &Setting, inverse: bool) -> Result<Vec<Row>, PlanError> {
    let score = setting.score()?;
    let mut times = score.times(setting);
    let mut rows = Vec::new();
    if inverse {
        times.reverse();
    } else {
        rows.push(setting.scaled_start(score.start_deviation(times[0])));
    }
    rows.push(first_slope(&score, times[0]));
    for (step, pair) in times.windows(2).enumerate() {
        rows.extend(stages(&score, Attempt { step, from: pair[0], to: pair[1] }));
        rows.push(accept(step));
        if inverse && step + 1 == setting.steps {
            let to_unit = score.start_deviation(score.start).recip();
            rows.push(Row::part(step, vec![set(Register::Sample, &[(Register::Sample, to_unit)], 0.0)]));
        }
        if let Some(last) = rows.last_mut() {
            last.completes_step = true;
        }
    }
    Ok(rows)
}

fn first_slope(score: &Score, t: f64) -> Row {
    let slope = slope(score, t, 1.0, Register::Sample);
    Row::part(0, vec![set(SLOPES[0], &slope, 0.0)]).after(score.call(Register::Sample, t))
}

/// `weight`·dx/dt at a stage whose input the network has just seen.
fn slope(score: &Score, t: f64, weight: f64, input: Register) -> [(Register, f32); 2] {
    let (_, noise) = score.sde.marginal(t);
    let from_eps = 0.5 * score.sde.diffusion_squared(t) / noise;
    [(input, (weight * score.sde.drift(t)) as f32), (Register::EpsHat, (weight * from_eps) as f32)]
}

/// Six calls. The sample and its slope k_1 stay; the step's end is left in `Saved`, its error in
/// `History1` and its slope in `History2`.
fn stages(score: &Score, Attempt { step, from, to }: Attempt) -> Vec<Row> {
    let h = to - from;
    let kept = |weights: &[f64], slopes: usize| -> Vec<(Register, f32)> {
        let pairs = SLOPES.iter().zip(weights).take(slopes);
        pairs.map(|(register, weight)| (*register, (h * weight) as f32)).collect()
    };
    let from_sample = |terms: Vec<(Register, f32)>| [vec![(Register::Sample, 1.0)], terms].concat();
    let with = |stage: usize, weight: f64, terms: Vec<(Register, f32)>| {
        let slope = slope(score, from + C[stage] * h, h * weight, Register::Saved);
        [terms, slope.to_vec()].concat()
    };
    let called = |stage: usize, assigns| {
        Row::part(step, assigns).after(score.call(Register::Saved, from + C[stage] * h))
    };

    let mut rows = vec![Row::part(step, vec![set(Register::Saved, &from_sample(kept(&A[1], 1)), 0.0)])];
    for stage in 1..4 {
        let next = with(stage, A[stage + 1][stage], from_sample(kept(&A[stage + 1], stage)));
        let slope = slope(score, from + C[stage] * h, 1.0, Register::Saved);
        rows.push(called(stage, vec![set(SLOPES[stage], &slope, 0.0), set(Register::Saved, &next, 0.0)]));
    }
    // From here on what the slopes are for is summed up, and makes room.
    let (last_input, end, error) = (
        with(4, A[5][4], from_sample(kept(&A[5], 4))),
        with(4, A[6][4], from_sample(kept(&A[6], 4))),
        with(4, E[4], kept(&E, 4)),
    );
    let (end_so_far, error_so_far) = (Register::History3, Adaptive::ERROR);
    rows.push(called(
        4,
        vec![
            set(Register::Saved, &last_input, 0.0),
            set(end_so_far, &end, 0.0),
            set(error_so_far, &error, 0.0),
        ],
    ));
    let end = with(5, A[6][5], vec![(end_so_far, 1.0)]);
    let error = with(5, E[5], vec![(error_so_far, 1.0)]);
    rows.push(called(5, vec![set(Register::Saved, &end, 0.0), set(error_so_far, &error, 0.0)]));
    let error = with(6, E[6], vec![(error_so_far, 1.0)]);
    let slope = slope(score, to, 1.0, Register::Saved);
    rows.push(called(6, vec![set(error_so_far, &error, 0.0), set(Register::History2, &slope, 0.0)]));
    rows
}

fn accept(step: usize) -> Row {
    Row::part(step, vec![copy(Register::Sample, Register::Saved), copy(SLOPES[0], Register::History2)])
}
