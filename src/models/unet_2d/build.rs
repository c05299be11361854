//! From a `UNet2DModel` config to a graph: diffusers' `UNet2DModel.forward`, block by block.

use super::config::{self, ClassEmbedding, DownBlock, Resampling, TimeEmbedding, UNetConfig, UpBlock};
use crate::kernels::activation::Activation;
use crate::models::blocks::{Norm, Projections, Resample, Resnet, SelfAttention, timestep_embedding};
use crate::net::builder::Builder;
use crate::net::graph::{Affine, Graph, Role, TensorId, WeightSpec};
use crate::net::layout::Layout;
use crate::net::scope::Scope;

/// The graph of `config` for samples of `height` × `width`, which its strides divide.
pub fn build(config: &UNetConfig, height: usize, width: usize) -> Graph {
    let mut b = Builder::default();
    let sample = b.tensor(height, width, Layout::of(config.in_channels));
    b.input(Role::Sample, sample);
    let time = b.vector(config.timestep_input_dim());
    b.input(Role::Time, time);
    let projections = Projections::new(&mut b);
    let mut unet = UNet { config, b, projections };
    let output = unet.trunk(sample);
    // What is projected of the embedding is known when all blocks have asked, and comes first.
    let UNet { mut b, projections, .. } = unet;
    let trunk = std::mem::take(&mut b.graph.ops);
    let embedding = embedding(&mut b, config, time);
    projections.write(&mut b, embedding);
    b.graph.ops.extend(trunk);
    b.output(Role::Prediction, output);
    b.graph
}

struct UNet<'a> {
    config: &'a UNetConfig,
    b: Builder,
    projections: Projections,
}

impl UNet<'_> {
    fn trunk(&mut self, sample: TensorId) -> TensorId {
        let config = self.config;
        let root = Scope::default();
        let scale = matches!(config.time_embedding, TimeEmbedding::Fourier).then(|| {
            let scale = self.b.vector(2 * Layout::of(config.out_channels).physical());
            self.b.input(Role::OutputScale, scale)
        });
        let mut x = sample;
        if config.center_input_sample {
            let layout = self.b.layout(x);
            let constant = self.b.weight(WeightSpec::Constant { factor: 2.0, term: -1.0, layout });
            x = self.b.affine(x, Affine::Constant(constant));
        }
        x = self.b.conv(&root.at("conv_in"), x, config.block_out_channels[0]);
        let mut skips = vec![x];
        for level in 0..config.levels() {
            x = self.down_block(level, x, &mut skips);
        }
        x = self.mid_block(x);
        for index in 0..config.levels() {
            x = self.up_block(index, x, &mut skips);
        }
        let Norm { groups, eps } = self.norm();
        x = self.b.group_norm(&root.at("conv_norm_out"), x, groups, eps);
        x = self.b.activation(x, Activation::Silu);
        x = self.b.conv(&root.at("conv_out"), x, config.out_channels);
        match scale {
            Some(scale) => self.b.affine(x, Affine::Sample(scale)),
            None => x,
        }
    }

    fn down_block(&mut self, level: usize, mut x: TensorId, skips: &mut Vec<TensorId>) -> TensorId {
        let config = self.config;
        let channels = config.block_out_channels[level];
        let at = Scope::default().at("down_blocks").at(level);
        for layer in 0..config.layers_per_block {
            x = self.resnet(&at.at("resnets").at(layer), x, channels, Resample::No, 1.0);
            if config.down_blocks[level] == DownBlock::AttnDown {
                x = self.attention(&at.at("attentions").at(layer), x, channels);
            }
            skips.push(x);
        }
        let down = at.at("downsamplers").at(0);
        match config.downsample(level) {
            Some(Resampling::Conv) => x = self.b.downsample(&down.at("conv"), x, config.downsample_padding),
            Some(Resampling::Resnet) => x = self.resnet(&down, x, channels, Resample::Down, 1.0),
            None => return x,
        }
        skips.push(x);
        x
    }

    fn mid_block(&mut self, mut x: TensorId) -> TensorId {
        let Some(mid) = self.config.mid_block else { return x };
        let channels = self.b.layout(x).channels();
        let scale = 1.0 / mid.scale_factor;
        let at = Scope::default().at("mid_block");
        x = self.resnet(&at.at("resnets").at(0), x, channels, Resample::No, scale);
        if let Some(attention) = mid.attention {
            let norm = attention.norm_groups.map(|groups| Norm { groups, ..self.norm() });
            let block = SelfAttention { heads: attention.heads, norm, scale };
            x = block.write(&mut self.b, &at.at("attentions").at(0), x);
        }
        self.resnet(&at.at("resnets").at(1), x, channels, Resample::No, scale)
    }

    fn up_block(&mut self, index: usize, mut x: TensorId, skips: &mut Vec<TensorId>) -> TensorId {
        let config = self.config;
        let channels = config.block_out_channels[config.levels() - 1 - index];
        let at = Scope::default().at("up_blocks").at(index);
        for layer in 0..=config.layers_per_block {
            let skip = skips.pop().expect("the down blocks left a skip for every layer");
            x = self.b.concat(x, skip);
            x = self.resnet(&at.at("resnets").at(layer), x, channels, Resample::No, 1.0);
            if config.up_blocks[index] == UpBlock::AttnUp {
                x = self.attention(&at.at("attentions").at(layer), x, channels);
            }
        }
        let up = at.at("upsamplers").at(0);
        match config.upsample(index) {
            Some(Resampling::Conv) => {
                let x = self.b.upsample(x);
                self.b.conv(&up.at("conv"), x, channels)
            }
            Some(Resampling::Resnet) => self.resnet(&up, x, channels, Resample::Up, 1.0),
            None => x,
        }
    }

    fn norm(&self) -> Norm {
        Norm { groups: self.config.norm_num_groups, eps: self.config.norm_eps }
    }

    fn resnet(
        &mut self,
        at: &Scope,
        x: TensorId,
        channels: usize,
        resample: Resample,
        scale: f32,
    ) -> TensorId {
        let (norm, act_fn, time) =
            (self.norm(), kind(self.config.act_fn), self.config.resnet_time_scale_shift);
        let block = Resnet { norm, act_fn, time, channels, resample, scale };
        block.write(&mut self.b, at, x, &mut self.projections)
    }

    fn attention(&mut self, at: &Scope, x: TensorId, channels: usize) -> TensorId {
        let heads = self.config.heads(channels);
        SelfAttention { heads, norm: Some(self.norm()), scale: 1.0 }.write(&mut self.b, at, x)
    }
}

/// The time and class embeddings' sum, activated.
fn embedding(b: &mut Builder, config: &UNetConfig, time: TensorId) -> TensorId {
    let dim = config.time_embed_dim;
    let class = Scope::default().at("class_embedding");
    let label = match config.class_embedding {
        None => None,
        Some(ClassEmbedding::Table { num_class_embeds }) => {
            let labels = b.vector(1);
            b.input(Role::Labels, labels);
            Some(b.class_embedding(&class, labels, num_class_embeds, dim))
        }
        Some(ClassEmbedding::Timestep) => {
            let vectors = b.vector(config.timestep_input_dim());
            b.input(Role::Vectors, vectors);
            Some(timestep_embedding(b, &class, vectors, dim))
        }
        Some(ClassEmbedding::Identity) => {
            let vectors = b.vector(dim);
            Some(b.input(Role::Vectors, vectors))
        }
    };
    let mut embedding = timestep_embedding(b, &Scope::default().at("time_embedding"), time, dim);
    if let Some(label) = label {
        embedding = b.add(embedding, label);
    }
    b.activation(embedding, kind(config.act_fn))
}

fn kind(act_fn: config::Activation) -> Activation {
    match act_fn {
        config::Activation::Silu => Activation::Silu,
        config::Activation::Gelu => Activation::Gelu,
        config::Activation::Relu => Activation::Relu,
        config::Activation::Mish => Activation::Mish,
    }
}
