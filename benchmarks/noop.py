"""What the peers run. rq imports this in each fork, so nothing else may be in this module."""


def noop() -> None:
    return
