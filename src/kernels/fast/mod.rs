//! What the kernels' fast forms on the CPU are made of: vectors of lanes, one routine for all that
//! comes to sums of products, and a way to split the work.
//!
//! A fast form does what its kernel's twin does, in another order and with coarser arithmetic; the
//! cases of the kernel hold both together. Its results are the same whatever the number of threads.

pub mod epilogue;
pub mod image;
pub mod lanes;
pub mod product;
pub mod split;
pub mod weights;
pub mod winograd;

use super::shaders::Access;
use super::{BufferId, Dispatch};
use weights::{Form, Weights};

/// Memory that fast forms work in, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// An image with its padding.
    pub image: Vec<f32>,
    /// Where the values of each row of a product begin.
    pub starts: Vec<usize>,
    /// The other factor of a product, in panels, where it is no weight.
    pub panels: Vec<f32>,
    pub weights: Weights,
    /// The buffers that the dispatch reads, in their order.
    reads: Vec<BufferId>,
}

impl Scratch {
    /// Before a dispatch: it knows what it reads, and nothing is kept of what it writes.
    pub fn begin(&mut self, dispatch: &Dispatch) {
        self.reads.clear();
        for (buffer, access) in dispatch.accesses() {
            if access == Access::ReadWrite {
                self.weights.forget(buffer);
            } else {
                self.reads.push(buffer);
            }
        }
    }

    /// The image, where its rows begin, and a form of the weights that the dispatch reads as its
    /// second buffer.
    pub fn with_weights(
        &mut self,
        form: Form,
        make: impl FnOnce(&mut Vec<f32>),
    ) -> (&[f32], &[usize], &[f32]) {
        let Self { image, starts, weights, reads, .. } = self;
        (image, starts, weights.of(reads[1], form, make))
    }
}
