//! Models by name, classes by name, and attributes, on the command line.
#![cfg(not(target_arch = "wasm32"))]

#[path = "common/command.rs"]
mod command;
mod common;

use std::fs;
use std::path::Path;

use command::{copy, done, refused};
use common::{fixture, tensor};
use safetensors::SafeTensors;
use tempfile::TempDir;

/// A repository with two shipped models, `classes` and `attributes`.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for model in ["classes", "attributes"] {
        copy(&fixture("unet").join(model), &folder.path().join("www/models").join(model));
    }
    folder
}

fn sample(folder: &Path, args: &str) -> Vec<f32> {
    done(folder, &format!("sample {args} --steps 3 --seed 5 --backend cpu --output s.safetensors"));
    let bytes = fs::read(folder.join("s.safetensors")).unwrap();
    tensor(&SafeTensors::deserialize(&bytes).unwrap(), "sample").unwrap().1
}

#[test]
fn a_shipped_model_is_found_by_its_name() {
    let folder = repository();
    let below = folder.path().join("docs/deep");
    fs::create_dir_all(&below).unwrap();
    for place in [folder.path(), &below] {
        assert!(done(place, "info --model attributes").starts_with("attributes\n"));
    }
    assert!(done(folder.path(), "info --model www/models/classes").starts_with("classes\n"));
    for command in ["info", "sample --output o.png", "unet --input i.safetensors --output o.safetensors"] {
        let words = ["'nowhere'", "there are attributes, classes"];
        refused(folder.path(), &format!("{command} --model nowhere"), &words);
    }
    refused(folder.path(), "info --model ./nowhere", &["./nowhere: there is no model here"]);
    // What lies here comes first.
    copy(&fixture("unet/plain"), &folder.path().join("classes"));
    assert!(!done(folder.path(), "info --model classes").contains("stands for none"));
}

#[test]
fn a_class_goes_by_any_spelling_of_its_name() {
    let folder = repository();
    let by_number = sample(folder.path(), "--model classes --class 1");
    assert_eq!(sample(folder.path(), "--model classes --class B"), by_number);
    assert_ne!(sample(folder.path(), "--model classes --class c"), by_number);
}

#[test]
fn attributes_are_chosen_by_name_and_free_where_they_are_not() {
    let folder = repository();
    let sample = |args: &str| sample(folder.path(), &format!("--model attributes --batch 2 {args}"));
    let free = sample("");
    assert_eq!(sample("--attr skin=free --guidance-scale 3"), free, "nothing is asked for");
    let orc = sample("--attr skin=orc --attr hair=raven-black --guidance-scale 2");
    assert_eq!(sample("--attr HAIR=Raven_Black --attr skin=orc --guidance-scale 2"), orc);
    assert_ne!(orc, free);
    assert_eq!(sample("--attr skin=orc --guidance-scale 0"), free);
    assert_ne!(sample("--attr skin=orc"), sample("--attr skin=light"));

    let args = "sample --model attributes --steps 1 --attr hat=crown --output o.png --json --backend cpu";
    let said: serde_json::Value = serde_json::from_str(&done(folder.path(), args)).unwrap();
    let expected = serde_json::json!({ "skin": null, "hair": null, "hat": "crown" });
    assert_eq!(said["attributes"], expected);
}

#[test]
fn what_no_model_has_is_refused_by_name() {
    let folder = repository();
    for (args, words) in [
        (
            "attributes --attr hare=pink",
            &["no attribute `hare`", "did you mean `hair`?", "skin, hair, hat"][..],
        ),
        ("attributes --attr hair=pnik", &["`hair` has no value `pnik`", "did you mean `pink`?", "or free"]),
        ("attributes --attr hair", &["--attr hair", "skin=light"]),
        ("attributes --attr hair=pink --attr hair=none", &["`hair` is asked for twice"]),
        ("attributes --class 3", &["attributes instead of classes", "skin, hair, hat", "--attr skin=light"]),
        ("attributes --class a --attr hair=pink", &["attributes instead of classes"]),
        ("classes --attr hair=pink", &["--attr hair=pink", "no attributes", "--class"]),
        ("classes --class a --attr hair=pink", &["--attr hair=pink", "no attributes"]),
        ("classes --class zebra", &["zebra", "a, b, c, d"]),
    ] {
        refused(folder.path(), &format!("sample --output o.png --backend cpu --model {args}"), words);
    }
}

#[test]
fn info_lists_attributes_and_their_values() {
    let folder = repository();
    let text = done(folder.path(), "info --model attributes");
    assert!(text.contains("skin       light, dark-elf, orc, green\n"), "{text}");
    let json = done(folder.path(), "info --model attributes --json");
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    let hat = serde_json::json!({ "name": "hat", "title": "Hat", "values": ["none", "crown"] });
    assert_eq!(facts["attributes"][2], hat);
}

#[test]
fn guidance_needs_a_null_label() {
    let folder = repository();
    let model = folder.path().join("www/models/classes");
    fs::write(model.join("reverie.json"), r#"{"name": "classes"}"#).unwrap();
    let args = "sample --model classes --class 1 --steps 2 --backend cpu --output s.safetensors";
    let words = ["guidance needs a null label", "reverie.json", "use guidance_scale 1"];
    refused(folder.path(), &format!("{args} --guidance-scale 2"), &words);
    done(folder.path(), &format!("{args} --guidance-scale 1"));
    refused(folder.path(), &args.replace("--class 1", ""), &["no null label", "give a class"]);
    for scale in ["nan", "inf"] {
        refused(folder.path(), &format!("{args} --guidance-scale {scale}"), &["guidance_scale"]);
    }
}
