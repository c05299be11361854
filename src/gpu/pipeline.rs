//! Compute pipelines, made once for each shader.

use crate::kernels::shaders::{Access, Shader};

/// A compiled shader and the layout of its bind group.
#[derive(Clone, Debug)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// The pipelines made so far, found by the shader's address.
#[derive(Debug, Default)]
pub struct Pipelines(Vec<(&'static Shader, Pipeline)>);

impl Pipelines {
    pub fn get(&mut self, device: &wgpu::Device, shader: &'static Shader) -> Pipeline {
        if let Some((_, found)) = self.0.iter().find(|(s, _)| std::ptr::eq(*s, shader)) {
            return found.clone();
        }
        let made = make(device, shader);
        self.0.push((shader, made.clone()));
        made
    }
}

fn make(device: &wgpu::Device, shader: &'static Shader) -> Pipeline {
    let layout = bind_group_layout(device, shader, wgpu::ShaderStages::COMPUTE);
    let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(shader.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(shader.name),
        layout: Some(&pipeline_layout),
        module: &module(device, shader),
        entry_point: Some("main"),
        compilation_options: Default::default(),
        cache: None,
    });
    Pipeline { pipeline, layout }
}

/// The shader's source as a module.
pub fn module(device: &wgpu::Device, shader: &Shader) -> wgpu::ShaderModule {
    device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(shader.name),
        source: wgpu::ShaderSource::Wgsl(shader.source.into()),
    })
}

/// Bindings as the shader was reflected; the uniform has a dynamic offset.
pub fn bind_group_layout(
    device: &wgpu::Device,
    shader: &Shader,
    visibility: wgpu::ShaderStages,
) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = shader
        .bindings
        .iter()
        .zip(0..)
        .map(|(access, binding)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility,
            ty: match access {
                Access::Uniform => buffer_binding(wgpu::BufferBindingType::Uniform),
                Access::Read => buffer_binding(wgpu::BufferBindingType::Storage { read_only: true }),
                Access::ReadWrite => buffer_binding(wgpu::BufferBindingType::Storage { read_only: false }),
                Access::Image => wgpu::BindingType::Texture {
                    sample_type: wgpu::TextureSampleType::Float { filterable: false },
                    view_dimension: wgpu::TextureViewDimension::D2,
                    multisampled: false,
                },
            },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(shader.name),
        entries: &entries,
    })
}

fn buffer_binding(ty: wgpu::BufferBindingType) -> wgpu::BindingType {
    let has_dynamic_offset = ty == wgpu::BufferBindingType::Uniform;
    wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None }
}
