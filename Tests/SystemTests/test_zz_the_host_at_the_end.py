"""Runs last: after hundreds of starts, kills, floods and beds the machine is as it was before the session."""

import snapshot


def test_the_session_left_nothing(session_platform):
    session_platform.stop()
    session_platform.bed.remove()
    assert not snapshot.difference(session_platform.bed.before, snapshot.take())
