//! Data N(0, ¼) has its exact ε in closed form, so each sampler has one right number.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::Cell;

use reverie::diffusion::interpret;
use reverie::diffusion::row::Threshold;
use reverie::diffusion::samplers::{SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::{SchedulerConfig, SolverConfig, VarianceType};
use reverie::diffusion::sigmas::SigmaRule;

/// The variance of what a sampler makes of N(0, 1), run by the rows' interpreter.
///
/// All is linear, so one run of many "pixels" gives it exactly: pixel 0 follows a
/// unit of x_T, pixel k + 1 a unit of step k's noise, and independent variances add.
fn final_variance(sampler: &str, config: SchedulerConfig, steps: usize) -> f64 {
    let config = SchedulerConfig { threshold: Threshold::None, ..config };
    let sampler = SamplerEntry::by_name(sampler).unwrap();
    let plan = sampler.plan(&config, steps, &SamplerOptions::default()).unwrap();
    let pixels = steps + 1;
    let unit = |pixel: usize| (0..pixels).map(|i| f32::from(u8::from(i == pixel))).collect();
    let step = Cell::new(0);
    let exact_eps = |x: &[f32], timestep: f32| {
        let alpha_bar = f64::from(plan.schedule.alphas_cumprod[timestep as usize]);
        // E[ε | x_t] of x_t = √ᾱ·x0 + √(1−ᾱ)·ε
        let slope = (1.0 - alpha_bar).sqrt() / (0.25 * alpha_bar + 1.0 - alpha_bar);
        step.set(step.get() + 1);
        x.iter().map(|&x| (slope * f64::from(x)) as f32).collect()
    };
    let noise = |step: usize| unit(step + 1);
    let result = interpret::run(&plan.rows, unit(0), pixels, exact_eps, noise, |_, _| {});
    assert_eq!(step.get(), steps);
    result.iter().map(|&x| f64::from(x).powi(2)).sum()
}

/// The relative error of the point that Karras' levels 0.002 … 80 transport from σ = 80,
/// under the exact denoiser; the truth is x·√¼/√(¼ + 80²).
fn transported(sampler: &str, steps: usize) -> f64 {
    let solver = SolverConfig {
        sigmas: SigmaRule::Karras,
        sigma_min: Some(0.002),
        sigma_max: Some(80.0),
        ..Default::default()
    };
    let config = SchedulerConfig { threshold: Threshold::None, solver, ..Default::default() };
    let plan =
        SamplerEntry::by_name(sampler).unwrap().plan(&config, steps, &SamplerOptions::default()).unwrap();
    let sigmas: Vec<f64> = plan.calls().map(|call| call.level.sigma().into()).collect();
    let call = Cell::new(0);
    let exact_eps = |x: &[f32], _: f32| {
        let variance = sigmas[call.replace(call.get() + 1)].powi(2);
        // The network sees unit variance, x/√(1 + σ²), and E[ε | x] = σ·x/(¼ + σ²).
        let slope = (variance * (1.0 + variance)).sqrt() / (0.25 + variance);
        x.iter().map(|&x| (slope * f64::from(x)) as f32).collect()
    };
    // Rows of the Euler family first scale x_T to √ᾱ = 1; the solvers of unit variance do not.
    let start = plan.rows.iter().position(|row| row.call.is_some()).unwrap();
    let in_sigma = plan.rows[start].call.as_ref().unwrap().input_divisor != 1.0;
    let x_t = if in_sigma { 80.0 } else { 80.0 / (1.0 + 80f64.powi(2)).sqrt() };
    let none = |_| Vec::new();
    let result = interpret::run(&plan.rows[start..], vec![x_t as f32], 1, exact_eps, none, |_, _| {});
    let truth = 80.0 * 0.5 / (0.25 + 80f64.powi(2)).sqrt();
    f64::from(result[0]) / truth - 1.0
}

#[track_caller]
fn close(actual: f64, expected: f64) {
    eprintln!("{actual:.7} for {expected}: off by {:.1e}", actual - expected);
    assert!((actual - expected).abs() < 1e-5, "{actual} for {expected}");
}

#[test]
fn ddpm_reaches_its_variances() {
    for (variance_type, expected) in
        [(VarianceType::FixedSmall, 0.246125), (VarianceType::FixedLarge, 0.250752)]
    {
        let config = SchedulerConfig { variance_type, ..Default::default() };
        close(final_variance("ddpm", config, 1000), expected);
    }
}

#[test]
fn ddim_reaches_its_deviations() {
    for (steps, expected) in
        [(10, 0.748257), (20, 0.867469), (50, 0.944878), (100, 0.971961), (1000, 0.996991)]
    {
        close(final_variance("ddim", SchedulerConfig::default(), steps).sqrt() / 0.5, expected);
    }
}

#[test]
fn solvers_transport_a_point_as_far_as_they_should() {
    for (sampler, errors) in [
        ("euler", [-0.153921, -0.077990, -0.039242]),
        ("heun", [0.055270, 0.012214, 0.002871]),
        ("dpm++2m", [0.062301, 0.013103, 0.002968]),
    ] {
        for (steps, expected) in [18, 36, 72].into_iter().zip(errors) {
            close(transported(sampler, steps), expected);
        }
    }
}
