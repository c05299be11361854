//! Turns every `shaders/*.wgsl` into a typed table.
//!
//! Each shader is expanded (`#import NAME` pastes `shaders/shared/NAME.wgsl`),
//! parsed and validated by naga as core WGSL, and reflected: its bindings, its
//! workgroup, and its uniform `Params` as a Rust struct of the same layout. A
//! mistake in a shader is a compile error with the file and line it stands in.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use naga::valid::{Capabilities, ValidationFlags, Validator};
use naga::{
    AddressSpace, ImageClass, ImageDimension, Module, Scalar, ScalarKind, ShaderStage, StorageAccess,
    TypeInner,
};

fn main() {
    println!("cargo:rerun-if-changed=shaders");
    let mut paths: Vec<PathBuf> = fs::read_dir("shaders")
        .expect("the folder shaders/ stands beside Cargo.toml")
        .map(|entry| entry.expect("a readable entry of shaders/").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .collect();
    paths.sort();
    let shaders: Vec<Shader> = paths.iter().map(|path| Shader::read(path)).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let write = |name, text: String| fs::write(out.join(name), text).expect("OUT_DIR is writable");
    write("shaders.rs", shaders.iter().map(Shader::module).collect());
    write("kernels.rs", kernels(&shaders));
}

/// The table of the kernels: all shaders that compute. One whose room `src/kernels/<name>.rs` is
/// missing, or has no twin and no cases for its `KERNEL`, does not compile.
fn kernels(shaders: &[Shader]) -> String {
    let compute = shaders.iter().filter(|shader| workgroup_size(&shader.module) > 0);
    let rows: String = compute.map(|shader| format!("&{}::KERNEL,\n", shader.name)).collect();
    format!("/// Every compute kernel, by name.\npub static ALL: &[&Kernel] = &[\n{rows}];\n")
}

/// Prints the mistake the way a compiler would, and fails the build.
fn fail(message: &str) -> ! {
    for line in message.lines() {
        println!("cargo:error={line}");
    }
    std::process::exit(1)
}

/// A shader after its imports were pasted in; line i came from `origins[i]`.
struct Expanded {
    source: String,
    origins: Vec<(PathBuf, usize)>,
}

impl Expanded {
    fn read(path: &Path) -> Self {
        let mut expanded = Self { source: String::new(), origins: Vec::new() };
        expanded.paste(path, &mut Vec::new());
        expanded
    }

    fn paste(&mut self, path: &Path, done: &mut Vec<PathBuf>) {
        if done.iter().any(|d| d == path) {
            return;
        }
        done.push(path.to_owned());
        let text = fs::read_to_string(path).unwrap_or_else(|e| fail(&format!("{}: {e}", path.display())));
        for (number, line) in text.lines().enumerate() {
            match line.strip_prefix("#import ") {
                Some(name) => {
                    self.paste(&Path::new("shaders/shared").join(format!("{}.wgsl", name.trim())), done)
                }
                None => {
                    self.source.push_str(line);
                    self.source.push('\n');
                    self.origins.push((path.to_owned(), number + 1));
                }
            }
        }
    }

    /// `file:line:column: error: message`, at the place the author wrote it.
    fn explain(&self, span: Option<naga::SourceLocation>, message: &str) -> String {
        let at = span.and_then(|s| Some((s, self.origins.get(s.line_number as usize - 1)?)));
        match at {
            Some((s, (file, line))) => {
                format!("{}:{line}:{}: error: {message}", file.display(), s.line_position)
            }
            None => format!("{}: error: {message}", self.origins[0].0.display()),
        }
    }
}

/// A shader of `shaders/`, expanded and valid.
struct Shader {
    name: String,
    text: Expanded,
    module: Module,
}

impl Shader {
    fn read(path: &Path) -> Self {
        let name = path.file_stem().and_then(|s| s.to_str()).expect("a shader's name is UTF-8").to_owned();
        let text = Expanded::read(path);
        let module = naga::front::wgsl::parse_str(&text.source)
            .unwrap_or_else(|e| fail(&text.explain(e.location(&text.source), e.message())));
        // No capability at all: what passes here runs in every browser.
        Validator::new(ValidationFlags::all(), Capabilities::empty()).validate(&module).unwrap_or_else(|e| {
            let mut message = e.as_inner().to_string();
            let mut source = std::error::Error::source(e.as_inner());
            while let Some(inner) = source {
                let _ = write!(message, ": {inner}");
                source = inner.source();
            }
            fail(&text.explain(e.location(&text.source), &message))
        });
        Self { name, text, module }
    }

    /// What Rust knows of it.
    fn module(&self) -> String {
        let Self { name, text, module } = self;
        let bindings = bindings(module, text);
        format!(
            "pub mod {name} {{\n\
             /// `shaders/{name}.wgsl`, expanded, validated and reflected.\n\
             pub static SHADER: super::Shader = super::Shader {{ name: {name:?}, source: {:?}, \
             bindings: &[{bindings}], workgroup_size: {}, workgroup_bytes: {} }};\n{}}}\n",
            bare(&text.source),
            workgroup_size(module),
            workgroup_bytes(module),
            params_struct(module, text),
        )
    }
}

/// The source without comments and indentation, which a visitor would download; line by line,
/// so that what a driver says of line n is of line n here.
fn bare(source: &str) -> String {
    source.lines().map(|line| format!("{}\n", line.split("//").next().unwrap_or_default().trim())).collect()
}

/// The accesses of bindings 0, 1, 2, … of group 0, in order.
fn bindings(module: &Module, text: &Expanded) -> String {
    let mut found: Vec<(u32, &str)> = Vec::new();
    for (_, global) in module.global_variables.iter() {
        let Some(binding) = &global.binding else { continue };
        let access = match global.space {
            AddressSpace::Uniform => "Uniform",
            AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => "ReadWrite",
            AddressSpace::Storage { .. } => "Read",
            AddressSpace::Handle if is_image(&module.types[global.ty].inner) => "Image",
            _ => fail(&text.explain(None, "bindings are uniform, storage, or texture_2d<f32>")),
        };
        if binding.group != 0 {
            fail(&text.explain(None, "every binding belongs to group 0"));
        }
        found.push((binding.binding, access));
    }
    found.sort_unstable();
    if found.iter().enumerate().any(|(i, (b, access))| i as u32 != *b || (i == 0) != (*access == "Uniform")) {
        fail(&text.explain(None, "bindings are numbered 0, 1, 2, …: the uniform Params first, then storage"));
    }
    found.iter().map(|(_, access)| format!("super::Access::{access}, ")).collect()
}

fn is_image(inner: &TypeInner) -> bool {
    let class = ImageClass::Sampled { kind: ScalarKind::Float, multi: false };
    *inner == TypeInner::Image { dim: ImageDimension::D2, arrayed: false, class }
}

fn workgroup_size(module: &Module) -> u32 {
    let compute = module.entry_points.iter().find(|e| e.stage == ShaderStage::Compute);
    compute.map_or(0, |e| e.workgroup_size.iter().product())
}

fn workgroup_bytes(module: &Module) -> u32 {
    let shared = module.global_variables.iter().filter(|(_, g)| g.space == AddressSpace::WorkGroup);
    shared.map(|(_, g)| module.types[g.ty].inner.size(module.to_ctx())).sum()
}

/// The uniform struct `Params` as Rust, its layout asserted against naga's.
fn params_struct(module: &Module, text: &Expanded) -> String {
    let params = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Params"));
    let Some((_, naga::Type { inner: TypeInner::Struct { members, span }, .. })) = params else {
        fail(&text.explain(None, "a shader's uniform is a struct named Params"))
    };
    let mut fields = String::new();
    let mut asserts = format!("const _: () = assert!(size_of::<Params>() == {span});\n");
    let mut end = 0;
    for member in members {
        let name = member.name.as_deref().expect("WGSL members are named");
        let (ty, size) = rust_type(module, &module.types[member.ty].inner).unwrap_or_else(|| {
            fail(&text.explain(None, &format!("Params.{name}: use u32, i32, f32, vec4 or arrays of vec4")))
        });
        if member.offset != end {
            fail(&text.explain(
                None,
                &format!("Params.{name}: the layout leaves a hole before it; reorder the members"),
            ));
        }
        end = member.offset + size;
        let _ = writeln!(fields, "pub {name}: {ty},");
        let _ = writeln!(
            asserts,
            "const _: () = assert!(std::mem::offset_of!(Params, {name}) == {});",
            member.offset
        );
    }
    for i in 0..(span - end) / 4 {
        let _ = writeln!(fields, "pub _pad{i}: u32,");
    }
    format!(
        "/// The shader's uniform, laid out as naga reflects it.\n\
         #[repr(C)]\n\
         #[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]\n\
         pub struct Params {{\n{fields}}}\n{asserts}"
    )
}

fn rust_type(module: &Module, inner: &TypeInner) -> Option<(String, u32)> {
    let scalar = |s: Scalar| match s.kind {
        ScalarKind::Uint => Some("u32"),
        ScalarKind::Sint => Some("i32"),
        ScalarKind::Float => Some("f32"),
        _ => None,
    };
    match *inner {
        TypeInner::Scalar(s) => Some((scalar(s)?.to_owned(), 4)),
        TypeInner::Vector { size: naga::VectorSize::Quad, scalar: s } => {
            Some((format!("[{}; 4]", scalar(s)?), 16))
        }
        TypeInner::Array { base, size: naga::ArraySize::Constant(n), .. } => {
            let (ty, size) = rust_type(module, &module.types[base].inner)?;
            (size % 16 == 0).then(|| (format!("[{ty}; {n}]"), size * n.get()))
        }
        _ => None,
    }
}
