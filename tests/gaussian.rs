//! Data N(0, ¼) has its exact ε in closed form, so each sampler has one right number.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::Cell;

use reverie::diffusion::interpret;
use reverie::diffusion::row::Threshold;
use reverie::diffusion::samplers::{SamplerEntry, SamplerOptions};
use reverie::diffusion::scheduler_config::{SchedulerConfig, VarianceType};

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
