"""What a review looks at, as a sheet or as a page: a run, or decisions with the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import InputError
from ..core.manifest import Manifest
from .review_sheet import Reviewed
from .verdict import Verdict

if TYPE_CHECKING:
    from .cleaning import Cleaned
    from .reviewing.desk import Finish, ReviewDesk

VECTORS = Path("embeddings", "vectors")
REVIEW = "review"


def open_review(run: Path, data: Any) -> Reviewed:
    """Return what a review looks at, from a run's folder, or from decisions and the data.

    Raises
    ------
    InputError
        When the folder holds neither, or needs the data beside it.
    """
    from .clean_run import issues_in, manifest_in
    from .places import places_of
    from .sources import read_again
    from .steps.load import read_loaded, read_places

    folder = review_source(run)
    if data is None:
        complete_run(folder)
    manifest, issues = manifest_in(folder), issues_in(folder)
    settings = run_settings(folder)
    planted = settings is not None and any(settings.plant.model_dump().values())
    rows = folder / ("planted" if planted else "loaded")
    if rows.is_dir() and data is None:
        return Reviewed(manifest, issues, read_loaded(rows), read_places(folder))
    if data is None:
        raise InputError(f"{folder} holds decisions without the rows: name the data with --data.")
    loaded = read_again(data, manifest)
    return Reviewed(manifest, issues, loaded, places_of(loaded))


def review_source(run: Path) -> Path:
    """Return the folder of a run, also where the clean file that it made is named."""
    from .clean_run import run_folder

    folder = run if run.is_dir() else run_folder(run)
    if not folder.is_dir():
        what = f"{run} is a file, not a folder" if run.is_file() else f"There is no folder {run}"
        raise InputError(
            f"{what}. Name that of a run, or of decisions: the commands that find, and `curate "
            "report`, write one with --manifest FOLDER."
        )
    return folder


def holds_decisions(run: Path) -> bool:
    """Tell whether a folder is that of a run, or of decisions."""
    from .clean_run import DECISIONS, STAGE_DECISIONS, run_folder

    folder = run if run.is_dir() else run_folder(run)
    inside = (Path("manifest.json"), DECISIONS, STAGE_DECISIONS)
    return any((folder / name).exists() for name in inside)


def complete_run(folder: Path) -> None:
    """Bring a run's decisions about the rows that it used to all rows of its source, once.

    Nothing is done for other folders, nor where the source is gone or the run has other rows.
    """
    from .clean_run import DECISIONS, STAGE_DECISIONS, decide_about_source, is_whole

    if not (folder / STAGE_DECISIONS).is_dir():
        return
    settings, source = run_settings(folder), origin_of(folder)
    if settings is None or source is None or not is_whole(settings):
        return
    if (folder / DECISIONS).is_dir():
        stage, whole = Manifest.load(folder / STAGE_DECISIONS), Manifest.load(folder / DECISIONS)
        if whole.about(stage.row_ids).table.equals(stage.table):
            return
    decide_about_source(source, folder, settings)


def run_settings(folder: Path) -> Any:
    """Return the settings of a finished run, None where the folder is none."""
    from .settings.resolving import resolve

    config = folder / "config.toml"
    return resolve(config=config) if config.is_file() else None


def origin_of(folder: Path) -> str | None:
    """Return the source of a run where it can be read again: a path that is still there."""
    from ..core.files import read_json
    from .targets import sources

    head = folder / "loaded" / "schema.json"
    origin = read_json(head)["origin"] if head.is_file() else ""
    return origin if origin and any(path.exists() for path in sources(origin)) else None


def open_desk(run: Path, data: str | None, *, embeddings: Path | None = None) -> ReviewDesk:
    """Open the review of a folder for a page; verdicts are kept in ``review/`` or beside it.

    Parameters
    ----------
    run : Path
        See `open_review`.
    data : str or None
    embeddings : Path, optional
        Vectors for the map; default those of the run.
    """
    from ..core.embeddings import Embeddings
    from .reviewing.desk import ReviewDesk
    from .sources import read_vectors

    folder, reviewed = review_source(run), open_review(run, data)
    vectors = read_vectors(embeddings, reviewed.loaded) if embeddings is not None else None
    if vectors is None and (folder / VECTORS).is_dir():
        vectors = Embeddings.load(folder / VECTORS)
    finish = finish_of(folder, data)
    return ReviewDesk(reviewed, kept_beside(folder), finish=finish, vectors=vectors)


def kept_beside(folder: Path) -> Path:
    """Return where the review of a folder in a page is kept."""
    # The folder of decisions alone is replaced whole when they are made again.
    alone = (folder / "manifest.json").is_file()
    return folder.with_name(f"{folder.name}.{REVIEW}") if alone else folder / REVIEW


def said_in_page(run: Path, manifest: Manifest) -> dict[str, Verdict]:
    """Return the verdicts that people gave in the page so far, by row id."""
    from .reviewing.journal import JOURNAL, Journal, verdicts_of

    path = kept_beside(review_source(run)) / JOURNAL
    if not path.is_file():
        return {}
    ids = manifest.row_ids.tolist()
    journal = Journal(path, row_ids=ids, decisions=manifest.fingerprint)
    try:
        return {one.row_id: one for one in verdicts_of(journal)}
    finally:
        journal.close()


def finish_of(folder: Path, data: str | None) -> Finish:
    """Return how a page applies the decisions of a folder."""
    from .reviewing.desk import Finish

    source = data or origin_of(folder) or ""
    return Finish(
        out=_proposed(folder, source),
        data=source,
        refused=_refused(folder, source),
        write=lambda verdicts, out, by: _write(folder, source, verdicts, out, by=by),
    )


def _proposed(folder: Path, source: str) -> Path:
    from ..core.packing import data_suffix

    named = Path(source.partition(",")[0].rpartition("=")[2] or "data")
    suffix = data_suffix(named) or (".csv" if named.is_file() else "")
    stem = named.name.removesuffix(suffix) if suffix else named.name
    return folder.absolute().parent / f"{stem}-reviewed{suffix}"


def _refused(folder: Path, source: str) -> str:
    from .clean_run import is_whole

    settings = run_settings(folder)
    if settings is not None and not is_whole(settings):
        return (
            "This run used some of its rows, or planted faults, so that no clean data can be "
            "written from it. The verdicts are kept."
        )
    if not source:
        return "The data that this rests on are not known here: start again with --data DATA."
    return ""


def _write(folder: Path, source: str, verdicts: Path, out: Path, *, by: str) -> Cleaned:
    from .clean_places import undo_folder
    from .judging import apply_decisions, decisions_beside, judged
    from .targets import check_spares, check_target

    keep = decisions_beside(out)
    check_target(out, option="The file", data=source)
    check_spares(out, option="The file", decisions=folder)
    if out.exists() and not undo_folder(out).is_dir():
        raise InputError(
            f"{out} is there already, and was not written by this. Choose another name; nothing "
            "was touched."
        )
    check_target(keep, option="The decisions", data=source)
    decisions, issues = judged(folder, verdicts, by=by, new_labels=True)
    return apply_decisions(decisions, source, out, issues=issues, keep=keep)
