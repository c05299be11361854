//! y = activate(factor·x + term): a group norm's application, an activation, or a copy.

use super::case::{random, zeros};
use super::fast::Scratch;
use super::fast::lanes::{self, Job, Lanes};
use super::fast::split::{EXP, PIECE, each_chunk};
use super::{BufferId, Case, Dispatch, Kernel, flat_grid, floats, output, params};
pub use crate::kernels::shaders::activation::Params;
use crate::kernels::shaders::activation::SHADER;

pub static KERNEL: Kernel = Kernel::new(&SHADER, twin, cases).with_fast(fast);

/// The activations of `UNet2DModel`, numbered as in `shared/activation.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Activation {
    Identity = 0,
    Silu = 1,
    Gelu = 2,
    Relu = 3,
    Mish = 4,
}

impl Activation {
    const ALL: [Self; 5] = [Self::Identity, Self::Silu, Self::Gelu, Self::Relu, Self::Mish];

    /// In f64: the twin is the reference.
    pub(super) fn apply(self, x: f64) -> f64 {
        match self {
            Self::Identity => x,
            Self::Silu => x / (1.0 + (-x).exp()),
            Self::Gelu => 0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2),
            Self::Relu => x.max(0.0),
            Self::Mish => x * x.exp().ln_1p().tanh(),
        }
    }
}

/// Buffers: x, affine, y.
pub fn dispatch(p: &Params, buffers: [BufferId; 3]) -> Dispatch {
    Dispatch::new(&KERNEL, p, &buffers, grid(p))
}

fn grid(p: &Params) -> [u32; 3] {
    flat_grid(p.batch * p.pixels * p.channels)
}

fn twin(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]]) {
    let p: Params = params(bytes);
    let [x, affine] = floats(reads);
    let y = output(writes);
    let kind = Activation::ALL[p.kind as usize];
    let channels = 4 * p.channels as usize;
    for pixel in 0..(p.batch * p.pixels) as usize {
        let from = 4 * (pixel * p.in_pitch as usize + p.in_offset as usize);
        let to = 4 * (pixel * p.out_pitch as usize + p.out_offset as usize);
        let sample = 4 * (pixel / p.pixels as usize) * p.affine_pitch as usize;
        for c in 0..channels {
            let mut v = x[from + c];
            if p.has_affine != 0 {
                let at = sample + c / 4 * 8 + c % 4;
                v = v.mul_add(affine[at], affine[at + 4]);
            }
            y[to + c] = kind.apply(f64::from(v)) as f32;
        }
    }
}

fn fast(bytes: &[u8], reads: &[&[u32]], writes: &mut [&mut [u32]], _: &mut Scratch) {
    let p: Params = params(bytes);
    let kind = Activation::ALL[p.kind as usize];
    // The others are rare.
    if !matches!(kind, Activation::Identity | Activation::Silu | Activation::Relu) {
        return twin(bytes, reads, writes);
    }
    let [x, affine] = floats(reads);
    let pitch = 4 * p.out_pitch as usize;
    let pixels = PIECE.div_ceil(pitch);
    let y = &mut output(writes)[..(p.batch * p.pixels) as usize * pitch];
    each_chunk(y, pixels * pitch, EXP, |i, y| {
        lanes::run(Pixels { p: &p, kind, x, affine, first: i * pixels, y });
    });
}

/// Some pixels, and their part of the output.
struct Pixels<'a> {
    p: &'a Params,
    kind: Activation,
    x: &'a [f32],
    affine: &'a [f32],
    first: usize,
    y: &'a mut [f32],
}

impl Job for Pixels<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let Self { p, kind, x, affine, first, y } = self;
        for (pixel, y) in (first..).zip(y.chunks_exact_mut(4 * p.out_pitch as usize)) {
            let y = &mut y[4 * p.out_offset as usize..][..4 * p.channels as usize];
            let x = &x[4 * (pixel * p.in_pitch as usize + p.in_offset as usize)..][..y.len()];
            if p.has_affine != 0 {
                let sample = 4 * (pixel / p.pixels as usize) * p.affine_pitch as usize;
                let affine = affine[sample..].as_chunks::<8>().0;
                let (y, x) = (y.as_chunks_mut::<4>().0, x.as_chunks::<4>().0);
                for ((y, x), affine) in y.iter_mut().zip(x).zip(affine) {
                    *y = std::array::from_fn(|i| x[i] * affine[i] + affine[i + 4]);
                }
            } else {
                y.copy_from_slice(x);
            }
            match kind {
                Activation::Silu => lanes::each(y, 0.0, Lanes::silu),
                Activation::Relu => lanes::each(y, 0.0, |v| v.max(Lanes::ZERO)),
                _ => {}
            }
        }
    }
}

fn cases() -> Vec<Case> {
    let plain = Params {
        batch: 2,
        pixels: 9,
        channels: 3,
        in_pitch: 3,
        out_pitch: 3,
        has_affine: 1,
        affine_pitch: 6,
        ..Default::default()
    };
    let slices = Params { in_pitch: 5, in_offset: 2, out_pitch: 6, out_offset: 1, ..plain };
    let mut cases: Vec<Case> = Activation::ALL
        .map(|kind| (format!("{kind:?}"), Params { kind: kind as u32, ..plain }))
        .into_iter()
        .chain([
            ("slices, one affine for all".to_owned(), Params { affine_pitch: 0, ..slices }),
            ("copy".to_owned(), Params { has_affine: 0, ..slices }),
        ])
        .map(|(label, p)| {
            let pixels = p.batch * p.pixels;
            let x = random(1, 4 * pixels * p.in_pitch)
                .iter()
                .map(|w| (10.0 * f32::from_bits(*w)).to_bits())
                .collect();
            let buffers = vec![x, random(2, 4 * p.batch * 6), zeros(4 * pixels * p.out_pitch)];
            Case::new(&label, &KERNEL, &p, buffers, grid(&p))
        })
        .collect();
    // Far from zero every activation has to stay finite.
    for kind in Activation::ALL {
        let p = Params { kind: kind as u32, has_affine: 0, batch: 1, pixels: 1, channels: 2, ..plain };
        let x = [-1e4f32, -90.0, -20.0, -1e-3, 1e-3, 20.0, 90.0, 1e4].map(f32::to_bits).to_vec();
        let label = format!("{kind:?}, far out");
        cases.push(Case::new(&label, &KERNEL, &p, vec![x, zeros(4), zeros(12)], grid(&p)));
    }
    cases
}
