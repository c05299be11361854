//! The table of shaders that `build.rs` makes from `shaders/*.wgsl`.

/// One expanded, validated and reflected shader; the entry point is `main`.
#[derive(Debug)]
pub struct Shader {
    pub name: &'static str,
    /// WGSL with its imports pasted in.
    pub source: &'static str,
    /// Access of bindings 0, 1, 2, … of group 0.
    pub bindings: &'static [Access],
    /// Invocations of one workgroup; 0 where the shader draws.
    pub workgroup_size: u32,
    /// Bytes of workgroup memory.
    pub workgroup_bytes: u32,
}

/// How a shader uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Uniform,
    Read,
    /// Read through a texture, a vec4 a texel.
    Image,
    ReadWrite,
}

include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::ALL;

    #[test]
    fn every_shader_fits_default_limits() {
        for shader in ALL.iter().map(|k| k.shader) {
            let storage =
                shader.bindings.iter().filter(|a| matches!(a, Access::Read | Access::ReadWrite)).count();
            assert!(storage <= 8, "{}: {storage} storage buffers", shader.name);
            assert!(shader.workgroup_size <= 256, "{}: {} invocations", shader.name, shader.workgroup_size);
            assert!(shader.workgroup_bytes <= 16384, "{}: {} bytes", shader.name, shader.workgroup_bytes);
        }
    }
}
