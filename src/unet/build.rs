//! From a `UNet2DModel` config to a graph: diffusers' `UNet2DModel.forward`, block by block.

use super::config::{
    self, ClassEmbedding, DownBlock, Heads, Resampling, TimeEmbedding, TimeScaleShift, UNetConfig, UpBlock,
};
use super::graph::{
    Affine, Before, Condition, Graph, Joined, Op, ScaleShift, Slice, Tensor, TensorId, WeightId, WeightSpec,
};
use super::layout::Layout;
use crate::kernels::activation::Activation;

/// The graph of `config` for samples of `height` × `width`, which its strides divide.
pub fn build(config: &UNetConfig, height: usize, width: usize) -> Graph {
    let mut b = Builder {
        config,
        tensors: Vec::new(),
        weights: Vec::new(),
        ops: Vec::new(),
        temb: TensorId(0),
        projections: Vec::new(),
    };
    let sample = b.tensor(height, width, Layout::of(config.in_channels));
    let time = b.vector(config.timestep_input_dim());
    b.temb = b.vector(1);
    let output_scale = matches!(config.time_embedding, TimeEmbedding::Fourier)
        .then(|| b.vector(2 * Layout::of(config.out_channels).physical()));
    let output = b.trunk(sample, output_scale);
    let body = std::mem::take(&mut b.ops);
    let condition = b.embedding(time);
    b.ops.extend(body);
    let Builder { tensors, weights, ops, .. } = b;
    Graph { tensors, weights, ops, sample, time, condition, output_scale, output }
}

fn kind(act_fn: config::Activation) -> Activation {
    match act_fn {
        config::Activation::Silu => Activation::Silu,
        config::Activation::Gelu => Activation::Gelu,
        config::Activation::Relu => Activation::Relu,
        config::Activation::Mish => Activation::Mish,
    }
}

struct Builder<'a> {
    config: &'a UNetConfig,
    tensors: Vec<Tensor>,
    weights: Vec<WeightSpec>,
    ops: Vec<Op>,
    /// The projections of the embedding for every residual block, side by side.
    temb: TensorId,
    projections: Vec<(String, Layout)>,
}

impl Builder<'_> {
    fn tensor(&mut self, height: usize, width: usize, layout: Layout) -> TensorId {
        self.tensors.push(Tensor { height, width, layout, home: None });
        TensorId(self.tensors.len() - 1)
    }

    fn vector(&mut self, channels: usize) -> TensorId {
        self.tensor(1, 1, Layout::of(channels))
    }

    /// A tensor of `like`'s size with other channels.
    fn sized(&mut self, like: TensorId, layout: Layout) -> TensorId {
        let Tensor { height, width, .. } = self.tensors[like.0];
        self.tensor(height, width, layout)
    }

    fn layout(&self, x: TensorId) -> Layout {
        self.tensors[x.0].layout.clone()
    }

    fn weight(&mut self, spec: WeightSpec) -> WeightId {
        self.weights.push(spec);
        WeightId(self.weights.len() - 1)
    }

    /// The convolution's weight and bias.
    fn conv_weights(
        &mut self,
        name: &str,
        input: Layout,
        output: &Layout,
        stride: usize,
    ) -> (WeightId, WeightId) {
        let spec = WeightSpec::Conv { name: format!("{name}.weight"), input, output: output.clone(), stride };
        let weight = self.weight(spec);
        let bias = self.weight(WeightSpec::Bias { parts: vec![(format!("{name}.bias"), output.clone())] });
        (weight, bias)
    }

    fn conv(&mut self, name: &str, x: TensorId, channels: usize) -> TensorId {
        self.conv_with(name, x, channels, Joined::NOTHING)
    }

    fn conv_with(&mut self, name: &str, x: TensorId, channels: usize, joined: Joined) -> TensorId {
        let output = Layout::of(channels);
        let (weight, bias) = self.conv_weights(name, self.layout(x), &output, 1);
        let times = if joined.upsampled { 2 } else { 1 };
        let Tensor { height, width, .. } = self.tensors[x.0];
        let y = self.tensor(times * height, times * width, output);
        self.ops.push(Op::Conv { x, weight, bias, joined, y });
        y
    }

    /// Layers `names` of one input with their outputs side by side.
    fn linear(&mut self, names: &[(String, Layout)], x: TensorId, pointwise_conv: bool) -> TensorId {
        let output = names.iter().fold(Layout::new(&[]), |all, (_, layout)| all.then(layout));
        let y = self.sized(x, output);
        self.linear_into(names, x, pointwise_conv, None, 1.0, y);
        y
    }

    fn linear_into(
        &mut self,
        names: &[(String, Layout)],
        x: TensorId,
        pointwise_conv: bool,
        residual: Option<TensorId>,
        scale: f32,
        y: TensorId,
    ) {
        let named = |kind: &str| names.iter().map(|(n, l)| (format!("{n}.{kind}"), l.clone())).collect();
        let weight =
            self.weight(WeightSpec::Linear { parts: named("weight"), input: self.layout(x), pointwise_conv });
        let bias = self.weight(WeightSpec::Bias { parts: named("bias") });
        self.ops.push(Op::Linear { x, weight, bias, residual, scale, y });
    }

    /// Group norm's multiply-add for each channel of `x`.
    fn group_norm(
        &mut self,
        name: &str,
        x: TensorId,
        groups: usize,
        scale_shift: Option<ScaleShift>,
    ) -> TensorId {
        let layout = self.layout(x);
        let len = layout.channels();
        let gamma = self.weight(WeightSpec::Vector { name: format!("{name}.weight"), len });
        let beta = self.weight(WeightSpec::Vector { name: format!("{name}.bias"), len });
        let affine = self.vector(2 * layout.physical());
        let eps = self.config.norm_eps;
        self.ops.push(Op::GroupNorm { x, gamma, beta, groups, eps, scale_shift, affine });
        affine
    }

    fn activation(&mut self, x: TensorId, affine: Affine, kind: Activation) -> TensorId {
        let y = self.sized(x, self.layout(x));
        self.ops.push(Op::Activation { x, affine, kind, y });
        y
    }

    /// A block's norm and activation.
    fn norm_act(&mut self, name: &str, x: TensorId, scale_shift: Option<ScaleShift>) -> Before {
        let affine = self.group_norm(name, x, self.config.norm_num_groups, scale_shift);
        Before { affine, kind: kind(self.config.act_fn) }
    }

    /// Side by side; both halves are written straight into the result, unless one
    /// of them already lives elsewhere.
    fn concat(&mut self, first: TensorId, second: TensorId) -> TensorId {
        let y = self.sized(first, self.layout(first).then(&self.layout(second)));
        let mut offset = 0;
        for part in [first, second] {
            let part = if self.tensors[part.0].home.is_some() || first == second {
                self.activation(part, Affine::None, Activation::Identity)
            } else {
                part
            };
            self.tensors[part.0].home = Some((y, offset));
            offset += self.layout(part).vec4s();
        }
        y
    }

    /// The time and class embeddings and all projections of their sum.
    fn embedding(&mut self, time: TensorId) -> Option<Condition> {
        let dim = self.config.time_embed_dim;
        let (class, condition) = match self.config.class_embedding {
            None => (None, None),
            Some(ClassEmbedding::Table { num_class_embeds: rows }) => {
                let labels = self.vector(1);
                let y = self.vector(dim);
                let name = "class_embedding.weight".to_owned();
                let table = self.weight(WeightSpec::Table { name, rows, layout: Layout::of(dim) });
                self.ops.push(Op::ClassEmbedding { labels, table, y });
                (Some(y), Some(Condition::Labels(labels)))
            }
            Some(ClassEmbedding::Timestep) => {
                let vectors = self.vector(self.config.timestep_input_dim());
                (Some(self.mlp("class_embedding", vectors, None)), Some(Condition::Vectors(vectors)))
            }
            Some(ClassEmbedding::Identity) => {
                let vectors = self.vector(dim);
                (Some(vectors), Some(Condition::Vectors(vectors)))
            }
        };
        let embedding = self.mlp("time_embedding", time, class);
        let active = self.activation(embedding, Affine::None, kind(self.config.act_fn));
        let projections = std::mem::take(&mut self.projections);
        self.linear_into(&projections, active, false, None, 1.0, self.temb);
        condition
    }

    /// diffusers' `TimestepEmbedding`; its activation is always SiLU.
    fn mlp(&mut self, name: &str, x: TensorId, residual: Option<TensorId>) -> TensorId {
        let dim = self.config.time_embed_dim;
        let layout = Layout::of(dim);
        let hidden = self.linear(&[(format!("{name}.linear_1"), layout.clone())], x, false);
        let hidden = self.activation(hidden, Affine::None, Activation::Silu);
        let y = self.vector(dim);
        self.linear_into(&[(format!("{name}.linear_2"), layout)], hidden, false, residual, 1.0, y);
        y
    }

    fn trunk(&mut self, sample: TensorId, output_scale: Option<TensorId>) -> TensorId {
        let config = self.config;
        let mut x = sample;
        if config.center_input_sample {
            let layout = self.layout(x);
            let constant = self.weight(WeightSpec::Constant { factor: 2.0, term: -1.0, layout });
            x = self.activation(x, Affine::Constant(constant), Activation::Identity);
        }
        x = self.conv("conv_in", x, config.block_out_channels[0]);
        let mut skips = vec![x];
        for level in 0..config.levels() {
            x = self.down_block(level, x, &mut skips);
        }
        x = self.mid_block(x);
        for index in 0..config.levels() {
            x = self.up_block(index, x, &mut skips);
        }
        let affine = self.group_norm("conv_norm_out", x, config.norm_num_groups, None);
        let before = Some(Before { affine, kind: Activation::Silu });
        x = self.conv_with("conv_out", x, config.out_channels, Joined { before, ..Joined::NOTHING });
        match output_scale {
            Some(scale) => self.activation(x, Affine::Sample(scale), Activation::Identity),
            None => x,
        }
    }

    fn down_block(&mut self, level: usize, mut x: TensorId, skips: &mut Vec<TensorId>) -> TensorId {
        let config = self.config;
        let channels = config.block_out_channels[level];
        let name = format!("down_blocks.{level}");
        for layer in 0..config.layers_per_block {
            x = self.resnet(&format!("{name}.resnets.{layer}"), x, channels, Resample::No, 1.0);
            if config.down_blocks[level] == DownBlock::AttnDown {
                let attention = format!("{name}.attentions.{layer}");
                let heads = config.heads(channels);
                x = self.attention(&attention, x, heads, Some(config.norm_num_groups), 1.0);
            }
            skips.push(x);
        }
        let down = format!("{name}.downsamplers.0");
        match config.downsample(level) {
            Some(Resampling::Conv) => x = self.downsample(&format!("{down}.conv"), x),
            Some(Resampling::Resnet) => x = self.resnet(&down, x, channels, Resample::Down, 1.0),
            None => return x,
        }
        skips.push(x);
        x
    }

    fn downsample(&mut self, name: &str, x: TensorId) -> TensorId {
        let layout = self.layout(x);
        let (weight, bias) = self.conv_weights(name, layout.clone(), &layout, 2);
        let Tensor { height, width, .. } = self.tensors[x.0];
        let y = self.tensor(height / 2, width / 2, layout);
        self.ops.push(Op::Downsample { x, weight, bias, pad: self.config.downsample_padding, y });
        y
    }

    fn mid_block(&mut self, mut x: TensorId) -> TensorId {
        let Some(mid) = self.config.mid_block else { return x };
        let channels = self.layout(x).channels();
        let scale = 1.0 / mid.scale_factor;
        x = self.resnet("mid_block.resnets.0", x, channels, Resample::No, scale);
        if let Some(a) = mid.attention {
            x = self.attention("mid_block.attentions.0", x, a.heads, a.norm_groups, scale);
        }
        self.resnet("mid_block.resnets.1", x, channels, Resample::No, scale)
    }

    fn up_block(&mut self, index: usize, mut x: TensorId, skips: &mut Vec<TensorId>) -> TensorId {
        let config = self.config;
        let channels = config.block_out_channels[config.levels() - 1 - index];
        let name = format!("up_blocks.{index}");
        for layer in 0..=config.layers_per_block {
            let skip = skips.pop().expect("the down blocks left a skip for every layer");
            x = self.concat(x, skip);
            x = self.resnet(&format!("{name}.resnets.{layer}"), x, channels, Resample::No, 1.0);
            if config.up_blocks[index] == UpBlock::AttnUp {
                let attention = format!("{name}.attentions.{layer}");
                let heads = config.heads(channels);
                x = self.attention(&attention, x, heads, Some(config.norm_num_groups), 1.0);
            }
        }
        let up = format!("{name}.upsamplers.0");
        match config.upsample(index) {
            Some(Resampling::Conv) => {
                let joined = Joined { upsampled: true, ..Joined::NOTHING };
                self.conv_with(&format!("{up}.conv"), x, channels, joined)
            }
            Some(Resampling::Resnet) => self.resnet(&up, x, channels, Resample::Up, 1.0),
            None => x,
        }
    }

    fn resample(&mut self, x: TensorId, how: Resample) -> TensorId {
        let Tensor { height, width, ref layout, .. } = self.tensors[x.0];
        let layout = layout.clone();
        match how {
            Resample::No => x,
            Resample::Up => {
                let y = self.tensor(2 * height, 2 * width, layout);
                self.ops.push(Op::Upsample { x, y });
                y
            }
            Resample::Down => {
                let y = self.tensor(height / 2, width / 2, layout);
                self.ops.push(Op::AvgPool { x, y });
                y
            }
        }
    }

    /// diffusers' `ResnetBlock2D`; resampling comes after the first norm and activation.
    fn resnet(&mut self, name: &str, x: TensorId, channels: usize, how: Resample, scale: f32) -> TensorId {
        let (temb, scale_shift) = self.projection(&format!("{name}.time_emb_proj"), channels);
        let before = self.norm_act(&format!("{name}.norm1"), x, None);
        let (h, before) = match how {
            Resample::No | Resample::Up => (x, Some(before)),
            Resample::Down => {
                let h = self.activation(x, Affine::Sample(before.affine), before.kind);
                (self.resample(h, how), None)
            }
        };
        let x = self.resample(x, how);
        let upsampled = how == Resample::Up;
        let first = Joined { before, upsampled, temb, ..Joined::NOTHING };
        let h = self.conv_with(&format!("{name}.conv1"), h, channels, first);
        let before = Some(self.norm_act(&format!("{name}.norm2"), h, scale_shift));
        let shortcut = if self.layout(x).channels() == channels {
            x
        } else {
            self.linear(&[(format!("{name}.conv_shortcut"), Layout::of(channels))], x, true)
        };
        let second = Joined { before, residual: Some(shortcut), scale, ..Joined::NOTHING };
        self.conv_with(&format!("{name}.conv2"), h, channels, second)
    }

    /// A place for one more projection of the embedding.
    fn projection(&mut self, name: &str, channels: usize) -> (Option<Slice>, Option<ScaleShift>) {
        let tensor = self.temb;
        let offset: usize = self.projections.iter().map(|(_, layout)| layout.physical()).sum();
        let (layout, place) = match self.config.resnet_time_scale_shift {
            TimeScaleShift::Default => (Layout::of(channels), (Some(Slice { tensor, offset }), None)),
            TimeScaleShift::ScaleShift => {
                let shift = offset + Layout::of(channels).physical();
                let place = ScaleShift { tensor, scale: offset, shift };
                (Layout::repeat(channels, 2), (None, Some(place)))
            }
        };
        self.projections.push((name.to_owned(), layout));
        self.tensors[tensor.0].layout =
            self.projections.iter().fold(Layout::new(&[]), |all, (_, layout)| all.then(layout));
        place
    }

    /// diffusers' `Attention` as its attention blocks set it up: group norm, QKV, residual.
    fn attention(
        &mut self,
        name: &str,
        x: TensorId,
        heads: Heads,
        groups: Option<usize>,
        scale: f32,
    ) -> TensorId {
        let h = match groups {
            Some(groups) => {
                let affine = self.group_norm(&format!("{name}.group_norm"), x, groups, None);
                self.activation(x, Affine::Sample(affine), Activation::Identity)
            }
            None => x,
        };
        let Heads { count, dim } = heads;
        let inner = Layout::repeat(dim, count);
        let parts = ["to_q", "to_k", "to_v"].map(|part| (format!("{name}.{part}"), inner.clone()));
        let qkv = self.linear(&parts, h, false);
        let values = self.sized(x, inner);
        self.ops.push(Op::Attention { qkv, heads: count, dim, y: values });
        let y = self.sized(x, self.layout(x));
        self.linear_into(&[(format!("{name}.to_out.0"), self.layout(x))], values, false, Some(x), scale, y);
        y
    }
}

/// What a residual block does to the image size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Resample {
    No,
    Up,
    Down,
}
