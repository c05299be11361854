"""Many trainings at once on one machine: each a process, exported as soon as it ends.

A queue is a TOML file of jobs, the most important first. They share one window of time; a job's
rate is annealed over its own part of it, or over its images, whichever ends sooner. A job that
fails stops only those that wait for it.
"""

import os
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Job:
    config: str  # a file's name in the folder of configurations, without its ending
    start: float = 0.0  # at what share of the window it may start
    until: float = 1.0  # … and is to be done
    after: list[str] = field(default_factory=list)  # jobs whose exports it needs
    images: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    origin: str | None = None  # an exported model to start from

    @property
    def name(self) -> str:
        return self.config


def load_queue(path: Path) -> list[Job]:
    table = tomllib.loads(path.read_text())
    try:
        jobs = [Job(**job) for job in table["job"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error
    seen: set[str] = set()
    for job in jobs:
        if missing := set(job.after) - seen:
            raise ValueError(f"{path}: {job.name} waits for {missing}, which must stand before it")
        if not 0 <= job.start < job.until <= 1:
            raise ValueError(
                f"{path}: {job.name}: start and until are shares of the window, 0 to 1"
            )
        seen.add(job.name)
    return jobs


@dataclass(frozen=True)
class Place:
    """Where a queue reads and writes."""

    configs: Path
    data: Path
    runs: Path
    out: Path


class Queue:
    def __init__(self, jobs: list[Job], place: Place, minutes: float, spare_seconds: float) -> None:
        """`spare_seconds` of the minutes, at their end, are left for the exports."""
        self.jobs, self.place = jobs, place
        self.start = time.monotonic()
        self.end = self.start + 60 * minutes
        self.window = 60 * minutes - spare_seconds
        if self.window <= 0:
            raise ValueError(f"{minutes} minutes leave nothing beside {spare_seconds} s to export")
        self.running: dict[str, subprocess.Popen] = {}
        self.codes: dict[str, int] = {}  # of the jobs that ended; 0 is well

    def run(self, together: int) -> dict[str, int]:
        """Runs all jobs, at most so many together; returns each one's exit code."""
        waiting = list(self.jobs)
        while waiting or self.running:
            for job in [job for job in waiting if self._is_lost(job)]:
                waiting.remove(job)
                self._ended(job.name, -1, "what it waits for failed")
            for job in [job for job in waiting if self._is_ready(job)]:
                if len(self.running) < together:
                    waiting.remove(job)
                    self._launch(job, together)
            for name, process in list(self.running.items()):
                if (code := process.poll()) is not None:
                    del self.running[name]
                    self._ended(name, code, "ended")
            if time.monotonic() > self.end:
                self._cut_off(waiting)
                break
            time.sleep(0.2)
        return self.codes

    def _is_lost(self, job: Job) -> bool:
        return any(self.codes.get(name, 0) != 0 for name in job.after)

    def _is_ready(self, job: Job) -> bool:
        due = time.monotonic() >= self.start + job.start * self.window
        return due and all(self.codes.get(name) == 0 for name in job.after)

    def _launch(self, job: Job, together: int) -> None:
        command = self.command(job)
        log = self.place.runs / job.name / "output.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        threads = max(1, (os.cpu_count() or 1) // min(together, len(self.jobs)))
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}
        with log.open("w") as output:
            self.running[job.name] = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
        self._say(job.name, "started")

    def command(self, job: Job) -> list[str]:
        """One `train`, with the minutes that are left of its part of the window."""
        left = self.start + job.until * self.window - time.monotonic()
        options = {
            "--data": self.place.data,
            "--run": self.place.runs / job.name,
            "--out": self.place.out / job.name,
            "--minutes": round(max(left, 1) / 60, 3),
            "--images": job.images,
            "--batch": job.batch,
            "--learning-rate": job.learning_rate,
            "--from": job.origin,
        }
        given = [text for key, value in options.items() if value for text in (key, str(value))]
        config = self.place.configs / f"{job.config}.toml"
        return [sys.executable, "-m", "reverie_train", "train", str(config), *given]

    def _cut_off(self, waiting: list[Job]) -> None:
        for name, process in self.running.items():
            process.kill()
            self._ended(name, process.wait(), "out of time")
        for job in waiting:
            self._ended(job.name, -1, "never started: out of time")
        self.running = {}

    def _ended(self, name: str, code: int, why: str) -> None:
        self.codes[name] = code
        self._say(name, f"{why}, code {code}")
        if code:
            log = self.place.runs / name / "output.log"
            print(log.read_text()[-2000:] if log.exists() else "", flush=True)

    def _say(self, name: str, what: str) -> None:
        print(f"{time.monotonic() - self.start:6.1f} s  {name}: {what}", flush=True)
