"Files as people have them: each is read as it was written, or named with a way out."
import bz2
import gzip
import io
import lzma
import pickle
import shutil
import struct
import tarfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fashion_cnn.data import from_arrays, load, read, save_arrays
from small import idx, png

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 3
XT, YT = RNG.integers(0, 256, (30, 8, 8), dtype=np.uint8), np.arange(30) % 3
COLOUR = RNG.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
SAID = pytest.mark.filterwarnings("ignore")  # what is said is another test's matter


def same(split, x, y=None):
    assert np.array_equal(split.x.squeeze(), x)
    assert split.y is None if y is None else np.array_equal(split.y, y)


def same_pair(path, x=X, y=Y, xt=XT, yt=YT):
    "The path holds a part for training and one for the test, and `load` takes them."
    same(read(path, "train"), x, y)
    same(read(path, "test"), xt, yt)
    data = load(path)
    assert len(data.train) + len(data.validation) == len(x) and np.array_equal(data.test.x.squeeze(), xt)
    return data


def idx_files(folder, before="", pack=None, xs=(X, Y, XT, YT)):
    folder.mkdir(parents=True, exist_ok=True)
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for name, array in zip(names, xs):
        raw = gzip.compress(idx(array)) if pack else idx(array)
        (folder / f"{before}{name}-ubyte{'.gz' if pack else ''}").write_bytes(raw)
    return folder


def table(path, x=X, y=Y, header=True, sep=",", end=False, quote="", ids=False):
    "A table of flat images as other programs write it."
    columns = {f"pixel{i}": v for i, v in enumerate(x.reshape(len(x), -1).T)}
    if y is not None:
        columns = {**columns, "label": y} if end else {"label": y, **columns}
    if ids:
        columns = {"": np.arange(len(x)), **columns}
    rows = [list(columns)] if header else []
    rows += [list(map(str, row)) for row in zip(*columns.values())]
    path.write_text("\n".join(sep.join(quote + cell + quote for cell in row) for row in rows) + "\n")
    return path


def packed(path, *files):
    with zipfile.ZipFile(path, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return path


def batch(x, **labels):
    return pickle.dumps({"data": np.moveaxis(x, -1, 1).reshape(len(x), -1), **labels}, protocol=2)


# Zip, gzip and tar of anything that is read

def test_a_zip_of_a_table_and_a_table_in_gz_bz2_xz(tmp_path):
    csv = table(tmp_path / "a.csv")
    same(read(packed(tmp_path / "a.zip", csv)), X, Y)
    for module, end in ((gzip, "gz"), (bz2, "bz2"), (lzma, "xz")):
        path = tmp_path / f"a.csv.{end}"
        path.write_bytes(module.compress(csv.read_bytes()))
        same(read(path), X, Y)
        nameless = tmp_path / f"{end}_table"
        shutil.copy(path, nameless)
        same(read(nameless), X, Y)
    assert load(tmp_path / "a.zip").source == "a.zip"


def test_a_zip_of_arrays_idx_batches_and_pictures(tmp_path):
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    same(read(packed(tmp_path / "npz.zip", tmp_path / "a.npz")), X, Y)
    same_pair(packed(tmp_path / "idx.zip", *sorted(idx_files(tmp_path / "idx", pack=True).iterdir())))
    save_arrays([(X, Y)], tmp_path / "arrays")
    split = read(packed(tmp_path / "arrays.zip", *(p for p in (tmp_path / "arrays").iterdir())))
    same(split, X, Y)
    assert isinstance(split.x, np.ndarray), "nothing may point into a folder that is gone"
    with zipfile.ZipFile(tmp_path / "cifar.zip", "w") as archive:
        for name in ("data_batch_1", "test_batch"):
            archive.writestr(f"cifar-10-batches-py/{name}", batch(COLOUR, labels=list(np.arange(40) % 10)))
    same_pair(tmp_path / "cifar.zip", COLOUR, np.arange(40) % 10, COLOUR, np.arange(40) % 10)
    with zipfile.ZipFile(tmp_path / "pictures.zip", "w") as archive:
        for i, x in enumerate(X):
            archive.writestr(f"mine/{'abc'[i % 3]}/{i:02}.png", png(x))
            archive.writestr(f"__MACOSX/mine/{'abc'[i % 3]}/._{i:02}.png", b"\0\5\x16\7")
    split = read(tmp_path / "pictures.zip")
    same(split, X[np.argsort(Y, kind="stable")], np.sort(Y))
    assert split.class_names == ("a", "b", "c")


def test_archives_in_archives_but_not_without_end(tmp_path):
    inner = packed(tmp_path / "train.csv.zip", table(tmp_path / "train.csv"))
    test = packed(tmp_path / "test.csv.zip", table(tmp_path / "test.csv", XT, YT))
    same_pair(packed(tmp_path / "kaggle.zip", inner, test))
    path = packed(tmp_path / "0.zip", tmp_path / "train.csv")
    for i in range(1, 5):
        path = packed(tmp_path / f"{i}.zip", path)
    with pytest.raises(ValueError, match="4.zip.*archives in archives"):
        read(path)


def test_a_tar_of_tables(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(table(tmp_path / "x_train.csv"), "set/x_train.csv")
        archive.add(table(tmp_path / "x_test.csv", XT, YT), "set/x_test.csv")
    same_pair(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["../evil.csv", "/tmp/evil.csv", "a/..\\..\\evil.csv"])
def test_a_zip_member_may_not_climb_out(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "label,1,2,3,4\n0,1,2,3,4\n")
    with pytest.raises(ValueError, match="a.zip: refused.*evil.csv"):
        read(tmp_path / "a.zip")
    assert [p.name for p in tmp_path.rglob("*")] == ["a.zip"]


def test_a_zip_link_and_a_bomb_are_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        link = zipfile.ZipInfo("train.csv")
        link.external_attr = 0xA1FF << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ValueError, match="refused.*train.csv"):
        read(tmp_path / "a.zip")
    monkeypatch.setattr("fashion_cnn.limits.MAX_BYTES", 10 ** 6)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(bytes(2 * 10 ** 6)))
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.csv", bytes(2 * 10 ** 6))
    for name in ("b.csv.gz", "b.zip"):
        with pytest.raises(ValueError, match="bytes of memory"):
            read(tmp_path / name)


# torchvision's folders, and sets with names like MNIST's

@pytest.mark.parametrize("name", ["FashionMNIST", "MNIST", "KMNIST"])
@pytest.mark.parametrize("pack", [True, False])
def test_the_root_folder_of_torchvision(tmp_path, name, pack):
    raw = idx_files(tmp_path / "root" / name / "raw", pack=pack)
    idx_files(raw, pack=True)  # torchvision leaves the packed files beside the others
    for path in (tmp_path / "root", tmp_path / "root" / name, raw):
        same_pair(path)


def test_emnist_is_turned_upright_and_its_letters_have_names(tmp_path):
    letters = np.arange(60) % 26 + 1
    raw = idx_files(tmp_path / "EMNIST" / "raw", "emnist-letters-", xs=(X.swapaxes(1, 2), letters, X.swapaxes(1, 2), letters))
    with pytest.warns(UserWarning, match="turned upright"):
        split = read(tmp_path, "train")
    same(split, X, letters - 1)
    assert split.class_names[:3] == ("A", "B", "C") and len(split.class_names) == 26
    idx_files(raw, "emnist-digits-")
    with pytest.raises(ValueError, match="several sets: emnist-digits, emnist-letters"):
        read(tmp_path)


def test_a_root_with_two_sets_is_asked_about(tmp_path):
    for name in ("MNIST", "FashionMNIST"):
        idx_files(tmp_path / name / "raw")
    with pytest.raises(ValueError, match="several sets.*FashionMNIST/raw, MNIST/raw; load one"):
        load(tmp_path)


def test_a_site_that_unpacks_each_file_into_a_folder_of_its_name(tmp_path):
    for path in list(idx_files(tmp_path / "flat").iterdir()):
        (tmp_path / "deep" / path.name).mkdir(parents=True)
        shutil.copy(path, tmp_path / "deep" / path.name / path.name)
    same_pair(tmp_path / "deep")


# CIFAR

def cifar100(folder, x=COLOUR, n=40):
    folder.mkdir(parents=True)
    fine = list(range(n))
    labels = {b"fine_labels": fine, b"coarse_labels": [i % 20 for i in fine]}
    for part in ("train", "test"):
        (folder / part).write_bytes(pickle.dumps({b"data": np.moveaxis(x, -1, 1).reshape(len(x), -1), **labels}, 2))
    names = {b"fine_label_names": [f"thing {i}".encode() for i in fine], b"coarse_label_names": [b"group"] * 20}
    (folder / "meta").write_bytes(pickle.dumps(names, 2))
    (folder / "file.txt~").write_text("")
    return folder


def test_cifar_100(tmp_path):
    folder = cifar100(tmp_path / "root" / "cifar-100-python")
    with tarfile.open(tmp_path / "cifar-100-python.tar.gz", "w:gz") as archive:
        archive.add(folder, folder.name)
    for path in (folder, tmp_path / "root", tmp_path / "cifar-100-python.tar.gz"):
        split = read(path, "train")
        same(split, COLOUR, np.arange(40))
        assert split.class_names[3] == "thing 3"
        same(read(path, "test"), COLOUR, np.arange(40))
    shutil.copy(tmp_path / "cifar-100-python.tar.gz", tmp_path / "root")  # as torchvision leaves it
    same(read(tmp_path / "root", "test"), COLOUR, np.arange(40))
    alone = read(folder / "train")
    same(alone, COLOUR, np.arange(40))
    assert alone.class_names[39] == "thing 39"


def test_binary_cifar(tmp_path):
    planes = np.moveaxis(COLOUR, -1, 1).reshape(40, -1)
    ten = np.column_stack([np.arange(40) % 10, planes]).astype(np.uint8).tobytes()
    hundred = np.column_stack([np.arange(40) % 20, np.arange(40), planes]).astype(np.uint8).tobytes()
    for folder, names, raw in (("cifar-10-batches-bin", ("data_batch_1.bin", "test_batch.bin"), ten),
                               ("cifar-100-binary", ("train.bin", "test.bin"), hundred)):
        (tmp_path / folder).mkdir()
        for name in names:
            (tmp_path / folder / name).write_bytes(raw)
    (tmp_path / "cifar-100-binary" / "fine_label_names.txt").write_text("\n".join(f"thing_{i}" for i in range(40)))
    same(read(tmp_path / "cifar-10-batches-bin", "test"), COLOUR, np.arange(40) % 10)
    same(read(tmp_path / "cifar-100-binary", "train"), COLOUR, np.arange(40))
    same(read(tmp_path / "cifar-100-binary" / "test.bin"), COLOUR, np.arange(40))
    assert read(tmp_path / "cifar-100-binary", "train").class_names[5] == "thing_5"
    (tmp_path / "cifar-10-batches-bin" / "test_batch.bin").write_bytes(ten[:-7])
    with pytest.raises(ValueError, match="test_batch.bin.*3,073 bytes"):
        read(tmp_path / "cifar-10-batches-bin")


# Arrays

def test_kmnist(tmp_path):
    for part, x, y in (("train", X, Y), ("test", XT, YT)):
        np.savez_compressed(tmp_path / f"kmnist-{part}-imgs.npz", x)
        np.savez_compressed(tmp_path / f"kmnist-{part}-labels.npz", y)
    same_pair(tmp_path)
    same(read(tmp_path / "kmnist-test-imgs.npz"), XT, YT)
    with pytest.raises(ValueError, match="kmnist-test-labels.npz.*labels only"):
        read(tmp_path / "kmnist-test-labels.npz")
    (tmp_path / "kmnist-train-labels.npz").unlink()
    same(read(tmp_path / "kmnist-train-imgs.npz"), X)


def test_arrays_without_names(tmp_path):
    for arrays in ((X, Y), (Y, X)):
        np.savez(tmp_path / "a.npz", *arrays)
        same(read(tmp_path / "a.npz"), X, Y)
    for arrays in ((X, Y, XT, YT), (X, XT, Y, YT)):
        np.savez(tmp_path / "a.npz", *arrays)
        same_pair(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", X, YT)
    with pytest.raises(ValueError, match=r"have no names.*arr_0 \(60, 8, 8\), arr_1 \(30,\).*x_train=") as caught:
        read(tmp_path / "a.npz")
    assert len(str(caught.value)) < 400
    np.savez(tmp_path / "a.npz", X_train=X, Y_train=Y, X_test=XT, Y_test=YT)
    same_pair(tmp_path / "a.npz")


def test_pickles_of_arrays(tmp_path):
    for name, content in (("a.pkl", {"x_train": X, "y_train": Y, "x_test": XT, "y_test": YT}),
                          ("b.p", ((X, Y), (XT, YT)))):
        (tmp_path / name).write_bytes(pickle.dumps(content))
        same_pair(tmp_path / name)
    three = [(x.reshape(len(x), -1) / np.float32(255), y) for x, y in ((X, Y), (XT, YT), (XT, YT))]
    (tmp_path / "mnist.pkl.gz").write_bytes(gzip.compress(pickle.dumps(three, protocol=2)))
    same(read(tmp_path / "mnist.pkl.gz", "train"), X, Y)
    same(read(tmp_path / "mnist.pkl.gz", "validation"), XT, YT)
    (tmp_path / "c.pkl").write_bytes(pickle.dumps({"weights": X}))
    with pytest.raises(ValueError, match="c.pkl.*x_train.*Received: weights"):
        read(tmp_path / "c.pkl")
    (tmp_path / "d.pkl").write_bytes(pickle.dumps(Path("x")))
    with pytest.raises(ValueError, match="d.pkl: refused.*Path.*nothing was run.*np.savez"):
        read(tmp_path / "d.pkl")


WORDS = [str(i) for i in range(12)]


@pytest.mark.parametrize("train, test", [(str, int), (int, str), (str, str)])
def test_words_that_are_numbers_keep_their_meaning_in_the_test(tmp_path, train, test):
    labels = np.arange(60) % 12
    np.savez(tmp_path / "a.npz", x_train=X, y_train=labels.astype(train), x_test=X, y_test=labels.astype(test))
    data = load(tmp_path / "a.npz")
    number = lambda split: [int(data.class_names[y].removeprefix("class ")) for y in split.y]
    assert number(data.test) == labels.tolist()
    assert sorted(number(data.train) + number(data.validation)) == sorted(labels.tolist())


@pytest.mark.parametrize("train, test", [(["coat", "bag"], [0, 1]), ([0, 1], ["coat", "bag"]),
                                         (["1", "2"], [0, 1]), (["coat", "bag"], ["boot", "bag"])])
def test_labels_that_cannot_be_the_same_are_refused(tmp_path, train, test):
    np.savez(tmp_path / "a.npz", x_train=X[:20], y_train=np.array(train * 10), x_test=X[:20], y_test=np.array(test * 10))
    with pytest.raises(ValueError, match=r"a\.npz: the test label '(0|bag|boot)' is not .*(same words|numbers)"):
        load(tmp_path / "a.npz")


# Tables

@SAID
@pytest.mark.parametrize("sep", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", [False, True])
def test_dialects_of_tables(tmp_path, sep, quote, header, end):
    path = table(tmp_path / "a.csv", header=header, sep=sep, quote=quote, end=end)
    same(read(path), X, Y)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").decode().encode("utf-8-sig"))
    same(read(path), X, Y)


def test_what_is_guessed_about_a_table_is_said(tmp_path):
    with pytest.warns(UserWarning, match="no header.*the first column as label and 64 pixels"):
        same(read(table(tmp_path / "a.csv", header=False)), X, Y)
    with pytest.warns(UserWarning, match="no header.*the last column as label"):
        same(read(table(tmp_path / "a.csv", header=False, end=True)), X, Y)
    with pytest.warns(UserWarning, match="no header.*no label"):
        same(read(table(tmp_path / "a.csv", y=None, header=False)), X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(read(table(tmp_path / "a.csv", ids=True)), X, Y)
        same(read(table(tmp_path / "a.csv", end=True)), X, Y)
        same(read(table(tmp_path / "a.csv", y=None)), X)


@SAID
def test_the_label_stands_last_where_only_it_can_be_one(tmp_path):
    words = np.array(["bag", "boot", "coat"])[Y]
    split = read(table(tmp_path / "a.csv", y=words, header=False, end=True))
    same(split, X, Y)
    assert split.class_names == ("bag", "boot", "coat")
    same(read(table(tmp_path / "a.csv", y=words, header=False)), X, Y)
    many = np.arange(600) % 300
    x = RNG.integers(0, 256, (600, 8, 8), dtype=np.uint8)
    same(read(table(tmp_path / "a.csv", x, many, header=False, end=True)), x, many)
    x[:, 0, 0] = 0  # a corner that is always black is no label
    same(read(table(tmp_path / "a.csv", x[:90], many[:90] % 10, header=False, end=True)), x[:90], many[:90] % 10)


@pytest.mark.parametrize("header", [
    "label,1x1,1x2,2x1,2x2", "1x1,1x2,2x1,2x2,class", "id,label,0,1,2,3", "Label,1,2,3,4", "label,pixel 1,pixel 2,pixel 3,pixel 4",
    ",label,0,1,2,3", "Unnamed: 0,label,p0,p1,p2,p3", "V1,V2,V3,V4,target", "# label,1,2,3,4", "label,r0c0x0,1,2,3"])
def test_headers(tmp_path, header):
    names = header.split(",")
    row = {"": "7", "Unnamed: 0": "7", "id": "7"}
    pixels = iter([10, 20, 30, 40])
    line = ",".join(row.get(n) or ("0" if n.strip("# ") in ("label", "class", "Label", "target") else str(next(pixels))) for n in names)
    (tmp_path / "a.csv").write_text(f"{header}\n{line}\n")
    if "c0x0" in header:
        with pytest.raises(ValueError, match="header must be Id,Label,1"):
            read(tmp_path / "a.csv")
    else:
        split = read(tmp_path / "a.csv")
        assert split.x.ravel().tolist() == [10, 20, 30, 40] and split.y.tolist() == [0]


def test_second_columns_of_labels_and_ids(tmp_path):
    (tmp_path / "a.csv").write_text("label,class,1,2,3,4\n0,1,10,20,30,40\n")
    with pytest.raises(ValueError, match="several columns.*label, class"): read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("index,id,image_id,label,1,2,3,4\n0,5,6,0,10,20,30,40\n")
    with pytest.warns(UserWarning, match="not read: image_id$"): assert read(tmp_path / "a.csv").ids.tolist() == [5]
    (tmp_path / "a.csv").write_text('label,1,2,3,4\n"a, b",10,20,30,40\n')
    with pytest.raises(ValueError, match="has 6 cells.*inside quotation marks"): read(tmp_path / "a.csv")


@SAID
def test_what_excel_and_numpy_write(tmp_path):
    (tmp_path / "a.csv").write_text("sep=;\nlabel;1;2;3;4\n1;0,5;1,0;0;0\n0;0;0;0,25;1\n")
    assert read(tmp_path / "a.csv").x.ravel().tolist() == [128, 255, 0, 0, 0, 0, 64, 255]
    np.savetxt(tmp_path / "b.txt", np.column_stack([Y, X.reshape(60, -1)]))
    same(read(tmp_path / "b.txt"), X, Y)
    (tmp_path / "c.csv").write_text("label\t1\t2\t3\t4\n1\t0\t0\t0\t0\n", encoding="utf-16")
    with pytest.raises(ValueError, match="c.csv: the text is UTF-16.*UTF-8"):
        read(tmp_path / "c.csv")
    (tmp_path / "d.csv").write_text("10000,1,5,6,7,8\n10001,0,5,6,7,8\n")
    with pytest.raises(ValueError, match="d.csv: there is no header.*must be Id,Label,1"):
        read(tmp_path / "d.csv")


def test_errors_in_a_table_without_header_name_the_line(tmp_path):
    path = table(tmp_path / "a.csv", header=False)
    for old, new, text in (("\n2,", "\n2,x", "line 3, column 2: a number was expected"),
                           ("\n2,", "\n2,7,", "line 3 has 66 cells, the first one 65")):
        path.write_text(table(path, header=False).read_text().replace(old, new, 1))
        with pytest.warns(UserWarning), pytest.raises(ValueError, match=text):
            read(path)


def smooth(n):
    "Colour images that are smooth, as photographs are."
    steps = np.linspace(0, 200, 32)
    x = steps[None, :, None, None] * RNG.random((n, 1, 1, 3)) + steps[None, None, :, None] * .2 * RNG.random((n, 1, 1, 3))
    return x.astype(np.uint8)


@pytest.mark.parametrize("header", [True, False])
def test_colours_in_a_table(tmp_path, header):
    x, y = smooth(30), np.arange(30) % 3
    with pytest.warns(UserWarning, match="red, green and blue of one pixel after the other"):
        same(read(table(tmp_path / "a.csv", x, y, header=header)), x, y)
    with pytest.warns(UserWarning, match="all red values, then green, then blue"):
        same(read(table(tmp_path / "a.csv", np.moveaxis(x, -1, 1), y, header=header)), x, y)
    with pytest.warns(UserWarning, match="red, green and blue of one pixel"):
        same(read(table(tmp_path / "a.csv", COLOUR, np.arange(40) % 4, header=header)), COLOUR, np.arange(40) % 4)


def test_a_pair_of_tables(tmp_path):
    table(tmp_path / "fashion-mnist_train.csv")
    table(tmp_path / "fashion-mnist_test.csv", XT, YT)
    same_pair(tmp_path)
    table(tmp_path / "fashion-mnist_train_2.csv")
    with pytest.raises(ValueError, match="several files could be meant.*train.csv, fashion-mnist_train_2.csv.*by its path"):
        load(tmp_path)


def test_kaggles_pair_whose_test_has_no_labels(tmp_path):
    table(tmp_path / "train.csv")
    table(tmp_path / "test.csv", XT, None)
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n")
    with pytest.warns(UserWarning) as said:
        data = load(tmp_path)
    text = " ".join(str(w.message) for w in said)
    assert "test.csv has no labels, so its 30 images" in text and "not read: sample_submission.csv" in text
    assert len(data.train) + len(data.validation) + len(data.test) == 60
    same(read(tmp_path / "test.csv"), XT)


def test_words_in_a_pair_of_tables_are_numbered_alike(tmp_path):
    table(tmp_path / "train.csv", y=np.array(["boot", "coat", "bag"])[Y])
    table(tmp_path / "test.csv", XT, np.array(["boot", "coat", "boot"])[YT])
    data = load(tmp_path)
    assert [data.class_names[y] for y in data.test.y[:3]] == ["boot", "coat", "boot"]


# Parquet

@pytest.fixture
def parquet():
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    def write(path, x, y, names=None, image="image", label="label", raw=False):
        cells = [png(i) if raw else {"bytes": png(i), "path": None} for i in x]
        rows = pa.table({image: cells} if y is None else {image: cells, label: y})
        if names:
            info = {"info": {"features": {"image": {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}}}
            rows = rows.replace_schema_metadata({"huggingface": str(info).replace("'", '"')})
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
        return path
    return write


def test_parquet_of_hugging_face(tmp_path, parquet):
    names = ["T-shirt / top", "Bag", "Ankle boot"]
    same(read(parquet(tmp_path / "a.parquet", X, Y)), X, Y)
    split = read(parquet(tmp_path / "b.parquet", COLOUR, np.arange(40) % 3, names, "img", "fine_label"))
    same(split, COLOUR, np.arange(40) % 3)
    assert split.class_names == tuple(names)
    split = read(parquet(tmp_path / "c.parquet", X, np.array(["b", "a", "c"])[Y], raw=True))
    assert split.class_names == ("a", "b", "c") and split.y[:3].tolist() == [1, 0, 2]
    same(read(parquet(tmp_path / "d.parquet", X, None)), X)
    same(read(parquet(tmp_path / "e.parquet", X, np.full(60, -1))), X)
    data = tmp_path / "hub" / "data"
    parquet(data / "train-00000-of-00002.parquet", X[:30], Y[:30], names)
    parquet(data / "train-00001-of-00002.parquet", X[30:], Y[30:], names)
    parquet(data / "test-00000-of-00001.parquet", XT, YT, names)
    (tmp_path / "hub" / "README.md").write_text("---")
    assert same_pair(tmp_path / "hub").class_names == tuple(names)


def test_parquet_of_pixels_and_of_other_things(tmp_path, parquet):
    import pyarrow as pa
    import pyarrow.parquet as pq
    columns = {"label": Y} | {f"pixel{i}": column for i, column in enumerate(X.reshape(60, -1).T)}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    same(read(tmp_path / "a.parquet"), X, Y)
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "b.parquet")
    with pytest.raises(ValueError, match="b.parquet: a column called image.*Received: text"):
        read(tmp_path / "b.parquet")
    pq.write_table(pa.table({"image": [{"path": "a.png", "bytes": None}]}), tmp_path / "c.parquet")
    with pytest.raises(ValueError, match="c.parquet: row 0: the bytes of a picture.*'a.png'"):
        read(tmp_path / "c.parquet")


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    with pytest.raises(ValueError, match="a.parquet.*pip install pyarrow"):
        read(tmp_path / "a.parquet")


# Files of other kinds are named

def zipped(*names):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


OTHER = {
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(50), "an HDF5 file.*h5py.File"),
    "a.mat": (b"MATLAB 5.0 MAT-file, Platform: GLNXA64" + bytes(100), r"a MATLAB file,.*scipy.io.loadmat\(\"a.mat\"\)"),
    "b.mat": (b"MATLAB 7.3 MAT-file, Platform" + bytes(600), r"version 7.3.*h5py"),
    "a.arrow": (b"ARROW1\0\0", "Apache Arrow.*to_parquet"),
    "b.arrow": (b"\xff\xff\xff\xff\x80\1\0\0\x10\0\0\0\0\0", "Apache Arrow.*to_parquet"),
    "a.pdf": (b"%PDF-1.7\n", "a PDF"),
    "a.csv": (b"<!DOCTYPE html>\n<html><head>", "web page, saved in place of the download"),
    "b.csv": (b"\n\n<!-- x -->\n<HTML lang=en>", "web page"),
    "a.npz": (b"<html><body>Sign in to Google Drive", "web page"),
    "train.parquet": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", "Git LFS pointer.*git lfs pull"),
    "a.tar": (b"", "empty.*download"),
    "a.rar": (b"Rar!\x1a\x07\x01\0", "RAR.*unrar x"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c\0\4", "7-Zip.*7z x"),
    "a.xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "Excel.*read_excel.*to_csv"),
    "a.xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "Excel.*read_excel"),
    "a.tfrecord": (struct.pack("<Q", 40) + b"abcd" + b"\n" + bytes(39) + b"efgh", "TFRecord.*TFRecordDataset"),
    "a.pt": (zipped("archive/data.pkl", "archive/version"), "PyTorch.*torch.load.*weights_only"),
    "b.pt": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "PyTorch.*torch.load"),
    "a.safetensors": (struct.pack("<Q", 60) + b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}      ' + bytes(4), "safetensors.*load_file"),
    "a.keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "Keras model"),
    "a.tflite": (b"\x1c\0\0\0TFL3" + bytes(50), "LiteRT"),
    "a.json": (b'{"x": [[0, 1], [2, 3]]}', "JSON.*json.load"),
    "a.sqlite": (b"SQLite format 3\0", "SQLite"),
    "a.png": (png(X[0]), "one picture.*folder of pictures for each class"),
    "a.mp4": (b"\0\0\0\x18ftypmp42", "film"),
    "a.heic": (b"\0\0\0\x18ftypheic" + bytes(20), "one picture.*folder of pictures for each class"),
    "a.avif": (b"\0\0\0\x1cftypavif" + bytes(20), "one picture.*folder of pictures for each class"),
    "a.zst": (b"\x28\xb5\x2f\xfd" + bytes(20), "zstd"),
    "a.dat": (bytes(range(7, 30)) + bytes(40), "not known by its first bytes, 07 08 09"),
    "readme.zip": (zipped("README.md", "docs/a.md", "docs/b.md"), "no pictures, tables or arrays.*1 .md; docs/ .2 .md."),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_kinds_are_named_with_the_way_out(tmp_path, name):
    content, text = OTHER[name]
    (tmp_path / name).write_bytes(content)
    for path in (tmp_path / name, packed(tmp_path / "all.zip", tmp_path / name)):
        if path.name == "all.zip" and name in ("a.dat", "a.png", "a.heic", "a.avif", "a.json", "a.pdf", "a.mp4", "a.sqlite", "a.zst", "a.tflite", "a.keras"):
            continue  # these are passed over among other files
        with pytest.raises(ValueError, match=f"(?s){text}") as caught:
            load(path)
        message = str(caught.value)
        assert message.startswith(path.name) and len(message) < 500 and "fashion_cnn-" not in message, message


def test_real_files_of_other_programs(tmp_path):
    scipy, h5py, pandas = map(pytest.importorskip, ("scipy.io", "h5py", "pandas"))
    scipy.savemat(tmp_path / "a.mat", {"X": X, "y": Y})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = X
    pandas.DataFrame({"a": [1]}).to_pickle(tmp_path / "a.pkl")
    (tmp_path / "a.feather").write_bytes(b"FEA1")
    for name, text in (("a.mat", "MATLAB file,"), ("a.h5", "HDF5"), ("a.pkl", "refused.*pandas"), ("a.feather", "Arrow")):
        with pytest.raises(ValueError, match=f"{name}: .*{text}"):
            load(tmp_path / name)


def test_the_ways_out_work(tmp_path):
    scipy, h5py = map(pytest.importorskip, ("scipy.io", "h5py"))
    scipy.savemat(tmp_path / "a.mat", {"X": np.moveaxis(X[..., None], 0, -1), "y": Y[:, None]})
    m = scipy.loadmat(tmp_path / "a.mat")
    assert from_arrays(np.moveaxis(m["X"], -1, 0), m["y"].ravel()).input_shape == (8, 8, 1)
    with h5py.File(tmp_path / "a.h5", "w") as f:
        f["x"], f["y"] = X, Y
    with h5py.File(tmp_path / "a.h5") as f:
        assert from_arrays(f["x"][:], f["y"][:]).classes == 3


def test_what_a_folder_holds_is_said(tmp_path):
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    for name in ("notes.txt", "more.txt", "setup.py", "a/1.docx", "a/2.docx", "a/deep/x.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=r"no pictures.*It holds: 2 \.txt, 1 \.py; a/ \(2 \.docx, 1 folders\); b/ \(empty\)") as caught:
        load(tmp_path)
    assert str(caught.value).startswith(tmp_path.name)
    with pytest.raises(ValueError, match="It holds: nothing"):
        load(tmp_path / "b")
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ValueError, match="a.h5: this is an HDF5 file"):
        load(tmp_path)


def test_pictures_in_class_folders_come_before_a_table_and_tables_before_a_loose_picture(tmp_path):
    for i in range(30):
        (tmp_path / "ab"[i % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[i % 2] / f"{i}.png").write_bytes(png(X[i]))
    (tmp_path / "labels.csv").write_text("file,label\n0.png,a\n")
    assert load(tmp_path).class_names == ("a", "b")
    (tmp_path / "c").mkdir()
    table(tmp_path / "c" / "train.csv")
    (tmp_path / "c" / "overview.png").write_bytes(png(X[0]))
    same(read(tmp_path / "c"), X, Y)
