//! From an operation of the graph to dispatches.

use super::choose::{self, Downsample, Linear, Norm, Product};
use super::graph::{Affine, Graph, Op, TensorId};
use super::memory::root;
use super::plan::{Plan, Share};
use crate::kernels::activation::Activation;
use crate::kernels::{
    BufferId, Dispatch, activation, avg_pool, class_embedding, conv3x3_stride2, group_norm, group_norm_lone,
    im2col, linear, matmul, matmul_few, upsample,
};

impl Plan {
    /// The dispatches of an operation, one after the other, each with its share of the whole.
    pub(super) fn lower(&self, graph: &Graph, op: &Op, whole: Share) -> Vec<(Dispatch, Share)> {
        let batch = self.batch as u32;
        let view = |id: TensorId| View::of(graph, self.buffer(id), id);
        let maybe = |id: Option<TensorId>| id.map_or(View { buffer: self.absent(), ..View::default() }, view);
        let dispatch = match *op {
            Op::Conv { .. } => return self.conv(graph, op, whole),
            Op::Downsample { x, weight, bias, pad, y } => {
                let (x, y, weight, bias) = (view(x), view(y), self.weight(weight), self.weight(bias));
                let p = conv3x3_stride2::Params {
                    batch,
                    in_height: x.height,
                    in_width: x.width,
                    out_height: y.height,
                    out_width: y.width,
                    pad: pad as u32,
                    in_channels: x.channels,
                    in_pitch: x.pitch,
                    in_offset: x.offset,
                    out_channels: y.channels,
                    out_pitch: y.pitch,
                    out_offset: y.offset,
                };
                match choose::downsample(self.class) {
                    Downsample::Direct => conv3x3_stride2::dispatch(&p, [x.buffer, weight, bias, y.buffer]),
                    Downsample::Product => {
                        return self.downsample(&p, [x.buffer, weight, bias, y.buffer], whole);
                    }
                }
            }
            Op::Linear { x, weight, bias, residual, scale, y } => {
                let (x, y, r) = (view(x), view(y), maybe(residual));
                let p = linear::Params {
                    rows: batch * y.height * y.width,
                    in_channels: x.channels,
                    in_pitch: x.pitch,
                    in_offset: x.offset,
                    out_channels: y.channels,
                    out_pitch: y.pitch,
                    out_offset: y.offset,
                    residual_pitch: r.pitch,
                    residual_offset: r.offset,
                    scale,
                };
                let (weight, bias) = (self.weight(weight), self.weight(bias));
                let buffers = [x.buffer, weight, bias, r.buffer, y.buffer];
                match choose::linear(self.class, p.rows) {
                    Linear::Rows => linear::dispatch(&p, buffers),
                    Linear::Product => product(&p.into(), buffers),
                }
            }
            Op::GroupNorm { x, gamma, beta, groups, eps, scale_shift, affine } => {
                let layout = &graph.tensor(x).layout;
                let (split, gap) = layout.seam();
                let (x, t) = (view(x), maybe(scale_shift.map(|s| s.tensor)));
                let p = group_norm::Params {
                    batch,
                    pixels: x.height * x.width,
                    channels: layout.channels() as u32,
                    groups: groups as u32,
                    pitch: 4 * x.pitch,
                    offset: 4 * x.offset,
                    split: split as u32,
                    gap: gap as u32,
                    physical: layout.physical() as u32,
                    temb_pitch: 4 * t.pitch,
                    scale_offset: scale_shift.map_or(0, |s| s.scale as u32),
                    shift_offset: scale_shift.map_or(0, |s| s.shift as u32),
                    eps,
                };
                let (gamma, beta, affine) = (self.weight(gamma), self.weight(beta), self.buffer(affine));
                match choose::norm(self.class, p.pixels * (p.channels / p.groups)) {
                    Norm::Group => group_norm::dispatch(&p, [x.buffer, gamma, beta, t.buffer, affine]),
                    Norm::Lone => group_norm_lone::dispatch(&p, [x.buffer, gamma, beta, t.buffer, affine]),
                }
            }
            Op::Activation { x, affine, kind, y } => {
                let affine = match affine {
                    Affine::None => None,
                    Affine::Sample(id) => Some((self.buffer(id), view(id).pitch)),
                    Affine::Constant(id) => Some((self.weight(id), 0)),
                };
                self.activation(view(x), affine, kind, view(y))
            }
            Op::Attention { qkv, heads, dim, y } => {
                return self.attention(graph, [qkv, y], heads, dim, whole);
            }
            Op::Upsample { x, y } => {
                let (x, y) = (view(x), view(y));
                let (in_pitch, in_offset) = (x.pitch, x.offset);
                let (height, width, channels) = (y.height, y.width, y.channels);
                let p = upsample::Params { batch, height, width, channels, in_pitch, in_offset };
                upsample::dispatch(&p, [x.buffer, y.buffer])
            }
            Op::AvgPool { x, y } => {
                let (x, y) = (view(x), view(y));
                let p = avg_pool::Params {
                    batch,
                    height: y.height,
                    width: y.width,
                    in_height: x.height,
                    in_width: x.width,
                    channels: y.channels,
                    in_pitch: x.pitch,
                    in_offset: x.offset,
                };
                avg_pool::dispatch(&p, [x.buffer, y.buffer])
            }
            Op::ClassEmbedding { labels, table, y } => {
                let p = class_embedding::Params { rows: batch, channels: view(y).channels };
                class_embedding::dispatch(&p, [self.buffer(labels), self.weight(table), self.buffer(y)])
            }
        };
        vec![(dispatch, whole)]
    }

    /// Buffers as `conv3x3_stride2` has them.
    fn downsample(
        &self,
        p: &conv3x3_stride2::Params,
        [x, weight, bias, y]: [BufferId; 4],
        whole: Share,
    ) -> Vec<(Dispatch, Share)> {
        let [neighbours, _] = self.between(whole.op);
        let input = im2col::Params {
            batch: p.batch,
            in_height: p.in_height,
            in_width: p.in_width,
            out_height: p.out_height,
            out_width: p.out_width,
            pad: p.pad,
            channels: p.in_channels,
            pitch: p.in_pitch,
            offset: p.in_offset,
        };
        let multiply = matmul::Params {
            products: 1,
            rows: p.batch * p.out_height * p.out_width,
            in_channels: 9 * p.in_channels,
            in_pitch: 9 * p.in_channels,
            out_channels: p.out_channels,
            out_pitch: p.out_pitch,
            out_offset: p.out_offset,
            has_bias: 1,
            scale: 1.0,
            ..Default::default()
        };
        let words = u64::from(p.batch) * im2col::words(p.out_height, p.out_width, p.in_channels);
        vec![
            (im2col::dispatch(&input, [x, neighbours]), Share { flops: 0, words: 2 * words, ..whole }),
            (product(&multiply, [neighbours, weight, bias, self.absent(), y]), whole),
        ]
    }

    /// `affine`: its buffer, and how far its samples are apart.
    pub(super) fn activation(
        &self,
        x: View,
        affine: Option<(BufferId, u32)>,
        kind: Activation,
        y: View,
    ) -> Dispatch {
        let (from, affine_pitch) = affine.unwrap_or((self.absent(), 0));
        let p = activation::Params {
            batch: self.batch as u32,
            pixels: y.height * y.width,
            channels: y.channels,
            in_pitch: x.pitch,
            in_offset: x.offset,
            out_pitch: y.pitch,
            out_offset: y.offset,
            kind: kind as u32,
            has_affine: u32::from(affine.is_some()),
            affine_pitch,
        };
        activation::dispatch(&p, [x.buffer, from, y.buffer])
    }
}

/// Products of matrices for a processor behind a driver; buffers as `matmul` has them.
pub fn product(p: &matmul::Params, buffers: [BufferId; 5]) -> Dispatch {
    match choose::product(p.rows) {
        Product::Many => matmul::dispatch(p, buffers),
        Product::Few => matmul_few::dispatch(p, buffers),
    }
}

/// A tensor in a buffer; channels, pitch and offset in vec4s.
#[derive(Clone, Copy)]
pub struct View {
    pub buffer: BufferId,
    pub height: u32,
    pub width: u32,
    pub channels: u32,
    pub pitch: u32,
    pub offset: u32,
}

impl Default for View {
    fn default() -> Self {
        Self { buffer: BufferId(0), height: 0, width: 0, channels: 0, pitch: 0, offset: 0 }
    }
}

impl View {
    pub fn of(graph: &Graph, buffer: BufferId, id: TensorId) -> Self {
        let tensor = graph.tensor(id);
        Self {
            buffer,
            height: tensor.height as u32,
            width: tensor.width as u32,
            channels: tensor.layout.vec4s() as u32,
            pitch: graph.tensor(root(graph, id)).layout.vec4s() as u32,
            offset: tensor.home.map_or(0, |(_, offset)| offset as u32),
        }
    }

    /// A tensor like it that has a buffer for itself.
    pub fn alone(self) -> Self {
        Self { pitch: self.channels, offset: 0, ..self }
    }

    /// Words of one sample.
    pub fn words(&self) -> u64 {
        4 * u64::from(self.height * self.width) * u64::from(self.channels)
    }
}
