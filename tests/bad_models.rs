//! Whatever is in a model's folder, opening it gives a model or one clear error, and no panic.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeMap;

use proptest::prelude::*;
use reverie::models::facts::Facts;
use reverie::models::folder::{Files, FolderError, ModelFolder};
use reverie::models::unet_2d::config::{ConfigError, UNetConfig, UpBlock};
use reverie::net::weights::{Fault, Weights};
use serde_json::{Value, json};

/// A safetensors file, its header as given.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

/// Two tensors: `conv_in.weight`, f32 [2, 2], and `conv_in.bias`, f16 [2].
fn sound() -> Vec<u8> {
    let header = json!({
        "__metadata__": { "format": "pt" },
        "conv_in.weight": { "dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16] },
        "conv_in.bias": { "dtype": "F16", "shape": [2], "data_offsets": [16, 20] },
    });
    file(&header.to_string(), &[0; 20])
}

fn fault(bytes: Vec<u8>) -> Fault {
    let error = Weights::parse(bytes, "w.safetensors").unwrap_err();
    assert!(error.to_string().starts_with("w.safetensors: "), "{error}");
    error.fault
}

/// The fault of a file with one tensor `a`, whose header entry is `info`, and `size` bytes of data.
fn fault_of(info: &str, size: usize) -> Fault {
    fault(file(&format!(r#"{{"a": {info}}}"#), &vec![0; size]))
}

#[test]
fn a_file_truncated_anywhere() {
    let sound = sound();
    for length in 0..sound.len() {
        match fault(sound[..length].to_vec()) {
            Fault::Truncated { found, needed } => assert!(found == length && needed as usize > found),
            other => panic!("{length} bytes: {other}"),
        }
    }
    let longer = [sound, vec![0]].concat();
    assert_eq!(fault(longer), Fault::Trailing(1));
}

#[test]
fn lying_headers() {
    assert_eq!(fault(vec![0xff; 64]), Fault::HeaderSize(u64::MAX));
    let beyond = [&1_000_000u64.to_le_bytes()[..], b"{}"].concat();
    assert_eq!(fault(beyond), Fault::Truncated { found: 10, needed: 1_000_008 });
    assert_eq!(
        fault(b"version https://git-lfs.github.com/spec/v1\noid sha256:1".to_vec()),
        Fault::LfsPointer
    );
    for header in ["", "{", "[]", "null", "{\"a\": 1}", "\u{0}\u{0}", &"[".repeat(100_000)] {
        assert!(matches!(fault(file(header, &[])), Fault::Header(_)), "{header}");
    }
    let not_utf8 = [&3u64.to_le_bytes()[..], b"{\xff}"].concat();
    assert!(matches!(fault(not_utf8), Fault::Header(_)));
    let unknown = fault_of(r#"{"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}"#, 4).to_string();
    assert!(unknown.contains("tensor `a`") && unknown.contains("F99"), "{unknown}");
    let negative = fault_of(r#"{"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}"#, 4).to_string();
    assert!(negative.contains("tensor `a`") && negative.contains("-1"), "{negative}");
}

#[test]
fn lying_offsets() {
    for (info, reason) in [
        (r#"{"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}"#, "backwards"),
        (r#"{"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}"#, "F32 [2] takes 8 bytes"),
        (r#"{"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}"#, "the data before it end at 0"),
        (r#"{"dtype": "F32", "shape": [4294967295, 4294967297, 8], "data_offsets": [0, 4]}"#, "impossible"),
        (r#"{"dtype": "F32", "shape": [1,1,1,1,1,1,1,1,1], "data_offsets": [0, 4]}"#, "9 dimensions"),
    ] {
        let fault = fault_of(info, 8);
        assert!(matches!(fault, Fault::Offsets { .. }), "{info}: {fault}");
        let message = fault.to_string();
        assert!(message.contains("`a`") && message.contains(reason), "{message}");
    }
    // Huge, but consistent with itself: the file is what is too short.
    let huge = r#"{"dtype": "F32", "shape": [1000000000000], "data_offsets": [0, 4000000000000]}"#;
    assert!(matches!(fault_of(huge, 4), Fault::Truncated { .. }));
}

#[test]
fn overlapping_and_repeated_tensors() {
    let a = r#""a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}"#;
    let b = r#""b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}"#;
    let overlap = fault(file(&format!("{{{a}, {b}}}"), &[0; 12])).to_string();
    assert!(overlap.contains("`b`") && overlap.contains("overlaps `a`"), "{overlap}");
    let repeated = fault(file(&format!("{{{a}, {a}}}"), &[0; 8])).to_string();
    assert!(repeated.contains("two tensors are named `a`"), "{repeated}");
}

#[test]
fn tensors_that_do_not_fit_the_network() {
    let weights = || Weights::parse(sound(), "w.safetensors").unwrap();
    let missing = weights().tensor("conv_out.weight", &[2, 2]).unwrap_err().to_string();
    assert!(missing.contains("no tensor `conv_out.weight`"), "{missing}");
    assert!(missing.contains("nearest is `conv_in.weight`"), "{missing}");

    let shape = weights().tensor("conv_in.weight", &[2, 3]).unwrap_err().to_string();
    assert!(shape.contains("`conv_in.weight` has the shape [2, 2]"), "{shape}");
    assert!(shape.contains("[2, 3]"), "{shape}");

    let mut extra = weights();
    extra.tensor("conv_in.bias", &[2]).unwrap();
    let extra = extra.finish().unwrap_err().to_string();
    assert!(extra.contains("no place for 1 ") && extra.contains("conv_in.weight"), "{extra}");

    let doubles = file(r#"{"a": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}"#, &[0; 8]);
    let mut doubles = Weights::parse(doubles, "w.safetensors").unwrap();
    let doubles = doubles.tensor("a", &[1]).unwrap_err().to_string();
    assert!(doubles.contains("`a` has the type F64"), "{doubles}");
}

#[test]
fn weights_that_are_not_finite() {
    let values = [(0x7fc0_0000u32, "NaN"), (0x7f80_0000, "inf"), (0xff80_0000, "-inf")];
    for (bits, shown) in values {
        let data = [1f32.to_bits(), bits].map(u32::to_le_bytes).concat();
        let header = r#"{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#;
        let mut weights = Weights::parse(file(header, &data), "w.safetensors").unwrap();
        let error = weights.tensor("a", &[2]).unwrap_err().to_string();
        assert!(error.contains(&format!("`a` holds {shown} at index 1")), "{error}");
    }
    let header = r#"{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}"#;
    let mut weights = Weights::parse(file(header, &[0, 0x7e]), "w.safetensors").unwrap();
    assert!(weights.tensor("a", &[1]).unwrap_err().to_string().contains("`a` holds NaN"));
}

type Memory = BTreeMap<String, Vec<u8>>;

const SMALL: &str = r#"{
    "block_out_channels": [8], "norm_num_groups": 2, "num_class_embeds": 2,
    "down_block_types": ["DownBlock2D"], "up_block_types": ["UpBlock2D"]
}"#;

fn folder(files: &[(&str, &[u8])]) -> Memory {
    files.iter().map(|&(path, bytes)| (path.into(), bytes.into())).collect()
}

fn opened(files: &dyn Files) -> Result<(ModelFolder, Weights), FolderError> {
    let model = ModelFolder::open(files)?;
    let weights = model.weights(files)?;
    Ok((model, weights))
}

fn refused(files: &dyn Files) -> String {
    opened(files).unwrap_err().to_string()
}

#[test]
fn both_layouts_open_in_memory_and_on_disk() {
    let scheduler = br#"{"_class_name": "DDPMScheduler"}"#;
    let flat: &[(&str, &[u8])] = &[
        ("config.json", SMALL.as_bytes()),
        ("diffusion_pytorch_model.safetensors", &sound()),
        ("scheduler_config.json", scheduler),
    ];
    let pipeline: &[(&str, &[u8])] = &[
        ("model_index.json", br#"{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"]}"#),
        ("unet/config.json", SMALL.as_bytes()),
        ("unet/diffusion_pytorch_model.safetensors", &sound()),
        ("scheduler/scheduler_config.json", scheduler),
        ("reverie.json", br#"{"name": "small"}"#),
    ];
    for (files, name) in [(flat, None), (pipeline, Some("small"))] {
        let directory = tempfile::tempdir().unwrap();
        for (path, bytes) in files {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        for source in [&folder(files) as &dyn Files, &directory.path().to_path_buf()] {
            let (model, weights) = opened(source).unwrap();
            assert_eq!(model.config.block_out_channels, [8]);
            assert_eq!(weights.names().count(), 2);
            assert_eq!(model.scheduler.as_deref().map(str::as_bytes), Some(&scheduler[..]));
            assert_eq!(model.facts.name.as_deref(), name);
        }
    }
    let no_scheduler = ModelFolder::open(&folder(&flat[..2])).unwrap();
    assert_eq!(no_scheduler.scheduler, None);
}

#[test]
fn folders_that_are_not_models() {
    assert_eq!(refused(&folder(&[])), FolderError::NoConfig.to_string());
    let nowhere = std::path::PathBuf::from("/nowhere/at/all");
    assert_eq!(refused(&nowhere), FolderError::NoConfig.to_string());

    let config = ("unet/config.json", SMALL.as_bytes());
    let missing = refused(&folder(&[config]));
    assert!(missing.contains("unet/diffusion_pytorch_model.safetensors is missing"), "{missing}");
    let pickled = refused(&folder(&[config, ("unet/diffusion_pytorch_model.bin", b"")]));
    assert!(pickled.contains("convert it to safetensors"), "{pickled}");
    let cut = refused(&folder(&[config, ("unet/diffusion_pytorch_model.safetensors", b"123")]));
    assert!(cut.contains("unet/diffusion_pytorch_model.safetensors: the file ends"), "{cut}");

    let unknown = refused(&folder(&[("config.json", br#"{"act_fn": "snake"}"#)]));
    assert!(unknown.contains("config.json: `act_fn` is \"snake\""), "{unknown}");
    let binary = refused(&folder(&[("config.json", b"\xff")]));
    assert!(binary.contains("config.json is not UTF-8"), "{binary}");
    let facts = refused(&folder(&[config, ("reverie.json", br#"{"null_label": 2}"#)]));
    assert!(facts.contains("reverie.json: `null_label` is 2"), "{facts}");
    let huge = vec![b' '; 5 << 20];
    assert!(refused(&folder(&[("config.json", &huge)])).contains("config.json has 5242880 bytes"));
}

/// Any JSON, with numbers and names that a config might hold.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2i64..40).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        proptest::sample::select(vec!["DownBlock2D", "AttnUpBlock2D", "learned", "scale_shift", "resnet"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_]{0,8}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// All that can be asked of an accepted config must have an answer within its bounds.
fn examine(config: &UNetConfig) {
    assert!(config.levels() <= 16 && config.stride() <= 1 << 15);
    assert!(config.timestep_input_dim() > 0 && config.time_embed_dim > 0);
    for level in 0..config.levels() {
        config.downsample(level);
        config.upsample(level);
        let channels = config.block_out_channels[config.levels() - 1 - level];
        if config.up_blocks[level] == UpBlock::AttnUp {
            assert!(config.heads(channels).count > 0);
        }
        assert_eq!(channels % config.norm_num_groups, 0);
    }
    let _ = config.check_size(8, usize::MAX);
}

const KEYS: [&str; 28] = [
    "_class_name",
    "sample_size",
    "in_channels",
    "out_channels",
    "center_input_sample",
    "time_embedding_type",
    "time_embedding_dim",
    "freq_shift",
    "flip_sin_to_cos",
    "down_block_types",
    "mid_block_type",
    "up_block_types",
    "block_out_channels",
    "layers_per_block",
    "mid_block_scale_factor",
    "downsample_padding",
    "downsample_type",
    "upsample_type",
    "dropout",
    "act_fn",
    "attention_head_dim",
    "norm_num_groups",
    "attn_norm_num_groups",
    "norm_eps",
    "resnet_time_scale_shift",
    "class_embed_type",
    "num_class_embeds",
    "num_train_timesteps",
];

proptest! {
    // The failing input is in the message; a test outside `src` has no file to keep it in.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_as_weights(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        let _ = Weights::parse(bytes, "w");
    }

    #[test]
    fn damaged_weights(damage in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6)) {
        let mut bytes = sound();
        for (place, byte) in damage {
            let place = place % bytes.len();
            bytes[place] = byte;
        }
        if let Ok(mut weights) = Weights::parse(bytes, "w") {
            let _ = weights.tensor("conv_in.weight", &[2, 2]);
            let _ = weights.tensor("conv_in.bias", &[2]);
            let _ = weights.finish();
        }
    }

    #[test]
    fn lying_entries(
        shape in proptest::collection::vec(prop_oneof![0usize..5, any::<usize>()], 0..5),
        begin in prop_oneof![0usize..24, any::<usize>()],
        end in prop_oneof![0usize..24, any::<usize>()],
        dtype in proptest::sample::select(vec!["F32", "F16", "BF16", "F4", "F6_E2M3", "I64", "BOOL", "?"]),
        size in 0usize..24,
    ) {
        let header = json!({ "a": { "dtype": dtype, "shape": shape, "data_offsets": [begin, end] } });
        if let Ok(mut weights) = Weights::parse(file(&header.to_string(), &vec![0; size]), "w") {
            prop_assert_eq!((begin, end), (0, size));
            let _ = weights.tensor("a", &shape);
        }
    }

    #[test]
    fn any_json_as_config(config in any_json(), text in any::<String>()) {
        let _ = UNetConfig::parse(&text);
        if let Ok(config) = UNetConfig::parse(&config.to_string()) {
            examine(&config);
        }
    }

    #[test]
    fn a_config_with_any_value_for_a_key(key in proptest::sample::select(&KEYS[..]), value in any_json()) {
        let mut config: Value = serde_json::from_str(SMALL).unwrap();
        config[key] = value;
        match UNetConfig::parse(&config.to_string()) {
            Ok(config) => examine(&config),
            Err(ConfigError::Json(error)) => prop_assert!(false, "{error}"),
            Err(error) => prop_assert!(error.to_string().len() < 1000, "{error}"),
        }
    }

    #[test]
    fn any_json_around_the_network(index in any_json(), facts in any_json()) {
        let (index, facts) = (index.to_string(), facts.to_string());
        let _ = Facts::parse(&facts, &UNetConfig::parse(SMALL).unwrap());
        let files = folder(&[
            ("model_index.json", index.as_bytes()),
            ("config.json", SMALL.as_bytes()),
            ("reverie.json", facts.as_bytes()),
        ]);
        prop_assert!(opened(&files).is_err()); // there are no weights
    }
}
