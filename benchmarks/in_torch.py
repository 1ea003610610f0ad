"""Networks of the package in PyTorch, layer by layer, and a plain training loop; run by step.py and accuracy.py in an environment with PyTorch.

The same layers, start values, loss and optimizer as in Keras, the number of parameters compared. One thing differs: where Keras pads a
convolution of stride 2 on one side, PyTorch pads on both.
"""
import argparse
import os
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from turns import say, wait

PENALTY = 1e-4    # of cm6-resnet, on the kernels of its convolutions


class Scale(nn.Module):
    "Pixels from 0..255 to 0..1."
    def forward(self, x): return x / 255


def convolution(channels, filters, kernel=3, stride=1): return nn.Conv2d(channels, filters, kernel, stride, padding=kernel // 2)


def norm(channels): return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)    # Keras' figures


def brief(classes):
    return nn.Sequential(convolution(1, 32), nn.ReLU(), norm(32), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(32 * 14 * 14, 128), nn.ReLU(), nn.Linear(128, classes))


def deeper(classes):
    return nn.Sequential(convolution(1, 32), nn.ReLU(), nn.MaxPool2d(2), norm(32),
                         convolution(32, 64), nn.ReLU(), nn.Dropout(0.25), nn.MaxPool2d(2),
                         convolution(64, 64), nn.ReLU(), norm(64), nn.Dropout(0.25), nn.Flatten(),
                         nn.Linear(64 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, classes))


def hw2_cnn(classes):
    filters, stages = (1, 32, 64, 128, 256, 512), [Scale()]
    for before, count in zip(filters, filters[1:]):
        stages += [convolution(before, count), nn.ReLU(), norm(count), nn.MaxPool2d(2, ceil_mode=True)]
    return nn.Sequential(*stages, nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, classes))


class Block(nn.Module):
    "A residual block: normalisation and activation before each convolution, one activation after the sum."

    def __init__(self, channels, filters, stride=1):
        super().__init__()
        self.path = nn.Sequential(norm(channels), nn.ReLU(), convolution(channels, filters, 3, stride),
                                  norm(filters), nn.ReLU(), convolution(filters, filters))
        self.shortcut = nn.Identity() if (channels, stride) == (filters, 1) else convolution(channels, filters, 1, stride)

    def forward(self, x): return functional.relu(self.path(x) + self.shortcut(x))


def cm6_resnet(classes, depth=20):
    layers, channels = [norm(1), nn.ReLU(), convolution(1, 16)], 16
    for filters in (16, 32, 64):
        for number in range(depth // 6):
            layers.append(Block(channels, filters, 2 if number == 0 and filters > 16 else 1))
            channels = filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 7 * 7, classes))


NETWORKS = {"brief": brief, "deeper": deeper, "hw2-cnn": hw2_cnn, "cm6-resnet": cm6_resnet}


def started(model, residual):
    "Start values as in Keras: Glorot's uniform ones, He's normal ones in the residual network; biases 0."
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            (nn.init.kaiming_normal_ if residual else nn.init.xavier_uniform_)(layer.weight)
            nn.init.zeros_(layer.bias)
    return model


def parameters(model):
    "How many, counted as Keras does: statistics of the normalisation included."
    return sum(each.numel() for name, each in model.state_dict().items() if not name.endswith("num_batches_tracked"))


def optimizer(model, residual):
    "Adam with Keras' figures; the penalty is its weight decay, whose gradient is the same."
    kernels = [layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d)] if residual else []
    others = [each for each in model.parameters() if all(each is not kernel for kernel in kernels)]
    groups = [{"params": others}] + ([{"params": kernels, "weight_decay": 2 * PENALTY}] if kernels else [])
    return torch.optim.Adam(groups, lr=1e-3, eps=1e-7, fused=True)


class Trainer:
    "A network, its optimizer and its images."

    def __init__(self, name, arrays, classes, batch_size=128, seed=0, compiled=False, layout=torch.contiguous_format):
        torch.manual_seed(seed)
        residual = name == "cm6-resnet"
        self.model = started(NETWORKS[name](classes), residual).to(memory_format=layout)
        self.optimizer, self.batch_size, self.layout = optimizer(self.model, residual), batch_size, layout
        self.arrays = {key: torch.from_numpy(value if key[0] == "y" else np.moveaxis(value, 3, 1)) for key, value in arrays.items()}
        self.forward = torch.compile(self.model) if compiled else self.model

    def batch(self, split, rows):
        "Pixels as floats, and labels."
        x, y = self.arrays[f"x_{split}"][rows], self.arrays[f"y_{split}"][rows]
        return x.float().contiguous(memory_format=self.layout), y

    def steps(self, count=None):
        "One pass over the training images in a new order, or so many steps of it; loss and accuracy as they were on the way."
        self.forward.train()
        order, loss, right = torch.randperm(len(self.arrays["y_train"])), 0.0, 0
        batches = order.split(self.batch_size)[:count]
        for rows in batches:
            x, y = self.batch("train", rows)
            answer = self.forward(x)
            cost = functional.cross_entropy(answer, y)
            self.optimizer.zero_grad(set_to_none=True)
            cost.backward()
            self.optimizer.step()
            loss, right = loss + cost.detach() * len(rows), right + (answer.detach().argmax(1) == y).sum()
        images = sum(map(len, batches))
        return float(loss) / images, int(right) / images

    @torch.inference_mode()
    def judge(self, split):
        "Loss and accuracy on a split."
        self.forward.eval()
        loss, right, images = 0.0, 0, len(self.arrays[f"y_{split}"])
        for rows in torch.arange(images).split(500):
            x, y = self.batch(split, rows)
            answer = self.forward(x)
            loss, right = loss + functional.cross_entropy(answer, y, reduction="sum"), right + (answer.argmax(1) == y).sum()
        return float(loss) / images, int(right) / images


def better_layout(name, arrays, classes, batch_size):
    "Channels first or last: what is faster in five steps, the best of three turns after two steps that do not count."
    layouts = (torch.contiguous_format, torch.channels_last)
    trainers = {layout: Trainer(name, arrays, classes, batch_size, layout=layout) for layout in layouts}
    for trainer in trainers.values(): trainer.steps(2)
    times = {layout: [] for layout in layouts}
    for layout in 3 * layouts:
        began = time.perf_counter()
        trainers[layout].steps(5)
        times[layout].append(time.perf_counter() - began)
    return min(layouts, key=lambda layout: min(times[layout]))


def in_turns(trainer, facts):
    "One epoch for each go line, the first one as warm-up."
    say(**facts)
    while True:
        wait()
        began = time.perf_counter()
        trainer.steps()
        trained = time.perf_counter()
        trainer.judge("validation")
        say(epoch=time.perf_counter() - began, training=trained - began)


def against_the_clock(trainer, facts, epochs, limit, targets, began):
    "Train until the test accuracy is reached; the clock stands still while the test images are looked at."
    seconds, found, paused = [], [], 0.0
    while len(found) < epochs and (not seconds or seconds[-1] < limit) and max(found, default=0) < max(targets):
        trainer.steps()
        trainer.judge("validation")
        stopped = time.perf_counter()
        seconds.append(round(stopped - began - paused, 3))
        found.append(trainer.judge("test")[1])
        paused += time.perf_counter() - stopped
    say(**facts, seconds=seconds, test=found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("arrays", help="an .npz file with x_train, y_train, x_validation, y_validation and perhaps x_test, y_test")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--targets", type=float, nargs="*", help="train until these test accuracies are reached, instead of in turns")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600)
    asked = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores)
    arrays = dict(np.load(asked.arrays))
    classes = int(arrays["y_train"].max()) + 1
    layout = better_layout(asked.network, arrays, classes, asked.batch)
    began = time.perf_counter()
    trainer = Trainer(asked.network, arrays, classes, asked.batch, asked.seed, asked.compile, layout)
    facts = {"versions": f"PyTorch {torch.__version__}", "parameters": parameters(trainer.model),
             "settings": f"channels {'last' if layout is torch.channels_last else 'first'}, {cores} threads"}
    if asked.targets: return against_the_clock(trainer, facts, asked.epochs, asked.seconds, asked.targets, began)
    trainer.steps(3)
    trainer.judge("validation")
    in_turns(trainer, facts)


if __name__ == "__main__":
    sys.exit(main())
