"Pictures as people have them: folders of every layout, photographs of every kind, read as a viewer shows them."
import io
import os
import shutil
import tarfile
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fashion_cnn.data import from_arrays, load, read
from fashion_cnn.data.decoding import decode_picture
from fashion_cnn.data.pictures import folder_files


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image, np.uint8))).save(file, kind, **options)
    return file.getvalue()


def grey(value, side=4):
    return encoded(np.full((side, side), value))


def put(folder, files):
    "Write {path inside: bytes, or None for an empty folder}; bytes from one number are a grey picture."
    for name, raw in files.items():
        path = Path(folder, name)
        (path if raw is None else path.parent).mkdir(parents=True, exist_ok=True)
        if raw is not None:
            path.write_bytes(grey(raw) if isinstance(raw, int) else raw)
    return folder


def classes_in(*places, n=10, names=("a", "b")):
    "{path: grey} of n pictures for each class in each place; each place has a grey of its own."
    return {f"{place}/{name}/{i}.png": 10 * p + 100 * c
            for p, place in enumerate(places) for c, name in enumerate(names) for i in range(n)}


def said(action, *arguments, **options):
    "The result, and all warnings in one text."
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return action(*arguments, **options), "\n".join(str(w.message) for w in caught)


# Folders and splits

@pytest.mark.parametrize("train, test", [
    ("train", "test"), ("Train", "Test"), ("TRAINING", "TESTING"), ("training_set", "test_set"), ("train1", "test1"),
    ("seg_train", "seg_test"), ("seg_train/seg_train", "seg_test/seg_test"), ("archive/train", "archive/test"),
    ("x/y/training-set/training-set", "x/y/test-set"), ("asl_alphabet_train/asl_alphabet_train", "asl_alphabet_test"),
    ("TrainImages", "TestImages"), ("trainset", "testset"), ("images_train", "images_test"), ("fruit/Training", "fruit/Test")])
def test_train_and_test_are_recognised(tmp_path, train, test):
    data, text = said(load, put(tmp_path, classes_in(train, test)))
    assert data.class_names == ("a", "b") and [len(s) for s in data.splits().values()] == [16, 4, 20]
    assert set(np.unique(data.train.x)) == {0, 100} and set(np.unique(data.test.x)) == {10, 110} and not text


@pytest.mark.parametrize("name", ["val", "Valid", "validation", "dev", "validation_set", "val1"])
def test_a_validation_folder_is_the_validation_split(tmp_path, name):
    data, text = said(load, put(tmp_path, classes_in("train", name, "test")))
    assert [len(s) for s in data.splits().values()] == [20, 20, 20] and not text
    assert set(np.unique(data.validation.x)) == {10, 110}
    shutil.rmtree(tmp_path / "test")
    data = load(tmp_path, test_split=0.25)
    assert [len(s) for s in data.splits().values()] == [15, 20, 5] and set(np.unique(data.validation.x)) == {10, 110}
    data, text = said(load, tmp_path, split="C")
    assert len(data.validation) == 4 and "draws its own validation images" in text and "20" in text
    assert len(read(tmp_path, "validation")) == 20


@pytest.mark.parametrize("pair", [("x_{}", "y_{}"), ("{}_images", "{}_labels"), ("X_{}", "Y_{}")])
@pytest.mark.parametrize("word", ["val", "valid", "validation"])
def test_validation_in_npz(tmp_path, pair, word):
    rng, arrays = np.random.default_rng(0), {}
    for n, part in ((30, "train"), (12, word), (6, "test")):
        arrays[pair[0].format(part)] = rng.integers(0, 256, (n, 4, 4), dtype=np.uint8)
        arrays[pair[1].format(part)] = np.arange(n) % 3
    np.savez(tmp_path / "a.npz", **arrays)
    data, text = said(load, tmp_path / "a.npz")
    assert [len(s) for s in data.splits().values()] == [30, 12, 6] and not text
    assert np.array_equal(data.validation.x[..., 0], arrays[pair[0].format(word)])
    np.savez(tmp_path / "b.npz", **arrays, extra=np.zeros(3))
    assert "not read: extra" in said(load, tmp_path / "b.npz")[1]


@pytest.mark.parametrize("end", ["val", "valid", "validation"])
def test_validation_in_a_folder_of_arrays(tmp_path, end):
    for n, part in ((30, "train"), (12, end)):
        np.save(tmp_path / f"x_{part}.npy", np.full((n, 4, 4), n, np.uint8))
        np.save(tmp_path / f"y_{part}.npy", np.arange(n) % 3)
    assert [len(s) for s in load(tmp_path).splits().values()] == [27, 12, 3]


def test_hidden_folders_are_no_class(tmp_path):
    files = classes_in(".") | {".ipynb_checkpoints/x.png": 1, "a/.ipynb_checkpoints/x.png": 1, "__MACOSX/a/._1.png": b"1",
                               "a/._1.png": b"1", ".DS_Store": b"1", "a/Thumbs.db": b"1", ".hidden/deep/b/x.png": 1}
    split, text = said(read, put(tmp_path, files))
    assert split.class_names == ("a", "b") and len(split) == 20 and not text


@pytest.mark.parametrize("test, ids", [("test/{}.png", ["0.png", "1.png"]), ("test1/test1/{}.png", ["0.png", "1.png"]),
                                       ("test/unknown/{}.png", ["0.png", "1.png"]), ("seg_pred/seg_pred/{}.png", ["0.png", "1.png"])])
def test_unlabelled_test_pictures_are_no_class(tmp_path, test, ids):
    put(tmp_path, classes_in("train") | {test.format(i): 77 for i in range(2)})
    data, text = said(load, tmp_path)
    assert data.class_names == ("a", "b") and 77 not in np.concatenate([s.x for s in data.splits().values()])
    assert sum(map(len, data.splits().values())) == 20 and "none of the splits (2)" in text and "unlabelled" in text
    unlabelled = read(tmp_path, "unlabelled")
    assert unlabelled.y is None and unlabelled.ids.tolist() == ids


def test_train_may_be_a_class(tmp_path):
    files = {f"{name}/{i}.png": 9 for name in ("bus", "car", "train") for i in range(4)}
    assert load(put(tmp_path / "flat", files)).class_names == ("bus", "car", "train")
    files = {f"{part}/{name}/{i}.png": 9 for part in ("train", "test") for name in ("bus", "train") for i in range(4)}
    data = load(put(tmp_path / "parts", files))
    assert data.class_names == ("bus", "train") and len(data.test) == 8
    files = {f"{name}/{i}.png": 9 for name in ("bullet_train", "steam_train", "test_tube") for i in range(4)}
    assert load(put(tmp_path / "near", files)).classes == 3


def test_classes_above_their_parts(tmp_path):
    data = load(put(tmp_path, {f"{name}/{part}/{i}.png": 9 for name in "ab" for part in ("train", "test") for i in range(5)}))
    assert data.class_names == ("a", "b") and len(data.test) == 10


@pytest.mark.parametrize("files, message", [
    ({"a/close/1.png": 1, "b/close/1.png": 1}, r"a/close and b/close: it cannot be told"),
    ({"2021/a/1.png": 1, "2022/a/1.png": 1, "2022/b/1.png": 1}, r"2021/a and 2022/a: it cannot be told"),
    ({"a/1.png": 1, "x/b/1.png": 1}, r"a and x/b: it cannot be told"),
    ({"train/a/1.png": 1, "test/a/1.png": 1, "more/a/1.png": 1}, r"test/ lies beside more/"),
    ({"train/a/1.png": 1, "test/a/1.png": 1, "1.png": 1}, r"1\.png lies beside train/ or test/"),
    ({"train/a/1.png": 1, "train/2.png": 1}, r"2\.png lies beside the class folders"),
    ({"train/a/1.png": 1, "test/a/1.png": 1, "test/b/1.png": 1}, r"class folder 'b' is missing or empty in train/"),
    ({"train/a/1.png": 1, "train/b/1.png": 1, "test/a/1.png": 1}, r"class folder 'b' is missing or empty in test/"),
    ({"train/Cat/1.png": 1, "train/dog/1.png": 1, "test/cat/1.png": 1, "test/dog/1.png": 1}, r"Cat and cat differ in capital"),
    ({"train/1.png": 1, "test/2.png": 1}, "for train have no labels"), ({"test/2.png": 1}, "no labels"),
    ({"a/1.txt": b"1", "a/2.heic": b"1"}, r"no pictures.*1 \.txt, 1 \.heic")])
def test_what_cannot_be_told_is_refused(tmp_path, files, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        load(put(tmp_path, files))


def test_folders_inside_a_class_folder_are_said(tmp_path):
    split, text = said(read, put(tmp_path, {"a/1.png": 1, "a/more/2.png": 2, "a/more/still/3.png": 3, "b/1.png": 4}))
    assert split.class_names == ("a", "b") and split.y.tolist() == [0, 0, 0, 1] and "a/more, a/more/still" in text


def test_a_class_missing_in_validation_is_said(tmp_path):
    files = classes_in("train", "test") | {"val/a/1.png": 1}
    data, text = said(load, put(tmp_path, files))
    assert len(data.validation) == 1 and "class folder 'b' is missing or empty in validation/" in text


def test_empty_class_folders_are_said(tmp_path):
    split, text = said(read, put(tmp_path, {"a/1.png": 1, "b/1.png": 1, "c": None, "d/readme.txt": b"1"}))
    assert split.class_names == ("a", "b") and "folders that hold no picture, and are no class: c, d" in text
    assert "files that are no pictures for Pillow were left out (1): 1 .txt" in text


def test_empty_class_folders_of_a_zip_are_said(tmp_path):
    put(tmp_path / "mine", {"a/1.png": 1, "b/1.png": 1, "c": None})
    split, text = said(read, Path(shutil.make_archive(tmp_path / "mine", "zip", tmp_path / "mine")))
    assert split.class_names == ("a", "b") and "are no class: c" in text


def test_linked_class_folders_are_followed(tmp_path):
    put(tmp_path, {"store/b/1.png": 1, "store/b/2.png": 1, "mine/a/1.png": 1})
    (tmp_path / "mine" / "b").symlink_to(tmp_path / "store" / "b")
    (tmp_path / "mine" / "a" / "2.png").symlink_to(tmp_path / "store" / "b" / "1.png")
    split = read(tmp_path / "mine")
    assert split.class_names == ("a", "b") and split.y.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("target", ["..", ".", "../a", "../..", "/"])
def test_links_in_circles_end(tmp_path, target):
    put(tmp_path, {"mine/a/1.png": 1, "mine/b/1.png": 1})
    (tmp_path / "mine" / "b" / "round").symlink_to(Path(target), target_is_directory=True)
    if target == "../a":
        (tmp_path / "mine" / "a" / "back").symlink_to(Path("../b"), target_is_directory=True)
    split, text = said(read, tmp_path / "mine")
    assert split.class_names == ("a", "b") and "leads back to a folder above it" in text
    assert len(split) == (4 if target == "../a" else 2)


def test_links_to_nowhere_are_said(tmp_path):
    put(tmp_path, {"a/1.png": 1, "b/1.png": 1})
    (tmp_path / "a" / "2.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "b" / "pipe.png")
    split, text = said(read, tmp_path)
    assert len(split) == 2 and "a/2.png leads to no file" in text and "b/pipe.png leads to no file" in text


@pytest.mark.parametrize("end, kind", [(".webp", "WEBP"), (".bmp", "BMP"), (".gif", "GIF"), (".tif", "TIFF"), (".TIFF", "TIFF"),
                                       (".ppm", "PPM"), (".PNG", "PNG"), (".JPG", "JPEG"), (".jfif", "JPEG"), (".jp2", "JPEG2000"),
                                       (".tga", "TGA"), (".ico", "ICO")])
def test_all_that_pillow_reads_is_read(tmp_path, end, kind):
    image = Image.new("L" if kind != "ICO" else "RGBA", (16, 16), 80 if kind != "ICO" else (80, 80, 80, 255))
    put(tmp_path, {f"a/{i}{end}": encoded(image, kind) for i in range(4)} | {"a/x.png": grey(9, 16), "b/1.png": grey(9, 16)})
    split, text = said(read, tmp_path)
    assert len(split) == 6 and split.y.tolist() == [0] * 5 + [1] and not text
    assert np.abs(split.x[0].astype(int) - 80).max() < 3


def test_a_photograph_with_a_second_picture_inside(tmp_path):
    image, small = Image.new("RGB", (16, 16), (200, 9, 9)), Image.new("RGB", (8, 8))
    put(tmp_path, {"a/1.jpg": encoded(image, "MPO", save_all=True, append_images=[small]), "b/1.png": 1})
    split, text = said(read, tmp_path, image_size=(16, 16))
    assert np.abs(split.x[0, 8, 8].astype(int) - (200, 9, 9)).max() < 5 and not text


def test_the_bytes_count_more_than_the_ending(tmp_path):
    put(tmp_path, {"a/1.jpg": encoded(np.full((4, 4), 50), "WEBP"), "a/2.png": encoded(np.full((4, 4), 50), "JPEG"), "b/1.png": 1})
    assert np.abs(read(tmp_path).x[:2].astype(int) - 50).max() < 3


def test_other_files_are_counted(tmp_path):
    files = {f"a/{i}.heic": b"1" for i in range(3)} | {"a/1.png": 1, "b/1.png": 1, "labels.csv": b"1", "b/LICENSE": b"1", "b/a.eps": b"%!PS"}
    split, text = said(read, put(tmp_path, files))
    assert len(split) == 2 and "left out (6)" in text and "3 .heic" in text and "pillow-heif" in text
    assert "1 without an ending" in text and "1 .eps" in text


def test_tar_and_zip_are_as_the_folder(tmp_path):
    files = classes_in("w/Train", "w/valid", "w/Test", names=("Ä", "o")) | {"w/__MACOSX/._x.png": b"1", "w/Train/c": None}
    data, text = said(load, put(tmp_path / "top", files))
    assert "no class: w/Train/c" in text
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "top" / "w", "./w")
    from_tar, tar_text = said(load, tmp_path / "a.tar.gz")
    assert from_tar.fingerprint == data.fingerprint and tar_text == text
    pytest.importorskip("fashion_cnn.data.packed")
    shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "top")
    assert load(tmp_path / "a.zip").fingerprint == data.fingerprint


def test_umlauts_taken_apart_are_one_name(tmp_path):
    whole, apart = (unicodedata.normalize(form, "Mütze") for form in ("NFC", "NFD"))
    put(tmp_path, {f"train/{whole}/1.png": 1, "train/a/1.png": 1, f"test/{apart}/1.png": 1, "test/a/1.png": 1})
    assert load(tmp_path, validation_split=0).class_names == (whole, "a")
    split = read(put(tmp_path / "two", {f"{whole}/1.png": 1, f"{apart}/2.png": 1, "a/1.png": 1}))
    assert split.class_names == (whole, "a") and len(split) == 3


def test_names_that_differ_in_capitals_are_kept_apart_and_said(tmp_path):
    split, text = said(read, put(tmp_path, {"A/1.png": 1, "a/1.png": 1, "b/1.png": 1, "b/1.PNG": 1}))
    assert split.class_names == ("A", "a", "b") and len(split) == 4 and "kept apart: A, a" in text


def test_numbers_as_names_are_sorted_as_numbers(tmp_path):
    split = read(put(tmp_path, {f"{i}/1.png": 10 * i for i in range(12)}))
    assert split.class_names == tuple(map(str, range(12))) and (split.x[:, 0, 0, 0] == 10 * split.y).all()
    y = [str(i % 12) for i in range(60)]
    assert from_arrays(np.zeros((60, 2, 2)), y).class_names == tuple(map(str, range(12)))
    assert read(put(tmp_path / "words", {"10a/1.png": 1, "2/1.png": 1})).class_names == ("10a", "2")


def test_words_and_numbers_name_the_same_class():
    x, y = np.zeros((24, 2, 2)), np.arange(24) % 12
    for train, test in ((y.astype(str), y), (y, y.astype(str)), (y.astype(str), y.astype(float)), (y, y[::-1].astype(str))):
        data = from_arrays(x, train, x, test, validation_split=0)
        assert [data.class_names[i].removeprefix("class ") for i in data.test.y] == [str(int(v)) for v in test]
    assert from_arrays(x, y, x[:2], ["10", "11"]).test.y.tolist() == [10, 11]
    assert from_arrays(x, (y + 1).astype(str), x[:2], [1, 12]).test.y.tolist() == [0, 11]
    with pytest.raises(ValueError, match="words in all parts, or numbers"):
        from_arrays(x, np.where(y > 5, "cat", "dog"), x[:2], [0, 1])


# Pixels

def pixels(image, kind="PNG", size=None, fit="pad", **options):
    return decode_picture(encoded(image, kind, **options), "a." + kind.lower(), size, fit)[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(orientation, kind):
    stored = np.zeros((32, 48), np.uint8)
    stored[:16, :24] = 250  # a bright corner
    note = Image.Exif()
    note[0x112] = orientation
    seen = pixels(stored, kind, exif=note, **{"lossless": True} if kind == "WEBP" else {})
    seen = seen if seen.ndim == 2 else seen[..., 0]
    right = {1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.T, 6: stored.T[:, ::-1],
             7: stored.T[::-1, ::-1], 8: stored.T[::-1]}[orientation]
    assert seen.shape == right.shape and np.abs(seen.astype(int) - right).max() < 40


def test_damaged_exif_does_not_matter():
    for note in (b"Exif\0\0nonsense!", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0"):
        assert pixels(np.full((4, 6), 9), "JPEG", exif=note).shape == (4, 6)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_what_is_transparent_is_white(kind):
    for under in (0, 255):
        cut = np.full((6, 6, 4), under, np.uint8)
        cut[..., 3] = 0
        cut[2:4, 2:4] = 200, 30, 30, 255
        seen = pixels(cut, kind, **{"lossless": True, "exact": True} if kind == "WEBP" else {})
        assert (seen[0, 0] == 255).all() and seen[2, 2].tolist() == [200, 30, 30]
    half = np.array([[[0, 0, 0, 128]]], np.uint8)
    assert abs(int(pixels(half)[0, 0, 0]) - 127) <= 1


def test_grey_and_palette_with_transparency():
    la = Image.merge("LA", [Image.new("L", (2, 1), 40), Image.fromarray(np.array([[0, 255]], np.uint8))])
    assert pixels(la).tolist() == [[255, 40]]
    palette = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "L").convert("P")
    palette.putpalette([0, 0, 0, 200, 0, 0, 0, 0, 200])
    assert pixels(palette).tolist() == [[[0, 0, 0], [200, 0, 0], [0, 0, 200]]]
    for kind in ("PNG", "GIF"):
        assert pixels(palette, kind, transparency=0).tolist() == [[[255] * 3, [200, 0, 0], [0, 0, 200]]]
    assert pixels(palette, transparency=bytes([255, 0, 255])).tolist() == [[[0, 0, 0], [255] * 3, [0, 0, 200]]]
    assert pixels(Image.new("L", (1, 1), 7), transparency=7).tolist() == [[255]]
    assert pixels(Image.new("RGB", (1, 1), (7, 8, 9)), transparency=(7, 8, 9)).tolist() == [[[255] * 3]]


def test_grey_palettes_stay_grey():
    values = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    palette = Image.fromarray(255 - values).convert("P")
    palette.putpalette([v for i in range(256) for v in [255 - i] * 3])
    assert palette.mode == "P" and np.array_equal(pixels(palette), values)


def test_sixteen_bits():
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    deep = Image.fromarray(values.astype(np.uint16) * 257)
    for kind in ("PNG", "TIFF", "PPM"):
        assert np.array_equal(pixels(deep, kind), values), kind
    assert np.array_equal(pixels(Image.fromarray(values.astype(np.int32) * 257), "TIFF"), values)
    big = Image.fromarray((values.astype(np.uint16) * 257).astype(">u2"))
    assert np.array_equal(pixels(big, "TIFF"), values)
    for odd in (values.astype(np.float32), values.astype(np.int32) * 10 ** 6):
        with pytest.raises(ValueError, match="a.tiff: pixels of 32 bits"):
            pixels(Image.fromarray(odd), "TIFF")


def test_one_bit_cmyk_and_other_modes():
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert pixels(bits).tolist() == pixels(bits, "TIFF").tolist() == [[0, 255]]
    red = Image.new("RGB", (16, 16), (220, 20, 30))
    for mode in ("CMYK", "YCbCr"):
        for kind in ("JPEG", "TIFF"):
            assert np.abs(pixels(red.convert(mode), kind)[8, 8].astype(int) - (220, 20, 30)).max() < 6


def test_of_moving_pictures_the_first_is_read(tmp_path):
    frames = [Image.new("RGB", (4, 4), (c, 0, 0)) for c in (50, 250, 9)]
    for kind in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if kind == "WEBP" else {}
        put(tmp_path, {f"a/{kind}.{kind.lower()}": encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)})
    split, text = said(read, put(tmp_path, {"b/1.png": 9}))
    assert split.x[:4, 0, 0].tolist() == [[50, 0, 0]] * 4 and "the first was read (4)" in text and "a/GIF.gif" in text


def test_grey_and_coloured_pictures_in_one_folder(tmp_path):
    split = read(put(tmp_path, {"a/1.png": 40, "a/2.jpg": encoded(Image.new("RGB", (4, 4), (9, 9, 200)), "JPEG"), "b/3.png": 7}))
    assert split.x.shape == (3, 4, 4, 3) and split.x[0, 0, 0].tolist() == [40] * 3


def ball(ground, colour, size=(60, 120), mode="RGB"):
    image = Image.new(mode, size, ground)
    left, top = size[0] // 2 - 20, size[1] // 2 - 20
    ImageDraw.Draw(image).ellipse((left, top, left + 40, top + 40), fill=colour)
    return image


@pytest.mark.parametrize("ground, colour", [((255,) * 3, (0,) * 3), ((0,) * 3, (255,) * 3), ((30, 90, 160), (250, 220, 20))])
@pytest.mark.parametrize("size", [(60, 120), (120, 60)])
def test_a_circle_stays_a_circle(tmp_path, ground, colour, size):
    put(tmp_path, {"a/1.png": encoded(ball(ground, colour, size)), "b/1.png": encoded(ball(ground, colour, size))})
    middle = (np.array(ground) + colour) / 2

    def extent(**options):
        x = read(tmp_path, image_size=(28, 28), **options).x[0].astype(int)
        near = np.abs(x - colour).sum(-1) < np.abs(x - ground).sum(-1)
        return [np.ptp(places) + 1 for places in np.nonzero(near)]
    assert extent() == extent(fit="pad") and abs(extent()[0] - extent()[1]) <= 1 and 8 <= extent()[0] <= 11
    assert abs(np.subtract(*extent(fit="crop"))) <= 1 and extent(fit="crop")[0] >= 17
    assert sorted(extent(fit="stretch"))[1] > 1.6 * sorted(extent(fit="stretch"))[0]
    corner = read(tmp_path, image_size=(28, 28)).x[0, 0, 0]
    assert corner.tolist() == list(ground) and len(middle) == 3  # the stripes have the colour of the border


def test_equal_shapes_give_what_resize_gives():
    x = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    for fit in ("pad", "crop", "stretch"):
        assert np.array_equal(pixels(x, size=(20, 20), fit=fit), np.asarray(Image.fromarray(x).resize((20, 20))))
    assert pixels(np.zeros((1, 2000), np.uint8), size=(8, 8)).shape == (8, 8)


def test_large_pictures_need_a_size(tmp_path):
    large = {"a/1.jpg": encoded(Image.new("L", (6000, 3000), 90), "JPEG"), "b/1.png": encoded(Image.new("L", (5000, 20), 90))}
    with pytest.raises(ValueError, match=r"4096 pixels a side.*image_size"):
        load(put(tmp_path, large))
    split = read(tmp_path, image_size=(28, 28))
    assert split.x.shape == (2, 28, 28, 1) and np.abs(split.x.astype(int) - 90).max() <= 1


@pytest.mark.parametrize("options, message", [({"fit": "fill"}, "'pad', 'crop', 'stretch'"), ({"damaged": "ignore"}, '"error" or "skip"'),
                                              ({"image_size": 28}, "height, width"), ({"image_size": (28,)}, "height, width"),
                                              ({"image_size": (0, 28)}, "height, width"), ({"image_size": (2.5, 28)}, "height, width")])
def test_options_are_checked_at_the_entrance(tmp_path, options, message):
    put(tmp_path, {"a/1.png": 1, "b/1.png": 1})
    for function in (load, read):
        with pytest.raises(ValueError, match=message):
            function(tmp_path, **options)


# Damage

BROKEN = {"a/2.png": grey(9)[:45], "a/3.png": b"hello", "b/0.png": b"", "b/9.jpg": encoded(np.zeros((64, 64)), "JPEG")[:300]}


def test_damaged_pictures_are_skipped_and_listed(tmp_path):
    put(tmp_path, {"a/1.png": 1, "a/4.png": 2, "b/1.png": 3} | BROKEN)
    with pytest.raises(ValueError, match=r'a/2\.png.*damaged.*damaged="skip"'):
        load(tmp_path)
    for function in (load, read):
        split, text = said(function, tmp_path, damaged="skip", **{"validation_split": 0, "test_split": 0} if function is load else {})
        split = getattr(split, "train", split)
        assert sorted(split.x[:, 0, 0, 0].tolist()) == [1, 2, 3] and split.class_names in (("a", "b"), None)
        assert "damaged pictures were left out (4)" in text and all(name in text for name in BROKEN)
    with pytest.raises(ValueError, match="all 4 pictures are damaged"):
        read(put(tmp_path / "all", BROKEN), damaged="skip")


def test_a_class_of_damaged_pictures_is_said(tmp_path):
    put(tmp_path, {"a/1.png": 1, "b/1.png": 1, "c/1.png": b"", "c/2.png": b""})
    split, text = said(read, tmp_path, damaged="skip")
    assert split.class_names == ("a", "b") and "are no class: c" in text and "c/1.png" in text


def test_the_first_picture_may_be_damaged(tmp_path):
    put(tmp_path, {"a/0.png": b"", "a/1.png": 1, "b/1.png": 1})
    assert len(read(tmp_path, damaged="skip")) == 2


# Labels and limits

@pytest.mark.parametrize("load_it", [lambda folder, x, y, **o: from_arrays(x, y, **o),
                                     lambda folder, x, y, **o: (np.savez(folder / "a.npz", x=x, y=y), load(folder / "a.npz", **o))[1]])
def test_labels_from_one(tmp_path, load_it):
    x, y = np.arange(200 * 4, dtype=np.uint8).reshape(200, 2, 2), np.arange(200) % 10 + 1
    with pytest.raises(ValueError, match=r"class 0 has no image.*first=1"):
        load_it(tmp_path, x, y)
    with pytest.raises(ValueError, match=r"out of range.*first=1"):
        load_it(tmp_path, x, y, class_names=tuple("abcdefghij"))
    data = load_it(tmp_path, x, y, first=1)
    assert data.classes == 10 and data.class_names[0] == "class 1" and set(data.train.y) == set(range(10))
    assert load_it(tmp_path, x, y, first=1, class_names=tuple("abcdefghij")).class_names[9] == "j"
    with pytest.raises(ValueError, match="from 1 up"):
        load_it(tmp_path, x, y - 1, first=1)
    for odd in (-1, 1.5, True, "1"):
        with pytest.raises(ValueError, match="first must be"):
            load_it(tmp_path, x, y, first=odd)


def test_labels_with_a_gap_have_a_way_out():
    x, y = np.zeros((60, 2, 2)), np.array([0, 1, 3, 10] * 15)
    with pytest.raises(ValueError, match=r"class 2 has no image.*from_arrays\(x, y\.astype\(str\)\)"):
        from_arrays(x, y)
    assert from_arrays(x, y.astype(str)).class_names == ("0", "1", "3", "10")


def test_a_limit_keeps_each_class():
    y = np.repeat([0, 1, 2], [600, 600, 12])
    data = from_arrays(np.zeros((len(y), 2, 2)), y, limit=50)
    for split in data.splits().values():
        assert len(split) == 50 and np.bincount(split.y, minlength=3).min() >= 1
    with pytest.raises(ValueError, match="must be 3 or more. Received: 2"):
        data.limited(2)
    assert np.bincount(data.limited(3).train.y).tolist() == [1, 1, 1]


def test_a_class_that_a_draw_leaves_out_is_said():
    y = np.repeat([0, 1, 2], [600, 600, 4])
    data, text = said(from_arrays, np.zeros((len(y), 2, 2)), y, class_names=("a", "b", "c"), limit=50)
    assert 2 not in data.test.y and "the test split has no image of 1 of the 3 classes (c)" in text
    assert 2 in data.validation.y and 2 in data.train.y


def test_files_on_disk_are_read_when_they_are_decoded(tmp_path):
    put(tmp_path, {"a/1.png": 1, "b/1.png": 1})
    assert all(callable(raw) for _, raw in folder_files(tmp_path))
