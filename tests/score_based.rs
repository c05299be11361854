//! Samplers in continuous time, against closed forms: Gaussian data, and a mixture of two modes.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::fs;

use common::{fixture, tensor};
use reverie::diffusion::interpret::{Registers, run, run_adaptive};
use reverie::diffusion::noise::{Stream, normal};
use reverie::diffusion::samplers::{Plan, SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::diffusion::sde::{Sde, SdeKind};
use reverie::diffusion::sigmas::SigmaTable;
use reverie::kernels::case::relative_error;
use safetensors::SafeTensors;
use serde::Deserialize;

/// The deviation of the Gaussian data.
const DEVIATION: f64 = 0.5;

/// A mixture of normals: (weight, mean, deviation).
type Mixture = &'static [(f64, f64, f64)];
const GAUSSIAN: Mixture = &[(1.0, 0.0, DEVIATION)];
const TWO_MODES: Mixture = &[(0.8, 0.6, 0.1), (0.2, -0.6, 0.1)];

/// E[ε | x0 + σ·ε = y], exactly.
fn exact_eps(data: Mixture, y: f64, sigma: f64) -> f64 {
    let parts = data.iter().map(|&(weight, mean, deviation)| {
        let variance = deviation * deviation + sigma * sigma;
        let from_mean = y - mean;
        let log = weight.ln() - 0.5 * (from_mean * from_mean / variance + variance.ln());
        (log, sigma * from_mean / variance)
    });
    let parts: Vec<(f64, f64)> = parts.collect();
    let most = parts.iter().fold(f64::NEG_INFINITY, |most, (log, _)| most.max(*log));
    let total: f64 = parts.iter().map(|(log, _)| (log - most).exp()).sum();
    parts.iter().map(|(log, eps)| (log - most).exp() * eps).sum::<f64>() / total
}

/// A model of timesteps that predicts ε exactly, and how it knows the noise level of one.
struct Exact {
    data: Mixture,
    table: SigmaTable,
}

impl Exact {
    fn new(data: Mixture) -> Self {
        let schedule = SchedulerConfig::default().schedule().unwrap();
        Self { data, table: SigmaTable::of(&schedule) }
    }

    /// The inverse of [`SigmaTable::timestep_of`]: linear in ln σ between timesteps.
    fn sigma(&self, timestep: f32) -> f64 {
        let below = (timestep.floor() as usize).min(998);
        let share = f64::from(timestep) - below as f64;
        let log = |at: usize| f64::from(self.table.sigmas[at]).ln();
        (log(below) * (1.0 - share) + log(below + 1) * share).exp()
    }

    /// Of samples of unit variance.
    fn predict(&self, x: &[f32], timestep: f32) -> Vec<f32> {
        let sigma = self.sigma(timestep);
        let scale = (1.0 + sigma * sigma).sqrt();
        x.iter().map(|x| exact_eps(self.data, f64::from(*x) * scale, sigma) as f32).collect()
    }
}

fn config(text: &str) -> SchedulerConfig {
    SchedulerConfig::from_json(text).unwrap()
}

fn unclipped() -> SchedulerConfig {
    config(r#"{"_class_name": "DDIMScheduler", "clip_sample": false, "use_exponential_sigmas": true}"#)
}

fn plan(sampler: &str, config: &SchedulerConfig, steps: usize, options: &SamplerOptions) -> Plan {
    SamplerEntry::by_name(sampler).unwrap().plan(config, steps, options).unwrap()
}

fn normals(stream: Stream, count: usize) -> Vec<f32> {
    let mut values = vec![0.0; count];
    normal(11, 0, 0, stream, &mut values);
    values
}

/// Pixels of a sample, independent of each other: a corrector's step goes by norms over many.
const PIXELS: usize = 100;

/// From x_T of unit variance, in samples of [`PIXELS`] or fewer.
fn draw(plan: &Plan, x_t: Vec<f32>, network: impl FnMut(&[f32], f32) -> Vec<f32>) -> Vec<f32> {
    let count = x_t.len();
    let noise = |slice: usize| normals(Stream::Step(slice as u32), count);
    run(&plan.rows, x_t, count.min(PIXELS), network, noise, |_, _: &Registers| {})
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64
}

fn variance(values: &[f32]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / values.len() as f64
}

const KINDS: [SdeKind; 3] = [SdeKind::Ve, SdeKind::Vp, SdeKind::SubVp];

/// Mean and variance of what each method makes, within four standard errors of the number of
/// samples and what the steps' length adds.
#[test]
fn gaussian_data_comes_out_with_its_moments() {
    let count = 20_000;
    let exact = Exact::new(GAUSSIAN);
    let truth = DEVIATION * DEVIATION;
    let errors = [DEVIATION / (count as f64).sqrt(), truth * (2.0 / count as f64).sqrt()];
    for kind in KINDS {
        for (sampler, steps, bias) in [("reverse-sde", 400, 0.012), ("pc", 200, 0.03), ("pf-ode", 20, 1e-3)] {
            let options = SamplerOptions { sde: Some(kind), ..Default::default() };
            let plan = plan(sampler, &unclipped(), steps, &options);
            let x = draw(&plan, normals(Stream::Initial, count), |x, t| exact.predict(x, t));
            let (mean, variance) = (mean(&x), variance(&x));
            println!("{sampler} {}: mean {mean:+.4}, variance {variance:.4}", kind.name());
            assert!(mean.abs() < 4.0 * errors[0], "{sampler} {kind:?}: mean {mean}");
            let off = (variance - truth).abs();
            assert!(off < 4.0 * errors[1] + bias * truth, "{sampler} {kind:?}: variance {variance}");
        }
    }
}

/// The share of samples in the heavier mode.
#[test]
fn two_modes_come_out_with_their_weights() {
    let count = 8_000;
    let exact = Exact::new(TWO_MODES);
    let error = (0.8f64 * 0.2 / count as f64).sqrt();
    for kind in KINDS {
        for (sampler, steps) in [("reverse-sde", 200), ("pc", 100), ("pf-ode", 40)] {
            let options = SamplerOptions { sde: Some(kind), ..Default::default() };
            let plan = plan(sampler, &unclipped(), steps, &options);
            let x = draw(&plan, normals(Stream::Initial, count), |x, t| exact.predict(x, t));
            let upper: Vec<f32> = x.iter().copied().filter(|x| *x > 0.0).collect();
            let share = upper.len() as f64 / count as f64;
            println!("{sampler} {}: {share:.4}, mode at {:.4}", kind.name(), mean(&upper));
            assert!((share - 0.8).abs() < 4.0 * error + 0.01, "{sampler} {kind:?}: {share}");
            assert!((mean(&upper) - 0.6).abs() < 0.01, "{sampler} {kind:?}");
        }
    }
}

/// Song & Ermon 2019, §3.2.2: between distant modes there is no way at a small noise level, so
/// that plain Langevin dynamics leaves as many samples in each as it found there.
#[test]
fn annealing_finds_the_weights_that_plain_langevin_dynamics_misses() {
    const DISTANT: Mixture = &[(0.8, 5.0, 1.0), (0.2, -5.0, 1.0)];
    let count = 2_000;
    let score = |x: &[f32], sigma: f32| -> Vec<f32> {
        let sigma = f64::from(sigma);
        x.iter().map(|x| (-exact_eps(DISTANT, (*x).into(), sigma) / sigma) as f32).collect()
    };
    let heavier = |x: &[f32]| x.iter().filter(|x| **x > 0.0).count() as f64 / x.len() as f64;
    let of_levels = |low: f64, high: f64| {
        config(&format!(
            r#"{{"_class_name": "ScoreSdeVeScheduler", "sigma_min": {low}, "sigma_max": {high}}}"#
        ))
    };
    let options = SamplerOptions { langevin_steps: Some(50), ..Default::default() };

    let annealed = plan("ald", &of_levels(0.1, 20.0), 20, &options);
    let annealed = heavier(&draw(&annealed, normals(Stream::Initial, count), score));
    // The same number of steps at the smallest level, from the uniform start of the paper.
    let plain = plan("ald", &of_levels(0.1, 0.1001), 20, &options);
    let start = (0..count).map(|i| (16.0 * (i as f32 + 0.5) / count as f32 - 8.0) / 0.1001);
    let plain = heavier(&draw(&plain, start.collect(), score));
    println!("share of the heavier mode, 0.8: annealed {annealed:.3}, plain {plain:.3}");
    assert!((annealed - 0.8).abs() < 0.05, "{annealed}");
    assert!((plain - 0.8).abs() > 0.15, "{plain}");
}

/// A network of the continuous process itself, so that only the method's error is seen.
fn continuous() -> SchedulerConfig {
    config(r#"{"_class_name": "ScoreSdeVpScheduler"}"#)
}

/// ε of the mixture, at a time of the process.
fn mixed_vp(x: &[f32], time: f32) -> Vec<f32> {
    let (signal, noise) = Sde::from(SdeKind::Vp).marginal(f64::from(time) / 1999.0);
    x.iter().map(|x| exact_eps(TWO_MODES, f64::from(*x) / signal, noise / signal) as f32).collect()
}

/// Where a few points of noise end under the mixture: scipy 1.17's DOP853 at a tolerance of 1e-12.
const START: [f32; 8] = [1.0, -2.0, 0.3, 1.5, -0.4, -0.9, 0.1, 2.2];
const TRUTH: [f32; 8] =
    [0.684_932_2, -0.721_635_9, 0.605_327_6, 0.738_650_3, 0.507_793_8, -0.460_591, 0.580_595_9, 0.811_982_1];

fn error(x: &[f32]) -> f32 {
    x.iter().zip(TRUTH).fold(0f32, |worst, (x, truth)| worst.max((x - truth).abs()))
}

#[test]
fn the_method_of_dormand_and_prince_is_of_order_five() {
    let errors = [16, 24, 36].map(|steps| {
        let plan = plan("pf-ode", &continuous(), steps, &SamplerOptions::default());
        error(&draw(&plan, START.to_vec(), mixed_vp))
    });
    let orders: Vec<f32> = errors.windows(2).map(|pair| (pair[0] / pair[1]).ln() / 1.5f32.ln()).collect();
    println!("errors {errors:?}, orders {orders:.1?}");
    assert!(orders.iter().all(|order| (4.0..7.0).contains(order)), "{orders:?}");
}

/// As many calls and the same error as scipy.integrate.solve_ivp(method="RK45", first_step=0.00999)
/// of scipy 1.17, in float64.
#[test]
fn an_adaptive_run_is_scipys() {
    for (tolerance, expected_error, expected_calls) in
        [(1e-2, 8.447e-3, 43), (1e-3, 1.246e-3, 61), (1e-4, 3.098e-4, 85), (1e-5, 1.617e-4, 103)]
    {
        let options = SamplerOptions { tolerance: Some(tolerance), ..Default::default() };
        let adaptive = plan("rk45", &continuous(), 1, &options).adaptive.unwrap();
        let (x, calls) = run_adaptive(&adaptive, START.to_vec(), START.len(), mixed_vp).unwrap();
        let error = error(&x);
        println!("tolerance {tolerance:e}: error {error:.3e}, {calls} calls");
        // Below 1e-3 float32 decides whether a step that is just good enough is taken.
        if tolerance >= 1e-3 {
            assert_eq!(calls, expected_calls);
            assert!((error / expected_error - 1.0).abs() < 0.01, "{error} for {expected_error}");
        } else {
            assert!(calls.abs_diff(expected_calls) <= 12, "{calls} for {expected_calls}");
            assert!(error < 1.5 * expected_error, "{error} for {expected_error}");
        }
    }
}

/// Output times in between change neither the truth nor the tolerance.
#[test]
fn an_adaptive_run_stops_at_every_step() {
    let options = SamplerOptions { tolerance: Some(1e-5), ..Default::default() };
    let sample = |steps: usize| {
        let adaptive = plan("rk45", &continuous(), steps, &options).adaptive.unwrap();
        run_adaptive(&adaptive, vec![1.0, -0.4], 2, mixed_vp).unwrap()
    };
    let (whole, calls) = sample(1);
    let (divided, more_calls) = sample(10);
    assert!(more_calls > calls, "{more_calls} after {calls}");
    for (a, b) in whole.iter().zip(&divided) {
        assert!((a - b).abs() < 5e-4, "{a} and {b}");
    }
}

/// Up to noise and back.
#[test]
fn a_round_trip_ends_where_it_began() {
    for kind in KINDS {
        let options = SamplerOptions { sde: Some(kind), ..Default::default() };
        let exact = Exact::new(TWO_MODES);
        let x0 = vec![0.55, -0.7, 0.62, -0.5];
        let [there, back] =
            ["pf-ode-inversion", "pf-ode"].map(|name| plan(name, &unclipped(), 100, &options));
        let x_t = draw(&there, x0.clone(), |x, t| exact.predict(x, t));
        let again = draw(&back, x_t.clone(), |x, t| exact.predict(x, t));
        let worst = again.iter().zip(&x0).fold(0f32, |worst, (a, b)| worst.max((a - b).abs()));
        println!("{}: {x_t:.2?}, back within {worst:.1e}", kind.name());
        assert!(worst < 1e-5, "{kind:?}: {worst}");
    }
}

/// A recipe of `tests/fixtures/score`.
#[derive(Deserialize)]
struct Given {
    sampler: String,
    steps: usize,
    scheduler: serde_json::Value,
}

/// Every intermediate sample of diffusers' `ScoreSdeVeScheduler` and `ScoreSdeVpScheduler`.
#[test]
fn the_schedulers_of_diffusers_in_continuous_time_are_followed() {
    let folder = fixture("score");
    for name in ["ve-few", "ve-corrected-twice", "ve-many", "vp-few", "vp", "vp-many"] {
        let given: Given =
            serde_json::from_slice(&fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap();
        let bytes = fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let [x_t, w, noise, trajectory] =
            ["x_T", "w", "noise", "trajectory"].map(|name| tensor(&file, name).unwrap().1);
        let config = config(&given.scheduler.to_string());
        let sampler = SamplerEntry::of_config(&config).unwrap();
        assert_eq!(sampler.name, given.sampler);
        let plan = sampler.plan(&config, given.steps, &SamplerOptions::default()).unwrap();

        let (len, mut worst, mut steps) = (x_t.len(), 0f32, 0);
        let network = |x: &[f32], time: f32| {
            let mean = |(x, w): (&f32, &f32)| 0.7 * x + 0.2 * (time / 1000.0) + 0.1 * w;
            x.iter().zip(w.iter().cycle()).map(mean).collect()
        };
        let slice = |k: usize| noise[k * len..][..len].to_vec();
        run(&plan.rows, x_t, w.len(), network, slice, |step, registers: &Registers| {
            worst = worst.max(relative_error(&registers[0], &trajectory[step * len..][..len]));
            steps += 1;
        });
        println!("{name}: {worst:.1e}");
        assert_eq!(steps * len, trajectory.len());
        assert!(worst < 2e-5, "{name}: {worst}");
    }
}
