"Bad input: each file gives one clear error that names what is wrong and where, runs nothing, and writes nothing."
import errno
import gzip
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_cnn.data import Split, as_labels, as_pixels, from_arrays, load, read, save_csv, save_npy
from fashion_cnn.files import this_host
from small import idx, png


X, Y = np.random.default_rng(0).integers(0, 256, (40, 4, 4), dtype=np.uint8), np.arange(40) % 4
NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_folder(folder, **changed):
    "The four IDX files in `folder`; keyword x, y, xt or yt replaces the content of one, None leaves it out."
    content = dict(x=idx(X), y=idx(Y), xt=idx(X), yt=idx(Y)) | changed
    for name, raw in zip(NAMES, content.values()):
        if raw is not None:
            (folder / (name + (".gz" if raw[:2] == b"\x1f\x8b" else ""))).write_bytes(raw)
    return folder


def npz(folder, **arrays):
    np.savez(folder / "a.npz", **arrays)
    return folder / "a.npz"


def npy(folder, **content):
    np.save(folder / "a.npy", content, allow_pickle=True)
    return folder / "a.npy"


HEADER = ["Id", "Label"] + [str(i) for i in range(1, 17)]


def csv(folder, change=lambda rows: None, header=HEADER):
    "A good table of 40 rows, after `change` has been at its cells."
    rows = [[str(10000 + i), str(y)] + [str(p) for p in x.ravel()] for i, (x, y) in enumerate(zip(X, Y))]
    rows = change(rows) or rows
    (folder / "a.csv").write_text("\n".join(",".join(r) for r in [header, *rows]) + "\n")
    return folder / "a.csv"


def cell(row, column, value):
    def change(rows):
        rows[row][HEADER.index(column)] = value
    return change


def raw(name, content):
    def write(folder):
        (folder / name).write_bytes(content)
        return folder / name
    return write


def tar(folder, *members, mode="w"):
    with tarfile.open(folder / "a.tar", mode) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
    return folder / "a.tar"


def tree(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_png", ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


class Shell:
    "A pickle of this asks for a shell command that leaves a file called `ran`."
    def __init__(self, folder, call=os.system):
        self.folder, self.call = folder, call

    def __reduce__(self):
        return self.call, (f"touch '{self.folder / 'ran'}'",)


class Calls:
    "A pickle of this asks for any call."
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def pickled(name, make, protocol=2):
    def write(folder):
        (folder / name).write_bytes(pickle.dumps(make(folder), protocol=protocol))
        return folder / name
    return write


def batch(**changes):
    return {"data": np.zeros((4, 3072), np.uint8), "labels": [0, 1, 2, 3]} | changes


def evil_npy(folder):
    np.save(folder / "a.npy", {"features": X.astype(float), "target": Y + 1.0, "extra": Shell(folder)},
            allow_pickle=True)
    return folder / "a.npy"


def evil_tar(folder):
    return tar(folder, *[(f"cifar-10-batches-py/data_batch_{i}", pickle.dumps(batch(x=Shell(folder))))
                         for i in range(1, 6)])


def lying_zip(folder):
    "An .npz whose array header promises 2 ** 60 numbers."
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (2 ** 50, 32, 32)})
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue() + bytes(100))
    return folder / "a.npz"


def big_member(folder):
    "A tar whose only member claims 100 GB."
    info = tarfile.TarInfo("cat/1.png")
    info.size = 10 ** 11
    (folder / "a.tar").write_bytes(info.tobuf() + bytes(2048))
    return folder / "a.tar"


PICTURE, CSV_ROWS = png(X[0]), "Id,Label,1,2,3,4\n"

BAD = {
    # IDX
    "truncated gz": (lambda d: idx_folder(d, x=gzip.compress(idx(X))[:-300]), r"train-images.*(truncated|damaged)"),
    "gz cut in its header": (lambda d: idx_folder(d, x=gzip.compress(idx(X))[:11]), r"train-images.*truncated"),
    "damaged gz": (lambda d: idx_folder(d, x=b"\x1f\x8b" + bytes(range(200))), r"train-images.*damaged"),
    "truncated IDX": (lambda d: idx_folder(d, x=idx(X, cut=-5)), r"wrong length.*640.*635.*truncated"),
    "too long IDX": (lambda d: idx_folder(d, x=idx(X) + b"!"), r"wrong length.*more"),
    "gz that never ends": (lambda d: idx_folder(d, x=gzip.compress(idx(X) + bytes(10 ** 8))), r"wrong length.*more"),
    "wrong magic": (
        lambda d: idx_folder(d, x=idx(X, magic=b"\x00\x00\x0d\x03")),
        r"wrong magic number.*00 00 08 03.*00 00 0d 03"),
    "web page instead of IDX": (lambda d: idx_folder(d, x=b"<html>404</html>"), r"wrong magic number.*3c 68 74 6d"),
    "labels where images should be": (lambda d: idx_folder(d, x=idx(Y)), r"wrong magic number.*00 00 08 01"),
    "IDX header promises too much": (lambda d: idx_folder(d, x=b"\0\0\x08\x03" + b"\xff" * 12), r"bytes of memory"),
    "empty IDX": (lambda d: idx_folder(d, x=b""), r"train-images.*empty"),
    "missing IDX file": (lambda d: idx_folder(d, yt=None), r"t10k-labels-idx1-ubyte.*missing"),
    "more labels than images": (lambda d: idx_folder(d, y=idx(Y[:-1])), r"40 images and 39 labels"),
    "test images of another shape": (
        lambda d: idx_folder(d, xt=idx(X[:, :3])),
        r"training images are 4x4x1, test images 3x4x1"),
    "labels out of range": (lambda d: idx_folder(d, y=idx(np.where(np.arange(40) == 7, 77, Y))),
                            r"class 4 has no image.*label 77 \(image 7\) out of range"),
    "test labels out of range": (lambda d: idx_folder(d, yt=idx(Y + 1)), r"test label 4 is out of range"),
    "labels only": (lambda d: idx_folder(d, x=None, xt=None) / NAMES[1], r"labels only"),
    # npz
    "wrong shape": (lambda d: npz(d, x=X.reshape(-1), y=Y), r"shape.*\(640,\)"),
    "no square number of pixels": (lambda d: npz(d, x=X.reshape(40, 16)[:, :15], y=Y), r"square.*\(40, 15\)"),
    "channels first": (lambda d: npz(d, x=X[:, None], y=Y), r"channels stand first.*moveaxis"),
    "NaN pixels": (lambda d: npz(d, x=np.where(np.arange(40)[:, None, None] == 3, np.nan, X), y=Y),
                   r"between 0 and 255.*nan in image 3, row 0, column 0"),
    "infinite pixels": (
        lambda d: npz(d, x=np.where(X == X[2, 1, 1], np.inf, X), y=Y),
        r"between 0 and 255.*inf in image"),
    "negative pixels": (lambda d: npz(d, x=X.astype(int) - 1 * (X == X.min()) * 999, y=Y), r"between 0 and 255.*-9"),
    "pixels above 255": (lambda d: npz(d, x=X.astype(np.uint16) * 257, y=Y), r"between 0 and 255"),
    "a channel above 255": (lambda d: npz(d, x=np.stack([X, X, X.astype(int) + 300], -1), y=Y), r"between 0 and 255.*Received: 3\d\d in image 0"),
    "floats neither 0..1 nor whole": (lambda d: npz(d, x=X / 10, y=Y), r"whole numbers from 0 to 255.*read as 0\.\.1"),
    "pixels that are words": (lambda d: npz(d, x=X.astype(str), y=Y), r"pixels must be numbers"),
    "fractional labels": (lambda d: npz(d, x=X, y=Y + 0.5), r"labels must be whole numbers.*0\.5 for image 0"),
    "NaN labels": (
        lambda d: npz(d, x=X, y=np.where(Y == 2, np.nan, Y)),
        r"labels must be whole numbers.*nan for image 2"),
    "negative labels": (lambda d: npz(d, x=X, y=Y - 1), r"labels must be whole numbers.*-1 for image 0"),
    "huge labels": (lambda d: npz(d, x=X, y=Y * 10 ** 12), r"labels must be whole numbers"),
    "not one-hot": (lambda d: npz(d, x=X, y=np.ones((40, 4))), r"one-hot.*row 0"),
    "missing class": (lambda d: npz(d, x=X[Y != 2], y=Y[Y != 2]), r"class 2 has no image"),
    "a class with a single image": (
        lambda d: npz(d, x=X, y=np.where(np.arange(40) < 20, 0, 1) + (np.arange(40) == 39)),
        None),
    "unlabelled where labels are needed": (lambda d: npz(d, x=X), r"no labels.*read\(\) reads unlabelled"),
    "test images without labels": (lambda d: npz(d, x_train=X, y_train=Y, x_test=X), r"images for test have no labels"),
    "unknown array names": (lambda d: npz(d, a=X, b=Y), r"holds x and y.*a, b"),
    "npz with a pickle inside": (
        lambda d: npz(d, x=np.array([Shell(d)], object), y=Y),
        r"a\.npz: refused: x holds Python objects"),
    "not a zip": (raw("a.npz", b"PK\x03\x04 broken"), r"a\.npz.*damaged"),
    "npz that promises too much": (lying_zip, r"a\.npz"),
    "duplicated ids in npz": (lambda d: npz(d, x=X, y=Y, ids=Y), r"every Id may occur once"),
    # course npy
    "npy without features": (lambda d: npy(d, a=X), r"features.*target.*Received: a"),
    "npy label 0": (lambda d: npy(d, features=X * 1.0, target=Y * 1.0), r"whole numbers from 1 up.*0\.0 for image 0"),
    "npy missing class": (
        lambda d: npy(d, features=X * 1.0, target=Y + 1.0 + (Y > 1)),
        r"class 2 \(class 3\) has no image"),
    "npy NaN": (lambda d: npy(d, features=np.full((40, 4, 4), np.nan), target=Y + 1.0), r"nan in image 0"),
    "npy duplicated id": (
        lambda d: npy(d, features=X * 1.0, target=Y + 1.0, id=np.array([5.0] * 40)),
        r"every Id may occur once.*Id 5 for image 0 and image 1"),
    "npy unlabelled": (lambda d: npy(d, features=X * 1.0, id=np.arange(40)), r"no labels.*read\(\)"),
    "npy truncated": (
        lambda d: (lambda p: (p.write_bytes(p.read_bytes()[:-200]), p)[1])(npy(d, features=X * 1.0, target=Y + 1.0)),
        r"truncated"),
    "npy that is empty": (raw("a.npy", b""), r"a\.npy: the file is empty"),
    "npy with a list": (
        lambda d: (np.save(d / "a.npy", np.array([[1], 2], object), allow_pickle=True), d / "a.npy")[1],
        r"dictionary of arrays was expected"),
    "npy whose pickle calls os.system": (evil_npy, r"refused.*posix\.system|nt\.system"),
    # CIFAR and other pickles
    "CIFAR batch whose pickle calls os.system": (
        pickled("data_batch_1", lambda d: batch(x=Shell(d))),
        r"refused.*system.*nothing was run"),
    "CIFAR tar whose pickle calls os.system": (evil_tar, r"refused.*system"),
    "pickle calling eval": (
        pickled("test_batch", lambda d: Calls(eval, "1+1")),
        r"refused.*builtins?__?\.eval|refused.*eval"),
    "pickle calling getattr": (pickled("test_batch", lambda d: Calls(getattr, "", "join"), 4), r"refused.*getattr"),
    "pickle calling numpy.load": (pickled("test_batch", lambda d: Calls(np.load, str(d / "x.npy"))), r"refused.*load"),
    "pickle with a dotted name": (
        raw("test_batch", b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.dot\x93."),
        r"refused.*ndarray\.dot"),
    "pickle of objects in an array": (
        pickled("test_batch", lambda d: batch(data=np.array([Shell(d)], object))),
        r"refused.*system"),
    "pickle that changes what it is given": (
        raw("test_batch", b"\x80\x02cnumpy\ndtype\n}U\x04makeK\x01sb."),
        r"damaged"),
    "array of pointers": (
        raw("test_batch", pickle.dumps(batch(data=np.zeros(3)), 2).replace(b"f8", b"O8")),
        r"test_batch"),
    "CIFAR batch of another shape": (
        pickled("test_batch", lambda d: batch(data=np.zeros((4, 100), np.uint8))),
        r"3,072 bytes.*\(4, 100\)"),
    "CIFAR batch with too few labels": (pickled("test_batch", lambda d: batch(labels=[1])), r"4 images and 1 labels"),
    "CIFAR label out of range": (pickled("test_batch", lambda d: batch(labels=[0, 1, 2, 10])), r"out of range"),
    "CIFAR batch without data": (pickled("test_batch", lambda d: {"labels": []}), r'"data" and "labels"'),
    "truncated CIFAR batch": (raw("data_batch_1", pickle.dumps(batch())[:-50]), r"data_batch_1.*truncated"),
    "a pickle that is a number": (pickled("data_batch_1", lambda d: 3), r"dictionary of arrays"),
    # CSV
    "missing pixel column": (
        lambda d: csv(d, lambda rows: [r[:5] + r[6:] for r in rows], HEADER[:5] + HEADER[6:]),
        r"column 4 is missing.*15 pixel columns"),
    "missing last column": (
        lambda d: csv(d, lambda rows: [r[:-1] for r in rows], HEADER[:-1]),
        r"column 16 is missing"),
    "missing Label column": (
        lambda d: csv(d, lambda rows: [r[:1] + r[2:] for r in rows], HEADER[:1] + HEADER[2:]),
        r"no labels.*read\(\)"),
    "repeated column": (lambda d: csv(d, header=HEADER[:-1] + ["3"]), r"column 16 is missing"),
    "no header": (
        lambda d: raw("a.csv", b"10000,1,5,6,7,8\n10001,0,5,6,7,8\n")(d),
        r"header must be Id,Label,1"),
    "text cell": (lambda d: csv(d, cell(7, "5", "abc")), r"line 9, column 5: a number was expected.*'abc'"),
    "empty cell": (lambda d: csv(d, cell(7, "5", "")), r"line 9, column 5: a number was expected.*''"),
    "NaN cell": (lambda d: csv(d, cell(7, "5", "NaN")), r"line 9, column 5: pixels must be whole numbers.*nan"),
    "negative cell": (lambda d: csv(d, cell(7, "5", "-3")), r"line 9, column 5: pixels must be whole numbers.*-3"),
    "cell above 255": (lambda d: csv(d, cell(7, "5", "256")), r"line 9, column 5: pixels must be whole numbers.*256"),
    "long cell": (lambda d: csv(d, cell(7, "5", "99999")), r"line 9, column 5: pixels must be whole numbers.*99999"),
    "very long cell": (lambda d: csv(d, cell(7, "5", "9" * 30)), r"line 9, column 5: pixels must be whole numbers"),
    "not a whole number": (
        lambda d: csv(d, cell(7, "5", "12.5")),
        r"line 9, column 5: pixels must be whole numbers.*12\.5"),
    "a fraction among whole numbers": (
        lambda d: csv(d, cell(7, "5", "0.5")),
        r"line 9, column 5: a fraction, while other pixels go up to 255.*0\.5"),
    "short row": (lambda d: csv(d, lambda rows: rows[7].pop() and None), r"line 9 has 17 cells, the header names 18"),
    "long row": (lambda d: csv(d, lambda rows: rows[7].append("1")), r"line 9 has 19 cells, the header names 18"),
    "row cut off at the end": (
        raw("a.csv", CSV_ROWS.encode() + b"1,0,1,2,3,4\n2,1,9"),
        r"line 3 has 3 cells, the header names 6"),
    "empty line inside": (raw("a.csv", CSV_ROWS.encode() + b"1,0,1,2,3,4\n\n2,1,1,2,3,4\n"), r"line 3 has 1 cells"),
    "short row and long row": (raw("a.csv", CSV_ROWS.encode() + b"1,0,1,2,3\n2,1,1,2,3,4,5\n"), r"line 2 has 5 cells"),
    "duplicated Id": (
        lambda d: csv(d, cell(7, "Id", "10003")),
        r"every Id may occur once.*Id 10003 for image 3 \(line 5\) and image 7 \(line 9\)"),
    "empty Id": (lambda d: csv(d, cell(7, "Id", "")), r"line 9, column Id: it is empty"),
    "text label among numbers": (
        lambda d: csv(d, cell(7, "Label", "coat")),
        r"line 9, column Label: text among labels that are numbers.*'coat'"),
    "empty label": (lambda d: csv(d, cell(7, "Label", "")), r"line 9, column Label: it is empty"),
    "negative label": (
        lambda d: csv(d, cell(7, "Label", "-1")),
        r"labels must be whole numbers.*-1 for image 7 \(line 9\)"),
    "CSV label out of range": (
        lambda d: csv(d, cell(7, "Label", "9")),
        r"class 4 has no image.*label 9 \(image 7\) out of range"),
    "empty file": (raw("a.csv", b""), r"a\.csv: the file is empty"),
    "only blank lines": (raw("a.csv", b"\n\n"), r"the file is empty"),
    "header only": (raw("a.csv", CSV_ROWS.encode()), r"header and no images"),
    "bytes that are no text": (raw("a.csv", bytes(range(1, 256))), r"a\.csv"),
    # Pictures and archives
    "no pictures": (lambda d: tree(d, a__x=b"1"), r"no pictures"),
    "empty class folder in test": (
        lambda d: tree(d, train__a__1_png=PICTURE, train__b__1_png=PICTURE, test__a__1_png=PICTURE),
        r"class folder 'b' is missing.*test"),
    "broken picture": (lambda d: tree(d, a__1_png=PICTURE, a__2_png=PICTURE[:40]), r"a/2\.png.*damaged"),
    "a text called .png": (lambda d: tree(d, a__1_png=b"hello"), r"a/1\.png.*damaged"),
    "pictures of two sizes": (
        lambda d: tree(d, a__1_png=PICTURE, a__2_png=png(X[0, :3])),
        r"a/2\.png.*3 x 4.*4 x 4.*image_size"),
    "enormous picture": (lambda d: tree(d, a__1_png=png(np.zeros((4200, 3), np.uint8))), r"4096 pixels"),
    "picture beside class folders": (
        lambda d: tree(d, a__1_png=PICTURE, b_png=PICTURE),
        r"b\.png lies beside the class folders"),
    "a folder beside train and test": (
        lambda d: tree(d, train__a__1_png=PICTURE, test__a__1_png=PICTURE, extra__a__1_png=PICTURE),
        r"others do not: test/ lies beside extra/"),
    "tar member that climbs out": (lambda d: tar(d, ("cat/../../evil.png", PICTURE)), r"refused.*evil\.png"),
    "tar member with an absolute name": (lambda d: tar(d, ("/srv/cat/evil.png", PICTURE)), r"refused.*evil\.png"),
    "tar member with a Windows climb": (lambda d: tar(d, ("cat\\..\\..\\evil.png", PICTURE)), r"refused.*evil\.png"),
    "tar link": (lambda d: tar(d, ("cat/1.png", "/etc/passwd")), r"refused.*cat/1\.png"),
    "tar member of 100 GB": (big_member, r"bytes of memory"),
    "truncated tar.gz": (
        lambda d: (lambda p: (p.write_bytes(p.read_bytes()[:-60]),
                              p)[1])(tar(d, *[(f"c/{i}.png", PICTURE) for i in range(9)], mode="w:gz")),
        r"a\.tar.*(truncated|damaged)"),
    "empty tar": (lambda d: tar(d), r"no pictures"),
    "an empty folder": (lambda d: d, r"no pictures"),
}


def listing(folder):
    return {str(p.relative_to(folder)): (p.read_bytes() if p.is_file() else None) for p in folder.rglob("*")}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_clear_error(tmp_path, name):
    make, text = BAD[name]
    path = make(tmp_path)
    before = listing(tmp_path)
    if text is None:
        assert load(path).classes == 3  # one image of a class is enough to train on: nothing to complain about
    else:
        with pytest.raises((ValueError, FileNotFoundError), match=f"(?s){text}") as caught:
            load(path)
        message = str(caught.value)
        assert len(message) < 700 and message[0] != "[", message
        assert str(tmp_path.parent) not in message, "an error names the file, not the whole path"
    assert listing(tmp_path) == before, "nothing may be written, nothing may have run"


@pytest.mark.parametrize("source, text", [
    ("fashion-minst", r"did you mean 'fashion-mnist'\?.*Known names"), ("cifar", r"did you mean 'cifar10'"),
    ("xyz", r"unknown data set 'xyz'.*sketch"),
    ("no/such/folder", r"no file or folder 'no/such/folder'"), ("C:\\data\\train.csv", r"no file or folder"),
    (Path("gone.npz"), r"no file or folder"),
    ("", "unknown data set ''")])
def test_unknown_source(source, text):
    with pytest.raises((ValueError, FileNotFoundError), match=text):
        load(source)


@pytest.mark.parametrize("options, text", [
    ({"validation_split": 1.5}, "validation_split"), ({"validation_split": -0.1}, "validation_split"),
    ({"test_split": "a"}, "test_split"),
    ({"validation_split": 0.6, "test_split": 0.5}, "nothing to train on"), ({"split": "F"}, "letters A to E"),
    ({"seed": -1}, "seed"),
    ({"seed": 1.5}, "seed"), ({"limit": 0}, "from 1 up"), ({"limit": -5}, "from 1 up"), ({"limit": 2.5}, "from 1 up"),
    ({"class_names": ("a", "b")}, "out of range")])
def test_bad_options(tmp_path, options, text):
    with pytest.raises(ValueError, match=text):
        load(npz(tmp_path, x=X, y=Y), **options)


def test_image_size_is_for_pictures_only(tmp_path):
    for source in (npz(tmp_path, x=X, y=Y), "sketch"):
        with pytest.raises(ValueError, match="image_size= is for folders and archives of pictures"):
            load(source, image_size=(8, 8))
    with pytest.raises(ValueError, match="image_size="):
        read(npz(tmp_path, x=X, y=Y), image_size=(8, 8))


def test_read_needs_to_know_which_part(tmp_path):
    with pytest.raises(ValueError, match=r"train and test.*part='train'"):
        read(npz(tmp_path, x_train=X, y_train=Y, x_test=X, y_test=Y))


@pytest.mark.parametrize("arguments", [(X, None), (X[..., None] / 255, None), (X[..., None], Y.astype(np.int32)),
                                       (X[..., None], Y[:-1]),
                                       (X[..., None], Y, np.arange(3)), ([[1]], None)])
def test_a_split_keeps_to_the_convention(arguments):
    with pytest.raises(ValueError, match="must be"):
        Split(*arguments)


@pytest.mark.parametrize("name", ["no\x00such", "a" * 300])
def test_names_no_file_can_have(name):
    with pytest.raises((ValueError, FileNotFoundError, OSError)):
        load(f"./{name}")


# Saving

def test_course_formats_refuse_colour_and_nothing(tmp_path):
    colour, nothing = Split(np.zeros((2, 4, 4, 3), np.uint8)), Split(np.zeros((0, 4, 4, 1), np.uint8))
    for save in (save_npy, save_csv):
        for split in (colour, nothing):
            with pytest.raises(ValueError, match="grey images"):
                save(split, tmp_path / "out")
    with pytest.raises(ValueError, match="square"):
        save_csv(Split(np.zeros((2, 4, 5, 1), np.uint8)), tmp_path / "out")
    assert not list(tmp_path.iterdir())


FULL = """
import resource, sys
import numpy as np
from fashion_cnn import data
split = data.Split(np.full((500, 28, 28, 1), 200, np.uint8), np.arange(500) % 5)
sys.dont_write_bytecode = True  # or half-written .pyc files stay behind
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # no file may grow beyond this, as on a full disk
try:
    getattr(data, sys.argv[1])(split, sys.argv[2])
except OSError as error:
    print(error)
    assert "could not be written and was left as it was" in str(error)
else:
    raise SystemExit("it was written after all")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("save, name", [("save_npy", "a.npy"), ("save_csv", "a.csv")])
@pytest.mark.parametrize("old", [None, b"the old file"])
def test_disk_full_leaves_the_old_file(tmp_path, save, name, old):
    if old:
        (tmp_path / name).write_bytes(old)
    done = subprocess.run([sys.executable, "-c", FULL, save, str(tmp_path / name)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert listing(tmp_path) == ({name: old} if old else {})


def test_no_space_says_so(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="a.csv could not be written and was left as it was: No space left") as caught:
        save_csv(Split(X[..., None], Y), tmp_path / "a.csv")
    assert caught.value.errno == errno.ENOSPC and not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_writing(tmp_path):
    (tmp_path / f".a.csv.{this_host()}-999999999-0123abcd").touch()
    save_csv(Split(X[..., None], Y), tmp_path / "a.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="a.csv could not be written"):
        save_csv(Split(X[..., None], Y), tmp_path / "gone" / "a.csv")


# Arrays in memory

@pytest.mark.parametrize("x, y, text", [(X, Y[:-1], "40 images and 39 labels"), (X, None, "no labels"),
                                        (X[:0], Y[:0], "no images"),
                                        (X, ["a", 1] * 20, None), ("hello", Y, "shape"),
                                        (X, Y[:, None, None], "shape")])
def test_bad_arrays(x, y, text):
    if text is None:
        assert from_arrays(x, y).class_names == ("1", "a")  # NumPy itself turns such a list into words
    else:
        with pytest.raises(ValueError, match=text):
            from_arrays(x, y)


def test_words_must_be_known():
    with pytest.raises(ValueError, match="'dog' is not one of the class names cat"):
        as_labels(["cat", "dog"], class_names=("cat",))
    with pytest.raises(ValueError, match="all numbers or all words"):
        as_labels(np.array(["cat", 3], object))
    with pytest.raises(ValueError, match="complex|numbers"):
        as_pixels(np.zeros((2, 2, 2), complex))


# --- arrays and names in memory --------------------------------------------------------------------

LABELS = np.array(["1", "2", "3", "4"])[Y]


@pytest.mark.parametrize("column", [True, False])
def test_test_labels_in_a_column_mean_what_they_mean_in_a_row(column):
    test = np.array([1, 2, 3])[np.arange(40) % 3]
    data = from_arrays(X, LABELS, X, test[:, None] if column else test)
    assert [data.class_names[label] for label in data.test.y] == [str(label) for label in test]
    with pytest.raises(ValueError): from_arrays(X, LABELS, X, np.full((40, 1), np.nan))


def test_class_names_are_any_sequence_of_words():
    assert from_arrays(X, Y, class_names=np.array(["a", "b", "c", "d"])).class_names == ("a", "b", "c", "d")
    assert from_arrays(X, Y, class_names=map(str, "abcd")).class_names == ("a", "b", "c", "d")
    for names, says in (("abcd", "a list of words"), (["a", "a", "b", "c"], "each class once.*'a'"), (4, "a list of words")):
        with pytest.raises(ValueError, match=says): from_arrays(X, Y, class_names=names)
    with pytest.raises(ValueError): from_arrays(X, LABELS, class_names=[0, 1, 2, 3])


def test_a_limit_is_checked_before_anything_is_read():
    with pytest.raises(ValueError, match="from 1 up"): load("no/such/folder", limit=0)


def test_what_goes_together_is_asked_for_together():
    with pytest.raises(ValueError, match="labels of x_test"): from_arrays(X, Y, y_test=Y)
    with pytest.raises(ValueError, match="from_arrays"): load(X)
    with pytest.raises(ValueError, match="a name or a path"): load(None)
    with pytest.raises(ValueError, match="int64.*list"): Split(as_pixels(X), [0, 1])


@pytest.mark.parametrize("name", ["~$table.csv", "~nobody-of-that-name/data"])
def test_a_path_of_nobodys_home_is_a_path_that_is_not_there(name):
    with pytest.raises(FileNotFoundError): load(name)


def test_relabelling_needs_labels_and_names_for_all_of_them():
    from fashion_cnn.data.dataset import relabel
    pixels = as_pixels(X)
    with pytest.raises(ValueError, match="have none"): relabel(Split(pixels), {"a": "b"})
    short = Split(pixels, Y.astype(np.int64), class_names=("a", "b", "c"))
    with pytest.raises(ValueError, match="labels from 0 to 2. Received: label 3"): relabel(short, {"a": "b"})
    named = Split(pixels, Y.astype(np.int64), class_names=("a", "b", "c", "d"))
    with pytest.raises(ValueError): relabel(named, {"a": "p", 0: "q", "b": "p", "c": "p", "d": "p"})


def test_ids_that_are_no_numbers(tmp_path):
    with pytest.raises(ValueError, match="needs its Id.*nan for image 3"):
        read(npz(tmp_path, x=X, y=Y, ids=np.where(Y == 3, np.nan, np.arange(40))))
    names = Split(as_pixels(X), Y.astype(np.int64), np.array([f"shirt, {i}.png" for i in range(40)]))
    with pytest.raises(ValueError, match="no comma.*shirt, 0.png"): save_csv(names, tmp_path / "names.csv")
    assert not (tmp_path / "names.csv").exists()
    for odd in ("1.0", "a ", "'q'", "-0", "nan"):
        ids = np.array([odd, *map(str, range(39))])
        with pytest.raises(ValueError, match="a number is written as 17, not as 17.0"):
            save_csv(Split(as_pixels(X), None, ids), tmp_path / "names.csv")
    save_csv(Split(as_pixels(X), None, np.array(["007", *map(str, range(38)), "ü x.png"])), tmp_path / "names.csv")
    assert read(tmp_path / "names.csv").ids.tolist() == ["007", *map(str, range(38)), "ü x.png"]


def test_ids_keep_their_zeros(tmp_path):
    found = read(csv(tmp_path, lambda rows: [[f"{i:05}", f"{int(row[1]):02}", *row[2:]] for i, row in enumerate(rows)]))
    assert found.ids.tolist() == [f"{i:05}" for i in range(40)] and found.y.tolist() == Y.tolist()
    assert (found.x == as_pixels(X)).all()


def test_a_table_in_latin_1_is_said_to_be_one(tmp_path):
    path = csv(tmp_path, cell(2, "Label", "Mantel"))
    path.write_bytes(path.read_bytes().replace(b"Mantel", "Mäntel".encode("cp1252")))
    with pytest.raises(ValueError, match=r"line 4, column \w+: the text is not UTF-8.*CSV UTF-8"): read(path)


def test_names_of_classes_from_an_editor_that_adds_marks_and_lines(tmp_path):
    from fashion_cnn.data.write import save_arrays
    save_arrays(from_arrays(X, Y, class_names=["a", "b", "c", "d"]), folder=tmp_path / "folder")
    (tmp_path / "folder" / "class_names.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\nc\r\nd\r\n\r\n")
    assert load(tmp_path / "folder").class_names == ("a", "b", "c", "d")
    names = "a\x0c1", "b\u2028", "c", "d"
    save_arrays(from_arrays(X, Y, class_names=names), folder=tmp_path / "pages")
    assert load(tmp_path / "pages").class_names == names
    with pytest.raises(ValueError, match=r"one to a line.*Received: 'b\\nc'"):
        save_arrays(from_arrays(X, Y, class_names=["a", "b\nc", "c", "d"]), folder=tmp_path / "lines")


def test_a_piece_that_cannot_be_read_is_named(tmp_path):
    from fashion_cnn.data.write import save_arrays
    def pieces():
        yield X, Y
        yield np.load(tmp_path / "batch3.npy"), Y
    with pytest.raises(FileNotFoundError, match="batch3.npy"): save_arrays(pieces(), tmp_path / "folder")
    assert not (tmp_path / "folder").exists()


def test_a_file_called_meta_makes_no_cifar_100(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for i in range(4): Image.fromarray(X[i]).save(tmp_path / name / f"{i}.png")
    (tmp_path / "meta").write_text("two kinds of animals")
    assert load(tmp_path, validation_split=0.25, test_split=0.25).class_names == ("cat", "dog")
