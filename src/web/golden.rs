//! `golden.safetensors`: an input, and what PyTorch makes of it.

use safetensors::Dtype;
use wasm_bindgen::JsValue;

use super::error;
use crate::unet::network::ClassLabels;

/// The tensors of the file; `shape` is [N, C, H, W].
pub struct Golden {
    pub shape: [usize; 4],
    pub sample: Vec<f32>,
    pub timesteps: Vec<f32>,
    pub labels: Option<ClassLabels>,
    pub output: Vec<f32>,
}

impl Golden {
    pub fn parse(bytes: &[u8]) -> Result<Self, JsValue> {
        let bad =
            |e: &dyn std::fmt::Display| error::error("ModelInvalid", &format!("golden.safetensors: {e}"));
        let file = safetensors::SafeTensors::deserialize(bytes).map_err(|e| bad(&e))?;
        let tensor = |name: &str| file.tensor(name).map_err(|e| bad(&e));
        let floats = |name: &str| {
            let words = tensor(name)?;
            Ok::<_, JsValue>(
                words.data().chunks_exact(4).map(bytemuck::pod_read_unaligned).collect::<Vec<f32>>(),
            )
        };
        let integers = |name: &str| {
            let words = tensor(name)?;
            Ok::<_, JsValue>(
                words.data().chunks_exact(8).map(bytemuck::pod_read_unaligned).collect::<Vec<i64>>(),
            )
        };
        let shape = tensor("sample")?.shape().try_into().map_err(|_| bad(&"sample is not [N, C, H, W]"))?;
        // Classes are numbers; where attributes add up to a label, it is a vector.
        let labels = match file.tensor("class_labels").map(|labels| labels.dtype()) {
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
