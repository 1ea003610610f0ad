"One's own photograph: read as a viewer shows it, prepared as Fashion-MNIST's images are, named, and drawn."
import io
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fashion_cnn.predict import as_photograph, plan_of, predict, prepare, read_photograph
from fashion_cnn.sketch import CLASS_NAMES, sketch_set

IMAGES, LABELS = sketch_set(12, seed=3)
IMAGES = np.asarray(IMAGES).reshape(-1, 28, 28, 1)


def shirt(size=(400, 300), ground="white", colour="navy", box=(90, 60, 290, 260)):
    "A picture of a T-shaped thing on a ground."
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = box
    draw.rectangle((left, top, right, top + 60), fill=colour)
    draw.rectangle((left + 60, top, right - 60, bottom), fill=colour)
    return image


def as_file(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


class Always:
    "A run whose network says that all is a Dress, and remembers what it was asked."
    recipe = SimpleNamespace(task="classify", name="always")

    def __init__(self, shape=(28, 28, 1), source="Fashion-MNIST"):
        self.data = {"source": source, "input_shape": list(shape), "class_names": list(CLASS_NAMES)}

    def predict(self, images):
        self.asked = images
        return np.tile(np.float32([0.02, 0, 0, 0.9, 0.08, 0, 0, 0, 0, 0]), (len(images), 1))


def test_a_photograph_becomes_the_image_it_was_made_from():
    rng = np.random.default_rng(0)
    prepared = np.stack([prepare(as_photograph(image, rng)) for image in IMAGES])
    assert prepared.shape == IMAGES.shape and prepared.dtype == np.uint8
    assert (prepared[:, 0, 0] == 0).all()                   # a black background
    misses = np.abs(prepared.astype(float) - IMAGES).mean(axis=(1, 2, 3))
    assert np.median(misses) < 25, misses                   # margins of the sketch are trimmed


def test_images_of_the_networks_size_are_taken_as_they_are_or_negated():
    for image in IMAGES[:5]:
        assert (prepare(image) == image).all() and (prepare(255 - image) == image).all()
        assert (prepare(image / 255) == image).all()        # floats from 0 to 1


@pytest.mark.parametrize("ground, colour", [("white", "navy"), ("black", "white"), ("#777777", "white"), ("#d0c8b0", "#204020"),
                                            ("white", "#ffff60"), ("#2040a0", "#e0e0e0")])
def test_the_garment_is_light_on_black_whatever_the_ground(ground, colour):
    x = prepare(shirt(ground=ground, colour=colour))[..., 0].astype(int)
    assert (x[3:8, 2:-2] > 15).all() and x[20:, :4].max() == 0 and x[20:, -4:].max() == 0
    assert (x[20:25, 12:16] > 15).all()


def test_longest_edge_fills_and_the_other_is_centred():
    x = prepare(shirt(box=(90, 20, 230, 280), ground="white"))[..., 0]
    columns = np.flatnonzero(x.max(axis=0) > 20)
    assert x[0].max() > 100 and x[-1].max() > 100 and abs(columns[0] - (27 - columns[-1])) <= 1


@pytest.mark.parametrize("orientation, turn", [(1, 0), (3, 180), (6, 90), (8, 270)])
def test_exif_orientation_is_followed(orientation, turn):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = shirt()
    content = as_file(upright.rotate(turn, expand=True), "JPEG", quality=95, exif=exif)
    assert read_photograph(content).size == upright.size
    assert np.abs(prepare(content).astype(int) - prepare(upright)).mean() < 6


def modes():
    "The same shirt in many kinds of files."
    plain = shirt()
    for format in ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF"): yield format, as_file(plain, format)
    cut = plain.convert("RGBA")
    alpha = Image.fromarray((np.asarray(plain.convert("L")) < 200).astype(np.uint8) * 255)
    for hidden in (0, 255):       # what stands under the transparent part does not count
        under = Image.new("RGB", plain.size, (hidden,) * 3)
        under.paste(plain, mask=alpha)
        yield f"alpha over {hidden}", as_file(Image.merge("RGBA", (*under.split(), alpha)))
    yield "palette", as_file(cut.quantize(16))
    yield "CMYK", as_file(plain.convert("CMYK"), "JPEG")
    yield "16 bits", as_file(Image.fromarray(np.asarray(plain.convert("L")).astype(np.uint16) * 257))
    yield "grey", as_file(plain.convert("L"))
    yield "large", as_file(plain.resize((4400, 3300)))


@pytest.mark.parametrize("kind, content", list(modes()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_kind_of_file_gives_the_same_image(kind, content, tmp_path):
    expected = prepare(shirt()).astype(int)
    assert np.abs(prepare(content) - expected).mean() < 8
    path = tmp_path / "a shirt.picture"
    path.write_bytes(content)
    assert (prepare(path) == prepare(content)).all() and (prepare(str(path)) == prepare(memoryview(content))).all()


def test_arrays_images_and_open_files_are_photographs():
    image = shirt()
    expected = prepare(image)
    assert (prepare(np.asarray(image)) == expected).all() and (prepare(np.asarray(image) / 255) == expected).all()
    assert (prepare(io.BytesIO(as_file(image))) == expected).all()
    assert (prepare(np.asarray(image.convert("RGBA"))) == expected).all()
    assert (prepare(np.asarray(image).astype(np.uint16) * 257) == expected).all()


@pytest.mark.parametrize("photograph, error, says", [
    (b"", ValueError, "empty"), (b"no picture at all", ValueError, "JPEG or PNG"),
    (b"\0\0\0\x18ftypheic" + bytes(50), ValueError, "pillow-heif"),
    (as_file(shirt())[:200], ValueError, "damaged"), ("nowhere/shirt.jpg", FileNotFoundError, "no photograph"),
    (".", ValueError, "one file"), ("https://example.org/shirt.jpg", ValueError, "download"),
    (io.StringIO("P2 1 1 1 0"), ValueError, "'rb'"), (None, TypeError, "NoneType"), (["a.jpg", "b.jpg"], TypeError, "one at a time"),
    (np.zeros((4, 28, 28, 1)), ValueError, "run.predict"), (np.full((28, 28), np.nan), ValueError, "pixels"),
    (np.zeros((0, 28)), ValueError, "shape"), (np.full((30, 30), -5), ValueError, "pixels"),
    (Image.new("RGB", (300, 200), "white"), ValueError, "No object"),
    (Image.new("L", (300, 200), 40), ValueError, "No object")])
def test_what_is_no_photograph_is_refused_with_the_way_out(photograph, error, says):
    with pytest.raises(error, match=says): prepare(photograph)


def test_noise_alone_is_no_object():
    noise = np.random.default_rng(0).normal(200, 8, (300, 300)).clip(0, 255).astype(np.uint8)
    with pytest.raises(ValueError, match="No object"): prepare(noise)


def test_colour_networks_see_colour_and_nothing_is_negated():
    image = shirt(ground="white", colour="red")
    for fit in ("pad", "crop", "stretch"):
        x = prepare(image, (32, 32, 3), fit=fit)
        assert x.shape == (32, 32, 3) and x.dtype == np.uint8 and (x[0, 0] > 250).all()
        assert (x[..., 0].astype(int) - x[..., 1]).max() > 200
    with pytest.raises(ValueError, match="stretch"): prepare(image, (32, 32, 3), fit="wide")
    circle = Image.new("RGB", (120, 60), "white")
    ImageDraw.Draw(circle).ellipse((40, 10, 80, 50), fill="black")
    dark = prepare(circle, (32, 32, 3), fit="pad")[..., 0] < 128
    assert abs(np.ptp(np.flatnonzero(dark.any(0))) - np.ptp(np.flatnonzero(dark.any(1)))) <= 1


def test_grey_networks_of_other_data_can_keep_the_ground():
    x = prepare(shirt(), (64, 64, 1), garment=False)
    assert x.shape == (64, 64, 1) and x[0, 0] > 250
    with pytest.warns(UserWarning, match="garment=False"): plan_of(Always(source="my-photos"), None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert plan_of(Always(source="my-photos"), False, None) == (False, "pad")
        assert plan_of(Always((32, 32, 3), "CIFAR-10"), None, None) == (False, "crop")


def test_predict_gives_three_names_and_draws_what_was_seen():
    run = Always()
    answer = predict(run, shirt())
    assert answer.name == "Dress" and [name for name, _ in answer.top()] == ["Dress", "Coat", "T-shirt/top"]
    assert (run.asked == answer.seen[None]).all() and "Dress 90.0 %" in repr(answer) and "exchanged" in repr(answer)
    assert "exchanged" not in repr(predict(run, shirt(ground="black", colour="white")))
    titles = [ax.get_title() for ax in answer.figure().axes]
    assert titles[:2] == ["the photograph", "what the network saw, 28 x 28"] and answer._repr_png_()[0][:4] == b"\x89PNG"
    assert predict(Always((32, 32, 3), "CIFAR-10"), shirt()).figure() is not None
    with pytest.raises(TypeError, match="Run first"): predict("runs/fast", shirt())
