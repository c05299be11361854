//! One vector of floats: SIMD of Wasm in browsers, natively arrays that the compiler turns into
//! whatever the processor has.

use std::ops::{Add, Div, Mul, Sub};

#[cfg(target_feature = "simd128")]
pub use wasm::Lanes;

#[cfg(not(target_feature = "simd128"))]
pub use array::Lanes;

/// Floats of a vector.
pub const LANES: usize = size_of::<Lanes>() / 4;

/// Work on vectors.
pub trait Job {
    /// `FUSED`: multiplications and additions are one instruction here. Has to be inlined, as
    /// all that it calls: only then is it compiled for the processor that is there.
    fn run<const FUSED: bool>(self);
}

/// Does the work with the best instructions of this processor.
pub fn run(job: impl Job) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2,fma")]
        fn with_avx2(job: impl Job) {
            job.run::<true>();
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: both features are there.
            return unsafe { with_avx2(job) };
        }
    }
    if cfg!(target_arch = "aarch64") { job.run::<true>() } else { job.run::<false>() }
}

/// Replaces every vector of some floats; the last is filled up.
#[inline(always)]
pub fn each(data: &mut [f32], fill: f32, mut f: impl FnMut(Lanes) -> Lanes) {
    let (whole, rest) = data.as_chunks_mut::<LANES>();
    whole.iter_mut().for_each(|v| *v = f(Lanes::load(v)).to_array());
    if !rest.is_empty() {
        let mut last = [fill; LANES];
        last[..rest.len()].copy_from_slice(rest);
        f(Lanes::load(&last)).store_some(rest);
    }
}

impl Lanes {
    pub const ZERO: Self = Self::splat(0.0);

    /// The first floats of a slice, zeros from `count` on.
    #[inline(always)]
    pub fn load_some(from: &[f32], count: usize) -> Self {
        if count >= LANES {
            return Self::load(from.first_chunk().expect("a whole vector"));
        }
        let mut all = [0.0; LANES];
        all[..count].copy_from_slice(&from[..count]);
        Self::load(&all)
    }

    /// Writes as many floats as the slice has place for.
    #[inline(always)]
    pub fn store_some(self, to: &mut [f32]) {
        match to.first_chunk_mut() {
            Some(to) => *to = self.to_array(),
            None => to.copy_from_slice(&self.to_array()[..to.len()]),
        }
    }

    /// `self + a·b`, rounded once or twice.
    #[inline(always)]
    pub fn plus_product<const FUSED: bool>(self, a: Self, b: Self) -> Self {
        if FUSED { self.fused(a, b) } else { self + a * b }
    }

    /// e^x within two units in the last place, for |x| ≤ 87; beyond it stays at e^±87.
    /// After Cephes' `expf`: e^x = 2^n · e^r with |r| ≤ ln 2 / 2, and a polynomial for e^r.
    #[inline(always)]
    pub fn exp(self) -> Self {
        const LN_2_HIGH: f32 = 0.693_359_4;
        const LN_2_LOW: f32 = -2.121_944_4e-4;
        let x = self.max(Self::splat(-87.0)).min(Self::splat(87.0));
        let n = (x * Self::splat(std::f32::consts::LOG2_E)).round();
        let r = x - n * Self::splat(LN_2_HIGH) - n * Self::splat(LN_2_LOW);
        let coefficients = [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 5e-1];
        let series = coefficients.iter().fold(Self::splat(1.987_569_1e-4), |y, c| y * r + Self::splat(*c));
        (series * r * r + r + Self::splat(1.0)) * n.power_of_two()
    }

    /// x / (1 + e^−x).
    #[inline(always)]
    pub fn silu(self) -> Self {
        self / (Self::splat(1.0) + (Self::ZERO - self).exp())
    }
}

#[cfg(target_feature = "simd128")]
mod wasm {
    use super::{Add, Div, Mul, Sub};
    use core::arch::wasm32 as w;

    #[derive(Clone, Copy, Debug)]
    pub struct Lanes(w::v128);

    impl Lanes {
        #[inline(always)]
        pub const fn splat(value: f32) -> Self {
            Self(w::f32x4(value, value, value, value))
        }

        #[inline(always)]
        pub fn load(from: &[f32; 4]) -> Self {
            Self(bytemuck::cast(*from))
        }

        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            bytemuck::cast(self.0)
        }

        #[inline(always)]
        pub fn max(self, other: Self) -> Self {
            Self(w::f32x4_pmax(self.0, other.0))
        }

        #[inline(always)]
        pub fn min(self, other: Self) -> Self {
            Self(w::f32x4_pmin(self.0, other.0))
        }

        #[inline(always)]
        pub fn round(self) -> Self {
            Self(w::f32x4_nearest(self.0))
        }

        /// 2^n of whole numbers.
        #[inline(always)]
        pub fn power_of_two(self) -> Self {
            let exponent = w::i32x4_add(w::i32x4_trunc_sat_f32x4(self.0), w::i32x4_splat(127));
            Self(w::i32x4_shl(exponent, 23))
        }

        /// Wasm's portable SIMD has no such instruction.
        #[inline(always)]
        pub fn fused(self, a: Self, b: Self) -> Self {
            self + a * b
        }
    }

    macro_rules! operator {
        ($name:ident, $method:ident, $instruction:ident) => {
            impl $name for Lanes {
                type Output = Self;

                #[inline(always)]
                fn $method(self, other: Self) -> Self {
                    Self(w::$instruction(self.0, other.0))
                }
            }
        };
    }
    operator!(Add, add, f32x4_add);
    operator!(Sub, sub, f32x4_sub);
    operator!(Mul, mul, f32x4_mul);
    operator!(Div, div, f32x4_div);
}

#[cfg(not(target_feature = "simd128"))]
mod array {
    use super::{Add, Div, Mul, Sub};

    #[derive(Clone, Copy, Debug)]
    #[repr(align(32))]
    pub struct Lanes([f32; 8]);

    impl Lanes {
        #[inline(always)]
        pub const fn splat(value: f32) -> Self {
            Self([value; 8])
        }

        #[inline(always)]
        pub fn load(from: &[f32; 8]) -> Self {
            Self(*from)
        }

        #[inline(always)]
        pub fn to_array(self) -> [f32; 8] {
            self.0
        }

        #[inline(always)]
        pub fn max(self, other: Self) -> Self {
            self.zip(other, |a, b| if a > b { a } else { b })
        }

        #[inline(always)]
        pub fn min(self, other: Self) -> Self {
            self.zip(other, |a, b| if a < b { a } else { b })
        }

        #[inline(always)]
        pub fn round(self) -> Self {
            // Adding 1.5·2²³ leaves no bits for a fraction; exact below 2²².
            const MAGIC: f32 = 12_582_912.0;
            Self(self.0.map(|x| x + MAGIC - MAGIC))
        }

        /// 2^n of whole numbers.
        #[inline(always)]
        pub fn power_of_two(self) -> Self {
            // Such a sum ends in n, in two's complement.
            const MAGIC: f32 = 12_582_912.0;
            Self(self.0.map(|n| {
                let whole = (n + MAGIC).to_bits().wrapping_sub(MAGIC.to_bits());
                f32::from_bits(whole.wrapping_add(127) << 23)
            }))
        }

        #[inline(always)]
        pub fn fused(self, a: Self, b: Self) -> Self {
            Self(std::array::from_fn(|i| a.0[i].mul_add(b.0[i], self.0[i])))
        }

        #[inline(always)]
        fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
            Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
        }
    }

    macro_rules! operator {
        ($name:ident, $method:ident) => {
            impl $name for Lanes {
                type Output = Self;

                #[inline(always)]
                fn $method(self, other: Self) -> Self {
                    self.zip(other, |a, b| a.$method(b))
                }
            }
        };
    }
    operator!(Add, add);
    operator!(Sub, sub);
    operator!(Mul, mul);
    operator!(Div, div);
}
