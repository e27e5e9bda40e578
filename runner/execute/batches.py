"""The cells still to run, handed out in batches whose size follows the measured cost of a cell."""

from collections import Counter, deque
from collections.abc import Iterable

from mmrun.model.core.frozen import frozen
from mmrun.runner.execute.work import Finished, Job, given_up

ATTEMPTS = 4  # a cell that loses this many workers, alone in its batch, is given up
SPARED = 8  # times that the environment may die under a cell before the cell is asked about it
RECENT = 64  # cells whose mean cost stands for the next ones'
LONGEST = 1000  # cells in a batch, whatever they cost


@frozen
class Batch:
    """Cells that one task runs one after the other; all of one memory class."""

    jobs: tuple[Job, ...]
    memory: int


class Queue:
    """Pending jobs. A batch takes about `seconds`, less near the end, so that the workers finish together."""

    def __init__(self, jobs: Iterable[Job], seconds: float = 2.0) -> None:
        self.pending = deque(jobs)
        self.seconds = seconds
        self.costs: deque[float] = deque(maxlen=RECENT)
        self.losses: Counter[str] = Counter()
        self.spared: Counter[str] = Counter()
        self.suspects: set[str] = set()

    def __len__(self) -> int:
        return len(self.pending)

    def measured(self, seconds: float) -> None:
        """Learn what a cell cost."""
        self.costs.append(seconds)

    def size(self, workers: int) -> int:
        """Cells the next batch should hold: one until a cost is known."""
        if not self.costs:
            return 1
        mean = sum(self.costs) / len(self.costs)
        share = len(self.pending) // (2 * max(workers, 1))
        return max(1, min(int(self.seconds / max(mean, 1e-6)), share, LONGEST))

    def take(self, workers: int) -> Batch:
        """The next batch. A cell that was in a lost batch travels alone, so that the guilty one is found."""
        first = self.pending.popleft()
        jobs = [first]
        if first.key not in self.suspects:
            limit = self.size(workers)
            while len(jobs) < limit and self.pending and self.fits(self.pending[0], first):
                jobs.append(self.pending.popleft())
        return Batch(tuple(jobs), first.memory)

    def take_one(self) -> Batch:
        """The next job alone."""
        job = self.pending.popleft()
        return Batch((job,), job.memory)

    def fits(self, job: Job, first: Job) -> bool:
        """Whether `job` may share a batch with `first`."""
        return job.memory == first.memory and job.key not in self.suspects

    def put_back(self, batch: Batch) -> None:
        """Take back what nobody has begun."""
        self.pending.extendleft(reversed(batch.jobs))

    def lost(self, batch: Batch, done: set[str], reason: str, *, counted: bool = True) -> list[Finished]:
        """Take back what a dead worker had not finished; returns the failed records of cells now given up.

        Not `counted`: it was the environment that died, and the cells are as good as new, unless that happens to one of
        them SPARED times.
        """
        left = [job for job in batch.jobs if job.key not in done]
        if not counted:
            self.spared.update(job.key for job in left)
            if all(self.spared[job.key] <= SPARED for job in left):
                self.pending.extendleft(reversed(left))
                return []
        if len(batch.jobs) == 1:
            self.losses.update(job.key for job in left)
        over = [job for job in left if self.losses[job.key] >= ATTEMPTS]
        again = [job for job in left if self.losses[job.key] < ATTEMPTS]
        self.suspects.update(job.key for job in again)
        self.pending.extendleft(reversed(again))
        return [given_up(job, f"gave up after {ATTEMPTS} attempts: {reason}") for job in over]
