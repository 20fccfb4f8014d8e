import numpy as np
import pytest

from active_learning import SklearnLearner, TorchLearner
from active_learning.learners.learner import committee_probs, dropout_probs
from active_learning.learners.logistic import LogisticHead, fit_logistic, softmax
from thresher.core.embeddings import unit_length
from thresher.core.errors import InputError
from thresher.core.numerics.temperature import fit_temperature


def blobs(n=300, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(classes, size=n)
    centers = rng.normal(size=(classes, 8)) * 2
    return centers[codes] + rng.normal(size=(n, 8)), np.array(list("abcd"))[codes]


def test_head_equals_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    x, y = blobs(n=200)
    x = unit_length(x)
    codes = np.searchsorted(list("abcd"), y)
    peer = LogisticRegression(C=20.0, tol=1e-8, max_iter=2000).fit(x, codes)
    model = LogisticHead(calibrate=False)(x, codes, num_classes=4, random_state=0)
    np.testing.assert_allclose(model(x), peer.predict_proba(x), atol=2e-3)


def test_span_of_few_labels_has_the_same_solution():
    rng = np.random.default_rng(1)
    x = unit_length(rng.normal(size=(6, 40)))
    codes = np.array([0, 1, 2, 0, 1, 2])
    weights, bias = fit_logistic(x.astype(float), codes, num_classes=3, strength=20.0)
    model = LogisticHead()(x, codes, num_classes=3, random_state=0)
    points = unit_length(rng.normal(size=(50, 40)))
    np.testing.assert_allclose(model(points), softmax(points @ weights + bias), atol=1e-3)


def test_temperature_is_found():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(20000, 3)) * 2
    codes = (softmax(logits.copy()).cumsum(axis=1) < rng.random((20000, 1))).sum(axis=1)
    assert fit_temperature(logits * 3.0, codes) == pytest.approx(3.0, rel=0.05)


def test_head_with_one_class_and_unseen_classes():
    x = unit_length(np.random.default_rng(3).normal(size=(5, 4)))
    one = LogisticHead()(x, np.full(5, 2), num_classes=3, random_state=0)
    np.testing.assert_allclose(one(x)[0], [1 / 8, 1 / 8, 6 / 8])
    two = LogisticHead()(x, np.array([0, 2, 0, 2, 0]), num_classes=3, random_state=0)
    assert (two(x)[:, 1] == 0).all()
    np.testing.assert_allclose(two(x).sum(axis=1), 1.0, atol=1e-6)


def test_torch_learner_keeps_the_global_state():
    torch = pytest.importorskip("torch")
    x, y = blobs(n=150)
    codes = np.searchsorted(list("abcd"), y)
    learner = TorchLearner(lambda d, c: torch.nn.Linear(d, c), epochs=20)
    before = torch.random.get_rng_state()
    vectors = unit_length(x)
    first, second = (
        learner(vectors, codes, num_classes=4, random_state=1)(vectors) for _ in range(2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first, second)
    assert (first.argmax(axis=1) == codes).mean() > 0.8


def test_committee_and_dropout_shapes():
    x, y = blobs(n=60)
    vectors, codes = unit_length(x), np.searchsorted(list("abcd"), y)
    head = LogisticHead()
    committee = committee_probs(head, vectors, codes, pool=vectors, num_classes=4, members=3)
    predict = head(vectors, codes, num_classes=4, random_state=0)
    dropped = dropout_probs(predict, vectors, passes=2)
    assert committee.shape == (3, 60, 4)
    assert dropped.shape == (2, 60, 4)
    assert not np.allclose(committee[0], committee[1])


def test_any_estimator_is_a_learner():
    from sklearn.cluster import KMeans
    from sklearn.linear_model import BayesianRidge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR, LinearSVC

    x, y = blobs(n=90)
    codes = np.searchsorted(list("abcd"), y)
    sets, numbers = np.eye(4, dtype=np.float32)[codes], codes.astype(float)
    given = {"num_classes": 4, "random_state": 0}
    machine = SklearnLearner(make_pipeline(StandardScaler(), LinearSVC()))
    probs = machine(x, codes, **given)(x)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, atol=1e-5)
    assert (probs.argmax(axis=1) == codes).mean() > 0.8
    assert ((machine(x, sets, **given)(x) > 0.5) == sets).mean() > 0.85
    for regressor in (SVR(), BayesianRidge()):
        found = SklearnLearner(regressor)(x, numbers, **given)(x)
        assert found.shape == (90, 2)
        assert np.abs(found[:, 0] - numbers).mean() < 0.9
        assert (found[:, 1] >= 0).all()
    with pytest.raises(InputError, match="neither `predict_proba`"):
        SklearnLearner(KMeans())(x, codes, **given)(x)
    with pytest.raises(InputError, match="Give an object"):
        SklearnLearner(LinearSVC)


def test_torch_learner_of_sets_and_numbers():
    torch = pytest.importorskip("torch")
    x, y = blobs(n=150)
    codes = np.searchsorted(list("abcd"), y)
    learner = TorchLearner(lambda d, c: torch.nn.Linear(d, c), epochs=40)
    sets, numbers = np.eye(4, dtype=np.float32)[codes], 5.0 * x[:, 0] + 100.0
    found = learner(x.astype(np.float32), sets, num_classes=4, random_state=0)(x.astype(np.float32))
    assert ((found > 0.5) == sets).mean() > 0.85
    found = learner(x.astype(np.float32), numbers, num_classes=0, random_state=0)(
        x.astype(np.float32)
    )
    assert np.corrcoef(found[:, 0], numbers)[0, 1] > 0.95
    assert (found[:, 1] > 0).all()
