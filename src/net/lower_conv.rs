//! From a convolution of stride 1 to dispatches.

use super::choose::{self, Conv};
use super::fused::{Before, Joined};
use super::graph::{TensorId, WeightId};
use super::lower::{Lowering, View, product};
use crate::kernels::{BufferId, Dispatch, conv3x3, matmul, winograd, winograd_input, winograd_output};

/// A convolution and what is joined to it, in buffers.
#[derive(Clone, Copy)]
struct Convolution {
    batch: u32,
    x: View,
    weight: BufferId,
    bias: BufferId,
    vector: View,
    vector_offset: u32,
    residual: View,
    scale: f32,
    y: View,
}

impl Lowering<'_> {
    pub(super) fn conv(&mut self, x: TensorId, [weight, bias]: [WeightId; 2], joined: Joined, y: TensorId) {
        let conv = Convolution {
            batch: self.batch,
            x: self.view(x),
            weight: self.weight(weight),
            bias: self.weight(bias),
            vector: self.view_or_absent(joined.vector.map(|slice| slice.tensor)),
            vector_offset: joined.vector.map_or(0, |slice| slice.offset as u32 / 4),
            residual: self.view_or_absent(joined.residual),
            scale: joined.scale,
            y: self.view(y),
        };
        match choose::conv(self.network.class, 1, [conv.x, conv.y].map(|view| view.channels as usize)) {
            Conv::Direct => self.push(direct(&conv)),
            Conv::Winograd => self.winograd(&conv, joined.before),
        }
    }

    /// In three: the input goes through SiLU(factor·x + term) first if there is an affine.
    fn winograd(&mut self, conv: &Convolution, before: Option<Before>) {
        let Convolution { batch, x, y, .. } = *conv;
        let words = [x.channels, y.channels].map(|channels| winograd::words(y.height, y.width, channels));
        let [v, m] = words.map(|words| self.between(words));
        let affine = self.view_or_absent(before.map(|before| before.affine));
        let input = winograd_input::Params {
            batch,
            height: y.height,
            width: y.width,
            channels: x.channels,
            pitch: x.pitch,
            offset: x.offset,
            affine_pitch: affine.pitch,
            upsampled: u32::from(y.height > x.height),
        };
        let multiply = matmul::Params {
            products: winograd::PLACES as u32,
            rows: winograd::tiles(batch, y.height, y.width),
            in_channels: x.channels,
            in_pitch: x.channels,
            out_channels: y.channels,
            out_pitch: y.channels,
            scale: 1.0,
            ..Default::default()
        };
        let output = winograd_output::Params {
            batch,
            height: y.height,
            width: y.width,
            channels: y.channels,
            pitch: y.pitch,
            offset: y.offset,
            temb_pitch: conv.vector.pitch,
            temb_offset: conv.vector_offset,
            residual_pitch: conv.residual.pitch,
            residual_offset: conv.residual.offset,
            scale: conv.scale,
        };
        let factors = [v, conv.weight, self.absent(), self.absent(), m];
        let ends = [m, conv.bias, conv.vector.buffer, conv.residual.buffer, y.buffer];
        // The arithmetic is the product's.
        let [taken, made] = words.map(|words| u64::from(batch) * words);
        let [read, written] = [x, y].map(|view| u64::from(batch) * view.words());
        let weights = 16 * winograd::PLACES as u64 * u64::from(x.channels * y.channels);
        let flops = self.flops();
        self.push_part(winograd_input::dispatch(&input, [x.buffer, affine.buffer, v]), 0, read + taken);
        self.push_part(product(&multiply, factors), flops, taken + weights + made);
        self.push_part(winograd_output::dispatch(&output, ends), 0, made + written);
    }
}

/// All in one kernel.
fn direct(conv: &Convolution) -> Dispatch {
    let Convolution { batch, x, vector, residual, y, .. } = *conv;
    let p = conv3x3::Params {
        batch,
        height: y.height,
        width: y.width,
        in_channels: x.channels,
        in_pitch: x.pitch,
        in_offset: x.offset,
        out_channels: y.channels,
        out_pitch: y.pitch,
        out_offset: y.offset,
        temb_pitch: vector.pitch,
        temb_offset: conv.vector_offset,
        residual_pitch: residual.pitch,
        residual_offset: residual.offset,
        scale: conv.scale,
    };
    conv3x3::dispatch(&p, [x.buffer, conv.weight, conv.bias, vector.buffer, residual.buffer, y.buffer])
}
