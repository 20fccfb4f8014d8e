"""Answers of several annotators as one long table, for labels of any kind."""

from __future__ import annotations

from collections.abc import Sized

import numpy as np

from thresher.core.answer_table import AnswerTable
from thresher.core.classes import class_texts
from thresher.core.counted import counted
from thresher.core.errors import InputError
from thresher.core.missing import id_texts


def table_of(row_ids: np.ndarray, annotators: np.ndarray, labels: np.ndarray) -> AnswerTable:
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
    return AnswerTable(rows[keep], person[keep], given[keep], unique_ids, unique_people)


def check_columns(ids: Sized, annotators: Sized, labels: Sized) -> None:
    """Raise `InputError` unless each answer has a row, an annotator and a label."""
    if not len(ids) == len(annotators) == len(labels):
        raise InputError(
            f"{counted(len(ids), 'row id')}, {counted(len(annotators), 'annotator')} and "
            f"{counted(len(labels), 'label was', 'labels were')} given; an answer has one of each."
        )


def last_of_each(rows: np.ndarray, person: np.ndarray, *, unnamed: np.ndarray) -> np.ndarray:
    """Return the mask of each person's last answer for each row, and of all unnamed ones."""
    pair = rows * np.int64(person.max() + 1) + person
    _, last = np.unique(pair[::-1], return_index=True)
    keep = np.zeros(len(rows), dtype=bool)
    keep[len(rows) - 1 - last] = True
    return np.asarray(keep | np.isin(person, unnamed))
