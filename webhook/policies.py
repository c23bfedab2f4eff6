"""The policy of the moment: that of a file, which may change while the server runs."""

import asyncio
import logging
from hashlib import sha256

from lint.policy import Mode, Policy
from lint.policy_file import PolicyError, load
from webhook.metrics import Metrics

_LOG = logging.getLogger(__name__)


class Policies:
    """Holds the last policy that could be used; without a file the default one.

    Raises:
        PolicyError: the file holds no policy to begin with.
        OSError: it cannot be read.
    """

    def __init__(self, path: str, minor: int | None, metrics: Metrics, mode: Mode | None = None) -> None:
        self._path, self._minor, self._metrics, self._mode = path, minor, metrics, mode
        self._seen: bytes | None = None
        self._problem = ""
        self.policy = self._for_server(Policy())
        """What to judge the next object by."""
        if path:
            self._seen = _read(path)
            self._use(self._seen)
        else:
            metrics.policy_loaded("default")

    async def watch(self, seconds: float) -> None:
        """Look at the file, if there is one, again and again, without an end."""
        while True:
            await asyncio.sleep(seconds)
            if self._path:
                await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Use what the file holds, if it has changed and can be used; what is wrong with it is told once.

        Content is compared, because time stamps miss a change that closely follows another.
        """
        before, self._seen = self._seen, None
        try:
            self._seen = _read(self._path)
            if self._seen == before:
                return
            self._use(self._seen)
            problem = ""
        except (OSError, PolicyError) as error:
            problem = str(error)
        if problem and problem != self._problem:
            _LOG.error("the policy stays what it was, because of its file: %s", problem)
        self._problem = problem
        self._metrics.policy_reload(failed=bool(problem))

    def _use(self, content: bytes) -> None:
        try:
            policy = load(content.decode("utf-8-sig"), self._path)
        except UnicodeDecodeError as error:
            raise PolicyError(f"{self._path}: it is not UTF-8") from error
        self.policy = self._for_server(policy)
        number = sha256(content).hexdigest()[:12]
        self._metrics.policy_loaded(number)
        _LOG.info("the policy is that of %s", self._path, extra={"fields": {"policy": number}})

    def _for_server(self, policy: Policy) -> Policy:
        """Return the policy for the server that asks, with its rules set up."""
        minor = policy.minor if self._minor is None else self._minor
        mode = policy.webhook.mode if self._mode is None else self._mode
        policy = policy.replaced(minor=minor, webhook=policy.webhook._replace(mode=mode))
        _ = policy.active
        return policy


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
