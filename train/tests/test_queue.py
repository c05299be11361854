import sys
import tarfile
import time
from dataclasses import replace

import pytest

from reverie_train.parcels import pack
from reverie_train.queue import Job, Place, Queue, load_queue

PLACES = ("configs", "data", "runs", "out")


class Scripted(Queue):
    """A queue whose jobs are lines of Python; they see `out` and their own `name`."""

    def __init__(self, scripts, jobs, tmp_path, minutes=1.0, spare_seconds=10.0):
        place = Place(*(tmp_path / name for name in PLACES))
        place.out.mkdir()
        super().__init__(jobs, place, minutes, spare_seconds)
        self.scripts, self.launched = scripts, []

    def command(self, job):
        self.launched.append(job.name)
        head = (
            f"from pathlib import Path; out = Path({str(self.place.out)!r}); name = {job.name!r}; "
        )
        return [sys.executable, "-c", head + self.scripts[job.name]]


WRITE = "(out / name).write_text('done')"


def test_a_job_waits_for_what_it_needs_and_a_failure_stops_no_other(tmp_path):
    jobs = [Job("a"), Job("b", after=["a"]), Job("wrong"), Job("lost", after=["wrong"]), Job("c")]
    scripts = {
        "a": WRITE,
        "b": "assert (out / 'a').exists(); " + WRITE,
        "wrong": "raise SystemExit(3)",
        "lost": WRITE,
        "c": WRITE,
    }
    queue = Scripted(scripts, jobs, tmp_path)
    assert queue.run(together=2) == {"a": 0, "b": 0, "wrong": 3, "lost": -1, "c": 0}
    assert sorted(path.name for path in queue.place.out.iterdir()) == ["a", "b", "c"]
    assert "lost" not in queue.launched
    assert (queue.place.runs / "wrong/output.log").exists()


def test_only_so_many_run_together(tmp_path):
    jobs = [Job(name) for name in "abcd"]
    queue = Scripted(dict.fromkeys("abcd", "pass"), jobs, tmp_path)
    most = []
    launch = queue._launch
    queue._launch = lambda *job: launch(*job) or most.append(len(queue.running))
    queue.run(together=2)
    assert max(most) == 2
    assert len(most) == 4


def test_a_job_may_have_to_wait_for_its_part_of_the_time(tmp_path):
    jobs = [Job("late", start=0.5), Job("early")]
    queue = Scripted({"late": WRITE, "early": WRITE}, jobs, tmp_path, spare_seconds=58.0)
    assert set(queue.run(together=2).values()) == {0}
    assert queue.launched == ["early", "late"]


def test_what_is_not_done_in_time_is_cut_off(tmp_path):
    jobs = [Job("endless"), Job("next", after=["endless"])]
    scripts = {"endless": "import time; time.sleep(1000)", "next": WRITE}
    queue = Scripted(scripts, jobs, tmp_path, minutes=0.01, spare_seconds=0.1)
    codes = queue.run(together=2)
    assert codes["endless"] < 0
    assert codes["next"] == -1
    assert queue.launched == ["endless"]


def test_a_job_is_a_training_with_its_part_of_the_time(tmp_path):
    queue = Queue([], Place(*(tmp_path / name for name in PLACES)), 10, 120)
    queue.start = time.monotonic()
    command = queue.command(Job("digits", until=0.5, batch=64))
    assert command[2:5] == ["reverie_train", "train", str(tmp_path / "configs/digits.toml")]
    options = dict(zip(command[5::2], command[6::2], strict=True))
    assert float(options["--minutes"]) == pytest.approx(0.5 * (10 - 2), abs=0.1)
    assert options["--batch"] == "64"
    assert "--images" not in options
    with pytest.raises(ValueError, match="leave nothing"):
        Queue([], queue.place, 1, 60)


def test_a_queue_is_checked(tmp_path):
    path = tmp_path / "queue.toml"
    for text, named in [
        ('[[job]]\nconfig = "b"\nafter = ["a"]', "'a'"),
        ('[[job]]\nconfig = "b"\nuntil = 2.0', "until"),
        ('[[job]]\nconfig = "b"\nstart = 0.5\nuntil = 0.5', "start"),
        ('[[job]]\nconfig = "b"\nmany = 1', "many"),
        ("", "job"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=named):
            load_queue(path)


def test_the_queue_has_a_configuration_for_every_job():
    from conftest import CONFIGS

    for job in load_queue(CONFIGS.parent / "queues/all.toml"):
        assert (CONFIGS / f"{job.config}.toml").exists()
        assert replace(job, images=4).images == 4


def test_parcels_keep_to_their_size_and_lose_nothing(tmp_path):
    root, out, limit = tmp_path / "models", tmp_path / "parcels", 100_000
    sizes = {"a/x": 40_000, "a/y/z": 20_000, "b/x": 50_000, "c/x": 20_000, "d/x": 70_000}
    sizes |= {"d/y": 70_000, "e/x": 200_000}
    for name, size in sizes.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x" * size)
    left_out = pack(root, list("abcde"), out, most=7, limit=limit)
    assert [str(path) for path in left_out] == ["e/x"]
    found = {}
    for path in sorted(out.iterdir()):
        assert path.stat().st_size <= limit
        with tarfile.open(path) as archive:
            found[path.name] = archive.getnames()
    # A folder stays whole where it can, and smaller ones fill what is left of a file.
    assert found == {
        "models-1.tar": ["a/x", "a/y/z", "c/x"],
        "models-2.tar": ["b/x"],
        "models-3.tar": ["d/x"],
        "models-4.tar": ["d/y"],
    }
    assert [str(path) for path in pack(root, ["a", "b"], out, most=1, limit=limit)] == ["b/x"]
    assert pack(root, ["a"], out, most=1, limit=limit, kinds=("z",), name="some") == []
    with tarfile.open(out / "some-1.tar") as archive:
        assert archive.getnames() == ["a/y/z"]
