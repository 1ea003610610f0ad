"Files from a stranger, a pulled plug and a long day: refused in a sentence, in little memory and time, and nothing is believed that can be checked."
import base64
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fashion_cnn import limits
from fashion_cnn.cli import main
from fashion_cnn.compare import compare, styled
from fashion_cnn.data import read
from fashion_cnn.files import (check_clock, keras_home, no_formula, provisional, read_json, remove_leftovers, visible,
                               write_atomically)
from fashion_cnn.run import Run
from fashion_cnn.sweep import combinations, load_sweep
from small import png
from test_run import made_up_run

LONG = os.environ.get("FASHION_CNN_LONG", "") not in ("", "0")   # more of everything that is drawn by chance
HERE = Path(__file__).parent
SCALE = 1 if LONG else 8   # otherwise an eighth of the size, where an eighth is allowed
MOST = 1e9 if LONG else 4e8   # bytes that one file may take


@pytest.fixture(scope="module")
def confined():
    "Asks a process that gives each order one gigabyte and twenty seconds: `confined(function, path)`."
    process = subprocess.Popen([sys.executable, str(HERE / "confined.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                               env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "FASHION_CNN_SCALE": str(SCALE)})
    assert any(line.strip() == "ready" for line in process.stdout), "confined.py has ended before it was ready"

    def ask(function, path):
        process.stdin.write(json.dumps([function, str(path)]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    yield ask
    process.stdin.close()
    process.wait(10)


# A: a length or a count is believed

def object_npy(program):
    "An .npy file of Python objects, with this pickle in it."
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    return file.getvalue() + program


def shared(levels, twice, begin=b"]q\x00(K\x01e"):
    "A pickle in which each container holds the one before it twice."
    return begin + b"".join(b"0" + twice(bytes([level]), bytes([level + 1])) for level in range(levels))


LISTS = shared(30, lambda old, new: b"](h" + old + b"h" + old + b"eq" + new)
TUPLES = shared(45, lambda old, new: b"h" + old + b"h" + old + b"\x86q" + new, b"K\x01q\x00")
KEYS = b"}(" + b"".join(b"M" + struct.pack("<H", k) + b"N" for k in range(20_000)) + b"u."
_INSIDE = b"N0" * 5_000 + b"X\0"    # the reader drops these two, and goes on behind the frame
SPLIT_FRAME = (b"\x80\x04\x95" + struct.pack("<Q", len(_INSIDE)) + _INSIDE + b"\0\x02\0\0" + b"a" * 512 + b"0" + KEYS + b"a" * (131_072 - 514 - len(KEYS)) + b"0}.")
PICKLES = {
    "memo": (b"\x80\x02}r" + struct.pack("<I", 3 << 27) + b".", "note under number"), "lists": (b"\x80\x02}U\x08features" + LISTS + b"s.", "values in a pickle"),
    "key": (b"\x80\x02}(" + TUPLES + b"K\x01u.", "values in a pickle"), "deep key": (b"\x80\x02}(K\x01" + b"\x85" * 100_000 + b"K\x01u.", "in one another"),
    "deep lists": (b"\x80\x02}U\x08features(" + b"](" * 5_000 + b"K\x01" + b"e" * 5_000 + b"u.", "containers in one another|damaged"),
    "endless list": (b"\x80\x02}U\x08features]q\x00h\x00as.", "in one another"), "build resets nothing": (b"\x80\x02}(" + shared(45, lambda old, new: b"h" + old + b"h" + old + b"\x86q" + new + b"Nb", b"K\x01q\x00") + b"K\x01u.", "refused|damaged"),
    "many values": (b"\x80\x02](" + b"K\x01" * (1_050_000 // SCALE) + b"e.", "more than [0-9,]+ values"),
    "equal hashes": (b"\x80\x02}(" + b"".join(b"\x8a\x0a" + ((k + 2) * (2 ** 61 - 1)).to_bytes(10, "little") + b"N" for k in range(20_000)) + b"u.", "keys in a pickle"),
    "copies": (b"\x80\x02(X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x000" + b"c_codecs\nencode\nq\x01(h\x00U\x06latin1tq\x020" + b"h\x01h\x02R" * (1_000 // SCALE) + b"t.", "bytes of memory"),
    "frame that ends within a step": (SPLIT_FRAME, "frame that ends within a step"), "large number": (b"\x80\x02}(\x8b" + struct.pack("<I", 300) + b"\x01" * 300 + b"Nu.", "whole number of more"),
    "large text": (b"\x80\x02\x8e" + struct.pack("<Q", 1 << 40) + b"a.", "truncated|damaged"),
    "large frame": (b"\x80\x04\x95" + struct.pack("<Q", 1 << 33) + b"}.", "truncated|damaged")}


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_is_looked_at_before_it_is_obeyed(confined, tmp_path, name):
    program, says = PICKLES[name]
    for path, content in ((tmp_path / "a.npy", object_npy(program)), (tmp_path / "a.pkl", program)):
        path.write_bytes(content)
        answer = confined("read", path)
        assert answer["kind"] == "ValueError" and answer["error"].startswith(path.name) and re.search(says, answer["error"]), answer
        assert answer["seconds"] < 20 and answer["peak"] < MOST, answer


def test_pickles_of_old_and_new_python_are_read(tmp_path):
    x, y = np.arange(128, dtype=np.uint8).reshape(2, 8, 8), [1, 0]
    for protocol in range(6):
        (tmp_path / "a.pkl").write_bytes(pickle.dumps({"x": x, "y": y}, protocol))
        assert read(tmp_path / "a.pkl").x.ravel().tolist() == x.ravel().tolist()
        (tmp_path / "b.pkl").write_bytes(pickle.dumps(((x, tuple(y)), (x, tuple(y))), protocol))
        assert read(tmp_path / "b.pkl", "test").y.tolist() == y


def gzipped(path, *pieces):
    with gzip.open(path, "wb", 1) as file:
        for piece, times in pieces:
            for _ in range(times): file.write(piece)
    return path


def long_name(path):
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    return gzipped(path, (header.tobuf(tarfile.GNU_FORMAT), 1), (b"a" * (1 << 20), 100))


def parquet(path, plain=False, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet
    options = {"write_page_checksum": True, "use_dictionary": False, "compression": "none"} if plain else {}
    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def repeated_picture(path):
    import pyarrow
    picture = io.BytesIO()
    Image.new("L", (8, 8)).save(picture, "PNG")
    one = pyarrow.array([picture.getvalue() + bytes(1_000_000)])
    return parquet(path, image=pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(2_000 // SCALE, np.int32)), one))


def zeros_npz(path, images=1_400_000):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (images, 28, 28)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("x.npy", "w") as file:
            for piece in (header.getvalue(), *[bytes(1 << 22)] * (images * 784 >> 22), bytes(images * 784 % (1 << 22))): file.write(piece)
    return path


def wide_picture(folder):
    for name in "ab":
        (folder / name).mkdir(parents=True)
        Image.new("1", (13_000, 13_000)).save(folder / name / "x.png")
    return folder


def zip_of(path, *files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for file in files: archive.write(file, file.name)
    return path


def swollen_npz(path):
    "An .npz that is itself large, by an array that is not packed, so that the others may be larger."
    pad = io.BytesIO()
    np.save(pad, np.zeros(40_000_000 // SCALE, np.uint8))
    with zipfile.ZipFile(zeros_npz(path, 800_000 // SCALE), "a") as archive: archive.writestr("pad.npy", pad.getvalue())
    return path


BOMBS = {
    "a name of gigabytes": (lambda f: long_name(f / "a.tar.gz"), "read", "a name in the archive"),
    "many empty files": (lambda f: gzipped(f / "a.tar.gz", *[(tarfile.TarInfo(f"a/{n}").tobuf() * 100, 1) for n in range(1_400 // SCALE)]), "read", "bytes of memory"),
    "things said of all files": (lambda f: gzipped(f / "a.tar.gz", (tarfile.TarInfo.create_pax_global_header({f"k{n}": "v" for n in range(1_000)}), 1), (tarfile.TarInfo("a").tobuf(), 2), (bytes(1024), 1)), "read", "100 things"),
    "nothing after the end": (lambda f: gzipped(f / "a.tar.gz", (tarfile.TarInfo("a/1.png").tobuf(), 1), (bytes(1 << 20), 600 // SCALE)), "read", "bytes of memory"),
    "a directory of entries": (lambda f: (f / "a.zip").write_bytes(b"PK\x03\x04" + b"PK\x01\x02" + bytes(42) + (b"PK\x01\x02" + bytes(42)) * (200_000 // SCALE)) and f / "a.zip", "read", "files in an archive"),
    "zeros in an npz": (lambda f: zeros_npz(f / "a.npz", 1_400_000 // SCALE), "read", "bytes of memory"),
    "images promised": (lambda f: gzipped(f / "a-idx3-ubyte.gz", (b"\0\0\x08\x03" + struct.pack(">III", 3_900_000, 28, 28), 1), (bytes(1 << 20), 1)), "read", "bytes of memory"),
    "images that are there": (lambda f: gzipped(f / "a-idx3-ubyte.gz", (b"\0\0\x08\x03" + struct.pack(">III", 1, 28, 28), 1), (bytes(1 << 20), 600 // SCALE)), "read", "bytes of memory"),
    "one long line": (lambda f: gzipped(f / "a.csv.gz", (b"0," * (1 << 19), 600 // SCALE)), "read", "bytes of memory"),
    "one long label": (lambda f: (f / "a.csv").write_text("Label,1,2,3,4\n" + "a" * 2_000_000 + ",0,0,0,0\n" + "b,0,0,0,0\n" * 100_000) and f / "a.csv", "read", "line 2, column Label: at most 1,000 letters"),
    "labels of a thousand letters": (lambda f: (f / "a.csv").write_text("Label,1,2,3,4\n" + "a" * 999 + ",0,0,0,0\n" + "b,0,0,0,0\n" * (140_000 // SCALE)) and f / "a.csv", "read", "a column of words"),
    "many lines": (lambda f: gzipped(f / "a.csv.gz", (b"Label,1,2,3,4\n", 1), (b"a,1,2,3,4\n" * 10_000, 120 // SCALE)), "read", "lines would take"),
    "much text": (lambda f: gzipped(f / "a.csv.gz", (b"Label," + b",".join(b"%d" % n for n in range(784)) + b"\n", 1), ((b"1" + b",0.5" * 784 + b"\n") * 400, 180 // SCALE)), "read", "its text would take"),
    "a packed archive": (lambda f: zip_of(f / "a.zip", swollen_npz(f / "a.npz")), "read", "bytes of memory"),
    "rows of a table": (lambda f: parquet(f / "a.parquet", label=np.zeros(9_000_000 // SCALE, np.uint8)), "read", "rows would take"),
    "one picture in a table": (lambda f: repeated_picture(f / "a.parquet"), "read", "bytes of memory"),
    "a wide picture": (lambda f: wide_picture(f / "set"), "any", "pixels a side"),
    "a wide photograph": (lambda f: wide_picture(f / "set") / "a" / "x.png", "photograph", "pictures may have"),
    "a record": (lambda f: packed_record(f / "a.json", 600 // SCALE), "record", "bytes of memory"),
    "a record that lies": (lambda f: packed_record(f / "a.json", 8, claimed=1), "record", "were promised"),
    "a deep run": (lambda f: (f / "run.json").write_text("[" * 100_000) and f, "run", "run.json is not a run"),
    "a long run": (lambda f: (f / "run.json").write_text("[" + "[]," * (12_000_000 // SCALE) + "[]]") and f, "run", "are read"),
    "predictions": (lambda f: swollen_run(f / "run"), "run", "bytes of memory")}


def packed_record(path, megabytes, claimed=None):
    "A record whose labels are so many zeros, or fewer by what it says."
    content = json.loads(made_up_run().record(path.parent).read_text())
    squeeze = zlib.compressobj(1)
    raw = b"".join([*(squeeze.compress(bytes(1 << 20)) for _ in range(megabytes)), squeeze.flush()])
    content["packed"]["labels"]["test"] = {"dtype": "uint8", "shape": [(claimed or megabytes) << 20], "zlib": base64.b64encode(raw).decode()}
    path.write_text(json.dumps(content))
    return path


def run_folder(folder, predictions=None, **changed):
    "A run in a folder, without a model; fields of run.json can be replaced, None leaves one out."
    import hashlib
    folder.mkdir(parents=True)
    run = made_up_run()
    if predictions is None:
        predictions = folder / "made"
        with open(predictions, "wb") as file: np.savez_compressed(file, labels_test=run.labels["test"], probabilities_test=run.probabilities["test"])
    digest = hashlib.sha256(predictions.read_bytes()).hexdigest()[:12]
    predictions.rename(folder / f"predictions-{digest}.npz")
    content = json.loads(run.record(folder / "record").read_text())
    content["files"] = {"model": "model-000000000000.keras", "predictions": f"predictions-{digest}.npz"}
    content |= changed
    (folder / "run.json").write_text(json.dumps({name: value for name, value in content.items() if value is not None}))
    return folder


def swollen_run(folder):
    return run_folder(folder, zeros_npz(folder.parent / "zeros.npz", 300_000 // SCALE))


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_takes_little_memory_and_time(confined, tmp_path, name):
    make, function, says = BOMBS[name]
    answer = confined(function, make(tmp_path))
    assert answer["kind"] == "ValueError" and says in answer["error"], answer
    assert answer["seconds"] < 20 and answer["peak"] < MOST, answer


def drawn_bomb(folder, rng):
    "A file of some format that promises, or holds, far more than its size; drawn by chance."
    kind, size = rng.choice(["idx", "npz", "npy", "pickle", "tar", "zip", "csv", "png", "record"]), 10 ** rng.randint(6, 11)
    path = folder / {"idx": "a-idx3-ubyte.gz", "csv": "a.csv.xz", "png": "a.zip"}.get(kind, f"a.{kind}")
    if kind == "idx": gzipped(path, (b"\0\0\x08" + bytes([rng.choice([1, 3, 4])]) + rng.randbytes(16), 1), (bytes(1 << 20), rng.randint(1, 300) // SCALE))
    if kind == "npz": zeros_npz(path, min(size, 10 ** 9) // 784 // SCALE)
    if kind == "npy":
        header = io.BytesIO()
        np.lib.format.write_array_header_2_0(header, {"descr": rng.choice(["|u1", "<f8", "<U999", "|O"]), "fortran_order": rng.random() < 0.5, "shape": (size, rng.randint(1, 99))})
        path.write_bytes(header.getvalue() + rng.randbytes(rng.randint(0, 999)))
    if kind == "pickle":
        pieces = [b"]", b"}", b"(", b"K\x01", b"\x85", b"\x86", b"2", b"e", b"u", b"t", b"N", b"0", b"\x94", b"s", b"a", b"h\x01", b"r\xff\xff\xff\x01", b"\x8f", b"\x90", b"\x91", b"l", b"d", b"b", b"R"]
        path.write_bytes(b"\x80\x04" + b"".join(rng.choices(pieces, k=rng.choice([9, 99, 999, 99_999]))) + b".")
    if kind == "tar":
        member = tarfile.TarInfo("a/" + "b" * rng.randint(1, 90) + ".png")
        member.type, member.size = rng.choice([b"0", b"L", b"K", b"x", b"g", b"S", b"2", b"6"]), rng.choice([0, 10, size])
        gzipped(path, (member.tobuf(tarfile.GNU_FORMAT) * rng.choice([1, 100]), rng.randint(1, 999)), (bytes(1 << 20), rng.randint(0, 99)))
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(rng.choice([1, 30])): archive.writestr(f"a/{number}.{rng.choice(['csv', 'png', 'npy', 'zip'])}", bytes(min(size, 10 ** 7) // SCALE))
    if kind == "csv":
        row = rng.choice([b"a,1,2,3,4\n", b"Label,1,2,3,4\n", b",", b"1", b"\n", b"9,1,2,3,4\n"])
        with lzma.open(path, "wb", preset=0) as file:
            for _ in range(min(size, 10 ** 8) // (1 << 20) // SCALE + 1): file.write(row * ((1 << 20) // len(row)))
    if kind == "png":
        picture = io.BytesIO()
        Image.new(rng.choice(["1", "L"]), (rng.choice([4_000, 9_000]), rng.choice([3, 4_000]))).save(picture, "PNG")
        with zipfile.ZipFile(path, "w") as archive:
            for number in range(rng.choice([2, 60])): archive.writestr(f"{number % 2}/{number}.png", picture.getvalue())
    if kind == "record": packed_record(path, rng.randint(1, 200) // SCALE + 1, claimed=rng.choice([None, 1, 10 ** 6]))
    return "record" if kind == "record" else "read", path


@pytest.mark.parametrize("seed", range(100 if LONG else 20))
def test_files_drawn_by_chance_take_little_memory_and_time(confined, tmp_path, seed):
    function, path = drawn_bomb(tmp_path, random.Random(seed))
    assert path.stat().st_size <= 25e6
    answer = confined(function, path)
    assert answer.get("kind", "ValueError") in ("ValueError", "FileNotFoundError"), answer
    assert answer["seconds"] < 20 and answer["peak"] < MOST, answer


def test_only_files_on_a_disk_are_opened(confined, tmp_path):
    os.symlink("/dev/zero", tmp_path / "x.png")
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "a").mkdir()
    os.symlink("/dev/zero", tmp_path / "a" / "y.png")
    os.mkfifo(tmp_path / "a" / "run.json")
    for function, name in (("read", "x.png"), ("photograph", "x.png"), ("read", "pipe.npz"), ("record", "a/run.json"), ("run", "a")):
        answer = confined(function, tmp_path / name)
        assert answer["kind"] == "ValueError" and "a device or a pipe" in answer["error"], answer
    assert "no pictures" in confined("read", tmp_path / "a")["error"]


def hdf5(path, change):
    import h5py
    with h5py.File(path, "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.zeros((3, 3))
        change(file, group, h5py)
    return path


@pytest.mark.parametrize("change, says", [
    (lambda file, group, h5py: group.create_dataset("1", (100,), "u1", external=[("/etc/passwd", 0, 100)]), "lies in another file"),
    (lambda file, group, h5py: group.__setitem__("1", h5py.ExternalLink("other.h5", "/a")), "a link that leads elsewhere"),
    (lambda file, group, h5py: file.__setitem__("1", h5py.SoftLink("/layers")), "a link that leads elsewhere"),
    (lambda file, group, h5py: group.create_virtual_dataset("1", virtual(h5py)), "lies in another file"),
    (lambda file, group, h5py: group.create_dataset("1", (10 ** 10,), "f4", fillvalue=1), "bytes of memory"),
    (lambda file, group, h5py: [group.create_dataset(f"{n}", (10 ** 6,), "f8", chunks=True) for n in range(1, 80)], "bytes of memory")])
def test_weights_lie_in_their_file_and_fit_into_it(tmp_path, change, says):
    import h5py
    with h5py.File(hdf5(tmp_path / "a.h5", lambda *_: None)) as file: limits.check_hdf5(file, 2_000)
    with h5py.File(hdf5(tmp_path / "b.h5", change)) as file, pytest.raises(ValueError, match=says):
        limits.check_hdf5(file, (tmp_path / "b.h5").stat().st_size)


def virtual(h5py):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "a", (3,))
    return layout


def test_a_grid_may_not_be_without_end():
    with pytest.raises(ValueError, match="10,000 combinations. Received: 1,000,000"): combinations({name: list(range(100)) for name in ("seed", "epochs", "batch_size")})


# B: damage is believed

def picture(seed): return png(np.random.default_rng(seed).integers(0, 256, (6, 6), dtype=np.uint8))


def pictures():
    "36 pictures in two class folders: names and contents."
    return [(f"{name}/{number:02}.png", picture(number + 18 * (name == "b"))) for name in "ab" for number in range(18)]


def as_tar(path, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, content in pictures():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def as_zip(path, kind=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in pictures(): archive.writestr(name, content)
    return path


def as_npz(path):
    np.savez_compressed(path, x=np.random.default_rng(0).integers(0, 256, (30, 6, 6), dtype=np.uint8), y=np.arange(30) % 3)
    return path


TABLE = "Id,Label,1,2,3,4\n" + "".join(f"{n},{n % 3},{n},{n + 1},7,{9 * n}\n" for n in range(25))
IDX = b"\0\0\x08\x03" + struct.pack(">III", 20, 6, 6) + bytes(range(240)) * 3


def with_bytes(path, content):
    path.write_bytes(content)
    return path


CHECKED = {   # formats that carry a checksum
    "tar.gz": lambda f: as_tar(f / "a.tar.gz", "w:gz"), "tar.bz2": lambda f: as_tar(f / "a.tar.bz2", "w:bz2"), "tar.xz": lambda f: as_tar(f / "a.tar.xz", "w:xz"),
    "zip": lambda f: as_zip(f / "a.zip"), "zip, stored": lambda f: as_zip(f / "a.zip", zipfile.ZIP_STORED), "npz": lambda f: as_npz(f / "a.npz"),
    "csv.gz": lambda f: with_bytes(f / "a.csv.gz", gzip.compress(TABLE.encode())), "csv.bz2": lambda f: with_bytes(f / "a.csv.bz2", bz2.compress(TABLE.encode())),
    "csv.xz": lambda f: with_bytes(f / "a.csv.xz", lzma.compress(TABLE.encode())), "idx.gz": lambda f: with_bytes(f / "a-idx3-ubyte.gz", gzip.compress(IDX)),
    "png": lambda f: with_bytes(f / "set" / "a" / "0.png", picture(0)) if (f / "set" / "a").mkdir(parents=True) is None else None}


def content_of(path):
    split = read(path)
    return split.x.tobytes(), None if split.y is None else split.y.tolist(), split.class_names, None if split.ids is None else list(map(str, split.ids))


def damaged(content, rng):
    "The same bytes, cut off somewhere or with one bit turned."
    if rng.random() < 0.5: return content[:rng.randrange(len(content))]
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1:]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHECKED)
def test_damage_is_noticed_where_there_is_a_checksum(tmp_path, name):
    path = CHECKED[name](tmp_path)
    folder = path.parents[1] if name == "png" else path
    whole, raw, rng, silent = content_of(folder), path.read_bytes(), random.Random(name), []
    for number in range(1_000 if LONG else 30):
        path.write_bytes(damaged(raw, rng))
        try: got = content_of(folder)
        except (ValueError, OSError) as error:
            assert path.name in str(error) or folder.name in str(error), error
            continue
        if got != whole: silent.append(number)
    assert silent == []


def test_a_page_of_a_parquet_file_is_checked_where_it_has_a_checksum(tmp_path):
    "Its headers have none: of a thousand bits turned anywhere in such a file, three were read as something else."
    columns = {f"p{n}": np.random.default_rng(n).integers(0, 256, 90) for n in range(9)}
    path = parquet(tmp_path / "a.parquet", plain=True, **columns)
    raw = path.read_bytes()
    place = raw.index(columns["p4"].tobytes()) + 80
    path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1:])
    with pytest.raises((ValueError, OSError), match="a.parquet"): read(path)


@pytest.mark.parametrize("share", [0.2, 0.55, 0.9])
def test_a_tar_that_was_cut_off_is_refused(tmp_path, share):
    raw = as_tar(tmp_path / "a.tar").read_bytes()
    assert len(read(tmp_path / "a.tar")) == 36
    (tmp_path / "a.tar").write_bytes(raw[:int(share * len(raw))])
    with pytest.raises(ValueError, match="a.tar: .*(truncated|end of data)"): read(tmp_path / "a.tar")
    half = raw[:int(share * 60 * 512) // 512 * 512]   # at the border of a block, where nothing looks broken
    (tmp_path / "a.tar").write_bytes(half)
    with pytest.raises(ValueError, match="a.tar: "): read(tmp_path / "a.tar")


def test_two_tars_in_one_are_refused(tmp_path):
    raw = as_tar(tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(raw + raw)
    with pytest.raises(ValueError, match="goes on after its end"): read(tmp_path / "a.tar")


def test_a_gz_of_several_members_is_read_whole(tmp_path):
    (tmp_path / "a-idx3-ubyte.gz").write_bytes(gzip.compress(IDX[:100]) + gzip.compress(IDX[100:]) + bytes(20))
    assert read(tmp_path / "a-idx3-ubyte.gz").x.tobytes() == IDX[16:]
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TABLE[:70].encode()) + gzip.compress(TABLE[70:].encode()))
    assert len(read(tmp_path / "a.csv.gz")) == 25


@pytest.mark.parametrize("label", ["0.5", "inf", "-inf", "1e308", "1_0", "1e-3", "+0.1"])
def test_a_label_is_a_whole_number_or_a_word(tmp_path, label):
    (tmp_path / "a.csv").write_text(f"Id,Label,1,2,3,4\n1,3,0,0,0,0\n2,{label},0,0,0,0\n")
    with pytest.raises(ValueError, match=rf"a.csv: line 3, column Label: labels are whole numbers or words. Received: '{re.escape(label)}'"): read(tmp_path / "a.csv")


def test_a_pixel_is_no_number_of_pythons(tmp_path):
    (tmp_path / "a.csv").write_text("Label,1,2,3,4\n1,3,0,0,1_0\n")
    with pytest.raises(ValueError, match="line 2, column 4: a number was expected. Received: '1_0'"): read(tmp_path / "a.csv")


def test_predictions_that_are_not_the_runs_are_noticed(tmp_path):
    folder = run_folder(tmp_path / "run")
    assert Run.load(folder).probabilities["test"].shape == (50, 4)
    [path] = folder.glob("predictions-*.npz")
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(ValueError, match=f"run/{path.name} is damaged, or of another run"): Run.load(folder)


# C: two processes

def test_leftovers_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path):
    for name in ("sweep.json", "brief-seed0.json", "model-0123456789ab.keras"):
        ours = provisional(tmp_path / name)
        gone = tmp_path / ours.name.replace(f"-{os.getpid()}-", "-99999999-")
        elsewhere = tmp_path / re.sub(r"\.[^.]+-\d+-", ".another-host-12-", ours.name)
        for path in (ours, gone, elsewhere): path.touch()
        write_atomically(tmp_path / name, b"new")
        assert ours.exists() and elsewhere.exists() and not gone.exists()
        os.utime(elsewhere, (0, 0))
        remove_leftovers(tmp_path)
        assert ours.exists() and not elsewhere.exists()
        ours.unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["brief-seed0.json", "model-0123456789ab.keras", "sweep.json"]


WRITER = "import sys, os; from fashion_cnn.files import write_atomically\nfor n in range(10**9): write_atomically(sys.argv[1], os.urandom(3_000_000)); print(n, flush=True)"


def test_a_writer_that_is_killed_leaves_the_old_or_the_new_and_nothing_else(tmp_path):
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "sweep.json")], stdout=subprocess.PIPE)
        process.stdout.readline()
        time.sleep(random.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / "sweep.json").stat().st_size == 3_000_000
    write_atomically(tmp_path / "sweep.json", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.json"]


WORKER = """import os, sys, time
from fashion_cnn.sweep import end_with
if sys.argv[1:]: end_with(int(sys.argv[1])); print(os.getpid(), flush=True); time.sleep(600)
import subprocess
subprocess.run([sys.executable, __file__, str(os.getpid())])"""


def test_a_worker_ends_with_the_process_that_started_it(tmp_path):
    (tmp_path / "work.py").write_text(WORKER)
    process = subprocess.Popen([sys.executable, str(tmp_path / "work.py")], stdout=subprocess.PIPE, text=True)
    worker = int(process.stdout.readline())
    process.kill()
    process.wait()
    until = time.monotonic() + 60
    while running(worker) and time.monotonic() < until: time.sleep(0.05)
    assert not running(worker)


def running(process):
    "Whether a process is there and has not ended (a zombie has)."
    try: return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError: return False


def test_new_files_have_the_rights_of_any_new_file_at_every_moment(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(os, "umask", lambda mask: asked.append(mask))
    write_atomically(tmp_path / "a", b"x")
    assert asked == []   # the mask is of the whole process: another thread would write with the changed one


# D: types and surroundings

BROKEN = {"history": [[], {}, {"loss": 1}, {"loss": [1.0], "val_loss": ["x"], "seconds": [1]}, {"loss": [], "val_loss": [], "seconds": []}, None],
          "metrics": [{}, [], {"test": 1}, {"test": {"loss": "low", "images": 3}}, None], "environment": [[], "x", None], "recipe": [{}, [], {"name": "a", "netwrok": "b"}, {"name": 1}, None],
          "data": [{}, {"source": 3}, [], None], "parameters": [[], {"total": "many"}, None], "stopped": [3, None], "weights_hash": [[], None], "files": [[], {}, {"model": 1, "predictions": []}, None]}


@pytest.mark.parametrize("field, value", [(field, value) for field, values in BROKEN.items() for value in values], ids=str)
def test_a_run_is_looked_at_field_by_field(tmp_path, field, value):
    folder = run_folder(tmp_path / "run", **{field: value})
    with pytest.raises((ValueError, TypeError)) as caught: Run.load(folder)
    said = str(caught.value)
    assert "run.json" in said and "Traceback" not in said and len(said) < 600
    assert field in said or field == "recipe" and re.search("recipe|name|network", said), said
    assert not re.search("indices must|object is not|has no attribute|KeyError|got an unexpected", said), said


@pytest.mark.parametrize("change", [lambda d: d.update(class_names=["a"]), lambda d: d.update(class_names=[1, 2, 3, 4]), lambda d: d.update(input_shape=[8, 8]), lambda d: d.update(input_shape=[8, 8, "1"]), lambda d: d.update(images=3)])
def test_what_a_run_says_of_its_images_fits(tmp_path, change):
    data = json.loads(json.dumps(made_up_run().data))
    change(data)
    with pytest.raises(ValueError, match="run/run.json is damaged or was edited.*(data|images)"): Run.load(run_folder(tmp_path / "run", data=data))


def test_a_sweep_is_looked_at_too(tmp_path):
    for text, says in (("[]", "a sweep must be a dictionary"), ("{}", "no field 'recipe'"), ('{"recipe": {"name": "a"}, "grid": []}', "grid"), ("[" * 99_999, "not a run")):
        (tmp_path / "sweep.json").write_text(text)
        with pytest.raises(ValueError, match=f"sweep.json.*{says}"): load_sweep(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no sweep"): load_sweep(tmp_path / "nothing")


def shell(*words, **environment):
    code = "import sys; from fashion_cnn.cli import main; raise SystemExit(main())"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, env={**os.environ, **environment})


def test_the_command_line_says_each_error_in_a_sentence(tmp_path, capsys):
    folder = run_folder(tmp_path / "run", environment=[])
    for words in (["evaluate", str(folder)], ["compare", str(folder)], ["report", str(folder), "--out", str(tmp_path / "r.html")]):
        assert main(words) == 1
        said = capsys.readouterr().err
        assert said.startswith("fashion-cnn: run/run.json is damaged or was edited: environment of a run must be a dictionary") and said.count("\n") == 1
    assert main(["evaluate", str(folder), "--traceback"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_error_from_deep_inside_is_a_sentence_and_a_log(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("fashion_cnn.commands.recipes.names", lambda: {}["nothing"])   # what cannot happen
    assert main(["recipes"]) == 1
    said = capsys.readouterr().err
    [log] = tmp_path.glob("fashion-cnn-*.log")
    assert re.fullmatch(rf"fashion-cnn: KeyError: 'nothing' \(where it comes from is written in {re.escape(str(log))}\)\n", said)
    assert "Traceback" in log.read_text() and "recipes" in log.read_text()


def test_without_a_home_the_data_folder_is_enough(tmp_path, monkeypatch):
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)   # what Python says where the user has no entry
    assert keras_home().name == ".keras" and keras_home().is_absolute()
    from fashion_cnn.data.sources import find_source
    assert find_source("fashion-mnist", None)[0] is None or "FASHION_CNN_DATA" in os.environ


@pytest.mark.parametrize("year", [1970, 2200])
def test_a_wrong_clock_is_noticed_before_the_training(monkeypatch, tmp_path, year):
    check_clock()
    wrong = time.struct_time((year, 1, 2, 3, 4, 5, 0, 1, 0))
    monkeypatch.setattr("fashion_cnn.files.time.localtime", lambda *_: wrong)
    with pytest.raises(ValueError, match=f"the clock of this machine is wrong.*Received: {year}-01-02"): check_clock()


def test_odd_files_are_named_with_their_fault(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((4, 8, 8), np.uint8))
    np.save(tmp_path / "y.npy", np.arange(4) % 2)
    (tmp_path / "class_names.txt").write_bytes(b"caf\xe9\nb\n")
    with pytest.raises(ValueError, match="class_names.txt: .*UTF-8.*Received: byte 0xe9 at place 3"): read(tmp_path)
    with open(tmp_path / "v3.npy", "wb") as file: np.lib.format.write_array(file, np.ones((4, 8, 8), np.uint8), version=(3, 0))
    assert read(tmp_path / "v3.npy").x.sum() == 256
    with pytest.raises(ValueError, match="not a run: lists in lists"): read_json(with_bytes(tmp_path / "deep.json", b"[" * 99_999))


@pytest.fixture
def no_room():
    "While `with no_room():` lasts, writing fails in the middle of a file, as on a full disk."
    import contextlib
    import resource
    @contextlib.contextmanager
    def full():
        before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, before[1]))
        try: yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
    return full


def test_a_table_that_finds_no_room_on_its_way_says_where(tmp_path, no_room):
    path = with_bytes(tmp_path / "a.csv.gz", gzip.compress(TABLE.encode()))
    with no_room(), pytest.raises(OSError, match="a.csv.gz could not be unpacked in the folder for temporary files .*TMPDIR"): read(path)
    assert len(read(path)) == 25


def test_a_folder_may_be_called_like_a_picture(tmp_path):
    for name in "ab":
        (tmp_path / "set" / name / "zz.png").mkdir(parents=True)
        (tmp_path / "set" / name / "1.png").write_bytes(picture(ord(name)))
    assert len(read(tmp_path / "set")) == 2
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        folder, table = tarfile.TarInfo("zz.png"), tarfile.TarInfo("a.csv")
        folder.type, table.size = tarfile.DIRTYPE, len(TABLE)
        archive.addfile(folder)
        archive.addfile(table, io.BytesIO(TABLE.encode()))
    assert len(read(tmp_path / "a.tar")) == 25


def test_a_seed_that_is_too_large_is_refused_by_name(capsys, tmp_path):
    assert main(["train", "brief", "--seed", str(2 ** 33), "--data", "sketch", "--out", str(tmp_path / "run")]) == 1
    assert capsys.readouterr().err == f"fashion-cnn: seed must be below 2**32. Received: {2 ** 33}\n"


# E: text becomes code elsewhere

def evil_run(name):
    run = made_up_run()
    run.recipe = run.recipe.replace(name=name)
    return run


def test_a_recipes_name_is_no_html(tmp_path):
    runs = [evil_run("<script>alert(1)</script>"), made_up_run()]
    runs[0].data = {**runs[0].data, "source": "<img src=x onerror=alert(2)>"}
    runs[0].probabilities = {"test": runs[0].probabilities["test"][:, ::-1]}
    page = styled(compare(runs, significance=False), columns=None).to_html()
    assert "<script" not in page and "<img" not in page and "&lt;script&gt;" in page and "&lt;img" in page


def test_a_name_is_no_formula(tmp_path, capsys):
    path = evil_run("=HYPERLINK(0)").record(tmp_path)
    assert main(["compare", str(path), "--csv", str(tmp_path / "a.csv")]) == 0
    assert (tmp_path / "a.csv").read_text().splitlines()[1].startswith("'=HYPERLINK(0),")
    assert [no_formula(each) for each in ("+1", "@a", "\tb", "coat", -1.0)] == ["'+1", "'@a", "'\tb", "coat", -1.0]


def test_escapes_for_a_terminal_are_shown(tmp_path, capsys):
    for number, name in enumerate(("\x1b]0;owned\x07coat", "boot")):
        (tmp_path / "set" / name).mkdir(parents=True)
        for each in range(5): (tmp_path / "set" / name / f"{each}.png").write_bytes(picture(10 * number + each))
    assert main(["describe", str(tmp_path / "set")]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and r"\x1b]0;owned\x07coat" in said
    assert main(["describe", str(tmp_path / "\x1b[31m.csv")]) == 1
    assert "\x1b" not in capsys.readouterr().err
    assert visible("T-shirt/top 🧥 café\n") == "T-shirt/top 🧥 café\n" and visible("\u202e\r") == r"\u202e\r"


# With Keras: models and weights, and what a training leaves behind

SMALL = ("a3-small", (8, 8, 1), 4)


@pytest.fixture(scope="module")
def keras():
    return pytest.importorskip("keras")


@pytest.fixture(scope="module")
def saved(keras, tmp_path_factory):
    "Two runs of one network, saved in two folders."
    from fashion_cnn.checkpoint import weights_hash
    from fashion_cnn.models import build
    folder = tmp_path_factory.mktemp("saved")
    for name in "ab":
        run = made_up_run()
        run.model = build(*SMALL, filters=2, units=8)
        run.weights_hash = weights_hash(run.model)
        run.save(folder / name)
    return folder


def test_the_weights_of_another_run_are_refused(saved, tmp_path):
    assert Run.load(saved / "a").model.count_params() == Run.load(saved / "b").model.count_params()
    folder = shutil.copytree(saved / "a", tmp_path / "run")
    [own], [other] = folder.glob("*.keras"), (saved / "b").glob("*.keras")
    shutil.copy(other, own)   # under the name of the run's own
    with pytest.raises(ValueError, match=f"run/{own.name} is damaged, or of another run"): Run.load(folder).model
    shutil.copy(other, folder)
    content = json.loads((folder / "run.json").read_text())
    content["files"]["model"] = other.name
    (folder / "run.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"run/{other.name} holds the weights of another run than 'made-up' in run.json. train"): Run.load(folder).model


def test_a_model_that_was_cut_off_is_named(saved, tmp_path):
    from fashion_cnn.models import load_model
    [whole] = (saved / "a").glob("*.keras")
    raw = whole.read_bytes()
    for content in (raw[:len(raw) // 2], raw[:-1], b""):
        with pytest.raises(ValueError, match="cut.keras is truncated, damaged, or no model|cut.keras is damaged"): load_model(with_bytes(tmp_path / "cut.keras", content))
    middle = raw.find(b"model.weights.h5") + 200
    with pytest.raises(ValueError, match="bent.keras"): load_model(with_bytes(tmp_path / "bent.keras", raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1:]))


def rewritten(source, path, change):
    "A `.keras` file with another description of its network."
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist(): new.writestr(name, change(old.read(name)) if name in ("config.json", "training.json") else old.read(name))
    return path


def test_a_description_of_a_network_may_not_ask_for_more_than_its_file_holds(saved, tmp_path):
    from fashion_cnn.models import load_model
    [whole] = (saved / "a").glob("*.keras")
    path = rewritten(whole, tmp_path / "large.keras", lambda text: re.sub(rb'"units": 8\b', b'"units": 200000000', text))
    with pytest.raises(ValueError, match="a network like this, with its optimizer, would take"): load_model(path)
    assert load_model(rewritten(whole, tmp_path / "same.keras", lambda text: text)).count_params()


def test_a_zip_of_zeros_is_no_model(saved, tmp_path, keras):
    from fashion_cnn.models import load_model, read_half_precision
    with zipfile.ZipFile(tmp_path / "a.keras", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("model.weights.h5", "w") as file:
            for _ in range(600): file.write(bytes(1 << 20))
    with pytest.raises(ValueError, match="a.keras.*bytes of memory"): load_model(tmp_path / "a.keras")
    with pytest.raises(ValueError, match="zeros.npz.*bytes of memory"): read_half_precision(Run.load(saved / "a").model, zeros_npz(tmp_path / "zeros.npz", 300_000))


def test_a_model_that_finds_no_room_on_its_way_says_where(saved, tmp_path, no_room):
    run = Run.load(saved / "a")
    assert run.model
    with no_room(), pytest.raises(OSError, match="a model could not be written to the folder for temporary files.*TMPDIR"): run.save(tmp_path / "run")
    assert run.save(tmp_path / "run").is_dir()


def test_features_of_another_shape_are_computed_again(keras, tmp_path):
    import warnings
    from fashion_cnn.features import cached_features
    inputs = keras.Input((4, 4, 1))
    base = keras.Model(inputs, keras.layers.Flatten()(inputs))
    images = np.arange(48, dtype=np.uint8).reshape(3, 4, 4, 1)
    right = np.array(cached_features(base, images, tmp_path))
    [entry] = tmp_path.glob("*.npy")
    for wrong in (np.zeros((3, 5), np.float32), np.zeros((3, 16), np.float64), np.zeros(0, object)):
        file = io.BytesIO()
        np.save(file, wrong)
        entry.unlink()
        with_bytes(tmp_path / f"{entry.name[:32]}-{zlib.crc32(file.getvalue()):08x}.npy", file.getvalue())
        with pytest.warns(UserWarning, match="damaged"): again = np.array(cached_features(base, images, tmp_path))
        assert (again == right).all()
        [entry] = tmp_path.glob("*.npy")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached_features(base, images, tmp_path)


def test_importing_filters_nothing_from_other_peoples_logs(keras):
    import logging
    import fashion_cnn.features
    assert fashion_cnn.features.is_wanted not in logging.getLogger("tensorflow").filters
    with fashion_cnn.features.without_retracing(): assert fashion_cnn.features.is_wanted in logging.getLogger("tensorflow").filters
    assert fashion_cnn.features.is_wanted not in logging.getLogger("tensorflow").filters


def test_a_training_gives_random_states_back(keras):
    tf = pytest.importorskip("tensorflow")
    from fashion_cnn.recipe import Recipe
    from fashion_cnn.train import train
    from small import sketches
    def draw(): return random.random(), np.random.rand(), float(tf.random.uniform(())), float(keras.random.uniform(()))
    def start(): keras.utils.set_random_seed(7); return draw()
    assert start() == start()
    expected = draw()
    start()
    train(Recipe("trial", network="a3-small", network_options={"filters": 2, "units": 8}, epochs=1, batch_size=48), sketches(48), progress=False)
    assert draw() == expected


def test_the_closing_line_of_a_training_is_no_html(keras):
    from fashion_cnn.progress import NotebookProgress
    bar, shown = NotebookProgress(None), []
    bar.show = shown.append
    bar.close("<script>alert(1)</script>\x1b[31m: finished")
    assert "<script" not in shown[0]["text/html"] and "&lt;script&gt;" in shown[0]["text/html"] and "\x1b" not in shown[0]["text/plain"]
