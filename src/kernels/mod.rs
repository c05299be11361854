//! One small room for each kernel: `<name>.rs` holds bindings, grid, CPU twin and
//! test cases of `shaders/<name>.wgsl`.
//!
//! A twin is the specification of its kernel in plain Rust, on the same buffers.
//! Tests run both on the same [`Case`]s; the CPU executor runs the twins alone.

pub mod activation;
pub mod attention;
pub mod attention_scores;
pub mod attention_scores_wide;
pub mod attention_values;
pub mod attention_values_wide;
pub mod avg_pool;
pub mod case;
pub mod class_embedding;
pub mod conv3x3;
pub mod conv3x3_stride2;
pub mod dynamic_threshold;
pub mod error_norm;
pub mod fast;
pub mod forward_noise;
pub mod group_norm;
pub mod group_norm_lone;
pub mod guidance;
pub mod im2col;
pub mod langevin_ratio;
pub mod linear;
pub mod matmul;
pub mod matmul_few;
pub mod network_input;
pub mod present;
pub mod reverse_step;
pub mod roof_fma;
pub mod shaders;
pub mod softmax;
pub mod upsample;
pub mod winograd;
pub mod winograd_input;
pub mod winograd_output;

pub use case::Case;
use shaders::{Access, Shader};

include!(concat!(env!("OUT_DIR"), "/kernels.rs"));

/// A compute kernel: the shader, its twin, and the cases that hold them together.
#[derive(Debug)]
pub struct Kernel {
    pub shader: &'static Shader,
    #[cfg(not(feature = "engine"))]
    pub twin: Twin,
    /// What the CPU machine runs instead of the twin, where there is such a thing.
    #[cfg(not(any(feature = "engine", feature = "twins")))]
    pub fast: Option<Fast>,
    #[cfg(not(any(feature = "engine", feature = "cpu")))]
    pub cases: fn() -> Vec<Case>,
}

impl Kernel {
    /// A module of the page leaves out what is in another one.
    pub const fn new(shader: &'static Shader, twin: Twin, cases: fn() -> Vec<Case>) -> Self {
        #[cfg(feature = "engine")]
        let _ = twin;
        #[cfg(any(feature = "engine", feature = "cpu"))]
        let _ = cases;
        Self {
            shader,
            #[cfg(not(feature = "engine"))]
            twin,
            #[cfg(not(any(feature = "engine", feature = "twins")))]
            fast: None,
            #[cfg(not(any(feature = "engine", feature = "cpu")))]
            cases,
        }
    }

    /// With a fast form.
    #[cfg(not(any(feature = "engine", feature = "twins")))]
    pub const fn with_fast(self, fast: Fast) -> Self {
        Self { fast: Some(fast), ..self }
    }

    /// Without it: the CPU machine is in another module.
    #[cfg(any(feature = "engine", feature = "twins"))]
    pub const fn with_fast(self, _: Fast) -> Self {
        self
    }
}

/// The plain Rust version of a kernel: the uniform's bytes, then the read-only
/// and the written buffers, each in the order of their bindings, as 32-bit words.
pub type Twin = fn(&[u8], &[&[u32]], &mut [&mut [u32]]);

/// The fast version of a twin, with memory to work in.
pub type Fast = fn(&[u8], &[&[u32]], &mut [&mut [u32]], &mut fast::Scratch);

/// A buffer of a plan, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferId(pub usize);

/// One run of a kernel over the buffers of a plan.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub kernel: &'static Kernel,
    /// The uniform `Params`, as bytes: one for all rows of a program, or one a row.
    pub params: Vec<Vec<u8>>,
    /// Storage buffers in the order of their bindings (1, 2, …).
    pub buffers: Vec<BufferId>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// How many vec4s, from the first, are read of each buffer that is read through a texture.
    pub reach: [u32; 2],
}

impl Dispatch {
    pub fn new<P: bytemuck::Pod>(
        kernel: &'static Kernel,
        params: &P,
        buffers: &[BufferId],
        grid: [u32; 3],
    ) -> Self {
        Self::with_rows(kernel, std::slice::from_ref(params), buffers, grid)
    }

    /// A dispatch whose uniform changes from row to row.
    pub fn with_rows<P: bytemuck::Pod>(
        kernel: &'static Kernel,
        rows: &[P],
        buffers: &[BufferId],
        grid: [u32; 3],
    ) -> Self {
        let bindings = kernel.shader.bindings.len();
        assert_eq!(buffers.len() + 1, bindings, "bindings of {}", kernel.shader.name);
        let params = rows.iter().map(|p| bytemuck::bytes_of(p).to_vec()).collect();
        Self { kernel, params, buffers: buffers.to_vec(), grid, reach: [u32::MAX; 2] }
    }

    /// One that reads so many vec4s of its textures, and none beyond.
    pub fn reaching(self, reach: [u32; 2]) -> Self {
        Self { reach, ..self }
    }

    /// The uniform at a row.
    pub fn params_at(&self, row: usize) -> &[u8] {
        &self.params[if self.params.len() == 1 { 0 } else { row }]
    }

    /// The buffers with their access.
    pub fn accesses(&self) -> impl Iterator<Item = (BufferId, Access)> + '_ {
        self.buffers.iter().copied().zip(self.kernel.shader.bindings[1..].iter().copied())
    }
}

/// Workgroups of 64 for `threads` invocations, as `flat_index` of `grid.wgsl` counts them.
pub fn flat_grid(threads: u32) -> [u32; 3] {
    folded(threads.div_ceil(64))
}

/// So many workgroups: one grid dimension holds only 65,535, so larger numbers fold into a second.
pub fn folded(groups: u32) -> [u32; 3] {
    let y = groups.div_ceil(65_535).max(1);
    [groups.div_ceil(y), y, 1]
}

/// The uniform of a twin.
fn params<P: bytemuck::Pod>(bytes: &[u8]) -> P {
    bytemuck::pod_read_unaligned(bytes)
}

/// Read-only buffers as floats.
fn floats<'a, const N: usize>(reads: &[&'a [u32]]) -> [&'a [f32]; N] {
    std::array::from_fn(|i| bytemuck::cast_slice(reads[i]))
}

/// The only written buffer as floats.
fn output<'a>(writes: &'a mut [&mut [u32]]) -> &'a mut [f32] {
    bytemuck::cast_slice_mut(writes[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flat_grid_covers_all_threads_within_the_limit() {
        for threads in [1, 64, 65, 65_535 * 64, 65_535 * 64 + 1, 1 << 30] {
            let [x, y, z] = flat_grid(threads);
            assert!(x <= 65_535 && y <= 65_535 && z == 1);
            assert!(u64::from(x) * u64::from(y) * 64 >= u64::from(threads));
        }
    }
}
