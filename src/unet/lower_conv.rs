//! From a 3×3 convolution of the graph to dispatches.

use super::choose::{self, Conv};
use super::graph::{Before, Graph, Op, TensorId};
use super::lower::{View, product};
use super::plan::{Plan, Share};
use crate::kernels::activation::Activation;
use crate::kernels::{
    BufferId, Dispatch, conv3x3, matmul, upsample, winograd, winograd_input, winograd_output,
};

/// A convolution and what is joined to it, in buffers.
#[derive(Clone, Copy)]
struct Convolution {
    batch: u32,
    x: View,
    weight: BufferId,
    bias: BufferId,
    temb: View,
    temb_offset: u32,
    residual: View,
    scale: f32,
    y: View,
}

impl Convolution {
    /// Taken and made, in vec4s.
    fn channels(&self) -> [usize; 2] {
        [self.x, self.y].map(|view| view.channels as usize)
    }
}

impl Plan {
    pub(super) fn conv(&self, graph: &Graph, op: &Op, whole: Share) -> Vec<(Dispatch, Share)> {
        let Op::Conv { x, weight, bias, joined, y } = *op else { unreachable!("a convolution") };
        let view = |id: TensorId| View::of(graph, self.buffer(id), id);
        let maybe = |id: Option<TensorId>| id.map_or(View { buffer: self.absent(), ..View::default() }, view);
        let batch = self.batch as u64;
        let mut conv = Convolution {
            batch: self.batch as u32,
            x: view(x),
            weight: self.weight(weight),
            bias: self.weight(bias),
            temb: maybe(joined.temb.map(|slice| slice.tensor)),
            temb_offset: joined.temb.map_or(0, |slice| slice.offset as u32 / 4),
            residual: maybe(joined.residual),
            scale: joined.scale,
            y: view(y),
        };
        let affine = |before: Before| (self.buffer(before.affine), view(before.affine).pitch);
        let mut made = Vec::new();
        let mut step = |dispatch, words| made.push((dispatch, Share { flops: 0, words, ..whole }));
        let [first, second] = self.between(whole.op);
        let by_winograd = choose::conv(self.class, 1, conv.channels()) == Conv::Winograd;
        // What the convolution itself does not do comes ahead of it.
        let mut fused = None;
        if let Some(before) = joined.before {
            if by_winograd && before.kind == Activation::Silu {
                fused = Some(affine(before));
            } else {
                let y = View { buffer: if by_winograd { second } else { first }, ..conv.x.alone() };
                step(self.activation(conv.x, Some(affine(before)), before.kind, y), 2 * batch * y.words());
                conv.x = y;
            }
        }
        if joined.upsampled && !by_winograd {
            let View { height, width, channels, .. } = conv.x;
            let y = View { buffer: second, height: 2 * height, width: 2 * width, ..conv.x.alone() };
            let p = upsample::Params {
                batch: conv.batch,
                height: y.height,
                width: y.width,
                channels,
                in_pitch: conv.x.pitch,
                in_offset: conv.x.offset,
            };
            step(upsample::dispatch(&p, [conv.x.buffer, y.buffer]), batch * (conv.x.words() + y.words()));
            conv.x = y;
        }
        if by_winograd {
            made.extend(self.winograd(&conv, fused, whole));
        } else {
            made.push((direct(&conv), whole));
        }
        made
    }

    /// The input goes through SiLU(factor·x + term) first if there is an affine: its buffer, and how
    /// far its samples are apart.
    fn winograd(
        &self,
        conv: &Convolution,
        affine: Option<(BufferId, u32)>,
        whole: Share,
    ) -> Vec<(Dispatch, Share)> {
        let Convolution { batch, x, y, .. } = *conv;
        let [v, m] = self.between(whole.op);
        let (affine, affine_pitch) = affine.unwrap_or((self.absent(), 0));
        let input = winograd_input::Params {
            batch,
            height: y.height,
            width: y.width,
            channels: x.channels,
            pitch: x.pitch,
            offset: x.offset,
            affine_pitch,
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
            temb_pitch: conv.temb.pitch,
            temb_offset: conv.temb_offset,
            residual_pitch: conv.residual.pitch,
            residual_offset: conv.residual.offset,
            scale: conv.scale,
        };
        let factors = [v, conv.weight, self.absent(), self.absent(), m];
        // The arithmetic is the product's.
        let [taken, made] = [x.channels, y.channels]
            .map(|channels| u64::from(batch) * winograd::words(y.height, y.width, channels));
        let weights = 16 * winograd::PLACES as u64 * u64::from(x.channels * y.channels);
        let share = |flops, words| Share { flops, words, ..whole };
        let (read, written) = (u64::from(batch) * x.words(), u64::from(batch) * y.words());
        vec![
            (winograd_input::dispatch(&input, [x.buffer, affine, v]), share(0, read + taken)),
            (product(&multiply, factors), share(whole.flops, taken + weights + made)),
            (
                winograd_output::dispatch(
                    &output,
                    [m, conv.bias, conv.temb.buffer, conv.residual.buffer, y.buffer],
                ),
                share(0, made + written),
            ),
        ]
    }
}

fn direct(conv: &Convolution) -> Dispatch {
    let Convolution { batch, x, temb, residual, y, .. } = *conv;
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
        temb_pitch: temb.pitch,
        temb_offset: conv.temb_offset,
        residual_pitch: residual.pitch,
        residual_offset: residual.offset,
        scale: conv.scale,
    };
    conv3x3::dispatch(&p, [x.buffer, conv.weight, conv.bias, temb.buffer, residual.buffer, y.buffer])
}
