"""The pages of the site that are generated from the code: experiments, mistakes and the API."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from chainrule.checking.mistake_page import escaped, mistake_page
from chainrule.checking.mistakes import MISTAKES
from chainrule.experiments import registry
from chainrule.experiments.experiment import Experiment
from chainrule.experiments.sources import DOCUMENTS, answers, asked

#: What the mistakes of one hundred have in common.
FAMILIES = {
    "G0": "Without a name",
    "G1": "Before any number is compared",
    "G2": "Factors and signs",
    "G3": "The penalty on the weights",
    "G4": "Derivatives of activations",
    "G5": "The output and the loss",
    "G6": "Biases and sums over the batch",
    "G7": "Products of matrices, order and names",
    "G8": "What is added up, and when",
    "G9": "Dropout, batch normalisation, convolution, pooling, recurrence",
    "U1": "Updates: the step",
    "U2": "Updates: momentum",
    "U3": "Updates: averages and accumulators",
    "U4": "Updates: bias correction and ε",
    "U5": "Updates: weight decay",
    "U6": "Updates: from step to step",
}


class Room(NamedTuple):
    """A page of the API reference.

    Attributes
    ----------
    title : str
    use : str
        How a program gets at the names.
    module : str
        Whose exported names are shown, functions first and errors last.
    names : str
        These only, in this order; with a dot those of a module of their own.
    by_module : bool
        Whether each module's names stand together below what the module says about itself.
    """

    title: str
    use: str
    module: str
    names: str = ""
    by_module: bool = False


#: By page. What `chainrule` exports is spread over the pages up to and including errors.
ROOMS = {
    "derivatives": Room(
        "Derivatives", "import chainrule as cr", "chainrule",
        "grad value_and_grad elementwise_grad jacobian hessian hvp vjp jvp stop_gradient "
        "checkpoint custom_vjp check_grads tensor Tensor tree_map register_container",
    ),
    "graphs": Room(
        "Graphs and programs", "import chainrule as cr", "chainrule",
        "trace source explain compile Graph Node programs.source.Source "
        "programs.explanation.Explanation programs.compiled.Compiled programs.picture.Picture "
        "programs.table.Table programs.graph_files.load_graph programs.graph_files.GraphFile",
    ),
    "checking": Room(
        "Checking", "import chainrule as cr", "chainrule",
        "check assert_gradient check_optimizer comparing compare flow checking.report.Report "
        "checking.report.GradientVerdict checking.report.Cause checking.report.WrongLine "
        "checking.updates.check.UpdateReport checking.compare.Compared checking.flow_report.Flow",
    ),
    "functions": Room(
        "Functions beyond NumPy", "import chainrule as cr", "chainrule",
        "softmax log_softmax logsumexp conv1d conv2d max_pool2d avg_pool2d embedding",
    ),
    "errors": Room(
        "Errors", "import chainrule as cr", "chainrule",
        "ChainruleError InvalidInput TracingError UnsupportedFunction UnsupportedArgument "
        "UnsupportedAttribute NotDifferentiable StaleView LeakedTrace GuardMiss UnusedInputWarning",
    ),
    "nn": Room("Networks", "from chainrule import nn", "chainrule.nn"),
    "optim": Room("Optimizers and schedules", "from chainrule import optim", "chainrule.optim"),
    "training": Room("Training", "from chainrule import training", "chainrule.training"),
    "grading": Room("Grading", "from chainrule import grading", "chainrule.grading"),
    "data": Room("Data", "from chainrule import data", "chainrule.data"),
    "theory": Room("Theory", "from chainrule import theory", "chainrule.theory", by_module=True),
    "search": Room("Search", "from chainrule import search", "chainrule.search"),
    "vision": Room(
        "Vision", "from chainrule.vision.style import stylize  # and so on", "chainrule",
        "vision.style.transfer.stylize vision.style.settings.Settings "
        "vision.style.transfer.Stylised vision.folders.read_folder vision.folders.split "
        "vision.folders.Pictures vision.classify.train_classifier vision.classify.Plan "
        "vision.classify.Trained vision.classify.load_classifier vision.classify.Classifier "
        "vision.pipeline.ImageSet vision.training.train vision.training.Settings "
        "vision.embeddings.moments vision.embeddings.pca vision.embeddings.cca "
        "vision.embeddings.linear_classifier vision.weights.pretrained vision.weights.read_weights "
        "vision.errors.VisionError vision.errors.PictureError vision.errors.WeightsError",
    ),
}  # fmt: skip


def experiment_pages(pages: Path) -> Iterator[str]:
    """Write one page for each experiment, and a page that lists them by source document."""
    folder = pages / "experiments"
    folder.mkdir()
    sections = []
    yield "experiments/index.md"
    every = [registry.get(name) for name in registry.names()]
    for number, experiments in groupby(every, key=lambda each: each.document):
        rows = []
        for each in experiments:
            (folder / f"{each.name}.md").write_text(experiment_page(each), encoding="utf-8")
            rows.append(f"| [{each.name}]({each.name}.md) | {each.question} | {each.title} |")
            yield f"experiments/{each.name}.md"
        document = DOCUMENTS[number]
        head = (
            f"## Document {number}\n\n{document.title[0].upper()}{document.title[1:]}. "
            f"The [notebook](../notebooks.md) `{Path(document.notebook).name}` works through it."
            "\n\n"
            "| name | question | shows |\n|---|---|---|\n"
        )
        sections.append(head + "\n".join(rows) + "\n")
    head = (
        "# Experiments\n\n`chainrule run NAME` runs one, `chainrule run --all` all of them; every "
        "claim is measured. Each answers a question of one of four documents.\n\n"
    )
    (folder / "index.md").write_text(head + "\n".join(sections), encoding="utf-8")


def experiment_page(experiment: Experiment) -> str:
    """Return the page of one experiment, from its declaration."""
    data = "\n".join(f"- **{kind}**: {text}" for kind, text in experiment.data.items())
    quick, full = (experiment.resolve(preset, {}) for preset in ("quick", "full"))
    rows = "\n".join(
        f"| `{each.name}` | {cell(each.description)} | {cell(quick[each.name])} | "
        f"{cell(full[each.name])} |"
        for each in experiment.parameters
    )
    settings = (
        f"## Settings\n\n| name | meaning | quick | full |\n|---|---|---|---|\n{rows}\n"
        if rows
        else ""
    )
    needs = ", ".join(f"`pip install 'chainrule[{extra}]'`" for extra in experiment.needs)
    real = (
        f"chainrule run {experiment.name} --preset full --data real\n"
        if "real" in experiment.data
        else ""
    )
    sentences = "\n".join(f"- {text}" for text in answers(experiment.name))
    findings = (
        f"## What it finds\n\n{sentences}\n\nEvery run measures these sentences anew; its page "
        "says whether they held, and with which figures.\n\n"
        if sentences
        else ""
    )
    return (
        f"# {experiment.title}\n\n{asked(experiment.name)}\n\n"
        f"The question is {experiment.question} "
        f"of [document {experiment.document}](index.md#document-{experiment.document}).\n\n"
        f"```sh\nchainrule run {experiment.name}\n{real}```\n\n"
        f"{'Needs ' + needs + '. ' if needs else ''}Its page shows: {experiment.summary}\n\n"
        f"{findings}"
        f"## Data\n\n{data}\n\n{settings}"
    )


def cell(value: object) -> str:
    """Return a value as it stands in a Markdown table."""
    text = ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
    return text.replace("|", "\\|").replace("\n", " ") or " "


def mistake_pages(pages: Path) -> Iterator[str]:
    """Write one page for each mistake with a code, and a page that lists them by family."""
    folder = pages / "mistakes"
    folder.mkdir()
    yield "mistakes/index.md"
    sections = []
    for family, codes in groupby(MISTAKES, key=lambda code: code[:2]):
        rows = []
        there = list(codes)
        for code in there:
            others = ", ".join(f"[{other}]({other}.md)" for other in there if other != code)
            beside = f"\n{FAMILIES[family]}: {others}; [all mistakes](index.md).\n"
            page = mistake_page(code)
            # Without a table of contents the lines of the report fit.
            written = (
                "---\nhide: [toc]\n---\n"
                + page.markdown()
                + (beside if others else "\n[All mistakes](index.md).\n")
            )
            (folder / f"{code}.md").write_text(written, encoding="utf-8")
            name, what = map(escaped, (page.mistake.name, page.mistake.what))
            rows.append(f"| [{code}]({code}.md) | {name} | {what} |")
            yield f"mistakes/{code}.md"
        table = "\n".join(["| code | name | what it is |", "|---|---|---|", *rows])
        sections.append(f"## {FAMILIES[family]}\n\n{table}\n")
    head = (
        "# Mistakes\n\n`chainrule check` and `chainrule grade` name a mistake by its code; a code "
        "keeps its meaning. Each page says how the mistake is recognised, why training often hides "
        "it and how it is mended, with a file that holds it and what the program says about that "
        "file, made when this page was built. `chainrule explain G201` prints the same.\n\n"
        "t is the true gradient, c the claimed one, g a cotangent (upstream gradient), n the batch "
        "size, C the number of classes, z a pre-activation, a an activation.\n\n"
        "Codes with U are those of update rules, which `cr.check_optimizer` and `chainrule grade` "
        "name. They are this project's own, as those with G are: w parameters, g gradient, η "
        "learning rate, v velocity, m and s averages of g and g², G their sum, t the number of "
        "the step.\n\n"
    )
    (folder / "index.md").write_text(head + "\n".join(sections), encoding="utf-8")


def api_pages(pages: Path) -> Iterator[str]:
    """Write one page for each room, with its public names."""
    folder = pages / "api"
    folder.mkdir()
    for page, room in ROOMS.items():
        names = public_names(room)
        blocks = modules(names) if room.by_module else "\n".join(f"::: {name}\n" for name in names)
        head = f"# {room.title}\n\n```python\n{room.use}\n```\n\n"
        (folder / f"{page}.md").write_text(head + blocks, encoding="utf-8")
        yield f"api/{page}.md"


def modules(names: list[str]) -> str:
    """Return the blocks of names, those of a module below its docstring, which names its source."""
    by_module: dict[str, list[str]] = {}
    for name in names:
        by_module.setdefault(getattr(pkgutil.resolve_name(name), "__module__", ""), []).append(name)
    parts = []
    for module, there in sorted(by_module.items()):
        about = inspect.getdoc(importlib.import_module(module)) or ""
        title = module.rpartition(".")[2].replace("_", " ").capitalize().replace("Relu", "ReLU")
        blocks = (f"::: {name}\n    options:\n      heading_level: 3\n" for name in there)
        parts.append("\n".join([f"## {title}\n\n{escaped(about)}\n", *blocks]))
    return "\n".join(parts)


def public_names(room: Room) -> list[str]:
    """Return the full names of what a room shows, each where it is defined."""
    if room.names:
        return [
            f"chainrule.{name}" if "." in name else defined(room.module, name)
            for name in room.names.split()
        ]
    module = importlib.import_module(room.module)
    shown = [
        name
        for name in getattr(module, "__all__", dir(module))
        if not name.startswith("_")
        and callable(value := getattr(module, name))
        and (getattr(value, "__module__", "") or "").startswith("chainrule.")
        and value.__doc__
    ]
    shown.sort(key=lambda name: rank(getattr(module, name)))
    return list(dict.fromkeys(defined(room.module, name) for name in shown))


def rank(value: object) -> int:
    """Functions come before classes, then come values, and errors last."""
    if inspect.isroutine(value):
        return 0
    if not inspect.isclass(value):
        return 2
    return 3 if issubclass(value, Exception) else 1


def defined(module: str, name: str) -> str:
    """Return the full name of an exported value where it is defined."""
    value = getattr(importlib.import_module(module), name)
    # What a factory returned is documented where it got its name.
    qualified = getattr(value, "__qualname__", name)
    return f"{value.__module__}.{name if '<locals>' in qualified else qualified}"
