//! Which variant of a kernel suits a shape on a class of machine.
//!
//! On a processor behind a driver a load costs as much as several multiply-adds, a barrier more than
//! both, and two workgroups keep it busy. A graphics card wants thousands of threads.

use crate::kernels::activation::Activation;
use crate::kernels::attention::{MOST_DIM, MOST_TOKENS};
use crate::kernels::group_norm_lone::MOST_VALUES;
use crate::kernels::winograd::PLACES;
use crate::machine::Class;

/// Who makes a 3×3 convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv {
    /// `conv3x3`: 4×4 pixels a thread.
    Direct,
    /// `winograd_input`, a matrix product, `winograd_output`.
    Winograd,
}

/// What a convolution's kernel does to its input as it loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loads {
    /// The activation after a multiply-add.
    pub activated: Option<Activation>,
    /// Repeats every pixel, twice as high and wide.
    pub doubled: bool,
}

impl Conv {
    pub fn loads(self) -> Loads {
        match self {
            Conv::Direct => Loads { activated: None, doubled: false },
            Conv::Winograd => Loads { activated: Some(Activation::Silu), doubled: true },
        }
    }
}

/// Who makes a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linear {
    /// `linear`: from buffers, four rows of four channels a thread.
    Rows,
    /// A product of matrices.
    Product,
}

/// Who makes a product of matrices, from textures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// `matmul`: sixteen rows of sixteen channels a thread.
    Many,
    /// `matmul_few`: four rows.
    Few,
}

/// Who makes a convolution of stride 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Downsample {
    /// `conv3x3_stride2`: 4×2 pixels a thread.
    Direct,
    /// `im2col`, and a product of matrices.
    Product,
}

/// Who makes an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// `attention`: all at once, four queries of a small head a thread.
    Whole,
    /// `attention_scores`, `softmax`, `attention_values`: from buffers, a query a thread.
    One,
    /// `attention_scores_wide`, `softmax`, `attention_values_wide`: from textures, four queries a
    /// thread.
    Four,
}

/// Who makes a group norm's multiply-adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// `group_norm`: a workgroup a group, which waits for its threads.
    Group,
    /// `group_norm_lone`: a thread a group.
    Lone,
}

/// The most bytes of a convolution's weights in Winograd's form: what WebGPU promises of a binding.
const MOST_WEIGHTS: usize = 1 << 27;

/// Channels in vec4s. The same for every size of the image, since the weights are packed for it.
pub fn conv(class: Class, stride: usize, channels: [usize; 2]) -> Conv {
    let bytes = 4 * 16 * PLACES * channels[0] * channels[1];
    match (class, stride) {
        (Class::SoftwareAdapter, 1) if bytes <= MOST_WEIGHTS => Conv::Winograd,
        _ => Conv::Direct,
    }
}

pub fn linear(class: Class, rows: u32) -> Linear {
    match class {
        Class::SoftwareAdapter if rows >= 4 => Linear::Product,
        _ => Linear::Rows,
    }
}

pub fn product(rows: u32) -> Product {
    // Sixteen rows of which more than four are missing take longer than twelve by fours.
    if rows < 12 { Product::Few } else { Product::Many }
}

pub fn downsample(class: Class) -> Downsample {
    match class {
        Class::SoftwareAdapter => Downsample::Product,
        Class::Cpu | Class::Gpu => Downsample::Direct,
    }
}

/// `dim`: of a head, in vec4s.
pub fn attention(class: Class, tokens: u32, dim: u32) -> Attention {
    match class {
        Class::SoftwareAdapter if dim <= MOST_DIM && tokens <= MOST_TOKENS => Attention::Whole,
        // A texel has the weights of four keys.
        Class::SoftwareAdapter if tokens.is_multiple_of(4) => Attention::Four,
        _ => Attention::One,
    }
}

/// `values`: of a group.
pub fn norm(class: Class, values: u32) -> Norm {
    match class {
        Class::SoftwareAdapter if values <= MOST_VALUES => Norm::Lone,
        _ => Norm::Group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_processors_behind_a_driver_get_winograd_and_textures() {
        assert_eq!(conv(Class::SoftwareAdapter, 1, [16, 16]), Conv::Winograd);
        assert_eq!(conv(Class::SoftwareAdapter, 2, [16, 16]), Conv::Direct);
        assert_eq!(downsample(Class::SoftwareAdapter), Downsample::Product);
        assert_eq!(linear(Class::SoftwareAdapter, 64), Linear::Product);
        assert_eq!(linear(Class::SoftwareAdapter, 1), Linear::Rows);
        for class in [Class::Gpu, Class::Cpu] {
            assert_eq!(conv(class, 1, [16, 16]), Conv::Direct);
            assert_eq!(downsample(class), Downsample::Direct);
            assert_eq!(linear(class, 64), Linear::Rows);
        }
    }

    #[test]
    fn weights_that_winograd_would_make_too_large_stay_as_they_are() {
        let of = |channels: usize| conv(Class::SoftwareAdapter, 1, [channels / 4; 2]);
        assert_eq!(of(512), Conv::Winograd);
        assert_eq!(of(1024), Conv::Direct);
    }

    #[test]
    fn small_heads_are_made_at_once_and_tokens_that_come_in_fours_by_fours() {
        assert_eq!(attention(Class::SoftwareAdapter, 64, 8), Attention::Whole);
        assert_eq!(attention(Class::SoftwareAdapter, 64, 64), Attention::Four);
        assert_eq!(attention(Class::SoftwareAdapter, 1 << 16, 8), Attention::Four);
        assert_eq!(attention(Class::SoftwareAdapter, 49, 64), Attention::One);
        assert_eq!(attention(Class::Gpu, 64, 8), Attention::One);
    }

    #[test]
    fn few_rows_are_not_made_by_sixteens() {
        assert_eq!(product(4), Product::Few);
        assert_eq!(product(16), Product::Many);
    }

    #[test]
    fn barriers_are_for_graphics_cards_and_what_a_thread_would_not_get_through() {
        assert_eq!(norm(Class::Gpu, 64), Norm::Group);
        assert_eq!(norm(Class::SoftwareAdapter, 64), Norm::Lone);
        assert_eq!(norm(Class::SoftwareAdapter, 1 << 20), Norm::Group);
    }
}
