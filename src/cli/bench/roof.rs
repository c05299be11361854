//! What this device can do at the most.

use reverie::kernels::{activation, roof_fma};
use reverie::machine::{Machine, MachineError};
use serde::Serialize;

use super::clock::Clock;

/// Enough threads for any device, and rounds for about 3 GFLOP.
const THREADS: u32 = 1 << 16;
const ROUNDS: u32 = 96;
/// vec4s that are copied: 32 MiB, more than caches hold.
const COPIED: u32 = 1 << 21;

/// Measured by kernels that do nothing else.
#[derive(Serialize)]
pub struct Roof {
    pub gflop_per_second: f64,
    /// Read and written together.
    pub gigabytes_per_second: f64,
}

impl Roof {
    pub async fn measure<M: Machine>(machine: &mut M, clock: Clock) -> Result<Self, MachineError> {
        Ok(Self {
            gflop_per_second: arithmetic(machine, clock).await? / 1e9,
            gigabytes_per_second: memory(machine, clock).await? / 1e9,
        })
    }

    /// The least seconds that so much work could take.
    pub fn seconds(&self, flops: u64, bytes: u64) -> f64 {
        let arithmetic = flops as f64 / 1e9 / self.gflop_per_second;
        arithmetic.max(bytes as f64 / 1e9 / self.gigabytes_per_second)
    }
}

async fn arithmetic<M: Machine>(machine: &mut M, clock: Clock) -> Result<f64, MachineError> {
    let y = machine.allocate(4 * THREADS as usize)?;
    let p = roof_fma::roof_params(THREADS, ROUNDS);
    let program = machine.compile(vec![roof_fma::dispatch(&p, y)])?;
    let seconds = clock.median(machine, program, y).await?;
    machine.discard(program);
    machine.free(y);
    Ok(roof_fma::flops(&p) as f64 / seconds)
}

/// By the activation that changes nothing.
async fn memory<M: Machine>(machine: &mut M, clock: Clock) -> Result<f64, MachineError> {
    let [x, affine, y] = [4 * COPIED as usize, 4, 4 * COPIED as usize].map(|words| machine.allocate(words));
    let (x, affine, y) = (x?, affine?, y?);
    let p = activation::Params {
        batch: 1,
        pixels: COPIED,
        channels: 1,
        in_pitch: 1,
        out_pitch: 1,
        ..Default::default()
    };
    let program = machine.compile(vec![activation::dispatch(&p, [x, affine, y])])?;
    let seconds = clock.median(machine, program, y).await?;
    machine.discard(program);
    [x, affine, y].into_iter().for_each(|buffer| machine.free(buffer));
    Ok(2.0 * 16.0 * f64::from(COPIED) / seconds)
}
