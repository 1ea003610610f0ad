"Weights that come with the package: half precision, the network of the recipe, answers at once."
import os
import warnings

import numpy as np
import pytest

from fashion_cnn.checkpoint import weights_hash
from fashion_cnn.data import load
from fashion_cnn.export import metadata
from fashion_cnn.models import build, half_precision, read_half_precision, weights_note
from fashion_cnn.run import RECORDED, Run, from_record, recorded
from fashion_cnn.sketch import sketch_set
from fashion_cnn.train import train
from fashion_cnn.recipe import Recipe
from small import sketches

SHIPPED = sorted(path.stem.partition("-seed")[0] for path in RECORDED.glob("*.npz"))


def test_fast_comes_with_weights(): assert "fast" in SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_a_recorded_network_predicts_at_once(name):
    run = recorded(name)[0]
    note = weights_note(run.files["weights"])
    images, labels = sketch_set(200, seed=5)
    assert run.model.count_params() == run.parameters["total"] and (RECORDED / f"{name}-seed0.npz").stat().st_size < 1_000_000
    assert run.predict(images).shape == (200, 10) and (run.predict(images).argmax(1) == labels).mean() > 0.3    # sketches are no photographs
    assert note["weights_hash"] == run.weights_hash and note["metrics"] == run.metrics
    if not os.environ.get("FASHION_CNN_DATA"): pytest.skip("what follows needs Fashion-MNIST")
    test = load("fashion-mnist").test
    assert abs((run.predict(test).argmax(1) == test.y).mean() - note["metrics"]["test"]["accuracy"]) <= 0.0005    # 5 of 10,000


def test_weights_recorded_beside_a_run(tmp_path):
    data = sketches(96)
    run = train(Recipe("w", "brief", {"filters": 4, "units": 8}, epochs=1, batch_size=32), data, progress=False)
    path = run.record(tmp_path, weights=True)
    again = from_record(path)
    assert np.abs(again.predict(data.test) - run.predict(data.test)).max() < 0.01 and weights_note(path.with_suffix(".npz"))["weights_hash"] == run.weights_hash
    with pytest.raises(ValueError, match="another network"): read_half_precision(build("brief", (28, 28, 1), 10), path.with_suffix(".npz"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from_record(path).model
    run.weights_hash = "another"
    run.record(tmp_path / "second", weights=False)
    os.replace(path.with_suffix(".npz"), tmp_path / "second" / "w-seed0.npz")
    with pytest.warns(UserWarning, match="are of another training"): from_record(tmp_path / "second" / "w-seed0.json").model
    run.record(tmp_path / "second")
    assert not (tmp_path / "second" / "w-seed0.npz").exists()
    path.with_suffix(".npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="w-seed0.npz"): from_record(path).model
    weights = run.model.get_weights()
    run.model.set_weights([weights[0] + 1e5, *weights[1:]])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ValueError, match="65,504"): half_precision(run.model)
    path = run.record(tmp_path / "new")
    with pytest.raises(ValueError, match="recorded without its weights"): from_record(path).model


def test_a_recorded_network_is_saved_and_exported_with_the_hash_of_its_rounded_weights(tmp_path):
    run = recorded("fast")[0]
    trained, rounded = run.weights_hash, weights_hash(run.model)
    assert metadata(run)["weights_hash"] == rounded != trained
    for folder in (tmp_path / "a", tmp_path / "b"):    # the second time as a run that has a folder
        again = Run.load(run.save(folder))
        assert weights_hash(again.model) == again.weights_hash == rounded
    assert recorded("fast")[0].weights_hash == trained


def test_weights_that_are_not_those_of_the_run_are_not_saved_as_its_own(tmp_path):
    data = sketches(96)
    own = train(Recipe("w", "brief", {"filters": 4, "units": 8}, epochs=1, batch_size=32), data, out=tmp_path / "own", progress=False)
    before = {path.name: path.read_bytes() for path in own.folder.iterdir()}
    for run in (own, recorded("fast")[0]):
        run.model.set_weights([2 * weight for weight in run.model.get_weights()])    # as training on by hand would change them
        for folder in (tmp_path / "own", tmp_path / "new"):
            with pytest.raises(ValueError, match=f"the run {run.name!r} belong to other weights.*start=run"): run.save(folder)
    assert {path.name: path.read_bytes() for path in own.folder.iterdir()} == before and not (tmp_path / "new").exists()
    assert Run.load(own.folder).model and metadata(own)["weights_hash"] == weights_hash(own.model) != own.weights_hash
