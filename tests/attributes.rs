//! Attribute tables: what a folder may hold, and what wishes become.
#![cfg(not(target_arch = "wasm32"))]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;

use common::{fixture, tensor};
use pollster::block_on;
use proptest::prelude::*;
use reverie::cpu::CpuMachine;
use reverie::diffusion::samplers::SamplerOptions;
use reverie::models::attributes::{Attributes, AttributesError};
use reverie::models::folder::{Files, FolderError, ModelFolder};
use reverie::models::unet_2d::config::UNetConfig;
use reverie::net::weights::Weights;
use reverie::session::{Condition, Model, NoiseSource, Recipe, Run, SessionError, Wish};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView, serialize};
use serde_json::json;

const JSON: &str = "attributes.json";
const TABLES: &str = "attributes.safetensors";

fn folder() -> PathBuf {
    fixture("unet/attributes")
}

/// The folder's files in memory, to be changed.
fn files() -> BTreeMap<String, Vec<u8>> {
    let paths = ["unet/config.json", "unet/diffusion_pytorch_model.safetensors", JSON, TABLES];
    paths.map(|path| (path.to_owned(), folder().read(path, u64::MAX).unwrap().unwrap())).into()
}

fn refused(files: &BTreeMap<String, Vec<u8>>) -> FolderError {
    ModelFolder::open(files).unwrap_err()
}

/// The tables with one of them in another shape, or gone.
fn with_table(name: &str, shape: Option<&[usize]>) -> Vec<u8> {
    let sound = &files()[TABLES];
    let sound = SafeTensors::deserialize(sound).unwrap();
    let zeros = vec![0; 1 << 12];
    let mut views: Vec<_> = sound.iter().filter(|(other, _)| *other != name).collect();
    if let Some(shape) = shape {
        let bytes = 2 * shape.iter().product::<usize>();
        views.push((name, TensorView::new(Dtype::F16, shape.to_vec(), &zeros[..bytes]).unwrap()));
    }
    serialize(views, None).unwrap()
}

#[test]
fn a_folder_with_half_of_the_files_or_with_damaged_ones() {
    for (gone, other) in [(JSON, TABLES), (TABLES, JSON)] {
        let mut files = files();
        files.remove(gone);
        let error = refused(&files);
        assert!(matches!(error, FolderError::Attributes(AttributesError::Half { .. })));
        assert!(error.to_string().starts_with(&format!("{other} is here, but {gone} is not")), "{error}");
    }
    let mut cut = files();
    cut.get_mut(TABLES).unwrap().truncate(900);
    assert!(refused(&cut).to_string().contains("attributes.safetensors: the file ends after 900"));
}

#[test]
fn tables_that_do_not_fit_the_names_or_the_network() {
    for (name, shape, words) in [
        ("hair", None, &["`hair` needs a table [4, 32]", "no tensor `hair`"][..]),
        ("hair", Some(&[3, 32][..]), &["`hair` needs a table [4, 32]", "the free one last", "[3, 32]"]),
        ("skin", Some(&[5, 16]), &["`skin` needs a table [5, 32]", "[5, 16]"]),
        ("skin", Some(&[160]), &["`skin`", "[160]"]),
        ("beard", Some(&[2, 32]), &["fewer attributes than there are tables", "beard"]),
    ] {
        let mut files = files();
        files.insert(TABLES.into(), with_table(name, shape));
        let error = refused(&files).to_string();
        words.iter().for_each(|word| assert!(error.contains(word), "no {word:?} in {error}"));
    }
    let mut nan = files();
    let bytes = nan.get_mut(TABLES).unwrap();
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&[0x00, 0x7e]);
    assert!(refused(&nan).to_string().contains("NaN"));
}

#[test]
fn descriptions_that_cannot_be_used() {
    let attribute = |name: &str, values: &[&str]| json!({ "name": name, "values": values });
    let attributes = |list: &[serde_json::Value]| json!({ "attributes": list });
    for (description, words) in [
        (json!({}), &["list of `attributes`", "missing field"][..]),
        (json!({ "attributes": 3 }), &["list of `attributes`"]),
        (attributes(&[]), &["lists no attributes"]),
        (attributes(&[attribute("skin", &[])]), &["`skin` has no values"]),
        (attributes(&[attribute("Skin", &["light"])]), &["an attribute is called \"Skin\"", "lower-case"]),
        (attributes(&[attribute("skin", &["dark elf"])]), &["a value of `skin` is called \"dark elf\""]),
        (attributes(&[attribute("skin", &["dark--elf"])]), &["\"dark--elf\""]),
        (attributes(&[attribute("", &["light"])]), &["\"\""]),
        (attributes(&[attribute("skin", &["orc", "orc"])]), &["a value of `skin`, `orc`, is there twice"]),
        (
            attributes(&[attribute("skin", &["orc"]), attribute("skin", &["orc"])]),
            &["an attribute, `skin`, is there twice"],
        ),
    ] {
        let mut files = files();
        files.insert(JSON.into(), description.to_string().into_bytes());
        let error = refused(&files).to_string();
        assert!(error.starts_with("attributes.json: "), "{error}");
        words.iter().for_each(|word| assert!(error.contains(word), "no {word:?} in {error}"));
    }
    let mut classes = files();
    classes.insert("unet/config.json".into(), br#"{ "num_class_embeds": 3 }"#.to_vec());
    let error = refused(&classes).to_string();
    assert!(error.contains("the network takes no vectors as labels"), "{error}");
}

fn recipe(condition: Condition, guidance_scale: f32) -> Recipe {
    Recipe {
        sampler: None,
        scheduler: None,
        steps: 3,
        batch: 2,
        first_sample: 0,
        size: None,
        condition,
        options: SamplerOptions { guidance_scale, ..Default::default() },
        noise: NoiseSource::Seed(1),
        keep_bytes: 0,
    }
}

/// The samples of two wishes, and the batch that the network saw.
fn sample(condition: Condition, guidance_scale: f32) -> Result<(Vec<f32>, usize), SessionError> {
    let mut machine = CpuMachine::default();
    let model = Model::load(&mut machine, &folder())?;
    let mut run = Run::start(&mut machine, &model, &recipe(condition, guidance_scale))?;
    while !run.is_done() {
        run.step(&mut machine);
    }
    Ok((block_on(run.read_sample(&mut machine))?, run.instance.batch))
}

#[test]
fn guidance_treats_attributes_as_it_treats_classes() {
    let sample = |condition, scale| sample(condition, scale).unwrap();
    let wish = || Condition::Attributes(vec![vec![Some(2), None, Some(0)], vec![None, Some(1), None]]);
    let nothing = || Condition::Attributes(vec![vec![None; 3]; 2]);
    let free = sample(Condition::Free, 1.0);
    assert_eq!(free.1, 2);
    assert_eq!(sample(nothing(), 1.0), free);
    assert_eq!(sample(nothing(), 3.0), free, "there is nothing to be guided to");
    assert_eq!(sample(wish(), 0.0), free);
    let (plain, batch) = sample(wish(), 1.0);
    assert_eq!(batch, 2);
    assert_ne!(plain, free.0);
    let (guided, batch) = sample(wish(), 2.0);
    assert_eq!(batch, 4);
    assert_ne!(guided, plain);
}

#[test]
fn wishes_that_the_model_does_not_know() {
    let refused = |condition| sample(condition, 2.0).unwrap_err().to_string();
    let wishes = |wish: Wish| Condition::Attributes(vec![vec![None; 3], wish]);
    assert!(
        refused(wishes(vec![Some(4), None, None])).contains("skin has no value 4; its values are 0 to 3")
    );
    assert!(refused(wishes(vec![None, Some(u32::MAX), None])).contains("hair has no value"));
    assert!(refused(wishes(vec![None; 2])).contains("2 values for 3 attributes"));
    assert!(refused(Condition::Attributes(vec![vec![None; 3]])).contains("1 wishes for 2 samples"));
    assert!(refused(Condition::Classes(vec![0, 1])).contains("attributes, not classes"));

    let mut machine = CpuMachine::default();
    for (name, condition, words) in [
        ("classes", wishes(vec![None; 3]), "no attributes to choose"),
        ("plain", wishes(vec![None; 3]), "no attributes"),
        ("class-identity", Condition::Free, "no attributes.json"),
    ] {
        let mut model = Model::load(&mut machine, &fixture("unet").join(name)).unwrap();
        model.unet.config.sample_size = Some((8, 8));
        let error = Run::start(&mut machine, &model, &recipe(condition, 1.0)).unwrap_err().to_string();
        assert!(error.contains(words), "{name}: {error}");
    }
}

/// `label` in other words: what numpy would make of the file.
fn sum_of_rows(wish: &[Option<u32>]) -> Vec<f32> {
    let bytes = &files()[TABLES];
    let file = SafeTensors::deserialize(bytes).unwrap();
    let rows = ["skin", "hair", "hat"].into_iter().zip(wish).map(|(name, value)| {
        let (shape, values) = tensor(&file, name).unwrap();
        let row = value.map_or(shape[0] - 1, |value| value as usize);
        values[row * shape[1]..][..shape[1]].to_vec()
    });
    rows.reduce(|sum, row| sum.iter().zip(&row).map(|(a, b)| a + b).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_label_is_the_sum_of_a_row_of_each_table(
        skin in proptest::option::of(0u32..4),
        hair in proptest::option::of(0u32..3),
        hat in proptest::option::of(0u32..2),
    ) {
        let attributes = ModelFolder::open(&files()).unwrap().attributes.unwrap();
        let wish = [skin, hair, hat];
        prop_assert_eq!(attributes.label(&wish).unwrap(), sum_of_rows(&wish));
    }

    #[test]
    fn any_text_as_a_description(text in any::<String>(), names in proptest::collection::vec(any::<String>(), 0..4)) {
        let config = UNetConfig::parse(r#"{ "class_embed_type": "identity" }"#).unwrap();
        let tables = || Weights::parse(files()[TABLES].clone(), TABLES).unwrap();
        let _ = Attributes::parse(&text, tables(), &config);
        let list: Vec<_> = names.iter().map(|name| json!({ "name": name, "values": names })).collect();
        let _ = Attributes::parse(&json!({ "attributes": list }).to_string(), tables(), &config);
    }
}
