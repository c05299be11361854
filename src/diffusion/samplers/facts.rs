//! What a page or a table says of each scheduler step.

use crate::diffusion::row::Row;

/// One scheduler step, for display.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepFacts {
    /// From 0.
    pub step: usize,
    /// Where the step's first network call is.
    pub timestep: f32,
    /// ᾱ of that call's noise level, and two other measures of the same thing.
    pub alpha_bar: f64,
    /// The deviation of the sample that the step starts from, for data of unit variance: what a
    /// picture of it is divided by. 1 where samples are of unit variance.
    pub deviation: f32,
    /// √((1 − ᾱ)/ᾱ), infinite at pure noise.
    pub sigma: f64,
    /// ln(ᾱ/(1 − ᾱ)), −∞ at pure noise.
    pub log_snr: f64,
    pub network_calls: usize,
}

/// The facts of every step of a program, in order.
pub(super) fn of(rows: &[Row]) -> Vec<StepFacts> {
    let of_step = |rows: &[Row]| {
        let mut calls = rows.iter().filter_map(|row| row.call.as_ref());
        let first = calls.next()?;
        let sigma = f64::from(first.level.sigma());
        Some(StepFacts {
            step: rows[0].step,
            timestep: first.timestep,
            alpha_bar: 1.0 / (1.0 + sigma * sigma),
            deviation: first.level.deviation(),
            sigma,
            log_snr: -2.0 * sigma.ln(),
            network_calls: 1 + calls.count(),
        })
    };
    rows.chunk_by(|a, b| a.step == b.step).filter_map(of_step).collect()
}
