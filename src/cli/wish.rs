//! `--class` and `--attr`: names and numbers to a wish for each sample.

use std::fmt::Display;

use reverie::models::attributes::{Attribute, Attributes};
use reverie::models::unet_2d::config::ClassEmbedding;
use reverie::session::{Condition, Model, Wish};

use super::args::SampleArgs;
use super::error::CliError;

/// How alike two names must be for one to be proposed for the other, at most 1.
const ALIKE: f64 = 0.7;

/// What is asked for each of `batch` samples.
pub fn condition(args: &SampleArgs, model: &Model, batch: usize) -> Result<Condition, CliError> {
    let wishes = &args.attributes;
    match (&args.class, &model.attributes) {
        (Some(_), Some(attributes)) => Err(CliError::Usage(format!(
            "--class: this model has attributes instead of classes ({}); ask for those, as in --attr {}",
            names(attributes.list()),
            example(attributes.list())
        ))),
        (Some(class), None) if wishes.is_empty() => classes(class, model, batch),
        (None, _) if wishes.is_empty() => Ok(Condition::Free),
        (_, None) => Err(CliError::Usage(format!(
            "--attr {}: this model has no attributes; {}",
            wishes[0],
            if labels(model).is_empty() { "leave it out" } else { "ask for one of its classes with --class" }
        ))),
        (None, Some(attributes)) => {
            let wish = wish(wishes, attributes)?;
            Ok(Condition::Attributes(vec![wish; batch]))
        }
    }
}

/// The wish of `NAME=VALUE`, …; what is not named is left free.
fn wish(given: &[String], attributes: &Attributes) -> Result<Wish, CliError> {
    let list = attributes.list();
    let refuse = |message: String| Err(CliError::Usage(message));
    let mut wish = vec![None; list.len()];
    let mut named = vec![false; list.len()];
    for text in given {
        let Some((name, value)) = text.split_once('=') else {
            return refuse(format!("--attr {text}: give a name and a value, as in --attr {}", example(list)));
        };
        let Some(at) = list.iter().position(|attribute| same(&attribute.name, name)) else {
            let nearest = nearest(name, list.iter().map(|attribute| &attribute.name));
            let all = names(list);
            return refuse(format!(
                "--attr {text}: there is no attribute `{name}`{nearest}; there are {all}"
            ));
        };
        let Attribute { name, values, .. } = &list[at];
        if std::mem::replace(&mut named[at], true) {
            return refuse(format!("--attr {text}: `{name}` is asked for twice; give it one value"));
        }
        wish[at] = match values.iter().position(|known| same(known, value)) {
            Some(number) => Some(number as u32),
            None if same("free", value) => None,
            None => {
                let nearest = nearest(value, values);
                let all = values.join(", ");
                return refuse(format!(
                    "--attr {text}: `{name}` has no value `{value}`{nearest}; it has {all}, or free"
                ));
            }
        };
    }
    Ok(wish)
}

fn example(list: &[Attribute]) -> String {
    format!("{}={}", list[0].name, list[0].values[0])
}

fn names(list: &[Attribute]) -> String {
    list.iter().map(|attribute| attribute.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// A class by number or name, or `each`.
fn classes(class: &str, model: &Model, batch: usize) -> Result<Condition, CliError> {
    let names = model.facts.class_names.as_deref().unwrap_or_default();
    if class == "each" {
        let labels = labels(model);
        if labels.is_empty() {
            return Err(CliError::Usage("--class each: this model has no numbered classes".into()));
        }
        return Ok(Condition::Classes(labels.into_iter().cycle().take(batch).collect()));
    }
    let by_name = || names.iter().position(|name| same(name, class)).map(|label| label as u32);
    let number = class.parse().ok().or_else(by_name).ok_or_else(|| {
        let nearest = nearest(class, names);
        let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        CliError::Usage(format!(
            "--class {class} is neither a number nor a class of this model{nearest}{names}"
        ))
    })?;
    Ok(Condition::Classes(vec![number; batch]))
}

/// Every class but the null label.
fn labels(model: &Model) -> Vec<u32> {
    let rows = match model.unet.config.class_embedding {
        Some(ClassEmbedding::Table { num_class_embeds }) => num_class_embeds,
        _ => 0,
    };
    (0..rows).filter(|label| model.facts.null_label != Some(*label)).map(|label| label as u32).collect()
}

/// Whether a person would call these the same name.
fn same(a: &str, b: &str) -> bool {
    plain(a) == plain(b)
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '_'], "-")
}

/// " (did you mean …?)", where one of the names is much like the one given.
pub fn nearest<N: AsRef<str> + Display>(given: &str, names: impl IntoIterator<Item = N>) -> String {
    let likeness = |name: &N| strsim::jaro_winkler(&plain(name.as_ref()), &plain(given));
    let scored = names.into_iter().map(|name| (likeness(&name), name)).filter(|(score, _)| *score > ALIKE);
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map_or(String::new(), |(_, name)| format!(" (did you mean `{name}`?)"))
}
