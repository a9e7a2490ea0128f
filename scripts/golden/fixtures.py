#!/usr/bin/env python3
"""Writes Tests/NoemaAttributionTests/Fixtures: small networks beside reference values of what they compute.

    scripts/golden/fixtures.py [MODELS GOLDEN]

MODELS holds `.onnx` files, GOLDEN `.npz` archives of the same names with PyTorch's and Captum's values in float32;
of both the networks on tables are copied, their archives cut to what the tests read; without them those fixtures
stay as they are. Two convolutional networks of random weights are made here, written by either exporter of PyTorch,
and evaluated by PyTorch in float64.

An archive holds `input`, `target`, `logits`, `gradient`, `integrated_gradients` (50 Gauss-Legendre points from zero)
and hidden values as `act/NAME`, where NAME is an ONNX value. Needs PyTorch, onnx, onnxscript and onnxruntime.
"""

import argparse
import pathlib
import platform
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests/NoemaAttributionTests/Fixtures"
TABLES = ["breast_cancer_mlp", "diabetes_mlp", "iris_mlp", "rules_mlp", "wine_mlp", "xor_mlp"]
SEED, EXAMPLES, POINTS = 20240607, 3, 50
LARGEST_FILE, LARGEST_FOLDER = 100_000, 500_000


class TinyCNN(nn.Module):
    """What convolutional networks have beside residuals: depthwise, strided, bounded and pooled values."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 8, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.pool1 = nn.MaxPool2d(2)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.relu2 = nn.ReLU6()
        self.conv2 = nn.Conv2d(8, 6, 3, stride=2)
        self.sigmoid = nn.Sigmoid()
        self.pool2 = nn.AvgPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(6, 9)
        self.tanh = nn.Tanh()
        self.fc2 = nn.Linear(9, 4)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


class Block(nn.Module):
    """Two normalised convolutions, and a shortcut that is one too where the shape changes."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Sequential()
        if before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.relu2 = nn.ReLU()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))


class TinyResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.relu = nn.ReLU()
        self.block1 = Block(6, 6, 1)
        self.block2 = Block(6, 10, 2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(10, 4)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


def randomised(model):
    """Weights and running statistics that leave no operator trivial."""
    torch.manual_seed(SEED)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    module.bias.uniform_(-0.5, 0.5)
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
                module.running_mean.uniform_(-0.5, 0.5)
                module.running_var.uniform_(0.5, 2)
    return model.eval()


def reference(model, x, target):
    """Outputs, gradients, integrated gradients and the leaf modules' values, all in float64."""
    values = {}
    hooks = [
        module.register_forward_hook(lambda _, __, out, path=path: values.__setitem__(path, out.detach()))
        for path, module in model.named_modules() if not list(module.children())]
    x = x.double().requires_grad_(True)
    logits = model.double()(x)
    for hook in hooks:
        hook.remove()

    def gradient(points, classes):
        points = points.detach().requires_grad_(True)
        model(points)[torch.arange(len(points)), classes].sum().backward()
        return points.grad

    nodes, weights = np.polynomial.legendre.leggauss(POINTS)
    integral = sum(
        weight / 2 * gradient((node + 1) / 2 * x, target) for node, weight in zip(nodes, weights))
    return {
        "input": x, "target": target, "logits": logits, "gradient": gradient(x, target),
        "integrated_gradients": x * integral,
    }, values


def hidden(path, x, values):
    """Each module's value under the name of the ONNX value that holds the same numbers."""
    proto = onnx.load(path)
    names = [name for node in proto.graph.node for name in node.output]
    known = {output.name for output in proto.graph.output}
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    found = dict(zip([o.name for o in session.get_outputs()], session.run(None, {"input": x})))
    named = {}
    for value in values.values():
        for name, array in found.items():
            if array.shape == tuple(value.shape) and np.abs(array - value.numpy()).max() <= 1e-5 * value.abs().max():
                named[f"act/{name}"] = value
    return named


def save(name, arrays):
    plain = {
        key: (value.detach().numpy() if isinstance(value, torch.Tensor) else value) for key, value in arrays.items()}
    rounded = {key: value.astype(np.float32) if value.dtype == np.float64 else value for key, value in plain.items()}
    np.savez_compressed(OUTPUT / f"{name}.npz", **rounded)


def store(proto, name):
    """Writes a network without what exporters add for debugging: traces with paths of their machine."""
    for holder in [proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input,
                   *proto.graph.output, *proto.graph.initializer]:
        holder.ClearField("metadata_props")
        holder.ClearField("doc_string")
    onnx.save(proto, OUTPUT / f"{name}.onnx")


def export(model, x, name, **options):
    batch = torch.export.Dim("batch")
    style = ({"dynamic_shapes": ({0: batch},), "external_data": False} if options.get("dynamo")
             else {"dynamic_axes": {"input": {0: "batch"}, "logits": {0: "batch"}}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model.float(), (x,), OUTPUT / f"{name}.onnx", input_names=["input"], output_names=["logits"],
            verbose=False, **style, **options)
    store(onnx.load(OUTPUT / f"{name}.onnx"), name)


def networks():
    torch.manual_seed(SEED)
    x = torch.randn(EXAMPLES, 2, 10, 10)
    # Flat background, as real pictures have it: ties in max pooling.
    x[:, :, 6:, 5:] = 0
    target = torch.tensor([1, 3, 0])
    kept = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
    files = {
        TinyCNN: {"tiny_cnn": {"dynamo": False, "opset_version": 17}, "tiny_cnn_dynamo": {"dynamo": True}},
        TinyResNet: {
            "tiny_resnet": {"dynamo": False, "opset_version": 17},
            "tiny_resnet_unfolded": {"dynamo": False, "opset_version": 13} | kept,
            "tiny_resnet_dynamo": {"dynamo": True},
        },
    }
    for kind, styles in files.items():
        for name, options in styles.items():
            model = randomised(kind())
            export(model, x, name, **options)
            arrays, values = reference(model, x, target)
            named = hidden(OUTPUT / f"{name}.onnx", x.numpy(), values)
            if len(named) < 6:
                raise SystemExit(f"fixtures.py: found only {list(named)} in {name}")
            save(name, arrays | named)


def tables(models, golden):
    for name in TABLES:
        store(onnx.load(models / f"{name}.onnx"), name)
        source = np.load(golden / f"{name}.npz")
        prefix = f"act/{name}/"
        save(name, {key: source[key] for key in ["input", "target", "logits", "gradient"]} | {
            "integrated_gradients": source["integrated_gradients_50/gausslegendre"]} | {
            f"act/{key[len(prefix):]}": source[key] for key in source.files if key.startswith(prefix)})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path, nargs="?")
    parser.add_argument("golden", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    if options.models:
        if not options.golden:
            parser.error("MODELS without GOLDEN")
        tables(options.models, options.golden)
    networks()
    (OUTPUT / "README.md").write_text(
        "# Fixtures\n\n"
        "Small networks and what they compute, written by `scripts/golden/fixtures.py`: never edit them.\n\n"
        f"`tiny_*`: random weights, values of PyTorch {torch.__version__} in float64; written by its exporters with "
        f"onnx {onnx.__version__} on Python {platform.python_version()}.\n"
        "`*_mlp`: networks trained on tables of scikit-learn, values of PyTorch 2.13.0 and Captum 0.9.0 in float32.\n"
        "Licence: as the rest of Noema.\n")
    sizes = {path: path.stat().st_size for path in OUTPUT.iterdir()}
    for path, size in sorted(sizes.items()):
        print(f"{size:8d} {path.name}")
        if size > LARGEST_FILE:
            raise SystemExit(f"fixtures.py: {path.name} is over {LARGEST_FILE} bytes")
    if sum(sizes.values()) > LARGEST_FOLDER:
        raise SystemExit(f"fixtures.py: the folder is over {LARGEST_FOLDER} bytes")


if __name__ == "__main__":
    main()
