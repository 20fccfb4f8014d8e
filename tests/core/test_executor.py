"""Every executor: outputs in order, done once, errors as they are, dead workers replaced."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from thresher.core.errors import InputError, MissingExtraError, ThresherError
from thresher.core.executor import Task, get_executor
from thresher.core.executor.processes import ProcessExecutor

TASKS = """
import os, signal, time
from pathlib import Path
from thresher.core.errors import InputError

def double(shard, folder):
    (folder / "value").write_text(str(2 * shard))

def count_and_double(shard, folder):
    log = Path(os.environ["TASK_LOG"]) / f"{shard}-{time.time_ns()}"
    log.touch()
    double(shard, folder)

def refuse(shard, folder):
    (folder / "half").touch()
    if shard == 1:
        raise InputError("shard 1 is bad")

def die_once(shard, folder):
    marker = Path(os.environ["TASK_LOG"]) / f"dead-{shard}"
    if shard == 1 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    double(shard, folder)

def die(shard, folder):
    os.kill(os.getpid(), signal.SIGKILL)

def wait(shard, folder):
    (Path(os.environ["TASK_LOG"]) / f"pid-{os.getpid()}").touch()
    time.sleep(600)
"""
SHARDS = {"a": 3, "b": 1, "c": 2}


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    (tmp_path / "shard_tasks.py").write_text(TASKS)
    (tmp_path / "log").mkdir()
    monkeypatch.setenv("TASK_LOG", str(tmp_path / "log"))
    monkeypatch.syspath_prepend(tmp_path)
    import shard_tasks

    yield shard_tasks
    del sys.modules["shard_tasks"]


@pytest.fixture(params=["serial", "processes", "ray"])
def executor(request, monkeypatch, tmp_path):
    if request.param == "ray":
        pytest.importorskip("ray", reason="the extra 'ray' is not installed")
        monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path.cwd()}")
    workers = None if request.param == "serial" else 2
    with get_executor(request.param, workers=workers) as made:
        yield made


def values(outputs):
    return [int((path / "value").read_text()) for path in outputs]


def test_contract(executor, tasks, tmp_path):
    task = Task("double", tasks.count_and_double, tmp_path, "k")
    assert values(executor.map(task, {"a": 3})) == [6]
    half = task.home / ".b.killed00.writing"
    half.mkdir()
    assert values(executor.map(task, SHARDS)) == [6, 2, 4]
    assert len(list((tmp_path / "log").iterdir())) == 3
    assert not half.exists()
    with pytest.raises(InputError, match="shard 1 is bad"):
        executor.map(Task("refuse", tasks.refuse, tmp_path, "k"), SHARDS)
    assert not (tmp_path / "refuse-k" / "b").exists()
    assert executor.map(task, {}) == []
    task.discard()
    assert not task.home.exists()


def test_a_worker_that_died_is_replaced(tasks, tmp_path):
    with get_executor("processes", workers=2) as executor:
        task = Task("die_once", tasks.die_once, tmp_path, "k")
        assert values(executor.map(task, SHARDS)) == [6, 2, 4]


def test_workers_that_die_each_time_end_in_an_error(tasks, tmp_path):
    with get_executor("processes", workers=1) as executor:
        with pytest.raises(ThresherError, match=r"died 3 times .* 3 shard.*fewer workers"):
            executor.map(Task("die", tasks.die, tmp_path, "k"), SHARDS)
        assert values(executor.map(Task("d", tasks.double, tmp_path, "k"), SHARDS)) == [6, 2, 4]


def test_workers_do_not_outlive_the_main_process(tasks, tmp_path):
    script = tmp_path / "main.py"
    script.write_text(
        textwrap.dedent("""
        import shard_tasks
        from pathlib import Path
        from thresher.core.executor import Task, get_executor
        if __name__ == "__main__":
            task = Task("wait", shard_tasks.wait, Path(__file__).parent, "k")
            get_executor("processes", workers=1).map(task, {"a": 1})
        """)
    )
    paths = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    main = subprocess.Popen([sys.executable, str(script)], env=os.environ | paths)
    worker = until(lambda: next((tmp_path / "log").glob("pid-*"), None))
    main.send_signal(signal.SIGKILL)
    main.wait()
    number = int(worker.name.removeprefix("pid-"))
    assert until(lambda: not alive(number))


def until(found, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_choosing():
    made = ProcessExecutor(2)
    assert get_executor(made) is made
    assert get_executor("processes").workers >= 1
    with pytest.raises(InputError, match="Did you mean 'processes'"):
        get_executor("process")
    with pytest.raises(InputError, match="at least 1"):
        get_executor("processes", workers=0)
    with pytest.raises(InputError, match="one worker"):
        get_executor("serial", workers=2)


def test_ray_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'thresher\[ray\]'"):
        get_executor("ray")
