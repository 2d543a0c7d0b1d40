"""The weights known by name: each file with its address, size, checksum and licence.

Sizes and SHA-256 of the torchvision files are those that their publishers' file names begin with
and that public mirrors list in full; of the other two the tensors are pinned, not the file.
"""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.data.registry import Form

#: Mean and standard deviation of ImageNet's pixels, RGB in [0, 1], that all of these expect.
MEAN, STANDARD_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class WholeFile:
    """A file that is downloaded as it is, and checked by its size and SHA-256."""

    served: Form
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class PinnedTensors:
    """A file whose tensors, in `dtype`, are pinned by `digest`; kept as safetensors under `name`.

    Attributes
    ----------
    name : str
        Of the kept file.
    digest : str
        `chainrule.vision.weights.digest` of the tensors.
    dtype : {"float16", "float32"}
    address : str
        Of the published file, a PyTorch archive.
    largest : int
        Bytes that the published file may have at most.
    """

    name: str
    digest: str
    dtype: str
    address: str
    largest: int


@dataclass(frozen=True)
class PartOfFile:
    """A safetensors file of which the beginning of the network can be fetched by range requests.

    Attributes
    ----------
    address : str
    sha256 : str
        Of the whole file; the server names it (header X-Linked-ETag), and another one is refused.
    """

    address: str
    sha256: str


@dataclass(frozen=True)
class Weights:
    """Weights of a network, as they can be had.

    Attributes
    ----------
    name : str
    model : str
        Name in `chainrule.vision.models.MODELS`, or "" for a style encoder.
    licence : str
    whole : WholeFile or None
    tensors : PinnedTensors or None
    part : PartOfFile or None
    """

    name: str
    model: str
    licence: str
    whole: WholeFile | None = None
    tensors: PinnedTensors | None = None
    part: PartOfFile | None = None

    @property
    def file_name(self) -> str:
        """Name under which the file is looked for and kept."""
        if self.whole is not None:
            return self.whole.served.name
        assert self.tensors is not None
        return self.tensors.name


def _torchvision(name: str, size: int, sha256: str, part: PartOfFile | None = None) -> Weights:
    form = Form(f"{name}-{sha256[:8]}.pth", size, sha256)
    address = f"https://download.pytorch.org/models/{form.name}"
    return Weights(name, name, "BSD-3-Clause", WholeFile(form, (address,)), part=part)


WEIGHTS = {
    weights.name: weights
    for weights in (
        _torchvision(
            "vgg19",
            574_673_361,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            PartOfFile(
                "https://huggingface.co/timm/vgg19.tv_in1k/resolve/main/model.safetensors",
                "11aea017b543ff59233749d8f1cf544cda749378f5790d2fedab841fb86b7669",
            ),
        ),
        _torchvision(
            "resnet18",
            46_830_571,
            "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
        ),
        _torchvision(
            "resnet34",
            87_319_819,
            "b627a593bcbe140c234610266fe4f8ae95ea42fc881d091c9b6052e6b1d0590f",
        ),
        # H. Wang et al., "Collaborative distillation for ultra-resolution universal style
        # transfer", CVPR 2020: VGG19 with a quarter of the channels.
        Weights(
            "vgg19-16x",
            "",
            "MIT",
            tensors=PinnedTensors(
                "vgg19_16x_pruned_encoder_relu5_1.fp16.safetensors",
                "1465a0e6e73e5d1724cd7e0e45315f7c97c0b27b14f7c45aaeb9eb4c6614dac3",
                "float16",
                "https://raw.githubusercontent.com/MingSun-Tse/Collaborative-Distillation/"
                "75c1b81c1dbea11c96d3fb04e96f207dee16dcbb/trained_models/wct_se_16x_new/5SE.pth",
                32 << 20,
            ),
        ),
        # Y. Idelbayev, "Proper ResNet implementation for CIFAR10/CIFAR100 in PyTorch".
        Weights(
            "cifar-resnet20",
            "cifar-resnet20",
            "BSD-2-Clause",
            tensors=PinnedTensors(
                "cifar10_resnet20.safetensors",
                "87779ad2a59e9f1651a42f0d53dfe2c44a1f332db53e561f59852a3b4b0f1309",
                "float32",
                "https://raw.githubusercontent.com/akamaster/pytorch_resnet_cifar10/"
                "master/pretrained_models/resnet20-12fca82f.th",
                16 << 20,
            ),
        ),
    )
}
