"Loading, splitting and saving: every format against its own writer, and the assignments' splits against scikit-learn."
import gzip
import hashlib
import importlib
import os
import pickle
import subprocess
import sys
import tarfile
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fashion_cnn.data import dataset, pickles, tables
from fashion_cnn.data.pixels import as_split
from fashion_cnn.data import (FIVE_GROUPS, Mapped, Split, as_labels, as_pixels, describe, from_arrays, load, nearest_images,
                              read, relabel, save_arrays, save_csv, save_npy, sources)
from small import idx, png

describing = importlib.import_module("fashion_cnn.data.describe")
room = importlib.import_module("fashion_cnn.data.sources")  # in the package, these names are functions

relaxed = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def images(n=40, side=4, channels=1, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


@st.composite
def splits(draw, labelled=None):
    "Splits of 1 to 12 square grey images; labels, if any, use every class from 0 up."
    n, side = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    x = images(n, side, seed=draw(st.integers(0, 99)))
    if not (draw(st.booleans()) if labelled is None else labelled):
        return Split(x, None, np.array(draw(st.lists(st.integers(0, 10 ** 9), min_size=n, max_size=n, unique=True))))
    return Split(x, np.arange(n) % draw(st.integers(1, n)))


def same(a, b):
    assert np.array_equal(a.x, b.x) and a.x.dtype == b.x.dtype == np.uint8 and a.x.shape == b.x.shape
    assert (a.y is None) == (b.y is None) and (a.y is None or a.y.dtype == b.y.dtype == np.int64
                                               and a.y.tolist() == b.y.tolist())


def idx_folder(folder, train, test, end=".gz"):
    pack = gzip.compress if end else bytes
    for prefix, part in (("train", train), ("t10k", test)):
        Path(folder, f"{prefix}-images-idx3-ubyte{end}").write_bytes(pack(idx(part.x[..., 0])))
        Path(folder, f"{prefix}-labels-idx1-ubyte{end}").write_bytes(pack(idx(part.y)))


# Round trips

@relaxed
@given(splits(labelled=True), st.sampled_from(["", ".gz"]))
def test_idx_round_trip(tmp_path_factory, split, end):
    folder = tmp_path_factory.mktemp("idx")
    idx_folder(folder, split, split, end)
    same(read(folder, "train"), split)
    same(read(folder, "test"), split)
    same(read(folder / f"t10k-images-idx3-ubyte{end}"), split)


@relaxed
@given(splits(), st.sampled_from([np.uint8, np.int64, np.float32, np.float64]), st.booleans())
def test_npz_round_trip(tmp_path_factory, split, dtype, flat):
    path = tmp_path_factory.mktemp("npz") / "some.npz"
    x = split.x.reshape(len(split), -1) if flat else split.x[..., 0]
    labels = {} if split.y is None else {"y": split.y}
    x = np.append(x, x[:1] * 0 + 255, 0).astype(dtype)  # one white image, so that floats cannot be 0..1
    np.savez(path, x=x, **{k: np.append(v, v[:1]) for k, v in labels.items()})
    same(read(path).take(slice(len(split))), split)


@relaxed
@given(splits())
def test_npy_round_trip(tmp_path_factory, split):
    path = tmp_path_factory.mktemp("npy") / "course.npy"
    white = Split(np.append(split.x, split.x[:1] * 0 + 255, 0), None if split.y is None else np.append(split.y, 0),
                  None if split.ids is None else np.append(split.ids, -1))
    save_npy(white, path)
    same(read(path), white)
    theirs = np.load(path, allow_pickle=True)[()]  # how the assignments read it
    assert theirs["features"].dtype == np.float64 and theirs["features"].shape == white.x.shape[:3]
    if white.y is None:
        assert set(theirs) == {"features", "id"} and read(path).ids.tolist() == white.ids.tolist()
    else:
        assert set(theirs) == {"features", "target"} and theirs["target"].min() == 1


def test_black_and_white_as_fractions_is_black_and_white(tmp_path):
    rows = [["0.0", "1.0", "0.0", "1.0"], ["1.0", "1.0", "0.0", "0.0"]]
    lines = {",": [f"{k},{','.join(row)}" for k, row in enumerate(rows)], ";": [f"{k};{';'.join(row).replace('.', ',')}" for k, row in enumerate(rows)]}
    for separator, body in lines.items():
        (tmp_path / "a.csv").write_text("\n".join([separator.join(["label", "pixel0", "pixel1", "pixel2", "pixel3"]), *body]))
        assert read(tmp_path / "a.csv").x.ravel().tolist() == [0, 255, 0, 255, 255, 255, 0, 0]
    (tmp_path / "a.csv").write_text("label,pixel0,pixel1,pixel2,pixel3\n0,0.0,1.0,0.0,1.0\n1,255.0,1.0,0.0,0.0\n")
    assert read(tmp_path / "a.csv").x.ravel().tolist() == [0, 1, 0, 1, 255, 1, 0, 0]


def test_labels_that_are_too_many_or_stand_in_columns_of_words():
    with pytest.raises(ValueError, match="one label for each image.*1 images and 1000000000000 labels"):
        as_split(np.zeros((1, 8, 8)), np.broadcast_to(np.int8(0), 10 ** 12))
    with pytest.raises(ValueError, match="one-hot numbers only.*Received: \\['cat', 'x'\\]"): as_labels(np.array([["cat", "x"], ["dog", "y"]]))


def test_the_pixels_of_a_course_file_stand_in_memory_once(tmp_path):
    x = np.random.default_rng(0).integers(0, 256, (4000, 28, 28, 1), dtype=np.uint8)
    save_npy(Split(x, np.zeros(4000, np.int64)), tmp_path / "course.npy")
    tracemalloc.start()
    try:
        split = read(tmp_path / "course.npy")
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (split.x == x).all() and most < 1.4 * x.size * 8


@relaxed
@given(splits())
def test_csv_round_trip(tmp_path_factory, split):
    pandas = pytest.importorskip("pandas")
    path = tmp_path_factory.mktemp("csv") / "course.csv"
    save_csv(split, path)
    same(read(path), split)
    table, pixels = pandas.read_csv(path), split.x.shape[1] ** 2
    first = ["Id", "Label"] if split.y is not None else ["Id"]
    start = 1 if split.y is not None else 0
    assert list(table) == first + [str(i) for i in range(start, start + pixels)]
    assert np.array_equal(table[table.columns[len(first):]], split.x.reshape(len(split), -1))
    assert table["Id"].tolist() == (list(range(10000, 10000 + len(split))) if split.ids is None else split.ids.tolist())


@relaxed
@given(st.lists(st.lists(st.integers(0, 255), min_size=4, max_size=4), min_size=1, max_size=6),
       st.sampled_from(["\n", "\r\n"]),
       st.sampled_from(["{}", "{}.0", " {}", '"{}"', "{}.00"]), st.booleans())
def test_csv_dialects(tmp_path_factory, rows, end, form, newline):
    path = tmp_path_factory.mktemp("csv") / "dialect.csv"
    lines = ["Id,Label,1,2,3,4"] + [",".join([str(i), str(i)] + [form.format(p) for p in row]) for i,
                                    row in enumerate(rows)]
    path.write_bytes((end.join(lines) + (end if newline else "")).encode("utf-8-sig"))
    assert read(path).x.reshape(-1, 4).tolist() == rows


def test_empty_lines_at_the_end_of_a_table(tmp_path, monkeypatch):
    for size in (12, 30, 4096):
        monkeypatch.setattr(tables, "BLOCK_BYTES", size)
        (tmp_path / "e.csv").write_text("Id,Label,1\n1,0,7\n2,1,255\n\n\n\n")
        assert read(tmp_path / "e.csv").x.ravel().tolist() == [7, 255]
        (tmp_path / "e.csv").write_text("Id,Label,1\n1,0,7\n\n2,1,255\n")
        with pytest.raises(ValueError, match="line 3 has 1 cells"):
            read(tmp_path / "e.csv")


def test_csv_blocks_meet_at_any_byte(tmp_path, monkeypatch):
    split = Split(images(30, 3), np.arange(30) % 5)
    save_csv(split, tmp_path / "a.csv")
    for size in (100, 101, 137, 1000):
        monkeypatch.setattr(tables, "BLOCK_BYTES", size)
        same(read(tmp_path / "a.csv"), split)


# What a reader expects

@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_pixels_from_zero_to_one(dtype):
    x = images(8, 16)
    assert np.array_equal(as_pixels((x / 255).astype(dtype)), x)
    assert np.array_equal(as_pixels(x.astype(dtype)), x)


def test_whole_numbers_are_never_rescaled():
    assert as_pixels(np.ones((2, 2, 2), int)).max() == 1
    assert as_pixels(np.ones((2, 2, 2), bool)).max() == 255


def test_labels_in_all_forms():
    assert as_labels(np.eye(3)[[2, 0, 1]])[0].tolist() == [2, 0, 1]
    assert as_labels([[1], [0]])[0].tolist() == [1, 0]
    assert as_labels(["b", "a"])[0].tolist() == [1, 0]
    assert as_labels([b"b", "a"], class_names=("b", "a"))[0].tolist() == [0, 1]
    assert as_labels(np.array([1, 5], object), first=1)[0].tolist() == [0, 4]


def test_labels_as_words_in_a_table(tmp_path):
    (tmp_path / "w.csv").write_text("Id,Label,1,2,3,4\n" + "".join(f"{i},{'coat bag'.split()[i % 2]},{i},0,0,255\n"
                                                                   for i in range(40)))
    data = load(tmp_path / "w.csv")
    assert data.class_names == ("bag", "coat") and data.source == "w.csv"


def test_one_hot_npy_counts_from_the_first_column(tmp_path):
    content = {"features": images(6, 4)[..., 0].astype(float), "target": np.eye(3)[[0, 1, 2, 2, 1, 0]]}
    np.save(tmp_path / "h.npy", content, allow_pickle=True)
    assert read(tmp_path / "h.npy").y.tolist() == [0, 1, 2, 2, 1, 0]


def test_kaggle_header(tmp_path):
    (tmp_path / "k.csv").write_text("label,pixel1,pixel2,pixel3,pixel4\n1,0,1,2,3\n0,4,5,6,255\n")
    assert read(tmp_path / "k.csv").y.tolist() == [1, 0]


def test_windows_paths_and_home(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    save_csv(Split(images(40), np.arange(40) % 2), tmp_path / "sub" / "a.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("sub\\a.csv").source == load(Path("sub/a.csv")).source == load("~/sub/a.csv").source == "a.csv"


def class_folders(folder, n=30, colour=(), parts=("",)):
    for part in parts:
        for name in ("boots", "coats"):
            for i in range(n):
                path = Path(folder, part, name, f"{i:03}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(png(images(1, 5, 3 if i in colour else 1, seed=i)[0].squeeze()))


@pytest.mark.parametrize("colour, channels", [((), 1), ((3,), 3)])
def test_class_folders_grey_and_colour(tmp_path, colour, channels):
    class_folders(tmp_path / "mine", colour=colour)
    data = load(tmp_path / "mine")
    assert data.class_names == ("boots", "coats") and data.input_shape == (5, 5, channels) and len(data.test) == 6
    assert np.array_equal(read(tmp_path / "mine").x[0, ..., 0], images(1, 5, seed=0)[0, ..., 0])


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz", "w:bz2"])
def test_tar_of_class_folders(tmp_path, mode):
    class_folders(tmp_path / "mine", parts=("train", "test"), n=10)
    path = tmp_path / ("pictures.tar" + mode[1:].replace(":", "."))
    with tarfile.open(path, mode) as archive:
        archive.add(tmp_path / "mine", "mine")
    from_tar, from_folder = load(path), load(tmp_path / "mine")
    assert from_tar.fingerprint == from_folder.fingerprint
    assert len(from_tar.test) == 20 and len(from_tar.validation) == 4


def test_pictures_of_two_sizes_need_a_size(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "boots" / "x.png").write_bytes(png(images(1, 9)[0].squeeze()))
    with pytest.raises(ValueError, match=r"boots/x.png.*9 x 9.*image_size"):
        load(tmp_path)
    assert load(tmp_path, image_size=(8, 6)).input_shape == (8, 6, 1)


def test_flat_folder_is_unlabelled(tmp_path):
    class_folders(tmp_path, n=3)
    split = read(tmp_path / "boots")
    assert split.y is None and split.ids.tolist() == ["000.png", "001.png", "002.png"]


def batch(n=20, protocol=2, seed=0, text=str):
    rng = np.random.default_rng(seed)
    content = {text("data"): rng.integers(0, 256, (n, 3072), dtype=np.uint8),
               text("labels"): [i % 10 for i in range(n)]}
    return pickle.dumps(content, protocol=protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_cifar_batches_of_every_pickle_protocol(tmp_path, protocol):
    for i in range(1, 6):
        (tmp_path / f"data_batch_{i}").write_bytes(batch(protocol=protocol, seed=i, text=str.encode
                                                         if protocol % 2 else str))
    (tmp_path / "test_batch").write_bytes(batch(protocol=protocol))
    data = load(tmp_path)
    raw = pickle.loads(batch())["data"]
    assert data.input_shape == (32, 32, 3) and len(data.test) == 20 and data.class_names[3] == "cat"
    assert data.test.x[7, 2, 5].tolist() == raw[7, [69, 69 + 1024, 69 + 2048]].tolist()
    same(read(tmp_path / "test_batch"), data.test)
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        for f in tmp_path.glob("*_batch*"):
            archive.add(f, f"cifar-10-batches-py/{f.name}")
    assert load(tmp_path / "b.tar.gz").fingerprint == data.fingerprint


def test_a_pickle_as_python_2_and_numpy_1_wrote_it():
    "Protocol 2 with byte strings (opcode U) and numpy.core module names, as in the CIFAR-10 files."
    raw = (b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85"
           b"U\x01b\x87Rq\x05(K\x01K\x02M\x00\x0c\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNN"
           b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T\x00\x18\x00\x00" + bytes(range(256)) * 24 +
           b"tbU\x06labelsq\x08]q\x09(K\x03K\x07eu.")
    x, y = pickles.cifar_batch(raw, "data_batch_1")
    assert y.tolist() == [3, 7] and x.shape == (2, 32, 32, 3) and x[1, 0, 1].tolist() == [1, 1, 1]
    assert np.array_equal(pickle.loads(raw, encoding="latin1")["data"].reshape(2, 3, 32, 32).transpose(0, 2, 3, 1), x)


def test_a_read_only_folder_and_result_can_be_changed(tmp_path):
    split = Split(images(40), np.arange(40) % 4)
    idx_folder(tmp_path, split, split)
    for file in tmp_path.iterdir():
        file.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        data = load(tmp_path)
    finally:
        tmp_path.chmod(0o755)
    for part in data.splits().values():
        part.x[0], part.y[0] = 0, 0


# Splits

def test_stratified_sizes_and_seeds():
    y = np.repeat(np.arange(10), 50)
    first, again, other = (from_arrays(images(500), y, seed=s) for s in (0, 0, 1))
    assert [len(s) for s in first.splits().values()] == [350, 100, 50]
    assert set(np.bincount(first.validation.y)) == {10} and set(np.bincount(first.test.y)) == {5}
    assert first.fingerprint == again.fingerprint != other.fingerprint
    eighty = from_arrays(images(500), y, validation_split=0.1, test_split=0.1)
    assert [len(s) for s in eighty.splits().values()] == [400, 50, 50]


@relaxed
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8), st.floats(0.01, 0.99), st.integers(0, 5))
def test_a_portion_is_stratified(counts, fraction, seed):
    y = np.repeat(np.arange(len(counts)), counts)
    n = round(len(y) * fraction)
    chosen = dataset.stratified_draw(y, n, seed)
    assert len(chosen) == len(set(chosen.tolist())) == n
    assert all(abs(np.sum(y[chosen] == c) - k * n / len(y)) < 1 for c, k in enumerate(counts))


def test_a_second_draw_from_a_limited_set():
    data = from_arrays(images(500), np.repeat(np.arange(10), 50))
    assert [len(s) for s in data.limited(60).splits().values()] == [60, 60, 50]
    assert data.limited(60).fingerprint == data.limited(60).fingerprint != data.limited(60, seed=1).fingerprint


def numbered(n=1000, test=None):
    "Images whose pixels say their position, so that a split can be read back."
    x = lambda n: np.arange(n * 4).reshape(n, 2, 2) // 4 // np.array([1, 256, 1, 1]).reshape(2, 2) % 256
    y = lambda n: np.arange(n) % 5
    return from_arrays(x(n), y(n), *((x(test), y(test)) if test else ()), split=numbered.split, seed=numbered.seed)


def where(split):
    return (split.x[:, 0, 0, 0].astype(int) + 256 * split.x[:, 0, 1, 0].astype(int)).tolist()


@pytest.mark.parametrize("letter", "ABCDE")
@pytest.mark.parametrize("test", [None, 100])
@pytest.mark.parametrize("seed", [0, 3])
def test_the_assignments_own_schemes(letter, test, seed):
    from sklearn.model_selection import train_test_split
    numbered.split, numbered.seed = letter, seed
    data, n = numbered(test=test), np.arange(1000)
    train, rest = train_test_split(n, test_size=0.2, random_state={"A": 0, "C": 42}.get(letter, seed))
    left, right = train_test_split(rest, test_size=0.5, random_state=0 if letter == "A" else seed)
    expected = {"A": (train, right, left), "B": (train, left, right),
                "E": (n[:800], n[800:], None)}.get(letter, (train, rest, None))
    assert where(data.train) == expected[0].tolist() and where(data.validation) == expected[1].tolist()
    if letter in "AB":
        assert where(data.test) == expected[2].tolist()
    else:
        assert where(data.test) == list(range(test or 0))
        if not test:
            with pytest.raises(ValueError, match="no test images"):
                data.split("test")


def test_scheme_e_deals_out_what_comes_class_by_class(tmp_path):
    "The last fifth of sorted folders would be the last class only."
    for name in ("bag", "boot", "coat"):
        (tmp_path / name).mkdir()
        for i in range(20):
            (tmp_path / name / f"{i:03}.png").write_bytes(png(images(1)[0].squeeze()))
    data = load(tmp_path, split="E")
    assert np.bincount(data.train.y).tolist() == [16] * 3 and np.bincount(data.validation.y).tolist() == [4] * 3


# Views, descriptions

def test_relabel_by_name_and_number():
    data = from_arrays(images(60), ["coat", "bag", "boot"] * 20)
    joined = relabel(data, {"bag": "Hard", "boot": "Hard", "coat": "Soft"})
    assert joined.class_names == ("Hard", "Soft")
    assert joined.train.y.tolist() == (data.train.y == 2).astype(int).tolist()
    dropped = relabel(data, {"bag": "bag", "boot": None, "coat": "coat"})
    assert sum(map(len, dropped.splits().values())) == 40 and dropped.classes == 2
    assert joined.source == "arrays in 2 groups" and dropped.source == "arrays, 2 of 3 classes"
    assert relabel(data, {"bag": "a", "boot": "a", "coat": None}).source == "arrays, 2 of 3 classes in 1 group"
    assert relabel(data, {"bag": "sac", "coat": "manteau", "boot": "botte"}).source == "arrays"
    assert relabel(Split(images(3), np.array([0, 1, 2])), {0: "a", 1: "b", 2: "a"}).y.tolist() == [0, 1, 0]
    assert relabel(Split(images(3), np.array([0, 1, 2]), ["p", "q", "r"]), {0: "a", 1: None, 2: "a"}).ids.tolist() == ["p", "r"]
    for mapping in ({"bag": None, "boot": None, "coat": None}, {"bag": 1, "boot": "1", "coat": 2}):
        with pytest.raises(ValueError, match="one class at least"):
            relabel(data, mapping)
    for mapping in ({"bag": 1}, {"bag": 1, "boot": 2, "coat": 3, "shoe": 4}):
        with pytest.raises(ValueError, match="every class once"):
            relabel(data, mapping)


def test_describe_finds_duplicates_and_conflicts():
    x, y = images(100), np.arange(100) % 2
    x[1] = x[0]  # the same image under both labels
    data = from_arrays(x, y, np.concatenate([x[:4], images(6, seed=9)]), [1, 1, 0, 1] + [0, 1] * 3, validation_split=0)
    table = describe(data).duplicates
    assert table.loc["test images also in train"].tolist() == [4, 0]
    assert table.loc["repeated within train"].tolist() == [1, 1]
    assert table.loc["repeated within test"].tolist() == [1, 0]
    assert describe(data).counts["all"].tolist() == [54, 56] and "<table" in describe(data)._repr_html_()


def test_description_agrees_with_numpy():
    data = from_arrays(images(300, 7, 3), np.arange(300) % 3)
    row = describe(data).splits.loc["train"]
    assert row["mean"] == pytest.approx(data.train.x.mean(),
                                        abs=0.01) and row["standard deviation"] == pytest.approx(data.train.x.std(),
                                                                                                 abs=0.01)


@pytest.mark.parametrize("blocks", [1024, 7])
def test_the_nearest_image_is_scikit_learns_and_minds_neither_brightness_nor_contrast(monkeypatch, blocks):
    from sklearn.metrics import pairwise_distances
    monkeypatch.setattr(dataset, "BLOCK_ROWS", blocks)
    monkeypatch.setattr(describing, "BLOCK_ROWS", blocks)
    split, among = (Split(images(n, 5, 3, seed), np.zeros(n, int)) for n, seed in ((40, 1), (60, 2)))
    found = nearest_images(split, among)
    distances = pairwise_distances(split.x.reshape(40, -1), among.x.reshape(60, -1), metric="correlation")
    assert np.array_equal(found["position"], distances.argmin(1)) and np.allclose(found["correlation"], 1 - distances.min(1), atol=1e-5)
    darker = Split((split.x * 0.4 + 20).astype("uint8"), split.y)
    again = nearest_images(darker, split)
    assert np.array_equal(again["position"], np.arange(40)) and again["correlation"].min() > 0.99


def test_images_that_cannot_be_compared_are_refused():
    one, other, nothing = (Split(images(n, side), np.zeros(n, int)) for n, side in ((4, 5), (4, 6), (0, 5)))
    for among in (other, nothing):
        with pytest.raises(ValueError, match="images of the same shape|image of the same shape"): nearest_images(one, among)
    assert len(nearest_images(nothing, one)) == 0
    flat = Split(np.zeros((2, 5, 5, 1), np.uint8), np.zeros(2, int))
    assert nearest_images(flat, one)["correlation"].abs().max() == 0


# Images that stay on disk

def stored(folder, n=500, side=6, channels=1, **options):
    "The same images on disk and in memory, loaded with the same options."
    x, y = images(n, side, channels), np.arange(n) % 5
    save_arrays(((x[i:i + 77], y[i:i + 77]) for i in range(0, n, 77)), folder / "many")
    return load(folder / "many", **options), from_arrays(x, y, **options)


@pytest.mark.parametrize("options", [{}, {"seed": 3}, {"validation_split": 0.5, "test_split": 0}, {"limit": 60},
                                     *({"split": letter} for letter in "ABCDE")], ids=str)
def test_on_disk_and_in_memory_are_the_same(tmp_path, options):
    mapped, held = stored(tmp_path, **options)
    assert mapped.fingerprint == held.fingerprint and mapped.class_names == held.class_names
    for one, other in zip(mapped.splits().values(), held.splits().values()):
        assert isinstance(one.x, Mapped) and one.x.nbytes == other.x.nbytes
        same(one, other)
    table = lambda data: [t.to_string() for t in describe(data)._tables().values()]
    assert table(mapped) == table(held)
    groups = {i: "ab"[i > 2] if i else None for i in range(5)}
    assert relabel(mapped, groups).fingerprint == relabel(held, groups).fingerprint


def test_a_folder_of_arrays_as_numpy_writes_it(tmp_path):
    x, y = images(60)[..., 0], np.arange(60) % 3
    (tmp_path / "plain").mkdir()
    for name, array in {"x_train": x, "y_train": y.astype(np.uint8), "x_test": x[:9], "y_test": np.eye(3)[y[:9]]}.items():
        np.save(tmp_path / "plain" / f"{name}.npy", array)
    data = load(tmp_path / "plain", seed=1)
    assert data.fingerprint == from_arrays(x, y, x[:9], y[:9], seed=1).fingerprint and data.input_shape == (4, 4, 1)
    same(read(tmp_path / "plain", "test"), Split(x[:9, ..., None], y[:9]))
    (tmp_path / "plain" / "coat").mkdir()
    (tmp_path / "plain" / "coat" / "1.png").write_bytes(png(x[0]))
    for name in ("x_dev", "y_val", "more"):
        np.save(tmp_path / "plain" / f"{name}.npy", y)
    with pytest.warns(UserWarning, match=r"not read: more\.npy, x_dev\.npy, y_val\.npy, coat/$"):
        load(tmp_path / "plain")


def test_all_that_save_arrays_takes(tmp_path):
    data = from_arrays(images(60), ["coat", "bag", "boot"] * 20)
    save_arrays(data, tmp_path / "a")
    a = load(tmp_path / "a")
    assert a.class_names == data.class_names == ("bag", "boot", "coat") and len(a.test) == len(data.test) == 6
    assert np.array_equal(a.test.x, data.test.x) and len(a.train) + len(a.validation) == 54
    save_arrays([a.train, a.validation], tmp_path / "b", test=a.test, class_names=a.class_names)  # from disk to disk
    assert load(tmp_path / "b").class_names == data.class_names
    assert save_arrays((images(9), None), tmp_path / "c") == tmp_path / "c" and read(tmp_path / "c").y is None
    save_arrays(Split(images(8), np.arange(8) % 2), tmp_path / "d")
    same(read(tmp_path / "d"), Split(images(8), np.arange(8) % 2))
    words = (images(4), ["x", "y", "x", "y"])
    assert read(save_arrays([words, words], tmp_path / "e", class_names=("y", "x"))).y.tolist() == [1, 0] * 4


def test_a_test_split_beside_a_data_set_is_kept_or_refused(tmp_path):
    data = from_arrays(images(60), np.arange(60) % 3, split="C")
    assert not len(data.test)
    save_arrays(data, tmp_path / "a", test=(images(6), np.arange(6) % 3))
    assert len(load(tmp_path / "a").test) == 6
    with pytest.raises(ValueError, match="test images of its own"):
        save_arrays(from_arrays(images(60), np.arange(60) % 3), tmp_path / "b", test=(images(6), np.arange(6) % 3))
    assert not (tmp_path / "b").exists()


def test_class_names_give_words_their_order(tmp_path):
    x, words = images(60), np.array(["coat", "bag", "boot"] * 20)
    np.savez(tmp_path / "w.npz", x=x, y=words)
    data = load(tmp_path / "w.npz", class_names=("coat", "boot", "bag"))
    same(data.train, from_arrays(x, words, class_names=("coat", "boot", "bag")).train)
    translated = load(tmp_path / "w.npz", class_names=("sac", "botte", "manteau"))    # new names for bag, boot, coat
    assert np.array_equal(translated.train.y, load(tmp_path / "w.npz").train.y) and translated.class_names[2] == "manteau"
    assert translated.test.class_names == translated.class_names == translated.limited(9).train.class_names
    assert from_arrays(x, np.arange(60) % 3).test.class_names == ("class 0", "class 1", "class 2")
    with pytest.raises(ValueError, match="'coat'.*bag, boot, coat"):
        load(tmp_path / "w.npz", class_names=("coat", "boots", "bags"))


def test_the_first_bytes_count_more_than_the_name(tmp_path):
    x = images(30)
    for name in ("train_idx.npy", "idx_split.csv", "idx.npz"):
        write = {"npy": lambda p: np.save(p, {"features": x, "target": np.arange(30) % 3 + 1}, allow_pickle=True),
                 "npz": lambda p: np.savez(p, x=x, y=np.arange(30) % 3),
                 "csv": lambda p: np.savetxt(p, np.column_stack([np.arange(30) % 3, x.reshape(30, -1)]), fmt="%d", delimiter=",", comments="",
                                             header=",".join(["label", *(f"pixel{i}" for i in range(16))]))}[name[-3:]]
        write(tmp_path / name)
        assert np.array_equal(read(tmp_path / name).x, x), name


def test_a_mapped_split_can_be_sent_to_another_process(tmp_path):
    mapped, held = stored(tmp_path, n=100)
    part = mapped.train.take(np.arange(30)[::-2])
    sent = pickle.dumps(part)
    assert len(sent) < 2000
    same(pickle.loads(sent), held.train.take(np.arange(30)[::-2]))


def test_training_from_disk_gives_the_same_weights(tmp_path):
    from fashion_cnn.recipe import Recipe
    from fashion_cnn.train import train
    recipe = Recipe("little", "a3-small", {"filters": 2, "units": 4}, batch_size=32, epochs=2)
    mapped, held = stored(tmp_path, n=300)
    from_disk, from_memory = (train(recipe, data, progress=False) for data in (mapped, held))
    assert from_disk.weights_hash == from_memory.weights_hash and from_disk.metrics == from_memory.metrics
    for name in ("validation", "test"):
        assert np.array_equal(from_disk.probabilities[name], from_memory.probabilities[name])
        assert np.array_equal(from_disk.labels[name], from_memory.labels[name])
    assert np.array_equal(from_disk.predict(mapped.test), from_memory.predict(held.test))


SIZE, SIDE = 12, 3
whole = st.integers(-SIZE, SIZE - 1)
slices = st.builds(slice, *[st.none() | st.integers(-SIZE - 2, SIZE + 2)] * 2, st.none() | st.sampled_from([-3, -1, 1, 2]))
first = st.one_of(whole, slices, st.lists(whole, max_size=5), st.lists(st.booleans(), min_size=SIZE, max_size=SIZE),
                  st.lists(whole, max_size=4).map(lambda r: np.array(r, np.int32)),
                  st.lists(whole, min_size=4, max_size=4).map(lambda r: np.array(r).reshape(2, 2)),
                  st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array), st.none(), st.just(Ellipsis),
                  whole.map(np.int64), whole.map(np.array), st.booleans(), st.just(np.eye(SIZE, SIDE) > 0))
other = st.one_of(st.integers(-SIDE, SIDE - 1), st.just(slice(None)), st.just(slice(None, None, -1)), st.none(),
                  st.just([2, 0]), st.just(np.array([True, False, True])))
keys = first | st.tuples(first) | st.tuples(first, other) | st.tuples(first, other, other) | st.just(()) | st.just((..., 0))


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory):
    "Twelve of twenty images, mapped, in an order of their own; and the same in memory."
    path, rows = tmp_path_factory.mktemp("mapped") / "x.npy", np.random.default_rng(5).permutation(20)[:SIZE]
    np.save(path, images(20, SIDE))
    return Mapped(np.load(path, mmap_mode="r"), rows), images(20, SIDE)[rows]


@settings(max_examples=400)
@given(key=keys)
def test_mapped_images_are_indexed_as_numpy_does(on_disk, key):
    mapped, held = on_disk
    try:
        expected = held[key]
    except IndexError:
        with pytest.raises(IndexError):
            mapped[key]
        return
    found = mapped[key]
    assert type(found) is type(expected) and found.dtype == np.uint8 and found.shape == expected.shape
    assert np.array_equal(found, expected)
    if isinstance(found, np.ndarray):
        assert found.flags.writeable or not found.size


@relaxed
@given(st.lists(whole, max_size=20) | slices | st.lists(st.booleans(), min_size=SIZE, max_size=SIZE).map(np.array))
def test_parts_of_mapped_images_stay_on_disk(on_disk, key):
    mapped, held = on_disk
    part = mapped.only(key)
    assert isinstance(part, Mapped) and part.shape == held[key].shape and len(part) == len(held[key])
    assert np.array_equal(part, held[key]) and np.array_equal(part.only(slice(None, None, -1)), held[key][::-1])


def test_mapped_images_look_like_an_array(on_disk):
    mapped, held = on_disk
    assert mapped.shape == held.shape and mapped.dtype == held.dtype and mapped.ndim == 4 and mapped.nbytes == held.nbytes
    assert np.array_equal(list(mapped), held) and np.asarray(mapped, "float32").dtype == np.float32
    assert np.array(mapped).flags.writeable and "12 images 3x3x1 in x.npy" in repr(mapped)
    with pytest.raises(IndexError):
        mapped[SIZE]
    with pytest.raises(ValueError, match="copy=False"):
        mapped.__array__(copy=False)
    with pytest.raises(TypeError, match="assignment"):
        mapped[0] = 0


FLAT = """
import sys
import numpy as np
from fashion_cnn.data import describe, load

def kept():
    "Memory that the system cannot take back by itself, in MB; pages of a mapped file it can."
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("RssAnon")) / 1000

before = kept()
data = load(sys.argv[1])
data.fingerprint
describe(data.limited(2000))
order = np.random.default_rng(0).permutation(len(data.train))
total = sum(int(data.train.x[order[i:i + 128]].sum()) for i in range(0, len(order), 128))
assert total == 0 and len(order) == 140_000 and data.train.x.nbytes > 109e6
print(kept() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_memory_stays_flat(tmp_path):
    "200,000 images of 157 MB, every one read; what stays in memory is labels, row numbers and libraries."
    (tmp_path / "x.npy").parent.mkdir(exist_ok=True)
    np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.uint8, (200_000, 28, 28)).flush()  # a file of zeros, quickly made
    np.save(tmp_path / "y.npy", np.arange(200_000, dtype=np.uint8) % 10)
    done = subprocess.run([sys.executable, "-c", FLAT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 75, f"{done.stdout} MB"


def half(path):
    path.write_bytes(path.read_bytes()[:-5])


@pytest.mark.parametrize("change, message", [
    (lambda f: half(f / "x.npy"), r"^x\.npy: wrong length: the header promises 640 bytes.*holds 635 \(truncated\); copy"),
    (lambda f: (f / "x.npy").write_bytes((f / "x.npy").read_bytes() + b"1"), r"promises 640 bytes.*holds 641; copy"),
    (lambda f: (f / "x.npy").write_bytes(b""), r"x\.npy: the file is truncated, damaged|x\.npy: EOF"),
    (lambda f: (f / "x.npy").write_bytes(b"hello, this is a letter"), r"x\.npy: .*magic"),
    (lambda f: half(f / "y.npy"), r"^y\.npy: wrong length.*truncated"),
    (lambda f: np.save(f / "x.npy", np.zeros((40, 4, 4))), r"x\.npy: .*must be uint8.*save_arrays.*Received: float64 \(40, 4, 4\)"),
    (lambda f: np.save(f / "x.npy", np.zeros((0, 4, 4), np.uint8)), r"one image at least.*Received: uint8 \(0, 4, 4\)"),
    (lambda f: np.save(f / "x.npy", np.zeros((40, 5), np.uint8)), r"x\.npy: images must have the shape"),
    (lambda f: np.save(f / "x.npy", np.asfortranarray(images(40))), r"Fortran.*ascontiguousarray"),
    (lambda f: np.save(f / "y.npy", np.arange(39) % 4), r"^y\.npy: one label for each image.*40 images and 39 labels"),
    (lambda f: np.save(f / "y.npy", np.full(40, 0.5)), r"y\.npy: labels must be whole numbers.*0\.5"),
    (lambda f: np.save(f / "y.npy", np.array([{}] * 40), allow_pickle=True), r"y\.npy: refused.*objects"),
    (lambda f: (f / "y.npy").unlink(), r"no labels"),
    (lambda f: np.save(f / "x_train.npy", images(40)), r"either x\.npy.*Received: x\.npy, x_train\.npy"),
    (lambda f: [(f / "x.npy").rename(f / "x_val.npy"), np.save(f / "x_valid.npy", images(40))], r"x_val\.npy, x_valid\.npy"),
    (lambda f: (f / "x.npy").rename(f / "x_extra.npy"), r"x_train\.npy, x_val\.npy.*Received: x_extra\.npy"),
    (lambda f: (f / "class_names.txt").write_text("a\nb\n"), r"label 3 .*out of range; 2 class names")])
def test_a_wrong_folder_of_arrays_is_named(tmp_path, change, message):
    save_arrays((images(40), np.arange(40) % 4), tmp_path / "many")
    change(tmp_path / "many")
    with pytest.raises(ValueError, match=f"(?s){message}"):
        load(tmp_path / "many")


def pieces_that_end_in(error):
    yield images(30), np.arange(30)
    raise error


@pytest.mark.parametrize("pieces, raised, message", [
    (pieces_that_end_in(KeyboardInterrupt()), KeyboardInterrupt, None),
    (pieces_that_end_in(OSError(28, "No space left on device")), OSError, "nothing of it is left: No space left"),
    ([(images(3), [0, 1, 2]), (images(3, 5), [0, 1, 2])], ValueError, "one kind: 4x4x1.*Received: 5x5x1, labelled in piece 1"),
    ([(images(3), [0, 1, 2]), (images(3), None)], ValueError, "one kind.*Received: 4x4x1, unlabelled in piece 1"),
    ([(images(3), [0, 1])], ValueError, "3 images and 2 labels"),
    ([(images(3) / 255, [0, 1, 2])], ValueError, "pieces are uint8.*as_pixels.*Received: float64 in piece 0"),
    ([(images(2), ["coat", "bag"])], ValueError, "class_names= must give their order"),
    ([images(2)], ValueError, "pair of images and labels.*Received: ndarray as piece 0"),
    ([], ValueError, "no images to write"), (7, ValueError, "Received: int")])
def test_nothing_half_written_is_left(tmp_path, pieces, raised, message):
    with pytest.raises(raised, match=message):
        save_arrays(pieces, tmp_path / "many")
    assert not list(tmp_path.iterdir())


def test_a_data_set_is_never_written_over(tmp_path):
    save_arrays((images(3), None), tmp_path / "many")
    with pytest.raises(ValueError, match="'many' exists already.*another name"):
        save_arrays((images(4), None), tmp_path / "many")
    assert len(read(tmp_path / "many")) == 3


# The named sources

def test_sketches_say_what_they_are():
    data = load("sketch", limit=50)
    assert "not photographs" in data.source and data.input_shape == (28, 28, 1) and data.classes == 10
    assert set(sources()) == {"fashion-mnist", "five-groups", "cifar10", "sketch"}


def test_five_groups_are_ten_classes_in_pairs():
    assert len(FIVE_GROUPS) == 10 and sorted(map(list(FIVE_GROUPS.values()).count,
                                                 set(FIVE_GROUPS.values()))) == [2] * 5


@pytest.fixture
def fake_fashion(monkeypatch):
    "Small stand-ins with the shape of Fashion-MNIST, whose checksums are made to fit."
    split = Split(images(200, 28), np.arange(200) % 10)
    digest = lambda a: hashlib.sha256(a.astype(np.uint8).tobytes()).hexdigest()
    monkeypatch.setattr(room, "FASHION_SHA256",
                        {(p, k): digest(getattr(split, k)) for p in ("train", "test") for k in "xy"})
    monkeypatch.setattr(room, "FASHION_SHAPE", (200, 28, 28, 1))
    return split


def test_places_in_order(tmp_path, monkeypatch, fake_fashion):
    for place in ("given", "data/fashion-mnist", "flat", "keras/datasets/fashion-mnist"):
        (tmp_path / place).mkdir(parents=True)
        idx_folder(tmp_path / place, fake_fashion, fake_fashion)
    found = lambda path=None: room.find_source("fashion-mnist", path)[0]
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("FASHION_CNN_DATA", raising=False)
    assert found() == tmp_path / "keras/datasets/fashion-mnist"
    for folder, place in (("data", "data/fashion-mnist"), ("flat", "flat"),
                          ("nowhere", "keras/datasets/fashion-mnist")):
        monkeypatch.setenv("FASHION_CNN_DATA", str(tmp_path / folder))
        assert found() == tmp_path / place
    assert found(tmp_path / "given") == tmp_path / "given"
    data = load("fashion-mnist", path=str(tmp_path / "given"))
    assert data.source == "Fashion-MNIST" and data.class_names[0] == "T-shirt/top"
    assert load(tmp_path / "given").source == "Fashion-MNIST"
    groups = load("five-groups")
    assert groups.classes == 5 and set(np.bincount(groups.test.y)) == {40}
    assert groups.source == "Fashion-MNIST in five groups"


def test_an_unfinished_download_is_taken_up_again(tmp_path, monkeypatch, fake_fashion):
    cache = tmp_path / "datasets" / "fashion-mnist"
    cache.mkdir(parents=True)
    idx_folder(cache, fake_fashion, fake_fashion)
    complete = (cache / "t10k-labels-idx1-ubyte.gz").read_bytes()
    (cache / "t10k-labels-idx1-ubyte.gz").unlink()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("FASHION_CNN_DATA", raising=False)
    asked = []

    def downloaded(name):
        asked.append(name)
        (cache / "t10k-labels-idx1-ubyte.gz").write_bytes(complete)
    monkeypatch.setattr(room, "download", downloaded)
    assert load("fashion-mnist").source == "Fashion-MNIST" and asked == ["fashion-mnist"]
    (cache / "t10k-labels-idx1-ubyte.gz").write_bytes(complete[:-20])
    with pytest.raises(ValueError, match=r"(?s)t10k-labels.*truncated.*delete it there"):
        load("fashion-mnist")


def test_a_download_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("FASHION_CNN_DATA", str(tmp_path))
    monkeypatch.setattr(room, "download", lambda name: "the moon is full")
    with pytest.raises(FileNotFoundError, match="(?s)storage.googleapis.com: the moon is full.*Three ways out"):
        load("five-groups")
    with pytest.raises(ValueError, match="path= says where"):
        load("sketch", path=tmp_path)


def test_wrong_content_is_not_passed_over(tmp_path, monkeypatch, fake_fashion):
    for place, split in (("data", replace_pixel(fake_fashion)), ("keras/datasets/fashion-mnist", fake_fashion)):
        (tmp_path / place).mkdir(parents=True)
        idx_folder(tmp_path / place, split, split)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("FASHION_CNN_DATA", str(tmp_path / "data"))
    with pytest.raises(ValueError, match="does not hold the content of Fashion-MNIST"):
        load("fashion-mnist")
    assert load(tmp_path / "data").source == "data"


def replace_pixel(split):
    x = split.x.copy()
    x[0, 0, 0, 0] ^= 1
    return Split(x, split.y)


CLOSED = """
import socket, sys, time
{prepare}
from fashion_cnn.data import load
start = time.perf_counter()
try:
    load("{name}")
except FileNotFoundError as error:
    text = str(error)
    print(text)
    assert time.perf_counter() - start < 15, time.perf_counter() - start
    for part in ("FASHION_CNN_DATA", "Keras' cache", "download", "path=", 'load("sketch")'):
        assert part in text, text
    assert "keras" not in sys.modules and "tensorflow" not in sys.modules
else:
    raise SystemExit("data came from nowhere")
"""


@pytest.mark.parametrize("name, prepare", [("fashion-mnist", ""), ("five-groups", ""), ("cifar10", ""),
                                           ("fashion-mnist", "socket.getaddrinfo = lambda *a, **k: time.sleep(60)")],
                         ids=["fashion-mnist", "five-groups", "cifar10", "hanging name look-up"])
def test_no_data_reachable_is_said_in_time(tmp_path, name, prepare):
    closed = {} if prepare else {"https_proxy": "http://127.0.0.1:9",
                                 "HTTPS_PROXY": "http://127.0.0.1:9"}  # a port where nobody answers
    env = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
    env |= {"FASHION_CNN_DATA": str(tmp_path), "KERAS_HOME": str(tmp_path)} | closed
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", CLOSED.format(name=name, prepare=prepare)], env=env,
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.perf_counter() - start < 25 and not list(tmp_path.iterdir())


REAL = Path(os.environ.get("FASHION_CNN_DATA", "nowhere"), "fashion-mnist")


@pytest.mark.skipif(not REAL.is_dir(), reason="FASHION_CNN_DATA does not hold Fashion-MNIST")
def test_the_real_files():
    data = load("fashion-mnist")
    assert [len(s) for s in data.splits().values()] == [48000, 12000, 10000] and data.source == "Fashion-MNIST"
    assert set(np.bincount(data.train.y)) == {4800}
    assert sorted(np.bincount(load("five-groups", split="A").test.y).tolist())[0] > 1100
