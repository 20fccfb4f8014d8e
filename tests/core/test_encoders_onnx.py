"""ONNX encoders give what ONNX Runtime gives each text alone, and say what they cut."""

import json

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
tokenizers = pytest.importorskip("tokenizers")

from curation.sharded import embed_shards  # noqa: E402
from thresher.core import embed, get_encoder  # noqa: E402
from thresher.core.encoders import load_encoder  # noqa: E402
from thresher.core.encoders.lengths import ROWS, TOKENS, batches_by_length  # noqa: E402
from thresher.core.errors import InputError  # noqa: E402
from thresher.core.progress import Silent, reporting  # noqa: E402

WORDS = ["[PAD]", "[UNK]", *(f"w{at}" for at in range(60))]
WIDTH, LONGEST = 24, 12


class Told(Silent):
    def __init__(self):
        self.texts = []

    def message(self, text):
        self.texts.append(text)


def write_model(folder, *, output="last_hidden_state", pooled=False, seed=0):
    """One layer of attention over token vectors and their places, as a file."""
    helper, kind = onnx.helper, onnx.TensorProto
    rng = np.random.default_rng(seed)
    constants = {
        "table": rng.normal(size=(len(WORDS), WIDTH)),
        "places": rng.normal(size=(LONGEST, WIDTH)),
        "wide": rng.normal(size=(WIDTH, 4 * WIDTH)) / 5,
        "narrow": rng.normal(size=(4 * WIDTH, WIDTH)) / 10,
        "one": np.float32(1),
        "much": np.float32(-1e4),
    }
    axes = {"axis0": [0], "axis1": [1], "start": [0], "step": [1]}
    made = [
        onnx.numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in constants.items()
    ]
    made += [onnx.numpy_helper.from_array(np.asarray(v, np.int64), n) for n, v in axes.items()]
    node = helper.make_node
    nodes = [
        node("Gather", ["table", "input_ids"], ["words"]),
        node("Shape", ["input_ids"], ["length"], start=1, end=2),
        node("Slice", ["places", "start", "length", "axis0", "step"], ["here"]),
        node("Add", ["words", "here"], ["x"]),
        node("Transpose", ["x"], ["turned"], perm=[0, 2, 1]),
        node("MatMul", ["x", "turned"], ["scores"]),
        node("Cast", ["attention_mask"], ["mask"], to=kind.FLOAT),
        node("Sub", ["one", "mask"], ["hidden"]),
        node("Mul", ["hidden", "much"], ["penalty"]),
        node("Unsqueeze", ["penalty", "axis1"], ["penalties"]),
        node("Add", ["scores", "penalties"], ["masked"]),
        node("Softmax", ["masked"], ["weights"], axis=-1),
        node("MatMul", ["weights", "x"], ["seen"]),
        node("MatMul", ["seen", "wide"], ["spread"]),
        node("Relu", ["spread"], ["lit"]),
        node("MatMul", ["lit", "narrow"], ["back"]),
        node("Add", ["seen", "back"], ["out" if pooled else output]),
    ]
    if pooled:
        nodes.append(node("ReduceMax", ["out", "axis1"], [output], keepdims=0))
    told = ["n", WIDTH] if pooled else ["n", "t", WIDTH]
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info(name, kind.INT64, ["n", "t"])
         for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info(output, kind.FLOAT, told)],
        made,
    )  # fmt: skip
    folder.mkdir(exist_ok=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.save(model, folder / "model.onnx")
    vocabulary = {word: at for at, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": LONGEST}))
    return folder


@pytest.fixture
def texts():
    rng = np.random.default_rng(1)
    made = [" ".join(rng.choice(WORDS[2:], rng.integers(1, 12))) for _ in range(300)]
    made[7], made[9] = "", "w1 " * 40
    return made


def alone(folder, text, output="last_hidden_state"):
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    ids = np.array([[WORDS.index(word) for word in text.split()][:LONGEST]], np.int64)
    found = session.run([output], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    vector = found[0].mean(axis=0) if found.ndim == 3 else found[0]
    return vector / np.linalg.norm(vector)


def test_texts_in_batches_by_length_are_as_each_alone(tmp_path, texts):
    folder = write_model(tmp_path / "model")
    with reporting(told := Told()):
        found = embed(texts, encoder=f"onnx:{folder}")
    for row, text in enumerate(texts):
        if text:
            assert np.abs(found.vectors[row] - alone(folder, text)).max() < 1e-5
    assert not found.vectors[7].any()
    assert told.texts == ["1 text was cut at 12 tokens"]


def test_batches_hold_all_texts_once_with_little_padding():
    lengths = np.random.default_rng(2).integers(1, 512, 3000)
    batches = list(batches_by_length(lengths))
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(3000))
    padded = [lengths[batch].max() * len(batch) for batch in batches]
    assert sum(padded) < 1.05 * lengths.sum()
    assert max(map(len, batches)) <= ROWS
    assert max(padded) <= max(TOKENS, 512)
    assert list(batches_by_length(np.zeros(0, int))) == []
    (only,) = batches_by_length(np.array([10_000]))
    assert only.tolist() == [0]


def test_the_models_own_vector_or_the_first_token_is_taken_where_it_is_told(tmp_path, texts):
    whole = write_model(tmp_path / "whole", output="sentence_embedding", pooled=True)
    found = embed(texts[:20], encoder=f"onnx:{whole}")
    assert np.allclose(found.vectors[3], alone(whole, texts[3], "sentence_embedding"), atol=1e-5)
    first = write_model(tmp_path / "first")
    (first / "1_Pooling").mkdir()
    (first / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    session = onnxruntime.InferenceSession(str(first / "model.onnx"))
    ids = np.array([[WORDS.index(word) for word in texts[3].split()]], np.int64)
    hidden = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0, 0]
    found = embed(texts[:20], encoder=f"onnx:{first}")
    assert np.allclose(found.vectors[3], hidden / np.linalg.norm(hidden), atol=1e-5)


def test_integers_are_close_and_made_once(tmp_path, texts):
    folder = write_model(tmp_path / "model")
    whole = embed(texts, encoder=f"onnx:{folder}")
    with reporting(told := Told()):
        small = embed(texts, encoder=f"onnx:{folder}@int8")
    assert told.texts[0] == "make model.thresher-int8.onnx of model.onnx"
    stamp = (folder / "model.thresher-int8.onnx").stat().st_mtime_ns
    stored = onnx.load(folder / "model.thresher-int8.onnx")
    held = [onnx.numpy_helper.to_array(each) for each in stored.graph.initializer]
    weights = [each for each in held if each.dtype == np.int8 and each.ndim == 2]
    assert len(weights) >= 2
    assert max(np.abs(each.astype(int)).max() for each in weights) <= 64
    cosines = (whole.vectors * small.vectors).sum(axis=1)
    assert np.delete(cosines, 7).min() > 0.98
    assert whole.fingerprint != small.fingerprint
    get_encoder(f"onnx:{folder}@int8")
    assert (folder / "model.thresher-int8.onnx").stat().st_mtime_ns == stamp


def test_a_saved_encoder_is_the_same_and_notices_another_model(tmp_path, texts):
    folder = write_model(tmp_path / "model")
    encoder = get_encoder(f"onnx:{folder}")
    encoder.save(tmp_path / "saved")
    again = load_encoder(tmp_path / "saved")
    assert np.array_equal(again.encode(texts[:5]), encoder.encode(texts[:5]))
    write_model(folder, seed=1)
    with pytest.raises(InputError, match="other weights"):
        load_encoder(tmp_path / "saved")


def test_shards_say_together_what_was_cut(tmp_path, texts):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write_model(tmp_path / "model")
    paths = [tmp_path / f"{at}.parquet" for at in range(3)]
    for at, path in enumerate(paths):
        pq.write_table(pa.table({"text": [*texts[100 * at : 100 * at + 99], "w2 " * 30]}), path)
    words = {"column": "text", "encoder": f"onnx:{folder}"}
    with reporting(told := Told()):
        parts = embed_shards(paths, tmp_path / "work", **words)
    assert "4 texts were cut at 12 tokens in 3 files" in told.texts
    with reporting(again := Told()):  # nothing is embedded anew, and it is said all the same
        assert embed_shards(paths, tmp_path / "work", **words) == parts
    assert "4 texts were cut at 12 tokens in 3 files" in again.texts
    vectors = np.load(parts[1] / "vectors.npy")
    assert np.abs(vectors[5] - alone(folder, texts[105])).max() < 1e-5


def test_images_go_through_their_preprocessing(tmp_path):
    helper, kind = onnx.helper, onnx.TensorProto
    nodes = [helper.make_node("ReduceMean", ["pixel_values", "axes"], ["image_embeds"], keepdims=0)]
    axes = onnx.numpy_helper.from_array(np.array([2], np.int64), "axes")
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("pixel_values", kind.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("image_embeds", kind.FLOAT, ["n", 3, 8])],
        [axes],
    )
    opset = [helper.make_opsetid("", 18)]
    (tmp_path / "onnx").mkdir()
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8),
              tmp_path / "onnx" / "vision_model.onnx")  # fmt: skip
    told = {"size": {"shortest_edge": 8}, "image_mean": [0.1, 0.2, 0.3], "image_std": [0.5] * 3}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    encoder = get_encoder(f"onnx:{tmp_path}", modality="image")
    assert encoder.image_size == 8
    pixels = (images / 255 - np.array([0.1, 0.2, 0.3])) / 0.5
    expected = pixels.mean(axis=1).transpose(0, 2, 1)[:, 0]
    assert np.allclose(encoder.encode(images), expected, atol=1e-5)


def test_what_is_no_model_is_named(tmp_path):
    with pytest.raises(InputError, match=r"must name a folder with model\.onnx"):
        get_encoder("onnx:nobody/nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"looked for text_model\.onnx, model\.onnx, onnx/text"):
        get_encoder(f"onnx:{tmp_path / 'empty'}")
    (tmp_path / "empty" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(InputError, match="ONNX Runtime cannot load"):
        get_encoder(f"onnx:{tmp_path / 'empty'}")
    folder = write_model(tmp_path / "model")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"has no tokenizer.json"):
        get_encoder(f"onnx:{folder}")
    with pytest.raises(InputError, match="`device` must be one of 'auto', 'cpu'"):
        get_encoder(f"onnx:{folder}", device="cuda")
