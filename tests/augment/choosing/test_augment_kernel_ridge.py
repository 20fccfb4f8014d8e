import numpy as np

from augment.choosing.kernel_ridge import fit_teacher, squared_distances, stratified_folds


def test_the_teacher_is_kernel_ridge_regression():
    from sklearn.kernel_ridge import KernelRidge

    generator = np.random.default_rng(0)
    rows, labels = generator.normal(size=(30, 4)), np.arange(30) % 3
    teacher = fit_teacher(rows, labels, classes=3)
    reference = KernelRidge(alpha=0.1, kernel="rbf", gamma=teacher.gamma).fit(
        rows, np.eye(3)[labels]
    )
    asked = generator.normal(size=(5, 4))
    assert np.allclose(teacher.scores(asked), reference.predict(asked))
    difference = rows[:, None] - asked[None]
    assert np.allclose(squared_distances(rows, asked), (difference**2).sum(axis=2))


def test_folds_hold_every_class_evenly():
    labels = np.repeat([0, 1, 2], [9, 6, 3])
    fold = stratified_folds(labels, folds=3, generator=np.random.default_rng(0))
    assert np.array_equal(np.bincount(labels * 3 + fold), [3, 3, 3, 2, 2, 2, 1, 1, 1])
