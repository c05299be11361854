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
pub mod winograd;

/// Memory that fast forms work in, kept from one to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    /// An image with its padding.
    pub image: Vec<f32>,
    /// Where the values of each row of a product begin.
    pub starts: Vec<usize>,
    /// The other factor of a product, in panels.
    pub panels: Vec<f32>,
}
