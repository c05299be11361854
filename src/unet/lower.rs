//! From an operation of the graph to dispatches.

use super::choose::{self, Conv, Norm};
use super::graph::{Affine, Graph, Op, TensorId};
use super::memory::root;
use super::plan::Plan;
use crate::kernels::{
    BufferId, Dispatch, activation, attention_scores, attention_values, avg_pool, channel_moments,
    class_embedding, conv3x3, conv3x3_stride2, conv3x3_wide, group_norm, group_norm_merge, linear, softmax,
    upsample,
};

impl Plan {
    /// The dispatches of an operation, one after the other.
    pub(super) fn lower(&self, graph: &Graph, op: &Op) -> Vec<Dispatch> {
        let batch = self.batch as u32;
        let view = |id: TensorId| View::of(graph, self.buffer(id), id);
        let maybe = |id: Option<TensorId>| id.map_or(View { buffer: self.absent(), ..View::default() }, view);
        let dispatch = match *op {
            Op::Conv { x, weight, bias, temb, residual, scale, y } => {
                let (x, y, r, t) = (view(x), view(y), maybe(residual), maybe(temb.map(|s| s.tensor)));
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
                    temb_pitch: t.pitch,
                    temb_offset: temb.map_or(0, |s| s.offset as u32 / 4),
                    residual_pitch: r.pitch,
                    residual_offset: r.offset,
                    scale,
                };
                let (weight, bias) = (self.weight(weight), self.weight(bias));
                let buffers = [x.buffer, weight, bias, t.buffer, r.buffer, y.buffer];
                match choose::conv(self.class, y.width, y.channels) {
                    Conv::Square => conv3x3::dispatch(&p, buffers),
                    Conv::Wide => conv3x3_wide::dispatch(&p, buffers),
                }
            }
            Op::Downsample { x, weight, bias, pad, y } => {
                let (x, y) = (view(x), view(y));
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
                conv3x3_stride2::dispatch(&p, [x.buffer, self.weight(weight), self.weight(bias), y.buffer])
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
                linear::dispatch(&p, [x.buffer, weight, bias, r.buffer, y.buffer])
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
                match choose::norm(self.class) {
                    Norm::Group => group_norm::dispatch(&p, [x.buffer, gamma, beta, t.buffer, affine]),
                    Norm::Moments { stretch } => {
                        let moments = self.between();
                        let each = moments_of(batch, x, stretch);
                        let merged = group_norm_merge::Params::of(&p, stretch);
                        return vec![
                            channel_moments::dispatch(&each, [x.buffer, moments]),
                            group_norm_merge::dispatch(&merged, [moments, gamma, beta, t.buffer, affine]),
                        ];
                    }
                }
            }
            Op::Activation { x, affine, kind, y } => {
                let (x, y) = (view(x), view(y));
                let (from, pitch) = match affine {
                    Affine::None => (self.absent(), 0),
                    Affine::Sample(id) => (self.buffer(id), view(id).pitch),
                    Affine::Constant(id) => (self.weight(id), 0),
                };
                let p = activation::Params {
                    batch,
                    pixels: y.height * y.width,
                    channels: y.channels,
                    in_pitch: x.pitch,
                    in_offset: x.offset,
                    out_pitch: y.pitch,
                    out_offset: y.offset,
                    kind: kind as u32,
                    has_affine: u32::from(!matches!(affine, Affine::None)),
                    affine_pitch: pitch,
                };
                activation::dispatch(&p, [x.buffer, from, y.buffer])
            }
            Op::AttentionScores { qkv, heads, dim, scores } => {
                let x = view(qkv);
                let p = attention_scores::Params {
                    batch,
                    tokens: x.height * x.width,
                    heads: heads as u32,
                    head_dim: dim.div_ceil(4) as u32,
                    scale: 1.0 / (dim as f32).sqrt(),
                };
                attention_scores::dispatch(&p, [x.buffer, self.buffer(scores)])
            }
            Op::Softmax { scores } => {
                let t = graph.tensor(scores);
                let columns = t.layout.channels() as u32;
                let p = softmax::Params { rows: batch * t.height as u32, columns };
                softmax::dispatch(&p, [self.buffer(scores)])
            }
            Op::AttentionValues { qkv, scores, heads, dim, y } => {
                let x = view(qkv);
                let p = attention_values::Params {
                    batch,
                    tokens: x.height * x.width,
                    heads: heads as u32,
                    head_dim: dim.div_ceil(4) as u32,
                };
                attention_values::dispatch(&p, [x.buffer, self.buffer(scores), self.buffer(y)])
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
        vec![dispatch]
    }
}

/// The moments that a group norm of `x` needs.
pub fn moments_of(batch: u32, x: View, stretch: u32) -> channel_moments::Params {
    let View { height, width, channels, pitch, offset, .. } = x;
    channel_moments::Params { batch, pixels: height * width, stretch, channels, pitch, offset }
}

/// A tensor in a buffer; channels, pitch and offset in vec4s.
#[derive(Clone, Copy)]
pub struct View {
    buffer: BufferId,
    height: u32,
    width: u32,
    channels: u32,
    pitch: u32,
    offset: u32,
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
}
