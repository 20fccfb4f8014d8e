"""SLURM job arrays, by a stand-in for `sbatch` that runs the script's lines element by element."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import numpy as np
import pytest

from curation.sharded import curate_shards
from thresher.core.errors import InputError, ThresherError
from thresher.core.executor import Task, get_executor, on_slurm

SBATCH = r"""#!{python}
import os, re, shlex, subprocess, sys
assert sys.argv[1:3] == ["--parsable", "--wait"], sys.argv
script = open(sys.argv[3]).read()
first, last, limit = re.search(r"^#SBATCH --array=(\d+)-(\d+)(?:%(\d+))?$", script, re.M).groups()
log = shlex.split(re.search(r"^#SBATCH --output=(.*)$", script, re.M).group(1))[0]
if os.environ.get("REFUSE"):
    sys.exit("sbatch: error: invalid partition specified")
print("4711;cluster", flush=True)
with open(os.environ["SUBMITTED"], "a") as file:
    file.write(f"{{first}}-{{last}}%{{limit}}\n")
codes = [
    subprocess.run(
        ["bash", sys.argv[3]], env=os.environ | {{"SLURM_ARRAY_TASK_ID": str(at)}},
        stdout=open(log.replace("%a", str(at)), "w"), stderr=subprocess.STDOUT,
    ).returncode
    for at in range(int(first), int(last) + 1)
]
sys.exit(max(map(abs, codes)))
"""
TASKS = """
import os, signal
from pathlib import Path
from thresher.core.errors import InputError

def double(shard, folder):
    (folder / "value").write_text(str(2 * shard))

def refuse(shard, folder):
    if shard == 2:
        raise InputError("shard 2 is bad")
    double(shard, folder)

def die_once(shard, folder):
    marker = Path(os.environ["SUBMITTED"] + f"-{shard}")
    if shard == 2 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    double(shard, folder)

def die(shard, folder):
    print("lacking memory", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
SHARDS = {f"s{at}": at for at in range(5)}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Put the stand-in on the path, and tell what was submitted."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin" / "sbatch"
    command.write_text(SBATCH.format(python=sys.executable))
    command.chmod(command.stat().st_mode | stat.S_IEXEC)
    (tmp_path / "array_tasks.py").write_text(TASKS)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("SUBMITTED", str(tmp_path / "submitted"))
    paths = [str(tmp_path), str(Path(__file__).parents[2])]
    monkeypatch.setenv("PYTHONPATH", ":".join(paths))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(on_slurm, "MOST_ELEMENTS", 2)
    import array_tasks

    yield array_tasks
    del sys.modules["array_tasks"]


def submitted(tmp_path):
    path = tmp_path / "submitted"
    return path.read_text().split() if path.exists() else []


def test_elements_share_the_shards_and_what_is_done_stays(cluster, tmp_path):
    task = Task("double", cluster.double, tmp_path / "a work folder", "1")
    with get_executor("slurm", workers=3) as executor:
        outputs = executor.map(task, SHARDS)
        assert [(path / "value").read_text() for path in outputs] == ["0", "2", "4", "6", "8"]
        assert submitted(tmp_path) == ["0-1%3"]
        before = [path.stat().st_mtime_ns for path in outputs]
        executor.map(task, SHARDS)
        executor.map(task, SHARDS | {"one": 9})  # a single one is done here
    assert submitted(tmp_path) == ["0-1%3"]
    assert [path.stat().st_mtime_ns for path in outputs] == before
    assert (task.output("one") / "value").read_text() == "18"
    script = (on_slurm.folder_of(task) / "array.sh").read_text()
    assert re.search(r"^#SBATCH --cpus-per-task=1$", script, re.M)


def test_an_error_comes_back_as_it_was_raised(cluster, tmp_path):
    task = Task("refuse", cluster.refuse, tmp_path / "work", "1")
    with pytest.raises(InputError, match=r"^shard 2 is bad$"):
        get_executor("slurm").map(task, SHARDS)
    assert sorted(task.missing(SHARDS)) == ["s2", "s4"]  # the other element was not stopped


def test_elements_that_die_are_submitted_again(cluster, tmp_path):
    task = Task("once", cluster.die_once, tmp_path / "work", "1")
    outputs = get_executor("slurm").map(task, SHARDS)
    assert [(path / "value").read_text() for path in outputs] == ["0", "2", "4", "6", "8"]
    assert submitted(tmp_path) == ["0-1%None", "0-1%None"]


def test_elements_that_die_again_and_again_end_in_an_error_with_logs(cluster, tmp_path):
    task = Task("die", cluster.die, tmp_path / "work", "1")
    with pytest.raises(ThresherError, match=r"3 times .* 5, such as s0, s1") as found:
        get_executor("slurm").map(task, SHARDS)
    assert len(submitted(tmp_path)) == 3
    logs = on_slurm.folder_of(task)
    assert str(logs) in str(found.value)
    assert "lacking memory" in (logs / "log-1.txt").read_text()


def test_what_sbatch_refuses_is_said(cluster, tmp_path, monkeypatch):
    monkeypatch.setenv("REFUSE", "1")
    with pytest.raises(ThresherError, match="invalid partition"):
        get_executor("slurm").map(Task("double", cluster.double, tmp_path, "1"), SHARDS)


def test_without_sbatch_it_says_where_to_go(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="login node"):
        get_executor("slurm")


def test_a_curation_by_arrays_writes_the_bytes_of_a_serial_one(cluster, tmp_path):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(6000, 8)).astype(np.float32)
    vectors[3000:3400] = vectors[:400] + 0.01
    np.save(tmp_path / "v.npy", vectors)
    written = []
    for executor in ("serial", "slurm"):
        work = tmp_path / executor
        curate_shards(
            [tmp_path / "v.npy"], work, threshold=0.99, method="partition", executor=executor
        )
        written.append([path.read_bytes() for path in sorted((work / "manifest").iterdir())])
    assert written[0] == written[1]
    assert len(submitted(tmp_path)) >= 2


def test_elements_find_the_modules_of_the_process_and_not_files_where_jobs_start(
    cluster, tmp_path, monkeypatch
):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "curation.py").write_text("raise ImportError('the wrong one')")
    (tmp_path / "here" / "numpy.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("PYTHONPATH")
    task = Task("double", cluster.double, tmp_path / "work", "k")
    outputs = get_executor("slurm").map(task, SHARDS)
    assert [int((path / "value").read_text()) for path in outputs] == [0, 2, 4, 6, 8]
