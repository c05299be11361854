"""A model's README.md, from what its export and its evaluation wrote: no figure is typed."""

import json
from pathlib import Path
from typing import Any

from .config import Config


def write_card(config: Config, folder: Path, machine: str, note: str = "") -> None:
    """`note` is what the recipe does not tell of this training, `samples.txt` of the grid."""
    facts = json.loads((folder / "reverie.json").read_text())
    figures = json.loads((folder / "evaluation.json").read_text())
    sections = [
        _head(facts, folder),
        _table(_network(config, facts)),
        "`golden.safetensors` holds an input and PyTorch's output on it, in f32 arithmetic on "
        "these f16 weights; `reverie.json` says what diffusers has no place for.",
        " ".join(part for part in (_training(config, facts, machine), note) if part),
        "## How good it is",
        _method(figures),
        _table(_agreement(figures) + _distance(figures) + _others(figures)),
        _breakdown(figures),
        "`closest.png` has the sixteen samples that lie nearest to a training image, each with "
        "that image to its right. `unguided.png` has the first samples of the measured ones.",
        _seconds(figures),
        _credits(facts),
    ]
    (folder / "README.md").write_text("\n\n".join(part for part in sections if part) + "\n")


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows)])


def _head(facts: dict[str, Any], folder: Path) -> str:
    grid = "\n\n![64 samples, made by `reverie sample`](samples.png)"
    picture = grid if (folder / "samples.png").exists() else ""
    if (folder / "samples.txt").exists():
        picture += f"\n\n{(folder / 'samples.txt').read_text().strip()}"
    also = (
        ", and `attributes.json` with `attributes.safetensors` hold the names and embeddings of "
        "what can be asked for: a sample's `class_labels` is the sum of one row of each table, "
        "the last row of a table leaving its attribute free"
    )
    wishes = also if "class_names" not in facts else ""
    return (
        f"# {facts['name']}\n\n{facts['description']}{picture}\n\n"
        "A diffusers pipeline folder: `unet` loads with `UNet2DModel`, `scheduler` with "
        f"`DDPMScheduler` or `DDIMScheduler`{wishes}."
    )


def _network(config: Config, facts: dict[str, Any]) -> list[tuple[str, str]]:
    unet, schedule = config.unet, config.scheduler
    size = unet["sample_size"]
    colour = "in colour" if unet["in_channels"] == 3 else "grey"
    channels = ", ".join(str(width) for width in unet["block_out_channels"])
    return [
        (
            "network",
            f"`UNet2DModel`, {size}x{size} {colour} in [-1, 1], channels ({channels}), "
            f"{unet['layers_per_block']} layer a block, attention at {size // 4}x{size // 4}",
        ),
        (
            "size",
            f"{facts['parameters']:,} parameters in f16; {facts['gflop']:.3f} GFLOP a pass "
            "(multiply and add counted as two)",
        ),
        (
            "schedule",
            f"{schedule['beta_schedule']}, {schedule['num_train_timesteps']} steps, "
            f"{schedule['prediction_type']}, {schedule['timestep_spacing']} timesteps, "
            f"x0 {'clipped' if schedule['clip_sample'] else 'not clipped'}",
        ),
        ("licence", facts["licence"]),
    ]


def _training(config: Config, facts: dict[str, Any], machine: str) -> str:
    training = config.training
    dropped = f"labels dropped {100 * training.label_dropout:.0f}% of the time"
    if training.subset_share:
        dropped += f", {100 * training.subset_share:.0f}% of the time a random subset of them"
    if focus := training.focus:
        rows, columns = (" to ".join(map(str, (a, b - 1))) for a, b in (focus.rows, focus.columns))
        dropped += (
            f"; errors in rows {rows} and columns {columns} count {focus.weight:g} times as much"
        )
    return (
        f"Training: {facts['images_seen']:,} images seen in {facts['training_minutes']:.0f} "
        f"minutes on {machine}, {training.mixed_precision}; {dropped}; AdamW, "
        f"{training.learning_rate:g} to {training.final_learning_rate:g} by a cosine; averaged "
        f"weights ({training.ema_decay}). The recipe is `train/configs/{config.name}.toml`."
    )


def _method(figures: dict[str, Any]) -> str:
    return (
        f"Samples are drawn by diffusers from the weights in this folder: DDIM, eta 0, "
        f"{figures['steps']} steps, computed in {figures['precision']}, for the labels of held-out "
        "images. A classifier trained apart from the model says what it sees, and its features are "
        "what distances and diversity are measured in. The figures are `evaluation.json`, the "
        "commands in `train/README.md`."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def _agreement(figures: dict[str, Any]) -> list[tuple[str, str]]:
    found = figures["agreement"]
    rows = [
        (
            "agreement, guidance 2",
            f"{_percent(found['guided']['mean'])} of {found['guided']['images']:,} samples",
        ),
        (
            "agreement, guidance 1",
            f"{_percent(found['unguided']['mean'])} of {found['unguided']['images']:,} samples",
        ),
        (
            "the classifier on held-out real images",
            f"{_percent(found['real']['mean'])} of {found['real']['images']:,}",
        ),
    ]
    if relative := found.get("guided_relative_to_real"):
        rows.append(("guidance 2, as a share of the classifier's", _percent(relative["mean"])))
    return rows


def _distance(figures: dict[str, Any]) -> list[tuple[str, str]]:
    found = figures["frechet_distance"]
    floor, held_out = found["floor_train"], found["floor_held_out"]
    count = f"{found['images']:,}"
    steps = sorted(
        (int(key.split("_")[0]) for key in found if key.endswith("_steps")), reverse=True
    )
    return [
        *(
            (f"Fréchet distance, {n} steps, guidance 1", f"{found[f'{n}_steps']:.2f}")
            for n in steps
        ),
        (
            f"its floor: {count} real training images against the same held-out ones",
            f"{floor['mean']:.2f} ± {floor['deviation']:.2f} (5 draws)",
        ),
        (
            f"a lower floor: {count} of the held-out images against all of them",
            f"{held_out['mean']:.2f} ± {held_out['deviation']:.2f}",
        ),
    ]


def _others(figures: dict[str, Any]) -> list[tuple[str, str]]:
    diversity, bound = figures["diversity"], figures["bound"]
    near = figures["memorisation"]
    rows = [
        (
            "diversity: mean feature distance of pairs, samples / real",
            f"{diversity['samples']:.2f} / {diversity['real']:.2f}",
        )
    ]
    if "real_within_class" in diversity:
        rows.append(
            (
                "… within a class",
                f"{diversity['samples_within_class']:.2f} / {diversity['real_within_class']:.2f}",
            )
        )
    if variety := figures.get("variety"):
        rows.append(
            (
                "diversity with three attributes given: entropy of the free ones, share of the "
                "data's",
                f"{_percent(variety['entropy_share'])}, over "
                f"{len(variety['wishes'])} wishes of {variety['images_per_wish']} samples "
                f"({_range(variety)})",
            )
        )
    if ancestral := figures.get("variety_ancestral"):
        rows.append(
            (
                "… sampled ancestrally (eta 1)",
                f"{_percent(ancestral['entropy_share'])} ({_range(ancestral)})",
            )
        )
    pairs = zip(near["quantiles"], near["samples"], near["held_out"], strict=True)
    rows += [
        (
            f"memorisation: distance to the nearest training image, {_quantile(at)}, "
            "samples / held-out",
            f"{ours:.3f} / {real:.3f}",
        )
        for at, ours, real in pairs
    ]
    rows.append(
        (
            "samples nearer than all but 1% of held-out images",
            _percent(near["share_closer_than_1_percent_of_held_out"]),
        )
    )
    rows.append(
        (
            "variational bound on held-out images",
            f"{bound['bits_per_dimension']:.3f} bits/dim ± {bound['standard_error']:.3f} over "
            f"{bound['images']} images, ± {bound['monte_carlo_error']:.3f} by chance of the "
            f"{bound['timesteps_per_image']} timesteps drawn for each",
        )
    )
    return rows


def _range(variety: dict[str, Any]) -> str:
    shares = sorted(variety["entropy_share_by_wish"])
    return f"{_percent(shares[0])} to {_percent(shares[-1])} by wish"


def _quantile(at: float) -> str:
    return {0.0: "smallest", 0.5: "median"}.get(at, f"{100 * at:g}% quantile")


def _breakdown(figures: dict[str, Any]) -> str:
    found = figures["agreement"]
    if "by_class" in found["guided"]:
        guided, real = found["guided"]["by_class"], found["real"]["by_class"]
        head = ["class", "agreement, guidance 2", "classifier on real images"]
        columns = [guided, real]
    else:
        guided, real = found["guided"]["by_attribute"], found["real"]["by_attribute"]
        head = [
            "attribute, where the picture shows it",
            "guidance 2",
            "classifier on real images",
            "entropy when free, share of the data's",
            "… sampled ancestrally",
        ]
        columns = [guided, real]
        for name in ("variety", "variety_ancestral"):
            if variety := figures.get(name):
                columns.append(variety["entropy_share_by_attribute"])
    lines = [
        [name, *(_percent(column[name]) for column in columns if name in column)] for name in guided
    ]
    rows = [head[: 1 + len(columns)], ["---"] * (1 + len(columns)), *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _seconds(figures: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} {spent:.0f} s" for name, spent in figures["seconds"].items())
    total = sum(figures["seconds"].values()) / 60
    return f"Evaluating took {total:.0f} minutes on two CPU cores that had other work: {parts}."


def _credits(facts: dict[str, Any]) -> str:
    text = f"## Credits\n\n{facts['credits']}"
    if artists := facts.get("artists"):
        licence = "https://creativecommons.org/licenses/by-sa/3.0/"
        text += (
            f" These weights and what they draw carry the same licence, CC-BY-SA 3.0 ({licence}).\n"
            "\n" + "\n".join(f"- {artist}" for artist in artists)
        )
    return text
