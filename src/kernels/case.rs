//! Test cases that hold a shader and its twin together, natively and in browsers.

use super::{BufferId, Dispatch, Kernel};

/// A dispatch with the contents of its buffers and the error that is allowed.
#[derive(Clone, Debug)]
pub struct Case {
    pub label: String,
    pub dispatch: Dispatch,
    /// One buffer for each binding after the uniform.
    pub buffers: Vec<Vec<u32>>,
    /// Allowed |Δ|, relative to the largest magnitude of the twin's result.
    pub tolerance: f32,
}

impl Case {
    pub fn new<P: bytemuck::Pod>(
        label: &str,
        kernel: &'static Kernel,
        params: &P,
        buffers: Vec<Vec<u32>>,
        grid: [u32; 3],
    ) -> Self {
        let ids: Vec<_> = (0..buffers.len()).map(BufferId).collect();
        let dispatch = Dispatch::new(kernel, params, &ids, grid);
        Self { label: format!("{}: {label}", kernel.shader.name), dispatch, buffers, tolerance: 2e-6 }
    }

    pub fn with_tolerance(self, tolerance: f32) -> Self {
        Self { tolerance, ..self }
    }

    /// The buffers after the twin ran.
    #[cfg(not(feature = "engine"))]
    pub fn expected(&self) -> Vec<Vec<u32>> {
        let mut buffers = self.buffers.clone();
        run_twin(&self.dispatch, 0, &mut buffers);
        buffers
    }

    /// The largest difference from the twin's buffers, which has to be within tolerance.
    #[cfg(not(feature = "engine"))]
    pub fn compare(&self, got: &[Vec<u32>]) -> Result<f32, String> {
        let worst = worst_error(got, &self.expected());
        if worst <= self.tolerance {
            Ok(worst)
        } else {
            Err(format!("{}: relative error {worst:e} exceeds {:e}", self.label, self.tolerance))
        }
    }
}

/// The largest relative error of the floats of some buffers.
pub fn worst_error(got: &[Vec<u32>], want: &[Vec<u32>]) -> f32 {
    let error = |(got, want): (&Vec<u32>, &Vec<u32>)| {
        relative_error(bytemuck::cast_slice(got), bytemuck::cast_slice(want))
    };
    got.iter().zip(want).map(error).fold(0.0, f32::max)
}

/// max |got − want| / max |want|; infinite where the lengths differ or a NaN shows.
pub fn relative_error(got: &[f32], want: &[f32]) -> f32 {
    if got.len() != want.len() {
        return f32::INFINITY;
    }
    let largest = want.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
    got.iter().zip(want).fold(0f32, |worst, (g, w)| {
        let d = (g - w).abs() / largest;
        if d.is_nan() { f32::INFINITY } else { worst.max(d) }
    })
}

/// Runs a dispatch's twin at a row on `buffers`, indexed by [`BufferId`].
#[cfg(not(feature = "engine"))]
pub fn run_twin(dispatch: &Dispatch, row: usize, buffers: &mut [Vec<u32>]) {
    run(dispatch, buffers, |reads, writes| (dispatch.kernel.twin)(dispatch.params_at(row), reads, writes));
}

/// Gives a dispatch's buffers to `work`, those that it reads and those that it writes.
pub fn run(dispatch: &Dispatch, buffers: &mut [Vec<u32>], work: impl FnOnce(&[&[u32]], &mut [&mut [u32]])) {
    use super::shaders::Access;
    // The written buffers are lifted out, so that the others can be borrowed;
    // a plan never binds one buffer both for reading and for writing.
    let mut lifted: Vec<(BufferId, Vec<u32>)> = dispatch
        .accesses()
        .filter(|(_, access)| *access == Access::ReadWrite)
        .map(|(id, _)| (id, std::mem::take(&mut buffers[id.0])))
        .collect();
    let reads: Vec<&[u32]> = dispatch
        .accesses()
        .filter(|(_, access)| *access != Access::ReadWrite)
        .map(|(id, _)| buffers[id.0].as_slice())
        .collect();
    let mut writes: Vec<&mut [u32]> = lifted.iter_mut().map(|(_, b)| b.as_mut_slice()).collect();
    work(&reads, &mut writes);
    for (id, buffer) in lifted {
        buffers[id.0] = buffer;
    }
}

/// `count` reproducible floats in [−1, 1), as words.
pub fn random(seed: u32, count: u32) -> Vec<u32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (f64::from(state) / 2_147_483_648.0 - 1.0) as f32
        })
        .map(f32::to_bits)
        .collect()
}

/// `count` zeros.
pub fn zeros(count: u32) -> Vec<u32> {
    vec![0; count as usize]
}
