"""Every kind of image file becomes 8-bit RGB, and every damaged one is named."""

import io

import cv2
import datasets
import numpy as np
import pytest
from PIL import Image

from thresher.core import images
from thresher.core.errors import InputError
from thresher.core.images import UnreadableImage, decode_image, fit_square, read_images


def picture(height=24, width=32):
    """A smooth color picture, so that JPEG changes it little."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 7 % 256, y * 9 % 256, (x + y) * 4 % 256], axis=2).astype(np.uint8)


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_files_give_their_pixels(kind):
    np.testing.assert_array_equal(decode_image(encoded(picture(), kind)), picture())


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_jpeg_is_close_to_what_pillow_gives(options):
    data = encoded(picture(), "JPEG", quality=92, **options)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert np.abs(decode_image(data).astype(int) - expected).max() <= 4


def test_gray_16_bit_palette_and_one_bit():
    gray = picture()[..., 0]
    np.testing.assert_array_equal(decode_image(encoded(gray))[..., 2], gray)
    deep = Image.fromarray(gray.astype(np.uint16) * 256 + 77)
    np.testing.assert_array_equal(decode_image(encoded(deep))[..., 1], gray)
    palette = Image.fromarray(picture()).quantize(256)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(decode_image(encoded(palette)), expected)
    assert set(np.unique(decode_image(encoded(Image.new("1", (5, 4)))))) == {0}


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")
    red, green, blue = decode_image(data)[4, 4]
    assert red > 200
    assert max(green, blue) < 60


def test_transparency_is_laid_over_white():
    clear = np.zeros((4, 4, 4), np.uint8)
    assert (decode_image(encoded(clear)) == 255).all()
    marked = encoded(picture(), transparency=tuple(int(v) for v in picture()[0, 0]))
    assert decode_image(marked)[0, 0].tolist() == [255, 255, 255]


def test_what_would_be_all_white_or_all_black_is_made_to_be_seen():
    white = np.full((8, 8, 4), 255, np.uint8)
    white[..., 3] = 0
    white[2:4, 2:6, 3] = 255
    seen = decode_image(encoded(white))
    assert (seen[2:4, 2:6] == 255).all()
    assert (seen[5:] == 0).all()
    shallow = np.arange(64, dtype=np.uint16).reshape(8, 8) * 4
    seen = decode_image(encoded(Image.fromarray(shallow)))[..., 0]
    np.testing.assert_array_equal(seen, np.rint(shallow * (255 / 252)))
    signed = np.array([[-100, 0], [50, 100_000]], np.int32)
    assert decode_image(encoded(Image.fromarray(signed), "TIFF"))[..., 0].tolist() == [
        [0, 0],
        [0, 255],
    ]
    shares = np.array([[0, 0.5], [0.25, 1]], np.float32)
    seen = decode_image(encoded(Image.fromarray(shares), "TIFF"))[..., 0]
    assert seen.tolist() == [[0, 128], [64, 255]]
    with pytest.raises(UnreadableImage, match="NaN"):
        decode_image(encoded(Image.fromarray(shares * np.float32("nan")), "TIFF"))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_give_their_first_frame(kind):
    frames = [Image.new("RGB", (9, 9), (255, 0, 0)), Image.new("RGB", (9, 9), (0, 0, 255))]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    assert decode_image(data)[4, 4].tolist()[0] > 240


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    image = decode_image(encoded(picture(24, 32), kind, exif=exif))
    assert image.shape == (32, 24, 3)
    expected = np.rot90(picture(24, 32), -1).astype(int)
    assert np.abs(image.astype(int) - expected).mean() < 12


def test_a_single_pixel():
    assert decode_image(encoded(picture(1, 1))).shape == (1, 1, 3)
    assert decode_image(encoded(picture(1, 1), "JPEG")).shape == (1, 1, 3)


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.98, 0.6, 0.1])
def test_cut_off_files_are_refused(kind, share):
    data = encoded(NOISE, kind)
    with pytest.raises(UnreadableImage) as caught:
        decode_image(data[: int(len(data) * share)])
    assert caught.value.reason == "truncated"


def test_jpeg_with_a_thumbnail_is_still_seen_as_cut_off():
    exif = Image.Exif()
    exif[0x010E] = "holds an end marker \xff\xd9 of its own"
    data = encoded(NOISE, "JPEG", exif=exif.tobytes() + b"\xff\xd9")
    assert decode_image(data).shape == (64, 64, 3)
    with pytest.raises(UnreadableImage, match="truncated"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "zero bytes"),
        (b"hello, this is a note", "not an image"),
        (b"\xff\xd8", "truncated"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\0" * 500, "not an image"),
        (b"<html>404</html>", "not an image"),
        (
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\1" * 99,
            "HEIC, which is not read: save it as JPEG",
        ),
        (b"\0\0\0\x18ftypqt  \0\0\0\0" + b"\1" * 99, "a video, not an image"),
        (b"%PDF-1.7\n", "a PDF, not an image"),
        (
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
            "SVG, which is not read: save it as PNG",
        ),
    ],
)
def test_reasons(data, reason):
    with pytest.raises(UnreadableImage) as caught:
        decode_image(data)
    assert caught.value.reason == reason


def test_a_damaged_png_is_refused():
    data = bytearray(encoded(NOISE))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(UnreadableImage, match=r"damaged|truncated"):
        decode_image(bytes(data))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP"])
def test_too_many_pixels_are_refused(kind, monkeypatch):
    monkeypatch.setattr(images, "PIXEL_LIMIT", 700)
    with pytest.raises(UnreadableImage, match="too large \\(32 × 24 pixels\\)"):
        decode_image(encoded(picture(), kind))


def test_a_forged_size_is_refused_without_decoding():
    data = bytearray(encoded(picture()))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    with pytest.raises(UnreadableImage, match="too large"):
        decode_image(bytes(data))


def test_thumbnails_of_large_jpegs_stay_large_enough():
    data = encoded(picture(640, 480), "JPEG")
    assert decode_image(data, shrink_to=32).shape == (160, 120, 3)
    assert decode_image(data, shrink_to=300).shape == (640, 480, 3)


def test_fit_square_crops_the_center():
    image = np.zeros((10, 30, 3), np.uint8)
    image[:, 10:20] = 200
    assert (fit_square(image, 5) == 200).all()
    expected = cv2.resize(picture(20, 20), (10, 10), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(fit_square(picture(20, 20), 10), expected)


def dataset_of(files, **columns):
    rows = {"image": [{"bytes": data, "path": None} for data in files], **columns}
    features = datasets.Features({"image": datasets.Image(decode=False)})
    for name in columns:
        features[name] = datasets.Value("string")
    return datasets.Dataset.from_dict(rows, features=features)


def test_read_images_keeps_the_order():
    flat = [encoded(np.full((4, 4, 3), value % 256, np.uint8)) for value in range(300)]
    stack = read_images(dataset_of(flat), "image", size=2)
    assert stack.shape == (300, 2, 2, 3)
    np.testing.assert_array_equal(stack[:, 0, 0, 0], np.arange(300) % 256)


def test_read_images_of_nothing_and_of_binary():
    assert read_images(dataset_of([]), "image", size=8).shape == (0, 8, 8, 3)
    table = datasets.Dataset.from_dict({"jpeg": [encoded(picture())]})
    assert read_images(table, "jpeg", size=8).shape == (1, 8, 8, 3)


def test_read_images_names_a_bad_row():
    table = dataset_of([encoded(picture()), b"no"], row_id=["fine", "bad-one"])
    with pytest.raises(InputError, match="'bad-one' cannot be used: not an image"):
        read_images(table, "image", size=8)


def test_read_images_of_text_says_what_it_got():
    table = datasets.Dataset.from_dict({"image": ["a.png"]})
    with pytest.raises(InputError, match="holds string, not images"):
        read_images(table, "image", size=8)
