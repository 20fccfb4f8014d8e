"""The real libraries with tiny random models that are built on disk here; nothing is downloaded."""

import copy
from functools import partial

import numpy as np
import pytest
import torch

from thresher.core.errors import InputError
from thresher.core.progress import Silent, reporting
from thresher.core.tokens import HashTokenizer
from training import (
    TrainingRun,
    check_parity,
    compact_model,
    distill,
    evaluate,
    export,
    fit,
    pretrained_model,
    teacher_logits,
)
from training.evaluation import predict_logits
from training.rows.samples import samples_from_arrays

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "fine", "bad", "poor", "the", "film"]
TEXTS = [f"the film {word} {end}" for word in ("good", "fine", "bad", "poor") for end in WORDS[5:]]
LABELS = np.array([int("bad" in text or "poor" in text) for text in TEXTS])
IDS = np.arange(len(TEXTS)).astype(str)
MODES = ("frozen", "fine_tune", "lora")
HOW = {
    "frozen": {"optimizer": "adamw", "lr": 0.05},
    "fine_tune": {"optimizer": "adamw", "lr": 3e-3},
    "lora": {"optimizer": "adamw", "lr": 1e-2},
}
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def bert(tmp_path_factory, save_bert):
    return save_bert(tmp_path_factory.mktemp("models") / "bert", WORDS)


def load(bert, mode, **options):
    if mode == "lora":
        pytest.importorskip("peft", reason="needs thresher[lora]")
    return pretrained_model(f"transformers:{bert}", num_classes=2, mode=mode, **options)


def rows(model, texts=TEXTS, labels=LABELS):
    return model.samples(texts, row_ids=np.arange(len(texts)).astype(str), targets=labels)


def test_vectors_are_the_mean_over_tokens_whatever_the_padding(bert):
    import transformers

    model = load(bert, "frozen", max_tokens=12).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    reference = transformers.AutoModel.from_pretrained(bert).eval()
    samples = rows(model, ["good film", "the bad bad film", ""], None)
    assert samples.input_shape == (12,)
    with torch.no_grad():
        found = model.body(samples.inputs)
        for text, vector in zip(["good film", "the bad bad film", ""], found, strict=True):
            hidden = reference(**tokenizer(text, return_tensors="pt")).last_hidden_state
            torch.testing.assert_close(vector, hidden[0].mean(0))
        assert not model.body(torch.zeros(1, 12, dtype=torch.int64)).any()


def test_texts_that_are_cut_are_counted(bert):
    class Told(Silent):
        def __init__(self):
            self.texts = []

        def message(self, text):
            self.texts.append(text)

    model = load(bert, "frozen", max_tokens=6)
    with reporting(told := Told()):
        rows(model, ["good film", "the bad bad film", "the bad bad bad film"], None)
    assert told.texts == ["1 text was cut at 6 tokens"]


@pytest.mark.parametrize("mode", MODES)
def test_each_mode_learns_is_saved_small_and_loaded_alike(bert, mode, tmp_path):
    model = load(bert, mode)
    before = copy.deepcopy(model.body.network.state_dict())
    samples = rows(model)
    run = fit(model, samples, validation=samples, epochs=20, batch_size=8, **HOW[mode])
    assert evaluate(model, samples).accuracy > 0.9
    changed = [
        name
        for name, tensor in before.items()
        if not torch.equal(tensor, model.body.network.state_dict()[name])
    ]
    assert bool(changed) == (mode != "frozen")
    assert all("lora" in name for name in changed) or mode == "fine_tune"

    run.save(tmp_path / "run")
    saved = torch.load(tmp_path / "run" / "weights.pt", weights_only=True)
    assert (mode == "fine_tune") == any("word_embeddings" in name for name in saved)
    again = TrainingRun.load(tmp_path / "run")
    np.testing.assert_allclose(
        predict_logits(again.model, samples), predict_logits(model, samples), atol=1e-5
    )
    assert again.model.spec == model.spec


def test_a_frozen_body_runs_once_a_row(bert, monkeypatch):
    model = load(bert, "frozen")
    seen = []
    compute = model.body.forward
    monkeypatch.setattr(
        model.body, "forward", lambda inputs: seen.append(len(inputs)) or compute(inputs)
    )
    samples = rows(model)
    run = fit(model, samples, epochs=5, batch_size=8, optimizer="adamw", lr=0.05)
    assert sum(seen) == len(samples)
    assert run.choices["vectors"].value == "cached vectors"
    seen.clear()
    predict_logits(model, rows(model, ["poor the film bad"], None))
    assert seen == [1]  # a row that it does not know


def test_a_frozen_head_is_a_linear_model_on_the_vectors(bert):
    model = load(bert, "frozen")
    samples = rows(model)
    with torch.no_grad():
        vectors = model.eval().body(samples.inputs)
    fit(model, samples, epochs=1, batch_size=100, lr=1e-9)
    scaled = (vectors - vectors.mean(0)) / vectors.std(0, unbiased=False)
    by_hand = scaled @ model.head.weight.T + model.head.bias
    found = torch.from_numpy(predict_logits(model, samples))
    torch.testing.assert_close(found, by_hand.detach(), atol=1e-4, rtol=1e-4)


def test_resuming_gives_the_same_bits(bert, tmp_path):
    def trained(epochs, **options):
        model = load(bert, "lora", random_state=1)
        samples = rows(model)
        fit(model, samples, epochs=epochs, batch_size=8, schedule="constant", ema=0.5, **options)
        return model.state_dict()

    class StoppedError(Exception):
        pass

    from training.loop.hooks import Hook

    class StopAfter(Hook):
        def on_epoch_end(self, moment):
            if moment.epoch == 0:
                raise StoppedError

    whole = trained(3, lr=0.01, checkpoint_dir=tmp_path / "a")
    with pytest.raises(StoppedError):
        trained(3, lr=0.01, checkpoint_dir=tmp_path / "b", hooks=[StopAfter()])
    size = max(path.stat().st_size for path in (tmp_path / "a").iterdir())
    resumed = trained(3, lr=0.01, checkpoint_dir=tmp_path / "b")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert size < 150_000


def test_a_transformer_teaches_a_small_student(bert):
    teacher = load(bert, "fine_tune")
    samples = rows(teacher)
    fit(teacher, samples, epochs=30, batch_size=8, **HOW["fine_tune"])
    tokens = HashTokenizer(vocabulary=500, max_tokens=16).encode(TEXTS)
    student_rows = samples_from_arrays(tokens, row_ids=IDS, targets=LABELS)
    predict = partial(teacher.predict_values, device="cpu")
    taught = teacher_logits(predict, TEXTS, row_ids=IDS, batch_size=7)
    np.testing.assert_allclose(taught, predict_logits(teacher, samples), atol=1e-5)
    student = compact_model(
        "hashed_embedding", num_classes=2, input_shape=(16,), width=16, dropout=0.0
    )
    pool = student_rows.without_targets()
    distill(student, taught, pool, epochs=40, batch_size=8, optimizer="adamw", lr=0.02)
    agrees = predict_logits(student, student_rows).argmax(1) == taught.argmax(1)
    assert agrees.mean() > 0.9


def test_sentence_transformers(bert, tmp_path):
    library = pytest.importorskip("sentence_transformers", reason="needs thresher[st]")
    from sentence_transformers import models

    words = models.Transformer(str(bert), max_seq_length=10)
    pooling = models.Pooling(words.get_embedding_dimension())
    made = library.SentenceTransformer(modules=[words, pooling, models.Normalize()], device="cpu")
    made.save(str(tmp_path / "st"))
    model = pretrained_model(f"sentence-transformers:{tmp_path / 'st'}", num_classes=2)
    samples = rows(model)
    assert samples.input_shape == (10,)
    with torch.no_grad():
        found = model.eval().body(samples.inputs).numpy()
    np.testing.assert_allclose(found, made.encode(TEXTS, show_progress_bar=False), atol=1e-5)
    fit(model, samples, epochs=20, batch_size=8, **HOW["frozen"])
    assert evaluate(model, samples).accuracy > 0.9


def test_pictures_of_any_size_go_through_a_vision_transformer(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs thresher[hf]")
    config = transformers.ViTConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=16,
        patch_size=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path / "vit")
    try:
        processor = transformers.ViTImageProcessor(size={"height": 16, "width": 16})
    except ImportError as error:
        pytest.skip(f"image processors need torchvision here ({error})")
    processor.save_pretrained(tmp_path / "vit")
    model = pretrained_model(f"transformers:{tmp_path / 'vit'}", num_classes=2, modality="image")
    images = np.random.default_rng(0).integers(0, 100, (20, 16, 16, 3), dtype=np.uint8)
    images[::2] += 150
    samples = model.samples(images, row_ids=IDS[:20], targets=np.arange(20) % 2)
    fit(model, samples, epochs=10, batch_size=5, **HOW["frozen"])
    assert evaluate(model, samples).accuracy == 1
    larger = model.samples(images.repeat(2, 1).repeat(2, 2), row_ids=IDS[:20])
    assert predict_logits(model, larger).shape == (20, 2)


def test_other_base_weights_are_noticed(bert, tmp_path):
    model = load(bert, "frozen")
    state = model.state_dict() | {"base": torch.zeros_like(model.base)}
    with pytest.raises(InputError, match="other weights than those"):
        model.load_state_dict(state)


def test_rows_of_another_tokenizer_and_other_labels_are_refused(bert):
    model = load(bert, "frozen")
    hashed = HashTokenizer(max_tokens=16).encode(TEXTS)
    foreign = samples_from_arrays(hashed, row_ids=IDS, targets=LABELS)
    with pytest.raises(InputError, match=r"model\.samples"):
        fit(model, foreign, epochs=1)
    short = samples_from_arrays(np.ones((24, 3), int), row_ids=IDS, targets=LABELS)
    with pytest.raises(InputError, match=r"token ids \(n, 16\)"):
        fit(model, short, epochs=1)
    with pytest.raises(InputError, match="has label 5, but the model has 2 classes"):
        fit(model, rows(model, labels=LABELS + 4), epochs=1)
    with pytest.raises(InputError, match="max_tokens"):
        load(bert, "frozen", max_tokens=500)


def test_the_exported_transformer_agrees(bert, tmp_path):
    model = load(bert, "frozen")
    samples = rows(model)
    fit(model, samples, epochs=3, batch_size=8, **HOW["frozen"])
    exported = export(
        model, tmp_path / "onnx", classes=["good", "bad"], preprocessing=model.preprocessing
    )
    assert check_parity(exported, model, samples).max_abs_diff < 1e-3
    assert exported.preprocessing["pretrained_tokenizer"]["max_tokens"] == 16
