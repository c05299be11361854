//! `golden.safetensors`: an input, and what PyTorch makes of it.

use safetensors::tensor::Dtype;
use wasm_bindgen::JsValue;

use super::error;
use crate::models::unet_2d::network::ClassLabels;
use crate::net::weights::Weights;

/// The tensors of the file; `shape` is [N, C, H, W].
pub struct Golden {
    pub shape: [usize; 4],
    pub sample: Vec<f32>,
    pub timesteps: Vec<f32>,
    pub labels: Option<ClassLabels>,
    pub output: Vec<f32>,
}

impl Golden {
    pub fn parse(bytes: Vec<u8>) -> Result<Self, JsValue> {
        let bad = |message: String| error::error("ModelInvalid", &message);
        let file = Weights::parse(bytes, "golden.safetensors").map_err(|e| bad(e.to_string()))?;
        let tensor = |name: &str| file.raw(name).map_err(|e| bad(e.to_string()));
        let floats = |name: &str| {
            let (_, bytes) = tensor(name)?;
            Ok::<_, JsValue>(bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect::<Vec<f32>>())
        };
        let integers = |name: &str| {
            let (_, bytes) = tensor(name)?;
            Ok::<_, JsValue>(bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect::<Vec<i64>>())
        };
        let shape = tensor("sample")?.0.shape.as_slice().try_into();
        let shape = shape.map_err(|_| bad("golden.safetensors: sample is not [N, C, H, W]".into()))?;
        // Classes are numbers; where attributes add up to a label, it is a vector.
        let labels = match file.raw("class_labels").map(|(info, _)| info.dtype) {
            Ok(Dtype::F32) => Some(ClassLabels::Embeddings(floats("class_labels")?)),
            Ok(_) => {
                Some(ClassLabels::Numbers(integers("class_labels")?.iter().map(|n| *n as u32).collect()))
            }
            Err(_) => None,
        };
        Ok(Self {
            shape,
            sample: floats("sample")?,
            timesteps: integers("timestep")?.iter().map(|t| *t as f32).collect(),
            labels,
            output: floats("output")?,
        })
    }
}
