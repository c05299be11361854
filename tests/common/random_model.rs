//! A network of any config with reproducible random weights.

use reverie::kernels::case::random;
use reverie::unet::build::build;
use reverie::unet::config::UNetConfig;
use reverie::unet::graph::WeightSpec;
use reverie::unet::weights::Weights;
use safetensors::tensor::{Dtype, TensorView, serialize};

/// Net A of the measurements in the README: 1.11 M parameters, 0.49 GFLOP a pass.
pub const NET_A: &str = r#"{
    "_class_name": "UNet2DModel", "sample_size": 32, "in_channels": 1, "out_channels": 1,
    "block_out_channels": [32, 64, 64], "layers_per_block": 1, "norm_num_groups": 32,
    "down_block_types": ["DownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
    "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "UpBlock2D"]
}"#;

/// The config, and weights of ±0.1.
pub fn random_model(config: &str) -> (UNetConfig, Weights) {
    let config = UNetConfig::parse(config).unwrap();
    let specs = build(&config, config.stride(), config.stride()).weights;
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = specs
        .iter()
        .flat_map(shapes)
        .zip(1..)
        .map(|((name, shape), seed)| {
            let words = random(seed, shape.iter().product::<usize>() as u32);
            let values = words.iter().map(|w| 0.1 * f32::from_bits(*w));
            (name, shape, values.flat_map(f32::to_le_bytes).collect())
        })
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    let file = serialize(views, None).unwrap();
    (config, Weights::parse(file, "random.safetensors").unwrap())
}

/// The tensors of the file that a packed weight is made of.
fn shapes(spec: &WeightSpec) -> Vec<(String, Vec<usize>)> {
    match spec {
        WeightSpec::Conv { name, input, output } => {
            vec![(name.clone(), vec![output.channels(), input.channels(), 3, 3])]
        }
        WeightSpec::Linear { parts, input, pointwise_conv } => parts
            .iter()
            .map(|(name, layout)| {
                let mut shape = vec![layout.channels(), input.channels()];
                shape.extend(if *pointwise_conv { &[1, 1][..] } else { &[] });
                (name.clone(), shape)
            })
            .collect(),
        WeightSpec::Bias { parts } => {
            parts.iter().map(|(name, layout)| (name.clone(), vec![layout.channels()])).collect()
        }
        WeightSpec::Vector { name, len } => vec![(name.clone(), vec![*len])],
        WeightSpec::Table { name, rows, layout } => vec![(name.clone(), vec![*rows, layout.channels()])],
        WeightSpec::Constant { .. } => vec![],
    }
}
