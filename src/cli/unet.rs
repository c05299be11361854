//! `reverie unet`: one pass over the tensors of a file.

use reverie::diffusion::scheduler_config::SchedulerConfig;
use reverie::machine::Machine;
use reverie::models::attributes::Attributes;
use reverie::models::facts::Facts;
use reverie::models::folder::ModelFolder;
use reverie::models::unet_2d::config::ClassEmbedding;
use reverie::models::unet_2d::network::{ClassLabels, UNet};

use super::args::UnetArgs;
use super::backend::Task;
use super::error::CliError;
use super::output::{self, Named};
use super::tensors::TensorFile;

/// The command.
pub struct Pass<'a>(pub &'a UnetArgs);

/// A network, and what its folder says besides.
pub struct Network {
    pub unet: UNet,
    /// None where the folder has no scheduler.
    pub scheduler: Option<SchedulerConfig>,
    pub facts: Facts,
    pub attributes: Option<Attributes>,
}

/// What a pass is made on.
struct Input {
    shape: [usize; 4],
    sample: Vec<f32>,
    timesteps: Vec<f32>,
    labels: Option<ClassLabels>,
}

impl Task for Pass<'_> {
    async fn run<M: Machine>(self, machine: &mut M, device: &str) -> Result<(), CliError> {
        let args = self.0;
        output::check_folder(&args.output)?;
        let file = TensorFile::read(&args.input)?;
        let Network { unet, scheduler, .. } = Network::load(machine, &args.model)?;
        let end = scheduler.map(|scheduler| scheduler.num_train_timesteps);
        let Input { shape: [batch, _, height, width], sample, timesteps, labels } =
            Input::of(&file, &unet, end)?;

        let instance = unet.instance(machine, batch, height, width)?;
        let start = std::time::Instant::now();
        let values = unet.forward(machine, &instance, &sample, &timesteps, labels.as_ref()).await?;
        let seconds = start.elapsed().as_secs_f64();
        let shape = vec![batch, unet.config.out_channels, height, width];
        output::write_tensors(&args.output, &[Named { name: "sample", shape, values: &values }])?;
        super::say(&format!("{} in {:.1} ms on {device}", args.output.display(), 1000.0 * seconds))
    }
}

impl Network {
    pub fn load<M: Machine>(machine: &mut M, folder: &std::path::PathBuf) -> Result<Self, CliError> {
        let found = ModelFolder::open(folder).map_err(|e| CliError::model(folder, e))?;
        let scheduler = found.scheduler.as_deref().map(SchedulerConfig::from_json).transpose();
        let scheduler = scheduler.map_err(|e| CliError::model(folder, e))?;
        let weights = found.weights(folder).map_err(|e| CliError::model(folder, e))?;
        let unet = UNet::load(machine, found.config, weights);
        let unet = unet.map_err(|e| CliError::model(folder, e))?;
        Ok(Self { unet, scheduler, facts: found.facts, attributes: found.attributes })
    }
}

impl Input {
    /// Takes and checks every tensor; `end` is the schedule's length.
    fn of(file: &TensorFile, unet: &UNet, end: Option<usize>) -> Result<Self, CliError> {
        let channels = unet.config.in_channels;
        let expected = format!("[N, {channels}, height, width] with N of 1 or more");
        let sample = file.get("sample", &expected)?;
        let shape = match *sample.shape() {
            [n, c, h, w] if n > 0 && c == channels => [n, c, h, w],
            _ => return Err(sample.shape_error(&expected)),
        };
        let [batch, _, height, width] = shape;
        unet.config.check_size(height, width).map_err(|e| sample.error(format!("does not fit: {e}")))?;

        let expected = format!("[{batch}] or [1]");
        let timestep = file.get("timestep", &expected)?;
        if ![[batch], [1]].iter().any(|shape| timestep.shape() == shape) {
            return Err(timestep.shape_error(&expected));
        }
        let mut timesteps = timestep.times()?;
        timesteps.resize(batch, timesteps[0]);
        for timestep in &timesteps {
            unet.time.check(*timestep, end).map_err(|e| file.error(e))?;
        }

        let labels = labels(file, unet, batch)?;
        // Before any memory is asked for.
        unet.condition_words(labels.as_ref(), batch).map_err(|e| file.error(e))?;
        Ok(Self { shape, sample: sample.floats()?, timesteps, labels })
    }
}

/// `class_labels` of the kind that the network's class embedding takes.
fn labels(file: &TensorFile, unet: &UNet, batch: usize) -> Result<Option<ClassLabels>, CliError> {
    let Some(tensor) = file.find("class_labels")? else { return Ok(None) };
    let Some(kind) = unet.config.class_embedding else {
        return Err(tensor.error("is there, but this model takes no class labels: leave it out"));
    };
    let shape = match kind {
        ClassEmbedding::Identity => vec![batch, unet.config.time_embed_dim],
        ClassEmbedding::Table { .. } | ClassEmbedding::Timestep => vec![batch],
    };
    if tensor.shape() != shape {
        return Err(tensor.shape_error(&format!("{shape:?}")));
    }
    Ok(Some(match kind {
        ClassEmbedding::Identity => ClassLabels::Embeddings(tensor.floats()?),
        ClassEmbedding::Timestep => ClassLabels::Times(tensor.times()?),
        ClassEmbedding::Table { num_class_embeds } => {
            let last = num_class_embeds - 1;
            let number = |label: &i64| {
                let number = u32::try_from(*label).ok().filter(|number| *number as usize <= last);
                let out_of_range =
                    || format!("holds {label}, which is out of range; classes are 0 to {last}");
                number.ok_or_else(|| tensor.error(out_of_range()))
            };
            ClassLabels::Numbers(tensor.whole()?.iter().map(number).collect::<Result<_, _>>()?)
        }
    }))
}
