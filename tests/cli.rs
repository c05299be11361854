//! The command line as people use it: the binary, files in and out, and what it says.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/command.rs"]
mod command;
mod common;

use std::fs;
use std::path::PathBuf;

use command::{copy, done, refused};
use common::{fixture, tensor};
use image::{AnimationDecoder, GenericImageView, codecs::gif::GifDecoder};
use reverie::kernels::case::relative_error;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tempfile::TempDir;

const WEIGHTS: &str = "unet/diffusion_pytorch_model.safetensors";

/// A folder to work in, with a copy of the fixture `classes` as `model` and its `io.safetensors`.
fn workplace() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&fixture("unet/classes"), &folder.path().join("model"));
    fs::rename(folder.path().join("model/io.safetensors"), folder.path().join("io.safetensors")).unwrap();
    folder
}

fn read(path: PathBuf, name: &str) -> (Vec<usize>, Vec<f32>) {
    let bytes = fs::read(path).unwrap();
    tensor(&SafeTensors::deserialize(&bytes).unwrap(), name).unwrap()
}

/// A tensor to write: name, type, shape and bytes.
type Entry = (&'static str, Dtype, Vec<usize>, Vec<u8>);

fn floats(name: &'static str, shape: &[usize], value: f32) -> Entry {
    (name, Dtype::F32, shape.to_vec(), value.to_le_bytes().repeat(shape.iter().product()))
}

fn whole(name: &'static str, values: &[i64]) -> Entry {
    (name, Dtype::I64, vec![values.len()], values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

fn write(path: PathBuf, entries: &[Entry]) {
    let views = entries
        .iter()
        .map(|(name, dtype, shape, bytes)| (*name, TensorView::new(*dtype, shape.clone(), bytes).unwrap()));
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn unet_gives_what_diffusers_gives() {
    let folder = tempfile::tempdir().unwrap();
    // A class table, the flat layout, one timestep for all, embeddings as labels.
    for (model, tolerances) in ["classes", "ddpm-like", "ten-twenty", "class-timestep", "class-identity"]
        .map(|model| (model, [("cpu", 2e-5), ("gpu", 1e-4)]))
    {
        let model = fixture("unet").join(model);
        let io = model.join("io.safetensors");
        for (backend, tolerance) in tolerances {
            let (model, io) = (model.display(), io.display());
            let args =
                format!("unet --model {model} --input {io} --output o.safetensors --backend {backend}");
            assert!(done(folder.path(), &args).contains("o.safetensors"));
            let (shape, got) = read(folder.path().join("o.safetensors"), "sample");
            let (expected_shape, want) = read(PathBuf::from(io.to_string()), "output");
            assert_eq!(shape, expected_shape, "{args}");
            let error = relative_error(&got, &want);
            assert!(error <= tolerance, "{args}: {error:e}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn unet_refuses_bad_tensors() {
    let folder = workplace();
    let sample = || floats("sample", &[2, 1, 16, 16], 0.5);
    let times = || whole("timestep", &[3, 999]);
    let labels = || whole("class_labels", &[0, 4]);
    let refused_with = |entries: &[Entry], words: &[&str]| {
        write(folder.path().join("i.safetensors"), entries);
        let args = "unet --model model --input i.safetensors --output o.safetensors --backend cpu";
        refused(folder.path(), args, &[words, &["i.safetensors"]].concat());
    };
    refused_with(&[times(), labels()], &["`sample`", "[N, 1, height, width]"]);
    refused_with(&[sample(), labels()], &["`timestep`", "[2] or [1]"]);
    refused_with(&[sample(), times()], &["class_labels"]);
    for shape in [&[2, 3, 16, 16][..], &[1, 16, 16], &[0, 1, 16, 16], &[2, 1, 16, 16, 1], &[]] {
        let found = format!("{shape:?}");
        refused_with(&[floats("sample", shape, 0.5), times(), labels()], &["`sample`", &found]);
    }
    refused_with(&[floats("sample", &[2, 1, 16, 18], 0.5), times(), labels()], &["`sample`", "16×18"]);
    refused_with(&[floats("sample", &[2, 1, 0, 16], 0.5), times(), labels()], &["`sample`", "0×16"]);
    refused_with(&[floats("sample", &[2, 1, 16, 16], f32::NAN), times(), labels()], &["`sample`", "NaN"]);
    let (_, _, shape, bytes) = sample();
    refused_with(&[("sample", Dtype::I32, shape, bytes), times(), labels()], &["`sample`", "I32", "F32"]);
    for (times, word) in [(&[3, 1000][..], "1000"), (&[-1, 3], "-1"), (&[3, i64::MAX], "out of range")] {
        refused_with(&[sample(), whole("timestep", times), labels()], &["timestep", word]);
    }
    refused_with(&[sample(), whole("timestep", &[1, 2, 3]), labels()], &["`timestep`", "[3]", "[2] or [1]"]);
    refused_with(&[sample(), floats("timestep", &[2], f32::NAN), labels()], &["`timestep`", "NaN"]);
    for (label, word) in [(5, "5"), (-1, "-1"), (i64::MAX, "out of range")] {
        refused_with(
            &[sample(), times(), whole("class_labels", &[0, label])],
            &["`class_labels`", word, "0 to 4"],
        );
    }
    refused_with(&[sample(), times(), whole("class_labels", &[1])], &["`class_labels`", "[1]", "[2]"]);
    refused_with(&[sample(), times(), floats("class_labels", &[2], 1.0)], &["`class_labels`", "F32", "I64"]);
}

#[test]
fn unet_refuses_damaged_input_files() {
    let folder = workplace();
    let args = "unet --model model --input i.safetensors --output o.safetensors --backend cpu";
    refused(folder.path(), args, &["i.safetensors", "cannot be read"]);
    let sound = fs::read(folder.path().join("io.safetensors")).unwrap();
    for end in [0, 7, 100, sound.len() / 2, sound.len() - 1] {
        fs::write(folder.path().join("i.safetensors"), &sound[..end]).unwrap();
        refused(folder.path(), args, &["i.safetensors", "ends after"]);
    }
    for side in ["100000000000", "18446744073709551615", "-1"] {
        let header = format!(r#"{{"sample":{{"dtype":"U8","shape":[{side}],"data_offsets":[0,{side}]}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
        fs::write(folder.path().join("i.safetensors"), bytes).unwrap();
        refused(folder.path(), args, &["i.safetensors"]);
    }
}

#[test]
fn damaged_models_are_refused() {
    let folder = workplace();
    let weights = folder.path().join("model").join(WEIGHTS);
    let sound = fs::read(&weights).unwrap();
    let header = 8 + u64::from_le_bytes(sound[..8].try_into().unwrap()) as usize;
    let commands = [
        "unet --model model --input io.safetensors --output o.safetensors --backend cpu",
        "sample --model model --steps 1 --output o.png --backend cpu",
        "info --model model",
    ];
    let refused_with = |bytes: &[u8], words: &[&str]| {
        fs::write(&weights, bytes).unwrap();
        for args in commands {
            refused(folder.path(), args, &[words, &[WEIGHTS]].concat());
        }
    };
    for end in [0, 5, header / 2, header, (header + sound.len()) / 2, sound.len() - 1] {
        refused_with(&sound[..end], &["ends after"]);
    }
    let tensors = SafeTensors::deserialize(&sound).unwrap();
    let without = |name: &str| tensors.iter().filter(|(other, _)| *other != name).collect::<Vec<_>>();
    refused_with(&safetensors::serialize(without("conv_in.weight"), None).unwrap(), &["`conv_in.weight`"]);

    // Half precision's NaN.
    let view = tensors.tensor("conv_in.weight").unwrap();
    let (dtype, shape) = (view.dtype(), view.shape().to_vec());
    let nan = [0x00, 0x7e].repeat(view.data().len() / 2);
    let mut views = without("conv_in.weight");
    views.push(("conv_in.weight", TensorView::new(dtype, shape, &nan).unwrap()));
    refused_with(&safetensors::serialize(views, None).unwrap(), &["`conv_in.weight`", "NaN"]);

    fs::remove_file(&weights).unwrap();
    refused(folder.path(), commands[0], &[WEIGHTS]);
    for args in ["info --model nowhere", "sample --model nowhere --output o.png --backend cpu"] {
        refused(folder.path(), args, &["nowhere", "no model"]);
    }
}

#[test]
fn sample_refuses_what_cannot_be_made() {
    let folder = workplace();
    fs::create_dir(folder.path().join("folder.png")).unwrap();
    for (args, words) in [
        ("--sampler heun9 --output o.png", &["heun9", "ddpm", "ddim"][..]),
        ("--steps 0 --output o.png", &["0 steps", "1000"]),
        ("--steps 1001 --output o.png", &["1001 steps", "1000"]),
        ("--steps 18446744073709551615 --output o.gif", &["1000"]),
        ("--steps -1 --output o.png", &["--steps", "-1"]),
        ("--steps some --output o.png", &["--steps", "some"]),
        ("--batch 0 --output o.png", &["--batch", "0"]),
        ("--class 5 --output o.png", &["class 5", "0 to 4"]),
        ("--class -1 --output o.png", &["--class", "-1"]),
        ("--class zebra --output o.png", &["zebra", "a, b, c, d"]),
        ("--class a --guidance-scale nan --output o.png", &["guidance_scale", "NaN"]),
        ("--sampler ddim --eta -1 --output o.png", &["eta", "-1"]),
        ("--size 15x16 --output o.png", &["15×16"]),
        ("--size 0x16 --output o.png", &["0×16"]),
        ("--size 16 --output o.png", &["--size", "16"]),
        ("--output o.jpeg", &["o.jpeg", ".png"]),
        ("--output o", &[".safetensors"]),
        ("--output nowhere/o.png", &["nowhere/o.png", "folder"]),
        ("--output folder.png", &["folder.png", "name a file"]),
        ("--trajectory --output o.png", &["--trajectory", ".safetensors"]),
        ("--strip 4 --output o.gif", &["--strip", ".png"]),
        ("--strip 1 --output o.png", &["--strip", "1"]),
        ("--steps 1000 --batch 65536 --size 512x512 --output o.safetensors --trajectory", &["too much"]),
        ("", &["--output"]),
        ("--colour red --output o.png", &["--colour"]),
    ] {
        refused(folder.path(), &format!("sample --model model --backend cpu {args}"), words);
    }
    refused(folder.path(), "", &["subcommand"]);
    refused(folder.path(), "dream", &["dream"]);
    assert!(!folder.path().join("o.png").exists());
}

#[test]
fn sample_refuses_bad_noise() {
    let folder = workplace();
    let refused_with = |entries: &[Entry], args: &str, words: &[&str]| {
        write(folder.path().join("n.safetensors"), entries);
        let args = format!(
            "sample --model model --steps 3 --noise n.safetensors --output o.png --backend cpu {args}"
        );
        refused(folder.path(), &args, words);
    };
    let x_t = || floats("x_T", &[2, 1, 16, 16], 0.1);
    refused_with(&[floats("x", &[2, 1, 16, 16], 0.1)], "", &["n.safetensors", "`x_T`"]);
    refused_with(&[floats("x_T", &[2, 1, 8, 16], 0.1)], "", &["`x_T`", "[2, 1, 8, 16]", "[N, 1, 16, 16]"]);
    refused_with(&[floats("x_T", &[0, 1, 16, 16], 0.1)], "", &["`x_T`", "[0, 1, 16, 16]"]);
    refused_with(&[floats("x_T", &[2, 1, 16, 16], f32::INFINITY)], "", &["`x_T`", "inf"]);
    refused_with(&[x_t()], "--batch 3", &["--batch", "3", "--noise", "2"]);
    refused_with(
        &[x_t(), floats("noise", &[3, 1, 1, 16, 16], 0.1)],
        "",
        &["`noise`", "[steps, 2, 1, 16, 16]"],
    );
    refused_with(
        &[x_t(), floats("noise", &[1, 2, 1, 16, 16], 0.1)],
        "--sampler ddpm",
        &["noise has 1", "uses 3"],
    );
}

#[test]
fn samples_become_pictures_and_animations() {
    let folder = workplace();
    let args = "sample --model model --sampler ddim --steps 3 --batch 3 --class each --guidance-scale 2";
    let said = done(folder.path(), &format!("{args} --backend cpu --output p.png --json"));
    let facts: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(facts["network_calls_per_sample"], 6);
    assert_eq!(facts["classes"], serde_json::json!([0, 1, 2]));
    assert_eq!((&facts["sampler"], &facts["seed"]), (&"ddim".into(), &0.into()));
    // Two by two samples of 16 pixels with gaps of 2 are 34 pixels wide: enlarged 8 times.
    let picture = image::open(folder.path().join("p.png")).unwrap();
    assert_eq!(picture.dimensions(), (272, 272));
    assert!(picture.to_luma8().pixels().any(|p| p[0] != picture.to_luma8()[(0, 0)][0]), "a picture");

    done(folder.path(), &format!("{args} --backend cpu --output p.gif"));
    let file = std::io::BufReader::new(fs::File::open(folder.path().join("p.gif")).unwrap());
    let frames = GifDecoder::new(file).unwrap().into_frames().collect_frames().unwrap();
    assert_eq!(frames.len(), 4, "x_T and every step");
    let last = frames[3].buffer();
    assert_eq!(last, &picture.to_rgba8(), "the animation ends in the picture");
    assert!(frames[3].delay() > frames[2].delay());

    // The first and the last of four moments, two by two samples with gaps of 1, not enlarged.
    done(folder.path(), &format!("{args} --backend cpu --strip 2 --output s.png"));
    let strip = image::open(folder.path().join("s.png")).unwrap().to_rgba8();
    assert_eq!(strip.dimensions(), (33, 66));
    assert_eq!(strip[(16, 3)][3], 0, "nothing between samples");
    let off = |x: u32, y: u32| strip[(x, 33 + y)][0].abs_diff(frames[3].buffer()[(8 * x, 8 * y)][0]);
    assert!((0..16).all(|at| off(at, at) <= 8), "the strip ends in the picture");
}

#[test]
fn a_batch_is_made_in_parts_and_a_seed_gives_one_picture() {
    let folder = workplace();
    let sample = |args: &str| {
        let common =
            "sample --model model --sampler ddpm --steps 3 --seed 7 --guidance-scale 1.5 --class each";
        done(folder.path(), &format!("{common} {args} --output s.safetensors"));
        read(folder.path().join("s.safetensors"), "sample")
    };
    let (shape, all) = sample("--backend cpu --batch 20");
    assert_eq!(shape, [20, 1, 16, 16]);
    assert_eq!(sample("--backend cpu --batch 20").1, all, "bit for bit");
    let (_, sixteen) = sample("--backend cpu --batch 16");
    assert!(relative_error(&all[..16 * 256], &sixteen) <= 1e-5);
    let (_, one) = sample("--backend cpu");
    assert!(relative_error(&all[..256], &one) <= 1e-5);
    assert!(relative_error(&all[16 * 256..17 * 256], &one) > 0.1, "other noise in the second part");

    let (_, shaders) = sample("--backend gpu --batch 20");
    assert_eq!(sample("--backend gpu --batch 20").1, shaders, "bit for bit");
    assert!(relative_error(&shaders, &all) <= 1e-4);
}

#[test]
fn given_noise_gives_the_trajectory_of_diffusers() {
    let folder = workplace();
    for sampler in ["ddim", "ddpm"] {
        let reference = fixture("end-to-end").join(format!("{sampler}.safetensors"));
        let args = format!(
            "sample --model model --sampler {sampler} --steps 10 --class d --guidance-scale 2 --trajectory \
             --noise {} --backend cpu --output s.safetensors",
            reference.display()
        );
        done(folder.path(), &args);
        let (shape, got) = read(folder.path().join("s.safetensors"), "trajectory");
        let (expected_shape, want) = read(reference, "trajectory");
        assert_eq!(shape, expected_shape);
        assert!(relative_error(&got, &want) <= 1e-4, "{sampler}");
        let (_, sample) = read(folder.path().join("s.safetensors"), "sample");
        assert_eq!(sample, got[got.len() - sample.len()..]);
    }
}

#[test]
fn given_noise_is_cut_into_parts() {
    let folder = workplace();
    // Every sample and step has its own value, so that a wrong slice shows.
    let values = |count: usize| (0..count).flat_map(|i| (i as f32 * 0.01).sin().to_le_bytes()).collect();
    let entries = |samples: usize| {
        let noise = (0..2).flat_map(|step| {
            let all: Vec<u8> = values(2 * 18 * 256);
            all[step * 18 * 1024..][..samples * 1024].to_vec()
        });
        let x_t: Vec<u8> = values(samples * 256);
        [
            ("x_T", Dtype::F32, vec![samples, 1, 16, 16], x_t),
            ("noise", Dtype::F32, vec![2, samples, 1, 16, 16], noise.collect()),
        ]
    };
    let sample = |samples: usize| {
        write(folder.path().join("n.safetensors"), &entries(samples));
        let args = "sample --model model --sampler ddpm --steps 2 --noise n.safetensors --backend cpu";
        done(folder.path(), &format!("{args} --output s.safetensors"));
        read(folder.path().join("s.safetensors"), "sample").1
    };
    let (eighteen, three) = (sample(18), sample(3));
    assert!(relative_error(&eighteen[..3 * 256], &three) <= 1e-5);
    let repeated = &eighteen[16 * 256..17 * 256];
    assert!(relative_error(repeated, &three[..256]) > 1e-3, "the seventeenth is not the first");
}

#[test]
fn info_tells_size_cost_and_limits() {
    let folder = workplace();
    let info = |args: &str| -> serde_json::Value {
        serde_json::from_str(&done(folder.path(), &format!("info --model model --json {args}"))).unwrap()
    };
    let facts = info("");
    let bytes = fs::read(folder.path().join("model").join(WEIGHTS)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let parameters: usize = tensors.iter().map(|(_, view)| view.shape().iter().product::<usize>()).sum();
    assert_eq!(facts["parameters"], parameters);
    assert_eq!(facts["classes"]["null_label"], 4);
    assert_eq!(facts["schedule"]["prediction_type"], "v_prediction");
    assert_eq!(facts["exceeds"], serde_json::json!([]));
    let four = info("--batch 4 --size 32x32");
    let scratch = |facts: &serde_json::Value| facts["memory"]["scratch"].as_u64().unwrap();
    assert!(scratch(&four) > 15 * scratch(&facts));
    let large = info("--batch 600 --size 64x64");
    let exceeds = large["exceeds"].to_string();
    assert!(
        exceeds.contains("maxBufferSize") && exceeds.contains("maxStorageBufferBindingSize"),
        "{exceeds}"
    );
    assert!(done(folder.path(), "info --model model").contains("GFLOP"));
    refused(folder.path(), "info --model model --size 15x16", &["15×16"]);
    refused(folder.path(), "info --model model --size 4096x4096 --batch 65536", &["65536 at 4096x4096"]);
}
