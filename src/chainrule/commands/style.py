"""``chainrule style``: give a picture the style of another."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chainrule.commands.output import AsJson, Interrupted, print_json

if TYPE_CHECKING:
    from chainrule.vision.style.settings import Settings, Tiling
    from chainrule.vision.style.transfer import Moment, Stylised


def style(
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="The picture to paint.")],
    styles: Annotated[
        list[str], typer.Argument(metavar="STYLE...", help="How: one picture, or FILE=WEIGHT.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.png", help="The result.")],
    size: Annotated[int, typer.Option(help="Pixels of the longer side.")] = 512,
    steps: Annotated[int, typer.Option(help="Evaluations of loss and gradient.")] = 200,
    encoder: Annotated[
        str, typer.Option(help="vgg19, vgg19-16x (some five times cheaper), random, or auto.")
    ] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Weights of the encoder: .safetensors or PyTorch.")
    ] = None,
    style_weight: Annotated[float, typer.Option(help="More: more style, less content.")] = 50.0,
    content_weight: Annotated[float, typer.Option(help="Weight of the content.")] = 1.0,
    variation_weight: Annotated[float, typer.Option(help="More: smoother.")] = 30.0,
    style_layers: Annotated[
        str | None,
        typer.Option(metavar="LAYER=WEIGHT,…", help="relu1_1=1,relu2_1=2,… if not given."),
    ] = None,
    content_layers: Annotated[
        str | None, typer.Option(metavar="LAYER=WEIGHT,…", help="relu4_2 if not given.")
    ] = None,
    style_scale: Annotated[
        float, typer.Option(help="Size of the style pictures, relative to the result's.")
    ] = 1.0,
    scales: Annotated[int, typer.Option(help="Sizes gone through, each twice the last.")] = 2,
    start: Annotated[str, typer.Option(help="content, noise, style, or a picture.")] = "content",
    optimizer: Annotated[str, typer.Option(help="lbfgs or adam.")] = "lbfgs",
    rate: Annotated[float, typer.Option(help="Learning rate of Adam, in grey levels.")] = 5.0,
    pooling: Annotated[str, typer.Option(help="max or average.")] = "max",
    original_colours: Annotated[
        bool, typer.Option("--original-colours", help="Keep the content's colours.")
    ] = False,
    unscaled: Annotated[
        bool, typer.Option("--unscaled", help="Losses as in Gatys, not relative to the targets.")
    ] = False,
    precision: Annotated[
        str, typer.Option(help="float32, bfloat16, float64, or auto: what a probe finds.")
    ] = "auto",
    tile: Annotated[
        str, typer.Option(help="Side of tiles that save memory, none, or auto.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of noise and of the random encoder.")] = 0,
    preview: Annotated[
        int, typer.Option(metavar="N", help="Write the picture so far every N evaluations.")
    ] = 0,
    report: Annotated[
        Path | None,
        typer.Option(metavar="PAGE.html", help="Also write a page: filmstrip and loss curves."),
    ] = None,
    data_directory: Annotated[
        Path | None,
        typer.Option("--data-dir", help="Folder whose weights/ is searched first."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Download nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Paint one picture in the manner of another.

    The method is that of Gatys, Ecker and Bethge (2016).

    Ctrl-C ends early: the picture so far is written.

    \b
    chainrule style cat.jpg starry_night.jpg -o out.png
    chainrule style cat.jpg wave.jpg=2 scream.jpg=1 -o out.png --size 768
    chainrule style cat.jpg wave.jpg -o out.png --encoder vgg19-16x --original-colours
    chainrule style cat.jpg wave.jpg -o out.png --start noise --report out.html
    """
    from chainrule.vision import require_torch
    from chainrule.vision.images import check_output, write_picture

    require_torch()
    from chainrule.vision.style.settings import Settings, parse_layers
    from chainrule.vision.style.transfer import stylize

    os.environ.setdefault("MPLBACKEND", "Agg")
    check_output(output)
    options: dict[str, Any] = {}
    if style_layers is not None:
        options["style_layers"] = parse_layers(style_layers)
    if content_layers is not None:
        options["content_layers"] = parse_layers(content_layers)
    settings = Settings(
        encoder=encoder, weights=weights, size=size, style_scale=style_scale, steps=steps,
        scales=scales, optimizer=optimizer, rate=rate, start=start, style_weight=style_weight,
        content_weight=content_weight, variation_weight=variation_weight, relative=not unscaled,
        pooling=pooling, original_colours=original_colours, precision=precision,
        tile=_tile(tile), device=device, seed=seed, **options,
    )  # fmt: skip
    pictures = [_style_picture(text) for text in styles]
    watch = _Watch(output, preview)
    try:
        with watch:
            result = stylize(
                content, pictures, settings, watch.step, data_dir=data_directory,
                download=not offline,
            )  # fmt: skip
    except KeyboardInterrupt:
        raise Interrupted(watch.write_last()) from None
    for note in result.notes:
        print(f"chainrule: {note}", file=sys.stderr)
    write_picture(output, result.image)
    if report is not None:
        from chainrule.commands.style_page import write_page

        write_page(report, result, settings, content, pictures)
    if as_json:
        print_json(_facts(result, settings, output, report))
    else:
        print(output)
        if report is not None:
            print(report)


def _tile(text: str) -> Tiling:
    """What --tile gives."""
    from chainrule.vision import VisionError

    if text == "auto":
        return "auto"
    if text == "none":
        return None
    if not text.isdecimal():
        raise VisionError(f"--tile {text} is not a number of pixels; also possible: none, auto.")
    return int(text)


def _style_picture(text: str) -> tuple[str, float]:
    """A style picture and its weight; a name with = in it that exists is a name."""
    name, sign, weight = text.rpartition("=")
    if not sign or Path(text).exists():
        return text, 1.0
    try:
        return name, float(weight)
    except ValueError:
        return text, 1.0


class _Watch:
    """Shows progress with losses, writes previews, and keeps the picture so far.

    Parameters
    ----------
    output : Path
        Where the picture goes.
    every : int
        Evaluations between two previews; 0 for none.
    """

    def __init__(self, output: Path, every: int) -> None:
        from chainrule.reporting.terminal import Terminal

        self._output = output
        self._every = every
        self._terminal = Terminal()
        self._last: Moment | None = None
        self._open: Any = None
        self._bar: Any = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        if self._open is not None:
            self._open.__exit__(None, None, None)

    def step(self, moment: Moment) -> None:
        """Take note of one evaluation."""
        from chainrule.vision.images import write_picture

        if self._open is None:
            self._open = self._terminal.progress("Painting", moment.steps)
            self._bar = self._open.__enter__()
        self._last = moment
        height, width = moment.size
        losses = moment.losses
        self._bar.advance(
            total=losses.total, style=losses.style, content=losses.content,
            size=f"{width}×{height}",
        )  # fmt: skip
        if moment.note:
            self._terminal.note(f"Evaluation {moment.step}: {moment.note}.")
        if self._every and moment.step and moment.step % self._every == 0:
            write_picture(self._output, moment.image())

    def write_last(self) -> str:
        """Write the picture so far, after an interruption, and say so."""
        from chainrule.vision.images import write_picture

        if self._last is None:
            return "nothing was painted yet, what has been downloaded is kept"
        write_picture(self._output, self._last.image())
        done = f"{self._last.step + 1} of {self._last.steps} evaluations"
        return f"the picture after {done} is in {self._output}"


def _facts(
    result: Stylised, settings: Settings, output: Path, report: Path | None
) -> dict[str, Any]:
    """What --json prints."""
    height, width = result.image.shape[:2]
    return {
        "output": str(output),
        "report": None if report is None else str(report),
        "width": width,
        "height": height,
        "encoder": result.encoder,
        "precision": result.precision,
        "evaluations": len(result.history),
        "seconds": result.history[-1][3],
        "losses": result.losses._asdict(),
        "notes": result.notes,
        "probe": [
            {"precision": c.name, "seconds": c.seconds, "loss_difference": c.loss_difference,
             "cosine": c.cosine}
            for c in result.candidates
        ],
    }  # fmt: skip
