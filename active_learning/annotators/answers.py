"""Answers of several annotators as one long table, for labels of any kind."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import numpy as np

from thresher.core.classes import class_texts
from thresher.core.errors import InputError
from thresher.core.missing import id_texts


@dataclass(frozen=True)
class Opinions:
    """One entry for each answer that counts.

    Attributes
    ----------
    rows, annotators : ndarray of int64, shape (v,)
        Row number, 0 … n − 1, and annotator number, 0 … a − 1, of each answer.
    labels : ndarray of str, shape (v,)
        The label as text.
    row_ids : ndarray of str, shape (n,), sorted
    names : ndarray of str, shape (a,), sorted
    """

    rows: np.ndarray
    annotators: np.ndarray
    labels: np.ndarray
    row_ids: np.ndarray
    names: np.ndarray

    @classmethod
    def of(cls, row_ids: np.ndarray, annotators: np.ndarray, labels: np.ndarray) -> Opinions:
        """Make a table from three columns of equal length v, one answer each.

        A missing label is no answer. An annotator's last answer for a row counts. Unnamed
        annotators are ``""``: together they are one annotator with many answers a row, of which all
        count.

        Raises
        ------
        InputError
            When the columns differ in length, or there are no answers.
        """
        ids, people = id_texts("row_ids", row_ids), id_texts("annotators", annotators, unnamed=True)
        given = class_texts(labels)
        check_columns(ids, people, given)
        answered = given != ""
        ids, people, given = ids[answered], people[answered], given[answered]
        if not len(ids):
            raise InputError("There are no answers.")
        unique_ids, rows = np.unique(ids, return_inverse=True)
        unique_people, person = np.unique(people, return_inverse=True)
        keep = last_of_each(rows, person, unnamed=np.flatnonzero(unique_people == ""))
        return cls(rows[keep], person[keep], given[keep], unique_ids, unique_people)

    def by_row(self) -> list[np.ndarray]:
        """Return the places of each row's answers."""
        order = np.argsort(self.rows, kind="stable")
        return np.split(order, np.cumsum(np.bincount(self.rows, minlength=len(self.row_ids)))[:-1])

    def answers(self) -> np.ndarray:
        """Return the answers of each annotator, shape (a,)."""
        return np.bincount(self.annotators, minlength=len(self.names))

    def mean_by_annotator(self, values: np.ndarray) -> np.ndarray:
        """Return the mean over each annotator's answers of `values`, shape (v,)."""
        total = np.bincount(self.annotators, weights=values, minlength=len(self.names))
        return np.asarray(total / np.maximum(self.answers(), 1))


def check_columns(ids: Sized, annotators: Sized, labels: Sized) -> None:
    """Raise `InputError` unless each answer has a row, an annotator and a label."""
    if not len(ids) == len(annotators) == len(labels):
        raise InputError(
            f"{len(ids)} row ids, {len(annotators)} annotators and {len(labels)} labels were "
            "given; an answer has one of each."
        )


def last_of_each(rows: np.ndarray, person: np.ndarray, *, unnamed: np.ndarray) -> np.ndarray:
    """Return the mask of each person's last answer for each row, and of all unnamed ones."""
    pair = rows * np.int64(person.max() + 1) + person
    _, last = np.unique(pair[::-1], return_index=True)
    keep = np.zeros(len(rows), dtype=bool)
    keep[len(rows) - 1 - last] = True
    return np.asarray(keep | np.isin(person, unnamed))
