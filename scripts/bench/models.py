"""The networks that are timed: ResNet-50, EfficientNet-Lite0, a vision transformer of 4 layers and MiniLM (the shape of
all-MiniLM-L6-v2), with random weights from a fixed seed.

Speed does not depend on what a network has learned; random weights need no download. The PyTorch modules keep their
batch normalisation, as a user's would; the exporter folds it into the convolutions of the ONNX files.

`models.py NAME FILE` writes the ONNX file and prints the values that are the results of the studied blocks;
`models.py --images COUNT FILE` writes the images that are explained.
"""

import sys

import numpy
import torch
from torch import nn


def convolution(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    layers = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([activation] if activation else []))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            convolution(inputs, width, 1, activation=nn.ReLU()),
            convolution(width, width, 3, stride, activation=nn.ReLU()), convolution(width, 4 * width, 1))
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != 4 * width:
            self.shortcut = convolution(inputs, 4 * width, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


class Plain(nn.Module):
    """The block of ResNet-18."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.body = nn.Sequential(
            convolution(inputs, width, 3, stride, activation=nn.ReLU()), convolution(width, width, 3))
        self.shortcut = nn.Identity() if stride == 1 and inputs == width else convolution(inputs, width, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.body(x) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, block, counts, expansion):
        super().__init__()
        self.stem = nn.Sequential(convolution(3, 64, 7, 2, activation=nn.ReLU()), nn.MaxPool2d(3, 2, 1))
        blocks, inputs = [], 64
        for width, count, stride in zip([64, 128, 256, 512], counts, [1, 2, 2, 2]):
            for index in range(count):
                blocks.append(block(inputs, width, stride if index == 0 else 1))
                inputs = expansion * width
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(inputs, 1000)

    def forward(self, x):
        return self.head(self.pool(self.blocks(self.stem(x))).flatten(1))


class InvertedResidual(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride, expansion):
        super().__init__()
        width = inputs * expansion
        layers = [] if expansion == 1 else [convolution(inputs, width, 1, activation=nn.ReLU6())]
        layers += [
            convolution(width, width, kernel, stride, groups=width, activation=nn.ReLU6()),
            convolution(width, outputs, 1)]
        self.body = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


class EfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = convolution(3, 32, 3, 2, activation=nn.ReLU6())
        blocks, inputs = [], 32
        stages = [
            (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112),
            (4, 5, 2, 6, 192), (1, 3, 1, 6, 320)]
        for count, kernel, stride, expansion, outputs in stages:
            for index in range(count):
                blocks.append(InvertedResidual(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.final = convolution(inputs, 1280, 1, activation=nn.ReLU6())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(1280, 1000)

    def forward(self, x):
        return self.head(self.pool(self.final(self.blocks(self.stem(x)))).flatten(1))


class EncoderLayer(nn.Module):
    """A transformer layer; `first` normalises before attention and perceptron, otherwise after their additions."""

    def __init__(self, width, heads, first):
        super().__init__()
        self.heads, self.first = heads, first
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def attention(self, x, mask):
        def apart(y):
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        y = nn.functional.scaled_dot_product_attention(
            apart(self.query(x)), apart(self.key(x)), apart(self.value(x)), attn_mask=mask)
        return self.output(y.transpose(1, 2).flatten(2))

    def perceptron(self, x):
        return self.down(nn.functional.gelu(self.up(x)))

    def forward(self, x, mask=None):
        if self.first:
            x = x + self.attention(self.norms[0](x), mask)
            return x + self.perceptron(self.norms[1](x))
        x = self.norms[0](x + self.attention(x, mask))
        return self.norms[1](x + self.perceptron(x))


class VisionTransformer(nn.Module):
    def __init__(self, width=384, heads=6, depth=4):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(torch.randn(1, 1, width) / 50)
        self.positions = nn.Parameter(torch.randn(1, 197, width) / 50)
        self.layers = nn.ModuleList([EncoderLayer(width, heads, first=True) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x)[:, 0])


class MiniLM(nn.Module):
    """Token numbers and mask to the mean of the last layer, as sentence embeddings are made."""

    def __init__(self, width=384, heads=12, depth=6, words=30522, length=512):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(length, width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList([EncoderLayer(width, heads, first=False) for _ in range(depth)])

    def forward(self, tokens, mask):
        x = self.norm(self.words(tokens) + self.positions.weight[: tokens.shape[1]])
        hidden = (1.0 - mask.to(x.dtype))[:, None, None, :] * -10000.0
        for layer in self.layers:
            x = layer(x, hidden)
        weights = mask.to(x.dtype)[:, :, None]
        return (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)


NETWORKS = {
    "resnet18": lambda: ResNet(Plain, [2, 2, 2, 2], 1), "resnet50": lambda: ResNet(Bottleneck, [3, 4, 6, 3], 4),
    "efficientnet-lite0": EfficientNetLite0, "vit-4": VisionTransformer, "minilm": MiniLM}


def inputs(name, batch):
    """The tensors of one batch, by input name."""
    if name == "minilm":
        generator = torch.Generator().manual_seed(1)
        mask = torch.ones(batch, 128, dtype=torch.int64)
        return {"tokens": torch.randint(0, 30522, (batch, 128), generator=generator), "mask": mask}
    return {"input": torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(1))}

# The middle and the late layer of the concept studies: blocks that end in an addition.
STUDIED_BLOCKS = [9, 14]


def make(name):
    """The network, the same at every call, its values neither vanishing nor exploding."""
    torch.manual_seed(1)
    network = NETWORKS[name]()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out" if module.groups == 1 else "fan_in")
    return network.eval().requires_grad_(False)


def export(name, path):
    example = inputs(name, 2)
    torch.onnx.export(
        make(name), tuple(example.values()), path, dynamo=False, opset_version=17, input_names=list(example),
        output_names=["logits"], dynamic_axes={key: {0: "batch"} for key in [*example, "logits"]})


def studied_values(path):
    """The ONNX values of the blocks that Captum studies by their module names: results of their additions."""
    import onnx

    additions = [node for node in onnx.load(path).graph.node if node.op_type == "Add"]
    return [node.output[0] for index in STUDIED_BLOCKS for node in additions if f"/blocks.{index}/" in node.name]


if __name__ == "__main__":
    if sys.argv[1] == "--images":
        numpy.save(sys.argv[3], inputs("resnet50", int(sys.argv[2]))["input"].numpy())
        sys.exit()
    name, path = sys.argv[1:]
    export(name, path)
    print("\n".join(studied_values(path)) if name == "efficientnet-lite0" else "")
