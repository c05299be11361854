"""How often the classifier sees what was asked for."""

import torch

from ..data import Attribute


def agreement(
    seen: torch.Tensor,
    asked: torch.Tensor,
    visible: torch.Tensor,
    attributes: list[Attribute],
) -> dict:
    """Shares of labels [N, A] that agree, over the attributes that a picture shows.

    A null value asks for nothing, and so does an attribute that the others hide.
    """
    nulls = torch.tensor([attribute.null for attribute in attributes])
    counted = visible & (asked != nulls)
    agrees = (seen == asked) & counted
    by_attribute = {
        attribute.name: (agrees[:, i].sum() / counted[:, i].sum()).item()
        for i, attribute in enumerate(attributes)
        if counted[:, i].any()
    }
    figures: dict = {
        "images": len(seen),
        "mean": sum(by_attribute.values()) / len(by_attribute),
    }
    if len(attributes) == 1:
        names = attributes[0].values
        right = {
            names[value]: agrees[asked[:, 0] == value, 0].float().mean().item()
            for value in asked.unique().tolist()
        }
        return figures | {"by_class": right}
    return figures | {"by_attribute": by_attribute}


def relative(figures: dict, real: dict) -> dict:
    """Agreement on samples as a share of the classifier's on real images."""
    shares = {
        name: value / real["by_attribute"][name] for name, value in figures["by_attribute"].items()
    }
    return {"mean": figures["mean"] / real["mean"], "by_attribute": shares}
