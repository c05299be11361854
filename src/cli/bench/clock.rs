//! Timing programs on a machine.

use std::time::Instant;

use reverie::kernels::BufferId;
use reverie::machine::{Machine, MachineError, ProgramId};

/// How many timings the median is of.
const WINDOWS: usize = 7;

/// Times things for so many seconds each, about.
#[derive(Clone, Copy)]
pub struct Clock {
    pub seconds: f64,
}

impl Clock {
    /// Seconds of one timing.
    pub fn window(self) -> f64 {
        self.seconds / WINDOWS as f64
    }

    /// The median seconds of one run of a program. Each timing is of as many runs as fill its
    /// share of the clock's seconds, in one submission, up to a word of `result` read back.
    pub async fn median<M: Machine>(
        self,
        machine: &mut M,
        program: ProgramId,
        result: BufferId,
    ) -> Result<f64, MachineError> {
        time(machine, program, result, 1).await?;
        let once = time(machine, program, result, 1).await?;
        let runs = (self.window() / once.max(1e-6)).clamp(1.0, 1000.0) as usize;
        let mut times = Vec::new();
        for _ in 0..WINDOWS {
            times.push(time(machine, program, result, runs).await? / runs as f64);
        }
        times.sort_by(f64::total_cmp);
        Ok(times[WINDOWS / 2])
    }
}

async fn time<M: Machine>(
    machine: &mut M,
    program: ProgramId,
    result: BufferId,
    runs: usize,
) -> Result<f64, MachineError> {
    let start = Instant::now();
    (0..runs).for_each(|_| machine.run(program, 0));
    machine.submit();
    machine.read(result, 0, 4).await?;
    Ok(start.elapsed().as_secs_f64())
}
